//! `proofline admin …`: looking after an installation from its own machine.

use clap::Subcommand;
use proofline_server::open_bootstrap;

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
        AdminCommand::RotateKey { key } => rotate::rotate(settings, *key).await,
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
