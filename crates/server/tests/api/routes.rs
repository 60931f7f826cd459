//! Walks the route table that the application itself declares: what holds for every route, whoever wrote it.

use std::collections::BTreeSet;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use proofline_authz::{Action, Effect, permissions_of};
use proofline_core::Role;
use proofline_server::{Access, RouteEntry};
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::json;

/// A path with every parameter filled with an id of the right kind that nothing has.
pub(crate) fn path_to_nothing(entry: &RouteEntry) -> String {
    let mut path = entry.path.clone();
    for (parameter, value) in [
        ("{site_id}", "site_01h455vb4pex5vsknk084sn02q"),
        ("{code_id}", "code_01h455vb4pex5vsknk084sn02q"),
        ("{appliance_id}", "app_01h455vb4pex5vsknk084sn02q"),
        ("{incident_id}", "inc_01h455vb4pex5vsknk084sn02q"),
        ("{token_id}", "tok_01h455vb4pex5vsknk084sn02q"),
        ("{credential_id}", "cred_01h455vb4pex5vsknk084sn02q"),
        ("{passkey_id}", "pkey_01h455vb4pex5vsknk084sn02q"),
        ("{provider_id}", "idp_01h455vb4pex5vsknk084sn02q"),
        ("{identity_id}", "ident_01h455vb4pex5vsknk084sn02q"),
        ("{approval_id}", "appr_01h455vb4pex5vsknk084sn02q"),
        ("{session_id}", "sess_01h455vb4pex5vsknk084sn02q"),
        ("{user_id}", "user_01h455vb4pex5vsknk084sn02q"),
        ("{invitation_id}", "inv_01h455vb4pex5vsknk084sn02q"),
        ("{mail_id}", "mail_01h455vb4pex5vsknk084sn02q"),
        ("{org_id}", "org_01h455vb4pex5vsknk084sn02q"),
        ("{break_glass_id}", "brk_01h455vb4pex5vsknk084sn02q"),
        ("{key_rotation_id}", "krot_01h455vb4pex5vsknk084sn02q"),
        ("{alarm_id}", "alarm_01h455vb4pex5vsknk084sn02q"),
        ("{index}", "0"),
    ] {
        path = path.replace(parameter, value);
    }
    assert!(!path.contains('{'), "teach this test the parameter of {path}");
    path
}

/// The answer, or of a stream that is open for as long as one likes, how it begins.
pub(crate) async fn call(browser: &mut Browser, entry: &RouteEntry) -> Reply {
    let method: Method = entry.method.parse().expect("a method");
    if entry.path == "/api/events" {
        return browser.open(&entry.path).await.into_reply().await;
    }
    let body = (method != Method::GET).then(|| json!({}));
    browser.send(method, &path_to_nothing(entry), body.as_ref()).await
}

#[tokio::test]
pub(crate) async fn without_a_credential_only_public_routes_answer() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    for entry in &app.app.routes {
        let reply = call(&mut app.anonymous(), entry).await;
        match entry.access {
            Access::Public(reason) => {
                assert!(reason.len() >= 10, "{} says why it is public", entry.path);
                assert_ne!(reply.status.as_u16(), 500, "{}", entry.path);
            }
            Access::Person(_) => reply.expect_problem(401, "no_session"),
            Access::Appliance(_) | Access::Claimant(_) => reply.expect_problem(401, "signature_missing"),
        }
    }
}

