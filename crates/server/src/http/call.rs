//! What a handler is given: the outcome of the guard, and through it the database.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use proofline_authz::{Action, Permit, Principal, authorise};
use proofline_core::{OrgId, Place, Timestamp, UserId};
use proofline_protocol::signature;
use proofline_store::{AuditNote, DeniedNote, QueryMeter, Scope, StoreError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::once::{self, Once};
use super::{ApiResult, KnownAppliance, Problem, Session, client, json, request_id};
use crate::AppState;

/// What the guard found out; inserted by it and by nothing else.
#[derive(Clone)]
pub(super) struct Admission {
    meter: QueryMeter,
    permit: Option<Permit>,
    session: Option<Session>,
    appliance: Option<Arc<KnownAppliance>>,
    claimed: Option<signature::PublicKey>,
    once: Option<Once>,
    body: Option<Bytes>,
}

impl Admission {
    pub(super) fn public(meter: QueryMeter) -> Self {
        Self { meter, permit: None, session: None, appliance: None, claimed: None, once: None, body: None }
    }

    /// Without a session where a program acts for the person.
    pub(super) fn person(
        meter: QueryMeter,
        permit: Permit,
        session: Option<Session>,
        once: Option<Once>,
    ) -> Self {
        Self { permit: Some(permit), session, once, ..Self::public(meter) }
    }

    pub(super) fn appliance(
        meter: QueryMeter,
        permit: Permit,
        appliance: Arc<KnownAppliance>,
        body: Bytes,
    ) -> Self {
        Self { permit: Some(permit), appliance: Some(appliance), body: Some(body), ..Self::public(meter) }
    }

    pub(super) fn claimant(
        meter: QueryMeter,
        permit: Permit,
        key: signature::PublicKey,
        body: Bytes,
    ) -> Self {
        Self { permit: Some(permit), claimed: Some(key), body: Some(body), ..Self::public(meter) }
    }
}

fn admission(parts: &Parts) -> ApiResult<Admission> {
    parts.extensions.get::<Admission>().cloned().ok_or_else(unguarded)
}

/// A handler asked for more than its route's access rule gives: a mistake in this program, answered with nothing.
fn unguarded() -> Problem {
    tracing::error!(request_id = %request_id::current(), "a handler asked for what its route does not grant");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side.")
}

/// A permitted call: who asks, when, and the way to the database.
#[derive(Clone)]
pub struct Call {
    app: AppState,
    permit: Permit,
    meter: QueryMeter,
    session: Option<Session>,
    appliance: Option<Arc<KnownAppliance>>,
    once: Option<Once>,
    /// When the request arrived.
    pub at: Timestamp,
}

impl Call {
    /// Opens a scope for what the policy permitted, and for nothing more.
    pub async fn scope(&self) -> ApiResult<Scope> {
        let mut scope = self.app.store().scope_at(&self.permit, self.at, self.meter.clone()).await?;
        if let Some(Once { user, key, request_digest }) = &self.once {
            // Taken with the change or not at all; whoever took it first is waited for.
            scope.take_idempotency_key(*user, key, request_digest, self.at).await.map_err(
                |error| match error {
                    StoreError::Conflict { .. } => once::already_done().taken_meanwhile(),
                    other => other.into(),
                },
            )?;
        }
        Ok(scope)
    }

    /// Opens a scope for another action that this call turns out to be, if the policy permits that one to the same
    /// principal.
    pub async fn scope_for(&self, action: Action) -> ApiResult<Scope> {
        let permit = authorise(self.permit.principal(), action)
            .map_err(|denied| Problem::forbidden("not_permitted", denied.to_string()))?;
        Ok(self.app.store().scope_at(&permit, self.at, self.meter.clone()).await?)
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        self.permit.principal()
    }

    /// What the route is for.
    pub fn action(&self) -> Action {
        self.permit.action()
    }

    /// The session, on routes for people whose action no token can be given.
    pub fn session(&self) -> ApiResult<&Session> {
        self.session.as_ref().ok_or_else(unguarded)
    }

    /// The appliance, on routes for appliances.
    pub fn appliance(&self) -> ApiResult<&Arc<KnownAppliance>> {
        self.appliance.as_ref().ok_or_else(unguarded)
    }

    /// Everything that is shared between requests.
    pub fn app(&self) -> &AppState {
        &self.app
    }

    /// The audit row of a change to `resource`.
    pub fn note(&self, org: Option<OrgId>, resource: impl Display, detail: Value) -> AuditNote {
        note(&self.app, self.at, org, resource, detail)
    }

    /// Records that `action` was refused to whoever asks, in a transaction of its own: the caller holds no scope.
    pub async fn record_denied(
        &self,
        action: Action,
        resource: impl Display,
        detail: Value,
    ) -> ApiResult<()> {
        record_denied(&self.app, self.principal(), action, resource, detail).await
    }
}

fn note(
    app: &AppState,
    at: Timestamp,
    org: Option<OrgId>,
    resource: impl Display,
    detail: Value,
) -> AuditNote {
    let resource = resource.to_string();
    AuditNote { id: app.new_uuid(), at, org, resource, request_id: request_id::current(), detail }
}

/// Records that `action` was refused to `principal`.
pub(super) async fn record_denied(
    app: &AppState,
    principal: &Principal,
    action: Action,
    resource: impl Display,
    detail: Value,
) -> ApiResult<()> {
    let note = DeniedNote {
        id: app.new_uuid(),
        at: app.now(),
        actor_kind: principal.kind(),
        actor_id: principal.id(),
        actor_name: principal.name(),
        action: action.to_string(),
        resource: resource.to_string(),
        request_id: request_id::current(),
        detail,
        org: principal.org(),
        partner: principal.partner(),
    };
    Ok(app.store().record_denied(&note).await?)
}

impl FromRequestParts<AppState> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        let Admission { permit, meter, session, appliance, once, .. } = admission(parts)?;
        let permit = permit.ok_or_else(unguarded)?;
        Ok(Self { app: app.clone(), permit, meter, session, appliance, once, at: app.now() })
    }
}

