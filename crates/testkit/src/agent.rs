//! An appliance: a key, and requests signed with it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use proofline_core::{Clock, Entropy, Mode, SeededEntropy};
use proofline_core::{FixedClock, Secret};
use proofline_evidence::SigningKey;
use proofline_protocol::signature::{self, SignedHeaders};
use proofline_protocol::{
    CheckInRequest, CheckInResponse, ClaimRequest, ClaimResponse, Digest, SubmitRequest, SubmitResponse,
    Text, paths,
};
use serde::Serialize;
use tower::ServiceExt as _;

use crate::Reply;

/// The check-in of an appliance with nothing to tell.
pub fn ordinary_check_in(catalogue: Digest) -> CheckInRequest {
    CheckInRequest {
        agent_version: Text::new("0.1.0").expect("fits"),
        catalogue,
        mode: Mode::Audit,
        local_override: None,
        outbox_depth: 0,
        outbox_oldest: None,
        last_cycle: None,
        rules_version: 0,
        orders_done: Vec::new(),
        checkpoint_size: 0,
        uptime_s: 60,
    }
}

/// Talks to the application as an agent does.
#[derive(Clone)]
pub struct Agent {
    router: Router,
    clock: FixedClock,
    entropy: Arc<SeededEntropy>,
    /// Its key.
    pub key: Arc<SigningKey>,
    /// What the server answered to its claim; none before.
    pub identity: Option<ClaimResponse>,
}

impl Agent {
    pub(crate) fn new(router: Router, clock: FixedClock, seed: u64) -> Self {
        let entropy = Arc::new(SeededEntropy::new(seed));
        let key = Arc::new(SigningKey::generate(&*entropy));
        Self { router, clock, entropy, key, identity: None }
    }

    /// From now on talks to the application as it is after a restart.
    pub fn reconnect(&mut self, app: &crate::TestApp) {
        self.router = app.app.router.clone();
    }

    /// From now on talks to this node.
    pub fn reconnect_to(&mut self, node: &proofline_server::App) {
        self.router = node.router.clone();
    }

    /// What it was answered to its claim.
    ///
    /// # Panics
    /// Before it enrolled.
    pub fn identity(&self) -> &ClaimResponse {
        self.identity.as_ref().expect("enrolled")
    }

    /// Signs a request now.
    pub fn sign(&self, method: &str, path: &str, body: &[u8]) -> SignedHeaders {
        let nonce = (&*self.entropy as &dyn Entropy).bytes::<16>();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if let Ok(sent) = serde_json::from_slice(body) {
            crate::logs::watch_sent(&sent);
        }
        let request = signature::Request { method, path, query, body };
        signature::sign(&request, &self.key, self.clock.now(), nonce).expect("signs")
    }

    /// Sends a request with these headers, whatever they say.
    pub async fn send(&self, method: &str, path: &str, body: Vec<u8>, signed: &SignedHeaders) -> Reply {
        self.send_as("application/json", method, path, body, signed).await
    }

    /// The same with a body that is said to be something else.
    pub async fn send_as(
        &self,
        kind: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
        signed: &SignedHeaders,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, kind)
            .extension(ConnectInfo(SocketAddr::from(([198, 51, 100, 7], 4_000))));
        for (name, value) in signed.iter() {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        Reply::read(self.router.clone().oneshot(request).await.expect("an answer")).await
    }

    /// Signs and sends.
    pub async fn call<T: Serialize>(&self, method: &str, path: &str, body: Option<&T>) -> Reply {
        let body = body.map(|b| serde_json::to_vec(b).expect("serialises")).unwrap_or_default();
        let signed = self.sign(method, path, &body);
        self.send(method, path, body, &signed).await
    }

    /// Claims a code with its own key.
    pub async fn claim(&mut self, code: &str) -> Reply {
        let request = ClaimRequest {
            code: Secret::new(code),
            public_key: *self.key.public_key().as_bytes(),
            hostname: Text::new("appliance-1").expect("fits"),
            machine_id_digest: Digest::of(b"machine"),
            platform: Text::new("Debian GNU/Linux 12").expect("fits"),
            agent_version: Text::new("0.1.0").expect("fits"),
        };
        let reply = self.call("POST", paths::CLAIM, Some(&request)).await;
        if reply.status.is_success() {
            self.identity = Some(reply.parse());
        }
        reply
    }

    /// An ordinary check-in.
    pub fn check_in_request(&self) -> CheckInRequest {
        ordinary_check_in(self.identity().catalogue)
    }

    /// Checks in and reads the answer.
    pub async fn check_in(&self) -> CheckInResponse {
        let reply = self.call("POST", paths::CHECK_IN, Some(&self.check_in_request())).await;
        reply.expect(200);
        reply.parse()
    }

    /// Submits evidence.
    pub async fn submit(&self, request: &SubmitRequest) -> Reply {
        self.call("POST", paths::EVIDENCE, Some(request)).await
    }

    /// Submits evidence that must be taken.
    pub async fn submitted(&self, request: &SubmitRequest) -> SubmitResponse {
        let reply = self.submit(request).await;
        reply.expect(200);
        reply.parse()
    }
}