#[tokio::test]
pub(crate) async fn every_role_gets_what_the_policy_says_and_nothing_else() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let site = app.site(&mut app.admin().await, "Main Street").await;
    for role in Role::ALL {
        let allowed = permissions_of(role);
        let mut browser = app.member(role, site.place(role)).await;
        for entry in &app.app.routes {
            let Access::Person(action) = entry.access else { continue };
            if action == Action::SessionEnd {
                continue; // ends the session that this test uses; proved in `sessions`
            }
            let reply = call(&mut browser, entry).await;
            let status = reply.status.as_u16();
            if allowed.contains(&action) {
                // What the caller proves or enrols is nothing here: a code that is none is a refusal of its own.
                let refused = [401, 500].contains(&status)
                    || (status == 403 && ![Action::FactorProve, Action::FactorEnrol].contains(&action));
                assert!(!refused, "{role} {} {}: {status}", entry.method, entry.path);
            } else {
                reply.expect_problem(403, "not_permitted");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_and_a_person_is_no_agent() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    for entry in app.app.routes.iter().filter(|e| matches!(e.access, Access::Person(_))) {
        let reply = agent.call::<()>(entry.method, &path_to_nothing(entry), None).await;
        reply.expect_problem(401, "no_session");
    }
    app.clock.advance(TimeDelta::seconds(1));
    let mut readonly = app.staff(Role::StaffReadonly).await;
    readonly.post("/api/partners", json!({ "name": "Mine" })).await.expect_problem(403, "not_permitted");
    let denied = admin.get("/api/audit?action=partner.create").await.expect(200);
    assert_eq!(denied["items"][0]["outcome"], "denied");
    assert_eq!(denied["items"][0]["actor_name"], "Test staff_readonly");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut paths: Vec<String> =
        app.app.routes.iter().filter(|e| e.method == "GET").map(path_to_nothing).collect();
    paths.extend(["/api/nothing-here".to_owned(), "/".to_owned(), "/assets/none.js".to_owned()]);
    for path in paths {
        let reply = app.anonymous().get(&path).await;
        for header in [
            "content-security-policy",
            "strict-transport-security",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "x-request-id",
        ] {
            assert!(reply.headers.contains_key(header), "{path}: {header}");
        }
        if path.starts_with("/api") {
            assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn head_is_guarded_like_get_and_wrong_methods_are_405() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let gets: Vec<_> = app.app.routes.iter().filter(|e| e.method == "GET").collect();
    for entry in &gets {
        if let Access::Person(_) = entry.access {
            let reply = app.anonymous().send(Method::HEAD, &path_to_nothing(entry), None).await;
            assert_eq!(reply.status.as_u16(), 401, "{}", entry.path);
        }
        let reply = app.anonymous().send(Method::TRACE, &path_to_nothing(entry), None).await;
        assert_eq!(reply.status.as_u16(), 405, "{}", entry.path);
    }
}

#[tokio::test]
async fn nothing_is_taken_with_a_head() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let exports = app.app.routes.iter().filter(|entry| {
        entry.method == "GET"
            && matches!(entry.access, Access::Person(action) if action.effect() == Effect::Write)
    });
    let mut tried = 0;
    for entry in exports {
        let reply = admin.send(Method::HEAD, &path_to_nothing(entry), None).await;
        assert_eq!(reply.status.as_u16(), 405, "{}", entry.path);
        assert_eq!(reply.headers["allow"], "GET");
        tried += 1;
    }
    assert!(tried >= 2);
    let rows = admin.get("/api/audit").await.expect(200);
    let done: Vec<_> = rows["items"].as_array().expect("rows").iter().map(|row| &row["action"]).collect();
    assert!(
        !done.iter().any(|action| action.as_str().is_some_and(|action| action.ends_with("export"))),
        "{done:?}"
    );
}

#[test]
fn a_write_is_never_a_get_except_the_audited_exports() {
    // Compiled into the table: an action that changes something on a GET would need no CSRF token.
    let exceptions: BTreeSet<Action> = [Action::EvidenceExport, Action::AuditExport].into();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let app = runtime.block_on(TestApp::start());
    for entry in &app.app.routes {
        let action = match entry.access {
            Access::Person(action) | Access::Appliance(action) | Access::Claimant(action) => action,
            Access::Public(_) => continue,
        };
        if action.effect() == Effect::Write && !exceptions.contains(&action) {
            assert_ne!(entry.method, "GET", "{}", entry.path);
        }
        if entry.method != "GET" && matches!(entry.access, Access::Person(_)) {
            assert_eq!(action.effect(), Effect::Write, "{} changes something: {action}", entry.path);
        }
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_its_permission() {
    let app = TestApp::start().await;
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let mut described = 0;
    for entry in &app.app.routes {
        let operation = &document["paths"][&entry.path][entry.method.to_lowercase()];
        assert!(operation["x-permission"].is_string(), "{} {}", entry.method, entry.path);
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described = parameter["in"] != "path"
                || parameter["schema"]["type"] == "integer"
                || parameter["schema"]["pattern"].is_string();
            assert!(
                described,
                "{} {}: say in `described` what {} looks like",
                entry.method, entry.path, parameter["name"]
            );
        }
        described += 1;
    }
    let paths = document["paths"].as_object().expect("paths");
    let operations: usize = paths.values().map(|p| p.as_object().map_or(0, serde_json::Map::len)).sum();
    assert_eq!(operations, described, "nothing is described that is not guarded");
    let text = serde_json::to_string_pretty(&document).expect("serialises") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/openapi.json");
    if std::env::var_os("UPDATE_SPEC").is_some() {
        std::fs::write(path, &text).expect("spec/ is writable");
    }
    #[expect(clippy::disallowed_methods, reason = "a committed file")]
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == text, "spec/openapi.json is stale: run `make generate`");
}

/// Values that no parameter of a query may hold, whatever it means.
fn hostile() -> Vec<String> {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let cursor = |json: String| URL_SAFE_NO_PAD.encode(json);
    let mut values = vec![
        "%00".to_owned(),
        "a%00b".to_owned(),
        "-9000-01-01T00:00:00Z".to_owned(),
        "%2B262142-01-01T00:00:00Z".to_owned(),
        "0000-01-01T00:00:00Z".to_owned(),
        "2026-11-22".to_owned(),
        "99999999999999999999".to_owned(),
        "-1".to_owned(),
        "%ff%fe".to_owned(),
        "(select%20pg_sleep(3))".to_owned(),
        "'".to_owned(),
        "%25".to_owned(),
        cursor("{}".to_owned()),
        cursor("18446744073709551615".to_owned()),
        cursor(format!("\"{id}\"")),
    ];
    for at in ["-9000-01-01T00:00:00Z", "+262142-01-01T00:00:00Z", "a\\u0000b"] {
        values.push(cursor(format!("\"{at}\"")));
        values.push(cursor(format!("[\"{at}\",\"{id}\"]")));
        values.push(cursor(format!("[4,\"{at}\",\"{id}\"]")));
        values.push(cursor(format!("{{\"severity\":4,\"opened_at\":\"{at}\",\"id\":\"{id}\"}}")));
        values.push(cursor(format!("[{{\"Newest\":[\"{at}\",\"{id}\"]}}]")));
    }
    values
}

#[tokio::test]
async fn no_query_is_our_fault() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 10_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let mut tried = 0;
    for entry in app.app.routes.iter().filter(|e| e.method == "GET" && e.path != "/api/events") {
        let path = entry.path.replace("{site_id}", &site.id.to_string());
        let path = path_to_nothing(&RouteEntry { path, ..entry.clone() });
        let parameters = document["paths"][&entry.path]["get"]["parameters"].as_array().cloned();
        for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            for value in hostile() {
                let reply = admin.get(&format!("{path}?{name}={value}")).await;
                let status = reply.status.as_u16();
                // Whatever a provider sends a browser back with, the browser goes on to a page.
                let expected: &[u16] =
                    if path == "/api/auth/oidc/callback" { &[303, 422] } else { &[200, 404, 422] };
                assert!(expected.contains(&status), "{path}?{name}={value}: {status}");
                if value.contains("%00") {
                    assert_eq!(reply.expect(422)["errors"][0]["code"], "nul");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
    for query in ["from=-9000-01-01T00:00:00Z", "to=2200-01-01T00:00:00Z", "from=2026-11-22"] {
        admin.get(&format!("/api/audit?{query}")).await.expect(422);
    }
    admin.get("/api/audit?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00%2B01:00").await.expect(200);
    admin.get(&format!("/api/sites/{}/posture?as_of=-9000-01-01T00:00:00Z", site.id)).await.expect(422);
}

#[tokio::test]
async fn the_description_is_served_and_so_is_a_page_of_it() {
    let app = TestApp::start().await;
    let mut anyone = app.anonymous();
    let served = anyone.get("/api/openapi.json").await;
    assert_eq!(served.headers["content-type"], "application/json");
    assert_eq!(served.expect(200), serde_json::to_value(&app.app.openapi).expect("serialises"));
    let page = anyone.get("/api/docs").await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let html = String::from_utf8(page.bytes).expect("text");
    for entry in &app.app.routes {
        assert!(html.contains(&format!("<code>{} {}</code>", entry.method, entry.path)), "{}", entry.path);
    }
    // Nothing that the policy of every page forbids, and nothing from elsewhere.
    for forbidden in ["<script", "<style", "style=", "onload", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}
