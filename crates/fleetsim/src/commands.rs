//! From arguments to a run and its report.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use proofline_core::{Clock, Entropy, SeededEntropy, SystemClock};
use proofline_evidence::Digest;
use proofline_fleetsim::fleet::{
    AppCodes, Appliance, Credentials, Enrolment, Journal, Roster, Staff, Story, Trust, World, enrol,
};
use proofline_fleetsim::load::{self, Context, Limits, LoadReport, Mode};
use proofline_fleetsim::verify::{VerifyReport, verify};
use proofline_fleetsim::wire::Sources;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use crate::cli::{Ceiling, Cli, Command, Common, SignIn};
use crate::{bench, faults};

/// How a command that ran to its end came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should.
    Good,
    /// The server broke its word.
    BrokenWord,
    /// It kept its word, but not to these limits.
    Missed(Vec<String>),
}

impl Verdict {
    /// A broken word outweighs everything else.
    pub(crate) fn of(is_sound: bool, misses: Vec<String>) -> Self {
        match (is_sound, misses.is_empty()) {
            (false, _) => Self::BrokenWord,
            (true, false) => Self::Missed(misses),
            (true, true) => Self::Good,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Verdict> {
    let bench = Bench::new(cli.common)?;
    let mut limits = Limits::default();
    let mode = match cli.command {
        Command::Enroll { sign_in, fleet, per_site, sites_per_organisation } => {
            let connections = bench.common.connections;
            let mut staff = bench.sign_in(&sign_in).await?;
            let plan = Enrolment { appliances: fleet, per_site, sites_per_organisation, connections };
            let (roster, journal) = bench.files()?;
            let before = roster.members.len();
            let (roster, took) = bench.enrol(&mut staff, roster, plan).await?;
            if before == 0 {
                journal.set_clean(true)?;
            }
            let (added, seconds) = (roster.members.len() - before, took.as_secs_f64());
            let text = format!(
                "enrolled {added} appliances in {seconds:.1} s; the fleet has {}\n",
                roster.members.len()
            );
            bench.print(
                &json!({ "enrolled": added, "seconds": seconds, "fleet": roster.members.len() }),
                &text,
            );
            return Ok(Verdict::Good);
        }
        Command::Verify { sign_in } => {
            let staff = bench.sign_in(&sign_in).await?;
            let report = bench.verify(&staff).await?;
            bench.print(&report, &report.to_string());
            return Ok(Verdict::of(report.is_sound(), Vec::new()));
        }
        Command::Faults { program, agent, data, kills, fleet, seed } => {
            let seed = seed.unwrap_or_else(|| u64::from_le_bytes(bench.entropy.bytes()));
            let report =
                faults::run(&bench, faults::Plan { program, agent, data, kills, fleet, seed }).await?;
            bench.print(&report, &report.to_string());
            return Ok(Verdict::of(report.is_sound(), Vec::new()));
        }
        Command::Ceilings(ceiling) => {
            let ceilings = bench.ceilings(&ceiling).await?;
            bench.print(&ceilings, &ceilings.to_string());
            return Ok(Verdict::Good);
        }
        Command::Bench { ceiling, queued } => {
            let table = bench::run(&bench, &ceiling, queued).await?;
            bench.print(&table, &table.to_string());
            return Ok(Verdict::of(table.is_sound(), table.misses()));
        }
        Command::Steady { interval, evidence_every, duration, require } => {
            limits = require.limits();
            Mode::Steady {
                interval: seconds(interval)?,
                evidence_every: seconds(evidence_every)?,
                duration: seconds(duration)?,
            }
        }
        Command::Storm { window, queued, give_up, require } => {
            limits = require.limits();
            Mode::Storm { window: seconds(window)?, queued, give_up: seconds(give_up)? }
        }
        Command::Burst { queued, give_up } => Mode::Burst { queued, give_up: seconds(give_up)? },
        Command::Flood { duration } => Mode::Flood { duration: seconds(duration)? },
    };
    let report = bench.load(mode).await?;
    bench.print(&report, &report.to_string());
    Ok(Verdict::of(report.is_sound(), report.misses(&limits)))
}

pub(crate) fn seconds(value: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(value).context("a number of seconds")
}

fn trust(roster: &Roster) -> anyhow::Result<Trust> {
    Trust::new(roster.installation.as_ref().context("the fleet is empty: enroll first")?)
}

/// What every command works with.
pub(crate) struct Bench {
    pub common: Common,
    sources: Sources,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    stop: watch::Receiver<bool>,
}

impl Bench {
    fn new(common: Common) -> anyhow::Result<Self> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).context("the operating system's randomness")?;
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = sender.send(true); // nobody left to tell: the run is over
            }
            sender.closed().await;
        });
        Ok(Self {
            common,
            sources: Sources::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(u64::from_le_bytes(seed))),
            stop,
        })
    }

    async fn sign_in(&self, sign_in: &SignIn) -> anyhow::Result<Staff> {
        self.sign_in_with(&sign_in.credentials()).await
    }

    /// Signs in with the authenticator app that is kept beside the fleet.
    pub(crate) async fn sign_in_with(&self, credentials: &Credentials) -> anyhow::Result<Staff> {
        std::fs::create_dir_all(&self.common.state)?;
        let app = AppCodes::open(&self.common.state.join("authenticator.json"))?;
        Ok(Staff::sign_in(&self.common.server, &self.sources, credentials, app).await?)
    }

    /// Adds appliances to the fleet.
    pub(crate) async fn enrol(
        &self,
        staff: &mut Staff,
        roster: Roster,
        plan: Enrolment,
    ) -> anyhow::Result<(Roster, Duration)> {
        let tools = (self.clock.clone(), self.entropy.clone());
        enrol(staff, (&self.common.server, &self.sources), roster, plan, tools).await
    }

    /// Reads back everything that was acknowledged.
    pub(crate) async fn verify(&self, staff: &Staff) -> anyhow::Result<VerifyReport> {
        let (roster, journal) = self.files()?;
        verify(staff, &roster, &journal, &trust(&roster)?, usize::try_from(self.common.connections)?).await
    }

    /// What the fleet pinned.
    pub(crate) fn trust(&self) -> anyhow::Result<Trust> {
        trust(&self.files()?.0)
    }

    pub(crate) fn files(&self) -> anyhow::Result<(Roster, Journal)> {
        let folder = &self.common.state;
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok((Roster::open(folder)?, Journal::open(folder)?))
    }

    fn print(&self, report: &impl Serialize, text: &str) {
        if self.common.json {
            println!("{:#}", json!(report));
        } else {
            print!("{text}");
        }
    }

    /// Loads the fleet as it stands in the files, and lets it work until the mode's end or Ctrl-C.
    pub(crate) async fn load(&self, mode: Mode) -> anyhow::Result<LoadReport> {
        self.load_until(mode, self.stop.clone()).await
    }

    /// The same, until `stop` becomes true.
    pub(crate) async fn load_until(
        &self,
        mode: Mode,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<LoadReport> {
        let (roster, journal) = self.files()?;
        let trust = trust(&roster)?;
        let wanted =
            self.common.appliances.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let mut last =
            vec![(0, Digest::ZERO); roster.members.last().map_or(0, |member| member.ordinal + 1).try_into()?];
        journal.read(|record| {
            let known = usize::try_from(record.ordinal).ok().and_then(|place| last.get_mut(place));
            if let Some(known) = known.filter(|known| known.0 < record.seq) {
                *known = (record.seq, record.digest);
            }
        })?;
        let world = World::of_catalogue();
        let appliances = roster
            .members
            .iter()
            .take(wanted)
            .map(|member| {
                let acknowledged = last[usize::try_from(member.ordinal)?];
                Appliance::new(member, Story::continued(world.clone(), acknowledged.0), acknowledged)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let context = Context {
            server: self.common.server.clone(),
            sources: self.sources.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            trust: Arc::new(trust),
            journal: Arc::new(journal),
            connections: usize::try_from(self.common.connections)?,
            patience: Duration::from_secs(self.common.patience),
            stop,
        };
        load::run(&context, appliances, mode).await
    }

    /// Measures what the machine can do.
    pub(crate) async fn ceilings(
        &self,
        ceiling: &Ceiling,
    ) -> anyhow::Result<proofline_fleetsim::ceilings::Ceilings> {
        use proofline_fleetsim::ceilings::{measure, measure_database};
        let duration = seconds(ceiling.seconds)?;
        let connections = usize::try_from(self.common.connections)?;
        let mut found = measure(&self.clock, &self.entropy, &self.sources, connections, duration).await?;
        if let Some(url) = &ceiling.database_url {
            found.database = Some(measure_database(url, duration).await?);
        }
        Ok(found)
    }
}
