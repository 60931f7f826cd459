//! Remediations that say they worked and did not, and changes that would cut off the machine.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proofline_agent::executor::{
    Attributes, Disk, Files, Held, Lifeline, RollbackError, Snapshot, StepError,
};
use proofline_core::{Mode, Verdict};
use proofline_evidence::statement::{HealOutcome, StepOutcome};
use proofline_protocol::OrderOutcome;

use super::scratch::Scratch;
use super::world::World;

type Break = fn(&Scratch);

const ROOT_LOGIN: &str = "linux.ssh.root_login";

#[test]
fn a_step_that_lies_is_caught_by_measuring_again_taken_back_and_escalated() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    // The service manager says yes and does nothing.
    world.scratch.systemctl(&["stop", "--", "cron.service"]);
    world.scratch.program(
        "systemctl",
        &world.scratch.text("usr/sbin/systemctl").replace("  start) start \"$u\" ;;", "  start) ;;"),
    );
    for _ in 0..3 {
        let answer = world.cycle(&["linux.services.critical"]);
        let heal = answer.heal();
        assert_eq!(heal.outcome, HealOutcome::NotEffective, "{heal:#?}");
        assert!(heal.steps.iter().all(|step| step.outcome == StepOutcome::Ok), "every step claims success");
        assert_eq!((heal.after.verdict, &heal.rollback), (Verdict::Fail, &None));
        assert!(answer.0.open.contains("linux.services.critical"));
        world.minutes(60);
    }
    let answer = world.cycle(&["linux.services.critical"]);
    assert_eq!(answer.moves(), ["escalated"]);
    assert_eq!(answer.cause(), "healed 3 times in vain: the runbook does not change what the check reads");
}

#[test]
fn a_service_that_is_only_being_started_does_not_run() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    let crashing = world.scratch.text("usr/sbin/systemctl").replace(
        "alive \"$u\" && active=active",
        "alive \"$u\" && active=active; [ \"$u\" = auditd.service ] && [ $active = active ] && active=activating",
    );
    world.scratch.program("systemctl", &crashing);
    let before = world.scratch.snapshot();
    let answer = world.cycle(&["linux.audit.running"]);
    assert_eq!(answer.heal().outcome, HealOutcome::RolledBack, "{:#?}", answer.heal());
    assert_eq!(world.scratch.snapshot(), before);
}

#[test]
fn a_setting_that_a_match_block_overrules_is_not_called_healed() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.append("etc/ssh/sshd_config", "Match User root\n  PermitRootLogin yes\n");
    let before = world.scratch.snapshot();
    let answer = world.cycle(&[ROOT_LOGIN]);
    assert_eq!(answer.heal().outcome, HealOutcome::NotEffective, "{:#?}", answer.heal());
    assert_eq!(world.scratch.snapshot(), before, "what did not help is taken back");
}

#[test]
fn a_configuration_that_the_server_refuses_is_never_loaded() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.append("etc/ssh/sshd_config", "PermitRootLogin yes\nNoSuchKeyword 1\n");
    world.scratch.hook("reload-ssh.service", "touch '@ROOT@/run/reloaded'");
    let before = world.scratch.snapshot();
    // The probe falls back to parsing, or has no answer; the executor must not reload either way.
    let answer = world.cycle(&[ROOT_LOGIN]);
    if let [heal] = answer.heals()[..] {
        assert_ne!(heal.outcome, HealOutcome::Resolved);
    }
    assert!(!world.scratch.path("run/reloaded").exists());
    assert_eq!(world.scratch.snapshot(), before);
}

#[test]
fn an_ssh_server_that_goes_away_on_reload_gets_its_settings_back() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.append("etc/ssh/sshd_config", "PermitRootLogin yes\n");
    world.scratch.hook("reload-ssh.service", "sed -i '/:0016 /d' '@ROOT@/proc/net/tcp'");
    let before = world.scratch.snapshot();
    let answer = world.cycle(&[ROOT_LOGIN]);
    let heal = answer.heal();
    assert_eq!(heal.outcome, HealOutcome::RolledBack);
    let complaint =
        heal.steps.iter().find(|step| step.outcome == StepOutcome::Failed).expect("a failed step");
    assert_eq!(complaint.detail, "the machine would be cut off: the SSH server no longer listens on {22}");
    assert_eq!(world.scratch.snapshot(), before);
}

