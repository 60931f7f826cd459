//! The real agent, killed with SIGKILL at random moments while it heals a scratch machine. Started again, it leaves every
//! check either healed, with a record that says so, or as it was, without one.
//!
//! Five kills, or as many as `PROOFLINE_AGENT_KILLS` says.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use proofline_agent::cycle::Observer;
use proofline_agent::observer::MachineObserver;
use proofline_agent::sync::rules::Rules;
use proofline_catalog::Catalog;
use proofline_core::{Clock, Entropy, Mode, SeededEntropy, SystemClock, Verdict};
use proofline_evidence::dsse;
use proofline_evidence::statement::{Body, Heal, HealOutcome};
use proofline_protocol::{KeyRole, RULES_PAYLOAD_TYPE};

use super::scratch::Scratch;
use super::support::central::{CODE, Central, server_key};

const PATIENCE: Duration = Duration::from_mins(1);

/// What is broken: a check, and the settings that it and its runbook touch, as they are seen in the scratch machine.
struct Broken {
    check: &'static str,
    break_it: fn(&Scratch),
    /// Files whose mode, owner and content count; of `login.defs` only the line with the key.
    touched: &'static [&'static str],
    key: Option<&'static str>,
}

const BROKEN: [Broken; 6] = [
    Broken {
        check: "linux.kernel.syn_cookies",
        break_it: |scratch| scratch.write("proc/sys/net/ipv4/tcp_syncookies", "0\n", 0o644),
        touched: &[
            "proc/sys/net/ipv4/tcp_syncookies",
            "etc/sysctl.d/99-zz-proofline-net.ipv4.tcp_syncookies.conf",
        ],
        key: None,
    },
    Broken {
        check: "linux.kernel.redirects",
        break_it: |scratch| {
            for key in ["ipv4/conf/all/accept_redirects", "ipv6/conf/eth0.7/accept_redirects"] {
                scratch.write(&format!("proc/sys/net/{key}"), "1\n", 0o644);
            }
        },
        touched: &[
            "proc/sys/net/ipv4/conf/all/accept_redirects",
            "proc/sys/net/ipv6/conf/eth0.7/accept_redirects",
            "etc/sysctl.d/99-zz-proofline-net.ipv4.conf.each.accept_redirects.conf",
            "etc/sysctl.d/99-zz-proofline-net.ipv4.conf.each.send_redirects.conf",
            "etc/sysctl.d/99-zz-proofline-net.ipv6.conf.each.accept_redirects.conf",
        ],
        key: None,
    },
    Broken {
        check: "linux.permissions.shadow",
        break_it: |scratch| {
            scratch.mode("etc/shadow", 0o644);
            scratch.owner("etc/gshadow", 1000, 1000);
        },
        touched: &["etc/shadow", "etc/gshadow"],
        key: None,
    },
    Broken {
        check: "linux.permissions.passwd",
        break_it: |scratch| {
            scratch.mode("etc/passwd", 0o666);
            scratch.mode("etc/group", 0o666);
        },
        touched: &["etc/passwd", "etc/group"],
        key: None,
    },
    Broken {
        check: "linux.authentication.password_max_days",
        break_it: |scratch| scratch.write("etc/login.defs", "PASS_MAX_DAYS 99999\nUMASK 022\n", 0o644),
        touched: &["etc/login.defs"],
        key: Some("PASS_MAX_DAYS"),
    },
    Broken {
        check: "linux.permissions.umask",
        break_it: |_| {},
        touched: &["etc/login.defs"],
        key: Some("UMASK"),
    },
];

impl Broken {
    fn state(&self, scratch: &Scratch) -> Vec<Option<String>> {
        let all = scratch.snapshot();
        let line = |text: &String| {
            let Some(key) = self.key else { return text.clone() };
            text.split("\\n").find(|line| line.contains(key)).unwrap_or_default().replace("\\t", " ")
        };
        self.touched.iter().map(|path| all.get(*path).map(line)).collect()
    }
}

struct Bench {
    scratch: Scratch,
    state: tempfile::TempDir,
    central: Central,
    seen: Receiver<()>,
}

impl Bench {
    /// An enrolled agent that has its rules, on a machine on which nothing is wrong yet.
    fn new() -> Self {
        let central = Central::start(Arc::new(SystemClock));
        let (tell, seen) = mpsc::channel();
        {
            let mut inner = central.lock();
            inner.check_in_s = 1;
            inner.watch = Some(Box::new(move |_| {
                let _ = tell.send(());
            }));
            let rules = Rules {
                version: 1,
                installation: inner.ids.installation,
                site: Some(inner.ids.site),
                issued: SystemClock.now(),
                // The test's agent and the test carry the same one.
                catalogue: Catalog::embedded().digest().parse().expect("a digest"),
                mode: Mode::Enforce,
                asset_roles: [].into(),
                maintenance_windows: Vec::new(),
                paused_until: None,
                // For nothing else: the heals of an hour are limited.
                rules: Catalog::embedded()
                    .rules()
                    .iter()
                    .filter(|rule| BROKEN.iter().any(|broken| broken.check == rule.check))
                    .cloned()
                    .collect(),
            };
            let payload = serde_json::to_vec(&rules).expect("writes");
            inner.rules = Some((1, dsse::sign(RULES_PAYLOAD_TYPE, &payload, &server_key(KeyRole::Rules))));
        }
        let state = tempfile::tempdir().expect("a folder");
        let bench = Self { scratch: Scratch::new(), state, central, seen };
        let enrolled = bench.agent("enroll").args(["--server", &bench.central.url, "--code", CODE]).status();
        assert!(enrolled.expect("starts").success());
        let agent = bench.run();
        bench.wait_until("it has its rules", || bench.state_dir().join("rules.json").exists());
        Self::end(agent);
        bench
    }

