//! Makes whatever a machine said fit the format: a statement that is refused for one long text would be no evidence.

use proofline_evidence::Digest;
use proofline_evidence::statement::{
    Body, CheckResult, CheckRun, Heal, HealStep, MAX_RESULTS, MAX_STEPS, MAX_TEXT_BYTES, cut_text,
};

/// Bytes of JSON that the results of one check run may fill: 24 000 for the statement less its frame.
const RUN_BUDGET: usize = 22_000;

/// The longest texts of a heal: two results and 64 steps share one statement.
const HEAL_TEXT_BYTES: usize = 512;
const STEP_TEXT_BYTES: usize = 120;
const STEP_NAME_BYTES: usize = 100;

/// A free text within the format's limit.
pub(super) fn text(text: &str) -> String {
    cut_text(text)
}

/// A text of at most `max` bytes. What is cut off is still told apart: the digest of the whole follows.
fn cut(text: &str, max: usize) -> String {
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
    let name: String = words.chars().map(visible).take(STEP_NAME_BYTES).collect();
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
    CheckResult {
        check: result.check.clone(),
        verdict: result.verdict,
        expected: cut(&result.expected, max),
        observed: cut(&result.observed, max),
        reason: cut(&result.reason, max),
        location: cut(&result.location, max),
    }
}

/// Check runs that together hold `results`; the last one carries `state`, the others go on.
pub(super) fn runs(results: Vec<CheckResult>, state: Digest) -> Vec<CheckRun> {
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
pub(super) fn body(body: Body) -> Body {
    match body {
        Body::Heal(heal) => Body::Heal(self::heal(heal)),
        Body::Incident(mut change) => {
            change.cause = text(&change.cause);
            Body::Incident(change)
        }
        Body::Attestation(mut attestation) => {
            attestation.statement = text(&attestation.statement);
            attestation.by = text(&attestation.by);
            Body::Attestation(attestation)
        }
        Body::Gap(mut gap) => {
            gap.reason = text(&gap.reason);
            Body::Gap(gap)
        }
        other @ (Body::CheckRun(_) | Body::Heartbeat(_) | Body::Key(_) | Body::ServerFact(_)) => other,
    }
}

fn heal(heal: Heal) -> Heal {
    let left_out = heal.steps.len().saturating_sub(MAX_STEPS);
    let mut steps: Vec<HealStep> = heal.steps.into_iter().take(MAX_STEPS).collect();
    for step in &mut steps {
        step.step = name(&step.step);
        step.detail = cut(&step.detail, STEP_TEXT_BYTES);
    }
    if let Some(last) = steps.last_mut().filter(|_| left_out > 0) {
        last.detail = format!("and {left_out} more steps");
    }
    Heal {
        before: limited(&heal.before, HEAL_TEXT_BYTES),
        after: limited(&heal.after, HEAL_TEXT_BYTES),
        rollback: heal.rollback.map(|handle| cut(&handle, HEAL_TEXT_BYTES)),
        steps,
        ..heal
    }
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
        let runs = runs(many, Digest::ZERO);
        assert_eq!(runs.iter().map(|run| run.results.len()).sum::<usize>(), 600);
        assert!(runs.iter().all(|run| run.results.len() <= MAX_RESULTS));
        let (last, others) = runs.split_last().expect("there is one");
        assert!(last.state.is_some() && others.iter().all(|run| run.state.is_none()));
        for run in &runs {
            assert!(serde_json::to_vec(run).expect("writes").len() <= RUN_BUDGET + 200);
        }
    }
}
