//! Writes an appliance's statements as its agent would: numbered, chained, signed.

use std::collections::BTreeMap;

use proofline_catalog::Catalog;
use proofline_core::{AssetId, Clock, FixedClock, Mode, Timestamp, Verdict};
use proofline_evidence::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use proofline_evidence::note::{Checkpoint, CheckpointKeys, NoteKey, OpenedCheckpoint, SignatureKind};
use proofline_evidence::statement::{
    Body, CheckResult, CheckRun, Gap, Header, Heal, HealOutcome, HealStep, Heartbeat, IncidentChange,
    StateLine, Statement, StepOutcome, state_digest,
};
use proofline_evidence::{Digest, PublicKey, dsse};
use proofline_protocol::{Base64, KeyRole, SubmitRequest, SubmitResponse};
use proofline_testkit::Agent;

/// A check of the catalogue that a Linux server is measured by.
pub(crate) const ROOT_LOGIN: &str = "linux.ssh.root_login";

/// The appliance's memory.
pub(crate) struct Desk {
    pub(crate) agent: Agent,
    pub(crate) asset: AssetId,
    clock: FixedClock,
    pub(crate) seq: u64,
    pub(crate) prev: Digest,
    state: BTreeMap<String, CheckResult>,
    head: Option<OpenedCheckpoint>,
    successors: Vec<String>,
}

pub(crate) fn result(check: &str, verdict: Verdict, observed: &str) -> CheckResult {
    CheckResult {
        check: check.into(),
        verdict,
        expected: "no".into(),
        observed: observed.into(),
        reason: String::new(),
        location: "sshd -T: permitrootlogin".into(),
    }
}

impl Desk {
    pub(crate) fn of(agent: Agent, clock: &FixedClock) -> Self {
        let asset = agent.identity().asset;
        let (state, clock) = (BTreeMap::new(), clock.clone());
        Self { agent, asset, clock, seq: 0, prev: Digest::ZERO, state, head: None, successors: Vec::new() }
    }

    pub(crate) fn header(&self) -> Header {
        let identity = self.agent.identity();
        let now = self.clock.now();
        Header {
            installation: identity.installation,
            site: identity.site,
            appliance: Some(identity.appliance),
            asset: Some(self.asset),
            seq: self.seq + 1,
            prev: self.prev,
            catalogue: identity.catalogue,
            started: now,
            ended: now,
            clock_offset_ms: Some(0),
        }
    }

