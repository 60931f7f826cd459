//! Restricted clients: what of them is hidden from whom, who lets whom in, and how the client is told.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_testkit::{Browser, Reply, TestApp, TestSite};
use serde_json::{Value, json};

use crate::tenant::Tenant;

const REASON: &str = "nobody of theirs answers";

fn access(site: &TestSite) -> String {
    format!("/api/organisations/{}/access", site.org)
}

fn grants(site: &TestSite) -> String {
    format!("/api/organisations/{}/grants", site.org)
}

fn break_glass(site: &TestSite) -> String {
    format!("/api/organisations/{}/break-glass", site.org)
}

fn asked(hours: i32) -> Value {
    json!({ "reason": REASON, "ticket": "T-4711", "hours": hours })
}

async fn restrict(by: &mut Browser, site: &TestSite) {
    by.put(&access(site), json!({ "restricted": true })).await.expect(200);
}

async fn own_id(browser: &mut Browser) -> String {
    browser.get("/api/auth/session").await.expect(200)["user"]["id"].as_str().expect("an id").to_owned()
}

fn id(body: &Value) -> String {
    body["id"].as_str().expect("an id").to_owned()
}

/// Somebody whom `by` invites and who accepts, a second before whatever comes next: who was invited is told by the instant.
async fn invited(app: &TestApp, by: &mut Browser, email: &str, role: &str) -> Browser {
    by.post("/api/invitations", json!({ "email": email, "role": role })).await.expect(201);
    let token = app.mailed_token(email).await;
    let accepted = json!({ "token": token, "name": "Paula Puppet", "password": "seven quiet otters" });
    let mut puppet = app.anonymous();
    puppet.post("/api/auth/invitation/accept", accepted).await.expect(201);
    app.prove(&mut puppet, email).await;
    app.clock.advance(TimeDelta::seconds(1));
    puppet
}

/// Keeps everybody of a practice with this role from signing in, as nobody above it could.
async fn disable(app: &TestApp, site: &TestSite, role: Role) {
    sqlx::query("UPDATE person SET disabled_at = $3 WHERE org_id = $1 AND role = $2")
        .bind(site.org.uuid())
        .bind(role.as_str())
        .bind(app.state().now())
        .execute(&mut app.database.superuser().await)
        .await
        .expect("updates");
}

/// How many sites they are listed.
async fn sites(browser: &mut Browser) -> usize {
    browser.get("/api/sites").await.expect(200)["items"].as_array().expect("a page").len()
}

async fn end(browser: &mut Browser, access: &str) -> Reply {
    browser.post_empty(&format!("/api/break-glass/{access}/end")).await
}

async fn approve(browser: &mut Browser, access: &str) -> Reply {
    browser.post_empty(&format!("/api/break-glass/{access}/approve")).await
}

/// The answer without the id of the request, which no two have in common.
fn comparable(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    body["request_id"] = Value::Null;
    (reply.status.as_u16(), body)
}

