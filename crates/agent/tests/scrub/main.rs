//! How much of what identifies patients gets past the scrubber, and how much else it takes away.
//!
//! The figures of `docs/health-data.md` are printed by `cargo nextest run -E 'test(the_leak_rate)' --no-capture`.

mod patients;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use patients::{Patients, Written};
use proofline_agent::scrub::{Kind, scrub};
use proptest::prelude::*;

/// Texts that hold a patient, in the measurement that counts.
const TEXTS: usize = 20_000;

/// The most of a thousand texts of a kind that may leak when it is written as it is meant to be written.
const TIDY_PER_MILLE: u32 = 2;

/// The same, when it is written in a hurry.
fn untidy_per_mille(kind: Kind) -> u32 {
    match kind {
        Kind::Patient | Kind::Card | Kind::Plan => 10,
        Kind::Birth | Kind::Record => 200,
        Kind::Ssn | Kind::Phone => 350,
        Kind::Email => 550,
        Kind::Diagnosis => 650,
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether more than half of what identifies is still there, however it is written.
fn leaks(written: &Written, clean: &str) -> bool {
    let (clean, carrier) = (letters(clean), letters(written.carrier));
    written.secrets.iter().any(|secret| {
        let secret = letters(secret);
        let window = (secret.len() / 2 + 1).max(4).min(secret.len());
        let holds = |text: &[char], part: &[char]| text.windows(part.len()).any(|there| there == part);
        secret.windows(window).any(|part| holds(&clean, part) && !holds(&carrier, part))
    })
}

#[test]
fn the_leak_rate_of_each_kind_is_within_its_limit() {
    measure("tidy", TEXTS, Patients::seeded(20_261_129), Patients::write, |_| TIDY_PER_MILLE);
}

/// Labels behind the value or misspelled, words in between, letters for digits: whoever types has no scrubber in mind.
#[test]
fn the_leak_rate_of_what_is_written_in_a_hurry_is_known() {
    measure("untidy", TEXTS / 4, Patients::seeded(4), Patients::write_untidily, untidy_per_mille);
}

fn measure(
    how: &str,
    texts: usize,
    mut patients: Patients,
    write: impl Fn(&mut Patients, Kind) -> Written,
    allowed_per_mille: impl Fn(Kind) -> u32,
) {
    let mut tally: BTreeMap<Kind, (u32, Vec<String>)> = BTreeMap::new();
    for kind in Kind::ALL.into_iter().cycle().take(texts) {
        let written = write(&mut patients, kind);
        let clean = scrub(&written.text);
        assert_eq!(scrub(&clean), clean, "not at rest: {:?}", written.text);
        let (texts, leaked) = tally.entry(kind).or_default();
        *texts += 1;
        if leaks(&written, &clean) {
            leaked.push(format!("{}  =>  {clean}", written.text));
        }
    }
    let percent =
        |leaked: usize, texts: usize| format!("{leaked} of {texts} leak ({:.2} %)", share(leaked, texts));
    for (kind, (texts, leaked)) in &tally {
        println!("{how} {kind:?}: {}", percent(leaked.len(), *texts as usize));
        leaked.iter().take(4).for_each(|text| println!("    {text}"));
    }
    println!("{how} all: {}", percent(tally.values().map(|(_, leaked)| leaked.len()).sum(), texts));
    for (kind, (texts, leaked)) in &tally {
        let allowed = texts * allowed_per_mille(*kind) / 1_000;
        assert!(
            leaked.len() <= allowed as usize,
            "{kind:?}: {} of {texts} leak, {allowed} may",
            leaked.len()
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// What no form and no label tells: stated in the documentation, and measured so that the statement stays true.
#[test]
fn what_has_neither_form_nor_label_is_not_recognised() {
    let mut patients = Patients::seeded(7);
    for (what, write) in [
        ("a name", Patients::bare_name as fn(&mut Patients) -> Written),
        ("nine digits", Patients::bare_number),
        ("a date", Patients::bare_date),
    ] {
        let kept = (0..1_000).filter(|_| {
            let written = write(&mut patients);
            leaks(&written, &scrub(&written.text))
        });
        println!("{what} alone: {} of 1000 stay", kept.count());
    }
}

/// Every text file below `folder`.
fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("is a folder") {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            texts(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// What stands around the first marker.
fn excerpt(clean: &str) -> String {
    let at = clean.find("[removed").unwrap_or_default();
    clean.chars().skip(clean[..at].chars().count().saturating_sub(60)).take(120).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "files of this repository")]
fn what_machines_said_stays_as_it_was() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests/fixtures", "../catalog/data", "../../spec/evidence/vectors"] {
        texts(&here.join(folder), &mut files);
    }
    let (mut lines, mut changed) = (0_u32, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            lines += 1;
            if scrub(line) != line {
                changed.push(format!("{}: {}", file.display(), excerpt(&scrub(line))));
            }
        }
    }
    println!("{} of {lines} recorded lines changed", changed.len());
    assert!(lines > 5_000, "the recordings are not where they were");
    assert_eq!(changed, Vec::<String>::new());
}

/// Pieces of which the scrubber knows something, in an order of which it knows nothing.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "MRN", "DOB", "ssn", "patient", "born", "icd-10", "dx", "phone", "tel", "PID|", "Smith", "John", "Mar", "E11",
            "123", "45", "6789", "1957", "03", "555", "4111", "1111", "1EG4", "TE5", "MK73", "a@b", "x@y.zz", "@", "%40",
            "-", " ", ".", "_", "/", ":", "(", ")", "+1", "[removed: ssn]", "[removed: ", "[removed: text]", "]", "\n", "é",
            "\u{FF11}", "\u{2013}", "\u{0}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[0-9A-Za-z]{1,12}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_is_scrubbed_is_at_rest(text in pieces()) {
        let clean = scrub(&text).into_owned();
        prop_assert_eq!(&*scrub(&clean), &*clean);
        prop_assert!(clean.len() <= 4 * text.len() + 32, "{} of {}", clean.len(), text.len());
    }

    #[test]
    fn any_text_at_all_is_scrubbed(text in any::<String>()) {
        let clean = scrub(&text).into_owned();
        prop_assert_eq!(&*scrub(&clean), &*clean);
    }
}

/// A text that was made to keep the scrubber busy costs no more than its length.
#[test]
fn no_text_takes_long() {
    for piece in [
        "MRN ",
        "a.b-c_",
        "1 ",
        "123-45-678",
        "patient_",
        "+1 (",
        "d.o.b. ",
        "4111 ",
        "A.A@",
        "1EG4-TE5",
        "x@y.z",
    ] {
        let text = piece.repeat(256 * 1024 / piece.len());
        let begun = std::time::Instant::now();
        let clean = scrub(&text).into_owned();
        assert_eq!(scrub(&clean), clean);
        let took = begun.elapsed();
        assert!(took.as_secs() < 5, "{piece:?} took {took:?}");
    }
}
