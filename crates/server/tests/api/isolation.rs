//! Tenants are isolated below the query layer: proved in the database itself, under the runtime role.

use std::collections::{BTreeMap, BTreeSet};

use proofline_core::Role;
use proofline_testkit::TestApp;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::tenant::Tenant;

/// Tables that belong to the platform and hold no tenant's row, each with its reason.
const PLATFORM_TABLES: [(&str, &str); 8] = [
    ("installation", "one row"),
    ("server_key", "public halves"),
    ("known_secret", "ids of the installation's secrets"),
    ("bootstrap_token", "digests; reached through the sign-in scope"),
    (
        "sign_in_attempt",
        "keyed by a digest of an address that was typed, and counts what was tried or written there",
    ),
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
    "link_request",
    "mail_outbox",
    "key_rotation",
];

/// A table as the database's catalogue describes it.
pub(crate) struct Table {
    pub(crate) name: String,
    enabled: bool,
    forced: bool,
    leads: Option<String>,
    pub(crate) policies: Vec<Policy>,
}

/// A row-level security policy.
pub(crate) struct Policy {
    pub(crate) name: String,
    /// `r`, `a`, `w`, `d`, or `*` for all.
    pub(crate) command: String,
    permissive: bool,
    /// Which rows are seen, and which may be written, as PostgreSQL prints it.
    using: Option<String>,
    check: Option<String>,
}

impl Table {
    /// Why the table holds no tenant's row, for the few of which that is so.
    pub(crate) fn of_the_platform(&self) -> Option<&'static str> {
        PLATFORM_TABLES.iter().find(|(name, _)| *name == self.name).map(|(_, reason)| *reason)
    }

    /// What is wrong with its protection, in sentences.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.of_the_platform().is_some() {
            return faults;
        }
        if !(self.enabled && self.forced) {
            faults.push(format!("{}: row-level security is not on for everybody", self.name));
        }
        if !NOT_BY_TENANT.contains(&self.name.as_str()) && self.leads.as_deref() != Some("org_id") {
            faults.push(format!("{}: its primary key does not begin with org_id", self.name));
        }
        let permissive = || self.policies.iter().filter(|policy| policy.permissive);
        if permissive().next().is_none() {
            faults.push(format!("{}: no policy admits anybody", self.name));
        }
        for policy in permissive() {
            // Rows are chosen by a setting of the transaction, or by the people that such a setting lets it see.
            let chosen = |rule: &String| rule.contains("'app.") || rule.contains("FROM person");
            if policy.using.as_ref().is_some_and(|rule| !chosen(rule)) {
                faults.push(format!("{}: policy {} does not ask who reads", self.name, policy.name));
            }
            let written_by_all = ["audit_entry", "mail_outbox"].contains(&self.name.as_str());
            if policy.check.as_ref().is_some_and(|rule| !chosen(rule)) && !written_by_all {
                faults.push(format!("{}: policy {} does not ask who writes", self.name, policy.name));
            }
        }
        faults
    }
}

/// Every table of the database.
pub(crate) async fn tables(app: &TestApp) -> Vec<Table> {
    let mut owner = app.database.owner().await;
    let rows = sqlx::query(
        "SELECT c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
            (SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
             WHERE i.indrelid = c.oid AND i.indisprimary) AS leads
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1",
    )
    .fetch_all(&mut owner)
    .await
    .expect("reads the catalogue");
    let mut tables = Vec::new();
    for row in rows {
        let name: String = row.get("name");
        let policies = sqlx::query(
            "SELECT polname::text AS name, polcmd::text AS command, polpermissive AS permissive,
                pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS \"check\"
             FROM pg_policy WHERE polrelid = ('public.' || quote_ident($1))::regclass ORDER BY 1",
        )
        .bind(&name)
        .fetch_all(&mut owner)
        .await
        .expect("reads the policies");
        let policies = policies.iter().map(|policy| Policy {
            name: policy.get("name"),
            command: policy.get("command"),
            permissive: policy.get("permissive"),
            using: policy.get("using"),
            check: policy.get("check"),
        });
        tables.push(Table {
            name,
            enabled: row.get("enabled"),
            forced: row.get("forced"),
            leads: row.get("leads"),
            policies: policies.collect(),
        });
    }
    tables
}

/// What is wrong in the database: with a table, or a function that acts as somebody else than whoever calls it.
pub(crate) async fn faults(app: &TestApp) -> Vec<String> {
    let mut owner = app.database.owner().await;
    let functions: Vec<String> = sqlx::query_scalar(
        "SELECT proname || ' acts as its owner' FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef",
    )
    .fetch_all(&mut owner)
    .await
    .expect("reads the functions");
    tables(app).await.iter().flat_map(Table::faults).chain(functions).collect()
}