/// A call on a public route.
pub struct Anonymous {
    /// Everything that is shared between requests.
    pub app: AppState,
    /// When the request arrived.
    pub at: Timestamp,
    /// The client's address.
    pub address: IpAddr,
}

impl Anonymous {
    /// The audit row of what the bearer of a credential did to `resource`.
    pub fn note(&self, resource: impl Display, detail: Value) -> AuditNote {
        note(&self.app, self.at, None, resource, detail)
    }

    /// The row of a refusal. `who` was meant, if that is known; whose people see it, is said by `place`.
    pub fn denied(
        &self,
        action: Action,
        who: Option<UserId>,
        place: Option<Place>,
        resource: impl Display,
        detail: Value,
    ) -> DeniedNote {
        let actor = who.map_or_else(|| "unknown".to_owned(), |who| who.to_string());
        DeniedNote {
            id: self.app.new_uuid(),
            at: self.at,
            actor_kind: "anonymous",
            actor_name: actor.clone(),
            actor_id: actor,
            action: action.to_string(),
            resource: resource.to_string(),
            request_id: request_id::current(),
            detail,
            org: place.and_then(Place::org),
            partner: place.and_then(Place::partner),
        }
    }
}

impl FromRequestParts<AppState> for Anonymous {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> ApiResult<Self> {
        admission(parts)?;
        let address = client::address(parts, app.settings().trusted_proxies);
        Ok(Self { app: app.clone(), at: app.now(), address })
    }
}

/// The body of a signed request, whose digest the signature covered.
pub struct SignedBody<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for SignedBody<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> ApiResult<Self> {
        let body = admission(parts)?.body.ok_or_else(unguarded)?;
        json::read(&body).map(Self)
    }
}

/// The key that a claimant proved to hold.
pub struct ClaimedKey(pub signature::PublicKey);

impl FromRequestParts<AppState> for ClaimedKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> ApiResult<Self> {
        admission(parts)?.claimed.map(Self).ok_or_else(unguarded)
    }
}
