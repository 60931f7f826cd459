//! The simulator delivers through trouble, and finds out a server that breaks its word.

mod server;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proofline_core::{Secret, SeededEntropy, SystemClock};
use proofline_evidence::Digest;
use proofline_fleetsim::fleet::{
    AppCodes, Appliance, Credentials, Journal, Roster, Staff, Story, Trust, World,
};
use proofline_fleetsim::load::{self, Context, Limits, LoadReport, Mode};
use proofline_fleetsim::verify::{VerifyReport, verify};
use proofline_fleetsim::wire::{LoopbackServer, Sources};
use server::{Shared, Site, Vice};
use tokio::sync::watch;

const BURST: Mode = Mode::Burst { queued: 250, give_up: Duration::from_secs(30) };

struct Bench {
    folder: tempfile::TempDir,
    site: Shared,
    server: LoopbackServer,
}

impl Bench {
    async fn new(vice: Vice) -> Self {
        let site = Site::new(vice);
        let folder = tempfile::tempdir().expect("temporary directory");
        let (installation, member) = site.fleet();
        Roster::open(folder.path()).expect("opens").add(installation, member).expect("adds");
        Journal::open(folder.path()).and_then(|journal| Ok(journal.set_clean(true)?)).expect("marks");
        let site: Shared = Arc::new(Mutex::new(site));
        Self { folder, server: server::serve(site.clone()).await, site }
    }

    fn files(&self) -> (Roster, Journal, Trust) {
        let path: &Path = self.folder.path();
        let (roster, journal) = (Roster::open(path).expect("opens"), Journal::open(path).expect("opens"));
        let trust = Trust::new(roster.installation.as_ref().expect("is there")).expect("is sound");
        (roster, journal, trust)
    }

    async fn run(&self, mode: Mode) -> LoadReport {
        let (roster, journal, trust) = self.files();
        let mut last = (0, Digest::ZERO);
        journal.read(|record| last = (record.seq, record.digest)).expect("reads");
        let world = World::new(["linux.a.one", "linux.a.two", "linux.a.three"]);
        let story = Story::continued(world, last.0);
        let appliance = Appliance::new(&roster.members[0], story, last).expect("is sound");
        let (_keep, stop) = watch::channel(false);
        let context = Context {
            server: self.server.clone(),
            sources: Sources::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(1)),
            trust: Arc::new(trust),
            journal: Arc::new(journal),
            connections: 1,
            patience: Duration::from_secs(10),
            stop,
        };
        load::run(&context, vec![appliance], mode).await.expect("runs")
    }

    async fn read_back(&self) -> VerifyReport {
        let (roster, journal, trust) = self.files();
        let credentials = Credentials::Password { email: "a@b.example".into(), password: Secret::new("x") };
        let folder = tempfile::tempdir().expect("a folder");
        let app = AppCodes::open(&folder.path().join("authenticator.json")).expect("opens");
        let staff = Staff::sign_in(&self.server, &Sources::default(), &credentials, app).await;
        let staff = staff.expect("signs in");
        verify(&staff, &roster, &journal, &trust, 4).await.expect("reads back")
    }

    fn misbehave(&self) {
        self.site.lock().unwrap_or_else(PoisonError::into_inner).misbehave();
    }
}

