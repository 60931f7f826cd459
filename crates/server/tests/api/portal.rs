//! Signing in with a link in a mail.

use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_core::{Place, Role};
use proofline_testkit::{Reply, TestApp};
use serde_json::json;

use crate::people::id_of;

const ASK: &str = "/api/portal/link";
const USE: &str = "/api/portal/session";

async fn app() -> TestApp {
    TestApp::start_with(1, |s| s.rate_scale = 1_000).await
}

/// Somebody of a practice.
async fn member(app: &TestApp, role: Role) -> String {
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, &format!("of {role}")).await;
    app.person_of(role, Place::Practice(site.org)).await
}

async fn ask(app: &TestApp, email: &str) -> Reply {
    app.anonymous().post(ASK, json!({ "email": email })).await
}

#[tokio::test]
async fn asking_for_a_link_tells_nobody_who_is_here() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (owner, suspended) =
        (member(&app, Role::PracticeOwner).await, member(&app, Role::PracticeViewer).await);
    let site = app.site(&mut admin, "Main Street").await;
    let staff = app.person(Role::StaffOperator).await;
    let partner = app.person_of(Role::PartnerAdmin, Place::Partner(site.partner)).await;
    let id = id_of(&mut admin, &suspended).await;
    let reason = json!({ "reason": "left the practice" });
    admin.post(&format!("/api/users/{id}/suspend"), reason).await.expect(200);
    let mut answers = Vec::new();
    for email in [&owner, &suspended, &staff, &partner, "nobody@clinic.example"] {
        let reply = ask(&app, email).await;
        assert_eq!(reply.status.as_u16(), 202);
        answers.push(reply.bytes.clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer");
    let mut owner_of_all = app.database.superuser().await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM link_request WHERE purpose = 'sign_in'")
        .fetch_one(&mut owner_of_all)
        .await
        .expect("counts");
    assert_eq!(rows, 5, "one effort");
    let mail = app.mail_to(&owner).await;
    assert!(mail[0].contains("/sign-in-link#") && mail[0].contains("15 minutes"), "{}", mail[0]);
    // Whose password opens more than one practice does not come in by a mailbox alone.
    for email in [&suspended, &staff, &partner, "nobody@clinic.example"] {
        assert!(app.mail_to(email).await.is_empty(), "{email}");
    }
    assert_eq!(ask(&app, "not an address").await.expect(422)["errors"][0]["code"], "email_invalid");
}

#[tokio::test]
async fn a_link_takes_the_place_of_the_password_once_and_of_nothing_else() {
    let app = app().await;
    let email = member(&app, Role::PracticeOwner).await;
    let mut before = app.sign_in(&email).await;
    app.add_passkey(&mut before, &mut app.authenticator()).await;
    ask(&app, &email).await.expect(202);
    let first = app.mailed_token(&email).await;
    app.clock.advance(TimeDelta::seconds(1));
    ask(&app, &email).await.expect(202);
    let second = app.mailed_token(&email).await;
    let mut browser = app.anonymous();
    // Programs that look into mails open what stands there.
    for path in [USE.to_owned(), format!("{USE}?token={first}")] {
        browser.get(&path).await.expect(405);
    }
    let session = browser.post(USE, json!({ "token": first })).await.expect(200);
    assert_eq!((&session["user"]["email"], &session["assurance"]), (&json!(email), &json!("password")));
    browser.get("/api/sites").await.expect_problem(403, "second_factor_required");
    app.prove(&mut browser, &email).await;
    browser.get("/api/sites").await.expect(200);
    for token in [&first, &second, &"0".repeat(64), &"nonsense".to_owned()] {
        app.anonymous().post(USE, json!({ "token": token })).await.expect_problem(403, "link_invalid");
    }
    let audit = app.admin().await.get("/api/audit?action=auth.login").await.expect(200);
    let by_link: Vec<_> = audit["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["detail"]["by"] == "link")
        .collect();
    assert_eq!(by_link.len(), 1);
    // Whatever the browser was signed in to before ends with it.
    app.clock.advance(TimeDelta::seconds(1));
    ask(&app, &email).await.expect(202);
    let token = app.mailed_token(&email).await;
    let mut copy = app.anonymous();
    copy.cookies.clone_from(&browser.cookies);
    browser.post(USE, json!({ "token": token })).await.expect(200);
    copy.get("/api/auth/session").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn a_link_opens_what_it_is_for_alone_and_dies_with_time_person_and_password() {
    let app = app().await;
    let mut admin = app.admin().await;
    let email = member(&app, Role::PracticeManager).await;
    let (confirm, fresh) = ("/api/auth/password-reset/confirm", "seven quiet otters");
    let token = async || {
        app.clock.advance(TimeDelta::seconds(1));
        ask(&app, &email).await.expect(202);
        json!({ "token": app.mailed_token(&email).await })
    };
    let dead = async |body: &serde_json::Value| {
        app.anonymous().post(USE, body.clone()).await.expect_problem(403, "link_invalid");
    };

    // Neither link does the other's work, and trying does not use it up.
    let link = token().await;
    let mut anyone = app.anonymous();
    let with_password = json!({ "token": link["token"], "password": fresh });
    anyone.post(confirm, with_password).await.expect_problem(403, "link_invalid");
    anyone.post("/api/auth/email/confirm", link.clone()).await.expect_problem(403, "link_invalid");
    app.clock.advance(TimeDelta::seconds(1));
    anyone.post("/api/auth/password-reset", json!({ "email": email })).await.expect(202);
    let reset = app.mailed_token(&email).await;
    dead(&json!({ "token": reset })).await;

    // A new password ends what was mailed before.
    anyone.post(confirm, json!({ "token": reset, "password": fresh })).await.expect(204);
    dead(&link).await;

    let link = token().await;
    let id = id_of(&mut admin, &email).await;
    let reason = json!({ "reason": "left the practice" });
    admin.post(&format!("/api/users/{id}/suspend"), reason).await.expect(200);
    dead(&link).await;
    admin.post(&format!("/api/users/{id}/restore"), json!({})).await.expect(200);

    let link = token().await;
    app.clock.advance(TimeDelta::minutes(15));
    dead(&link).await;

    // A mailbox is not flooded.
    let before = app.mail_to(&email).await.len();
    for _ in 0..5 {
        ask(&app, &email).await.expect(202);
        app.run_job("mail").await;
    }
    assert_eq!(app.mail_to(&email).await.len(), before + 3);
}

#[tokio::test]
async fn a_lock_that_strangers_brought_about_does_not_stop_a_link_and_stays() {
    let app = app().await;
    let email = member(&app, Role::PracticeOwner).await;
    for _ in 0..6 {
        let wrong = json!({ "email": email, "password": "not this one at all" });
        app.anonymous().post("/api/auth/login", wrong).await.expect(401);
    }
    let right = json!({ "email": email, "password": app.password() });
    app.anonymous().post("/api/auth/login", right.clone()).await.expect(401);
    ask(&app, &email).await.expect(202);
    let token = app.mailed_token(&email).await;
    app.anonymous().post(USE, json!({ "token": token })).await.expect(200);
    app.anonymous().post("/api/auth/login", right).await.expect(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_link_to_sign_in_at_once_one_does() {
    let app = app().await;
    let email = member(&app, Role::PracticeOwner).await;
    ask(&app, &email).await.expect(202);
    let body = json!({ "token": app.mailed_token(&email).await });
    let attempts = (0..10).map(|_| {
        let (mut browser, body) = (app.anonymous(), body.clone());
        tokio::spawn(async move { browser.post(USE, body).await.status.as_u16() })
    });
    let mut statuses: Vec<u16> = join_all(attempts).await.into_iter().map(|s| s.expect("answers")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 403), "{statuses:?}");
}
