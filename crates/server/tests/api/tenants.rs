//! Partners, organisations, sites, codes: what people add, and what bad input meets.

use chrono::TimeDelta;
use proofline_testkit::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn the_tree_is_added_from_the_top_and_listed_by_name() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let partner = admin.post("/api/partners", json!({ "name": " Northgate IT " })).await.expect(201);
    assert_eq!(partner["name"], "Northgate IT");
    admin.post("/api/partners", json!({ "name": "northgate it" })).await.expect_problem(409, "name_taken");
    for name in ["Pine Grove", "Cedar Ridge", "Lakeview"] {
        let org = json!({ "partner_id": partner["id"], "name": name });
        admin.post("/api/organisations", org).await.expect(201);
    }
    let first = admin.get("/api/organisations?limit=2").await.expect(200);
    let names = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|o| o["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["Cedar Ridge", "Lakeview"]);
    let next = first["next_cursor"].as_str().expect("there is more");
    let second = admin.get(&format!("/api/organisations?limit=2&cursor={next}")).await.expect(200);
    assert_eq!(names(&second), ["Pine Grove"]);
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn bad_input_gets_its_own_words() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(121) }), "name"),
        (json!({ "name": "a\u{7}b" }), "name"),
        (json!({ "name": "a\u{0}b" }), "body"),
        (json!({ "name": "\u{202e}reversed" }), "name"),
        (json!({ "name": "North\u{200b}gate" }), "name"),
        (json!({ "name": "\u{3164}" }), "name"),
        (json!({ "name": "a", "colour": "red" }), "body"),
        (json!({ "nam": "a" }), "body"),
        (json!({ "name": 7 }), "body"),
    ] {
        let problem = admin.post("/api/partners", body.clone()).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    admin.headers = vec![("content-type", "text/plain".to_owned())];
    admin.post("/api/partners", json!({ "name": "a" })).await.expect_problem(403, "json_expected");
    admin.headers.clear();
    let huge = json!({ "name": "x".repeat(70_000) });
    admin.post("/api/partners", huge).await.expect_problem(413, "too_large");
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%21",
        "cursor=bm8",
        "sort=(select%20pg_sleep(3))",
        "limit=%00",
    ] {
        assert_eq!(admin.get(&format!("/api/partners?{query}")).await.status.as_u16(), 422, "{query}");
    }
    assert_eq!(admin.get("/api/partners").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_name_of_anything_holds_nothing_that_is_not_seen() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let unseen = ['\u{115f}', '\u{1160}', '\u{2060}', '\u{3164}', '\u{feff}', '\u{ffa0}']
        .into_iter()
        .chain('\u{200b}'..='\u{200f}')
        .chain('\u{2028}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}');
    for unseen in unseen {
        let name = format!("a{unseen}b");
        for (method, path, mut body) in [
            ("POST", "/api/partners", json!({})),
            ("POST", "/api/organisations", json!({ "partner_id": site.partner })),
            ("POST", "/api/sites", json!({ "org_id": site.org, "timezone": "UTC" })),
            ("PATCH", "/api/settings", json!({})),
            ("PATCH", "/api/auth/profile", json!({})),
        ] {
            body["name"] = json!(name);
            let refused = admin.send(method.parse().expect("a method"), path, Some(&body)).await;
            let error = refused.expect(422)["errors"][0].clone();
            assert_eq!(error["code"], "unseen_character", "{method} {path} {name:?}: {error}");
        }
    }
    for name in ["Zoë O’Brien-Šimůnek", "山田 太郎", "محمد"] {
        admin.patch("/api/auth/profile", json!({ "name": name })).await.expect(200);
    }
}

#[tokio::test]
async fn an_organisation_needs_a_partner_that_is_there() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let missing = json!({ "partner_id": "part_01h455vb4pex5vsknk084sn02q", "name": "Clinic" });
    admin.post("/api/organisations", missing).await.expect_problem(404, "not_found");
    let wrong_kind = json!({ "partner_id": "site_01h455vb4pex5vsknk084sn02q", "name": "Clinic" });
    admin.post("/api/organisations", wrong_kind).await.expect_problem(422, "invalid");
}

