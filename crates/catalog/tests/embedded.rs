//! The embedded catalogue through its public surface.

use proofline_catalog::{Catalog, CoverageKind};

#[test]
fn every_item_is_found_by_its_id() {
    let catalog = Catalog::embedded();
    assert!(catalog.checks().iter().all(|c| catalog.check(&c.id) == Some(c)));
    assert!(catalog.controls().iter().all(|c| catalog.control(&c.id) == Some(c)));
    assert!(catalog.runbooks().iter().all(|r| catalog.runbook(&r.id) == Some(r)));
    assert!(catalog.rules().iter().all(|r| catalog.rule(&r.id) == Some(r)));
    assert_eq!(catalog.check("linux.ssh"), None);
}

#[test]
fn the_catalogue_is_as_large_as_promised_and_digested() {
    let catalog = Catalog::embedded();
    assert!(catalog.checks().len() >= 45, "{} checks", catalog.checks().len());
    assert_eq!(catalog.controls().len(), 58);
    assert_eq!(catalog.digest().len(), 64);
    let digest = proofline_catalog::canonical::Digest::of_bytes(catalog.canonical_json().as_bytes());
    assert_eq!(catalog.digest(), digest.to_string());
}

#[test]
fn the_embedded_text_is_canonical_whatever_features_serde_json_has() {
    let catalog = Catalog::embedded();
    let value: serde_json::Value = serde_json::from_str(catalog.canonical_json()).expect("it is JSON");
    assert_eq!(proofline_catalog::canonical::canonical_json(&value), catalog.canonical_json());
}

#[test]
fn a_confirmation_holds_for_two_hours_at_least() {
    let catalog = Catalog::embedded();
    assert_eq!(catalog.fresh_for("linux.ssh.root_login"), chrono::TimeDelta::hours(2));
    assert_eq!(catalog.fresh_for("gone.with.wind"), chrono::TimeDelta::hours(2));
}

#[test]
fn coverage_is_counted_honestly() {
    let catalog = Catalog::embedded();
    let count = |kind| catalog.controls().iter().filter(|c| c.coverage.kind == kind).count();
    let counts = CoverageKind::ALL.map(count);
    assert_eq!(counts.iter().sum::<usize>(), catalog.controls().len());
    for control in catalog.controls() {
        let spoken_for = catalog.checks_of(&control.id).next().is_some();
        assert!(
            spoken_for || !matches!(control.coverage.kind, CoverageKind::Automated | CoverageKind::Hybrid)
        );
    }
}
