//! API tokens: what a program may do with one, and all that ends it.

use chrono::TimeDelta;
use proofline_authz::{Action, grantable_by};
use proofline_core::{Clock, Role};
use proofline_server::Access;
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::{Value, json};

use crate::routes::call;

/// Everything that somebody of this role can give a token.
fn all_of(role: Role) -> Vec<&'static str> {
    grantable_by(role).into_iter().map(Action::as_str).collect()
}

async fn create(maker: &mut Browser, name: &str, actions: &[&str], days: i64) -> Reply {
    let asked = json!({ "name": name, "actions": actions, "expires_in_days": days });
    maker.post("/api/tokens", asked).await
}

/// The address of a token, as whoever sees it lists it.
async fn path_of(browser: &mut Browser, token: &str) -> String {
    let listed = browser.get("/api/tokens?limit=200").await.expect(200);
    let items = listed["items"].as_array().expect("a page");
    let item = items.iter().find(|item| token.starts_with(item["prefix"].as_str().expect("a prefix")));
    format!("/api/tokens/{}", item.expect("it is listed")["id"].as_str().expect("an id"))
}

/// What an answer says, whichever request it answers.
fn without_its_request(reply: &Reply) -> Value {
    let mut body = reply.json();
    body["request_id"] = Value::Null;
    json!({ "status": reply.status.as_u16(), "body": body, "type": reply.headers["content-type"].to_str().ok() })
}

/// Changes a person behind the application's back, as what manages people does in its own transaction.
async fn change_person(app: &TestApp, sql: &'static str, email: &str) {
    let mut database = app.database.superuser().await;
    let changed = sqlx::query(sql).bind(email).execute(&mut database).await.expect("runs");
    assert_eq!(changed.rows_affected(), 1);
}

