//! The application under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, KeyInit, Mac};
use object_store::local::LocalFileSystem;
use proofline_catalog::Catalog;
use proofline_core::{
    Clock, Entropy, FixedClock, InstallationId, Level, Membership, OrgId, PartnerId, Place, Role,
    SeededEntropy, SiteId, UserId,
};
use proofline_server::{
    App, AppState, Authorities, DatabaseKind, Deps, MailRoute, ServerKeys, Settings, Shared, Stage, workers,
};
use proofline_store::{Installation, Store};
use proofline_vault::Vault;
use serde_json::{Value, json};
use sha2::{Sha256, Sha384};

use crate::{Agent, Authenticator, Browser, TestDatabase, TestRedis, described, logs};

const PEPPER: [u8; 32] = [7; 32];

/// What the application seals with.
pub const MASTER_KEY: [u8; 32] = [11; 32];

/// The password of every person that a test makes.
const PASSWORD: &str = "plum tractor eleven";

/// Beside the evidence.
const MAIL: &str = "mail";

/// The application, its database, and the hands of its clock.
pub struct TestApp {
    /// The application's parts.
    pub app: App,
    /// Moves when told. Starts at 2026-11-22T09:00:00Z.
    pub clock: FixedClock,
    /// Its database.
    pub database: TestDatabase,
    /// The database as the runtime role.
    pub store: Store,
    /// Where its evidence is published.
    pub evidence_folder: tempfile::TempDir,
    settings: Settings,
    installation: Installation,
    entropy: Arc<SeededEntropy>,
    redis: Option<String>,
    addresses: AtomicU16,
    seeds: AtomicU64,
}

/// A site made by a test.
#[derive(Debug, Clone)]
pub struct TestSite {
    /// The partner of its organisation.
    pub partner: PartnerId,
    /// Its organisation.
    pub org: OrgId,
    /// The site.
    pub id: SiteId,
}

impl TestSite {
    /// Where somebody with this role would belong: to the installation, to the site's partner, or to its practice.
    pub fn place(&self, role: Role) -> Place {
        match role.level() {
            Level::Platform => Place::Platform,
            Level::Partner => Place::Partner(self.partner),
            Level::Practice => Place::Practice(self.org),
        }
    }
}

impl TestApp {
    /// A fresh application with a pool of five connections.
    pub async fn start() -> Self {
        Self::start_with(5, |_| {}).await
    }

    /// A fresh application with a pool of this size, unless `PROOFLINE_TEST_POOL` sets another, and changed settings.
    pub async fn start_with(connections: u32, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_sharing(None, connections, change).await
    }

    /// A fresh application with a pool of this size, whatever `PROOFLINE_TEST_POOL` says: for a test of transactions of the
    /// application that have to meet in the database.
    pub async fn start_with_exactly(connections: u32) -> Self {
        Self::open(None, connections, |_| {}).await
    }

    /// The same as one of several nodes, which share this Redis server.
    pub async fn start_sharing(
        redis: Option<&TestRedis>,
        connections: u32,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::open(redis, pool_size().unwrap_or(connections), change).await
    }

    async fn open(redis: Option<&TestRedis>, connections: u32, change: impl FnOnce(&mut Settings)) -> Self {
        logs::capture(logs::QUIET);
        let database = TestDatabase::create().await;
        let store = database.store(connections).await;
        let clock =
            FixedClock::at(DateTime::parse_from_rfc3339("2026-11-22T09:00:00Z").expect("a time").into());
        let entropy = Arc::new(SeededEntropy::new(1));
        let installation = installation(&store, &clock, &*entropy).await;
        let evidence_folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings {
            stage: Stage::Production,
            public_url: "https://compliance.example".to_owned(),
            csrf_key: [9; 32],
            earlier_csrf_keys: Vec::new(),
            password_pepper: PEPPER,
            password_cost: 4,
            trusted_proxies: 0,
            nodes: 1,
            rate_scale: 1,
            max_in_flight: 512,
            request_timeout: Duration::from_secs(30),
            session_lifetime: TimeDelta::hours(24),
            session_idle: TimeDelta::minutes(15),
            check_in_seconds: 60,
            mail: MailRoute::Folder(evidence_folder.path().join(MAIL)),
            authorities: Authorities::public(),
            database_kind: DatabaseKind::External,
        };
        change(&mut settings);
        let redis = redis.map(TestRedis::url);
        let vault = Vault::new(&MASTER_KEY, &[]);
        let app = build(
            &store,
            &clock,
            &entropy,
            &settings,
            &installation,
            &evidence_folder,
            (redis.as_deref(), vault),
        );
        if let Some(shared) = app.state.shared() {
            shared.connect().await.expect("Redis answers");
        }
        let (addresses, seeds) = (AtomicU16::new(1), AtomicU64::new(1_000));
        Self {
            app,
            clock,
            database,
            store,
            evidence_folder,
            settings,
            installation,
            entropy,
            redis,
            addresses,
            seeds,
        }
    }

