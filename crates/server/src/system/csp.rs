//! What browsers report of pages that tried what the policy forbids: a sign of an injection, or of a mistake of ours.
//!
//! Anyone can send one, so it is counted and logged as what was forbidden and from what kind of place. No address in it is
//! kept: it is whatever the sender wrote.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use serde_json::Value;

use crate::http::{Anonymous, ApiResult, Problem, json_expected, request_id, too_large};

const MAX_REPORT: usize = 16 * 1024;
const MOST_AT_ONCE: usize = 20;

/// Directives that are named in the log; anything else is `other`.
const DIRECTIVES: [&str; 16] = [
    "default-src",
    "script-src",
    "script-src-elem",
    "script-src-attr",
    "style-src",
    "style-src-elem",
    "style-src-attr",
    "img-src",
    "connect-src",
    "font-src",
    "manifest-src",
    "frame-src",
    "worker-src",
    "base-uri",
    "form-action",
    "frame-ancestors",
];

/// What was stopped, as far as it says anything without saying where.
const KINDS: [&str; 6] = ["inline", "eval", "wasm-eval", "data", "blob", "self"];

/// Takes reports of violations of the content security policy, in either of the two forms that browsers send.
#[utoipa::path(post, path = "/api/csp-reports", tag = "system",
    request_body(content = Object, content_type = "application/reports+json"),
    responses((status = 204, description = "Noted")))]
pub(crate) async fn report(_: Anonymous, request: Request) -> ApiResult<StatusCode> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["application/csp-report", "application/reports+json", "application/json"].contains(&kind.as_str()) {
        return Err(json_expected());
    }
    let body = to_bytes(body, MAX_REPORT).await.map_err(|_| too_large())?;
    let document: Value = serde_json::from_slice(&body)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "json_invalid", "This is not a JSON document."))?;
    let reports = violations(&document);
    if reports.is_empty() {
        return Err(Problem::invalid("body", "no_report", "There is no report of a violation in it."));
    }
    for (directive, blocked) in reports {
        metrics::counter!("csp_reports_total", "directive" => directive).increment(1);
        tracing::warn!(request_id = %request_id::current(), directive, blocked, "a browser stopped something");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Directive and kind of each violation, in words that are ours.
fn violations(document: &Value) -> Vec<(&'static str, &'static str)> {
    let bodies: Vec<&Value> = match document {
        Value::Array(reports) => reports
            .iter()
            .filter(|report| report["type"] == "csp-violation")
            .map(|report| &report["body"])
            .take(MOST_AT_ONCE)
            .collect(),
        other => vec![&other["csp-report"]],
    };
    bodies.into_iter().filter(|body| body.is_object()).map(|body| (directive(body), blocked(body))).collect()
}

fn text<'a>(body: &'a Value, names: [&str; 3]) -> &'a str {
    names.iter().find_map(|name| body[*name].as_str()).unwrap_or_default()
}

fn directive(body: &Value) -> &'static str {
    let said = text(body, ["effectiveDirective", "effective-directive", "violated-directive"]);
    let said = said.split(' ').next().unwrap_or_default();
    DIRECTIVES.into_iter().find(|known| *known == said).unwrap_or("other")
}

fn blocked(body: &Value) -> &'static str {
    let said = text(body, ["blockedURL", "blocked-uri", "blockedURI"]);
    KINDS.into_iter().find(|known| *known == said).unwrap_or("an address")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_are_read_and_nothing_of_the_sender_is_kept() {
        let older = json!({ "csp-report": { "document-uri": "https://x.example/?token=1",
            "violated-directive": "script-src 'self'", "blocked-uri": "inline" } });
        assert_eq!(violations(&older), [("script-src", "inline")]);
        let newer = json!([
            { "type": "csp-violation", "body": { "effectiveDirective": "img-src", "blockedURL": "https://evil.example/a" } },
            { "type": "deprecation", "body": {} },
            { "type": "csp-violation", "body": { "effectiveDirective": "mine\n", "blockedURL": 7 } },
        ]);
        assert_eq!(violations(&newer), [("img-src", "an address"), ("other", "an address")]);
        assert_eq!(violations(&json!("text")), []);
        assert_eq!(violations(&json!({})), []);
    }
}
