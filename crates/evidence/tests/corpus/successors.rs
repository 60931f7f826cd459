//! Chains of checkpoint keys: who may follow on whom, and which of them may have signed when.

use chrono::TimeDelta;
use proofline_core::Timestamp;
use proofline_evidence::encoding::encode;
use proofline_evidence::note::{CheckpointKeys, NoteKey, SUCCESSOR_PAYLOAD_TYPE};
use proofline_evidence::{Defect, Reason, SigningKey, dsse};
use serde::Serialize;

use crate::log::{SiteLog, moment};

#[derive(Serialize)]
struct Case {
    name: String,
    first_key: String,
    successors: Vec<String>,
    note: String,
    origin: String,
    /// Which key of the chain signed, counted from 0.
    signer: Option<usize>,
    reason: Option<&'static str>,
}

struct Cases {
    log: SiteLog,
    keys: Vec<SigningKey>,
    made: Vec<Case>,
}

fn hour(count: i64) -> Timestamp {
    moment(3_600 * count)
}

impl Cases {
    fn successor(&self, before: usize, after: usize, from: i64) -> String {
        self.log.successor(&self.keys[before], &self.keys[after], (hour(from), hour(from + 1)))
    }

    /// A statement with one text changed, signed properly.
    fn saying(&self, before: usize, after: usize, change: (&str, &str)) -> String {
        let payload = format!(
            r#"{{"installation":"{}","role":"checkpoint","predecessor":"{}","successor":"{}","not_before":"2026-11-22T03:50:00Z","predecessor_until":"2026-11-22T04:50:00Z"}}"#,
            self.log.installation,
            self.keys[before].id(),
            self.keys[after].public_key().to_base64(),
        );
        assert!(payload.contains(change.0), "{}", change.0);
        let payload = payload.replacen(change.0, change.1, 1);
        let envelope = dsse::sign(SUCCESSOR_PAYLOAD_TYPE, payload.as_bytes(), &self.keys[before]);
        String::from_utf8(envelope).expect("ASCII")
    }

    fn note(&self, key: usize, at: Timestamp) -> String {
        self.log.checkpoint_by(&self.keys[key], &self.log.entries, at)
    }

    fn add(&mut self, name: &str, successors: &[String], note: String, expected: Result<usize, Reason>) {
        let (first_key, origin) = (self.log.policy().checkpoint_key.to_string(), self.log.policy().origin());
        let open = || -> Result<usize, Defect> {
            let first: NoteKey = first_key.parse()?;
            let keys = CheckpointKeys::from_statements(&first, successors)?;
            Ok(keys.open(note.as_bytes(), &origin)?.1)
        };
        let found = open();
        assert_eq!(
            found.as_ref().map_err(|defect| defect.reason),
            expected.as_ref().map_err(|it| *it),
            "{name}"
        );
        let reason = super::code(&found);
        let successors = successors.to_vec();
        self.made.push(Case {
            name: name.into(),
            first_key,
            successors,
            note,
            origin,
            signer: found.ok(),
            reason,
        });
    }
}

