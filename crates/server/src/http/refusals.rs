//! Which refusals the API description names for a route. They follow from what stands in front of its handler and from
//! what the handler reads; what it refuses for a reason of its own stands in its own description.
//!
//! 500 is named nowhere: it is no answer to expect but a mistake of ours.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use super::route::{Access, RouteEntry};

/// What each status means wherever it stands.
const MEANINGS: [(StatusCode, &str); 11] = [
    (StatusCode::BAD_REQUEST, "The body is no JSON document, or the request brings two credentials"),
    (StatusCode::UNAUTHORIZED, "Without a credential that counts"),
    (StatusCode::FORBIDDEN, "Not allowed to whoever asks, not proved enough, or sent from another site"),
    (StatusCode::NOT_FOUND, "Nothing of this id that whoever asks can see"),
    (StatusCode::CONFLICT, "It is not as the request takes it to be, or was done before"),
    (StatusCode::PRECONDITION_FAILED, "It is another version by now"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than it may be"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is said to be something else than JSON"),
    (StatusCode::UNPROCESSABLE_ENTITY, "Something in the request is not valid"),
    (StatusCode::TOO_MANY_REQUESTS, "Too many requests: `Retry-After` says when to come back"),
    (StatusCode::SERVICE_UNAVAILABLE, "Not now: `Retry-After` says when to come back"),
];

/// The answers that routes refer to, by name.
pub(super) fn components() -> impl Iterator<Item = (String, RefOr<Response>)> {
    MEANINGS.iter().map(|(status, meaning)| {
        let response = ResponseBuilder::new().description(*meaning).content(PROBLEM, problem()).build();
        (name(*status), response.into())
    })
}

const PROBLEM: &str = "application/problem+json";

fn problem() -> Content {
    Content::new(Some(Ref::from_schema_name("ProblemBody")))
}

/// `NotFound` for 404.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().replace(' ', "")
}

/// Adds to an operation what it refuses. `names_ids` when its body says which thing is meant.
pub(super) fn describe(operation: &mut Operation, entry: &RouteEntry, names_ids: bool) {
    for (status, response) in &mut operation.responses.responses {
        // The handler's own: it says when, and the form is every problem's.
        if let RefOr::T(response) = response
            && response.content.is_empty()
            && (status.starts_with('4') || status.starts_with('5'))
        {
            response.content.insert(PROBLEM.to_owned(), problem().into());
        }
    }
    for status in of(operation, entry, names_ids) {
        let known = Ref::from_response_name(name(status));
        let responses = &mut operation.responses.responses;
        responses.entry(status.as_str().to_owned()).or_insert_with(|| known.into());
    }
}

fn of(operation: &Operation, entry: &RouteEntry, names_ids: bool) -> Vec<StatusCode> {
    let person = matches!(entry.access, Access::Person(_));
    let signed = matches!(entry.access, Access::Appliance(_) | Access::Claimant(_));
    let change = entry.method != "GET";
    // May bring an idempotency key, and with it a body.
    let repeatable = person && entry.method == "POST";
    let body = operation.request_body.is_some();
    let parameters = || {
        operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some((&parameter.parameter_in, parameter.name.as_str())),
            RefOr::Ref(_) => None,
        })
    };
    [
        (StatusCode::BAD_REQUEST, person || body),
        (StatusCode::UNAUTHORIZED, person || signed),
        (StatusCode::FORBIDDEN, person || signed || change),
        (StatusCode::NOT_FOUND, parameters().any(|(stands, _)| *stands == ParameterIn::Path) || names_ids),
        (StatusCode::CONFLICT, person && change),
        (StatusCode::PRECONDITION_FAILED, parameters().any(|(_, name)| name == "If-Match")),
        (StatusCode::PAYLOAD_TOO_LARGE, body || signed || repeatable),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, body || signed || (person && change)),
        // What is read from the query, or that something stands there.
        (StatusCode::UNPROCESSABLE_ENTITY, true),
        (StatusCode::TOO_MANY_REQUESTS, true),
        (StatusCode::SERVICE_UNAVAILABLE, true),
    ]
    .into_iter()
    .filter_map(|(status, applies)| applies.then_some(status))
    .collect()
}
