//! The canary: a marker in every field that may hold something personal or secret, through every route as every kind of
//! caller; then no trace of one in the log, the metrics, the names of stored objects, or an error that anybody is given.

use std::path::Path;

use axum::http::Method;
use metrics_exporter_prometheus::PrometheusBuilder;
use proofline_authz::Action;
use proofline_core::{Role, Verdict};
use proofline_server::{Access, RouteEntry};
use proofline_testkit::{Browser, TestApp, logs};
use serde_json::{Value, json};

use crate::desk::{Desk, ROOT_LOGIN, result};
use crate::routes::path_to_nothing;

/// What every marker of this test contains, whatever the field and the case.
const CANARY: &str = "canary";

/// Every field that a request of this product may have, each with a marker of its own.
fn noisy_body() -> Value {
    json!({
        "name": "Canary Name", "email": "canary.mail@nowhere.example", "password": "canary password",
        "current_password": "canary current", "new_password": "canary new password", "token": "plt_canarytoken",
        "code": "CANARYC-ODECANA-RYCODEC-ANARY", "label": "canary label", "reason": "canary reason, long enough",
        "role": "canary_role", "mode": "canary_mode", "timezone": "Canary/Zone", "plan_digest": "canary-digest",
        "org_id": "org_canary", "partner_id": "part_canary", "actions": ["canary.action"], "expires_in_days": 3,
        "ticket": "CANARY-1", "user_id": "user_canary", "expires_at": "canary-time", "hours": 2, "hostname": "canary-host", "canary_field": "canary-value"
    })
}

/// Headers that a browser, a proxy or an attacker sends.
fn noisy_headers() -> Vec<(&'static str, String)> {
    [
        ("user-agent", "CanaryBrowser/1.0 (canary-machine)"),
        ("referer", "https://compliance.example/canary-referer?canary-token"),
        ("x-forwarded-for", "canary-address"),
        ("x-request-id", "canary-request"),
        ("last-event-id", "canary-event"),
        ("accept-language", "canary"),
        ("if-match", "\"canary-version\""),
        ("idempotency-key", "canary-idempotency"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// What a route is asked: as it should be, with a marker in its path, with markers in its query.
fn addresses(entry: &RouteEntry) -> [String; 3] {
    let mut marked = entry.path.clone();
    while let Some((start, end)) = marked.find('{').zip(marked.find('}')) {
        marked.replace_range(start..=end, "canary-path");
    }
    let query = "search=canary-search&actor=canary-actor&cursor=canary-cursor&canary=1&token=canary-token";
    let path = path_to_nothing(entry);
    [path.clone(), format!("{marked}?token=canary-token"), format!("{path}?{query}")]
}

/// Asks every route in every noisy way. Whatever is answered with an error is looked through as it is read.
async fn walk(app: &TestApp, caller: &mut Browser) {
    for entry in &app.app.routes {
        if matches!(entry.access, Access::Person(Action::SessionEnd)) || entry.path == "/api/events" {
            continue;
        }
        for address in addresses(entry) {
            let method: Method = entry.method.parse().expect("a method");
            let body = (method != Method::GET).then(noisy_body);
            let reply = caller.send(method, &address, body.as_ref()).await;
            assert_ne!(reply.status.as_u16(), 500, "{} {address}", entry.method);
            if !reply.status.is_success() {
                let text = String::from_utf8_lossy(&reply.bytes).to_lowercase();
                assert!(!text.contains(CANARY), "{} {address}: {text}", entry.method);
            }
        }
    }
}

/// Things made and done with markers in them, well and badly.
async fn story(app: &TestApp, admin: &mut Browser) -> Browser {
    admin.headers = vec![("user-agent", "CanaryBrowser/1.0".to_owned())];
    let partner = admin.post("/api/partners", json!({ "name": "Canary Partner" })).await.expect(201);
    admin.post("/api/partners", json!({ "name": "canary PARTNER" })).await.expect_problem(409, "name_taken");
    let org = json!({ "partner_id": partner["id"], "name": "Canary Clinic" });
    admin.post("/api/organisations", org.clone()).await.expect(201);
    let site = app.site(admin, "Canary Street").await;
    let codes = format!("/api/sites/{}/codes", site.id);
    admin.post(&codes, json!({ "label": "canary label" })).await.expect(201);
    admin.patch("/api/settings", json!({ "name": "Canary Installation" })).await.expect(200);

    let mut technician = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let asked =
        json!({ "name": "canary program", "actions": ["site.read", "code.create"], "expires_in_days": 9 });
    let token = technician.post("/api/tokens", asked).await.expect(201)["token"].clone();
    let mut program = app.program(token.as_str().expect("a token"));
    program.headers.extend(noisy_headers().into_iter().filter(|(name, _)| *name == "user-agent"));
    program.get("/api/sites?search=canary").await;
    program.post(&codes, json!({ "label": "canary by program" })).await.expect(201);
    program
        .post("/api/partners", json!({ "name": "Canary Three" }))
        .await
        .expect_problem(403, "not_permitted");

    let agent = app.enrolled(admin, &site).await;
    let mut desk = Desk::of(agent, &app.clock);
    let failing = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "canary-observed")]);
    desk.submit_all(vec![failing]).await;
    let incident = admin.get("/api/incidents").await.expect(200)["items"][0]["id"].clone();
    let escalate = format!("/api/incidents/{}/escalate", incident.as_str().expect("an id"));
    let reason = json!({ "reason": "canary reason, long enough" });
    admin.post(&escalate, reason.clone()).await.expect(200);
    admin.post(&escalate, reason.clone()).await.expect_problem(409, "not_escalatable");
    let mut late = app.machine();
    late.claim("CANARYC-ODECANA-RYCODEC-ANARY").await;
    let revoke = format!("/api/appliances/{}/revoke", desk.agent.identity().appliance);
    admin.post(&revoke, reason).await.expect(200);
    assert!(!desk.agent.call("POST", "/api/appliances/checkin", Some(&json!({}))).await.status.is_success());

    for (email, password) in [
        ("canary.mail@nowhere.example", "canary password"),
        ("canary.mail", "canary password"),
        ("canary password", "canary.mail@nowhere.example"),
    ] {
        let mut nobody = app.anonymous();
        nobody.headers = noisy_headers();
        let asked = json!({ "email": email, "password": password });
        nobody.post("/api/auth/login", asked).await.expect_problem(401, "login_failed");
    }
    admin.get("/api/audit?search=canary&limit=200").await.expect(200);
    admin.get("/api/audit/export?search=canary").await;
    admin.headers.clear();
    program
}