#[tokio::test]
async fn of_a_restricted_client_people_above_it_see_its_line_alone() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let tenant = Tenant::new(&app, &mut admin, "Closed", 77).await;
    let other = Tenant::new(&app, &mut admin, "Open", 78).await;
    let mut owner = app.sign_in(&tenant.people[&Role::PracticeOwner]).await;
    restrict(&mut owner, &tenant.site).await;
    let mut technician = app.sign_in(&tenant.people[&Role::PartnerTechnician]).await;

    let deep = [
        format!("/api/sites/{}", tenant.site.id),
        format!("/api/sites/{}/evidence", tenant.site.id),
        format!("/api/sites/{}/codes", tenant.site.id),
        format!("/api/appliances/{}/credentials", tenant.agent.identity().appliance),
        format!("/api/incidents/{}", tenant.incident),
    ];
    let lists = [
        "/api/sites",
        "/api/appliances",
        "/api/incidents",
        "/api/orders",
        "/api/overview",
        "/api/audit",
        "/api/users",
        "/api/invitations",
    ];
    for (who, browser) in [("staff", &mut admin), ("partner", &mut technician)] {
        for path in &deep {
            let hidden = browser.get(path).await;
            let nothing = path
                .replace(&tenant.site.id.to_string(), "site_01h455vb4pex5vsknk084sn02q")
                .replace(&tenant.agent.identity().appliance.to_string(), "app_01h455vb4pex5vsknk084sn02q")
                .replace(&tenant.incident.to_string(), "inc_01h455vb4pex5vsknk084sn02q");
            assert_eq!(comparable(&hidden), comparable(&browser.get(&nothing).await), "{who} {path}");
            assert_eq!(hidden.status.as_u16(), 404, "{who} {path}");
        }
        for path in lists {
            let reply = browser.get(path).await;
            if reply.status.as_u16() == 403 {
                continue; // not of this role
            }
            reply.expect(200);
            let text = String::from_utf8_lossy(&reply.bytes).into_owned();
            for mark in tenant.marks() {
                assert!(!text.contains(&mark), "{who} {path} shows {mark}");
            }
        }
        let clients = browser.get("/api/organisations").await.expect(200);
        let line = clients["items"].as_array().expect("a page").iter().find(|c| c["name"] == "Clinic Closed");
        assert_eq!(line.expect("its line is there")["restricted"], true, "{who}");
    }
    // The other client is as it was, and the practice's own people and machines are not concerned.
    admin.get(&format!("/api/sites/{}", other.site.id)).await.expect(200);
    owner.get(&deep[0]).await.expect(200);
    tenant.agent.check_in().await;
    app.run_job("presence").await;
    app.run_job("posture").await;
    app.run_job("publication").await;
}

#[tokio::test]
async fn whoever_does_not_see_a_client_changes_nothing_in_it() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let tenant = Tenant::new(&app, &mut admin, "Closed", 77).await;
    let mut owner = app.sign_in(&tenant.people[&Role::PracticeOwner]).await;
    let owner_id = own_id(&mut owner).await;
    restrict(&mut owner, &tenant.site).await;
    let mut operator = app.staff(Role::StaffOperator).await;
    let waits = operator.post(&break_glass(&tenant.site), asked(1)).await.expect(201);
    approve(&mut owner, &id(&waits)).await.expect(200);
    operator.get(&format!("/api/sites/{}", tenant.site.id)).await.expect(200);

    let (site, org) = (&tenant.site.id, &tenant.site.org);
    let appliance = &tenant.agent.identity().appliance;
    let reason = json!({ "reason": "long enough a reason" });
    let writes = [
        ("POST", "/api/sites".to_owned(), json!({ "org_id": org, "name": "Another", "timezone": "UTC" })),
        ("POST", format!("/api/sites/{site}/codes"), json!({})),
        ("DELETE", format!("/api/codes/{}", tenant.code), json!({})),
        ("POST", format!("/api/appliances/{appliance}/run-checks"), json!({})),
        (
            "POST",
            format!("/api/appliances/{appliance}/credentials"),
            json!({ "name": "nas", "username": "backup", "secret": "plum" }),
        ),
        ("POST", format!("/api/incidents/{}/escalate", tenant.incident), reason.clone()),
        (
            "POST",
            format!("/api/incidents/{}/approve", tenant.incident),
            json!({ "plan_digest": tenant.plan.to_string() }),
        ),
        ("POST", format!("/api/appliances/{appliance}/revoke"), reason.clone()),
        ("POST", format!("/api/appliances/{appliance}/mode"), json!({ "mode": "ask" })),
        (
            "POST",
            "/api/invitations".to_owned(),
            json!({ "email": "mole@clinic.example", "role": "practice_owner", "org_id": org }),
        ),
        ("POST", format!("/api/users/{owner_id}/suspend"), reason.clone()),
        ("DELETE", format!("/api/users/{owner_id}"), json!({})),
        ("PATCH", format!("/api/users/{owner_id}"), json!({ "role": "practice_viewer" })),
    ];
    let ignored = ["audit_entry", "session", "idempotency_key"];
    for (who, browser) in [("without access", &mut admin), ("with reading access", &mut operator)] {
        let before = app.database.fingerprint(&ignored).await;
        for (method, path, body) in &writes {
            let reply = browser.send(method.parse().expect("a method"), path, Some(body)).await;
            let status = reply.status.as_u16();
            assert!(
                status == 404 || (status == 403 && reply.code() == "not_permitted"),
                "{who} {method} {path}: {status}"
            );
        }
        assert_eq!(app.database.fingerprint(&ignored).await, before, "{who}");
    }
}

