//! The only way to a tenant's data: a transaction opened for a permit.

use proofline_authz::{Action, Effect, Permit, Principal};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::audit::{self, AuditNote};
use crate::error::During;
use crate::{StoreError, StoreResult};

/// A transaction that row-level security limits to what its permit reaches. Dropping it undoes everything.
///
/// Every query of every capability is a method on this type, in the file named after the capability.
pub struct Scope {
    transaction: Transaction<'static, Postgres>,
    permit: Permit,
    queries: u32,
}

impl Scope {
    pub(crate) fn new(transaction: Transaction<'static, Postgres>, permit: Permit) -> Self {
        Self { transaction, permit, queries: 0 }
    }

    /// The connection for one query; the count is what tests hold lists to.
    pub(crate) fn query(&mut self) -> &mut PgConnection {
        self.queries += 1;
        &mut self.transaction
    }

    /// How many queries ran so far.
    pub fn queries(&self) -> u32 {
        self.queries
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        self.permit.principal()
    }

    /// What was permitted.
    pub fn action(&self) -> Action {
        self.permit.action()
    }

    /// Commits a change together with the audit row that describes it.
    pub async fn commit(mut self, note: AuditNote) -> StoreResult<()> {
        audit::append(&mut self.transaction, &self.permit, note).await?;
        self.transaction.commit().await.during("commit")
    }

    /// Commits work that is its own record: what an appliance or the installation itself does. A person's change is
    /// refused here, because it needs its audit row.
    pub async fn commit_unaudited(self) -> StoreResult<()> {
        match self.permit.action().effect() {
            Effect::Write => Err(StoreError::Unaudited(self.permit.action().as_str())),
            Effect::Read => self.transaction.commit().await.during("commit"),
        }
    }
}
