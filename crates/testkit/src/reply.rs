//! An answer, read once.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::logs;

/// Status, headers and whole body of an answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub bytes: Vec<u8>,
}

impl Reply {
    pub(crate) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        if !parts.status.is_success()
            && let Some(secret) = logs::forbidden_in(&String::from_utf8_lossy(&bytes))
        {
            panic!("{secret:?} stands in an error");
        }
        if parts.status.is_success()
            && let Ok(answer) = serde_json::from_slice(&bytes)
        {
            logs::watch_answered(&answer);
        }
        Self { status: parts.status, headers: parts.headers, bytes }
    }

    /// The body as JSON; null for an empty one.
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() { Value::Null } else { self.parse() }
    }

    /// The body as a type.
    pub fn parse<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| {
            panic!("not the expected JSON ({e}): {}", String::from_utf8_lossy(&self.bytes))
        })
    }

    /// The `code` of a problem document.
    pub fn code(&self) -> String {
        let problem = self.json();
        let typed = self.headers.get("content-type").is_some_and(|v| v == "application/problem+json");
        assert!(typed, "an error is a problem document: {problem}");
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Asserts an error by status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.code(), code);
    }

    /// How many queries the request cost, as its `Server-Timing` says.
    pub fn queries(&self) -> u32 {
        let timing = self.headers.get("server-timing").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let count = timing.split("desc=\"").nth(1).and_then(|rest| rest.split(' ').next());
        count.and_then(|n| n.parse().ok()).expect("every guarded route tells its queries")
    }
}
