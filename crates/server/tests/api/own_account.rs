//! What people do with their own account: sessions, password, name, address.

use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_core::Role;
use proofline_testkit::{Reply, TestApp};
use serde_json::{Value, json};

use crate::people::id_of;

const FRESH: &str = "seven quiet otters";

/// With a single connection: nothing here waits for a second one while it holds the first.
async fn generous() -> TestApp {
    TestApp::start_with(1, |s| s.rate_scale = 1_000).await
}

fn with_agent(agent: &str) -> Vec<(&'static str, String)> {
    vec![("user-agent", agent.to_owned())]
}

#[tokio::test]
async fn one_sees_where_one_is_signed_in_and_ends_it() {
    let app = generous().await;
    let email = app.person(Role::StaffReadonly).await;
    let mut here = app.anonymous();
    here.headers = with_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let login = json!({ "email": email, "password": app.password() });
    here.post("/api/auth/login", login).await.expect(200);
    app.prove(&mut here, &email).await;
    let (mut there, mut elsewhere) = (app.sign_in(&email).await, app.sign_in(&email).await);
    let mut stranger = app.admin().await;
    let sessions = here.get("/api/auth/sessions").await.expect(200);
    let items = sessions["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3, "and nobody else's: {sessions}");
    let current: Vec<_> = items.iter().filter(|s| s["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["client"], "Firefox on Linux");
    let own = there.get("/api/auth/sessions").await.expect(200);
    let find = |sessions: &Value| {
        let items = sessions["items"].as_array().expect("a list");
        let current = items.iter().find(|s| s["current"] == true).expect("the one that asks");
        format!("/api/auth/sessions/{}", current["id"].as_str().expect("an id"))
    };
    stranger.delete(&find(&own)).await.expect_problem(404, "not_found");
    let mut stream = there.open("/api/events").await;
    assert_eq!(stream.next().await.expect("open").event, "ready");
    here.delete(&find(&own)).await.expect(204);
    while stream.next().await.is_some() {}
    there.get("/api/auth/session").await.expect_problem(401, "no_session");
    here.delete(&find(&own)).await.expect_problem(404, "not_found");
    assert_eq!(here.post("/api/auth/sessions/end-others", json!({})).await.expect(200)["ended"], 1);
    elsewhere.get("/api/auth/session").await.expect_problem(401, "no_session");
    let last = here.get("/api/auth/sessions").await.expect(200);
    here.delete(&find(&last)).await.expect(204);
    assert!(!here.cookies.contains_key("__Host-session"), "signed out");
    stranger.get("/api/auth/session").await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_other_sessions_and_the_cookie_before() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let (mut here, mut there) = (app.sign_in(&email).await, app.sign_in(&email).await);
    let mut thief = here.clone();
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    here.post("/api/auth/password", change("wrong wrong wrong", FRESH))
        .await
        .expect_problem(403, "password_wrong");
    let weak = here.post("/api/auth/password", change(app.password(), "short")).await.expect(422);
    assert_eq!(
        (&weak["errors"][0]["field"], &weak["errors"][0]["code"]),
        (&json!("new_password"), &json!("too_short"))
    );
    there.get("/api/auth/session").await.expect(200);
    let before = here.get("/api/auth/session").await.expect(200);
    app.clock.advance(TimeDelta::minutes(1));
    here.post("/api/auth/password", change(app.password(), FRESH)).await.expect(204);
    let after = here.get("/api/auth/session").await.expect(200);
    assert_eq!(before["expires_at"], after["expires_at"], "the session's end stays");
    here.patch("/api/auth/profile", json!({ "name": "Still Here" })).await.expect(200);
    thief.get("/api/auth/session").await.expect_problem(401, "no_session");
    there.get("/api/auth/session").await.expect_problem(401, "no_session");
    let login = |password: &str| json!({ "email": email, "password": password });
    app.anonymous().post("/api/auth/login", login(app.password())).await.expect_problem(401, "login_failed");
    app.anonymous().post("/api/auth/login", login(FRESH)).await.expect(200);
    assert!(app.mail_to(&email).await.pop().expect("a mail").contains("Your password was changed"));
}

#[tokio::test]
async fn a_stolen_session_does_not_guess_the_password() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let mut thief = app.sign_in(&email).await;
    for _ in 0..5 {
        let guess = json!({ "current_password": "wrong wrong wrong", "new_password": FRESH });
        thief.post("/api/auth/password", guess).await.expect_problem(403, "password_wrong");
    }
    let right = json!({ "current_password": app.password(), "new_password": FRESH });
    thief.post("/api/auth/password", right.clone()).await.expect_problem(403, "password_wrong");
    app.clock.advance(TimeDelta::minutes(14));
    thief.get("/api/auth/session").await.expect(200);
    app.clock.advance(TimeDelta::minutes(1));
    thief.post("/api/auth/password", right).await.expect(204);
}

#[tokio::test]
async fn strangers_guesses_keep_nobody_from_changing_their_password() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let mut owner = app.sign_in(&email).await;
    for _ in 0..6 {
        let guess = json!({ "email": email, "password": "wrong wrong wrong" });
        app.anonymous().post("/api/auth/login", guess).await.expect(401);
    }
    let right = json!({ "current_password": app.password(), "new_password": FRESH });
    owner.post("/api/auth/password", right).await.expect(204);
}

#[tokio::test]
async fn what_was_given_to_programs_ends_when_an_account_is_taken_back() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let (by_link, suspended, lost) = (
        app.person(Role::StaffOperator).await,
        app.person(Role::StaffOperator).await,
        app.person(Role::StaffOperator).await,
    );
    let mut programs = Vec::new();
    for email in [&by_link, &suspended, &lost] {
        let mut maker = app.sign_in(email).await;
        let token = app.token(&mut maker, &["site.read"]).await;
        app.program(&token).get("/api/sites").await.expect(200);
        programs.push(token);
        assert!(app.mail_to(email).await[0].contains("A token was made"), "whoever it was, they are told");
    }
    ask(&app, &by_link).await.expect(202);
    let token = app.mailed_token(&by_link).await;
    let confirm = json!({ "token": token, "password": FRESH });
    app.anonymous().post("/api/auth/password-reset/confirm", confirm).await.expect(204);
    let reason = json!({ "reason": "somebody else was in the account" });
    let (one, two) = (id_of(&mut admin, &suspended).await, id_of(&mut admin, &lost).await);
    admin.post(&format!("/api/users/{one}/suspend"), reason.clone()).await.expect(200);
    admin.post(&format!("/api/users/{one}/restore"), json!({})).await.expect(200);
    admin.post(&format!("/api/users/{two}/reset-factors"), reason).await.expect(200);
    for token in programs {
        app.program(&token).get("/api/sites").await.expect(401);
    }
    let audit = admin.get("/api/audit?action=password.reset").await.expect(200);
    assert_eq!(audit["items"][0]["detail"]["tokens_revoked"], 1);
}

