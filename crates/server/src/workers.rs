//! Background work: what runs, how often, and what it is for. The console lists exactly this.
//!
//! Each job makes the world match and may run twice or not at all without harm. A failure is recorded and tried again
//! at the next turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
pub use proofline_jobs::Outcome;
use proofline_jobs::{Periodic, Records};
use proofline_store::JobRun;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::AppState;
use crate::http::ApiResult;

type Work = Pin<Box<dyn Future<Output = ApiResult<String>> + Send>>;

/// A job of the table.
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a few words for people.
    pub purpose: &'static str,
    /// Whose rows it reads and writes, for the report on isolation: a job has no person whose place would bound it.
    pub reach: &'static str,
    /// How often it runs.
    pub every: Duration,
    run: fn(AppState) -> Work,
}

macro_rules! job {
    ($name:literal, $purpose:literal, $reach:literal, $every:expr, $run:expr) => {
        Job {
            name: $name,
            purpose: $purpose,
            reach: $reach,
            every: $every,
            run: |app| Box::pin(async move { $run(&app).await }),
        }
    };
}

/// Everything periodic.
pub static JOBS: &[Job] = &[
    job!(
        "presence",
        "writes what appliances said at their last check-in",
        "presence of appliances of all tenants, each row under the key that signed",
        Duration::from_secs(1),
        crate::appliances::flush_presence
    ),
    job!(
        "orders",
        "expires orders and hands out pending ones",
        "orders of all tenants, each handed to the appliance that it names alone",
        Duration::from_secs(5),
        crate::appliances::reload_orders
    ),
    job!(
        "posture",
        "marks what has gone stale since it was last shown",
        "postures of all tenants, a site at a time, from that site's own spans",
        Duration::from_secs(20),
        crate::scoring::refresh_expired
    ),
    job!(
        "publication",
        "publishes each site's log and its checkpoint",
        "logs of all tenants, a site at a time, into that site's own folder of the store",
        Duration::from_mins(5),
        crate::evidence::publish_due
    ),
    job!(
        "key succession",
        "has each site's log take the keys that follow on the server's own",
        "logs of all tenants, a site at a time: statements about keys of this installation",
        Duration::from_mins(5),
        crate::evidence::state_successors
    ),
    job!(
        "sampling",
        "verifies a random sample of stored evidence",
        "evidence of all tenants, an entry at a time, against its own site's log; raises that site's alarm",
        Duration::from_hours(1),
        crate::evidence::sample
    ),
    job!(
        "streams",
        "closes live updates of sessions that ended or changed",
        "sessions, by their ids; which clients of all tenants are restricted, and who is let in",
        Duration::from_mins(1),
        crate::events::close_ended
    ),
    job!(
        "sessions",
        "forgets sessions that ended, old attempts to sign in, and keys and nonces of old requests",
        "sessions, attempts, keys and nonces, through the sign-in scope; no row of a tenant",
        Duration::from_hours(1),
        purge_sessions
    ),
    job!(
        "ceremonies",
        "forgets passkey ceremonies that nobody finished",
        "passkey ceremonies, through the sign-in scope; no row of a tenant",
        Duration::from_mins(5),
        purge_ceremonies
    ),
    job!(
        "openid",
        "forgets sign-ins with a provider that nobody finished, and old requests to be let in",
        "sign-ins under way and old requests to be let in, of every tenant, through the sign-in scope",
        Duration::from_hours(1),
        crate::auth::oidc::purge
    ),
    job!(
        "mail",
        "sends mail that waits, and writes to whoever forgot a password",
        "waiting mail of everybody, each to the address that it was written for",
        Duration::from_secs(2),
        send_mail
    ),
    job!(
        "links",
        "forgets links that ran out and mail that was sent long ago",
        "links and mail that ran out, of everybody",
        Duration::from_hours(1),
        crate::mail::forget
    ),
    job!(
        "budgets",
        "forgets clients whose request budget is full again",
        "counters in memory; no row at all",
        Duration::from_mins(1),
        sweep_budgets
    ),
];

/// Starts every job and the listener for other nodes' announcements. They end when [`AppState::stopping`] is cancelled.
pub fn start(app: &AppState) -> TaskTracker {
    let stop = app.stopping();
    let tracker = TaskTracker::new();
    for job in JOBS {
        let (app, records) = (app.clone(), Arc::new(Mutex::new(Records::default())));
        let periodic = Periodic { name: job.name, every: job.every };
        tracker.spawn(proofline_jobs::run(periodic, stop.clone(), move || {
            run_and_record(app.clone(), job, records.clone())
        }));
    }
    tracker.spawn(listen(app.clone(), stop.clone()));
    tracker.close();
    tracker
}

/// Runs one job now and records the run; what tests call.
pub async fn run_once(app: AppState, job: &'static Job) -> Outcome {
    run_and_record(app, job, Arc::default()).await
}