#[test]
fn successors() {
    let mut log = SiteLog::new(81, 1);
    log.fill(5);
    let mut keys = vec![log.first_checkpoint_key.clone()];
    keys.extend((0..3).map(|_| log.fresh_key()));
    let mut cases = Cases { log, keys, made: Vec::new() };
    // The second key from hour 1 on, the first one until hour 2; the third from hour 3 on, the second until hour 4.
    let [one, two] = [cases.successor(0, 1, 1), cases.successor(1, 2, 3)];
    let both = [one.clone(), two.clone()];
    let second = TimeDelta::seconds(1);
    for (name, key, at, expected) in [
        ("the first key at first", 0, hour(0), Ok(0)),
        ("the first key in its last second", 0, hour(2) - second, Ok(0)),
        ("the first key at its end", 0, hour(2), Err(Reason::CheckpointKeyTime)),
        ("the second key before its time", 1, hour(1) - second, Err(Reason::CheckpointKeyTime)),
        ("the second key in its first second", 1, hour(1), Ok(1)),
        ("the second key at its end", 1, hour(4), Err(Reason::CheckpointKeyTime)),
        ("the third key before its time", 2, hour(3) - second, Err(Reason::CheckpointKeyTime)),
        ("the third key years later", 2, hour(50_000), Ok(2)),
        ("a key that nothing leads to", 3, hour(3), Err(Reason::SuccessorMissing)),
    ] {
        let note = cases.note(key, at);
        cases.add(name, &both, note, expected);
    }
    let (early, late) = (cases.note(0, hour(0)), cases.note(1, hour(1)));
    cases.add("no successors, and none needed", &[], early.clone(), Ok(0));
    cases.add("no successors", &[], late.clone(), Err(Reason::SuccessorMissing));
    let unsigned =
        format!("{}\n\u{2014} nobody AAAAAAAA\n", late.split_inclusive('\n').take(3).collect::<String>());
    cases.add("a note that nobody of the chain signed", &both, unsigned, Err(Reason::NoteUnsigned));
    let order = Reason::SuccessorOrder;
    cases.add("swapped", &[two.clone(), one.clone()], early.clone(), Err(order));
    cases.add("the first one absent", std::slice::from_ref(&two), early.clone(), Err(order));
    cases.add("the first one twice", &[one.clone(), one.clone()], early.clone(), Err(order));
    let rival = cases.successor(0, 3, 1);
    cases.add("two successors of one key", &[one.clone(), rival], early.clone(), Err(order));
    let back = cases.successor(1, 0, 3);
    cases.add("back to the first key", &[one.clone(), back], early.clone(), Err(order));
    let own = cases.successor(0, 0, 1);
    cases.add("a key that names itself", &[own], early.clone(), Err(order));
    let by_itself = cases.successor(1, 1, 1);
    cases.add("signed by the successor itself", std::slice::from_ref(&by_itself), early.clone(), Err(order));
    let invalid = Reason::SuccessorInvalid;
    let ids = [cases.keys[0].id().to_string(), cases.keys[1].id().to_string()];
    let renamed = by_itself.replace(&ids[1], &ids[0]);
    cases.add(
        "signed by the successor under the name of the key before",
        &[renamed],
        early.clone(),
        Err(invalid),
    );
    for text in ["", "{}", "x", &format!("{one} x"), &one.replace("key-successor", "key-successors")] {
        cases.add("no statement", &[text.to_owned()], early.clone(), Err(invalid));
    }
    cases.add("white space in the envelope", &[one.replace(',', ", ")], late.clone(), Ok(1));
    cases.add("too large", &[format!("{one}{}", " ".repeat(4_096))], early.clone(), Err(invalid));
    let weak = (cases.keys[1].public_key().to_base64(), encode([0; 32]));
    let changes = [
        ("another role", "\"checkpoint\"".to_owned(), "\"orders\"".to_owned()),
        (
            "another installation",
            cases.log.installation.to_string(),
            SiteLog::new(82, 1).installation.to_string(),
        ),
        ("another predecessor", ids[0].clone(), ids[1].clone()),
        ("a weak key", weak.0, weak.1),
        ("no gap allowed", "T04:50:00Z".to_owned(), "T03:50:00Z".to_owned()),
        ("a time in another spelling", "T03:50:00Z".to_owned(), "T03:50:00.000Z".to_owned()),
        ("a time with an offset", "T03:50:00Z".to_owned(), "T03:50:00+00:00".to_owned()),
        ("a field too many", "\"role\"".to_owned(), "\"x\":null,\"role\"".to_owned()),
        ("a field twice", "\"role\"".to_owned(), "\"role\":\"checkpoint\",\"role\"".to_owned()),
        ("a field too few", "\"role\":\"checkpoint\",".to_owned(), String::new()),
    ];
    for (name, from, to) in changes {
        let said = cases.saying(0, 1, (&from, &to));
        cases.add(name, &[said], early.clone(), Err(invalid));
    }
    // Checkpoints are dated in whole seconds: a key signs in the second in which its time comes.
    let said = cases.saying(0, 1, ("T03:50:00Z", "T03:50:00.75Z"));
    cases.add("a fraction of another length", &[said], early.clone(), Err(invalid));
    let said = cases.saying(0, 1, ("T03:50:00Z", "T03:50:00.750Z"));
    cases.add("a fraction of a second", &[said], late, Ok(1));
    let about = "A chain of checkpoint keys and a note: `signer` is the place of the key that signed in its time, counted from 0, else \
                 `reason` says why the chain or the note is refused.";
    super::hold("successors.json", about, &cases.made);
}
