//! The schema's way up and down, on a real PostgreSQL.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use proofline_store::{MigrateError, MigrationState, Migrator, Schema, Standing};
use proofline_testkit::{TestApp, TestDatabase};
use sqlx::migrate::{Migration, Migrator as Files};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};

/// The schema as `pg_dump` writes it, without the line that is random.
fn dump(owner: &PgConnectOptions) -> String {
    let socket = owner.get_socket().expect("a unix socket");
    let output = Command::new("pg_dump")
        .args(["--schema-only", "--username", owner.get_username()])
        .arg("--host")
        .arg(socket)
        .args(["--dbname", owner.get_database().expect("a name")])
        .output()
        .expect("pg_dump is installed with the server");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

async fn files() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    Files::new(folder).await.expect("the migrations can be read")
}

/// The numbers of all migrations, in order.
async fn versions() -> Vec<i64> {
    let up = |m: &&Migration| !m.migration_type.is_down_migration();
    files().await.iter().filter(up).map(|migration| migration.version).collect()
}

async fn down(owner: &PgConnectOptions, version: i64) -> Result<(), MigrateError> {
    let mut migrator = Migrator::connect(owner).await?;
    let outcome = migrator.down(version).await;
    migrator.close().await?;
    outcome
}

async fn up(owner: &PgConnectOptions) -> Result<(), MigrateError> {
    let mut migrator = Migrator::connect(owner).await?;
    let outcome = migrator.up().await;
    migrator.close().await?;
    outcome
}

async fn standings(role: &PgConnectOptions) -> Vec<Standing> {
    let schema = Schema::read(role).await.expect("can be read");
    schema.0.into_iter().map(|state| state.standing).collect()
}

async fn execute(database: &TestDatabase, sql: &'static str) {
    database.owner().await.execute(sql).await.expect("runs");
}

#[tokio::test]
async fn each_migration_goes_down_to_what_was_there_and_up_again() {
    let database = TestDatabase::create().await;
    let (owner, files) = (database.owner_options(), files().await);
    let mut connection = database.owner().await;
    down(&owner, 0).await.expect("nothing is in the way");
    let mut below = 0;
    for version in versions().await {
        let before = dump(&owner);
        files.run_to(version, &mut connection).await.expect("goes up");
        let after = dump(&owner);
        assert_ne!(before, after, "migration {version} does nothing");
        down(&owner, below).await.expect("goes down");
        assert_eq!(dump(&owner), before, "migration {version} leaves something behind");
        files.run_to(version, &mut connection).await.expect("goes up again");
        assert_eq!(dump(&owner), after, "migration {version} differs the second time");
        below = version;
    }
    assert!(standings(&owner).await.iter().all(|standing| *standing == Standing::Applied));
}

#[tokio::test]
async fn five_runners_at_once_apply_each_migration_once() {
    let database = TestDatabase::create().await;
    let owner = database.owner_options();
    down(&owner, 0).await.expect("nothing is in the way");
    let up = || up(&owner);
    for outcome in <[_; 5]>::from(tokio::join!(up(), up(), up(), up(), up())) {
        outcome.expect("each either applies or finds it done");
    }
    Schema::read(&owner).await.expect("can be read").check().expect("complete");
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(&mut database.owner().await)
            .await
            .expect("answers");
    assert_eq!(applied, versions().await);
}

/// The second migration with one other byte in a comment.
fn edited(original: &Migration) -> Migration {
    let text = original.sql.as_str().replacen("-- The tenancy tree", "-- the tenancy tree", 1);
    assert_ne!(text, original.sql.as_str());
    #[expect(clippy::disallowed_methods, reason = "the migration itself")]
    let sql = AssertSqlSafe(text).into_sql_str();
    let description = original.description.clone();
    Migration::new(original.version, description, original.migration_type, sql, original.no_tx)
}

#[tokio::test]
async fn one_other_byte_in_an_applied_migration_is_refused() {
    let database = TestDatabase::create().await;
    let owner = database.owner_options();
    down(&owner, 0).await.expect("nothing is in the way");
    let is_second = |m: &&Migration| m.version == 2 && !m.migration_type.is_down_migration();
    let all = files().await;
    let migrations = all.iter().map(|m| if is_second(&m) { edited(m) } else { m.clone() }).collect();
    Files::with_migrations(migrations).run_to(4, &mut database.owner().await).await.expect("runs");

    let refused = up(&owner).await.expect_err("the applied text differs");
    assert!(matches!(refused, MigrateError::Changed(2)), "{refused}");
    let said = refused.to_string();
    assert!(said.starts_with("migration 2 was changed after it was applied to this database"), "{said}");
    let found = standings(&owner).await;
    assert_eq!(found[..4], [Standing::Applied, Standing::Changed, Standing::Applied, Standing::Applied]);
    assert!(found[4..].iter().all(|standing| *standing == Standing::Missing), "and nothing on top of it");
    assert!(matches!(
        Schema::read(&owner).await.expect("can be read").check(),
        Err(MigrateError::Changed(2))
    ));
}

