//! Makes whatever a machine said fit the format: a statement that is refused for one long text would be no evidence.
//!
//! And leaves out what identifies a patient. Both happen here and nowhere else: only a [`Fitted`] body is signed. Names
//! (of checks, runbooks, rules, actors) come from the catalogue or a signed rule set and are taken as they are.

use std::ops::Deref;

use proofline_evidence::Digest;
use proofline_evidence::statement::{
    Attestation, Body, CheckResult, CheckRun, Gap, Heal, HealStep, Heartbeat, IncidentChange, MAX_RESULTS,
    MAX_STEPS, MAX_TEXT_BYTES, cut_text,
};

use crate::scrub::scrub;

/// Bytes of JSON that the results of one check run may fill: 24 000 for the statement less its frame.
const RUN_BUDGET: usize = 22_000;

/// The longest texts of a heal: two results and 64 steps share one statement.
const HEAL_TEXT_BYTES: usize = 512;
const STEP_TEXT_BYTES: usize = 120;
const STEP_NAME_BYTES: usize = 100;

/// A body that may be signed: its texts are scrubbed and within the format's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fitted(Body);

impl Fitted {
    pub(super) fn into_body(self) -> Body {
        self.0
    }
}

impl Deref for Fitted {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0
    }
}

/// A scrubbed text within the format's limit.
fn text(text: &str) -> String {
    cut_text(&scrub(text))
}

/// A scrubbed text of at most `max` bytes. What is cut off is still told apart: the digest of the whole follows.
fn cut(text: &str, max: usize) -> String {
    // Before it is cut: half a number is not recognised. And before the digest, from which a number can be guessed.
    let text = &*scrub(text);
    let clean = text.replace('\0', "\u{FFFD}");
    if clean.len() <= max && escaped_len(&clean) <= 2 * max {
        return clean;
    }
    let tail = format!("… (sha256 {})", Digest::of(text));
    let room = max.saturating_sub(tail.len());
    let mut kept = String::with_capacity(max);
    let mut weight = 0;
    for letter in clean.chars() {
        weight += escaped_len(letter.encode_utf8(&mut [0; 4]));
        if kept.len() + letter.len_utf8() > room || weight > 2 * room {
            break;
        }
        kept.push(letter);
    }
    kept + &tail
}

/// The name of a step, from words: visible ASCII without a space.
fn name(words: &str) -> String {
    let visible = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
    let name: String = scrub(words).chars().map(visible).take(STEP_NAME_BYTES).collect();
    if name.is_empty() { "step".to_owned() } else { name }
}

/// Bytes in JSON, without the quotes.
fn escaped_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
            0..=0x1f => 6,
            _ => 1,
        })
        .sum()
}

/// A result that fits a statement.
pub(super) fn result(result: &CheckResult) -> CheckResult {
    limited(result, MAX_TEXT_BYTES)
}

fn limited(result: &CheckResult, max: usize) -> CheckResult {
    // Every field by name: a new one does not compile before it is decided here.
    let CheckResult { check, verdict, expected, observed, reason, location } = result;
    CheckResult {
        check: check.clone(),
        verdict: *verdict,
        expected: cut(expected, max),
        observed: cut(observed, max),
        reason: cut(reason, max),
        location: cut(location, max),
    }
}

/// Check runs that together hold these fitted `results`; the last one carries `state`, the others go on.
pub(super) fn runs(results: Vec<CheckResult>, state: Digest) -> impl Iterator<Item = Fitted> {
    split(results, state).into_iter().map(|run| Fitted(Body::CheckRun(run)))
}

fn split(results: Vec<CheckResult>, state: Digest) -> Vec<CheckRun> {
    let mut runs: Vec<CheckRun> = Vec::new();
    let (mut open, mut size) = (Vec::new(), 0);
    for result in results {
        let texts = [&result.check, &result.expected, &result.observed, &result.reason, &result.location];
        // The names of the six members, their punctuation and the verdict: 98 bytes at most.
        let weight = 98 + texts.into_iter().map(|text| escaped_len(text)).sum::<usize>();
        if !open.is_empty() && (open.len() == MAX_RESULTS || size + weight > RUN_BUDGET) {
            runs.push(CheckRun { results: std::mem::take(&mut open), state: None });
            size = 0;
        }
        open.push(result);
        size += weight;
    }
    runs.push(CheckRun { results: open, state: Some(state) });
    runs
}

