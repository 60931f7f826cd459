//! The database: a private cluster of our own, or somebody else's server.

use std::str::FromStr as _;

use anyhow::Context as _;
use proofline_embedded_postgres::{APP_ROLE, Cluster, Endpoint, OWNER_ROLE, Options, Search, Sighting};
use proofline_server::DatabaseKind;
use proofline_store::{ConnectOptions, MigrateError, Migrator, Schema, Scope, Store, StoreError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::company::Company;
use crate::fault::Fault;
use crate::settings::Settings;

const DATABASE: &str = "proofline";
const URL: &str = "PROOFLINE_DATABASE_URL";
const OWNER_URL: &str = "PROOFLINE_OWNER_DATABASE_URL";
/// Where root puts a private cluster whose requested place the database user cannot enter. Not below the service's own
/// `/var/lib/proofline`, which is closed to others.
const SYSTEM_DATA: &str = "/var/lib/proofline-postgres";

/// A scope for work that nobody asked for through the API.
pub(crate) async fn background_scope(store: &Store, work: &'static str) -> anyhow::Result<Scope> {
    let permit =
        proofline_server::background_permit(work).map_err(|problem| anyhow::anyhow!("{}", problem.code()))?;
    Ok(store.scope(&permit).await?)
}

/// Where the database is, and for the embedded one, its supervisor.
pub(crate) struct Database {
    pub(crate) kind: DatabaseKind,
    pub(crate) owner: Option<PgConnectOptions>,
    runtime: PgConnectOptions,
    cluster: Option<Cluster>,
}

impl Database {
    /// Finds or starts the database.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Fault> {
        match settings.external_database() {
            Some(url) => Ok(Self {
                kind: DatabaseKind::External,
                runtime: parse(URL, url)?,
                owner: owner(settings)?,
                cluster: None,
            }),
            None => embedded(settings).await,
        }
    }

    /// Finds the database that a server of these settings uses right now, or starts it where none does. Makes none: whoever
    /// looks after an installation without its environment would work on an empty one.
    pub(crate) async fn attach(settings: &Settings) -> Result<Self, Fault> {
        if let Found::Embedded(seen) = Found::look(settings).await? {
            if !seen.exists {
                return Err(Fault::config(format!(
                    "there is no database in {} and {URL} is not set: give the environment that the server has",
                    seen.data_dir.display()
                )));
            }
            if let Some(server) = seen.server.filter(|server| server.is_ready) {
                let runtime = runtime(&server.endpoint)?;
                return Ok(Self { kind: DatabaseKind::Embedded, owner: None, runtime, cluster: None });
            }
        }
        Self::open(settings).await
    }

    /// How many sessions of servers there are, as the owner of the schema sees them.
    pub(crate) async fn served(&self, owner: &PgConnectOptions) -> anyhow::Result<i64> {
        let mut connection = owner.connect().await?;
        let served = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1",
        );
        let served = served.bind(self.runtime.get_username()).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(served)
    }

    /// Applies what is missing, if the owner's URL is known. In any case the runtime role, in whose hands the database
    /// will be, finds every migration applied and unchanged.
    pub(crate) async fn migrate(&self) -> Result<(), Fault> {
        if let Some(owner) = &self.owner {
            let mut migrator = Migrator::connect(owner).await?;
            migrator.up().await.map_err(schema_fault)?;
            migrator.close().await?;
        }
        self.check().await
    }

    /// Whether every migration is applied and unchanged, as the runtime role finds it.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        Schema::read(&self.runtime).await.and_then(|schema| schema.check()).map_err(schema_fault)
    }

    /// Every migration and how it stands. Read as the owner where it is known: at some versions the runtime role may not.
    pub(crate) async fn schema(&self) -> Result<Schema, MigrateError> {
        Schema::read(self.owner.as_ref().unwrap_or(&self.runtime)).await
    }

    /// Connects as the runtime role.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<Store, Fault> {
        connect(&self.runtime, settings.database_connections).await
    }

    /// Notes that a server works with it, one of so many, as long as the answer lives. A server that does not count this one
    /// in is in the way; what it was started with may be wrong, or it may still be ending.
    pub(crate) async fn join(&self, nodes: u32) -> Result<Company, Fault> {
        match Company::join(&self.runtime, nodes).await {
            Ok(Ok(company)) => Ok(company),
            Ok(Err(occupied)) => Err(Fault::Failed(occupied.into())),
            Err(error) => Err(no_use(error)),
        }
    }

    /// Stops the private cluster; somebody else's server is left alone. Close the pool first.
    pub(crate) async fn stop(self) {
        if let Some(cluster) = self.cluster {
            // Blocks for as long as PostgreSQL takes to write everything out.
            let _ = tokio::task::spawn_blocking(move || cluster.stop()).await;
        }
    }
}

/// Connects as the runtime role, and refuses one that could go around row-level security.
pub(crate) async fn connect(runtime: &PgConnectOptions, connections: u32) -> Result<Store, Fault> {
    let mut options = ConnectOptions::new(runtime.clone());
    options.max_connections = connections;
    Store::connect(options).await.map_err(|error| match error {
        StoreError::UnsafeRole { .. } => Fault::config(error.to_string()),
        other => no_use(other),
    })
}

