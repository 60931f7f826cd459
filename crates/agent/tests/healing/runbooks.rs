//! Every runbook on a scratch machine: break a setting, see it fail, let the rule heal it, see it pass, take it back, see
//! the machine exactly as it was.

use proofline_core::{Mode, Verdict};
use proofline_evidence::statement::HealOutcome;
use proofline_protocol::OrderOutcome;

use super::scratch::Scratch;
use super::world::{Answer, World};

type Break = fn(&Scratch);

fn sshd(line: &'static str) -> impl Fn(&Scratch) {
    move |scratch| scratch.append("etc/ssh/sshd_config", &format!("{line}\n"))
}

fn kernel(key: &'static str, value: &'static str) -> impl Fn(&Scratch) {
    move |scratch| scratch.write(&format!("proc/sys/{key}"), &format!("{value}\n"), 0o644)
}

/// The heal of `check`, approved by an order where the rule asks.
fn heal(world: &mut World, check: &str) -> Answer {
    let answer = world.cycle(&[check]);
    if !answer.heals().is_empty() {
        return answer;
    }
    let (incident, plan) = answer.plan();
    let (answer, outcome, detail) = world.approve(incident, plan);
    assert_eq!(outcome, OrderOutcome::Done, "{check}: {detail}: {:#?}", answer.0.events);
    assert!(answer.heal().actor.starts_with("order:ord_"));
    answer
}

fn break_heal_verify_roll_back(check: &str, scratch: Scratch, break_it: &dyn Fn(&Scratch)) {
    let mut world = World::new(scratch);
    break_it(&world.scratch);
    let broken = world.scratch.snapshot();
    assert_eq!(world.verdict(check), Verdict::Fail, "{check} before: {}", world.seen(check));

    let answer = heal(&mut world, check);
    let record = answer.heal();
    assert_eq!(record.outcome, HealOutcome::Resolved, "{check}: {record:#?}");
    assert_eq!((record.before.verdict, record.after.verdict), (Verdict::Fail, Verdict::Pass));
    assert_eq!(world.verdict(check), Verdict::Pass, "{check} after: {}", world.seen(check));
    let handle = answer.rollback();

    let quiet = world.cycle(&[check]);
    assert!(quiet.0.events.is_empty() && quiet.0.open.is_empty(), "{check}: {:#?}", quiet.0.events);
    world.executor().roll_back(&handle).unwrap_or_else(|error| panic!("{check}: {error}"));
    assert_eq!(world.verdict(check), Verdict::Fail, "{check} taken back: {}", world.seen(check));
    assert_eq!(world.scratch.snapshot(), broken, "{check}: the machine is as it was");
}

#[test]
fn ssh_runbooks() {
    needs_root!();
    for (check, line) in [
        ("root_login", "PermitRootLogin yes"),
        ("password_authentication", "PasswordAuthentication yes"),
        ("empty_passwords", "PermitEmptyPasswords yes"),
        ("max_auth_tries", "MaxAuthTries 6"),
        ("login_grace_time", "LoginGraceTime 120"),
        ("client_alive_interval", "ClientAliveInterval 0"),
        ("client_alive_count", "ClientAliveCountMax 9"),
        ("ciphers", "Ciphers aes128-cbc,aes256-ctr"),
        ("macs", "MACs hmac-sha1,hmac-sha2-256"),
        ("key_exchange", "KexAlgorithms diffie-hellman-group14-sha1,curve25519-sha256"),
        ("x11_forwarding", "X11Forwarding yes"),
    ] {
        break_heal_verify_roll_back(&format!("linux.ssh.{check}"), Scratch::new(), &sshd(line));
    }
}

#[test]
fn an_ssh_setting_before_any_include_is_overruled_too() {
    needs_root!();
    break_heal_verify_roll_back("linux.ssh.root_login", Scratch::new(), &|scratch| {
        scratch.write("etc/ssh/sshd_config", "PermitRootLogin yes\nPort 22\n", 0o600);
    });
}

