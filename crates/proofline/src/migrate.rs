//! `proofline migrate up | down | status`.

use clap::Subcommand;
use proofline_store::Migrator;

use crate::database::Database;
use crate::fault::Fault;
use crate::settings::Settings;

/// What to do with the schema.
#[derive(Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply everything that is missing.
    Up,
    /// Go down to a version, which stays applied. Refuses while evidence would be lost.
    Down {
        /// The version to go down to; 0 removes everything.
        #[arg(long)]
        to: i64,
    },
    /// Show every migration and whether it is applied.
    Status,
}

/// Runs as the owner of the schema.
pub(crate) async fn migrate(settings: &Settings, command: &MigrateCommand) -> Result<(), Fault> {
    let database = Database::open(settings).await?;
    let outcome = apply(&database, command).await;
    database.stop().await;
    outcome
}

async fn apply(database: &Database, command: &MigrateCommand) -> Result<(), Fault> {
    let owner = database.owner.as_ref().ok_or_else(|| {
        Fault::config("PROOFLINE_OWNER_DATABASE_URL is not set; migrations run as the owner of the schema")
    })?;
    let mut migrator = Migrator::connect(owner).await?;
    match command {
        MigrateCommand::Up => migrator.up().await?,
        MigrateCommand::Down { to } => migrator.down(*to).await?,
        MigrateCommand::Status => {}
    }
    for state in migrator.status().await? {
        let word = match (state.applied, state.changed) {
            (true, true) => "CHANGED SINCE APPLIED",
            (true, false) => "applied",
            (false, _) => "missing",
        };
        println!("{:>4}  {:<40} {word}", state.version, state.description);
    }
    Ok(migrator.close().await?)
}
