//! Checkpoints as signed notes, sound and each with one defect.

use proofline_evidence::note::{Checkpoint, NoteKey, OpenedCheckpoint, cosign};
use proofline_evidence::{Defect, Reason, SigningKey};
use serde::Serialize;

use crate::log::{SiteLog, moment};

#[derive(Serialize)]
struct Case {
    name: String,
    note: String,
    key: String,
    origin: String,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
}

fn decide(note: &str, key: &str, origin: &str) -> Result<OpenedCheckpoint, Defect> {
    let key: NoteKey = key.parse()?;
    Checkpoint::open(note.as_bytes(), &key, origin)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn checkpoints() {
    let (mut log, other) = (SiteLog::new(31, 1), SiteLog::new(32, 1));
    log.fill(9);
    let (sound, vkey, origin) =
        (log.checkpoint(), log.policy().checkpoint_key.to_string(), log.policy().origin());
    let lines: Vec<_> = sound.split_inclusive('\n').map(str::to_owned).collect();
    let [_, size, _, _, plain, timed] = &lines[..] else { panic!("six lines") };
    let mut cases = Vec::new();
    let mut add_with = |name: &str, note: String, key: &str, origin: &str, expected: Option<Reason>| {
        let result = decide(&note, key, origin);
        let reason = super::expect(name, &result, expected);
        let opened = result.ok();
        cases.push(Case {
            name: name.into(),
            note,
            key: key.into(),
            origin: origin.into(),
            reason,
            size: opened.as_ref().map(|opened| opened.checkpoint.size),
            root: opened.as_ref().map(|opened| opened.checkpoint.root.to_string()),
            signed_at: opened.as_ref().map(|opened| proofline_core::format_rfc3339(opened.signed_at)),
        });
    };
    add_with(
        "another key",
        sound.clone(),
        &other.policy().checkpoint_key.to_string(),
        &origin,
        Some(Reason::NoteUnsigned),
    );
    add_with(
        "another origin",
        sound.clone(),
        &vkey,
        &other.policy().origin(),
        Some(Reason::CheckpointOrigin),
    );
    let key_malformed = Some(Reason::NoteKeyMalformed);
    add_with("no key", sound.clone(), "", &origin, key_malformed);
    add_with(
        "a key without hash",
        sound.clone(),
        &Checkpoint::key_name(log.installation),
        &origin,
        key_malformed,
    );
    add_with(
        "a key under another name",
        sound.clone(),
        &vkey.replacen("inst_", "inst-", 1),
        &origin,
        key_malformed,
    );
    add_with(
        "a key of an unknown kind",
        sound.clone(),
        &vkey.replacen("+A", "+B", 1),
        &origin,
        key_malformed,
    );
    add_with("a key without padding", sound.clone(), vkey.trim_end_matches('='), &origin, {
        let padded = vkey.ends_with('=');
        if padded { Some(Reason::Base64) } else { None }
    });

    let mut add =
        |name: &str, note: String, expected: Option<Reason>| add_with(name, note, &vkey, &origin, expected);
    add("sound", sound.clone(), None);
    let witness = SigningKey::from_seed(&[9; 32]);
    let cosigned = cosign(sound.as_bytes(), "witness.example/w1", &witness, moment(1)).expect("sound");
    add("with an unknown cosignature", cosigned, None);
    let join = |parts: &[&str]| parts.concat();
    add("the signatures in another order", join(&[&lines[..4].concat(), timed, plain]), None);
    add("the plain signature twice", join(&[&sound, plain]), None);
    add("no time", join(&[&lines[..4].concat(), plain]), Some(Reason::CheckpointTime));
    add("only the time", join(&[&lines[..4].concat(), timed]), Some(Reason::NoteUnsigned));
    add("another size", sound.replacen(size.as_str(), "8\n", 1), Some(Reason::NoteSignature));
    add("a line more, unsigned", sound.replacen("\n\n", "\nmore\n\n", 1), Some(Reason::NoteSignature));

    let signature = Some(Reason::NoteSignature);
    let (name, encoded) = plain.trim_end().rsplit_once(' ').expect("name and signature");
    let bytes = proofline_evidence::encoding::decode(encoded).expect("own base64");
    let line = |bytes: &[u8]| format!("{name} {}\n", proofline_evidence::encoding::encode(bytes));
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    add("a flipped bit in the signature", sound.replacen(plain.as_str(), &line(&flipped), 1), signature);
    add("a bad signature beside the good one", join(&[&sound, &line(&flipped)]), signature);
    add("a short signature", sound.replacen(plain.as_str(), &line(&bytes[..67]), 1), signature);
    add(
        "a bare key hash",
        sound.replacen(plain.as_str(), &line(&bytes[..4]), 1),
        Some(Reason::NoteMalformed),
    );
    let mut renamed = bytes;
    renamed[0] ^= 1;
    add("another key hash", sound.replacen(plain.as_str(), &line(&renamed), 1), Some(Reason::NoteUnsigned));

    let malformed = Some(Reason::NoteMalformed);
    add("nothing", String::new(), malformed);
    add("no signatures", lines[..4].concat(), malformed);
    add("no empty line", sound.replacen("\n\n", "\n", 1), malformed);
    add("no line feed at the end", sound.trim_end().to_owned(), malformed);
    add("an empty line at the end", format!("{sound}\n"), malformed);
    add("carriage returns", sound.replace('\n', "\r\n"), malformed);
    add("a tab", sound.replacen("inst_", "\tinst_", 1), malformed);
    add("a hyphen for the dash", sound.replacen('\u{2014}', "-", 1), malformed);
    add("two spaces", sound.replacen("\u{2014} ", "\u{2014}  ", 1), malformed);
    add("a no-break space in a name", format!("{sound}\u{2014} a\u{a0}b AAAAAAAA\n"), malformed);
    add("a next-line character in a name", format!("{sound}\u{2014} a\u{85}b AAAAAAAA\n"), malformed);
    add("a zero-width no-break space in a name", format!("{sound}\u{2014} a\u{feff}b AAAAAAAA\n"), None);
    add("a plus in a name", format!("{sound}\u{2014} a+b AAAAAAAA\n"), malformed);
    add("signatures without bounds", format!("{sound}{}", "\u{2014} a AAAAAAAA\n".repeat(63)), malformed);
    add("as many signatures as allowed", format!("{sound}{}", "\u{2014} a AAAAAAAA\n".repeat(62)), None);
    add("base64 without padding", format!("{sound}\u{2014} a AAAAAAA\n"), Some(Reason::Base64));
    add(
        "base64 with a space",
        sound.replacen(plain.as_str(), &format!("{} \n", plain.trim_end()), 1),
        Some(Reason::Base64),
    );

    signed_nonsense(&log, &mut add);
    let about = "`note` is opened with the verifier key `key` and must be a checkpoint of `origin`; if so, `size`, `root` and \
                 `signed_at` are what it says.";
    super::hold("checkpoints.json", about, &cases);
}

/// Texts that the log's key really signed, and that are no checkpoints.
fn signed_nonsense(log: &SiteLog, add: &mut impl FnMut(&str, String, Option<Reason>)) {
    use proofline_evidence::note::Note;
    let (origin, name) = (log.policy().origin(), Checkpoint::key_name(log.installation));
    let root = proofline_evidence::encoding::encode([7; 32]);
    let mut signed = |case: &str, text: String, seconds: u64, expected| {
        let mut note = Note::unsigned(text).expect("ends with a line feed");
        note.sign(&name, &log.checkpoint_key).expect("a sound name");
        note.sign_timestamped(&name, &log.checkpoint_key, seconds).expect("a sound name");
        add(case, note.to_string(), expected);
    };
    let malformed = Some(Reason::CheckpointMalformed);
    signed("the largest size", format!("{origin}\n9007199254740991\n{root}\n"), 1, None);
    signed("a size too large", format!("{origin}\n9007199254740992\n{root}\n"), 1, malformed);
    signed("a size with a leading zero", format!("{origin}\n09\n{root}\n"), 1, malformed);
    signed("a size with a sign", format!("{origin}\n+9\n{root}\n"), 1, malformed);
    signed("a size in other digits", format!("{origin}\n٣\n{root}\n"), 1, malformed);
    signed("no size", format!("{origin}\n\n{root}\n"), 1, malformed);
    signed("size zero", format!("{origin}\n0\n{root}\n"), 1, None);
    signed("a short root", format!("{origin}\n9\nAAAA\n"), 1, malformed);
    signed(
        "a root in another base64",
        format!("{origin}\n9\n{}\n", root.trim_end_matches('=')),
        1,
        Some(Reason::Base64),
    );
    signed("an extension line", format!("{origin}\n9\n{root}\nmore\n"), 1, malformed);
    signed("two lines", format!("{origin}\n9\n"), 1, malformed);
    signed("no origin", format!("\n9\n{root}\n"), 1, malformed);
    signed("time zero", format!("{origin}\n9\n{root}\n"), 0, None);
    signed("the end of the year 9999", format!("{origin}\n9\n{root}\n"), 253_402_300_799, None);
    signed("the year 10000", format!("{origin}\n9\n{root}\n"), 253_402_300_800, Some(Reason::CheckpointTime));
    signed("the end of time", format!("{origin}\n9\n{root}\n"), u64::MAX, Some(Reason::CheckpointTime));
}
