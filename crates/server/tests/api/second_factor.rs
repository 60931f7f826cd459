//! Second factors: what a password alone reaches, codes that count once, and what takes a fresh proof.

use axum::http::Method;
use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_authz::{Action, Proof};
use proofline_core::{Clock as _, Place, Role};
use proofline_server::Access;
use proofline_testkit::{Browser, TestApp, logs, totp_code};
use serde_json::{Value, json};

use crate::routes::{call, path_to_nothing};

const PROVE: &str = "/api/auth/second-factor/totp";

fn code(app: &TestApp, secret: &str) -> Value {
    json!({ "code": totp_code(secret, app.clock.now()) })
}

/// A person who set up an authenticator app; their browser, address, secret and recovery codes. The clock is at the next
/// step, so that a code is there to be used.
async fn enrolled(app: &TestApp, role: Role) -> (Browser, String, String, Vec<String>) {
    let email = app.person(role).await;
    let mut browser = app.with_password(&email).await;
    let begun = browser.post("/api/auth/factors/totp", json!({})).await.expect(201);
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    let confirmed = browser.post("/api/auth/factors/totp/confirm", code(app, &secret)).await.expect(200);
    assert_eq!(confirmed["session"]["assurance"], "full");
    let codes = confirmed["recovery_codes"].as_array().expect("the first factor brings codes");
    let codes = codes.iter().map(|code| code.as_str().expect("text").to_owned()).collect();
    app.clock.advance(TimeDelta::seconds(30));
    (browser, email, secret, codes)
}

#[tokio::test]
async fn a_password_alone_reaches_second_factors_and_the_session() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.with_password(&email).await;
    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!((&session["assurance"], &session["stepped_up_until"]), (&json!("password"), &Value::Null));
    let mut refused = 0;
    for entry in &app.app.routes {
        let Access::Person(action) = entry.access else { continue };
        if action.proof() != Proof::Password {
            let reply = call(&mut browser, entry).await;
            reply.expect_problem(403, "second_factor_enrolment_required");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}

#[tokio::test]
async fn what_matters_most_takes_a_proof_of_the_last_five_minutes() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.sign_in(&email).await;
    app.clock.advance(TimeDelta::minutes(5));
    let mut refused = Vec::new();
    for entry in &app.app.routes {
        let Access::Person(action) = entry.access else { continue };
        if action.proof() == Proof::Fresh {
            call(&mut browser, entry).await.expect_problem(403, "step_up_required");
            refused.push(action);
        }
    }
    // Written down here, too: what is forgotten in the policy is not to be forgotten with it. Who gets in and how, what leaves,
    // keys and credentials, and what machines may do by themselves.
    for expected in [
        Action::AccessGrant,
        Action::AccessRestrict,
        Action::ApplianceSetMode,
        Action::ApprovalDecide,
        Action::AuditExport,
        Action::BreakGlassApprove,
        Action::BreakGlassRequest,
        Action::CredentialSet,
        Action::EvidenceExport,
        Action::FactorPolicyUpdate,
        Action::FactorRemove,
        Action::IdentityBeginLink,
        Action::IdentityUnlink,
        Action::InvitationResend,
        Action::KeyRotationDecide,
        Action::ProfileChangeEmail,
        Action::ProviderCreate,
        Action::ProviderDelete,
        Action::ProviderUpdate,
        Action::TokenCreate,
        Action::UserDelete,
        Action::UserResetFactors,
        Action::UserRestore,
        Action::UserUpdate,
    ] {
        assert!(refused.contains(&expected), "{expected}");
    }
    // Whom somebody invites matters as much where it is another administrator.
    let mut invite = async |email: &str, role: &str| {
        browser.post("/api/invitations", json!({ "email": email, "role": role })).await
    };
    invite("boss@staff.example", "staff_admin").await.expect_problem(403, "step_up_required");
    invite("hand@staff.example", "staff_operator").await.expect(201);
    app.prove(&mut browser, &email).await;
    let boss = json!({ "email": "boss@staff.example", "role": "staff_admin" });
    browser.post("/api/invitations", boss).await.expect(201);
    let entry = app.app.routes.iter().find(|e| e.access == Access::Person(Action::EvidenceExport));
    let path = path_to_nothing(entry.expect("there is an export"));
    browser.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_first_code_sets_the_app_up_and_changes_the_session_token() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    let begun = browser.post("/api/auth/factors/totp", json!({})).await.expect(201);
    let (secret, uri) =
        (begun["secret"].as_str().expect("text"), begun["otpauth_uri"].as_str().expect("text"));
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(secret), "{uri}");
    assert!(begun["qr_svg"].as_str().expect("text").contains("<svg"));
    let wrong = json!({ "code": "000000" });
    browser.post("/api/auth/factors/totp/confirm", wrong).await.expect_problem(403, "code_refused");
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["factors"]["totp"], false);
    let before = browser.clone();
    let confirmed = browser.post("/api/auth/factors/totp/confirm", code(&app, secret)).await.expect(200);
    assert_eq!(confirmed["recovery_codes"].as_array().map(Vec::len), Some(10));
    browser.get("/api/sites").await.expect(200);
    before.clone().get("/api/auth/session").await.expect_problem(401, "no_session");
    let own = browser.get("/api/auth/factors").await.expect(200);
    assert!(own["totp"]["confirmed_at"].is_string());
    assert_eq!((&own["recovery_codes_left"], &own["required"]), (&json!(10), &json!("any")));
    browser.post("/api/auth/factors/totp", json!({})).await.expect_problem(409, "totp_exists");
}

