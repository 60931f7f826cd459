//! Passkeys: added, proved, signed in with; and every answer of an authenticator that is not quite the one asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_core::{Place, Role};
use proofline_testkit::{Authenticator, Browser, Reply, TestApp};
use serde_json::{Value, json};

const ADD: &str = "/api/auth/factors/passkeys";
const PROVE: &str = "/api/auth/second-factor/passkey";
const SIGN_IN: &str = "/api/auth/passkey";

/// The first half of a ceremony.
async fn begin(browser: &mut Browser, path: &str) -> Value {
    browser.post(&format!("{path}/options"), json!({})).await.expect(201)
}

/// The second half, with this answer of an authenticator.
fn answer(begun: &Value, credential: &Value) -> Value {
    json!({ "ceremony_id": begun["ceremony_id"], "credential": credential })
}

fn made(begun: &Value, credential: &Value) -> Value {
    json!({ "ceremony_id": begun["ceremony_id"], "name": "Laptop", "credential": credential })
}

/// Both halves, by whoever is signed in or by nobody yet.
async fn ceremony(browser: &mut Browser, path: &str, authenticator: &mut Authenticator) -> Reply {
    let begun = begin(browser, path).await;
    let credential = authenticator.get(&begun["public_key"]);
    browser.post(path, answer(&begun, &credential)).await
}

/// A person with a passkey as their only second factor: address, authenticator, and the browser that added it.
async fn holder(app: &TestApp, role: Role) -> (String, Authenticator, Browser) {
    let email = app.person(role).await;
    let mut browser = app.with_password(&email).await;
    let mut authenticator = app.authenticator();
    app.add_passkey(&mut browser, &mut authenticator).await;
    (email, authenticator, browser)
}

