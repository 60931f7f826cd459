//! Positions, sizes and sequence numbers: `u64` in the program, `bigint` in the database.

use crate::error::stored;
use crate::{StoreError, StoreResult};

/// For a parameter. Nothing that is counted here comes near 2^63; what does is past every stored row.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// From a column that a CHECK keeps at zero or above.
pub(crate) fn unsigned(number: i64, operation: &'static str, what: &'static str) -> StoreResult<u64> {
    stored(u64::try_from(number), operation, what)
}

/// From a `count(*)`.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A digest from a column that a CHECK keeps at 32 bytes.
pub(crate) fn digest(bytes: Vec<u8>, operation: &'static str, what: &'static str) -> StoreResult<[u8; 32]> {
    bytes.try_into().map_err(|_| StoreError::Corrupt { operation, what })
}
