//! `proofline doctor`: what works, what does not, and what to do about it.
//!
//! It only looks: nothing is made, started, stopped or locked, and the database is read in read-only sessions. It can
//! therefore be asked at any time, and beside a running server most of all. What a stopped database holds it cannot see.

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use proofline_core::{Clock as _, SystemClock, format_rfc3339};
use proofline_embedded_postgres::Sighting;
use proofline_protocol::KeyRole;
use proofline_server::MailRoute;
use proofline_server::keys::{KeyMismatch, KeyState, MasterKeyUse, SigningKeyUse, look, signing_keys};
use proofline_store::{MigrateError, Schema, ServerKeyRow};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::database::{Found, background_scope, connect, runtime};
use crate::fault::Fault;
use crate::keys::Folder;
use crate::secrets::{self, Secrets};
use crate::settings::Settings;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

struct Report {
    failed: u32,
}

impl Report {
    fn line(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(detail) => say(&format!("  ok    {what:<18} {detail}")),
            Err(detail) => {
                self.failed += 1;
                say(&format!("  FAIL  {what:<18} {detail}"));
            }
        }
    }
}

/// Prints a line, whether or not somebody reads it to the end.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}"); // a reader that went away has seen enough
}

/// Looks at everything and ends with 1 when something is wrong.
pub(crate) async fn doctor(settings: &Settings) -> Result<(), Fault> {
    say(&format!("Proofline {}", env!("CARGO_PKG_VERSION")));
    let mut report = Report { failed: 0 };
    let stage = if settings.development { "development" } else { "production" };
    report.line("stage", Ok(stage.to_owned()));
    report.line("public address", settings.checked_public_url().map_err(|f| f.to_string()));
    report.line(
        "listeners",
        settings
            .check_listeners()
            .map(|()| format!("{}, metrics {}", settings.listen, settings.metrics_listen))
            .map_err(|f| f.to_string()),
    );
    let secrets = secrets::load(settings);
    let told = secrets.as_ref().map(|secrets| match secrets.are_there() {
        true => "all there".to_owned(),
        false => "will be made at the first start".to_owned(),
    });
    report.line("secrets", told.map_err(ToString::to_string));
    let secrets = secrets.ok();
    report.line("mail", mail(settings));
    report.line("authorities", authorities(settings));
    report.line("data directory", folder(&settings.data));
    report.line("server keys", keys(&settings.data));
    database(settings, secrets.as_ref(), &mut report).await;
    report.line("redis", redis(settings).await);
    report.line("server", server(settings).await);
    if report.failed == 0 {
        say("Everything that was looked at works.");
        Ok(())
    } else {
        Err(Fault::Failed(anyhow::anyhow!("{} of the above need attention", report.failed)))
    }
}

/// Whose certificates outgoing connections trust.
fn authorities(settings: &Settings) -> Result<String, String> {
    settings.authorities().map_err(|fault| fault.to_string())?;
    Ok(match settings.named_authorities() {
        Some(path) => format!("the public ones and those of {path}"),
        None => "the public ones".to_owned(),
    })
}

/// Where mail would go; nothing is sent.
fn mail(settings: &Settings) -> Result<String, String> {
    match settings.mail().map_err(|fault| fault.to_string())? {
        MailRoute::Server(_) => {
            let from = settings.mail_from.as_deref().unwrap_or_default();
            Ok(format!("through the server of PROOFLINE_SMTP_URL, from {from}"))
        }
        MailRoute::Folder(folder) => Ok(format!("written into {}, not sent", folder.display())),
        MailRoute::Nowhere => {
            Ok("PROOFLINE_SMTP_URL is not set: invitations and new passwords wait unsent".to_owned())
        }
    }
}

fn folder(data: &Path) -> Result<String, String> {
    let shown = data.display();
    match std::fs::metadata(data) {
        Ok(found) if found.is_dir() => match std::fs::read_dir(data) {
            Ok(_) => Ok(format!("{shown}")),
            Err(error) => Err(format!("{shown}: {error}; run this as the user that the server runs as")),
        },
        Ok(_) => Err(format!("{shown} is not a folder")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!("{shown} will be made at the first start"))
        }
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

fn keys(data: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = data.join("keys");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(format!("none in {} yet", folder.display()));
        }
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    let mut count = 0;
    for entry in entries.flatten() {
        let mode = entry.metadata().map_err(|e| e.to_string())?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "{} can be read by others (mode {mode:o}); chmod 600 it",
                entry.path().display()
            ));
        }
        count += u32::from(entry.path().extension().is_some_and(|kind| kind == "ed25519"));
    }
    Ok(format!("{count} in {}; keep a backup of this folder", folder.display()))
}

