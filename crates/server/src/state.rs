//! What every request shares.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use object_store::ObjectStore;
use proofline_authz::{Action, Job, Permit, Principal, authorise};
use proofline_catalog::Catalog;
use proofline_core::{Clock, Entropy, Timestamp};
use proofline_store::{Installation, Scope, Store};
use proofline_vault::Vault;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::{Builder, Uuid};

use crate::access::RestrictionBook;
use crate::appliances::{OrderBook, PresenceBuffer, Resyncs};
use crate::auth::PasswordHasher;
use crate::auth::oidc::Oidc;
use crate::events::EventBus;
use crate::evidence::Stated;
use crate::http::{ApiResult, ApplianceCache, Nonces, Problem, RateLimits};
use crate::keys::ServerKeys;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::system::Description;
use crate::tenants::PartnerBook;

/// What the binary hands in.
pub struct Deps {
    /// The database, as the runtime role.
    pub store: Store,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The server's signing keys.
    pub keys: ServerKeys,
    /// Opens and seals what is kept of other people's secrets.
    pub vault: Vault,
    /// Settings.
    pub settings: Settings,
    /// Which deployment this is.
    pub installation: Installation,
    /// Where published evidence goes.
    pub evidence_store: Arc<dyn ObjectStore>,
    /// What nodes share beside the database; none on a node that is alone.
    pub shared: Option<Shared>,
}

/// Shared between requests; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    deps: Deps,
    started_at: Timestamp,
    installation_name: RwLock<String>,
    in_flight: Arc<Semaphore>,
    description: OnceLock<Description>,
    appliances: ApplianceCache,
    nonces: Nonces,
    rate_limits: RateLimits,
    presence: PresenceBuffer,
    orders: OrderBook,
    resyncs: Resyncs,
    stated_keys: Stated,
    events: EventBus,
    passwords: PasswordHasher,
    partners: PartnerBook,
    restrictions: RestrictionBook,
    oidc: Oidc,
    stopping: CancellationToken,
}

impl AppState {
    /// Takes what the binary hands in.
    pub fn new(deps: Deps) -> Self {
        let passwords = PasswordHasher::new(deps.settings.password_pepper, deps.settings.password_cost);
        let oidc = Oidc::new(&deps.settings, &deps.store);
        let started_at = deps.clock.now();
        Self(Arc::new(Inner {
            started_at,
            installation_name: RwLock::new(deps.installation.name.clone()),
            in_flight: Arc::new(Semaphore::new(deps.settings.max_in_flight)),
            description: OnceLock::new(),
            rate_limits: RateLimits::new(&deps.settings, deps.shared.clone()),
            deps,
            appliances: ApplianceCache::default(),
            nonces: Nonces::default(),
            presence: PresenceBuffer::default(),
            orders: OrderBook::default(),
            resyncs: Resyncs::default(),
            stated_keys: Stated::default(),
            events: EventBus::new(started_at),
            passwords,
            partners: PartnerBook::default(),
            restrictions: RestrictionBook::default(),
            oidc,
            stopping: CancellationToken::new(),
        }))
    }

    /// The database. Tenant data still needs a permit.
    pub fn store(&self) -> &Store {
        &self.0.deps.store
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        self.0.deps.clock.now()
    }

    /// When this process started.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// Randomness.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.0.deps.entropy
    }

    /// A time-ordered unique number for rows that no type of id names.
    pub(crate) fn new_uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &self.entropy().bytes::<10>()).into_uuid()
    }

    /// The server's signing keys.
    pub fn keys(&self) -> &ServerKeys {
        &self.0.deps.keys
    }

    /// Opens and seals what is kept of other people's secrets.
    pub(crate) fn vault(&self) -> &Vault {
        &self.0.deps.vault
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.0.deps.settings
    }

    /// Which deployment this is, as of the start: its name may have changed since.
    pub fn installation(&self) -> &Installation {
        &self.0.deps.installation
    }

    /// What people call this deployment now.
    pub(crate) fn installation_name(&self) -> String {
        self.0.installation_name.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody renamed it, here or on another node.
    pub(crate) fn set_installation_name(&self, name: String) {
        *self.0.installation_name.write().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// A place for each request that is being answered.
    pub(crate) fn in_flight(&self) -> &Arc<Semaphore> {
        &self.0.in_flight
    }

    /// The API description as it is served; made once all routes are known.
    pub(crate) fn description(&self) -> &OnceLock<Description> {
        &self.0.description
    }

    /// Where published evidence goes.
    pub(crate) fn evidence_store(&self) -> &Arc<dyn ObjectStore> {
        &self.0.deps.evidence_store
    }

    /// Controls, checks, runbooks, rules.
    #[expect(clippy::unused_self, reason = "asked of the state, so that a test may one day hand in another")]
    pub(crate) fn catalog(&self) -> &'static Catalog {
        Catalog::embedded()
    }

    /// Appliances by key.
    pub(crate) fn appliances(&self) -> &ApplianceCache {
        &self.0.appliances
    }

    /// Nonces of signed requests.
    pub(crate) fn nonces(&self) -> &Nonces {
        &self.0.nonces
    }

    /// What nodes share beside the database, if this one is not alone.
    pub fn shared(&self) -> Option<&Shared> {
        self.0.deps.shared.as_ref()
    }

    /// Budgets.
    pub(crate) fn rate_limits(&self) -> &RateLimits {
        &self.0.rate_limits
    }

    /// What check-ins said and is not written yet.
    pub(crate) fn presence(&self) -> &PresenceBuffer {
        &self.0.presence
    }

    /// Orders that appliances still have to carry out.
    pub(crate) fn orders(&self) -> &OrderBook {
        &self.0.orders
    }

    /// Which keys every log is known to have taken.
    pub(crate) fn stated_keys(&self) -> &Stated {
        &self.0.stated_keys
    }

    /// Appliances whose whole state is wanted again.
    pub(crate) fn resyncs(&self) -> &Resyncs {
        &self.0.resyncs
    }

    /// Changes as they happen.
    pub(crate) fn events(&self) -> &EventBus {
        &self.0.events
    }

    /// Hashes and checks passwords off the async threads.
    pub(crate) fn passwords(&self) -> &PasswordHasher {
        &self.0.passwords
    }

    /// Which partner looks after which organisation.
    pub(crate) fn partners(&self) -> &PartnerBook {
        &self.0.partners
    }

    /// Which clients are restricted, and who is let in.
    pub(crate) fn restrictions(&self) -> &RestrictionBook {
        &self.0.restrictions
    }

    /// What sign-ins with OpenID providers share.
    pub(crate) fn oidc(&self) -> &Oidc {
        &self.0.oidc
    }

    /// Cancelled when the process is to end: open streams and background work finish.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// A scope over every tenant for background work.
    pub(crate) async fn background_scope(&self, job: &'static str) -> ApiResult<Scope> {
        Ok(self.store().scope(&background_permit(job)?).await?)
    }
}

/// The permit of background work.
pub fn background_permit(job: &'static str) -> ApiResult<Permit> {
    authorise(&Principal::System(Job(job)), Action::SystemMaintain)
        .map_err(|denied| Problem::internal(&denied))
}
