//! Budgets: whose they are, what does not buy another, what nodes share, and what holds when Redis does not answer.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::http::Method;
use chrono::TimeDelta;
use proofline_core::Role;
use proofline_protocol::paths;
use proofline_server::{Access, App, RateClass};
use proofline_testkit::{Browser, Reply, TestApp, TestRedis};
use serde_json::{Value, json};

const WRONG: &str = "wrong wrong wrong";

fn from(app: &TestApp, address: impl Into<IpAddr>) -> Browser {
    let mut browser = app.anonymous();
    browser.address = SocketAddr::new(address.into(), 40_000);
    browser
}

/// Something that draws on the login budget and costs nothing else.
async fn knock(browser: &mut Browser) -> u16 {
    browser.post("/api/auth/login", json!({})).await.status.as_u16()
}

async fn attempt(browser: &mut Browser, email: &str, password: &str) -> Reply {
    browser.post("/api/auth/login", json!({ "email": email, "password": password })).await
}

/// How many of so many are not told to wait.
async fn let_through(browser: &mut Browser, many: u32) -> u32 {
    let mut through = 0;
    for _ in 0..many {
        through += u32::from(knock(browser).await != 429);
    }
    through
}

#[tokio::test]
async fn no_header_that_a_client_chooses_buys_another_budget() {
    for proxies in [0, 1, 2] {
        let app = TestApp::start_with(5, |settings| settings.trusted_proxies = proxies).await;
        let mut browser = app.anonymous();
        // What the trusted proxies append, each the address that it saw.
        let appended = ["", "203.0.113.9", "203.0.113.9, 10.1.1.1"][proxies];
        let mut through = 0;
        for n in 0..60_u32 {
            let chosen = format!("198.51.{n}.7");
            let separator = if appended.is_empty() { "" } else { ", " };
            browser.headers = vec![
                ("x-forwarded-for", chosen.clone()),
                ("x-forwarded-for", format!("{chosen}, 6.6.6.6{separator}{appended}")),
                ("forwarded", format!("for={chosen}")),
                ("x-real-ip", chosen.clone()),
                ("x-client-ip", chosen.clone()),
                ("true-client-ip", chosen.clone()),
                ("cf-connecting-ip", chosen.clone()),
                ("user-agent", format!("agent {n}")),
                ("authorization", format!("Bearer {n}")),
                ("idempotency-key", format!("key-number-{n}")),
                ("origin", "https://compliance.example".to_owned()),
            ];
            browser.cookies.insert("__Host-session".to_owned(), format!("{n:064x}"));
            let device = format!("1795338000.{n:032x}.{n:064x}.{n:064x}");
            browser.cookies.insert("__Host-device".to_owned(), device);
            through += u32::from(knock(&mut browser).await != 429);
        }
        assert!((10..=12).contains(&through), "{proxies}: {through}");
    }
}

#[tokio::test]
async fn who_signs_nothing_has_the_budget_of_where_they_are() {
    let app = TestApp::start().await;
    for path in ["/api/appliances/checkin", "/api/appliances/evidence"] {
        let mut stranger = from(&app, [198, 51, 100, 7]);
        let mut told_to_wait = false;
        for _ in 0..2_000 {
            let reply = stranger.post(path, json!({})).await;
            told_to_wait = reply.status.as_u16() == 429;
            if told_to_wait {
                assert!(reply.headers.contains_key("retry-after"));
                break;
            }
            assert_eq!(reply.status.as_u16(), 401);
        }
        assert!(told_to_wait, "{path} answers without end");
    }
}