#[tokio::test]
async fn going_down_is_refused_as_a_whole_while_there_is_evidence() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    app.enrolled(&mut admin, &site).await;
    let owner = app.database.owner_options();
    let before = dump(&owner);
    for version in [0, 1, 2] {
        let refused = down(&owner, version).await.expect_err("evidence would be lost");
        assert!(matches!(refused, MigrateError::EvidenceWouldBeLost), "{refused}");
        assert_eq!(dump(&owner), before, "down to {version} has changed something");
    }
    Schema::read(&app.database.runtime_options()).await.expect("can be read").check().expect("complete");
    admin.get("/api/sites").await.expect(200);

    // The same from a lower place, where nothing hides rows from the owner.
    down(&owner, 3).await.expect("evidence stays");
    let before = dump(&owner);
    let refused = down(&owner, 0).await.expect_err("evidence would be lost");
    assert!(matches!(refused, MigrateError::EvidenceWouldBeLost), "{refused}");
    assert_eq!(dump(&owner), before);
    up(&owner).await.expect("up again");
}

#[tokio::test]
async fn a_step_that_fails_takes_the_earlier_ones_back() {
    let database = TestDatabase::create().await;
    let owner = database.owner_options();
    execute(&database, "CREATE VIEW report AS SELECT name FROM partner").await;
    let before = dump(&owner);
    let mut migrator = Migrator::connect(&owner).await.expect("connects");
    let refused = migrator.down(0).await.expect_err("the view needs a table of migration 2");
    assert!(matches!(refused, MigrateError::Migrate(_)), "{refused}");
    assert_eq!(dump(&owner), before);
    // While the runner that failed is still connected: it must not hold its lock.
    tokio::time::timeout(Duration::from_secs(30), up(&owner)).await.expect("no wait").expect("nothing to do");
    migrator.close().await.expect("closes");
}

#[tokio::test]
async fn a_version_that_is_none_is_refused() {
    let database = TestDatabase::create().await;
    let owner = database.owner_options();
    for version in [-1, versions().await.last().expect("there are some") + 1] {
        let refused = down(&owner, version).await.expect_err("there is none");
        assert!(matches!(refused, MigrateError::NoSuchVersion(found) if found == version));
    }
    assert!(standings(&owner).await.iter().all(|standing| *standing == Standing::Applied));
}

#[tokio::test]
async fn the_runtime_role_sees_what_is_missing_changed_or_of_another_version() {
    let database = TestDatabase::create().await;
    let runtime = database.runtime_options();
    let check = async || Schema::read(&runtime).await.and_then(|schema| schema.check());
    check().await.expect("complete");

    execute(&database, "INSERT INTO _sqlx_migrations SELECT 99, 'later', now(), true, '\\x00', 0").await;
    assert!(matches!(check().await, Err(MigrateError::Unknown(99))));
    let states = Schema::read(&runtime).await.expect("can be read").0;
    let unknown = MigrationState { version: 99, description: String::new(), standing: Standing::Unknown };
    assert_eq!(states.last(), Some(&unknown));
    execute(&database, "DELETE FROM _sqlx_migrations WHERE version IN (5, 99)").await;
    assert!(matches!(check().await, Err(MigrateError::Missing(5))));
    execute(&database, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1").await;
    assert!(matches!(check().await, Err(MigrateError::Changed(1))));
    execute(&database, "REVOKE SELECT ON _sqlx_migrations FROM proofline_app").await;
    let refused = check().await.expect_err("not its to read");
    assert!(matches!(refused, MigrateError::Unreadable(_)), "{refused}");
}

#[tokio::test]
async fn looking_makes_nothing() {
    let database = TestDatabase::create().await;
    let owner = database.owner_options();
    down(&owner, 0).await.expect("nothing is in the way");
    execute(&database, "DROP TABLE _sqlx_migrations").await;
    let before = dump(&owner);
    assert!(standings(&owner).await.iter().all(|standing| *standing == Standing::Missing));
    assert_eq!(dump(&owner), before);
    up(&owner).await.expect("from nothing");
}

#[tokio::test]
async fn listening_takes_no_connection_from_the_pool() {
    let app = TestApp::start_with(1, |_| {}).await;
    let mut announcements = app.store.announcements().await.expect("listens");
    app.admin().await.get("/api/sites").await.expect(200);
    execute(&app.database, "SELECT pg_notify('proofline', 'to everyone')").await;
    assert_eq!(announcements.next().await.expect("hears"), "to everyone");
    assert_eq!(app.store.pool_figures().2, 1);
    app.database.owner().await.close().await.expect("closes");
}