/// The server of these settings, asked like any load balancer asks it.
async fn server(settings: &Settings) -> Result<String, String> {
    let mut address = settings.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(16_384).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            return Ok(format!("does not run: nothing listens on {address}"));
        }
        Ok(Err(error)) => return Err(format!("{address}: {error}")),
        Err(_) => return Err(format!("{address} takes connections but does not answer")),
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") if body.contains("evidence_store") => Ok(format!("runs on {address} and is ready")),
        Some("503") => Err(format!("runs on {address} but is not ready: {}", body.trim())),
        _ => Err(format!("{address} is taken by another program")),
    }
}

/// The server that nodes share, asked by this command itself.
async fn redis(settings: &Settings) -> Result<String, String> {
    match crate::redis::configured(settings).map_err(|fault| fault.to_string())? {
        None => Ok("none, and none is needed by a node that is alone".to_owned()),
        Some(shared) => match shared.connect().await {
            Ok(()) => Ok(format!("answers, shared by {} node(s)", settings.nodes)),
            Err(error) => Err(format!("{error}; each node counts by itself until it does")),
        },
    }
}

async fn database(settings: &Settings, secrets: Option<&Secrets>, report: &mut Report) {
    match Found::look(settings).await {
        Err(fault) => report.line("database", Err(fault.to_string())),
        Ok(Found::External { runtime, owner }) => {
            report.line("database", Ok("external".to_owned()));
            contents(&runtime, "check PROOFLINE_DATABASE_URL", report).await;
            sealing(settings, &runtime, secrets, report).await;
            match owner {
                None => {
                    let said = "PROOFLINE_OWNER_DATABASE_URL is not set: the server checks the schema but does not migrate";
                    report.line("schema owner", Ok(said.to_owned()));
                }
                Some(owner) => {
                    report.line("schema owner", schema(&owner, "check PROOFLINE_OWNER_DATABASE_URL").await);
                }
            }
        }
        Ok(Found::Embedded(seen)) => {
            if let Some(runtime) = embedded(&seen, report).await {
                sealing(settings, &runtime, secrets, report).await;
            }
        }
    }
}

/// Says how the private cluster is; where it runs, how to reach it.
async fn embedded(seen: &Sighting, report: &mut Report) -> Option<PgConnectOptions> {
    let supervised = match seen.supervisor {
        Some(pid) => format!("supervised by process {pid}"),
        None => "without a supervisor: the next start takes it over".to_owned(),
    };
    let state = match (&seen.server, seen.exists) {
        (Some(server), _) if server.is_ready => format!("runs as process {}, {supervised}", server.pid),
        (Some(server), _) => {
            format!("process {} is starting, recovering or stopping, {supervised}", server.pid)
        }
        (None, true) => "is stopped; the server starts it".to_owned(),
        (None, false) => "will be made at the first start".to_owned(),
    };
    let place = seen.data_dir.display();
    report.line("database", Ok(format!("embedded PostgreSQL {} in {place}: {state}", seen.version)));
    match &seen.server {
        Some(server) if server.is_ready => match runtime(&server.endpoint) {
            Ok(runtime) => {
                let hint =
                    format!("run this as the user {:?} or the one that the server runs as", seen.os_user);
                contents(&runtime, &hint, report).await;
                return Some(runtime);
            }
            Err(fault) => report.line("schema", Err(fault.to_string())),
        },
        _ => report.line("schema", Ok("not looked at: the database does not run".to_owned())),
    }
    None
}

/// What only a running database tells, as the runtime role and without writing anything.
async fn contents(runtime: &PgConnectOptions, hint: &str, report: &mut Report) {
    report.line("schema", schema(runtime, hint).await);
    let read_only = runtime.clone().options([("default_transaction_read_only", "on")]);
    let role = async {
        let store = connect(&read_only, 1).await?;
        store.close().await;
        Ok::<_, Fault>("row-level security applies to it".to_owned())
    };
    report.line("runtime role", role.await.map_err(|fault| fault.to_string()));
}

