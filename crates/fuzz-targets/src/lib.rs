//! What is promised of every parser that reads bytes from outside.
//!
//! A target is a function over bytes that panics where a promise does not hold: what is accepted reads the same after it
//! was written, has one spelling, or stays within its bound; what nobody signed is never believed. `fuzz/` gives each to
//! libFuzzer, and `tests/mutations.rs` gives them seeds and seeded changes of these, a bounded number, with every other
//! test.

#![allow(clippy::missing_panics_doc, reason = "panicking is how a target says that a promise does not hold")]

pub mod agent;
pub mod evidence;
pub mod protocol;
pub mod server;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One target.
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// What holds for any bytes.
    pub holds: fn(&[u8]),
    /// Bytes that are accepted, or nearly: where mutation starts.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "json", holds: evidence::json, seeds: evidence::vectors },
    Target { name: "statement", holds: evidence::statement, seeds: evidence::vectors },
    Target { name: "envelope", holds: evidence::envelope, seeds: evidence::vectors },
    Target { name: "note", holds: evidence::note, seeds: evidence::vectors },
    Target { name: "tile", holds: evidence::tile, seeds: evidence::vectors },
    Target { name: "export", holds: evidence::export, seeds: evidence::exports },
    Target { name: "signature", holds: protocol::signature, seeds: protocol::signed_headers },
    Target { name: "messages", holds: protocol::messages, seeds: protocol::messages_sent },
    Target { name: "orders", holds: protocol::orders, seeds: protocol::orders_signed },
    Target { name: "sealed", holds: protocol::sealed, seeds: protocol::sealed_tokens },
    Target { name: "local_override", holds: agent::local_override, seeds: agent::local_overrides },
    Target { name: "probes", holds: agent::probes, seeds: agent::some_outputs },
    Target { name: "scrubber", holds: agent::scrubber, seeds: agent::outputs },
    Target { name: "catalogue", holds: agent::catalogue, seeds: agent::catalogue_files },
    Target { name: "browser", holds: server::browser, seeds: server::browsers },
    Target { name: "cursor", holds: server::cursor, seeds: server::cursors },
    Target { name: "csv", holds: server::csv, seeds: server::cells },
    Target { name: "return_to", holds: server::return_to, seeds: server::pages },
    Target { name: "people", holds: server::people, seeds: server::people_files },
    Target { name: "oidc", holds: server::oidc, seeds: server::oidc_answers },
    Target { name: "passkey", holds: server::passkey, seeds: server::passkey_answers },
];

/// What reads as `T` reads as the same after it was written.
#[track_caller]
fn reads_back<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&written)));
    assert_eq!(serde_json::to_vec(&again).expect("can be written"), written);
}

/// The text files of a folder of this repository, and of those below it.
fn files_below(folder: &str) -> Vec<Vec<u8>> {
    fn collect(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                collect(&path, found);
            } else {
                #[expect(clippy::disallowed_methods, reason = "committed files")]
                found.extend(std::fs::read(&path));
            }
        }
    }
    let mut found = Vec::new();
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut found);
    found
}
