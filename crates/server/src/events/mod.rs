//! Changes as they happen: server-sent events, resumable from a short memory.
//!
//! A change says what may have changed, not how: pages read it anew through the ordinary routes, under the ordinary
//! permissions. What is announced here was committed before.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use proofline_authz::{Action, Reach};
use proofline_core::{OrgId, SessionId, SiteId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::{Access, Api, ApiResult, Call, RateClass};

/// How many changes a client that was away can catch up on.
const MEMORY: usize = 512;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A site, its posture or its assets.
    Site,
    /// An incident.
    Incident,
    /// An appliance or its presence.
    Appliance,
    /// The evidence log of a site.
    Evidence,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What kind of thing.
    pub topic: Topic,
    /// In which organisation.
    #[schema(value_type = String)]
    pub org_id: OrgId,
    /// At which site.
    #[schema(value_type = String)]
    pub site_id: SiteId,
    /// Which thing, where there is one.
    pub id: Option<String>,
}

#[derive(Debug, Clone)]
enum Signal {
    Change(u64, Change),
    SessionEnded(SessionId),
}

/// Fans changes out to every open stream of this node.
pub struct EventBus {
    sender: broadcast::Sender<Signal>,
    memory: Mutex<(u64, VecDeque<(u64, Change)>)>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(MEMORY).0,
            memory: Mutex::new((0, VecDeque::with_capacity(MEMORY))),
        }
    }
}

impl EventBus {
    /// Tells every stream that may see it.
    pub fn publish(&self, change: Change) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.0 += 1;
        let number = memory.0;
        if memory.1.len() == MEMORY {
            memory.1.pop_front();
        }
        memory.1.push_back((number, change.clone()));
        // Sent under the lock, so that a stream that subscribes sees each change once. Nobody listening is no error.
        let _ = self.sender.send(Signal::Change(number, change));
    }

    /// A site, its posture or its assets changed.
    pub fn site_changed(&self, org_id: OrgId, site_id: SiteId) {
        self.publish(Change { topic: Topic::Site, org_id, site_id, id: None });
    }

    /// Closes the streams of a session.
    pub fn session_ended(&self, session: SessionId) {
        let _ = self.sender.send(Signal::SessionEnded(session));
    }

    /// What came after `last`, and everything from now on. `None` when `last` is too long ago to tell.
    fn subscribe(&self, last: Option<u64>) -> (Option<Vec<(u64, Change)>>, broadcast::Receiver<Signal>) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = match last {
            None => Some(Vec::new()),
            Some(last) if last > memory.0 => None,
            Some(last) => {
                let oldest = memory.1.front().map_or(memory.0 + 1, |(number, _)| *number);
                (last + 1 >= oldest).then(|| memory.1.iter().filter(|(n, _)| *n > last).cloned().collect())
            }
        };
        (missed, self.sender.subscribe())
    }
}

/// Announcement to other nodes that a session ended.
pub(crate) fn session_ended(session: SessionId) -> String {
    format!("session_ended {session}")
}

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::EventsSubscribe), RateClass::Read, routes!(events))
}

fn admits(reach: Reach, change: &Change) -> bool {
    match reach {
        Reach::Platform => true,
        // A partner's organisations are not known here; its streams follow with the partner's own pages.
        Reach::Partner(_) => false,
        Reach::Organisation(org) => change.org_id == org,
        Reach::Site(org, site) => change.org_id == org && change.site_id == site,
    }
}

fn frame(number: u64, change: &Change) -> Event {
    Event::default().event("change").id(number.to_string()).json_data(change).unwrap_or_default()
}

/// Follows changes. `event: change` names what to read anew; `event: reset` means: everything.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "Where an earlier stream ended")),
    responses((status = 200, body = Change, content_type = "text/event-stream", description = "A stream")))]
pub(crate) async fn events(
    call: Call,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let session = call.session()?.clone();
    let reach = call.principal().reach();
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let (missed, receiver) = call.app().events().subscribe(last);
    let backlog: Vec<Event> = match missed {
        None => vec![Event::default().event("reset").data("{}")],
        Some(changes) => {
            changes.iter().filter(|(_, c)| admits(reach, c)).map(|(n, c)| frame(*n, c)).collect()
        }
    };
    let live = BroadcastStream::new(receiver)
        .take_while(move |signal| {
            let ended = matches!(signal, Ok(Signal::SessionEnded(id)) if *id == session.id);
            std::future::ready(!ended)
        })
        .filter_map(move |signal| {
            std::future::ready(match signal {
                Ok(Signal::Change(number, change)) if admits(reach, &change) => Some(frame(number, &change)),
                Ok(Signal::Change(..) | Signal::SessionEnded(_)) => None,
                // Too slow to keep up: read everything anew.
                Err(_) => Some(Event::default().event("reset").data("{}")),
            })
        });
    // The session's absolute end closes the stream too.
    let remaining = (session.expires_at - call.at).to_std().unwrap_or(Duration::ZERO);
    let stopping = call.app().stopping().clone();
    let ended = async move {
        tokio::select! { () = stopping.cancelled() => {}, () = tokio::time::sleep(remaining) => {} }
    };
    let stream = stream::iter(backlog).chain(live).map(Ok).take_until(ended);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
