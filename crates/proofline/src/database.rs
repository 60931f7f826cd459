//! The database: a private cluster of our own, or somebody else's server.

use std::str::FromStr as _;

use anyhow::Context as _;
use proofline_embedded_postgres::{APP_ROLE, Cluster, Endpoint, OWNER_ROLE, Options};
use proofline_server::DatabaseKind;
use proofline_store::{ConnectOptions, Migrator, Store};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::fault::Fault;
use crate::settings::Settings;

const DATABASE: &str = "proofline";
/// Where root puts a private cluster whose requested place the database user cannot enter. Not below the service's own
/// `/var/lib/proofline`, which is closed to others.
const SYSTEM_DATA: &str = "/var/lib/proofline-postgres";

/// Where the database is, and for the embedded one, its supervisor.
pub(crate) struct Database {
    pub(crate) kind: DatabaseKind,
    pub(crate) runtime: PgConnectOptions,
    pub(crate) owner: Option<PgConnectOptions>,
    cluster: Option<Cluster>,
}

impl Database {
    /// Finds or starts the database.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Fault> {
        match settings.external_database() {
            Some(url) => external(settings, &url),
            None => embedded(settings).await,
        }
    }

    /// Whose it is, in a few words.
    pub(crate) fn describe(&self) -> String {
        match &self.cluster {
            Some(cluster) => {
                format!("embedded PostgreSQL {} in {}", cluster.version(), cluster.data_dir().display())
            }
            None => "external".to_owned(),
        }
    }

    /// Applies what is missing. Without the owner's URL, only checks that nothing is.
    pub(crate) async fn migrate(&self) -> Result<(), Fault> {
        match &self.owner {
            Some(owner) => {
                let mut migrator = Migrator::connect(owner).await?;
                migrator.up().await?;
                Ok(migrator.close().await?)
            }
            None => Ok(()),
        }
    }

    /// Connects as the runtime role.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<Store, Fault> {
        let mut options = ConnectOptions::new(self.runtime.clone());
        options.max_connections = settings.database_connections;
        Store::connect(options).await.map_err(|error| match error {
            proofline_store::StoreError::UnsafeRole { .. } => Fault::config(error.to_string()),
            other => Fault::Failed(anyhow::Error::new(other).context(
                "cannot use the database; is it running, and was `proofline migrate up` run as the schema's owner?",
            )),
        })
    }

    /// Stops the private cluster; somebody else's server is left alone. Close the pool first.
    pub(crate) async fn stop(self) {
        if let Some(cluster) = self.cluster {
            // Blocks for as long as PostgreSQL takes to write everything out.
            let _ = tokio::task::spawn_blocking(move || cluster.stop()).await;
        }
    }
}

fn external(settings: &Settings, url: &str) -> Result<Database, Fault> {
    let parse = |name: &str, url: &str| {
        PgConnectOptions::from_str(url).map_err(|_| Fault::config(format!("{name} is not a PostgreSQL URL")))
    };
    Ok(Database {
        kind: DatabaseKind::External,
        runtime: parse("PROOFLINE_DATABASE_URL", url)?,
        owner: settings
            .owner_database_url
            .as_deref()
            .map(|u| parse("PROOFLINE_OWNER_DATABASE_URL", u))
            .transpose()?,
        cluster: None,
    })
}

async fn embedded(settings: &Settings) -> Result<Database, Fault> {
    let mut options = Options::new(settings.data.join("postgres"));
    options.relocate_to = Some(SYSTEM_DATA.into());
    let started = tokio::task::spawn_blocking(move || Cluster::start(&options)).await?;
    let cluster = started.map_err(|error| Fault::config(error.to_string()))?;
    let endpoint = cluster.endpoint();
    prepare(&endpoint).await.context("cannot prepare the private database")?;
    Ok(Database {
        kind: DatabaseKind::Embedded,
        runtime: PgConnectOptions::from_str(&endpoint.url(APP_ROLE, DATABASE))?,
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