#[test]
fn nobody_is_locked_out() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.append("etc/ssh/sshd_config", "PermitRootLogin yes\nPasswordAuthentication yes\n");
    world.scratch.write("etc/group", "root:x:0:\nsudo:x:27:\n", 0o644);
    let before = world.scratch.snapshot();
    let answer = world.cycle(&[ROOT_LOGIN]);
    assert_eq!(answer.heal().outcome, HealOutcome::Failed);
    assert_eq!(answer.heal().steps[0].detail, "nobody but root can log in and administer this machine");

    std::fs::remove_file(world.scratch.path("home/admin/.ssh/authorized_keys")).expect("removes");
    let (incident, plan) = world.cycle(&["linux.ssh.password_authentication"]).plan();
    let (answer, outcome, _) = world.approve(incident, plan);
    assert_eq!((outcome, answer.heal().outcome), (OrderOutcome::Failed, HealOutcome::Failed));
    assert_eq!(answer.heal().steps[0].detail, "no administrator but root can log in with a key");
    assert_eq!(world.scratch.snapshot(), before);
}

#[test]
fn an_administrator_who_would_not_get_in_does_not_count() {
    needs_root!();
    let cases: [(&str, Break); 7] = [
        ("a password that the server does not take", |scratch| {
            std::fs::remove_file(scratch.path("home/admin/.ssh/authorized_keys")).expect("removes");
            scratch.append("etc/ssh/sshd_config", "PasswordAuthentication no\n");
        }),
        ("denied", |scratch| scratch.append("etc/ssh/sshd_config", "DenyUsers admin\n")),
        ("not among the allowed", |scratch| scratch.append("etc/ssh/sshd_config", "AllowUsers root\n")),
        ("not in an allowed group", |scratch| scratch.append("etc/ssh/sshd_config", "AllowGroups root\n")),
        ("a block of its own", |scratch| {
            scratch.append(
                "etc/ssh/sshd_config",
                "Match User admin\n  PubkeyAuthentication no\n  PasswordAuthentication no\n",
            );
        }),
        ("expired", |scratch| {
            scratch.write(
                "etc/shadow",
                "root:*:19000:0:99999:7:::\nadmin:$y$a:19000:0:99999:7::19001:\n",
                0o640,
            );
        }),
        ("somebody else's key", |scratch| {
            std::fs::remove_file(scratch.path("home/admin/.ssh/authorized_keys")).expect("removes");
            scratch.append("etc/ssh/sshd_config", "PasswordAuthentication no\n");
            scratch.append("etc/passwd", "guest:x:1001:1001::/home/guest:/bin/bash\n");
            scratch.write("home/guest/.ssh/authorized_keys", "ssh-ed25519 AAAAC3Nza guest@clinic\n", 0o600);
        }),
    ];
    for (case, break_it) in cases {
        let mut world = World::new(Scratch::new());
        world.scratch.write("etc/ssh/sshd_config", "PermitRootLogin yes\n", 0o600);
        break_it(&world.scratch);
        let answer = world.cycle(&[ROOT_LOGIN]);
        assert_eq!(answer.heal().outcome, HealOutcome::Failed, "{case}: {:#?}", answer.heal());
        assert_eq!(
            answer.heal().steps[0].detail,
            "nobody but root can log in and administer this machine",
            "{case}"
        );
    }
    let mut world = World::new(Scratch::new());
    world.scratch.write("etc/ssh/sshd_config", "PermitRootLogin yes\nPasswordAuthentication yes\n", 0o600);
    std::fs::remove_file(world.scratch.path("home/admin/.ssh/authorized_keys")).expect("removes");
    assert_eq!(
        world.cycle(&[ROOT_LOGIN]).heal().outcome,
        HealOutcome::Resolved,
        "a password that is taken counts"
    );
}

/// Central Command is out of reach as soon as the firewall's table is there.
struct CutByTheFirewall {
    nft: PathBuf,
    armed: AtomicBool,
}

