//! Lists on the wire: `limit` and an opaque `cursor` in, `items` and `next_cursor` out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proofline_store::{Cursor, Page, PageRequest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    let cursor = cursor
        .map(|text| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= 1024);
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map(Cursor)
                .ok_or(proofline_store::CursorError)
        })
        .transpose()?;
    Ok(PageRequest::new(limit, cursor.as_ref())?)
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
