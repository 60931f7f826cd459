//! The first start.

use chrono::TimeDelta;
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
