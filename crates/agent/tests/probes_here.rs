//! Every check of the catalogue, run for real on this very machine.
//!
//! Machines differ, so verdicts are not asserted; the contract is: each probe ends, gives one of five verdicts with the
//! reading or the reason that belongs to it, changes nothing and says the same when asked again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use proofline_agent::host::{CycleHost, LocalHost};
use proofline_agent::probes::{self, Observation};
use proofline_catalog::Catalog;
use proofline_core::{SystemClock, Verdict};

fn cycle() -> (Vec<(Observation, f64)>, f64) {
    let machine = LocalHost::new(Arc::new(SystemClock));
    let host = CycleHost::new(&machine);
    let started = Instant::now();
    let observations = Catalog::embedded()
        .checks()
        .iter()
        .map(|check| {
            let began = Instant::now();
            let observation = probes::run(check, &host);
            (observation, began.elapsed().as_secs_f64() * 1000.0)
        })
        .collect();
    (observations, started.elapsed().as_secs_f64() * 1000.0)
}

fn keeps_the_contract(observation: &Observation) {
    let id = &observation.check;
    match observation.verdict {
        Verdict::Pass => assert!(!observation.observed.is_empty(), "{id} passes without a reading"),
        Verdict::Fail => {
            assert!(
                !observation.observed.is_empty() && !observation.reason.is_empty(),
                "{id} fails without saying why"
            );
        }
        Verdict::Unknown | Verdict::Error | Verdict::NotApplicable => {
            assert!(observation.observed.is_empty(), "{id} has a reading and no verdict");
            assert!(!observation.reason.is_empty(), "{id} gives no reason");
        }
    }
    for text in [&observation.expected, &observation.observed, &observation.reason, &observation.location] {
        assert!(text.len() <= probes::TEXT_LIMIT, "{id} says too much");
        assert!(!text.chars().any(char::is_control), "{id} has control characters in {text:?}");
    }
    assert!(!observation.expected.is_empty(), "{id} expects nothing");
}

#[test]
fn every_check_keeps_the_contract_and_repeats_itself() {
    let (first, first_ms) = cycle();
    let (second, second_ms) = cycle();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (observation, ms) in &first {
        keeps_the_contract(observation);
        *counts.entry(observation.verdict.as_str()).or_default() += 1;
        println!(
            "{ms:8.1} ms  {:<14} {:<40} {} | {} | {}",
            observation.verdict.as_str(),
            observation.check,
            observation.observed,
            observation.reason,
            observation.location
        );
    }
    println!("{} checks in {first_ms:.0} ms, again in {second_ms:.0} ms: {counts:?}", first.len());
    for ((one, _), (two, _)) in first.iter().zip(&second) {
        // What other programs on a busy machine open and close meanwhile is theirs.
        if one.check.starts_with("linux.network.") || one.check.starts_with("linux.disk.") {
            continue;
        }
        assert_eq!((one.verdict, &one.observed), (two.verdict, &two.observed), "{}", one.check);
    }
}

/// The account that owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn the_contract_holds_without_privileges() {
    if !rustix::process::geteuid().is_root() {
        return; // the other test runs without privileges already
    }
    // A copy that everybody may run, wherever the build lies.
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let program = folder.path().join("probes_here");
    std::fs::copy(std::env::current_exe().expect("it runs"), &program).expect("copied");
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("opened");
    }
    let output = Command::new(program)
        .args(["--exact", "every_check_keeps_the_contract_and_repeats_itself", "--nocapture"])
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("as nobody: {}", text.lines().find(|line| line.contains("checks in")).unwrap_or_default());
    // What only root may read is an error then, never a verdict.
    let shadow =
        text.lines().find(|line| line.contains("linux.accounts.empty_passwords")).expect("it is a check");
    assert!(shadow.contains(" error "), "{shadow}");
}
