//! A fleet at work: connections in parallel, each with its share of the appliances and one wheel of what is due when.

mod mode;
mod shard;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use proofline_core::{Clock, Entropy};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fleet::{Appliance, Journal, Trust};
use crate::wire::{LoopbackServer, Sources};

pub use mode::Mode;
pub use tally::{Limits, LoadReport, Tally};

/// What every worker portions.
#[derive(Clone)]
pub struct Context {
    /// Whom to talk to.
    pub server: LoopbackServer,
    /// Where from.
    pub sources: Sources,
    /// The time that requests and statements carry.
    pub clock: Arc<dyn Clock>,
    /// Nonces and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// What the fleet pinned.
    pub trust: Arc<Trust>,
    /// Where acknowledgements are kept.
    pub journal: Arc<Journal>,
    /// Requests under way at once.
    pub connections: usize,
    /// How long to wait for an answer.
    pub patience: Duration,
    /// Becomes true when the run is to end early.
    pub stop: watch::Receiver<bool>,
}

/// Lets `appliances` work in one mode, and reports.
pub async fn run(context: &Context, appliances: Vec<Appliance>, mode: Mode) -> anyhow::Result<LoadReport> {
    let fleet = appliances.len();
    let connections = context.connections.clamp(1, fleet.max(1));
    let must_resume = !context.journal.is_clean();
    context.journal.set_clean(false).context("marking the journal")?;
    let mut portions: Vec<Vec<Appliance>> = (0..connections).map(|_| Vec::new()).collect();
    for (place, appliance) in appliances.into_iter().enumerate() {
        portions[place % connections].push(appliance);
    }
    let mut shards = prepare(context, portions, mode, must_resume).await?;
    let begin = Instant::now();
    let mut workers = JoinSet::new();
    for shard in shards.drain(..) {
        workers.spawn(shard.work(begin));
    }
    let mut tally = Tally::default();
    while let Some(outcome) = workers.join_next().await {
        tally.merge(&outcome.context("a worker of the load")??);
    }
    let elapsed = begin.elapsed();
    let report = LoadReport::new(mode, fleet, connections, elapsed, &tally);
    if tally.waiting == 0 && tally.contradictions == 0 {
        context.journal.set_clean(true).context("marking the journal")?;
    }
    Ok(report)
}

/// What must be ready before the clock starts, made on all cores.
async fn prepare(
    context: &Context,
    portions: Vec<Vec<Appliance>>,
    mode: Mode,
    must_resume: bool,
) -> anyhow::Result<Vec<shard::Shard>> {
    let mut making = JoinSet::new();
    for portion in portions {
        let context = context.clone();
        making.spawn(async move { shard::Shard::prepare(context, portion, mode, must_resume).await });
    }
    let mut shards = Vec::new();
    while let Some(made) = making.join_next().await {
        shards.push(made.context("preparing the load")??);
    }
    Ok(shards)
}
