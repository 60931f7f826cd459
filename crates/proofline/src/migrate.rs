//! `proofline migrate up | down | status`.

use clap::Subcommand;
use proofline_store::{Migrator, Standing};

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

/// Changes are made as the owner of the schema.
pub(crate) async fn migrate(settings: &Settings, command: &MigrateCommand) -> Result<(), Fault> {
    // Looking disturbs no server that runs.
    let database = match command {
        MigrateCommand::Status => Database::attach(settings).await?,
        MigrateCommand::Up | MigrateCommand::Down { .. } => Database::open(settings).await?,
    };
    let outcome = apply(&database, command).await;
    database.stop().await;
    outcome
}

async fn apply(database: &Database, command: &MigrateCommand) -> Result<(), Fault> {
    let owner = || {
        database.owner.as_ref().ok_or_else(|| {
            Fault::config(
                "PROOFLINE_OWNER_DATABASE_URL is not set; migrations run as the owner of the schema",
            )
        })
    };
    match command {
        MigrateCommand::Up => {
            let mut migrator = Migrator::connect(owner()?).await?;
            migrator.up().await?;
            migrator.close().await?;
        }
        MigrateCommand::Down { to } => {
            let mut migrator = Migrator::connect(owner()?).await?;
            migrator.down(*to).await?;
            migrator.close().await?;
        }
        MigrateCommand::Status => {}
    }
    for state in database.schema().await?.0 {
        let word = match state.standing {
            Standing::Applied => "applied",
            Standing::Missing => "missing",
            Standing::Changed => "CHANGED SINCE APPLIED",
            Standing::Unknown => "OF ANOTHER VERSION",
        };
        println!("{:>4}  {:<40} {word}", state.version, state.description);
    }
    Ok(())
}
