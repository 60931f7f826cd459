//! Every request has an id that its answer, its log lines and its audit row share, and one line in the log. That of
//! what an appliance asks all day, and was answered as ever, is for debugging.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::browser;
use crate::AppState;

tokio::task_local! {
    static CURRENT: String;
    static CLIENT: Option<HeaderValue>;
}

/// What stands in an audit row instead of a request's id where somebody on the server's own machine gave a command.
pub(crate) const COMMAND_LINE: &str = "command line";

/// The id of the request being handled; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// What sent the request being handled, in a few words, for people who look at their sessions.
pub(crate) fn client() -> String {
    CLIENT
        .try_with(|agent| {
            browser::named(agent.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default())
        })
        .unwrap_or_default()
}

/// What a guarded route says of the request for its line in the log.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    /// `GET /api/sites/{site_id}`: as declared, since what stands in an address may be personal.
    pub(super) route: Arc<str>,
    /// What it cost the database.
    pub(super) queries: u32,
    /// Whether a fleet sends it all day, and it was answered as ever.
    pub(super) routine: bool,
}

/// Gives the request an id, and logs it once it is answered. An id that a client sends is ignored: it would be the
/// client's to forge.
pub(super) async fn layer(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = hex::encode(app.entropy().bytes::<12>());
    let method = request.method().clone();
    let client = request.headers().get(header::USER_AGENT).cloned();
    let mut response = CURRENT.scope(id.clone(), CLIENT.scope(client, next.run(request))).await;
    let logged = response.extensions_mut().remove::<Logged>();
    let elapsed = started.elapsed();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                request_id = %id,
                // Files, what is not there, and what was turned away before its route was found.
                route = %logged.as_ref().map_or_else(|| format!("{method} other"), |logged| logged.route.to_string()),
                status = response.status().as_u16(),
                queries = logged.as_ref().map_or(0, |logged| logged.queries),
                elapsed_ms = elapsed.as_secs_f64() * 1e3,
                "request"
            )
        };
    }
    if logged.as_ref().is_some_and(|logged| logged.routine) {
        line!(debug);
    } else {
        line!(info);
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
