//! Times in a query string.

use chrono::{DateTime, Utc};
use proofline_core::parse_rfc3339;
use serde::{Deserialize, Deserializer, de};

/// RFC 3339, of a year that the database can hold and that a person can mean. Every time in a query is one of these; in
/// the API description it is a `date-time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryTime(pub DateTime<Utc>);

impl<'de> Deserialize<'de> for QueryTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_rfc3339(&String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}
