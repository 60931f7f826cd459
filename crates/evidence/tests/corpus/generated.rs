//! Differential testing: sound texts, mutated at random, and what this crate decides about each.
//!
//! Nobody says what the right decision is; the other implementation must take the same one. A thousand cases are committed.
//! More, for a longer run, in `target/tmp`, where the other implementation's test looks for them too:
//! `EVIDENCE_CASES=10000 cargo test -p proofline-evidence --test corpus -- --ignored many_generated`.

use std::path::Path;

use proofline_evidence::dsse::{self, Envelope, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::encoding::encode;
use proofline_evidence::note::{Checkpoint, NoteKey};
use proofline_evidence::statement::{Statement, rules};
use proofline_evidence::{Defect, PublicKey, Reason, Signature, SigningKey};
use serde::Serialize;

use crate::entries::Input;
use crate::log::{Signer, SiteLog};
use crate::statements::{bodies, statement};

/// `splitmix64`: the same numbers on every machine and for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("small");
        usize::try_from(self.roll() % bound).expect("smaller than the bound")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// `remove` bytes at `at` give way to `insert` (base64). Written as a list of these three.
#[derive(Debug, Clone)]
struct Edit {
    at: usize,
    remove: usize,
    insert: String,
}

/// What one case mutates: a text of a layer, with what belongs to it unchanged.
#[derive(Debug, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
enum Base {
    Statement { text: String },
    Envelope { text: String, signer_key: String },
    Checkpoint { text: String, key: String, origin: String },
    Signature { text: String },
    Entry { field: &'static str, text: String, input: Box<Input> },
}

/// Written as a list of these three.
#[derive(Debug)]
struct Case {
    base: usize,
    edits: Vec<Edit>,
    /// `+` and the rules that it breaks where it is accepted; else the reason, behind the step for a whole entry.
    decision: String,
}

#[derive(Debug)]
struct Generated {
    bases: Vec<Base>,
    cases: Vec<Case>,
}

const ABOUT: &str = "Sound texts (`bases`), mutated at random. A case is [number of the base, edits, decision]; an edit is [position, \
    bytes to remove, base64 to insert]; edits apply in order. The decision is `+` and more where the result is accepted, else the \
    reason, behind `step/` for a whole entry. An implementation that decides otherwise is a finding.";

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers")
}

impl Generated {
    /// JSON with a line per case, so that a change of one shows as one.
    fn to_text(&self) -> String {
        let edit = |edit: &Edit| (edit.at, edit.remove, edit.insert.clone());
        let line =
            |case: &Case| json(&(case.base, case.edits.iter().map(edit).collect::<Vec<_>>(), &case.decision));
        let cases: Vec<_> = self.cases.iter().map(line).collect();
        format!(
            "{{\"about\":{},\n\"bases\":{},\n\"cases\":[\n{}\n]}}\n",
            json(&ABOUT),
            json(&self.bases),
            cases.join(",\n")
        )
    }
}

/// What mutations put in: JSON's own signs, and what readers are known to stumble on.
const SNIPPETS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\t",
    b"0",
    b"1",
    b"-",
    b"-0",
    b".5",
    b"e1",
    b"E+1",
    b"00",
    b"9007199254740992",
    b"null",
    b"true",
    b"false",
    b"\"\"",
    b"\\u0000",
    b"\\u0041",
    b"\\ud83d",
    b"\\ude00",
    b"\\ud83d\\ude00",
    b"\\/",
    b"\\x",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\x94 ",
    b"\0",
    b"=",
    b"==",
    b"+",
    b"/",
    b"_",
    b"A",
    b"a",
    b"Z",
    b".000Z",
    b"\"seq\":1,",
    b"\"kind\":\"gap\",",
    b"\"x\":null,",
    b",\"x\":[]",
    b"{},",
    b"\x7f",
    b"\xc2\x85",
    b"\xc2\xa0",
    b"\n\n",
];

fn edits(dice: &mut Dice, length: usize, text: &[u8]) -> Vec<Edit> {
    let count = [1, 1, 1, 2, 3][dice.below(5)];
    let mut length = length;
    let mut one = || {
        let at = dice.below(length + 1);
        let left = length - at;
        let (remove, insert) = match dice.below(6) {
            0 => (dice.below(4).min(left), Vec::new()),
            1 => (0, dice.pick(SNIPPETS).to_vec()),
            2 => (dice.below(4).min(left), dice.pick(SNIPPETS).to_vec()),
            3 => (1.min(left), vec![b' ' + u8::try_from(dice.below(95)).expect("below 95")]),
            4 => (1.min(left), vec![u8::try_from(dice.below(256)).expect("below 256")]),
            _ => {
                // A piece of the text, a second time or somewhere else.
                let begin = dice.below(text.len());
                let end = (begin + 1 + dice.below(40)).min(text.len());
                (dice.below(2) * dice.below(6).min(left), text[begin..end].to_vec())
            }
        };
        length = length - remove + insert.len();
        Edit { at, remove, insert: encode(insert) }
    };
    (0..count).map(|_| one()).collect()
}

