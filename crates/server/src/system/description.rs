//! The API description as this very server serves it, and a page that lists it for people. Neither needs the internet,
//! and the page has no script: it is made once, from the description, when all routes are known.

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr, Response};

use crate::http::{Anonymous, ApiResult, Problem};

/// The document and the page.
pub(crate) struct Description {
    json: Bytes,
    html: Bytes,
}

impl Description {
    /// Both forms of what is described.
    pub(crate) fn of(document: &OpenApi) -> Self {
        Self { json: document.to_json().unwrap_or_default().into(), html: page(document).into() }
    }
}

/// What the web app and other clients are made from.
#[utoipa::path(get, path = "/api/openapi.json", tag = "system",
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1")))]
pub(crate) async fn openapi(call: Anonymous) -> ApiResult<impl IntoResponse> {
    let description = call.app.description().get().ok_or_else(Problem::not_found)?;
    Ok((typed("application/json"), description.json.clone()))
}

/// Every route, for people.
#[utoipa::path(get, path = "/api/docs", tag = "system",
    responses((status = 200, body = String, content_type = "text/html", description = "A page")))]
pub(crate) async fn docs(call: Anonymous) -> ApiResult<impl IntoResponse> {
    let description = call.app.description().get().ok_or_else(Problem::not_found)?;
    Ok((typed("text/html; charset=utf-8"), description.html.clone()))
}

fn typed(value: &'static str) -> [(HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static(value))]
}

fn page(document: &OpenApi) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{0}</title>\n<h1>{0} {1}</h1>\n\
         <p>{2} The whole description: <a href=\"/api/openapi.json\">openapi.json</a>.\n",
        text(&document.info.title),
        text(&document.info.version),
        text(document.info.description.as_deref().unwrap_or_default()),
    );
    for (path, item) in &document.paths.paths {
        for (method, operation) in [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ] {
            if let Some(operation) = operation {
                section(&mut html, document, method, path, operation);
            }
        }
    }
    html.push_str("</html>\n");
    html
}

fn section(html: &mut String, document: &OpenApi, method: &str, path: &str, operation: &Operation) {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let permission = operation
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("x-permission")?.as_str().map(str::to_owned))
        .unwrap_or_default();
    let summary =
        [&operation.summary, &operation.description].map(|part| part.as_deref().unwrap_or_default());
    let _ = write!(
        html,
        "<h2 id=\"{id}\"><code>{method} {path}</code></h2>\n<p>{summary}\n<p>Permission: {permission}\n",
        id = text(id),
        path = text(path),
        summary = text(&summary.join(" ")),
        permission = text(&permission),
    );
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| {
        let RefOr::T(parameter) = parameter else { return None };
        let place = match parameter.parameter_in {
            ParameterIn::Query | ParameterIn::QueryString => "query",
            ParameterIn::Path => "path",
            ParameterIn::Header => "header",
            ParameterIn::Cookie => "cookie",
        };
        let what = parameter.description.as_deref().unwrap_or_default();
        Some(format!("<dt><code>{}</code> ({place})<dd>{}\n", text(&parameter.name), text(what)))
    });
    let responses = operation.responses.responses.iter().map(|(status, response)| {
        let what = meaning(document, response);
        format!("<dt>{}<dd>{}\n", text(status), text(what))
    });
    let list: String = parameters.chain(responses).collect();
    let _ = write!(html, "<dl>\n{list}</dl>\n");
}

/// What an answer means, also where the operation refers to one of the answers that many have.
fn meaning<'a>(document: &'a OpenApi, response: &'a RefOr<Response>) -> &'a str {
    match response {
        RefOr::T(response) => &response.description,
        RefOr::Ref(named) => {
            let name = named.ref_location.rsplit('/').next().unwrap_or_default();
            match document.components.as_ref().and_then(|components| components.responses.get(name)) {
                Some(RefOr::T(response)) => &response.description,
                _ => "",
            }
        }
    }
}

/// Text that stays text.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
