//! Changes as they happen: server-sent events, resumable from a short memory.
//!
//! A change says what may have changed, not how: pages read it anew through the ordinary routes, under the ordinary
//! permissions. What is announced here was committed before.
//!
//! A stream lives as long as its session: it ends when somebody signs out, at the session's absolute end, and, looked
//! after once a minute, when nobody was there for too long or the person was disabled or given another role. Neither
//! opening a stream nor keeping it open counts as somebody being there.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use proofline_authz::{Action, Principal, Reach};
use proofline_core::{Membership, OrgId, SessionId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::AppState;
use crate::http::{Access, Api, ApiResult, Call, RateClass};
use crate::tenants;

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

/// A place in the stream of one process: a number means nothing to the next process, or to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    process: i64,
    number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.process, self.number)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, number) = text.split_once('-').ok_or(())?;
        let process = i64::from_str_radix(process, 16).map_err(|_| ())?;
        Ok(Self { process, number: number.parse().map_err(|_| ())? })
    }
}

/// Fans changes out to every open stream of this node.
pub struct EventBus {
    process: i64,
    sender: broadcast::Sender<Signal>,
    memory: Mutex<(u64, VecDeque<(u64, Change)>)>,
    open: Mutex<HashMap<(SessionId, Membership), usize>>,
}

/// What a client that comes back is told first.
struct Subscribed {
    /// What it missed; `None` when nobody can tell.
    missed: Option<Vec<(u64, Change)>>,
    /// Where the stream stands.
    now: Place,
    receiver: broadcast::Receiver<Signal>,
}

impl EventBus {
    /// The bus of a process that started then.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            process: started_at.timestamp_micros(),
            sender: broadcast::channel(MEMORY).0,
            memory: Mutex::new((0, VecDeque::with_capacity(MEMORY))),
            open: Mutex::default(),
        }
    }

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

    /// Closes the streams of these sessions.
    pub fn sessions_ended(&self, sessions: &[SessionId]) {
        for session in sessions {
            self.session_ended(*session);
        }
    }

    /// What came after `last`, which is what a client sent, and everything from now on.
    fn subscribe(&self, last: Option<&str>) -> Subscribed {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Place { process: self.process, number: memory.0 };
        let missed = match last.map(str::parse::<Place>) {
            None => Some(Vec::new()),
            Some(Ok(last)) if last.process == self.process && last.number <= memory.0 => {
                let oldest = memory.1.front().map_or(memory.0 + 1, |(number, _)| *number);
                let after = || memory.1.iter().filter(|(n, _)| *n > last.number).cloned().collect();
                (last.number + 1 >= oldest).then(after)
            }
            Some(_) => None,
        };
        Subscribed { missed, now, receiver: self.sender.subscribe() }
    }

    fn sessions(&self) -> Vec<(SessionId, Membership)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// An open stream, as long as it is held.
struct Open {
    app: AppState,
    key: (SessionId, Membership),
}

impl Open {
    fn new(app: &AppState, key: (SessionId, Membership)) -> Self {
        *app.events().open.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        Self { app: app.clone(), key }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.app.events().open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// Job: closes the streams of sessions that are over, and of people who are not any more what they were when the stream
/// was opened. One query, however many streams.
pub(crate) async fn close_ended(app: &AppState) -> ApiResult<String> {
    let open = app.events().sessions();
    if open.is_empty() {
        return Ok("no streams".to_owned());
    }
    // Other nodes announce what they change; this is for an announcement that got lost.
    crate::access::reload(app).await;
    let ids: Vec<SessionId> = open.iter().map(|(session, _)| *session).collect();
    let now = app.now();
    let live =
        app.store().sign_in().await?.live_sessions(&ids, now, now - app.settings().session_idle).await?;
    let live: HashMap<SessionId, Membership> = live.into_iter().collect();
    let mut closed = 0;
    for (session, membership) in &open {
        if live.get(session) != Some(membership) {
            app.events().session_ended(*session);
            closed += 1;
        }
    }
    Ok(format!("{} sessions with streams, {closed} closed", open.len()))
}

/// Announcement to other nodes that a session ended.
pub(crate) fn session_ended(session: SessionId) -> String {
    format!("session_ended {session}")
}

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::EventsSubscribe), RateClass::Read, routes!(events))
}

/// Whether they may know of the change. What cannot be told is not shown.
async fn admits(app: &AppState, principal: &Principal, change: &Change) -> bool {
    let reach = principal.reach();
    // Asked anew for each change: a client may be restricted, and an access end, while the stream is open.
    let above = matches!(reach, Reach::Platform | Reach::Partner(_));
    if above && crate::access::hides(app, change.org_id, principal.person()).await {
        return false;
    }
    match reach {
        Reach::Platform => true,
        Reach::Partner(partner) => {
            tenants::partner_of(app, change.org_id).await.ok().flatten().is_some_and(|found| found == partner)
        }
        Reach::Organisation(org) => change.org_id == org,
        Reach::Site(org, site) => change.org_id == org && change.site_id == site,
    }
}

fn frame(place: Place, change: &Change) -> Event {
    Event::default().event("change").id(place.to_string()).json_data(change).unwrap_or_default()
}

fn said(event: &'static str, place: Place) -> Event {
    Event::default().event(event).id(place.to_string()).data("{}")
}

/// Follows changes. `event: change` names what to read anew; `event: reset` means: everything. `event: ready` comes first
/// where nothing was missed, so that every client has a place to go on from.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "Where an earlier stream ended")),
    responses((status = 200, body = Change, content_type = "text/event-stream", description = "A stream")))]
pub(crate) async fn events(
    call: Call,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let session = call.session()?.clone();
    let principal = Arc::new(call.principal().clone());
    let app = call.app();
    let open = Open::new(app, (session.id, session.membership));
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let Subscribed { missed, now, receiver } = app.events().subscribe(last);
    let process = now.process;
    let at = move |number| Place { process, number };
    let backlog: Vec<Event> = match missed {
        None => vec![said("reset", now)],
        Some(changes) => {
            let mut seen = Vec::new();
            for (number, change) in &changes {
                if admits(app, &principal, change).await {
                    seen.push(frame(at(*number), change));
                }
            }
            seen.push(said("ready", now));
            seen
        }
    };
    let watched = app.clone();
    let live = BroadcastStream::new(receiver)
        .take_while(move |signal| {
            let _held = &open;
            let ended = matches!(signal, Ok(Signal::SessionEnded(id)) if *id == session.id);
            std::future::ready(!ended)
        })
        .filter_map(move |signal| {
            let (app, principal) = (watched.clone(), principal.clone());
            async move {
                match signal {
                    Ok(Signal::Change(number, change)) if admits(&app, &principal, &change).await => {
                        Some(frame(at(number), &change))
                    }
                    Ok(Signal::Change(..) | Signal::SessionEnded(_)) => None,
                    // Too slow to keep up: read everything anew.
                    Err(_) => Some(Event::default().event("reset").data("{}")),
                }
            }
        });
    // The session's absolute end closes the stream too.
    let remaining = (session.expires_at - call.at).to_std().unwrap_or(Duration::ZERO);
    let stopping = app.stopping().clone();
    let ended = async move {
        tokio::select! { () = stopping.cancelled() => {}, () = tokio::time::sleep(remaining) => {} }
    };
    let stream = stream::iter(backlog).chain(live).map(Ok).take_until(ended);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
