//! The vectors that every implementation of the format shares: `spec/evidence/vectors/*.json`.
//!
//! They are made here, each with the decision that a person expects of it, and committed. A plain run checks three things:
//! this crate takes the expected decision, every case is as it would be made today, and nothing in the folder is stale.
//! `EVIDENCE_VECTORS=write cargo test -p proofline-evidence --test corpus` writes them anew.

mod entries;
mod envelopes;
mod exports;
mod generated;
mod json;
mod keys;
#[path = "../common/log.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod log;
mod notes;
mod reasons;
mod statements;
mod successors;
mod tiles;

use std::path::Path;

use proofline_evidence::{Defect, Reason};
use serde::Serialize;

/// Compares a vector file with what it should be, or writes it.
fn hold(file: &str, about: &str, cases: &impl Serialize) {
    #[derive(Serialize)]
    struct File<'a, C> {
        about: &'a str,
        cases: &'a C,
    }
    let text = serde_json::to_string_pretty(&File { about, cases }).expect("strings and numbers");
    hold_text(file, &(text + "\n"));
}

fn hold_text(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/evidence/vectors").join(file);
    if std::env::var_os("EVIDENCE_VECTORS").is_some_and(|value| value == "write") {
        std::fs::write(&path, text).expect("the folder is writable");
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(committed == text.as_bytes(), "{file} is stale: run with EVIDENCE_VECTORS=write");
}

/// The reason's code, as the files spell it; `None` for what is accepted.
fn code<T>(result: &Result<T, Defect>) -> Option<&'static str> {
    result.as_ref().err().map(|defect| defect.reason.code())
}

/// Asserts the expected decision and gives its code.
fn expect<T: std::fmt::Debug>(
    name: &str,
    result: &Result<T, Defect>,
    expected: Option<Reason>,
) -> Option<&'static str> {
    assert_eq!(result.as_ref().err().map(|defect| defect.reason), expected, "{name}: {result:?}");
    code(result)
}