fn apply(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for Edit { at, remove, insert } in edits {
        let insert = proofline_evidence::encoding::decode(insert).expect("own base64");
        bytes.splice(*at..at + remove, insert);
    }
    bytes
}

impl Base {
    fn text(&self) -> &str {
        match self {
            Self::Statement { text }
            | Self::Envelope { text, .. }
            | Self::Checkpoint { text, .. }
            | Self::Signature { text }
            | Self::Entry { text, .. } => text,
        }
    }

    /// `None` where the layer cannot be given these bytes: the texts around an entry are UTF-8 already.
    fn decide(&self, bytes: &[u8]) -> Option<String> {
        let plain =
            |result: Result<String, Defect>| result.unwrap_or_else(|defect| defect.reason.code().to_owned());
        match self {
            Self::Statement { .. } => Some(plain(Statement::parse(bytes).map(|statement| {
                let broken: Vec<_> = rules::broken(&statement).into_iter().map(Reason::code).collect();
                format!("+{}", broken.join(","))
            }))),
            Self::Envelope { signer_key, .. } => {
                let key = PublicKey::from_base64(signer_key).expect("a sound key");
                let opened = Envelope::parse(bytes)
                    .and_then(|it| it.verify(STATEMENT_PAYLOAD_TYPE, &key).map(<[u8]>::len));
                Some(plain(opened.map(|_| "+".to_owned())))
            }
            Self::Checkpoint { key, origin, .. } => {
                let key: NoteKey = key.parse().expect("a sound key");
                Some(plain(
                    Checkpoint::open(bytes, &key, origin)
                        .map(|opened| format!("+{}", opened.checkpoint.size)),
                ))
            }
            Self::Signature { .. } => signature(bytes).map(plain),
            Self::Entry { field, input, .. } => {
                let mut input = (**input).clone();
                let text = String::from_utf8(bytes.to_vec()).ok()?;
                match *field {
                    "envelope" => input.envelope = text,
                    "checkpoint_note" => input.checkpoint_note = text,
                    "checkpoint_key" => input.checkpoint_key = text,
                    "signer_key" => input.signer_key = text,
                    "expected_origin" => input.expected_origin = text,
                    _ => input.inclusion_proof[0] = text,
                }
                let refused = input.decide().err();
                Some(
                    refused
                        .map_or("+".into(), |it| format!("{}/{}", it.step.name(), it.defect.reason.code())),
                )
            }
        }
    }
}

/// Key, signature and message in hexadecimal, behind one another.
fn signature(text: &[u8]) -> Option<Result<String, Defect>> {
    let bytes = hex::decode(text).ok()?;
    let (key, rest) = bytes.split_first_chunk::<32>()?;
    let (signature, message): (&Signature, _) = rest.split_first_chunk::<64>()?;
    Some(PublicKey::from_bytes(key).and_then(|key| key.verify(message, signature)).map(|()| "+".to_owned()))
}

fn bases() -> Vec<Base> {
    let statements: Vec<_> = bodies().into_iter().map(statement).collect();
    let bytes = |statement: &Statement| statement.to_bytes().expect("sound");
    let utf8 = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let mut bases: Vec<_> = statements.iter().map(|it| Base::Statement { text: utf8(bytes(it)) }).collect();
    let key = SigningKey::from_seed(&[0x77; 32]);
    let text = utf8(dsse::sign(STATEMENT_PAYLOAD_TYPE, &bytes(&statements[2]), &key));
    bases.push(Base::Envelope { text, signer_key: key.public_key().to_base64() });
    let mut log = SiteLog::new(71, 1);
    log.fill(9);
    let (policy, note) = (log.policy(), log.checkpoint());
    bases.push(Base::Checkpoint {
        text: note,
        key: policy.checkpoint_key.to_string(),
        origin: policy.origin(),
    });
    for message in [&b""[..], b"proofline", &[0xff; 40]] {
        let parts = [&key.public_key().as_bytes()[..], &key.sign(message), message].concat();
        bases.push(Base::Signature { text: hex::encode(parts) });
    }
    let input = Input::of(&log, 5, Signer::Appliance(0));
    let fields = [
        ("envelope", &input.envelope),
        ("checkpoint_note", &input.checkpoint_note),
        ("checkpoint_key", &input.checkpoint_key),
        ("signer_key", &input.signer_key),
        ("expected_origin", &input.expected_origin),
        ("inclusion_proof", &input.inclusion_proof[0]),
    ];
    for (field, text) in fields {
        bases.push(Base::Entry { field, text: text.clone(), input: Box::new(input.clone()) });
    }
    bases
}

