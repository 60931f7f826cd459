//! Killing the server and its PostgreSQL again and again under load, then looking for everything they acknowledged.
//!
//! Nothing is asked to stop: every end is a SIGKILL, at a random moment, also while the last start is still recovering.

mod observer;
mod server;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use proofline_core::Secret;
use proofline_fleetsim::fleet::{Credentials, Enrolment};
use proofline_fleetsim::load::{LoadReport, Mode};
use proofline_fleetsim::verify::VerifyReport;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::commands::Bench;
use observer::{Observer, ObserverReport};
use server::{Program, Server, Victim};

/// What to do to which program.
pub(crate) struct Plan {
    /// The server's program.
    pub program: PathBuf,
    /// A real agent's program, to be killed as well.
    pub agent: Option<PathBuf>,
    /// A new folder for the server's data.
    pub data: PathBuf,
    /// How often to kill.
    pub kills: u32,
    /// Appliances under whose load it happens.
    pub fleet: u32,
    /// Repeats a run's choices.
    pub seed: u64,
}

/// How it went.
#[derive(Debug, Serialize)]
pub(crate) struct FaultReport {
    seed: u64,
    kills: u32,
    #[serde(flatten)]
    tally: Tally,
    /// Under the kills.
    load: LoadReport,
    /// Afterwards: everyone asks where it stands and delivers one more entry.
    resumption: LoadReport,
    verification: VerifyReport,
    /// The real agent, where one took part.
    observer: Option<ObserverReport>,
}

impl FaultReport {
    /// Whether nothing acknowledged is lost, doubled or contradicted, and everything goes on.
    pub(crate) fn is_sound(&self) -> bool {
        self.load.is_sound()
            && self.resumption.is_sound()
            && self.resumption.entries_waiting == 0
            && self.verification.is_sound()
            && self.observer.as_ref().is_none_or(ObserverReport::is_sound)
    }
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { server_killed, postgres_killed, both_killed, agent_killed, .. } = self.tally;
        writeln!(
            f,
            "{} kills with seed {}: {server_killed} of the server, {postgres_killed} of PostgreSQL, {both_killed} of both, {agent_killed} of the agent",
            self.kills, self.seed
        )?;
        let Tally { while_starting, starts_given_up, slowest_recovery_s, .. } = self.tally;
        writeln!(
            f,
            "  {while_starting} while starting, {starts_given_up} starts given up, slowest recovery {slowest_recovery_s:.1} s"
        )?;
        write!(f, "{}{}{}", self.load, self.resumption, self.verification)?;
        let Some(observer) = &self.observer else { return Ok(()) };
        let ObserverReport { killed, entries, receipts, lost, doubled, findings } = observer;
        writeln!(
            f,
            "agent: killed {killed} times; {entries} entries in its log, {receipts} receipts, lost {lost}, doubled {doubled}"
        )?;
        findings.iter().take(10).try_for_each(|finding| writeln!(f, "    {finding}"))
    }
}

/// After this long without readiness a start has failed.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Runs the plan. Whatever comes of it, no process stays behind.
pub(crate) async fn run(bench: &Bench, plan: Plan) -> anyhow::Result<FaultReport> {
    let program =
        Program { path: plan.program.clone(), data: plan.data.clone(), server: bench.common.server.clone() };
    let mut server = Server::start(&program)?;
    let outcome = under_kills(bench, &plan, &program, &mut server).await;
    match outcome {
        Ok(report) => server.stop().await.map(|()| report),
        Err(error) => {
            server.kill(Victim::Both).await?;
            Err(error)
        }
    }
}

