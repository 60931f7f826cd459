//! The server's part of the protocol.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use proofline_catalog::rule::Rule;
use proofline_core::{
    ApplianceId, AssetId, Clock, CredentialId, IncidentId, InstallationId, Mode, OrderId, OrgId, Secret,
    SeededEntropy, SiteId, Timestamp,
};
use proofline_evidence::dsse::{self, Envelope};
use proofline_evidence::export::{ExportWriter, Options, Policy, Report, verify};
use proofline_evidence::note::{Checkpoint, sign_checkpoint};
use proofline_evidence::statement::{
    Body, Header, KeyAction, KeyEvent, KeyRole as StatedRole, Statement, rules,
};
use proofline_evidence::{Digest, PublicKey, SigningKey};
use proofline_protocol::credentials::{self, Login, Purpose};
use proofline_protocol::signature::{self, Refusal};
use proofline_protocol::{
    Accepted, Base64, CREDENTIALS_PAYLOAD_TYPE, CheckInRequest, CheckInResponse, ClaimRequest, ClaimResponse,
    CredentialSet, Instruction, KeyRole, ORDER_PAYLOAD_TYPE, Order, Problem, RULES_PAYLOAD_TYPE, RejectCode,
    Rejected, SealedCredential, ServerKey, SubmitRequest, SubmitResponse, Text, paths,
};
use serde::Serialize;
use serde_json::json;

use super::http::{self, Answer, Request};
use super::log;

pub const CODE: &str = "PL-TEST-CODE";

/// What goes wrong with the next requests to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before anything happens.
    Deaf,
    /// Everything happens, and the answer is lost.
    Mute,
    /// 503 with Retry-After.
    Busy(u64),
    /// The head is signed by another key.
    ForgedHead,
    /// The log has another first entry: a fork.
    Fork,
    /// The log is as short as it was, in an answer signed anew.
    Rewound(usize),
    /// The proof of the first entry is another's.
    WrongProof,
}

#[derive(Clone)]
pub struct Central {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
}

pub struct Inner {
    clock: Arc<dyn Clock>,
    entropy: SeededEntropy,
    pub ids: Ids,
    codes: HashMap<String, Option<Digest>>,
    signers: HashMap<Digest, Signer>,
    server: (u64, Digest),
    pub log: Vec<Vec<u8>>,
    nonces: HashSet<(Digest, [u8; 16])>,
    faults: HashMap<&'static str, VecDeque<Fault>>,
    pub requests: Vec<String>,
    /// What was sent with them.
    pub bodies: Vec<Vec<u8>>,
    pub check_ins: Vec<CheckInRequest>,
    pub rules: Option<(u64, Vec<u8>)>,
    /// The version and the envelope of the credentials on offer.
    pub credentials: Option<(u64, Vec<u8>)>,
    pub orders: Vec<String>,
    /// Successor statements that every check-in brings.
    pub successors: Vec<String>,
    /// How long ago a checkpoint claims to be signed.
    pub dated_back: chrono::TimeDelta,
    /// Signs checkpoints.
    pub checkpoint_key: SigningKey,
    /// Every check-in gets a new order to run the checks.
    pub keep_checking: bool,
    pub resync: bool,
    pub check_in_s: u64,
    revoked: HashSet<Digest>,
    /// Told of every request.
    pub watch: Option<Watch>,
}

pub type Watch = Box<dyn FnMut(Seen<'_>) + Send>;

/// One request at one moment.
pub struct Seen<'a> {
    pub path: &'a str,
    pub phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It arrived.
    Arrived,
    /// It was carried out, and the answer is not sent yet.
    Done,
}

#[derive(Debug, Clone, Copy)]
pub struct Ids {
    pub installation: InstallationId,
    pub org: OrgId,
    pub site: SiteId,
    pub asset: AssetId,
}

struct Signer {
    key: PublicKey,
    appliance: ApplianceId,
    next_seq: u64,
    last: Digest,
}

/// The server's key of a role.
pub fn server_key(role: KeyRole) -> SigningKey {
    SigningKey::from_seed(&match role {
        KeyRole::ServerFacts => [101; 32],
        KeyRole::Checkpoint => [102; 32],
        KeyRole::Orders => [103; 32],
        KeyRole::Rules => [104; 32],
    })
}

