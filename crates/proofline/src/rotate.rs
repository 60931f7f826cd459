//! `proofline admin rotate-key …`: another key in the place of the one before.

use std::time::Duration;

use clap::ValueEnum;
use proofline_core::{Clock as _, InstallationId, SystemClock, format_rfc3339};
use proofline_protocol::KeyRole;
use proofline_server::keys::{ResealReport, reseal};
use proofline_server::stated_reason;
use proofline_store::Store;

use crate::database::{Database, background_scope};
use crate::entropy::SystemEntropy;
use crate::fault::Fault;
use crate::keys::{Folder, Outcome, Rotation};
use crate::secrets::{self, Secrets};
use crate::serve::admit;
use crate::settings::Settings;

/// What can be rotated, and what has to be said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RotatedKey {
    /// Seal everything anew under PROOFLINE_MASTER_KEY. Give the key before it in PROOFLINE_EARLIER_MASTER_KEYS.
    Master,
    /// Make the successor of the key that signs orders and credentials for appliances.
    Orders,
    /// Make the successor of the key that signs rule sets.
    Rules,
    /// Make the successor of the key that signs the server's own statements in every log.
    ServerFacts,
    /// Make the successor of the key that signs the checkpoints of every log.
    Checkpoint,
    /// Says why the password pepper never changes.
    PasswordPepper,
    /// Says how the CSRF key changes.
    Csrf,
}

/// How often the command looks for a decision that it waits for.
const ASKED_EVERY: Duration = Duration::from_secs(2);

/// What was said about the rotation of a signing key.
pub(crate) struct Asked<'a> {
    /// Hours until the successor signs, and from then until its predecessor is refused.
    pub(crate) overlap_hours: u16,
    /// Why.
    pub(crate) reason: Option<&'a str>,
    /// Whether to wait for the decision.
    pub(crate) wait: bool,
}

/// Rotates, or says what there is to know.
pub(crate) async fn rotate(settings: &Settings, key: RotatedKey, asked: &Asked<'_>) -> Result<(), Fault> {
    match key {
        RotatedKey::Master => {
            let secrets = secrets::load(settings)?;
            beside_servers(settings, async |store| seal_anew(settings, store, &secrets).await).await
        }
        RotatedKey::Orders => signing(settings, KeyRole::Orders, asked).await,
        RotatedKey::Rules => signing(settings, KeyRole::Rules, asked).await,
        RotatedKey::ServerFacts => signing(settings, KeyRole::ServerFacts, asked).await,
        RotatedKey::Checkpoint => signing(settings, KeyRole::Checkpoint, asked).await,
        RotatedKey::PasswordPepper => Err(Fault::config(
            "PROOFLINE_PASSWORD_PEPPER can never change: every stored password was made with it, and only the people who \
             know them could make them anew",
        )),
        RotatedKey::Csrf => {
            println!(
                "Give PROOFLINE_CSRF_KEY a new value (`proofline admin new-secret` makes one), put the one before into \
                 PROOFLINE_EARLIER_CSRF_KEYS for 24 hours, and start every server anew.\n\
                 Nothing is stored under it. With several servers, and where the key became known: docs/keys.md."
            );
            Ok(())
        }
    }
}

/// Does something with the database, whether or not servers run.
async fn beside_servers(
    settings: &Settings,
    work: impl AsyncFnOnce(&Store) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let database = Database::attach(settings).await?;
    let outcome = async {
        // Not migrated here: a server that runs is of the schema's version, and one that does not run migrates.
        database.check().await?;
        let store = database.connect(settings).await?;
        let outcome = work(&store).await;
        store.close().await;
        outcome
    }
    .await;
    database.stop().await;
    outcome
}

async fn signing(settings: &Settings, role: KeyRole, asked: &Asked<'_>) -> Result<(), Fault> {
    let reason = asked.reason.map(reason).transpose()?;
    beside_servers(settings, async |store| {
        let unused = || Fault::config("no server ran with this database yet: there is no key to rotate");
        let installation = installation(store).await?.ok_or_else(unused)?;
        let folder = Folder::new(&settings.data, installation);
        let mut asking = reason.map(|reason| (reason, asked.overlap_hours));
        let mut has_waited = false;
        loop {
            match folder.rotate(store, role, asking.take(), SystemClock.now()).await? {
                Outcome::UnderWay(rotation) => {
                    say(role, &rotation);
                    return Ok(());
                }
                Outcome::NotAsked if has_waited => {
                    return Err(Fault::Failed(anyhow::anyhow!("the request was turned down, or nobody decided in time")));
                }
                Outcome::NotAsked => {
                    return Err(Fault::config("nobody asked for it yet: say why, with --reason, and an administrator decides"));
                }
                Outcome::Waits { is_new } => {
                    if is_new || !asked.wait {
                        println!(
                            "An administrator has to approve another {role} key in the console, within 24 hours of asking."
                        );
                    }
                    if !asked.wait {
                        println!("Then run this command again.");
                        return Ok(());
                    }
                    has_waited = true;
                    tokio::time::sleep(ASKED_EVERY).await;
                }
            }
        }
    })
    .await
}

/// A reason that an administrator can decide by.
fn reason(text: &str) -> Result<&str, Fault> {
    stated_reason(text).ok_or_else(|| Fault::config("give the reason in 10 to 500 characters, in one line"))
}

fn say(role: KeyRole, rotation: &Rotation) {
    let Rotation { predecessor, link, is_known } = rotation;
    let said = if *is_known { "is under way already; nothing was changed" } else { "has begun" };
    let (from, until) = (format_rfc3339(link.not_before), format_rfc3339(link.predecessor_until));
    println!("The rotation of the {role} key {said}.");
    println!("Key {} signs from {from} on.", link.key.id());
    println!("Key {predecessor} is refused from {until} on.");
    println!("With more than one node: copy the keys folder to the others before the first of the two.");
}

async fn installation(store: &Store) -> Result<Option<InstallationId>, Fault> {
    let mut scope = background_scope(store, "installation").await?;
    let found = scope.installation().await?;
    scope.commit_unaudited().await?;
    Ok(found.map(|installation| installation.id))
}

async fn seal_anew(settings: &Settings, store: &Store, secrets: &Secrets) -> Result<(), Fault> {
    admit(settings, store, secrets).await?;
    let report = reseal(store, &secrets.vault, &SystemClock, &SystemEntropy).await?;
    let current = secrets.vault.current_key();
    let ResealReport { resealed, rows, retired, refused, left } = report;
    println!("{resealed} stored secrets were sealed anew; {rows} are under master key {current}.");
    for key in retired {
        println!(
            "Nothing is under master key {key} any more: it can be taken out of PROOFLINE_EARLIER_MASTER_KEYS."
        );
    }
    if left == 0 {
        return Ok(());
    }
    let why = if refused == 0 {
        "a server that still seals under an earlier key wrote them; start it with the new one and run this again"
            .to_owned()
    } else {
        format!("{refused} do not open, because they were changed or moved; the log names them")
    };
    Err(Fault::Failed(anyhow::anyhow!("{left} stored secrets are not under master key {current}: {why}")))
}