#[tokio::test]
async fn a_token_of_every_role_reaches_what_role_and_list_both_say() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 10_000).await;
    let site = app.site(&mut app.admin().await, "Main Street").await;
    for role in Role::ALL {
        let mut maker = app.member(role, site.place(role)).await;
        let offered = all_of(role);
        if offered.is_empty() {
            create(&mut maker, "mine", &["site.read"], 30).await.expect_problem(403, "not_permitted");
            maker.get("/api/tokens").await.expect_problem(403, "not_permitted");
            continue;
        }
        let listed = maker.get("/api/tokens/actions").await.expect(200);
        assert_eq!(listed["items"], json!(offered), "{role}");
        let everything = app.token(&mut maker, &offered).await;
        let one = offered[0];
        let single = app.token(&mut maker, &[one]).await;
        for (token, list) in [(&everything, offered.as_slice()), (&single, &[one])] {
            for entry in &app.app.routes {
                let Access::Person(action) = entry.access else { continue };
                let reply = call(&mut app.program(token), entry).await;
                let what = format!("{role} {} {}", entry.method, entry.path);
                if list.contains(&action.as_str()) {
                    assert!(![401, 403, 500].contains(&reply.status.as_u16()), "{what}: {}", reply.status);
                } else {
                    assert_eq!(
                        (reply.status.as_u16(), reply.code().as_str()),
                        (403, "not_permitted"),
                        "{what}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_program_works_without_cookies_and_its_changes_name_it_and_its_maker() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (site, other) = (app.site(&mut admin, "Main Street").await, app.site(&mut admin, "Other").await);
    let mut maker = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let mut program = app.program(&app.token(&mut maker, &["site.read", "code.create", "code.read"]).await);
    let codes = format!("/api/sites/{}/codes", site.id);
    // From wherever: it shows no page, and no page can show its token.
    program.headers.push(("origin", "https://evil.example".to_owned()));
    program.headers.push(("sec-fetch-site", "cross-site".to_owned()));
    let made = program.post(&codes, json!({ "label": "rollout" })).await.expect(201);
    assert!(program.cookies.is_empty());
    let row = &admin.get("/api/audit?action=code.create").await.expect(200)["items"][0];
    assert_eq!(row["resource"], made["id"]);
    assert_eq!(row["actor_kind"], "token");
    assert_eq!(row["actor_name"], "token nightly report of Test partner_technician");
    assert!(row["actor_id"].as_str().is_some_and(|id| id.starts_with("tok_")), "{row}");
    // Its reach is its maker's.
    let sites = program.get("/api/sites").await.expect(200);
    assert_eq!(sites["items"].as_array().map(Vec::len), Some(1));
    program.get(&format!("/api/sites/{}", other.id)).await.expect_problem(404, "not_found");
    program.post(&format!("/api/sites/{}/codes", other.id), json!({})).await.expect_problem(404, "not_found");
    // A form is no program's.
    program.headers.push(("content-type", "text/plain".to_owned()));
    program.post(&codes, json!({ "label": "form" })).await.expect_problem(415, "json_expected");
}

#[tokio::test]
async fn what_does_not_count_is_refused_in_one_way_whatever_the_reason() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let mut refusals = Vec::new();
    let mut refused = async |what: &'static str, token: &str| {
        refusals.push((what, without_its_request(&app.program(token).get("/api/sites").await)));
    };
    let good = app.token(&mut admin, &["site.read"]).await;
    let flipped = if good.ends_with('0') { "1" } else { "0" };
    for (what, token) in [
        ("upper case", good.to_uppercase()),
        ("cut", good[..good.len() - 1].to_owned()),
        ("longer", format!("{good}0")),
        ("another last character", format!("{}{flipped}", &good[..good.len() - 1])),
        ("without its check", good[..68].to_owned()),
        ("without its prefix", good[4..].to_owned()),
        ("empty", String::new()),
        ("a session's", admin.cookies["__Host-session"].clone()),
    ] {
        refused(what, &token).await;
    }
    // Well formed, and of another installation.
    let elsewhere = TestApp::start().await;
    elsewhere.clock.advance(TimeDelta::days(3));
    let mut stranger = elsewhere.staff(Role::StaffReadonly).await;
    for _ in 0..3 {
        // Past what the same seed gave this one.
        elsewhere.token(&mut stranger, &["site.read"]).await;
    }
    refused("unknown", &elsewhere.token(&mut stranger, &["site.read"]).await).await;

    let revoked = app.token(&mut admin, &["site.read"]).await;
    let path = path_of(&mut admin, &revoked).await;
    app.program(&revoked).get("/api/sites").await.expect(200);
    admin.delete(&path).await.expect(204);
    refused("revoked", &revoked).await;

    for (what, sql) in [
        ("maker suspended", "UPDATE person SET disabled_at = now() WHERE email = $1"),
        ("maker deleted", "DELETE FROM person WHERE email = $1"),
    ] {
        let email = app.person(Role::StaffOperator).await;
        let token = app.token(&mut app.sign_in(&email).await, &["site.read"]).await;
        app.program(&token).get("/api/sites").await.expect(200);
        if what == "maker deleted" {
            change_person(
                &app,
                "DELETE FROM session USING person p WHERE user_id = p.id AND p.email = $1",
                &email,
            )
            .await;
        }
        change_person(&app, sql, &email).await;
        refused(what, &token).await;
    }
    let site = app.site(&mut admin, "Main Street").await;
    let email = app.person_of(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let token = app.token(&mut app.sign_in(&email).await, &["site.read"]).await;
    change_person(&app, "UPDATE person SET role = 'partner_billing' WHERE email = $1", &email).await;
    refused("maker demoted to a role without any of it", &token).await;

    let mut operator = app.staff(Role::StaffOperator).await;
    let short = create(&mut operator, "short", &["site.read"], 1).await.expect(201);
    let short = short["token"].as_str().expect("a token");
    app.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    app.program(short).get("/api/sites").await.expect(200);
    app.clock.advance(TimeDelta::seconds(1));
    refused("expired", short).await;

    let (_, first) = &refusals[0];
    assert_eq!((&first["status"], &first["body"]["code"]), (&json!(401), &json!("token_refused")));
    for (what, refusal) in &refusals {
        assert_eq!(refusal, first, "{what}");
    }
    app.program(&good).get("/api/sites").await.expect(200);
}

#[tokio::test]
async fn a_demotion_takes_from_a_token_what_it_takes_from_its_maker() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffOperator).await;
    let mut maker = app.sign_in(&email).await;
    let mut program = app.program(&app.token(&mut maker, &["partner.read", "partner.create"]).await);
    program.post("/api/partners", json!({ "name": "One" })).await.expect(201);
    change_person(&app, "UPDATE person SET role = 'staff_readonly' WHERE email = $1", &email).await;
    program.post("/api/partners", json!({ "name": "Two" })).await.expect_problem(403, "not_permitted");
    program.get("/api/partners").await.expect(200);
    change_person(&app, "UPDATE person SET role = 'staff_admin' WHERE email = $1", &email).await;
    program.post("/api/partners", json!({ "name": "Three" })).await.expect(201);
    // More than it was made for it never becomes.
    program.get("/api/settings").await.expect_problem(403, "not_permitted");
    let denied = app.admin().await.get("/api/audit?outcome=denied&search=nightly").await.expect(200);
    assert_eq!(denied["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn no_token_manages_tokens_or_reaches_what_a_person_has_to_be_there_for() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    for action in Action::ALL.iter().filter(|action| !action.grantable()) {
        let reply = create(&mut admin, "greedy", &["site.read", action.as_str()], 30).await;
        assert_eq!(reply.expect(422)["errors"][0]["code"], "not_grantable", "{action}");
    }
    let mut program = app.program(&app.token(&mut admin, &all_of(Role::StaffAdmin)).await);
    let before = app.database.fingerprint(&["audit_entry", "api_token"]).await;
    create(&mut program, "child", &["site.read"], 30).await.expect_problem(403, "not_permitted");
    for path in
        ["/api/tokens", "/api/tokens/actions", "/api/auth/session", "/api/events", "/api/audit/export"]
    {
        program.get(path).await.expect_problem(403, "not_permitted");
    }
    let id = admin.get("/api/tokens").await.expect(200)["items"][0]["id"].clone();
    let path = format!("/api/tokens/{}", id.as_str().expect("an id"));
    program.delete(&path).await.expect_problem(403, "not_permitted");
    program.post_empty("/api/auth/logout").await.expect_problem(403, "not_permitted");
    assert_eq!(app.database.fingerprint(&["audit_entry", "api_token"]).await, before);
}

#[tokio::test]
async fn what_a_token_is_made_of_is_checked() {
    let app = TestApp::start().await;
    let mut readonly = app.staff(Role::StaffReadonly).await;
    for (name, actions, days, field, code) in [
        ("", vec!["site.read"], 30, "name", "length"),
        ("a\u{7}b", vec!["site.read"], 30, "name", "control_character"),
        ("n", vec![], 30, "actions", "length"),
        ("n", vec!["site.read", "site.read"], 30, "actions", "repeated"),
        ("n", vec!["site.raed"], 30, "actions", "not_grantable"),
        ("n", vec!["partner.create"], 30, "actions", "not_grantable"),
        ("n", vec!["site.read"], 0, "expires_in_days", "out_of_range"),
        ("n", vec!["site.read"], 366, "expires_in_days", "out_of_range"),
        ("n", vec!["site.read"], -1, "body", "json_shape"),
        ("n", vec!["site.read"], 70_000, "body", "json_shape"),
    ] {
        let refused = create(&mut readonly, name, &actions, days).await.expect(422);
        let error = &refused["errors"][0];
        assert_eq!((error["field"].as_str(), error["code"].as_str()), (Some(field), Some(code)), "{refused}");
    }
    create(&mut readonly, "longest", &["site.read"], 365).await.expect(201);
    assert_eq!(readonly.get("/api/tokens").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_digest() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    admin.headers = vec![("idempotency-key", "make-one-token".to_owned())];
    let made = create(&mut admin, "report", &["site.read"], 30).await.expect(201);
    // Sent again, it is neither made again nor shown again.
    create(&mut admin, "report", &["site.read"], 30).await.expect_problem(409, "already_done");
    admin.headers.clear();
    let token = made["token"].as_str().expect("a token");
    assert!(token.starts_with("plt_") && token.len() == 76, "{token}");
    let listed = admin.get("/api/tokens").await.expect(200);
    assert_eq!(listed["items"], json!([made["item"]]));
    assert_eq!(listed["items"][0]["prefix"], token[..8]);
    assert_eq!(listed["items"][0]["created_by"], "Test staff_admin");
    assert!(!listed.to_string().contains(&token[8..]), "not in a list");
    app.program(token).get("/api/sites").await.expect(200);
    let mut database = app.database.superuser().await;
    for sql in [
        "SELECT string_agg(t::text, ' ') FROM api_token t",
        "SELECT string_agg(t::text, ' ') FROM audit_entry t",
        "SELECT string_agg(t::text, ' ') FROM idempotency_key t",
    ] {
        let text: String = sqlx::query_scalar(sql).fetch_one(&mut database).await.expect("reads");
        assert!(!text.contains(&token[12..60]), "{sql}");
    }
}

#[tokio::test]
async fn a_request_with_a_session_and_a_token_is_nobodys() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let token = app.token(&mut admin, &["partner.create", "site.read"]).await;
    admin.headers = vec![("authorization", format!("Bearer {token}"))];
    admin.get("/api/sites").await.expect_problem(400, "two_credentials");
    admin.post("/api/partners", json!({ "name": "One" })).await.expect_problem(400, "two_credentials");
    let mut program = app.program(&token);
    program.cookies.insert("__Host-session".to_owned(), "00".repeat(32));
    program.get("/api/sites").await.expect_problem(400, "two_credentials");
    // Another scheme is no credential here.
    let mut basic = app.anonymous();
    basic.headers = vec![("authorization", "Basic YWRtaW46YWRtaW4=".to_owned())];
    basic.get("/api/sites").await.expect_problem(401, "no_session");
}

#[tokio::test]
async fn its_last_use_is_written_once_a_minute() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut program = app.program(&app.token(&mut admin, &["site.read"]).await);
    let mut last = async || admin.get("/api/tokens").await.expect(200)["items"][0]["last_used_at"].clone();
    assert_eq!(last().await, Value::Null);
    let first = proofline_core::format_rfc3339(app.clock.now());
    program.get("/api/sites").await.expect(200);
    assert_eq!(last().await, first);
    app.clock.advance(TimeDelta::seconds(59));
    program.get("/api/sites").await.expect(200);
    assert_eq!(last().await, first);
    app.clock.advance(TimeDelta::seconds(1));
    program.get("/api/sites").await.expect(200);
    assert_eq!(last().await, proofline_core::format_rfc3339(app.clock.now()));
}

#[tokio::test]
async fn a_token_has_a_budget_of_its_own_from_wherever_it_is_brought() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (busy, quiet) =
        (app.token(&mut admin, &["site.read"]).await, app.token(&mut admin, &["site.read"]).await);
    let mut limited = None;
    for _ in 0..2_000 {
        // Each from another address.
        let reply = app.program(&busy).get("/api/sites").await;
        if reply.status.as_u16() == 429 {
            limited = Some(reply);
            break;
        }
    }
    let limited = limited.expect("the budget ends");
    limited.expect_problem(429, "rate_limited");
    assert!(limited.headers.contains_key("retry-after"));
    app.program(&quiet).get("/api/sites").await.expect(200);
    admin.get("/api/sites").await.expect(200);
}