#[tokio::test]
async fn a_code_counts_once_however_many_ask() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (_, email, secret, _) = enrolled(&app, Role::StaffAdmin).await;
    // Fewer than lock the account, so that it is the code that decides.
    let mut browsers = Vec::new();
    for _ in 0..4 {
        browsers.push(app.with_password(&email).await);
    }
    let body = code(&app, &secret);
    let answers = join_all(browsers.iter_mut().map(|browser| browser.post(PROVE, body.clone()))).await;
    let proved = answers.iter().filter(|reply| reply.status.as_u16() == 200).count();
    assert_eq!(proved, 1);
    app.clock.advance(TimeDelta::minutes(16));
    let old = app.with_password(&email).await.post(PROVE, body).await;
    old.expect_problem(403, "code_refused");
}

#[tokio::test]
async fn a_neighbouring_step_counts_and_no_other() {
    let app = TestApp::start().await;
    let (_, email, secret, _) = enrolled(&app, Role::StaffAdmin).await;
    app.clock.advance(TimeDelta::minutes(10));
    let at = |seconds| json!({ "code": totp_code(&secret, app.clock.now() + TimeDelta::seconds(seconds)) });
    let mut browser = app.with_password(&email).await;
    for seconds in [-60, 60] {
        browser.post(PROVE, at(seconds)).await.expect_problem(403, "code_refused");
    }
    browser.post(PROVE, at(30)).await.expect(200);
    // The later step was taken; those before it are over.
    browser.post(PROVE, at(0)).await.expect_problem(403, "code_refused");
}

#[tokio::test]
async fn five_wrong_codes_lock_and_the_right_one_waits() {
    let app = TestApp::start().await;
    let (_, email, secret, _) = enrolled(&app, Role::StaffAdmin).await;
    let mut browser = app.with_password(&email).await;
    for wrong in ["", "12345", "abcdef", "1234567", "000000"] {
        let reply = browser.post(PROVE, json!({ "code": wrong })).await;
        reply.expect_problem(403, "code_refused");
    }
    browser.post(PROVE, code(&app, &secret)).await.expect_problem(403, "code_refused");
    app.clock.advance(TimeDelta::minutes(15));
    let mut browser = app.with_password(&email).await;
    browser.post(PROVE, code(&app, &secret)).await.expect(200);
    let rows = browser.get("/api/audit?action=factor.prove").await.expect(200);
    let outcomes: Vec<_> =
        rows["items"].as_array().expect("a page").iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "denied").count(), 6);
}

