//! Credentials that an appliance needs for what it looks after: written once, read by that appliance alone.
//!
//! A credential is sealed to the appliance's own key before it is stored; from then on nobody here can read it, whoever
//! asks. What is stored is sealed again under the row's own key of the vault, which is what notices an envelope that
//! somebody moved to another row. An appliance gets its whole set in one signed envelope.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use proofline_authz::Action;
use proofline_core::{ApplianceId, CredentialId, OrgId, Secret};
use proofline_evidence::{PublicKey, dsse};
use proofline_protocol::credentials::{
    Login, MAX_CREDENTIALS, MAX_SECRET_BYTES, MAX_USERNAME_BYTES, Purpose, seal,
};
use proofline_protocol::{Base64, CREDENTIALS_PAYLOAD_TYPE, CredentialSet, KeyRole, SealedCredential, Text};
use proofline_store::{Credential, NewCredential, StoredCredential};
use proofline_vault::{Cell, Sealed};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{ApiResult, Call, FieldProblem, Id, Listing, PageQuery, Problem, Query, Strict};
use crate::keys::open_sealed;
use crate::tenants::is_unseen;

/// A credential as listed. What is in it is not shown to anybody.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialBody {
    /// Prefixed id.
    id: String,
    /// What people call it.
    name: String,
    /// 1, and one more each time it was set anew.
    version: i64,
    /// Who set it.
    set_by: String,
    /// When.
    set_at: DateTime<Utc>,
}

impl From<Credential> for CredentialBody {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id.to_string(),
            name: credential.name,
            version: credential.version,
            set_by: credential.set_by,
            set_at: credential.set_at,
        }
    }
}

/// A credential to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialRequest {
    /// What people call it; 1 to 60 characters. One that the appliance has already is replaced.
    #[schema(format = "short-name")]
    name: String,
    /// Who to sign in as; up to 256 bytes, empty where there is no such thing.
    #[schema(value_type = String, max_length = 256)]
    username: Secret,
    /// What to sign in with; 1 to 4096 bytes.
    #[schema(value_type = String, min_length = 1, max_length = 4096)]
    secret: Secret,
}

impl CredentialRequest {
    fn read(self) -> ApiResult<(Text<1, 60>, Login)> {
        let mut errors = Vec::new();
        let mut wrong = |field, detail: &str| {
            errors.push(FieldProblem { field, code: "length", detail: detail.to_owned() });
        };
        let name = Text::new(self.name.trim());
        let seen = !self.name.trim().chars().any(is_unseen);
        if name.is_err() || !seen {
            wrong("name", "1 to 60 characters, no control characters and none that are not seen.");
        }
        if self.username.expose().len() > MAX_USERNAME_BYTES {
            wrong("username", "Up to 256 bytes.");
        }
        if !(1..=MAX_SECRET_BYTES).contains(&self.secret.expose().len()) {
            wrong("secret", "1 to 4096 bytes.");
        }
        match name {
            Ok(name) if errors.is_empty() => {
                Ok((name, Login { username: self.username, secret: self.secret }))
            }
            _ => Err(Problem::invalid_fields(errors)),
        }
    }
}

/// Where the vault keeps a credential's envelope.
fn cell(org: OrgId, credential: CredentialId) -> Cell {
    Cell {
        table: "appliance_credential",
        column: "envelope",
        tenant: Some(org.uuid()),
        row: credential.uuid(),
    }
}

/// An appliance's credentials, newest first.
#[utoipa::path(get, path = "/api/appliances/{appliance_id}/credentials", tag = "appliances",
    params(("appliance_id" = String, Path, description = "Appliance"), PageQuery),
    responses((status = 200, body = Listing<CredentialBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Id(id): Id<ApplianceId>,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<CredentialBody>>> {
    let page = page.request()?;
    let mut scope = call.scope().await?;
    let appliance = scope.appliance(id).await?;
    let credentials = scope.credentials(appliance.org, id, &page).await?;
    Ok(Json(Listing::from_page(credentials, CredentialBody::from)))
}

/// Gives the appliance a credential, or replaces the one of the same name. It is sealed to the appliance at once and
/// cannot be read back.
#[utoipa::path(post, path = "/api/appliances/{appliance_id}/credentials", tag = "appliances",
    request_body = CredentialRequest, params(("appliance_id" = String, Path, description = "Appliance")),
    responses((status = 201, body = CredentialBody, description = "Set")))]
