//! A provisioning code and a fresh key make a machine an appliance. Of two machines with one code, one wins; the same
//! machine asking again gets the same answer.

use axum::Json;
use axum::http::StatusCode;
use proofline_core::{ApplianceId, AssetId, Mode};
use proofline_evidence::statement::{Body, KeyAction, KeyEvent, KeyRole as StatementKeyRole};
use proofline_protocol::signature::PublicKey;
use proofline_protocol::{ClaimRequest, ClaimResponse, Digest, KeyRole, ServerKey};
use proofline_store::{ApplianceKey, Code, CodeState, Enrolment, NewAsset, Scope, StoreError};
use serde_json::json;

use crate::evidence::append_server_fact;
use crate::http::{ApiResult, Call, ClaimedKey, Problem, SignedBody};
use crate::tenants::code_digest;

/// Joins a site.
#[utoipa::path(post, path = "/api/provision/claim", tag = "agent", request_body = ClaimRequest,
    responses((status = 200, body = ClaimResponse, description = "Who the machine is from now on"),
        (status = 409, description = "The key belongs to an appliance already")))]
pub(crate) async fn claim(
    call: Call,
    ClaimedKey(key): ClaimedKey,
    SignedBody(request): SignedBody<ClaimRequest>,
) -> ApiResult<Json<ClaimResponse>> {
    let mut scope = call.scope().await?;
    let code = scope.lock_code(&code_digest(&request.code)).await?.ok_or_else(|| unusable("unknown"))?;
    let known = scope.appliance_key(&key.id().to_string()).await?;
    match (code.state(call.at), known) {
        (CodeState::Claimed(appliance), Some(known))
            if known.id == appliance && known.revoked_at.is_none() =>
        {
            let asset = scope.own_asset(known.org, known.id).await?;
            Ok(Json(answer(&call, &known, asset)))
        }
        (CodeState::Claimed(_), _) => Err(unusable("claimed")),
        (CodeState::Expired, _) => Err(unusable("expired")),
        (CodeState::Revoked, _) => Err(unusable("revoked")),
        (CodeState::Open, Some(_)) => Err(key_in_use()),
        (CodeState::Open, None) => enrol(&call, scope, code, &key, &request).await.map(Json),
    }
}

fn unusable(why: &'static str) -> Problem {
    let (code, detail) = match why {
        "claimed" => ("code_claimed", "Another machine used this provisioning code."),
        "expired" => ("code_expired", "This provisioning code is too old. Issue a new one."),
        "revoked" => ("code_revoked", "This provisioning code was revoked."),
        _ => ("code_unknown", "There is no such provisioning code. Check for typing errors."),
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

fn key_in_use() -> Problem {
    Problem::conflict("key_in_use", "This key belongs to an appliance already.")
}

async fn enrol(
    call: &Call,
    mut scope: Scope,
    code: Code,
    key: &PublicKey,
    request: &ClaimRequest,
) -> ApiResult<ClaimResponse> {
    let app = call.app();
    let id = ApplianceId::new(call.at, app.entropy());
    let hostname = request.hostname.as_str().to_owned();
    let platform = request.platform.as_str().to_owned();
    let enrolment = Enrolment {
        id,
        org: code.org,
        site: code.site,
        hostname: hostname.clone(),
        platform: platform.clone(),
        public_key: *key.as_bytes(),
        key_id: key.id().to_string(),
        // Careful until a person decides otherwise.
        mode: Mode::Audit.as_str().to_owned(),
        code: code.id,
        at: call.at,
    };
    let asset = NewAsset {
        id: AssetId::new(call.at, app.entropy()),
        kind: "appliance".to_owned(),
        name: hostname,
        platform,
        role: "appliance".to_owned(),
    };
    scope.enrol(&enrolment, &asset).await.map_err(|error| match error {
        // Another code was claimed with this key at the same time.
        StoreError::Conflict { constraint, .. } if constraint == "appliance_by_key" => key_in_use(),
        other => other.into(),
    })?;
    let reason = format!("provisioning code {}", code.id);
    let fact = KeyEvent::new(KeyAction::Enrolled, StatementKeyRole::Appliance, key.clone(), Some(id), reason);
    append_server_fact(app, &mut scope, code.org, code.site, Body::Key(fact), call.at).await?;
    crate::scoring::refresh(&mut scope, app.catalog(), code.org, code.site, call.at).await?;
    scope.commit(call.note(Some(code.org), id, json!({ "site": code.site, "code": code.id }))).await?;
    app.events().site_changed(code.org, code.site);
    let known = ApplianceKey {
        id,
        org: code.org,
        site: code.site,
        public_key: key.as_bytes().to_vec(),
        key_id: enrolment.key_id,
        mode: enrolment.mode,
        mode_changed_at: call.at,
        revoked_at: None,
        credentials_version: 0,
    };
    Ok(answer(call, &known, asset.id))
}

fn answer(call: &Call, known: &ApplianceKey, asset: AssetId) -> ClaimResponse {
    let (app, at) = (call.app(), call.at);
    ClaimResponse {
        installation: app.installation().id,
        org: known.org,
        site: known.site,
        appliance: known.id,
        asset,
        mode: known.mode.parse().unwrap_or(Mode::Audit),
        server_keys: KeyRole::ALL
            .into_iter()
            .map(|role| {
                let key = app.keys().signer(role, at);
                let public = key.public_key();
                ServerKey { role, public_key: *public.as_bytes(), key_id: Digest::of(public.as_bytes()) }
            })
            .collect(),
        check_in_seconds: app.settings().check_in_seconds,
        catalogue: super::rules::catalogue_digest(app),
    }
}