impl Lifeline for CutByTheFirewall {
    fn check(&self) -> Result<(), String> {
        let list = std::process::Command::new(&self.nft).args(["list", "tables"]).output().expect("runs");
        let filtered = String::from_utf8_lossy(&list.stdout).contains("inet proofline");
        if filtered && self.armed.load(Ordering::SeqCst) {
            Err("Central Command does not answer".to_owned())
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_firewall_that_cuts_the_lifeline_takes_itself_back() {
    needs_root!();
    let check = "linux.firewall.default_drop";
    let scratch = Scratch::new().with_network();
    let lifeline =
        Arc::new(CutByTheFirewall { nft: scratch.path("usr/sbin/nft"), armed: AtomicBool::new(true) });
    let mut world = World::with_lifeline(scratch, Arc::clone(&lifeline) as Arc<dyn Lifeline>);
    let before = world.scratch.snapshot();
    let (incident, plan) = world.cycle(&[check]).plan();
    let (answer, outcome, _) = world.approve(incident, plan);
    assert_eq!((outcome, answer.heal().outcome), (OrderOutcome::Failed, HealOutcome::RolledBack));
    assert!(answer.heal().steps.iter().any(|step| step.detail.ends_with("Central Command does not answer")));
    assert_eq!(world.verdict(check), Verdict::Fail, "the table is gone: {}", world.seen(check));
    assert_eq!(world.scratch.snapshot(), before);
    lifeline.armed.store(false, Ordering::SeqCst);
    world.minutes(60);
    let (incident, plan) = world.cycle(&[check]).plan();
    assert_eq!(world.approve(incident, plan).1, OrderOutcome::Done, "with the lifeline intact it works");
}

/// A machine on which the agent may look and not touch, as its service unit has it by default.
struct ReadOnly(Disk);

impl ReadOnly {
    fn refused<T>(path: &Path) -> Result<T, StepError> {
        let source = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
        Err(StepError::File { path: path.display().to_string(), source })
    }
}

impl Files for ReadOnly {
    fn snapshot(&self, path: &Path) -> Result<Snapshot, StepError> {
        self.0.snapshot(path)
    }

    fn write(&self, path: &Path, _: &[u8], _: Attributes) -> Result<(), StepError> {
        Self::refused(path)
    }

    fn write_in_place(&self, path: &Path, _: &[u8]) -> Result<(), StepError> {
        Self::refused(path)
    }

    fn remove(&self, path: &Path) -> Result<(), StepError> {
        Self::refused(path)
    }

    fn make_directory(&self, path: &Path) -> Result<bool, StepError> {
        Self::refused(path)
    }

    fn remove_directory(&self, path: &Path) -> Result<(), StepError> {
        Self::refused(path)
    }

    fn hold(&self, path: &Path) -> Result<Held, StepError> {
        self.0.hold(path)
    }

    fn set_attributes(&self, _: &Held, _: Attributes) -> Result<(), StepError> {
        Self::refused(Path::new("/"))
    }

    fn lock_accounts(&self) -> Result<OwnedFd, StepError> {
        Self::refused(Path::new("/etc/.pwd.lock"))
    }
}

/// A disk that refuses to set kernel parameters and to remove files while it is broken.
struct Balky(Disk, Arc<AtomicBool>);

impl Balky {
    fn refuses(&self, path: &Path) -> Result<(), StepError> {
        if self.1.load(Ordering::SeqCst) { ReadOnly::refused(path) } else { Ok(()) }
    }
}

impl Files for Balky {
    fn snapshot(&self, path: &Path) -> Result<Snapshot, StepError> {
        self.0.snapshot(path)
    }

    fn write(&self, path: &Path, content: &[u8], attributes: Attributes) -> Result<(), StepError> {
        self.0.write(path, content, attributes)
    }

    fn write_in_place(&self, path: &Path, content: &[u8]) -> Result<(), StepError> {
        self.refuses(path)?;
        self.0.write_in_place(path, content)
    }

    fn remove(&self, path: &Path) -> Result<(), StepError> {
        self.refuses(path)?;
        self.0.remove(path)
    }

    fn make_directory(&self, path: &Path) -> Result<bool, StepError> {
        self.0.make_directory(path)
    }

    fn remove_directory(&self, path: &Path) -> Result<(), StepError> {
        self.0.remove_directory(path)
    }

    fn hold(&self, path: &Path) -> Result<Held, StepError> {
        self.0.hold(path)
    }

    fn set_attributes(&self, held: &Held, attributes: Attributes) -> Result<(), StepError> {
        self.0.set_attributes(held, attributes)
    }

    fn lock_accounts(&self) -> Result<OwnedFd, StepError> {
        self.0.lock_accounts()
    }
}

/// A machine with two wrong kernel parameters, on whose disk a heal gets stuck until the switch is turned off.
fn stuck_world() -> (World, Arc<AtomicBool>) {
    let mut world = World::new(Scratch::new());
    for key in ["tcp_syncookies", "conf/all/log_martians"] {
        world.scratch.write(&format!("proc/sys/net/ipv4/{key}"), "0\n", 0o644);
    }
    let broken = Arc::new(AtomicBool::new(true));
    world.machine.files = Arc::new(Balky(Disk::new(world.scratch.root()), Arc::clone(&broken)));
    world.restart();
    (world, broken)
}

const STUCK: [&str; 2] = ["linux.kernel.syn_cookies", "linux.kernel.log_martians"];
const LEFT: &str = "etc/sysctl.d/99-zz-proofline-net.ipv4.";

#[test]
fn nothing_else_is_changed_before_a_stuck_change_is_taken_back() {
    needs_root!();
    let (mut world, broken) = stuck_world();
    let answer = world.cycle(&STUCK);
    assert_eq!(answer.heal().outcome, HealOutcome::Failed, "only one is tried: {:#?}", answer.heals());
    assert_eq!(answer.cause(), "an earlier change could not be taken back yet");
    world.minutes(30);
    assert!(world.cycle(&STUCK).heals().is_empty(), "it is still there");

    broken.store(false, Ordering::SeqCst);
    let answer = world.cycle(&STUCK);
    let outcomes: Vec<_> = answer.heals().iter().map(|heal| heal.outcome).collect();
    assert_eq!(outcomes, [HealOutcome::RolledBack, HealOutcome::Resolved], "{:#?}", answer.heals());
    world.minutes(30);
    let answer = world.cycle(&STUCK);
    assert_eq!(answer.heal().outcome, HealOutcome::Resolved, "{:#?}", answer.0.events);
}

#[test]
fn a_late_rollback_leaves_alone_what_somebody_changed_since() {
    needs_root!();
    let (mut world, broken) = stuck_world();
    let check = world.cycle(&STUCK).heal().check.clone();
    let left = std::fs::read_dir(world.scratch.path("etc/sysctl.d")).expect("reads");
    let left = left.map(|entry| entry.expect("reads").path()).next().expect("the change is still there");
    assert!(left.display().to_string().contains(LEFT), "{}", left.display());
    std::fs::write(&left, "# ours now\n").expect("writes");
    broken.store(false, Ordering::SeqCst);
    let answer = world.cycle(&[&check]);
    let record = answer.heals()[0];
    assert_eq!(record.outcome, HealOutcome::RolledBack);
    assert!(
        record.steps[0].detail.contains("changed since, left alone: remove /etc/sysctl.d"),
        "{record:#?}"
    );
    assert_eq!(std::fs::read(&left).expect("reads"), b"# ours now\n");
}

#[test]
fn an_agent_that_may_not_write_says_so_and_leaves_nothing_to_bring_back() {
    needs_root!();
    for (check, break_it) in [
        ("linux.permissions.shadow", "etc/shadow"),
        ("linux.authentication.password_max_days", "etc/login.defs"),
        ("linux.kernel.syn_cookies", "proc/sys/net/ipv4/tcp_syncookies"),
    ] {
        let mut world = World::new(Scratch::new());
        match break_it {
            "etc/shadow" => world.scratch.mode(break_it, 0o644),
            "etc/login.defs" => world.scratch.write(break_it, "PASS_MAX_DAYS 99999\n", 0o644),
            _ => world.scratch.write(break_it, "0\n", 0o644),
        }
        world.machine.files = Arc::new(ReadOnly(Disk::new(world.scratch.root())));
        world.restart();
        let before = world.scratch.snapshot();
        let answer = world.cycle(&[check]);
        assert_eq!(answer.heal().outcome, HealOutcome::RolledBack, "{:#?}", answer.heal());
        let refused =
            answer.heal().steps.iter().find(|step| step.outcome == StepOutcome::Failed).expect("one failed");
        assert!(refused.detail.contains("read-only"), "{}", refused.detail);
        assert_eq!(world.scratch.snapshot(), before);
        world.restart();
        assert!(world.cycle(&[check]).heals().is_empty(), "nothing is left over to recover");
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_written_through() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.write("etc/issue", "Debian GNU/Linux 12\n", 0o644);
    std::fs::rename(world.scratch.path("etc/issue"), world.scratch.path("etc/passwd-target")).expect("moves");
    world.scratch.link("passwd-target", "etc/issue");
    let answer = world.cycle(&["linux.session.login_banner"]);
    assert_eq!(answer.heal().outcome, HealOutcome::RolledBack, "{:#?}", answer.heal());
    assert!(answer.heal().steps[0].detail.contains("a symbolic link, which is not changed"));
    assert_eq!(world.scratch.text("etc/passwd-target"), "Debian GNU/Linux 12\n");
}

#[test]
fn what_replaced_a_changed_file_is_left_alone() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.mode("etc/profile", 0o666);
    let handle = world.cycle(&["linux.permissions.world_writable"]).rollback();
    world.cycle(&[]);
    world.scratch.write("etc/profile.new", "umask 027\n", 0o644);
    std::fs::rename(world.scratch.path("etc/profile.new"), world.scratch.path("etc/profile")).expect("moves");
    assert!(matches!(world.executor().roll_back(&handle), Err(RollbackError::ChangedSince(_))));
    assert_eq!(world.scratch.snapshot()["etc/profile"], "100644 0:0 \"umask 027\\n\"");
}

#[test]
fn a_heal_is_not_taken_back_over_somebody_elses_work() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.scratch.write("etc/login.defs", "PASS_MAX_DAYS 99999\nUMASK 027\n", 0o644);
    let handle = world.cycle(&["linux.authentication.password_max_days"]).rollback();
    world.cycle(&[]);
    world.scratch.append("etc/login.defs", "LOG_OK_LOGINS yes\n");
    assert!(
        matches!(world.executor().roll_back(&handle), Err(RollbackError::ChangedSince(what)) if what.contains("login.defs"))
    );
    world.scratch.write("etc/login.defs", "PASS_MAX_DAYS\t365\nUMASK 027\n", 0o644);
    world.executor().roll_back(&handle).expect("is as it was left");
    assert_eq!(world.scratch.text("etc/login.defs"), "PASS_MAX_DAYS 99999\nUMASK 027\n");
    assert!(matches!(world.executor().roll_back(&handle), Err(RollbackError::AlreadyDone(_))));
}

#[test]
fn a_plan_is_described_without_being_carried_out() {
    needs_root!();
    let world = World::new(Scratch::new());
    let catalog = proofline_catalog::Catalog::embedded();
    let before = world.scratch.snapshot();
    for runbook in catalog.runbooks() {
        let bound = runbook.bind(&std::collections::BTreeMap::new()).expect("linted");
        let lines = world.executor().plan(&bound);
        assert!(
            lines.len() >= bound.remediate.len() && lines.iter().all(|line| !line.contains('{')),
            "{lines:?}"
        );
    }
    assert_eq!(world.scratch.snapshot(), before);
}

#[test]
fn a_heal_of_one_mode_is_recorded_with_it() {
    needs_root!();
    let mut world = World::new(Scratch::new());
    world.mode = Mode::Enforce;
    world.scratch.mode("etc/shadow", 0o644);
    let answer = world.cycle(&["linux.permissions.shadow"]);
    assert_eq!(answer.heal().mode, "enforce");
    assert!(answer.heal().steps[0].detail.contains("/etc/shadow was 0644"));
}