    fn state_dir(&self) -> PathBuf {
        self.state.path().join("state")
    }

    fn agent(&self, command: &str) -> Command {
        let mut agent = Command::new(env!("CARGO_BIN_EXE_proofline-agent"));
        agent.arg(command).arg("--state-dir").arg(self.state_dir());
        agent.env("PROOFLINE_AGENT_LOG", "error").stdout(Stdio::null());
        agent
    }

    fn run(&self) -> Child {
        let mut agent = self.agent("run");
        agent.arg("--root").arg(self.scratch.root()).args(["--cycle-s", "1", "--incident-cycle-s", "1"]);
        agent.spawn().expect("starts")
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state_dir().join("journals")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    fn wait_until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            let _ = self.seen.recv_timeout(Duration::from_micros(500));
        }
    }

    /// Lets the agent state and send everything, then ends it in good order.
    fn stop(&self, agent: Child) {
        self.central.lock().check_ins.clear();
        self.wait_until("everything is sent", || {
            let check_ins = &self.central.lock().check_ins;
            // Twice: whatever the first cycle did is stated and taken.
            check_ins.iter().filter(|told| told.last_cycle.is_some() && told.outbox_depth == 0).count() > 1
        });
        Self::end(agent);
    }

    fn end(mut agent: Child) {
        let pid = rustix::process::Pid::from_child(&agent);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("asks it to end");
        assert!(agent.wait().expect("ends").success());
    }

    /// The last record about a check.
    fn record(&self, check: &str) -> Option<Heal> {
        let statements = self.central.statements();
        let mut heals = statements.into_iter().filter_map(|statement| match statement.body {
            Body::Heal(heal) => Some(heal),
            _ => None,
        });
        heals.rfind(|heal| heal.check == check)
    }

    fn verdict(&self, check: &str) -> Verdict {
        let observer = MachineObserver::new(self.scratch.root(), self.state_dir(), Arc::new(SystemClock));
        observer.observe(&[check.to_owned()], &[])[0].verdict
    }
}

fn is_closed(journal: &Path) -> bool {
    let text = String::from_utf8(std::fs::read(journal).expect("reads")).expect("text");
    text.lines().last().is_some_and(|line| line.starts_with("{\"end\":"))
}

#[test]
fn a_heal_that_is_killed_is_whole_and_recorded_or_never_was() {
    needs_root!();
    let kills: u64 =
        std::env::var("PROOFLINE_AGENT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let random: &dyn Entropy = &SeededEntropy::new(15);
    let (mut healed, mut untouched) = (0, 0);
    for round in 0..kills {
        let bench = Bench::new();
        for broken in &BROKEN {
            (broken.break_it)(&bench.scratch);
        }
        let before: Vec<_> = BROKEN.iter().map(|broken| broken.state(&bench.scratch)).collect();
        for broken in &BROKEN {
            assert_eq!(bench.verdict(broken.check), Verdict::Fail, "{}", broken.check);
        }

        let mut agent = bench.run();
        bench.wait_until("a heal begins", || !bench.journals().is_empty());
        let until = Instant::now() + Duration::from_micros(u64::from_le_bytes(random.bytes()) % 150_000);
        bench.wait_until("a random moment", || Instant::now() >= until);
        agent.kill().expect("kill -9");
        agent.wait().expect("ends");

        let agent = bench.run();
        bench.stop(agent);
        for (broken, before) in BROKEN.iter().zip(&before) {
            let (check, now) = (broken.check, broken.state(&bench.scratch));
            let record = bench.record(check);
            let recorded = record.as_ref().is_some_and(|heal| heal.outcome == HealOutcome::Resolved);
            match bench.verdict(check) {
                Verdict::Pass => {
                    assert!(recorded, "round {round}: {check} is healed and nobody says so: {record:#?}");
                    assert_ne!(&now, before, "round {round}: {check}");
                    healed += 1;
                }
                _ => {
                    assert!(!recorded, "round {round}: {check} is said to be healed: {record:#?}");
                    assert_eq!(&now, before, "round {round}: {check} is half healed: {record:#?}");
                    untouched += 1;
                }
            }
        }
        let open: Vec<_> = bench.journals().into_iter().filter(|journal| !is_closed(journal)).collect();
        assert!(open.is_empty(), "round {round}: {open:?}");
        let report = bench.central.audit();
        assert!(report.verified, "round {round}: {report:#?}");
    }
    println!("{kills} kills: {healed} healed, {untouched} taken back and waiting for their next attempt");
}
