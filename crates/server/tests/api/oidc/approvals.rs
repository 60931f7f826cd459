//! Whoever nobody knows waits, and one decision is made.

use chrono::TimeDelta;
use proofline_core::Role;
use serde_json::json;

use super::{Provider, Visitor, app, count, sign_in};

#[tokio::test]
async fn somebody_unknown_waits_is_let_in_with_a_role_and_signs_in() {
    let app = app().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("eve");
    let approval = provider.waiting(&mut admin, &visitor).await;
    // Who comes again with another name changes nothing of what is looked at.
    let renamed = Visitor { name: "The Administrator".to_owned(), ..visitor.clone() };
    assert_eq!(provider.waiting(&mut admin, &renamed).await, approval);
    let waiting = admin.get("/api/oidc/approvals").await.expect(200);
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(waiting["items"][0]["name"], "Dr eve");
    assert_eq!(waiting["items"][0]["provider_id"], provider.id.as_str());
    let path = format!("/api/oidc/approvals/{approval}/approve");
    for (body, code) in [
        (json!({ "role": "king" }), "role_unknown"),
        (json!({ "role": "practice_viewer" }), "role_not_of_place"),
        (json!({ "role": "staff_admin", "org_id": site.org }), "role_not_of_place"),
        (json!({ "role": "practice_viewer", "org_id": site.org, "partner_id": site.partner }), "one_place"),
    ] {
        assert_eq!(admin.post(&path, body).await.expect(422)["errors"][0]["code"], code);
    }
    let nowhere = json!({ "role": "practice_viewer", "org_id": "org_01h455vb4pex5vsknk084sn02q" });
    admin.post(&path, nowhere).await.expect_problem(404, "not_found");
    let nowhere = json!({ "role": "partner_admin", "partner_id": "part_01h455vb4pex5vsknk084sn02q" });
    admin.post(&path, nowhere).await.expect_problem(404, "not_found");
    let body = json!({ "role": "practice_manager", "org_id": site.org });
    let let_in = admin.post(&path, body.clone()).await.expect(200);
    admin.post(&path, body).await.expect_problem(409, "already_decided");
    let mut browser = app.anonymous();
    assert_eq!(sign_in(&mut browser, &provider, &visitor).await, "/signed-in");
    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["id"], let_in["user_id"]);
    assert_eq!(session["user"]["org_id"], site.org.to_string());
    assert_eq!(session["user"]["role"], "practice_manager");
    assert_eq!(admin.get("/api/oidc/approvals").await.expect(200)["items"], json!([]));
    // They have no password, so none opens.
    let login = json!({ "email": "eve@clinic.example", "password": "none" });
    app.anonymous().post("/api/auth/login", login).await.expect_problem(401, "login_failed");
}

#[tokio::test]
async fn of_fifty_who_decide_at_once_one_does() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let approval = provider.waiting(&mut admin, &Visitor::new("eve")).await;
    let people = count(&app, "SELECT count(*) FROM person").await;
    let decisions = (0..50).map(|n| {
        let mut admin = admin.clone();
        let (verb, body) =
            if n % 2 == 0 { ("approve", json!({ "role": "staff_readonly" })) } else { ("reject", json!({})) };
        let path = format!("/api/oidc/approvals/{approval}/{verb}");
        async move { (verb, admin.post(&path, body).await.status.as_u16()) }
    });
    let outcomes = futures_util::future::join_all(decisions).await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, status)| *status == 200).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|(_, status)| *status == 409).count(), 49, "{outcomes:?}");
    let made = i64::from(winners[0].0 == "approve");
    assert_eq!(count(&app, "SELECT count(*) FROM person").await, people + made);
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_identity").await, made);
    let rows = "SELECT count(*) FROM audit_entry WHERE action = 'approval.decide' AND outcome = 'done'";
    assert_eq!(count(&app, rows).await, 1);
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_so_until_the_request_is_forgotten() {
    let app = app().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut admin = app.sign_in(&email).await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("eve");
    let approval = provider.waiting(&mut admin, &visitor).await;
    admin.post(&format!("/api/oidc/approvals/{approval}/reject"), json!({})).await.expect(200);
    let end = sign_in(&mut app.anonymous(), &provider, &visitor).await;
    assert_eq!(end, "/login?problem=approval_rejected");
    app.clock.advance(TimeDelta::days(31));
    app.run_job("openid").await;
    let mut admin = app.sign_in(&email).await;
    provider.waiting(&mut admin, &visitor).await;
}

#[tokio::test]
async fn who_decides_lets_nobody_in_beyond_their_own_place_or_the_providers() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let mut stranger = app.member(Role::PracticeOwner, two.place(Role::PracticeOwner)).await;
    let of_partner = Provider::run(&app).await.configure(&mut partner, json!({})).await;
    let of_practice = Provider::run(&app).await.configure(&mut owner, json!({})).await;
    let approval = of_practice.waiting(&mut owner, &Visitor::new("eve")).await;
    let path = format!("/api/oidc/approvals/{approval}/approve");
    assert_eq!(stranger.get("/api/oidc/approvals").await.expect(200)["items"], json!([]));
    let theirs = stranger.post(&path, json!({ "role": "practice_viewer" })).await;
    let nothing = path.replace(&approval, "appr_01h455vb4pex5vsknk084sn02q");
    let nobodys = stranger.post(&nothing, json!({ "role": "practice_viewer" })).await;
    assert_eq!((theirs.status, theirs.code()), (nobodys.status, nobodys.code()));
    theirs.expect_problem(404, "not_found");
    owner.post(&path, json!({ "role": "practice_viewer", "org_id": two.org })).await.expect(404);
    owner.post(&path, json!({ "role": "partner_admin", "partner_id": one.partner })).await.expect(404);
    owner.post(&path, json!({ "role": "partner_admin" })).await.expect(422);
    owner.post(&path, json!({ "role": "staff_admin" })).await.expect(422);
    // Even staff make nobody of another place of somebody whom this practice's provider vouches for.
    for body in [json!({ "role": "staff_admin" }), json!({ "role": "practice_owner", "org_id": two.org })] {
        let refused = admin.post(&path, body).await.expect(422);
        assert_eq!(refused["errors"][0]["code"], "role_beyond_provider");
    }
    owner.post(&path, json!({ "role": "practice_viewer" })).await.expect(200);
    let approval = of_partner.waiting(&mut partner, &Visitor::new("bob")).await;
    let path = format!("/api/oidc/approvals/{approval}/approve");
    assert_eq!(owner.get("/api/oidc/approvals").await.expect(200)["items"], json!([]), "not the partner's");
    partner.post(&path, json!({ "role": "practice_viewer", "org_id": two.org })).await.expect(404);
    partner.post(&path, json!({ "role": "practice_viewer", "org_id": one.org })).await.expect(200);
    assert_eq!(sign_in(&mut app.anonymous(), &of_partner, &Visitor::new("bob")).await, "/signed-in");
}