/// PostgreSQL repeats values in what it says of an error: in the message, in its detail, in both.
async fn database_that_talks(app: &TestApp, admin: &mut Browser) {
    let mut owner = app.database.owner().await;
    for (code, status, message) in [
        ("23514", 500, "row for %"),
        ("22001", 500, "value % is too long"),
        ("XX000", 500, "confused by %"),
        ("53100", 503, "no room"),
        ("57014", 503, "stopped"),
        ("40001", 503, "again, %"),
    ] {
        let text =
            if message.contains('%') { format!("'{message}', NEW.name") } else { format!("'{message}'") };
        let sql = format!(
            "CREATE OR REPLACE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION {text} USING ERRCODE = '{code}', DETAIL = 'Failing row contains ' || NEW.name,
                    HINT = NEW.name, TABLE = 'partner'; END $$;
             CREATE OR REPLACE TRIGGER talk BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION talk()"
        );
        #[expect(clippy::disallowed_methods, reason = "made of the literals above")]
        let sql = sqlx::AssertSqlSafe(sql);
        sqlx::raw_sql(sql).execute(&mut owner).await.expect("runs");
        let reply =
            admin.post("/api/partners", json!({ "name": "Canary Person <canary.mail@x.example>" })).await;
        assert_eq!(reply.status.as_u16(), status, "{code}");
    }
    sqlx::raw_sql("DROP TRIGGER talk ON partner; DROP FUNCTION talk")
        .execute(&mut owner)
        .await
        .expect("runs");
}

fn names_below(folder: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        names.push(entry.path().display().to_string());
        if entry.file_type().expect("a type").is_dir() {
            names_below(&entry.path(), names);
        }
    }
}

#[tokio::test]
async fn no_marker_comes_out_where_it_does_not_belong() {
    logs::capture(logs::LOUD);
    let metrics = PrometheusBuilder::new().install_recorder().expect("nobody else measures this test");
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await;
    let mut admin = app.admin().await;
    let mut program = story(&app, &mut admin).await;
    database_that_talks(&app, &mut admin).await;

    let place = app.site(&mut admin, "Other Street").await.place(Role::PartnerAdmin);
    let mut partner = app.member(Role::PartnerAdmin, place).await;
    let mut forger = app.anonymous();
    forger.cookies.insert("__Host-session".to_owned(), "canary-session".to_owned());
    forger.cookies.insert("__Host-csrf".to_owned(), "canary-csrf".to_owned());
    let mut bearer = app.anonymous();
    bearer.headers = vec![("authorization", "Bearer plt_canarybearer".to_owned())];
    let mut cross = partner.clone();
    cross.headers =
        vec![("x-csrf-token", "canary-csrf".to_owned()), ("origin", "https://canary.example".to_owned())];
    let mut form = partner.clone();
    form.headers = vec![("content-type", "text/canary".to_owned())];
    for caller in [&mut admin, &mut partner, &mut program, &mut forger, &mut bearer, &mut cross, &mut form] {
        caller.headers.extend(noisy_headers());
        walk(&app, caller).await;
    }
    let mut machine = app.machine();
    machine.claim("CANARYC-ODECANA-RYCODEC-ANARY").await;
    for entry in app.app.routes.iter().filter(|entry| entry.method != "GET") {
        machine.call(entry.method, &path_to_nothing(entry), Some(&noisy_body())).await;
    }
    for job in proofline_server::workers::JOBS {
        app.run_job(job.name).await;
    }

    let log = logs::text().to_lowercase();
    assert!(log.lines().count() > 1_000 && log.contains("request failed"), "something was captured");
    if let Some(line) = log.lines().find(|line| line.contains(CANARY)) {
        panic!("logged: {line}");
    }
    let measured = metrics.render().to_lowercase();
    assert!(measured.contains("http_requests_total"), "something was measured");
    if let Some(line) = measured.lines().find(|line| line.contains(CANARY) || line.contains("@staff")) {
        panic!("measured: {line}");
    }
    let mut names = Vec::new();
    names_below(app.evidence_folder.path(), &mut names);
    assert!(names.len() > 3, "something was published: {names:?}");
    assert!(!names.iter().any(|name| name.to_lowercase().contains(CANARY)), "{names:?}");
}
