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
        (json!({ "name": "a", "colour": "red" }), "body"),
        (json!({ "nam": "a" }), "body"),
        (json!({ "name": 7 }), "body"),
    ] {
        let problem = admin.post("/api/partners", body.clone()).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    admin.headers = vec![("content-type", "text/plain".to_owned())];
    admin.post("/api/partners", json!({ "name": "a" })).await.expect_problem(415, "json_expected");
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
