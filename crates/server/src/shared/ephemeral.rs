//! Marks and values that live for seconds or minutes: put by one node, found or taken by any, once.

use std::time::Duration;

use redis::{ExistenceCheck, SetExpiry, SetOptions};

use super::Shared;

impl Shared {
    /// Puts `value` under `key` for `lifetime`, unless something is there. Whether it was the first; `None`: not now.
    pub async fn put_if_absent(&self, key: &str, value: &[u8], lifetime: Duration) -> Option<bool> {
        let milliseconds = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1);
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(milliseconds));
        self.ask(async |mut connection| {
            let mut put = redis::cmd("SET");
            put.arg(key).arg(value).arg(options);
            put.query_async::<Option<String>>(&mut connection).await
        })
        .await
        .map(|answer| answer.is_some())
    }

    /// Takes what is under `key`: of any number of takers on any nodes, one gets it. The outer `None`: not now.
    pub async fn take(&self, key: &str) -> Option<Option<Vec<u8>>> {
        self.ask(async |mut connection| {
            redis::cmd("GETDEL").arg(key).query_async::<Option<Vec<u8>>>(&mut connection).await
        })
        .await
    }
}