    /// Signs whatever it is given, without remembering it.
    pub(crate) fn sign(&self, header: Header, body: Body) -> Vec<u8> {
        let payload = Statement::new(header, body).to_bytes().expect("a sound statement");
        dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &payload, &self.agent.key)
    }

    /// The next statement.
    pub(crate) fn state(&mut self, body: Body) -> Vec<u8> {
        let header = self.header();
        self.state_as(header, body)
    }

    fn state_as(&mut self, header: Header, body: Body) -> Vec<u8> {
        self.seq = header.seq;
        let envelope = self.sign(header, body);
        self.prev = Digest::of(&envelope);
        envelope
    }

    pub(crate) fn digest(&self) -> Digest {
        state_digest(self.state.values().map(StateLine::of))
    }

    /// A run with these results.
    pub(crate) fn run(&mut self, results: Vec<CheckResult>) -> Vec<u8> {
        for result in &results {
            self.state.insert(result.check.clone(), result.clone());
        }
        let state = Some(self.digest());
        self.state(Body::CheckRun(CheckRun { results, state }))
    }

    /// A run in which every check of the catalogue has this verdict.
    pub(crate) fn run_all(&mut self, verdict: Verdict) -> Vec<u8> {
        let checks = Catalog::embedded().checks().iter();
        self.run(checks.map(|check| result(&check.id, verdict, "value")).collect())
    }

    /// Forgets a check, as an agent with another catalogue does.
    pub(crate) fn forget(&mut self, check: &str) {
        self.state.remove(check);
    }

    /// Takes a result into the state that later runs and heartbeats vouch for.
    pub(crate) fn remember(&mut self, result: CheckResult) {
        self.state.insert(result.check.clone(), result);
    }

    /// A run of everything that is known.
    pub(crate) fn run_whole(&mut self) -> Vec<u8> {
        self.run(self.state.values().cloned().collect())
    }

    pub(crate) fn heartbeat(&mut self) -> Vec<u8> {
        let (unchanged_since, state) = (self.seq, self.digest());
        self.state(Body::Heartbeat(Heartbeat { unchanged_since, state }))
    }

    pub(crate) fn heartbeats(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.heartbeat()).collect()
    }

    /// Numbers are lost; the statement that says so.
    pub(crate) fn gap(&mut self, lost: u64) -> Vec<u8> {
        let now = self.clock.now();
        let mut header = self.header();
        let first_seq = header.seq;
        header.seq += lost;
        let gap = Gap {
            first_seq,
            last_seq: header.seq - 1,
            from: now,
            to: now,
            reason: "the disk was lost".into(),
        };
        self.state_as(header, Body::Gap(gap))
    }

    /// A closed loop on the root login check.
    pub(crate) fn heal(
        &mut self,
        incident: proofline_core::IncidentId,
        plan: Digest,
        actor: &str,
        after: Verdict,
    ) -> Vec<u8> {
        let observed = if after == Verdict::Pass { "no" } else { "yes" };
        let (before, after) = (result(ROOT_LOGIN, Verdict::Fail, "yes"), result(ROOT_LOGIN, after, observed));
        self.state.insert(after.check.clone(), after.clone());
        let outcome =
            if after.verdict == Verdict::Pass { HealOutcome::Resolved } else { HealOutcome::NotEffective };
        self.state(Body::Heal(Heal {
            incident,
            check: ROOT_LOGIN.into(),
            rule: Some("linux.ssh.root_login@1#ab".into()),
            runbook: "linux.ssh.disable_root_login".into(),
            plan_digest: plan,
            actor: actor.into(),
            mode: Mode::Enforce.as_str().into(),
            before,
            steps: vec![HealStep { step: "drop-in".into(), outcome: StepOutcome::Ok, detail: String::new() }],
            after,
            outcome,
            rollback: None,
        }))
    }

    pub(crate) fn change(
        &mut self,
        incident: proofline_core::IncidentId,
        from: Option<&str>,
        to: &str,
        cause: &str,
    ) -> Vec<u8> {
        self.state(Body::Incident(IncidentChange {
            incident,
            check: ROOT_LOGIN.into(),
            from: from.map(str::to_owned),
            to: to.into(),
            actor: "agent".into(),
            cause: cause.into(),
        }))
    }

    fn request(&self, envelopes: Vec<Vec<u8>>) -> SubmitRequest {
        let from_size = self.head.as_ref().map_or(0, |head| head.checkpoint.size);
        SubmitRequest { from_size, envelopes: envelopes.into_iter().map(Base64).collect() }
    }

    /// Submits and checks every proof of the answer as an agent does; the head must grow out of the last one.
    pub(crate) async fn submit(&mut self, envelopes: Vec<Vec<u8>>) -> SubmitResponse {
        let request = self.request(envelopes.clone());
        let response = self.agent.submitted(&request).await;
        self.successors = response.successors.iter().map(|said| said.get().to_owned()).collect();
        let opened = self.open(&response.checkpoint);
        let head = &opened.checkpoint;
        for entry in &response.entries {
            let proved = envelopes.iter().any(|envelope| {
                verify_inclusion(entry.index, head.size, &leaf_hash(envelope), &entry.proof, &head.root)
                    .is_ok()
            });
            assert!(proved, "entry {} is not proved", entry.index);
        }
        if let Some(before) = &self.head {
            let before = &before.checkpoint;
            let proof = &response.consistency;
            verify_consistency(before.size, head.size, &before.root, &head.root, proof).expect("consistent");
        }
        self.head = Some(opened);
        response
    }

    /// Submits what must all be taken.
    pub(crate) async fn submit_all(&mut self, envelopes: Vec<Vec<u8>>) -> SubmitResponse {
        let count = envelopes.len();
        let response = self.submit(envelopes).await;
        assert_eq!(response.rejected, []);
        assert_eq!(response.entries.len(), count);
        response
    }

    pub(crate) fn open(&self, note: &str) -> OpenedCheckpoint {
        let identity = self.agent.identity();
        let name = Checkpoint::key_name(identity.installation);
        let key =
            NoteKey::new(&name, SignatureKind::Plain, self.server_key(KeyRole::Checkpoint)).expect("a name");
        let origin = Checkpoint::origin_of(identity.installation, identity.site);
        let keys = CheckpointKeys::from_statements(&key, &self.successors).expect("a chain");
        keys.open(note.as_bytes(), &origin).expect("signed by the pinned key or a successor").0
    }

    pub(crate) fn server_key(&self, role: KeyRole) -> PublicKey {
        let key =
            self.agent.identity().server_keys.iter().find(|key| key.role == role).expect("one key per role");
        PublicKey::from_bytes(&key.public_key).expect("a good key")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
