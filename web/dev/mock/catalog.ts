/** Controls and checks for the mock: a shortened catalogue with the real shape. */

type Kind = "standard" | "required" | "addressable";
type Coverage = "automated" | "hybrid" | "attestation" | "not_covered";
export type Severity = "low" | "medium" | "high" | "critical";

export interface Control {
  id: string;
  title: string;
  plain_title: string;
  kind: Kind;
  coverage_kind: Coverage;
  coverage_reason: string;
  severity: Severity;
}

const rows: [string, string, string, Kind, Coverage, Severity][] = [
  ["164.308(a)(1)(ii)(A)", "Risk analysis", "Risks to patient data are known and written down", "required", "attestation", "high"],
  ["164.308(a)(1)(ii)(B)", "Risk management", "Known risks are being reduced", "required", "attestation", "high"],
  ["164.308(a)(1)(ii)(C)", "Sanction policy", "Staff know what happens when rules are broken", "required", "attestation", "low"],
  ["164.308(a)(1)(ii)(D)", "Information system activity review", "Logs of system activity are kept and reviewed", "required", "hybrid", "high"],
  ["164.308(a)(2)", "Assigned security responsibility", "One person is responsible for security", "required", "attestation", "medium"],
  ["164.308(a)(3)(ii)(A)", "Authorization and supervision", "Only approved people have elevated rights", "addressable", "hybrid", "high"],
  ["164.308(a)(3)(ii)(B)", "Workforce clearance procedure", "Access fits each person's job", "addressable", "attestation", "medium"],
  ["164.308(a)(3)(ii)(C)", "Termination procedures", "Leavers lose access at once", "addressable", "attestation", "high"],
  ["164.308(a)(4)(ii)(B)", "Access authorization", "Access is granted by a documented decision", "addressable", "attestation", "medium"],
  ["164.308(a)(4)(ii)(C)", "Access establishment and modification", "Access rights are reviewed regularly", "addressable", "attestation", "medium"],
  ["164.308(a)(5)(ii)(A)", "Security reminders", "Staff are reminded of safe behaviour", "addressable", "attestation", "low"],
  ["164.308(a)(5)(ii)(B)", "Protection from malicious software", "Computers are protected against malware", "addressable", "automated", "critical"],
  ["164.308(a)(5)(ii)(C)", "Log-in monitoring", "Failed sign-ins are noticed and limited", "addressable", "automated", "high"],
  ["164.308(a)(5)(ii)(D)", "Password management", "Passwords are strong and stored safely", "addressable", "automated", "high"],
  ["164.308(a)(6)(ii)", "Response and reporting", "Security incidents are handled and recorded", "required", "hybrid", "high"],
  ["164.308(a)(7)(ii)(A)", "Data backup plan", "Patient data is backed up", "required", "automated", "critical"],
  ["164.308(a)(7)(ii)(B)", "Disaster recovery plan", "Lost data can be brought back", "required", "hybrid", "critical"],
  ["164.308(a)(7)(ii)(C)", "Emergency mode operation plan", "Work goes on in an emergency", "required", "attestation", "medium"],
  ["164.308(a)(7)(ii)(D)", "Testing and revision procedures", "Recovery is rehearsed", "addressable", "attestation", "medium"],
  ["164.308(a)(8)", "Evaluation", "Safeguards are evaluated regularly", "required", "hybrid", "medium"],
  ["164.308(b)(1)", "Business associate contracts", "Vendors have signed agreements", "required", "attestation", "high"],
  ["164.310(a)(1)", "Facility access controls", "The building is locked against outsiders", "standard", "attestation", "medium"],
  ["164.310(a)(2)(iv)", "Maintenance records", "Repairs to doors and locks are recorded", "addressable", "attestation", "low"],
  ["164.310(b)", "Workstation use", "Workstations are used as intended", "required", "hybrid", "medium"],
  ["164.310(c)", "Workstation security", "Workstations are secured against access", "required", "hybrid", "high"],
  ["164.310(d)(2)(i)", "Disposal", "Old disks are destroyed safely", "required", "attestation", "high"],
  ["164.310(d)(2)(ii)", "Media re-use", "Disks are wiped before they are used again", "required", "attestation", "high"],
  ["164.310(d)(2)(iii)", "Accountability", "Removable media are controlled", "addressable", "automated", "medium"],
  ["164.312(a)(1)", "Access control", "Only the right people and programs get in", "standard", "automated", "critical"],
  ["164.312(a)(2)(i)", "Unique user identification", "Every person has an account of their own", "required", "automated", "critical"],
  ["164.312(a)(2)(ii)", "Emergency access procedure", "There is a way in for emergencies", "required", "attestation", "medium"],
  ["164.312(a)(2)(iii)", "Automatic logoff", "Unused sessions end by themselves", "addressable", "automated", "medium"],
  ["164.312(a)(2)(iv)", "Encryption and decryption", "Stored patient data is encrypted", "addressable", "automated", "critical"],
  ["164.312(b)", "Audit controls", "What happens on the systems is recorded", "required", "automated", "high"],
  ["164.312(c)(1)", "Integrity", "Data cannot be changed unnoticed", "standard", "automated", "high"],
  ["164.312(d)", "Person or entity authentication", "People and machines prove who they are", "required", "automated", "critical"],
  ["164.312(e)(1)", "Transmission security", "Data is protected while it travels", "standard", "automated", "high"],
  ["164.312(e)(2)(ii)", "Encryption in transit", "Connections are encrypted", "addressable", "automated", "high"],
  ["164.314(a)(1)", "Business associate terms", "Vendor agreements say what the law asks", "required", "not_covered", "medium"],
  ["164.316(a)", "Policies and procedures", "Security policies exist in writing", "required", "attestation", "medium"],
  ["164.316(b)(2)(i)", "Time limit", "Records are kept for six years", "required", "automated", "high"],
  ["164.316(b)(2)(iii)", "Updates", "Policies are kept up to date", "required", "not_covered", "low"],
];

