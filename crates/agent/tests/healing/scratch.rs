//! A machine in a folder: real files with real modes, the real `sshd` and `nft` behind private mounts and networks, real
//! processes as services. Stand-ins remain for what a folder cannot have: the service manager, the package manager, the
//! kernel's audit, modules and clock discipline. Nothing outside the folder is changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Scratch {
    folder: TempDir,
    network: Option<Child>,
}

const SYSTEMCTL: &str = r#"#!/bin/sh
ROOT='@ROOT@'; S="$ROOT/run/units"
verb=$1; shift
[ "$verb" = daemon-reload ] && exit 0
while [ $# -gt 0 ]; do case "$1" in --property=*) shift ;; --) shift; break ;; *) break ;; esac; done
known() { [ -f "$ROOT/lib/systemd/system/$1" ] || [ -f "$ROOT/etc/systemd/system/$1" ]; }
alive() { [ -f "$S/$1/pid" ] && kill -0 "$(cat "$S/$1/pid")" 2>/dev/null; }
hook() { if [ -x "$ROOT/run/hooks/$1" ]; then "$ROOT/run/hooks/$1" || { echo "$1 failed" >&2; exit 1; }; fi; }
start() {
  alive "$1" && return
  [ -f "$S/$1/masked" ] && { echo "Unit $1 is masked." >&2; exit 1; }
  setsid sleep 600 </dev/null >/dev/null 2>&1 &
  echo $! > "$S/$1/pid"; mkdir -p "$ROOT/proc/$!"; cat "$ROOT/lib/systemd/system/$1" > "$ROOT/proc/$!/comm"
  daemon="/usr/lib/daemons/$(cat "$ROOT/lib/systemd/system/$1")"; mkdir -p "$ROOT/usr/lib/daemons"
  : > "$ROOT$daemon"; ln -sfn "$daemon" "$ROOT/proc/$!/exe"
}
stop() {
  [ -f "$S/$1/pid" ] || return 0
  pid=$(cat "$S/$1/pid"); kill "$pid" 2>/dev/null; rm -rf "$S/$1/pid" "$ROOT/proc/$pid"
}
if [ "$verb" = show ]; then
  for u in "$@"; do
    load=not-found; active=inactive; file=
    if known "$u"; then
      load=loaded; file=disabled; [ -f "$S/$u/enabled" ] && file=enabled
      [ -f "$S/$u/masked" ] && { load=masked; file=masked; }
      alive "$u" && active=active
    fi
    printf 'Id=%s\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\n\n' "$u" "$load" "$active" "$file"
  done
  exit 0
fi
u=$1
known "$u" || { echo "Unit $u not found." >&2; exit 5; }
mkdir -p "$S/$u"
hook "$verb-$u"
case "$verb" in
  start) start "$u" ;;
  stop) stop "$u" ;;
  restart) stop "$u"; start "$u" ;;
  reload) alive "$u" || { echo "$u is not active" >&2; exit 1; } ;;
  enable) touch "$S/$u/enabled" ;;
  disable) rm -f "$S/$u/enabled" ;;
  mask) touch "$S/$u/masked" ;;
  unmask) rm -f "$S/$u/masked" ;;
  *) exit 1 ;;
esac
"#;

const SSHD: &str = r#"#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$0/etc" /etc && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd "$@"' '@ROOT@' "$@"
"#;

const NFT: &str = r#"#!/bin/sh
exec nsenter --net=/proc/@PID@/ns/net unshare --mount sh -c 'mount --bind "$0/etc" /etc && exec /usr/sbin/nft "$@"' '@ROOT@' "$@"
"#;

