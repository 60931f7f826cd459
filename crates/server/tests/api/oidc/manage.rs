//! Providers are managed by whoever answers for their place, and their secrets go in and never out.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_testkit::{Browser, TestApp};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Provider, Visitor, app, begin};

fn google(differs: &Value) -> Value {
    let mut body = json!({ "name": "Google", "kind": "google", "issuer": "https://accounts.google.com",
        "client_id": "ours", "client_secret": "pear lorry twelve" });
    for (name, value) in differs.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

async fn listed(browser: &mut Browser) -> Vec<String> {
    let page = browser.get("/api/oidc/providers").await.expect(200);
    let id = |provider: &Value| provider["id"].as_str().expect("an id").to_owned();
    page["items"].as_array().expect("a page").iter().map(id).collect()
}

#[tokio::test]
async fn each_place_has_its_own_and_sees_nobody_elses() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let mut stranger = app.member(Role::PracticeOwner, two.place(Role::PracticeOwner)).await;
    let add = async |browser: &mut Browser, differs: Value| {
        app.clock.advance(TimeDelta::milliseconds(10));
        let added = browser.post("/api/oidc/providers", google(&differs)).await.expect(201);
        added["id"].as_str().expect("an id").to_owned()
    };
    let platforms = add(&mut admin, json!({})).await;
    let partners = add(&mut partner, json!({})).await;
    let practices = add(&mut owner, json!({})).await;
    let by_partner = add(&mut partner, json!({ "org_id": one.org })).await;
    let by_staff = add(&mut admin, json!({ "partner_id": two.partner })).await;
    assert_eq!(listed(&mut admin).await.len(), 5);
    assert_eq!(listed(&mut partner).await, [by_partner.clone(), practices.clone(), partners.clone()]);
    assert_eq!(listed(&mut owner).await, [by_partner, practices.clone()]);
    assert!(listed(&mut stranger).await.is_empty());
    for (browser, differs) in [
        (&owner, json!({ "partner_id": one.partner })),
        (&owner, json!({ "org_id": two.org })),
        (&partner, json!({ "org_id": two.org })),
        (&partner, json!({ "partner_id": two.partner })),
        (&admin, json!({ "org_id": "org_01h455vb4pex5vsknk084sn02q" })),
        (&admin, json!({ "partner_id": "part_01h455vb4pex5vsknk084sn02q" })),
    ] {
        browser.clone().post("/api/oidc/providers", google(&differs)).await.expect_problem(404, "not_found");
    }
    for (id, browser) in [
        (&platforms, &partner),
        (&platforms, &owner),
        (&partners, &owner),
        (&practices, &stranger),
        (&by_staff, &partner),
    ] {
        let (path, mut browser) = (format!("/api/oidc/providers/{id}"), browser.clone());
        let nothing = browser.delete("/api/oidc/providers/idp_01h455vb4pex5vsknk084sn02q").await;
        let theirs = browser.delete(&path).await;
        assert_eq!((theirs.status, theirs.code()), (nothing.status, nothing.code()));
        theirs.expect_problem(404, "not_found");
        browser.patch(&path, json!({ "enabled": false })).await.expect_problem(404, "not_found");
    }
    partner.delete(&format!("/api/oidc/providers/{practices}")).await.expect(204);
}

async fn sealed(app: &TestApp) -> Vec<(String, String)> {
    let mut superuser = app.database.superuser().await;
    sqlx::query_as("SELECT client_secret_sealed, client_secret_key FROM oidc_provider ORDER BY id")
        .fetch_all(&mut superuser)
        .await
        .expect("reads")
}

#[tokio::test]
async fn a_secret_goes_in_and_never_out() {
    let app = app().await;
    let mut admin = app.admin().await;
    let added = admin.post("/api/oidc/providers", google(&json!({}))).await;
    assert!(!String::from_utf8_lossy(&added.bytes).contains("pear lorry"));
    let id = added.expect(201)["id"].as_str().expect("an id").to_owned();
    let before = sealed(&app).await;
    assert!(before[0].0.starts_with("gAAAA") && before[0].1.len() == 16, "{before:?}");
    let path = format!("/api/oidc/providers/{id}");
    let changed = admin.patch(&path, json!({ "client_secret": "plum barge fourteen" })).await;
    assert!(!String::from_utf8_lossy(&changed.bytes).contains("plum barge"));
    changed.expect(200);
    assert_ne!(sealed(&app).await, before);
    let changed = admin
        .patch(&path, json!({ "name": "Ours", "allowed_domains": ["Clinic.Example"] }))
        .await
        .expect(200);
    assert_eq!(changed["name"], "Ours");
    assert_eq!(changed["allowed_domains"], json!(["clinic.example"]));
    assert_eq!(changed["client_id"], "ours", "the rest stays");
    let page = admin.get("/api/oidc/providers").await;
    let text = String::from_utf8_lossy(&page.bytes).into_owned();
    assert!(!text.contains("secret") && !text.contains("gAAAA"), "{text}");
    let audit = admin.get("/api/audit").await;
    assert!(!String::from_utf8_lossy(&audit.bytes).contains("barge"));
}

#[tokio::test]
async fn a_secret_that_was_moved_to_another_provider_opens_for_nobody() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    admin.post("/api/oidc/providers", google(&json!({}))).await.expect(201);
    let mut superuser = app.database.superuser().await;
    sqlx::query(
        "UPDATE oidc_provider SET client_secret_sealed =
            (SELECT client_secret_sealed FROM oidc_provider WHERE kind = 'google') WHERE kind = 'openid'",
    )
    .execute(&mut superuser)
    .await
    .expect("runs");
    let start = format!("/api/auth/providers/{}/start", provider.id);
    app.anonymous().post(&start, json!({})).await.expect_problem(500, "internal");
}

