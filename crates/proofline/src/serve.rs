//! The server: everything opened in order, served, and closed in reverse.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use object_store::local::LocalFileSystem;
use proofline_catalog::Catalog;
use proofline_core::{Clock, Entropy, InstallationId, SystemClock};
use proofline_server::keys::{KeyMismatch, admit as admit_secrets};
use proofline_server::{App, AppState, ConnectionLimits, Deps, Stage, open_bootstrap, workers};
use proofline_store::{Installation, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::database::{Database, background_scope};
use crate::entropy::SystemEntropy;
use crate::fault::Fault;
use crate::keys::Folder;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{redis, secrets};

/// How long open requests may take to finish once the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

const NOT_MIGRATED: &str = "the database is not migrated; run `proofline migrate up`";

/// How often the keys folder is read again: a rotation is known everywhere long before its keys change over.
const KEYS_EVERY: Duration = Duration::from_secs(10);

/// Serves until it is asked to stop.
pub(crate) async fn serve(settings: &Settings) -> Result<(), Fault> {
    let stop = Stop::listen()?;
    serve_with(settings, |app| async move {
        tracing::info!(public_url = %app.settings().public_url, "ready");
        if let Some(link) = open_bootstrap(&app).await.map_err(|p| anyhow::anyhow!("{}", p.code()))? {
            // Printed for the person at the console, never logged.
            println!(
                "First start: open {} to make the first administrator (works once, for 24 hours).",
                link.0
            );
        }
        stop.requested().await;
        Ok(())
    })
    .await
}

/// Opens everything, runs `meanwhile` beside the server, and closes everything when it ends.
pub(crate) async fn serve_with<F, Fut>(settings: &Settings, meanwhile: F) -> Result<(), Fault>
where
    F: FnOnce(AppState) -> Fut,
    Fut: Future<Output = Result<(), Fault>>,
{
    // Everything that can be wrong with the configuration is said before anything is opened.
    settings.check_listeners()?;
    let public_url = settings.checked_public_url()?;
    let shared = redis::configured(settings)?;
    let mail = settings.mail()?;
    let authorities = settings.authorities()?;
    let secrets = secrets::load(settings)?;
    let prometheus = metrics_recorder()?;
    let database = Database::open(settings).await?;
    let outcome = async {
        settings.make_data()?;
        let _company = database.join(settings.nodes).await?;
        database.migrate().await?;
        let store = database.connect(settings).await?;
        if let Some(shared) = &shared
            && let Err(error) = shared.connect().await
        {
            // Each node counts by itself until it is there.
            tracing::warn!(%error, "Redis is not used yet");
        }
        let clock = SystemClock;
        if let Err(unfit) = admit(settings, &store, &secrets).await {
            store.close().await;
            return Err(unfit);
        }
        let installation = installation(&store, &clock).await?;
        let deps = Deps {
            keys: Folder::new(&settings.data, installation.id).load(&store, clock.now()).await?,
            evidence_store: Arc::new(evidence_folder(settings)?),
            installation,
            vault: secrets.vault,
            settings: proofline_server::Settings {
                stage: if settings.development { Stage::Development } else { Stage::Production },
                public_url,
                csrf_key: secrets.csrf_key,
                earlier_csrf_keys: secrets.earlier_csrf_keys,
                password_pepper: secrets.password_pepper,
                password_cost: 12,
                trusted_proxies: usize::from(settings.trusted_proxies),
                nodes: settings.nodes,
                rate_scale: settings.rate_scale,
                max_in_flight: 512,
                request_timeout: Duration::from_secs(30),
                session_lifetime: TimeDelta::hours(24),
                session_idle: TimeDelta::minutes(15),
                check_in_seconds: settings.check_in_seconds,
                mail,
                authorities,
                database_kind: database.kind,
            },
            store: store.clone(),
            clock: Arc::new(clock),
            entropy: Arc::new(SystemEntropy),
            shared,
        };
        let served = listen(settings, proofline_server::build(deps), prometheus, meanwhile).await;
        store.close().await;
        served
    }
    .await;
    database.stop().await;
    outcome
}

async fn listen<F, Fut>(
    settings: &Settings,
    app: App,
    prometheus: PrometheusHandle,
    meanwhile: F,
) -> Result<(), Fault>
where
    F: FnOnce(AppState) -> Fut,
    Fut: Future<Output = Result<(), Fault>>,
{
    let bind = async |address: SocketAddr| {
        TcpListener::bind(address).await.map_err(|error| match error.kind() {
            // A predecessor that still ends and an address that is not up yet pass by themselves; this does not.
            ErrorKind::PermissionDenied => Fault::config(format!("cannot listen on {address}: {error}")),
            ErrorKind::AddrInUse => Fault::Failed(anyhow::anyhow!(
                "cannot listen on {address}: {error}; a server that runs there has to be stopped first"
            )),
            _ => Fault::Failed(anyhow::anyhow!("cannot listen on {address}: {error}")),
        })
    };
    let (listener, metrics_listener) = (bind(settings.listen).await?, bind(settings.metrics_listen).await?);
    let App { router, state, .. } = app;
    let background = workers::start(&state);
    let stopping = state.stopping().clone();
    let server = tokio::spawn(proofline_server::serve(
        listener,
        router,
        ConnectionLimits::default(),
        stopping.clone(),
    ));
    let upkeep = tokio::spawn({
        let (prometheus, stopping) = (prometheus.clone(), stopping.clone());
        async move {
            while !stopping.is_cancelled() {
                tokio::time::sleep(Duration::from_secs(5)).await;
                prometheus.run_upkeep();
            }
        }
    });
    let keys = tokio::spawn(follow_keys(Folder::new(&settings.data, state.installation().id), state.clone()));
    let metrics =
        axum::Router::new().route("/metrics", axum::routing::get(move || async move { prometheus.render() }));
    let metrics = tokio::spawn(axum::serve(metrics_listener, metrics).into_future());

    let outcome = meanwhile(state).await;
    stopping.cancel();
    let finished = tokio::time::timeout(GRACE, async {
        background.wait().await;
        server.await
    });
    if finished.await.is_err() {
        tracing::warn!("some requests were still open after {} s", GRACE.as_secs());
    }
    metrics.abort();
    upkeep.abort();
    keys.abort();
    outcome
}

/// Takes over what a rotation changed. With a folder that is not in order the server goes on as it is.
async fn follow_keys(folder: Folder, app: AppState) {
    while !app.stopping().is_cancelled() {
        tokio::time::sleep(KEYS_EVERY).await;
        match folder.reload(app.store(), app.now()).await {
            Ok(chains) => app.keys().follow(chains),
            Err(error) => tracing::error!(%error, "the signing keys cannot be read again"),
        }
    }
}

/// SIGTERM, SIGINT, and SIGHUP of a terminal that is closed. Listened to before anything is opened: asked to stop while it
/// starts, the server would otherwise end on the spot and leave its PostgreSQL behind.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Fault> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns once the process was asked to stop.
    pub(crate) async fn requested(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
        tracing::info!("stopping");
    }
}

