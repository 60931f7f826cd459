//! The audit log: nobody changes it, everybody who may finds in it what is theirs, and takes it away as a file.

use std::borrow::Cow;

use chrono::TimeDelta;
use proofline_core::{Clock, Mode, Role, SeededEntropy, format_rfc3339};
use proofline_server::keys::reseal;
use proofline_server::{import_users, provision_local, reset_factors_of, set_local_mode, wrap_passwords};
use proofline_testkit::{Browser, MASTER_KEY, TestApp, TestSite};
use proofline_vault::Vault;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, SqlSafeStr as _};

/// The resources of the rows that a query finds, all pages of it.
async fn found(browser: &mut Browser, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = format!("/api/audit?limit=2&{query}");
    loop {
        let page = browser.get(&next).await.expect(200);
        rows.extend(page["items"].as_array().expect("a page").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return rows };
        next = format!("/api/audit?limit=2&{query}&cursor={cursor}");
    }
}

#[tokio::test]
async fn the_runtime_role_appends_and_nothing_else() {
    let app = TestApp::start().await;
    app.admin().await.post("/api/partners", json!({ "name": "One" })).await.expect(201);
    let before = app.database.fingerprint(&[]).await;
    let mut owner = app.database.owner().await;
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'audit_entry'",
    )
    .fetch_all(&mut owner)
    .await
    .expect("reads");
    assert!(columns.len() >= 13, "{columns:?}");
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    sqlx::query("SET app.platform = 'on'").execute(&mut runtime).await.expect("sets");
    let mut statements: Vec<String> =
        columns.iter().map(|column| format!("UPDATE audit_entry SET {column} = {column}")).collect();
    statements.extend(
        [
            "DELETE FROM audit_entry",
            "TRUNCATE audit_entry",
            "DROP TABLE audit_entry",
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
            "DROP TRIGGER audit_entry_under_partner ON audit_entry",
            "CREATE RULE quiet AS ON INSERT TO audit_entry DO INSTEAD NOTHING",
            "MERGE INTO audit_entry a USING installation ON true WHEN MATCHED THEN DELETE",
            "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET outcome = 'failed'",
        ]
        .map(str::to_owned),
    );
    for sql in statements {
        #[expect(clippy::disallowed_methods, reason = "names of columns, from the catalogue")]
        let refused = sqlx::query(AssertSqlSafe(sql.clone()).into_sql_str()).execute(&mut runtime).await;
        let code = refused.expect_err(&sql).into_database_error().and_then(|e| e.code().map(Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: insufficient privilege");
    }
    assert_eq!(app.database.fingerprint(&[]).await, before);
}

#[tokio::test]
async fn each_filter_finds_its_rows_and_pages_lose_none() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    app.clock.advance(TimeDelta::minutes(1));
    let begin = format_rfc3339(app.clock.now());
    for number in 0..5 {
        admin.post(&format!("/api/sites/{}/codes", site.id), json!({})).await.expect(201);
        app.clock.advance(TimeDelta::seconds(number));
    }
    let mut readonly = app.staff(Role::StaffReadonly).await;
    readonly.post("/api/partners", json!({ "name": "Mine" })).await.expect_problem(403, "not_permitted");
    let all = found(&mut admin, "").await;
    let is = |field: &'static str, value: &str| {
        all.iter().filter(|row| row[field] == value).cloned().collect::<Vec<_>>()
    };
    assert_eq!(found(&mut admin, "outcome=denied").await, is("outcome", "denied"));
    assert_eq!(found(&mut admin, "outcome=denied").await.len(), 1);
    assert_eq!(found(&mut admin, "action=code.create").await.len(), 5);
    let org = found(&mut admin, &format!("org_id={}", site.org)).await;
    assert_eq!(org, is("org_id", &site.org.to_string()));
    assert!(org.len() >= 7, "{org:?}");
    let actor = readonly.get("/api/auth/session").await.expect(200)["user"]["id"].clone();
    let actor = actor.as_str().expect("an id");
    assert_eq!(found(&mut admin, &format!("actor={actor}")).await, is("actor_id", actor));
    assert_eq!(found(&mut admin, "resource=code_").await.len(), 5);
    let one = found(&mut admin, &format!("resource={}", site.id)).await;
    assert_eq!(one, is("resource", &site.id.to_string()));
    assert_eq!(found(&mut admin, &format!("from={begin}&action=code.create")).await.len(), 5);
    assert_eq!(found(&mut admin, &format!("to={begin}&action=code.create")).await.len(), 2);
    assert_eq!(found(&mut admin, "action=code.create&outcome=denied").await.len(), 0);
    for (query, code) in [
        ("outcome=undone", "unknown_outcome"),
        ("org_id=org_1", "id_invalid"),
        ("search=a%07b", "length"),
        ("search=%00", "nul"),
        ("resource=a%00", "nul"),
        ("nothing=1", "query_invalid"),
    ] {
        let refused = admin.get(&format!("/api/audit?{query}")).await.expect(422);
        assert_eq!(refused["errors"][0]["code"], code, "{query}");
        admin.get(&format!("/api/audit/export?{query}")).await.expect(422);
    }
    admin.get(&format!("/api/audit?search={}", "x".repeat(201))).await.expect(422);
}

