//! The only way to a tenant's data: a transaction opened for a permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proofline_authz::{Action, Effect, Permit, Principal, Reach};
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
    meter: QueryMeter,
}

/// Counts the queries of a request; clones share the count.
#[derive(Debug, Clone, Default)]
pub struct QueryMeter(Arc<AtomicU32>);

impl QueryMeter {
    /// Queries so far.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Scope {
    pub(crate) fn new(
        transaction: Transaction<'static, Postgres>,
        permit: Permit,
        meter: QueryMeter,
    ) -> Self {
        Self { transaction, permit, meter }
    }

    /// The connection for one query; the count is what tests hold lists to.
    pub(crate) fn query(&mut self) -> &mut PgConnection {
        self.meter.0.fetch_add(1, Ordering::Relaxed);
        &mut self.transaction
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        self.permit.principal()
    }

    /// How much of the tenancy tree it opens.
    pub fn reach(&self) -> Reach {
        self.permit.reach()
    }

    /// What was permitted.
    pub fn action(&self) -> Action {
        self.permit.action()
    }

    /// Tells every node something when, and only when, this scope commits. At most 7 900 bytes.
    pub async fn announce(&mut self, text: &str) -> StoreResult<()> {
        sqlx::query!("SELECT pg_notify($1, $2)", crate::connect::CHANNEL, text)
            .execute(self.query())
            .await
            .during("announce")
            .map(drop)
    }

    /// Commits a change together with the audit row that describes it.
    pub async fn commit(mut self, note: AuditNote) -> StoreResult<()> {
        audit::append(&mut self.transaction, self.permit.principal(), self.permit.action(), note).await?;
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
