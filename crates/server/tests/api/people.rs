//! People: who sees whom, who decides over whom, and what becomes of somebody's sessions.

use futures_util::future::join_all;
use proofline_core::{Clock as _, Role};
use proofline_server::{reset_factors_of, workers};
use proofline_testkit::{Browser, TestApp, totp_code};
use serde_json::{Value, json};

/// The id of the person with this address, as `by` sees them.
pub(crate) async fn id_of(by: &mut Browser, email: &str) -> String {
    let found = by.get(&format!("/api/users?search={email}")).await.expect(200);
    found["items"][0]["id"].as_str().expect("one is found").to_owned()
}

fn emails(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a page");
    items.iter().map(|person| person["email"].as_str().expect("an address").to_owned()).collect()
}

const REASON: &str = "left the company";

#[tokio::test]
async fn people_are_listed_by_name_searched_and_narrowed_in_the_same_number_of_queries() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let few = admin.get("/api/users").await.queries();
    let mut made = Vec::new();
    for role in Role::ALL {
        made.push(app.person_of(role, site.place(role)).await);
    }
    let page = admin.get("/api/users").await;
    assert_eq!(page.queries(), few);
    let page = page.expect(200);
    assert_eq!(emails(&page).len(), 10, "those nine and the administrator");
    let owner = page["items"].as_array().expect("a page").iter().find(|p| p["role"] == "practice_owner");
    let owner = owner.expect("one of nine");
    assert_eq!(owner["place_name"], "Clinic Main Street");
    let staff = page["items"].as_array().expect("a page").iter().find(|p| p["role"] == "staff_operator");
    assert_eq!(staff.expect("one of nine")["place_name"], "Test installation");
    assert_eq!(owner["status"], "active");
    assert_eq!(owner["last_seen_at"], Value::Null);
    let me = format!(
        "/api/users/{}",
        admin.get("/api/auth/session").await.expect(200)["user"]["id"].as_str().expect("an id")
    );
    assert_eq!(
        admin.get(&me).await.expect(200)["second_factors"],
        json!([]),
        "a recovery code alone is none"
    );
    let begun = admin.post("/api/auth/factors/totp", json!({})).await.expect(201);
    let code = totp_code(begun["secret"].as_str().expect("text"), app.clock.now());
    admin.post("/api/auth/factors/totp/confirm", json!({ "code": code })).await.expect(200);
    assert_eq!(admin.get(&me).await.expect(200)["second_factors"], json!(["totp"]));
    app.add_passkey(&mut admin, &mut app.authenticator()).await;
    assert_eq!(admin.get(&me).await.expect(200)["second_factors"], json!(["totp", "passkey"]));
    let listed = admin.get("/api/users").await;
    assert_eq!(listed.queries(), few, "whatever they have");
    let listed = listed.expect(200);
    let have = |factors: Value| {
        let people = listed["items"].as_array().expect("a page").iter();
        people.filter(|person| person["second_factors"] == factors).count()
    };
    assert_eq!((have(json!(["totp", "passkey"])), have(json!([]))), (1, 9));
    let me = admin.get("/api/users?role=staff_admin&limit=200").await.expect(200);
    assert!(me["items"].as_array().expect("a page").iter().any(|p| p["last_seen_at"].is_string()));

    let billing = emails(&admin.get("/api/users?search=PARTNER_BILLING").await.expect(200));
    assert_eq!(billing, [made[5].clone()], "by name, in whatever case");
    assert_eq!(
        emails(&admin.get(&format!("/api/users?search={}", made[2])).await.expect(200)),
        [made[2].clone()]
    );
    for wildcard in ["%25", "_%25", "%5C"] {
        assert!(emails(&admin.get(&format!("/api/users?search={wildcard}")).await.expect(200)).is_empty());
    }
    assert_eq!(emails(&admin.get("/api/users?role=practice_viewer").await.expect(200)), [made[8].clone()]);
    assert!(emails(&admin.get("/api/users?status=suspended").await.expect(200)).is_empty());
    for bad in ["role=boss", "status=gone", &format!("search={}", "x".repeat(121)), "colour=red"] {
        admin.get(&format!("/api/users?{bad}")).await.expect_problem(422, "invalid");
    }
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/users?limit=3{next}")).await.expect(200);
        paged.extend(emails(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(paged, emails(&admin.get("/api/users").await.expect(200)));
}

#[tokio::test]
async fn nobody_sees_or_changes_people_of_another_partner_or_practice() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut foreign = Vec::new();
    for role in [Role::StaffReadonly, Role::PartnerBilling, Role::PracticeViewer] {
        let email = app.person_of(role, two.place(role)).await;
        foreign.push(id_of(&mut admin, &email).await);
    }
    let own = app.person_of(Role::PracticeViewer, one.place(Role::PracticeViewer)).await;
    let own = id_of(&mut admin, &own).await;
    let nothing = "user_01h455vb4pex5vsknk084sn02q".to_owned();
    let before = app.database.fingerprint(&["session", "person", "recovery_code"]).await;
    for role in [Role::PartnerAdmin, Role::PracticeOwner] {
        let mut theirs = app.member(role, one.place(role)).await;
        let seen = theirs.get("/api/users").await.expect(200);
        assert!(
            seen["items"]
                .as_array()
                .expect("a page")
                .iter()
                .all(|p| !foreign.contains(&p["id"].as_str().expect("an id").to_owned()))
        );
        let mut bytes = Vec::new();
        for id in foreign.iter().chain([&nothing]) {
            let path = format!("/api/users/{id}");
            for reply in [
                theirs.get(&path).await,
                theirs.patch(&path, json!({ "role": "practice_owner" })).await,
                theirs.post(&format!("{path}/suspend"), json!({ "reason": REASON })).await,
                theirs.post(&format!("{path}/reset-factors"), json!({ "reason": REASON })).await,
                theirs.post(&format!("{path}/restore"), json!({})).await,
                theirs.delete(&path).await,
            ] {
                reply.expect_problem(404, "not_found");
                let mut body = reply.json();
                body["request_id"] = Value::Null;
                bytes.push(body);
            }
        }
        bytes.dedup();
        assert_eq!(bytes.len(), 1, "not theirs and not there are the same answer");
        theirs.get(&format!("/api/users/{own}")).await.expect(200);
    }
    let after = app.database.fingerprint(&["session", "person", "recovery_code"]).await;
    for (table, digest) in &before {
        assert!(table == "audit_entry" || table == "sign_in_attempt" || after[table] == *digest, "{table}");
    }
    // A role that manages nobody is told so before anything is looked at.
    let mut technician = app.member(Role::PartnerTechnician, one.place(Role::PartnerTechnician)).await;
    technician.delete(&format!("/api/users/{own}")).await.expect_problem(403, "not_permitted");
}