/// Runs it, and records the run if it says something new. What went wrong, if anything, tells runs apart; what was done
/// in detail does not: that differs every second in a busy fleet.
async fn run_and_record(
    app: AppState,
    job: &'static Job,
    records: Arc<Mutex<Records<Option<String>>>>,
) -> Outcome {
    let run = perform(&app, job).await;
    let outcome = if run.last_error.is_none() { Outcome::Done } else { Outcome::Failed };
    let records = || records.lock().unwrap_or_else(PoisonError::into_inner);
    if records().is_due(&run.last_error) {
        match record(&app, &run).await {
            Ok(()) => records().recorded(run.last_error),
            Err(problem) => tracing::warn!(job = job.name, code = problem.code(), "job run not recorded"),
        }
    }
    outcome
}

async fn perform(app: &AppState, job: &'static Job) -> JobRun {
    let started = app.now();
    let result = (job.run)(app.clone()).await;
    let finished = app.now();
    let (last_result, last_error, last_detail) = match result {
        Ok(detail) => ("ok", None, detail),
        Err(problem) => {
            tracing::warn!(job = job.name, code = problem.code(), "job failed");
            ("error", Some(format!("{}: {}", problem.code(), problem.detail())), String::new())
        }
    };
    JobRun {
        name: job.name.to_owned(),
        last_started_at: started,
        last_result: last_result.to_owned(),
        last_error,
        last_detail,
        duration_ms: (finished - started).num_milliseconds(),
        next_run_at: finished + TimeDelta::from_std(job.every).unwrap_or_default(),
    }
}

async fn record(app: &AppState, run: &JobRun) -> ApiResult<()> {
    let mut scope = app.background_scope("scheduler").await?;
    scope.put_job_run(run).await?;
    Ok(scope.commit_unaudited().await?)
}

async fn purge_sessions(app: &AppState) -> ApiResult<String> {
    let mut sign_in = app.store().sign_in().await?;
    let sessions = sign_in.purge_sessions(app.now() - TimeDelta::days(7)).await?;
    let keys = sign_in.purge_idempotency_keys(app.now() - TimeDelta::days(2)).await?;
    let attempts = sign_in.purge_attempts(app.now() - TimeDelta::days(1)).await?;
    let nonces = sign_in.purge_nonces(app.now()).await?;
    sign_in.commit().await?;
    Ok(format!(
        "{sessions} sessions, {keys} idempotency keys, {attempts} sign-in attempts and {nonces} nonces forgotten"
    ))
}

async fn purge_ceremonies(app: &AppState) -> ApiResult<String> {
    let mut sign_in = app.store().sign_in().await?;
    let ceremonies = sign_in.purge_ceremonies(app.now()).await?;
    sign_in.commit().await?;
    Ok(format!("{ceremonies} ceremonies forgotten"))
}

async fn send_mail(app: &AppState) -> ApiResult<String> {
    let answered = crate::auth::answer_link_requests(app).await?;
    let sent = crate::mail::send_due(app).await?;
    Ok(format!("{sent}; {answered}"))
}

#[expect(clippy::unused_async, reason = "the form of every job")]
async fn sweep_budgets(app: &AppState) -> ApiResult<String> {
    Ok(format!("{} clients remembered", app.rate_limits().sweep()))
}

/// Applies what other nodes announce. After a lost connection everything cached is read anew.
async fn listen(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let Ok(mut announcements) = app.store().announcements().await else {
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(Duration::from_secs(1)) => continue }
        };
        catch_up(&app).await;
        loop {
            let text = tokio::select! {
                () = stop.cancelled() => return announcements.close().await,
                next = announcements.next() => match next { Ok(text) => text, Err(_) => break },
            };
            apply(&app, &text).await;
        }
    }
}

/// Reads anew what may have changed while nothing was heard.
async fn catch_up(app: &AppState) {
    app.appliances().clear();
    crate::access::reload(app).await;
    if let Err(problem) = crate::system::read_name(app).await {
        tracing::warn!(code = problem.code(), "the installation's name is not known");
    }
}

async fn apply(app: &AppState, text: &str) {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("", _) => catch_up(app).await,
        ("orders", _) => {
            if let Err(problem) = crate::appliances::reload_orders(app).await {
                tracing::warn!(code = problem.code(), "orders not reloaded");
            }
        }
        (crate::access::CHANGED, _) => crate::access::reload(app).await,
        ("renamed", _) => {
            if let Err(problem) = crate::system::read_name(app).await {
                tracing::warn!(code = problem.code(), "the new name is not known here");
            }
        }
        ("appliance", key) => {
            if let Ok(key) = key.parse() {
                app.appliances().forget(&key);
            }
        }
        ("session_ended", id) => {
            if let Ok(id) = id.parse() {
                app.events().session_ended(id);
            }
        }
        (other, _) => tracing::debug!(kind = other, "announcement of another version"),
    }
}
