//! The first start and signing in.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_server::open_bootstrap;
use proofline_testkit::TestApp;
use serde_json::{Value, json};

fn first_admin(token: &str) -> Value {
    json!({ "token": token, "name": "Ada Admin", "email": "ada@staff.example", "password": "plum tractor eleven" })
}

async fn token(app: &TestApp) -> String {
    let link = open_bootstrap(app.state()).await.expect("opens").expect("nobody exists").0;
    let (address, token) = link.split_once("/bootstrap#").expect("the token is in the fragment");
    assert_eq!(address, "https://compliance.example");
    token.to_owned()
}

#[tokio::test]
async fn the_link_makes_one_administrator_once() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let mut browser = app.anonymous();
    assert_eq!(browser.get("/api/auth/status").await.expect(200)["bootstrap_open"], true);
    let session = browser.post("/api/auth/bootstrap", first_admin(&token)).await.expect(201);
    assert_eq!(session["user"]["role"], "staff_admin");
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["user"]["email"], "ada@staff.example");
    let mut second = app.anonymous();
    second.post("/api/auth/bootstrap", first_admin(&token)).await.expect_problem(409, "bootstrap_closed");
    assert_eq!(second.get("/api/auth/status").await.expect(200)["bootstrap_open"], false);
    assert!(open_bootstrap(app.state()).await.expect("answers").is_none());
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    let app = TestApp::start().await;
    let token = token(&app).await;
    let (mut one, mut two) = (app.anonymous(), app.anonymous());
    let mut other = first_admin(&token);
    other["email"] = json!("bob@staff.example");
    let (first, second) = tokio::join!(
        one.post("/api/auth/bootstrap", first_admin(&token)),
        two.post("/api/auth/bootstrap", other)
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!([403, 409].contains(&statuses[1]), "{statuses:?}");
}

#[tokio::test]
async fn an_old_or_wrong_link_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let old = token(&app).await;
    let fresh = token(&app).await;
    let mut browser = app.anonymous();
    browser
        .post("/api/auth/bootstrap", first_admin(&old))
        .await
        .expect_problem(403, "bootstrap_token_invalid");
    app.clock.advance(TimeDelta::hours(25));
    browser
        .post("/api/auth/bootstrap", first_admin(&fresh))
        .await
        .expect_problem(403, "bootstrap_token_invalid");
    let mut weak = first_admin(&token(&app).await);
    weak["password"] = json!("password12345");
    let problem = browser.post("/api/auth/bootstrap", weak).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "too_common");
    assert_eq!(browser.get("/api/auth/status").await.expect(200)["bootstrap_open"], true);
}

#[tokio::test]
async fn wrong_unknown_and_disabled_answer_alike() {
    let app = TestApp::start().await;
    let known = app.person(Role::StaffOperator).await;
    let disabled = app.person(Role::StaffOperator).await;
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE person SET disabled_at = now() WHERE email = $1")
        .bind(&disabled)
        .execute(&mut owner)
        .await
        .expect("updates");
    let mut browser = app.anonymous();
    let mut bodies = Vec::new();
    for (email, password) in [
        (known.as_str(), "wrong wrong wrong"),
        ("nobody@staff.example", "x"),
        (&disabled, app.password()),
        ("not an address", "x"),
    ] {
        let reply = browser.post("/api/auth/login", json!({ "email": email, "password": password })).await;
        reply.expect_problem(401, "login_failed");
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "four reasons, one answer");
}

#[tokio::test]
async fn five_failures_lock_the_account_for_a_quarter_hour() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 100).await;
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.anonymous();
    let right = json!({ "email": email, "password": app.password() });
    for _ in 0..5 {
        let wrong = json!({ "email": email, "password": "wrong wrong wrong" });
        browser.post("/api/auth/login", wrong).await.expect_problem(401, "login_failed");
    }
    let reply = browser.post("/api/auth/login", right.clone()).await;
    reply.expect_problem(429, "locked_out");
    assert_eq!(reply.headers["retry-after"], "900");
    app.clock.advance(TimeDelta::minutes(15));
    browser.post("/api/auth/login", right).await.expect(200);
}

#[tokio::test]
async fn a_burst_of_attempts_meets_the_login_budget() {
    let app = TestApp::start().await;
    let mut browser = app.anonymous();
    let attempt = json!({ "email": "nobody@staff.example", "password": "x" });
    let mut limited = None;
    for n in 0..15 {
        // A header that an attacker chooses does not buy another budget.
        browser.headers = vec![("x-forwarded-for", format!("192.0.2.{n}"))];
        let reply = browser.post("/api/auth/login", attempt.clone()).await;
        if reply.status.as_u16() == 429 {
            limited = Some(reply);
            break;
        }
    }
    let limited = limited.expect("fifteen at once are too many");
    limited.expect_problem(429, "rate_limited");
    assert!(limited.headers.contains_key("retry-after"));
}