#[tokio::test]
async fn a_partner_decides_over_its_practices_and_a_role_stays_in_its_place() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let viewer = app.person_of(Role::PracticeViewer, site.place(Role::PracticeViewer)).await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let path = format!("/api/users/{}", id_of(&mut partner, &viewer).await);
    let changed = partner.patch(&path, json!({ "role": "practice_manager" })).await.expect(200);
    assert_eq!(changed["role"], "practice_manager");
    for (role, code) in
        [("partner_admin", "role_elsewhere"), ("staff_admin", "role_elsewhere"), ("boss", "role_unknown")]
    {
        let refused = partner.patch(&path, json!({ "role": role })).await.expect(422);
        assert_eq!(refused["errors"][0]["code"], code);
    }
    let audit = admin.get("/api/audit?action=user.update").await.expect(200);
    assert_eq!(audit["items"][0]["detail"], json!({ "from": "practice_viewer", "to": "practice_manager" }));
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    owner.post(&format!("{path}/suspend"), json!({ "reason": REASON })).await.expect(200);
    partner
        .post(&format!("{path}/suspend"), json!({ "reason": REASON }))
        .await
        .expect_problem(409, "already_suspended");
    partner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    partner.post(&format!("{path}/restore"), json!({})).await.expect_problem(409, "not_suspended");
}

