//! The outside of the router: the web app, fallbacks, and what wraps every request.

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use tower_http::catch_panic::CatchPanicLayer;

use super::{Problem, RateClass, RateKey, capacity, client, headers, request_id};
use crate::AppState;

/// The first part of the address of every page that somebody can be sent to. The router of the web app is where they come
/// from, which a test compares.
pub(crate) const PAGES: &[&str] = &[
    "",
    "sites",
    "incidents",
    "appliances",
    "provision",
    "audit",
    "system",
    "settings",
    "account",
    "people",
    "emergency",
];

/// What people come to before they are signed in, likewise. The web app's own list is compared by a test.
const GATES: &[&str] =
    &["bootstrap", "reset", "invitation", "confirm-email", "forgot", "sign-in-link", "signed-in", "login"];

#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct WebApp;

/// Adds what is around the API: the web app, 404 and 405, ids, headers, and the answer to a panic.
pub(crate) fn finish(router: Router<AppState>, state: AppState) -> Router {
    router
        .fallback(fallback)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(super::json::MAX_BODY + 1))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!(request_id = %request_id::current(), "a handler panicked");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side.")
                .into_response()
        }))
        .layer(from_fn_with_state(state.clone(), capacity::layer))
        .layer(from_fn(headers::layer))
        .layer(from_fn_with_state(state.clone(), request_id::layer))
        .with_state(state)
}

/// What no route has been declared for costs the client as much as a read. `OPTIONS` is among it: no other origin is
/// ever allowed anything, so there is nothing to ask for beforehand.
async fn draw(app: &AppState, request: Request) -> Result<Parts, Problem> {
    let (parts, _) = request.into_parts();
    let address = client::address(&parts, app.settings().trusted_proxies);
    app.rate_limits().check(RateClass::Read, &RateKey::Address(address)).await?;
    Ok(parts)
}

async fn other_method(State(app): State<AppState>, request: Request) -> Problem {
    draw(&app, request).await.err().unwrap_or_else(Problem::method_not_allowed)
}

async fn fallback(State(app): State<AppState>, request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !request.uri().path().starts_with("/api") {
        return serve(request.uri(), request.headers());
    }
    draw(&app, request).await.err().unwrap_or_else(Problem::not_found).into_response()
}

/// A file of the web app, or its first page for every address that the app itself routes. It answers with that page for others,
/// too, and says that they are not there: a person reads it, and a probe that asks for the wrong address fails.
fn serve(uri: &Uri, request: &HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let found = if path.is_empty() { None } else { WebApp::get(path).map(|file| (path, file)) };
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match found
        .or_else(|| (!is_file).then(|| WebApp::get("index.html")).flatten().map(|file| ("index.html", file)))
    {
        Some((name, file)) => {
            let mut response = file_response(name, file, request);
            let first = path.split('/').next().unwrap_or_default();
            if name == "index.html" && path != name && !PAGES.contains(&first) && !GATES.contains(&first) {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            response
        }
        None if is_file => Problem::not_found().into_response(),
        None => (StatusCode::NOT_FOUND, "This build of Proofline holds no web app; the API is under /api.\n")
            .into_response(),
    }
}

fn file_response(path: &str, plain: EmbeddedFile, request: &HeaderMap) -> Response {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let compressed = [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, suffix)| {
        let wanted =
            accepted.split(',').any(|a| a.split(';').next().is_some_and(|name| name.trim() == encoding));
        wanted.then(|| WebApp::get(&format!("{path}.{suffix}"))).flatten().map(|file| (encoding, file))
    });
    let (encoding, data): (Option<&str>, Cow<'static, [u8]>) = match compressed {
        Some((encoding, file)) => (Some(encoding), file.data),
        None => (None, plain.data),
    };
    let body = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(encoding) = encoding {
        headers.insert(
            header::CONTENT_ENCODING,
            HeaderValue::from_str(encoding).unwrap_or(HeaderValue::from_static("br")),
        );
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_web_app_can_be_returned_to() {
        #[expect(clippy::disallowed_methods, reason = "a committed file")]
        let router =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/app/router.tsx"));
        let router = router.expect("the web app's router");
        let mut compared = 0;
        for route in router.split("getParentRoute: () => root,").skip(1) {
            let path = route.split("path: \"/").nth(1).and_then(|rest| rest.split(['"', '/']).next());
            let first = path.expect("every route has a path");
            // Before there is anybody, and what is in no build.
            if !["login", "bootstrap", "signed-in", "gallery"].contains(&first) {
                assert!(PAGES.contains(&first), "say here that people can be sent to /{first}");
                compared += 1;
            }
        }
        assert!(compared > 5, "{compared}");
    }

    #[test]
    fn the_gates_are_those_of_the_web_app() {
        #[expect(clippy::disallowed_methods, reason = "a committed file")]
        let file =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/entry/address.ts"));
        let file = file.expect("the addresses of the web app");
        let list =
            file.split("const gates").nth(1).and_then(|rest| rest.split(']').nth(1)).unwrap_or_default();
        let theirs: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(theirs, GATES);
    }

    #[test]
    fn an_address_that_is_no_page_is_not_found() {
        let status = |path: &str| serve(&path.parse().expect("an address"), &HeaderMap::new()).status();
        if WebApp::get("index.html").is_none() {
            return; // built without the web app, every address is not found: the tests of the program look at that
        }
        for page in ["/", "/index.html", "/sites/site_01/evidence/3", "/login", "/sign-in-link"] {
            assert_eq!(status(page), StatusCode::OK, "{page}");
        }
        for other in ["/healthz", "/readyz", "/live", "/metrics", "/wp-admin/", "/sitesx"] {
            assert_eq!(status(other), StatusCode::NOT_FOUND, "{other}");
        }
    }
}
