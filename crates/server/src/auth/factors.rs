//! One's own second factors: what there is, adding to it, taking away from it.
//!
//! The first one is added with a password alone. Once there is one, it takes a fresh proof of it to add another: a stolen
//! password must not become a second factor. The last one cannot be taken away, only replaced.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use proofline_authz::Action;
use proofline_core::{Assurance, FactorRequirement, Membership, UserId};
use proofline_store::{Factors, Scope};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::prove::{Attempt, CodeRequest};
use super::session::{self, SessionBody};
use super::{recovery, totp};
use crate::AppState;
use crate::http::{ApiResult, Call, NotKept, Problem, Strict};
use crate::mail::{Letters, sealed};

/// What a person has enrolled, and what is asked of them.
pub(crate) async fn factors_of(app: &AppState, user: UserId, person: Membership) -> ApiResult<Factors> {
    let partner = crate::tenants::partner_of_person(app, person).await?;
    Ok(app.store().sign_in().await?.factors(user, partner).await?)
}

/// One's own second factors.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnFactorsBody {
    /// The authenticator app, if one is set up.
    totp: Option<TotpBody>,
    /// Passkeys, oldest first.
    passkeys: Vec<PasskeyBody>,
    /// Recovery codes that were not used yet.
    recovery_codes_left: i64,
    /// What is asked: `any` or `passkey`.
    required: &'static str,
}

/// An authenticator app.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotpBody {
    /// When its first code was right.
    confirmed_at: DateTime<Utc>,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeyBody {
    /// Its id here.
    pub(super) id: String,
    /// What its person calls it.
    pub(super) name: String,
    /// When it was added.
    pub(super) created_at: DateTime<Utc>,
    /// When it last proved something.
    pub(super) last_used_at: Option<DateTime<Utc>>,
}

/// One's own second factors.
#[utoipa::path(get, path = "/api/auth/factors", tag = "auth",
    responses((status = 200, body = OwnFactorsBody, description = "What is set up")))]
pub(crate) async fn list(call: Call) -> ApiResult<Json<OwnFactorsBody>> {
    let session = call.session()?;
    let factors = factors_of(call.app(), session.user, session.membership).await?;
    let passkeys = call.scope().await?.passkeys(session.user).await?;
    Ok(Json(OwnFactorsBody {
        totp: factors.totp_since.map(|confirmed_at| TotpBody { confirmed_at }),
        passkeys: passkeys
            .into_iter()
            .map(|passkey| PasskeyBody {
                id: passkey.id.to_string(),
                name: passkey.name,
                created_at: passkey.created_at,
                last_used_at: passkey.last_used_at,
            })
            .collect(),
        recovery_codes_left: factors.recovery_codes_left,
        required: factors.required.as_str(),
    }))
}

/// Writes to whoever is signed in that their account can be entered in another way than before: it may be somebody else who
/// does this.
pub(crate) async fn tell(call: &Call, scope: &mut Scope, what: &str) -> ApiResult<()> {
    let letter = Letters::of(call.app()).account_changed(&call.session()?.email, what);
    Ok(scope.queue_mail(&sealed(call.app(), letter, call.at)).await?)
}

/// Whoever has a second factor proves it before adding another: a passkey where the policy asks for one and there is one, or
/// a password and a code, which can be phished, would become a passkey. Who lost theirs asks whoever manages people.
pub(super) async fn may_enrol(call: &Call) -> ApiResult<Factors> {
    let session = call.session()?;
    let factors = factors_of(call.app(), session.user, session.membership).await?;
    let weaker = factors.required == FactorRequirement::Passkey
        && factors.passkeys > 0
        && session.assurance != Assurance::Full;
    if factors.enrolled() && (weaker || !session.stepped_up(call.at)) {
        return Err(match (session.assurance, weaker) {
            (Assurance::Full, _) => Problem::step_up_required(),
            (_, true) => Problem::forbidden("passkey_required", "Prove a passkey that you have first."),
            (_, false) => {
                Problem::forbidden("second_factor_required", "Prove a second factor that you have first.")
            }
        });
    }
    Ok(factors)
}

/// A secret for an authenticator app.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTotpBody {
    /// In base 32, for typing.
    secret: String,
    /// The same as apps read it.
    otpauth_uri: String,
    /// The same as a picture, for a camera.
    qr_svg: String,
}

/// Begins to set up an authenticator app. It counts once a first code was right; beginning again replaces the secret.
#[utoipa::path(post, path = "/api/auth/factors/totp", tag = "auth",
    responses((status = 201, body = NewTotpBody, description = "To be confirmed with a code")))]
pub(crate) async fn begin_totp(
    call: Call,
) -> ApiResult<(StatusCode, axum::Extension<NotKept>, Json<NewTotpBody>)> {
    may_enrol(&call).await?;
    let (app, session) = (call.app(), call.session()?);
    let secret = totp::fresh(app);
    let (otpauth_uri, qr_svg) = totp::invitation(app, &secret, &session.email)?;
    let sealed = app.vault().seal(&totp::cell(session.user), &secret);
    let mut scope = call.scope().await?;
    if !scope.put_totp(session.user, &sealed, call.at).await? {
        return Err(Problem::conflict(
            "totp_exists",
            "An authenticator app is set up. Take it away before setting up another.",
        ));
    }
    scope.commit(call.note(None, session.user, json!({ "factor": "totp", "step": "begun" }))).await?;
    let body = NewTotpBody { secret: secret.expose().to_owned(), otpauth_uri, qr_svg };
    Ok((StatusCode::CREATED, axum::Extension(NotKept), Json(body)))
}

