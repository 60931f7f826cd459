//! The catalogue that this server works with, as it is: controls, checks, runbooks, rules.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use proofline_authz::Action;
use utoipa_axum::routes;

use crate::http::{Access, Api, ApiResult, Call, RateClass};

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::CatalogRead), RateClass::Read, routes!(catalog))
}

/// The whole catalogue: `controls`, `checks`, `profiles`, `runbooks` and `rules`, each sorted by id. Its SHA-256 is the
/// digest that signed statements name.
#[utoipa::path(get, path = "/api/catalog", tag = "catalog",
    responses((status = 200, body = serde_json::Value, description = "The catalogue")))]
pub(crate) async fn catalog(call: Call) -> ApiResult<Response> {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
    ];
    Ok((headers, call.app().catalog().canonical_json()).into_response())
}