/// Why the last refusals of this action were made, as the audit log has it, newest first.
async fn why(browser: &mut Browser, action: &str) -> Vec<String> {
    let rows = browser.get(&format!("/api/audit?action={action}")).await.expect(200);
    let rows = rows["items"].as_array().expect("a page").iter();
    rows.filter(|row| row["outcome"] == "denied")
        .map(|row| row["detail"]["why"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_first_passkey_is_a_second_factor_and_brings_recovery_codes() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    let begun = begin(&mut browser, ADD).await;
    let options = &begun["public_key"];
    assert_eq!(options["rp"], json!({ "id": "compliance.example", "name": "Test installation" }));
    assert_eq!(options["user"]["name"], email.as_str());
    let selection = &options["authenticatorSelection"];
    assert_eq!(
        (&selection["userVerification"], &selection["residentKey"]),
        (&json!("required"), &json!("preferred"))
    );
    assert_eq!(options["timeout"], 300_000);
    let before = browser.clone();
    let mut authenticator = app.authenticator();
    let credential = authenticator.create(options);
    let named =
        json!({ "ceremony_id": begun["ceremony_id"], "name": " My phone ", "credential": credential });
    let added = browser.post(ADD, named).await.expect(200);
    assert_eq!(added["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!(added["session"]["assurance"], "full");
    assert_eq!(added["session"]["factors"]["passkeys"], 1);
    browser.get("/api/sites").await.expect(200);
    before.clone().get("/api/auth/session").await.expect_problem(401, "no_session");
    let own = browser.get("/api/auth/factors").await.expect(200);
    assert_eq!(
        (&own["passkeys"][0]["name"], &own["passkeys"][0]["last_used_at"]),
        (&json!("My phone"), &Value::Null)
    );
    // A second one brings no more codes, and the first is not to be made again.
    let begun = begin(&mut browser, ADD).await;
    assert_eq!(begun["public_key"]["excludeCredentials"][0]["id"], credential["rawId"]);
    let second = app.authenticator().create(&begun["public_key"]);
    let added = browser.post(ADD, made(&begun, &second)).await.expect(200);
    assert_eq!(
        (&added["recovery_codes"], &added["session"]["factors"]["passkeys"]),
        (&Value::Null, &json!(2))
    );
}

#[tokio::test]
async fn a_passkey_is_proved_after_the_password_and_again_to_step_up() {
    let app = TestApp::start().await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffAdmin).await;
    let mut browser = app.with_password(&email).await;
    browser.get("/api/sites").await.expect_problem(403, "second_factor_required");
    let begun = begin(&mut browser, PROVE).await;
    assert_eq!(begun["public_key"]["allowCredentials"].as_array().map(Vec::len), Some(1));
    assert_eq!(begun["public_key"]["userVerification"], "required");
    let credential = authenticator.get(&begun["public_key"]);
    let session = browser.post(PROVE, answer(&begun, &credential)).await.expect(200);
    assert_eq!(session["assurance"], "full");
    app.clock.advance(TimeDelta::minutes(6));
    browser.post("/api/auth/factors/recovery-codes", json!({})).await.expect_problem(403, "step_up_required");
    ceremony(&mut browser, PROVE, &mut authenticator).await.expect(200);
    browser.post("/api/auth/factors/recovery-codes", json!({})).await.expect(201);
    let own = browser.get("/api/auth/factors").await.expect(200);
    assert_eq!(own["passkeys"][0]["last_used_at"], "2026-11-22T09:06:00Z");
}

#[tokio::test]
async fn a_passkey_alone_signs_in_with_everything() {
    let app = TestApp::start().await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffAdmin).await;
    // In a browser that somebody else is signed in with.
    let mut browser = app.staff(Role::StaffReadonly).await;
    let before = browser.clone();
    let begun = begin(&mut browser, SIGN_IN).await;
    assert_eq!(begun["public_key"]["allowCredentials"], json!([]));
    assert_eq!(begun["public_key"]["rpId"], "compliance.example");
    let credential = authenticator.get(&begun["public_key"]);
    let session = browser.post(SIGN_IN, answer(&begun, &credential)).await.expect(200);
    assert_eq!((&session["assurance"], &session["user"]["email"]), (&json!("full"), &json!(email)));
    assert!(session["stepped_up_until"].is_string());
    // What takes a fresh proof is in reach at once.
    browser.post("/api/auth/factors/recovery-codes", json!({})).await.expect(201);
    before.clone().get("/api/auth/session").await.expect_problem(401, "no_session");
    let rows = browser.get("/api/audit?action=auth.login").await.expect(200);
    let mut rows = rows["items"].as_array().expect("a page").iter();
    let row = rows.find(|row| row["detail"]["factor"] == "passkey").expect("a row of its own");
    assert_eq!(row["outcome"], "done");
    assert!(row["detail"]["ended"].is_string());
}

#[tokio::test]
async fn a_passkey_satisfies_the_stricter_policy() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let rule = json!({ "role": "practice_owner", "requirement": "passkey" });
    admin.send(axum::http::Method::PUT, "/api/second-factor-policy", Some(&rule)).await.expect(200);
    let site = app.site(&mut admin, "Main Street").await;
    let email = app.person_of(Role::PracticeOwner, Place::Practice(site.org)).await;
    let mut browser = app.with_password(&email).await;
    app.prove(&mut browser, &email).await;
    browser.get("/api/sites").await.expect_problem(403, "second_factor_enrolment_required");
    let mut authenticator = app.authenticator();
    let added = app.add_passkey(&mut browser, &mut authenticator).await;
    assert_eq!(added["session"]["assurance"], "full");
    let mut browser = app.anonymous();
    ceremony(&mut browser, SIGN_IN, &mut authenticator).await.expect(200);
    browser.get("/api/sites").await.expect(200);
}

/// What the audit log says of an answer, and what is wrong with the page or the authenticator that it is of.
const FORGED: [(&str, &str); 6] = [
    ("origin", "https://evil.example"),
    ("origin", "https://compliance.example:8443"),
    ("origin", "http://compliance.example"),
    ("origin", "https://www.compliance.example"),
    ("relying_party", "example"),
    ("user_not_verified", ""),
];

fn forge(authenticator: &mut Authenticator, what: &str, value: &str) {
    match what {
        "origin" => value.clone_into(&mut authenticator.origin),
        "relying_party" => value.clone_into(&mut authenticator.rp_id),
        "user_not_verified" => authenticator.verifies_user = false,
        _ => {}
    }
}

#[tokio::test]
async fn no_passkey_is_made_of_an_answer_that_is_not_the_one_asked_for() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut auditor = app.admin().await;
    let damaged = [("clientDataJSON", "e30"), ("attestationObject", "o2NmbXQ"), ("attestationObject", "")];
    let damaged = damaged.map(|(part, text)| ("malformed", "", Some((part, text))));
    let forged = FORGED.map(|(why, value)| (why, value, None));
    for (expected, value, damage) in forged.into_iter().chain(damaged) {
        let mut authenticator = app.authenticator();
        forge(&mut authenticator, expected, value);
        let email = app.person(Role::StaffOperator).await;
        let mut browser = app.with_password(&email).await;
        let begun = begin(&mut browser, ADD).await;
        let mut credential = authenticator.create(&begun["public_key"]);
        damage.inspect(|(part, text)| credential["response"][part] = json!(text));
        app.clock.advance(TimeDelta::seconds(1));
        browser.post(ADD, made(&begun, &credential)).await.expect_problem(403, "passkey_refused");
        assert_eq!(why(&mut auditor, "factor.prove").await[0], expected);
        assert_eq!(browser.get("/api/auth/session").await.expect(200)["factors"]["passkeys"], 0);
    }
}

