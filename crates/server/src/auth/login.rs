//! Signing in with a password.
//!
//! # What an answer tells
//! Whether an address exists, is disabled, is locked, or only met a wrong password: one answer, after the same hashing and
//! the same writes. That is why attempts are counted for any address that is typed, and why a locked account is not told
//! apart; what a client is told to wait for is its own budget.
//!
//! # Who cannot be kept out
//! A lock is for strangers. A browser that has signed in to the account before, with everything that is asked, tries on a
//! count of its own, so that guessing at somebody's account does not keep them out of it. Nor does it take the lock away
//! that strangers meet.
//!
//! # What attempts at once cannot do
//! Each is counted under a lock that it holds until it commits, and decided on what is stored then, not on what was read
//! before the hashing. Of a hundred guesses at once [`ATTEMPTS`] are looked at.
//!
//! # What becomes of an old password's form
//! Whoever gets in with a password that is stored in an old form leaves it in the current one. That comes after the session
//! was committed: it is nobody's hindrance, and the next success makes up for it. Of many at once one is written.

use axum::Json;
use axum::http::HeaderMap;
use chrono::TimeDelta;
use proofline_authz::{Action, Principal};
use proofline_core::{Assurance, Email, Secret, SessionId, Timestamp};
use proofline_store::{LockRule, LoginRecord, SignIn};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::password::Lane;
use super::session::{self, Person, SessionBody};
use crate::AppState;
use crate::http::{
    Anonymous, ApiResult, Problem, RateClass, RateKey, Strict, presented_device, presented_session,
};

/// So many passwords, or second factors, are tried in a row; after that none is taken for [`LOCKED_FOR`].
const ATTEMPTS: i32 = 5;
const LOCKED_FOR: TimeDelta = TimeDelta::minutes(15);
/// How often a right password is looked at anew, because what is stored became another text meanwhile.
const LOOKS: usize = 3;

/// The rule for attempts at `at`, of whatever proves something.
pub(super) fn lock_rule(at: Timestamp) -> LockRule {
    LockRule { attempts: ATTEMPTS, until: at + LOCKED_FOR }
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// The address.
    #[schema(format = "email")]
    email: String,
    /// The password.
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// Signs in. One answer for an unknown address, a wrong password, a locked and a disabled account, in the same time. The
/// session that this browser had before ends.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginRequest,
    responses((status = 200, body = SessionBody, description = "Signed in"),
        (status = 401, description = "Address and password do not belong together, or the account takes none")))]
pub(crate) async fn login(
    call: Anonymous,
    headers: HeaderMap,
    Strict(request): Strict<LoginRequest>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let email: Option<Email> = request.email.parse().ok();
    let account = app.passwords().account(email.as_ref().map_or(request.email.as_str(), Email::as_str));
    let device = match presented_device(&call.app, &headers) {
        // Known to another account: a stranger here, with a stranger's budget.
        Some(other) if other.account != account => {
            app.rate_limits().check(RateClass::Login, &RateKey::Address(call.address)).await?;
            None
        }
        device => device,
    };
    // What is no address is looked for, too: nobody has it, and it takes as long.
    let address = email.as_ref().map_or("", Email::as_str);
    let (count, lane) = match &device {
        Some(device) => (device.attempts(), Lane::Known),
        None => (account, Lane::Stranger),
    };
    let mut record = app.store().sign_in().await?.login_record(address).await?;
    let mut looks = 0;
    let (mut sign_in, stored, why) = loop {
        looks += 1;
        // No transaction is open while bcrypt works: a burst of logins holds no connection.
        let tried = record.as_ref().map(|record| record.password_hash.as_str());
        let matches = app.passwords().verify(lane, &request.password, tried).await?;

        let mut sign_in = app.store().sign_in().await?;
        let counts = sign_in.count_attempt(&count, call.at, lock_rule(call.at)).await?;
        let stored = if matches {
            sign_in.lock_login_record(address).await?
        } else {
            sign_in.login_record(address).await?
        };
        match (&stored, tried) {
            (None, _) => break (sign_in, stored, "unknown"),
            (Some(_), _) if !counts => break (sign_in, stored, "locked"),
            (Some(now), _) if now.disabled_at.is_some() => break (sign_in, stored, "disabled"),
            (Some(now), Some(tried)) if matches && now.password_hash == tried => {
                sign_in.clear_attempts(&count).await?;
                let answer = signed_in(&call, sign_in, &headers, now, email.clone()).await?;
                bring_up_to_date(app, now, address, &request.password).await;
                return Ok(answer);
            }
            // Right a moment ago: its form was brought up to date, or it was changed. Nothing is counted until that is known.
            (Some(_), _) if matches && looks < LOOKS => record = stored,
            (Some(_), _) => break (sign_in, stored, "wrong"),
        }
    };
    // Without the address that was tried.
    let (who, place) = stored.map(|record| (record.id, record.membership.place())).unzip();
    sign_in
        .audit_denied(&call.denied(Action::SessionStart, who, place, "session", json!({ "why": why })))
        .await?;
    sign_in.commit().await?;
    Err(Problem::new(
        axum::http::StatusCode::UNAUTHORIZED,
        "login_failed",
        "This address and password do not belong together, or the account takes none right now.",
    ))
}

