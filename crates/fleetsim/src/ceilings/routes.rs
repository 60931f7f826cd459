//! Two bare routes on loopback, on threads of their own as a server would have them, and their load.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::routing::{get, post};
use http::{Method, StatusCode};
use proofline_core::{Clock, Entropy};
use proofline_evidence::{KeyId, PublicKey, SigningKey};
use proofline_protocol::signature::{self, Request, sign};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::measure::per_second;
use crate::wire::{Connection, LoopbackServer, Outgoing, Sources};

const HELLO: &str = "/hello";
const SIGNED: &str = "/signed";

struct Known {
    keys: HashMap<KeyId, PublicKey>,
    clock: Arc<dyn Clock>,
}

/// Serves until the process ends.
pub(super) fn start(clock: Arc<dyn Clock>, keys: &[SigningKey]) -> anyhow::Result<LoopbackServer> {
    let keys = keys.iter().map(|key| (key.id(), key.public_key().clone())).collect();
    let routes = Router::new()
        .route(HELLO, get(async || "hello"))
        .route(SIGNED, post(verify))
        .with_state(Arc::new(Known { keys, clock }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening for the ceilings")?;
    listener.set_nonblocking(true)?;
    let server = LoopbackServer::at(listener.local_addr()?).context("bound to loopback")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, routes).await
        })
    });
    Ok(server)
}

async fn verify(State(known): State<Arc<Known>>, parts: Parts, body: Bytes) -> StatusCode {
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let Ok(presented) = signature::parse(headers) else { return StatusCode::UNAUTHORIZED };
    let Some(key) = known.keys.get(&presented.key_id) else { return StatusCode::UNAUTHORIZED };
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    };
    match presented.verify(&request, key, known.clock.now()) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::UNAUTHORIZED,
    }
}

/// Bare requests per second.
pub(super) async fn hello(
    server: &LoopbackServer,
    sources: &Sources,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    let request = || Ok((Method::GET, HELLO, Vec::new(), hyper::body::Bytes::new()));
    hammer(server, sources, connections, duration, |_| request).await
}

/// Signed requests per second, with a body as long as a check-in's.
pub(super) async fn signed(
    server: &LoopbackServer,
    sources: &Sources,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    keys: &[SigningKey],
    connections: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    let body = hyper::body::Bytes::from(vec![b' '; 400]);
    hammer(server, sources, connections, duration, |worker| {
        let (key, clock, entropy) = (keys[worker % keys.len()].clone(), clock.clone(), entropy.clone());
        let body = body.clone();
        move || {
            let to_sign = Request { method: "POST", path: SIGNED, query: "", body: &body };
            let signed = sign(&to_sign, &key, clock.now(), entropy.bytes())?;
            let headers = signed.iter().map(|(name, value)| (name, value.to_owned())).collect();
            Ok((Method::POST, SIGNED, headers, body.clone()))
        }
    })
    .await
}

type Made = (Method, &'static str, Vec<(&'static str, String)>, hyper::body::Bytes);

/// Sends as fast as answers come; `make(worker)` gives each connection its own maker of requests.
async fn hammer<M>(
    server: &LoopbackServer,
    sources: &Sources,
    connections: usize,
    duration: Duration,
    make: impl Fn(usize) -> M,
) -> anyhow::Result<f64>
where
    M: FnMut() -> anyhow::Result<Made> + Send + 'static,
{
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..connections {
        let mut next = make(worker);
        let mut connection = Connection::new(server.clone(), sources.clone(), Duration::from_secs(10));
        workers.spawn(async move {
            let mut count = 0_u64;
            while begun.elapsed() < duration {
                let (method, target, headers, body) = next()?;
                let reply = connection.send(&Outgoing { method, target, headers, body }).await?;
                anyhow::ensure!(reply.status == 200, "a bare route answered {}", reply.status);
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(outcome) = workers.join_next().await {
        count += outcome??;
    }
    Ok(per_second(count, begun.elapsed()))
}
