//! The way back: a browser returns with what a provider gave it.
//!
//! Whatever comes of it, the browser is sent on to a page of this app. A flow that was not begun by this browser, or was
//! used, or is too old, leaves nothing; every other return leaves one row in the audit log, done or denied.

use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use proofline_authz::{Action, Principal};
use proofline_core::{ApprovalId, Email, IdentityId, UserId};
use proofline_store::{
    ApprovalState, Flow, FlowPurpose, IdentityOwner, NewApproval, NewIdentity, Provider, StoreError,
};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::browser::{BrowserSecret, State};
use super::verify::{self, Failure, Vouched};
use super::{discovery, place, return_to};
use crate::auth::session::{self, Person};
use crate::http::{Anonymous, ApiResult, Problem, Query};
use crate::mail::{Letters, sealed};

/// Most requests to be let in that wait at one provider.
const MOST_WAITING: i64 = 200;

/// What a provider sends a browser back with. Providers add to it what they like, so the rest is not looked at.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Returned {
    /// The flow.
    state: Option<String>,
    /// What is exchanged for tokens.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// Who sends the browser back (RFC 9207).
    iss: Option<String>,
}

/// Why nobody is signed in, or nothing linked. The page says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    FlowUnknown,
    ProviderGone,
    ProviderRefused,
    ProviderUnavailable(&'static str),
    TokenRefused(&'static str),
    NotLinked,
    EmailUnverified,
    AwaitingApproval,
    ApprovalRejected,
    ApprovalQueueFull,
    AccountDisabled,
    WrongPlace,
    IdentityTaken,
    SessionOver,
}

impl Refusal {
    const fn code(self) -> &'static str {
        match self {
            Self::FlowUnknown => "flow_unknown",
            Self::ProviderGone => "provider_gone",
            Self::ProviderRefused => "provider_refused",
            Self::ProviderUnavailable(_) => "provider_unavailable",
            Self::TokenRefused(_) => "token_refused",
            Self::NotLinked => "not_linked",
            Self::EmailUnverified => "email_unverified",
            Self::AwaitingApproval => "awaiting_approval",
            Self::ApprovalRejected => "approval_rejected",
            Self::ApprovalQueueFull => "approval_queue_full",
            Self::AccountDisabled => "account_disabled",
            Self::WrongPlace => "wrong_place",
            Self::IdentityTaken => "identity_taken",
            Self::SessionOver => "session_over",
        }
    }

    /// For those who look into why.
    const fn detail(self) -> &'static str {
        match self {
            Self::ProviderUnavailable(why) | Self::TokenRefused(why) => why,
            _ => "",
        }
    }
}

/// Refused, or not answered at all.
enum Stop {
    Refused(Refusal),
    Failed(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(why) => Refusal::ProviderUnavailable(why).into(),
            Failure::Refused(why) => Refusal::TokenRefused(why).into(),
            Failure::Ours(problem) => Self::Failed(problem),
        }
    }
}

/// Finishes what was begun. The answer always goes on to a page: `/signed-in` or the one that was asked for, or with a
/// reason code `/login?problem=…`; after linking, `/account` or the page that was asked for.
#[utoipa::path(get, path = "/api/auth/oidc/callback", tag = "auth", params(Returned),
    responses((status = 303, description = "Go on there")))]