#[tokio::test]
async fn nobody_lets_themselves_in() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let other = app.site(&mut admin, "Other").await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let (admin_id, partner_id) = (own_id(&mut admin).await, own_id(&mut partner).await);
    restrict(&mut partner, &site).await;
    assert_eq!((sites(&mut admin).await, sites(&mut partner).await, sites(&mut owner).await), (1, 0, 1));

    for (browser, own) in [(&mut admin, &admin_id), (&mut partner, &partner_id)] {
        let grant = json!({ "user_id": own, "reason": REASON });
        browser.post(&grants(&site), grant).await.expect_problem(403, "own_access");
        browser.put(&access(&site), json!({ "restricted": false })).await.expect_problem(403, "own_access");
    }
    // Nor somebody whom they made up, or hold power over: not with nothing, and not with reading access for an emergency.
    let open = id(&admin.post(&break_glass(&site), asked(1)).await.expect(201));
    approve(&mut owner, &open).await.expect(200);
    for (by, email, role) in [
        (&mut partner, "puppet@partner.example", "partner_technician"),
        (&mut admin, "puppet@staff.example", "staff_operator"),
    ] {
        let mut puppet = invited(&app, by, email, role).await;
        let grant = json!({ "user_id": own_id(&mut puppet).await, "reason": REASON });
        by.post(&grants(&site), grant).await.expect_problem(403, "own_access");
        let seen = puppet.get("/api/sites").await.expect(200);
        assert!(!seen.to_string().contains(&site.id.to_string()), "{role}");
    }
    end(&mut admin, &open).await.expect(200);
    // By another they are: with an end, and until it is taken back.
    let until = app.state().now() + TimeDelta::minutes(10);
    let grant = |user: &str| json!({ "user_id": user, "reason": REASON, "expires_at": until });
    let given = owner.post(&grants(&site), grant(&admin_id)).await.expect(201);
    assert_eq!(given["user_name"], "Test staff_admin");
    assert_eq!((sites(&mut admin).await, sites(&mut partner).await), (2, 0));
    admin.post(&grants(&site), json!({ "user_id": partner_id, "reason": REASON })).await.expect(201);
    assert_eq!(sites(&mut partner).await, 1);
    let shown = owner.get(&access(&site)).await.expect(200);
    assert_eq!(shown["grants"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["grants"][0]["reason"], REASON);
    let grant_of_partner = format!("{}/{partner_id}", grants(&site));
    owner.delete(&grant_of_partner).await.expect(204);
    owner.delete(&grant_of_partner).await.expect_problem(409, "not_let_in");
    assert_eq!(sites(&mut partner).await, 0);
    app.clock.advance(TimeDelta::minutes(9));
    assert_eq!(sites(&mut admin).await, 2);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(sites(&mut admin).await, 1, "the end is no part of it");

    // Whom nobody lets in: who is below, who is another partner's, who is suspended or nobody; and with an end that is past.
    let mut viewer = app.member(Role::PracticeViewer, site.place(Role::PracticeViewer)).await;
    let mut stranger = app.member(Role::PartnerAdmin, other.place(Role::PartnerAdmin)).await;
    let (viewer_id, stranger_id) = (own_id(&mut viewer).await, own_id(&mut stranger).await);
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    for user in [viewer_id.as_str(), &stranger_id, "user_01h455vb4pex5vsknk084sn02q"] {
        let refused = owner.post(&grants(&site), json!({ "user_id": user, "reason": REASON })).await;
        assert_eq!(refused.expect(422)["errors"][0]["code"], "not_above", "{user}");
    }
    for (field, body) in [
        ("reason", json!({ "user_id": partner_id, "reason": "too short" })),
        ("expires_at", json!({ "user_id": partner_id, "reason": REASON, "expires_at": app.state().now() })),
    ] {
        let refused = owner.post(&grants(&site), body).await;
        assert_eq!(refused.expect(422)["errors"][0]["field"], field);
    }
    // Who is elsewhere finds no such client.
    stranger.get(&access(&site)).await.expect(404);
    stranger.put(&access(&site), json!({ "restricted": false })).await.expect(404);
    stranger.post(&grants(&site), json!({ "user_id": partner_id, "reason": REASON })).await.expect(404);
    stranger.post(&break_glass(&site), asked(1)).await.expect(404);
    // The practice opens itself again.
    owner.put(&access(&site), json!({ "restricted": false })).await.expect(200);
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    assert_eq!(sites(&mut partner).await, 1);
}

