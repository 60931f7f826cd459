//! Killed in the middle, at every point: the machine is as it was, and the interruption is stated.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proofline_agent::executor::{
    Attributes, Disk, Executor, Files, Header, Held, Journals, NoLifeline, Outcome, Snapshot, StepError,
};
use proofline_agent::host::{DirEntry, Host, HostError, LocalHost, Metadata, Output, RunLimits};
use proofline_catalog::Catalog;
use proofline_catalog::canonical::Digest;
use proofline_catalog::rule::Scope;
use proofline_catalog::runbook::BoundRunbook;
use proofline_core::{Clock, FixedClock, IncidentId, Mode, SeededEntropy, Timestamp, Verdict};
use proofline_evidence::statement::HealOutcome;
use proofline_healing::Observation;
use proofline_healing::engine::RuleRef;
use proofline_healing::incident::{Actor, State};

use super::scratch::Scratch;
use super::world::{World, start};

/// Counts operations down and panics, standing in for a kill, before or after the one on which it reaches zero.
struct Fuse {
    left: AtomicUsize,
}

impl Fuse {
    fn new(operations: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(operations) })
    }

    /// Runs an operation as two points at which the agent can die.
    fn around<T>(&self, operation: impl FnOnce() -> T) -> T {
        self.burn();
        let result = operation();
        self.burn();
        result
    }

    fn burn(&self) {
        let before = self.left.load(Ordering::SeqCst);
        assert!(before > 0, "killed");
        self.left.store(before - 1, Ordering::SeqCst);
    }
}

struct Mortal<T>(T, Arc<Fuse>);

impl Files for Mortal<Disk> {
    fn snapshot(&self, path: &Path) -> Result<Snapshot, StepError> {
        self.0.snapshot(path)
    }

    fn write(&self, path: &Path, content: &[u8], attributes: Attributes) -> Result<(), StepError> {
        self.1.around(|| self.0.write(path, content, attributes))
    }

    fn write_in_place(&self, path: &Path, content: &[u8]) -> Result<(), StepError> {
        self.1.around(|| self.0.write_in_place(path, content))
    }

    fn remove(&self, path: &Path) -> Result<(), StepError> {
        self.1.around(|| self.0.remove(path))
    }

    fn make_directory(&self, path: &Path) -> Result<bool, StepError> {
        self.1.around(|| self.0.make_directory(path))
    }

    fn remove_directory(&self, path: &Path) -> Result<(), StepError> {
        self.1.around(|| self.0.remove_directory(path))
    }

    fn hold(&self, path: &Path) -> Result<Held, StepError> {
        self.0.hold(path)
    }

    fn set_attributes(&self, held: &Held, attributes: Attributes) -> Result<(), StepError> {
        self.1.around(|| self.0.set_attributes(held, attributes))
    }

    fn lock_accounts(&self) -> Result<OwnedFd, StepError> {
        self.0.lock_accounts()
    }
}

impl Host for Mortal<LocalHost> {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        self.0.read(path, limit)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        self.0.list(directory)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.0.metadata(path)
    }

    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.0.link_metadata(path)
    }

    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        self.0.read_link(path)
    }

    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        let changes = !["show", "-T", "-t", "--version"].iter().any(|word| argv.get(1) == Some(word));
        if changes { self.1.around(|| self.0.run(argv, limits)) } else { self.0.run(argv, limits) }
    }

    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        self.0.sha256(path, limit)
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

fn header(check: &str, runbook: &BoundRunbook) -> Header {
    let digest = Digest::of_bytes(runbook.id.as_bytes());
    Header {
        incident: IncidentId::new(start(), &SeededEntropy::new(4)),
        recurrence: 0,
        before: Observation {
            check: check.to_owned(),
            at: start(),
            verdict: Verdict::Fail,
            expected: String::new(),
            observed: String::new(),
            reason: String::new(),
            location: String::new(),
        },
        rule: RuleRef { id: "a.rule".to_owned(), version: 1, hash: digest, scope: Scope::Platform },
        actor: Actor::L1,
        mode: Mode::Enforce,
        plan_digest: digest,
        runbook: runbook.id.clone(),
        after_rollback: runbook.rollback.clone(),
        started: start(),
    }
}

