//! Invitations: one link, one person, and nobody learns who else has an account.

use chrono::TimeDelta;
use futures_util::future::join_all;
use proofline_core::Role;
use proofline_testkit::{Browser, TestApp, TestSite};
use serde_json::{Value, json};

use crate::people::id_of;

const PASSWORD: &str = "seven quiet otters";
const NEW: &str = "newcomer@staff.example";

async fn invite(by: &mut Browser, email: &str) -> Value {
    by.post("/api/invitations", json!({ "email": email, "role": "staff_operator" })).await.expect(201)
}

fn acceptance(token: &str) -> Value {
    json!({ "token": token, "name": "Nora Newcomer", "password": PASSWORD })
}

async fn look(app: &TestApp, token: &str) -> proofline_testkit::Reply {
    app.anonymous().post("/api/auth/invitation/look", json!({ "token": token })).await
}

/// With a single connection: nothing here waits for a second one while it holds the first.
async fn generous() -> TestApp {
    TestApp::start_with(1, |s| s.rate_scale = 1_000).await
}

#[tokio::test]
async fn an_invitation_becomes_a_person_who_is_signed_in() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let invited = admin
        .post(
            "/api/invitations",
            json!({ "email": "Newcomer@Staff.example", "role": "practice_owner", "org_id": site.org }),
        )
        .await
        .expect(201);
    assert_eq!(invited["email"], NEW);
    assert_eq!((&invited["state"], &invited["place_name"]), (&json!("open"), &json!("Clinic Main Street")));
    assert_eq!(invited["expires_at"], "2026-11-29T09:00:00Z", "seven days");
    let token = app.mailed_token(NEW).await;
    assert!(!invited.to_string().contains(&token));
    let mail = app.mail_to(NEW).await.pop().expect("one");
    assert!(
        mail.contains(&format!("https://compliance.example/invitation#{token}")),
        "in the fragment: {mail}"
    );
    for _ in 0..3 {
        let offer = look(&app, &token).await.expect(200);
        assert_eq!(
            offer,
            json!({ "email": NEW, "role": "practice_owner", "place_name": "Clinic Main Street",
            "inviter_name": "Test staff_admin" }),
            "looking uses nothing up"
        );
    }
    let mut newcomer = app.anonymous();
    let mut weak = acceptance(&token);
    weak["password"] = json!("short");
    newcomer.post("/api/auth/invitation/accept", weak).await.expect_problem(422, "invalid");
    let session = newcomer.post("/api/auth/invitation/accept", acceptance(&token)).await.expect(201);
    assert_eq!(session["user"]["role"], "practice_owner");
    assert_eq!(session["user"]["org_id"], site.org.to_string());
    newcomer.get("/api/auth/session").await.expect(200);
    look(&app, &token).await.expect_problem(403, "link_invalid");
    newcomer
        .post("/api/auth/invitation/accept", acceptance(&token))
        .await
        .expect_problem(403, "link_invalid");
    let listed = admin.get("/api/invitations").await.expect(200);
    assert_eq!(listed["items"][0]["state"], "accepted");
    let again = json!({ "email": NEW, "password": PASSWORD });
    app.anonymous().post("/api/auth/login", again).await.expect(200);
    admin.delete(&format!("/api/invitations/{}", invited["id"].as_str().expect("an id"))).await.expect(404);
}