#[tokio::test]
async fn emergency_access_takes_two_people_and_lasts_for_hours() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let owner_email = app.person_of(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let mut owner = app.sign_in(&owner_email).await;
    let operator_email = app.person(Role::StaffOperator).await;
    let mut operator = app.sign_in(&operator_email).await;
    operator.post(&break_glass(&site), asked(1)).await.expect_problem(409, "not_restricted");
    restrict(&mut owner, &site).await;
    for (field, body) in [
        ("reason", json!({ "reason": "short", "ticket": "T", "hours": 1 })),
        ("ticket", json!({ "reason": REASON, "ticket": " ", "hours": 1 })),
        ("ticket", json!({ "reason": REASON, "ticket": "T".repeat(101), "hours": 1 })),
        ("hours", asked(0)),
        ("hours", asked(5)),
    ] {
        let refused = operator.post(&break_glass(&site), body).await;
        assert_eq!(refused.expect(422)["errors"][0]["field"], field);
    }
    owner.post(&break_glass(&site), asked(1)).await.expect_problem(403, "not_permitted");

    let waits = operator.post(&break_glass(&site), asked(2)).await.expect(201);
    assert_eq!((waits["state"].as_str(), waits["expires_at"].is_null()), (Some("requested"), true));
    operator.post(&break_glass(&site), asked(2)).await.expect_problem(409, "already_asked");
    approve(&mut operator, &id(&waits)).await.expect_problem(403, "not_permitted");
    assert_eq!(sites(&mut operator).await, 0, "asking opens nothing");
    // Several approve at once: one does.
    let mut approvers = vec![admin.clone(), owner.clone(), app.admin().await];
    approvers.push(app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await);
    let waiting = id(&waits);
    let all = futures_util::future::join_all(approvers.iter_mut().map(|b| approve(b, &waiting))).await;
    let mut statuses: Vec<_> = all.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    assert_eq!(sites(&mut operator).await, 1);
    operator.get(&format!("/api/sites/{}", site.id)).await.expect(200);
    operator.post(&break_glass(&site), asked(1)).await.expect_problem(409, "let_in");
    let listed = owner.get("/api/break-glass").await.expect(200);
    assert_eq!(listed["items"][0]["state"], "active");
    assert_eq!(owner.get(&access(&site)).await.expect(200)["break_glass"][0]["id"], waiting.as_str());
    app.clock.advance(TimeDelta::hours(2) - TimeDelta::seconds(1));
    let mut operator = app.sign_in(&operator_email).await;
    assert_eq!(sites(&mut operator).await, 1);
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(sites(&mut operator).await, 0, "it ran out");
    let mut owner = app.sign_in(&owner_email).await;
    assert_eq!(owner.get("/api/break-glass").await.expect(200)["items"][0]["state"], "ended");
    end(&mut owner, &waiting).await.expect_problem(409, "break_glass_over");
}

