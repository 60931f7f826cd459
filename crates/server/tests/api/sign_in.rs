//! Signing in: what an answer tells, what many attempts at once come to, and what becomes of the session before.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_core::Role;
use proofline_server::{ConnectionLimits, serve};
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const WRONG: &str = "wrong wrong wrong";

async fn attempt(browser: &mut Browser, email: &str, password: &str) -> Reply {
    browser.post("/api/auth/login", json!({ "email": email, "password": password })).await
}

/// Everything that a client could tell answers apart by.
fn visible(reply: &Reply) -> (u16, Vec<String>, Value) {
    let mut body = reply.json();
    body["request_id"] = Value::Null;
    let mut headers: Vec<String> =
        reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|line| !line.starts_with("x-request-id"));
    (reply.status.as_u16(), headers, body)
}

async fn disable(app: &TestApp, email: &str) {
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE person SET disabled_at = now() WHERE email = $1")
        .bind(email)
        .execute(&mut owner)
        .await
        .expect("updates");
}

async fn lock(app: &TestApp, email: &str) {
    let mut browser = app.anonymous();
    for _ in 0..5 {
        attempt(&mut browser, email, WRONG).await.expect_problem(401, "login_failed");
    }
}

async fn generous() -> TestApp {
    TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await
}

#[tokio::test]
async fn unknown_wrong_disabled_and_locked_answer_alike() {
    let app = generous().await;
    let (known, disabled, locked) = (
        app.person(Role::StaffOperator).await,
        app.person(Role::StaffOperator).await,
        app.person(Role::StaffOperator).await,
    );
    disable(&app, &disabled).await;
    lock(&app, &locked).await;
    lock(&app, "nobody-either@staff.example").await;
    let mut browser = app.anonymous();
    let mut answers = Vec::new();
    for (email, password) in [
        (known.as_str(), WRONG),
        ("nobody@staff.example", "x"),
        ("nobody-either@staff.example", "x"),
        (&disabled, app.password()),
        (&disabled, WRONG),
        (&locked, app.password()),
        (&locked, WRONG),
        ("not an address", "x"),
    ] {
        let reply = attempt(&mut browser, email, password).await;
        reply.expect_problem(401, "login_failed");
        assert!(!reply.headers.contains_key("server-timing"), "a stopwatch for who guesses");
        answers.push(visible(&reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "eight reasons, one answer");
    // The reason is for whoever reads the audit log.
    let mut admin = app.admin().await;
    let denied = admin.get("/api/audit?action=auth.login&limit=50").await.expect(200);
    let mut reasons: Vec<_> = denied["items"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["detail"]["why"].to_string())
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), 5, "four reasons, and the administrator's own success: {reasons:?}");
}

#[tokio::test]
async fn five_failures_lock_the_account_and_the_count_begins_anew_afterwards() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.anonymous();
    for _ in 0..4 {
        attempt(&mut browser, &email, WRONG).await.expect(401);
    }
    attempt(&mut browser, &email, app.password()).await.expect(200);
    lock(&app, &email).await;
    // Another browser: this one is known by now.
    let mut browser = app.anonymous();
    attempt(&mut browser, &email, app.password()).await.expect_problem(401, "login_failed");
    app.clock.advance(TimeDelta::seconds(15 * 60 - 1));
    attempt(&mut browser, &email, app.password()).await.expect_problem(401, "login_failed");
    app.clock.advance(TimeDelta::seconds(1));
    // One more mistake is the first of a new count, not the sixth of the old one.
    attempt(&mut browser, &email, WRONG).await.expect(401);
    attempt(&mut browser, &email, app.password()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_guesses_at_once_five_are_looked_at() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let guesses = (0..40).map(|_| {
        let (mut browser, email) = (app.anonymous(), email.clone());
        tokio::spawn(async move { attempt(&mut browser, &email, WRONG).await.status.as_u16() })
    });
    let statuses = join_all(guesses).await;
    assert!(statuses.iter().all(|status| status.as_ref().is_ok_and(|s| *s == 401)), "{statuses:?}");
    let mut owner = app.database.superuser().await;
    let looked_at: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_entry WHERE action = 'auth.login' AND detail->>'why' = 'wrong'",
    )
    .fetch_one(&mut owner)
    .await
    .expect("counts");
    assert_eq!(looked_at, 5, "however many come at once");
    attempt(&mut app.anonymous(), &email, app.password()).await.expect_problem(401, "login_failed");
}