async fn under_kills(
    bench: &Bench,
    plan: &Plan,
    program: &Program,
    server: &mut Server,
) -> anyhow::Result<FaultReport> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    server.wait_until_ready(START_LIMIT).await?;
    let credentials = Credentials::Bootstrap {
        token: program.bootstrap_token().await?,
        email: "faults@proofline.example".into(),
        password: Secret::new(format!("{:032x}{:032x}", random.random::<u128>(), random.random::<u128>())),
    };
    let mut staff = bench.sign_in_with(&credentials).await?;
    let enrolment = Enrolment {
        appliances: plan.fleet,
        per_site: 2,
        sites_per_organisation: 10,
        connections: bench.common.connections,
    };
    let (roster, journal) = bench.files()?;
    anyhow::ensure!(roster.members.is_empty(), "--state names a fleet that belongs to another server");
    bench.enrol(&mut staff, roster, enrolment).await?;
    journal.set_clean(true)?;
    drop(journal);
    let mut observer = match &plan.agent {
        Some(agent) => {
            let folder = plan.data.with_extension("agent");
            Some(Observer::start(agent, &folder, &bench.common.server.origin(), &mut staff).await?)
        }
        None => None,
    };

    let (stop, stopped) = watch::channel(false);
    let mode = Mode::Steady {
        interval: Duration::from_secs(2),
        evidence_every: Duration::from_millis(400),
        duration: Duration::from_hours(24),
    };
    let load = bench.load_until(mode, stopped);
    tokio::pin!(load);
    let mut tally = Tally::default();
    tokio::select! {
        outcome = kill_many(program, (server, &mut observer), &mut random, plan.kills, &mut tally) => outcome?,
        ended = &mut load => {
            ended?;
            anyhow::bail!("the load ended before the kills");
        }
    }
    let _ = stop.send(true); // the load listens: it is awaited next
    let load = load.await?;
    let resumption = bench.load(Mode::Burst { queued: 1, give_up: Duration::from_mins(2) }).await?;
    let verification = bench.verify(&staff).await?;
    let observer = match observer {
        Some(observer) => Some(observer.conclude(&mut staff, &bench.trust()?).await?),
        None => None,
    };
    Ok(FaultReport { seed: plan.seed, kills: plan.kills, tally, load, resumption, verification, observer })
}

/// What was killed, and how it came back.
#[derive(Debug, Default, Serialize)]
struct Tally {
    server_killed: u32,
    postgres_killed: u32,
    both_killed: u32,
    agent_killed: u32,
    /// Of the first three, before the last start was ready again.
    while_starting: u32,
    /// Starts that gave up because their database was killed under them; started again, as systemd would.
    starts_given_up: u32,
    /// The longest time from a kill to readiness, in seconds.
    slowest_recovery_s: f64,
}

async fn kill_many(
    program: &Program,
    (server, observer): (&mut Server, &mut Option<Observer>),
    random: &mut StdRng,
    kills: u32,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    for kill in 1..=kills {
        if kill % 10 == 0 {
            eprintln!("kill {kill} of {kills}");
        }
        // One in five comes so soon that the last start is still recovering.
        let hasty = kill > 1 && random.random_bool(0.2);
        if hasty {
            sleep(Duration::from_millis(random.random_range(0..250))).await;
            tally.while_starting += u32::from(!server.is_ready().await);
        } else {
            recover(program, server, tally).await.with_context(|| format!("after kill {}", kill - 1))?;
            sleep(Duration::from_millis(random.random_range(50..1_000))).await;
        }
        if let Some(observer) = observer.as_mut().filter(|_| random.random_bool(0.25)) {
            observer.kill().await?;
            tally.agent_killed += 1;
            continue;
        }
        let victim = [Victim::Server, Victim::Postgres, Victim::Both][random.random_range(0..3_usize)];
        match victim {
            Victim::Server => tally.server_killed += 1,
            Victim::Postgres => tally.postgres_killed += 1,
            Victim::Both => tally.both_killed += 1,
        }
        server.kill(victim).await?;
        if server.has_ended()? {
            *server = Server::start(program)?;
        }
    }
    recover(program, server, tally).await.context("after the last kill")
}

/// Waits until the server is ready, and starts it again where it gave up.
async fn recover(program: &Program, server: &mut Server, tally: &mut Tally) -> anyhow::Result<()> {
    let begun = Instant::now();
    for given_up in 0.. {
        match server.wait_until_ready(START_LIMIT).await {
            Ok(()) => break,
            Err(_) if server.has_ended()? && given_up < 3 => {
                tally.starts_given_up += 1;
                *server = Server::start(program)?;
            }
            Err(error) => return Err(error),
        }
    }
    tally.slowest_recovery_s = tally.slowest_recovery_s.max(begun.elapsed().as_secs_f64());
    Ok(())
}