#[tokio::test]
async fn emergency_access_is_ended_by_whom_it_concerns_and_nobody_approves_their_own() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let other = app.site(&mut admin, "Other").await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut technician = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let mut bystander = app.staff(Role::StaffOperator).await;
    let mut stranger = app.member(Role::PartnerAdmin, other.place(Role::PartnerAdmin)).await;
    restrict(&mut owner, &site).await;

    let own = id(&admin.post(&break_glass(&site), asked(4)).await.expect(201));
    approve(&mut admin, &own).await.expect_problem(403, "second_person_needed");
    approve(&mut stranger, &own).await.expect(404);
    end(&mut stranger, &own).await.expect(404);
    end(&mut bystander, &own).await.expect_problem(403, "not_involved");
    // The one who asked withdraws it; nobody approves it then.
    end(&mut admin, &own).await.expect(200);
    approve(&mut partner, &own).await.expect_problem(409, "break_glass_over");

    for ender in 0..3 {
        let open = id(&technician.post(&break_glass(&site), asked(4)).await.expect(201));
        approve(&mut partner, &open).await.expect(200);
        assert_eq!(sites(&mut technician).await, 1);
        end(&mut bystander, &open).await.expect_problem(403, "not_involved");
        let by = match ender {
            0 => &mut technician,
            1 => &mut partner,
            _ => &mut owner,
        };
        assert_eq!(end(by, &open).await.expect(200)["state"], "ended");
        assert_eq!(sites(&mut technician).await, 0, "at once");
        end(&mut owner, &open).await.expect_problem(409, "break_glass_over");
    }
    // A request that nobody decides on lapses.
    let late = id(&technician.post(&break_glass(&site), asked(1)).await.expect(201));
    app.clock.advance(TimeDelta::hours(24));
    let mut fresh = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    approve(&mut fresh, &late).await.expect_problem(409, "break_glass_over");
    let denied =
        app.admin().await.get("/api/audit?outcome=denied&action=break_glass.approve").await.expect(200);
    assert_eq!(denied["items"][0]["detail"]["code"], "second_person_needed");
}

#[tokio::test]
async fn whom_the_asking_person_invited_does_not_approve() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    restrict(&mut owner, &site).await;
    let email = "puppet@partner.example";
    let mut puppet = invited(&app, &mut partner, email, "partner_admin").await;
    let open = id(&partner.post(&break_glass(&site), asked(1)).await.expect(201));
    approve(&mut puppet, &open).await.expect_problem(403, "invited_by_requester");
    // Under another address they are the same person.
    puppet.post("/api/auth/email", json!({ "email": "other@partner.example" })).await.expect(202);
    let token = app.mailed_token("other@partner.example").await;
    app.anonymous().post("/api/auth/email/confirm", json!({ "token": token })).await.expect(204);
    approve(&mut puppet, &open).await.expect_problem(403, "invited_by_requester");
    assert_eq!(sites(&mut partner).await, 0);
    // Of somebody else's request they do, and of this one somebody else does.
    let mut technician = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let other = id(&technician.post(&break_glass(&site), asked(1)).await.expect(201));
    approve(&mut puppet, &other).await.expect(200);
    let mut colleague = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    approve(&mut colleague, &open).await.expect(200);
    let denied = admin.get("/api/audit?outcome=denied&action=break_glass.approve").await.expect(200);
    assert_eq!(denied["items"][0]["detail"]["code"], "invited_by_requester");
}

#[tokio::test]
async fn without_an_owner_nothing_is_restricted_and_an_emergency_is_told_to_who_comes_next() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let admin_email = app.person(Role::StaffAdmin).await;
    let mut admin = app.sign_in(&admin_email).await;
    let site = app.site(&mut admin, "Closed").await;
    let mut people = Vec::new();
    for role in [Role::PracticeManager, Role::PracticeViewer] {
        people.push((role, app.person_of(role, site.place(role)).await));
    }
    let closed = json!({ "restricted": true });
    admin.put(&access(&site), closed.clone()).await.expect_problem(409, "no_owner");
    let owner = app.person_of(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    disable(&app, &site, Role::PracticeOwner).await;
    admin.put(&access(&site), closed).await.expect_problem(409, "no_owner");
    assert_eq!(sites(&mut admin).await, 1);
    people.insert(
        0,
        (Role::PracticeOwner, app.person_of(Role::PracticeOwner, site.place(Role::PracticeOwner)).await),
    );
    restrict(&mut admin, &site).await;

    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut technician = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let everybody: Vec<_> = people.iter().map(|(_, email)| email.clone()).chain([admin_email]).collect();
    let mut before = Vec::new();
    for email in &everybody {
        before.push(app.mail_to(email).await.len());
    }
    for (round, told) in ["owners", "managers", "members", "administrators"].into_iter().enumerate() {
        let open = id(&technician.post(&break_glass(&site), asked(1)).await.expect(201));
        approve(&mut partner, &open).await.expect(200);
        assert_eq!(sites(&mut technician).await, 1, "whoever is told");
        end(&mut technician, &open).await.expect(200);
        for (position, email) in everybody.iter().enumerate() {
            let mails = app.mail_to(email).await.len();
            let expected = if position == round { 3 } else { 0 };
            assert_eq!(mails - before[position], expected, "{told} are told, {position} is read");
            before[position] = mails;
        }
        let audit = admin.get("/api/audit?action=break_glass.approve").await.expect(200);
        assert_eq!(audit["items"][0]["detail"]["told"], told);
        if let Some((role, _)) = people.get(round) {
            disable(&app, &site, *role).await;
        }
        app.clock.advance(TimeDelta::seconds(1));
    }
    assert!(app.mail_to(&owner).await.is_empty(), "who may not sign in is not told");
}