#[tokio::test]
async fn nothing_is_proved_by_an_answer_that_is_not_the_one_asked_for() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut auditor = app.admin().await;
    let damaged = [
        ("malformed", "clientDataJSON", "e30"),
        ("malformed", "authenticatorData", "AAAA"),
        ("signature", "signature", ""),
    ];
    let damaged = damaged.map(|(why, part, text)| (why, "", Some((part, text))));
    let forged = FORGED.map(|(why, value)| (why, value, None));
    for (expected, value, damage) in forged.into_iter().chain(damaged) {
        let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
        forge(&mut authenticator, expected, value);
        for (path, action) in [(PROVE, "factor.prove"), (SIGN_IN, "auth.login")] {
            let mut browser = match path {
                PROVE => app.with_password(&email).await,
                _ => app.anonymous(),
            };
            let begun = begin(&mut browser, path).await;
            let mut credential = authenticator.get(&begun["public_key"]);
            damage.inspect(|(part, text)| {
                let text = if *part == "signature" { swapped(&credential) } else { (*text).to_owned() };
                credential["response"][part] = json!(text);
            });
            app.clock.advance(TimeDelta::seconds(1));
            browser.post(path, answer(&begun, &credential)).await.expect_problem(403, "passkey_refused");
            assert_eq!(why(&mut auditor, action).await[0], expected, "{path}");
            let reached = browser.get("/api/sites").await.status.as_u16();
            assert!([401, 403].contains(&reached), "{path}: {expected}");
        }
    }
}

/// A signature in the right form that is of something else.
fn swapped(credential: &Value) -> String {
    let signature = credential["response"]["signature"].as_str().expect("text");
    // Within the first number; the form is that of before.
    let (start, rest) = signature.split_at(10);
    let (two, end) = rest.split_at(2);
    format!("{start}{}{end}", two.chars().rev().map(|c| if c == 'A' { 'B' } else { 'A' }).collect::<String>())
}

#[tokio::test]
async fn an_answer_counts_for_its_own_ceremony_once() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut auditor = app.admin().await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
    for path in [PROVE, SIGN_IN] {
        let action = if path == PROVE { "factor.prove" } else { "auth.login" };
        let mut browser = app.with_password(&email).await;
        // The challenge of one ceremony in another.
        let (one, other) = (begin(&mut browser, path).await, begin(&mut browser, path).await);
        let credential = authenticator.get(&one["public_key"]);
        app.clock.advance(TimeDelta::seconds(1));
        browser.post(path, answer(&other, &credential)).await.expect_problem(403, "passkey_refused");
        assert_eq!(why(&mut auditor, action).await[0], "challenge");
        // One that was refused is used up as well.
        let right = authenticator.get(&other["public_key"]);
        browser.post(path, answer(&other, &right)).await.expect_problem(403, "ceremony_expired");
        // The same once more, after it did.
        let begun = begin(&mut browser, path).await;
        let body = answer(&begun, &authenticator.get(&begun["public_key"]));
        browser.post(path, body.clone()).await.expect(200);
        app.clock.advance(TimeDelta::seconds(1));
        browser.post(path, body).await.expect_problem(403, "ceremony_expired");
        assert_eq!(why(&mut auditor, action).await[0], "ceremony");
    }
}

