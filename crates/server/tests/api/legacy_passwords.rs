//! People of an earlier system: brought in with digests that are verified, never made, and soon gone.

use futures_util::future::join_all;
use proofline_core::Role;
use proofline_server::{ImportFault, Imported, import_users, wrap_passwords};
use proofline_testkit::TestApp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PASSWORD: &str = "an old password";

fn digest() -> String {
    format!("sha256$grain${}", hex::encode(Sha256::digest(format!("grain{PASSWORD}"))))
}

/// Somebody of the earlier system.
async fn old_timer(app: &TestApp) -> String {
    let email = app.person(Role::StaffOperator).await;
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE person SET password_hash = $2 WHERE email = $1")
        .bind(&email)
        .bind(digest())
        .execute(&mut owner)
        .await
        .expect("updates");
    email
}

async fn stored(app: &TestApp, email: &str) -> String {
    let mut owner = app.database.superuser().await;
    sqlx::query_scalar("SELECT password_hash FROM person WHERE email = $1")
        .bind(email)
        .fetch_one(&mut owner)
        .await
        .expect("reads")
}

async fn login(app: &TestApp, email: &str, password: &str) -> u16 {
    let body = json!({ "email": email, "password": password });
    app.anonymous().post("/api/auth/login", body).await.status.as_u16()
}

async fn generous() -> TestApp {
    TestApp::start_with(5, |s| s.rate_scale = 1_000).await
}

