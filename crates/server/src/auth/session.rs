//! The session as the web app sees it, and its end.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use chrono::{DateTime, Utc};
use proofline_authz::permissions_of;
use proofline_core::{Assurance, Email, Membership, SessionId, UserId};
use proofline_store::{ProvedSession, Scope, SignIn};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::AppState;
use crate::http::{
    Anonymous, ApiResult, Call, Device, Problem, Session, clear_cookies, issue_csrf, request_id,
    session_cookies,
};

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserBody {
    /// Prefixed id.
    id: String,
    /// Name.
    name: String,
    /// Address.
    email: String,
    /// `staff_…`, `partner_…` or `practice_…`.
    role: String,
    /// The partner, of a partner's people.
    partner_id: Option<String>,
    /// The organisation, of a practice's people.
    org_id: Option<String>,
}

impl UserBody {
    pub(super) fn new(id: UserId, name: &str, email: &Email, membership: Membership) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_owned(),
            email: email.as_str().to_owned(),
            role: membership.role().as_str().to_owned(),
            partner_id: membership.partner().map(|id| id.to_string()),
            org_id: membership.org().map(|id| id.to_string()),
        }
    }
}

/// Which deployment this is.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstallationBody {
    /// Prefixed id.
    id: String,
    /// What people call it.
    name: String,
}

/// What a person can prove besides a password, and what is asked of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorsBody {
    /// Whether an authenticator app is set up.
    totp: bool,
    /// How many passkeys are.
    passkeys: i64,
    /// Recovery codes that were not used yet.
    recovery_codes_left: i64,
    /// `any` or `passkey`.
    required: &'static str,
}

/// The session, and what it may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionBody {
    user: UserBody,
    installation: InstallationBody,
    /// The absolute end.
    expires_at: DateTime<Utc>,
    /// When it ends if nobody does anything.
    idle_expires_at: DateTime<Utc>,
    /// Actions that the role includes; the web app disables the rest and says why.
    permissions: Vec<&'static str>,
    /// `password`, or `full` once a second factor that satisfies the policy was proved. Before that only second factors
    /// and the session itself are in reach.
    assurance: &'static str,
    /// Until when a second factor counts as just proved.
    stepped_up_until: Option<DateTime<Utc>>,
    /// What can be proved.
    factors: FactorsBody,
}

/// The session as its person sees it.
pub(super) async fn body(app: &AppState, session: &Session) -> ApiResult<SessionBody> {
    let factors = super::factors_of(app, session.user, session.membership).await?;
    let Session { user, name, email, membership, expires_at, idle_expires_at, .. } = session;
    Ok(SessionBody {
        user: UserBody::new(*user, name, email, *membership),
        installation: InstallationBody {
            id: app.installation().id.to_string(),
            name: app.installation_name(),
        },
        expires_at: *expires_at,
        idle_expires_at: *idle_expires_at,
        permissions: permissions_of(membership.role())
            .into_iter()
            .map(proofline_authz::Action::as_str)
            .collect(),
        assurance: session.assurance.as_str(),
        stepped_up_until: session.stepped_up_until(),
        factors: FactorsBody {
            totp: factors.totp_since.is_some(),
            passkeys: factors.passkeys,
            recovery_codes_left: factors.recovery_codes_left,
            required: factors.required.as_str(),
        },
    })
}

/// A session under a token that nobody else has seen: one that was just started, or one in which something was proved.
pub(super) struct SignedIn {
    pub(super) session: Session,
    token: [u8; 32],
}

/// Who a session is for.
pub(super) struct Person<'a> {
    pub(super) id: UserId,
    pub(super) name: &'a str,
    pub(super) email: &'a Email,
    pub(super) membership: Membership,
}

/// Starts a session inside the caller's transaction. Whatever it was started with counts as a password.
pub(super) async fn start(
    app: &AppState,
    sign_in: &mut SignIn,
    person: Person<'_>,
    at: DateTime<Utc>,
) -> ApiResult<SignedIn> {
    let (token, settings) = (app.entropy().bytes::<32>(), app.settings());
    let session = Session {
        id: SessionId::new(at, app.entropy()),
        user: person.id,
        name: person.name.to_owned(),
        email: person.email.clone(),
        membership: person.membership,
        assurance: Assurance::Password,
        proved_at: None,
        expires_at: at + settings.session_lifetime,
        idle_expires_at: at + settings.session_idle,
        token_digest: Sha256::digest(token).into(),
    };
    let client = request_id::client();
    sign_in
        .create_session(session.id, &session.token_digest, person.id, at, session.expires_at, &client)
        .await?;
    Ok(SignedIn { session, token })
}