/// Everything that a client could tell answers apart by.
fn visible(reply: &Reply) -> (u16, Vec<String>, Value) {
    let body = reply.json();
    let mut headers: Vec<String> =
        reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|line| !line.starts_with("x-request-id"));
    (reply.status.as_u16(), headers, body)
}

async fn ask(app: &TestApp, email: &str) -> Reply {
    app.anonymous().post("/api/auth/password-reset", json!({ "email": email })).await
}

#[tokio::test]
async fn asking_for_a_new_password_is_the_same_for_everybody() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let (known, suspended) = (app.person(Role::StaffOperator).await, app.person(Role::StaffOperator).await);
    let id = id_of(&mut admin, &suspended).await;
    admin
        .post(&format!("/api/users/{id}/suspend"), json!({ "reason": "left the company" }))
        .await
        .expect(200);
    let before = app.database.fingerprint(&["link_request"]).await;
    let mut answers = Vec::new();
    for email in [known.as_str(), &suspended, "nobody@staff.example"] {
        let reply = ask(&app, email).await;
        assert_eq!(reply.status.as_u16(), 202);
        assert!(!reply.headers.contains_key("server-timing"));
        answers.push(visible(&reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer");
    // The same work, too: a row of the same table each, and nothing else until the job looks who it is.
    assert_eq!(app.database.fingerprint(&["link_request"]).await, before);
    let mut owner = app.database.superuser().await;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM link_request").fetch_one(&mut owner).await.expect("counts");
    assert_eq!(rows, 3);
    assert!(app.mail_to(&known).await[0].contains("/reset#"));
    assert!(app.mail_to(&suspended).await.is_empty());
    assert!(app.mail_to("nobody@staff.example").await.is_empty());
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM link_request").fetch_one(&mut owner).await.expect("counts");
    assert_eq!(rows, 0);
    assert_eq!(ask(&app, "not an address").await.expect(422)["errors"][0]["code"], "email_invalid");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_every_session_ends() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let mut signed_in = app.sign_in(&email).await;
    ask(&app, &email).await.expect(202);
    let token = app.mailed_token(&email).await;
    app.clock.advance(TimeDelta::seconds(1));
    ask(&app, &email).await.expect(202);
    let second = app.mailed_token(&email).await;
    let confirm = |token: &str, password: &str| json!({ "token": token, "password": password });
    let path = "/api/auth/password-reset/confirm";
    let mut anyone = app.anonymous();
    anyone.get(path).await.expect(405);
    anyone.post(path, confirm(&token, "short")).await.expect_problem(422, "invalid");
    signed_in.get("/api/auth/session").await.expect(200);
    anyone.post(path, confirm(&token, FRESH)).await.expect(204);
    signed_in.get("/api/auth/session").await.expect_problem(401, "no_session");
    anyone.post(path, confirm(&token, FRESH)).await.expect_problem(403, "link_invalid");
    anyone.post(path, confirm(&second, FRESH)).await.expect_problem(403, "link_invalid");
    anyone.post(path, confirm("nonsense", FRESH)).await.expect_problem(403, "link_invalid");
    let login = |password: &str| json!({ "email": email, "password": password });
    anyone.post("/api/auth/login", login(app.password())).await.expect(401);
    anyone.post("/api/auth/login", login(FRESH)).await.expect(200);
    let audit = app.admin().await.get("/api/audit?action=password.reset").await.expect(200);
    assert_eq!(audit["items"][0]["detail"]["sessions_ended"], 1);
}

#[tokio::test]
async fn a_reset_link_dies_after_half_an_hour_and_with_its_person() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let email = app.person(Role::StaffOperator).await;
    let path = "/api/auth/password-reset/confirm";
    ask(&app, &email).await.expect(202);
    let token = app.mailed_token(&email).await;
    app.clock.advance(TimeDelta::minutes(10));
    let id = id_of(&mut admin, &email).await;
    admin
        .post(&format!("/api/users/{id}/suspend"), json!({ "reason": "left the company" }))
        .await
        .expect(200);
    let body = json!({ "token": token, "password": FRESH });
    app.anonymous().post(path, body.clone()).await.expect_problem(403, "link_invalid");
    app.admin().await.post(&format!("/api/users/{id}/restore"), json!({})).await.expect(200);
    app.clock.advance(TimeDelta::minutes(20));
    app.anonymous().post(path, body).await.expect_problem(403, "link_invalid");
    // A mailbox is not flooded: three links at once, however often it is asked for.
    for _ in 0..5 {
        ask(&app, &email).await.expect(202);
        app.run_job("mail").await;
    }
    assert_eq!(app.mail_to(&email).await.len(), 1 + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_reset_link_at_once_one_does() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    ask(&app, &email).await.expect(202);
    let token = app.mailed_token(&email).await;
    let attempts = (0..10).map(|number| {
        let mut browser = app.anonymous();
        let body = json!({ "token": token, "password": format!("{FRESH} {number}") });
        tokio::spawn(
            async move { browser.post("/api/auth/password-reset/confirm", body).await.status.as_u16() },
        )
    });
    let mut statuses: Vec<u16> = join_all(attempts).await.into_iter().map(|s| s.expect("answers")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204);
    assert!(statuses[1..].iter().all(|status| *status == 403), "{statuses:?}");
}

#[tokio::test]
async fn another_address_takes_effect_when_its_mail_is_answered() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let taken = app.person(Role::StaffOperator).await;
    let mut browser = app.sign_in(&email).await;
    let to = |address: &str| json!({ "email": address });
    assert_eq!(
        browser.post("/api/auth/email", to(&email)).await.expect(422)["errors"][0]["code"],
        "email_same"
    );
    let there = browser.post("/api/auth/email", to(&taken)).await;
    let here = browser.post("/api/auth/email", to("elsewhere@staff.example")).await;
    assert_eq!(
        (there.expect(202), there.queries()),
        (here.expect(202), here.queries()),
        "one answer, one effort"
    );
    let told = app.mail_to(&taken).await.pop().expect("a mail");
    assert!(told.contains("Your address stays yours") && !told.contains('#'), "{told}");
    assert_eq!(app.mail_to(&email).await.len(), 2, "the address before is told of each");
    let token = app.mailed_token("elsewhere@staff.example").await;
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["user"]["email"], email.as_str());
    // What was sent to the address before must not open anything once it is not theirs any more.
    ask(&app, &email).await.expect(202);
    let reset = app.mailed_token(&email).await;
    let mut anyone = app.anonymous();
    anyone
        .post("/api/auth/password-reset/confirm", json!({ "token": token, "password": FRESH }))
        .await
        .expect(403);
    anyone.post("/api/auth/email/confirm", json!({ "token": reset })).await.expect(403);
    anyone.post("/api/auth/email/confirm", json!({ "token": token })).await.expect(204);
    anyone
        .post("/api/auth/email/confirm", json!({ "token": token }))
        .await
        .expect_problem(403, "link_invalid");
    anyone
        .post("/api/auth/password-reset/confirm", json!({ "token": reset, "password": FRESH }))
        .await
        .expect(403);
    assert_eq!(
        browser.get("/api/auth/session").await.expect(200)["user"]["email"],
        "elsewhere@staff.example"
    );
    let login = |email: &str| json!({ "email": email, "password": app.password() });
    anyone.post("/api/auth/login", login(&email)).await.expect(401);
    anyone.post("/api/auth/login", login("elsewhere@staff.example")).await.expect(200);
    let told = app.mail_to(&email).await;
    assert!(told.iter().any(|mail| mail.contains("Your address was changed")));
}

