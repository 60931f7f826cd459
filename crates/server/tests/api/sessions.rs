//! Sessions: their cookies, their two clocks, their end, and the CSRF rule.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_testkit::{Browser, TestApp};
use serde_json::json;

#[tokio::test]
async fn cookies_are_bound_to_the_host_and_hidden_from_scripts() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.anonymous();
    let reply = browser.post("/api/auth/login", json!({ "email": email, "password": app.password() })).await;
    let cookies: Vec<&str> =
        reply.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).collect();
    let session = cookies.iter().find(|c| c.starts_with("__Host-session=")).expect("a session cookie");
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert!(!session.contains("Domain"));
    let csrf = cookies.iter().find(|c| c.starts_with("__Host-csrf=")).expect("a CSRF cookie");
    assert!(csrf.contains("Secure") && csrf.contains("SameSite=Strict") && !csrf.contains("HttpOnly"));
}

#[tokio::test]
async fn a_session_ends_after_a_quarter_hour_of_nobody() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    for _ in 0..4 {
        app.clock.advance(TimeDelta::minutes(14));
        browser.get("/api/auth/session").await.expect(200);
    }
    app.clock.advance(TimeDelta::minutes(15));
    browser.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn what_nobody_clicked_does_not_keep_a_session_awake() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    browser.headers = vec![("x-background", "1".to_owned())];
    for _ in 0..2 {
        app.clock.advance(TimeDelta::minutes(7));
        browser.get("/api/auth/session").await.expect(200);
    }
    app.clock.advance(TimeDelta::minutes(2));
    browser.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn a_session_ends_after_a_day_of_work() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    for _ in 0..143 {
        app.clock.advance(TimeDelta::minutes(10));
        browser.get("/api/auth/session").await.expect(200);
    }
    app.clock.advance(TimeDelta::minutes(10));
    browser.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    let mut thief = browser.clone();
    let reply = browser.post_empty("/api/auth/logout").await;
    reply.expect(204);
    assert_eq!(reply.headers["clear-site-data"], "\"cache\", \"cookies\", \"storage\"");
    assert!(browser.cookies.is_empty());
    thief.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn a_demotion_counts_from_the_next_request_on() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.sign_in(&email).await;
    browser.patch("/api/settings", json!({ "name": "One" })).await.expect(200);
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE person SET role = 'staff_readonly' WHERE email = $1")
        .bind(&email)
        .execute(&mut owner)
        .await
        .expect("updates");
    browser.patch("/api/settings", json!({ "name": "Two" })).await.expect_problem(403, "not_permitted");
}

#[tokio::test]
async fn a_planted_second_cookie_is_no_session() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    let session = browser.cookies["__Host-session"].clone();
    browser.headers = vec![("cookie", format!("__Host-session={session}"))];
    browser.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn a_change_without_its_own_csrf_token_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    let other = app.admin().await;
    let own = browser.cookies["__Host-csrf"].clone();
    let cut = own[..own.len() - 2].to_owned();
    let nonce = own.split('.').next().expect("a nonce").to_owned();
    let foreign = other.cookies["__Host-csrf"].clone();
    for value in [String::new(), "abc".to_owned(), nonce.clone(), format!("{nonce}."), cut, foreign] {
        // Cookie and header agree, as an attacker who can plant a cookie would have it.
        browser.cookies.insert("__Host-csrf".to_owned(), value.clone());
        browser.headers = vec![("x-csrf-token", value.clone())];
        let reply = browser.patch("/api/settings", json!({ "name": "Forged" })).await;
        reply.expect_problem(403, "csrf_refused");
    }
    browser.cookies.insert("__Host-csrf".to_owned(), own);
    browser.headers = vec![("x-csrf-token", String::new())];
    browser.patch("/api/settings", json!({ "name": "Forged" })).await.expect_problem(403, "csrf_refused");
    browser.headers.clear();
    assert_eq!(browser.get("/api/settings").await.expect(200)["name"], "Test installation");
}

async fn refused_from_elsewhere(browser: &mut Browser, header: (&'static str, &str)) {
    browser.headers = vec![(header.0, header.1.to_owned())];
    browser.patch("/api/settings", json!({ "name": "Forged" })).await.expect_problem(403, "origin_refused");
}

#[tokio::test]
async fn a_change_from_another_site_is_refused() {
    let app = TestApp::start().await;
    let mut browser = app.admin().await;
    for origin in
        ["https://evil.example", "null", "https://compliance.example.evil", "http://compliance.example"]
    {
        refused_from_elsewhere(&mut browser, ("origin", origin)).await;
    }
    refused_from_elsewhere(&mut browser, ("sec-fetch-site", "cross-site")).await;
    refused_from_elsewhere(&mut browser, ("sec-fetch-site", "same-site")).await;
    browser.headers = vec![
        ("origin", "https://compliance.example".to_owned()),
        ("sec-fetch-site", "same-origin".to_owned()),
    ];
    browser.patch("/api/settings", json!({ "name": "Ours" })).await.expect(200);
}
