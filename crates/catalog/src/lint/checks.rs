//! Demands on checks and on the profiles that tighten them.

use std::collections::BTreeSet;

use super::text::{bad_rationale, bad_text, is_check_id, is_date};
use super::{Located, Report};
use crate::check::{Check, Roles};
use crate::control::Control;
use crate::probe::ProbeSpec;
use crate::profile::Profile;
use crate::runbook::Runbook;

/// The shortest and the longest time between two runs, in seconds.
const INTERVAL: std::ops::RangeInclusive<u32> = 60..=86_400;

pub(super) fn lint(
    checks: &Located<Check>,
    controls: &Located<Control>,
    runbooks: &Located<Runbook>,
    report: &mut Report,
) {
    for (id, (file, check)) in checks {
        for problem in own_problems(check, file) {
            report.add(file, format!("{id}: {problem}"));
        }
        for problem in link_problems(check, controls) {
            report.add(file, format!("{id} {problem}"));
        }
        if let Some(runbook) = &check.runbook {
            match runbooks.get(runbook) {
                None => report.add(file, format!("{id} names the runbook {runbook}, which no file defines")),
                Some((_, found)) if !found.checks.contains(id) => {
                    report.add(file, format!("{id} names the runbook {runbook}, which does not answer it"));
                }
                Some(_) => {}
            }
        }
    }
}

fn own_problems(check: &Check, file: &str) -> Vec<String> {
    let (platform, family) = (check.id.split('.').next().unwrap_or_default(), check.family());
    let expected_file = format!("checks/{family}.yaml");
    let roles_empty = match &check.roles {
        Roles::Any => false,
        Roles::Only(roles) | Roles::Except(roles) => roles.is_empty(),
    };
    [
        (!is_check_id(&check.id)).then(|| "an id has the shape platform.family.name".to_owned()),
        (file != expected_file).then(|| format!("its family belongs in {expected_file}")),
        check.platforms.is_empty().then(|| "it has no platform".to_owned()),
        (!check.platforms.is_empty() && !check.platforms.iter().any(|p| p.as_str() == platform))
            .then(|| format!("its id says {platform}, its platforms do not")),
        roles_empty.then(|| "its list of roles is empty".to_owned()),
        bad_text("title", &check.title, 120),
        bad_text("why_it_matters", &check.why_it_matters, 600),
        bad_text("consequence", &check.consequence, 600),
        bad_text("expected", &check.expected, 200),
        bad_text("source", &check.source, 300),
        check.probe.problem().map(|problem| format!("its probe is wrong: {problem}")),
        unnamed_limit(&check.probe, &check.expected),
        (!INTERVAL.contains(&check.interval_s)).then(|| "interval_s is not 60 to 86400".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is promised in words must be what is measured.
fn unnamed_limit(probe: &ProbeSpec, expected: &str) -> Option<String> {
    let words: Vec<&str> = expected.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    let missing = probe.limits().into_iter().find(|limit| !words.contains(&limit.as_str()));
    missing.map(|limit| format!("`expected` does not name the limit {limit}"))
}

fn link_problems(check: &Check, controls: &Located<Control>) -> Vec<String> {
    let mut found = Vec::new();
    if check.controls.is_empty() {
        found.push("speaks for no control".to_owned());
    }
    let mut seen = BTreeSet::new();
    for link in &check.controls {
        if !controls.contains_key(&link.control) {
            found.push(format!("speaks for {}, which is no known control", link.control));
        }
        if !seen.insert(&link.control) {
            found.push(format!("speaks for {} twice", link.control));
        }
        if let Some(problem) = bad_rationale(&link.rationale) {
            found.push(format!("{problem} for {}", link.control));
        }
    }
    found
}

pub(super) fn lint_profiles(profiles: &Located<Profile>, checks: &Located<Check>, report: &mut Report) {
    for (id, (file, profile)) in profiles {
        if !profile.source.starts_with("https://") {
            report.add(file, format!("{id} has no https source"));
        }
        if !is_date(&profile.reviewed) {
            report.add(file, format!("{id} was reviewed on `{}`, which is not a date", profile.reviewed));
        }
        if let Some(problem) = bad_text("title", &profile.title, 120) {
            report.add(file, format!("{id}: {problem}"));
        }
        let mut seen = BTreeSet::new();
        for threshold in &profile.thresholds {
            let name = &threshold.check;
            if !seen.insert(name) {
                report.add(file, format!("{id} tightens {name} twice"));
            }
            if let Some(problem) = bad_rationale(&threshold.rationale) {
                report.add(file, format!("{id} {problem} for {name}"));
            }
            if let Some(problem) = bad_text("expected", &threshold.expected, 200) {
                report.add(file, format!("{id}, {name}: {problem}"));
            }
            match checks.get(name) {
                None => report.add(file, format!("{id} tightens {name}, which is no known check")),
                Some((_, check)) => match check.probe.with_params(&threshold.params) {
                    Err(problem) => report.add(file, format!("{id} cannot tighten {name}: {problem}")),
                    Ok(same) if same == check.probe => {
                        report.add(file, format!("{id} tightens {name} to the value that it has"));
                    }
                    Ok(tighter) => {
                        if let Some(problem) = unnamed_limit(&tighter, &threshold.expected) {
                            report.add(file, format!("{id}, {name}: {problem}"));
                        }
                        if let Some(problem) = tighter.problem() {
                            report.add(file, format!("{id} cannot tighten {name}: {problem}"));
                        }
                    }
                },
            }
        }
    }
}