#[tokio::test]
async fn a_code_is_shown_once_and_can_be_revoked() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let codes = format!("/api/sites/{}/codes", site.id);
    let issued = admin.post(&codes, json!({ "label": "server room" })).await.expect(201);
    let code = issued["code"].as_str().expect("a code").to_owned();
    assert!(issued["enroll_command"].as_str().expect("a command").contains(&code));
    let listed = admin.get(&codes).await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&code), "a code is never shown again");
    assert_eq!(listed.expect(200)["items"][0]["state"], "open");
    let id = issued["id"].as_str().expect("an id");
    admin.delete(&format!("/api/codes/{id}")).await.expect(204);
    admin.delete(&format!("/api/codes/{id}")).await.expect_problem(404, "not_found");
    app.machine().claim(&code).await.expect_problem(403, "code_revoked");
    let late = app.code(&mut admin, &site).await;
    app.clock.advance(TimeDelta::days(30));
    app.machine().claim(&late).await.expect_problem(403, "code_expired");
}

#[tokio::test]
async fn a_create_that_is_sent_twice_happens_once() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    admin.headers = vec![("idempotency-key", "key-0001".to_owned())];
    let first = admin.post("/api/partners", json!({ "name": "Northgate" })).await.expect(201);
    let again = admin.post("/api/partners", json!({ "name": "Northgate" })).await;
    assert_eq!(again.expect(201), first);
    assert_eq!(again.headers["idempotent-replay"], "true");
    let other = admin.post("/api/partners", json!({ "name": "Southgate" })).await.expect(422);
    assert_eq!(other["errors"][0]["code"], "key_reused");
    admin.headers.clear();
    assert_eq!(admin.get("/api/partners").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    // A code is a secret: it is not kept, so the repetition is told and not answered.
    let site = app.site(&mut admin, "Main Street").await;
    admin.headers = vec![("idempotency-key", "key-0002".to_owned())];
    let codes = format!("/api/sites/{}/codes", site.id);
    admin.post(&codes, json!({})).await.expect(201);
    admin.post(&codes, json!({})).await.expect_problem(409, "already_done");
    admin.headers.clear();
    assert_eq!(admin.get(&codes).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_is_sent_twice_at_once_happens_once_and_is_answered_twice() {
    let app = TestApp::start_with(10, |settings| settings.rate_scale = 100).await;
    let mut admin = app.admin().await;
    for round in 0..5 {
        let attempts: Vec<_> = (0..4)
            .map(|_| {
                let mut browser = admin.clone();
                browser.headers = vec![("idempotency-key", format!("key-at-once-{round}"))];
                tokio::spawn(async move {
                    browser.post("/api/partners", json!({ "name": format!("Partner {round}") })).await
                })
            })
            .collect();
        let mut answers = Vec::new();
        for attempt in attempts {
            answers.push(attempt.await.expect("answers").expect(201));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    assert_eq!(admin.get("/api/partners").await.expect(200)["items"].as_array().map(Vec::len), Some(5));
    // Where the answer is a secret, the others are told so at once instead of being given it.
    let site = app.site(&mut admin, "Main Street").await;
    let codes = format!("/api/sites/{}/codes", site.id);
    admin.headers = vec![("idempotency-key", "key-of-a-code".to_owned())];
    let (mut one, mut two) = (admin.clone(), admin.clone());
    let (first, second) = tokio::join!(one.post(&codes, json!({})), two.post(&codes, json!({})));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    // What fails takes no key: the same request may be sent again.
    admin.headers = vec![("idempotency-key", "key-of-a-failure".to_owned())];
    let orphan = json!({ "partner_id": "part_01h455vb4pex5vsknk084sn02q", "name": "Clinic" });
    for _ in 0..2 {
        admin.post("/api/organisations", orphan.clone()).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn of_two_people_who_rename_the_second_is_told() {
    let app = TestApp::start().await;
    let (mut one, mut two) = (app.admin().await, app.admin().await);
    let seen = one.get("/api/settings").await.headers["etag"].to_str().expect("text").to_owned();
    for browser in [&mut one, &mut two] {
        browser.headers = vec![("if-match", seen.clone())];
    }
    let first = one.patch("/api/settings", json!({ "name": "First" })).await;
    assert_eq!(first.expect(200)["name"], "First");
    assert_ne!(first.headers["etag"].to_str().ok(), Some(seen.as_str()));
    two.patch("/api/settings", json!({ "name": "Second" })).await.expect_problem(412, "stale");
    for nonsense in ["W/\"1\"", "1", "\"one\"", "\"99\""] {
        two.headers = vec![("if-match", nonsense.to_owned())];
        two.patch("/api/settings", json!({ "name": "Second" })).await.expect_problem(412, "stale");
    }
    two.headers = vec![("if-match", first.headers["etag"].to_str().expect("text").to_owned())];
    two.patch("/api/settings", json!({ "name": "Second" })).await.expect(200);
    two.headers = vec![("if-match", "*".to_owned())];
    two.patch("/api/settings", json!({ "name": "Third" })).await.expect(200);
}

#[tokio::test]
async fn a_new_name_shows_at_once_and_on_every_node() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    admin.patch("/api/settings", json!({ "name": "Harbour MSP" })).await.expect(200);
    assert_eq!(admin.get("/api/auth/status").await.expect(200)["installation_name"], "Harbour MSP");
    assert_eq!(admin.get("/api/auth/session").await.expect(200)["installation"]["name"], "Harbour MSP");
    // A second node, which is told by the database.
    let other = app.second_node();
    let jobs = proofline_server::workers::start(&other.state);
    let mut browser = admin.clone();
    browser.reconnect_to(&other);
    for round in 0..1_000 {
        // Until the second node listens, an announcement may be missed; then it reads the name when it begins to.
        admin.patch("/api/settings", json!({ "name": format!("Name {}", round / 100) })).await.expect(200);
        let seen = browser.get("/api/auth/session").await.expect(200)["installation"]["name"].clone();
        if seen == format!("Name {}", round / 100) {
            break;
        }
        assert!(round < 999, "{seen}");
    }
    other.state.stopping().cancel();
    jobs.wait().await;
}

#[tokio::test]
async fn a_site_is_in_a_time_zone_that_there_is() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    for unknown in ["Mars/Olympus", "utc", "EST5EDT4", "", "Europe/Vienna "] {
        let body = json!({ "org_id": site.org, "name": "Elsewhere", "timezone": unknown });
        let problem = admin.post("/api/sites", body).await.expect(422);
        assert_eq!(problem["errors"][0]["code"], "timezone_invalid", "{unknown:?}");
    }
    let body = json!({ "org_id": site.org, "name": "Elsewhere", "timezone": "Asia/Kolkata" });
    admin.post("/api/sites", body).await.expect(201);
}

#[tokio::test]
async fn a_list_costs_the_same_however_long_it_is() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 100).await;
    let mut admin = app.admin().await;
    let mut sites = Vec::new();
    let mut costs: Vec<Vec<u32>> = Vec::new();
    for round in 0..3 {
        for n in 0..=round * 4 {
            let site = app.site(&mut admin, &format!("Site {round} {n}")).await;
            let agent = app.enrolled(&mut admin, &site).await;
            agent.check_in().await;
            let run = format!("/api/appliances/{}/run-checks", agent.identity().appliance);
            admin.post_empty(&run).await.expect(202);
            app.code(&mut admin, &site).await;
            app.token(&mut admin, &["site.read"]).await;
            sites.push(site);
        }
        app.run_job("presence").await;
        for _ in 0..round {
            app.code(&mut admin, &sites[0]).await;
        }
        let codes = format!("/api/sites/{}/codes", sites[0].id);
        let lists = [
            "/api/audit",
            "/api/audit?search=site",
            "/api/tokens",
            "/api/appliances",
            "/api/appliances?status=online",
            "/api/partners",
            "/api/organisations",
            "/api/orders",
            codes.as_str(),
        ];
        let mut cost = Vec::new();
        for path in lists {
            let reply = admin.get(path).await;
            assert!(reply.expect(200)["items"].as_array().is_some_and(|items| !items.is_empty()), "{path}");
            cost.push(reply.queries());
        }
        costs.push(cost);
    }
    assert_eq!(
        costs[0],
        [2, 2, 1, 1, 1, 1, 1, 1, 2],
        "one each; the log after how it is planned, a site's codes after the site itself"
    );
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}
