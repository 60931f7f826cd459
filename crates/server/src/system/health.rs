//! The page that says how the installation itself is doing.

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_store::JobRun;
use serde::Serialize;
use utoipa::ToSchema;

use super::alarms::AlarmBody;
use crate::http::{ApiResult, Call};
use crate::workers::JOBS;

/// A periodic job and its last run.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// Its name.
    name: &'static str,
    /// What it is for.
    purpose: &'static str,
    /// How often it runs, in seconds.
    every_s: u64,
    /// When it last began; null before its first run.
    last_run_at: Option<DateTime<Utc>>,
    /// `ok` or `error`; null before its first run.
    last_result: Option<String>,
    /// What it did.
    last_detail: Option<String>,
    /// What went wrong.
    last_error: Option<String>,
    /// How long it took.
    duration_ms: Option<i64>,
    /// When it is due again.
    next_run_at: Option<DateTime<Utc>>,
}

/// The connections that are held.
#[derive(Serialize, ToSchema)]
pub(crate) struct PoolBody {
    /// Open.
    size: u32,
    /// Of these, idle.
    idle: usize,
    /// The most there may be.
    max: u32,
}

/// The database.
#[derive(Serialize, ToSchema)]
pub(crate) struct DatabaseBody {
    /// `embedded` or `external`.
    kind: &'static str,
    /// Server version.
    version: String,
    /// Bytes on disk.
    size_bytes: i64,
    pool: PoolBody,
}

/// Where published evidence goes.
#[derive(Serialize, ToSchema)]
pub(crate) struct EvidenceStoreBody {
    /// `local`.
    kind: &'static str,
    /// Whether what is stored cannot be changed or deleted.
    worm: bool,
    /// What that means, in one sentence.
    explanation: &'static str,
    /// When a checkpoint was last published; null before the first.
    last_published_at: Option<DateTime<Utc>>,
    /// Entries that are not published yet.
    backlog: u64,
}

/// How the installation is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemHealthBody {
    /// The server's version.
    version: &'static str,
    /// When this process started.
    started_at: DateTime<Utc>,
    database: DatabaseBody,
    /// Background work.
    jobs: Vec<JobBody>,
    evidence_store: EvidenceStoreBody,
    /// Open alarms, newest first, at most 50.
    alarms: Vec<AlarmBody>,
}

fn job_bodies(mut runs: Vec<JobRun>) -> Vec<JobBody> {
    JOBS.iter()
        .map(|job| {
            let run = runs.iter().position(|run| run.name == job.name).map(|at| runs.swap_remove(at));
            let (last_run_at, next_run_at) =
                (run.as_ref().map(|r| r.last_started_at), run.as_ref().map(|r| r.next_run_at));
            let (duration_ms, last_error) =
                (run.as_ref().map(|r| r.duration_ms), run.as_ref().and_then(|r| r.last_error.clone()));
            let (last_result, last_detail) = run.map(|r| (r.last_result, r.last_detail)).unzip();
            JobBody {
                name: job.name,
                purpose: job.purpose,
                every_s: job.every.as_secs(),
                last_run_at,
                last_result,
                last_detail,
                last_error,
                duration_ms,
                next_run_at,
            }
        })
        .collect()
}

/// Background work, database, evidence store and alarms.
#[utoipa::path(get, path = "/api/system/health", tag = "system",
    responses((status = 200, body = SystemHealthBody, description = "As of now")))]
pub(crate) async fn system_health(call: Call) -> ApiResult<Json<SystemHealthBody>> {
    let app = call.app();
    let mut scope = call.scope().await?;
    let facts = scope.database_facts().await?;
    let runs = scope.job_runs().await?;
    let publication = scope.publication_progress().await?;
    let alarms = scope.open_alarms(50).await?;
    let (size, idle, max) = app.store().pool_figures();
    Ok(Json(SystemHealthBody {
        version: env!("CARGO_PKG_VERSION"),
        started_at: app.started_at(),
        database: DatabaseBody {
            kind: app.settings().database_kind.as_str(),
            version: facts.version,
            size_bytes: facts.size_bytes,
            pool: PoolBody { size, idle, max },
        },
        jobs: job_bodies(runs),
        evidence_store: EvidenceStoreBody {
            kind: "local",
            worm: false,
            explanation: "A folder on this server. Whoever administers the server can change or delete what is in it, so \
                          it is not write-once storage; checkpoints kept elsewhere still reveal any change.",
            last_published_at: publication.last_published_at,
            backlog: publication.backlog,
        },
        alarms: alarms.into_iter().map(AlarmBody::from).collect(),
    }))
}
