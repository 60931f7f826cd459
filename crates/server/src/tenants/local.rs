//! A site for the machine that the server itself runs on: what `proofline run` sets up so that a first start has
//! something real to show.

use std::fmt::Display;

use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{Mode, OrgId, PartnerId, ProvisioningCodeId, Secret, SiteId, Timestamp};
use proofline_evidence::statement::{Body, ServerFact};
use proofline_store::{ApplianceFilter, AuditNote, NewCode, PageRequest, Partner, Scope, StoreError};
use serde_json::json;

use super::codes;
use crate::AppState;
use crate::evidence::append_server_fact;
use crate::http::{ApiResult, Problem, request_id};

/// A name without a space, as a statement in the log wants it.
const ACTOR: &str = "proofline-run";

/// What the partner of a local site is called.
const PARTNER: &str = "Local partner";

/// Where the local agent belongs, and the code it may claim.
pub struct LocalSite {
    /// The site.
    pub site: SiteId,
    /// A fresh provisioning code.
    pub code: Secret,
}

async fn scope(app: &AppState) -> ApiResult<Scope> {
    let permit = authorise(&Principal::System(Job(ACTOR)), Action::SystemProvisionLocal)
        .map_err(|denied| Problem::internal(&denied))?;
    Ok(app.store().scope(&permit).await?)
}

fn note(app: &AppState, org: OrgId, resource: impl Display, detail: serde_json::Value) -> AuditNote {
    let (id, at, resource) = (app.new_uuid(), app.now(), resource.to_string());
    AuditNote { id, at, org: Some(org), resource, request_id: request_id::COMMAND_LINE.to_owned(), detail }
}

/// A code for `known`, or for a new partner, organisation and site when there is none.
pub async fn provision_local(app: &AppState, known: Option<SiteId>) -> ApiResult<LocalSite> {
    let (at, entropy) = (app.now(), app.entropy());
    let mut scope = scope(app).await?;
    let known = match known {
        Some(id) => scope.site(id).await.ok(),
        None => None,
    };
    let site = match known {
        Some(site) => site,
        None => {
            let partner;
            (scope, partner) = add_partner(app, scope, at).await?;
            let org =
                scope.create_organisation(OrgId::new(at, entropy), partner, "Local practice", at).await?;
            let site = scope.create_site(SiteId::new(at, entropy), org.id, "This machine", "UTC", at).await?;
            crate::scoring::refresh(&mut scope, app.catalog(), site.org, site.id, at).await?;
            site
        }
    };
    let code = codes::generate(entropy.bytes());
    let secret = Secret::new(code);
    let new = NewCode {
        id: ProvisioningCodeId::new(at, entropy),
        digest: codes::digest(&secret),
        label: "this machine".to_owned(),
        created_by: ACTOR.to_owned(),
        at,
        expires_at: at + chrono::TimeDelta::hours(1),
    };
    scope.create_code(site.org, site.id, &new).await?;
    scope.commit(note(app, site.org, new.id, json!({ "site": site.id }))).await?;
    Ok(LocalSite { site: site.id, code: secret })
}

/// A partner for the local site, in the scope where it was added. Names are unique, and this may be a second local site after
/// the first one's folder was lost: only then the name ends as the partner's id does.
async fn add_partner(app: &AppState, mut scope: Scope, at: Timestamp) -> ApiResult<(Scope, PartnerId)> {
    let id = PartnerId::new(at, app.entropy());
    let mut partner = Partner { id, name: PARTNER.to_owned(), created_at: at };
    match scope.create_partner(&partner).await {
        Ok(()) => Ok((scope, id)),
        Err(StoreError::Conflict { .. }) => {
            // Nothing more comes of a transaction that met a conflict.
            drop(scope);
            let mut scope = self::scope(app).await?;
            let text = id.to_string();
            partner.name = format!("{PARTNER} {}", &text[text.len() - 4..]);
            scope.create_partner(&partner).await?;
            Ok((scope, id))
        }
        Err(other) => Err(other.into()),
    }
}

/// Gives every appliance of the local site this mode, and answers how far the furthest of them may go. The command line
/// says audit or enforce at each start; an appliance that asks was told so by a person, and goes on asking.
pub async fn set_local_mode(app: &AppState, site: SiteId, mode: Mode) -> ApiResult<Mode> {
    let at = app.now();
    let mut scope = scope(app).await?;
    let site = scope.site(site).await?;
    let filter = ApplianceFilter { site: Some(site.id), revoked: Some(false), ..ApplianceFilter::default() };
    let appliances = scope.appliances(&filter, &PageRequest { limit: 200, after: None }).await?;
    let (mut changed, mut furthest) = (Vec::new(), Mode::Audit);
    for appliance in appliances.items {
        let known = appliance.mode.parse().unwrap_or(Mode::Audit);
        if [Mode::Ask, mode].contains(&known) {
            furthest = furthest.max(known);
            continue;
        }
        furthest = furthest.max(mode);
        scope.set_appliance_mode(site.org, appliance.id, mode.as_str(), at).await?;
        let fact = ServerFact {
            fact: "mode_changed".to_owned(),
            subject_id: appliance.id.to_string(),
            actor: ACTOR.to_owned(),
            detail: format!("{} to {mode}", appliance.mode),
        };
        append_server_fact(app, &mut scope, site.org, site.id, Body::ServerFact(fact), at).await?;
        scope.announce(&format!("appliance {}", appliance.key_id)).await?;
        changed.push(appliance.id);
    }
    if !changed.is_empty() {
        scope.commit(note(app, site.org, site.id, json!({ "mode": mode, "appliances": changed }))).await?;
        app.appliances().clear();
    }
    Ok(furthest)
}