#[tokio::test]
async fn staff_who_only_read_ask_for_emergency_access_and_only_read_with_it() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let mut reader = app.staff(Role::StaffReadonly).await;
    restrict(&mut owner, &site).await;
    assert_eq!(sites(&mut reader).await, 0);
    let open = id(&reader.post(&break_glass(&site), asked(1)).await.expect(201));
    approve(&mut reader, &open).await.expect_problem(403, "not_permitted");
    approve(&mut admin, &open).await.expect(200);
    assert_eq!(sites(&mut reader).await, 1);
    let before = app.database.fingerprint(&["audit_entry"]).await;
    let code = format!("/api/sites/{}/codes", site.id);
    reader.post(&code, json!({ "label": "server room" })).await.expect_problem(403, "not_permitted");
    reader.put(&access(&site), json!({ "restricted": false })).await.expect_problem(403, "not_permitted");
    assert_eq!(app.database.fingerprint(&["audit_entry"]).await, before);
    end(&mut reader, &open).await.expect(200);
    assert_eq!(sites(&mut reader).await, 0);
    // Who sees the bills alone has nothing to look at.
    let mut billing = app.member(Role::PartnerBilling, site.place(Role::PartnerBilling)).await;
    billing.post(&break_glass(&site), asked(1)).await.expect_problem(403, "not_permitted");
}

#[tokio::test]
async fn the_client_is_told_and_both_places_keep_the_record() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    app.enrolled(&mut admin, &site).await;
    let owner_email = app.person_of(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let manager_email = app.person_of(Role::PracticeManager, site.place(Role::PracticeManager)).await;
    let mut owner = app.sign_in(&owner_email).await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut technician = app.member(Role::PartnerTechnician, site.place(Role::PartnerTechnician)).await;
    let technician_id = own_id(&mut technician).await;
    restrict(&mut partner, &site).await;
    let open = id(&technician.post(&break_glass(&site), asked(3)).await.expect(201));
    approve(&mut partner, &open).await.expect(200);
    end(&mut technician, &open).await.expect(200);
    owner.post(&grants(&site), json!({ "user_id": technician_id, "reason": REASON })).await.expect(201);

    let mails = app.mail_to(&owner_email).await;
    assert_eq!(mails.len(), 5, "restricted, asked for, approved, ended, let in");
    let whole = mails.join("\n").replace("=\r\n", "").replace(['\r', '\n'], " ");
    for said in ["Test partner_technician", "T-4711", REASON, "Clinic Closed", "3 hours"] {
        assert!(whole.contains(said), "{said}: {whole}");
    }
    assert!(app.mail_to(&manager_email).await.is_empty(), "owners alone are told");

    // The same rows for the client and for the people above it, who do not see its other rows.
    let actions = |page: &Value| -> Vec<String> {
        let rows = page["items"].as_array().expect("a page").iter();
        let mut actions: Vec<_> = rows
            .filter(|row| row["org_id"] == site.org.to_string())
            .map(|row| row["action"].as_str().expect("one").to_owned())
            .collect();
        actions.sort();
        actions
    };
    let decisions =
        ["access.grant", "access.restrict", "break_glass.approve", "break_glass.end", "break_glass.request"];
    for browser in [&mut partner, &mut admin] {
        assert_eq!(actions(&browser.get("/api/audit").await.expect(200)), decisions);
    }
    let theirs = actions(&owner.get("/api/audit").await.expect(200));
    assert!(decisions.iter().all(|action| theirs.iter().any(|other| other == action)), "{theirs:?}");
    assert!(theirs.len() > decisions.len(), "and what was done before");

    // Stated in the log of its site, which verifies.
    let entries = owner.get(&format!("/api/sites/{}/evidence?limit=50", site.id)).await.expect(200);
    let text = entries.to_string();
    assert!(text.contains("server_fact"), "{text}");
    let mut database = app.database.superuser().await;
    let envelopes: Vec<String> = sqlx::query_scalar(
        "SELECT convert_from(decode(convert_from(envelope, 'UTF8')::json ->> 'payload', 'base64'), 'UTF8') FROM evidence_entry",
    )
    .fetch_all(&mut database)
    .await
    .expect("reads");
    for fact in [
        "access_restricted",
        "break_glass_requested",
        "break_glass_approved",
        "break_glass_ended",
        "access_granted",
    ] {
        assert!(envelopes.iter().any(|statement| statement.contains(fact)), "{fact}");
    }
    app.run_job("sampling").await;

    // Whoever asked is deleted: what they did stays.
    admin.delete(&format!("/api/users/{technician_id}")).await.expect(204);
    let kept = owner.get("/api/break-glass").await.expect(200);
    assert_eq!(kept["items"][0]["asked_by_name"], "Test partner_technician");
    assert_eq!(owner.get(&access(&site)).await.expect(200)["grants"], json!([]));
}

