//! One appliance on a bench: a state folder, a fixed clock, and the parts of an agent put together as `run` does.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use proofline_agent::client::Client;
use proofline_agent::emitter::{Emitter, Observed, Seqs, Signer};
use proofline_agent::enroll::{EnrollError, Machine, enroll};
use proofline_agent::identity::{Identity, Route, StateDir};
use proofline_agent::server_url::PlainHttp;
use proofline_agent::sync::alarm::{Alarm, AlarmKind, raised};
use proofline_agent::sync::credentials::CredentialStore;
use proofline_agent::sync::orders::Orders;
use proofline_agent::sync::rules::RuleStore;
use proofline_agent::sync::{CheckedIn, Drained, Kept, Pause, Report, Sync};
use proofline_core::{Clock, Entropy, FixedClock, Mode, Secret, SeededEntropy, Timestamp, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckResult};
use proofline_outbox::{Limits, Outbox};

use super::central::{CODE, Central};

pub fn start_of_time() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().expect("a time")
}

pub struct Rig {
    pub folder: tempfile::TempDir,
    pub clock: FixedClock,
    pub entropy: Arc<dyn Entropy>,
    pub central: Central,
    pub limits: Limits,
    /// Digest of the check catalogue in the binary.
    pub catalogue: Digest,
    pub parts: Option<Parts>,
}

/// What is open while the agent runs.
pub struct Parts {
    pub outbox: Arc<Outbox>,
    pub emitter: Arc<Emitter>,
    pub orders: Arc<Orders>,
    pub rules: Arc<RuleStore>,
    pub sync: Sync,
}

pub fn machine() -> Machine {
    Machine { hostname: "front-desk".into(), machine_id: b"0123".to_vec(), platform: "Debian 13".into() }
}

pub fn result(check: &str, verdict: Verdict, observed: &str) -> CheckResult {
    CheckResult {
        check: check.into(),
        verdict,
        expected: "no".into(),
        observed: observed.into(),
        reason: String::new(),
        location: "/etc/x".into(),
    }
}

impl Rig {
    /// A machine that is not enrolled.
    pub fn bare() -> Self {
        let clock = FixedClock::at(start_of_time());
        Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            central: Central::start(Arc::new(clock.clone())),
            clock,
            entropy: Arc::new(SeededEntropy::new(1)),
            limits: Limits::default(),
            catalogue: Digest::ZERO,
            parts: None,
        }
    }

    /// An enrolled machine whose agent runs.
    pub fn new() -> Self {
        let mut rig = Self::bare();
        rig.enroll(CODE).expect("enrols");
        rig.start();
        rig
    }

    pub fn state(&self) -> StateDir {
        StateDir::new(self.state_path())
    }

    pub fn state_path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn route(&self) -> Route {
        let server = self.central.url.parse().expect("a server address");
        Route { server, plain_http: PlainHttp::LoopbackOnly, ca_file: None }
    }

    pub fn enroll(&self, code: &str) -> Result<Identity, EnrollError> {
        self.enroll_in(&self.state(), code)
    }

    pub fn enroll_in(&self, state: &StateDir, code: &str) -> Result<Identity, EnrollError> {
        self.enroll_as(&machine(), state, code)
    }

    pub fn enroll_as(
        &self,
        machine: &Machine,
        state: &StateDir,
        code: &str,
    ) -> Result<Identity, EnrollError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        enroll(state, self.route(), &Secret::new(code), machine, &clock, Arc::clone(&self.entropy))
    }

    pub fn start(&mut self) {
        let state = self.state();
        let (identity, key) = Identity::load(&state).expect("is enrolled");
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let outbox = Arc::new(Outbox::open(state.outbox(), self.limits).expect("opens"));
        let client = Client::new(&identity.route, key.clone(), Arc::clone(&clock), Arc::clone(&self.entropy));
        let client = client.expect("a client");
        let signer = Signer {
            installation: identity.installation,
            site: identity.site,
            appliance: identity.appliance,
            catalogue: self.catalogue,
        };
        let offset = client.clone();
        let credentials =
            CredentialStore::open(Arc::clone(&outbox), state.clone(), &identity, key.clone()).expect("opens");
        let emitter = Emitter::new(Arc::clone(&outbox), key, signer, Arc::clone(&clock), move || {
            offset.clock_offset_ms()
        });
        let emitter = Arc::new(emitter.expect("an emitter"));
        let rules = Arc::new(RuleStore::open(Arc::clone(&outbox), state.clone(), &identity).expect("opens"));
        let orders = Orders::open(Arc::clone(&outbox), identity.clone(), self.clock.now()).expect("opens");
        let orders = Arc::new(orders);
        let sync = Sync::new(
            state,
            identity,
            client,
            Arc::clone(&emitter),
            Kept { rules: Arc::clone(&rules), orders: Arc::clone(&orders), credentials },
            clock,
        );
        self.parts = Some(Parts { outbox, emitter, orders, rules, sync });
    }

    /// Ends the agent without a word and starts it again.
    pub fn restart(&mut self) {
        self.parts = None;
        self.start();
    }

    pub fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("is running")
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// One whole cycle that found these results.
    pub fn observe(&self, results: &[CheckResult]) -> Seqs {
        self.observe_with(Vec::new(), results)
    }

    pub fn observe_with(&self, events: Vec<Body>, results: &[CheckResult]) -> Seqs {
        let observed = self.observed(events, results);
        self.parts().emitter.observed(&observed, &[]).expect("states")
    }

    pub fn observed(&self, events: Vec<Body>, results: &[CheckResult]) -> Observed {
        let now = self.clock.now();
        Observed {
            asset: self.central.lock().ids.asset,
            started: now - TimeDelta::seconds(1),
            ended: now,
            events,
            results: results.to_vec(),
            whole: true,
            complete: true,
        }
    }

    /// States `count` changes, a second apart.
    pub fn change(&self, count: u32) {
        for _ in 0..count {
            self.advance(1);
            let now = self.clock.now().to_string();
            self.observe(&[result("linux.a", Verdict::Fail, &now), result("linux.b", Verdict::Pass, "no")]);
        }
    }

    pub fn drain(&self) -> Drained {
        self.parts().sync.drain().expect("the queue works")
    }

    pub fn check_in(&self) -> Result<CheckedIn, Pause> {
        let report =
            Report { mode: Mode::Audit, local_override: None, last_cycle: None, started: self.clock.now() };
        self.parts().sync.check_in(&report).expect("the queue works")
    }

    pub fn depth(&self) -> u64 {
        self.parts().outbox.depth().items
    }

    /// The gravest alarm.
    pub fn alarm(&self) -> Option<Alarm> {
        raised(&self.parts().outbox).expect("reads").into_iter().next()
    }

    /// Every alarm, gravest first.
    pub fn alarms(&self) -> Vec<AlarmKind> {
        raised(&self.parts().outbox).expect("reads").into_iter().map(|alarm| alarm.kind).collect()
    }

    /// The log holds every statement of this appliance once, in order, and the auditor agrees.
    #[track_caller]
    pub fn assert_sound_log(&self) {
        let report = self.central.audit();
        assert!(report.verified, "{report:#?}");
    }
}
