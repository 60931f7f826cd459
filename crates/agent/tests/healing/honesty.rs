//! Remediations that say they worked and did not, and changes that would cut off the machine.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proofline_agent::executor::{Attributes, Disk, Files, Lifeline, RollbackError, Snapshot, StepError};
use proofline_core::{Mode, Verdict};
use proofline_evidence::statement::{HealOutcome, StepOutcome};
use proofline_protocol::OrderOutcome;

use super::scratch::Scratch;
use super::world::World;

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
    assert_eq!(answer.heal().steps[0].detail, "nobody but root can log in with a key");
    assert_eq!(world.scratch.snapshot(), before);
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

    fn attributes(&self, path: &Path) -> Result<Attributes, StepError> {
        self.0.attributes(path)
    }

    fn set_attributes(&self, path: &Path, _: Attributes) -> Result<(), StepError> {
        Self::refused(path)
    }

    fn lock_accounts(&self) -> Result<OwnedFd, StepError> {
        Self::refused(Path::new("/etc/.pwd.lock"))
    }
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
