//! Mail as its operator sees it: to whom, what about, and what came of it; never what stands in it.

use axum::Json;
use chrono::{DateTime, Utc};
use proofline_core::MailId;
use proofline_store::{MailRow, MailState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::http::{ApiResult, Call, Id, Listing, Problem, Query, page_request};

/// Which mails.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MailQuery {
    /// Only `queued`, `sent` or `failed` ones.
    #[param(pattern = "^(queued|sent|failed)$")]
    state: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A mail.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailBody {
    /// Prefixed id.
    id: String,
    /// To whom.
    to: String,
    /// What stands over it.
    subject: String,
    /// `queued`, `sent` or `failed`.
    state: &'static str,
    /// How many attempts there were.
    attempts: u32,
    /// What the last one came to, if it failed.
    last_error: Option<String>,
    /// When it was queued.
    created_at: DateTime<Utc>,
}

impl From<MailRow> for MailBody {
    fn from(row: MailRow) -> Self {
        Self {
            id: row.id.to_string(),
            to: row.to,
            subject: row.subject,
            state: row.state.as_str(),
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: row.created_at,
        }
    }
}

/// Mail, newest first.
#[utoipa::path(get, path = "/api/mail", tag = "mail", params(MailQuery),
    responses((status = 200, body = Listing<MailBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(query): Query<MailQuery>) -> ApiResult<Json<Listing<MailBody>>> {
    let state = query.state.as_deref().map(str::parse::<MailState>).transpose();
    let state = state
        .map_err(|_| Problem::invalid("state", "state_invalid", "Ask for queued, sent or failed mail."))?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.mails(state, &page).await?;
    Ok(Json(Listing::from_page(page, MailBody::from)))
}

/// Tries to send a mail again, with ten attempts before it. One that was sent is not there to be tried.
#[utoipa::path(post, path = "/api/mail/{mail_id}/retry", tag = "mail",
    params(("mail_id" = String, Path, description = "Mail")),
    responses((status = 200, body = MailBody, description = "Queued")))]
pub(crate) async fn retry(call: Call, Id(id): Id<MailId>) -> ApiResult<Json<MailBody>> {
    let mut scope = call.scope().await?;
    let row = scope.retry_mail(id, call.at).await?;
    scope.commit(call.note(None, id, json!({}))).await?;
    Ok(Json(row.into()))
}
