//! What check-ins say, kept in memory and written once a second: it is soft state, and a fleet says it every minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use proofline_core::ApplianceId;
use proofline_store::{PresenceRow, StoreError, StoreResult};

use crate::events::{Change, Topic};
use crate::http::ApiResult;
use crate::{AppState, background_permit};

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

/// Writes what came in since the last time. A row that the database refuses is dropped, and the fleet goes on.
pub async fn flush(app: &AppState) -> ApiResult<String> {
    let rows = app.presence().take();
    let mut dropped = 0;
    for (done, batch) in rows.chunks(BATCH).enumerate() {
        match write(app, batch).await {
            Ok(refused) => dropped += refused,
            Err(problem) => {
                app.presence().put_back(rows[done * BATCH..].to_vec());
                return Err(problem);
            }
        }
    }
    // A large fleet checks in all the time: pages refresh on their own clock, not on every one of them.
    if rows.len() <= 20 {
        for row in &rows {
            let id = Some(row.appliance.to_string());
            app.events().publish(Change { topic: Topic::Appliance, org_id: row.org, site_id: row.site, id });
        }
    }
    Ok(match dropped {
        0 => format!("{} appliances", rows.len()),
        _ => format!("{} appliances, {dropped} refused by the database", rows.len() - dropped),
    })
}

/// Writes a batch, halving it around rows that the database refuses. Answers how many those were. A database that does
/// not answer is an error: then no row is to blame.
async fn write(app: &AppState, batch: &[PresenceRow]) -> ApiResult<usize> {
    let mut dropped = 0;
    let mut left = vec![batch];
    while let Some(rows) = left.pop() {
        match put(app, rows).await {
            Ok(()) => {}
            Err(error @ StoreError::Unavailable { .. }) => return Err(error.into()),
            Err(error) if rows.len() <= 1 => {
                let appliance = rows.first().map(|row| row.appliance.to_string());
                tracing::error!(?appliance, cause = ?error, "a check-in cannot be stored and is dropped");
                metrics::counter!("presence_rows_dropped_total").increment(1);
                dropped += rows.len();
            }
            Err(_) => {
                let (one, two) = rows.split_at(rows.len() / 2);
                left.extend([one, two]);
            }
        }
    }
    Ok(dropped)
}

async fn put(app: &AppState, rows: &[PresenceRow]) -> StoreResult<()> {
    let permit =
        background_permit("presence").map_err(|_| StoreError::NotFound("permit of background work"))?;
    let mut scope = app.store().scope(&permit).await?;
    scope.put_presence(rows).await?;
    scope.commit_unaudited().await
}
