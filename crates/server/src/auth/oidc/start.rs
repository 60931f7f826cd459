//! The way to a provider.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use openidconnect::core::CoreResponseType;
use openidconnect::{AuthenticationFlow, PkceCodeChallenge, Scope};
use proofline_core::{ProviderId, Timestamp};
use proofline_store::{Flow, FlowPurpose, Provider};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::browser::{BrowserSecret, State};
use super::{FLOW_LIFETIME, client, discovery, return_to};
use crate::AppState;
use crate::http::{Anonymous, ApiResult, Id, Problem, Strict, presented_session};

/// A provider as the sign-in page offers it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfferBody {
    /// Prefixed id.
    id: String,
    /// What people call it.
    name: String,
    /// `google`, `microsoft` or `openid`.
    kind: String,
}

/// The providers that the sign-in page offers.
#[derive(Serialize, ToSchema)]
pub(crate) struct OffersBody {
    /// By name.
    items: Vec<OfferBody>,
}

/// Providers of the installation itself. Those of partners and organisations are not told to everybody: their people are
/// given the address that starts with theirs.
#[utoipa::path(get, path = "/api/auth/providers", tag = "auth",
    responses((status = 200, body = OffersBody, description = "By name")))]
pub(crate) async fn list(call: Anonymous) -> ApiResult<Json<OffersBody>> {
    let providers = call.app.store().sign_in().await?.platform_providers().await?;
    let items = providers.into_iter().map(|provider| OfferBody {
        id: provider.id.to_string(),
        name: provider.name,
        kind: provider.kind,
    });
    Ok(Json(OffersBody { items: items.collect() }))
}

/// Who signs in, and where they want to be after it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartRequest {
    /// A page of this app, as `/sites?q=x`.
    #[serde(default)]
    return_to: Option<String>,
}

/// Where the browser goes now.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartBody {
    /// An address of the provider.
    pub(super) authorization_url: String,
}

/// Begins to sign in: the browser is to go to the address in the answer.
#[utoipa::path(post, path = "/api/auth/providers/{provider_id}/start", tag = "auth", request_body = StartRequest,
    params(("provider_id" = String, Path, description = "Provider")),
    responses((status = 200, body = StartBody, description = "Go there")))]
pub(crate) async fn start(
    call: Anonymous,
    Id(provider): Id<ProviderId>,
    headers: HeaderMap,
    Strict(request): Strict<StartRequest>,
) -> ApiResult<(HeaderMap, Json<StartBody>)> {
    let app = &call.app;
    let provider = app.store().sign_in().await?.enabled_provider(provider).await?;
    let provider = provider.ok_or_else(Problem::not_found)?;
    let purpose = FlowPurpose::SignIn { earlier_session: presented_session(&headers) };
    begin(app, &headers, &provider, purpose, request.return_to.as_deref(), call.at).await
}

/// Remembers a flow, and says where the browser goes and what cookie it needs.
pub(super) async fn begin(
    app: &AppState,
    headers: &HeaderMap,
    provider: &Provider,
    purpose: FlowPurpose,
    asked: Option<&str>,
    at: Timestamp,
) -> ApiResult<(HeaderMap, Json<StartBody>)> {
    let return_to = asked
        .map(|asked| return_to::checked(&app.settings().public_url, asked).ok_or_else(not_ours))
        .transpose()?;
    let discovered = discovery::discover(app, provider).await.map_err(|discovery::NotDiscovered(why)| {
        tracing::warn!(provider = %provider.id, why, "a provider cannot be used");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_unavailable",
            "This provider cannot be reached right now, or is not set up as it should be.",
        )
    })?;
    let browser = BrowserSecret::presented(headers).unwrap_or_else(|| BrowserSecret::fresh(app.entropy()));
    let state = State::fresh(app.entropy());
    let challenge =
        PkceCodeChallenge::from_code_verifier_sha256(&browser.pkce_verifier(app.settings(), &state));
    let (token, nonce) = (state.token(), browser.nonce(app.settings(), &state));
    let client = client::of(app, provider, &discovered.metadata)?;
    let (url, _, _) = client
        .authorize_url(AuthenticationFlow::<CoreResponseType>::AuthorizationCode, || token, || nonce)
        .add_scope(Scope::new("email".to_owned()))
        .add_scope(Scope::new("profile".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let flow = Flow {
        state_digest: state.digest(),
        browser_digest: browser.digest(),
        provider: provider.id,
        purpose,
        return_to,
        expires_at: at + FLOW_LIFETIME,
    };
    app.oidc().flows.put(&flow).await?;
    let cookie = HeaderMap::from_iter([(header::SET_COOKIE, browser.set_cookie())]);
    Ok((cookie, Json(StartBody { authorization_url: url.into() })))
}

fn not_ours() -> Problem {
    Problem::invalid("return_to", "not_a_page", "Name a page of this app.")
}