fn problem(status: u16, code: &str) -> Answer {
    let problem = Problem { code: code.into(), detail: format!("refused: {code}"), status, request_id: None };
    Answer { status, headers: Vec::new(), body: serde_json::to_vec(&problem).expect("writes") }
}

fn ok(message: &impl Serialize) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: serde_json::to_vec(message).expect("writes") }
}

impl Central {
    pub fn start(clock: Arc<dyn Clock>) -> Self {
        let entropy = SeededEntropy::new(99);
        let now = clock.now();
        let ids = Ids {
            installation: InstallationId::new(now, &entropy),
            org: OrgId::new(now, &entropy),
            site: SiteId::new(now, &entropy),
            asset: AssetId::new(now, &entropy),
        };
        let inner = Arc::new(Mutex::new(Inner {
            clock,
            entropy,
            ids,
            codes: HashMap::from([(CODE.to_owned(), None)]),
            signers: HashMap::new(),
            server: (1, Digest::ZERO),
            log: Vec::new(),
            nonces: HashSet::new(),
            faults: HashMap::new(),
            requests: Vec::new(),
            bodies: Vec::new(),
            check_ins: Vec::new(),
            rules: None,
            credentials: None,
            successors: Vec::new(),
            dated_back: chrono::TimeDelta::zero(),
            checkpoint_key: server_key(KeyRole::Checkpoint),
            orders: Vec::new(),
            keep_checking: false,
            resync: false,
            check_in_s: 60,
            revoked: HashSet::new(),
            watch: None,
        }));
        let handler = Arc::clone(&inner);
        let address =
            http::serve(move |request| Inner::handle(&mut handler.lock().expect("no panic"), &request));
        Self { inner, url: format!("http://{address}") }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic")
    }

    /// Lets the next requests to `path` go wrong, in this order.
    pub fn fail(&self, path: &'static str, faults: &[Fault]) {
        self.lock().faults.entry(path).or_default().extend(faults);
    }

    pub fn add_code(&self, code: &str) {
        self.lock().codes.insert(code.into(), None);
    }

    pub fn revoke_all(&self) {
        let mut inner = self.lock();
        let keys: Vec<_> = inner.signers.keys().copied().collect();
        inner.revoked.extend(keys);
    }

    pub fn forgive_all(&self) {
        self.lock().revoked.clear();
    }

    /// The statements of the log, in order.
    pub fn statements(&self) -> Vec<Statement> {
        self.lock().log.iter().map(|entry| statement(entry)).collect()
    }

    /// The auditor's judgement of the whole log.
    pub fn audit(&self) -> Report {
        let inner = self.lock();
        let (installation, site) = (inner.ids.installation, inner.ids.site);
        let key = |role| server_key(role).public_key().clone();
        let policy = Policy::new(installation, site, key(KeyRole::Checkpoint), key(KeyRole::ServerFacts));
        let policy = policy.expect("a sound policy");
        let successors: Vec<_> = inner.successors.iter().map(String::as_str).collect();
        let (mut writer, mut bytes) =
            ExportWriter::begin(&policy, &successors, &inner.checkpoint(&inner.log)).expect("begins");
        for entry in &inner.log {
            bytes.extend(writer.entry(entry).expect("takes the entry"));
        }
        bytes.extend(writer.finish().bytes);
        let options = Options { checkpoint_key: Some(policy.checkpoint_key.clone()), ..Options::default() };
        verify(&bytes[..], &options).expect("reads from memory")
    }

    /// Signs a rule set of `version` and offers it.
    pub fn offer_rules(&self, version: u64, site: Option<SiteId>, key: &SigningKey) {
        self.offer_rules_for(version, site, Digest::ZERO, key);
    }

    /// Offers a rule set that was made for this catalogue.
    pub fn offer_rules_for(&self, version: u64, site: Option<SiteId>, catalogue: Digest, key: &SigningKey) {
        self.offer_rule_set(version, site, (catalogue, Mode::Ask), &[], key);
    }

    /// Offers these rules, which were made for this catalogue, in this mode.
    pub fn offer_rule_set(
        &self,
        version: u64,
        site: Option<SiteId>,
        (catalogue, mode): (Digest, Mode),
        rules: &[Rule],
        key: &SigningKey,
    ) {
        let mut inner = self.lock();
        let payload = json!({
            "version": version, "installation": inner.ids.installation, "site": site, "issued": inner.clock.now(),
            "catalogue": catalogue, "mode": mode, "asset_roles": {}, "maintenance_windows": [],
            "paused_until": null, "rules": rules
        });
        let envelope = dsse::sign(RULES_PAYLOAD_TYPE, payload.to_string().as_bytes(), key);
        inner.rules = Some((version, envelope));
    }

