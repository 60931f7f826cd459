//! The real agent, killed at random moments, on a scratch machine whose settings keep changing.
//!
//! Ten kills, or as many as `PROOFLINE_AGENT_KILLS` says. Afterwards every statement that was ever acknowledged is in
//! the log once, and the auditor's verifier has nothing to say.

mod support;

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use proofline_agent::sync::proof::Proof;
use proofline_core::{Entropy, SeededEntropy, SystemClock};
use proofline_evidence::Digest;
use proofline_outbox::{Limits, Outbox};
use proofline_protocol::OrderOutcome;
use support::central::{CODE, Central, Phase};

const PATIENCE: Duration = Duration::from_mins(1);

struct Bench {
    folder: tempfile::TempDir,
    central: Central,
    /// Every request that the server sees, in both phases.
    seen: Receiver<Phase>,
    random: Arc<dyn Entropy>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let central = Central::start(Arc::new(SystemClock));
        let (tell, seen): (Sender<Phase>, _) = mpsc::channel();
        let login_defs = folder.path().join("root/etc/login.defs");
        fs::create_dir_all(login_defs.parent().expect("has a folder")).expect("makes the folder");
        let turn = AtomicU32::new(0);
        {
            let mut inner = central.lock();
            inner.check_in_s = 1;
            inner.keep_checking = true;
            inner.watch = Some(Box::new(move |moment| {
                // The machine changes all the time, so that every cycle has something to state.
                let days = turn.fetch_add(1, Ordering::Relaxed);
                fs::write(&login_defs, format!("PASS_MAX_DAYS {days}\nUMASK 077\n")).expect("writes");
                let _ = tell.send(moment.phase);
            }));
        }
        let bench = Self { folder, central, seen, random: Arc::new(SeededEntropy::new(7)) };
        let enrolled = bench
            .agent("enroll")
            .args(["--server", &bench.central.url, "--code", CODE])
            .status()
            .expect("the agent starts");
        assert!(enrolled.success());
        bench.forget_requests();
        bench
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn agent(&self, command: &str) -> Command {
        let mut agent = Command::new(env!("CARGO_BIN_EXE_proofline-agent"));
        agent.arg(command).arg("--state-dir").arg(self.state());
        agent.env("PROOFLINE_AGENT_LOG", "warn").stdout(Stdio::null());
        agent
    }

    fn run(&self) -> Child {
        let root = self.folder.path().join("root");
        let mut agent = self.agent("run");
        agent.arg("--root").arg(root).args(["--cycle-s", "1", "--incident-cycle-s", "1"]);
        agent.spawn().expect("the agent starts")
    }

    fn below(&self, limit: u64) -> u64 {
        u64::from_le_bytes(self.random.bytes()) % limit
    }

    /// Waits for some requests, then a moment more: in one of them, after one, or between two.
    fn wait_for_a_random_moment(&self) {
        for _ in 0..=self.below(8) {
            self.seen.recv_timeout(PATIENCE).expect("the agent speaks");
        }
        let nap = Duration::from_micros(self.below(40_000));
        let until = Instant::now() + nap;
        while let Some(rest) = until.checked_duration_since(Instant::now()) {
            let _ = self.seen.recv_timeout(rest);
        }
    }

    /// How the agent ended. It must, within the time that anybody would wait.
    fn end_of(&self, mut agent: Child) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = agent.try_wait().expect("asks") {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                agent.kill().expect("kill -9");
                panic!("the agent did not end");
            }
            let _ = self.seen.recv_timeout(Duration::from_millis(20));
        }
    }

    /// What was seen belongs to an agent that is gone.
    fn forget_requests(&self) {
        while self.seen.try_recv().is_ok() {}
    }

    fn last_depth(&self) -> Option<u64> {
        self.central.lock().check_ins.last().map(|check_in| check_in.outbox_depth)
    }
}

fn kills() -> u64 {
    std::env::var("PROOFLINE_AGENT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10)
}

#[test]
fn whatever_was_acknowledged_is_there_once() {
    let bench = Bench::new();
    for _ in 0..kills() {
        let mut agent = bench.run();
        bench.wait_for_a_random_moment();
        agent.kill().expect("kill -9");
        let ended = agent.wait().expect("ends");
        assert_eq!(ended.signal(), Some(9), "it was killed and did not end by itself");
        bench.forget_requests();
    }
    // Left alone it catches up, and ends when asked.
    let agent = bench.run();
    bench.central.lock().check_ins.clear();
    let begun = Instant::now();
    while bench.last_depth() != Some(0) || bench.central.lock().check_ins.len() < 3 {
        bench.seen.recv_timeout(PATIENCE).expect("the agent speaks");
        assert!(begun.elapsed() < PATIENCE, "it catches up");
        bench.central.lock().keep_checking = false;
    }
    let pid = rustix::process::Pid::from_child(&agent);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("asks it to end");
    assert!(bench.end_of(agent).success(), "SIGTERM ends it in good order");

    let report = bench.central.audit();
    assert!(report.verified, "{report:#?}");
    acknowledged_entries_are_in_the_log(&bench);
    each_order_was_reported_with_one_outcome(&bench);
}

fn acknowledged_entries_are_in_the_log(bench: &Bench) {
    let log = bench.central.lock().log.clone();
    let outbox = Outbox::open(bench.state().join("queue.db"), Limits::default()).expect("opens");
    assert_eq!(outbox.losses().expect("reads"), []);
    let receipts = outbox.receipts(usize::MAX).expect("reads");
    let last = outbox.last().expect("statements were made").0;
    let waiting = outbox.depth().items;
    assert_eq!(receipts.len() as u64 + waiting, last, "every number is acknowledged or waits");
    assert!(last >= kills(), "the agent stated {last}");
    for receipt in receipts {
        let proof: Proof = serde_json::from_slice(&receipt.receipt).expect("a proof");
        let entry = &log[usize::try_from(proof.index).expect("small")];
        assert_eq!(Digest::of(entry).as_bytes(), &receipt.digest);
    }
}

fn each_order_was_reported_with_one_outcome(bench: &Bench) {
    let mut outcomes: HashMap<_, OrderOutcome> = HashMap::new();
    for report in bench.central.lock().check_ins.iter().flat_map(|check_in| &check_in.orders_done) {
        let outcome = outcomes.entry(report.order).or_insert(report.outcome);
        assert_eq!(*outcome, report.outcome, "{}", report.order);
    }
}

#[test]
fn two_agents_never_share_a_folder() {
    let bench = Bench::new();
    let mut first = bench.run();
    bench.seen.recv_timeout(PATIENCE).expect("the agent speaks");
    assert!(!bench.end_of(bench.run()).success(), "the second refuses");
    assert!(first.try_wait().expect("asks").is_none(), "the first goes on");
    first.kill().expect("ends it");
    first.wait().expect("ends");
}

#[test]
fn an_agent_that_is_not_enrolled_says_what_to_do() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let said = run_to_end(folder.path(), &["run"]);
    assert!(said.contains("not enrolled") && said.contains("enroll --server"), "{said}");
}

fn run_to_end(state: &Path, arguments: &[&str]) -> String {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_proofline-agent"));
    let output = agent.args(arguments).arg("--state-dir").arg(state).output().expect("the agent starts");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}
