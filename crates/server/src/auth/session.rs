//! The session as the web app sees it, and its end.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use chrono::{DateTime, Utc};
use proofline_authz::permissions_of;
use proofline_core::{Email, Membership, SessionId, UserId};
use proofline_store::SignIn;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::AppState;
use crate::http::{
    Anonymous, ApiResult, Call, Session, clear_cookies, issue_csrf, request_id, session_cookies,
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
}

fn body(
    app: &AppState,
    user: UserBody,
    membership: Membership,
    expires_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
) -> SessionBody {
    SessionBody {
        user,
        installation: InstallationBody {
            id: app.installation().id.to_string(),
            name: app.installation_name(),
        },
        expires_at,
        idle_expires_at,
        permissions: permissions_of(membership.role())
            .into_iter()
            .map(proofline_authz::Action::as_str)
            .collect(),
    }
}

/// A session that was just started.
pub(super) struct SignedIn {
    pub(super) id: SessionId,
    token: [u8; 32],
    digest: [u8; 32],
    at: DateTime<Utc>,
}

/// Starts a session inside the caller's transaction.
pub(super) async fn start(
    app: &AppState,
    sign_in: &mut SignIn,
    user: UserId,
    at: DateTime<Utc>,
) -> ApiResult<SignedIn> {
    let token = app.entropy().bytes::<32>();
    let digest: [u8; 32] = Sha256::digest(token).into();
    let id = SessionId::new(at, app.entropy());
    let expires = at + app.settings().session_lifetime;
    sign_in.create_session(id, &digest, user, at, expires, &request_id::client()).await?;
    Ok(SignedIn { id, token, digest, at })
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
    pub(super) fn cookies(&self, app: &AppState) -> HeaderMap {
        session_cookies(&self.token, &issue_csrf(app, &self.digest), app.settings().session_lifetime)
    }

    pub(super) fn body(
        &self,
        app: &AppState,
        id: UserId,
        name: &str,
        email: &Email,
        membership: Membership,
    ) -> SessionBody {
        let user = UserBody::new(id, name, email, membership);
        let settings = app.settings();
        body(app, user, membership, self.at + settings.session_lifetime, self.at + settings.session_idle)
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
    let Session { user, name, email, membership, expires_at, idle_expires_at, .. } = call.session()?;
    let user = UserBody::new(*user, name, email, *membership);
    Ok(Json(body(call.app(), user, *membership, *expires_at, *idle_expires_at)))
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
        HeaderValue::from_static("\"cache\", \"cookies\", \"storage\""),
    );
    Ok((StatusCode::NO_CONTENT, headers))
}