#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let app = TestApp::start_with(8, |s| s.rate_scale = 1_000).await;
    let (email, mut authenticator, mut browser) = holder(&app, Role::StaffOperator).await;
    for path in [PROVE, SIGN_IN] {
        let mut session = app.with_password(&email).await;
        let begun = begin(&mut session, path).await;
        let body = answer(&begun, &authenticator.get(&begun["public_key"]));
        let mut browsers = vec![session; 4];
        let answers = join_all(browsers.iter_mut().map(|b| b.post(path, body.clone()))).await;
        let statuses: Vec<_> = answers.iter().map(|reply| reply.status.as_u16()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{path}: {statuses:?}");
        // One of those that were too late may have found the token that it came with dead.
        assert!(statuses.iter().all(|status| [200, 401, 403].contains(status)), "{path}: {statuses:?}");
    }
    let begun = begin(&mut browser, ADD).await;
    let body = made(&begun, &app.authenticator().create(&begun["public_key"]));
    let mut browsers = vec![browser; 4];
    let answers = join_all(browsers.iter_mut().map(|b| b.post(ADD, body.clone()))).await;
    assert_eq!(answers.iter().filter(|reply| reply.status.as_u16() == 200).count(), 1);
}

#[tokio::test]
async fn a_ceremony_is_its_persons_own_for_its_own_purpose_and_for_five_minutes() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
    let (stranger, mut theirs, _) = holder(&app, Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    let mut other = app.with_password(&stranger).await;
    // Somebody else's ceremony, answered with their own passkey, changes nothing for whose it is.
    let begun = begin(&mut browser, PROVE).await;
    let credential = theirs.get(&begun["public_key"]);
    other.post(PROVE, answer(&begun, &credential)).await.expect_problem(403, "ceremony_expired");
    let credential = authenticator.get(&begun["public_key"]);
    browser.post(PROVE, answer(&begun, &credential)).await.expect(200);
    // Begun for one thing, finished as another.
    let mut browser = app.with_password(&email).await;
    for (begun_as, finished_as) in [(PROVE, SIGN_IN), (SIGN_IN, PROVE)] {
        let begun = begin(&mut browser, begun_as).await;
        let credential = authenticator.get(&begun["public_key"]);
        let reply = browser.post(finished_as, answer(&begun, &credential)).await;
        reply.expect_problem(403, "ceremony_expired");
    }
    for path in [PROVE, SIGN_IN, ADD] {
        for (seconds, in_time) in [(299, true), (300, false)] {
            let mut browser = match path {
                ADD => app.with_password(&app.person(Role::StaffOperator).await).await,
                _ => app.with_password(&email).await,
            };
            let begun = begin(&mut browser, path).await;
            let body = match path {
                ADD => made(&begun, &app.authenticator().create(&begun["public_key"])),
                _ => answer(&begun, &authenticator.get(&begun["public_key"])),
            };
            app.clock.advance(TimeDelta::seconds(seconds));
            let reply = browser.post(path, body).await;
            match in_time {
                true => drop(reply.expect(200)),
                false => reply.expect_problem(403, "ceremony_expired"),
            }
        }
    }
}

