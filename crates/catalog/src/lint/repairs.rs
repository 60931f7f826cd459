//! Demands on runbooks and rules: sound by themselves, and every reference leads somewhere.

use super::{Located, Report};
use crate::check::Check;
use crate::rule::Rule;
use crate::runbook::Runbook;

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