/// Refuses to go on with secrets that are not those of this database.
pub(crate) async fn admit(settings: &Settings, store: &Store, secrets: &Secrets) -> Result<(), Fault> {
    let scope = background_scope(store, "secrets").await.context(NOT_MIGRATED)?;
    let keep = || secrets.keep(&settings.data).map_err(Unfit::Other);
    admit_secrets(scope, secrets.keyring(), SystemClock.now(), keep).await.map_err(|unfit| match unfit {
        Unfit::Mismatch(error) => secrets.mismatch(&settings.data, error),
        Unfit::Other(fault) => fault,
    })
}

enum Unfit {
    Mismatch(KeyMismatch),
    Other(Fault),
}

impl From<KeyMismatch> for Unfit {
    fn from(error: KeyMismatch) -> Self {
        Self::Mismatch(error)
    }
}

/// The metrics of this process. Times are counted in ranges, which add up over nodes.
fn metrics_recorder() -> Result<PrometheusHandle, Fault> {
    const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
    let times = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(times, &SECONDS);
    Ok(builder
        .context("cannot divide times into ranges")?
        .install_recorder()
        .context("cannot install metrics")?)
}

fn evidence_folder(settings: &Settings) -> Result<LocalFileSystem, Fault> {
    let folder = settings.data.join("evidence");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true))
}

/// Reads the installation, naming it at the very first start, and notes the catalogue of this build.
async fn installation(store: &Store, clock: &SystemClock) -> Result<Installation, Fault> {
    let mut scope = background_scope(store, "installation").await.context(NOT_MIGRATED)?;
    let (now, catalogue) = (clock.now(), Catalog::embedded().digest());
    if scope.installation().await?.is_none() {
        let id = InstallationId::new(now, &SystemEntropy as &dyn Entropy);
        let (name, catalogue) = ("Proofline".to_owned(), catalogue.to_owned());
        let new = Installation { id, name, created_at: now, catalogue, catalogue_since: now, version: 1 };
        scope.create_installation(&new).await?;
    }
    scope.put_catalogue(catalogue, now).await?;
    let installation = scope.installation().await?.context("the installation has a row")?;
    scope.commit_unaudited().await?;
    Ok(installation)
}