#[tokio::test]
async fn a_whole_network_and_everyone_have_a_budget_for_secrets() {
    let app = TestApp::start().await;
    let mut through = 0;
    for n in 0..200_u8 {
        through += u32::from(knock(&mut from(&app, [192, 0, 2, n])).await != 429);
    }
    assert!((60..=70).contains(&through), "of one /24: {through}");
    // One machine has all the addresses of its /64.
    let mut through = 0;
    for n in 0..40_u16 {
        through += u32::from(knock(&mut from(&app, [0x2001, 0xdb8, 0, 1, n, 0, 0, n])).await != 429);
    }
    assert!((10..=12).contains(&through), "of one /64: {through}");
    let mut limited = None;
    for n in 0..400_u32 {
        let [high, low, ..] = n.to_le_bytes();
        let mut stranger = from(&app, [172, 16 + low % 16, high.wrapping_add(low), 1]);
        stranger.address.set_ip(IpAddr::from((0xac10_0000_u32 + n * 256 + 1).to_be_bytes()));
        let reply = stranger.post("/api/auth/login", json!({})).await;
        if reply.status.as_u16() == 429 {
            limited = Some((n, reply));
            break;
        }
    }
    let (n, reply) = limited.expect("everyone together has a budget, too");
    assert!((200..=300).contains(&n), "{n}");
    reply.expect_problem(429, "rate_limited");
    assert!(reply.headers["retry-after"].to_str().is_ok_and(|v| v.parse::<u64>().is_ok_and(|s| s >= 1)));
    // Reading goes on.
    from(&app, [203, 0, 113, 5]).get("/api/auth/status").await.expect(200);
}

#[tokio::test]
async fn reading_has_a_larger_budget_of_its_own_whatever_it_asks_for() {
    let app = TestApp::start().await;
    let mut browser = app.anonymous();
    assert!((10..=12).contains(&let_through(&mut browser, 40).await));
    let mut through = 0;
    for n in 0..450_u32 {
        let (method, path) = [
            (Method::GET, "/health"),
            (Method::HEAD, "/health"),
            (Method::OPTIONS, "/api/partners"),
            (Method::GET, "/api/nothing"),
        ][n as usize % 4]
            .clone();
        let reply = browser.send(method, path, None).await;
        if reply.status.as_u16() == 429 {
            assert!(reply.headers.contains_key("retry-after"));
        } else {
            through += 1;
        }
    }
    assert!((300..=440).contains(&through), "{through}");
}

#[tokio::test]
async fn a_get_that_takes_a_secret_has_the_login_budget_and_no_change_that_of_reading() {
    let app = TestApp::start().await;
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let secret = ["token", "code", "secret", "password", "ticket", "otp", "nonce"];
    for entry in &app.app.routes {
        let operation = &document["paths"][&entry.path][entry.method.to_lowercase()];
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let takes = |parameter: &Value| parameter["name"].as_str().is_some_and(|name| secret.contains(&name));
        let is_read = entry.rate == RateClass::Read;
        // Of a page that signs in, `state` is one; of a list it is a filter.
        let returns =
            matches!(entry.access, Access::Public(_)) && parameters.iter().any(|p| p["name"] == "state");
        if entry.method == "GET" {
            assert!(
                !(returns || parameters.iter().any(takes)) || entry.rate == RateClass::Login,
                "{}",
                entry.path
            );
        } else {
            assert!(!is_read, "{} {} changes something", entry.method, entry.path);
        }
        let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = body.and_then(|reference| reference.rsplit('/').next());
        let fields = schema.map(|name| &document["components"]["schemas"][name]["properties"]);
        // What is handed over to be kept is not tried, and a help desk's ticket is no secret.
        let kept = ["/credentials", "/break-glass"].iter().any(|end| entry.path.ends_with(end));
        let tries = !kept
            && fields
                .and_then(Value::as_object)
                .is_some_and(|fields| fields.keys().any(|name| secret.contains(&name.as_str())));
        if tries {
            let careful = [RateClass::Login, RateClass::Claim].contains(&entry.rate);
            assert!(careful, "{} {} tries a secret", entry.method, entry.path);
        }
    }
}

