//! What check-ins say, kept in memory and written once a second: it is soft state, and a fleet says it every minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proofline_core::ApplianceId;
use proofline_store::PresenceRow;

use crate::AppState;
use crate::events::{Change, Topic};
use crate::http::ApiResult;

/// The last word of each appliance since the last write. Bounded by the fleet.
#[derive(Default)]
pub struct PresenceBuffer(Mutex<HashMap<ApplianceId, PresenceRow>>);

impl PresenceBuffer {
    /// Keeps the newest report of each appliance.
    pub fn put(&self, row: PresenceRow) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row.appliance, row);
    }

    fn take(&self) -> Vec<PresenceRow> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rows: Vec<_> = taken.into_values().collect();
        // One order for every writer, so that two nodes never wait for each other.
        rows.sort_unstable_by_key(|row| row.appliance);
        rows
    }

    fn put_back(&self, rows: Vec<PresenceRow>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            held.entry(row.appliance).or_insert(row);
        }
    }
}

/// Rows per statement.
const BATCH: usize = 1_000;

/// Writes what came in since the last time.
pub async fn flush(app: &AppState) -> ApiResult<String> {
    let rows = app.presence().take();
    for (done, batch) in rows.chunks(BATCH).enumerate() {
        let written = async {
            let mut scope = app.background_scope("presence").await?;
            scope.put_presence(batch).await?;
            ApiResult::Ok(scope.commit_unaudited().await?)
        };
        if let Err(problem) = written.await {
            app.presence().put_back(rows[done * BATCH..].to_vec());
            return Err(problem);
        }
    }
    // A large fleet checks in all the time: pages refresh on their own clock, not on every one of them.
    if rows.len() <= 20 {
        for row in &rows {
            let id = Some(row.appliance.to_string());
            app.events().publish(Change { topic: Topic::Appliance, org_id: row.org, site_id: row.site, id });
        }
    }
    Ok(format!("{} appliances", rows.len()))
}
