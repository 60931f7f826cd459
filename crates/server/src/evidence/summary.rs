//! An entry in one line, for lists. The statement itself is the evidence; this is only what people scan.

use proofline_core::Verdict;
use proofline_evidence::statement::{Body, CheckResult};

const MAX_CHARACTERS: usize = 300;

/// One line of at most 300 characters.
pub(super) fn summary(body: &Body) -> String {
    let text = match body {
        Body::CheckRun(run) => results(&run.results),
        Body::Heal(heal) => {
            format!("{}: {} by {} ({})", heal.check, words(heal.outcome.as_str()), heal.runbook, heal.actor)
        }
        Body::Heartbeat(heartbeat) => {
            format!("Nothing changed since statement {}", heartbeat.unchanged_since)
        }
        Body::Gap(gap) => {
            format!("Statements {} to {} are missing: {}", gap.first_seq, gap.last_seq, gap.reason)
        }
        Body::Attestation(attestation) => format!("{} ({})", attestation.statement, attestation.by),
        Body::Incident(change) => format!("{}: {}: {}", change.check, words(&change.to), change.cause),
        Body::Key(event) => {
            format!("Key of {} {}: {}", words(event.role.as_str()), event.action.as_str(), event.reason)
        }
        Body::ServerFact(fact) => format!("{}: {}", words(&fact.fact), fact.detail),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARACTERS).collect()
}

/// Underscores read as spaces.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn results(results: &[CheckResult]) -> String {
    if let [only] = results {
        return format!("{}: {}", only.check, words(only.verdict.as_str()));
    }
    let counts = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, results.iter().filter(|result| result.verdict == verdict).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {}", words(verdict.as_str())));
    format!("{} results: {}", results.len(), counts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_evidence::statement::{Attestation, CheckRun};

    #[test]
    fn a_summary_is_one_short_line() {
        let body = Body::Attestation(Attestation { statement: "a\nb".repeat(400), by: "owner".into() });
        let line = summary(&body);
        assert!(line.chars().count() <= MAX_CHARACTERS && !line.contains('\n'));
    }

    #[test]
    fn results_are_counted_by_verdict() {
        let result = |verdict| CheckResult {
            check: "linux.ssh.root_login".into(),
            verdict,
            expected: String::new(),
            observed: String::new(),
            reason: String::new(),
            location: String::new(),
        };
        let run = |verdicts: &[Verdict]| {
            let results = verdicts.iter().copied().map(result).collect();
            summary(&Body::CheckRun(CheckRun { results, state: None }))
        };
        assert_eq!(run(&[Verdict::NotApplicable]), "linux.ssh.root_login: not applicable");
        assert_eq!(run(&[Verdict::Pass, Verdict::Fail, Verdict::Pass]), "3 results: 2 pass, 1 fail");
    }
}
