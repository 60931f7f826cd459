//! Provisioning codes: 130 random bits that a person can type, claimed once, kept only as a digest.

use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::Principal;
use proofline_core::{ProvisioningCodeId, Secret, SiteId};
use proofline_store::{Code, CodeState, NewCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::http::{ApiResult, Call, Id, Listing, NotKept, PageQuery, Problem, Query, Strict};

const LIFETIME: TimeDelta = TimeDelta::days(30);
/// Crockford base32: no I, L, O or U to be misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: usize = 26;

/// A provisioning code as listed; the code itself is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeBody {
    /// Prefixed id.
    id: String,
    /// What the person calls it.
    label: String,
    /// `open`, `claimed`, `expired` or `revoked`.
    state: &'static str,
    /// Who issued it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Until when it can be claimed.
    expires_at: DateTime<Utc>,
    /// When it was claimed.
    claimed_at: Option<DateTime<Utc>>,
    /// By which appliance.
    appliance_id: Option<String>,
}

impl CodeBody {
    fn of(code: Code, now: DateTime<Utc>) -> Self {
        Self {
            id: code.id.to_string(),
            state: match code.state(now) {
                CodeState::Open => "open",
                CodeState::Claimed(_) => "claimed",
                CodeState::Expired => "expired",
                CodeState::Revoked => "revoked",
            },
            label: code.label,
            created_by: code.created_by,
            created_at: code.created_at,
            expires_at: code.expires_at,
            claimed_at: code.claimed_at,
            appliance_id: code.claimed_by.map(|id| id.to_string()),
        }
    }
}

/// A code to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCodeRequest {
    /// What you call it, for example the machine it is for; up to 120 characters.
    #[serde(default)]
    #[schema(format = "label")]
    label: String,
}

/// A fresh code: the only time it is shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedCode {
    /// Prefixed id.
    id: String,
    /// The code.
    code: String,
    /// Until when it can be claimed.
    expires_at: DateTime<Utc>,
    /// What to run on the machine.
    enroll_command: String,
}

/// SHA-256 of a code as a person may type it: case, spaces, dashes and the letters that Crockford maps do not matter.
pub(crate) fn digest(code: &Secret) -> [u8; 32] {
    let canonical: String = code
        .expose()
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        })
        .collect();
    Sha256::digest(canonical).into()
}

pub(super) fn generate(random: [u8; SYMBOLS]) -> String {
    let symbols: Vec<char> = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    let groups: Vec<String> = symbols.chunks(7).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// A site's provisioning codes, newest first.
#[utoipa::path(get, path = "/api/sites/{site_id}/codes", tag = "tenants",
    params(("site_id" = String, Path, description = "Site"), PageQuery),
    responses((status = 200, body = Listing<CodeBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Id(site): Id<SiteId>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<CodeBody>>> {
    let mut scope = call.scope().await?;
    let site = scope.site(site).await?;
    let codes = scope.codes(site.org, site.id, &page.request()?).await?;
    Ok(Json(Listing::from_page(codes, |code| CodeBody::of(code, call.at))))
}

/// Issues a code. It is shown in this answer and never again.
#[utoipa::path(post, path = "/api/sites/{site_id}/codes", tag = "tenants", request_body = NewCodeRequest,
    params(("site_id" = String, Path, description = "Site")),
    responses((status = 201, body = IssuedCode, description = "Issued")))]
pub(crate) async fn create(
    call: Call,
    Id(site): Id<SiteId>,
    Strict(new): Strict<NewCodeRequest>,
) -> ApiResult<(StatusCode, Extension<NotKept>, Json<IssuedCode>)> {
    let label = new.label.trim().to_owned();
    if label.chars().count() > 120 || label.chars().any(char::is_control) {
        return Err(Problem::invalid("label", "length", "Up to 120 characters, no control characters."));
    }
    let app = call.app();
    let mut scope = call.scope().await?;
    let site = scope.site(site).await?;
    let code = generate(app.entropy().bytes());
    let new = NewCode {
        id: ProvisioningCodeId::new(call.at, app.entropy()),
        digest: digest(&Secret::new(&code)),
        label,
        created_by: Principal::name(call.principal()),
        at: call.at,
        expires_at: call.at + LIFETIME,
    };
    scope.create_code(site.org, site.id, &new).await?;
    scope.commit(call.note(Some(site.org), new.id, json!({ "site": site.id }))).await?;
    let enroll_command =
        format!("proofline-agent enroll --server {} --code {code}", app.settings().public_url);
    let body = IssuedCode { id: new.id.to_string(), code, expires_at: new.expires_at, enroll_command };
    Ok((StatusCode::CREATED, Extension(NotKept), Json(body)))
}

/// Revokes a code that nobody claimed.
#[utoipa::path(delete, path = "/api/codes/{code_id}", tag = "tenants",
    params(("code_id" = String, Path, description = "Provisioning code")),
    responses((status = 204, description = "Revoked")))]
pub(crate) async fn revoke(call: Call, Id(code): Id<ProvisioningCodeId>) -> ApiResult<StatusCode> {
    let mut scope = call.scope().await?;
    let org = scope.revoke_code(code, call.at).await?;
    scope.commit(call.note(Some(org), code, json!({}))).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_read_aloud() {
        let code = generate([
            31, 1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
        ]);
        assert_eq!(code.len(), SYMBOLS + 3);
        let spoken = code.to_lowercase().replace('-', " ").replace('1', "l").replace('0', "o");
        assert_eq!(digest(&Secret::new(&code)), digest(&Secret::new(spoken)));
        assert_ne!(digest(&Secret::new(&code)), digest(&Secret::new(code.replace('Z', "Y"))));
    }
}
