//! What one process takes on: so many requests at once, each for so long. More are told to come back, which keeps the
//! answers to the others quick.
//!
//! Both end where an answer begins: a stream of events or an export is neither counted nor cut off while it flows.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::AppState;

/// Answered whatever the load: a process that is busy is not dead, and must not be restarted for it.
const ALWAYS: &str = "/health";

pub(super) async fn layer(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    let Ok(_place) = app.in_flight().try_acquire() else {
        metrics::counter!("requests_shed_total").increment(1);
        return Problem::overloaded().into_response();
    };
    // Dropping the work rolls back what it had not committed.
    match tokio::time::timeout(app.settings().request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("requests_timed_out_total").increment(1);
            Problem::timed_out().into_response()
        }
    }
}
