//! Settings that people see, and the one that they change here.

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_evidence::PublicKey;
use proofline_evidence::note::{Checkpoint, NoteKey, SignatureKind};
use proofline_protocol::KeyRole;
use proofline_store::Scope;

use crate::AppState;
use crate::http::{ApiResult, Call, IfMatch, Problem, Strict, etag, stale};

/// A server key's public half.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyBody {
    /// `server_facts`, `checkpoint`, `orders` or `rules`.
    role: String,
    /// Hex SHA-256 of the public key.
    key_id: String,
    /// 32 bytes.
    public_key_base64: String,
    /// Of the checkpoint key, all of it in one line: what `proofline-verify --checkpoint-key` takes.
    vkey: Option<String>,
    /// When it was first used.
    created_at: DateTime<Utc>,
    /// When it was replaced.
    retired_at: Option<DateTime<Utc>>,
}

/// The settings.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettingsBody {
    /// Prefixed id.
    installation_id: String,
    /// What people call this deployment.
    name: String,
    /// The one address that links are made from.
    public_url: String,
    /// `production` or `development`.
    stage: &'static str,
    /// The server's keys, newest first.
    keys: Vec<KeyBody>,
    /// Absolute length of a session, in seconds.
    session_lifetime_s: i64,
    /// Length of an idle session, in seconds.
    session_idle_s: i64,
    /// Seconds between the check-ins of an appliance.
    check_in_s: u64,
    /// How long evidence is kept, in days: six years (45 CFR 164.316(b)(2)(i)).
    retention_days: u32,
}

/// What can be changed here.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
}

fn vkey(app: &AppState, public_key: &[u8]) -> Option<String> {
    let key = PublicKey::from_bytes(public_key.try_into().ok()?).ok()?;
    let name = Checkpoint::key_name(app.installation().id);
    Some(NoteKey::new(&name, SignatureKind::Plain, key).ok()?.to_string())
}

/// The settings, and the version that a change of them names.
type Answer = ([(HeaderName, HeaderValue); 1], Json<SettingsBody>);

async fn answer(call: &Call, scope: &mut Scope) -> ApiResult<Answer> {
    let installation = scope.installation().await?.ok_or_else(Problem::not_found)?;
    let settings = call.app().settings();
    let keys = scope.server_keys().await?.into_iter().map(|key| KeyBody {
        vkey: (key.role == KeyRole::Checkpoint.as_str()).then(|| vkey(call.app(), &key.public_key)).flatten(),
        role: key.role,
        key_id: key.key_id,
        public_key_base64: STANDARD.encode(key.public_key),
        created_at: key.created_at,
        retired_at: key.retired_at,
    });
    let body = SettingsBody {
        installation_id: installation.id.to_string(),
        name: installation.name,
        public_url: settings.public_url.clone(),
        stage: match settings.stage {
            crate::Stage::Production => "production",
            crate::Stage::Development => "development",
        },
        keys: keys.collect(),
        session_lifetime_s: settings.session_lifetime.num_seconds(),
        session_idle_s: settings.session_idle.num_seconds(),
        check_in_s: settings.check_in_seconds,
        retention_days: 2_192,
    };
    Ok((etag(installation.version), Json(body)))
}

/// Learns what people call this deployment now.
pub(crate) async fn read_name(app: &AppState) -> ApiResult<()> {
    let mut scope = app.background_scope("installation").await?;
    if let Some(installation) = scope.installation().await? {
        app.set_installation_name(installation.name);
    }
    Ok(())
}

/// The settings. The `ETag` names their version.
#[utoipa::path(get, path = "/api/settings", tag = "system",
    responses((status = 200, body = SettingsBody, description = "Settings")))]
pub(crate) async fn read(call: Call) -> ApiResult<Answer> {
    let mut scope = call.scope().await?;
    answer(&call, &mut scope).await
}

/// Renames the installation. With `If-Match`, only while the settings are as they were seen.
#[utoipa::path(patch, path = "/api/settings", tag = "system", request_body = SettingsChange,
    params(("If-Match" = Option<String>, Header, pattern = r#"^(\*|"[0-9]{1,18}")$"#, description = "The `ETag` of what was seen")),
    responses((status = 200, body = SettingsBody, description = "Changed")))]
pub(crate) async fn update(
    call: Call,
    IfMatch(version): IfMatch,
    Strict(change): Strict<SettingsChange>,
) -> ApiResult<Answer> {
    let name = crate::tenants::name("name", &change.name)?;
    let mut scope = call.scope().await?;
    if !scope.rename_installation(&name, version).await? {
        return Err(stale());
    }
    let answer = answer(&call, &mut scope).await?;
    scope.announce("renamed").await?;
    scope.commit(call.note(None, call.app().installation().id, json!({ "name": name }))).await?;
    call.app().set_installation_name(name);
    Ok(answer)
}