#[tokio::test]
async fn a_person_disabled_while_the_password_is_hashed_does_not_get_in() {
    let app = generous().await;
    let email = app.person(Role::StaffOperator).await;
    let mut owner = app.database.superuser().await;
    // Whoever disables holds the row; the login has read it before and waits for it after hashing.
    let mut change = sqlx::Connection::begin(&mut owner).await.expect("begins");
    sqlx::query("UPDATE person SET disabled_at = now() WHERE email = $1")
        .bind(&email)
        .execute(&mut *change)
        .await
        .expect("updates");
    let mut browser = app.anonymous();
    let (reply, ()) = tokio::join!(attempt(&mut browser, &email, app.password()), async {
        waits_for_a_row(&app).await;
        change.commit().await.expect("commits");
    });
    reply.expect_problem(401, "login_failed");
}

/// Returns once some statement waits for a lock.
async fn waits_for_a_row(app: &TestApp) {
    let mut watcher = app.database.superuser().await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("answers");
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nothing waits");
}

/// Gives somebody a stored password in one of the forms of an earlier system.
async fn store(app: &TestApp, email: &str, password_hash: &str) {
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE person SET password_hash = $2 WHERE email = $1")
        .bind(email)
        .bind(password_hash)
        .execute(&mut owner)
        .await
        .expect("updates");
}

/// 300 samples of each class, or as many as `PROOFLINE_TIMING_SAMPLES` says.
fn samples() -> usize {
    std::env::var("PROOFLINE_TIMING_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// The application behind a socket, on one connection that stays open: what somebody who measures sees of it.
struct Wire(BufReader<TcpStream>);

impl Wire {
    async fn to(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let (router, limits) = (app.app.router.clone(), ConnectionLimits::default());
        tokio::spawn(serve(listener, router, limits, CancellationToken::new()));
        Self(BufReader::new(TcpStream::connect(address).await.expect("connects")))
    }

    /// How long the whole answer to an attempt takes; it must be a refusal.
    async fn time(&mut self, email: &str) -> Duration {
        let body = json!({ "email": email, "password": WRONG }).to_string();
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: compliance.example\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        self.0.write_all(request.as_bytes()).await.expect("sends");
        let (mut head, mut length) = (String::new(), 0);
        while self.0.read_line(&mut head).await.expect("reads") > 2 {
            let line = head.lines().last().expect("a line").to_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("a number");
            }
        }
        self.0.read_exact(&mut vec![0; length]).await.expect("reads");
        let took = began.elapsed();
        assert!(head.starts_with("HTTP/1.1 401 ") && length > 0, "{head}");
        took
    }
}

/// Whether two classes can be told apart by their times: by more than a fifth of it, and in most of the rounds. On a quiet
/// machine the order of two times is that of any trifle, and on a busy one the medians of some lie apart by chance.
fn differ(one: &[Duration], other: &[Duration]) -> bool {
    let median = |times: &[Duration]| {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        sorted[sorted.len() / 2].as_secs_f64()
    };
    let (one_takes, other_takes) = (median(one), median(other));
    let ratio = one_takes.max(other_takes) / one_takes.min(other_takes);
    let slower = one.iter().zip(other).filter(|(one, other)| one > other).count();
    ratio > 1.2 && slower.max(one.len() - slower) > one.len() * 3 / 4
}

#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_its_reason() {
    let app = generous().await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(app.person(Role::StaffOperator).await);
    }
    let [wrong, disabled, locked, legacy, wrapped] = <[String; 5]>::try_from(people).expect("five");
    let site = app.site(&mut app.admin().await, "Main Street").await;
    let practice = app.person_of(Role::PracticeViewer, site.place(Role::PracticeViewer)).await;
    store(&app, &legacy, &format!("sha256$grain${}", "0".repeat(64))).await;
    store(&app, &wrapped, &format!("sha256$grain${}", "1".repeat(64))).await;
    disable(&app, &disabled).await;
    lock(&app, &locked).await;
    lock(&app, "nobody@staff.example").await;
    // Only the last one: the first is put back.
    proofline_server::wrap_passwords(app.state()).await.expect("wraps");
    store(&app, &legacy, &format!("sha256$grain${}", "0".repeat(64))).await;
    let mut owner = app.database.superuser().await;
    let mut wire = Wire::to(&app).await;
    let classes = [
        ("unknown", "somebody@staff.example"),
        ("unknown, and locked", "nobody@staff.example"),
        ("disabled", &disabled),
        ("locked", &locked),
        ("wrong", &wrong),
        ("wrong, of a practice", &practice),
        ("legacy", &legacy),
        ("wrapped", &wrapped),
    ];
    let mut times: [Vec<Duration>; 8] = Default::default();
    for round in 0..samples() {
        if round % 4 == 0 {
            // Keeps the accounts that are not to be locked from being so.
            sqlx::query("DELETE FROM sign_in_attempt WHERE locked_until IS NULL")
                .execute(&mut owner)
                .await
                .expect("deletes");
        }
        for place in 0..classes.len() {
            // Another order each round, so that no class always follows the same one.
            let class = (place + round) % classes.len();
            times[class].push(wire.time(classes[class].1).await);
        }
    }
    for (one, (name, _)) in classes.iter().enumerate() {
        for (other, (other_name, _)) in classes.iter().enumerate().skip(one + 1) {
            // bcrypt at the tests' cost takes a millisecond, so a class that spared it, or a write, would be far off.
            assert!(!differ(&times[one], &times[other]), "{name} and {other_name}");
        }
    }
}

