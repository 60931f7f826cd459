//! What a provider says of itself, remembered for ten minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use openidconnect::IssuerUrl;
use proofline_core::Timestamp;
use proofline_store::Provider;

use super::client::Metadata;
use crate::AppState;

const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// After so long a token signed with an unknown key has the keys read anew.
const KEYS_MAY_CHANGE_AFTER: TimeDelta = TimeDelta::seconds(30);
/// Most providers remembered; further ones push out the one that was read first.
const MOST: usize = 256;

/// A discovery document, its keys, and when they were read.
pub(super) struct Discovered {
    pub(super) metadata: Metadata,
    read_at: Timestamp,
}

/// The provider cannot be asked, or says what cannot be used. The reason is for our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotDiscovered(pub(super) &'static str);

/// By issuer.
#[derive(Default)]
pub(super) struct DiscoveryCache(Mutex<HashMap<String, Arc<Discovered>>>);

impl DiscoveryCache {
    fn get(&self, issuer: &str, not_before: Timestamp) -> Option<Arc<Discovered>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(issuer).filter(|found| found.read_at > not_before).cloned()
    }

    fn keep(&self, issuer: &str, discovered: &Arc<Discovered>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(issuer) {
            let oldest =
                known.iter().min_by_key(|(_, found)| found.read_at).map(|(issuer, _)| issuer.clone());
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        known.insert(issuer.to_owned(), discovered.clone());
    }
}

/// What the provider says of itself.
pub(super) async fn discover(app: &AppState, provider: &Provider) -> Result<Arc<Discovered>, NotDiscovered> {
    match app.oidc().discovered.get(&provider.issuer, app.now() - LIFETIME) {
        Some(found) => Ok(found),
        None => read(app, provider).await,
    }
}

/// The same after a token was signed with a key that was not known: read anew, unless that was just done.
pub(super) async fn discover_again(
    app: &AppState,
    provider: &Provider,
) -> Result<Arc<Discovered>, NotDiscovered> {
    match app.oidc().discovered.get(&provider.issuer, app.now() - KEYS_MAY_CHANGE_AFTER) {
        Some(found) => Ok(found),
        None => read(app, provider).await,
    }
}

async fn read(app: &AppState, provider: &Provider) -> Result<Arc<Discovered>, NotDiscovered> {
    let (fetcher, read_at) = (&app.oidc().fetcher, app.now());
    let issuer = IssuerUrl::new(provider.issuer.clone()).map_err(|_| NotDiscovered("issuer"))?;
    if !fetcher.allows(issuer.url()) {
        return Err(NotDiscovered("issuer"));
    }
    // It compares the document's issuer with ours, character by character.
    let metadata = Metadata::discover_async(issuer, fetcher).await.map_err(|error| {
        NotDiscovered(match error {
            openidconnect::DiscoveryError::Request(_) => "unreachable",
            openidconnect::DiscoveryError::Validation(_) => "another issuer",
            _ => "not a discovery document",
        })
    })?;
    // A browser is sent there: no address of another kind.
    if !fetcher.allows(metadata.authorization_endpoint().url()) {
        return Err(NotDiscovered("authorization endpoint"));
    }
    let discovered = Arc::new(Discovered { metadata, read_at });
    app.oidc().discovered.keep(&provider.issuer, &discovered);
    Ok(discovered)
}