#[tokio::test]
async fn a_create_of_a_program_that_is_sent_twice_happens_once() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut one = app.program(&app.token(&mut admin, &["partner.create", "partner.read"]).await);
    let mut two = app.program(&app.token(&mut admin, &["partner.create"]).await);
    let key = ("idempotency-key", "nightly-2026-11-22".to_owned());
    one.headers.push(key.clone());
    let first = one.post("/api/partners", json!({ "name": "One" })).await;
    let again = one.post("/api/partners", json!({ "name": "One" })).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(again.headers["idempotent-replay"], "true");
    one.post("/api/partners", json!({ "name": "Other" })).await.expect(422);
    // The same key of another program, or of its maker, is another key.
    two.headers.push(key.clone());
    two.post("/api/partners", json!({ "name": "Two" })).await.expect(201);
    admin.headers.push(key);
    admin.post("/api/partners", json!({ "name": "Three" })).await.expect(201);
    admin.headers.clear();
    assert_eq!(admin.get("/api/partners").await.expect(200)["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn who_answers_for_people_sees_and_revokes_their_tokens_and_nobody_else_does() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut maker = app.member(Role::PartnerTechnician, one.place(Role::PartnerTechnician)).await;
    let token = app.token(&mut maker, &["site.read"]).await;
    let path = path_of(&mut maker, &token).await;
    let nothing = admin.delete("/api/tokens/tok_01h455vb4pex5vsknk084sn02q").await;
    for mut other in [
        app.staff(Role::StaffOperator).await,
        app.staff(Role::StaffReadonly).await,
        app.member(Role::PartnerTechnician, one.place(Role::PartnerTechnician)).await,
        app.member(Role::PartnerAdmin, two.place(Role::PartnerAdmin)).await,
    ] {
        assert_eq!(other.get("/api/tokens").await.expect(200)["items"], json!([]));
        let refused = other.delete(&path).await;
        assert_eq!(without_its_request(&refused), without_its_request(&nothing));
    }
    app.program(&token).get("/api/sites").await.expect(200);
    for overseer in [Role::PartnerAdmin, Role::StaffAdmin] {
        let mut overseer = app.member(overseer, one.place(overseer)).await;
        let own = app.token(&mut maker, &["site.read"]).await;
        let listed = overseer.get("/api/tokens").await.expect(200)["items"].clone();
        assert_eq!(listed[0]["created_by"], "Test partner_technician");
        let path = path_of(&mut overseer, &own).await;
        overseer.delete(&path).await.expect(204);
        overseer.delete(&path).await.expect_problem(404, "not_found");
        app.program(&own).get("/api/sites").await.expect_problem(401, "token_refused");
    }
    maker.delete(&path).await.expect(204);
    app.program(&token).get("/api/sites").await.expect_problem(401, "token_refused");
    // Three pages of one.
    let mut seen = 0;
    let mut next = "/api/tokens?limit=1".to_owned();
    loop {
        let reply = maker.get(&next).await;
        assert!(reply.queries() <= 2);
        let page = reply.expect(200);
        seen += page["items"].as_array().map_or(0, Vec::len);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("/api/tokens?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn the_description_offers_tokens_exactly_where_they_work() {
    let app = TestApp::start().await;
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    assert_eq!(document["components"]["securitySchemes"]["api_token"]["scheme"], "bearer");
    for entry in &app.app.routes {
        let security = &document["paths"][&entry.path][entry.method.to_lowercase()]["security"];
        let offered = security.as_array().is_some_and(|all| all.contains(&json!({ "api_token": [] })));
        let works = matches!(entry.access, Access::Person(action) if action.grantable());
        assert_eq!(offered, works, "{} {}", entry.method, entry.path);
    }
}
