//! Enrolment, signed requests, check-ins and orders.

use chrono::TimeDelta;
use proofline_core::Mode;
use proofline_evidence::{PublicKey, dsse::Envelope};
use proofline_protocol::{ClaimResponse, KeyRole, ORDER_PAYLOAD_TYPE, Order, RULES_PAYLOAD_TYPE, paths};
use proofline_protocol::{OrderOutcome, OrderReport, Text};
use proofline_server::{provision_local, set_local_mode};
use proofline_testkit::TestApp;
use serde_json::json;

fn server_key(identity: &ClaimResponse, role: KeyRole) -> PublicKey {
    let key = identity.server_keys.iter().find(|k| k.role == role).expect("one key per role");
    PublicKey::from_bytes(&key.public_key).expect("a good key")
}

#[tokio::test]
async fn of_two_machines_with_one_code_one_wins() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let code = app.code(&mut admin, &site).await;
    let (mut one, mut two) = (app.machine(), app.machine());
    let (first, second) = tokio::join!(one.claim(&code), two.claim(&code));
    let (winner, loser) = if first.status.is_success() { (one, second) } else { (two, first) };
    loser.expect_problem(403, "code_claimed");
    assert_eq!(winner.identity().site, site.id);
    let listed = admin.get(&format!("/api/appliances?site_id={}", site.id)).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["status"], "pending");
    assert_eq!(listed["items"][0]["mode"], "audit");
}

#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_same_machine() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let code = app.code(&mut admin, &site).await;
    let mut machine = app.machine();
    machine.claim(&code).await.expect(200);
    let before = machine.identity().clone();
    machine.claim(&code).await.expect(200);
    assert_eq!(machine.identity(), &before);
    let other = app.code(&mut admin, &site).await;
    machine.claim(&other).await.expect_problem(409, "key_in_use");
    machine.claim("0000000-0000000-0000000-00000").await.expect_problem(403, "code_unknown");
}

#[tokio::test]
async fn a_claim_must_be_signed_with_the_key_that_it_brings() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let code = app.code(&mut admin, &site).await;
    let (mut machine, thief) = (app.machine(), app.machine());
    // The thief holds the code and signs a claim that brings somebody else's key.
    let stolen = machine.key.clone();
    machine.key = thief.key.clone();
    let body = json!({
        "code": code, "public_key": stolen.public_key().to_base64(), "hostname": "h", "platform": "p",
        "machine_id_digest": "00".repeat(32), "agent_version": "0.1.0"
    });
    machine.call("POST", paths::CLAIM, Some(&body)).await.expect_problem(401, "signature_invalid");
    // A small-order point verifies signatures of anybody.
    let weak = json!({
        "code": code, "public_key": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "hostname": "h", "platform": "p",
        "machine_id_digest": "00".repeat(32), "agent_version": "0.1.0"
    });
    let problem = machine.call("POST", paths::CLAIM, Some(&weak)).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "weak_key");
}

#[tokio::test]
async fn each_kind_of_bad_request_has_its_reason() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let body = serde_json::to_vec(&agent.check_in_request()).expect("serialises");

    let good = agent.sign("POST", paths::CHECK_IN, &body);
    agent.send("POST", paths::CHECK_IN, body.clone(), &good).await.expect(200);
    agent.send("POST", paths::CHECK_IN, body.clone(), &good).await.expect_problem(401, "replayed");

    let other = agent.sign("POST", paths::CHECK_IN, b"{}");
    agent.send("POST", paths::CHECK_IN, body.clone(), &other).await.expect_problem(401, "digest_mismatch");
    let elsewhere = agent.sign("POST", paths::EVIDENCE, &body);
    agent
        .send("POST", paths::CHECK_IN, body.clone(), &elsewhere)
        .await
        .expect_problem(401, "signature_invalid");

    let early = agent.sign("POST", paths::CHECK_IN, &body);
    app.clock.advance(TimeDelta::seconds(61));
    agent.send("POST", paths::CHECK_IN, body.clone(), &early).await.expect_problem(401, "clock_skew");

    let mut stranger = app.machine();
    stranger.identity = agent.identity.clone();
    let signed = stranger.sign("POST", paths::CHECK_IN, &body);
    stranger.send("POST", paths::CHECK_IN, body.clone(), &signed).await.expect_problem(401, "key_unknown");

    let mut unsigned = agent.sign("POST", paths::CHECK_IN, &body);
    unsigned.signature = String::new();
    agent.send("POST", paths::CHECK_IN, body, &unsigned).await.expect_problem(401, "signature_invalid");
    let mut browser = app.anonymous();
    browser.post(paths::CHECK_IN, json!({})).await.expect_problem(401, "signature_missing");
}

