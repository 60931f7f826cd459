//! The server's signing keys: one file per role in the data directory, readable by the server alone.
//!
//! A key that the database knows but the folder no longer holds is never replaced silently: everything signed with it
//! would lose its meaning.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use proofline_core::{Entropy, Timestamp};
use proofline_evidence::SigningKey;
use proofline_protocol::KeyRole;
use proofline_server::ServerKeys;
use proofline_store::{ServerKeyRow, Store};

use crate::entropy::SystemEntropy;
use crate::fault::Fault;

/// Reads the four keys, or makes them at the very first start (`known` is empty), and registers their public halves.
pub(crate) async fn load(data: &Path, store: &Store, at: Timestamp) -> Result<ServerKeys, Fault> {
    let permit =
        proofline_server::background_permit("server keys").map_err(|p| anyhow::anyhow!("{}", p.code()))?;
    let mut scope = store.scope(&permit).await?;
    let known = scope.server_keys().await?;
    let folder = data.join("keys");
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let mut keys = Vec::new();
    for role in KeyRole::ALL {
        let current = known.iter().find(|key| key.role == role.as_str() && key.retired_at.is_none());
        let key = load_one(&folder, role, current)?;
        let public = key.public_key();
        scope
            .put_server_key(&ServerKeyRow {
                key_id: public.id().to_string(),
                role: role.to_string(),
                public_key: public.as_bytes().to_vec(),
                created_at: at,
                retired_at: None,
            })
            .await?;
        keys.push(key);
    }
    scope.commit_unaudited().await?;
    let [server_facts, checkpoint, orders, rules]: [SigningKey; 4] =
        keys.try_into().map_err(|_| anyhow::anyhow!("there are four roles"))?;
    Ok(ServerKeys { server_facts, checkpoint, orders, rules })
}

fn load_one(folder: &Path, role: KeyRole, current: Option<&ServerKeyRow>) -> Result<SigningKey, Fault> {
    let path = folder.join(format!("{role}.ed25519"));
    let seed: [u8; 32] = match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            Fault::config(format!(
                "{} does not hold a key of 32 bytes; restore it from your backup",
                path.display()
            ))
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && current.is_none() => {
            let seed = (&SystemEntropy as &dyn Entropy).bytes::<32>();
            write_new(&path, &seed).with_context(|| format!("cannot write {}", path.display()))?;
            seed
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Fault::config(format!(
                "the {role} key is missing at {}; restore it from your backup, a new one would not fit what was signed",
                path.display()
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let key = SigningKey::from_seed(&seed);
    match current {
        Some(row) if row.key_id != key.id().to_string() => Err(Fault::config(format!(
            "the {role} key at {} is not the one that this database knows; restore the right one",
            path.display()
        ))),
        Some(_) | None => Ok(key),
    }
}

/// All or nothing, on disk before its public half is registered.
fn write_new(path: &Path, seed: &[u8; 32]) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(seed)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