const AUGENRULES: &str = r"#!/bin/sh
cat '@ROOT@'/etc/audit/rules.d/*.rules 2>/dev/null | grep -v '^#' > '@ROOT@/run/audit.loaded'; exit 0
";

const AUDITCTL: &str = r#"#!/bin/sh
R='@ROOT@'
if [ "$1" = -l ]; then grep -v '^-e' "$R/run/audit.loaded" 2>/dev/null || echo 'No rules'; exit 0; fi
enabled=1; grep -q '^-e 2' "$R/run/audit.loaded" 2>/dev/null && enabled=2
pid=0; [ -f "$R/run/units/auditd.service/pid" ] && pid=$(cat "$R/run/units/auditd.service/pid")
printf 'enabled %s\nfailure 1\npid %s\n' "$enabled" "$pid"
"#;

const DPKG_QUERY: &str = r#"#!/bin/sh
[ "$1" = --version ] && exit 0
for name; do :; done
[ -f "@ROOT@/var/lib/packages/$name" ] || { echo "no packages found matching $name" >&2; exit 1; }
printf installed
"#;

const APT_GET: &str = r#"#!/bin/sh
R='@ROOT@'
verb=; for word; do case "$word" in install|remove) verb=$word ;; esac; name=$word; done
case "$name" in auditd) unit=auditd.service ;; *) unit= ;; esac
if [ "$verb" = install ]; then
  touch "$R/var/lib/packages/$name"
  [ -n "$unit" ] && printf auditd > "$R/lib/systemd/system/$unit"
  [ "$name" = libpam-pwquality ] && sed -i '1i password requisite pam_pwquality.so retry=3' "$R/etc/pam.d/passwd"
else
  rm -f "$R/var/lib/packages/$name"
  [ -n "$unit" ] && rm -f "$R/lib/systemd/system/$unit"
  [ "$name" = libpam-pwquality ] && sed -i '/pam_pwquality/d' "$R/etc/pam.d/passwd"
fi
exit 0
"#;

const MODPROBE: &str = r#"#!/bin/sh
for module; do :; done
if grep -qs "^install $module /bin/false" '@ROOT@'/etc/modprobe.d/*.conf; then echo 'install /bin/false'; else
  echo "insmod /lib/modules/6.1.0/kernel/drivers/usb/storage/$module.ko"; fi
"#;

const SYSTEMD_ANALYZE: &str = r#"#!/bin/sh
cat "@ROOT@/etc/$2" "@ROOT@/etc/$2.d/"*.conf 2>/dev/null; exit 0
"#;

const CHRONYC: &str = r#"#!/bin/sh
[ -f '@ROOT@/run/units/chrony.service/pid' ] || { echo '506 Cannot talk to daemon' >&2; exit 1; }
[ "$1" = waitsync ] && exit 0
echo '50505300,192.0.2.9,3,1772366400.1,0.000012,-0.0000003,0.00002,1.5,-0.001,0.05,0.01,0.001,64.2,Normal'
"#;

const KERNEL: [(&str, &str); 21] = [
    ("kernel/osrelease", "6.1.0"),
    ("kernel/randomize_va_space", "2"),
    ("kernel/kptr_restrict", "1"),
    ("kernel/dmesg_restrict", "1"),
    ("fs/protected_hardlinks", "1"),
    ("fs/protected_symlinks", "1"),
    ("net/ipv4/ip_forward", "0"),
    ("net/ipv4/tcp_syncookies", "1"),
    ("net/ipv4/conf/all/rp_filter", "2"),
    ("net/ipv4/conf/all/log_martians", "1"),
    ("net/ipv4/conf/all/accept_redirects", "0"),
    ("net/ipv4/conf/default/accept_redirects", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/conf/all/accept_source_route", "0"),
    ("net/ipv4/conf/default/accept_source_route", "0"),
    ("net/ipv6/conf/all/forwarding", "0"),
    ("net/ipv6/conf/all/accept_redirects", "0"),
    ("net/ipv6/conf/default/accept_redirects", "0"),
    ("net/ipv6/conf/eth0.7/accept_redirects", "0"),
    ("net/ipv6/conf/all/accept_source_route", "0"),
];

/// What keeps a scratch machine from being set up here.
pub fn missing() -> Option<&'static str> {
    let there = |program: &str| Path::new(program).exists();
    if !rustix::process::geteuid().is_root() {
        return Some("this needs root");
    }
    if !["/usr/sbin/sshd", "/usr/sbin/nft", "/usr/bin/ssh-keygen"].into_iter().all(there) {
        return Some("this needs OpenSSH and nftables");
    }
    let private = Command::new("unshare").args(["--mount", "--net", "true"]).stderr(Stdio::null()).status();
    if private.is_ok_and(|status| status.success()) {
        None
    } else {
        Some("this needs private mounts and networks")
    }
}

impl Scratch {
    /// A machine on which nothing is wrong as far as the runbooks know, with an SSH server and a journal running.
    pub fn new() -> Self {
        let scratch = Self { folder: tempfile::tempdir().expect("a folder"), network: None };
        let folders = [
            "etc/ssh/sshd_config.d",
            "etc/audit/rules.d",
            "etc/pam.d",
            "etc/security",
            "etc/profile.d",
            "etc/sudoers.d",
            "etc/systemd/system",
            "etc/sysctl.d",
            "etc/modprobe.d",
            "etc/chrony",
            "etc/cron.d",
            "lib/systemd/system",
            "run/units",
            "run/hooks",
            "run/systemd/system",
            "usr/sbin",
            "usr/bin",
            "var/lib/packages",
            "var/log",
            "proc/net",
            "proc/1",
            "home/admin/.ssh",
            "root",
        ];
        for folder in folders {
            fs::create_dir_all(scratch.path(folder)).expect("a folder");
        }
        scratch.write_accounts();
        for (key, value) in KERNEL {
            scratch.write(&format!("proc/sys/{key}"), &format!("{value}\n"), 0o644);
        }
        let program = |name: &str, text: &str| scratch.program(name, text);
        program("systemctl", SYSTEMCTL);
        program("sshd", SSHD);
        program("augenrules", AUGENRULES);
        program("auditctl", AUDITCTL);
        program("dpkg-query", DPKG_QUERY);
        program("apt-get", APT_GET);
        program("modprobe", MODPROBE);
        program("systemd-analyze", SYSTEMD_ANALYZE);
        program("chronyc", CHRONYC);
        program("journalctl", "#!/bin/sh\nmkdir -p '@ROOT@/var/log/journal'\n");
        scratch.write("proc/1/comm", "systemd\n", 0o644);
        scratch.write("proc/modules", "", 0o644);
        let modules = "kernel/drivers/usb/storage/usb-storage.ko:\nkernel/drivers/usb/storage/uas.ko:\n";
        scratch.write("lib/modules/6.1.0/modules.dep", modules, 0o644);
        scratch.write("lib/modules/6.1.0/modules.builtin", "", 0o644);
        scratch.listen(&[22]);
        let key = scratch.path("etc/ssh/ssh_host_ed25519_key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen runs").success());
        scratch.write("etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n", 0o600);
        for (unit, comm) in [
            ("ssh.service", "sshd"),
            ("systemd-journald.service", "systemd-journal"),
            ("cron.service", "cron"),
        ] {
            scratch.unit(unit, comm);
            scratch.systemctl(&["enable", "--", unit]);
            scratch.systemctl(&["start", "--", unit]);
        }
        scratch
    }

    fn write_accounts(&self) {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nsshd:x:104:65534::/run/sshd:/usr/sbin/nologin\n\
                        nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\nadmin:x:1000:1000::/home/admin:/bin/bash\n";
        self.write("etc/passwd", accounts, 0o644);
        self.write(
            "etc/group",
            "root:x:0:\nshadow:x:42:\nsudo:x:27:admin\nnogroup:x:65534:\nadmin:x:1000:\n",
            0o644,
        );
        self.write(
            "etc/shadow",
            "root:*:19000:0:99999:7:::\nadmin:$y$j9T$abc$def:19000:0:99999:7:::\n",
            0o640,
        );
        self.write("etc/gshadow", "root:*::\n", 0o640);
        for file in ["etc/passwd-", "etc/group-"] {
            self.write(file, "", 0o644);
        }
        for file in ["etc/shadow-", "etc/gshadow-"] {
            self.write(file, "", 0o640);
        }
        self.write("home/admin/.ssh/authorized_keys", "ssh-ed25519 AAAAC3Nza admin@clinic\n", 0o600);
        self.write("etc/sudoers", "%sudo ALL=(ALL) ALL\n", 0o440);
        self.write("etc/sudoers.d/clinic", "# none\n", 0o440);
        self.write("etc/login.defs", "# defaults\nPASS_MAX_DAYS\t365\nUMASK\t\t027\n", 0o644);
        self.write("etc/crontab", "# none\n", 0o644);
        self.write("etc/profile", "umask 027\n", 0o644);
        self.write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n", 0o644);
        self.write(
            "etc/pam.d/common-auth",
            "auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\n\
             auth [default=die] pam_faillock.so authfail\n",
            0o644,
        );
        for service in ["login", "sshd"] {
            self.write(&format!("etc/pam.d/{service}"), "@include common-auth\n", 0o644);
        }
        self.write("etc/pam.d/passwd", "password required pam_unix.so obscure\n", 0o644);
        self.write("etc/security/faillock.conf", "# faillock\ndeny = 5\nunlock_time = 900\n", 0o644);
        self.write("etc/systemd/journald.conf", "[Journal]\n#Storage=auto\n", 0o644);
        self.write("etc/chrony/chrony.conf", "sourcedir /etc/chrony/sources.d\n", 0o644);
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("a folder");
        fs::write(&path, text).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    pub fn append(&self, path: &str, text: &str) {
        let path = self.path(path);
        let mut whole = fs::read(&path).unwrap_or_default();
        whole.extend_from_slice(text.as_bytes());
        fs::write(path, whole).expect("writes");
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8(fs::read(self.path(path)).expect("reads")).expect("text")
    }

    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    pub fn owner(&self, path: &str, uid: u32, gid: u32) {
        chown(self.path(path), Some(uid), Some(gid)).expect("sets the owner");
    }

    pub fn link(&self, target: &str, path: &str) {
        symlink(target, self.path(path)).expect("a link");
    }

    pub fn program(&self, name: &str, text: &str) {
        let pid = self.network.as_ref().map_or(0, Child::id).to_string();
        let text = text.replace("@ROOT@", &self.root().display().to_string()).replace("@PID@", &pid);
        self.write(&format!("usr/sbin/{name}"), &text, 0o755);
    }

    /// Runs `text` whenever `verb-unit` is asked of the service manager; a failure of it is a failure of the request.
    pub fn hook(&self, name: &str, text: &str) {
        let text = format!("#!/bin/sh\n{text}\n").replace("@ROOT@", &self.root().display().to_string());
        self.write(&format!("run/hooks/{name}"), &text, 0o755);
    }

    pub fn unit(&self, unit: &str, comm: &str) {
        self.write(&format!("lib/systemd/system/{unit}"), &format!("{comm}\n"), 0o644);
        fs::create_dir_all(self.path(&format!("run/units/{unit}"))).expect("a folder");
    }

    pub fn systemctl(&self, argv: &[&str]) {
        let status = Command::new(self.path("usr/sbin/systemctl")).args(argv).stdin(Stdio::null()).status();
        assert!(status.expect("runs").success(), "systemctl {argv:?}");
    }

    pub fn runs(&self, unit: &str) -> bool {
        let pid = fs::read(self.path(&format!("run/units/{unit}/pid"))).unwrap_or_default();
        let pid = String::from_utf8(pid).expect("a number").trim().to_owned();
        !pid.is_empty() && Path::new(&format!("/proc/{pid}/comm")).exists()
    }

    /// The machine's socket table: these TCP ports listen on every address.
    pub fn listen(&self, ports: &[u16]) {
        let mut text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".to_owned();
        for (number, port) in ports.iter().enumerate() {
            text.push_str(&format!("   {number}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1{number}\n"));
        }
        self.write("proc/net/tcp", &text, 0o444);
        self.write("proc/net/udp", text.lines().next().expect("a header"), 0o444);
    }

    /// A network of its own for the real `nft`.
    pub fn with_network(mut self) -> Self {
        let holder = Command::new("unshare").args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn();
        self.network = Some(holder.expect("unshare runs"));
        // The name space is there once `unshare` has become `sleep`.
        let pid = self.network.as_ref().expect("just set").id();
        while fs::read(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm != b"sleep\n") {
            std::thread::yield_now();
        }
        self.program("nft", NFT);
        self
    }

    /// Everything that a runbook may change: files with mode, owner and content, and the state of every unit.
    pub fn snapshot(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.path("etc"), self.path("proc/sys"), self.path("var"), self.path("lib")];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.strip_prefix(self.root()).expect("inside").display().to_string();
                if name == "etc/.pwd.lock" || name == "var/log/journal" {
                    continue;
                }
                let meta = fs::symlink_metadata(&path).expect("metadata");
                let mut state = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
                if meta.is_dir() {
                    left.push(path);
                } else if meta.is_file() {
                    state.push_str(&format!(
                        " {:?}",
                        String::from_utf8_lossy(&fs::read(&path).expect("reads"))
                    ));
                }
                found.insert(name, state);
            }
        }
        for entry in fs::read_dir(self.path("lib/systemd/system")).expect("a folder") {
            let unit = entry.expect("an entry").file_name().into_string().expect("text");
            let is = |what: &str| self.path(&format!("run/units/{unit}/{what}")).exists();
            found.insert(
                format!("unit {unit}"),
                format!("{} {} {}", is("enabled"), is("masked"), self.runs(&unit)),
            );
        }
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.path("run/units")).into_iter().flatten().flatten() {
            let pid = fs::read(entry.path().join("pid")).ok().and_then(|pid| String::from_utf8(pid).ok());
            if let Some(pid) = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.trim().parse().ok()?)) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        if let Some(network) = &mut self.network {
            let _ = network.kill();
            let _ = network.wait();
        }
    }
}