pub(crate) async fn set(
    call: Call,
    Id(id): Id<ApplianceId>,
    Strict(request): Strict<CredentialRequest>,
) -> ApiResult<(StatusCode, Json<CredentialBody>)> {
    let (name, login) = request.read()?;
    let app = call.app();
    let mut scope = call.scope().await?;
    let place = scope.lock_credentials(id, name.as_str()).await?;
    if place.revoked {
        return Err(Problem::conflict("appliance_revoked", "This appliance was revoked."));
    }
    if place.held.is_none() && usize::try_from(place.count).is_ok_and(|count| count >= MAX_CREDENTIALS) {
        return Err(Problem::conflict("too_many_credentials", "An appliance holds up to 50 credentials."));
    }
    let fresh = || (CredentialId::new(call.at, app.entropy()), 1);
    let (credential, version) = place.held.map_or_else(fresh, |(held, version)| (held, version + 1));
    let key: [u8; 32] = place.public_key.as_slice().try_into().map_err(|_| Problem::not_found())?;
    let key = PublicKey::from_bytes(&key).map_err(|e| Problem::internal(&e))?;
    let purpose = Purpose {
        appliance: id,
        credential,
        version: u64::try_from(version).unwrap_or(0),
        name: name.as_str(),
    };
    let envelope = Secret::new(STANDARD.encode(seal(&key, &purpose, &login, app.entropy())));
    let Sealed { key, token } = app.vault().seal(&cell(place.org, credential), &envelope);
    let new = NewCredential {
        id: credential,
        name: name.into_string(),
        version,
        token,
        key,
        set_by: call.principal().name(),
        at: call.at,
    };
    scope.put_credential(&place, &new).await?;
    scope.announce(&format!("appliance {}", place.key_id)).await?;
    let detail = json!({ "appliance": id, "name": new.name, "version": version });
    scope.commit(call.note(Some(place.org), credential, detail)).await?;
    forget(&call, &place.key_id);
    let body = CredentialBody {
        id: credential.to_string(),
        name: new.name,
        version,
        set_by: new.set_by,
        set_at: call.at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Takes a credential away: the appliance forgets it at its next check-in.
#[utoipa::path(delete, path = "/api/credentials/{credential_id}", tag = "appliances",
    params(("credential_id" = String, Path, description = "Credential")),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(call: Call, Id(id): Id<CredentialId>) -> ApiResult<StatusCode> {
    let mut scope = call.scope().await?;
    let (org, appliance, key_id) = scope.delete_credential(id).await?;
    scope.announce(&format!("appliance {key_id}")).await?;
    scope.commit(call.note(Some(org), id, json!({ "appliance": appliance }))).await?;
    forget(&call, &key_id);
    Ok(StatusCode::NO_CONTENT)
}

/// This node at once; the others when the announcement reaches them.
fn forget(call: &Call, key_id: &str) {
    if let Ok(key) = key_id.parse() {
        call.app().appliances().forget(&key);
    }
}

/// Everything that is sealed to the appliance that asks, signed under the `orders` key.
#[utoipa::path(get, path = "/api/agent/credentials", tag = "agent",
    responses((status = 200, body = serde_json::Value, description = "A DSSE envelope")))]
pub(crate) async fn deliver(call: Call) -> ApiResult<Response> {
    let app = call.app();
    let appliance = call.appliance()?;
    let mut scope = call.scope().await?;
    let (version, stored) = scope.sealed_credentials(appliance.org, appliance.id).await?;
    drop(scope);
    let mut credentials = Vec::with_capacity(stored.len());
    for stored in stored {
        credentials.push(opened(&call, appliance.org, stored).await?);
    }
    let set = CredentialSet {
        installation: app.installation().id,
        appliance: appliance.id,
        version: u64::try_from(version).unwrap_or(0),
        issued: call.at,
        credentials,
    };
    let payload = serde_json::to_vec(&set).map_err(|e| Problem::internal(&e))?;
    let key = app.keys().signer(KeyRole::Orders, call.at);
    let envelope = dsse::sign(CREDENTIALS_PAYLOAD_TYPE, &payload, &key);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], envelope).into_response())
}

/// Takes the outer seal off. What is left only the appliance opens.
async fn opened(call: &Call, org: OrgId, stored: StoredCredential) -> ApiResult<SealedCredential> {
    let sealed = Sealed { key: stored.key, token: stored.token };
    let envelope = open_sealed(
        call,
        Action::AgentReadCredentials,
        stored.id.to_string(),
        &cell(org, stored.id),
        &sealed,
    )
    .await?;
    let envelope = STANDARD.decode(envelope.expose()).map_err(|e| Problem::internal(&e))?;
    Ok(SealedCredential {
        id: stored.id,
        name: Text::new(stored.name).map_err(|e| Problem::internal(&e))?,
        version: u64::try_from(stored.version).unwrap_or(0),
        envelope: Base64(envelope),
    })
}
