//! The hot reads on a database of many sites: a constant number of queries, and never a scan of a whole table.
//!
//! `PROOFLINE_SCALE` multiplies the data: 1 is 10^5 spans and as many incidents, 10 is 10^6. `PROOFLINE_SITES` says over how
//! many sites they are spread. Times are printed, not judged; run with `--no-capture` to see them.

use std::time::{Duration, Instant};

use proofline_core::{Clock, OrgId, SiteId, format_rfc3339};
use proofline_testkit::{Browser, TestApp};
use sqlx::PgConnection;

/// Machines of each site.
const ASSETS: i32 = 5;

/// A whole number from the environment.
fn number(name: &str, otherwise: i32) -> i32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[expect(clippy::too_many_lines, reason = "one statement a table")]
/// Sites, assets, open and closed spans, incidents and log entries, straight into the tables.
async fn fill(app: &TestApp, scale: i32, sites: i32) -> (OrgId, SiteId) {
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    app.enrolled(&mut admin, &site).await;
    let checks: Vec<String> =
        proofline_catalog::Catalog::embedded().checks().iter().map(|check| check.id.clone()).collect();
    let mut database = app.database.superuser().await;
    // Twenty thousand closed spans stand in for years of history of the one site that is looked at.
    let (now, closed) = (app.clock.now(), 10_000 * scale);
    for sql in [
        "SET session_replication_role = replica",
        "CREATE TEMP TABLE n AS SELECT i AS s, md5('site' || i)::uuid AS site_id, o.org_id FROM generate_series(1, $1) i
            CROSS JOIN (SELECT org_id FROM organisation LIMIT 1) o",
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") { query.bind(sites) } else { query };
        query.execute(&mut database).await.expect(sql);
    }
    run(&mut database, "INSERT INTO site SELECT org_id, site_id, 'Site ' || s, 'UTC', now() FROM n").await;
    run(
        &mut database,
        "INSERT INTO site_posture SELECT org_id, site_id, '2026-01-01', '2026-01-01', 0,0,0,0,0,0,0, '', s, 5, 0 FROM n",
    )
    .await;
    run(
        &mut database,
        "INSERT INTO appliance SELECT org_id, md5('app' || s)::uuid, site_id, 'host', 'Linux', sha256(s::text::bytea),
            encode(sha256(s::text::bytea), 'hex'), 'audit', now(), now() FROM n",
    )
    .await;
    sqlx::query(
        "INSERT INTO asset SELECT org_id, md5('asset' || s || '-' || a)::uuid, site_id, md5('app' || s)::uuid, 'server',
            'Server ' || a, 'Debian', 'server', '2026-01-01', NULL, $2, 1 FROM n, generate_series(1, $1) a",
    )
    .bind(ASSETS)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("assets");
    sqlx::query(
        "INSERT INTO verdict_span SELECT org_id, site_id, md5('asset' || s || '-' || a)::uuid, c, $3::timestamptz - interval '1 day',
            NULL, $3, CASE WHEN s % 7 = 0 THEN 'fail' ELSE 'pass' END, 'no', 'no', sha256('no'), '', 'here', 3, 3
         FROM n, generate_series(1, $1) a, unnest($2::text[]) c",
    )
    .bind(ASSETS)
    .bind(&checks)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("open spans");
    sqlx::query(
        "INSERT INTO verdict_span SELECT org_id, site_id, md5('asset' || s || '-' || (1 + h % $1))::uuid, 'linux.history.' || h % 40,
            $3::timestamptz - (h + 2) * interval '1 hour', $3::timestamptz - (h + 1) * interval '1 hour',
            $3::timestamptz - (h + 1) * interval '1 hour', 'fail', 'no', 'yes', sha256('yes'), '', 'here', h, h
         FROM n, generate_series(1, $2) h WHERE s = 1",
    )
    .bind(ASSETS)
    .bind(2 * closed)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("closed spans");
    sqlx::query(
        "INSERT INTO verdict_span SELECT org_id, site_id, md5('asset' || s || '-1')::uuid, 'linux.history.' || h % 40,
            $2::timestamptz - (h + 2) * interval '1 hour', $2::timestamptz - (h + 1) * interval '1 hour',
            $2::timestamptz - (h + 1) * interval '1 hour', 'fail', 'no', 'yes', sha256('yes'), '', 'here', h, h
         FROM n, generate_series(1, $1) h WHERE s > 1",
    )
    .bind((100_000 * scale - sites * ASSETS * 88).max(0) / sites)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("history of the others");
    sqlx::query(
        "INSERT INTO incident SELECT org_id, md5('inc' || s || '-' || i)::uuid, site_id, md5('asset' || s || '-' || (1 + i % 5))::uuid,
            'linux.check.' || i, x.name, x.rank, CASE WHEN i % 20 = 0 THEN 'open' ELSE 'resolved' END, 'fail: x', NULL, NULL, 0,
            $2::timestamptz - i * interval '1 hour', $2, $2,
            CASE WHEN i % 20 = 0 THEN NULL ELSE $2::timestamptz - i * interval '59 minutes' END, 1, 1, 2
         FROM n, generate_series(1, $1) i,
            LATERAL (SELECT (ARRAY['low','medium','high','critical'])[1 + i % 4] AS name, 1 + i % 4 AS rank) x",
    )
    .bind(100_000 * scale / sites)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("incidents");
    sqlx::query(
        "INSERT INTO evidence_entry SELECT org_id, site_id, i - 1, 'k', i, CASE WHEN i % 50 = 0 THEN 'check_run' ELSE 'heartbeat' END,
            NULL, md5('asset' || s || '-' || (1 + i % 5))::uuid, $2, $2, $2, 'x', true, sha256(i::text::bytea), sha256(i::text::bytea), 'x'
         FROM n, generate_series(1, $1) i WHERE s <= 10",
    )
    .bind(10_000 * scale)
    .bind(now)
    .execute(&mut database)
    .await
    .expect("entries");
    run(
        &mut database,
        "INSERT INTO evidence_mention SELECT org_id, site_id, 'linux.check.' || leaf_index % 30, leaf_index, asset_id
            FROM evidence_entry WHERE kind = 'check_run'",
    )
    .await;
    run(&mut database, "ANALYZE").await;
    let (org, site): (uuid::Uuid, uuid::Uuid) = sqlx::query_as("SELECT org_id, site_id FROM n WHERE s = 1")
        .fetch_one(&mut database)
        .await
        .expect("a site");
    (OrgId::from_uuid(org), SiteId::from_uuid(site))
}

