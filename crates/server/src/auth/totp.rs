//! Codes of authenticator apps, RFC 6238: six digits, SHA-1, 30 seconds, one step of tolerance to either side.

use proofline_core::{Email, Secret, Timestamp, UserId};
use proofline_store::Scope;
use proofline_vault::{Cell, Sealed};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use totp_rs::{Builder, Totp};

use crate::AppState;
use crate::http::{ApiResult, Call, Problem};

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

/// Takes a code of the caller's app, once. `false` where it is none, or was taken before.
pub(super) async fn take(call: &Call, scope: &mut Scope, secret: &Sealed, code: &Secret) -> ApiResult<bool> {
    let (app, session) = (call.app(), call.session()?);
    let secret = app.vault().open(&cell(session.user), secret).map_err(|e| Problem::internal(&e))?;
    match step(app, &secret, &session.email, code, call.at)? {
        Some(step) => Ok(scope.take_totp_step(session.user, step, call.at).await?),
        None => Ok(false),
    }
}

/// `otpauth://…`, and the same as a picture.
pub(super) fn invitation(app: &AppState, secret: &Secret, email: &Email) -> ApiResult<(String, String)> {
    let uri = totp(app, secret, email)?.to_url().map_err(|e| Problem::internal(&e))?;
    let code = QrCode::with_error_correction_level(&uri, EcLevel::M).map_err(|e| Problem::internal(&e))?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
    Ok((uri, picture))
}