#[tokio::test]
async fn strangers_cannot_keep_out_a_browser_that_was_here_before() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffOperator).await;
    let other = app.sign_in(&app.person(Role::StaffOperator).await).await;
    let mut known = app.sign_in(&email).await;
    let cookie = known.cookies["__Host-device"].clone();
    known.post_empty("/api/auth/logout").await.expect(204);
    assert_eq!(known.cookies["__Host-device"], cookie, "signing out leaves it known");

    // Strangers lock the account and use up what everyone together may try.
    for n in 0..6_u8 {
        attempt(&mut from(&app, [198, 51, 100, n]), &email, WRONG).await.expect(401);
    }
    let drain = async || {
        let mut knocks = 0;
        while knock(&mut from(&app, (0xac10_0000_u32 + knocks * 256 + 1).to_be_bytes())).await != 429 {
            knocks += 1;
            assert!(knocks < 2_000, "everyone together has no end");
        }
    };
    let mut told_to_wait = 0;
    for n in 0..10_u8 {
        drain().await;
        let reply = attempt(&mut from(&app, [203, 0, 113, n]), &email, app.password()).await;
        assert_ne!(reply.status.as_u16(), 200, "it is locked, whoever knows the password");
        told_to_wait += u32::from(reply.status.as_u16() == 429);
    }
    assert!(told_to_wait >= 5, "{told_to_wait}: one is let through every twentieth of a second");
    drain().await;
    attempt(&mut known, &email, app.password()).await.expect(200);
    assert_ne!(known.cookies["__Host-device"], cookie.replace('.', ""), "and is known again");

    // Who is known to one account is a stranger to another, and draws on the budgets of strangers there.
    let mut other = other.clone();
    other.cookies.retain(|name, _| name == "__Host-device");
    let mut told_to_wait = 0;
    for _ in 0..10 {
        drain().await;
        told_to_wait += u32::from(attempt(&mut other, &email, app.password()).await.status.as_u16() == 429);
    }
    assert!(told_to_wait >= 5, "{told_to_wait}");
}

#[tokio::test]
async fn a_lock_is_for_strangers_and_a_known_browser_has_a_count_of_its_own() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await;
    let email = app.person(Role::StaffOperator).await;
    let somebody = app.person(Role::StaffOperator).await;
    let known = app.sign_in(&email).await;
    let device = known.cookies["__Host-device"].clone();
    for _ in 0..6 {
        attempt(&mut app.anonymous(), &email, WRONG).await.expect(401);
    }
    let with = |value: &str| {
        let mut browser = app.anonymous();
        browser.cookies.insert("__Host-device".to_owned(), value.to_owned());
        browser
    };
    let cut = &device[..device.len() - 1];
    let parts: Vec<&str> = device.split('.').collect();
    let later =
        format!("{}.{}.{}.{}", parts[0].parse::<i64>().expect("a time") + 1, parts[1], parts[2], parts[3]);
    let theirs = app.sign_in(&somebody).await.cookies["__Host-device"].clone();
    let mut denied = attempt(&mut app.anonymous(), &email, app.password()).await;
    denied.expect_problem(401, "login_failed");
    for forged in ["", "...", cut, &later, &theirs, &format!("{device}.x"), &device.to_uppercase()] {
        let reply = attempt(&mut with(forged), &email, app.password()).await;
        reply.expect_problem(401, "login_failed");
        // The same answer, whatever the cookie was worth.
        let without_id = |reply: &Reply| {
            let mut body = reply.json();
            body["request_id"] = Value::Null;
            (reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>(), body)
        };
        assert_eq!(without_id(&reply), without_id(&denied), "{forged}");
        denied = reply;
    }
    attempt(&mut with(&device), &email, app.password()).await.expect(200);
    // It took no lock away from strangers.
    attempt(&mut app.anonymous(), &email, app.password()).await.expect_problem(401, "login_failed");
    // Its own count ends as well, and alone.
    for _ in 0..5 {
        attempt(&mut with(&device), &email, WRONG).await.expect(401);
    }
    attempt(&mut with(&device), &email, app.password()).await.expect_problem(401, "login_failed");
    app.clock.advance(TimeDelta::minutes(15));
    attempt(&mut app.anonymous(), &email, app.password()).await.expect(200);
    // Half a year later it is a stranger's.
    app.clock.advance(TimeDelta::days(180));
    for _ in 0..6 {
        attempt(&mut app.anonymous(), &email, WRONG).await.expect(401);
    }
    attempt(&mut with(&device), &email, app.password()).await.expect_problem(401, "login_failed");
}

