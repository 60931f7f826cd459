//! A server with its private database: from the first start through a kill to an orderly end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::{Home, PATIENCE, Reply, connect, get, is_alive, read, signal, wait_for};

/// One text of the database, read behind the server's back.
async fn text(home: &Home, sql: &'static str) -> Option<String> {
    let file = read(&home.data().join("postgres/postmaster.pid"));
    let socket = file.lines().nth(4).expect("the socket's folder");
    let options =
        PgConnectOptions::new().socket(socket).username("proofline_owner").database("proofline").port(5432);
    let mut owner = options.connect().await.expect("the database runs");
    let found = sqlx::query_scalar(sql).fetch_optional(&mut owner).await.expect("answers");
    owner.close().await.expect("closes");
    found
}

/// What tells one installation from another.
async fn installation(home: &Home) -> String {
    text(home, "SELECT id::text || ' ' || created_at::text FROM installation").await.expect("there is one")
}

/// When the job that runs every second was last recorded.
async fn presence(home: &Home) -> Option<String> {
    text(home, "SELECT last_started_at::text FROM job_run WHERE name = 'presence'").await
}

/// Every file of ours, without those that PostgreSQL writes all the time: name, size and time of the last change.
fn traces(folder: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        let about = entry.metadata().expect("it is there");
        if about.is_file() {
            found.insert(entry.path(), (about.len(), about.modified().expect("known")));
        } else if entry.file_name() != "postgres" {
            found.extend(traces(&entry.path()));
        }
    }
    found
}

fn answers_and_probes(home: &Home) {
    let health = get(home.listen, "/health").expect("listens");
    assert_eq!(health.status, 200, "{}", health.body);
    let ready = get(home.listen, "/ready").expect("listens");
    assert_eq!(ready.status, 200);
    assert!(ready.body.contains(r#""database":"ok""#), "{}", ready.body);
    let metrics = get(home.metrics, "/metrics").expect("listens");
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("http_requests_total"), "{}", metrics.body);
    assert_eq!(get(home.metrics, "/ready").expect("listens").status, 404, "nothing else is there");
    let elsewhere = get(home.listen, "/metrics").expect("listens");
    assert!(!elsewhere.body.contains("http_requests_total"), "metrics are not for everyone");
    for nothing in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(
            get(home.listen, nothing).expect("listens").status,
            404,
            "{nothing}: a probe of it has to fail"
        );
    }

    let id = ready.header("x-request-id").expect("every answer has one").to_owned();
    let log = read(&home.log());
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let ours = lines.iter().find(|line| line["request_id"] == id.as_str()).expect("the request is logged");
    assert!(ours["timestamp"].is_string() && ours["level"].is_string() && ours["status"] == 200, "{ours}");
}

fn beside_a_running_server(home: &Home, server: i32) {
    let second = home.run(&["serve"]);
    assert_eq!(second.code, 1, "it may try again: {}", second.err);
    assert!(second.err.contains(&format!("is already supervised by process {server}")), "{}", second.err);

    let (before, postmaster) = (traces(&home.data()), home.postmaster());
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}{}", doctor.out, doctor.err);
    for said in [
        format!("runs as process {}, supervised by process {server}", postmaster.expect("it runs")),
        "migrations, all applied and unchanged".to_owned(),
        "row-level security applies to it".to_owned(),
        format!("runs on {} and is ready", home.listen),
    ] {
        assert!(doctor.out.contains(&said), "{said} is missing in {}", doctor.out);
    }
    let status = home.run(&["migrate", "status"]);
    assert_eq!(status.code, 0, "{}", status.err);
    assert!(status.out.lines().all(|line| line.ends_with(" applied")), "{}", status.out);
    assert!(status.out.lines().count() > 10, "{}", status.out);
    assert_eq!(traces(&home.data()), before, "it has changed something");
    assert_eq!(home.postmaster(), postmaster);

    let (key, away) = (home.data().join("keys/rules.ed25519"), home.data().join("rules.away"));
    fs::rename(&key, &away).expect("moved");
    for (content, said) in [
        (None, "rules"),
        (Some([7; 32].as_slice()), "not the one that this database knows"),
        (Some(&[]), "32 bytes"),
    ] {
        if let Some(content) = content {
            fs::write(&key, content).expect("written");
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("ours");
        }
        let doctor = home.run(&["doctor"]);
        assert_eq!(doctor.code, 1, "{}{}", doctor.out, doctor.err);
        let failed = doctor.out.lines().find(|line| line.starts_with("  FAIL  signing key"));
        assert!(failed.is_some_and(|line| line.contains(said)), "{said}: {}", doctor.out);
    }
    fs::rename(&away, &key).expect("moved back");
    assert_eq!(get(home.listen, "/ready").expect("listens").status, 200);
}