#[tokio::test]
async fn an_honest_server_passes_and_a_second_run_goes_on() {
    let bench = Bench::new(Vice::None).await;
    for round in 1..=2 {
        let report = bench.run(BURST).await;
        assert!(report.is_sound(), "{report}");
        assert_eq!((report.entries_made, report.entries_acknowledged, report.entries_waiting), (250, 250, 0));
        let found = bench.read_back().await;
        assert!(found.is_sound(), "{found}");
        assert_eq!((found.acknowledged, found.entries), (250 * round, 250 * round + 2));
    }
    let report = bench.run(Mode::Storm {
        window: Duration::from_millis(5),
        queued: 3,
        give_up: Duration::from_secs(30),
    });
    let report = report.await;
    assert_eq!((report.check_ins.ok, report.entries_acknowledged), (1, 3), "{report}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let bench = Bench::new(Vice::Busy).await;
    let report = bench.run(Mode::Burst { queued: 20, give_up: Duration::from_mins(1) }).await;
    assert_eq!((report.entries_acknowledged, report.submissions.deferred), (20, 3), "{report}");
    assert_eq!(report.submissions.errors, 0, "{report}");
    assert!(bench.read_back().await.is_sound());
}

#[tokio::test]
async fn an_answer_that_was_lost_doubles_nothing() {
    let bench = Bench::new(Vice::HangsUp).await;
    let report = bench.run(Mode::Burst { queued: 350, give_up: Duration::from_mins(1) }).await;
    assert!(report.submissions.errors + report.submissions.reconnected > 0, "{report}");
    assert_eq!((report.entries_acknowledged, report.entries_waiting), (350, 0), "{report}");
    let found = bench.read_back().await;
    assert!(found.is_sound(), "{found}");
    assert_eq!(found.entries, 352);
}

#[tokio::test]
async fn a_server_that_forgets_or_rewrites_is_found_out() {
    for vice in [Vice::Forgets, Vice::Rewrites] {
        let bench = Bench::new(vice).await;
        assert!(bench.run(BURST).await.is_sound());
        bench.misbehave();
        let found = bench.read_back().await;
        assert_eq!(found.lost, 1, "{vice:?}: {found}");
        // A run that must ask first hears it from the server itself.
        std::fs::remove_file(bench.folder.path().join("clean")).expect("was clean");
        let report = bench.run(BURST).await;
        assert_eq!(
            (report.contradictions, report.entries_made, report.entries_acknowledged),
            (1, 0, 0),
            "{vice:?}: {report}"
        );
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_key_acknowledges_nothing() {
    let report = Bench::new(Vice::AnotherKey).await.run(BURST).await;
    assert_eq!((report.contradictions > 0, report.entries_acknowledged), (true, 0), "{report}");
}

#[tokio::test]
async fn a_doubled_entry_is_found_out() {
    let bench = Bench::new(Vice::Doubles).await;
    assert!(bench.run(BURST).await.is_sound());
    bench.misbehave();
    let found = bench.read_back().await;
    assert_eq!((found.doubled, found.lost, found.logs_refused), (1, 0, 1), "{found}");
}

/// A check-in every 20 ms, and no entries.
const STEADY: Mode = Mode::Steady {
    interval: Duration::from_millis(20),
    evidence_every: Duration::from_hours(1),
    duration: Duration::from_millis(1_200),
};

#[tokio::test]
async fn what_waits_behind_a_slow_answer_has_waited() {
    let report = Bench::new(Vice::Slow(Duration::from_millis(60))).await.run(STEADY).await;
    let (latency, service) = (report.check_ins.latency.expect("ok"), report.check_ins.service.expect("ok"));
    // Three times as many are planned as can be answered: at the end, the last one is hundreds of milliseconds late.
    assert!(service.p50_ms >= 60.0 && latency.p99_ms > service.p50_ms + 300.0, "{report}");
    let limit = Limits { p99_ms: Some(service.p50_ms + 200.0), no_errors: true };
    let misses = report.misses(&limit);
    assert!(matches!(&misses[..], [one] if one.starts_with("check-ins: p99")), "{misses:?}");
    assert!(report.is_sound(), "slow is not dishonest");

    let report = Bench::new(Vice::None).await.run(Mode::Flood { duration: Duration::from_millis(200) }).await;
    assert!(report.check_ins.latency.is_none() && report.check_ins.service.is_some(), "{report}");
}

#[tokio::test]
async fn a_run_can_be_required_to_have_no_errors() {
    let strict = Limits { p99_ms: Some(10_000.0), no_errors: true };
    let report = Bench::new(Vice::Fails).await.run(STEADY).await;
    assert!(report.check_ins.errors > 0 && report.is_sound(), "{report}");
    let misses = report.misses(&strict);
    assert_eq!(misses[0], "check-ins: nothing succeeded, so there is no p99");
    assert!(misses[1].ends_with("errors and refused entries, none allowed"), "{misses:?}");
    assert_eq!(report.misses(&Limits::default()), [""; 0]);
    assert!(report.to_string().contains("errors"), "{report}");

    let report = Bench::new(Vice::None).await.run(STEADY).await;
    assert_eq!(report.misses(&strict), [""; 0], "{report}");
    let busy =
        Bench::new(Vice::Busy).await.run(Mode::Burst { queued: 20, give_up: Duration::from_mins(1) }).await;
    let misses = busy.misses(&Limits { p99_ms: None, no_errors: true });
    assert_eq!(misses, ["3 requests deferred with 429 or 503, none allowed"], "{busy}");
}