#[tokio::test]
async fn a_ceremony_that_nobody_finished_is_forgotten() {
    let app = TestApp::start().await;
    let (email, ..) = holder(&app, Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    begin(&mut browser, PROVE).await;
    begin(&mut app.anonymous(), SIGN_IN).await;
    let count = async || {
        let mut database = app.database.superuser().await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM passkey_ceremony")
            .fetch_one(&mut database)
            .await
            .expect("reads");
        count
    };
    app.clock.advance(TimeDelta::seconds(299));
    app.run_job("ceremonies").await;
    assert_eq!(count().await, 2);
    app.clock.advance(TimeDelta::seconds(1));
    app.run_job("ceremonies").await;
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn somebody_elses_passkey_proves_nothing() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (email, ..) = holder(&app, Role::StaffOperator).await;
    let (_, mut theirs, mut thief) = holder(&app, Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    let reply = ceremony(&mut browser, PROVE, &mut theirs).await;
    reply.expect_problem(403, "passkey_refused");
    // Theirs, said to be somebody else's: in a session, and to sign in.
    let victim = user_handle(&app, &email).await;
    let begun = begin(&mut app.anonymous(), SIGN_IN).await;
    let mut credential = theirs.get(&begun["public_key"]);
    credential["response"]["userHandle"] = victim.clone();
    app.anonymous().post(SIGN_IN, answer(&begun, &credential)).await.expect_problem(403, "passkey_refused");
    for handle in [victim, json!("AAAA"), json!("")] {
        let begun = begin(&mut thief, PROVE).await;
        let mut credential = theirs.get(&begun["public_key"]);
        credential["response"]["userHandle"] = handle;
        thief.post(PROVE, answer(&begun, &credential)).await.expect_problem(403, "passkey_refused");
    }
    // In a session nobody has to be named; to sign in, somebody has.
    for (path, status) in [(PROVE, 200), (SIGN_IN, 403)] {
        let begun = begin(&mut thief, path).await;
        let mut credential = theirs.get(&begun["public_key"]);
        credential["response"]["userHandle"] = Value::Null;
        thief.post(path, answer(&begun, &credential)).await.expect(status);
    }
}

#[tokio::test]
async fn a_passkey_belongs_to_one_person() {
    let app = TestApp::start().await;
    let mut authenticator = app.authenticator();
    // One that makes the same key again for whoever asks.
    let mut twin = authenticator.clone();
    let mut first = app.with_password(&app.person(Role::StaffOperator).await).await;
    app.add_passkey(&mut first, &mut authenticator).await;
    let mut second = app.with_password(&app.person(Role::StaffOperator).await).await;
    let begun = begin(&mut second, ADD).await;
    let credential = twin.clone().create(&begun["public_key"]);
    second.post(ADD, made(&begun, &credential)).await.expect_problem(409, "passkey_exists");
    // The person themselves was told to leave it out.
    let begun = begin(&mut first, ADD).await;
    let credential = twin.create(&begun["public_key"]);
    first.post(ADD, made(&begun, &credential)).await.expect_problem(403, "passkey_refused");
}

/// How an authenticator names this person.
async fn user_handle(app: &TestApp, email: &str) -> Value {
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM person WHERE email = $1")
        .bind(email)
        .fetch_one(&mut app.database.superuser().await)
        .await
        .expect("a person");
    json!(URL_SAFE_NO_PAD.encode(id.as_bytes()))
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused_and_recorded() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut auditor = app.admin().await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
    let mut copy = authenticator.clone();
    for path in [PROVE, SIGN_IN] {
        let action = if path == PROVE { "factor.prove" } else { "auth.login" };
        let mut browser = app.with_password(&email).await;
        // A ceremony that began before the other use: it is the counter of now that counts.
        let begun = begin(&mut browser, path).await;
        ceremony(&mut app.with_password(&email).await, path, &mut authenticator).await.expect(200);
        copy.counter = authenticator.counter - 1;
        let credential = copy.get(&begun["public_key"]);
        app.clock.advance(TimeDelta::seconds(1));
        browser.post(path, answer(&begun, &credential)).await.expect_problem(403, "passkey_refused");
        assert_eq!(why(&mut auditor, action).await[0], "counter_went_back");
    }
    // One that never counts is none that goes back.
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    let mut synced = app.authenticator();
    synced.counts = false;
    app.add_passkey(&mut browser, &mut synced).await;
    for _ in 0..2 {
        ceremony(&mut app.anonymous(), SIGN_IN, &mut synced).await.expect(200);
    }
}

#[tokio::test]
async fn of_two_uses_of_one_count_at_once_one_counts() {
    let app = TestApp::start_with(8, |s| s.rate_scale = 1_000).await;
    let (_, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
    let mut copy = authenticator.clone();
    let (mut one, mut two) = (app.anonymous(), app.anonymous());
    let (first, second) = (begin(&mut one, SIGN_IN).await, begin(&mut two, SIGN_IN).await);
    let first = answer(&first, &authenticator.get(&first["public_key"]));
    let second = answer(&second, &copy.get(&second["public_key"]));
    let (first, second) = tokio::join!(one.post(SIGN_IN, first), two.post(SIGN_IN, second));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

#[tokio::test]
async fn who_may_not_sign_in_gets_the_answer_of_an_unknown_passkey() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut auditor = app.admin().await;
    let unknown = {
        let (_, mut authenticator, mut browser) = holder(&app, Role::StaffOperator).await;
        app.clock.advance(TimeDelta::seconds(1));
        app.add_passkey(&mut browser, &mut app.authenticator()).await;
        let own = browser.get("/api/auth/factors").await.expect(200);
        let first = own["passkeys"][0]["id"].as_str().expect("an id").to_owned();
        browser.delete(&format!("{ADD}/{first}")).await.expect(204);
        ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await
    };
    let disabled = {
        let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
        sqlx::query("UPDATE person SET disabled_at = created_at WHERE email = $1")
            .bind(email)
            .execute(&mut app.database.superuser().await)
            .await
            .expect("updates");
        ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await
    };
    let locked = {
        let (_, mut authenticator, mut browser) = holder(&app, Role::StaffOperator).await;
        let mut wrong = authenticator.clone();
        wrong.origin = "https://evil.example".to_owned();
        for _ in 0..5 {
            app.clock.advance(TimeDelta::seconds(1));
            let reply = ceremony(&mut app.anonymous(), SIGN_IN, &mut wrong).await;
            reply.expect_problem(403, "passkey_refused");
        }
        app.clock.advance(TimeDelta::seconds(1));
        authenticator.counter = wrong.counter;
        let locked = ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await;
        // Only for who signs in without a session; and not for long.
        ceremony(&mut browser, PROVE, &mut authenticator).await.expect(200);
        assert_eq!(why(&mut auditor, "auth.login").await[0], "locked");
        app.clock.advance(TimeDelta::minutes(15));
        ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await.expect(200);
        locked
    };
    let told = |reply: &Reply| {
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        (reply.status.as_u16(), body)
    };
    assert_eq!(unknown.code(), "passkey_refused");
    assert_eq!(told(&unknown), told(&disabled));
    assert_eq!(told(&unknown), told(&locked));
}

#[tokio::test]
async fn five_wrong_answers_lock_codes_and_passkeys_of_the_session_alike() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (email, mut authenticator, _) = holder(&app, Role::StaffOperator).await;
    let mut wrong = authenticator.clone();
    wrong.origin = "https://evil.example".to_owned();
    let mut browser = app.with_password(&email).await;
    for _ in 0..5 {
        ceremony(&mut browser, PROVE, &mut wrong).await.expect_problem(403, "passkey_refused");
    }
    authenticator.counter = wrong.counter;
    ceremony(&mut browser, PROVE, &mut authenticator).await.expect_problem(403, "passkey_refused");
    let code = json!({ "code": "aaaa-bbbb-cccc-dddd" });
    browser.post("/api/auth/second-factor/recovery-code", code).await.expect_problem(403, "code_refused");
    // Whoever holds the passkey still gets in with it alone: guessing at codes takes a password, and locks nobody out.
    ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await.expect(200);
}

#[tokio::test]
async fn a_stolen_password_adds_no_passkey() {
    let app = TestApp::start().await;
    let (email, ..) = holder(&app, Role::StaffAdmin).await;
    let mut thief = app.with_password(&email).await;
    let reply = thief.post(&format!("{ADD}/options"), json!({})).await;
    reply.expect_problem(403, "second_factor_required");
    // Nor one that was begun before the first factor was there.
    let email = app.person(Role::StaffAdmin).await;
    let mut thief = app.with_password(&email).await;
    let begun = begin(&mut thief, ADD).await;
    let credential = app.authenticator().create(&begun["public_key"]);
    let mut owner = app.with_password(&email).await;
    app.add_passkey(&mut owner, &mut app.authenticator()).await;
    thief.post(ADD, made(&begun, &credential)).await.expect_problem(403, "second_factor_required");
}

#[tokio::test]
async fn the_last_passkey_stays_and_each_can_be_taken_away_by_its_person_only() {
    let app = TestApp::start().await;
    let (_, _, mut browser) = holder(&app, Role::StaffOperator).await;
    let first_of = |own: &Value| own["passkeys"][0]["id"].as_str().expect("an id").to_owned();
    let first = first_of(&browser.get("/api/auth/factors").await.expect(200));
    browser.delete(&format!("{ADD}/{first}")).await.expect_problem(409, "last_factor");
    app.clock.advance(TimeDelta::seconds(1));
    app.add_passkey(&mut browser, &mut app.authenticator()).await;
    let (_, _, mut other) = holder(&app, Role::StaffOperator).await;
    let not_theirs = other.delete(&format!("{ADD}/{first}")).await;
    let nothing = other.delete(&format!("{ADD}/pkey_01h455vb4pex5vsknk084sn02q")).await;
    not_theirs.expect_problem(404, "not_found");
    assert_eq!(not_theirs.status, nothing.status);
    // Two at once do not take both away.
    let second = browser.get("/api/auth/factors").await.expect(200)["passkeys"][1]["id"].clone();
    let (mut one, mut two) = (browser.clone(), browser.clone());
    let paths = [format!("{ADD}/{first}"), format!("{ADD}/{}", second.as_str().expect("an id"))];
    let (one, two) = tokio::join!(one.delete(&paths[0]), two.delete(&paths[1]));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["factors"]["passkeys"], 1);
}

#[tokio::test]
async fn nobody_has_more_than_twenty() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (_, _, mut browser) = holder(&app, Role::StaffOperator).await;
    for _ in 1..19 {
        app.add_passkey(&mut browser, &mut app.authenticator()).await;
    }
    let (one, two) = (begin(&mut browser, ADD).await, begin(&mut browser, ADD).await);
    let body = made(&one, &app.authenticator().create(&one["public_key"]));
    browser.post(ADD, body).await.expect(200);
    let body = made(&two, &app.authenticator().create(&two["public_key"]));
    browser.post(ADD, body).await.expect_problem(409, "passkeys_full");
    browser.post(&format!("{ADD}/options"), json!({})).await.expect_problem(409, "passkeys_full");
}