/// The signing keys, and the master keys beside what is sealed under them; says nothing where one of the two cannot be read.
async fn sealing(
    settings: &Settings,
    runtime: &PgConnectOptions,
    secrets: Option<&Secrets>,
    report: &mut Report,
) {
    let Some(secrets) = secrets else { return };
    let read_only = runtime.clone().options([("default_transaction_read_only", "on")]);
    let Ok(store) = connect(&read_only, 1).await else { return };
    let uses = async {
        let mut scope = background_scope(&store, "doctor").await.ok()?;
        let found = look(&mut scope, secrets.keyring()).await;
        if !matches!(found, Err(KeyMismatch::Store(_))) {
            let known = scope.server_keys().await.ok()?;
            if let Some(installation) = scope.installation().await.ok()? {
                signing(&Folder::new(&settings.data, installation.id), &known, report);
            }
        }
        // Ended in order: a connection that goes in the middle of a transaction leaves a line in PostgreSQL's log.
        scope.commit_unaudited().await.ok()?;
        match found {
            // Not migrated yet, or not there: said above.
            Err(KeyMismatch::Store(_)) => None,
            other => Some(other),
        }
    };
    let uses = uses.await;
    store.close().await;
    match uses {
        None => {}
        Some(Err(error)) => {
            report.line("master key", Err(secrets.mismatch(&settings.data, error).to_string()));
        }
        Some(Ok(uses)) => {
            for key in uses {
                report.line("master key", Ok(master_key(&key)));
            }
        }
    }
}

/// The signing keys that the database knows, beside those that are in the folder.
fn signing(folder: &Folder, known: &[ServerKeyRow], report: &mut Report) {
    for key in signing_keys(known.to_vec(), SystemClock.now()) {
        report.line("signing key", Ok(signing_key(&key)));
    }
    for role in KeyRole::ALL {
        if let Some(defect) = folder.defect(role, known, SystemClock.now()) {
            report.line("signing key", Err(defect.to_string()));
            continue;
        }
        for place in folder.absent(role, known) {
            let path = place.key.display();
            let said = format!(
                "{path} or the statement beside it is missing: copy the keys folder from the node that \
                made it"
            );
            report.line("signing key", Err(said));
        }
        if folder.is_unfinished(role, known) {
            let argument = role.as_str().replace('_', "-");
            let said = format!(
                "a rotation was interrupted; `proofline admin rotate-key {argument}` goes on with it"
            );
            report.line("signing key", Err(said));
        }
    }
}

fn signing_key(key: &SigningKeyUse) -> String {
    let SigningKeyUse { role, id, since, .. } = key;
    let until = key.until.map(format_rfc3339).unwrap_or_default();
    match (key.state, key.until) {
        (KeyState::Current, None) => format!("{role} {id} signs"),
        (KeyState::Current, Some(_)) => format!("{role} {id} signs, and is refused from {until} on"),
        (KeyState::Successor, _) => format!("{role} {id} signs from {} on", format_rfc3339(*since)),
        (KeyState::Earlier, _) => format!("{role} {id} signs no more, and is refused from {until} on"),
        (KeyState::Retired, _) => format!("{role} {id} is refused since {until}"),
    }
}

fn master_key(key: &MasterKeyUse) -> String {
    let MasterKeyUse { id, rows, configured, .. } = key;
    match (key.state, configured, rows) {
        (KeyState::Current | KeyState::Successor, ..) => {
            format!("{id} seals: {rows} stored secrets are under it")
        }
        (KeyState::Earlier, _, 0) if key.since.is_none() => format!("{id} opens, and nothing is under it"),
        (KeyState::Earlier, ..) => {
            format!("{id} opens: {rows} stored secrets are under it; `proofline admin rotate-key master`")
        }
        (KeyState::Retired, true, _) => {
            format!("{id} is not needed any more: take it out of PROOFLINE_EARLIER_MASTER_KEYS")
        }
        (KeyState::Retired, false, _) => format!("{id} was in use once; nothing needs it"),
    }
}

async fn schema(role: &PgConnectOptions, hint: &str) -> Result<String, String> {
    let whole = |error: MigrateError| match &error {
        MigrateError::Connect(cause) => format!("{error}: {cause}; {hint}"),
        _ => error.to_string(),
    };
    let schema = Schema::read(role).await.map_err(whole)?;
    schema.check().map_err(whole)?;
    Ok(format!("{} migrations, all applied and unchanged", schema.0.len()))
}
