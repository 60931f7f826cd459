//! Telling the client what was decided about access to it.

use proofline_core::{Email, OrgId, Role};
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
    /// A whole sentence for the readers and the logs, with names and reasons.
    pub(super) said: String,
}

/// Who was written to: the first of these that there is anybody of who may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The practice's owners, which is how it should be.
    Owners,
    /// Its managers.
    Managers,
    /// Everybody of it.
    Members,
    /// Nobody of it: the installation's administrators.
    Administrators,
}

impl Readers {
    /// As the audit trail calls them.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::Managers => "managers",
            Self::Members => "members",
            Self::Administrators => "administrators",
        }
    }
}

/// Whether there is an owner who may sign in, as this scope sees it.
pub(super) async fn has_owner(scope: &mut Scope, org: OrgId) -> ApiResult<bool> {
    let people = scope.people_of_practice(org).await?;
    Ok(people.iter().any(|(_, role)| *role == Role::PracticeOwner))
}

/// Whom to write to. An emergency does not wait for an owner, so there is always somebody.
async fn readers(scope: &mut Scope, org: OrgId) -> ApiResult<(Readers, Vec<Email>)> {
    let people = scope.people_of_practice(org).await?;
    let of = |wanted: Role| -> Vec<Email> {
        people.iter().filter(|(_, role)| *role == wanted).map(|(email, _)| email.clone()).collect()
    };
    for (readers, role) in
        [(Readers::Owners, Role::PracticeOwner), (Readers::Managers, Role::PracticeManager)]
    {
        let found = of(role);
        if !found.is_empty() {
            return Ok((readers, found));
        }
    }
    if !people.is_empty() {
        return Ok((Readers::Members, people.into_iter().map(|(email, _)| email).collect()));
    }
    Ok((Readers::Administrators, scope.administrators().await?))
}

/// Writes to the practice's owners or, where there is none, to who comes next; states the decision in the log of each of its
/// sites, and has every node know. The scope sees what the client hides from here on: nothing may be decided in it any more.
pub(super) async fn tell(call: &Call, scope: &mut Scope, client: &Client, told: &Told) -> ApiResult<Readers> {
    let app = call.app();
    scope.see_restricted().await?;
    let letters = Letters::of(app);
    let (readers, addresses) = readers(scope, client.org).await?;
    let said = match readers {
        Readers::Owners => told.said.clone(),
        Readers::Managers | Readers::Members | Readers::Administrators => {
            format!(
                "{}\n\nThis is written to you because {} has no owner who could read it.",
                told.said, client.name
            )
        }
    };
    for address in addresses {
        let letter = letters.client_access(&address, &client.name, &said);
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
    announce(scope).await?;
    Ok(readers)
}