#[tokio::test]
async fn a_password_alone_makes_no_browser_known() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await;
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.with_password(&email).await;
    assert!(!browser.cookies.contains_key("__Host-device"), "who stole a password is a stranger");
    app.prove(&mut browser, &email).await;
    let device = browser.cookies["__Host-device"].clone();
    // Nor does it become another device, or one for longer.
    attempt(&mut browser, &email, app.password()).await.expect(200);
    assert_eq!(browser.cookies["__Host-device"], device);

    // A factor that the policy does not take is not all that is asked.
    let mut admin = app.admin().await;
    let rule = json!({ "role": "staff_operator", "requirement": "passkey" });
    admin.send(Method::PUT, "/api/second-factor-policy", Some(&rule)).await.expect(200);
    let mut other = app.with_password(&email).await;
    app.prove(&mut other, &email).await;
    assert_eq!(other.get("/api/auth/session").await.expect(200)["assurance"], "password");
    assert!(!other.cookies.contains_key("__Host-device"));
}

/// Two nodes on one database and one Redis server.
async fn two_nodes(redis: &TestRedis) -> (TestApp, App) {
    let app = TestApp::start_sharing(Some(redis), 5, |settings| settings.nodes = 2).await;
    let other = app.second_node();
    other.state.shared().expect("configured").connect().await.expect("Redis answers");
    (app, other)
}

/// How many of so many are not told to wait, each at another node than the one before.
async fn let_through_by_turns(app: &TestApp, other: &App, address: [u8; 4], many: u32) -> u32 {
    let mut through = 0;
    for n in 0..many {
        let mut browser = from(app, address);
        if n % 2 == 1 {
            browser.reconnect_to(other);
        }
        through += u32::from(knock(&mut browser).await != 429);
    }
    through
}

async fn redis_is(browser: &mut Browser) -> String {
    let ready = browser.get("/ready").await.expect(200);
    ready["redis"].as_str().expect("said").to_owned()
}