#[tokio::test]
async fn a_recovery_code_replaces_a_factor_once() {
    let app = TestApp::start().await;
    let (_, email, _, codes) = enrolled(&app, Role::StaffAdmin).await;
    let path = "/api/auth/second-factor/recovery-code";
    let mut browsers = [app.with_password(&email).await, app.with_password(&email).await];
    // As somebody types it who reads it from paper.
    let body = json!({ "code": codes[0].to_uppercase().replace('-', " ") });
    let [one, two] = &mut browsers;
    let (one, two) = tokio::join!(one.post(path, body.clone()), two.post(path, body));
    let statuses = [one.status.as_u16(), two.status.as_u16()];
    assert!(statuses == [200, 403] || statuses == [403, 200], "{statuses:?}");
    let mut browser = app.with_password(&email).await;
    let session = browser.post(path, json!({ "code": codes[1] })).await.expect(200);
    assert_eq!(session["factors"]["recovery_codes_left"], 8);
    let renewed = browser.post("/api/auth/factors/recovery-codes", json!({})).await.expect(201);
    assert_eq!(renewed["recovery_codes"].as_array().map(Vec::len), Some(10));
    let mut later = app.with_password(&email).await;
    later.post(path, json!({ "code": codes[2] })).await.expect_problem(403, "code_refused");
}

#[tokio::test]
async fn a_stolen_password_does_not_become_a_second_factor() {
    let app = TestApp::start().await;
    let (_, email, ..) = enrolled(&app, Role::StaffAdmin).await;
    let mut thief = app.with_password(&email).await;
    for path in ["/api/auth/factors/totp", "/api/auth/factors/totp/confirm"] {
        let body = if path.ends_with("confirm") { json!({ "code": "123456" }) } else { json!({}) };
        thief.post(path, body).await.expect_problem(403, "second_factor_required");
    }
    thief.delete("/api/auth/factors/totp").await.expect_problem(403, "second_factor_required");
    thief.get("/api/sites").await.expect_problem(403, "second_factor_required");
}

#[tokio::test]
async fn the_last_factor_is_not_taken_away() {
    let app = TestApp::start().await;
    let (mut browser, ..) = enrolled(&app, Role::StaffAdmin).await;
    browser.delete("/api/auth/factors/totp").await.expect_problem(409, "last_factor");
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["factors"]["totp"], true);
}

#[tokio::test]
async fn a_stricter_policy_asks_for_a_passkey_and_the_stricter_one_counts() {
    let app = TestApp::start().await;
    let (mut admin, ..) = enrolled(&app, Role::StaffAdmin).await;
    let site = app.site(&mut admin, "Main Street").await;
    let path = "/api/second-factor-policy";
    let ask = |role: Role, requirement| json!({ "role": role.as_str(), "requirement": requirement });
    let read = admin.get(path).await.expect(200);
    assert_eq!(read["items"].as_array().map(Vec::len), Some(Role::ALL.len()));
    admin.send(Method::PUT, path, Some(&ask(Role::StaffOperator, "passkey"))).await.expect(200);
    admin.send(Method::PUT, path, Some(&ask(Role::StaffOperator, "none"))).await.expect(422);
    // A code is proved, and reaches nothing but what it takes to add a passkey.
    let operator = app.person(Role::StaffOperator).await;
    let mut operator = app.sign_in(&operator).await;
    let session = operator.get("/api/auth/session").await.expect(200);
    assert_eq!(
        (&session["assurance"], &session["factors"]["required"]),
        (&json!("password"), &json!("passkey"))
    );
    operator.get("/api/sites").await.expect_problem(403, "second_factor_enrolment_required");

    // A partner asks more of the people it looks after, and cannot ask anything of the installation's own.
    let mut partner = app.member(Role::PartnerAdmin, Place::Partner(site.partner)).await;
    let theirs = partner.get(path).await.expect(200);
    assert_eq!(theirs["items"].as_array().map(Vec::len), Some(6));
    partner.send(Method::PUT, path, Some(&ask(Role::StaffAdmin, "any"))).await.expect(422);
    partner.send(Method::PUT, path, Some(&ask(Role::PracticeOwner, "passkey"))).await.expect(200);
    let required = async |place| {
        let owner = app.person_of(Role::PracticeOwner, place).await;
        let session = app.with_password(&owner).await.get("/api/auth/session").await.expect(200);
        session["factors"]["required"].clone()
    };
    let elsewhere = app.site(&mut admin, "Elsewhere").await;
    assert_eq!(required(site.place(Role::PracticeOwner)).await, "passkey");
    assert_eq!(required(elsewhere.place(Role::PracticeOwner)).await, "any");
}