#[tokio::test]
async fn a_link_dies_by_time_by_another_link_by_withdrawal_and_with_its_inviter() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let path = |invitation: &Value| format!("/api/invitations/{}", invitation["id"].as_str().expect("an id"));

    let invitation = invite(&mut admin, NEW).await;
    let first = app.mailed_token(NEW).await;
    app.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    look(&app, &first).await.expect(200);
    app.clock.advance(TimeDelta::seconds(1));
    look(&app, &first).await.expect_problem(403, "link_invalid");
    let mut admin = app.admin().await;
    assert_eq!(admin.get("/api/invitations").await.expect(200)["items"][0]["state"], "expired");

    let renewed = admin.post(&format!("{}/resend", path(&invitation)), json!({})).await.expect(200);
    assert_eq!(renewed["state"], "open");
    let second = app.mailed_token(NEW).await;
    assert_ne!(first, second);
    look(&app, &first).await.expect_problem(403, "link_invalid");
    look(&app, &second).await.expect(200);

    admin.delete(&path(&invitation)).await.expect(204);
    look(&app, &second).await.expect_problem(403, "link_invalid");
    admin.delete(&path(&invitation)).await.expect_problem(404, "not_found");
    admin
        .post(&format!("{}/resend", path(&invitation)), json!({}))
        .await
        .expect_problem(409, "invitation_closed");

    let email = app.person(Role::StaffAdmin).await;
    let mut inviter = app.sign_in(&email).await;
    invite(&mut inviter, "friend@staff.example").await;
    let token = app.mailed_token("friend@staff.example").await;
    look(&app, &token).await.expect(200);
    let id = id_of(&mut admin, &email).await;
    admin
        .post(&format!("/api/users/{id}/suspend"), json!({ "reason": "invites strangers" }))
        .await
        .expect(200);
    look(&app, &token).await.expect_problem(403, "link_invalid");
    let nonsense = look(&app, "nonsense").await;
    nonsense.expect_problem(403, "link_invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_accept_at_once_one_becomes_the_person() {
    let app = generous().await;
    let mut admin = app.admin().await;
    invite(&mut admin, NEW).await;
    let token = app.mailed_token(NEW).await;
    let attempts = (0..10).map(|_| {
        let (mut browser, body) = (app.anonymous(), acceptance(&token));
        tokio::spawn(async move { browser.post("/api/auth/invitation/accept", body).await.status.as_u16() })
    });
    let mut statuses: Vec<u16> = join_all(attempts).await.into_iter().map(|s| s.expect("answers")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 403), "{statuses:?}");
    assert_eq!(
        admin.get(&format!("/api/users?search={NEW}")).await.expect(200)["items"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn who_has_an_account_elsewhere_is_told_and_nobody_else_is() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let known = app.person_of(Role::PracticeOwner, two.place(Role::PracticeOwner)).await;
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let mut answers = Vec::new();
    for email in [known.as_str(), NEW] {
        let reply =
            owner.post("/api/invitations", json!({ "email": email, "role": "practice_viewer" })).await;
        let mut body = reply.expect(201);
        for own in ["id", "email"] {
            assert!(body[own].is_string());
            body[own] = Value::Null;
        }
        let mut headers: Vec<_> =
            reply.headers.keys().map(ToString::to_string).filter(|name| name != "x-request-id").collect();
        headers.sort_unstable();
        answers.push((body, headers, reply.queries()));
    }
    assert_eq!(answers[0], answers[1], "the same answer after the same queries");
    let listed = owner.get("/api/invitations").await.expect(200);
    assert!(listed["items"].as_array().expect("two").iter().all(|i| i["state"] == "open"));
    let told = app.mail_to(&known).await.pop().expect("a mail");
    assert!(
        told.contains("An invitation to an address that has an account") && !told.contains('#'),
        "no link: {told}"
    );
    assert!(app.mail_to(NEW).await.pop().expect("a mail").contains("/invitation#"));
}

#[tokio::test]
async fn whoever_sees_a_person_is_told_that_there_is_nobody_to_invite() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let one = app.site(&mut admin, "One").await;
    let known = app.person_of(Role::PracticeManager, one.place(Role::PracticeManager)).await;
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let asked = json!({ "email": known.to_uppercase(), "role": "practice_viewer" });
    owner.post("/api/invitations", asked).await.expect_problem(409, "has_account");
    assert_eq!(owner.get("/api/invitations").await.expect(200)["items"], json!([]));
    assert_eq!(app.mail_to(&known).await.len(), 0);
}

#[tokio::test]
async fn accepting_ends_the_session_that_the_browser_had() {
    let app = generous().await;
    let mut admin = app.admin().await;
    invite(&mut admin, NEW).await;
    let token = app.mailed_token(NEW).await;
    let mut browser = app.staff(Role::StaffReadonly).await;
    let mut copy = app.anonymous();
    copy.cookies.clone_from(&browser.cookies);
    let session = browser.post("/api/auth/invitation/accept", acceptance(&token)).await.expect(201);
    assert_eq!(session["user"]["email"], NEW);
    copy.get("/api/auth/session").await.expect_problem(401, "no_session");
    browser.get("/api/auth/session").await.expect(200);
}

#[tokio::test]
async fn nobodys_mailbox_is_flooded_with_invitations_whoever_sends_them() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut colleague = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let other = app.site(&mut admin, "Elsewhere").await;
    let known = app.person_of(Role::PartnerBilling, other.place(Role::PartnerBilling)).await;
    // Whether somebody elsewhere has the address is not told by it.
    for email in [NEW, &known] {
        let body = json!({ "email": email, "role": "partner_billing" });
        let invitation = colleague.post("/api/invitations", body.clone()).await.expect(201);
        let again = format!("/api/invitations/{}/resend", invitation["id"].as_str().expect("an id"));
        colleague.post(&again, json!({})).await.expect(200);
        for _ in 0..3 {
            partner.post("/api/invitations", body.clone()).await.expect(201);
        }
        let refused = partner.post("/api/invitations", body).await;
        refused.expect_problem(429, "mail_budget");
        assert_eq!(refused.headers["retry-after"], "3600");
        colleague.post(&again, json!({})).await.expect_problem(429, "mail_budget");
        assert_eq!(app.mail_to(email).await.len(), 5);
        let elsewhere = json!({ "email": format!("not.{email}"), "role": "partner_billing" });
        partner.post("/api/invitations", elsewhere).await.expect(201);
    }
    app.clock.advance(TimeDelta::days(1));
    invite(&mut app.admin().await, NEW).await;
}