async fn redis_comes_back(browser: &mut Browser) {
    let began = Instant::now();
    while redis_is(browser).await != "ok" {
        assert!(began.elapsed() < Duration::from_secs(12), "it stays away");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn two_nodes_have_one_budget_and_no_address_stands_in_redis() {
    let redis = TestRedis::start();
    let (app, other) = two_nodes(&redis).await;
    let through = let_through_by_turns(&app, &other, [192, 0, 2, 77], 60).await;
    assert!((10..=12).contains(&through), "{through}");
    let keys = redis.ask(&["KEYS", "*"]);
    assert!(keys.contains("proofline:budget:login:client:"), "{keys}");
    for hint in ["192", "0.2.77", &hex::encode([192, 0, 2, 77]), "staff.example"] {
        assert!(!keys.split(':').any(|part| part == hint) && !keys.contains("192.0"), "{keys}");
    }
    for key in keys.lines() {
        let lifetime: i64 = redis.ask(&["PTTL", key]).parse().expect("a number");
        assert!((-2..=60_000).contains(&lifetime) && lifetime != -1, "{key} is forgotten in {lifetime} ms");
    }
    assert_eq!(redis_is(&mut app.anonymous()).await, "ok");
}

#[tokio::test]
async fn budgets_hold_and_answers_come_in_time_while_redis_hangs_and_after_it_died() {
    let mut redis = TestRedis::start();
    let (app, other) = two_nodes(&redis).await;
    let mut here = app.anonymous();
    let mut there = app.anonymous();
    there.reconnect_to(&other);

    redis.hang();
    let mut times = Vec::new();
    for n in 0..400_u32 {
        let browser = if n % 2 == 0 { &mut here } else { &mut there };
        let began = Instant::now();
        let reply = browser.get("/api/auth/status").await;
        times.push(began.elapsed());
        assert!([200, 429].contains(&reply.status.as_u16()), "{}", reply.status);
    }
    times.sort_unstable();
    let (p99, most) = (times[times.len() * 99 / 100], times[times.len() - 1]);
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
    assert!(most < Duration::from_millis(500), "{most:?}");
    let through = let_through_by_turns(&app, &other, [192, 0, 2, 78], 60).await;
    assert!((8..=12).contains(&through), "each node grants its half: {through}");
    let mut watcher = from(&app, [203, 0, 113, 1]);
    assert_eq!(redis_is(&mut watcher).await, "unavailable");

    redis.go_on();
    redis_comes_back(&mut watcher).await;
    redis.kill();
    let through = let_through_by_turns(&app, &other, [192, 0, 2, 79], 60).await;
    assert!((8..=12).contains(&through), "{through}");
    assert_eq!(redis_is(&mut watcher).await, "unavailable");
    redis.start_again();
    redis_comes_back(&mut watcher).await;
    let mut watcher = from(&app, [203, 0, 113, 2]);
    watcher.reconnect_to(&other);
    redis_comes_back(&mut watcher).await;
    let through = let_through_by_turns(&app, &other, [192, 0, 2, 80], 60).await;
    assert!((10..=12).contains(&through), "{through}");
}

#[tokio::test]
async fn a_client_who_used_up_a_budget_has_none_left_when_redis_fails() {
    let mut redis = TestRedis::start();
    let (app, other) = two_nodes(&redis).await;
    let_through_by_turns(&app, &other, [192, 0, 2, 81], 30).await;
    redis.kill();
    let through = let_through_by_turns(&app, &other, [192, 0, 2, 81], 30).await;
    assert!(through <= 2, "{through}");
}

/// The short form of a flood of clients; `PROOFLINE_TEST_CLIENTS=1000000` is the long one.
#[tokio::test]
async fn a_flood_of_clients_leaves_nothing_in_redis() {
    let many: u32 =
        std::env::var("PROOFLINE_TEST_CLIENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let redis = TestRedis::start();
    let (app, _) = two_nodes(&redis).await;
    let mut browser = app.anonymous();
    let mut most = 0;
    for n in 0..many {
        browser.address.set_ip(IpAddr::from((0x0b00_0000 + n).to_be_bytes()));
        browser.send(Method::OPTIONS, "/api/partners", None).await;
        if n % 5_000 == 0 {
            most = most.max(redis.ask(&["DBSIZE"]).parse::<u32>().expect("a number"));
        }
    }
    // On a busy machine it may have been left alone for a while.
    redis_comes_back(&mut browser).await;
    let statistics = redis.ask(&["INFO", "commandstats"]);
    let asked =
        statistics.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).expect("asked");
    let asked: u32 = asked.split(',').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(asked > many / 2, "{asked} of {many}");
    assert!(most < many / 2, "{most} at once of {many}");
    let began = Instant::now();
    while redis.ask(&["DBSIZE"]) != "0" {
        assert!(began.elapsed() < Duration::from_secs(20), "{} remain", redis.ask(&["DBSIZE"]));
        tokio::time::sleep(Duration::from_millis(200)).await;
        redis.ask(&["RANDOMKEY"]);
    }
}

#[tokio::test]
async fn another_node_refuses_a_signed_request_that_one_has_taken_with_redis_and_without() {
    let mut redis = TestRedis::start();
    let (app, other) = two_nodes(&redis).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let mut elsewhere = agent.clone();
    elsewhere.reconnect_to(&other);
    let body = serde_json::to_vec(&agent.check_in_request()).expect("serialises");
    for alive in [true, false] {
        if !alive {
            redis.kill();
        }
        for (first, second) in [(&agent, &elsewhere), (&elsewhere, &agent)] {
            let signed = first.sign("POST", paths::CHECK_IN, &body);
            first.send("POST", paths::CHECK_IN, body.clone(), &signed).await.expect(200);
            for replayer in [second, first, second] {
                let reply = replayer.send("POST", paths::CHECK_IN, body.clone(), &signed).await;
                reply.expect_problem(401, "replayed");
            }
        }
    }
}

#[tokio::test]
async fn what_is_put_once_is_taken_once() {
    let redis = TestRedis::start();
    let (app, other) = two_nodes(&redis).await;
    let (here, there) = (app.state().shared().expect("shared"), other.state.shared().expect("shared"));
    let long = Duration::from_mins(1);
    assert_eq!(here.put_if_absent("k", b"one", long).await, Some(true));
    assert_eq!(there.put_if_absent("k", b"two", long).await, Some(false));
    let takers = (0..20).map(|n| if n % 2 == 0 { here.take("k") } else { there.take("k") });
    let taken = futures_util::future::join_all(takers).await;
    let got: Vec<_> = taken.into_iter().filter_map(|answer| answer.expect("Redis answers")).collect();
    assert_eq!(got, [b"one".to_vec()]);
    assert_eq!(there.put_if_absent("k", b"", Duration::from_millis(30)).await, Some(true));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(here.take("k").await, Some(None), "its time is over");
}
