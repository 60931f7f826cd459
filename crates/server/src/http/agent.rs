//! Signed requests: from three headers and a body to an appliance whose key verified them.
//!
//! Keys are cached in memory and invalidated by announcement, so that the common request touches no database.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::TimeDelta;
use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{ApplianceId, Mode, OrgId, SiteId, Timestamp};
use proofline_protocol::signature::{self, Presented, PublicKey, REPLAY_WINDOW_S, Refusal, Request};
use proofline_protocol::{Digest, MAX_REQUEST_BYTES};
use tokio::sync::OnceCell;

use super::rate::RateKey;
use super::{ApiResult, Problem, RateClass};
use crate::AppState;

/// An appliance as the verifier knows it.
#[derive(Debug)]
pub struct KnownAppliance {
    /// Which.
    pub id: ApplianceId,
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// What verifies its signatures.
    pub key: PublicKey,
    /// How far healing may go.
    pub mode: Mode,
    /// Since when.
    pub mode_changed_at: Timestamp,
    /// Whether its key no longer counts.
    pub revoked: bool,
    /// Grows with every change of its credentials.
    pub credentials_version: u64,
}

/// Appliances by key. Only keys that exist are held, so memory is bounded by the fleet.
#[derive(Default)]
pub struct ApplianceCache(RwLock<Keys>);

#[derive(Default)]
struct Keys {
    known: HashMap<Digest, Arc<KnownAppliance>>,
    /// Grows whenever something is forgotten. What was read from the database before is not kept after: it may be what
    /// was to be forgotten.
    generation: u64,
}

/// What a look into the cache found.
enum Looked {
    Known(Arc<KnownAppliance>),
    /// Nothing; what is read now may be kept if nothing is forgotten until then.
    Missing {
        generation: u64,
    },
}

impl ApplianceCache {
    /// Forgets one key: the next request reads it anew.
    pub fn forget(&self, key: &Digest) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.known.remove(key);
        keys.generation += 1;
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.known.clear();
        keys.generation += 1;
    }

    fn look(&self, key: &Digest) -> Looked {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match keys.known.get(key) {
            Some(known) => Looked::Known(known.clone()),
            None => Looked::Missing { generation: keys.generation },
        }
    }

    /// Keeps what was read since a look of this generation, unless something was forgotten meanwhile.
    fn keep(&self, generation: u64, key: Digest, known: &Arc<KnownAppliance>) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.generation == generation {
            keys.known.insert(key, known.clone());
        }
    }

    /// The appliance with this key. A key that is not held costs the database a query, so it costs `client` its budget.
    async fn get(&self, app: &AppState, key: Digest, client: IpAddr) -> ApiResult<Arc<KnownAppliance>> {
        let generation = match self.look(&key) {
            Looked::Known(known) => return Ok(known),
            Looked::Missing { generation } => generation,
        };
        app.rate_limits().check(RateClass::Agent, &RateKey::Address(client)).await?;
        let permit = authorise(&Principal::System(Job("appliance keys")), Action::SystemMaintain)
            .map_err(|denied| Problem::internal(&denied))?;
        let mut scope = app.store().scope(&permit).await?;
        let row = scope.appliance_key(&key.to_string()).await?.ok_or_else(|| refuse(Refusal::KeyUnknown))?;
        let corrupt = || {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "This appliance's record is damaged.")
        };
        let bytes: [u8; 32] = row.public_key.try_into().map_err(|_| corrupt())?;
        let known = Arc::new(KnownAppliance {
            id: row.id,
            org: row.org,
            site: row.site,
            key: PublicKey::from_bytes(&bytes).map_err(|_| corrupt())?,
            mode: row.mode.parse().map_err(|_| corrupt())?,
            mode_changed_at: row.mode_changed_at,
            revoked: row.revoked_at.is_some(),
            credentials_version: u64::try_from(row.credentials_version).unwrap_or(0),
        });
        self.keep(generation, key, &known);
        Ok(known)
    }
}