#[test]
fn kernel_runbooks() {
    needs_root!();
    for (check, key, value) in [
        ("address_randomisation", "kernel/randomize_va_space", "0"),
        ("ip_forwarding", "net/ipv4/ip_forward", "1"),
        ("redirects", "net/ipv6/conf/default/accept_redirects", "1"),
        ("redirects", "net/ipv6/conf/eth0.7/accept_redirects", "1"),
        ("source_routing", "net/ipv4/conf/all/accept_source_route", "1"),
        ("reverse_path", "net/ipv4/conf/all/rp_filter", "0"),
        ("syn_cookies", "net/ipv4/tcp_syncookies", "0"),
        ("log_martians", "net/ipv4/conf/all/log_martians", "0"),
        ("pointer_exposure", "kernel/dmesg_restrict", "0"),
        ("link_protection", "fs/protected_symlinks", "0"),
    ] {
        break_heal_verify_roll_back(&format!("linux.kernel.{check}"), Scratch::new(), &kernel(key, value));
    }
}

#[test]
fn permission_runbooks() {
    needs_root!();
    let cases: [(&str, Break); 8] = [
        ("shadow", |scratch| {
            scratch.mode("etc/shadow", 0o644);
            scratch.owner("etc/gshadow", 1000, 1000);
        }),
        ("passwd", |scratch| scratch.mode("etc/passwd", 0o666)),
        ("sudoers", |scratch| scratch.mode("etc/sudoers.d/clinic", 0o644)),
        ("sshd_config", |scratch| scratch.mode("etc/ssh/sshd_config", 0o644)),
        ("ssh_host_keys", |scratch| scratch.mode("etc/ssh/ssh_host_ed25519_key", 0o644)),
        ("cron", |scratch| scratch.mode("etc/cron.d", 0o777)),
        ("world_writable", |scratch| {
            scratch.mode("etc/profile", 0o666);
            scratch.mode("etc/chrony", 0o777);
            scratch.link("/etc/shadow", "etc/a_link");
        }),
        ("umask", |scratch| scratch.write("etc/login.defs", "UMASK 022\n", 0o644)),
    ];
    for (check, break_it) in cases {
        break_heal_verify_roll_back(&format!("linux.permissions.{check}"), Scratch::new(), &break_it);
    }
}

#[test]
fn account_and_authentication_runbooks() {
    needs_root!();
    let cases: [(&str, Break); 4] = [
        ("accounts.empty_passwords", |scratch| scratch.append("etc/shadow", "guest::19000:0:99999:7:::\n")),
        ("authentication.lockout", |scratch| {
            scratch.write("etc/security/faillock.conf", "deny = 50\nunlock_time = 60\n", 0o644);
        }),
        ("authentication.password_quality", |_| {}),
        ("authentication.password_max_days", |scratch| {
            scratch.write("etc/login.defs", "PASS_MAX_DAYS 99999\nUMASK 027\n", 0o644);
        }),
    ];
    for (check, break_it) in cases {
        let scratch = Scratch::new();
        if check == "accounts.empty_passwords" {
            scratch.append("etc/passwd", "guest:x:1001:1001::/home/guest:/bin/bash\n");
        }
        break_heal_verify_roll_back(&format!("linux.{check}"), scratch, &break_it);
    }
}

#[test]
fn audit_runbooks() {
    needs_root!();
    break_heal_verify_roll_back("linux.audit.running", Scratch::new(), &|_| {});
    for check in ["identity_rules", "login_rules", "privilege_rules", "time_rules", "immutable"] {
        let scratch = Scratch::new();
        scratch.unit("auditd.service", "auditd");
        scratch.systemctl(&["start", "--", "auditd.service"]);
        break_heal_verify_roll_back(&format!("linux.audit.{check}"), scratch, &|_| {});
    }
}

