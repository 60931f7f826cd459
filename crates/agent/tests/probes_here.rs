//! Every check of the catalogue, run for real on this very machine.
//!
//! Machines differ, so verdicts are not asserted; the contract is: each probe ends, gives one of five verdicts with the
//! reading or the reason that belongs to it, changes nothing and says the same when asked again.

use std::collections::BTreeMap;
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
