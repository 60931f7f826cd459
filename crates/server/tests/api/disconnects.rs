//! Clients that go away in the middle of a change, over a real socket: the change is there as a whole, with its audit row and
//! everything else that a client that stayed would have made, or nothing of it is.
//!
//! Where a request is cut is a matter of the bytes (in the head, at a drawn place of the body, right behind it, in the answer)
//! and of what the server is doing: PostgreSQL is made to wait behind the first statement that writes, behind the second, and
//! so on, and the client goes away while it does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use proofline_core::{Entropy, SeededEntropy};
use proofline_server::{ConnectionLimits, RouteEntry, serve};
use proofline_testkit::TestApp;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::writes::{Prepared, Sender, World, changes_something, world_for};

/// Tables that a change which was given up may have written, and why that is no part of it.
const STAYS: [(&str, &str); 3] = [
    (
        "sign_in_attempt",
        "an attempt counts before the secret is looked at, or it would cost nothing to give up",
    ),
    ("passkey_ceremony", "is used up before the answer to it is looked at"),
    ("oidc_flow", "ends by itself: nobody was told the state that it is found by"),
];

/// For what never comes, not for timing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every statement that writes waits here when its turn is the one that was named.
const GATE: &str = "
    CREATE SCHEMA gate;
    CREATE TABLE gate.at (statement bigint NOT NULL);
    CREATE TABLE gate.passed (name text NOT NULL);
    CREATE SEQUENCE gate.statement;
    CREATE FUNCTION gate.wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('gate.statement') = (SELECT statement FROM gate.at) THEN
            PERFORM pg_advisory_xact_lock_shared(4711);
        END IF;
        INSERT INTO gate.passed VALUES (TG_TABLE_NAME);
        RETURN NULL;
    END $$;
    DO $$ DECLARE target regclass; BEGIN
        FOR target IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('CREATE TRIGGER gate AFTER INSERT OR UPDATE OR DELETE ON %s
                FOR EACH STATEMENT EXECUTE FUNCTION gate.wait()', target);
        END LOOP;
    END $$";

struct Gate(PgConnection);

impl Gate {
    async fn build(app: &TestApp) -> Self {
        let mut superuser = app.database.superuser().await;
        superuser.execute(GATE).await.expect("builds");
        Self(superuser)
    }

    /// Has the statement with this number, counted from now on, wait.
    async fn close_at(&mut self, statement: usize) {
        let sql = format!(
            "INSERT INTO gate.at VALUES ({statement});
             SELECT setval('gate.statement', 1, false), pg_advisory_lock(4711)"
        );
        #[expect(clippy::disallowed_methods, reason = "a number of this file")]
        self.0.execute(AssertSqlSafe(sql)).await.expect("closes");
    }

    async fn open(&mut self) {
        self.0.execute("SELECT pg_advisory_unlock_all(); DELETE FROM gate.at").await.expect("opens");
    }

    /// Whether somebody stands at it.
    async fn is_reached(&mut self) -> bool {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE a.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 4711 AND NOT l.granted)",
        )
        .fetch_one(&mut self.0)
        .await
        .expect("answers")
    }

    /// Waits until the application does nothing in the database any more: what it gave up is undone. A transaction that wrote
    /// nothing may stay open on a connection until that is used again.
    async fn settled(&mut self) {
        let settling = async {
            while sqlx::query_scalar::<_, bool>(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                    AND pid <> pg_backend_pid()
                    AND (state = 'active' OR backend_xid IS NOT NULL))",
            )
            .fetch_one(&mut self.0)
            .await
            .expect("answers")
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, settling).await.expect("what is given up ends");
    }

    /// Whether a statement that writes was committed, be it one that changed nothing.
    async fn was_passed(&mut self) -> bool {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM gate.passed)")
            .fetch_one(&mut self.0)
            .await
            .expect("answers")
    }
}

