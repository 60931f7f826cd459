//! The audit log as a file, streamed: memory for one page, whatever the log's size.
//!
//! What is taken away is what its list shows to the same person. That it was taken is a row of the log itself, written
//! before the first byte leaves.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream};
use proofline_core::format_rfc3339;
use proofline_store::{AuditEntry, AuditFilter, PageRequest};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{AuditQuery, csv};
use crate::http::{ApiResult, Call, Problem, Query, QueryTime};

/// So many rows are held at once.
const ROWS: u16 = 200;

type Page = PageRequest<(DateTime<Utc>, Uuid)>;

/// Which rows are taken away.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Only this actor's, by id, or those in whose name this stands.
    #[param(format = "sought")]
    actor: Option<String>,
    /// Only this action, as the policy spells it, or those that begin so.
    #[param(format = "sought")]
    action: Option<String>,
    /// Only what came out so: `done`, `denied` or `failed`.
    #[param(pattern = "^(done|denied|failed)$")]
    outcome: Option<String>,
    /// Only what was done to something whose name begins with this.
    #[param(format = "sought")]
    resource: Option<String>,
    /// Only what concerns this organisation.
    org_id: Option<String>,
    /// Not before.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<QueryTime>,
    /// Not after.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<QueryTime>,
    /// Only where this stands in the actor's name, the resource, the action or the detail.
    #[param(format = "sought")]
    search: Option<String>,
}

impl From<ExportQuery> for AuditQuery {
    fn from(query: ExportQuery) -> Self {
        let ExportQuery { actor, action, outcome, resource, org_id, from, to, search } = query;
        Self { actor, action, outcome, resource, org_id, from, to, search, limit: None, cursor: None }
    }
}

/// The audit log as comma-separated values, newest first, as far as you see it. That you took it away is its first row.
#[utoipa::path(get, path = "/api/audit/export", tag = "audit", params(ExportQuery),
    responses((status = 200, body = String, content_type = "text/csv", description = "The rows")))]
pub(crate) async fn export(call: Call, Query(query): Query<ExportQuery>) -> ApiResult<Response> {
    let mut filter = AuditQuery::from(query).filter()?;
    // What happens while it streams is not part of it.
    filter.to = Some(filter.to.map_or(call.at, |to| to.min(call.at)));
    // Of an organisation that was asked for, nothing is known to be there: the row is the asker's alone.
    let detail = json!({ "filtered": is_filtered(&filter), "org_id": filter.org });
    call.scope().await?.commit(call.note(None, "audit", detail)).await?;
    let name = format!("attachment; filename=\"audit-{}.csv\"", call.at.format("%Y%m%dT%H%M%SZ"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).map_err(|error| Problem::internal(&error))?,
        ),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    Ok((headers, Body::from_stream(lines(call, filter))).into_response())
}

fn is_filtered(filter: &AuditFilter) -> bool {
    let AuditFilter { actor_id, actor, action, actions, outcome, resource, org, from, to: _, search } =
        filter;
    [actor_id, actor, action, actions, outcome, resource, search].iter().any(|text| text.is_some())
        || org.is_some()
        || from.is_some()
}

/// Where a stream stands.
enum Step {
    Heads,
    Rows(Page),
    Ended,
}

/// The file's bytes, page by page. A read that fails breaks the stream off, which a client sees.
fn lines(call: Call, filter: AuditFilter) -> impl Stream<Item = Result<Bytes, BrokenOff>> {
    stream::try_unfold((call, filter, Step::Heads), |(call, filter, step)| async move {
        let (bytes, next) = match step {
            Step::Ended => return Ok(None),
            Step::Heads => {
                let first = PageRequest::new(ROWS, None).map_err(|error| BrokenOff::of(&error.into()))?;
                (csv::line(HEADS), Step::Rows(first))
            }
            Step::Rows(request) => {
                let mut scope = call.scope().await.map_err(|problem| BrokenOff::of(&problem))?;
                let page = scope.audit_entries(&filter, &request).await;
                let page = page.map_err(|error| BrokenOff::of(&error.into()))?;
                let next = page.next.as_ref().map(|cursor| PageRequest::new(ROWS, Some(cursor))).transpose();
                let next = next.map_err(|error| BrokenOff::of(&error.into()))?;
                (page.items.iter().map(line).collect(), next.map_or(Step::Ended, Step::Rows))
            }
        };
        Ok(Some((Bytes::from(bytes), (call, filter, next))))
    })
}

const HEADS: [&str; 11] = [
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "action",
    "resource",
    "outcome",
    "org_id",
    "detail",
    "request_id",
    "id",
];

fn line(entry: &AuditEntry) -> String {
    csv::line([
        &format_rfc3339(entry.at),
        &entry.actor_kind,
        &entry.actor_id,
        &entry.actor_name,
        &entry.action,
        &entry.resource,
        &entry.outcome,
        &entry.org.map(|org| org.to_string()).unwrap_or_default(),
        &entry.detail.to_string(),
        &entry.request_id,
        &entry.id.to_string(),
    ])
}

/// The rest could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off: {0}")]
struct BrokenOff(&'static str);

impl BrokenOff {
    fn of(problem: &Problem) -> Self {
        Self(problem.code())
    }
}
