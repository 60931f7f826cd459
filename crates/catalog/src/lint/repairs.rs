//! Demands on runbooks and rules: sound by themselves, and every reference leads somewhere.

use super::text::bad_rationale;
use super::{Located, Report};
use crate::check::Check;
use crate::rule::Rule;
use crate::runbook::{Action, Reload, Runbook};

pub(super) fn lint(
    runbooks: &Located<Runbook>,
    rules: &Located<Rule>,
    checks: &Located<Check>,
    report: &mut Report,
) {
    for (id, (file, runbook)) in runbooks {
        if let Err(error) = runbook.check() {
            report.add(file, format!("{id} is not sound: {error}"));
        }
        for problem in incomplete(runbook) {
            report.add(file, format!("{id} {problem}"));
        }
        for name in &runbook.checks {
            if !checks.contains_key(name) {
                report.add(file, format!("{id} answers {name}, which is no known check"));
            }
        }
        let named_by_check = checks.values().any(|(_, check)| check.runbook.as_ref() == Some(id));
        let named_by_rule = rules.values().any(|(_, rule)| &rule.runbook == id);
        if !named_by_check && !named_by_rule {
            report.add(file, format!("{id} is unreachable: no check and no rule names it"));
        }
    }
    for (id, (file, rule)) in rules {
        if let Err(error) = rule.check_bounds() {
            report.add(file, format!("{id} is not sound: {error}"));
        }
        if !checks.contains_key(&rule.check) {
            report.add(file, format!("{id} waits for {}, which is no known check", rule.check));
        }
        let Some((_, runbook)) = runbooks.get(&rule.runbook) else {
            report.add(file, format!("{id} runs {}, which is no known runbook", rule.runbook));
            continue;
        };
        if !runbook.checks.contains(&rule.check) {
            report.add(
                file,
                format!("{id} runs {} for {}, which it does not answer", rule.runbook, rule.check),
            );
        }
        if let Err(error) = runbook.bind(&rule.parameters) {
            report.add(file, format!("{id} gives {} parameters that it refuses: {error}", rule.runbook));
        }
    }
}

/// Each runbook detects or says why it need not, proves what it did, and can really be taken back.
fn incomplete(runbook: &Runbook) -> Vec<String> {
    let mut found = Vec::new();
    match &runbook.no_detect {
        None if runbook.detect.is_empty() => {
            found.push("detects nothing and gives no reason in `no_detect`".to_owned());
        }
        Some(_) if !runbook.detect.is_empty() => {
            found.push("gives a reason for detecting nothing, and detects".to_owned());
        }
        Some(reason) => {
            found.extend(bad_rationale(reason).map(|problem| format!("{problem} in `no_detect`")));
        }
        None => {}
    }
    if runbook.verify.is_empty() {
        found.push("verifies nothing".to_owned());
    }
    if !runbook.remediate.iter().any(Action::is_reversible) {
        found.push("has no step whose previous state a rollback would bring back".to_owned());
    }
    let mut forgotten: Vec<Reload> = runbook.remediate.iter().filter_map(Action::held_by).collect();
    forgotten.sort();
    forgotten.dedup();
    forgotten.retain(|what| !runbook.rollback.contains(what));
    found.extend(forgotten.iter().map(|what| {
        format!("changes what is held in memory, and its rollback does not make it read again: {what:?}")
    }));
    found
}
