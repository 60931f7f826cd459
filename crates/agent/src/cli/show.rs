//! Tables for people.

use std::time::Duration;

use proofline_agent::doctor::{Finding, Gravity};
use proofline_agent::status::Status;
use proofline_core::{Timestamp, Verdict, format_rfc3339};
use proofline_healing::Observation;

/// Verdicts, worst first within the order of ids, and their sum.
pub(super) fn observations(observations: &[Observation], elapsed: Duration) {
    let width = observations.iter().map(|seen| seen.check.len()).max().unwrap_or(0);
    for seen in observations {
        let word = match seen.verdict {
            Verdict::NotApplicable => "n/a",
            other => other.as_str(),
        };
        let said = match seen.verdict {
            Verdict::Pass => seen.observed.clone(),
            Verdict::Fail => format!("{} (expected: {}) {}", seen.observed, seen.expected, seen.reason),
            Verdict::Unknown | Verdict::Error | Verdict::NotApplicable => seen.reason.clone(),
        };
        println!("{word:<8} {:<width$}  {}", seen.check, line(&said));
    }
    let count = |verdict| observations.iter().filter(|seen| seen.verdict == verdict).count();
    let sums: Vec<_> = Verdict::ALL.map(|verdict| format!("{} {verdict}", count(verdict))).to_vec();
    println!("\n{} checks in {} ms: {}", observations.len(), elapsed.as_millis(), sums.join(", "));
}

/// One line of at most 110 characters.
fn line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 110 {
        line = line.chars().take(109).collect::<String>() + "…";
    }
    line
}

/// What the agent is doing.
pub(super) fn status(status: &Status, now: Timestamp) {
    let row = |name: &str, value: String| println!("{name:<14} {value}");
    let ago = |at: Timestamp| format!("{} ({} s ago)", format_rfc3339(at), (now - at).num_seconds());
    let running = if status.is_running() { "running" } else { "NOT running" };
    row("agent", format!("{running}, version {}, process {}", status.version, status.pid));
    row("appliance", format!("{} at {}", status.appliance, status.site));
    row("server", status.server.clone());
    let check_in = status.last_check_in.map_or("never answered".into(), ago);
    row(
        "check-in",
        match status.failed_check_ins {
            0 => check_in,
            failed => format!("{check_in}, {failed} failed since"),
        },
    );
    row(
        "mode",
        match (&status.override_problem, status.local_override) {
            (Some(problem), _) => {
                format!("{}, because the local override is not understood: {problem}", status.mode)
            }
            (None, Some(decision)) => format!("{} (the clinic says: {decision})", status.mode),
            (None, None) => status.mode.to_string(),
        },
    );
    row(
        "rules",
        match (status.rules_version, &status.rules_problem) {
            (0, _) => "none yet".into(),
            (version, None) => format!("version {version}"),
            (version, Some(problem)) => format!("version {version}, nothing is healed: {problem}"),
        },
    );
    if let Some(cycle) = status.last_cycle {
        let sums: Vec<_> =
            status.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        row(
            "last cycle",
            format!("{}, {} checks in {} ms", ago(cycle.started), cycle.checks, cycle.duration_ms),
        );
        row("verdicts", sums.join(", "));
    }
    row("incidents", incidents(&status.incidents));
    row(
        "evidence",
        match (status.suspended, status.outbox_oldest) {
            (true, _) => "SUSPENDED: there is no room for statements, and nothing is healed".into(),
            (false, Some(oldest)) => format!("{} statements wait since {}", status.outbox_depth, ago(oldest)),
            (false, None) => format!("all acknowledged; the site's log has {} entries", status.log_size),
        },
    );
    if !status.credentials.is_empty() {
        row("credentials", status.credentials.join(", "));
    }
    for alarm in &status.alarms {
        row("ALARM", format!("{} (since {})", alarm.detail, format_rfc3339(alarm.since)));
    }
}

/// How many, and the first few.
fn incidents(open: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = open.len().saturating_sub(SHOWN);
    let names = open[..open.len() - more].join(", ");
    match (open.len(), more) {
        (0, _) => "none".into(),
        (count, 0) => format!("{count} open: {names}"),
        (count, more) => format!("{count} open: {names} and {more} more"),
    }
}

/// What the doctor found.
pub(super) fn findings(findings: &[Finding]) {
    for finding in findings {
        let word = match finding.gravity {
            Gravity::Ok => "ok",
            Gravity::Note => "note",
            Gravity::Wrong => "WRONG",
        };
        println!("{word:<6} {:<15} {}", finding.subject, finding.detail);
    }
}
