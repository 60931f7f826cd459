//! A restricted client is hidden from people above it, below the query layer: asked of the database as the runtime role.

use proofline_testkit::TestApp;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

const PERSON: &str = "00000000-0000-0000-0000-0000000000e1";
const ANOTHER: &str = "00000000-0000-0000-0000-0000000000e2";

/// How many sites a transaction with these settings sees.
async fn sites(runtime: &mut PgConnection, settings: &[(&str, &str)]) -> i64 {
    let mut transaction = runtime.begin().await.expect("begins");
    for (name, value) in settings {
        sqlx::query("SELECT set_config($1, $2, true)")
            .bind(name)
            .bind(value)
            .execute(&mut *transaction)
            .await
            .expect("sets");
    }
    sqlx::query_scalar("SELECT count(*) FROM site").fetch_one(&mut *transaction).await.expect("answers")
}

#[tokio::test]
async fn people_above_a_restricted_client_see_it_by_a_grant_or_a_live_access_alone() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (closed, _open) = (app.site(&mut admin, "Closed").await, app.site(&mut admin, "Open").await);
    let mut superuser = app.database.superuser().await;
    let org = closed.org.uuid();
    for sql in [
        format!("UPDATE organisation SET restricted = true WHERE org_id = '{org}'"),
        format!(
            "INSERT INTO person (id, email, name, role, password_hash, created_at)
             VALUES ('{PERSON}', 'one@staff.example', 'One', 'staff_operator', 'v1$x', now()),
                ('{ANOTHER}', 'two@staff.example', 'Two', 'staff_operator', 'v1$x', now())"
        ),
        format!(
            "INSERT INTO access_grant VALUES ('{org}', '{PERSON}', 'One', 'Works on their firewall', '{ANOTHER}', 'Two',
                '2026-01-01T00:00Z', '2026-02-01T00:00Z')"
        ),
        format!(
            "INSERT INTO break_glass VALUES ('{org}', '{ANOTHER}', '{ANOTHER}', 'Two', 'The clinic is down', 'T-1', 2,
                '2026-01-01T09:00Z', '{PERSON}', 'One', '2026-01-01T10:00Z', '2026-01-01T12:00Z', NULL)"
        ),
    ] {
        #[expect(clippy::disallowed_methods, reason = "made of ids of this test alone")]
        let sql = AssertSqlSafe(sql);
        sqlx::query(sql).execute(&mut superuser).await.expect("arranges");
    }
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    let platform = ("app.platform", "on");
    assert_eq!(sites(&mut runtime, &[platform]).await, 1, "nobody is named");
    assert_eq!(sites(&mut runtime, &[platform, ("app.unrestricted", "on")]).await, 2, "background work");
    assert_eq!(sites(&mut runtime, &[("app.partner", &closed.partner.uuid().to_string())]).await, 0);
    assert_eq!(sites(&mut runtime, &[("app.org", &org.to_string())]).await, 1, "its own people");
    for (person, at, seen) in [
        (PERSON, "2025-12-31T23:59:59Z", 1),
        (PERSON, "2026-01-15T00:00:00Z", 2),
        (PERSON, "2026-02-01T00:00:00Z", 1),
        (PERSON, "", 1),
        (ANOTHER, "2026-01-01T09:59:59Z", 1),
        (ANOTHER, "2026-01-01T11:59:59Z", 2),
        (ANOTHER, "2026-01-01T12:00:00Z", 1),
    ] {
        let settings = [platform, ("app.person", person), ("app.at", at)];
        assert_eq!(sites(&mut runtime, &settings).await, seen, "{person} at {at:?}");
    }

    // Over HTTP, the same: an administrator without a grant sees the name and no site.
    let listed = admin.get("/api/sites").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    admin.get(&format!("/api/sites/{}", closed.id)).await.expect(404);
    let clients = admin.get("/api/organisations").await.expect(200);
    assert_eq!(clients["items"].as_array().map(Vec::len), Some(2));
}