#[tokio::test]
async fn what_is_no_answer_of_an_authenticator_is_told_so() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let (_, mut authenticator, mut browser) = holder(&app, Role::StaffOperator).await;
    for path in [PROVE, SIGN_IN] {
        let begun = begin(&mut browser, path).await;
        let good = answer(&begun, &authenticator.get(&begun["public_key"]));
        let mut bodies = vec![json!({}), json!([]), json!({ "ceremony_id": begun["ceremony_id"] })];
        for (pointer, value) in [
            ("/ceremony_id", json!("cer_1")),
            ("/ceremony_id", json!("user_01h455vb4pex5vsknk084sn02q")),
            ("/credential", json!("text")),
            ("/credential/rawId", json!("not base64!")),
            ("/credential/response", json!({})),
            ("/credential/response/signature", json!(7)),
            ("/credential/response/clientDataJSON", json!("=")),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).expect("is there") = value;
            bodies.push(bad);
        }
        let mut unknown = good.clone();
        unknown["password"] = json!("x");
        bodies.push(unknown);
        for body in bodies {
            let reply = browser.post(path, body.clone()).await;
            assert_eq!(reply.status.as_u16(), 422, "{path} {body}");
        }
        // None of them used the ceremony up.
        browser.post(path, good).await.expect(200);
    }
    let begun = begin(&mut browser, ADD).await;
    let credential = app.authenticator().create(&begun["public_key"]);
    for name in ["", "  ", "a\u{7}b", &"x".repeat(61)] {
        let body = json!({ "ceremony_id": begun["ceremony_id"], "name": name, "credential": credential });
        browser.post(ADD, body).await.expect_problem(422, "invalid");
    }
    let longest = json!({
        "ceremony_id": begun["ceremony_id"], "name": "ß".repeat(60), "credential": credential
    });
    browser.post(ADD, longest).await.expect(200);
    let nobodys = app.person(Role::StaffOperator).await;
    let mut without = app.with_password(&nobodys).await;
    without.post(&format!("{PROVE}/options"), json!({})).await.expect_problem(409, "no_passkey");
}