/// A body that fits a statement.
pub(super) fn body(body: Body) -> Fitted {
    Fitted(match body {
        Body::CheckRun(CheckRun { results, state }) => {
            Body::CheckRun(CheckRun { results: results.iter().map(self::result).collect(), state })
        }
        Body::Heal(heal) => Body::Heal(self::heal(heal)),
        Body::Incident(IncidentChange { incident, check, from, to, actor, cause }) => {
            Body::Incident(IncidentChange { incident, check, from, to, actor, cause: text(&cause) })
        }
        Body::Attestation(Attestation { statement, by }) => {
            Body::Attestation(Attestation { statement: text(&statement), by: text(&by) })
        }
        Body::Gap(Gap { first_seq, last_seq, from, to, reason }) => {
            Body::Gap(Gap { first_seq, last_seq, from, to, reason: text(&reason) })
        }
        Body::Heartbeat(Heartbeat { unchanged_since, state }) => {
            Body::Heartbeat(Heartbeat { unchanged_since, state })
        }
        // The server's own words: an appliance may not state them, and no part of this program makes them.
        other @ (Body::Key(_) | Body::ServerFact(_)) => other,
    })
}

fn heal(heal: Heal) -> Heal {
    let Heal {
        incident,
        check,
        rule,
        runbook,
        plan_digest,
        actor,
        mode,
        before,
        steps,
        after,
        outcome,
        rollback,
    } = heal;
    Heal {
        incident,
        check,
        rule,
        runbook,
        plan_digest,
        actor,
        mode,
        before: limited(&before, HEAL_TEXT_BYTES),
        steps: self::steps(&steps),
        after: limited(&after, HEAL_TEXT_BYTES),
        outcome,
        rollback: rollback.map(|handle| cut(&handle, HEAL_TEXT_BYTES)),
    }
}

fn steps(all: &[HealStep]) -> Vec<HealStep> {
    let fitted = |HealStep { step, outcome, detail }: &HealStep| HealStep {
        step: name(step),
        outcome: *outcome,
        detail: cut(detail, STEP_TEXT_BYTES),
    };
    let mut steps: Vec<HealStep> = all.iter().take(MAX_STEPS).map(fitted).collect();
    let left_out = all.len() - steps.len();
    if let Some(last) = steps.last_mut().filter(|_| left_out > 0) {
        last.detail = format!("and {left_out} more steps");
    }
    steps
}

#[cfg(test)]
mod tests {
    use proofline_core::Verdict;

    use super::*;

    fn loud(check: &str, text: &str) -> CheckResult {
        CheckResult {
            check: check.into(),
            verdict: Verdict::Fail,
            expected: text.into(),
            observed: text.into(),
            reason: text.into(),
            location: text.into(),
        }
    }

    #[test]
    fn long_texts_stay_different() {
        let (a, b) = ("x".repeat(5_000) + "a", "x".repeat(5_000) + "b");
        let (a, b) = (result(&loud("l.a", &a)), result(&loud("l.a", &b)));
        assert_ne!(a.observed, b.observed);
        assert!(a.observed.len() <= MAX_TEXT_BYTES);
    }

    #[test]
    fn the_worst_texts_fit_one_run_each() {
        for nasty in ["\u{1}".repeat(9_000), "\"".repeat(9_000), "é".repeat(9_000), "\0".repeat(9_000)] {
            let fitted = result(&loud("linux.a", &nasty));
            assert!(
                serde_json::to_vec(&fitted).expect("writes").len() <= RUN_BUDGET,
                "{:?}",
                nasty.chars().next()
            );
        }
    }

    #[test]
    fn a_run_is_split_by_size_and_by_count() {
        let many: Vec<_> = (0..600).map(|n| loud(&format!("linux.c{n}"), "no")).collect();
        let runs = split(many, Digest::ZERO);
        assert_eq!(runs.iter().map(|run| run.results.len()).sum::<usize>(), 600);
        assert!(runs.iter().all(|run| run.results.len() <= MAX_RESULTS));
        let (last, others) = runs.split_last().expect("there is one");
        assert!(last.state.is_some() && others.iter().all(|run| run.state.is_none()));
        for run in &runs {
            assert!(serde_json::to_vec(run).expect("writes").len() <= RUN_BUDGET + 200);
        }
    }
}
