//! Where flows under way are kept: in one place for every node, each taken once.

use futures_util::future::BoxFuture;
use proofline_core::Timestamp;
use proofline_store::{Flow, Store};

use crate::http::ApiResult;

/// Keeps flows until their browser comes back, or until they are too old.
pub(super) trait FlowStore: Send + Sync {
    /// Remembers a flow.
    fn put<'a>(&'a self, flow: &'a Flow) -> BoxFuture<'a, ApiResult<()>>;

    /// Takes the flow away that this browser began under this state, if it is not too old. Of any number that ask at once
    /// one gets it. Another browser gets nothing and takes nothing away.
    fn take<'a>(
        &'a self,
        state_digest: &'a [u8; 32],
        browser_digest: &'a [u8; 32],
        at: Timestamp,
    ) -> BoxFuture<'a, ApiResult<Option<Flow>>>;
}

/// In the database.
pub(super) struct PostgresFlows(pub(super) Store);

impl FlowStore for PostgresFlows {
    fn put<'a>(&'a self, flow: &'a Flow) -> BoxFuture<'a, ApiResult<()>> {
        Box::pin(async move {
            let mut sign_in = self.0.sign_in().await?;
            sign_in.put_flow(flow).await?;
            Ok(sign_in.commit().await?)
        })
    }

    fn take<'a>(
        &'a self,
        state_digest: &'a [u8; 32],
        browser_digest: &'a [u8; 32],
        at: Timestamp,
    ) -> BoxFuture<'a, ApiResult<Option<Flow>>> {
        Box::pin(async move {
            let mut sign_in = self.0.sign_in().await?;
            let flow = sign_in.take_flow(state_digest, browser_digest, at).await?;
            sign_in.commit().await?;
            Ok(flow)
        })
    }
}
