//! A server of one site, small enough to be made to lie.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use proofline_core::{ApplianceId, AssetId, Clock, InstallationId, Mode, SeededEntropy, SiteId, SystemClock};
use proofline_evidence::dsse::{self, Envelope};
use proofline_evidence::export::{ExportWriter, Policy};
use proofline_evidence::merkle::{self, NodeSource, leaf_hash, node_hash};
use proofline_evidence::note::{Checkpoint, sign_checkpoint};
use proofline_evidence::statement::{Body, Header, KeyAction, KeyEvent, KeyRole, Statement};
use proofline_evidence::{Digest, SigningKey};
use proofline_fleetsim::fleet::{Installation, Member};
use proofline_fleetsim::wire::LoopbackServer;
use proofline_protocol::{Accepted, CheckInResponse, SubmitRequest, SubmitResponse, paths};

/// How the server breaks its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vice {
    None,
    /// The first answers are 503.
    Busy,
    /// Takes this long for every check-in.
    Slow(Duration),
    /// Fails every check-in.
    Fails,
    /// Takes an entry and hangs up without an answer, once in a while.
    HangsUp,
    /// The last acknowledged entry disappears.
    Forgets,
    /// An acknowledged entry is replaced by another one.
    Rewrites,
    /// Signs checkpoints with a key of its own choice.
    AnotherKey,
    /// Exports an entry twice, under a head that fits.
    Doubles,
}

pub(crate) struct Site {
    pub installation: InstallationId,
    pub id: SiteId,
    pub vice: Vice,
    checkpoint_key: SigningKey,
    facts_key: SigningKey,
    seed: [u8; 32],
    appliance: ApplianceId,
    asset: AssetId,
    log: Vec<Vec<u8>>,
    requests: u32,
}

pub(crate) type Shared = Arc<Mutex<Site>>;

struct Leaves<'a>(&'a [Vec<u8>]);

impl NodeSource for Leaves<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        if level == 0 {
            return self.0.get(usize::try_from(index).ok()?).map(|entry| leaf_hash(entry));
        }
        Some(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
    }
}

impl Site {
    pub(crate) fn new(vice: Vice) -> Self {
        let (at, entropy) = (SystemClock.now(), SeededEntropy::new(7));
        let mut site = Self {
            installation: InstallationId::new(at, &entropy),
            id: SiteId::new(at, &entropy),
            vice,
            checkpoint_key: SigningKey::from_seed(&[1; 32]),
            facts_key: SigningKey::from_seed(&[2; 32]),
            seed: [3; 32],
            appliance: ApplianceId::new(at, &entropy),
            asset: AssetId::new(at, &entropy),
            log: Vec::new(),
            requests: 0,
        };
        let appliance_key = SigningKey::from_seed(&site.seed);
        site.enrol_key(KeyRole::Checkpoint, &site.checkpoint_key.clone(), None);
        site.enrol_key(KeyRole::Appliance, &appliance_key, Some(site.appliance));
        site
    }

