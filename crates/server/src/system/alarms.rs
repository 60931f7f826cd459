//! What is wrong with evidence itself, until somebody looked into it.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_core::AlarmId;
use proofline_store::Alarm;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{ApiResult, Call, Id, Problem, Strict};

/// Something that is wrong with evidence.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlarmBody {
    /// Which.
    id: String,
    /// `seq_conflict`, `sample_failed`, `state_mismatch` or `publication_failed`.
    kind: &'static str,
    /// One sentence.
    detail: String,
    /// The site.
    site_id: String,
    /// When it was raised.
    raised_at: DateTime<Utc>,
}

impl From<Alarm> for AlarmBody {
    fn from(alarm: Alarm) -> Self {
        Self {
            id: alarm.id.to_string(),
            kind: alarm.kind.as_str(),
            detail: alarm.detail,
            site_id: alarm.site.to_string(),
            raised_at: alarm.raised_at,
        }
    }
}

/// What came of looking into it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearRequest {
    /// 10 to 500 characters.
    #[schema(format = "reason")]
    reason: String,
}

/// Ends an alarm that somebody looked into. What is wrong still raises the next one when it is noticed again.
#[utoipa::path(post, path = "/api/system/alarms/{alarm_id}/clear", tag = "system", request_body = ClearRequest,
    params(("alarm_id" = String, Path, description = "Alarm")),
    responses((status = 204, description = "Cleared"), (status = 409, description = "It was cleared already")))]
pub(crate) async fn clear(
    call: Call,
    Id(id): Id<AlarmId>,
    Strict(request): Strict<ClearRequest>,
) -> ApiResult<StatusCode> {
    let reason = crate::tenants::reason(&request.reason)?;
    let mut scope = call.scope().await?;
    let alarm = scope.lock_alarm(id).await?;
    if alarm.cleared_at.is_some() {
        return Err(Problem::conflict("already_cleared", "This alarm was cleared already."));
    }
    scope.clear_alarm(&alarm, call.at).await?;
    let detail =
        json!({ "reason": reason, "kind": alarm.kind.as_str(), "alarm": alarm.detail, "site": alarm.site });
    scope.commit(call.note(Some(alarm.org), id, detail)).await?;
    Ok(StatusCode::NO_CONTENT)
}