#[tokio::test]
async fn a_revoked_appliance_is_refused_at_once_and_for_good() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    agent.check_in().await;
    let path = format!("/api/appliances/{}/revoke", agent.identity().appliance);
    assert_eq!(admin.post(&path, json!({ "reason": "short" })).await.status.as_u16(), 422);
    let revoked = admin.post(&path, json!({ "reason": "stolen from the car" })).await.expect(200);
    assert_eq!(revoked["status"], "revoked");
    let request = agent.check_in_request();
    agent.call("POST", paths::CHECK_IN, Some(&request)).await.expect_problem(401, "appliance_revoked");
    admin
        .post(&path, json!({ "reason": "stolen from the car" }))
        .await
        .expect_problem(409, "already_revoked");
}

#[tokio::test]
async fn presence_is_seen_after_a_check_in() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let answer = agent.check_in().await;
    assert!((54..=66).contains(&answer.next_check_in_s), "{}", answer.next_check_in_s);
    app.run_job("presence").await;
    let path = format!("/api/appliances?site_id={}", site.id);
    let status = async |admin: &mut proofline_testkit::Browser| {
        admin.get(&path).await.expect(200)["items"][0]["status"].clone()
    };
    assert_eq!(status(&mut admin).await, "online");
    app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(status(&mut admin).await, "stale");
    let online = admin.get(&format!("{path}&status=online")).await.expect(200);
    assert_eq!(online["items"], json!([]));
}

#[tokio::test]
async fn a_changed_mode_reaches_the_agent_signed() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let before = agent.check_in().await.rules_version;
    app.clock.advance(TimeDelta::seconds(30));
    let path = format!("/api/appliances/{}/mode", agent.identity().appliance);
    admin.post(&path, json!({ "mode": "reckless" })).await.expect_problem(422, "invalid");
    admin.post(&path, json!({ "mode": "ask" })).await.expect(200);
    let answer = agent.check_in().await;
    assert!(answer.rules_version > before);
    assert_eq!(answer.mode.as_str(), "ask");
    let reply = agent.call::<()>("GET", paths::RULES, None).await;
    reply.expect(200);
    let key = server_key(agent.identity(), KeyRole::Rules);
    let envelope = Envelope::parse_up_to(&reply.bytes, 1 << 20).expect("an envelope");
    let payload = envelope.verify(RULES_PAYLOAD_TYPE, &key).expect("signed with the pinned key");
    let rules: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
    assert_eq!(rules["mode"], "ask");
    assert_eq!(rules["version"], answer.rules_version);
    assert!(!rules["rules"].as_array().expect("rules").is_empty());
}

#[tokio::test]
async fn an_order_is_delivered_until_it_is_reported() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let bystander = app.enrolled(&mut admin, &site).await;
    let issued = admin
        .post_empty(&format!("/api/appliances/{}/run-checks", agent.identity().appliance))
        .await
        .expect(202);
    assert!(bystander.check_in().await.orders.is_empty(), "an order is for one appliance");
    for _ in 0..2 {
        assert_eq!(agent.check_in().await.orders.len(), 1, "until it is reported");
    }
    let envelope = agent.check_in().await.orders.remove(0);
    let key = server_key(agent.identity(), KeyRole::Orders);
    let envelope = Envelope::parse(envelope.get().as_bytes()).expect("an envelope");
    let order =
        Order::from_payload(envelope.verify(ORDER_PAYLOAD_TYPE, &key).expect("signed")).expect("an order");
    assert_eq!((order.appliance, order.site), (agent.identity().appliance, site.id));
    assert_eq!(order.expires - order.issued, TimeDelta::hours(1));
    let mut request = agent.check_in_request();
    request.orders_done = vec![OrderReport {
        order: order.order,
        outcome: OrderOutcome::Done,
        detail: Text::new("48 checks").expect("fits"),
    }];
    // Another appliance cannot finish it.
    bystander.call("POST", paths::CHECK_IN, Some(&request)).await.expect(200);
    assert_eq!(agent.check_in().await.orders.len(), 1);
    agent.call("POST", paths::CHECK_IN, Some(&request)).await.expect(200);
    assert!(agent.check_in().await.orders.is_empty());
    let listed = admin.get(&format!("/api/orders?site_id={}", site.id)).await.expect(200);
    assert_eq!(listed["items"][0]["id"], issued["order_id"]);
    assert_eq!(listed["items"][0]["state"], "done");
    assert_eq!(listed["items"][0]["outcome"], "48 checks");
}

