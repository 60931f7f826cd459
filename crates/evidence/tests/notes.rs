//! Signed notes, verifier keys, checkpoints and cosignatures.

#[path = "common/log.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod log;

use log::{SiteLog, moment};
use proofline_evidence::note::{
    Checkpoint, Note, NoteKey, NoteSignature, SignatureKind, cosign, sign_checkpoint,
};
use proofline_evidence::{Digest, Reason, SigningKey};
use proptest::prelude::*;

/// The example of Go's package `golang.org/x/mod/sumdb/note`.
const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PUBLISHED_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn reason<T>(result: Result<T, proofline_evidence::Defect>) -> Option<Reason> {
    result.err().map(|defect| defect.reason)
}

#[test]
fn a_published_note_verifies_with_its_published_key() {
    let key: NoteKey = PUBLISHED_KEY.parse().expect("published");
    assert_eq!(key.to_string(), PUBLISHED_KEY);
    let note = Note::parse(PUBLISHED_NOTE.as_bytes()).expect("published");
    assert_eq!(note.verify(&key), Ok(None));
    assert_eq!(note.to_string(), PUBLISHED_NOTE);
    let changed = Note::parse(PUBLISHED_NOTE.replace("answer", "anwser").as_bytes()).expect("a note");
    assert_eq!(reason(changed.verify(&key)), Some(Reason::NoteSignature));
}

#[test]
fn a_verifier_key_has_one_spelling() {
    for bad in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert_eq!(reason(bad.parse::<NoteKey>()), Some(Reason::NoteKeyMalformed), "{bad}");
    }
    let weak =
        format!("a+00000000+{}", proofline_evidence::encoding::encode([&[1_u8][..], &[0; 32]].concat()));
    assert_eq!(reason(weak.parse::<NoteKey>()), Some(Reason::KeyWeak));
}

