//! Every fuzz target with its seeds and with seeded changes of them: what a fuzzer does for hours, for a moment.
//!
//! What it finds is a test of its own next to the parser. `FUZZ_SECONDS=60` looks longer, `FUZZ_SEED` elsewhere.

use std::time::{Duration, Instant};

use proofline_fuzz_targets::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Pieces that parsers look at.
const PIECES: [&[u8]; 30] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"\0",
    b"\r\n",
    b"\n",
    b" ",
    b"\t",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"9007199254740993",
    b"null",
    b"true",
    b"\xff",
    b"\xc3\xa9",
    b"../",
    b"%2e",
    b"+999999-12-31T23:59:60Z",
    b"0000-00-00T00:00:00Z",
    b"#",
    b"'",
];

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut StdRng) {
    for _ in 0..random.random_range(1..=4) {
        let place = random.random_range(0..=bytes.len());
        let end = (place + random.random_range(0..16)).min(bytes.len());
        match random.random_range(0..7) {
            0 if place < bytes.len() => bytes[place] = random.random_range(0..=255),
            1 if place < bytes.len() => bytes[place] ^= 1 << random.random_range(0..8),
            2 => drop(bytes.drain(place..end)),
            3 => {
                drop(
                    bytes.splice(place..place, PIECES[random.random_range(0..PIECES.len())].iter().copied()),
                );
            }
            4 => drop(bytes.splice(place..end, PIECES[random.random_range(0..PIECES.len())].iter().copied())),
            5 => {
                let again = bytes[place..end].to_vec();
                drop(bytes.splice(place..place, again));
            }
            6 if !seeds.is_empty() => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..=other.len());
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
    }
    bytes.truncate(64 * 1024);
}

fn hold(target: &Target) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        (target.holds)(seed);
    }
    (target.holds)(b"");
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut random = StdRng::seed_from_u64(number("FUZZ_SEED").unwrap_or(29));
    let (begun, seconds) = (Instant::now(), number("FUZZ_SECONDS"));
    // The same ones each time. A change of `probes` asks every check twice.
    let usual = if target.name == "probes" { 40 } else { 1_500 };
    let mut rounds = 0_u64;
    while seconds.map_or(rounds < usual, |seconds| begun.elapsed() < Duration::from_secs(seconds)) {
        let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
        mutate(&mut bytes, &seeds, &mut random);
        let held = std::panic::catch_unwind(|| (target.holds)(&bytes));
        assert!(held.is_ok(), "{} does not hold for {:?}", target.name, String::from_utf8_lossy(&bytes));
        rounds += 1;
    }
    println!("{}: {} seeds, {rounds} changes of them", target.name, seeds.len());
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            hold(TARGETS.iter().find(|target| target.name == stringify!($name)).expect("is a target"));
        })*

        #[test]
        fn every_target_is_tried_and_has_a_fuzzer() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tried);
            let fuzzers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
            let mut files: Vec<String> = std::fs::read_dir(fuzzers)
                .expect("is a folder")
                .map(|entry| entry.expect("reads").file_name().to_string_lossy().replace(".rs", ""))
                .collect();
            let mut names = tried.map(str::to_owned).to_vec();
            files.sort();
            names.sort();
            assert_eq!(files, names);
        }
    };
}

targets!(
    json,
    statement,
    envelope,
    note,
    tile,
    export,
    signature,
    messages,
    orders,
    sealed,
    local_override,
    probes,
    scrubber,
    catalogue,
    browser,
    cursor,
    csv,
    return_to,
    people,
    oidc,
    passkey,
);