/// Nonces seen within the replay window, in two generations: memory holds at most two windows of requests.
#[derive(Default)]
pub struct Nonces {
    seen: Mutex<Generations>,
    /// What processes before this one left behind, read once.
    earlier: OnceCell<HashSet<[u8; 32]>>,
}

/// From the first moment at which a request may be taken to the last.
const REPLAYABLE: Duration = Duration::from_secs(REPLAY_WINDOW_S.unsigned_abs());

/// A nonce of 16 random bytes beside half the key id: enough to be unique, half the memory.
fn nonce_entry(key_id: &[u8], nonce: &[u8]) -> [u8; 32] {
    let mut entry = [0; 32];
    entry.iter_mut().zip(key_id.iter().take(16).chain(nonce)).for_each(|(place, byte)| *place = *byte);
    entry
}

#[derive(Default)]
struct Generations {
    turned_at: i64,
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
}

impl Nonces {
    /// Remembers a nonce of a key; `false` when it was seen before.
    fn insert(&self, key: &Digest, nonce: [u8; 16], now: Timestamp) -> bool {
        let entry = nonce_entry(key.as_bytes(), &nonce);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if now.timestamp() - seen.turned_at > REPLAY_WINDOW_S {
            let old = std::mem::take(&mut seen.current);
            seen.previous =
                if now.timestamp() - seen.turned_at > 2 * REPLAY_WINDOW_S { HashSet::default() } else { old };
            seen.turned_at = now.timestamp();
        }
        !seen.previous.contains(&entry) && seen.current.insert(entry)
    }

    /// What processes before this one remembered.
    async fn earlier(&self, app: &AppState, now: Timestamp) -> ApiResult<&HashSet<[u8; 32]>> {
        let read = async || {
            let remembered = app.store().sign_in().await?.seen_nonces(now).await?;
            Ok(remembered.iter().map(|(key, nonce)| nonce_entry(key, nonce)).collect())
        };
        self.earlier.get_or_try_init(read).await
    }
}

fn refuse(refusal: Refusal) -> Problem {
    metrics::counter!("agent_requests_refused_total", "code" => refusal.code()).increment(1);
    Problem::new(StatusCode::UNAUTHORIZED, refusal.code(), format!("Refused: {refusal}."))
}

fn presented(parts: &Parts) -> ApiResult<Presented<'_>> {
    signature::parse(parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
        .map_err(refuse)
}

async fn collect(body: Body) -> ApiResult<Bytes> {
    axum::body::to_bytes(body, MAX_REQUEST_BYTES).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than it may be.")
    })
}

async fn verify(
    app: &AppState,
    parts: &Parts,
    presented: &Presented<'_>,
    key: &PublicKey,
    body: &[u8],
) -> ApiResult<()> {
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body,
    };
    let now = app.now();
    presented.verify(&request, key, now).map_err(refuse)?;
    if app.nonces().insert(&presented.key_id, presented.nonce, now) && is_new(app, presented, now).await? {
        Ok(())
    } else {
        Err(refuse(Refusal::Replayed))
    }
}

/// Whether neither a process before this one nor another node may have seen the request.
///
/// Nonces are in memory, and of several nodes in what they share. Where that is down, or has not been up for as long as a
/// request may be replayed, they are remembered in the database as well.
///
/// A process that was before is another matter. What is dated before this process started is refused: the one before may
/// have seen it, and its sender signs again. What is dated later can have been seen before only if it was dated ahead of the
/// clock then. So such requests, which a fleet with its clocks right does not send, are remembered in the database; a process
/// reads them once and compares until the last of them would be too old.
async fn is_new(app: &AppState, presented: &Presented<'_>, now: Timestamp) -> ApiResult<bool> {
    let started = app.started_at();
    if presented.created < started.timestamp() {
        return Ok(false);
    }
    let ahead = presented.created > now.timestamp();
    let fresh_start = (now - started).num_seconds() <= REPLAY_WINDOW_S;
    let (key, nonce) = (presented.key_id.as_bytes(), &presented.nonce);
    let entry = nonce_entry(key, nonce);
    if fresh_start && app.nonces().earlier(app, now).await?.contains(&entry) {
        return Ok(false);
    }
    let shared = match app.shared() {
        None => app.settings().nodes == 1,
        Some(shared) => {
            let name = format!("proofline:nonce:{}", hex::encode(entry));
            match shared.put_if_absent(&name, b"", REPLAYABLE).await {
                Some(false) => return Ok(false),
                Some(true) => shared.held_for(REPLAYABLE),
                None => false,
            }
        }
    };
    if shared && !ahead {
        return Ok(true);
    }
    let mut sign_in = app.store().sign_in().await?;
    let until = now + TimeDelta::seconds(REPLAY_WINDOW_S);
    let first = sign_in.remember_nonce(key, nonce, until).await?;
    sign_in.commit().await?;
    Ok(first)
}

