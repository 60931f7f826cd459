//! What the server itself states in a site's log: keys, and what people decided there.

use proofline_core::{OrgId, SiteId, Timestamp};
use proofline_evidence::statement::Body;
use proofline_protocol::KeyRole;
use proofline_store::Scope;

use super::own_keys::{Own, lock_own};
use super::site_log::SiteLog;
use crate::AppState;
use crate::http::ApiResult;

/// Locks the site's log until the scope ends. Whoever decides about incidents calls this before reading them, so that
/// evidence that comes in at the same time waits for the decision, or the decision sees the evidence.
pub(crate) async fn lock_for_facts(
    app: &AppState,
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    at: Timestamp,
) -> ApiResult<()> {
    let key = app.keys().signer(KeyRole::ServerFacts, at);
    SiteLog::lock(app, scope, org, site, &key.id().to_string(), at).await.map(drop)
}

/// Appends a statement under the server's own key to the site's log, inside the caller's scope, and gives its position.
pub(crate) async fn append_server_fact(
    app: &AppState,
    scope: &mut Scope,
    org: OrgId,
    site: SiteId,
    body: Body,
    at: Timestamp,
) -> ApiResult<u64> {
    let Own { mut log, key, at } = lock_own(app, scope, org, site, at).await?;
    let index = log.push_own(app, &key, body, at)?;
    log.seal(app, scope, at).await?;
    Ok(index)
}