/// Starts a session with a passkey, which is both factors at once, inside the caller's transaction.
pub(super) async fn start_proved(
    app: &AppState,
    sign_in: &mut SignIn,
    person: Person<'_>,
    at: DateTime<Utc>,
) -> ApiResult<SignedIn> {
    let mut started = start(app, sign_in, person, at).await?;
    (started.session.assurance, started.session.proved_at) = (Assurance::Full, Some(at));
    let Session { id, token_digest, assurance, .. } = started.session;
    sign_in.prove_session(&ProvedSession { id, token_digest, assurance, at }).await?;
    Ok(started)
}

/// Notes inside the caller's scope that a second factor was proved, and gives the session a new token.
pub(super) async fn prove(call: &Call, scope: &mut Scope, assurance: Assurance) -> ApiResult<SignedIn> {
    let app = call.app();
    let token = app.entropy().bytes::<32>();
    let mut session = call.session()?.clone();
    // Proving less than before takes nothing away.
    session.assurance = session.assurance.max(assurance);
    session.proved_at = Some(call.at);
    session.token_digest = Sha256::digest(token).into();
    let proved = ProvedSession {
        id: session.id,
        token_digest: session.token_digest,
        assurance: session.assurance,
        at: call.at,
    };
    if !scope.prove_session(&proved).await? {
        return Err(Problem::no_session());
    }
    Ok(SignedIn { session, token })
}

/// Puts the caller's session under another token inside the caller's transaction, and returns its cookies: whoever learned
/// the earlier one has nothing any more.
pub(super) async fn rotate(
    app: &AppState,
    sign_in: &mut SignIn,
    session: &Session,
    at: DateTime<Utc>,
) -> ApiResult<HeaderMap> {
    let token = app.entropy().bytes::<32>();
    let digest: [u8; 32] = Sha256::digest(token).into();
    sign_in.rotate_session(session.id, &digest).await?;
    Ok(session_cookies(&token, &issue_csrf(app, &digest), session.expires_at - at))
}

impl SignedIn {
    /// What the browser keeps. Once everything was proved it is known to the account; a password alone, which may be stolen,
    /// leaves it the stranger that it is.
    pub(super) fn cookies(&self, app: &AppState) -> HeaderMap {
        let (session, now) = (&self.session, app.now());
        let csrf = issue_csrf(app, &session.token_digest);
        let mut cookies = session_cookies(&self.token, &csrf, session.expires_at - now);
        if session.assurance == Assurance::Full {
            let account = app.passwords().account(session.email.as_str());
            if let Some((name, value)) = Device::new(account, app.entropy()).set_cookie(app, now) {
                cookies.append(name, value);
            }
        }
        cookies
    }

    pub(super) async fn body(&self, app: &AppState) -> ApiResult<SessionBody> {
        body(app, &self.session).await
    }
}

/// What anyone may know before signing in.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// Whether the first administrator is still to be made.
    bootstrap_open: bool,
    /// What people call this deployment.
    installation_name: String,
    /// The server's version.
    version: &'static str,
}

/// Whether the first start is open.
#[utoipa::path(get, path = "/api/auth/status", tag = "auth",
    responses((status = 200, body = StatusBody, description = "Before signing in")))]
pub(crate) async fn status(call: Anonymous) -> ApiResult<Json<StatusBody>> {
    let bootstrap_open = call.app.store().sign_in().await?.nobody_exists().await?;
    Ok(Json(StatusBody {
        bootstrap_open,
        installation_name: call.app.installation_name(),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// The current session.
#[utoipa::path(get, path = "/api/auth/session", tag = "auth",
    responses((status = 200, body = SessionBody, description = "Signed in")))]
pub(crate) async fn read(call: Call) -> ApiResult<Json<SessionBody>> {
    Ok(Json(body(call.app(), call.session()?).await?))
}

/// Ends the session, its open streams, and what the browser keeps of it.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth",
    responses((status = 204, description = "Signed out")))]
pub(crate) async fn logout(call: Call) -> ApiResult<(StatusCode, HeaderMap)> {
    let session = call.session()?;
    let app = call.app();
    let mut scope = call.scope().await?;
    scope.end_session(session.id, call.at).await?;
    scope.announce(&crate::events::session_ended(session.id)).await?;
    scope.commit(call.note(None, session.id, json!({}))).await?;
    app.events().session_ended(session.id);
    let mut headers = clear_cookies();
    headers.insert(
        HeaderName::from_static("clear-site-data"),
        // Without "cookies": those of the session are ended by name, and the browser stays known.
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok((StatusCode::NO_CONTENT, headers))
}
