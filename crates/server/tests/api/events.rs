//! Live updates: what arrives, what a client that was away is told, and when a stream ends.

use chrono::TimeDelta;
use proofline_core::Role;
use proofline_testkit::{Browser, EventStream, StreamedEvent, TestApp};
use serde_json::{Value, json};

const EVENTS: &str = "/api/events";

async fn opened(browser: &mut Browser) -> EventStream {
    let stream = browser.open(EVENTS).await;
    assert_eq!(stream.status.as_u16(), 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    stream
}

async fn from(browser: &mut Browser, last: &str) -> EventStream {
    browser.headers = vec![("last-event-id", last.to_owned())];
    let stream = opened(browser).await;
    browser.headers.clear();
    stream
}

async fn next(stream: &mut EventStream) -> StreamedEvent {
    stream.next().await.expect("the stream is open")
}

fn place(event: &StreamedEvent) -> String {
    event.id.clone().expect("every place has a name")
}

fn change(event: &StreamedEvent) -> Value {
    assert_eq!(event.event, "change");
    serde_json::from_str(&event.data).expect("JSON")
}

#[tokio::test]
async fn a_change_arrives_after_it_was_made() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut stream = opened(&mut app.staff(Role::StaffReadonly).await).await;
    assert_eq!(next(&mut stream).await.event, "ready");
    let site = app.site(&mut admin, "Main Street").await;
    let seen = change(&next(&mut stream).await);
    assert_eq!(seen["topic"], "site");
    assert_eq!(seen["org_id"], site.org.to_string());
    assert_eq!(seen["site_id"], site.id.to_string());
    app.enrolled(&mut admin, &site).await;
    assert_eq!(change(&next(&mut stream).await)["site_id"], site.id.to_string());
}

#[tokio::test]
async fn a_client_that_was_away_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut stream = opened(&mut admin).await;
    let ready = next(&mut stream).await;
    let one = app.site(&mut admin, "One").await;
    let first = next(&mut stream).await;
    drop(stream);
    let two = app.site(&mut admin, "Two").await;
    let three = app.site(&mut admin, "Three").await;
    let mut back = from(&mut admin, &place(&first)).await;
    for site in [&two, &three] {
        assert_eq!(change(&next(&mut back).await)["site_id"], site.id.to_string());
    }
    let again = next(&mut back).await;
    assert_eq!(again.event, "ready");
    // From the very first place on: even a client that had seen nothing yet misses nothing.
    let mut whole = from(&mut admin, &place(&ready)).await;
    assert_eq!(change(&next(&mut whole).await)["site_id"], one.id.to_string());
    // Nothing missed, nothing repeated.
    let mut current = from(&mut admin, &place(&again)).await;
    assert_eq!(next(&mut current).await.event, "ready");
}

#[tokio::test]
async fn a_place_that_nobody_knows_means_reading_everything_anew() {
    let mut app = TestApp::start().await;
    let mut admin = app.admin().await;
    app.site(&mut admin, "One").await;
    let mut stream = opened(&mut admin).await;
    let known = place(&next(&mut stream).await);
    let (process, number) = known.split_once('-').expect("process and number");
    let ahead = format!("{process}-{}", number.parse::<u64>().expect("a number") + 1);
    for unknown in ["1", "0", "", "x-1", "-", "abc-0", &ahead, "ffffffffffffffffffff-1"] {
        let reset = next(&mut from(&mut admin, unknown).await).await;
        assert_eq!(reset.event, "reset", "{unknown:?}");
        assert_eq!(place(&reset), known, "and where to go on from");
    }
    // The next process counts from the beginning, too: the number alone would seem known.
    app.clock.advance(TimeDelta::seconds(1));
    app.restart();
    admin.reconnect(&app);
    app.site(&mut admin, "Two").await;
    let reset = next(&mut from(&mut admin, &known).await).await;
    assert_eq!(reset.event, "reset");
    assert_ne!(place(&reset), known);
}

#[tokio::test]
async fn too_much_to_remember_means_reading_everything_anew() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 100).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "One").await;
    let mut stream = opened(&mut admin).await;
    let start = place(&next(&mut stream).await);
    let agents = [app.enrolled(&mut admin, &site).await, app.enrolled(&mut admin, &site).await];
    for round in 0..260 {
        app.clock.advance(TimeDelta::milliseconds(10 + round));
        for agent in &agents {
            agent.check_in().await;
        }
        app.run_job("presence").await;
    }
    assert_eq!(next(&mut from(&mut admin, &start).await).await.event, "reset");
    // The stream that stayed open and was not read is told the same.
    loop {
        match next(&mut stream).await.event.as_str() {
            "reset" => break,
            other => assert_eq!(other, "change"),
        }
    }
}

/// Whether the stream is closed by the server, whatever it still had to say.
async fn ends(stream: &mut EventStream) {
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn signing_out_closes_the_streams_of_that_session_alone() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut other = app.admin().await;
    let (mut one, mut two) = (opened(&mut admin).await, opened(&mut admin).await);
    let mut unconcerned = opened(&mut other).await;
    assert_eq!(next(&mut unconcerned).await.event, "ready");
    admin.post_empty("/api/auth/logout").await.expect(204);
    ends(&mut one).await;
    ends(&mut two).await;
    app.site(&mut other, "Main Street").await;
    assert_eq!(next(&mut unconcerned).await.event, "change");
    assert_eq!(admin.open(EVENTS).await.status.as_u16(), 401);
}

#[tokio::test]
async fn signing_in_again_closes_the_streams_of_the_session_before() {
    let app = TestApp::start().await;
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.sign_in(&email).await;
    let mut stream = opened(&mut browser).await;
    browser.post("/api/auth/login", json!({ "email": email, "password": app.password() })).await.expect(200);
    ends(&mut stream).await;
}

#[tokio::test]
async fn an_open_stream_is_nobody_and_ends_with_its_idle_session() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let mut stream = opened(&mut admin).await;
    assert_eq!(next(&mut stream).await.event, "ready");
    for _ in 0..2 {
        app.clock.advance(TimeDelta::minutes(7));
        app.run_job("streams").await;
        // Coming back does not count either.
        drop(opened(&mut admin).await);
    }
    let mut worker = app.admin().await;
    app.site(&mut worker, "Main Street").await;
    assert_eq!(next(&mut stream).await.event, "change", "alive until then");
    app.clock.advance(TimeDelta::minutes(1));
    app.run_job("streams").await;
    ends(&mut stream).await;
    assert_eq!(admin.open(EVENTS).await.status.as_u16(), 401);
}

#[tokio::test]
async fn a_stream_ends_when_its_person_is_disabled_or_becomes_something_else() {
    let app = TestApp::start().await;
    let mut owner = app.database.superuser().await;
    for change in [
        "UPDATE person SET disabled_at = now() WHERE email = $1",
        "UPDATE person SET role = 'staff_readonly' WHERE email = $1",
        "UPDATE session SET ended_at = now() WHERE user_id = (SELECT id FROM person WHERE email = $1)",
    ] {
        let email = app.person(Role::StaffAdmin).await;
        let mut stream = opened(&mut app.sign_in(&email).await).await;
        app.run_job("streams").await;
        assert_eq!(next(&mut stream).await.event, "ready");
        sqlx::query(change).bind(&email).execute(&mut owner).await.expect("changes");
        app.run_job("streams").await;
        ends(&mut stream).await;
    }
}
