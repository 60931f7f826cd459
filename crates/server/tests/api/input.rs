//! What is not exactly a request is refused by every route that takes one, in the same way, and changes nothing.

use std::time::{Duration, Instant};

use axum::http::Method;
use proofline_server::{Access, RouteEntry};
use proofline_testkit::{Reply, TestApp};
use serde_json::{Value, json};

use crate::routes::path_to_nothing;
use crate::writes::{Prepared, Sender, World, world_for};

/// Bodies that differ from a good one in one way, each with what it may be answered.
fn spoilt(good: &Value) -> Vec<(String, Vec<u8>, &'static [u16])> {
    let text = good.to_string();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect("an object");
    let comma = if inner.is_empty() { "" } else { "," };
    let mut bodies: Vec<(String, Vec<u8>, &'static [u16])> = vec![
        ("an unknown field".to_owned(), format!("{{{inner}{comma}\"surplus\":1}}").into(), &[422]),
        ("a NUL".to_owned(), format!("{{{inner}{comma}\"surplus\":\"a\\u0000b\"}}").into(), &[422]),
        ("a raw NUL".to_owned(), format!("{{{inner}{comma}\"surplus\":\"a\0b\"}}").into(), &[400]),
        (
            "depth".to_owned(),
            format!("{{{inner}{comma}\"surplus\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)).into(),
            &[400],
        ),
        ("a float".to_owned(), format!("{{{inner}{comma}\"surplus\":1.5}}").into(), &[400, 422]),
        (
            "a number beyond any".to_owned(),
            format!("{{{inner}{comma}\"surplus\":99999999999999999999}}").into(),
            &[400, 422],
        ),
        ("an exponent".to_owned(), format!("{{{inner}{comma}\"surplus\":1e400}}").into(), &[400, 422]),
        ("a list".to_owned(), b"[]".to_vec(), &[422]),
        ("a text".to_owned(), b"\"text\"".to_vec(), &[422]),
        ("null".to_owned(), b"null".to_vec(), &[422]),
        ("nothing".to_owned(), Vec::new(), &[400]),
        ("half of it".to_owned(), text.as_bytes()[..text.len() / 2].to_vec(), &[400]),
        ("two of it".to_owned(), format!("{text}{text}").into(), &[400]),
        ("not UTF-8".to_owned(), [b"{\"surplus\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat(), &[400]),
    ];
    for (name, value) in good.as_object().expect("an object") {
        bodies.push((format!("{name} twice"), format!("{{{inner},\"{name}\":{value}}}").into(), &[400]));
        for bad in
            ["18446744073709551616", "-9223372036854775809", "1e400", "0.5", "-1", "{\"a\":{}}", "[[]]"]
        {
            let mut changed = good.clone();
            changed[name] = json!("what stands here");
            let changed = changed.to_string().replace("\"what stands here\"", bad);
            bodies.push((format!("{name} as {bad}"), changed.into(), &[400, 422]));
        }
    }
    bodies
}

async fn send(
    world: &mut World,
    entry: &RouteEntry,
    prepared: &Prepared,
    kind: &str,
    body: Vec<u8>,
) -> Reply {
    let method: Method = entry.method.parse().expect("a method");
    let mut browser = match &prepared.sender {
        Sender::Admin => world.admin.clone(),
        Sender::Nobody => world.app.anonymous(),
        Sender::Appliance(agent) => {
            let signed = agent.sign(entry.method, &prepared.path, &body);
            return agent.send_as(kind, entry.method, &prepared.path, body, &signed).await;
        }
    };
    browser.headers = vec![("content-type", kind.to_owned())];
    browser.send_bytes(method, &prepared.path, body).await
}

#[tokio::test]
async fn no_route_takes_anything_but_its_own_request() {
    let routes = TestApp::start().await.app.routes.clone();
    let mut refused = 0;
    // What browsers report has a form of its own; proved in `headers`.
    for entry in routes.iter().filter(|entry| entry.method != "GET" && entry.path != "/api/csp-reports") {
        let mut world = world_for(entry).await;
        let prepared = world.prepare(entry).await;
        let before = world.app.database.fingerprint(&[]).await;
        let what = format!("{} {}", entry.method, entry.path);
        let good = prepared.body.clone().map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let cookie = matches!(entry.access, Access::Person(_));
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonp",
            "text/json",
        ] {
            let reply = send(&mut world, entry, &prepared, kind, good.clone()).await;
            reply.expect_problem(if cookie { 403 } else { 415 }, "json_expected");
            refused += 1;
        }
        for (how, body, statuses) in prepared.body.as_ref().map(spoilt).unwrap_or_default() {
            let reply = send(&mut world, entry, &prepared, "application/json", body).await;
            let status = reply.status.as_u16();
            assert!(
                statuses.contains(&status),
                "{what} with {how}: {status} {}",
                String::from_utf8_lossy(&reply.bytes)
            );
            assert!(
                ["json_invalid", "invalid"].contains(&reply.code().as_str()),
                "{what} with {how}: {}",
                reply.code()
            );
            refused += 1;
        }
        assert_eq!(world.app.database.fingerprint(&[]).await, before, "{what}");
        let reply = world.send(entry.method.parse().expect("a method"), &prepared).await;
        assert!(reply.status.is_success(), "{what}: the request was good all along: {}", reply.status);
    }
    assert!(refused > 200, "{refused}");
}

#[tokio::test]
async fn what_reads_nothing_from_its_address_takes_nothing_there() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 10_000).await;
    let mut admin = app.admin().await;
    let mut refused = 0;
    for entry in app.app.routes.iter().filter(|entry| !entry.reads_query) {
        if !matches!(entry.access, Access::Person(_)) {
            continue;
        }
        let path = format!("{}?as_of=2026-01-01T00:00:00Z", path_to_nothing(entry));
        let method = entry.method.parse::<Method>().expect("a method");
        let body = (method != Method::GET).then(|| json!({}));
        let reply = admin.send(method, &path, body.as_ref()).await;
        let problem = reply.expect(422);
        assert_eq!(problem["errors"][0]["code"], "query_invalid", "{} {path}", entry.method);
        refused += 1;
    }
    assert!(refused > 50, "{refused}");
}