/// Dies at every point of the runbook, then at every point of the first recovery; the second recovery must bring back
/// what was there. Answers how many points there were.
fn die_everywhere(runbook: &str, check: &str, double: bool, prepare: &dyn Fn(&Scratch)) -> usize {
    let bound =
        Catalog::embedded().runbook(runbook).expect("there").bind(&BTreeMap::default()).expect("binds");
    for operations in 0.. {
        let scratch = Scratch::new();
        prepare(&scratch);
        let before = scratch.snapshot();
        let folder = tempfile::tempdir().expect("a folder");
        let journals = Journals::open(folder.path()).expect("opens");
        let clock = FixedClock::at(start());
        let attempt = |fuse: &Arc<Fuse>, work: &dyn Fn(&Executor<'_>) -> Option<Outcome>| {
            let host = Mortal(LocalHost::rooted(scratch.root(), Arc::new(clock.clone())), Arc::clone(fuse));
            let files = Mortal(Disk::new(scratch.root()), Arc::clone(fuse));
            let executor = Executor::new(&host, &files, journals.clone(), &NoLifeline);
            catch_unwind(AssertUnwindSafe(|| work(&executor)))
        };
        let run = |executor: &Executor<'_>| Some(executor.execute(&header(check, &bound), &bound).outcome);
        let recover = |executor: &Executor<'_>| {
            for recovered in executor.recover().expect("reads the journals") {
                recovered.result.expect("restores everything");
            }
            None
        };
        if let Ok(outcome) = attempt(&Fuse::new(operations), &run) {
            assert_eq!(outcome, Some(Outcome::Done), "{runbook} with {operations} operations");
            return operations;
        }
        if double {
            // The deaths of the recovery are spread over the runs: 0, 1, 2, … operations.
            let _ = attempt(&Fuse::new(operations % 7), &recover);
        }
        assert!(attempt(&Fuse::new(usize::MAX), &recover).is_ok());
        assert_eq!(scratch.snapshot(), before, "{runbook} killed after {operations} operations");
        assert!(attempt(&Fuse::new(0), &recover).is_ok(), "a finished recovery has nothing left to do");
    }
    unreachable!("a runbook ends")
}

#[test]
fn a_kill_at_any_point_of_many_small_changes_leaves_nothing_behind() {
    needs_root!();
    let points =
        die_everywhere("linux.kernel.ignore_redirects", "linux.kernel.redirects", true, &|scratch| {
            for key in ["all/accept_redirects", "default/send_redirects"] {
                scratch.write(&format!("proc/sys/net/ipv4/conf/{key}"), "1\n", 0o644);
            }
        });
    assert_eq!(points, 20, "three files and seven parameters, before and after each");
}

#[test]
fn a_kill_at_any_point_of_an_ssh_change_leaves_nothing_behind() {
    needs_root!();
    let points =
        die_everywhere("linux.session.show_notice", "linux.session.login_banner", true, &|scratch| {
            scratch.write("etc/ssh/sshd_config", "Port 22\nPermitRootLogin yes\n", 0o600);
        });
    assert!(points >= 10, "{points}");
}

#[test]
fn a_kill_at_any_point_of_an_installation_leaves_nothing_behind() {
    needs_root!();
    let points = die_everywhere("linux.audit.record", "linux.audit.running", false, &|_| {});
    assert!(points >= 8, "{points}");
}

#[test]
fn a_kill_at_any_point_of_directories_and_modes_leaves_nothing_behind() {
    needs_root!();
    let points =
        die_everywhere("linux.permissions.protect_shadow", "linux.permissions.shadow", true, &|scratch| {
            scratch.mode("etc/shadow", 0o666);
            scratch.mode("etc/gshadow-", 0o644);
            scratch.owner("etc/shadow-", 1000, 1000);
        });
    assert_eq!(points, 6);
    die_everywhere("linux.logging.keep_on_disk", "linux.logging.persistent", true, &|_| {});
}