    /// Starts the program anew on the same database, with the same keys and nothing in memory. Clients made before keep
    /// talking to the old one until they are [`Agent::reconnect`]ed.
    pub fn restart(&mut self) {
        self.app = self.second_node();
    }

    /// Another process on the same database, with nothing in memory. What it shares it has to connect to first.
    pub fn second_node(&self) -> App {
        self.node_sealing_with(Vault::new(&MASTER_KEY, &[]))
    }

    /// The same with changed settings.
    pub fn second_node_with(&self, change: impl FnOnce(&mut Settings)) -> App {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let Self { store, clock, entropy, installation, evidence_folder, redis, .. } = self;
        let keys = (redis.as_deref(), Vault::new(&MASTER_KEY, &[]));
        build(store, clock, entropy, &settings, installation, evidence_folder, keys)
    }

    /// Another process on the same database, with other master keys than [`MASTER_KEY`].
    pub fn node_sealing_with(&self, vault: Vault) -> App {
        let Self { store, clock, entropy, settings, installation, evidence_folder, redis, .. } = self;
        build(store, clock, entropy, settings, installation, evidence_folder, (redis.as_deref(), vault))
    }

    /// What requests share.
    pub fn state(&self) -> &AppState {
        &self.app.state
    }

    /// A browser that nobody signed in with, from an address of its own.
    pub fn anonymous(&self) -> Browser {
        let [high, low] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Browser::new(self.app.router.clone(), SocketAddr::from(([10, 0, high, low], 40_000)))
    }

    /// A signed-in administrator.
    pub async fn admin(&self) -> Browser {
        self.staff(Role::StaffAdmin).await
    }

    /// A signed-in member of staff, made for the occasion.
    pub async fn staff(&self, role: Role) -> Browser {
        self.member(role, Place::Platform).await
    }

    /// Somebody of a partner or a practice, signed in, made for the occasion.
    pub async fn member(&self, role: Role, place: Place) -> Browser {
        let email = self.person_of(role, place).await;
        self.sign_in(&email).await
    }

    /// Makes a member of staff and returns their address.
    pub async fn person(&self, role: Role) -> String {
        self.person_of(role, Place::Platform).await
    }

