//! Pending orders in memory, so that a check-in asks no database. Read anew when one is issued, and every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use proofline_core::{ApplianceId, OrderId};
use serde_json::value::RawValue;

use crate::AppState;
use crate::http::ApiResult;

/// Most pending orders held at once, over the whole fleet.
const MOST: i64 = 10_000;

type Pending = HashMap<ApplianceId, Vec<(OrderId, Box<RawValue>)>>;

/// Orders that appliances still have to carry out.
#[derive(Default)]
pub struct OrderBook(RwLock<Arc<Pending>>);

impl OrderBook {
    /// What this appliance is to be given now.
    pub fn of(&self, appliance: ApplianceId) -> Vec<Box<RawValue>> {
        let pending = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        pending
            .get(&appliance)
            .map(|orders| orders.iter().map(|(_, envelope)| envelope.clone()).collect())
            .unwrap_or_default()
    }
}

/// Reads what is pending.
pub async fn reload(app: &AppState) -> ApiResult<String> {
    let mut scope = app.background_scope("orders").await?;
    let expired = scope.expire_orders(app.now()).await?;
    let rows = scope.pending_orders(app.now(), MOST).await?;
    scope.commit_unaudited().await?;
    let mut pending = Pending::new();
    for (appliance, order, envelope) in rows {
        if let Ok(envelope) = RawValue::from_string(envelope) {
            pending.entry(appliance).or_default().push((order, envelope));
        }
    }
    let waiting: usize = pending.values().map(Vec::len).sum();
    *app.orders().0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pending);
    Ok(format!("{waiting} pending, {expired} expired"))
}
