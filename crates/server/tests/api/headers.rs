//! What stands around every answer: policies for browsers, nothing for other origins, nothing of the Host header.

use axum::http::Method;
use proofline_server::Access;
use proofline_testkit::{Reply, TestApp, logs};
use serde_json::json;

use crate::routes::path_to_nothing;

/// What a browser is told with every answer, errors included.
fn holds_the_policies(reply: &Reply, what: &str) {
    let header =
        |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "report-uri /api/csp-reports",
        "report-to csp",
    ] {
        assert!(policy.contains(directive), "{what}: {policy}");
    }
    for unsafe_word in ["unsafe", "http:", "https:", "*"] {
        assert!(!policy.contains(unsafe_word), "{what}: {policy}");
    }
    assert_eq!(header("reporting-endpoints"), "csp=\"/api/csp-reports\"", "{what}");
    assert!(header("strict-transport-security").starts_with("max-age=63072000"), "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
    assert!(header("permissions-policy").contains("camera=()"), "{what}");
    assert!(!header("x-request-id").is_empty(), "{what}");
}

#[tokio::test]
async fn errors_of_every_kind_carry_the_policies() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut seen = Vec::new();
    let mut holds = |reply: &Reply, status: u16| {
        assert_eq!(reply.status.as_u16(), status, "{}", String::from_utf8_lossy(&reply.bytes));
        holds_the_policies(reply, &status.to_string());
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert!(!reply.code().is_empty());
        seen.push(status);
    };
    let mut json = admin.clone();
    json.headers = vec![("content-type", "application/json".to_owned())];
    holds(&json.send_bytes(Method::POST, "/api/partners", b"{".to_vec()).await, 400);
    holds(&app.anonymous().get("/api/partners").await, 401);
    holds(&app.anonymous().post("/api/auth/login", json!({ "email": 1 })).await, 422);
    let mut forged = admin.clone();
    forged.headers = vec![("origin", "https://evil.example".to_owned())];
    holds(&forged.post("/api/partners", json!({ "name": "A" })).await, 403);
    holds(&admin.get("/api/nothing").await, 404);
    holds(&admin.send(Method::PUT, "/api/partners", None).await, 405);
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(70 * 1024));
    holds(&json.send_bytes(Method::POST, "/api/partners", large.into_bytes()).await, 413);
    let mut text = app.anonymous();
    text.headers = vec![("content-type", "text/plain".to_owned())];
    holds(&text.send_bytes(Method::POST, "/api/auth/login", b"{}".to_vec()).await, 415);
    let mut busy = app.anonymous();
    let limited = loop {
        let reply = busy.post("/api/auth/login", json!({})).await;
        if reply.status.as_u16() == 429 {
            break reply;
        }
    };
    assert!(limited.headers["retry-after"].to_str().is_ok_and(|v| v.parse::<u64>().is_ok_and(|s| s >= 1)));
    holds(&limited, 429);
    let mut owner = app.database.superuser().await;
    sqlx::query("ALTER TABLE partner RENAME COLUMN name TO label")
        .execute(&mut owner)
        .await
        .expect("renames");
    holds(&admin.get("/api/partners").await, 500);
    app.store.close().await;
    holds(&admin.get("/api/partners").await, 503);
    assert_eq!(seen.len(), 11);
}

#[tokio::test]
async fn no_other_origin_is_allowed_anything_and_no_preflight_succeeds() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let admin = app.admin().await;
    for entry in app.app.routes.iter().filter(|entry| entry.path != "/api/events") {
        let path = path_to_nothing(entry);
        for origin in ["https://evil.example", "null", "https://compliance.example"] {
            let mut page = admin.clone();
            page.headers = vec![
                ("origin", origin.to_owned()),
                ("access-control-request-method", entry.method.to_owned()),
                ("access-control-request-headers", "x-csrf-token".to_owned()),
            ];
            let preflight = page.send(Method::OPTIONS, &path, None).await;
            preflight.expect_problem(405, "method_not_allowed");
            let read = page.get(&path).await;
            for reply in [preflight, read] {
                let opened = reply.headers.keys().find(|name| name.as_str().starts_with("access-control"));
                assert_eq!(opened, None, "{} {path} from {origin}", entry.method);
            }
        }
    }
}

