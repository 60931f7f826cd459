//! Entries with their proofs, as a browser gets them, and the step at which a tampered one fails.

use chrono::TimeDelta;
use proofline_core::Verdict;
use proofline_evidence::encoding::{decode, decode_array, encode};
use proofline_evidence::entry::{EntryProof, EntryRefused, Step, VerifiedEntry, verify_entry};
use proofline_evidence::merkle::{Frontier, leaf_hash, prove_inclusion};
use proofline_evidence::note::{Checkpoint, CheckpointKeys, NoteKey};
use proofline_evidence::statement::{Attestation, Body, KeyAction, KeyRole};
use proofline_evidence::{Defect, Digest, PublicKey, Reason};
use serde::Serialize;

use crate::log::{Signer, SiteLog, full_run};

/// Exactly what the verifier in the browser is given.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Input {
    pub(crate) envelope: String,
    pub(crate) index: u64,
    pub(crate) inclusion_proof: Vec<String>,
    pub(crate) checkpoint_note: String,
    pub(crate) checkpoint_key: String,
    pub(crate) successors: Vec<String>,
    pub(crate) signer_key: String,
    pub(crate) expected_origin: String,
}

#[derive(Serialize)]
struct Case {
    name: String,
    input: Input,
    failed_step: Option<&'static str>,
    reason: Option<&'static str>,
}

impl Input {
    /// The entry at `index` of the log, with its proof under the current head.
    pub(crate) fn of(log: &SiteLog, index: usize, signer: Signer) -> Self {
        let leaves: Vec<_> = log.entries.iter().map(|entry| leaf_hash(entry)).collect();
        let appended = Frontier::new().append(&leaves);
        let proof =
            prove_inclusion(&appended, index as u64, appended.size()).expect("all leaves are at hand");
        Self {
            envelope: String::from_utf8(log.entries[index].clone()).expect("ASCII"),
            index: index as u64,
            inclusion_proof: proof.iter().map(encode).collect(),
            checkpoint_note: log.checkpoint(),
            checkpoint_key: log.policy().checkpoint_key.to_string(),
            successors: log.successors.clone(),
            signer_key: log.key(signer).public_key().to_base64(),
            expected_origin: log.policy().origin(),
        }
    }

    /// What this crate decides, starting from text as the browser does.
    pub(crate) fn decide(&self) -> Result<VerifiedEntry, EntryRefused> {
        let at = |step: Step| move |defect: Defect| EntryRefused { step, defect };
        let checkpoint_key: NoteKey = self.checkpoint_key.parse().map_err(at(Step::Keys))?;
        let checkpoint_keys =
            CheckpointKeys::from_statements(&checkpoint_key, &self.successors).map_err(at(Step::Keys))?;
        let signer_key = PublicKey::from_base64(&self.signer_key).map_err(at(Step::Keys))?;
        let hash = |text: &String| decode_array(text, Reason::ProofLength).map(Digest::from_bytes);
        let hashes: Result<Vec<_>, _> = self.inclusion_proof.iter().map(hash).collect();
        // A proof that cannot be read fails where proofs are judged, behind the checkpoint.
        checkpoint_keys
            .open(self.checkpoint_note.as_bytes(), &self.expected_origin)
            .map_err(at(Step::Checkpoint))?;
        verify_entry(&EntryProof {
            envelope: self.envelope.as_bytes(),
            index: self.index,
            inclusion_proof: &hashes.map_err(at(Step::Inclusion))?,
            checkpoint_note: self.checkpoint_note.as_bytes(),
            checkpoint_keys: &checkpoint_keys,
            signer_key: &signer_key,
            expected_origin: &self.expected_origin,
        })
    }
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add(&mut self, name: &str, input: Input, expected: Option<(Step, Reason)>) {
        let found = input.decide().err().map(|refused| (refused.step, refused.defect.reason));
        assert_eq!(found, expected, "{name}");
        let (failed_step, reason) =
            (found.map(|(step, _)| step.name()), found.map(|(_, reason)| reason.code()));
        self.0.push(Case { name: name.into(), input, failed_step, reason });
    }
}

