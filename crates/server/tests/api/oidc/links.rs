//! Linking a provider to oneself, and unlinking it.

use proofline_core::Role;
use serde_json::json;

use super::{Provider, Visitor, app, come_back, count, sent_to, sign_in};

#[tokio::test]
async fn an_identity_belongs_to_one_person_until_it_is_unlinked() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    let listed = admin.get("/api/auth/identities").await.expect(200);
    assert_eq!(listed["items"][0]["email"], "ada@clinic.example");
    let path = format!("/api/auth/identities/{}", listed["items"][0]["id"].as_str().expect("an id"));

    let mut other = app.staff(Role::StaffOperator).await;
    assert_eq!(other.get("/api/auth/identities").await.expect(200)["items"], json!([]));
    let begun =
        other.post("/api/auth/identities/link", json!({ "provider_id": provider.id })).await.expect(200);
    let back = provider.consent(begun["authorization_url"].as_str().expect("an address"), &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut other, &back).await), "/account?problem=identity_taken");
    other.delete(&path).await.expect_problem(404, "not_found");

    admin.delete(&path).await.expect(204);
    admin.delete(&path).await.expect_problem(404, "not_found");
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &visitor).await, "/login?problem=awaiting_approval");
}

#[tokio::test]
async fn a_link_is_made_for_the_session_that_began_it_or_not_at_all() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let body = json!({ "provider_id": provider.id, "return_to": "/settings?tab=1" });
    let begun = admin.post("/api/auth/identities/link", body).await.expect(200);
    let back = provider.consent(
        begun["authorization_url"].as_str().expect("an address"),
        &Visitor::new("ada"),
        |_| {},
    );
    // Whoever is sent the address, signed in or not, has nothing linked.
    let mut victim = app.admin().await;
    assert_eq!(sent_to(&victim.get(&back).await), "/login?problem=flow_unknown");
    let cookie = admin.cookies["__Host-oidc"].clone();
    admin.post_empty("/api/auth/logout").await.expect(204);
    admin.cookies.insert("__Host-oidc".to_owned(), cookie);
    assert_eq!(sent_to(&come_back(&mut admin, &back).await), "/settings?tab=1&problem=session_over");
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_identity").await, 0);
}

#[tokio::test]
async fn the_only_way_in_is_not_unlinked() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) =
        (Provider::configured(&app, &mut admin).await, Provider::configured(&app, &mut admin).await);
    let visitor = Visitor::new("eve");
    let approval = one.waiting(&mut admin, &visitor).await;
    let path = format!("/api/oidc/approvals/{approval}/approve");
    admin.post(&path, json!({ "role": "staff_readonly" })).await.expect(200);
    let mut eve = app.anonymous();
    assert_eq!(sign_in(&mut eve, &one, &visitor).await, "/signed-in");
    app.prove(&mut eve, &visitor.email).await;
    let mut paths = Vec::new();
    for _ in 0..2 {
        let listed = eve.get("/api/auth/identities").await.expect(200);
        let listed = listed["items"].as_array().expect("a list").iter();
        let mut listed =
            listed.map(|item| format!("/api/auth/identities/{}", item["id"].as_str().expect("an id")));
        // Linked at the same instant, they come in no order.
        paths.push(listed.find(|path| !paths.contains(path)).expect("one more"));
        if paths.len() == 1 {
            eve.delete(&paths[0]).await.expect_problem(409, "last_way_in");
            two.link(&mut eve, &visitor).await;
        }
    }
    eve.delete(&paths[0]).await.expect(204);
    eve.delete(&paths[1]).await.expect_problem(409, "last_way_in");
}

#[tokio::test]
async fn who_is_disabled_does_not_come_in_by_another_door() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let email = app.person(Role::StaffReadonly).await;
    let mut person = app.sign_in(&email).await;
    provider.link(&mut person, &Visitor::new("ada")).await;
    let mut superuser = app.database.superuser().await;
    let disable = sqlx::query("UPDATE person SET disabled_at = created_at WHERE email = $1").bind(&email);
    disable.execute(&mut superuser).await.expect("runs");
    let end = sign_in(&mut app.anonymous(), &provider, &Visitor::new("ada")).await;
    assert_eq!(end, "/login?problem=account_disabled");
}

#[tokio::test]
async fn a_provider_of_one_place_is_nothing_to_people_of_another() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let of_practice = Provider::run(&app).await.configure(&mut owner, json!({})).await;
    let of_partner = Provider::run(&app).await.configure(&mut partner, json!({})).await;
    assert_eq!(app.anonymous().get("/api/auth/providers").await.expect(200)["items"], json!([]));
    let stranger = app.member(Role::PracticeOwner, two.place(Role::PracticeOwner)).await;
    for (provider, outsider) in [
        (&of_practice, &admin),
        (&of_practice, &partner),
        (&of_practice, &stranger),
        (&of_partner, &admin),
        (&of_partner, &stranger),
    ] {
        let body = json!({ "provider_id": provider.id });
        outsider.clone().post("/api/auth/identities/link", body).await.expect_problem(404, "not_found");
    }
    // The partner's is for its clinics, too.
    of_partner.link(&mut owner, &Visitor::new("ada")).await;
    assert_eq!(sign_in(&mut app.anonymous(), &of_partner, &Visitor::new("ada")).await, "/signed-in");
    // Somebody who moved away from there does not come in that way any more.
    let mut superuser = app.database.superuser().await;
    sqlx::query("UPDATE person SET org_id = $1 WHERE id = (SELECT user_id FROM oidc_identity)")
        .bind(two.org.uuid())
        .execute(&mut superuser)
        .await
        .expect("runs");
    let end = sign_in(&mut app.anonymous(), &of_partner, &Visitor::new("ada")).await;
    assert_eq!(end, "/login?problem=wrong_place");
}