#[tokio::test]
async fn the_first_success_leaves_bcrypt_and_nothing_of_the_digest() {
    let app = generous().await;
    let email = old_timer(&app).await;
    assert_eq!(login(&app, &email, "wrong wrong wrong").await, 401);
    assert_eq!(stored(&app, &email).await, digest(), "a failure changes nothing");
    assert_eq!(login(&app, &email, PASSWORD).await, 200);
    let now = stored(&app, &email).await;
    assert!(now.starts_with("v1$$2b$04$") && !now.contains(&digest()[13..]), "{now}");
    assert_eq!(login(&app, &email, PASSWORD).await, 200);
    assert_eq!(stored(&app, &email).await, now, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_first_logins_at_once_all_pass_and_one_upgrade_is_written() {
    let app = TestApp::start_with(10, |s| s.rate_scale = 1_000).await;
    let email = old_timer(&app).await;
    let mut owner = app.database.superuser().await;
    for sql in [
        "CREATE TABLE upgrade (was text, now text)",
        "GRANT INSERT ON upgrade TO PUBLIC",
        "CREATE FUNCTION note_upgrade() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO upgrade VALUES (OLD.password_hash, NEW.password_hash); RETURN NEW; END $$",
        "CREATE TRIGGER note_upgrade AFTER UPDATE OF password_hash ON person FOR EACH ROW EXECUTE FUNCTION note_upgrade()",
    ] {
        sqlx::query(sql).execute(&mut owner).await.expect("arranges");
    }
    let logins = (0..50).map(|_| {
        let mut browser = app.anonymous();
        let body = json!({ "email": email, "password": PASSWORD });
        tokio::spawn(async move { browser.post("/api/auth/login", body).await.status.as_u16() })
    });
    let statuses: Vec<u16> = join_all(logins).await.into_iter().map(|s| s.expect("answers")).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let upgrades: Vec<(String, String)> =
        sqlx::query_as("SELECT was, now FROM upgrade").fetch_all(&mut owner).await.expect("reads");
    assert_eq!(upgrades.len(), 1, "{upgrades:?}");
    assert_eq!(upgrades[0], (digest(), stored(&app, &email).await));
}

#[tokio::test]
async fn an_upgrade_that_fails_is_nobodys_hindrance() {
    let app = generous().await;
    let email = old_timer(&app).await;
    let mut owner = app.database.superuser().await;
    for sql in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE OF password_hash ON person FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        sqlx::query(sql).execute(&mut owner).await.expect("arranges");
    }
    let mut browser = app.anonymous();
    let body = json!({ "email": email, "password": PASSWORD });
    browser.post("/api/auth/login", body).await.expect(200);
    browser.get("/api/auth/session").await.expect(200);
    assert_eq!(stored(&app, &email).await, digest());
    sqlx::query("DROP TRIGGER refuse ON person").execute(&mut owner).await.expect("mends");
    assert_eq!(login(&app, &email, PASSWORD).await, 200);
    assert!(stored(&app, &email).await.starts_with("v1$"), "the next success makes up for it");
}

#[tokio::test]
async fn who_never_comes_back_is_wrapped_and_who_does_gets_in() {
    let app = generous().await;
    let mut people = Vec::new();
    for _ in 0..3 {
        people.push(old_timer(&app).await);
    }
    let current = app.person(Role::StaffAdmin).await;
    let before = stored(&app, &current).await;
    assert_eq!(wrap_passwords(app.state()).await.expect("wraps"), 3);
    assert_eq!(wrap_passwords(app.state()).await.expect("wraps"), 0, "there is nothing left");
    assert_eq!(stored(&app, &current).await, before);
    for email in &people {
        let wrapped = stored(&app, email).await;
        assert!(wrapped.starts_with("w1$grain$$2b$04$") && !wrapped.contains(&digest()[13..]), "{wrapped}");
    }
    assert_eq!(login(&app, &people[0], "wrong wrong wrong").await, 401);
    assert_eq!(login(&app, &people[0], &digest()[13..]).await, 401, "the digest is no password");
    assert_eq!(login(&app, &people[0], PASSWORD).await, 200);
    assert!(stored(&app, &people[0]).await.starts_with("v1$"));
    let audit = app.sign_in(&current).await.get("/api/audit?action=system.wrap_passwords").await.expect(200);
    assert_eq!(audit["items"][0]["detail"]["wrapped"], 3);
}

#[tokio::test]
async fn a_hash_that_was_cheaper_is_made_anew_at_the_next_success() {
    let app = TestApp::start_with(5, |settings| {
        settings.rate_scale = 1_000;
        settings.password_cost = 5;
    })
    .await;
    let email = app.person(Role::StaffOperator).await;
    assert!(stored(&app, &email).await.starts_with("v1$$2b$04$"));
    assert_eq!(login(&app, &email, app.password()).await, 200);
    let now = stored(&app, &email).await;
    assert!(now.starts_with("v1$$2b$05$"), "{now}");
    assert_eq!(login(&app, &email, app.password()).await, 200);
    assert_eq!(stored(&app, &email).await, now, "once");
}

async fn import(app: &TestApp, file: &Value) -> Result<Imported, ImportFault> {
    import_users(app.state(), file.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_file_of_people_comes_in_whole_and_twice_is_once() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let file = json!([
        { "email": "One@Staff.example", "name": "One", "role": "staff_operator", "password_hash": digest() },
        { "email": "two@staff.example", "name": "Two", "role": "partner_admin", "partner_id": site.partner,
          "password_hash": digest() },
        { "email": "three@staff.example", "name": "Three", "role": "practice_owner", "org_id": site.org,
          "password_hash": digest() },
    ]);
    assert_eq!(import(&app, &file).await.expect("imports"), Imported { added: 3, known: 0 });
    assert_eq!(login(&app, "one@staff.example", PASSWORD).await, 200);
    let upgraded = stored(&app, "one@staff.example").await;
    assert_eq!(import(&app, &file).await.expect("imports"), Imported { added: 0, known: 3 });
    assert_eq!(stored(&app, "one@staff.example").await, upgraded, "who is there is left alone");
    assert_eq!(
        admin.get("/api/users?role=practice_owner").await.expect(200)["items"][0]["place_name"],
        "Clinic Main Street"
    );
}

#[tokio::test]
async fn every_bad_line_is_named_and_nobody_comes_in() {
    let app = generous().await;
    let good = json!({ "email": "one@staff.example", "name": "One", "role": "staff_operator", "password_hash": digest() });
    let with = |field: &str, value: Value| {
        let mut line = good.clone();
        line[field] = value;
        line
    };
    let elsewhere = json!("part_01h455vb4pex5vsknk084sn02q");
    let mut misplaced = with("role", json!("partner_admin"));
    misplaced["partner_id"] = elsewhere;
    misplaced["email"] = json!("two@staff.example");
    let file = json!([
        good,
        with("email", json!("nobody")),
        with("role", json!("boss")),
        with("name", json!("")),
        with("password_hash", json!("plain text")),
        with("colour", json!("red")),
        with("role", json!("practice_owner")),
        misplaced,
        good,
        7,
    ]);
    let Err(ImportFault::Lines(bad)) = import(&app, &file).await else { panic!("it was taken") };
    assert_eq!(bad.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let said: String = bad.iter().map(|line| format!("{}\n", line.why)).collect();
    assert!(said.contains("practice_owner needs an org_id") && !said.contains("plain text"), "{said}");
    // bcrypt that would keep a core busy for days, or that is soon guessed; and a name that reads as another.
    let bcrypt = |cost: &str| format!("v1$$2b${cost}$......................bcryptHashOfNothingAtAll123456O");
    let unsafe_ones = json!([
        with("password_hash", json!(bcrypt("31"))),
        with("password_hash", json!(bcrypt("04"))),
        with("password_hash", json!(format!("w1$salt${}", &bcrypt("15")[3..]))),
        with("name", json!("On\u{202e}e")),
    ]);
    let Err(ImportFault::Lines(bad)) = import(&app, &unsafe_ones).await else { panic!("it was taken") };
    assert_eq!(bad.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let twice = json!([good]).to_string().replace("\"role\"", "\"role\":\"staff_admin\",\"role\"");
    for broken in ["", "{}", "[", "[{}] x", &twice] {
        let refused = import_users(app.state(), broken.as_bytes()).await;
        assert!(matches!(refused, Err(ImportFault::File(_))), "{broken}");
    }
    let mut owner = app.database.superuser().await;
    let people: i64 =
        sqlx::query_scalar("SELECT count(*) FROM person").fetch_one(&mut owner).await.expect("counts");
    assert_eq!(people, 0);
}
