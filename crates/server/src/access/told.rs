//! Telling the client what was decided about access to it.

use proofline_evidence::statement::{Body, ServerFact};
use proofline_store::{Client, Scope};

use super::book::announce;
use crate::evidence::append_server_fact;
use crate::http::{ApiResult, Call};
use crate::mail::{Letters, sealed};

/// What was decided.
pub(super) struct Told {
    /// As the sites' logs call it.
    pub(super) fact: &'static str,
    /// What it happened to, by its prefixed id.
    pub(super) subject: String,
    /// A whole sentence for the owners and the logs, with names and reasons.
    pub(super) said: String,
}

/// Writes to the practice's owners, states the decision in the log of each of its sites, and has every node know. The scope
/// sees what the client hides from here on: nothing may be decided in it any more.
pub(super) async fn tell(call: &Call, scope: &mut Scope, client: &Client, told: &Told) -> ApiResult<()> {
    let app = call.app();
    scope.see_restricted().await?;
    let letters = Letters::of(app);
    for owner in scope.owners(client.org).await? {
        let letter = letters.client_access(&owner, &client.name, &told.said);
        scope.queue_mail(&sealed(app, letter, call.at)).await?;
    }
    for site in scope.sites_of(client.org).await? {
        let fact = ServerFact {
            fact: told.fact.to_owned(),
            subject_id: told.subject.clone(),
            actor: call.principal().id(),
            detail: told.said.clone(),
        };
        append_server_fact(app, scope, client.org, site, Body::ServerFact(fact), call.at).await?;
    }
    announce(scope).await
}