#[tokio::test]
async fn an_open_stream_tells_of_a_restricted_client_only_while_its_reader_is_let_in() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    let agent = app.enrolled(&mut admin, &site).await;
    let mut operator = app.staff(Role::StaffOperator).await;
    let mut stream = operator.open("/api/events").await;
    assert_eq!(stream.next().await.expect("open").event, "ready");
    // The restricted client's appliance checks in, and then there is another client: whether the stream tells of the first.
    let mut round = 0;
    let mut tells = async || {
        round += 1;
        app.clock.advance(TimeDelta::seconds(round));
        agent.check_in().await;
        app.run_job("presence").await;
        let next = app.site(&mut admin, &format!("Number {round}")).await;
        let mut told = false;
        loop {
            let event = stream.next().await.expect("open");
            let change: Value = serde_json::from_str(&event.data).expect("JSON");
            told |= change["org_id"] == site.org.to_string();
            if change["site_id"] == next.id.to_string() {
                return told;
            }
        }
    };
    assert!(tells().await, "everybody's");
    restrict(&mut owner, &site).await;
    assert!(!tells().await, "restricted while the stream is open");
    let waits = id(&operator.post(&break_glass(&site), asked(1)).await.expect(201));
    assert!(!tells().await);
    approve(&mut owner, &waits).await.expect(200);
    assert!(tells().await, "let in");
    end(&mut owner, &waits).await.expect(200);
    assert!(!tells().await, "ended");
    app.run_job("streams").await;
    assert!(!tells().await, "and the stream goes on");
}

#[tokio::test]
async fn deciding_about_access_takes_a_second_factor_of_just_now() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Closed").await;
    let mut operator = app.staff(Role::StaffOperator).await;
    app.person_of(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    restrict(&mut admin, &site).await;
    let waits = id(&operator.post(&break_glass(&site), asked(1)).await.expect(201));
    app.clock.advance(TimeDelta::minutes(6));
    let nobody = json!({ "user_id": "user_01h455vb4pex5vsknk084sn02q", "reason": REASON });
    admin.put(&access(&site), json!({ "restricted": true })).await.expect_problem(403, "step_up_required");
    admin.post(&grants(&site), nobody).await.expect_problem(403, "step_up_required");
    approve(&mut admin, &waits).await.expect_problem(403, "step_up_required");
    operator.post(&break_glass(&site), asked(1)).await.expect_problem(403, "step_up_required");
    // Taking away does not.
    end(&mut operator, &waits).await.expect(200);
}