#[tokio::test]
async fn nobody_decides_over_themselves() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    for role in [Role::StaffAdmin, Role::PartnerAdmin, Role::PracticeOwner] {
        let email = app.person_of(role, site.place(role)).await;
        let mut browser = app.sign_in(&email).await;
        let path = format!("/api/users/{}", id_of(&mut browser, &email).await);
        browser.patch(&path, json!({ "role": role.as_str() })).await.expect_problem(403, "oneself");
        let suspend = format!("{path}/suspend");
        browser.post(&suspend, json!({ "reason": REASON })).await.expect_problem(403, "oneself");
        let reset = format!("{path}/reset-factors");
        browser.post(&reset, json!({ "reason": REASON })).await.expect_problem(403, "oneself");
        browser.delete(&path).await.expect_problem(403, "oneself");
        browser.get("/api/auth/session").await.expect(200);
    }
}

/// Another process that hears what this one announces.
async fn listening_node(app: &TestApp) -> proofline_server::App {
    let node = app.second_node();
    workers::start(&node.state);
    let mut watcher = app.database.superuser().await;
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(30) {
        let listening: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("answers");
        if listening > 0 {
            return node;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody listens");
}

#[tokio::test]
async fn suspending_deleting_and_another_role_end_sessions_and_streams_on_every_node() {
    let app = TestApp::start_with(8, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let node = listening_node(&app).await;
    for what in ["suspend", "delete", "role"] {
        let email = app.person(Role::StaffOperator).await;
        let path = format!("/api/users/{}", id_of(&mut admin, &email).await);
        let (mut here, mut there) = (app.sign_in(&email).await, app.sign_in(&email).await);
        there.reconnect_to(&node);
        let (mut near, mut far) = (here.open("/api/events").await, there.open("/api/events").await);
        assert_eq!(near.next().await.expect("open").event, "ready");
        assert_eq!(far.next().await.expect("open").event, "ready");
        match what {
            "suspend" => {
                let suspended =
                    admin.post(&format!("{path}/suspend"), json!({ "reason": REASON })).await.expect(200);
                assert_eq!(
                    (&suspended["status"], &suspended["suspended_reason"]),
                    (&json!("suspended"), &json!(REASON))
                );
            }
            "delete" => drop(admin.delete(&path).await.expect(204)),
            _ => drop(admin.patch(&path, json!({ "role": "staff_readonly" })).await.expect(200)),
        }
        while near.next().await.is_some() {}
        while far.next().await.is_some() {}
        here.get("/api/auth/session").await.expect_problem(401, "no_session");
        there.get("/api/auth/session").await.expect_problem(401, "no_session");
        let again = json!({ "email": email, "password": app.password() });
        let login = app.anonymous().post("/api/auth/login", again.clone()).await;
        assert_eq!(login.status.as_u16(), if what == "role" { 200 } else { 401 }, "{what}");
        if what == "suspend" {
            admin.post(&format!("{path}/restore"), json!({})).await.expect(200);
            app.anonymous().post("/api/auth/login", again).await.expect(200);
        }
    }
    node.state.stopping().cancel();
}

#[tokio::test]
async fn whose_factors_are_reset_is_signed_out_told_and_enrols_anew() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let email = app.person(Role::StaffOperator).await;
    let id = id_of(&mut admin, &email).await;
    let (path, reset) = (format!("/api/users/{id}"), format!("/api/users/{id}/reset-factors"));
    let mut theirs = app.sign_in(&email).await;
    app.add_passkey(&mut theirs, &mut app.authenticator()).await;
    let mut stream = theirs.open("/api/events").await;
    assert_eq!(stream.next().await.expect("open").event, "ready");
    assert_eq!(admin.get(&path).await.expect(200)["second_factors"], json!(["passkey"]));

    admin.post(&reset, json!({ "reason": "short" })).await.expect(422);
    let person = admin.post(&reset, json!({ "reason": REASON })).await.expect(200);
    assert_eq!((&person["second_factors"], &person["status"]), (&json!([]), &json!("active")));
    while stream.next().await.is_some() {}
    theirs.get("/api/auth/session").await.expect_problem(401, "no_session");
    let mut owner = app.database.superuser().await;
    for sql in [
        "SELECT count(*) FROM totp_factor f JOIN person p ON p.id = f.user_id WHERE p.email = $1",
        "SELECT count(*) FROM recovery_code f JOIN person p ON p.id = f.user_id WHERE p.email = $1",
        "SELECT count(*) FROM passkey f JOIN person p ON p.id = f.user_id WHERE p.email = $1",
    ] {
        let left: i64 = sqlx::query_scalar(sql).bind(&email).fetch_one(&mut owner).await.expect("counts");
        assert_eq!(left, 0, "{sql}");
    }
    let mails = app.mail_to(&email).await;
    assert!(mails.iter().any(|mail| mail.contains("Your second factors were reset")));
    let audit = admin.get("/api/audit?action=user.reset_factors").await.expect(200);
    let rows = audit["items"].as_array().expect("rows");
    let done: Vec<_> = rows.iter().filter(|row| row["outcome"] != "denied").collect();
    assert_eq!(done.len(), 1);
    assert_eq!((&done[0]["resource"], &done[0]["detail"]["reason"]), (&json!(id), &json!(REASON)));

    let mut again = app.with_password(&email).await;
    again.get("/api/users").await.expect_problem(403, "second_factor_enrolment_required");
    again.post("/api/auth/factors/totp", json!({})).await.expect(201);

    app.clock.advance(chrono::TimeDelta::minutes(5));
    admin.post(&reset, json!({ "reason": REASON })).await.expect_problem(403, "step_up_required");
}

#[tokio::test]
async fn the_only_administrator_who_lost_every_factor_gets_in_again_from_the_servers_own_machine() {
    let app = TestApp::start().await;
    let address = app.person(Role::StaffAdmin).await;
    let mut admin = app.sign_in(&address).await;
    app.add_passkey(&mut admin, &mut app.authenticator()).await;
    let id = id_of(&mut admin, &address).await;
    let email = address.parse().expect("an address");
    assert_eq!(reset_factors_of(app.state(), &email).await.expect("resets"), Some(1));
    let nobody = "nobody@staff.example".parse().expect("an address");
    assert_eq!(reset_factors_of(app.state(), &nobody).await.expect("looks"), None);

    admin.get("/api/auth/session").await.expect_problem(401, "no_session");
    let mut again = app.with_password(&address).await;
    again.get("/api/users").await.expect_problem(403, "second_factor_enrolment_required");
    app.add_passkey(&mut again, &mut app.authenticator()).await;
    let audit = again.get("/api/audit?action=system.reset_factors").await.expect(200);
    let rows = audit["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["resource"], &rows[0]["detail"]), (&json!(id), &json!({ "sessions_ended": 1 })));
    let mails = app.mail_to(&address).await;
    assert!(mails.iter().any(|mail| mail.contains("Your second factors were reset")));
}

#[tokio::test]
async fn a_deleted_person_is_gone_and_what_they_did_keeps_their_name() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let email = app.person(Role::StaffOperator).await;
    let mut operator = app.sign_in(&email).await;
    operator.headers = vec![("idempotency-key", "a-key-of-the-operator".to_owned())];
    operator.post("/api/partners", json!({ "name": "Northgate IT" })).await.expect(201);
    let id = id_of(&mut admin, &email).await;
    admin.delete(&format!("/api/users/{id}")).await.expect(204);
    admin.get(&format!("/api/users/{id}")).await.expect_problem(404, "not_found");
    let did = admin.get(&format!("/api/audit?actor={id}&action=partner.create")).await.expect(200);
    assert_eq!(did["items"][0]["actor_name"], "Test staff_operator");
    let deleted = admin.get("/api/audit?action=user.delete").await.expect(200);
    assert_eq!(deleted["items"][0]["resource"], id.as_str());
    assert_eq!(deleted["items"][0]["detail"]["name"], "Test staff_operator");
    let mut owner = app.database.superuser().await;
    for sql in [
        "SELECT count(*) FROM person WHERE email = $1",
        "SELECT count(*) FROM session s LEFT JOIN person p ON p.id = s.user_id WHERE p.id IS NULL OR p.email = $1",
        "SELECT count(*) FROM idempotency_key WHERE $1 <> ''",
    ] {
        let left: i64 = sqlx::query_scalar(sql).bind(&email).fetch_one(&mut owner).await.expect("counts");
        assert_eq!(left, 0, "{sql}");
    }
}

async fn active_admins(app: &TestApp) -> i64 {
    let mut owner = app.database.superuser().await;
    sqlx::query_scalar("SELECT count(*) FROM person WHERE role = 'staff_admin' AND disabled_at IS NULL")
        .fetch_one(&mut owner)
        .await
        .expect("counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_removes_whom_at_once_an_administrator_remains() {
    let app = TestApp::start_with(8, |s| s.rate_scale = 10_000).await;
    for round in 0..6 {
        // Everybody removes everybody, at once and in every way.
        let mut people = Vec::new();
        for _ in 0..4 {
            let email = app.person(Role::StaffAdmin).await;
            let mut browser = app.sign_in(&email).await;
            people.push((id_of(&mut browser, &email).await, browser));
        }
        let mut attempts = Vec::new();
        for (by, (own, browser)) in people.iter().enumerate() {
            for (id, _) in people.iter().filter(|(id, _)| id != own) {
                let (mut browser, path) = (browser.clone(), format!("/api/users/{id}"));
                let way = (by + round) % 3;
                attempts.push(tokio::spawn(async move {
                    match way {
                        0 => browser.post(&format!("{path}/suspend"), json!({ "reason": REASON })).await,
                        1 => browser.patch(&path, json!({ "role": "staff_readonly" })).await,
                        _ => browser.delete(&path).await,
                    }
                    .status
                    .as_u16()
                }));
            }
        }
        let statuses: Vec<u16> =
            join_all(attempts).await.into_iter().map(|status| status.expect("answers")).collect();
        assert!(statuses.iter().all(|s| [200, 204, 401, 403, 404, 409].contains(s)), "{statuses:?}");
        assert!(active_admins(&app).await >= 1, "round {round}: {statuses:?}");
        // What is left of them makes room for the next four.
        let mut owner = app.database.superuser().await;
        sqlx::query("DELETE FROM person").execute(&mut owner).await.expect("deletes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_who_suspend_each_other_one_remains() {
    let app = TestApp::start_with(8, |s| s.rate_scale = 10_000).await;
    for round in 0..10 {
        let (one, two) = (app.person(Role::StaffAdmin).await, app.person(Role::StaffAdmin).await);
        let (mut first, mut second) = (app.sign_in(&one).await, app.sign_in(&two).await);
        let (ones, twos) = (id_of(&mut first, &one).await, id_of(&mut second, &two).await);
        let (ones, twos) = (format!("/api/users/{ones}/suspend"), format!("/api/users/{twos}/suspend"));
        let (a, b) = tokio::join!(
            first.post(&twos, json!({ "reason": REASON })),
            second.post(&ones, json!({ "reason": REASON }))
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "round {round}");
        assert_eq!(active_admins(&app).await, 1);
        let mut owner = app.database.superuser().await;
        sqlx::query("DELETE FROM person").execute(&mut owner).await.expect("deletes");
    }
}