#[tokio::test]
async fn a_search_finds_words_as_they_are_written() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    app.site(&mut admin, "Main Street").await;
    let mut database = app.database.superuser().await;
    plant(&mut database, "Ada 100% O_Neil \\", "site_x", "2026-11-22").await;
    let everything = found(&mut admin, "").await.len();
    for (search, count) in [
        ("o_neil", 1),
        ("%25", 1),
        ("%5C", 1),
        ("0%25", 1),
        ("_neil", 1),
        ("a_a", 0),
        ("%25%25", 0),
        ("ADA", 1),
        ("site_x", 1),
        ("nobody at all", 0),
        ("'; DROP TABLE audit_entry; --", 0),
    ] {
        let rows = found(&mut admin, &format!("search={}", search.replace(' ', "%20"))).await;
        assert_eq!(rows.len(), count, "{search}: {rows:?}");
    }
    assert!(everything > 4);
    assert_eq!(found(&mut admin, "search=").await.len(), everything, "nothing is looked for");
    assert_eq!(found(&mut admin, "search=partner.create").await.len(), 1);
    assert!(!found(&mut admin, "search=STAFF_admin").await.is_empty(), "by the actor's name");
    assert_eq!(found(&mut admin, "search=planted").await.len(), 1, "in the detail");
}

#[tokio::test]
async fn who_and_what_are_found_by_a_part_of_their_names() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    app.site(&mut admin, "Main Street").await;
    let mut database = app.database.superuser().await;
    plant(&mut database, "Tim O_Neil", "site_x", "2026-11-22").await;
    for (query, count) in [
        ("actor=tim", 1),
        ("actor=O_NEIL", 1),
        ("actor=o%25", 0),
        ("actor=nobody", 0),
        ("action=partner.create", 1),
        ("action=partner", 1),
        ("action=PARTNER.", 1),
        ("action=create", 0),
        ("actor=tim&action=partner.create", 0),
    ] {
        assert_eq!(found(&mut admin, query).await.len(), count, "{query}");
    }
    let mine =
        admin.get("/api/auth/session").await.expect(200)["user"]["id"].as_str().expect("an id").to_owned();
    let rows = found(&mut admin, &format!("actor={mine}")).await;
    assert!(rows.len() > 3 && rows.iter().all(|row| row["actor_id"] == mine.as_str()), "{rows:?}");
}

/// A row as an application of another day wrote it.
async fn plant(database: &mut PgConnection, actor: &str, resource: &str, at: &str) {
    sqlx::query(
        "INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, action, resource, outcome, request_id, detail)
         VALUES (gen_random_uuid(), $3::text::timestamptz, 'person', 'user_x', $1, 'site.create', $2, 'done', 'r',
            jsonb_build_object('reason', 'planted here'))",
    )
    .bind(actor)
    .bind(resource)
    .bind(at)
    .execute(database)
    .await
    .expect("inserts");
}

/// Many rows of many tenants, written in the order of time: `$1` of them, every tenth of the organisation `$2` under the
/// partner `$3`.
const MANY: &str = "INSERT INTO audit_entry (id, at, org_id, actor_kind, actor_id, actor_name, action, resource, outcome,
        request_id, detail, under_partner)
    SELECT md5('audit' || i)::uuid, timestamptz '2026-01-01' + i * interval '20 seconds',
        CASE WHEN i % 10 = 0 THEN $2 ELSE md5('org' || i % 500)::uuid END,
        'person', 'user_' || i % 300, 'Person ' || i % 300, (ARRAY['site.create', 'code.create', 'incident.approve'])[1 + i % 3],
        'inc_' || md5(i::text), CASE WHEN i % 5000 = 0 THEN 'denied' ELSE 'done' END, 'r', '{}',
        CASE WHEN i % 10 = 0 THEN $3 ELSE md5('partner' || i % 50)::uuid END
    FROM generate_series(1, $1) i";

