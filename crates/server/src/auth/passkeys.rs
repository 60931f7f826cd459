//! One's own passkeys: adding one, proving one, taking one away.
//!
//! Each ceremony has two halves. What the server knows of it in between is kept by the server, for five minutes, for the
//! person who began it, and for one answer.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use proofline_core::{CeremonyId, PasskeyId, Timestamp, UserId};
use proofline_store::{CeremonyPurpose, NewCeremony, NewPasskey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::factors::{self, EnrolledBody, may_enrol, refuse_last, tell};
use super::prove::Attempt;
use super::relying_party::{self, Begun, LIFETIME, RelyingParty};
use super::session::SessionBody;
use crate::AppState;
use crate::http::{ApiResult, Call, Id, NotKept, Problem, Strict};

/// Most passkeys of a person: nobody has so many devices, and the list of them goes to every authenticator.
const MOST: i64 = 20;

/// What the browser asks an authenticator.
#[derive(Serialize, ToSchema)]
pub(crate) struct CeremonyBody {
    /// Goes back with the answer, within five minutes.
    ceremony_id: String,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` of WebAuthn.
    #[schema(value_type = Object)]
    public_key: Value,
}

/// A passkey that was made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPasskeyRequest {
    /// Of the options.
    #[schema(value_type = String)]
    ceremony_id: CeremonyId,
    /// What to call it: 1 to 60 characters.
    #[schema(format = "short-name")]
    name: String,
    /// `RegistrationResponseJSON` of WebAuthn.
    #[schema(value_type = Object)]
    credential: RegisterPublicKeyCredential,
}

/// A passkey that was used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyRequest {
    /// Of the options.
    #[schema(value_type = String)]
    pub(super) ceremony_id: CeremonyId,
    /// `AuthenticationResponseJSON` of WebAuthn.
    #[schema(value_type = Object)]
    pub(super) credential: PublicKeyCredential,
}

/// What to remember of a ceremony, and what to send.
pub(super) fn begin(
    app: &AppState,
    at: Timestamp,
    user: Option<UserId>,
    purpose: CeremonyPurpose,
    begun: Begun,
) -> (NewCeremony, CeremonyBody) {
    let id = CeremonyId::new(at, app.entropy());
    let Begun { public_key, state } = begun;
    (
        NewCeremony { id, user, purpose, state, expires_at: at + LIFETIME },
        CeremonyBody { ceremony_id: id.to_string(), public_key },
    )
}

fn full() -> Problem {
    Problem::conflict(
        "passkeys_full",
        format!("You have {MOST} passkeys. Take one away before adding another."),
    )
}

/// Begins to add a passkey.
#[utoipa::path(post, path = "/api/auth/factors/passkeys/options", tag = "auth",
    responses((status = 201, body = CeremonyBody, description = "To be answered by an authenticator")))]
pub(crate) async fn begin_enrolment(call: Call) -> ApiResult<(StatusCode, Json<CeremonyBody>)> {
    if may_enrol(&call).await?.passkeys >= MOST {
        return Err(full());
    }
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let known = scope.passkeys(session.user).await?;
    let begun = RelyingParty::of(call.app())?.ask_new(session, &known)?;
    let (ceremony, body) = begin(call.app(), call.at, Some(session.user), CeremonyPurpose::Enrol, begun);
    scope.put_ceremony(&ceremony).await?;
    scope.commit(call.note(None, session.user, json!({ "factor": "passkey", "step": "begun" }))).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

/// Adds the passkey that an authenticator made.
#[utoipa::path(post, path = "/api/auth/factors/passkeys", tag = "auth", request_body = NewPasskeyRequest,
    responses((status = 200, body = EnrolledBody, description = "Added")))]
pub(crate) async fn enrol(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<NewPasskeyRequest>,
) -> ApiResult<(HeaderMap, axum::Extension<NotKept>, Json<EnrolledBody>)> {
    let before = may_enrol(&call).await?;
    let name = passkey_name(&request.name)?;
    let relying_party = RelyingParty::of(call.app())?;
    let (attempt, state) =
        Attempt::begin_passkey(&call, &headers, request.ceremony_id, CeremonyPurpose::Enrol).await?;
    let made = match relying_party.made(state, &request.credential)? {
        Ok(made) => made,
        Err(why) => return attempt.refused(&call, why).await,
    };
    let (app, user) = (call.app(), call.session()?.user);
    let mut scope = call.scope().await?;
    scope.lock_person(user).await?;
    if scope.factor_counts(user).await?.1 >= MOST {
        return Err(full());
    }
    let new = NewPasskey {
        id: PasskeyId::new(call.at, app.entropy()),
        credential_id: made.credential_id,
        credential: made.credential,
        name,
        at: call.at,
    };
    if !scope.add_passkey(user, &new).await? {
        return Err(Problem::conflict("passkey_exists", "This passkey was added before."));
    }
    factors::enrolled(&call, scope, &before, &attempt, "passkey").await
}

/// 1 to 60 characters, like the names of everything else.
fn passkey_name(text: &str) -> ApiResult<String> {
    let name = crate::tenants::name("name", text)?;
    if name.chars().count() > 60 {
        return Err(Problem::invalid("name", "length", "Give it 1 to 60 characters."));
    }
    Ok(name)
}

/// Begins to prove a passkey.
#[utoipa::path(post, path = "/api/auth/second-factor/passkey/options", tag = "auth",
    responses((status = 201, body = CeremonyBody, description = "To be answered by an authenticator")))]
pub(crate) async fn begin_proof(call: Call) -> ApiResult<(StatusCode, Json<CeremonyBody>)> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let known = scope.passkeys(session.user).await?;
    if known.is_empty() {
        return Err(Problem::conflict("no_passkey", "You have no passkey to prove."));
    }
    let begun = RelyingParty::of(call.app())?.ask_proof(&known)?;
    let (ceremony, body) = begin(call.app(), call.at, Some(session.user), CeremonyPurpose::Prove, begun);
    scope.put_ceremony(&ceremony).await?;
    scope.commit(call.note(None, session.id, json!({ "factor": "passkey", "step": "begun" }))).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

/// Proves a passkey. The session gets a new token, and with it what it may reach.
#[utoipa::path(post, path = "/api/auth/second-factor/passkey", tag = "auth", request_body = PasskeyRequest,
    responses((status = 200, body = SessionBody, description = "Proved")))]
pub(crate) async fn prove(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<PasskeyRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let PasskeyRequest { ceremony_id, credential } = request;
    let relying_party = RelyingParty::of(call.app())?;
    let (attempt, state) =
        Attempt::begin_passkey(&call, &headers, ceremony_id, CeremonyPurpose::Prove).await?;
    let user = call.session()?.user;
    let mut scope = call.scope().await?;
    let stored = match relying_party::names_another(&credential, user) {
        true => None,
        false => scope.lock_passkey(user, credential.get_credential_id()).await?,
    };
    let refused = match stored {
        Some((id, kept)) => match relying_party.proved(state, &credential, &kept)? {
            Ok(kept) => {
                scope.use_passkey(user, id, &kept, call.at).await?;
                return attempt.proved(&call, scope, "passkey").await;
            }
            Err(why) => why,
        },
        None => "unknown_passkey",
    };
    drop(scope);
    attempt.refused(&call, refused).await
}

/// Takes one of one's passkeys away.
#[utoipa::path(delete, path = "/api/auth/factors/passkeys/{passkey_id}", tag = "auth",
    params(("passkey_id" = String, Path, description = "Passkey")),
    responses((status = 204, description = "Taken away")))]
pub(crate) async fn remove(call: Call, Id(passkey): Id<PasskeyId>) -> ApiResult<StatusCode> {
    let session = call.session()?;
    let required = factors::factors_of(call.app(), session.user, session.membership).await?.required;
    let mut scope = call.scope().await?;
    scope.lock_person(session.user).await?;
    if !scope.remove_passkey(session.user, passkey).await? {
        return Err(Problem::not_found());
    }
    refuse_last(&mut scope, session.user, required).await?;
    tell(&call, &mut scope, "A passkey was removed.").await?;
    let detail = json!({ "factor": "passkey", "passkey": passkey });
    scope.commit(call.note(None, session.user, detail)).await?;
    Ok(StatusCode::NO_CONTENT)
}
