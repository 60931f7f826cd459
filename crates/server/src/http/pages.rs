//! Lists on the wire: `limit` and an opaque `cursor` in, `items` and `next_cursor` out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use proofline_core::parse_rfc3339;
use proofline_store::{Cursor, Page, PageRequest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{ApiResult, Problem};

/// How every list is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows in the answer, 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The request as the store takes it. 422 for a limit out of range or a cursor of another list.
    pub fn request<K: Serialize + DeserializeOwned>(&self) -> ApiResult<PageRequest<K>> {
        page_request(self.limit, self.cursor.as_deref())
    }
}

/// The same for a query that has filters of its own beside the two.
pub fn page_request<K: Serialize + DeserializeOwned>(
    limit: Option<u16>,
    cursor: Option<&str>,
) -> ApiResult<PageRequest<K>> {
    let limit = limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::invalid("limit", "out_of_range", "A page holds 1 to 200 rows."));
    }
    let cursor = cursor.map(|text| opened(text).ok_or(proofline_store::CursorError)).transpose()?;
    Ok(PageRequest::new(limit, cursor.as_ref())?)
}

/// A cursor that a client sends back. It is opaque but not signed, so what is in it is held to what a query may say.
pub(crate) fn opened(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= 1024)?;
    let key = String::from_utf8(bytes).ok()?;
    let value = serde_json::from_str(&key).ok()?;
    is_holdable(&value).then_some(Cursor(key))
}

/// Whether the database can hold what stands here: no NUL in a text, and no time of another age.
fn is_holdable(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let other_age = text.parse::<DateTime<Utc>>().is_ok() && parse_rfc3339(text).is_err();
            !text.contains('\0') && !other_age
        }
        Value::Array(items) => items.iter().all(is_holdable),
        Value::Object(members) => members.values().all(is_holdable),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// A store page with each row converted.
    pub fn from_page<R>(page: Page<R>, convert: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(convert).collect(),
            next_cursor: page.next.map(|cursor| URL_SAFE_NO_PAD.encode(cursor.0)),
        }
    }
}