fn attestation() -> Body {
    Body::Attestation(Attestation { statement: "so it was".into(), by: "role:owner".into() })
}

#[test]
fn entries() {
    let one = Signer::Appliance(0);
    let mut log = SiteLog::new(41, 1);
    log.state(one, attestation());
    log.fill(11);
    let mut cases = Cases::default();
    for (index, signer) in [(0, Signer::Server), (3, one), (4, one), (10, one)] {
        cases.add(&format!("entry {index}"), Input::of(&log, index, signer), None);
    }
    let mut single = SiteLog::new(42, 1);
    single.entries.truncate(1);
    cases.add("the only entry of a log", Input::of(&single, 0, Signer::Server), None);
    rotated(&mut cases);
    tampered_proofs(&mut cases, &log);
    tampered_keys(&mut cases, &log);
    signed_lies(&mut cases, &log);
    let about = "An entry as the browser gets it: `failed_step` is the first step that refuses (keys, checkpoint, inclusion, \
                 envelope, signature, statement, claims), `reason` why; both null where the entry verifies.";
    super::hold("entries.json", about, &cases.0);
}

/// Entries before and behind a change of both server keys, under a head of the last checkpoint key.
fn rotated(cases: &mut Cases) {
    let one = Signer::Appliance(0);
    let mut log = SiteLog::new(45, 1);
    let fresh = log.fresh_key();
    log.key_event(KeyAction::Rotated, KeyRole::ServerFacts, &fresh, None);
    log.server_key = fresh;
    log.rotate_checkpoint();
    log.rotate_checkpoint();
    log.state(one, attestation());
    log.state(Signer::Server, attestation());
    for (index, signer) in [(4, one), (5, Signer::Server)] {
        cases.add(
            &format!("entry {index} under the third checkpoint key"),
            Input::of(&log, index, signer),
            None,
        );
    }
    let sound = Input::of(&log, 4, one);
    let mut add = |name: &str, change: &dyn Fn(&mut Input), step: Step, reason: Reason| {
        let mut input = sound.clone();
        change(&mut input);
        cases.add(name, input, Some((step, reason)));
    };
    let checkpoint = Step::Checkpoint;
    add("no successors", &|input| input.successors.clear(), checkpoint, Reason::SuccessorMissing);
    add(
        "the last successor gone",
        &|input| drop(input.successors.pop()),
        checkpoint,
        Reason::SuccessorMissing,
    );
    add(
        "the first successor gone",
        &|input| drop(input.successors.remove(0)),
        Step::Keys,
        Reason::SuccessorOrder,
    );
    add("successors swapped", &|input| input.successors.swap(0, 1), Step::Keys, Reason::SuccessorOrder);
    add("a cut successor", &|input| cut(&mut input.successors[1]), Step::Keys, Reason::SuccessorInvalid);
    let late = log.checkpoint_by(&log.first_checkpoint_key, &log.entries, log.now() + TimeDelta::hours(1));
    add(
        "the first key after its end",
        &|input| input.checkpoint_note.clone_from(&late),
        checkpoint,
        Reason::CheckpointKeyTime,
    );
}

/// Takes the last character away.
fn cut(text: &mut String) {
    text.truncate(text.len() - 1);
}