    /// Makes a person and returns their address. Arranged in the database: no test of anything else waits for a mail.
    pub async fn person_of(&self, role: Role, place: Place) -> String {
        let membership = Membership::new(role, place).expect("a role of the place");
        let id = UserId::new(self.clock.now(), &*self.entropy);
        let email = format!("{}@staff.example", id.to_string().to_lowercase());
        let mut database = self.database.superuser().await;
        sqlx::query(
            "INSERT INTO person (id, email, name, role, partner_id, org_id, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id.uuid())
        .bind(&email)
        .bind(format!("Test {role}"))
        .bind(role.as_str())
        .bind(membership.partner().map(PartnerId::uuid))
        .bind(membership.org().map(OrgId::uuid))
        .bind(password_hash())
        .bind(self.clock.now())
        .execute(&mut database)
        .await
        .expect("inserts");
        email
    }

    /// Signs in as a person of [`TestApp::person`], with both factors.
    pub async fn sign_in(&self, email: &str) -> Browser {
        let mut browser = self.with_password(email).await;
        self.prove(&mut browser, email).await;
        browser
    }

    /// Signs in as a person of [`TestApp::person`] with the password alone.
    pub async fn with_password(&self, email: &str) -> Browser {
        let mut browser = self.anonymous();
        browser.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await.expect(200);
        browser
    }

    /// Proves a second factor in a browser that is signed in as this person: a recovery code made for the occasion, since
    /// an app's codes count once and the clock stands still.
    pub async fn prove(&self, browser: &mut Browser, email: &str) {
        let code = format!("test{:012}", self.seeds.fetch_add(1, Ordering::Relaxed));
        let mut database = self.database.superuser().await;
        let user: uuid::Uuid = sqlx::query_scalar("SELECT id FROM person WHERE email = $1")
            .bind(email)
            .fetch_one(&mut database)
            .await
            .expect("a person of the test");
        sqlx::query("INSERT INTO recovery_code (user_id, code_digest, created_at) VALUES ($1, $2, $3)")
            .bind(user)
            .bind(recovery_digest(user, &code).as_slice())
            .bind(self.clock.now())
            .execute(&mut database)
            .await
            .expect("inserts");
        browser.post("/api/auth/second-factor/recovery-code", json!({ "code": code })).await.expect(200);
    }

    /// An authenticator without a passkey, used on pages of this application.
    pub fn authenticator(&self) -> Authenticator {
        Authenticator::new(&self.settings.public_url, self.seeds.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds a passkey to whoever is signed in; what was answered.
    pub async fn add_passkey(&self, browser: &mut Browser, authenticator: &mut Authenticator) -> Value {
        let begun = browser.post("/api/auth/factors/passkeys/options", json!({})).await.expect(201);
        let credential = authenticator.create(&begun["public_key"]);
        let made = json!({ "ceremony_id": begun["ceremony_id"], "name": "Laptop", "credential": credential });
        browser.post("/api/auth/factors/passkeys", made).await.expect(200)
    }

    /// The password of everybody that [`TestApp::person`] makes.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A partner, an organisation and a site, made through the API.
    pub async fn site(&self, admin: &mut Browser, name: &str) -> TestSite {
        let partner =
            admin.post("/api/partners", json!({ "name": format!("Partner of {name}") })).await.expect(201);
        let org = json!({ "partner_id": partner["id"], "name": format!("Clinic {name}") });
        let org = admin.post("/api/organisations", org).await.expect(201);
        let site = json!({ "org_id": org["id"], "name": name, "timezone": "Europe/Vienna" });
        let site = admin.post("/api/sites", site).await.expect(201);
        let id = |value: &serde_json::Value| value["id"].as_str().unwrap_or_default().to_owned();
        TestSite {
            partner: id(&partner).parse().expect("an id"),
            org: id(&org).parse().expect("an id"),
            id: id(&site).parse().expect("an id"),
        }
    }

    /// A fresh provisioning code of a site.
    pub async fn code(&self, admin: &mut Browser, site: &TestSite) -> String {
        let issued = admin
            .post(&format!("/api/sites/{}/codes", site.id), json!({ "label": "test" }))
            .await
            .expect(201);
        let code = issued["code"].as_str().expect("a code").to_owned();
        logs::must_not_hold(&code);
        code
    }

    /// A token that somebody makes for thirty days, of these actions.
    pub async fn token(&self, maker: &mut Browser, actions: &[&str]) -> String {
        let asked = json!({ "name": "nightly report", "actions": actions, "expires_in_days": 30 });
        let made = maker.post("/api/tokens", asked).await.expect(201);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// A program with this token: no cookie, an address of its own.
    pub fn program(&self, token: &str) -> Browser {
        let mut program = self.anonymous();
        program.headers = vec![("authorization", format!("Bearer {token}"))];
        program
    }

    /// Runs one job of the table now.
    ///
    /// # Panics
    /// When there is no such job, or it fails.
    pub async fn run_job(&self, name: &str) {
        let job = workers::JOBS.iter().find(|job| job.name == name).expect("a job of the table");
        let outcome = workers::run_once(self.state().clone(), job).await;
        assert_eq!(outcome, workers::Outcome::Done, "{name}");
    }

    /// Every mail that was sent to an address so far, the last one last. What waits is sent first.
    pub async fn mail_to(&self, email: &str) -> Vec<String> {
        self.run_job("mail").await;
        let mut mails: Vec<_> = std::fs::read_dir(self.evidence_folder.path().join(MAIL))
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("an entry").path())
            .collect();
        // Their names begin with when they were queued.
        mails.sort_unstable();
        mails
            .into_iter()
            .map(|path| String::from_utf8(std::fs::read(path).expect("readable")).expect("text"))
            .filter(|mail| mail.lines().any(|line| line.trim_end() == format!("To: {email}")))
            .collect()
    }

    /// The token of the last link that was mailed to an address.
    ///
    /// # Panics
    /// When there is none.
    pub async fn mailed_token(&self, email: &str) -> String {
        let mails = self.mail_to(email).await;
        let link =
            mails.iter().rev().find_map(|mail| mail.lines().find_map(|line| line.trim().split_once('#')));
        let token = link.unwrap_or_else(|| panic!("no link in a mail to {email}")).1.to_owned();
        logs::must_not_hold(&token);
        token
    }

    /// A machine with a fresh key that has not enrolled.
    pub fn machine(&self) -> Agent {
        Agent::new(self.app.router.clone(), self.clock.clone(), self.seeds.fetch_add(1, Ordering::Relaxed))
    }

    /// An appliance of a site, enrolled through the API.
    pub async fn enrolled(&self, admin: &mut Browser, site: &TestSite) -> Agent {
        let code = self.code(admin, site).await;
        let mut agent = self.machine();
        agent.claim(&code).await.expect(200);
        agent
    }
}

fn build(
    store: &Store,
    clock: &FixedClock,
    entropy: &Arc<SeededEntropy>,
    settings: &Settings,
    installation: &Installation,
    evidence_folder: &tempfile::TempDir,
    (redis, vault): (Option<&str>, Vault),
) -> App {
    let shared = redis.map(|url| Shared::new(url).expect("a URL"));
    described::held(proofline_server::build(Deps {
        store: store.clone(),
        clock: Arc::new(clock.clone()),
        entropy: entropy.clone(),
        // From a seed of their own: the same after a restart.
        keys: ServerKeys::generate(&SeededEntropy::new(2)),
        vault,
        settings: settings.clone(),
        installation: installation.clone(),
        evidence_store: Arc::new(LocalFileSystem::new_with_prefix(evidence_folder.path()).expect("a folder")),
        shared,
    }))
}

/// What holds of every test: nothing personal and nothing secret is in the log.
impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What the application had to say about it.
            logs::text()
                .lines()
                .filter(|line| line.contains("\"ERROR\""))
                .for_each(|line| eprintln!("{line}"));
        } else {
            logs::hold_nothing_of(&[PASSWORD, "@staff.example"]);
        }
    }
}