fn no_use(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    if is_refused(&error) {
        Fault::config(format!("{URL}: the database refuses this role or password"))
    } else {
        Fault::Failed(anyhow::Error::new(error).context("cannot use the database; is it running?"))
    }
}

/// Whether the database runs and will not let this role in: 28000 and 28P01 of PostgreSQL's appendix A.
fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| match cause.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(said)) => matches!(said.code().as_deref(), Some("28000" | "28P01")),
        _ => false,
    })
}

/// The database as it is found, for whoever only looks.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub(crate) enum Found {
    /// Somebody else's server.
    External {
        /// As the runtime role.
        runtime: PgConnectOptions,
        /// As the owner of the schema, if the settings say how.
        owner: Option<PgConnectOptions>,
    },
    /// The private cluster.
    Embedded(Sighting),
}

impl Found {
    /// Looks, and changes nothing.
    pub(crate) async fn look(settings: &Settings) -> Result<Self, Fault> {
        if let Some(url) = settings.external_database() {
            return Ok(Self::External { runtime: parse(URL, url)?, owner: owner(settings)? });
        }
        let options = cluster_options(settings);
        let seen = tokio::task::spawn_blocking(move || Sighting::of(&options)).await?;
        Ok(Self::Embedded(seen.map_err(cluster_fault)?))
    }
}

/// How the runtime role reaches a private cluster.
pub(crate) fn runtime(endpoint: &Endpoint) -> Result<PgConnectOptions, Fault> {
    Ok(PgConnectOptions::from_str(&endpoint.url(APP_ROLE, DATABASE))?)
}

/// The driver itself takes any scheme for its own.
fn parse(name: &str, url: &str) -> Result<PgConnectOptions, Fault> {
    let refused = || Fault::config(format!("{name} is not a PostgreSQL URL: it begins with postgres://"));
    match url.split_once("://") {
        Some(("postgres" | "postgresql", _)) => PgConnectOptions::from_str(url).map_err(|_| refused()),
        _ => Err(refused()),
    }
}

fn owner(settings: &Settings) -> Result<Option<PgConnectOptions>, Fault> {
    settings.owner_database().map(|url| parse(OWNER_URL, url)).transpose()
}

/// Another version of the program is needed, or a person who migrates; a database that does not answer passes.
fn schema_fault(error: MigrateError) -> Fault {
    match error {
        MigrateError::Changed(_)
        | MigrateError::Unknown(_)
        | MigrateError::Missing(_)
        | MigrateError::Unreadable(_) => Fault::config(error.to_string()),
        MigrateError::Connect(cause) if is_refused(&cause) => {
            Fault::config("the database refuses the role or the password that it was asked with".to_owned())
        }
        other @ (MigrateError::Connect(_)
        | MigrateError::EvidenceWouldBeLost
        | MigrateError::NoSuchVersion(_)
        | MigrateError::Migrate(_)
        | MigrateError::Database(..)) => other.into(),
    }
}

fn cluster_fault(error: proofline_embedded_postgres::Error) -> Fault {
    if error.is_lasting() { Fault::config(error.to_string()) } else { error.into() }
}

fn cluster_options(settings: &Settings) -> Options {
    let mut options = Options::new(settings.data.join("postgres"));
    options.relocate_to = Some(SYSTEM_DATA.into());
    if let Some(folder) = &settings.postgres_programs {
        options.search = Search::Only(vec![folder.clone()]);
    }
    options
}

async fn embedded(settings: &Settings) -> Result<Database, Fault> {
    settings.make_data()?;
    let options = cluster_options(settings);
    let started = tokio::task::spawn_blocking(move || Cluster::start(&options)).await?;
    let cluster = started.map_err(cluster_fault)?;
    let endpoint = cluster.endpoint();
    prepare(&endpoint).await.context("cannot prepare the private database")?;
    Ok(Database {
        kind: DatabaseKind::Embedded,
        runtime: runtime(&endpoint)?,
        owner: Some(PgConnectOptions::from_str(&endpoint.url(OWNER_ROLE, DATABASE))?),
        cluster: Some(cluster),
    })
}

/// Creates the two roles and the database where they are missing.
async fn prepare(endpoint: &Endpoint) -> anyhow::Result<()> {
    let mut admin = PgConnectOptions::from_str(&endpoint.superuser_url("postgres"))?.connect().await?;
    let exists = |sql: &'static str| sqlx::query_scalar::<_, bool>(sql);
    if !exists("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'proofline_owner')")
        .fetch_one(&mut admin)
        .await?
    {
        sqlx::query("CREATE ROLE proofline_owner LOGIN").execute(&mut admin).await?;
    }
    if !exists("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'proofline_app')")
        .fetch_one(&mut admin)
        .await?
    {
        sqlx::query("CREATE ROLE proofline_app LOGIN").execute(&mut admin).await?;
    }
    if !exists("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'proofline')")
        .fetch_one(&mut admin)
        .await?
    {
        sqlx::query("CREATE DATABASE proofline OWNER proofline_owner").execute(&mut admin).await?;
    }
    Ok(admin.close().await?)
}
