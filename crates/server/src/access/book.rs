//! Who sees which restricted client, without asking the database for each change that a stream tells of.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use proofline_core::{OrgId, UserId};
use proofline_store::{Opening, Scope};
use tokio::sync::Mutex;

use crate::AppState;
use crate::http::ApiResult;

/// The announcement that it has to be read anew.
pub(crate) const CHANGED: &str = "access";

type Restricted = HashMap<OrgId, Vec<Opening>>;

/// Every restricted client, and who is let in; nothing until it was read.
#[derive(Default)]
pub(crate) struct RestrictionBook {
    read: RwLock<Option<Restricted>>,
    /// Held while it is read anew, so that what was read earlier does not replace what was read later.
    reading: Mutex<()>,
}

async fn restricted(app: &AppState) -> ApiResult<Restricted> {
    let mut found = Restricted::new();
    for (org, opening) in app.background_scope("access").await?.openings().await? {
        found.entry(org).or_default().extend(opening);
    }
    Ok(found)
}

/// Reads it anew. What cannot be read now is read when it is needed.
pub(crate) async fn reload(app: &AppState) {
    let book = app.restrictions();
    let _reading = book.reading.lock().await;
    let found = restricted(app).await;
    if let Err(problem) = &found {
        tracing::warn!(code = problem.code(), "who sees restricted clients is not known");
    }
    *book.read.write().unwrap_or_else(PoisonError::into_inner) = found.ok();
}

/// Tells every node, this one included, once the scope has committed.
pub(super) async fn announce(scope: &mut Scope) -> ApiResult<()> {
    Ok(scope.announce(CHANGED).await?)
}

/// Whether a client is hidden from somebody above it at this moment. What cannot be told is hidden.
pub(crate) async fn hides(app: &AppState, org: OrgId, person: Option<UserId>) -> bool {
    let known = || {
        let book = app.restrictions().read.read().unwrap_or_else(PoisonError::into_inner);
        book.as_ref().map(|book| {
            let now = app.now();
            let lets_in = |opening: &Opening| {
                Some(opening.user) == person
                    && opening.from <= now
                    && opening.until.is_none_or(|until| until > now)
            };
            book.get(&org).is_some_and(|openings| !openings.iter().any(lets_in))
        })
    };
    if let Some(hidden) = known() {
        return hidden;
    }
    reload(app).await;
    known().unwrap_or(true)
}