#[tokio::test]
async fn an_order_that_nobody_fetched_expires() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    admin.post_empty(&format!("/api/appliances/{}/run-checks", agent.identity().appliance)).await.expect(202);
    app.clock.advance(TimeDelta::hours(1));
    app.run_job("orders").await;
    assert!(agent.check_in().await.orders.is_empty());
    let mut admin = app.admin().await;
    let listed = admin.get(&format!("/api/orders?site_id={}", site.id)).await.expect(200);
    assert_eq!(listed["items"][0]["state"], "expired");
}

#[tokio::test]
async fn keys_that_nobody_has_cost_their_sender_its_budget() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    agent.check_in().await;
    let body = serde_json::to_vec(&agent.check_in_request()).expect("serialises");
    let mut limited = None;
    for _ in 0..200 {
        let stranger = app.machine();
        let signed = stranger.sign("POST", paths::CHECK_IN, &body);
        let reply = stranger.send("POST", paths::CHECK_IN, body.clone(), &signed).await;
        if reply.status.as_u16() == 429 {
            limited = Some(reply);
            break;
        }
        reply.expect_problem(401, "key_unknown");
    }
    let limited = limited.expect("two hundred unknown keys at once are too many");
    limited.expect_problem(429, "rate_limited");
    assert!(limited.headers.contains_key("retry-after"));
    // A key that is known asks no database, and is not kept out by strangers at its own address.
    agent.check_in().await;
}