#[tokio::test]
async fn a_report_that_is_too_large_is_refused_as_everything_is() {
    let app = TestApp::start().await;
    let mut browser = app.anonymous();
    browser.headers = vec![("content-type", "application/csp-report".to_owned())];
    for size in [200 * 1024, 12 * 1024 * 1024] {
        let reply = browser.send_bytes(Method::POST, "/api/csp-reports", vec![b' '; size]).await;
        reply.expect_problem(413, "too_large");
    }
}

#[tokio::test]
async fn nothing_can_be_sorted_by_a_statement() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 10_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let mut lists = 0;
    for entry in app.app.routes.iter().filter(|entry| entry.method == "GET" && entry.path != "/api/events") {
        let path = entry.path.replace("{site_id}", &site.id.to_string());
        let path = path_to_nothing(&RouteEntry { path, ..entry.clone() });
        let parameters =
            document["paths"][&entry.path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let is_list = parameters.iter().any(|parameter| parameter["name"] == "cursor");
        for name in ["sort", "order", "order_by", "limit", "cursor"] {
            for value in
                ["(select%20pg_sleep(3))", "name;select%20pg_sleep(3)--", "1%20desc,(select%20pg_sleep(3))"]
            {
                let began = Instant::now();
                let reply = admin.get(&format!("{path}?{name}={value}")).await;
                assert!(began.elapsed() < Duration::from_secs(1), "{path}?{name}={value}");
                let status = reply.status.as_u16();
                if is_list {
                    assert_eq!(status, 422, "{path}?{name}={value}");
                } else {
                    assert!([200, 303, 401, 404, 422].contains(&status), "{path}?{name}={value}: {status}");
                }
            }
        }
        lists += u32::from(is_list);
    }
    assert!(lists >= 5, "{lists}");
}