#[test]
fn service_runbooks() {
    needs_root!();
    break_heal_verify_roll_back("linux.services.critical", Scratch::new(), &|scratch| {
        scratch.systemctl(&["stop", "--", "cron.service"]);
    });
    break_heal_verify_roll_back("linux.logging.service", Scratch::new(), &|scratch| {
        scratch.systemctl(&["stop", "--", "systemd-journald.service"]);
    });
    break_heal_verify_roll_back("linux.logging.persistent", Scratch::new(), &|scratch| {
        scratch.write("etc/systemd/journald.conf", "[Journal]\nStorage=volatile\n", 0o644);
    });
    let scratch = Scratch::new();
    scratch.unit("chrony.service", "chronyd");
    break_heal_verify_roll_back("linux.time.synchronised", scratch, &|_| {});
    let scratch = Scratch::new();
    for (unit, comm) in [("telnet.socket", "in.telnetd"), ("vsftpd.service", "vsftpd")] {
        scratch.unit(unit, comm);
        // Whoever stops it frees its port.
        scratch.hook(&format!("stop-{unit}"), "sed -i '/:0017 /d; /:0015 /d' '@ROOT@/proc/net/tcp'");
        scratch.hook(&format!("start-{unit}"), "cp '@ROOT@/run/open' '@ROOT@/proc/net/tcp'");
    }
    break_heal_verify_roll_back("linux.network.cleartext_services", scratch, &|scratch| {
        scratch.listen(&[22, 21, 23]);
        scratch.write("run/open", &scratch.text("proc/net/tcp"), 0o644);
        scratch.systemctl(&["enable", "--", "telnet.socket"]);
        scratch.systemctl(&["start", "--", "telnet.socket"]);
        scratch.systemctl(&["start", "--", "vsftpd.service"]);
    });
}

#[test]
fn session_and_usb_runbooks() {
    needs_root!();
    for check in ["session.shell_timeout", "session.login_banner", "usb.storage_blocked"] {
        break_heal_verify_roll_back(&format!("linux.{check}"), Scratch::new(), &|_| {});
    }
}

#[test]
fn the_firewall_runbook_with_the_real_nft_in_its_own_network() {
    needs_root!();
    let scratch = Scratch::new().with_network();
    scratch.listen(&[22, 8443]);
    break_heal_verify_roll_back("linux.firewall.default_drop", scratch, &|_| {});
}

#[test]
fn the_firewall_keeps_open_what_listens() {
    needs_root!();
    let scratch = Scratch::new().with_network();
    scratch.listen(&[22, 8443]);
    scratch.append("etc/ssh/sshd_config", "Port 2222\n");
    let mut world = World::new(scratch);
    heal(&mut world, "linux.firewall.default_drop");
    let rules = world.scratch.text("etc/proofline/firewall.nft");
    assert!(rules.contains("tcp dport { 22, 2222, 8443 } accept"), "{rules}");
    assert!(rules.contains("policy drop") && rules.contains("iif \"lo\" accept"));
}

#[test]
fn every_built_in_rule_can_be_used_and_every_runbook_is_exercised_here() {
    let catalog = proofline_catalog::Catalog::embedded();
    let rules =
        proofline_healing::engine::RuleSet::compile(catalog.rules().iter().cloned(), catalog.runbooks());
    assert_eq!(rules.refused(), []);
    assert_eq!(rules.len(), catalog.rules().len());
    let source = include_str!("runbooks.rs");
    for runbook in catalog.runbooks() {
        for check in &runbook.checks {
            let name = check.rsplit('.').next().expect("has parts");
            assert!(source.contains(name), "{} is not exercised", runbook.id);
        }
    }
    for rule in catalog.rules() {
        let runbook = catalog.runbook(&rule.runbook).expect("linted");
        assert!(!runbook.disruptive || rule.mode != Mode::Enforce, "{} asks before it disturbs", rule.id);
    }
}