#[tokio::test]
pub(crate) async fn every_tenant_table_has_forced_row_level_security_and_leads_with_the_tenant() {
    let app = TestApp::start().await;
    assert!(tables(&app).await.len() > 20);
    assert_eq!(faults(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_table_that_somebody_forgot_to_protect_is_found() {
    let app = TestApp::start().await;
    let mut owner = app.database.owner().await;
    for (sql, fault) in [
        ("CREATE TABLE loose (org_id uuid PRIMARY KEY)", "loose: row-level security is not on for everybody"),
        ("ALTER TABLE loose ENABLE ROW LEVEL SECURITY", "loose: row-level security is not on for everybody"),
        ("ALTER TABLE loose FORCE ROW LEVEL SECURITY", "loose: no policy admits anybody"),
        ("CREATE POLICY open ON loose USING (true)", "loose: policy open does not ask who reads"),
        (
            "DROP TABLE loose; CREATE TABLE other (id uuid PRIMARY KEY)",
            "other: its primary key does not begin with org_id",
        ),
        (
            "DROP TABLE other; CREATE POLICY open ON site WITH CHECK (true)",
            "site: policy open does not ask who writes",
        ),
        (
            "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM site'",
            "peek acts as its owner",
        ),
        ("ALTER TABLE site NO FORCE ROW LEVEL SECURITY", "site: row-level security is not on for everybody"),
    ] {
        sqlx::raw_sql(sql).execute(&mut owner).await.expect("runs");
        let found = faults(&app).await;
        assert!(found.iter().any(|found| found == fault), "{sql}: {found:?}");
    }
}

/// Digests of the rows of every table that a transaction with these settings sees as the runtime role.
async fn seen(
    app: &TestApp,
    tables: &[Table],
    settings: &[(&str, String)],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    let mut seen = BTreeMap::new();
    for table in tables {
        let mut transaction = runtime.begin().await.expect("begins");
        for (name, value) in settings {
            sqlx::query("SELECT set_config($1, $2, true)")
                .bind(*name)
                .bind(value)
                .execute(&mut *transaction)
                .await
                .expect("sets");
        }
        let rows = sqlx::query_scalar(
            "SELECT unnest(xpath('/table/row/line/text()',
                query_to_xml(format('SELECT md5(t::text) AS line FROM %I t', $1::text), true, false, '')))::text",
        )
        .bind(&table.name)
        .fetch_all(&mut *transaction)
        .await;
        // What the role may not read at all, it does not see.
        seen.insert(table.name.clone(), rows.unwrap_or_default().into_iter().collect());
    }
    seen
}

#[tokio::test]
pub(crate) async fn no_table_shows_a_row_of_one_tenant_to_another() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let one = Tenant::new(&app, &mut admin, "One", 1).await;
    let two = Tenant::new(&app, &mut admin, "Two", 2).await;
    let tables = tables(&app).await;
    let all = seen(&app, &tables, &[("app.platform", "on".to_owned())]).await;
    let nobody = seen(&app, &tables, &[]).await;
    let signing_in = seen(&app, &tables, &[("app.sign_in", "on".to_owned())]).await;
    let org =
        async |tenant: &Tenant| seen(&app, &tables, &[("app.org", tenant.site.org.uuid().to_string())]).await;
    let partner = async |tenant: &Tenant| {
        seen(&app, &tables, &[("app.partner", tenant.site.partner.uuid().to_string())]).await
    };
    let pairs = [(org(&one).await, org(&two).await), (partner(&one).await, partner(&two).await)];
    let mut with_rows = 0;
    for table in tables.iter().filter(|table| table.of_the_platform().is_none()) {
        let name = &table.name;
        assert!(nobody[name].is_empty(), "{name} shows rows to nobody in particular");
        if table.leads.as_deref() == Some("org_id") {
            assert!(signing_in[name].is_empty(), "{name} shows rows to whoever signs in");
        }
        for (one, two) in &pairs {
            assert!(one[name].is_disjoint(&two[name]), "{name} shows a row to two tenants");
            if table.leads.as_deref() == Some("org_id") && !all[name].is_empty() {
                assert!(
                    !one[name].is_empty() && !two[name].is_empty(),
                    "{name} hides a tenant's rows from itself"
                );
            }
        }
        with_rows += usize::from(!all[name].is_empty());
    }
    assert!(with_rows >= 15, "only {with_rows} tables had rows to hide");
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
        "SELECT count(*) FROM link_request",
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