#[tokio::test]
async fn an_address_that_browsers_make_no_passkeys_for_says_so() {
    for (public_url, status) in [
        ("https://192.0.2.7", 409),
        ("http://compliance.example", 409),
        ("http://localhost:8800", 201),
        ("https://compliance.example:8443", 201),
    ] {
        let app = TestApp::start_with(5, |s| s.public_url = public_url.to_owned()).await;
        let reply = app.anonymous().post(&format!("{SIGN_IN}/options"), json!({})).await;
        assert_eq!(reply.status.as_u16(), status, "{public_url}");
        if status == 409 {
            assert_eq!(reply.code(), "passkeys_unavailable");
        } else {
            let (_, mut authenticator, _) = holder(&app, Role::StaffAdmin).await;
            ceremony(&mut app.anonymous(), SIGN_IN, &mut authenticator).await.expect(200);
        }
    }
}

/// Cut short somewhere, or with a bit turned over somewhere; `number` says which and where.
fn damaged(text: &Value, number: usize) -> Value {
    let mut bytes = URL_SAFE_NO_PAD.decode(text.as_str().expect("text")).expect("base64url");
    let place = (number * 37 / 2) % bytes.len();
    match number % 2 {
        0 => bytes.truncate(place),
        _ => bytes[place] ^= 1 << (number / 2 % 8),
    }
    json!(URL_SAFE_NO_PAD.encode(bytes))
}