#[test]
fn what_is_not_a_note_is_refused() {
    let sign = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    for bad in [
        String::new(),
        "text\n".into(),
        format!("text\n{sign}\n"),
        format!("text\n\n{sign}"),
        format!("text\n\n{sign}\n\n"),
        format!("text\r\n\n{sign}\n"),
        format!("te\0xt\n\n{sign}\n"),
        format!("text\n\n{}\n", sign.replace('\u{2014}', "-")),
        format!("text\n\n{}\n", sign.replace("Peter", "Peter+")),
        "text\n\n\u{2014} a AAAA\n".into(),
        "text\n\n\u{2014}  AAAAAAAA\n".into(),
        format!("text\n\n{}", format!("{sign}\n").repeat(65)),
    ] {
        assert_eq!(reason(Note::parse(bad.as_bytes())), Some(Reason::NoteMalformed), "{bad:?}");
    }
    assert_eq!(reason(Note::parse(b"te\xffxt\n\n")), Some(Reason::NoteMalformed));
    for bad in ["text\n\n\u{2014} a AAAAAAA\n".into(), format!("text\n\n{sign} \n")] {
        assert_eq!(reason(Note::parse(bad.as_bytes())), Some(Reason::Base64), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_opens_with_its_key_its_origin_and_its_time() {
    let log = SiteLog::new(1, 1);
    let (note, policy) = (log.checkpoint(), log.policy());
    let open = |note: &str, origin: &str| Checkpoint::open(note.as_bytes(), &policy.checkpoint_key, origin);
    let opened = open(&note, &policy.origin()).expect("own checkpoint");
    assert_eq!((opened.checkpoint.size, opened.signed_at), (3, moment(180)));
    assert_eq!(reason(open(&note, "inst_x/evidence/site_x")), Some(Reason::CheckpointOrigin));

    let lines: Vec<_> = note.split_inclusive('\n').collect();
    let plain_only = lines[..5].concat();
    assert_eq!(reason(open(&plain_only, &policy.origin())), Some(Reason::CheckpointTime));
    let time_only = [&lines[..4], &lines[5..]].concat().concat();
    assert_eq!(reason(open(&time_only, &policy.origin())), Some(Reason::NoteUnsigned));
    let resized = note.replacen("\n3\n", "\n4\n", 1);
    assert_eq!(reason(open(&resized, &policy.origin())), Some(Reason::NoteSignature));
}

#[test]
fn the_three_lines_have_one_spelling() {
    let root = proofline_evidence::encoding::encode(Digest::of("root"));
    for bad in [
        format!("o\n1\n{root}"),
        format!("o\n1\n{root}\nextension\n"),
        format!("\n1\n{root}\n"),
        format!("o\n01\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n1 \n{root}\n"),
        format!("o\n9007199254740992\n{root}\n"),
        "o\n1\nAAAA\n".into(),
        "o\n1\n".into(),
    ] {
        assert_eq!(reason(Checkpoint::parse_text(&bad)), Some(Reason::CheckpointMalformed), "{bad:?}");
    }
    let good = format!("o\n9007199254740991\n{root}\n");
    assert_eq!(Checkpoint::parse_text(&good).map(|checkpoint| checkpoint.to_text()), Ok(good));
}

#[test]
fn a_witness_adds_its_cosignature_and_time() {
    let (log, witness) = (SiteLog::new(1, 1), SigningKey::from_seed(&[9; 32]));
    let note = cosign(log.checkpoint().as_bytes(), "witness.example/w1", &witness, moment(200))
        .expect("own checkpoint");
    let key = NoteKey::new("witness.example/w1", SignatureKind::Timestamped, witness.public_key().clone())
        .expect("sound");
    let parsed = Note::parse(note.as_bytes()).expect("a note");
    assert_eq!(parsed.verify(&key), Ok(Some(u64::try_from(moment(200).timestamp()).expect("positive"))));
    let policy = log.policy();
    assert!(Checkpoint::open(note.as_bytes(), &policy.checkpoint_key, &policy.origin()).is_ok());
    // The time is signed: moving it by a second breaks the signature.
    let mut line = parsed.signatures().last().expect("three").clone();
    line.signature[7] ^= 1;
    let mut moved = Note::unsigned(parsed.text()).expect("own text");
    moved.add_signature(line);
    assert_eq!(reason(moved.verify(&key)), Some(Reason::NoteSignature));
    // A plain signature by the same key is no cosignature.
    assert_eq!(reason(parsed.verify(&key.as_kind(SignatureKind::Plain))), Some(Reason::NoteUnsigned));
}

#[test]
fn one_bad_signature_of_a_known_key_refuses_the_note() {
    let key = SigningKey::from_seed(&[9; 32]);
    let checkpoint = Checkpoint { origin: "o".into(), size: 0, root: Digest::of("") };
    let note = sign_checkpoint(&checkpoint, "k", &key, moment(0)).expect("sound");
    let mut parsed = Note::parse(note.as_bytes()).expect("own note");
    let mut bad: NoteSignature = parsed.signatures()[0].clone();
    bad.signature[0] ^= 1;
    parsed.add_signature(bad);
    let note_key = NoteKey::new("k", SignatureKind::Plain, key.public_key().clone()).expect("sound");
    assert_eq!(reason(parsed.verify(&note_key)), Some(Reason::NoteSignature));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,80}") {
        let _ = Note::parse(&bytes);
        let _ = NoteSignature::parse(&text);
        let _ = text.parse::<NoteKey>();
        let _ = Checkpoint::parse_text(&text);
    }

    #[test]
    fn what_is_read_is_written_back(lines in prop::collection::vec("[^\\n\\x00-\\x1f]{0,20}", 1..4), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = SigningKey::from_seed(&[9; 32]);
        let text: String = lines.join("\n") + "\n";
        let mut note = Note::unsigned(text).expect("clean");
        note.sign("k", &key).expect("sound");
        let bytes = note.to_string().into_bytes();
        let parsed = Note::parse(&bytes).expect("own note");
        prop_assert_eq!(&parsed, &note);
        let mut flipped = bytes.clone();
        let place = place.index(flipped.len());
        flipped[place] ^= 1 << bit;
        let note_key = NoteKey::new("k", SignatureKind::Plain, key.public_key().clone()).expect("sound");
        prop_assert!(Note::parse(&flipped).and_then(|note| note.verify(&note_key)).is_err());
    }
}
