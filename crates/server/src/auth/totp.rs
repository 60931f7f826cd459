//! Codes of authenticator apps, RFC 6238: six digits, SHA-1, 30 seconds, one step of tolerance to either side.

use proofline_authz::Action;
use proofline_core::{Email, Secret, Timestamp, UserId};
use proofline_store::Scope;
use proofline_vault::{Cell, Sealed};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use totp_rs::{Builder, Totp};

use crate::AppState;
use crate::http::{ApiResult, Call, Problem};
use crate::keys::sealed_value_refused;

/// Where a person's secret is kept.
pub(super) fn cell(user: UserId) -> Cell {
    Cell { table: "totp_factor", column: "secret", tenant: None, row: user.uuid() }
}

/// A fresh secret of 160 bits, in base 32 as people and apps read it.
pub(super) fn fresh(app: &AppState) -> Secret {
    let bytes = app.entropy().bytes::<20>();
    Secret::new(totp_rs::Secret::from(bytes.to_vec()).to_base32())
}

fn totp(app: &AppState, secret: &Secret, email: &Email) -> ApiResult<Totp> {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).map_err(|e| Problem::internal(&e))?;
    Builder::new()
        .with_secret(secret)
        // The two are joined by a colon, so neither may hold one.
        .with_account_name(email.as_str().replace(':', " "))
        .with_issuer(Some(app.installation_name().replace(':', " ")))
        .build()
        .map_err(|e| Problem::internal(&e))
}

/// The time step that a code is right for, if any: this one or a neighbour.
fn step(
    app: &AppState,
    secret: &Secret,
    email: &Email,
    code: &Secret,
    now: Timestamp,
) -> ApiResult<Option<i64>> {
    let digits: String = code.expose().chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let step = totp(app, secret, email)?.check(&digits, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// Takes a code of the caller's app, once, and gives the scope back that took it. None where it is no code, or was taken
/// before. Whoever is refused something holds no scope any more: the refusal's row has a transaction of its own.
pub(super) async fn take(
    call: &Call,
    mut scope: Scope,
    action: Action,
    secret: &Sealed,
    code: &Secret,
) -> ApiResult<Option<Scope>> {
    let (app, session) = (call.app(), call.session()?);
    let cell = cell(session.user);
    let secret = match app.vault().open(&cell, secret) {
        Ok(secret) => secret,
        Err(error) => {
            drop(scope);
            return Err(sealed_value_refused(call, action, session.user.to_string(), &cell, &error).await);
        }
    };
    match step(app, &secret, &session.email, code, call.at)? {
        Some(step) if scope.take_totp_step(session.user, step, call.at).await? => Ok(Some(scope)),
        _ => Ok(None),
    }
}

/// `otpauth://…`, and the same as a picture.
pub(super) fn invitation(app: &AppState, secret: &Secret, email: &Email) -> ApiResult<(String, String)> {
    let uri = totp(app, secret, email)?.to_url().map_err(|e| Problem::internal(&e))?;
    let code = QrCode::with_error_correction_level(&uri, EcLevel::M).map_err(|e| Problem::internal(&e))?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
    Ok((uri, picture))
}
