//! `proofline migrate up | down | status`.

use clap::Subcommand;
use proofline_server::DatabaseKind;
use proofline_store::{Migrator, Schema, Standing};

use crate::database::Database;
use crate::fault::Fault;
use crate::settings::Settings;

/// What to do with the schema.
#[derive(Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply everything that is missing.
    Up,
    /// Go down to a version, which stays applied. What later ones hold is gone then; refuses while that is evidence, and
    /// while a server works with the database.
    Down {
        /// The version to go down to; 0 removes everything.
        #[arg(long)]
        to: i64,
        /// Do it. Without this, what would be undone is listed and nothing is changed.
        #[arg(long)]
        yes: bool,
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
    let outcome = apply(settings, &database, command).await;
    database.stop().await;
    outcome
}

/// What going down would undo.
fn unconfirmed(schema: &Schema, to: i64) -> Fault {
    let undone = schema.0.iter().filter(|state| state.version > to && state.standing != Standing::Missing);
    let undone: Vec<_> = undone.map(|state| format!("{} ({})", state.version, state.description)).collect();
    Fault::config(format!(
        "this undoes the migrations {} with all that they hold; make a dump, and say --yes; nothing was changed",
        undone.join(", ")
    ))
}

async fn apply(settings: &Settings, database: &Database, command: &MigrateCommand) -> Result<(), Fault> {
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
        MigrateCommand::Down { to, yes } => {
            if !yes {
                return Err(unconfirmed(&database.schema().await?, *to));
            }
            if database.served(owner()?).await? > 0 {
                return Err(Fault::config(
                    "a server works with this database: stop it first; nothing was changed",
                ));
            }
            let mut migrator = Migrator::connect(owner()?).await?;
            migrator.down(*to).await?;
            migrator.close().await?;
        }
        MigrateCommand::Status => {}
    }
    if database.kind == DatabaseKind::Embedded && matches!(command, MigrateCommand::Up) {
        println!("Private database in {}", settings.data.join("postgres").display());
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
