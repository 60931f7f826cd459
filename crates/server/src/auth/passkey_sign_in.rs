//! Signing in with a passkey alone: something one has, unlocked by something one is or knows. Nothing is typed, and no
//! address is asked for; the authenticator finds the passkey and says whose it is.
//!
//! An unknown passkey, one that was taken away, a person who may not sign in and one whose passkeys were refused too often
//! get one answer. Attempts are counted for a passkey that exists, apart from those at passwords and codes: whoever guesses
//! at these locks nobody out here, and to be counted here takes the passkey's id, which only its holder is told.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use proofline_authz::Action;
use proofline_core::Assurance;
use proofline_store::{CeremonyPurpose, PasskeyHolder, SignIn};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::login::{enter, lock_rule};
use super::passkeys::{self, CeremonyBody, PasskeyRequest};
use super::prove::{ceremony_expired, passkey_refused};
use super::relying_party::{self, RelyingParty};
use super::session::{Person, SessionBody};
use crate::http::{Anonymous, ApiResult, Problem, Strict};

/// Nothing is known of who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyOptionsRequest {}

/// Begins to sign in with a passkey.
#[utoipa::path(post, path = "/api/auth/passkey/options", tag = "auth", request_body = PasskeyOptionsRequest,
    responses((status = 201, body = CeremonyBody, description = "To be answered by an authenticator"),
        (status = 409, description = "This server's address is none that browsers make passkeys for")))]
pub(crate) async fn begin(
    call: Anonymous,
    Strict(PasskeyOptionsRequest {}): Strict<PasskeyOptionsRequest>,
) -> ApiResult<(StatusCode, Json<CeremonyBody>)> {
    let begun = RelyingParty::of(&call.app)?.ask_proof(&[])?;
    let (ceremony, body) = passkeys::begin(&call.app, call.at, None, CeremonyPurpose::SignIn, begun);
    let mut sign_in = call.app.store().sign_in().await?;
    sign_in.put_ceremony(&ceremony).await?;
    sign_in.commit().await?;
    Ok((StatusCode::CREATED, Json(body)))
}

/// Signs in with a passkey, which is both factors at once. The session that this browser had before ends.
#[utoipa::path(post, path = "/api/auth/passkey", tag = "auth", request_body = PasskeyRequest,
    responses((status = 200, body = SessionBody, description = "Signed in"),
        (status = 409, description = "This server's address is none that browsers make passkeys for")))]
pub(crate) async fn finish(
    call: Anonymous,
    headers: HeaderMap,
    Strict(request): Strict<PasskeyRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let PasskeyRequest { ceremony_id, credential } = request;
    let relying_party = RelyingParty::of(app)?;
    let mut sign_in = app.store().sign_in().await?;
    // Gone with this transaction, which is committed whatever comes of it.
    let state = sign_in.take_ceremony(ceremony_id, CeremonyPurpose::SignIn, None, call.at).await?;
    let Some(state) = state else {
        return refused(&call, sign_in, None, "ceremony", ceremony_expired()).await;
    };
    let holder = match relying_party::holder(&credential) {
        Some(user) => sign_in.lock_passkey_holder(user, credential.get_credential_id()).await?,
        None => None,
    };
    let Some(holder) = holder else {
        return refused(&call, sign_in, None, "unknown_passkey", passkey_refused()).await;
    };
    let account = app.passwords().digest("passkeys alone of", holder.user.uuid().as_bytes());
    let counts = sign_in.count_attempt(&account, call.at, lock_rule(call.at)).await?;
    let why = if !counts {
        "locked"
    } else if holder.disabled_at.is_some() {
        "disabled"
    } else {
        match relying_party.proved(state, &credential, &holder.credential)? {
            Ok(kept) => {
                sign_in.clear_attempts(&account).await?;
                return signed_in(&call, sign_in, &headers, &holder, &kept).await;
            }
            Err(why) => why,
        }
    };
    refused(&call, sign_in, Some(&holder), why, passkey_refused()).await
}

async fn signed_in(
    call: &Anonymous,
    mut sign_in: SignIn,
    headers: &HeaderMap,
    holder: &PasskeyHolder,
    kept: &Value,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let PasskeyHolder { user, name, email, membership, .. } = holder;
    sign_in.use_passkey(*user, holder.passkey, kept, call.at).await?;
    let person = Person { id: *user, name, email, membership: *membership };
    enter(call, sign_in, headers, person, Assurance::Full, json!({ "factor": "passkey" })).await
}

/// Nobody was signed in: the ceremony is used up, the attempt counted, and the refusal recorded.
async fn refused<T>(
    call: &Anonymous,
    mut sign_in: SignIn,
    holder: Option<&PasskeyHolder>,
    why: &'static str,
    problem: Problem,
) -> ApiResult<T> {
    let (who, place) = holder.map(|holder| (holder.user, holder.membership.place())).unzip();
    let detail = json!({ "factor": "passkey", "why": why });
    let note = call.denied(Action::SessionStart, who, place, "session", detail);
    sign_in.audit_denied(&note).await?;
    sign_in.commit().await?;
    Err(problem)
}
