//! The protocol's types as this server speaks them, and a client for one provider.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreSubjectIdentifierType,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, AuthType, ClientId, ClientSecret, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, ProviderMetadata, RedirectUrl,
    StandardErrorResponse, StandardTokenResponse,
};
use proofline_store::Provider;
use proofline_vault::Cell;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::place;
use crate::AppState;
use crate::http::{ApiResult, Problem};

/// What a discovery document says beside the standard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MoreMetadata {
    /// RFC 9207: every answer names its issuer.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for MoreMetadata {}

/// What Microsoft says beside the standard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MoreClaims {
    /// The tenant.
    pub(super) tid: Option<String>,
    /// Whether the owner of the address's domain verified it.
    pub(super) xms_edov: Option<Value>,
}

impl AdditionalClaims for MoreClaims {}

/// A provider's discovery document, with its keys.
pub(super) type Metadata = ProviderMetadata<
    MoreMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Fields = IdTokenFields<
    MoreClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// The answer to a code.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

/// A client of one provider.
pub(super) type Client = openidconnect::Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The one address that providers send browsers back to.
fn redirect_url(app: &AppState) -> ApiResult<RedirectUrl> {
    RedirectUrl::new(format!("{}/api/auth/oidc/callback", app.settings().public_url))
        .map_err(|error| Problem::internal(&error))
}

/// A client of this provider, as whom we are there.
pub(super) fn of(app: &AppState, provider: &Provider, metadata: &Metadata) -> ApiResult<Client> {
    let secret = provider.secret.as_ref().map(|sealed| {
        app.vault().open(&secret_cell(provider.id.uuid(), place::tenant(provider.place)), sealed)
    });
    let secret = secret.transpose().map_err(|error| Problem::internal(&error))?;
    let methods = metadata.token_endpoint_auth_methods_supported();
    let in_body = methods.is_some_and(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
    });
    let client = Client::from_provider_metadata(
        metadata.clone(),
        ClientId::new(provider.client_id.clone()),
        secret.map(|secret| ClientSecret::new(secret.expose().to_owned())),
    );
    let client = client.set_redirect_uri(redirect_url(app)?);
    Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
}

/// Where a provider's secret is kept.
pub(super) fn secret_cell(provider: Uuid, tenant: Option<Uuid>) -> Cell {
    Cell { table: "oidc_provider", column: "client_secret", tenant, row: provider }
}
