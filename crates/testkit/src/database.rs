//! A database for one test, copied from a migrated template.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use proofline_embedded_postgres::{APP_ROLE, OWNER_ROLE, SharedCluster, shared_test_cluster};
use proofline_store::{ConnectOptions, Migrator, Store};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

/// A fresh, migrated database. The cluster lies in memory, so it goes when its test has passed; after a failure it stays
/// to be looked at, as long as the cluster does.
pub struct TestDatabase {
    cluster: SharedCluster,
    name: String,
}

const LOCK: i64 = 0x7072_6f6f;

impl TestDatabase {
    /// Copies the template, making it first if no test of this schema has.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine.
    pub async fn create() -> Self {
        let cluster = tokio::task::spawn_blocking(shared_test_cluster)
            .await
            .expect("does not panic")
            .expect("PostgreSQL is installed");
        let superuser =
            PgConnectOptions::from_str(&cluster.endpoint().superuser_url("postgres")).expect("a URL");
        let mut admin = superuser.connect().await.expect("the test cluster answers");
        let template = template(&cluster, &mut admin).await;
        let name = format!("test_{}", unique());
        run(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY OWNER {OWNER_ROLE}"),
        )
        .await;
        admin.close().await.expect("closes");
        Self { cluster, name }
    }

    /// As the owner of the schema: for arranging what no route can make yet, and for playing the hostile operator.
    pub async fn owner(&self) -> PgConnection {
        self.owner_options().connect().await.expect("the test cluster answers")
    }

    /// As the superuser, whom row-level security does not stop.
    pub async fn superuser(&self) -> PgConnection {
        let url = self.cluster.endpoint().superuser_url(&self.name);
        PgConnectOptions::from_str(&url).expect("a URL").connect().await.expect("the test cluster answers")
    }

    /// A digest of every table's rows but those of `except`: equal means that nothing was changed.
    pub async fn fingerprint(&self, except: &[&str]) -> BTreeMap<String, String> {
        let mut superuser = self.superuser().await;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "SELECT c.relname::text, md5(query_to_xml(
                format('SELECT t::text AS line FROM %I t ORDER BY 1', c.relname), true, false, '')::text)
             FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'",
        )
        .fetch_all(&mut superuser)
        .await
        .expect("reads every table");
        superuser.close().await.expect("closes");
        tables.into_iter().filter(|(name, _)| !except.contains(&name.as_str())).collect()
    }

    /// How the owner connects.
    pub fn owner_options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.cluster.endpoint().url(OWNER_ROLE, &self.name)).expect("a URL")
    }

    /// How the runtime role connects.
    pub fn runtime_options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.cluster.endpoint().url(APP_ROLE, &self.name)).expect("a URL")
    }

    /// The store as the runtime role, with a pool of this size.
    pub async fn store(&self, connections: u32) -> Store {
        let mut options = ConnectOptions::new(self.runtime_options());
        options.max_connections = connections;
        Store::connect(options).await.expect("connects")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let superuser = self.cluster.endpoint().superuser_url("postgres");
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A runtime of its own: the test's may be one that cannot be waited for from here.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
            runtime.block_on(async {
                let options = PgConnectOptions::from_str(&superuser).expect("a URL");
                // Where the cluster has gone already, so has the database.
                if let Ok(mut admin) = options.connect().await {
                    run(&mut admin, sql).await;
                }
            });
        });
        drop(dropped.join());
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    #[expect(clippy::disallowed_methods, reason = "names that this file makes")]
    connection.execute(AssertSqlSafe(sql)).await.expect("runs");
}

/// The migrated template of this schema's version; one test makes it, the others wait.
async fn template(cluster: &SharedCluster, admin: &mut PgConnection) -> String {
    let version = hex::encode(&Sha256::digest(Migrator::fingerprint())[..6]);
    let (name, draft) = (format!("template_{version}"), format!("draft_{version}"));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *admin).await.expect("locks");
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut *admin)
        .await
        .expect("answers");
    if !there {
        for role in [OWNER_ROLE, APP_ROLE] {
            let sql = format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')
                 THEN CREATE ROLE {role} LOGIN; END IF; END $$"
            );
            run(admin, sql).await;
        }
        run(admin, format!("DROP DATABASE IF EXISTS {draft}")).await;
        run(admin, format!("CREATE DATABASE {draft} OWNER {OWNER_ROLE}")).await;
        let owner = PgConnectOptions::from_str(&cluster.endpoint().url(OWNER_ROLE, &draft)).expect("a URL");
        let mut migrator = Migrator::connect(&owner).await.expect("connects");
        migrator.up().await.expect("migrates");
        migrator.close().await.expect("closes");
        run(admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(admin).await.expect("unlocks");
    name
}

/// Unique among all tests of all processes that share the cluster.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "a name, not a time that anything depends on")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}_{:x}_{:x}", std::process::id(), since.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}