    fn enrol_key(&mut self, role: KeyRole, key: &SigningKey, holder: Option<ApplianceId>) {
        let event = KeyEvent {
            action: KeyAction::Enrolled,
            role,
            public_key: key.public_key().clone(),
            key_id: key.id(),
            holder,
            reason: "test".into(),
        };
        let now = SystemClock.now();
        let header = Header {
            installation: self.installation,
            site: self.id,
            appliance: None,
            asset: None,
            seq: u64::try_from(self.log.len()).expect("small") + 1,
            prev: self.log.last().map_or(Digest::ZERO, Digest::of),
            catalogue: Digest::of("catalogue"),
            started: now,
            ended: now,
            clock_offset_ms: None,
        };
        let statement = Statement::new(header, Body::Key(event)).to_bytes().expect("is sound");
        self.log.push(dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, &statement, &self.facts_key));
    }

    pub(crate) fn fleet(&self) -> (Installation, Member) {
        let installation = Installation {
            installation: self.installation,
            checkpoint_key: self.checkpoint_key.public_key().to_base64(),
            catalogue: Digest::of("catalogue"),
        };
        let member = Member {
            ordinal: 0,
            seed: proofline_evidence::encoding::encode(self.seed),
            site: self.id,
            appliance: self.appliance,
            asset: self.asset,
        };
        (installation, member)
    }

    fn checkpoint(&self) -> String {
        let size = u64::try_from(self.log.len()).expect("small");
        let checkpoint = Checkpoint {
            origin: Checkpoint::origin_of(self.installation, self.id),
            size,
            root: merkle::root(&Leaves(&self.log), size).expect("every leaf is there"),
        };
        let other = SigningKey::from_seed(&[9; 32]);
        let key = if self.vice == Vice::AnotherKey { &other } else { &self.checkpoint_key };
        let name = Checkpoint::key_name(self.installation);
        sign_checkpoint(&checkpoint, &name, key, SystemClock.now()).expect("signs")
    }

    /// The signer's entries, as (place, seq).
    fn own(&self) -> Vec<(usize, u64)> {
        let seq = |entry: &Vec<u8>| {
            let envelope = Envelope::parse(entry).expect("was checked");
            let header = Statement::parse(envelope.unverified_payload()).expect("was checked").header;
            header.appliance.map(|_| header.seq)
        };
        self.log.iter().enumerate().filter_map(|(place, entry)| Some((place, seq(entry)?))).collect()
    }

    fn submit(&mut self, request: &SubmitRequest) -> SubmitResponse {
        for envelope in &request.envelopes {
            if !self.log.contains(&envelope.0) {
                self.log.push(envelope.0.clone());
            }
        }
        let size = u64::try_from(self.log.len()).expect("small");
        let consistency = match request.from_size {
            0 => Vec::new(),
            from => merkle::prove_consistency(&Leaves(&self.log), from.min(size), size)
                .expect("every leaf is there"),
        };
        let own = self.own();
        let entries = request.envelopes.iter().map(|envelope| {
            let place = self.log.iter().position(|entry| *entry == envelope.0).expect("was taken");
            let seq = own.iter().find(|(own, _)| *own == place).expect("is the signer's").1;
            let index = u64::try_from(place).expect("small");
            let proof =
                merkle::prove_inclusion(&Leaves(&self.log), index, size).expect("every leaf is there");
            Accepted { seq, index, proof }
        });
        let last = own.last().copied();
        SubmitResponse {
            checkpoint: self.checkpoint(),
            consistency,
            entries: entries.collect(),
            rejected: Vec::new(),
            next_seq: last.map_or(1, |(_, seq)| seq + 1),
            last_digest: last.map_or(Digest::ZERO, |(place, _)| Digest::of(&self.log[place])),
            successors: Vec::new(),
        }
    }

    fn export(&self) -> Vec<u8> {
        let facts = self.facts_key.public_key().clone();
        let key = self.checkpoint_key.public_key().clone();
        let policy = Policy::new(self.installation, self.id, key, facts).expect("is sound");
        let (mut writer, mut bytes) =
            ExportWriter::begin(&policy, &[], &self.checkpoint()).expect("its own checkpoint");
        for entry in &self.log {
            bytes.extend(writer.entry(entry).expect("fits"));
        }
        bytes.extend(writer.finish().bytes);
        bytes
    }

    /// What goes wrong between two runs.
    pub(crate) fn misbehave(&mut self) {
        match self.vice {
            Vice::Forgets => {
                self.log.pop();
            }
            Vice::Rewrites => {
                let last = self.log.len() - 1;
                self.log[last] = self.log[last - 1].clone();
            }
            Vice::Doubles => self.log.push(self.log.last().expect("is not empty").clone()),
            Vice::None | Vice::Busy | Vice::Slow(_) | Vice::Fails | Vice::HangsUp | Vice::AnotherKey => {}
        }
    }
}

fn lock(site: &Shared) -> std::sync::MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn evidence(State(site): State<Shared>, body: Bytes) -> Response {
    let mut site = lock(&site);
    site.requests += 1;
    if site.vice == Vice::Busy && site.requests <= 3 {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response();
    }
    let answer = site.submit(&serde_json::from_slice(&body).expect("is a submission"));
    assert!(site.vice != Vice::HangsUp || site.requests % 3 != 1, "hanging up on purpose");
    axum::Json(answer).into_response()
}

async fn check_in(State(site): State<Shared>) -> Response {
    let vice = lock(&site).vice;
    match vice {
        Vice::Slow(pause) => tokio::time::sleep(pause).await,
        Vice::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => {}
    }
    let answer = CheckInResponse {
        server_time: SystemClock.now(),
        next_check_in_s: 60,
        mode: Mode::Audit,
        rules_version: 0,
        orders: Vec::new(),
        schedule_version: 0,
        resync: false,
        credentials_version: 0,
        successors: Vec::new(),
    };
    axum::Json(answer).into_response()
}

async fn login() -> Response {
    let cookies = [(header::SET_COOKIE, "__Host-csrf=token; Path=/; Secure")];
    (cookies, "{}").into_response()
}

async fn begin_app() -> Response {
    r#"{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}"#.into_response()
}

/// Serves until the test ends.
pub(crate) async fn serve(site: Shared) -> LoopbackServer {
    let routes = Router::new()
        .route(paths::EVIDENCE, post(evidence))
        .route(paths::CHECK_IN, post(check_in))
        .route("/api/auth/login", post(login))
        .route("/api/auth/factors/totp", post(begin_app))
        .route("/api/auth/factors/totp/confirm", post(login))
        .route(
            "/api/sites/{site}/evidence/export",
            get(async |State(site): State<Shared>| lock(&site).export()),
        )
        .with_state(site);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let server = LoopbackServer::at(listener.local_addr().expect("is bound")).expect("is loopback");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    server
}