/// What comes of a new second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolledBody {
    /// The session, which has proved it.
    session: SessionBody,
    /// Recovery codes, with the first factor: shown once.
    recovery_codes: Option<Vec<String>>,
}

/// Confirms an authenticator app with its first code.
#[utoipa::path(post, path = "/api/auth/factors/totp/confirm", tag = "auth", request_body = CodeRequest,
    responses((status = 200, body = EnrolledBody, description = "Set up")))]
pub(crate) async fn confirm_totp(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<CodeRequest>,
) -> ApiResult<(HeaderMap, axum::Extension<NotKept>, Json<EnrolledBody>)> {
    let factors = may_enrol(&call).await?;
    let attempt = Attempt::begin(&call, &headers).await?;
    let mut scope = call.scope().await?;
    let stored = scope.lock_totp(call.session()?.user).await?.filter(|totp| totp.confirmed_at.is_none());
    let stored = stored.ok_or_else(|| {
        Problem::conflict("totp_not_begun", "There is nothing to confirm. Begin to set up the app again.")
    })?;
    match totp::take(&call, scope, Action::FactorEnrol, &stored.secret, &request.code).await? {
        Some(scope) => enrolled(&call, scope, &factors, &attempt, "totp").await,
        None => attempt.refused(&call, "totp").await,
    }
}

/// The factor counts: the session is raised, and recovery codes come with the first one.
pub(super) async fn enrolled(
    call: &Call,
    mut scope: Scope,
    before: &Factors,
    attempt: &Attempt,
    factor: &'static str,
) -> ApiResult<(HeaderMap, axum::Extension<NotKept>, Json<EnrolledBody>)> {
    let (app, user) = (call.app(), call.session()?.user);
    let recovery_codes = if before.recovery_codes_left == 0 {
        let (shown, kept) = recovery::fresh(app, user);
        scope.replace_recovery_codes(user, &kept, call.at).await?;
        Some(shown)
    } else {
        None
    };
    let proved = session::prove(call, &mut scope, attempt.assurance(factor)).await?;
    scope.forget_attempts(attempt.account()).await?;
    let what =
        if factor == "passkey" { "A passkey was added." } else { "An authenticator app was connected." };
    tell(call, &mut scope, what).await?;
    let detail = json!({ "factor": factor, "recovery_codes": recovery_codes.is_some() });
    scope.commit(call.note(None, user, detail)).await?;
    let body = EnrolledBody { session: proved.body(app).await?, recovery_codes };
    Ok((proved.cookies(app), axum::Extension(NotKept), Json(body)))
}

/// Refuses to leave a person without a factor that satisfies the policy. Asked after the removal, before it is committed.
pub(super) async fn refuse_last(
    scope: &mut Scope,
    user: UserId,
    required: FactorRequirement,
) -> ApiResult<()> {
    let (totp, passkeys) = scope.factor_counts(user).await?;
    let left = match required {
        FactorRequirement::Any => totp + passkeys,
        FactorRequirement::Passkey => passkeys,
    };
    if left > 0 {
        return Ok(());
    }
    Err(Problem::conflict(
        "last_factor",
        "This is the last one that counts. Add another before taking it away.",
    ))
}

/// Takes one's authenticator app away.
#[utoipa::path(delete, path = "/api/auth/factors/totp", tag = "auth",
    responses((status = 204, description = "Taken away"), (status = 404, description = "There is none")))]
pub(crate) async fn remove_totp(call: Call) -> ApiResult<StatusCode> {
    let session = call.session()?;
    let required = factors_of(call.app(), session.user, session.membership).await?.required;
    let mut scope = call.scope().await?;
    scope.lock_person(session.user).await?;
    if !scope.remove_totp(session.user).await? {
        return Err(Problem::not_found());
    }
    refuse_last(&mut scope, session.user, required).await?;
    tell(&call, &mut scope, "Your authenticator app was disconnected.").await?;
    scope.commit(call.note(None, session.user, json!({ "factor": "totp" }))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodesBody {
    recovery_codes: Vec<String>,
}

/// Replaces one's recovery codes. Those from before stop working.
#[utoipa::path(post, path = "/api/auth/factors/recovery-codes", tag = "auth",
    responses((status = 201, body = RecoveryCodesBody, description = "The new codes")))]
pub(crate) async fn renew_recovery_codes(
    call: Call,
) -> ApiResult<(StatusCode, axum::Extension<NotKept>, Json<RecoveryCodesBody>)> {
    let user = call.session()?.user;
    let (recovery_codes, kept) = recovery::fresh(call.app(), user);
    let mut scope = call.scope().await?;
    scope.replace_recovery_codes(user, &kept, call.at).await?;
    tell(&call, &mut scope, "Your recovery codes were replaced: those from before stopped working.").await?;
    scope.commit(call.note(None, user, json!({ "factor": "recovery_codes" }))).await?;
    Ok((StatusCode::CREATED, axum::Extension(NotKept), Json(RecoveryCodesBody { recovery_codes })))
}
