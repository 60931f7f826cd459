//! A private database with the present schema, for as long as it is needed.
//!
//! The migrations are applied by `psql`, which comes with the server: the store itself cannot be asked, because it does
//! not compile before its queries have been checked against this very database.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use proofline_embedded_postgres::{APP_ROLE, Cluster, OWNER_ROLE, Options};

use crate::migrations;
use crate::repository::{Repository, run};

const DATABASE: &str = "proofline";

pub(crate) struct SchemaDatabase {
    cluster: Cluster,
    _home: tempfile::TempDir,
}

impl SchemaDatabase {
    /// A fresh cluster with the product's roles and every migration applied by the owner.
    pub(crate) fn start(repository: &Repository) -> Result<Self> {
        let open_to_all = Permissions::from_mode(0o755); // the cluster's user has to enter it
        let home = tempfile::Builder::new().prefix("proofline-schema-").permissions(open_to_all).tempdir()?;
        let options = Options {
            run_dir: Some(home.path().join("run")),
            ..Options::new(home.path().join("data")).for_tests()
        };
        let cluster = Cluster::start(&options)?;
        let database = Self { cluster, _home: home };
        let superuser = database.cluster.endpoint().superuser_url("postgres");
        for role in [OWNER_ROLE, APP_ROLE] {
            database.psql(repository, &superuser, &["-c", &format!("CREATE ROLE {role} LOGIN")])?;
        }
        database.psql(
            repository,
            &superuser,
            &["-c", &format!("CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")],
        )?;
        for (name, text) in migrations::read(repository)? {
            if name.ends_with(".up.sql") {
                database.apply(repository, &name, &text)?;
            }
        }
        Ok(database)
    }

    /// As the owner of the schema.
    pub(crate) fn url(&self) -> String {
        self.cluster.endpoint().url(OWNER_ROLE, DATABASE)
    }

    fn apply(&self, repository: &Repository, name: &str, text: &str) -> Result<()> {
        let file = Path::new(migrations::FOLDER).join(name);
        let file = file.to_str().context("our own paths are text")?;
        // sqlx's mark for statements that cannot run inside a transaction.
        let arguments: &[&str] = if text.starts_with("-- no-transaction") {
            &["-f", file]
        } else {
            &["--single-transaction", "-f", file]
        };
        self.psql(repository, &self.url(), arguments).with_context(|| format!("migration {name}"))
    }

    fn psql(&self, repository: &Repository, url: &str, arguments: &[&str]) -> Result<()> {
        let beside_the_server = self.cluster.programs().join("psql");
        let psql = if beside_the_server.exists() { beside_the_server } else { "psql".into() };
        let mut command = repository.command(psql);
        command.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", url]).args(arguments);
        command.env("PGOPTIONS", "-c client_min_messages=warning").stdout(Stdio::null());
        run(&mut command)
    }
}
