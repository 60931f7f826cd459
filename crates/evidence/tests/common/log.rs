//! A site's log made by one server and its appliances, for tests that need a whole one. Reproducible from its seed.

use std::collections::HashMap;

use proofline_core::{
    ApplianceId, AssetId, Entropy, InstallationId, SeededEntropy, SiteId, Timestamp, Verdict, format_rfc3339,
};
use proofline_evidence::dsse::{self, STATEMENT_PAYLOAD_TYPE};
use proofline_evidence::export::{ExportWriter, Policy};
use proofline_evidence::merkle::{Frontier, leaf_hash};
use proofline_evidence::note::{Checkpoint, SUCCESSOR_PAYLOAD_TYPE, sign_checkpoint};
use proofline_evidence::statement::{
    Body, CheckResult, CheckRun, Header, Heartbeat, KeyAction, KeyEvent, KeyRole, ServerFact, StateLine,
    Statement, state_digest,
};
use proofline_evidence::{Digest, SigningKey};

/// Who signs a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Signer {
    Server,
    Appliance(usize),
}

/// The log, its keys, and where each signer stands.
pub(crate) struct SiteLog {
    pub(crate) installation: InstallationId,
    pub(crate) site: SiteId,
    pub(crate) appliances: Vec<(ApplianceId, AssetId, SigningKey)>,
    pub(crate) server_key: SigningKey,
    first_server_key: SigningKey,
    pub(crate) checkpoint_key: SigningKey,
    pub(crate) first_checkpoint_key: SigningKey,
    /// What leads from the first checkpoint key to the last one.
    pub(crate) successors: Vec<String>,
    pub(crate) entries: Vec<Vec<u8>>,
    chains: HashMap<Signer, (u64, Digest)>,
    entropy: SeededEntropy,
    clock: i64,
}

impl SiteLog {
    /// A log of `appliances` appliances. Its first entries enrol the server's two keys and each appliance's.
    pub(crate) fn new(seed: u64, appliances: usize) -> Self {
        let entropy = SeededEntropy::new(seed);
        let random: &dyn Entropy = &entropy;
        let start = moment(0);
        let server_key = SigningKey::generate(random);
        let (installation, site) = (InstallationId::new(start, random), SiteId::new(start, random));
        let checkpoint_key = SigningKey::generate(random);
        let mut log = Self {
            installation,
            site,
            appliances: Vec::new(),
            first_server_key: server_key.clone(),
            server_key,
            first_checkpoint_key: checkpoint_key.clone(),
            checkpoint_key,
            successors: Vec::new(),
            entries: Vec::new(),
            chains: HashMap::new(),
            entropy,
            clock: 0,
        };
        for _ in 0..appliances {
            let random: &dyn Entropy = &log.entropy;
            let ids =
                (ApplianceId::new(start, random), AssetId::new(start, random), SigningKey::generate(random));
            log.appliances.push(ids);
        }
        for (role, key) in [
            (KeyRole::ServerFacts, log.server_key.clone()),
            (KeyRole::Checkpoint, log.checkpoint_key.clone()),
        ] {
            log.key_event(KeyAction::Enrolled, role, &key, None);
        }
        for (id, _, key) in log.appliances.clone() {
            log.key_event(KeyAction::Enrolled, KeyRole::Appliance, &key, Some(id));
        }
        log
    }

    /// A fresh key from the log's own randomness.
    pub(crate) fn fresh_key(&self) -> SigningKey {
        SigningKey::generate(&self.entropy)
    }

    /// The server states something about a key.
    pub(crate) fn key_event(
        &mut self,
        action: KeyAction,
        role: KeyRole,
        key: &SigningKey,
        holder: Option<ApplianceId>,
    ) {
        let event = KeyEvent::new(action, role, key.public_key().clone(), holder, "as the test says");
        self.state(Signer::Server, Body::Key(event));
    }

    /// What `before` says about `after`: that signs from `from` on, and `before` until `until`.
    pub(crate) fn successor(
        &self,
        before: &SigningKey,
        after: &SigningKey,
        (from, until): (Timestamp, Timestamp),
    ) -> String {
        let payload = format!(
            r#"{{"installation":"{}","role":"checkpoint","predecessor":"{}","successor":"{}","not_before":"{}","predecessor_until":"{}"}}"#,
            self.installation,
            before.id(),
            after.public_key().to_base64(),
            format_rfc3339(from),
            format_rfc3339(until),
        );
        let envelope = dsse::sign(SUCCESSOR_PAYLOAD_TYPE, payload.as_bytes(), before);
        String::from_utf8(envelope).expect("ASCII")
    }

    /// A fresh checkpoint key signs from now on, and the one before it for another hour.
    pub(crate) fn rotate_checkpoint(&mut self) {
        let (fresh, now) = (self.fresh_key(), moment(self.clock));
        let said = self.successor(&self.checkpoint_key, &fresh, (now, now + chrono::TimeDelta::hours(1)));
        self.successors.push(said);
        self.checkpoint_key = fresh;
    }

    /// What its clock says.
    pub(crate) fn now(&self) -> Timestamp {
        moment(self.clock)
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, seconds: i64) {
        self.clock += seconds;
    }

    /// The header that `signer` would use next.
    pub(crate) fn next_header(&mut self, signer: Signer) -> Header {
        self.clock += 60;
        let (seq, prev) = self.chains.get(&signer).copied().unwrap_or((0, Digest::ZERO));
        let (appliance, asset) = match signer {
            Signer::Server => (None, None),
            Signer::Appliance(place) => (Some(self.appliances[place].0), Some(self.appliances[place].1)),
        };
        Header {
            installation: self.installation,
            site: self.site,
            appliance,
            asset,
            seq: seq + 1,
            prev,
            catalogue: Digest::of("catalogue"),
            started: moment(self.clock - 2),
            ended: moment(self.clock),
            clock_offset_ms: matches!(signer, Signer::Appliance(_)).then_some(-12),
        }
    }