#[test]
fn heals_on_top_of_each_other_are_taken_back_the_latest_first() {
    needs_root!();
    let catalog = Catalog::embedded();
    let [first, second] = ["linux.authentication.limit_password_age", "linux.permissions.careful_umask"]
        .map(|runbook| catalog.runbook(runbook).expect("there").bind(&BTreeMap::default()).expect("binds"));
    // Handles are digests: in whatever order they sort, time decides.
    for minute in 0..6 {
        let scratch = Scratch::new();
        scratch.write("etc/login.defs", "PASS_MAX_DAYS 99999\nUMASK 022\n", 0o644);
        let before = scratch.snapshot();
        let folder = tempfile::tempdir().expect("a folder");
        let host = LocalHost::rooted(scratch.root(), Arc::new(FixedClock::at(start())));
        let files = Disk::new(scratch.root());
        let executor =
            Executor::new(&host, &files, Journals::open(folder.path()).expect("opens"), &NoLifeline);
        for (runbook, after) in [(&first, 0), (&second, 1)] {
            let started = start() + chrono::TimeDelta::minutes(minute * 2 + after);
            let header = Header { started, ..header("linux.a.check", runbook) };
            assert_eq!(executor.execute(&header, runbook).outcome, Outcome::Done);
        }
        let recovered = executor.recover().expect("reads the journals");
        assert!(recovered.iter().all(|one| one.result.is_ok()), "{recovered:?}");
        assert_eq!(scratch.snapshot(), before, "minute {minute}");
    }
}

#[test]
fn a_heal_whose_record_was_lost_is_taken_back_and_stated() {
    needs_root!();
    let check = "linux.permissions.shadow";
    let mut world = World::new(Scratch::new());
    world.scratch.mode("etc/shadow", 0o644);
    let before = world.scratch.snapshot();
    let lost = world.cycle_unstored(&[check]);
    assert_eq!(lost.heal().outcome, HealOutcome::Resolved);
    world.restart();
    assert_eq!(world.scratch.snapshot(), before, "what nobody recorded did not happen");
    let answer = world.cycle(&[check]);
    assert_eq!(answer.moves()[0], "open");
    let heals = answer.heals();
    assert_eq!(heals[0].outcome, HealOutcome::RolledBack);
    assert_eq!(heals[0].incident, lost.heal().incident, "the same incident");
    assert!(heals[0].steps[0].step.contains("the agent was interrupted"));
    world.minutes(10);
    assert_eq!(world.cycle(&[check]).heal().outcome, HealOutcome::Resolved, "and then it is healed");
}

#[test]
fn a_heal_whose_record_was_stored_stays() {
    needs_root!();
    let check = "linux.permissions.shadow";
    let mut world = World::new(Scratch::new());
    world.scratch.mode("etc/shadow", 0o644);
    let handle = world.cycle(&[check]).rollback();
    world.restart();
    assert_eq!(world.verdict(check), Verdict::Pass);
    assert!(world.cycle(&[check]).0.events.is_empty());
    world.executor().roll_back(&handle).expect("revocable after a restart");
    assert_eq!(world.verdict(check), Verdict::Fail);
}

#[test]
fn an_incident_that_was_being_healed_is_open_after_a_start() {
    needs_root!();
    let check = "linux.permissions.shadow";
    let mut world = World::new(Scratch::new());
    world.mode = Mode::Audit;
    world.scratch.mode("etc/shadow", 0o644);
    world.cycle(&[check]);
    let mut state = world.state();
    state.checks.get_mut(check).expect("is known").incident.state = State::Verifying;
    world.note = Some(state.to_bytes());
    world.mode = Mode::Enforce;
    world.restart();
    let answer = world.cycle(&[check]);
    assert_eq!(answer.changes()[0].from.as_deref(), Some("verifying"));
    assert_eq!(
        (answer.moves()[0], answer.changes()[0].cause.as_str()),
        ("open", "the agent was interrupted")
    );
    assert_eq!(answer.heal().outcome, HealOutcome::Resolved);
}

