//! Proving a second factor: the second half of signing in, and again before what matters most.
//!
//! A code counts once, however many ask at the same time. Attempts are counted, so that six digits cannot be guessed through:
//! per person where a password is all that was proved, so that another session is no other count; per session where everything
//! was proved before, so that whoever has the password alone keeps nobody from proving again; and by itself for a browser
//! that signed in to the account before, for the same reason.

use axum::Json;
use axum::http::HeaderMap;
use proofline_authz::Action;
use proofline_core::{Assurance, CeremonyId, FactorRequirement, Secret};
use proofline_store::{CeremonyPurpose, Scope, SignIn};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::login::lock_rule;
use super::session::{self, SessionBody};
use super::{recovery, totp};
use crate::http::{ApiResult, Call, Device, Problem, Strict, presented_device};

/// A code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeRequest {
    /// As it is shown or printed; spaces and hyphens do not matter.
    #[schema(value_type = String)]
    pub(super) code: Secret,
}

/// Proves an authenticator app. The session gets a new token, and with it what it may reach.
#[utoipa::path(post, path = "/api/auth/second-factor/totp", tag = "auth", request_body = CodeRequest,
    responses((status = 200, body = SessionBody, description = "Proved")))]
pub(crate) async fn with_totp(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<CodeRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let attempt = Attempt::begin(&call, &headers).await?;
    let mut scope = call.scope().await?;
    let stored = scope.lock_totp(call.session()?.user).await?.filter(|totp| totp.confirmed_at.is_some());
    let Some(stored) = stored else { return attempt.refused(&call, "no_totp").await };
    match totp::take(&call, scope, Action::FactorProve, &stored.secret, &request.code).await? {
        Some(scope) => attempt.proved(&call, scope, "totp").await,
        None => attempt.refused(&call, "totp").await,
    }
}

/// Proves a recovery code, which is used up.
#[utoipa::path(post, path = "/api/auth/second-factor/recovery-code", tag = "auth", request_body = CodeRequest,
    responses((status = 200, body = SessionBody, description = "Proved")))]
pub(crate) async fn with_recovery_code(
    call: Call,
    headers: HeaderMap,
    Strict(request): Strict<CodeRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let attempt = Attempt::begin(&call, &headers).await?;
    let user = call.session()?.user;
    let mut scope = call.scope().await?;
    let digest = recovery::digest(call.app(), user, &request.code);
    if !scope.take_recovery_code(user, &digest, call.at).await? {
        drop(scope);
        return attempt.refused(&call, "recovery_code").await;
    }
    attempt.proved(&call, scope, "recovery_code").await
}

/// One counted attempt to prove something.
pub(super) struct Attempt {
    account: [u8; 32],
    required: FactorRequirement,
    refusal: fn() -> Problem,
}

fn code_refused() -> Problem {
    Problem::forbidden(
        "code_refused",
        "This was not accepted: wrong, used already, or one of too many attempts. Wait for the next code.",
    )
}

/// A passkey that was not accepted, for whatever reason: the audit log says which.
pub(super) fn passkey_refused() -> Problem {
    Problem::forbidden("passkey_refused", "This passkey was not accepted.")
}

/// A ceremony that cannot be finished.
pub(super) fn ceremony_expired() -> Problem {
    Problem::forbidden("ceremony_expired", "This took too long, or was finished already. Begin again.")
}

impl Attempt {
    /// Counts it, before anything is looked at.
    pub(super) async fn begin(call: &Call, headers: &HeaderMap) -> ApiResult<Self> {
        Self::count(call, headers, call.app().store().sign_in().await?, code_refused).await
    }

    /// The same for a passkey: its ceremony is used up as the attempt is counted, whatever comes of it.
    pub(super) async fn begin_passkey(
        call: &Call,
        headers: &HeaderMap,
        ceremony: CeremonyId,
        purpose: CeremonyPurpose,
    ) -> ApiResult<(Self, Value)> {
        let mut sign_in = call.app().store().sign_in().await?;
        let state = sign_in.take_ceremony(ceremony, purpose, Some(call.session()?.user), call.at).await?;
        let attempt = Self::count(call, headers, sign_in, passkey_refused).await?;
        let Some(state) = state else {
            attempt.record(call, "ceremony").await?;
            return Err(ceremony_expired());
        };
        Ok((attempt, state))
    }

    async fn count(
        call: &Call,
        headers: &HeaderMap,
        mut sign_in: SignIn,
        refusal: fn() -> Problem,
    ) -> ApiResult<Self> {
        let (app, session) = (call.app(), call.session()?);
        let own = |device: &Device| device.account == app.passwords().account(session.email.as_str());
        let account = if session.assurance == Assurance::Full {
            app.passwords().digest("second factors in", session.id.uuid().as_bytes())
        } else if let Some(device) = presented_device(app, headers).filter(own) {
            device.attempts_to_prove()
        } else {
            app.passwords().digest("second factors of", session.user.uuid().as_bytes())
        };
        let counts = sign_in.count_attempt(&account, call.at, lock_rule(call.at)).await?;
        sign_in.commit().await?;
        let required = super::factors_of(app, session.user, session.membership).await?.required;
        let attempt = Self { account, required, refusal };
        if counts { Ok(attempt) } else { attempt.refused(call, "locked").await }
    }

    /// Nothing was proved.
    pub(super) async fn refused<T>(&self, call: &Call, why: &'static str) -> ApiResult<T> {
        self.record(call, why).await?;
        Err((self.refusal)())
    }

    async fn record(&self, call: &Call, why: &'static str) -> ApiResult<()> {
        call.record_denied(Action::FactorProve, call.session()?.id, json!({ "why": why })).await
    }

    /// What attempts are counted under.
    pub(super) fn account(&self) -> &[u8; 32] {
        &self.account
    }

    /// What proving `factor` is worth under the policy.
    pub(super) fn assurance(&self, factor: &str) -> Assurance {
        match (self.required, factor) {
            (FactorRequirement::Any, _) | (FactorRequirement::Passkey, "passkey") => Assurance::Full,
            (FactorRequirement::Passkey, _) => Assurance::Password,
        }
    }

    /// `factor` was proved: the session is raised in the scope that used it up.
    pub(super) async fn proved(
        &self,
        call: &Call,
        mut scope: Scope,
        factor: &'static str,
    ) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
        let proved = session::prove(call, &mut scope, self.assurance(factor)).await?;
        scope.forget_attempts(&self.account).await?;
        scope.commit(call.note(None, proved.session.id, json!({ "factor": factor }))).await?;
        Ok((proved.cookies(call.app()), Json(proved.body(call.app()).await?)))
    }
}