fn tampered_proofs(cases: &mut Cases, log: &SiteLog) {
    let sound = Input::of(log, 4, Signer::Appliance(0));
    let mut add = |name: &str, change: &dyn Fn(&mut Input), step: Step, reason: Reason| {
        let mut input = sound.clone();
        change(&mut input);
        cases.add(name, input, Some((step, reason)));
    };
    let inclusion = Step::Inclusion;
    add("another position", &|input| input.index = 5, inclusion, Reason::ProofRoot);
    add("a position outside", &|input| input.index = 11, inclusion, Reason::ProofIndex);
    add("a position far outside", &|input| input.index = (1 << 53) - 1, inclusion, Reason::ProofIndex);
    add("one hash too few", &|input| drop(input.inclusion_proof.pop()), inclusion, Reason::ProofLength);
    add(
        "one hash too many",
        &|input| input.inclusion_proof.push(encode([0; 32])),
        inclusion,
        Reason::ProofLength,
    );
    add("no hashes", &|input| input.inclusion_proof.clear(), inclusion, Reason::ProofLength);
    add("two hashes swapped", &|input| input.inclusion_proof.swap(0, 1), inclusion, Reason::ProofRoot);
    add("another hash", &|input| input.inclusion_proof[2] = encode([7; 32]), inclusion, Reason::ProofRoot);
    add("a short hash", &|input| input.inclusion_proof[2] = encode([7; 31]), inclusion, Reason::ProofLength);
    add("a hash in another base64", &|input| cut(&mut input.inclusion_proof[2]), inclusion, Reason::Base64);
    let other_entry = Input::of(log, 3, Signer::Appliance(0)).envelope;
    add(
        "another entry's envelope",
        &|input| input.envelope.clone_from(&other_entry),
        inclusion,
        Reason::ProofRoot,
    );
    add("a space behind the envelope", &|input| input.envelope.push(' '), inclusion, Reason::ProofRoot);
    add("no envelope", &|input| input.envelope.clear(), inclusion, Reason::ProofRoot);
    let older = log.checkpoint_over(&log.entries[..8]);
    add(
        "an older checkpoint",
        &|input| input.checkpoint_note.clone_from(&older),
        inclusion,
        Reason::ProofLength,
    );
    let shorter = log.checkpoint_over(&log.entries[..4]);
    add(
        "a checkpoint before the entry",
        &|input| input.checkpoint_note.clone_from(&shorter),
        inclusion,
        Reason::ProofIndex,
    );
}

fn tampered_keys(cases: &mut Cases, log: &SiteLog) {
    let (sound, other) = (Input::of(log, 4, Signer::Appliance(0)), SiteLog::new(43, 1));
    let mut add = |name: &str, change: &dyn Fn(&mut Input), step: Step, reason: Reason| {
        let mut input = sound.clone();
        change(&mut input);
        cases.add(name, input, Some((step, reason)));
    };
    let other_key = other.policy().checkpoint_key.to_string();
    add(
        "another checkpoint key",
        &|input| input.checkpoint_key.clone_from(&other_key),
        Step::Checkpoint,
        Reason::NoteUnsigned,
    );
    add("no checkpoint key", &|input| input.checkpoint_key.clear(), Step::Keys, Reason::NoteKeyMalformed);
    let server_key = log.server_key.public_key().to_base64();
    add(
        "the server's key as signer",
        &|input| input.signer_key.clone_from(&server_key),
        Step::Signature,
        Reason::KeyMismatch,
    );
    add("a weak signer key", &|input| input.signer_key = encode([0; 32]), Step::Keys, Reason::KeyWeak);
    let mut no_point = [0; 32];
    no_point[0] = 2;
    add(
        "a signer key that is no point",
        &|input| input.signer_key = encode(no_point),
        Step::Keys,
        Reason::KeyMalformed,
    );
    add("a short signer key", &|input| input.signer_key = encode([0; 31]), Step::Keys, Reason::KeyMalformed);
    add("a signer key in another base64", &|input| cut(&mut input.signer_key), Step::Keys, Reason::Base64);
    let origin = other.policy().origin();
    add(
        "another origin",
        &|input| input.expected_origin.clone_from(&origin),
        Step::Checkpoint,
        Reason::CheckpointOrigin,
    );
    add("a cut note", &|input| cut(&mut input.checkpoint_note), Step::Checkpoint, Reason::NoteMalformed);
}