async fn run(database: &mut PgConnection, sql: &'static str) {
    sqlx::query(sql).execute(database).await.expect(sql);
}

/// Rows read by whole-table scans so far, table by table.
async fn scanned(app: &TestApp) -> Vec<(String, i64)> {
    let mut database = app.database.superuser().await;
    sqlx::query_as(
        "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE relname IN ('verdict_span', 'incident',
            'incident_transition', 'evidence_entry', 'evidence_mention', 'asset', 'evidence_tile') ORDER BY relname",
    )
    .fetch_all(&mut database)
    .await
    .expect("answers")
}

/// Ends the application's connections, so that what they counted is known. It opens new ones when it needs them.
pub(crate) async fn settle(app: &TestApp) {
    let mut database = app.database.superuser().await;
    let theirs: Vec<i32> = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_all(&mut database)
    .await
    .expect("answers");
    // PostgreSQL waits for each to be gone, at most so many milliseconds.
    let gone: bool = sqlx::query_scalar(
        "SELECT coalesce(bool_and(pg_terminate_backend(pid, 10000)), true) FROM unnest($1) pid",
    )
    .bind(&theirs)
    .fetch_one(&mut database)
    .await
    .expect("answers");
    assert!(gone, "connections stay open");
}

/// So often that connections are past the plans for one request alone: after five runs PostgreSQL may take one for all.
const TIMES: usize = 27;

/// The median time of a request after the plans have settled, and its queries.
pub(crate) async fn timed(admin: &mut Browser, path: &str) -> (Duration, u32) {
    let (mut times, mut queries) = (Vec::new(), 0);
    for _ in 0..TIMES {
        let begun = Instant::now();
        let reply = admin.get(path).await;
        times.push(begun.elapsed());
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.bytes));
        queries = reply.queries();
    }
    times.sort_unstable();
    (times[TIMES / 2], queries)
}

#[tokio::test]
async fn hot_reads_use_an_index_and_few_queries() {
    let (scale, sites) = (number("PROOFLINE_SCALE", 1), number("PROOFLINE_SITES", 200));
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 1_000).await;
    let (_, site) = fill(&app, scale, sites).await;
    app.run_job("posture").await;
    let mut admin = app.admin().await;
    settle(&app).await;
    let before = scanned(&app).await;
    let as_of = format_rfc3339(app.clock.now() - chrono::TimeDelta::hours(5_000));
    for (path, most) in [
        (format!("/api/sites/{site}"), 9),
        (format!("/api/sites/{site}/posture"), 9),
        (format!("/api/sites/{site}/posture?as_of={as_of}"), 9),
        (format!("/api/sites/{site}/assets"), 9),
        (format!("/api/sites/{site}/evidence"), 6),
        (format!("/api/sites/{site}/evidence?kind=check_run"), 6),
        (format!("/api/sites/{site}/evidence?check_id=linux.check.10"), 6),
        (format!("/api/sites/{site}/evidence?before_index=500"), 6),
        ("/api/sites?limit=100".to_owned(), 6),
        ("/api/sites?sort=name&limit=100".to_owned(), 6),
        ("/api/incidents?limit=100".to_owned(), 6),
        ("/api/incidents?limit=100&sort=severity".to_owned(), 6),
        ("/api/incidents?limit=100&state=all".to_owned(), 6),
        ("/api/incidents?limit=100&state=all&sort=severity".to_owned(), 6),
        ("/api/incidents?limit=100&state=all&severity=low".to_owned(), 6),
        ("/api/incidents?limit=100&state=resolved".to_owned(), 6),
        ("/api/incidents?limit=100&state=escalated".to_owned(), 6),
        (format!("/api/incidents?limit=100&state=all&site_id={site}"), 6),
        ("/api/overview".to_owned(), 9),
    ] {
        let (median, queries) = timed(&mut admin, &path).await;
        println!("{median:>12.2?} {queries:>2} queries  {}", path.replace(&site.to_string(), "…"));
        assert!(queries <= most, "{path} takes {queries} queries");
    }
    settle(&app).await;
    assert_eq!(before, scanned(&app).await, "a table was scanned");
}
