//! Demands on controls: the list is the rule's, kinds are the rule's, and coverage claims no more than the checks hold.

use std::collections::BTreeSet;

use super::specifications::SPECIFICATIONS;
use super::text::{bad_rationale, bad_text, is_date};
use super::{Located, Report};
use crate::check::{Check, Strength};
use crate::control::{Control, CoverageKind, Framework};

pub(super) fn lint(controls: &Located<Control>, checks: &Located<Check>, report: &mut Report) {
    for (id, kind) in SPECIFICATIONS {
        match controls.get(id) {
            None => report.add("controls.yaml", format!("{id} is missing")),
            Some((file, control)) if control.kind != kind => {
                report.add(
                    file,
                    format!("{id} is {} in the rule, not {}", kind.as_str(), control.kind.as_str()),
                );
            }
            Some(_) => {}
        }
    }
    for (id, (file, control)) in controls {
        if !SPECIFICATIONS.iter().any(|(known, _)| known == id) {
            report.add(file, format!("{id} is not a paragraph of 45 CFR 164.308 to 164.316"));
        }
        for problem in problems(control) {
            report.add(file, format!("{id}: {problem}"));
        }
        if let Some(problem) = overclaim(control, checks) {
            report.add(file, format!("{id} {problem}"));
        }
    }
}

fn problems(control: &Control) -> Vec<String> {
    let crosswalk = &control.crosswalk;
    let mut found: Vec<String> = [
        bad_text("title", &control.title, 120),
        bad_text("plain_title", &control.plain_title, 160),
        bad_text("the reason for its coverage", &control.coverage.reason, 600),
        bad_rationale(&crosswalk.rationale).map(|problem| format!("the crosswalk {problem}")),
        (!is_date(&crosswalk.reviewed)).then(|| format!("`{}` is not a date", crosswalk.reviewed)),
        crosswalk.to.is_empty().then(|| "the crosswalk maps to nothing".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut seen = BTreeSet::new();
    for mapping in &crosswalk.to {
        if !seen.insert(mapping.framework) {
            found.push("a framework is mapped twice".to_owned());
        }
        if mapping.ids.is_empty() {
            found.push("a framework is mapped to nothing".to_owned());
        }
        for id in &mapping.ids {
            if mapping.framework == Framework::NistCsf20 && !is_csf_2(id) {
                found.push(format!("`{id}` is not an identifier of CSF 2.0"));
            }
        }
    }
    found
}

/// `PR.DS-01`: version 1.1 wrote `PR.DS-1`.
fn is_csf_2(id: &str) -> bool {
    let Some((category, number)) = id.split_once('-') else { return false };
    let Some((function, name)) = category.split_once('.') else { return false };
    ["GV", "ID", "PR", "DE", "RS", "RC"].contains(&function)
        && name.len() == 2
        && name.bytes().all(|b| b.is_ascii_uppercase())
        && number.len() == 2
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn overclaim(control: &Control, checks: &Located<Check>) -> Option<String> {
    let strongest = checks
        .values()
        .flat_map(|(_, check)| &check.controls)
        .filter(|link| link.control == control.id)
        .map(|link| link.strength)
        .max();
    match (control.coverage.kind, strongest) {
        (CoverageKind::Automated, None | Some(Strength::Supporting)) => {
            Some("is marked automated, but no check proves even a part of it".to_owned())
        }
        (CoverageKind::Hybrid, None) => Some("is marked hybrid, but no check speaks for it".to_owned()),
        (CoverageKind::Attestation, Some(Strength::Partial | Strength::Full)) => {
            Some("is marked attestation, but a check proves a part of it: it is hybrid".to_owned())
        }
        (CoverageKind::NotCovered, Some(_)) => {
            Some("is marked not covered, but a check speaks for it".to_owned())
        }
        _ => None,
    }
}
