//! Everything that is sealed, under the current master key: what a rotation does, beside running servers.
//!
//! A batch of rows is one transaction. Killed at any instant, the rotation has sealed some batches anew and no row is in
//! between; run again it goes on with what is left. Servers open both keys meanwhile, and a row that one of them changes
//! at the same moment is waited for. Earlier keys retire only once nothing is under them.

use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{Clock, Entropy};
use proofline_store::{Resealed, SEALED_COLUMNS, SealedColumn, SealedRow, Store, StoreError};
use proofline_vault::{Cell, Sealed, Vault};
use serde_json::json;

use super::command_note;
use super::known::sealed_by_key;

/// Rows of one transaction.
const BATCH: i64 = 100;

/// How a rotation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealReport {
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Values under the current key now.
    pub rows: u64,
    /// Keys that nothing needs any more since this rotation.
    pub retired: Vec<String>,
    /// Values that do not open. They were changed or moved, or their key is missing; they stay as they are.
    pub refused: u64,
    /// Values that are still under another key: what was refused, and what a server sealed meanwhile that does not seal
    /// under the current key yet.
    pub left: u64,
}

/// A rotation did not come to its end. What it did stays done.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy.
    #[error(transparent)]
    Denied(#[from] proofline_authz::Denied),
}

/// Seals every stored secret anew that is not under the vault's current key, and retires the earlier keys if none is
/// left. Leaves one row in the audit log.
///
/// # Errors
/// When the database fails. Run it again.
pub async fn reseal(
    store: &Store,
    vault: &Vault,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<ResealReport, ResealError> {
    let principal = Principal::System(Job("key rotation"));
    // A batch changes how something is kept and not what it says; the rotation as a whole is what is audited.
    let (batch, whole) =
        (authorise(&principal, Action::SystemMaintain)?, authorise(&principal, Action::KeyRotate)?);
    let (mut resealed, mut refused) = (0, 0);
    for column in SEALED_COLUMNS {
        let mut after = None;
        loop {
            let mut scope = store.scope(&batch).await?;
            let rows = scope.lock_sealed_rows(column, vault.current_key(), after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.row);
            let count = rows.len();
            let fresh: Vec<Resealed> =
                rows.into_iter().filter_map(|row| seal_anew(vault, column, row)).collect();
            refused += u64::try_from(count - fresh.len()).unwrap_or(0);
            resealed += u64::try_from(scope.reseal(column, &fresh, vault.current_key()).await?).unwrap_or(0);
            scope.commit_unaudited().await?;
        }
    }
    let mut scope = store.scope(&whole).await?;
    scope.lock_known_secrets().await?;
    let sealed = sealed_by_key(&mut scope).await?;
    let rows = sealed.get(vault.current_key()).copied().unwrap_or(0);
    let left = sealed.values().sum::<u64>() - rows;
    let now = clock.now();
    let retired =
        if left == 0 { scope.retire_master_keys(vault.current_key(), now).await? } else { Vec::new() };
    let detail = json!({ "resealed": resealed, "refused": refused, "left": left, "retired": retired });
    let resource = format!("master key {}", vault.current_key());
    scope.commit(command_note(now, entropy, resource, detail)).await?;
    Ok(ResealReport { resealed, rows, retired, refused, left })
}

/// One value under the current key; none where it does not open, which the vault raises the alarm about.
fn seal_anew(vault: &Vault, column: &SealedColumn, row: SealedRow) -> Option<Resealed> {
    let cell = Cell { table: column.table, column: column.name, tenant: row.tenant, row: row.row };
    let secret = vault.open(&cell, &Sealed { key: row.key, token: row.token.clone() }).ok()?;
    Some(Resealed { row: row.row, before: row.token, fresh: vault.seal(&cell, &secret).token })
}
