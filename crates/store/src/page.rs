//! Keyset pagination: a page is what follows the last row of the page before it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows, and where the next page begins, if there is one.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// At most as many rows as asked for.
    pub items: Vec<T>,
    /// Opaque to clients; `None` on the last page.
    pub next: Option<Cursor>,
}

/// The sort key of the last row of a page, as JSON text. The HTTP layer makes it opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// The cursor was not made by this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this list")]
pub struct CursorError;

/// What a client asks of a list: how many rows, and after which.
#[derive(Debug, Clone)]
pub struct PageRequest<K> {
    /// 1 to 200.
    pub limit: u16,
    /// The key of the last row already seen.
    pub after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// Reads a cursor back into the key that this list sorts by. `limit` is clamped to 1..=200.
    pub fn new(limit: u16, cursor: Option<&Cursor>) -> Result<Self, CursorError> {
        let after = cursor.map(|c| serde_json::from_str(&c.0)).transpose().map_err(|_| CursorError)?;
        Ok(Self { limit: limit.clamp(1, 200), after })
    }

    /// How many rows to fetch: one more than asked tells whether there is a next page.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the extra row and derives the next cursor from the last row kept.
    pub(crate) fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().and_then(|row| Self::cursor(&key(row))) } else { None };
        Page { items: rows, next }
    }

    /// The cursor that begins after this key.
    pub(crate) fn cursor(key: &K) -> Option<Cursor> {
        serde_json::to_string(key).ok().map(Cursor)
    }
}