#[tokio::test]
async fn an_address_that_became_somebodys_meanwhile_is_not_taken_from_them() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let (mut one, mut two) = (app.sign_in(&email).await, app.admin().await);
    let mut tokens = Vec::new();
    for browser in [&mut one, &mut two] {
        browser.post("/api/auth/email", json!({ "email": "both@staff.example" })).await.expect(202);
        tokens.push(app.mailed_token("both@staff.example").await);
        app.clock.advance(TimeDelta::seconds(1));
    }
    let mut anyone = app.anonymous();
    anyone.post("/api/auth/email/confirm", json!({ "token": tokens[0] })).await.expect(204);
    anyone
        .post("/api/auth/email/confirm", json!({ "token": tokens[1] }))
        .await
        .expect_problem(403, "link_invalid");
    for address in 0..2 {
        two.post("/api/auth/email", json!({ "email": format!("{address}@staff.example") })).await.expect(202);
    }
    let more = two.post("/api/auth/email", json!({ "email": "more@staff.example" })).await;
    more.expect_problem(429, "mail_budget");
}

#[tokio::test]
async fn one_changes_ones_own_name() {
    let app = generous().await;
    let mut browser = app.staff(Role::StaffReadonly).await;
    let user = browser.patch("/api/auth/profile", json!({ "name": "  Rita Reader " })).await.expect(200);
    assert_eq!(user["name"], "Rita Reader");
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["user"]["name"], "Rita Reader");
    browser.patch("/api/auth/profile", json!({ "name": "" })).await.expect_problem(422, "invalid");
    browser
        .patch("/api/auth/profile", json!({ "name": "x", "role": "staff_admin" }))
        .await
        .expect_problem(422, "invalid");
}
