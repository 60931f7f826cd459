//! What one process takes on: how many requests at once, for how long, and on what connections.

use std::time::{Duration, Instant};

use proofline_core::Role;
use proofline_protocol::paths;
use proofline_server::{ConnectionLimits, serve};
use proofline_store::{ConnectOptions, Store};
use proofline_testkit::{TestApp, logs};
use serde_json::json;
use sqlx::Connection as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Returns once a statement of the application waits for a lock.
async fn something_waits(app: &TestApp) {
    let mut watcher = app.database.superuser().await;
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("answers");
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn more_than_there_is_room_for_is_told_to_come_back() {
    let app = TestApp::start_with(5, |settings| settings.max_in_flight = 1).await;
    let mut admin = app.admin().await;
    let mut stream = admin.open("/api/events").await;
    let mut owner = app.database.superuser().await;
    let mut blocking = owner.begin().await.expect("begins");
    sqlx::query("LOCK TABLE partner").execute(&mut *blocking).await.expect("locks");
    let (mut waiting, mut others) = (admin.clone(), admin.clone());
    let (slow, ()) = tokio::join!(waiting.get("/api/partners"), async {
        something_waits(&app).await;
        for path in ["/api/settings", "/api/auth/status", "/", "/api/nothing"] {
            let reply = others.get(path).await;
            reply.expect_problem(503, "overloaded");
            assert_eq!(reply.headers["retry-after"], "2");
            assert!(
                reply.headers.contains_key("x-request-id")
                    && reply.headers.contains_key("content-security-policy")
            );
        }
        others.get("/health").await.expect(200);
        blocking.rollback().await.expect("ends");
    });
    slow.expect(200);
    // The stream that has been open all the time takes no place, and lives.
    others.get("/api/settings").await.expect(200);
    assert_eq!(stream.next().await.expect("open").event, "ready");
}

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_given_up_and_undone() {
    // Every other request of this test has to begin its answer within it.
    let app = TestApp::start_with(5, |settings| settings.request_timeout = Duration::from_secs(2)).await;
    let mut admin = app.admin().await;
    let mut stream = admin.open("/api/events").await;
    let mut owner = app.database.superuser().await;
    let mut blocking = owner.begin().await.expect("begins");
    sqlx::query("LOCK TABLE audit_entry").execute(&mut *blocking).await.expect("locks");
    // The partner is written, its audit row waits.
    let reply = admin.post("/api/partners", json!({ "name": "Northgate" })).await;
    reply.expect_problem(503, "timed_out");
    assert!(reply.headers.contains_key("retry-after"));
    blocking.rollback().await.expect("ends");
    assert_eq!(admin.get("/api/partners").await.expect(200)["items"], json!([]));
    admin.post("/api/partners", json!({ "name": "Northgate" })).await.expect(201);
    // The stream is older than any answer may be, and lives.
    assert_eq!(stream.next().await.expect("open").event, "ready");
    app.site(&mut admin, "Main Street").await;
    assert_eq!(stream.next().await.expect("open").event, "change");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped_and_its_connection_goes_on() {
    let app = TestApp::start().await;
    let usual = ConnectOptions::new(app.database.runtime_options());
    assert_eq!((usual.max_connections, usual.statement_timeout), (20, Duration::from_secs(15)));
    let hasty = ConnectOptions { max_connections: 1, statement_timeout: Duration::from_secs(1), ..usual };
    let store = Store::connect(hasty).await.expect("connects");
    let permit = proofline_server::background_permit("test").expect("permitted");
    let mut owner = app.database.superuser().await;
    let mut blocking = owner.begin().await.expect("begins");
    sqlx::query("LOCK TABLE installation").execute(&mut *blocking).await.expect("locks");
    let began = Instant::now();
    let mut scope = store.scope(&permit).await.expect("opens");
    scope.installation().await.expect_err("it is stopped");
    drop(scope);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    blocking.rollback().await.expect("ends");
    let mut scope = store.scope(&permit).await.expect("opens");
    assert!(scope.installation().await.expect("answers").is_some());
}

/// `PROOFLINE_TEST_REQUESTS=10000` is the long form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_share_two_connections_never_see_the_tenant_before() {
    let many: usize =
        std::env::var("PROOFLINE_TEST_REQUESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let app = TestApp::start_with(2, |settings| settings.rate_scale = 10_000).await;
    let mut admin = app.admin().await;
    let mut people = Vec::new();
    for n in 0..4 {
        let site = app.site(&mut admin, &format!("Site {n}")).await;
        let role = Role::PracticeOwner;
        people.push((app.member(role, site.place(role)).await, site.org.to_string()));
    }
    let asking = people.into_iter().map(|(mut person, own)| {
        tokio::spawn(async move {
            for _ in 0..many / 4 {
                let list = person.get("/api/organisations").await.expect(200);
                let items = list["items"].as_array().expect("a list");
                assert!(items.len() == 1 && items[0]["id"] == own.as_str(), "{own}: {items:?}");
            }
        })
    });
    for asked in futures_util::future::join_all(asking).await {
        asked.expect("saw only its own");
    }
}

async fn listening(app: &TestApp, limits: ConnectionLimits) -> (std::net::SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let (address, stop) = (listener.local_addr().expect("bound"), CancellationToken::new());
    tokio::spawn(serve(listener, app.app.router.clone(), limits, stop.clone()));
    (address, stop)
}

async fn rest(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut bytes)).await;
    read.expect("the connection ends").expect("reads");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_never_finishes_is_closed() {
    let app = TestApp::start().await;
    let limits = ConnectionLimits { header_read: Duration::from_millis(300), ..ConnectionLimits::default() };
    let (address, _stop) = listening(&app, limits).await;
    for beginning in ["", "GET /health HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        // Its time runs from when it is accepted, which can be before we hear that it is.
        let began = Instant::now();
        let mut slow = TcpStream::connect(address).await.expect("connects");
        slow.write_all(beginning.as_bytes()).await.expect("writes");
        let answer = rest(&mut slow).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        assert!(began.elapsed() >= Duration::from_millis(250), "not before its time");
    }
    let mut good = TcpStream::connect(address).await.expect("connects");
    good.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("writes");
    assert!(rest(&mut good).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_off_and_holds_no_place() {
    let app = TestApp::start_with(5, |settings| {
        settings.request_timeout = Duration::from_millis(400);
        settings.max_in_flight = 20;
    })
    .await;
    let (address, _stop) = listening(&app, ConnectionLimits::default()).await;
    let head = "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n";
    let chunked = "POST /api/csp-reports HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let trickles = [(head, "{"), (chunked, "1\r\n{\r\n")].map(|(head, drop)| async move {
        let mut slow = TcpStream::connect(address).await.expect("connects");
        slow.write_all(head.as_bytes()).await.expect("writes");
        let (mut reads, mut writes) = slow.into_split();
        let began = Instant::now();
        let trickle = async {
            while writes.write_all(drop.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let mut answer = Vec::new();
        let read = async {
            let _ = reads.read_to_end(&mut answer).await;
        };
        tokio::select! { () = trickle => {}, () = read => {} }
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
    });
    futures_util::future::join_all(trickles).await;
    // More of them than there are places: the next one is served all the same.
    let mut kept = Vec::new();
    for _ in 0..30 {
        let mut slow = TcpStream::connect(address).await.expect("connects");
        slow.write_all(head.as_bytes()).await.expect("writes");
        kept.push(slow);
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut good = TcpStream::connect(address).await.expect("connects");
    let asked = b"GET /api/auth/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    good.write_all(asked).await.expect("writes");
    assert!(rest(&mut good).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn connections_beyond_the_most_wait_for_their_turn() {
    let app = TestApp::start().await;
    let limits = ConnectionLimits { connections: 1, ..ConnectionLimits::default() };
    let (address, _stop) = listening(&app, limits).await;
    let mut first = TcpStream::connect(address).await.expect("connects");
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
    let mut head = [0; 15];
    first.read_exact(&mut head).await.expect("answers");
    let mut second = TcpStream::connect(address).await.expect("the kernel takes it");
    second.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("writes");
    let early = tokio::time::timeout(Duration::from_millis(200), second.read_exact(&mut head)).await;
    assert!(early.is_err(), "not while the first is there");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn stopping_ends_open_streams_and_answers_what_was_asked() {
    let app = TestApp::start().await;
    let (address, stop) = listening(&app, ConnectionLimits::default()).await;
    let admin = app.admin().await;
    let cookie = format!("__Host-session={}", admin.cookies["__Host-session"]);
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("GET /api/events HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.expect("answers");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    app.state().stopping().cancel();
    stop.cancel();
    assert!(rest(&mut stream).await.contains("event: ready"));
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn every_request_has_one_line_with_its_id() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    for (path, route, status) in [
        ("/api/partners".to_owned(), "GET /api/partners", 200),
        (format!("/api/sites/{}", site.id), "GET /api/sites/{site_id}", 200),
        ("/api/partners?limit=0".to_owned(), "GET /api/partners", 422),
        ("/health".to_owned(), "GET /health", 200),
        ("/api/nothing/here".to_owned(), "GET other", 404),
    ] {
        let reply = admin.get(&path).await;
        let id = reply.headers["x-request-id"].to_str().expect("text").to_owned();
        let line = line_of(&id);
        let fields = &line["fields"];
        assert_eq!(line["level"], "INFO");
        assert_eq!((&fields["route"], &fields["status"]), (&json!(route), &json!(status)), "{path}");
        assert_eq!(fields["request_id"], id);
    }
    // What a fleet asks all day is for debugging, unless it is refused.
    let agent = app.enrolled(&mut admin, &site).await;
    let body = serde_json::to_vec(&agent.check_in_request()).expect("serialises");
    let signed = agent.sign("POST", paths::CHECK_IN, &body);
    for (status, level) in [(200, "DEBUG"), (401, "INFO")] {
        let reply = agent.send("POST", paths::CHECK_IN, body.clone(), &signed).await;
        assert_eq!(reply.status, status);
        assert_eq!(line_of(reply.headers["x-request-id"].to_str().expect("text"))["level"], level);
    }
}

/// The one line about the request with this id.
fn line_of(id: &str) -> serde_json::Value {
    let log = logs::text();
    let mut lines: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.contains(id))
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &serde_json::Value| line["fields"]["message"] == "request")
        .collect();
    assert_eq!(lines.len(), 1, "{id}");
    lines.remove(0)
}
