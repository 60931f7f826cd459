//! Tenants are isolated below the query layer: proved in the database itself, under the runtime role.

use proofline_core::Role;
use proofline_testkit::TestApp;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

/// Tables that belong to the platform and hold no tenant's row, each with its reason.
const PLATFORM_TABLES: [(&str, &str); 8] = [
    ("installation", "one row"),
    ("server_key", "public halves"),
    ("known_secret", "ids of the installation's secrets"),
    ("bootstrap_token", "digests; reached through the sign-in scope"),
    ("sign_in_attempt", "keyed by a digest of what was typed; reached through the sign-in scope"),
    ("seen_nonce", "keyed by key and nonce; reached through the sign-in scope"),
    ("job_run", "background work"),
    ("_sqlx_migrations", "the migration runner's own"),
];

/// Protected by policies of their own, since they belong to people, partners, or more than one level.
const NOT_BY_TENANT: &[&str] = &[
    "partner",
    "person",
    "session",
    "idempotency_key",
    "api_token",
    "audit_entry",
    "totp_factor",
    "recovery_code",
    "passkey",
    "passkey_ceremony",
    "factor_policy",
    "oidc_provider",
    "oidc_flow",
    "oidc_identity",
    "oidc_approval",
    "invitation",
    "person_link",
    "reset_request",
    "mail_outbox",
];