/// Stores the password in the current form and at the current cost, if it is in an old one or was cheaper. A failure is logged
/// and changes nothing.
async fn bring_up_to_date(app: &AppState, record: &LoginRecord, address: &str, password: &Secret) {
    let old = &record.password_hash;
    if !app.passwords().is_outdated(old) {
        return;
    }
    let upgraded = async {
        let current = app.store().sign_in().await?.login_record(address).await?;
        if current.is_none_or(|current| current.password_hash != *old) {
            return Ok(()); // another login was first: nothing to hash
        }
        let fresh = app.passwords().hash(password, app.entropy().bytes()).await?;
        let mut sign_in = app.store().sign_in().await?;
        // Compared and set in one statement, under the row's lock.
        sign_in.exchange_password(record.id, old, &fresh).await?;
        ApiResult::Ok(sign_in.commit().await?)
    };
    if let Err(problem) = upgraded.await {
        tracing::warn!(person = %record.id, code = problem.code(), "a password keeps its old form for now");
    }
}

async fn signed_in(
    call: &Anonymous,
    sign_in: SignIn,
    headers: &HeaderMap,
    record: &LoginRecord,
    email: Option<Email>,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let email = email.ok_or_else(Problem::no_session)?;
    let person = Person { id: record.id, name: &record.name, email: &email, membership: record.membership };
    enter(call, sign_in, headers, person, Assurance::Password, json!({})).await
}

/// Begins the session of somebody who has proved that much, in place of the one that the browser had. `by` says in the audit
/// trail by what, where it was no password.
pub(super) async fn enter(
    call: &Anonymous,
    mut sign_in: SignIn,
    headers: &HeaderMap,
    person: Person<'_>,
    proved: Assurance,
    mut by: Value,
) -> ApiResult<(HeaderMap, Json<SessionBody>)> {
    let app = &call.app;
    let principal =
        Principal::Person { id: person.id, name: person.name.to_owned(), membership: person.membership };
    let earlier = end_earlier(&mut sign_in, headers, call).await?;
    let started = match proved {
        Assurance::Password => session::start(app, &mut sign_in, person, call.at).await?,
        Assurance::Full => session::start_proved(app, &mut sign_in, person, call.at).await?,
    };
    by["ended"] = json!(earlier);
    sign_in.audit(&principal, Action::SessionStart, call.note(started.session.id, by)).await?;
    sign_in.commit().await?;
    if let Some(earlier) = earlier {
        app.events().session_ended(earlier);
    }
    Ok((started.cookies(app), Json(started.body(app).await?)))
}

/// Ends the session that the browser still has, whoever's it is: signing in never leaves a second one behind.
pub(super) async fn end_earlier(
    sign_in: &mut SignIn,
    headers: &HeaderMap,
    call: &Anonymous,
) -> ApiResult<Option<SessionId>> {
    let Some(digest) = presented_session(headers) else { return Ok(None) };
    let ended = sign_in.end_session_of_token(&digest, call.at).await?;
    if let Some(session) = ended {
        sign_in.announce(&crate::events::session_ended(session)).await?;
    }
    Ok(ended)
}