#[test]
fn times_that_differ_are_told_apart_in_any_noise() {
    let noise = |n: u64| if n.is_multiple_of(7) { 40_000 } else { n * 7_919 % 400 };
    let times = |most: u64| (0..300).map(|n| Duration::from_micros(most + noise(n))).collect::<Vec<_>>();
    let shifted =
        |most: u64| (0..300).map(|n| Duration::from_micros(most + noise(n + 3))).collect::<Vec<_>>();
    assert!(!differ(&times(2_000), &shifted(2_000)));
    assert!(!differ(&times(2_000), &times(2_010)), "always slower, and by nothing");
    assert!(differ(&times(2_000), &shifted(3_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sign_ins_at_once_leave_the_server_responsive() {
    // 12 is what production uses, and half a minute of two cores.
    let cost = std::env::var("PROOFLINE_TIMING_COST").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let app = TestApp::start_with(10, |settings| {
        settings.rate_scale = 10_000;
        settings.password_cost = cost;
    })
    .await;
    let crowd: Vec<_> = (0..200)
        .map(|n| {
            let mut browser = app.anonymous();
            tokio::spawn(async move {
                attempt(&mut browser, &format!("nobody-{n}@staff.example"), WRONG).await.status.as_u16()
            })
        })
        .collect();
    let mut browser = app.anonymous();
    let mut waits = Vec::new();
    while crowd.iter().any(|login| !login.is_finished()) {
        let began = Instant::now();
        browser.get("/health").await.expect(200);
        waits.push(began.elapsed());
        tokio::task::yield_now().await;
    }
    let statuses = join_all(crowd).await;
    let count = |status| statuses.iter().filter(|s| s.as_ref().is_ok_and(|s| *s == status)).count();
    assert_eq!(count(401) + count(503), 200, "answered, or told to come back");
    assert!(count(401) >= 100, "{}", count(401));
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(100), "{p99:?} of {}", waits.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_waits_for_no_stranger() {
    let app = TestApp::start_with(10, |settings| {
        settings.rate_scale = 10_000;
        settings.password_cost = 10;
    })
    .await;
    let email = app.person(Role::StaffOperator).await;
    let mut known = app.sign_in(&email).await;
    known.post_empty("/api/auth/logout").await.expect(204);
    let crowd: Vec<_> = (0..200)
        .map(|n| {
            let mut browser = app.anonymous();
            let address = format!("nobody-{n}@staff.example");
            tokio::spawn(async move { attempt(&mut browser, &address, WRONG).await.status.as_u16() })
        })
        .collect();
    // Until the queue is full: one is turned away.
    while !crowd.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    attempt(&mut known, &email, app.password()).await.expect(200);
    let waiting = crowd.iter().filter(|login| !login.is_finished()).count();
    assert!(waiting > 50, "{waiting} strangers still wait");
    let statuses = join_all(crowd).await;
    assert!(statuses.iter().any(|status| status.as_ref().is_ok_and(|status| *status == 503)), "it was full");
}

#[tokio::test]
async fn signing_in_again_ends_the_session_before() {
    let app = TestApp::start().await;
    let (one, two) = (app.person(Role::StaffAdmin).await, app.person(Role::StaffReadonly).await);
    let mut browser = app.sign_in(&one).await;
    let mut before = browser.clone();
    // A failure ends nothing.
    attempt(&mut browser, &two, WRONG).await.expect(401);
    before.get("/api/auth/session").await.expect(200);
    attempt(&mut browser, &two, app.password()).await.expect(200);
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["user"]["role"], "staff_readonly");
    before.get("/api/auth/session").await.expect_problem(401, "no_session");
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
