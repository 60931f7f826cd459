//! `proofline admin rotate-key …`: another key in the place of the one before.

use chrono::TimeDelta;
use clap::ValueEnum;
use proofline_core::{Clock as _, InstallationId, SystemClock, format_rfc3339};
use proofline_protocol::KeyRole;
use proofline_server::keys::{ResealReport, reseal};
use proofline_store::Store;

use crate::database::{Database, background_scope};
use crate::entropy::SystemEntropy;
use crate::fault::Fault;
use crate::keys::{Folder, Rotation};
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

/// Rotates, or says what there is to know.
pub(crate) async fn rotate(settings: &Settings, key: RotatedKey, overlap: TimeDelta) -> Result<(), Fault> {
    match key {
        RotatedKey::Master => {
            let secrets = secrets::load(settings)?;
            beside_servers(settings, async |store| seal_anew(settings, store, &secrets).await).await
        }
        RotatedKey::Orders => signing(settings, KeyRole::Orders, overlap).await,
        RotatedKey::Rules => signing(settings, KeyRole::Rules, overlap).await,
        RotatedKey::ServerFacts => signing(settings, KeyRole::ServerFacts, overlap).await,
        RotatedKey::Checkpoint => signing(settings, KeyRole::Checkpoint, overlap).await,
        RotatedKey::PasswordPepper => Err(Fault::config(
            "PROOFLINE_PASSWORD_PEPPER can never change: every stored password was made with it, and only the people who \
             know them could make them anew",
        )),
        RotatedKey::Csrf => {
            println!(
                "Give PROOFLINE_CSRF_KEY a new value (`proofline admin new-secret` makes one) and start every server anew.\n\
                 Nothing is stored under it. Pages that are open at that moment have to be loaded again before they can \
                 change anything."
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

async fn signing(settings: &Settings, role: KeyRole, overlap: TimeDelta) -> Result<(), Fault> {
    beside_servers(settings, async |store| {
        let unused = || Fault::config("no server ran with this database yet: there is no key to rotate");
        let installation = installation(store).await?.ok_or_else(unused)?;
        let folder = Folder::new(&settings.data, installation);
        let Rotation { predecessor, link, is_known } =
            folder.rotate(store, role, overlap, SystemClock.now()).await?;
        let said = if is_known { "is under way already; nothing was changed" } else { "has begun" };
        let (from, until) = (format_rfc3339(link.not_before), format_rfc3339(link.predecessor_until));
        println!("The rotation of the {role} key {said}.");
        println!("Key {} signs from {from} on.", link.key.id());
        println!("Key {predecessor} is refused from {until} on.");
        println!("With more than one node: copy the keys folder to the others before the first of the two.");
        Ok(())
    })
    .await
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