#[tokio::test]
async fn a_restart_forgets_no_request_that_could_be_sent_again() {
    let mut app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut agent = app.enrolled(&mut admin, &site).await;
    let body = serde_json::to_vec(&agent.check_in_request()).expect("serialises");
    app.clock.advance(TimeDelta::seconds(5));
    let past = agent.sign("POST", paths::CHECK_IN, &body);
    agent.send("POST", paths::CHECK_IN, body.clone(), &past).await.expect(200);
    // An agent whose clock is half a minute ahead.
    app.clock.advance(TimeDelta::seconds(30));
    let ahead = agent.sign("POST", paths::CHECK_IN, &body);
    app.clock.advance(TimeDelta::seconds(-30));
    agent.send("POST", paths::CHECK_IN, body.clone(), &ahead).await.expect(200);
    agent.send("POST", paths::CHECK_IN, body.clone(), &ahead).await.expect_problem(401, "replayed");

    app.clock.advance(TimeDelta::seconds(2));
    app.restart();
    agent.reconnect(&app);
    for wait in [0, 28, 10, 40] {
        app.clock.advance(TimeDelta::seconds(wait));
        let reply = agent.send("POST", paths::CHECK_IN, body.clone(), &ahead).await;
        reply.expect_problem(401, "replayed");
    }
    agent.send("POST", paths::CHECK_IN, body.clone(), &past).await.expect(401);
    agent.check_in().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_codes_claimed_at_once_with_one_key_one_makes_an_appliance() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    for n in 0..5 {
        let one = app.site(&mut admin, &format!("One {n}")).await;
        let two = app.site(&mut admin, &format!("Two {n}")).await;
        let codes = [app.code(&mut admin, &one).await, app.code(&mut admin, &two).await];
        let machine = app.machine();
        let claims = codes.map(|code| {
            let mut machine = machine.clone();
            tokio::spawn(async move { machine.claim(&code).await })
        });
        let [first, second] = claims;
        let (first, second) = (first.await.expect("answers"), second.await.expect("answers"));
        let loser = if first.status.is_success() { &second } else { &first };
        assert!(first.status.is_success() || second.status.is_success());
        loser.expect_problem(409, "key_in_use");
    }
    assert_eq!(admin.get("/api/appliances").await.expect(200)["items"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_check_in_that_cannot_be_stored_does_not_stop_the_others() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agents = [
        app.enrolled(&mut admin, &site).await,
        app.enrolled(&mut admin, &site).await,
        app.enrolled(&mut admin, &site).await,
    ];
    for agent in &agents {
        agent.check_in().await;
    }
    // What a type cannot promise: the row that the check-in belongs to is gone by the time it is written.
    let mut superuser = app.database.superuser().await;
    for sql in ["DELETE FROM asset WHERE appliance_id = $1", "DELETE FROM appliance WHERE id = $1"] {
        let id = agents[1].identity().appliance.uuid();
        sqlx::query(sql).bind(id).execute(&mut superuser).await.expect("deletes");
    }
    app.run_job("presence").await;
    let online = admin.get("/api/appliances?status=online").await.expect(200);
    assert_eq!(online["items"].as_array().map(Vec::len), Some(2));
    let health = admin.get("/api/system/health").await.expect(200);
    let job = health["jobs"].as_array().expect("jobs").iter().find(|job| job["name"] == "presence");
    assert_eq!(job.expect("listed")["last_detail"], "2 appliances, 1 refused by the database");
}

#[tokio::test]
async fn a_check_in_of_another_age_is_refused() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let good = serde_json::to_value(agent.check_in_request()).expect("serialises");
    for (field, value) in [
        ("outbox_oldest", json!("-9000-01-01T00:00:00Z")),
        ("outbox_oldest", json!("+262142-12-31T00:00:00Z")),
        (
            "last_cycle",
            json!({ "started": "-9000-01-01T00:00:00Z", "duration_ms": 1, "checks": 1, "errors": 0 }),
        ),
        ("agent_version", json!("0.1\u{0}")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        agent.call("POST", paths::CHECK_IN, Some(&bad)).await.expect(422);
    }
    app.run_job("presence").await;
    assert_eq!(admin.get("/api/appliances").await.expect(200)["items"][0]["status"], "pending");
}

#[tokio::test]
async fn each_status_lists_what_is_shown_with_it() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let (seen, _, revoked, lost) = (
        app.enrolled(&mut admin, &site).await,
        app.enrolled(&mut admin, &site).await,
        app.enrolled(&mut admin, &site).await,
        app.enrolled(&mut admin, &site).await,
    );
    lost.check_in().await;
    app.run_job("presence").await;
    app.clock.advance(TimeDelta::hours(2));
    let mut admin = app.admin().await;
    for agent in [&seen, &revoked] {
        agent.check_in().await;
    }
    app.run_job("presence").await;
    let path = format!("/api/appliances/{}/revoke", revoked.identity().appliance);
    admin.post(&path, json!({ "reason": "stolen from the car" })).await.expect(200);
    for status in ["online", "stale", "offline", "pending", "revoked"] {
        let reply = admin.get(&format!("/api/appliances?status={status}")).await;
        let listed = reply.expect(200);
        let items = listed["items"].as_array().expect("items");
        assert_eq!(items.len(), usize::from(status != "stale"), "{status}: {listed}");
        assert!(items.iter().all(|item| item["status"] == status), "{status}: {listed}");
    }
    assert_eq!(admin.get("/api/appliances").await.expect(200)["items"].as_array().map(Vec::len), Some(4));
    admin.get("/api/appliances?status=asleep").await.expect(422);
}

#[tokio::test]
async fn a_local_partner_has_a_plain_name_while_nobody_else_has_it() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    for _ in 0..2 {
        provision_local(app.state(), None).await.expect("provisions");
        app.clock.advance(TimeDelta::seconds(1));
    }
    let listed = admin.get("/api/partners").await.expect(200);
    let partners = listed["items"].as_array().expect("partners").iter();
    let local: Vec<_> = partners
        .map(|partner| (partner["name"].as_str().expect("a name"), partner["id"].as_str().expect("an id")))
        .filter(|(name, _)| name.starts_with("Local partner"))
        .collect();
    let [(plain, _), (second, id)] = local[..] else { panic!("two: {local:?}") };
    assert_eq!(plain, "Local partner");
    assert_eq!(second, format!("Local partner {}", &id[id.len() - 4..]));
}

#[tokio::test]
async fn a_mode_that_a_person_chose_outlasts_the_next_start() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let local = provision_local(app.state(), None).await.expect("provisions");
    let mut agent = app.machine();
    agent.claim(local.code.expose()).await.expect(200);
    let path = format!("/api/appliances?site_id={}", local.site);
    let mode = async |admin: &mut proofline_testkit::Browser| {
        admin.get(&path).await.expect(200)["items"][0]["mode"].as_str().unwrap_or_default().to_owned()
    };
    app.clock.advance(TimeDelta::seconds(1));
    // What the command line says counts, at every start.
    for said in [Mode::Audit, Mode::Enforce, Mode::Audit, Mode::Enforce] {
        assert_eq!(set_local_mode(app.state(), local.site, said).await.expect("sets"), said);
        assert_eq!(mode(&mut admin).await, said.as_str());
    }
    let choose = format!("/api/appliances/{}/mode", agent.identity().appliance);
    app.clock.advance(TimeDelta::seconds(1));
    admin.post(&choose, json!({ "mode": "ask" })).await.expect(200);
    for start in [Mode::Audit, Mode::Enforce, Mode::Audit] {
        assert_eq!(set_local_mode(app.state(), local.site, start).await.expect("answers"), Mode::Ask);
        assert_eq!(mode(&mut admin).await, "ask");
    }
}
