//! Errors as RFC 9457 problem documents: a stable code, a safe sentence, the request's id. Causes go to the log, once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proofline_store::{CursorError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use super::once::TakenMeanwhile;
use super::request_id;

/// A field that was refused, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field's name in the request.
    pub field: &'static str,
    /// Stable reason code.
    pub code: &'static str,
    /// One sentence.
    pub detail: String,
}

/// `application/problem+json`, as every error answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: the code tells problems apart.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// Stable reason code.
    pub code: &'static str,
    /// One sentence that is safe to show.
    pub detail: String,
    /// Names the request in our log.
    pub request_id: String,
    /// Fields that were refused.
    pub errors: Vec<FieldProblem>,
}

/// Why a request is not answered as asked.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    retry_after_s: Option<u64>,
    taken_meanwhile: bool,
}

/// A handler's result.
pub type ApiResult<T> = Result<T, Problem>;

impl Problem {
    /// Any status with a code and a safe sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
            taken_meanwhile: false,
        }
    }

    /// 404, the same for what is missing and for what belongs to someone else.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here that you can see.")
    }

    /// 401: nobody is signed in.
    pub fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no_session", "Sign in to go on.")
    }

    /// 403: what was proved is too long ago for this.
    pub fn step_up_required() -> Self {
        let detail = "This needs a second factor that was proved within the last five minutes.";
        Self::forbidden("step_up_required", detail)
    }

    /// 403: known, but not allowed.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 405: the address is there for other methods.
    pub fn method_not_allowed() -> Self {
        let detail = "This address does not take that method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 409: somebody else was first, or what was seen is no longer so.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 409 inside this server only: the same request at the same time took the key first, and its answer will be given.
    pub(super) fn taken_meanwhile(mut self) -> Self {
        self.taken_meanwhile = true;
        self
    }

    /// 422 for one field.
    pub fn invalid(field: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldProblem { field, code, detail: detail.into() }])
    }

    /// 422 for several fields.
    pub fn invalid_fields(errors: Vec<FieldProblem>) -> Self {
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Something in the request is not valid.");
        problem.errors = errors;
        problem
    }

    /// 429: come back in so many seconds.
    pub fn too_many(code: &'static str, retry_after_s: u64) -> Self {
        let mut problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, code, "Too many attempts. Wait before trying again.");
        problem.retry_after_s = Some(retry_after_s.max(1));
        problem
    }

    /// 503: something that the answer needs is down.
    pub fn unavailable(retry_after_s: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Something this needs is not available right now.",
        );
        problem.retry_after_s = Some(retry_after_s.max(1));
        problem
    }

    /// 503: more is asked at once than can be answered in time.
    pub fn overloaded() -> Self {
        let detail = "Too much is asked at once. Try again in a moment.";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
        problem.retry_after_s = Some(2);
        problem
    }

    /// 503: the answer took too long and was given up; nothing was changed.
    pub fn timed_out() -> Self {
        let detail = "This took too long and was given up. Nothing was changed. Try again.";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", detail);
        problem.retry_after_s = Some(5);
        problem
    }

    /// 500, with the cause in our log only.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(request_id = %request_id::current(), cause = %chain(cause), "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. It has been logged.",
        )
    }

    /// One safe sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// An error and what is behind it, as one line for our log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id: request_id::current(),
            errors: self.errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.taken_meanwhile {
            response.extensions_mut().insert(TakenMeanwhile);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound(_) => Self::not_found(),
            StoreError::Conflict { .. } => {
                Self::conflict("conflict", "This clashes with something that exists already.")
            }
            StoreError::Unavailable { .. } => {
                tracing::warn!(request_id = %request_id::current(), cause = %chain(&error), "database unavailable");
                Self::unavailable(2)
            }
            StoreError::Database { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unaudited(_)
            | StoreError::UnsafeRole { .. } => Self::internal(&error),
        }
    }
}

impl From<CursorError> for Problem {
    fn from(_: CursorError) -> Self {
        Self::invalid("cursor", "cursor_invalid", "This cursor does not belong to this list.")
    }
}
