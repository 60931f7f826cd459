//! Sessions: their cookies, their two clocks, their end, and the CSRF rule.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_server::open_bootstrap;
use proofline_testkit::{Browser, TestApp, logs};
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
    assert_eq!(reply.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["__Host-device"], "it stays known");
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
    let recorded = browser.get("/api/audit?outcome=denied&action=settings.update").await.expect(200);
    let codes: Vec<_> =
        recorded["items"].as_array().expect("rows").iter().map(|row| &row["detail"]["code"]).collect();
    assert_eq!(codes, ["csrf_refused"; 7], "each of them is seen");
}

#[tokio::test]
async fn what_an_earlier_csrf_key_made_is_taken_and_nothing_more_is_made_with_it() {
    const NEW: [u8; 32] = [21; 32];
    let app = TestApp::start().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.sign_in(&email).await;
    let earlier = app.state().settings().csrf_key;
    let both = app.second_node_with(|settings| {
        (settings.csrf_key, settings.earlier_csrf_keys) = (NEW, vec![earlier]);
    });
    let new_alone = app.second_node_with(|settings| settings.csrf_key = NEW);
    let rename =
        async |browser: &mut Browser| browser.patch("/api/settings", json!({ "name": "Renamed" })).await;

    let mut stale = browser.clone();
    stale.reconnect_to(&new_alone);
    rename(&mut stale).await.expect_problem(403, "csrf_refused");
    browser.reconnect_to(&both);
    rename(&mut browser).await.expect(200);
    let keys = browser.get("/api/system/keys").await.expect(200);
    let csrf = keys["items"].as_array().expect("items").iter().filter(|key| key["purpose"] == "csrf");
    assert_eq!(csrf.map(|key| &key["state"]).collect::<Vec<_>>(), ["current", "earlier"]);

    // Strangers lock the account; the browser that the earlier key made known gets in.
    for _ in 0..6 {
        let wrong = json!({ "email": email, "password": "wrong wrong wrong" });
        app.anonymous().post("/api/auth/login", wrong).await.expect(401);
    }
    let right = json!({ "email": email, "password": app.password() });
    stale.post("/api/auth/login", right.clone()).await.expect_problem(401, "login_failed");
    browser.post("/api/auth/login", right).await.expect(200);

    // What this node makes is made with the new key.
    app.prove(&mut browser, &email).await;
    browser.reconnect(&app);
    rename(&mut browser).await.expect_problem(403, "csrf_refused");
    browser.reconnect_to(&new_alone);
    rename(&mut browser).await.expect(200);
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

/// Every field that may hold something personal or secret, once, with a marker in it; then nothing of it in any line that
/// any crate logs at any level, nor in any error.
#[tokio::test]
async fn nothing_personal_or_secret_is_logged_or_stands_in_an_error() {
    // Before anything else: the whole of what there is to log.
    logs::capture(logs::LOUD);
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let markers = ["canary.mail", "Canary Name", "canary parsnip one", "canary parsnip two", "canary-token"];
    let link = open_bootstrap(app.state()).await.expect("opens").expect("nobody exists").0;
    let token = link.split_once('#').expect("in the fragment").1;
    logs::must_not_hold(token);
    let mut browser = app.anonymous();
    let mut errors = Vec::new();
    let person = |token: &str, email: &str, password: &str| json!({ "token": token, "name": "Canary Name", "email": email, "password": password });
    let (email, password) = ("canary.mail@staff.example", "canary parsnip one");
    for body in [
        person("canary-token", email, password),
        person(token, "canary.mail", password),
        person(token, email, "canary.mail"),
        json!({ "token": token, "name": "Canary Name", "email": email, "password": password, "canary.mail": 1 }),
        json!({ "token": token, "name": "Canary Name", "email": [email], "password": password }),
    ] {
        errors.push(browser.post("/api/auth/bootstrap", body).await);
    }
    browser.post("/api/auth/bootstrap", person(token, email, password)).await.expect(201);
    errors.push(browser.post("/api/auth/bootstrap", person(token, email, password)).await);
    for (email, password) in [
        (email, "canary parsnip two"),
        ("canary.mail@nowhere.example", password),
        ("canary.mail", password),
        (password, email),
    ] {
        for _ in 0..7 {
            errors
                .push(browser.post("/api/auth/login", json!({ "email": email, "password": password })).await);
        }
    }
    app.clock.advance(TimeDelta::minutes(15));
    browser.post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
    errors
        .push(browser.post("/api/auth/login", json!({ "email": email, "password": 7, "x": password })).await);
    errors.push(browser.get("/api/partners?cursor=canary-token").await);
    errors.push(browser.get("/api/partners?canary-token=1").await);
    errors.push(browser.get("/api/nothing/canary-token").await);
    errors.push(browser.post("/api/partners", json!({ "name": "Canary Name\u{7}" })).await);
    browser.get("/api/auth/session").await.expect(200);
    browser.headers = vec![("x-csrf-token", "canary-token".to_owned())];
    errors.push(browser.patch("/api/settings", json!({ "name": "Canary Name" })).await);
    browser.headers.clear();
    browser.post_empty("/api/auth/logout").await.expect(204);
    for job in proofline_server::workers::JOBS {
        app.run_job(job.name).await;
    }
    for reply in &errors {
        let (status, body) = (reply.status.as_u16(), String::from_utf8_lossy(&reply.bytes));
        assert!((400..500).contains(&status), "{status}: {body}");
        for marker in markers {
            assert!(!body.contains(marker), "{marker}: {body}");
        }
    }
    assert!(logs::text().contains("\"message\":\"request\""), "something was captured");
    logs::hold_nothing_of(&markers);
}