    /// Signs a set of credentials of `version` under `key`, each sealed to `holder` for the only appliance, and offers it.
    pub fn offer_credentials(
        &self,
        version: u64,
        key: &SigningKey,
        holder: &PublicKey,
        credentials: &[(&str, &str)],
    ) {
        let mut inner = self.lock();
        let (now, appliance) =
            (inner.clock.now(), inner.signers.values().next().expect("one is enrolled").appliance);
        let seal = |&(name, secret): &(&str, &str)| {
            let id = CredentialId::new(now, &inner.entropy);
            let purpose = Purpose { appliance, credential: id, version, name };
            let login = Login { username: Secret::new("backup"), secret: Secret::new(secret) };
            let envelope = Base64(credentials::seal(holder, &purpose, &login, &inner.entropy));
            SealedCredential { id, name: Text::new(name).expect("a name"), version, envelope }
        };
        let credentials = credentials.iter().map(seal).collect();
        let installation = inner.ids.installation;
        let set = CredentialSet { installation, appliance, version, issued: now, credentials };
        let payload = serde_json::to_vec(&set).expect("writes");
        inner.credentials = Some((version, dsse::sign(CREDENTIALS_PAYLOAD_TYPE, &payload, key)));
    }

    /// An order for the only appliance, changed by `change`, under `key`; not offered yet.
    pub fn make_order(&self, key: &SigningKey, change: impl FnOnce(&mut Order)) -> (OrderId, String) {
        self.lock().make_order(key, change)
    }

    pub fn new_incident(&self) -> IncidentId {
        let inner = self.lock();
        IncidentId::new(inner.clock.now(), &inner.entropy)
    }
}

/// The statement inside an entry.
pub fn statement(entry: &[u8]) -> Statement {
    let envelope = Envelope::parse(entry).expect("an envelope");
    Statement::parse(envelope.unverified_payload()).expect("a statement")
}

impl Inner {
    fn handle(&mut self, request: &Request) -> Option<Answer> {
        self.requests.push(format!("{} {}", request.method, request.path));
        self.bodies.push(request.body.clone());
        self.tell(&request.path, Phase::Arrived);
        let fault = self.faults.get_mut(request.path.as_str()).and_then(VecDeque::pop_front);
        match fault {
            Some(Fault::Deaf) => return None,
            Some(Fault::Busy(seconds)) => {
                let headers = vec![("retry-after", seconds.to_string())];
                return Some(Answer { status: 503, headers, body: Vec::new() });
            }
            _ => {}
        }
        let mut answer = self.answer(request, fault).unwrap_or_else(|refusal| problem(401, refusal.code()));
        self.tell(&request.path, Phase::Done);
        answer.headers.push(("date", self.clock.now().to_rfc2822().replace("+0000", "GMT")));
        (fault != Some(Fault::Mute)).then_some(answer)
    }

    fn tell(&mut self, path: &str, phase: Phase) {
        if let Some(watch) = &mut self.watch {
            watch(Seen { path, phase });
        }
    }

    fn answer(&mut self, request: &Request, fault: Option<Fault>) -> Result<Answer, Refusal> {
        let presented = signature::parse(request.headers.iter().map(|(name, value)| (&**name, &**value)))?;
        let signed = signature::Request {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            body: &request.body,
        };
        let now = self.clock.now();
        if request.path == paths::CLAIM {
            let claim: ClaimRequest = serde_json::from_slice(&request.body).expect("a claim");
            let key = PublicKey::from_bytes(&claim.public_key).expect("a sound key");
            presented.verify(&signed, &key, now)?;
            return Ok(self.claim(&claim, &key));
        }
        let signer = self.signers.get(&presented.key_id).ok_or(Refusal::KeyUnknown)?;
        presented.verify(&signed, &signer.key, now)?;
        if !self.nonces.insert((presented.key_id, presented.nonce)) {
            return Err(Refusal::Replayed);
        }
        if self.revoked.contains(&presented.key_id) {
            return Err(Refusal::ApplianceRevoked);
        }
        Ok(match request.path.as_str() {
            paths::CHECK_IN => self.check_in(&request.body),
            paths::RULES => {
                let (_, envelope) = self.rules.clone().expect("asked for only if offered");
                Answer { status: 200, headers: Vec::new(), body: envelope }
            }
            paths::CREDENTIALS => {
                let (_, envelope) = self.credentials.clone().expect("asked for only if offered");
                Answer { status: 200, headers: Vec::new(), body: envelope }
            }
            paths::EVIDENCE => self.submit(presented.key_id, &request.body, fault),
            _ => problem(404, "not_found"),
        })
    }

