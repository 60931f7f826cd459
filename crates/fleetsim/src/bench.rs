//! The server's figures next to the machine's, from one run.

use std::fmt;

use proofline_fleetsim::ceilings::Ceilings;
use proofline_fleetsim::load::{LoadReport, Mode};
use serde::Serialize;

use crate::cli::Ceiling;
use crate::commands::{Bench, seconds};

/// One figure against its ceiling.
#[derive(Debug, Serialize)]
struct Ratio {
    figure: &'static str,
    per_second: f64,
    ceiling: &'static str,
    ceiling_per_second: f64,
    share: f64,
}

impl Ratio {
    fn new(figure: (&'static str, f64), ceiling: (&'static str, f64)) -> Self {
        Self {
            figure: figure.0,
            per_second: figure.1,
            ceiling: ceiling.0,
            ceiling_per_second: ceiling.1,
            share: figure.1 / ceiling.1.max(f64::EPSILON),
        }
    }
}

/// The whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    ceilings: Ceilings,
    check_ins: LoadReport,
    evidence: LoadReport,
    ratios: Vec<Ratio>,
}

/// Ceilings first, then check-ins and evidence as fast as the server takes them.
pub(crate) async fn run(bench: &Bench, ceiling: &Ceiling, queued: u32) -> anyhow::Result<Table> {
    let ceilings = bench.ceilings(ceiling).await?;
    let check_ins = bench.load(Mode::Flood { duration: seconds(ceiling.seconds)? }).await?;
    let evidence = bench.load(Mode::Burst { queued, give_up: seconds(300.0)? }).await?;
    let signed = ("hello route, one signature verified", ceilings.hello_signed);
    let mut ratios = vec![Ratio::new(("check-ins", check_ins.check_ins.per_second), signed)];
    if let Some(database) = &ceilings.database {
        let entries = ("acknowledged entries, 100 at a time", evidence.entries_per_second);
        ratios.push(Ratio::new(entries, ("single durable insert", database.insert)));
    }
    Ok(Table { ceilings, check_ins, evidence, ratios })
}

impl Table {
    pub(crate) fn is_sound(&self) -> bool {
        self.check_ins.is_sound() && self.evidence.is_sound()
    }

    /// A rate of which a part is errors is no figure.
    pub(crate) fn misses(&self) -> Vec<String> {
        let failed = [&self.check_ins, &self.evidence].into_iter().filter(|report| report.errors() > 0);
        failed.map(|report| format!("{}: {} errors, none allowed", report.mode, report.errors())).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.ceilings, self.check_ins, self.evidence)?;
        writeln!(
            f,
            "{:36} {:>10}   {:36} {:>10} {:>7}",
            "figure", "per second", "ceiling", "per second", "ratio"
        )?;
        self.ratios.iter().try_for_each(|row| {
            writeln!(
                f,
                "{:36} {:>10.0}   {:36} {:>10.0} {:>6.0} %",
                row.figure,
                row.per_second,
                row.ceiling,
                row.ceiling_per_second,
                row.share * 100.0
            )
        })
    }
}