const reasons: Record<Coverage, string> = {
  automated: "Measured on the machines themselves.",
  hybrid: "Part of it is measured; a person states the rest.",
  attestation: "A person states this; no machine can measure it.",
  not_covered: "Proofline does not look at this yet.",
};

export const controls: Control[] = rows.map(([id, title, plain_title, kind, coverage_kind, severity]) => ({
  id,
  title,
  plain_title,
  kind,
  coverage_kind,
  coverage_reason: reasons[coverage_kind],
  severity,
}));

export interface Check {
  id: string;
  title: string;
  severity: Severity;
  control: string;
  strength: "full" | "partial" | "supporting";
  good: string;
  bad: string;
  expected: string;
  location: string;
  runbook: string | null;
}

const checkRows: [string, string, Severity, string, Check["strength"], string, string, string, string, string | null][] = [
  ["linux.ssh.root_login", "Nobody signs in as root over SSH", "critical", "164.312(a)(1)", "partial", "no", "yes", "no", "sshd -T: permitrootlogin", "linux.sshd.drop_in"],
  ["linux.ssh.password_auth", "SSH asks for a key, not for a password", "high", "164.312(d)", "partial", "no", "yes", "no", "sshd -T: passwordauthentication", "linux.sshd.drop_in"],
  ["linux.ssh.max_auth_tries", "SSH gives few tries to guess", "medium", "164.308(a)(5)(ii)(C)", "supporting", "4", "6", "4 or less", "sshd -T: maxauthtries", "linux.sshd.drop_in"],
  ["linux.ssh.ciphers", "SSH uses strong encryption only", "high", "164.312(e)(2)(ii)", "partial", "chacha20-poly1305, aes256-gcm", "aes128-cbc offered", "no CBC, no RC4", "sshd -T: ciphers", "linux.sshd.drop_in"],
  ["linux.ssh.idle_timeout", "Idle SSH sessions are closed", "medium", "164.312(a)(2)(iii)", "partial", "300 s", "never", "900 s or less", "sshd -T: clientaliveinterval", "linux.sshd.drop_in"],
  ["linux.accounts.empty_passwords", "No account has an empty password", "critical", "164.308(a)(5)(ii)(D)", "partial", "none", "user scan", "none", "/etc/shadow", "linux.account.lock"],
  ["linux.accounts.duplicate_uid0", "Only root has root's number", "critical", "164.312(a)(2)(i)", "partial", "root", "root, toor", "root", "/etc/passwd", null],
  ["linux.accounts.generic_names", "No shared accounts such as 'admin' or 'frontdesk'", "high", "164.312(a)(2)(i)", "partial", "none", "frontdesk", "none", "/etc/passwd", null],
  ["linux.accounts.sudo_nopasswd", "sudo asks for a password", "high", "164.308(a)(3)(ii)(A)", "partial", "no rule", "backup ALL=(ALL) NOPASSWD: ALL", "no rule", "sudo -l", null],
  ["linux.accounts.password_ageing", "Passwords are changed when they must be", "low", "164.308(a)(5)(ii)(D)", "supporting", "365 d", "99999 d", "365 d or less", "/etc/login.defs", "linux.login_defs.set"],
  ["linux.auth.faillock", "Accounts lock after repeated wrong passwords", "high", "164.308(a)(5)(ii)(C)", "full", "deny=5 unlock=900", "not configured", "deny 5 or less", "pam_faillock", "linux.pam.faillock"],
  ["linux.auth.hash_algorithm", "Passwords are stored with a strong hash", "high", "164.308(a)(5)(ii)(D)", "partial", "yescrypt", "md5", "yescrypt or sha512", "/etc/pam.d/common-password", null],
  ["linux.auth.pwquality", "New passwords must be strong", "medium", "164.308(a)(5)(ii)(D)", "partial", "minlen=14", "minlen=6", "12 or more", "pwquality.conf", "linux.pwquality.set"],
  ["linux.firewall.default_drop", "The firewall blocks what is not allowed", "high", "164.312(a)(1)", "partial", "input policy drop, 4 rules", "input policy accept", "input policy drop", "nft -j list ruleset", "linux.firewall.default_drop"],
  ["linux.ports.allow_list", "Only expected services listen on the network", "high", "164.312(a)(1)", "supporting", "22, 443", "22, 443, 5900", "22, 443", "ss -H -tuln", null],
  ["linux.net.cleartext", "No service speaks in clear text", "high", "164.312(e)(1)", "partial", "none", "telnet on 23", "none", "ss -H -tlnp", "linux.service.stop"],
  ["linux.tls.expiry", "Certificates are valid for more than two weeks", "high", "164.312(e)(2)(ii)", "supporting", "62 d left", "3 d left", "14 d or more", "127.0.0.1:443", "linux.cert.reload"],
  ["linux.tls.protocol", "Old TLS versions are refused", "high", "164.312(e)(2)(ii)", "partial", "TLS 1.2, 1.3", "TLS 1.0 accepted", "TLS 1.2 or newer", "127.0.0.1:443", null],
  ["linux.disk.encryption", "The disk with patient data is encrypted", "critical", "164.312(a)(2)(iv)", "full", "crypto_LUKS under /srv", "plain ext4", "dm-crypt", "lsblk -J", null],
  ["linux.disk.space", "There is room for logs and backups", "low", "164.312(b)", "supporting", "41 % used", "97 % used", "90 % or less", "statvfs /var", "linux.journal.vacuum"],
  ["linux.time.sync", "The clock is right to the second", "medium", "164.312(b)", "partial", "offset 0.002 s", "not synchronised", "1 s or less", "chronyc -c tracking", "linux.time.sync"],
  ["linux.audit.running", "The audit system records events", "high", "164.312(b)", "full", "enabled 1", "not running", "enabled", "auditctl -s", "linux.service.start"],
  ["linux.audit.rules", "Changes to accounts and rights are recorded", "high", "164.312(b)", "partial", "38 rules", "0 rules", "identity, privilege, time", "auditctl -l", "linux.audit.rules"],
  ["linux.audit.immutable", "The audit rules cannot be switched off", "medium", "164.312(c)(1)", "partial", "enabled 2", "enabled 1", "enabled 2", "auditctl -s", null],
  ["linux.log.forwarding", "Logs are copied to another machine", "high", "164.308(a)(1)(ii)(D)", "partial", "tcp+tls logs.internal", "no target", "one target", "rsyslog", null],
  ["linux.log.retention", "Logs are kept long enough", "medium", "164.316(b)(2)(i)", "supporting", "2192 d", "28 d", "2192 d", "journald, logrotate", "linux.journal.retention"],
  ["linux.patch.security", "Security updates are installed", "critical", "164.308(a)(5)(ii)(B)", "partial", "0 pending", "3 critical, oldest 22 d", "none older than 15 d", "apt list --upgradable", "linux.package.security_update"],
  ["linux.patch.reboot", "No reboot is waiting for an update", "medium", "164.308(a)(5)(ii)(B)", "supporting", "no", "since 9 d", "no", "/run/reboot-required", null],
  ["linux.malware.scanner", "A malware scanner runs with fresh signatures", "critical", "164.308(a)(5)(ii)(B)", "full", "clamd, signatures 4 h old", "signatures 9 d old", "24 h or less", "clamdscan", "linux.service.start"],
  ["linux.mac.enforcing", "Programs are confined to what they need", "medium", "164.312(a)(1)", "supporting", "AppArmor, 62 profiles", "disabled", "enforcing", "aa-status", null],
  ["linux.sysctl.hardening", "The kernel is set up defensively", "low", "164.312(a)(1)", "supporting", "14 of 14", "12 of 14", "14 of 14", "sysctl", "linux.sysctl.set"],
  ["linux.files.permissions", "Sensitive files are private", "high", "164.312(a)(1)", "partial", "0640 root:shadow", "0644 root:root", "0640 root:shadow", "stat /etc/shadow", "linux.file.mode"],
  ["linux.integrity.packages", "Installed programs are unchanged", "high", "164.312(c)(1)", "partial", "0 changed", "2 changed: /usr/bin/ss, /usr/sbin/cron", "0 changed", "dpkg -V", null],
  ["linux.integrity.aide", "Changes to system files are noticed", "medium", "164.312(c)(1)", "partial", "database 1 d old", "no database", "7 d or less", "aide", "linux.aide.init"],
  ["linux.backup.age", "The last backup is recent", "critical", "164.308(a)(7)(ii)(A)", "partial", "6 h old", "3 d old", "48 h or less", "restic snapshots", null],
  ["linux.backup.encrypted", "Backups are encrypted", "critical", "164.308(a)(7)(ii)(A)", "partial", "yes", "no", "yes", "restic cat config", null],
  ["linux.backup.restore_test", "A restore was tested", "high", "164.308(a)(7)(ii)(B)", "full", "12 d ago", "never", "31 d or less", "restore-test log", null],
  ["linux.session.lock", "The screen locks itself", "medium", "164.310(b)", "partial", "600 s", "never", "900 s or less", "dconf", null],
  ["linux.usb.storage", "USB sticks are blocked", "medium", "164.310(d)(2)(iii)", "full", "blocked", "allowed", "blocked", "modprobe -n usb-storage", "linux.module.block"],
  ["linux.services.critical", "Services that must run do run", "high", "164.308(a)(6)(ii)", "supporting", "5 of 5", "4 of 5: cups", "5 of 5", "systemctl show", "linux.service.start"],
  ["linux.boot.secure", "Only signed systems start", "medium", "164.310(c)", "partial", "secure boot on", "off", "on", "mokutil", null],
  ["agent.integrity", "The agent itself is unchanged", "critical", "164.312(c)(1)", "supporting", "digest matches", "digest differs", "digest matches", "/proc/self/exe", null],
];

export const checks: Check[] = checkRows.map(
  ([id, title, severity, control, strength, good, bad, expected, location, runbook]) => ({
    id,
    title,
    severity,
    control,
    strength,
    good,
    bad,
    expected,
    location,
    runbook,
  }),
);
