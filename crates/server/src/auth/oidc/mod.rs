//! Signing in with OpenID providers: those of the installation, of a partner, of an organisation.
//!
//! # What holds
//! - An identity is an issuer and a subject. An address never is one: it only lets somebody unknown ask to be let in, or
//!   a signed-in person link a provider, and only where the provider says that it verified it.
//! - A provider signs in people of its own place and below it. Whoever runs the provider of one clinic is nobody in another
//!   clinic, and never staff, whatever their tokens say.
//! - A flow belongs to the browser that began it (a cookie of its own, since the session's is not sent on the way back),
//!   to one provider, and to one return. The database holds digests alone; nonce and PKCE verifier are derived from the
//!   state, the cookie and a key of this server, and kept nowhere.
//! - What this server asks of a provider goes to public addresses, encrypted, without following redirects; see [`fetch`].
//! - Neither codes, states nor tokens are logged or kept. An access token lives for one request.
//! - A second factor here is asked for as after a password: what a provider says of how somebody signed in there counts
//!   for nothing.

mod address;
mod approvals;
mod browser;
mod callback;
mod client;
mod discovery;
mod fetch;
mod flow_store;
mod identities;
mod place;
mod providers;
pub(crate) mod return_to;
mod start;
pub(crate) mod verify;

use chrono::TimeDelta;
use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, ApiResult, RateClass};
use crate::settings::Stage;
use crate::{AppState, Settings};

use discovery::DiscoveryCache;
use fetch::Fetcher;
use flow_store::FlowStore;

/// How long a browser may be away.
const FLOW_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long a request to be let in is kept, decided or not.
const APPROVAL_LIFETIME: TimeDelta = TimeDelta::days(30);

/// What sign-ins with providers share.
pub(crate) struct Oidc {
    fetcher: Fetcher,
    discovered: DiscoveryCache,
    flows: Box<dyn FlowStore>,
}

impl Oidc {
    /// Flows are kept in the database.
    pub(crate) fn new(settings: &Settings, store: &proofline_store::Store) -> Self {
        Self {
            fetcher: Fetcher::new(&settings.authorities, settings.stage == Stage::Development),
            discovered: DiscoveryCache::default(),
            flows: Box::new(flow_store::PostgresFlows(store.clone())),
        }
    }
}

/// Forgets flows that nobody came back from, and old requests to be let in.
pub(crate) async fn purge(app: &AppState) -> ApiResult<String> {
    let now = app.now();
    let mut sign_in = app.store().sign_in().await?;
    let flows = sign_in.purge_flows(now).await?;
    let approvals = sign_in.purge_approvals(now - APPROVAL_LIFETIME).await?;
    sign_in.commit().await?;
    Ok(format!("{flows} flows and {approvals} requests forgotten"))
}

pub(crate) fn routes(api: Api) -> Api {
    api.route(
        Access::Public("the sign-in page offers the installation's providers"),
        RateClass::Read,
        routes!(start::list),
    )
    .route(
        Access::Public("whoever wants to sign in is sent to the provider"),
        RateClass::Login,
        routes!(start::start),
    )
    .route(
        Access::Public("the provider's code, in the browser that went there, is the credential"),
        RateClass::Login,
        routes!(callback::callback),
    )
    .route(Access::Person(Action::IdentityRead), RateClass::Read, routes!(identities::list))
    .route(Access::Person(Action::IdentityBeginLink), RateClass::Write, routes!(identities::begin_link))
    .route(Access::Person(Action::IdentityUnlink), RateClass::Write, routes!(identities::unlink))
    .route(Access::Person(Action::ProviderRead), RateClass::Read, routes!(providers::list))
    .route(Access::Person(Action::ProviderCreate), RateClass::Write, routes!(providers::create))
    .route(Access::Person(Action::ProviderUpdate), RateClass::Write, routes!(providers::update))
    .route(Access::Person(Action::ProviderDelete), RateClass::Write, routes!(providers::delete))
    .route(Access::Person(Action::ApprovalRead), RateClass::Read, routes!(approvals::list))
    .route(Access::Person(Action::ApprovalDecide), RateClass::Write, routes!(approvals::approve))
    .route(Access::Person(Action::ApprovalDecide), RateClass::Write, routes!(approvals::reject))
}
