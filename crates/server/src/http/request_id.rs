//! Every request has an id that its answer, its log lines and its audit row share.

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use crate::AppState;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request being handled; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request an id. One that a client sends is ignored: it would be the client's to forge.
pub(super) async fn layer(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = hex::encode(app.entropy().bytes::<12>());
    let header = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, next.run(request)).await;
    if let Ok(value) = header {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
