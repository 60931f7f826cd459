//! `docs/checks.md` is printed from the catalogue: written by `cargo xtask generate`, held to it by this test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use proofline_catalog::{Catalog, Check, CoverageKind};

fn print(catalog: &Catalog) -> String {
    let mut text = String::from(
        "# Checks and controls\n\nPrinted from `crates/catalog/data`; do not edit. Made by `cargo xtask generate`.\n",
    );
    let count = |kind| catalog.controls().iter().filter(|control| control.coverage.kind == kind).count();
    let coverage: Vec<String> =
        CoverageKind::ALL.iter().map(|&kind| format!("{} {}", count(kind), kind.as_str())).collect();
    let (checks, controls) = (catalog.checks().len(), catalog.controls().len());
    let line = format!("\n{checks} checks speak for {controls} controls: {}.\n", coverage.join(", "));
    text.push_str(&line);
    let mut families: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for check in catalog.checks() {
        families.entry(check.family()).or_default().push(check);
    }
    for (family, checks) in families {
        let _ = write!(
            text,
            "\n## {family}\n\n| Check | Holds when it passes | Severity | Expected | Controls | Runbook |\n|---|---|---|---|---|---|\n"
        );
        for check in checks {
            let controls: Vec<String> = check
                .controls
                .iter()
                .map(|link| format!("{} ({})", link.control, link.strength.as_str()))
                .collect();
            let runbook = check.runbook.as_ref().map_or_else(|| "–".to_owned(), |id| format!("`{id}`"));
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} | {runbook} |",
                check.id,
                check.title,
                check.severity,
                check.expected,
                controls.join(", "),
            );
        }
    }
    text.push_str("\n## Controls\n\n| 45 CFR | Subject | Kind | Severity | Coverage | Why |\n|---|---|---|---|---|---|\n");
    for control in catalog.controls() {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            control.id,
            control.title,
            control.kind.as_str(),
            control.severity,
            control.coverage.kind.as_str(),
            control.coverage.reason,
        );
    }
    text
}

#[test]
fn the_printed_checks_are_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    let printed = print(Catalog::embedded());
    if std::env::var_os("UPDATE_SPEC").is_some() {
        fs::write(&path, &printed).expect("docs is writable");
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(kept == printed.as_bytes(), "docs/checks.md is stale: `cargo xtask generate`");
}