/// An edit that often leaves the text sound: a letter or digit for another one, or white space.
fn gentle(dice: &mut Dice, text: &[u8]) -> Edit {
    let at = dice.below(text.len());
    let (remove, insert) = match text[at] {
        b'0'..=b'9' => (1, *dice.pick(b"0123456789")),
        b'a'..=b'z' => (1, *dice.pick(b"abcdefghijklmnopqrstuvwxyz")),
        b'A'..=b'Z' => (1, *dice.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
        _ => (0, *dice.pick(b" \n")),
    };
    Edit { at, remove, insert: encode([insert]) }
}

/// An edit at the beginning of a member or value, where JSON still holds and the format may not.
fn structural(dice: &mut Dice, text: &str) -> Edit {
    let begins: Vec<_> = text.match_indices(['{', ',', '[', ':']).map(|(at, _)| at + 1).collect();
    let at = *dice.pick(&begins);
    let behind = &text[at..];
    let key = behind.split_once("\":").map_or("", |(key, _)| key).rsplit('"').next().unwrap_or_default();
    let value = behind.find([',', '}', ']']).unwrap_or(0);
    let (remove, insert) = match dice.below(10) {
        0 => (0, format!("\"{key}\":0,")),
        1 => (0, format!("\"{key}\":\"{key}\",")),
        2 => (0, "\"x\":{\"a\":[1,2,{}]},".to_owned()),
        3 => (value, "1.0".to_owned()),
        4 => (value, "null".to_owned()),
        5 => (value, "12".to_owned()),
        6 => (value, "\"pass\"".to_owned()),
        7 => (value, "[]".to_owned()),
        8 => (value, "{}".to_owned()),
        _ => (value + 1, String::new()),
    };
    Edit { at, remove: remove.min(text.len() - at), insert: encode(insert) }
}

/// Half of the edits of a signature's text keep it hexadecimal, or nearly all would be refused unread.
fn hexadecimal(dice: &mut Dice, text: &str) -> Vec<Edit> {
    let digit = encode([*dice.pick(b"0123456789abcdef")]);
    let at = [dice.below(text.len()), dice.below(64), 62 + dice.below(4), 190 + dice.below(2)][dice.below(4)];
    vec![Edit { at, remove: 1, insert: digit }]
}

fn generate(seed: u64, count: usize) -> Generated {
    let (mut dice, bases, mut cases) = (Dice(seed), bases(), Vec::with_capacity(count));
    while cases.len() < count {
        let place = dice.below(bases.len());
        let base = &bases[place];
        let edits = match base {
            Base::Signature { text } => hexadecimal(&mut dice, text),
            Base::Statement { text } | Base::Envelope { text, .. } if dice.below(3) == 0 => {
                vec![structural(&mut dice, text)]
            }
            _ if dice.below(2) == 0 => vec![gentle(&mut dice, base.text().as_bytes())],
            _ => edits(&mut dice, base.text().len(), base.text().as_bytes()),
        };
        if let Some(decision) = base.decide(&apply(base.text(), &edits)) {
            cases.push(Case { base: place, edits, decision });
        }
    }
    Generated { bases, cases }
}

#[test]
fn generated_cases() {
    let generated = generate(1, 1_000);
    let accepted = generated.cases.iter().filter(|case| case.decision.starts_with('+')).count();
    assert!((100..900).contains(&accepted), "{accepted} of 1000 accepted: one-sided");
    let mut decisions: Vec<_> = generated.cases.iter().map(|case| &case.decision).collect();
    decisions.sort();
    decisions.dedup();
    assert!(decisions.len() > 30, "only {} different decisions", decisions.len());
    super::hold_text("generated.json", &generated.to_text());
}

#[test]
#[ignore = "writes a large file for the other implementation"]
fn many_generated() {
    let count = std::env::var("EVIDENCE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evidence-differential.json");
    std::fs::write(&path, generate(2, count).to_text()).expect("the folder is writable");
    println!("{count} cases in {}", path.display());
}