#[tokio::test]
async fn the_host_header_is_nowhere_in_an_answer() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let mut paths: Vec<String> = app
        .app
        .routes
        .iter()
        .filter(|entry| entry.method == "GET" && entry.path != "/api/events")
        .map(path_to_nothing)
        .collect();
    paths.extend(["/", "/api", "/api/", "/login", "//evil-host.example/", "/nothing.js"].map(str::to_owned));
    admin.headers = ["host", "x-forwarded-host", "x-original-host", "forwarded"]
        .map(|name| {
            (
                name,
                if name == "forwarded" { "host=evil-host.example" } else { "evil-host.example" }.to_owned(),
            )
        })
        .to_vec();
    for path in paths {
        let reply = admin.get(&path).await;
        let shown = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.bytes));
        assert!(!shown.contains("evil-host"), "{path}: {shown}");
        // Nothing redirects but the way back from a provider, and that to a page of our own.
        let location = reply.headers.get("location").map(|value| value.to_str().unwrap_or_default());
        assert!(
            location.is_none_or(|l| path == "/api/auth/oidc/callback" && l.starts_with("/login")),
            "{path}"
        );
    }
    let made = admin.post("/api/partners", json!({ "name": "Northgate" })).await;
    made.expect(201);
    let location = made.headers.get("location").map(|value| value.to_str().unwrap_or_default().to_owned());
    assert!(location.is_none_or(|l| l.starts_with('/') && !l.contains("evil-host")));
}

#[tokio::test]
async fn a_download_may_do_nothing_should_a_browser_open_it() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let reply = admin.get(&format!("/api/sites/{}/evidence/export", site.id)).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(
        reply.headers["content-disposition"].to_str().is_ok_and(|v| v.starts_with("attachment; filename="))
    );
    let policy = reply.headers["content-security-policy"].to_str().expect("text");
    assert!(
        policy.contains("sandbox") && policy.contains("default-src 'none'") && !policy.contains("allow-")
    );
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    assert_eq!(reply.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn reports_of_browsers_are_taken_counted_and_logged_without_what_they_say() {
    logs::capture(logs::LOUD);
    let app = TestApp::start().await;
    let mut browser = app.anonymous();
    let report = |kind: &str, body: String| {
        let mut sender = browser.clone();
        sender.headers = vec![("content-type", kind.to_owned())];
        async move { sender.send_bytes(Method::POST, "/api/csp-reports", body.into_bytes()).await }
    };
    let older = json!({ "csp-report": { "document-uri": "https://compliance.example/reset#canary-report",
        "violated-directive": "script-src-elem", "blocked-uri": "https://canary-report.example/x.js" } });
    report("application/csp-report", older.to_string()).await.expect(204);
    let newer = json!([{ "type": "csp-violation", "url": "https://compliance.example/canary-report", "body": {
        "effectiveDirective": "style-src-attr", "blockedURL": "inline", "sample": "canary-report" } }]);
    report("application/reports+json; charset=utf-8", newer.to_string()).await.expect(204);
    report("text/plain", older.to_string()).await.expect_problem(415, "json_expected");
    report("application/csp-report", "canary-report".to_owned()).await.expect_problem(400, "json_invalid");
    report("application/csp-report", "{}".to_owned()).await.expect_problem(422, "invalid");
    let large = json!({ "csp-report": { "sample": "x".repeat(17 * 1024) } });
    report("application/csp-report", large.to_string()).await.expect_problem(413, "too_large");
    let deep = "[".repeat(10_000);
    report("application/csp-report", deep).await.expect_problem(400, "json_invalid");
    let log = logs::text();
    let line = |directive: &str| {
        log.lines().any(|line| line.contains("a browser stopped") && line.contains(directive))
    };
    assert!(line("script-src-elem") && line("style-src-attr"));
    logs::hold_nothing_of(&["canary-report"]);
    let mut limited = 0;
    for _ in 0..40 {
        let reply = browser.post("/api/csp-reports", json!({})).await;
        limited += u32::from(reply.status.as_u16() == 429);
    }
    assert!(limited >= 10, "{limited}");
    // A noisy page does not use up what its reader may do.
    browser.get("/api/auth/status").await.expect(200);
    let public = app.app.routes.iter().filter(|entry| entry.path == "/api/csp-reports");
    assert!(public.into_iter().all(|entry| matches!(entry.access, Access::Public(_))));
}