#[tokio::test]
async fn an_issuer_is_one_that_can_be_trusted_to_say_who_somebody_is() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
    for (kind, issuer, code) in [
        ("google", "https://accounts.evil.example".to_owned(), "issuer_not_google"),
        ("google", "https://accounts.google.com/".to_owned(), "issuer_not_google"),
        ("microsoft", format!("https://evil.example/{tenant}/v2.0"), "issuer_not_microsoft"),
        ("microsoft", "https://login.microsoftonline.com/common/v2.0".to_owned(), "issuer_without_tenant"),
        (
            "microsoft",
            "https://login.microsoftonline.com/organizations/v2.0".to_owned(),
            "issuer_without_tenant",
        ),
        (
            "microsoft",
            "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(),
            "issuer_without_tenant",
        ),
        ("openid", "https://login.microsoftonline.com/common/v2.0".to_owned(), "issuer_without_tenant"),
        ("openid", "http://id.clinic.example".to_owned(), "issuer_invalid"),
        ("openid", "https://127.0.0.1".to_owned(), "issuer_invalid"),
        ("openid", "http://127.0.0.1:4000".to_owned(), "issuer_invalid"),
        ("openid", "https://169.254.169.254/latest".to_owned(), "issuer_invalid"),
        ("openid", "https://[::1]".to_owned(), "issuer_invalid"),
        ("openid", "https://0x7f000001".to_owned(), "issuer_invalid"),
        ("openid", "https://user:pw@id.clinic.example".to_owned(), "issuer_invalid"),
        ("openid", "https://id.clinic.example/?x=1".to_owned(), "issuer_invalid"),
        ("openid", "https://id.clinic.example/#x".to_owned(), "issuer_invalid"),
        ("openid", "file:///etc/passwd".to_owned(), "issuer_invalid"),
        ("openid", String::new(), "issuer_invalid"),
    ] {
        let refused =
            admin.post("/api/oidc/providers", google(&json!({ "kind": kind, "issuer": issuer }))).await;
        assert_eq!(refused.expect(422)["errors"][0]["code"], code, "{kind} {issuer}");
    }
    for (kind, issuer) in [
        ("microsoft", format!("https://login.microsoftonline.com/{tenant}/v2.0")),
        ("openid", "https://id.clinic.example/realms/one".to_owned()),
    ] {
        admin
            .post("/api/oidc/providers", google(&json!({ "kind": kind, "issuer": issuer })))
            .await
            .expect(201);
    }
    // A name that leads inside is let in by its text, and found out when it is looked up.
    let inside = google(&json!({ "kind": "openid", "issuer": "https://localhost:1" }));
    let added = admin.post("/api/oidc/providers", inside).await.expect(201);
    let start = format!("/api/auth/providers/{}/start", added["id"].as_str().expect("an id"));
    app.anonymous().post(&start, json!({})).await.expect_problem(503, "provider_unavailable");
    for (differs, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "client_id": "a b" }), "client_id"),
        (json!({ "client_secret": "" }), "client_secret"),
        (json!({ "allowed_domains": ["@clinic.example"] }), "allowed_domains"),
        (json!({ "kind": "github" }), "body"),
    ] {
        let refused = admin.post("/api/oidc/providers", google(&differs)).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn the_database_itself_keeps_the_places_apart() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut owner = app.member(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    let theirs = Provider::run(&app).await.configure(&mut owner, json!({})).await;
    theirs.waiting(&mut owner, &Visitor::new("eve")).await;
    theirs.link(&mut owner, &Visitor::new("ada")).await;
    begin(&mut app.anonymous(), &theirs, json!({})).await;
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    for (setting, value, expected) in [
        ("app.org", one.org.uuid(), [1_i64, 1, 1, 0]),
        ("app.partner", one.partner.uuid(), [1, 1, 1, 0]),
        ("app.org", two.org.uuid(), [0, 0, 0, 0]),
        ("app.partner", two.partner.uuid(), [0, 0, 0, 0]),
    ] {
        let mut transaction = runtime.begin().await.expect("begins");
        let set = sqlx::query("SELECT set_config($1, $2, true)").bind(setting).bind(value.to_string());
        set.execute(&mut *transaction).await.expect("sets");
        let counted: Vec<i64> = sqlx::query_scalar(
            "SELECT count(*) FROM oidc_provider UNION ALL SELECT count(*) FROM oidc_approval
             UNION ALL SELECT count(*) FROM oidc_identity UNION ALL SELECT count(*) FROM oidc_flow",
        )
        .fetch_all(&mut *transaction)
        .await
        .expect("answers");
        assert_eq!(counted, expected, "{setting} {value}");
        let planted = sqlx::query(
            "INSERT INTO oidc_provider (id, org_id, name, kind, issuer, client_id, allowed_domains, enabled, created_at)
             VALUES ($1, $2, 'x', 'openid', 'https://x.example', 'x', '{}', true, now())",
        )
        .bind(value)
        .bind(if value == two.org.uuid() || value == two.partner.uuid() { one.org } else { two.org }.uuid());
        assert!(planted.execute(&mut *transaction).await.is_err(), "a provider is planted nowhere else");
        transaction.rollback().await.expect("rolls back");
    }
}