/// Writes [`MANY`] rows, as they are stored: what fills in a column has nothing to look up for organisations that are not.
async fn plant_many(app: &TestApp, count: i32, site: &TestSite) {
    let mut database = app.database.superuser().await;
    for sql in [
        "SET session_replication_role = replica",
        MANY,
        "RESET session_replication_role",
        "ANALYZE audit_entry",
    ] {
        let query = sqlx::query(sql);
        let query = match sql {
            MANY => query.bind(count).bind(site.org.uuid()).bind(site.partner.uuid()),
            _ => query,
        };
        query.execute(&mut database).await.expect(sql);
    }
}

/// Rows of the log read by scans of all of it so far.
async fn scanned(app: &TestApp) -> i64 {
    crate::scale::settle(app).await;
    sqlx::query_scalar("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'audit_entry'")
        .fetch_one(&mut app.database.superuser().await)
        .await
        .expect("reads")
}

#[tokio::test]
async fn whoever_asks_for_whatever_reads_by_an_index() {
    let scale = std::env::var("PROOFLINE_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut partner = app.member(Role::PartnerAdmin, site.place(Role::PartnerAdmin)).await;
    let mut owner = app.member(Role::PracticeOwner, site.place(Role::PracticeOwner)).await;
    plant_many(&app, 100_000 * scale, &site).await;
    let before = scanned(&app).await;
    let org = "org_0000000000e00800000000000r";
    for query in [
        String::new(),
        "actor=user_17".to_owned(),
        "actor=user_01h455vb4pex5vsknk084sn02q".to_owned(),
        "actor=nobody".to_owned(),
        "action=site.create".to_owned(),
        "action=nothing.at_all".to_owned(),
        "outcome=denied".to_owned(),
        "outcome=failed".to_owned(),
        "outcome=done".to_owned(),
        "resource=inc_00".to_owned(),
        "resource=inc_".to_owned(),
        format!("resource={}", site.id),
        format!("org_id={}", site.org),
        format!("org_id={org}"),
        "from=2026-01-05T00:00:00Z&to=2026-01-06T00:00:00Z".to_owned(),
        "search=person%2017".to_owned(),
        "search=nowhere".to_owned(),
        "search=%25".to_owned(),
        "actor=user_17&outcome=denied&search=zz".to_owned(),
    ] {
        for (who, browser) in [("admin", &mut admin), ("partner", &mut partner), ("practice", &mut owner)] {
            let path = format!("/api/audit?{query}");
            let (median, queries) = crate::scale::timed(browser, &path).await;
            println!("{median:>12.2?} {queries:>2} queries  {who:<9} {path}");
            assert!(queries <= 3, "{path} takes {queries} queries");
        }
    }
    assert_eq!(scanned(&app).await, before, "the whole table was read");
}

#[tokio::test]
async fn a_search_for_what_is_rare_ends_and_goes_on_from_there() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    plant_many(&app, 45_000, &site).await;
    let mut database = app.database.superuser().await;
    plant(&mut database, "Needle", "oldest", "2025-12-31").await;
    let page = admin.get("/api/audit?search=needle").await.expect(200);
    assert_eq!(page["items"], json!([]), "the first look does not reach it");
    assert!(page["next_cursor"].is_string());
    let rows = found(&mut admin, "search=needle").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["resource"], "oldest");
    assert_eq!(found(&mut admin, "search=person%20299&to=2026-01-02T00:00:00Z").await.len(), 14);
}

/// A file of comma-separated values, read as RFC 4180 says.
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted, "the last line ends");
    rows
}

