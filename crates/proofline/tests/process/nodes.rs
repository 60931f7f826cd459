//! Three nodes behind one address, on one PostgreSQL and one Redis server: what holds for one holds for all of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proofline_core::{Clock as _, Secret, SystemClock};
use proofline_evidence::SigningKey;
use proofline_protocol::signature::{self, SignedHeaders};
use proofline_protocol::{ClaimRequest, ClaimResponse, Digest, Text, paths};
use proofline_testkit::{TestRedis, ordinary_check_in};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::external::Elsewhere;
use crate::support::{Ended, Home, PATIENCE, Reply, Server, connect, get, read, reserved_port, wait_for};

/// Three servers of one deployment, and the address in front of them.
struct Deployment {
    homes: [Home; 3],
    front: SocketAddr,
    servers: Vec<Server>,
    redis: TestRedis,
    elsewhere: Elsewhere,
}

impl Deployment {
    async fn start() -> Self {
        let first = Home::new();
        let elsewhere = Elsewhere::start(&first).await;
        assert_eq!(elsewhere.as_owner(&first, &["migrate", "up"]).code, 0);
        let homes = [first.neighbour(), first.neighbour(), first];
        let redis = TestRedis::start();
        let mut deployment = Self {
            front: round_robin(homes.iter().map(|home| home.listen).collect()),
            homes,
            servers: Vec::new(),
            redis,
            elsewhere,
        };
        let started: Vec<Server> = deployment
            .homes
            .iter()
            .map(|home| {
                let server = home.serve(|command| {
                    command.stdout(File::create(printed(home)).expect("a file"));
                    deployment.configure(command);
                });
                // Of the links to the first start the last one works, so they come one after the other.
                wait_for("the link", || read(&printed(home)).contains('#'));
                server
            })
            .collect();
        deployment.servers.extend(started);
        deployment
    }

    fn configure(&self, command: &mut Command) {
        command
            .env("PROOFLINE_DATABASE_URL", &self.elsewhere.runtime_url)
            .env("PROOFLINE_REDIS_URL", self.redis.url())
            .env("PROOFLINE_NODES", "3")
            .env("PROOFLINE_TRUSTED_PROXIES", "1");
    }

    fn doctor(&self) -> Ended {
        let mut command = self.homes[0].command(&["doctor"]);
        self.configure(&mut command);
        Ended::of(&mut command)
    }

    fn redis_is(&self, node: usize) -> String {
        let ready = get(self.homes[node].listen, "/ready").expect("listens");
        if ready.status == 429 {
            return "asked too often".to_owned();
        }
        assert_eq!(ready.status, 200, "without Redis it still works");
        let body: Value = serde_json::from_str(&ready.body).expect("JSON");
        body["redis"].as_str().expect("said").to_owned()
    }

    /// Of so many requests that draw on the login budget, how many are not told to wait.
    fn let_through(&self, client: &str, many: u32) -> u32 {
        let mut person = Person::new(self.front, client);
        let statuses = (0..many).map(|_| person.post("/api/auth/login", json!({})).status);
        u32::try_from(statuses.filter(|status| *status != 429).count()).expect("few")
    }
}

/// What a node printed.
fn printed(home: &Home) -> PathBuf {
    home.path().join(format!("printed-{}", home.listen.port()))
}

/// Hands each connection to the next node.
fn round_robin(nodes: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let front = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for (client, node) in listener.incoming().flatten().zip(nodes.into_iter().cycle()) {
            let Ok(server) = TcpStream::connect(node) else { continue };
            for (mut from, mut to) in [(&client, &server), (&server, &client)]
                .map(|(a, b)| (a.try_clone(), b.try_clone()))
                .into_iter()
                .filter_map(|(a, b)| a.ok().zip(b.ok()))
            {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    front
}

/// A browser: its cookies, and the address that the proxy says it has.
#[derive(Clone)]
struct Person {
    server: SocketAddr,
    client: String,
    cookies: BTreeMap<String, String>,
}

impl Person {
    fn new(server: SocketAddr, client: &str) -> Self {
        Self { server, client: client.to_owned(), cookies: BTreeMap::new() }
    }

    fn at(&self, server: SocketAddr) -> Self {
        Self { server, ..self.clone() }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let csrf = self.cookies.get("__host-csrf").map_or("", String::as_str);
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: compliance.example\r\nOrigin: https://compliance.example\r\n\
             X-Forwarded-For: {}\r\nCookie: {}\r\nX-CSRF-Token: {csrf}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            self.client,
            cookies.join("; ").replace("__host-", "__Host-"),
        )
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Reply {
        let mut stream = connect(self.server).expect("listens");
        stream.write_all(self.request(method, path, body).as_bytes()).expect("written");
        let reply = Reply::read(&stream).expect("an answer");
        for line in reply.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) =
                line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "")
    }

    #[expect(clippy::needless_pass_by_value, reason = "called with literals")]
    fn post(&mut self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &body.to_string())
    }

    /// Posts, and the answer's JSON.
    fn made(&mut self, path: &str, body: Value) -> Value {
        let reply = self.post(path, body);
        assert!([200, 201].contains(&reply.status), "{path}: {} {}", reply.status, reply.body);
        serde_json::from_str(&reply.body).expect("JSON")
    }
}

