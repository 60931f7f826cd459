//! How long a decision among 1 000 rules takes: `cargo run -p proofline-healing --example decide`.
//!
//! Three shapes: a rule for each check and scope as in a fleet, all thousand on one check and one scope with only the
//! last condition met (the worst case), and a thousand rules for other checks.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{CHECK, World, compile, rule};
use proofline_catalog::rule::{Condition, Rule, Scope};
use serde_json::json;

const ROUNDS: u32 = 20_000;

fn condition(value: &str) -> Condition {
    serde_json::from_value(json!({"all": [
        {"field": "observed", "op": "eq", "value": value},
        {"field": "role", "op": "not_in", "value": ["ehr", "imaging"]},
        {"field": "location", "op": "contains", "value": "sshd"},
    ]}))
    .expect("a condition")
}

fn numbered(number: usize, check: String, scope: Scope, value: &str) -> Rule {
    Rule { check, conditions: condition(value), ..rule(&format!("rule.number_{number:04}"), scope) }
}

fn main() {
    let world = World::failing();
    let scopes =
        [Scope::Platform, Scope::Site(world.whereabouts.site), Scope::Asset(world.whereabouts.asset)];
    let other = |number: usize| format!("linux.family.check_{}", number % 80);
    let shapes: [(&str, Vec<Rule>); 3] = [
        (
            "80 checks, several scopes, one governs",
            (0..1000)
                .map(|n| {
                    let check = if n % 50 == 0 { CHECK.to_owned() } else { other(n) };
                    numbered(n, check, scopes[n % 3], if n % 100 == 0 { "yes" } else { "never" })
                })
                .collect(),
        ),
        (
            "all on one check and scope, the last one governs",
            (0..1000)
                .map(|n| {
                    numbered(n, CHECK.to_owned(), Scope::Platform, if n == 999 { "yes" } else { "never" })
                })
                .collect(),
        ),
        ("none for this check", (0..1000).map(|n| numbered(n, other(n), scopes[n % 3], "yes")).collect()),
    ];
    for (name, rules) in shapes {
        let rules = compile(rules);
        assert_eq!(rules.len(), 1000);
        let started = Instant::now();
        for _ in 0..ROUNDS {
            black_box(world.decide(black_box(&rules)));
        }
        println!("{name}: {} ns per decision", started.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}