    fn claim(&mut self, claim: &ClaimRequest, key: &PublicKey) -> Answer {
        let id = key.id();
        match self.codes.get_mut(claim.code.expose()) {
            None => return problem(403, "code_unknown"),
            Some(Some(holder)) if *holder != id => return problem(409, "code_claimed"),
            Some(holder) => *holder = Some(id),
        }
        if !self.signers.contains_key(&id) {
            let appliance = ApplianceId::new(self.clock.now(), &self.entropy);
            self.signers.insert(id, Signer { key: key.clone(), appliance, next_seq: 1, last: Digest::ZERO });
            self.append_key(key, appliance);
        }
        let role_key = |role| {
            let key = server_key(role);
            ServerKey { role, public_key: *key.public_key().as_bytes(), key_id: key.id() }
        };
        ok(&ClaimResponse {
            installation: self.ids.installation,
            org: self.ids.org,
            site: self.ids.site,
            appliance: self.signers[&id].appliance,
            asset: self.ids.asset,
            mode: Mode::Audit,
            server_keys: KeyRole::ALL.map(role_key).to_vec(),
            check_in_seconds: 60,
            catalogue: Digest::ZERO,
        })
    }

    /// The server's own statement that the key is valid from here on.
    fn append_key(&mut self, key: &PublicKey, appliance: ApplianceId) {
        let now = self.clock.now();
        let (seq, prev) = self.server;
        let header = Header {
            installation: self.ids.installation,
            site: self.ids.site,
            appliance: None,
            asset: None,
            seq,
            prev,
            catalogue: Digest::ZERO,
            started: now,
            ended: now,
            clock_offset_ms: None,
        };
        let body = Body::Key(KeyEvent {
            action: KeyAction::Enrolled,
            role: StatedRole::Appliance,
            public_key: key.clone(),
            key_id: key.id(),
            holder: Some(appliance),
            reason: "enrolled".into(),
        });
        let payload = Statement::new(header, body).to_bytes().expect("a statement");
        let entry = dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &payload, &server_key(KeyRole::ServerFacts));
        self.server = (seq + 1, Digest::of(&entry));
        self.log.push(entry);
    }

    fn check_in(&mut self, body: &[u8]) -> Answer {
        let request: CheckInRequest = serde_json::from_slice(body).expect("a check-in");
        self.check_ins.push(request);
        if self.keep_checking {
            let (_, order) = self.make_order(&server_key(KeyRole::Orders), |_| {});
            self.orders = vec![order];
        }
        ok(&CheckInResponse {
            server_time: self.clock.now(),
            next_check_in_s: self.check_in_s,
            mode: Mode::Audit,
            rules_version: self.rules.as_ref().map_or(0, |(version, _)| *version),
            orders: self.orders.iter().map(|text| raw(text)).collect(),
            schedule_version: 1,
            resync: std::mem::take(&mut self.resync),
            credentials_version: self.credentials.as_ref().map_or(0, |(version, _)| *version),
            successors: self.successors.iter().map(|text| raw(text)).collect(),
        })
    }

    fn submit(&mut self, key_id: Digest, body: &[u8], fault: Option<Fault>) -> Answer {
        let request: SubmitRequest = serde_json::from_slice(body).expect("a submission");
        let (mut indexes, mut rejected) = (Vec::new(), Vec::new());
        for envelope in &request.envelopes {
            let seq = statement(&envelope.0).header.seq;
            match self.take(key_id, &envelope.0) {
                Ok(index) => indexes.push((seq, index)),
                Err(code) => rejected.push(Rejected { seq, code, detail: "as tested".into() }),
            }
        }
        let mut leaves = self.log.clone();
        match fault {
            Some(Fault::Fork) => leaves[0] = b"another history".to_vec(),
            Some(Fault::Rewound(size)) => {
                leaves.truncate(size);
                indexes.retain(|(_, index)| *index < size);
            }
            _ => {}
        }
        let from = usize::try_from(request.from_size).expect("small");
        let mut entries: Vec<_> = indexes
            .iter()
            .map(|&(seq, index)| Accepted { seq, index: index as u64, proof: log::inclusion(index, &leaves) })
            .collect();
        if fault == Some(Fault::WrongProof) {
            entries[0].proof = vec![Digest::ZERO; entries[0].proof.len()];
        }
        let checkpoint = match fault {
            Some(Fault::ForgedHead) => self.checkpoint_by(&leaves, &server_key(KeyRole::Rules)),
            _ => self.checkpoint(&leaves),
        };
        let signer = &self.signers[&key_id];
        ok(&SubmitResponse {
            checkpoint,
            consistency: log::consistency(from, &leaves),
            entries,
            rejected,
            next_seq: signer.next_seq,
            last_digest: signer.last,
            successors: self.successors.iter().map(|text| raw(text)).collect(),
        })
    }

    /// Appends one envelope, or finds it.
    fn take(&mut self, key_id: Digest, bytes: &[u8]) -> Result<usize, RejectCode> {
        let digest = Digest::of(bytes);
        if let Some(index) = self.log.iter().position(|entry| Digest::of(entry) == digest) {
            return Ok(index);
        }
        let signer = self.signers.get_mut(&key_id).expect("verified before");
        let envelope = Envelope::parse(bytes).map_err(|_| RejectCode::Malformed)?;
        let payload = envelope.verify(dsse::STATEMENT_PAYLOAD_TYPE, &signer.key);
        let payload = payload.map_err(|_| RejectCode::SignatureInvalid)?;
        let statement = Statement::parse(payload).map_err(|_| RejectCode::Malformed)?;
        let header = &statement.header;
        if !rules::broken(&statement).is_empty() {
            return Err(RejectCode::Malformed);
        }
        let home = (self.ids.installation, self.ids.site, Some(signer.appliance));
        if (header.installation, header.site, header.appliance) != home {
            return Err(RejectCode::WrongSite);
        }
        if header.seq < signer.next_seq {
            return Err(RejectCode::SeqConflict);
        }
        match &statement.body {
            Body::Gap(gap) if gap.first_seq == signer.next_seq => {}
            _ if header.seq > signer.next_seq => return Err(RejectCode::SeqGap),
            _ => {}
        }
        if header.prev != signer.last {
            return Err(RejectCode::PrevMismatch);
        }
        (signer.next_seq, signer.last) = (header.seq + 1, digest);
        self.log.push(bytes.to_vec());
        Ok(self.log.len() - 1)
    }

    fn checkpoint(&self, leaves: &[Vec<u8>]) -> String {
        self.checkpoint_by(leaves, &self.checkpoint_key)
    }

    fn checkpoint_by(&self, leaves: &[Vec<u8>], key: &SigningKey) -> String {
        let checkpoint = Checkpoint {
            origin: Checkpoint::origin_of(self.ids.installation, self.ids.site),
            size: leaves.len() as u64,
            root: log::root(leaves),
        };
        let name = Checkpoint::key_name(self.ids.installation);
        sign_checkpoint(&checkpoint, &name, key, self.clock.now() - self.dated_back).expect("signs")
    }

    fn make_order(&self, key: &SigningKey, change: impl FnOnce(&mut Order)) -> (OrderId, String) {
        let now = self.clock.now();
        let mut order = Order {
            order: OrderId::new(now, &self.entropy),
            installation: self.ids.installation,
            appliance: self.signers.values().next().expect("one is enrolled").appliance,
            site: self.ids.site,
            instruction: Instruction::RunChecks,
            nonce: Text::new("0123456789abcdef").expect("a nonce"),
            issued: now,
            expires: now + chrono::TimeDelta::minutes(15),
        };
        change(&mut order);
        let envelope = dsse::sign(ORDER_PAYLOAD_TYPE, &order.to_payload(), key);
        (order.order, String::from_utf8(envelope).expect("JSON"))
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn raw(text: &str) -> Box<serde_json::value::RawValue> {
    serde_json::value::RawValue::from_string(text.to_owned()).expect("JSON")
}
