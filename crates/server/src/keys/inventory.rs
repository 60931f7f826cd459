//! Which keys there are, by what may be known of them.

use std::iter;

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_store::SecretPurpose;
use serde::Serialize;
use utoipa::ToSchema;

use super::known::{KeyState, fingerprint, sealed_by_key, uses};
use super::succession::signing_keys;
use crate::http::{ApiResult, Call};

/// A key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyEntry {
    /// `server_facts`, `checkpoint`, `orders` and `rules` sign; `master` seals what the database keeps of other people's
    /// secrets; `csrf` and `password_pepper` are keys of this server alone.
    purpose: String,
    /// Names the key without revealing it: of one that signs the hex SHA-256 of its public half, else 16 hexadecimal digits.
    id: String,
    /// `current`, `successor` (announced, and signs later), `earlier` (still needed for what was made with it) or `retired`.
    state: &'static str,
    /// When it was first used, or of a successor will be; null where that is not recorded.
    since: Option<DateTime<Utc>>,
    /// Of a master key: how many stored secrets are sealed under it.
    rows_sealed: Option<u64>,
    /// Of a master key: whether this server was given it. An earlier key that nothing is sealed under can be taken out of
    /// the configuration.
    configured: Option<bool>,
}

/// Every key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyInventory {
    /// By purpose; of one purpose, the current one first.
    items: Vec<KeyEntry>,
}

/// Every key of the installation: what it is for, its id and how it stands. No key and no part of one is in the answer.
#[utoipa::path(get, path = "/api/system/keys", tag = "system",
    responses((status = 200, body = KeyInventory, description = "As of now")))]
pub(crate) async fn system_keys(call: Call) -> ApiResult<Json<KeyInventory>> {
    let app = call.app();
    let mut scope = call.scope().await?;
    let (signing, known) = (scope.server_keys().await?, scope.known_secrets().await?);
    let sealed = sealed_by_key(&mut scope).await?;
    let mut items: Vec<KeyEntry> = signing_keys(signing, call.at)
        .into_iter()
        .map(|key| KeyEntry {
            purpose: key.role,
            id: key.id,
            state: key.state.as_str(),
            since: Some(key.since),
            rows_sealed: None,
            configured: None,
        })
        .collect();
    items.extend(uses(&known, &sealed, app.vault()).into_iter().map(|key| KeyEntry {
        purpose: SecretPurpose::Master.as_str().to_owned(),
        id: key.id,
        state: key.state.as_str(),
        since: key.since,
        rows_sealed: Some(key.rows),
        configured: Some(key.configured),
    }));
    let settings = app.settings();
    let pepper = SecretPurpose::PasswordPepper.as_str();
    let states = iter::once(KeyState::Current).chain(iter::repeat(KeyState::Earlier));
    let csrf = settings.csrf_keys().zip(states).map(|(key, state)| ("csrf", key, state));
    for (purpose, secret, state) in csrf.chain([(pepper, &settings.password_pepper, KeyState::Current)]) {
        let id = fingerprint(purpose, secret);
        let since = known.iter().find(|known| known.purpose.as_str() == purpose && known.id == id);
        items.push(KeyEntry {
            purpose: purpose.to_owned(),
            since: since.map(|known| known.first_seen_at),
            id,
            state: state.as_str(),
            rows_sealed: None,
            configured: None,
        });
    }
    Ok(Json(KeyInventory { items }))
}