    /// Signs and appends the next statement of `signer`.
    pub(crate) fn state(&mut self, signer: Signer, body: Body) -> u64 {
        let header = self.next_header(signer);
        self.append(signer, header, body)
    }

    /// Signs and appends a statement with any header.
    pub(crate) fn append(&mut self, signer: Signer, header: Header, body: Body) -> u64 {
        let seq = header.seq;
        let envelope = self.envelope(signer, header, body);
        self.chains.insert(signer, (seq, Digest::of(&envelope)));
        self.entries.push(envelope);
        self.entries.len() as u64 - 1
    }

    /// Signs a statement without appending it.
    pub(crate) fn envelope(&self, signer: Signer, header: Header, body: Body) -> Vec<u8> {
        let payload = Statement::new(header, body).to_bytes().expect("the test states something well-formed");
        dsse::sign(STATEMENT_PAYLOAD_TYPE, &payload, self.key(signer))
    }

    /// The key of `signer`.
    pub(crate) fn key(&self, signer: Signer) -> &SigningKey {
        match signer {
            Signer::Server => &self.server_key,
            Signer::Appliance(place) => &self.appliances[place].2,
        }
    }

    /// An ordinary stretch: runs, heartbeats and server facts, until the log has `size` entries.
    pub(crate) fn fill(&mut self, size: usize) {
        let mut states: HashMap<usize, Digest> = HashMap::new();
        while self.entries.len() < size {
            let turn = self.entries.len();
            let place = turn % self.appliances.len();
            let signer = Signer::Appliance(place);
            match (turn % 7, states.get(&place)) {
                (6, _) => {
                    let fact = ServerFact {
                        fact: "mode_changed".into(),
                        subject_id: self.appliances[place].0.to_string(),
                        actor: "user_1".into(),
                        detail: "audit".into(),
                    };
                    self.state(Signer::Server, Body::ServerFact(fact));
                }
                (1 | 2, Some(state)) => {
                    let since = self.chains[&signer].0;
                    let body = Body::Heartbeat(Heartbeat { unchanged_since: since, state: *state });
                    self.state(signer, body);
                }
                _ => {
                    let verdict = if turn.is_multiple_of(3) { Verdict::Fail } else { Verdict::Pass };
                    let run = full_run(&[("linux.ssh.root_login", verdict, &format!("value {turn}"))]);
                    states.insert(place, run.state.expect("a full run states it"));
                    self.state(signer, Body::CheckRun(run));
                }
            }
        }
    }

    /// The policy of an export.
    pub(crate) fn policy(&self) -> Policy {
        let (checkpoint, server) =
            (self.first_checkpoint_key.public_key().clone(), self.first_server_key.public_key().clone());
        Policy::new(self.installation, self.site, checkpoint, server).expect("own keys")
    }

    /// The signed head over the entries so far.
    pub(crate) fn checkpoint(&self) -> String {
        self.checkpoint_over(&self.entries)
    }

    /// A signed head over other entries.
    pub(crate) fn checkpoint_over(&self, entries: &[Vec<u8>]) -> String {
        self.checkpoint_by(&self.checkpoint_key, entries, moment(self.clock))
    }

    /// A head over any entries, signed by any key at any time.
    pub(crate) fn checkpoint_by(&self, key: &SigningKey, entries: &[Vec<u8>], at: Timestamp) -> String {
        let mut frontier = Frontier::new();
        for entry in entries {
            frontier.push(leaf_hash(entry));
        }
        let origin = Checkpoint::origin_of(self.installation, self.site);
        let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root() };
        let name = Checkpoint::key_name(self.installation);
        sign_checkpoint(&checkpoint, &name, key, at).expect("a sound name")
    }

    /// The export of the entries so far.
    pub(crate) fn export(&self) -> Vec<u8> {
        self.export_of(&self.entries, &self.checkpoint())
    }

    /// An export of any entries under any checkpoint of this log.
    pub(crate) fn export_of(&self, entries: &[Vec<u8>], note: &str) -> Vec<u8> {
        let successors: Vec<_> = self.successors.iter().map(String::as_str).collect();
        let (mut writer, mut bytes) =
            ExportWriter::begin(&self.policy(), &successors, note).expect("own checkpoint");
        for entry in entries {
            bytes.extend(writer.entry(entry).expect("not more than the checkpoint holds"));
        }
        bytes.extend(writer.finish().bytes);
        bytes
    }
}

/// A run that states everything.
pub(crate) fn full_run(checks: &[(&str, Verdict, &str)]) -> CheckRun {
    let results: Vec<_> =
        checks.iter().map(|(check, verdict, observed)| finding(check, *verdict, observed)).collect();
    let state = state_digest(results.iter().map(StateLine::of));
    CheckRun { results, state: Some(state) }
}

/// One result.
pub(crate) fn finding(check: &str, verdict: Verdict, observed: &str) -> CheckResult {
    CheckResult {
        check: check.into(),
        verdict,
        expected: "no".into(),
        observed: observed.into(),
        reason: String::new(),
        location: "sshd -T: permitrootlogin".into(),
    }
}

/// 2026-11-22T02:50:00Z and `seconds` more.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_315_800 + seconds, 0).expect("in range")
}
