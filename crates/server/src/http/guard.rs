//! What stands in front of every handler: budget, credential, CSRF rule, policy. In that order.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use proofline_authz::{Action, Effect, Permit, Principal, authorise};
use proofline_core::Assurance;
use proofline_store::QueryMeter;

use super::call::{self, Admission};
use super::once::{self, Once, Repeated};
use super::rate::RateKey;
use super::route::{Access, RouteEntry};
use super::{
    Problem, RateClass, Session, agent, bearer, client, console, csrf, device, json, observe, origin,
};
use crate::AppState;

/// What the guard of one route knows.
#[derive(Clone)]
pub(super) struct Guarded {
    app: AppState,
    access: Access,
    rate: RateClass,
    reads_query: bool,
    route: Arc<str>,
}

impl Guarded {
    pub(super) fn new(app: AppState, entry: &RouteEntry) -> Self {
        let route = format!("{} {}", entry.method, entry.path).into();
        Self { app, access: entry.access, rate: entry.rate, reads_query: entry.reads_query, route }
    }
}

pub(super) async fn layer(State(guarded): State<Guarded>, request: Request, next: Next) -> Response {
    let meter = QueryMeter::default();
    let observed = observe::Observed::begin(guarded.route.clone(), meter.clone(), guarded.access);
    let response = match admit(&guarded, request, meter).await {
        Ok(Admitted::Proceed(request, None)) => next.run(request).await,
        Ok(Admitted::Proceed(request, Some(once))) => {
            let response = next.run(request).await;
            if response.extensions().get::<once::TakenMeanwhile>().is_some() {
                // The same request at the same time was first: its answer is this one's, too.
                once::answer_again(&guarded.app, &once).await.unwrap_or_else(IntoResponse::into_response)
            } else {
                once::keep(&guarded.app, &once, response).await
            }
        }
        Ok(Admitted::Answered(response)) => response,
        Err(problem) => problem.into_response(),
    };
    observed.finish(response)
}

enum Admitted {
    Proceed(Request, Option<Once>),
    Answered(Response),
}