#[tokio::test]
async fn a_server_lives_is_killed_comes_back_and_ends_in_order() {
    let home = Home::new();
    let server = home.serve(|_| {});
    answers_and_probes(&home);
    let began = Instant::now();
    let mut recorded = None;
    while recorded.is_none() {
        assert!(began.elapsed() < PATIENCE, "the first run is not recorded");
        recorded = presence(&home).await;
    }
    let began = Instant::now();
    beside_a_running_server(&home, server.pid());
    tokio::time::sleep(Duration::from_millis(2_500).saturating_sub(began.elapsed())).await;
    assert_eq!(presence(&home).await, recorded, "a job with nothing to say is not written down every second");

    let (postmaster, before) = (home.postmaster().expect("it runs"), installation(&home).await);
    server.kill();
    assert!(is_alive(postmaster), "PostgreSQL outlives a killed server");
    let doctor = home.run(&["doctor"]);
    assert!(doctor.out.contains("without a supervisor: the next start takes it over"), "{}", doctor.out);
    assert!(is_alive(postmaster), "looking does not stop it");
    let mut server = home.serve(|_| {});
    assert_eq!(home.postmaster(), Some(postmaster), "the same PostgreSQL");
    assert_eq!(installation(&home).await, before, "the same data");

    // A request whose body comes after the server was asked to stop. That it has begun with it, the server says itself.
    let mut stream = connect(home.listen).expect("listens");
    let body = r#"{"email":"nobody@example.org","password":"plum tractor eleven"}"#;
    write!(
        stream,
        "POST /api/auth/login HTTP/1.1\r\nHost: compliance.example\r\nOrigin: https://compliance.example\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .expect("written");
    let mut begun = *b"HTTP/1.1 100 Continue\r\n\r\n";
    stream.read_exact(&mut begun).expect("an answer");
    assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.terminate();
    wait_for("the server to take no more connections", || connect(home.listen).is_none());
    stream.write_all(body.as_bytes()).expect("still connected");
    let reply = Reply::read(&stream).expect("an answer, whole");
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(
        serde_json::from_str::<serde_json::Value>(&reply.body).is_ok_and(|body| body["code"].is_string())
    );
    assert_eq!(server.wait().code(), Some(0));
    let log = read(&home.log());
    assert!(!log.contains("on-release"), "a connection outlived the database: {log}");
    assert!(!is_alive(postmaster), "PostgreSQL was stopped");
    assert_eq!(home.postmaster(), None, "and in order");
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    assert!(doctor.out.contains("is stopped; the server starts it"), "{}", doctor.out);
    assert_eq!(home.postmaster(), None, "and stays so");
}

#[test]
fn asked_to_stop_while_it_starts_a_server_ends_in_order() {
    let home = Home::new();
    let mut server = home.spawn(|_| {});
    wait_for("PostgreSQL to start", || home.postmaster().is_some());
    let postmaster = home.postmaster().expect("it starts");
    server.terminate();
    assert_eq!(server.wait().code(), Some(0), "{}", read(&home.log()));
    assert!(!is_alive(postmaster), "PostgreSQL was not left behind");
    assert_eq!(home.postmaster(), None);
}

#[tokio::test]
async fn people_of_an_earlier_system_come_in_by_the_command_line() {
    let home = Home::new();
    let file = home.path().join("people.json");
    let hash = format!("sha256$grain${}", "0".repeat(64));
    let person = |email: &str, role: &str| serde_json::json!({ "email": email, "name": "Old Timer", "role": role, "password_hash": hash });
    let write = |people: &[serde_json::Value]| {
        let text = serde_json::to_string(people).expect("serialises");
        std::fs::write(&file, text).expect("written");
    };
    let import = || home.run(&["admin", "import-users", &file.display().to_string()]);
    write(&[person("one@example.org", "staff_admin"), person("two@example.org", "boss")]);
    let refused = import();
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(
        refused.out.contains("Person 2: there is no such role: it is one of staff_admin, "),
        "{}",
        refused.out
    );
    write(&[person("one@example.org", "staff_admin"), person("two@example.org", "staff_operator")]);
    let taken = import();
    assert_eq!(taken.code, 0, "{}{}", taken.out, taken.err);
    assert!(taken.out.contains("2 people brought in; 0 were there already."), "{}", taken.out);
    let wrapped = home.run(&["admin", "wrap-passwords"]);
    assert_eq!(wrapped.code, 0, "{}{}", wrapped.out, wrapped.err);
    assert!(wrapped.out.contains("2 passwords wrapped."), "{}", wrapped.out);
}

#[tokio::test]
async fn second_factors_are_taken_away_by_the_command_line() {
    let home = Home::new();
    let file = home.path().join("people.json");
    let hash = format!("sha256$grain${}", "0".repeat(64));
    let person = serde_json::json!({ "email": "only@example.org", "name": "Only One", "role": "staff_admin", "password_hash": hash });
    std::fs::write(&file, serde_json::json!([person]).to_string()).expect("written");
    let taken = home.run(&["admin", "import-users", &file.display().to_string()]);
    assert_eq!(taken.code, 0, "{}{}", taken.out, taken.err);
    let reset = |email: &str| home.run(&["admin", "reset-factors", "--email", email]);
    let done = reset("Only@example.org");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("Second factors taken away; 0 sessions ended."), "{}", done.out);
    let nobody = reset("other@example.org");
    assert_eq!(nobody.code, 1, "{}{}", nobody.out, nobody.err);
    assert!(nobody.err.contains("nobody has this address"), "{}", nobody.err);
    let none = reset("no address");
    assert_ne!(none.code, 0, "{}{}", none.out, none.err);
    assert!(!home.data().join("postgres/postmaster.pid").exists(), "nothing is left running");
}

#[test]
fn a_terminal_that_is_closed_stops_the_server_in_order() {
    let home = Home::new();
    let server = home.serve(|_| {});
    let postmaster = home.postmaster().expect("it runs");
    signal(server.pid(), "-HUP");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!is_alive(postmaster), "PostgreSQL was left behind");
}
