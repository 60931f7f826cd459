//! What orchestrators ask: is the process alive, and can it work?

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::http::Anonymous;

/// For so long the database may take to answer: less than whoever asks has patience for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// Always `ok`.
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/health", tag = "system",
    responses((status = 200, body = HealthBody, description = "Alive")))]
pub(crate) async fn health(_: Anonymous) -> Json<HealthBody> {
    Json(HealthBody { status: "ok" })
}

/// Whether each dependency answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadyBody {
    /// `ok` or `unavailable`.
    status: &'static str,
    /// `ok` or `unavailable`.
    database: &'static str,
    /// `ok` or `unavailable`.
    evidence_store: &'static str,
    /// `ok`, `unavailable` or `none`. Without it each node counts by itself, so it does not decide.
    redis: &'static str,
}

/// Everything that a request needs answers.
#[utoipa::path(get, path = "/ready", tag = "system",
    responses((status = 200, body = ReadyBody, description = "Ready"), (status = 503, body = ReadyBody, description = "Not ready")))]
pub(crate) async fn ready(call: Anonymous) -> (StatusCode, Json<ReadyBody>) {
    let word = |up: bool| if up { "ok" } else { "unavailable" };
    let database = timeout(PATIENCE, call.app.store().ping());
    // Listing an empty prefix reaches the store without reading anything.
    let nothing = "ready-probe".into();
    let evidence_store = timeout(PATIENCE, call.app.evidence_store().list_with_delimiter(Some(&nothing)));
    let (database, evidence_store) = tokio::join!(database, evidence_store);
    let database = database.is_ok_and(|answered| answered.is_ok());
    let evidence_store = evidence_store.is_ok_and(|answered| answered.is_ok());
    let redis = match call.app.shared() {
        Some(shared) => word(shared.answers().await),
        None => "none",
    };
    let all = database && evidence_store;
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (database, evidence_store) = (word(database), word(evidence_store));
    let body = ReadyBody { status: word(all), database, evidence_store, redis };
    (status, Json(body))
}