#[tokio::test]
async fn an_answer_that_is_damaged_anywhere_is_never_our_fault_and_proves_nothing() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 100_000).await;
    let (_, mut authenticator, mut browser) = holder(&app, Role::StaffOperator).await;
    let mut database = app.database.superuser().await;
    for (path, part) in [PROVE, SIGN_IN, ADD].into_iter().flat_map(|path| match path {
        ADD => [(path, "clientDataJSON"), (path, "attestationObject")].to_vec(),
        _ => ["clientDataJSON", "authenticatorData", "signature", "userHandle"]
            .map(|part| (path, part))
            .to_vec(),
    }) {
        for number in 0..24 {
            let begun = begin(&mut browser, path).await;
            let mut credential = match path {
                ADD => app.authenticator().create(&begun["public_key"]),
                _ => authenticator.get(&begun["public_key"]),
            };
            credential["response"][part] = damaged(&credential["response"][part], number);
            // So that it is looked at.
            sqlx::query("DELETE FROM sign_in_attempt").execute(&mut database).await.expect("deletes");
            let body = if path == ADD { made(&begun, &credential) } else { answer(&begun, &credential) };
            let reply = browser.post(path, body).await;
            // What attests nothing signs nothing: a key under another id is another key, and as good.
            if path == ADD && reply.status.as_u16() == 200 {
                let undone = "DELETE FROM passkey WHERE name = 'Laptop' AND id <> (SELECT min(id::text)::uuid FROM passkey)";
                sqlx::query(undone).execute(&mut database).await.expect("deletes");
            } else {
                reply.expect_problem(403, "passkey_refused");
            }
        }
    }
}