fn first_administrator(deployment: &Deployment) -> Person {
    let printed = read(&printed(&deployment.homes[2]));
    let token = printed.rsplit_once('#').and_then(|(_, rest)| rest.split(' ').next()).expect("a link");
    let mut admin = Person::new(deployment.front, "203.0.113.1");
    let first = json!({ "token": token, "name": "Ada Admin", "email": "ada@clinic.example", "password": "plum tractor eleven" });
    admin.made("/api/auth/bootstrap", first);
    let begun = admin.made("/api/auth/factors/totp", json!({}));
    let code = proofline_testkit::totp_code(begun["secret"].as_str().expect("text"), SystemClock.now());
    admin.made("/api/auth/factors/totp/confirm", json!({ "code": code }));
    admin
}

fn signed(key: &SigningKey, path: &str, body: &[u8], nonce: u8) -> SignedHeaders {
    let request = signature::Request { method: "POST", path, query: "", body };
    signature::sign(&request, key, SystemClock.now(), [nonce; 16]).expect("signs")
}

fn deliver(node: SocketAddr, path: &str, body: &[u8], headers: &SignedHeaders) -> Reply {
    let mut stream = connect(node).expect("listens");
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: compliance.example\r\nX-Forwarded-For: 198.51.100.7\r\n");
    for (name, value) in headers.iter() {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = body.len();
    request.push_str(&format!(
        "Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    ));
    stream.write_all(&[request.as_bytes(), body].concat()).expect("written");
    Reply::read(&stream).expect("an answer")
}

/// A session made anywhere is one everywhere, and ended anywhere is ended everywhere.
fn sessions_are_everywhere(deployment: &Deployment, admin: &mut Person) {
    let nodes = deployment.homes.each_ref().map(|home| home.listen);
    for node in nodes {
        assert_eq!(admin.at(node).get("/api/auth/session").status, 200, "{node}");
        let renamed =
            admin.at(node).send("PATCH", "/api/settings", &json!({ "name": node.to_string() }).to_string());
        assert_eq!(renamed.status, 200, "the CSRF token of one is good at all: {}", renamed.body);
    }
    let streams = nodes.map(|node| {
        let mut stream = connect(node).expect("listens");
        stream.write_all(admin.request("GET", "/api/events", "").as_bytes()).expect("written");
        let mut said = String::new();
        let mut buffer = [0; 1024];
        while !said.contains("event: ready") {
            let count = stream.read(&mut buffer).expect("reads");
            assert!(count > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        stream
    });
    let before = admin.clone();
    let began = Instant::now();
    assert_eq!(admin.at(nodes[0]).send("POST", "/api/auth/logout", "").status, 204);
    for mut stream in streams {
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
        stream.read_to_end(&mut Vec::new()).expect("it is closed");
    }
    for node in nodes {
        assert_eq!(before.at(node).get("/api/auth/session").status, 401, "{node}");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

fn a_signed_request_counts_once(deployment: &Deployment, admin: &mut Person) {
    let partner = admin.made("/api/partners", json!({ "name": "Northgate" }));
    let org = admin.made("/api/organisations", json!({ "partner_id": partner["id"], "name": "Clinic" }));
    let site =
        admin.made("/api/sites", json!({ "org_id": org["id"], "name": "Main Street", "timezone": "UTC" }));
    let codes = format!("/api/sites/{}/codes", site["id"].as_str().expect("an id"));
    let code = admin.made(&codes, json!({}))["code"].as_str().expect("a code").to_owned();
    let key = SigningKey::from_seed(&[42; 32]);
    let claim = serde_json::to_vec(&ClaimRequest {
        code: Secret::new(code),
        public_key: *key.public_key().as_bytes(),
        hostname: Text::new("appliance-1").expect("fits"),
        machine_id_digest: Digest::of(b"machine"),
        platform: Text::new("Debian").expect("fits"),
        agent_version: Text::new("0.1.0").expect("fits"),
    })
    .expect("serialises");
    let claimed = deliver(deployment.front, paths::CLAIM, &claim, &signed(&key, paths::CLAIM, &claim, 1));
    assert_eq!(claimed.status, 200, "{}", claimed.body);
    let identity: ClaimResponse = serde_json::from_str(&claimed.body).expect("a response");
    let check_in = serde_json::to_vec(&ordinary_check_in(identity.catalogue)).expect("serialises");
    for first in 0..3_u8 {
        let headers = signed(&key, paths::CHECK_IN, &check_in, 10 + first);
        for turn in 0..6 {
            let node = deployment.homes[(usize::from(first) + turn) % 3].listen;
            let reply = deliver(node, paths::CHECK_IN, &check_in, &headers);
            if turn == 0 {
                assert_eq!(reply.status, 200, "{}", reply.body);
            } else {
                assert!(reply.status == 401 && reply.body.contains("\"replayed\""), "{turn}: {}", reply.body);
            }
        }
    }
}

#[tokio::test]
async fn three_nodes_behind_one_address_are_one_server() {
    let mut deployment = Deployment::start().await;
    let mut admin = first_administrator(&deployment);
    let doctor = deployment.doctor();
    assert!(doctor.out.contains("ok    redis              answers, shared by 3 node(s)"), "{}", doctor.out);
    assert_eq!((0..3).map(|node| deployment.redis_is(node)).collect::<Vec<_>>(), ["ok"; 3]);

    let through = deployment.let_through("198.51.100.20", 45);
    assert!((10..=13).contains(&through), "one budget, not three: {through}");
    a_signed_request_counts_once(&deployment, &mut admin);
    sessions_are_everywhere(&deployment, &mut admin);

    // Hung: it takes requests and never answers.
    deployment.redis.hang();
    let mut reader = Person::new(deployment.front, "198.51.100.21");
    let mut times: Vec<Duration> = (0..250)
        .map(|_| {
            let began = Instant::now();
            assert!([200, 429].contains(&reader.get("/api/auth/status").status));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
    let through = deployment.let_through("198.51.100.22", 45);
    assert!((6..=13).contains(&through), "each node grants its third: {through}");
    let through = deployment.let_through("198.51.100.20", 15);
    assert!(through <= 3, "who had used it up does not begin anew: {through}");
    assert_eq!(deployment.redis_is(1), "unavailable");
    let doctor = deployment.doctor();
    assert!(doctor.code == 1 && doctor.out.contains("FAIL  redis"), "{}", doctor.out);

    deployment.redis.kill();
    deployment.redis.start_again();
    wait_for("every node to find Redis again", || (0..3).all(|node| deployment.redis_is(node) == "ok"));
    let through = deployment.let_through("198.51.100.23", 45);
    assert!((10..=13).contains(&through), "one budget again: {through}");
    assert!(deployment.doctor().out.contains("ok    redis"));
    let log = read(&deployment.homes[0].log());
    assert!(log.contains("Redis failed") && log.contains("Redis is back"), "operators can read of it");
    assert!(!log.contains("198.51.100"), "and of no client's address");
}

/// A Redis server that speaks TLS only, with a certificate of an authority made for the occasion.
struct Encrypted {
    folder: tempfile::TempDir,
    address: SocketAddr,
    server: Child,
    _reserved: TcpSocket,
}

const PASSWORD: &str = "0f6c2e9a81b74d35c6e0f2a94b7d1c83";

impl Encrypted {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "set -e
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis -keyout redis.key -out redis.csr
            echo 'subjectAltName=IP:127.0.0.1' >extensions
            openssl x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out redis.pem";
        let made = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().expect("runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (address, reserved) = reserved_port();
        let server = Command::new("redis-server")
            .args(["--port", "0", "--bind", "127.0.0.1", "--tls-port", &address.port().to_string()])
            .args(["--tls-cert-file", "redis.pem", "--tls-key-file", "redis.key", "--tls-auth-clients", "no"])
            .args(["--tls-ca-cert-file", "ca.pem", "--requirepass", PASSWORD, "--save", ""])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: `scripts/setup test`");
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < PATIENCE, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, address, server, _reserved: reserved }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn redis_over_tls_is_used_only_with_a_certificate_that_holds_and_the_right_password() {
    let redis = Encrypted::start();
    let home = Home::new();
    let doctor = |host: &str, password: &str, trusted: bool| {
        let mut command = home.command(&["doctor"]);
        let port = redis.address.port();
        command.env("PROOFLINE_REDIS_URL", format!("rediss://:{password}@{host}:{port}"));
        if trusted {
            command.env("SSL_CERT_FILE", redis.folder.path().join("ca.pem"));
        }
        let said = Ended::of(&mut command).out;
        assert!(!said.contains(password), "{said}");
        said.lines().find(|line| line.contains(" redis ")).expect("a line").to_owned()
    };
    let line = doctor("127.0.0.1", PASSWORD, true);
    assert!(line.contains("ok    redis"), "{line}");
    for (host, password, trusted) in [
        ("127.0.0.1", PASSWORD, false),
        ("localhost", PASSWORD, true),
        ("127.0.0.1", &PASSWORD.replace('0', "9"), true),
    ] {
        let line = doctor(host, password, trusted);
        assert!(line.contains("FAIL  redis              Redis does not answer"), "{host} {trusted}: {line}");
    }
}