async fn installation(store: &Store, clock: &FixedClock, entropy: &dyn Entropy) -> Installation {
    let permit = proofline_server::background_permit("test").expect("permitted");
    let mut scope = store.scope(&permit).await.expect("opens");
    let now = clock.now();
    let installation = Installation {
        id: InstallationId::new(now, entropy),
        name: "Test installation".to_owned(),
        created_at: now,
        catalogue: Catalog::embedded().digest().to_owned(),
        catalogue_since: now,
        version: 1,
    };
    scope.create_installation(&installation).await.expect("creates");
    scope.commit_unaudited().await.expect("commits");
    installation
}

/// The size that `PROOFLINE_TEST_POOL` sets for every pool: with 1, whoever holds a connection and waits for another one
/// waits for ever.
fn pool_size() -> Option<u32> {
    let size = std::env::var("PROOFLINE_TEST_POOL").ok()?;
    Some(size.parse().expect("PROOFLINE_TEST_POOL is a number of connections"))
}

/// The stored form of [`PASSWORD`] under [`PEPPER`], as the server documents it.
fn password_hash() -> String {
    let mut mac = Hmac::<Sha384>::new_from_slice(&PEPPER).expect("any length");
    mac.update(PASSWORD.as_bytes());
    let prehash = STANDARD.encode(mac.finalize().into_bytes());
    format!("v1${}", bcrypt::hash_with_salt(prehash, 4, [5; 16]).expect("hashes"))
}

/// What a recovery code is kept as under [`PEPPER`], as the server documents it.
fn recovery_digest(user: uuid::Uuid, code: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&PEPPER).expect("any length");
    mac.update(b"recovery code of\0");
    mac.update(user.as_bytes());
    mac.update(code.as_bytes());
    mac.finalize().into_bytes().into()
}

/// What an authenticator app shows at `at` for a secret in base 32.
///
/// # Panics
/// When the secret is none.
pub fn totp_code(secret: &str, at: proofline_core::Timestamp) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).expect("base 32");
    let app = totp_rs::Builder::new().with_secret(secret).build().expect("a secret of 160 bits");
    app.generate(u64::try_from(at.timestamp()).expect("after 1970")).to_string()
}