#[test]
fn a_clock_that_was_set_back_leaves_no_incident_behind() {
    needs_root!();
    let check = "linux.permissions.shadow";
    let mut world = World::new(Scratch::new());
    world.mode = Mode::Audit;
    world.scratch.mode("etc/shadow", 0o644);
    world.cycle(&[check]);
    world.minutes(-60 * 24 * 30);
    world.mode = Mode::Enforce;
    assert_eq!(world.cycle(&[check]).heal().outcome, HealOutcome::Resolved);
    assert_eq!(world.state().checks[check].incident.state, State::Resolved);
    world.mode = Mode::Audit;
    world.scratch.mode("etc/shadow", 0o644);
    world.cycle(&[check]);
    world.minutes(-60 * 24 * 30);
    world.scratch.mode("etc/shadow", 0o640);
    assert_eq!(world.cycle(&[check]).moves(), ["resolved"], "what passes by itself, too");
}

#[test]
fn a_torn_last_line_of_a_journal_is_ignored() {
    needs_root!();
    let check = "linux.permissions.shadow";
    let mut world = World::new(Scratch::new());
    world.scratch.mode("etc/shadow", 0o644);
    world.scratch.mode("etc/gshadow", 0o644);
    let before = world.scratch.snapshot();
    world.cycle_unstored(&[check]);
    let journal =
        std::fs::read_dir(world.journals()).expect("reads").next().expect("one").expect("one").path();
    let whole = std::fs::read(&journal).expect("reads");
    std::fs::write(&journal, &whole[..whole.len() - 5]).expect("writes");
    world.restart();
    assert_eq!(world.scratch.snapshot(), before);
    let text = String::from_utf8(std::fs::read(&journal).expect("reads")).expect("text");
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

const CHILD: &str = "PROOFLINE_TEST_SCRATCH";

/// Not a test by itself: the agent that is killed, in a process of its own.
#[test]
fn child() {
    let Some(argument) = std::env::var_os(CHILD) else { return };
    let argument = argument.into_string().expect("text");
    let (root, journals) = argument.split_once('|').expect("two paths");
    let clock = FixedClock::at(start());
    let host = LocalHost::rooted(root, Arc::new(clock.clone()));
    let files = Disk::new(root);
    let executor = Executor::new(&host, &files, Journals::open(journals).expect("opens"), &NoLifeline);
    let runbook = Catalog::embedded().runbook("linux.ssh.forbid_root_login").expect("there");
    let bound = runbook.bind(&BTreeMap::default()).expect("binds");
    executor.execute(&Header { started: clock.now(), ..header("linux.ssh.root_login", &bound) }, &bound);
    unreachable!("it is killed while the server reloads");
}

#[test]
fn a_real_kill_in_the_middle_of_a_reload() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.append("etc/ssh/sshd_config", "PermitRootLogin yes\n");
    let before = world.scratch.snapshot();
    let pipe = world.scratch.path("run/reloading");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
    world.scratch.hook("reload-ssh.service", "echo now > '@ROOT@/run/reloading'; exec sleep 20");
    let mut agent = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", "crash::child"])
        .env(CHILD, format!("{}|{}", world.scratch.root().display(), world.journals().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut said = String::new();
    std::fs::File::open(&pipe).expect("opens").read_to_string(&mut said).expect("reads");
    assert_eq!(said, "now\n");
    agent.kill().expect("kills");
    agent.wait().expect("ends");
    assert_eq!(
        world.verdict("linux.ssh.root_login"),
        Verdict::Pass,
        "half done: {}",
        world.seen("linux.ssh.root_login")
    );

    std::fs::remove_file(world.scratch.path("run/hooks/reload-ssh.service")).expect("removes");
    world.restart();
    assert_eq!(world.scratch.snapshot(), before);
    let answer = world.cycle(&["linux.ssh.root_login"]);
    let heals = answer.heals();
    assert_eq!(heals[0].outcome, HealOutcome::RolledBack);
    assert!(heals[0].steps[0].step.contains("the agent was interrupted"));
}
