//! A stream of server-sent events, read one at a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;

use crate::Reply;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream.
pub struct EventStream {
    /// The status of the answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Body,
    text: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamedEvent {
    /// Its kind.
    pub event: String,
    /// Where a later stream may go on.
    pub id: Option<String>,
    /// Its data.
    pub data: String,
}

impl EventStream {
    pub(crate) fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body, text: String::new() }
    }

    /// Its head, and its whole body where it is no stream but a refusal.
    pub async fn into_reply(self) -> Reply {
        let body = match self.status.is_success() {
            true => Body::empty(),
            false => self.body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Reply::read(response).await
    }

    /// The next event; `None` when the server closed the stream.
    ///
    /// # Panics
    /// When neither comes within half a minute.
    pub async fn next(&mut self) -> Option<StreamedEvent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event = read(&self.text[..end]);
                self.text.drain(..end + 2);
                if event != StreamedEvent::default() {
                    return Some(event);
                }
                continue;
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("something comes");
            let data = frame?.expect("a frame").into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("text"));
        }
    }
}

fn read(block: &str) -> StreamedEvent {
    let mut event = StreamedEvent::default();
    for line in block.lines() {
        match line.split_once(':').map(|(field, value)| (field, value.trim_start())) {
            Some(("event", value)) => value.clone_into(&mut event.event),
            Some(("id", value)) => event.id = Some(value.to_owned()),
            Some(("data", value)) => event.data.push_str(value),
            _ => {}
        }
    }
    event
}