pub(crate) async fn callback(
    call: Anonymous,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> ApiResult<Response> {
    let app = &call.app;
    let state = returned.state.as_deref().and_then(State::returned);
    let Some((state, browser)) = state.zip(BrowserSecret::presented(&headers)) else {
        return Ok(go_on(&return_to::with_problem("/login", Refusal::FlowUnknown.code()), HeaderMap::new()));
    };
    let flow = app.oidc().flows.take(&state.digest(), &browser.digest(), call.at).await?;
    let Some(flow) = flow else {
        return Ok(go_on(&return_to::with_problem("/login", Refusal::FlowUnknown.code()), HeaderMap::new()));
    };
    // What was checked when it was stored is checked again: it comes out of a database.
    let asked =
        flow.return_to.as_deref().and_then(|page| return_to::checked(&app.settings().public_url, page));
    let is_link = matches!(flow.purpose, FlowPurpose::Link { .. });
    let page = asked
        .unwrap_or_else(|| if is_link { return_to::AFTER_LINK } else { return_to::AFTER_SIGN_IN }.to_owned());
    match finish(&call, &flow, &state, &browser, &returned).await {
        Ok(cookies) => Ok(go_on(&page, cookies)),
        Err(Stop::Failed(problem)) => Err(problem),
        Err(Stop::Refused(refusal)) => {
            record(&call, &flow, refusal).await?;
            let page = if is_link { page.as_str() } else { "/login" };
            Ok(go_on(&return_to::with_problem(page, refusal.code()), HeaderMap::new()))
        }
    }
}

/// 303 to a path of ours.
fn go_on(path: &str, cookies: HeaderMap) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.extend(cookies.into_iter().map(|(_, cookie)| (SET_COOKIE, cookie)));
    headers.insert(LOCATION, HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/")));
    response
}

async fn finish(
    call: &Anonymous,
    flow: &Flow,
    state: &State,
    browser: &BrowserSecret,
    returned: &Returned,
) -> Result<HeaderMap, Stop> {
    let app = &call.app;
    let provider = app.store().sign_in().await?.enabled_provider(flow.provider).await?;
    let provider = provider.ok_or(Refusal::ProviderGone)?;
    let discovered = discovery::discover(app, &provider).await;
    let discovered = discovered.map_err(|discovery::NotDiscovered(why)| Refusal::ProviderUnavailable(why))?;
    // Whoever sends the browser back is whom it was sent to: no other provider's code is taken to this one.
    let named = discovered.metadata.additional_metadata().authorization_response_iss_parameter_supported;
    match &returned.iss {
        Some(iss) if *iss != provider.issuer => {
            return Err(Refusal::TokenRefused("sent by another issuer").into());
        }
        None if named => return Err(Refusal::TokenRefused("sent by nobody").into()),
        Some(_) | None => {}
    }
    let code =
        returned.code.as_deref().filter(|_| returned.error.is_none()).ok_or(Refusal::ProviderRefused)?;
    let verifier = browser.pkce_verifier(app.settings(), state);
    let nonce = browser.nonce(app.settings(), state);
    let vouched = verify::exchange(app, &provider, discovered, code, verifier, &nonce).await?;
    match flow.purpose {
        FlowPurpose::SignIn { earlier_session } => sign_in(call, &provider, &vouched, earlier_session).await,
        FlowPurpose::Link { user, session } => {
            link(call, &provider, &vouched, user, &session).await?;
            Ok(HeaderMap::new())
        }
    }
}

/// A session for whom the identity belongs to; whoever nobody knows may have to wait.
async fn sign_in(
    call: &Anonymous,
    provider: &Provider,
    vouched: &Vouched,
    earlier_session: Option<[u8; 32]>,
) -> Result<HeaderMap, Stop> {
    let app = &call.app;
    let owner = app.store().sign_in().await?.identity_owner(&provider.issuer, &vouched.subject).await?;
    let Some(owner) = owner else {
        return Err(ask_to_be_let_in(call, provider, vouched).await?.into());
    };
    if !place::covers(app, provider.place, owner.membership).await? {
        return Err(Refusal::WrongPlace.into());
    }
    if owner.disabled_at.is_some() {
        return Err(Refusal::AccountDisabled.into());
    }
    let mut sign_in = app.store().sign_in().await?;
    // The browser does not send its session along on the way back; the flow remembers which one it was.
    let ended = match earlier_session {
        Some(digest) => sign_in.end_session_of_token(&digest, call.at).await?,
        None => None,
    };
    if let Some(ended) = ended {
        sign_in.announce(&crate::events::session_ended(ended)).await?;
    }
    let who = Person { id: owner.id, name: &owner.name, email: &owner.email, membership: owner.membership };
    let started = session::start(app, &mut sign_in, who, call.at).await?;
    let detail = json!({ "provider": provider.id, "ended": ended });
    let note = call.note(started.session.id, detail);
    sign_in.audit(&principal(&owner), Action::OidcSignIn, note).await?;
    sign_in.commit().await?;
    if let Some(ended) = ended {
        app.events().session_ended(ended);
    }
    Ok(started.cookies(app))
}

fn principal(owner: &IdentityOwner) -> Principal {
    Principal::Person { id: owner.id, name: owner.name.clone(), membership: owner.membership }
}

/// Somebody whom nobody knows: with a verified address of an allowed domain they wait for a decision.
async fn ask_to_be_let_in(call: &Anonymous, provider: &Provider, vouched: &Vouched) -> Result<Refusal, Stop> {
    if provider.allowed_domains.is_empty() {
        return Ok(Refusal::NotLinked);
    }
    let introduction = vouched.introduction(&call.app, provider).await?;
    let Some(email) = introduction.verified_email() else { return Ok(Refusal::EmailUnverified) };
    if !is_of(&email, &provider.allowed_domains) {
        return Ok(Refusal::NotLinked);
    }
    let request = NewApproval {
        id: ApprovalId::new(call.at, call.app.entropy()),
        place: provider.place,
        provider: provider.id,
        issuer: provider.issuer.clone(),
        subject: vouched.subject.clone(),
        name: introduction.name(&email),
        email,
        at: call.at,
    };
    let mut sign_in = call.app.store().sign_in().await?;
    let state = sign_in.request_approval(&request, MOST_WAITING).await?;
    sign_in.commit().await?;
    Ok(match state {
        ApprovalState::Open => Refusal::AwaitingApproval,
        ApprovalState::Approved => Refusal::NotLinked,
        ApprovalState::Rejected => Refusal::ApprovalRejected,
        ApprovalState::Full => Refusal::ApprovalQueueFull,
    })
}

/// Whether the address is of one of these domains, to the letter.
fn is_of(email: &Email, domains: &[String]) -> bool {
    let domain = email.as_str().split('@').nth(1).unwrap_or_default();
    domains.iter().any(|allowed| allowed == domain)
}

/// Links the identity to whoever began it, if their session is alive still.
async fn link(
    call: &Anonymous,
    provider: &Provider,
    vouched: &Vouched,
    user: UserId,
    session: &[u8; 32],
) -> Result<(), Stop> {
    let app = &call.app;
    let idle_since = call.at - app.settings().session_idle;
    let alive = app.store().sign_in().await?.live_session(session, call.at, idle_since).await?;
    let person = alive.filter(|alive| alive.user == user).ok_or(Refusal::SessionOver)?;
    if !place::covers(app, provider.place, person.membership).await? {
        return Err(Refusal::WrongPlace.into());
    }
    let introduction = vouched.introduction(app, provider).await?;
    let email = introduction.verified_email().ok_or(Refusal::EmailUnverified)?;
    let identity = NewIdentity {
        id: IdentityId::new(call.at, app.entropy()),
        provider: provider.id,
        issuer: provider.issuer.clone(),
        subject: vouched.subject.clone(),
        email,
        at: call.at,
    };
    let mut sign_in = app.store().sign_in().await?;
    sign_in.link_identity(user, &identity).await.map_err(|error| match error {
        StoreError::Conflict { .. } => Stop::Refused(Refusal::IdentityTaken),
        other => other.into(),
    })?;
    let principal = Principal::Person { id: user, name: person.name, membership: person.membership };
    let note = call.note(identity.id, json!({ "provider": provider.id }));
    sign_in.audit(&principal, Action::IdentityLink, note).await?;
    let what = format!("An account at {} signs you in from now on.", provider.name);
    let letter = Letters::of(app).account_changed(&person.email, &what);
    sign_in.queue_mail(&sealed(app, letter, call.at)).await?;
    Ok(sign_in.commit().await?)
}

/// A denial for the audit log: the provider and the reason, nothing of who it was.
async fn record(call: &Anonymous, flow: &Flow, refusal: Refusal) -> ApiResult<()> {
    let app = &call.app;
    let (action, who) = match flow.purpose {
        FlowPurpose::SignIn { .. } => (Action::OidcSignIn, None),
        FlowPurpose::Link { user, .. } => (Action::IdentityLink, Some(user)),
    };
    let mut sign_in = app.store().sign_in().await?;
    let place = sign_in.enabled_provider(flow.provider).await?.map(|provider| provider.place);
    tracing::info!(provider = %flow.provider, code = refusal.code(), why = refusal.detail(), "sign-in refused");
    let detail = json!({ "code": refusal.code(), "why": refusal.detail() });
    let denied = call.denied(action, who, place, flow.provider, detail);
    sign_in.audit_denied(&denied).await?;
    Ok(sign_in.commit().await?)
}
