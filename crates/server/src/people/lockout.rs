//! Letting somebody in again who lost every second factor and whom nobody else can help, such as the only administrator.
//!
//! It is for whoever runs the server, from its own machine; there is no route to it.

use proofline_authz::Action;
use proofline_core::Email;
use proofline_store::AuditNote;
use serde_json::json;

use super::import::{note, scope};
use super::manage::take_factors;
use crate::AppState;
use crate::http::ApiResult;

/// Takes all second factors of whoever has this address away and ends their sessions; they enrol anew when they next sign in.
/// Returns how many sessions ended, or nothing where nobody has the address.
pub async fn reset_factors_of(app: &AppState, email: &Email) -> ApiResult<Option<usize>> {
    let Some(found) = app.store().sign_in().await?.login_record(email.as_str()).await? else {
        return Ok(None);
    };
    let mut scope = scope(app, Action::SystemResetFactors).await?;
    scope.lock_person(found.id).await?;
    let ended = take_factors(app, &mut scope, found.id, email, app.now()).await?;
    let (org, resource) = (found.membership.org(), found.id.to_string());
    let note = note(app, json!({ "sessions_ended": ended.len() }));
    scope.commit(AuditNote { org, resource, ..note }).await?;
    app.events().sessions_ended(&ended);
    Ok(Some(ended.len()))
}
