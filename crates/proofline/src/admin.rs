//! `proofline admin …`: looking after an installation from its own machine.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use proofline_core::Email;
use proofline_server::{
    ImportFault, Imported, Problem, import_users, open_bootstrap, reset_factors_of, wrap_passwords,
};

use crate::fault::Fault;
use crate::serve::serve_with;
use crate::settings::Settings;
use crate::{rotate, secrets};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Print a fresh bootstrap link, while nobody exists yet. Earlier links stop working. Stop the server first.
    BootstrapLink,
    /// Change a key, beside running servers or without them.
    RotateKey {
        /// Which key.
        #[arg(value_enum)]
        key: rotate::RotatedKey,
        /// Of a signing key: hours from now until the successor signs, and from then until its predecessor is refused.
        /// Appliances that check in meanwhile know both.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=720))]
        overlap_hours: u16,
        /// Of a signing key, when asking: why, in 10 to 500 characters. The administrator who decides reads it.
        #[arg(long)]
        reason: Option<String>,
        /// Of a signing key: wait until an administrator decides.
        #[arg(long)]
        wait: bool,
    },
    /// Bring people of an earlier system in from a JSON list of {email, name, role, partner_id?, org_id?, password_hash}. All
    /// of them or nobody; whose address is there already is left alone. Stop the server first.
    ImportUsers {
        /// The file.
        file: PathBuf,
    },
    /// Put bcrypt around the password digests of an earlier system that are still stored, without waiting for their people
    /// to come back. Stop the server first.
    WrapPasswords,
    /// Take all second factors of a person away who lost them and whom no administrator can help. Their sessions end, and
    /// they set up a new one when they next sign in. Stop the server first.
    ResetFactors {
        /// Whose.
        #[arg(long)]
        email: Email,
    },
    /// Print a fresh secret, fit for any of the PROOFLINE_* secrets.
    NewSecret,
}

/// Does it.
pub(crate) async fn admin(settings: &Settings, command: &AdminCommand) -> Result<(), Fault> {
    match command {
        AdminCommand::NewSecret => {
            println!("{}", secrets::fresh());
            Ok(())
        }
        AdminCommand::RotateKey { key, overlap_hours, reason, wait } => {
            let asked =
                rotate::Asked { overlap_hours: *overlap_hours, reason: reason.as_deref(), wait: *wait };
            rotate::rotate(settings, *key, &asked).await
        }
        AdminCommand::ImportUsers { file } => {
            let bytes = small_file(file)?;
            serve_with(settings, |app| async move {
                match import_users(&app, &bytes).await {
                    Ok(Imported { added, known }) => {
                        println!("{added} people brought in; {known} were there already.");
                        Ok(())
                    }
                    Err(ImportFault::Lines(lines)) => {
                        for line in &lines {
                            println!("Person {}: {}.", line.number, line.why);
                        }
                        let said = "nobody was brought in: correct the people named above";
                        Err(Fault::Failed(anyhow::anyhow!("{said}")))
                    }
                    Err(ImportFault::File(why)) => Err(Fault::Failed(anyhow::anyhow!("the file: {why}"))),
                    Err(ImportFault::Problem(problem)) => Err(refused(&problem)),
                }
            })
            .await
        }
        AdminCommand::WrapPasswords => {
            serve_with(settings, |app| async move {
                let wrapped = wrap_passwords(&app).await.map_err(|problem| refused(&problem))?;
                println!("{wrapped} passwords wrapped.");
                Ok(())
            })
            .await
        }
        AdminCommand::ResetFactors { email } => {
            serve_with(settings, |app| async move {
                let ended = reset_factors_of(&app, email).await.map_err(|problem| refused(&problem))?;
                let Some(ended) = ended else {
                    return Err(Fault::Failed(anyhow::anyhow!("nobody has this address")));
                };
                println!("Second factors taken away; {ended} sessions ended.");
                Ok(())
            })
            .await
        }
        AdminCommand::BootstrapLink => {
            serve_with(settings, |app| async move {
                match open_bootstrap(&app).await.map_err(|p| anyhow::anyhow!("{}", p.code()))? {
                    Some(link) => println!("{}", link.0),
                    None => println!(
                        "The first administrator exists already; sign in at {}.",
                        app.settings().public_url
                    ),
                }
                Ok(())
            })
            .await
        }
    }
}

/// Largest file of people, in bytes.
const MAX_FILE: u64 = 32 * 1024 * 1024;

fn small_file(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    let read = read.with_context(|| format!("cannot read {}", path.display()))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_FILE) {
        return Err(Fault::Failed(anyhow::anyhow!("{} is larger than 32 MiB", path.display())));
    }
    Ok(bytes)
}

fn refused(problem: &Problem) -> Fault {
    Fault::Failed(anyhow::anyhow!("{}: {}", problem.code(), problem.detail()))
}