/// The appliance that signed, its key's id, and the body that it signed.
pub(super) async fn verified(
    app: &AppState,
    parts: &Parts,
    body: Body,
    client: IpAddr,
) -> ApiResult<(Arc<KnownAppliance>, [u8; 32], Bytes)> {
    let presented = presented(parts)?;
    let appliance = app.appliances().get(app, presented.key_id, client).await?;
    let body = collect(body).await?;
    verify(app, parts, &presented, &appliance.key, &body).await?;
    if appliance.revoked {
        return Err(refuse(Refusal::ApplianceRevoked));
    }
    Ok((appliance, *presented.key_id.as_bytes(), body))
}

/// A claimant's key, taken from the body, and the body that it signed.
pub(super) async fn claiming(app: &AppState, parts: &Parts, body: Body) -> ApiResult<(PublicKey, Bytes)> {
    let presented = presented(parts)?;
    let body = collect(body).await?;
    let claim: proofline_protocol::ClaimRequest = super::json::read(&body)?;
    let key = PublicKey::from_bytes(&claim.public_key).map_err(|_| {
        Problem::invalid("public_key", "weak_key", "This public key is weak or not canonical.")
    })?;
    if key.id() != presented.key_id {
        return Err(refuse(Refusal::SignatureInvalid));
    }
    verify(app, parts, &presented, &key, &body).await?;
    Ok((key, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_revocation_is_not_kept_after_it() {
        let entropy = proofline_core::SeededEntropy::new(1);
        let at = Timestamp::UNIX_EPOCH;
        let appliance = Arc::new(KnownAppliance {
            id: ApplianceId::new(at, &entropy),
            org: OrgId::new(at, &entropy),
            site: SiteId::new(at, &entropy),
            key: proofline_evidence::SigningKey::generate(&entropy).public_key().clone(),
            mode: Mode::Audit,
            mode_changed_at: at,
            revoked: false,
            credentials_version: 0,
        });
        let (cache, key) = (ApplianceCache::default(), Digest::of([1]));
        let missed = |cache: &ApplianceCache| match cache.look(&key) {
            Looked::Missing { generation } => generation,
            Looked::Known(_) => panic!("nothing is held"),
        };
        let before = missed(&cache);
        cache.forget(&key);
        cache.keep(before, key, &appliance);
        let after = missed(&cache);
        cache.keep(after, key, &appliance);
        assert!(matches!(cache.look(&key), Looked::Known(_)));
        cache.clear();
        missed(&cache);
    }

    #[test]
    fn a_nonce_counts_once_within_the_window() {
        let at = |s| chrono::DateTime::from_timestamp(s, 0).expect("in range");
        let (nonces, key) = (Nonces::default(), Digest::of([1]));
        assert!(nonces.insert(&key, [9; 16], at(1_000)));
        assert!(!nonces.insert(&key, [9; 16], at(1_060)));
        assert!(
            !nonces.insert(&key, [9; 16], at(1_000 + REPLAY_WINDOW_S + 1)),
            "the window turned, the nonce stays"
        );
        assert!(nonces.insert(&Digest::of([2]), [9; 16], at(1_060)), "another key's nonce is another nonce");
    }
}