async fn admit(guarded: &Guarded, request: Request, meter: QueryMeter) -> Result<Admitted, Problem> {
    let app = &guarded.app;
    let (mut parts, mut body) = request.into_parts();
    let mut keep = None;
    let address = client::address(&parts, app.settings().trusted_proxies);
    let (admission, body) = match guarded.access {
        Access::Public(_) => {
            app.rate_limits().check(guarded.rate, &drawer(guarded, &parts, address)).await?;
            if is_write(&parts.method) {
                origin::require_own(&parts, app.settings())?;
            }
            (Admission::public(meter), body)
        }
        Access::Person(action) => {
            app.rate_limits().check(guarded.rate, &drawer(guarded, &parts, address)).await?;
            let (principal, session) = match bearer::presented(&parts.headers)? {
                Some(token) => (bearer::principal(app, &token).await?, None),
                None => {
                    let session = console::session(app, &parts, action).await?;
                    (session.principal(), Some(session))
                }
            };
            if is_write(&parts.method) {
                // Only of what a browser sends by itself can a page of another site make use.
                if let Some(session) = &session
                    && let Err(forged) = origin::require_own(&parts, app.settings())
                        .and_then(|()| csrf::require(app, &parts, session))
                {
                    refused(app, &principal, action, &parts, forged.code()).await?;
                    return Err(forged);
                }
                let wrong = if session.is_some() {
                    StatusCode::FORBIDDEN
                } else {
                    StatusCode::UNSUPPORTED_MEDIA_TYPE
                };
                json::require_json(&parts, wrong)?;
            }
            let permit = permit(app, &principal, action, &parts).await?;
            if let Some(session) = &session {
                require_proof(app, session, action).await?;
            }
            if parts.method == Method::HEAD && action.effect() == Effect::Write {
                // An export is on record as taken; nobody takes anything with this.
                let mut response = Problem::method_not_allowed().into_response();
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                return Ok(Admitted::Answered(response));
            }
            let once = if parts.method == Method::POST {
                match once::look(app, &parts, body, &principal).await? {
                    Repeated::Yes(response) => return Ok(Admitted::Answered(response)),
                    Repeated::No(once, rest) => {
                        body = rest;
                        once
                    }
                }
            } else {
                None
            };
            keep.clone_from(&once);
            (Admission::person(meter, permit, session, once), body)
        }
        Access::Appliance(action) => {
            json::require_json(&parts, StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
            let verified = agent::verified(app, &parts, body, address).await;
            if verified.is_err() {
                // Whoever signs has the budget of their key; whoever does not, that of where they are.
                app.rate_limits().check(guarded.rate, &RateKey::Address(address)).await?;
            }
            let (appliance, key, bytes) = verified?;
            app.rate_limits().check(guarded.rate, &RateKey::Key(key)).await?;
            let principal =
                Principal::Appliance { id: appliance.id, org: appliance.org, site: appliance.site };
            let permit = permit(app, &principal, action, &parts).await?;
            (Admission::appliance(meter, permit, appliance, bytes), axum::body::Body::empty())
        }
        Access::Claimant(action) => {
            app.rate_limits().check(guarded.rate, &RateKey::Address(address)).await?;
            json::require_json(&parts, StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
            let (key, bytes) = agent::claiming(app, &parts, body).await?;
            let permit = permit(app, &Principal::Claimant, action, &parts).await?;
            (Admission::claimant(meter, permit, key, bytes), axum::body::Body::empty())
        }
    };
    if !guarded.reads_query && parts.uri.query().is_some_and(|query| !query.is_empty()) {
        // A mistyped or misplaced filter must not look as if it had been applied.
        return Err(Problem::invalid("query", "query_invalid", "This takes no parameters in its address."));
    }
    parts.extensions.insert(admission);
    Ok(Admitted::Proceed(Request::from_parts(parts, body), keep))
}

/// What the session has proved is enough for the action, or the person is told what to prove.
async fn require_proof(app: &AppState, session: &Session, action: Action) -> Result<(), Problem> {
    if session.proves(action.proof(), app.now()) {
        return Ok(());
    }
    if session.assurance == Assurance::Full {
        return Err(Problem::step_up_required());
    }
    let factors = crate::auth::factors_of(app, session.user, session.membership).await?;
    Err(if factors.satisfiable() {
        Problem::forbidden("second_factor_required", "Prove your second factor first.")
    } else {
        Problem::forbidden("second_factor_enrolment_required", "Set up a second factor first.")
    })
}

/// Whose budget the request draws on. Where secrets are tried, a browser that somebody signed in with before has one of its
/// own, so that strangers who use up theirs do not keep it out.
fn drawer(guarded: &Guarded, parts: &Parts, address: IpAddr) -> RateKey {
    match guarded.rate {
        RateClass::Login => device::presented(&guarded.app, &parts.headers)
            .map_or(RateKey::Address(address), |device| RateKey::Device(device.account)),
        _ => RateKey::Address(address),
    }
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What the policy says; a refusal is recorded.
async fn permit(
    app: &AppState,
    principal: &Principal,
    action: Action,
    parts: &Parts,
) -> Result<Permit, Problem> {
    if let Ok(permit) = authorise(principal, action) {
        return Ok(permit);
    }
    refused(app, principal, action, parts, "not_permitted").await?;
    Err(Problem::forbidden("not_permitted", bearer::not_included(principal, action)))
}

/// Records that a request was refused before its handler.
async fn refused(
    app: &AppState,
    principal: &Principal,
    action: Action,
    parts: &Parts,
    code: &str,
) -> Result<(), Problem> {
    let path: String = parts.uri.path().chars().take(200).collect();
    call::record_denied(app, principal, action, path, serde_json::json!({ "code": code })).await
}