#[tokio::test]
async fn a_password_is_not_the_name_of_the_place_or_of_the_installation() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let partner = admin.post("/api/partners", json!({ "name": "Northgate IT" })).await.expect(201);
    let org = json!({ "partner_id": partner["id"], "name": "Sunrise Dermatology" });
    let org = admin.post("/api/organisations", org).await.expect(201);
    admin.patch("/api/settings", json!({ "name": "Lab" })).await.expect(200);
    let email = "ana@sunrise.example";
    let body = json!({ "email": email, "role": "practice_owner", "org_id": org["id"] });
    admin.post("/api/invitations", body).await.expect(201);
    let mut accept = acceptance(&app.mailed_token(email).await);
    let mut newcomer = app.anonymous();
    let personal =
        ["Northgate2024", "SunriseDermatology", "LabLabLab2024", "compliance.example", "NoraNewcomer1"];
    for (weak, code) in
        personal.map(|weak| (weak, "too_personal")).into_iter().chain([("Password123!", "too_common")])
    {
        accept["password"] = json!(weak);
        let refused = newcomer.post("/api/auth/invitation/accept", accept.clone()).await.expect(422);
        assert_eq!(refused["errors"][0]["code"], code, "{weak}");
    }
    accept["password"] = json!(PASSWORD);
    newcomer.post("/api/auth/invitation/accept", accept).await.expect(201);
    // The same for whoever sets another one.
    app.prove(&mut newcomer, email).await;
    app.clock.advance(TimeDelta::seconds(1));
    let change = json!({ "current_password": PASSWORD, "new_password": "Northgate2024" });
    let refused = newcomer.post("/api/auth/password", change).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "too_personal");
    newcomer.post("/api/auth/password-reset", json!({ "email": email })).await.expect(202);
    let reset = json!({ "token": app.mailed_token(email).await, "password": "Northgate2024" });
    let refused = app.anonymous().post("/api/auth/password-reset/confirm", reset).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "too_personal");
}

async fn refused(by: &mut Browser, role: &str, place: Value, status: u16, code: &str) {
    let mut body = json!({ "email": NEW, "role": role });
    for (name, value) in place.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let reply = by.post("/api/invitations", body).await;
    if status == 422 {
        assert_eq!(reply.expect(422)["errors"][0]["code"], code, "{role}");
    } else {
        reply.expect_problem(status, code);
    }
}

#[tokio::test]
async fn nobody_invites_to_what_they_would_not_decide_over() {
    let app = generous().await;
    let mut admin = app.admin().await;
    let (one, two): (TestSite, TestSite) =
        (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    refused(&mut partner, "staff_readonly", json!({}), 403, "not_managed").await;
    refused(&mut partner, "partner_billing", json!({ "partner_id": two.partner }), 404, "not_found").await;
    refused(&mut partner, "practice_viewer", json!({ "org_id": two.org }), 404, "not_found").await;
    refused(&mut partner, "practice_viewer", json!({}), 422, "place_invalid").await;
    refused(
        &mut partner,
        "practice_viewer",
        json!({ "org_id": one.org, "partner_id": one.partner }),
        422,
        "place_invalid",
    )
    .await;
    partner
        .post("/api/invitations", json!({ "email": NEW, "role": "practice_viewer", "org_id": one.org }))
        .await
        .expect(201);
    partner.post("/api/invitations", json!({ "email": NEW, "role": "partner_billing" })).await.expect(201);
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    refused(&mut owner, "partner_admin", json!({ "partner_id": one.partner }), 403, "not_managed").await;
    refused(&mut owner, "staff_admin", json!({}), 403, "not_managed").await;
    let recorded = admin.get("/api/audit?outcome=denied&action=invitation.create").await.expect(200);
    let codes: Vec<_> =
        recorded["items"].as_array().expect("rows").iter().map(|row| &row["detail"]["code"]).collect();
    assert_eq!(codes, ["not_managed"; 3], "whoever oversteps is seen");
    refused(&mut owner, "practice_owner", json!({ "org_id": two.org }), 404, "not_found").await;
    for (body, code) in [
        (json!({ "email": "nobody", "role": "staff_admin" }), "email_invalid"),
        (json!({ "email": NEW, "role": "boss" }), "role_unknown"),
    ] {
        assert_eq!(admin.post("/api/invitations", body).await.expect(422)["errors"][0]["code"], code);
    }
    // What the partner invited to is there for its practice, and nothing of it for the other one.
    assert_eq!(owner.get("/api/invitations").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    let mut other = app.member(Role::PracticeOwner, two.place(Role::PracticeOwner)).await;
    assert_eq!(other.get("/api/invitations").await.expect(200)["items"], json!([]));
    let theirs =
        owner.get("/api/invitations").await.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned();
    other.delete(&format!("/api/invitations/{theirs}")).await.expect_problem(404, "not_found");
    other
        .post(&format!("/api/invitations/{theirs}/resend"), json!({}))
        .await
        .expect_problem(404, "not_found");
}