/// Ends with the request, however that ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The application behind a socket, and how many of its requests were begun and are not over.
struct Listening {
    address: SocketAddr,
    begun: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Listening {
    async fn of(app: &TestApp) -> Self {
        let (begun, running): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let counted = (begun.clone(), running.clone());
        let router = app.app.router.clone().layer(from_fn(move |request: Request, next: Next| {
            counted.1.fetch_add(1, Ordering::SeqCst);
            counted.0.fetch_add(1, Ordering::SeqCst);
            let running = Running(counted.1.clone());
            async move {
                let response = next.run(request).await;
                drop(running);
                response
            }
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        tokio::spawn(serve(listener, router, ConnectionLimits::default(), stop.clone()));
        Self { address, begun, running, stop }
    }

    /// Waits until every request is over; for a while only for one to begin, since some never do.
    async fn quiet(&self, begun_before: usize) {
        for _ in 0..40 {
            if self.begun.load(Ordering::SeqCst) > begun_before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let quiet = async {
            while self.running.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.expect("a request whose client is gone ends");
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request as bytes: the head, and the body.
fn bytes(world: &World, entry: &RouteEntry, prepared: &Prepared) -> (Vec<u8>, Vec<u8>) {
    let body = prepared.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let mut head = format!("{} {} HTTP/1.1\r\nHost: compliance.example\r\n", entry.method, prepared.path);
    let mut add = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
    if prepared.body.is_some() {
        add("Content-Type", "application/json");
    }
    add("Content-Length", &body.len().to_string());
    match &prepared.sender {
        Sender::Nobody => {}
        Sender::Admin => {
            let cookies = world.admin.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            add("Cookie", &cookies.collect::<Vec<_>>().join("; "));
            add("X-CSRF-Token", &world.admin.cookies["__Host-csrf"]);
        }
        Sender::Appliance(agent) => {
            for (name, value) in agent.sign(entry.method, &prepared.path, &body).iter() {
                add(name, value);
            }
        }
    }
    head.push_str("\r\n");
    (head.into_bytes(), body)
}

/// How far a request gets before its client goes away. What is drawn is taken modulo the length.
#[derive(Debug, Clone, Copy)]
enum Cut {
    InHead(u64),
    BehindHead,
    InBody(u64),
    BehindBody,
    /// Behind the last byte, while the statement with this number is being carried out.
    Statement(usize),
}

impl Cut {
    /// How many bytes are sent.
    fn length(self, head: usize, body: usize) -> usize {
        let within = |drawn: u64, length: usize| 1 + usize::try_from(drawn).expect("64 bits") % (length - 1);
        match self {
            Self::InHead(drawn) => within(drawn, head),
            Self::BehindHead => head,
            Self::InBody(drawn) => head + within(drawn, body),
            Self::BehindBody | Self::Statement(_) => head + body,
        }
    }
}

/// How many times clients went away, and what became of it.
#[derive(Debug, Default)]
struct Tally {
    nothing: usize,
    stays: usize,
    all: usize,
    answered: usize,
}

/// An installation in which a request can be carried out, or given up.
struct Scene {
    world: World,
    prepared: Prepared,
    listening: Listening,
    gate: Gate,
    before: BTreeMap<String, String>,
}

impl Scene {
    async fn of(entry: &RouteEntry) -> Self {
        let mut world = world_for(entry).await;
        let prepared = world.prepare(entry).await;
        let listening = Listening::of(&world.app).await;
        let gate = Gate::build(&world.app).await;
        let before = world.app.database.fingerprint(&[]).await;
        Self { world, prepared, listening, gate, before }
    }

    /// Sends as much of the request as the cut leaves and goes away; `true` if the answer began before.
    async fn cut_short(&mut self, entry: &RouteEntry, cut: Cut) -> bool {
        // Signed anew each time, where it is signed: a signature counts once.
        let (head, body) = bytes(&self.world, entry, &self.prepared);
        let sent = &[head.as_slice(), &body].concat()[..cut.length(head.len(), body.len())];
        let begun = self.listening.begun.load(Ordering::SeqCst);
        let mut stream = TcpStream::connect(self.listening.address).await.expect("connects");
        let mut answered = false;
        if let Cut::Statement(number) = cut {
            self.gate.close_at(number).await;
            stream.write_all(sent).await.expect("sends");
            answered = is_answered(&mut stream, &mut self.gate).await;
        } else {
            stream.write_all(sent).await.expect("sends");
        }
        drop(stream);
        self.listening.quiet(begun).await;
        self.gate.open().await;
        self.gate.settled().await;
        answered
    }

    /// The tables in which something is new.
    async fn changed(&mut self) -> Vec<String> {
        if !self.gate.was_passed().await {
            return Vec::new();
        }
        let after = self.world.app.database.fingerprint(&[]).await;
        let differs = |(name, digest): &(&String, &String)| self.before.get(*name) != Some(*digest);
        after.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }
}

/// Whether the first byte of the answer comes before a statement has to wait. The others are left unread: a connection that
/// is closed then is reset, in the middle of the answer if that is long.
async fn is_answered(stream: &mut TcpStream, gate: &mut Gate) -> bool {
    let first = async {
        let mut byte = [0; 1];
        loop {
            match tokio::time::timeout(Duration::from_millis(2), stream.read(&mut byte)).await {
                Ok(read) => break read.expect("reads") == 1,
                Err(_) if gate.is_reached().await => break false,
                Err(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, first).await.expect("an answer or a wait")
}

/// Carries the route out as a client that stays would: the tables in which something is new.
async fn whole(entry: &RouteEntry) -> Vec<String> {
    let mut scene = Scene::of(entry).await;
    let reply = scene.world.send(entry.method.parse().expect("a method"), &scene.prepared).await;
    assert!(reply.status.is_success(), "{} {}: {}", entry.method, entry.path, reply.status);
    scene.changed().await
}

/// Cuts requests to one route short, later each time, until one is answered.
async fn give_up(entry: &RouteEntry, entropy: &SeededEntropy, tally: &mut Tally) {
    let what = format!("{} {}", entry.method, entry.path);
    let drawn = || u64::from_le_bytes((entropy as &dyn Entropy).bytes());
    let mut scene = Scene::of(entry).await;
    let mut cuts = vec![Cut::InHead(drawn())];
    if scene.prepared.body.as_ref().is_some_and(|body| body.to_string().len() > 1) {
        cuts.extend([Cut::BehindHead, Cut::InBody(drawn())]);
    }
    cuts.push(Cut::BehindBody);
    cuts.extend((1..40).map(Cut::Statement));
    for cut in cuts {
        let answered = scene.cut_short(entry, cut).await;
        let found = scene.changed().await;
        if answered {
            // What is answered is done, whatever becomes of the rest of the answer.
            let noted = found.iter().any(|table| table == "audit_entry");
            assert_eq!(noted, scene.prepared.audited.is_some(), "{what}: {found:?}");
            tally.answered += 1;
            return;
        }
        if found.is_empty() {
            tally.nothing += 1;
        } else if found.iter().all(|table| STAYS.iter().any(|(stays, _)| stays == table)) {
            tally.stays += 1;
            scene = Scene::of(entry).await;
        } else {
            assert_eq!(found, whole(entry).await, "{what}, {cut:?}");
            tally.all += 1;
            return;
        }
    }
    panic!("{what} has no end");
}

#[tokio::test]
async fn whoever_goes_away_in_the_middle_leaves_all_or_nothing() {
    let routes = TestApp::start().await.app.routes.clone();
    let (entropy, mut tally) = (SeededEntropy::new(20), Tally::default());
    for entry in routes.iter().filter(|entry| changes_something(entry)) {
        give_up(entry, &entropy, &mut tally).await;
    }
    assert!(tally.nothing > 400 && tally.stays > 5 && tally.answered + tally.all > 60, "{tally:?}");
    // One that was written before the client went is rare: what a request does takes longer than going away.
    assert!(tally.answered > 40, "{tally:?}");
}