#[tokio::test]
async fn an_export_is_what_the_list_shows_and_leaves_one_row() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let mut database = app.database.superuser().await;
    for formula in ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(1)", "\tx", "\rx", "a,\"b\"\r\nc"] {
        plant(&mut database, formula, "site_x", "2026-11-21").await;
    }
    for site in [&one, &two, &two] {
        admin.post(&format!("/api/sites/{}/codes", site.id), json!({})).await.expect(201);
    }
    app.clock.advance(TimeDelta::seconds(1));
    let reply = admin.get("/api/audit/export").await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(reply.headers["content-type"].to_str().is_ok_and(|v| v.starts_with("text/csv; charset=utf-8")));
    assert_eq!(reply.headers["content-disposition"], "attachment; filename=\"audit-20261122T090001Z.csv\"");
    assert_eq!(reply.headers["content-security-policy"], "sandbox; default-src 'none'");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let rows = parse(std::str::from_utf8(&reply.bytes).expect("text"));
    let listed = found(&mut admin, "").await;
    assert_eq!(rows.len(), listed.len() + 1, "one line each, and the heads");
    assert_eq!(rows[0][..4], ["at", "actor_kind", "actor_id", "actor_name"]);
    assert_eq!(rows[1][4], "audit.export", "itself comes first");
    for (row, entry) in rows[1..].iter().zip(&listed) {
        assert_eq!(row[10], entry["id"].as_str().expect("an id"));
        assert!(!row.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
    }
    assert!(rows.iter().any(|row| row[3] == "'=HYPERLINK(\"x\")"));
    assert!(rows.iter().any(|row| row[3] == "a,\"b\"\r\nc"));
    assert_eq!(listed.iter().filter(|row| row["action"] == "audit.export").count(), 1);

    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let reply = partner.get("/api/audit/export?action=code.create").await;
    let rows = parse(std::str::from_utf8(&reply.bytes).expect("text"));
    assert_eq!(rows.len(), 2, "theirs alone: {rows:?}");
    assert_eq!(rows[1][7], one.org.to_string());
    let reply = partner.get(&format!("/api/audit/export?org_id={}", two.org)).await;
    assert_eq!(parse(std::str::from_utf8(&reply.bytes).expect("text")).len(), 1, "nothing of another's");
    app.member(Role::PracticeViewer, one.place(Role::PracticeViewer))
        .await
        .get("/api/audit/export")
        .await
        .expect_problem(403, "not_permitted");
}

#[tokio::test]
async fn a_large_export_is_whole() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    plant_many(&app, 3_000, &site).await;
    let reply = admin.get("/api/audit/export?resource=inc_").await;
    let rows = parse(std::str::from_utf8(&reply.bytes).expect("text"));
    assert_eq!(rows.len(), 3_001);
    let ids: std::collections::BTreeSet<&String> = rows[1..].iter().map(|row| &row[10]).collect();
    assert_eq!(ids.len(), 3_000, "each once");
}

#[tokio::test]
async fn a_partner_finds_what_happened_in_its_clinics_and_what_its_people_did() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let email = app.person_of(Role::PracticeOwner, one.place(Role::PracticeOwner)).await;
    app.sign_in(&email).await;
    let wrong = json!({ "email": email, "password": "wrong password" });
    app.anonymous().post("/api/auth/login", wrong).await.expect(401);
    admin.post(&format!("/api/sites/{}/codes", two.id), json!({})).await.expect(201);
    let mut partner = app.member(Role::PartnerAdmin, one.place(Role::PartnerAdmin)).await;
    let rows = found(&mut partner, "").await;
    let has = |action: &str, kind: &str| {
        rows.iter().any(|row| row["action"] == action && row["actor_kind"] == kind)
    };
    assert!(has("organisation.create", "person"), "by staff, in its clinic: {rows:?}");
    assert!(has("auth.login", "person"), "its clinic's people, before anybody was anybody");
    assert!(has("auth.login", "anonymous"), "and who tried to be one of them");
    assert!(rows.iter().all(|row| row["org_id"] != two.org.to_string()));
}

#[tokio::test]
async fn what_commands_do_is_found_under_one_word() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut admin = app.sign_in(&email).await;
    let hash = format!("sha256$grain${}", "0".repeat(64));
    let newcomer = json!([{ "email": "old@staff.example", "name": "Old Timer", "role": "staff_readonly",
        "password_hash": hash }]);
    import_users(app.state(), newcomer.to_string().as_bytes()).await.expect("imports");
    wrap_passwords(app.state()).await.expect("wraps");
    reset_factors_of(app.state(), &"old@staff.example".parse().expect("an address")).await.expect("resets");
    let local = provision_local(app.state(), None).await.expect("provisions");
    app.machine().claim(local.code.expose()).await.expect(200);
    set_local_mode(app.state(), local.site, Mode::Enforce).await.expect("sets");
    let vault = Vault::new(&[12; 32], &[MASTER_KEY]);
    reseal(&app.store, &vault, &app.clock, &SeededEntropy::new(5)).await.expect("rotates");
    let mut actions = Vec::new();
    for row in found(&mut admin, "").await.into_iter().filter(|row| row["actor_kind"] == "system") {
        assert_eq!(row["request_id"], "command line", "{row}");
        actions.push(row["action"].as_str().expect("an action").to_owned());
    }
    actions.sort_unstable();
    let expected = [
        "key.rotate",
        "system.import_users",
        "system.provision_local",
        "system.provision_local",
        "system.reset_factors",
        "system.wrap_passwords",
    ];
    assert_eq!(actions, expected);
}