#[tokio::test]
async fn every_tenant_table_has_forced_row_level_security_and_leads_with_the_tenant() {
    let app = TestApp::start().await;
    let mut owner = app.database.owner().await;
    let tables = sqlx::query(
        "SELECT c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
            (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
            (SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
             WHERE i.indrelid = c.oid AND i.indisprimary) AS leads
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')",
    )
    .fetch_all(&mut owner)
    .await
    .expect("reads the catalogue");
    assert!(tables.len() > 20);
    for table in tables {
        let name: String = table.get("name");
        if PLATFORM_TABLES.iter().any(|(platform, _)| *platform == name) {
            continue;
        }
        assert!(table.get::<bool, _>("enabled") && table.get::<bool, _>("forced"), "{name} is not protected");
        assert!(table.get::<i64, _>("policies") > 0, "{name} has no policy");
        if !NOT_BY_TENANT.contains(&name.as_str()) {
            assert_eq!(table.get::<Option<String>, _>("leads").as_deref(), Some("org_id"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_transaction_without_a_tenant_sees_nothing_and_evidence_cannot_be_changed() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    app.enrolled(&mut admin, &site).await;
    let invited = serde_json::json!({ "email": "newcomer@staff.example", "role": "staff_readonly" });
    admin.post("/api/invitations", invited).await.expect(201);
    let forgotten = serde_json::json!({ "email": "newcomer@staff.example" });
    admin.post("/api/auth/password-reset", forgotten).await.expect(202);
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    for sql in [
        "SELECT count(*) FROM site",
        "SELECT count(*) FROM appliance",
        "SELECT count(*) FROM evidence_entry",
        "SELECT count(*) FROM audit_entry",
        "SELECT count(*) FROM organisation",
        "SELECT count(*) FROM partner",
        "SELECT count(*) FROM person",
        "SELECT count(*) FROM invitation",
        "SELECT count(*) FROM mail_outbox",
        "SELECT count(*) FROM reset_request",
    ] {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut runtime).await.expect("answers");
        assert_eq!(count, 0, "{sql}");
    }
    sqlx::query("SET app.platform = 'on'").execute(&mut runtime).await.expect("sets");
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM evidence_entry")
        .fetch_one(&mut runtime)
        .await
        .expect("answers");
    assert!(count >= 1, "at least the enrolment of the key");
    for sql in [
        "UPDATE evidence_entry SET envelope = 'x'",
        "DELETE FROM evidence_entry",
        "TRUNCATE evidence_entry",
        "UPDATE audit_entry SET outcome = 'done'",
        "DELETE FROM audit_entry",
        "DROP TABLE site",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE site DISABLE ROW LEVEL SECURITY",
    ] {
        let refused = sqlx::query(sql).execute(&mut runtime).await;
        assert!(refused.is_err(), "{sql} must be refused");
    }
    runtime.close().await.expect("closes");
}

#[tokio::test]
async fn one_tenant_never_sees_the_other() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    app.enrolled(&mut admin, &one).await;
    app.enrolled(&mut admin, &two).await;
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    let mut transaction = runtime.begin().await.expect("begins");
    sqlx::query("SELECT set_config('app.org', $1, true)")
        .bind(one.org.uuid().to_string())
        .execute(&mut *transaction)
        .await
        .expect("sets");
    for sql in [
        "SELECT DISTINCT org_id FROM site",
        "SELECT DISTINCT org_id FROM appliance",
        "SELECT DISTINCT org_id FROM evidence_entry",
        "SELECT DISTINCT org_id FROM asset",
        "SELECT org_id FROM organisation",
    ] {
        let orgs: Vec<sqlx::types::Uuid> =
            sqlx::query_scalar(sql).fetch_all(&mut *transaction).await.expect("answers");
        assert_eq!(orgs, [one.org.uuid()], "{sql}");
    }
    let stolen = sqlx::query("UPDATE site SET name = 'mine' WHERE org_id = $1")
        .bind(two.org.uuid())
        .execute(&mut *transaction)
        .await
        .expect("runs");
    assert_eq!(stolen.rows_affected(), 0);
    let planted = sqlx::query(
        "INSERT INTO site (org_id, id, name, timezone, created_at) VALUES ($1, $2, 'x', 'UTC', now())",
    )
    .bind(two.org.uuid())
    .bind(one.id.uuid())
    .execute(&mut *transaction)
    .await;
    assert!(planted.is_err(), "a row cannot be planted with another tenant");
    transaction.rollback().await.expect("rolls back");
    // The setting ended with its transaction: the pooled connection is nobody again.
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM site").fetch_one(&mut runtime).await.expect("answers");
    assert_eq!(count, 0);
}

#[tokio::test]
async fn people_of_a_partner_or_a_practice_see_what_is_theirs_alone() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    app.enrolled(&mut admin, &one).await;
    app.enrolled(&mut admin, &two).await;
    for role in [Role::PartnerTechnician, Role::PracticeViewer] {
        let mut theirs = app.member(role, one.place(role)).await;
        for (list, id) in [("sites", one.id.to_string()), ("organisations", one.org.to_string())] {
            let page = theirs.get(&format!("/api/{list}")).await.expect(200);
            let items = page["items"].as_array().expect("a page");
            assert_eq!(items.len(), 1, "{role}: {list}");
            assert_eq!(items[0]["id"], id.as_str(), "{role}: {list}");
        }
        let appliances = theirs.get("/api/appliances").await.expect(200);
        assert_eq!(appliances["items"].as_array().map(Vec::len), Some(1), "{role}");
        theirs.get(&format!("/api/sites/{}", one.id)).await.expect(200);
        let not_theirs = theirs.get(&format!("/api/sites/{}", two.id)).await;
        let nothing = theirs.get("/api/sites/site_01h455vb4pex5vsknk084sn02q").await;
        assert_eq!(not_theirs.status, nothing.status, "{role}");
        assert_eq!(not_theirs.status.as_u16(), 404, "{role}");
    }
    // A partner adds clinics under itself, and under nobody else.
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let under = |id: String| serde_json::json!({ "partner_id": id, "name": "Another clinic" });
    partner.post("/api/organisations", under(one.partner.to_string())).await.expect(201);
    partner.post("/api/organisations", under(two.partner.to_string())).await.expect(404);
    let theirs = partner.get("/api/audit").await.expect(200);
    let rows = theirs["items"].as_array().expect("a page");
    assert!(rows.iter().any(|row| row["action"] == "organisation.create"), "what they did themselves");
    assert!(rows.iter().all(|row| row["detail"]["name"] != "Clinic Two"), "and nothing of others");
}

#[tokio::test]
async fn a_role_that_could_go_around_it_is_refused() {
    let app = TestApp::start().await;
    let options = proofline_store::ConnectOptions::new(app.database.owner_options());
    let Err(error) = proofline_store::Store::connect(options).await else { panic!("the owner was accepted") };
    assert!(error.to_string().contains("owns Proofline's tables"), "{error}");
}