/// What a log holds and its head commits to, and is wrong nevertheless.
fn signed_lies(cases: &mut Cases, log: &SiteLog) {
    let one = Signer::Appliance(0);
    let fresh = || {
        let mut log = SiteLog::new(41, 1);
        log.state(one, attestation());
        log
    };
    let mut add = |name: &str, envelope: Vec<u8>, step: Step, reason: Reason| {
        let mut log = fresh();
        log.entries.push(envelope);
        cases.add(name, Input::of(&log, 4, one), Some((step, reason)));
    };
    let mut base = fresh();
    let header = base.next_header(one);
    let sound = String::from_utf8(base.envelope(one, header.clone(), attestation())).expect("ASCII");
    add("nothing", Vec::new(), Step::Envelope, Reason::JsonSyntax);
    add("no envelope in the log", b"{}".to_vec(), Step::Envelope, Reason::FieldMissing);
    let doubled = sound.replacen("{\"payload\":", "{\"payload\":\"\",\"payload\":", 1);
    add("a doubled key in the log", doubled.into_bytes(), Step::Envelope, Reason::JsonDuplicateKey);
    let end = sound.len() - 4;
    let padded = format!("{}=\"}}]}}", &sound[..end]);
    add("a signature with stray padding in the log", padded.into_bytes(), Step::Envelope, Reason::Base64);
    let sign = |payload: &[u8]| {
        proofline_evidence::dsse::sign("application/vnd.in-toto+json", payload, base.key(one))
    };
    add("a payload that is no statement", sign(b"{}"), Step::Statement, Reason::FieldMissing);
    let payload = decode(sound.split('"').nth(3).expect("the payload")).expect("own base64");
    let payload = String::from_utf8(payload).expect("UTF-8");
    let twice = payload.replacen("\"seq\":", "\"seq\":1,\"seq\":", 1);
    add(
        "a signed statement with a doubled key",
        sign(twice.as_bytes()),
        Step::Statement,
        Reason::JsonDuplicateKey,
    );
    let float = payload.replacen("\"clock_offset_ms\":-12", "\"clock_offset_ms\":-12.5", 1);
    add("a signed statement with a float", sign(float.as_bytes()), Step::Statement, Reason::JsonNumber);
    let mut elsewhere = header.clone();
    elsewhere.site = SiteLog::new(44, 1).site;
    add(
        "a statement of another site",
        base.envelope(one, elsewhere, attestation()),
        Step::Claims,
        Reason::WrongSite,
    );
    let mut reversed = header.clone();
    reversed.ended = reversed.started - chrono::TimeDelta::microseconds(1);
    add(
        "an end before the start",
        base.envelope(one, reversed, attestation()),
        Step::Claims,
        Reason::TimeReversed,
    );
    let mut late = header.clone();
    late.ended = "2033-01-01T00:00:00Z".parse().expect("a time");
    add(
        "a clock in 2033",
        base.envelope(one, late, attestation()),
        Step::Claims,
        Reason::TimeAfterCheckpoint,
    );
    let mut server = header.clone();
    server.appliance = None;
    let run = Body::CheckRun(full_run(&[("a", Verdict::Pass, "")]));
    add("a run without an appliance", base.envelope(one, server, run), Step::Claims, Reason::KindNotAllowed);

    // As late as two honest clocks allow, to the microsecond: fresh() is signed at its last statement's end.
    let signed_at = Checkpoint::open(
        fresh().checkpoint().as_bytes(),
        &log.policy().checkpoint_key,
        &log.policy().origin(),
    );
    let latest = signed_at.expect("own checkpoint").signed_at + chrono::TimeDelta::minutes(5);
    for (name, beyond) in [("as late as allowed", 0), ("a microsecond too late", 1)] {
        let mut header = header.clone();
        header.ended = latest + chrono::TimeDelta::microseconds(beyond);
        let mut log = fresh();
        let envelope = log.envelope(one, header, attestation());
        log.entries.push(envelope);
        let expected = (beyond > 0).then_some((Step::Claims, Reason::TimeAfterCheckpoint));
        cases.add(name, Input::of(&log, 4, one), expected);
    }
}