#[tokio::test]
async fn where_a_passkey_is_asked_for_no_code_adds_another() {
    let app = TestApp::start().await;
    let (mut admin, ..) = enrolled(&app, Role::StaffAdmin).await;
    let (mut operator, email, secret, codes) = enrolled(&app, Role::StaffOperator).await;
    app.add_passkey(&mut operator, &mut app.authenticator()).await;
    let policy = json!({ "role": "staff_operator", "requirement": "passkey" });
    app.clock.advance(TimeDelta::minutes(1));
    admin.send(Method::PUT, "/api/second-factor-policy", Some(&policy)).await.expect(200);

    // Password and code were phished, or a recovery code was found.
    let mut thief = app.with_password(&email).await;
    assert_eq!(thief.post(PROVE, code(&app, &secret)).await.expect(200)["assurance"], "password");
    let options = "/api/auth/factors/passkeys/options";
    thief.post(options, json!({})).await.expect_problem(403, "passkey_required");
    let recovery = json!({ "code": codes[0] });
    thief.post("/api/auth/second-factor/recovery-code", recovery).await.expect(200);
    thief.post(options, json!({})).await.expect_problem(403, "passkey_required");
    // Whose passkey it is adds another one.
    operator.post(options, json!({})).await.expect(201);
    let told = app.mail_to(&email).await;
    assert!(told.iter().any(|mail| mail.contains("A passkey was added.")), "{told:?}");
}

#[tokio::test]
async fn who_has_the_password_alone_keeps_nobody_from_proving_again() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (mut owner, email, secret, _) = enrolled(&app, Role::StaffAdmin).await;
    let mut thief = app.with_password(&email).await;
    for _ in 0..6 {
        thief.post(PROVE, json!({ "code": "000000" })).await.expect_problem(403, "code_refused");
    }
    owner.post(PROVE, code(&app, &secret)).await.expect(200);
    // Nor from coming back in the browser that they signed in with before.
    app.clock.advance(TimeDelta::seconds(30));
    owner.post_empty("/api/auth/logout").await.expect(204);
    let login = json!({ "email": email, "password": app.password() });
    owner.post("/api/auth/login", login).await.expect(200);
    owner.post(PROVE, code(&app, &secret)).await.expect(200);
    app.clock.advance(TimeDelta::seconds(30));
    thief.post(PROVE, code(&app, &secret)).await.expect_problem(403, "code_refused");
}

#[tokio::test]
async fn secrets_of_two_people_that_were_swapped_are_refused_and_recorded() {
    // One connection: the refusal's own transaction must not wait for another of the same request.
    let app = TestApp::start_with(1, |s| s.rate_scale = 1_000).await;
    let (_, email, secret, _) = enrolled(&app, Role::StaffOperator).await;
    let other = app.person(Role::StaffOperator).await;
    let mut beginning = app.with_password(&other).await;
    let begun = beginning.post("/api/auth/factors/totp", json!({})).await.expect(201);
    let others = begun["secret"].as_str().expect("a secret").to_owned();
    let mut hostile = app.database.superuser().await;
    let swapped = sqlx::query(
        "UPDATE totp_factor t SET secret_sealed = o.secret_sealed FROM totp_factor o WHERE o.user_id <> t.user_id",
    )
    .execute(&mut hostile)
    .await
    .expect("swaps");
    assert_eq!(swapped.rows_affected(), 2);

    let mut browser = app.with_password(&email).await;
    for tried in [&secret, &others] {
        browser.post(PROVE, code(&app, tried)).await.expect_problem(500, "internal");
    }
    let confirm = "/api/auth/factors/totp/confirm";
    beginning.post(confirm, code(&app, &secret)).await.expect_problem(500, "internal");
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["assurance"], "password");

    let mut admin = app.admin().await;
    for (action, rows) in [("factor.prove", 2), ("factor.enrol", 1)] {
        let audit = admin.get(&format!("/api/audit?action={action}")).await.expect(200);
        let items = audit["items"].as_array().expect("rows").iter();
        let refused: Vec<_> = items.filter(|row| row["detail"]["code"] == "sealed_value_refused").collect();
        assert_eq!(refused.len(), rows, "{action}");
        for row in refused {
            assert_eq!((&row["outcome"], &row["detail"]["table"]), (&json!("denied"), &json!("totp_factor")));
        }
    }
    let log = logs::text();
    let alarms = log.lines().filter(|line| line.contains("a stored secret does not open"));
    assert_eq!(alarms.filter(|line| line.contains("totp_factor")).count(), 3, "one for each attempt");
}
