//! The promises of `host`: bounded, contained, and clear about why something could not be read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proofline_agent::host::{
    CycleHost, DirEntry, FileKind, Host, HostError, LocalHost, Metadata, Output, RunLimits,
};
use proofline_core::{FixedClock, Timestamp};
use tempfile::TempDir;

fn noon() -> Timestamp {
    Timestamp::from_timestamp(1_772_366_400, 0).expect("in range")
}

fn real() -> LocalHost {
    LocalHost::new(Arc::new(FixedClock::at(noon())))
}

fn scratch() -> (TempDir, LocalHost) {
    let folder = TempDir::new().expect("a temporary folder");
    let host = LocalHost::rooted(folder.path(), Arc::new(FixedClock::at(noon())));
    (folder, host)
}

fn script(folder: &TempDir, name: &str, text: &str) {
    let directory = folder.path().join("usr/bin");
    fs::create_dir_all(&directory).expect("made");
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made executable");
}

/// For programs that answer: how long a busy machine takes to start one is not what is tested.
const BRIEF: RunLimits = RunLimits { timeout: Duration::from_secs(30), output_limit: 1000 };

#[test]
fn a_link_does_not_lead_out_of_a_scratch_root() {
    let (folder, host) = scratch();
    fs::create_dir(folder.path().join("etc")).expect("made");
    fs::write(folder.path().join("etc/inside"), "inside").expect("written");
    symlink("/etc/inside", folder.path().join("absolute")).expect("linked");
    symlink("../../../../../../etc/inside", folder.path().join("climbing")).expect("linked");
    symlink("/proc/self/environ", folder.path().join("outside")).expect("linked");
    let reader: &dyn Host = &host;
    assert_eq!(reader.text("/absolute").as_deref(), Ok("inside"));
    assert_eq!(reader.text("/climbing").as_deref(), Ok("inside"));
    assert_eq!(reader.text("/outside"), Err(HostError::NotFound));
    assert_eq!(reader.text("/etc/../../etc/inside").as_deref(), Ok("inside"));
    assert_eq!(host.link_metadata(Path::new("/outside")).map(|m| m.kind), Ok(FileKind::Symlink));
    assert_eq!(host.read_link(Path::new("/absolute")).as_deref(), Ok("/etc/inside"));
}

#[test]
fn files_are_read_up_to_their_limit_and_pipes_not_at_all() {
    let (folder, host) = scratch();
    fs::write(folder.path().join("ten"), "0123456789").expect("written");
    assert_eq!(host.read(Path::new("/ten"), 10), Ok(b"0123456789".to_vec()));
    assert_eq!(host.read(Path::new("/ten"), 9), Err(HostError::TooLarge));
    assert_eq!(host.sha256(Path::new("/ten"), 9), Err(HostError::TooLarge));
    assert!(host.sha256(Path::new("/ten"), 10).is_ok());
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("a pipe");
    assert_eq!(host.read(Path::new("/pipe"), 10), Err(HostError::Failed("not a regular file".to_owned())));
    assert_eq!(host.read(Path::new("/none"), 10), Err(HostError::NotFound));
    assert_eq!(host.read(Path::new("/ten/below"), 10), Err(HostError::NotFound));
}

#[test]
fn a_listing_is_sorted_and_knows_directories() {
    let (folder, host) = scratch();
    fs::create_dir_all(folder.path().join("d/b")).expect("made");
    fs::write(folder.path().join("d/a"), "").expect("written");
    let names = host.list(Path::new("/d")).expect("listed");
    let entry = |name: &str, is_directory| DirEntry { name: name.to_owned(), is_directory };
    assert_eq!(names, [entry("a", false), entry("b", true)]);
    assert_eq!(host.list(Path::new("/d/a")), Err(HostError::NotFound));
}

#[test]
fn a_scratch_machine_has_only_its_own_programs() {
    let (folder, host) = scratch();
    assert_eq!(host.run(&["sh", "-c", "true"], BRIEF), Err(HostError::NotFound));
    script(&folder, "where", "#!/bin/sh\npwd\n");
    let answer = host.run(&["where"], BRIEF).expect("it runs");
    let place = fs::canonicalize(folder.path()).expect("it exists");
    assert_eq!(answer.text().trim_end(), place.to_string_lossy());
}

#[test]
fn the_environment_is_clean_and_standard_input_empty() {
    let answer = real().run(&["env"], BRIEF).expect("it runs").text();
    let mut names: Vec<&str> = answer.lines().filter_map(|l| l.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "LC_ALL", "PATH", "SYSTEMD_COLORS", "SYSTEMD_PAGER", "TERM", "TZ"]);
    assert_eq!(real().run(&["cat"], BRIEF).map(|o| o.stdout), Ok(Vec::new()));
}

#[test]
fn the_status_and_the_complaint_are_an_answer() {
    let answer = real().run(&["ls", "/no/such/place"], BRIEF).expect("it answered");
    assert_eq!(answer.status, Some(2));
    assert!(!answer.success() && answer.complaint().contains("No such file"), "{answer:?}");
    assert_eq!(real().run(&["no-such-program"], BRIEF), Err(HostError::NotFound));
    assert_eq!(real().run(&[], BRIEF), Err(HostError::NotFound));
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let (folder, host) = scratch();
    script(&folder, "hang", "#!/bin/sh\n/bin/sleep 60 &\necho $! > child\nwait\n");
    let started = Instant::now();
    // Long enough for the script to begin.
    let limits = RunLimits { timeout: Duration::from_secs(2), ..BRIEF };
    assert_eq!(host.run(&["hang"], limits), Err(HostError::TimedOut));
    assert!(started.elapsed() < Duration::from_secs(30), "it was waited for");
    let child = fs::read(folder.path().join("child")).expect("it began");
    let status = format!("/proc/{}/stat", String::from_utf8_lossy(&child).trim());
    // Gone, or a zombie that nobody has collected yet. The kernel may take a moment for what it was told to kill.
    let alive = || fs::read(&status).is_ok_and(|stat| !String::from_utf8_lossy(&stat).contains(") Z "));
    while alive() {
        assert!(started.elapsed() < Duration::from_secs(50), "it was not killed");
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_talks_without_end_is_stopped_while_it_talks() {
    let started = Instant::now();
    assert_eq!(
        real().run(&["yes"], RunLimits { timeout: Duration::from_mins(1), ..BRIEF }),
        Err(HostError::TooLarge)
    );
    assert!(started.elapsed() < Duration::from_secs(30), "it talked until its time was over");
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_hold_us_up() {
    let (folder, host) = scratch();
    script(&folder, "daemon", "#!/bin/sh\n/bin/sleep 30 &\necho started\n");
    let started = Instant::now();
    assert_eq!(host.run(&["daemon"], BRIEF).map(|o| o.text()), Ok("started\n".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(15), "it was waited for");
}

/// Counts what reaches the machine.
struct Counting {
    inner: LocalHost,
    calls: AtomicUsize,
}

impl Host for Counting {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.read(path, limit)
    }
    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        self.inner.sha256(path, limit)
    }
    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        self.inner.list(directory)
    }
    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.inner.metadata(path)
    }
    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.inner.link_metadata(path)
    }
    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        self.inner.read_link(path)
    }
    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.run(argv, limits)
    }
    fn now(&self) -> Timestamp {
        self.inner.now()
    }
}

#[test]
fn a_cycle_asks_the_machine_once() {
    let (folder, inner) = scratch();
    script(&folder, "answer", "#!/bin/sh\necho 42\n");
    let machine = Counting { inner, calls: AtomicUsize::new(0) };
    let cycle = CycleHost::new(&machine);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(
                        cycle.run(&["answer"], RunLimits::QUICK).map(|o| o.text()),
                        Ok("42\n".to_owned())
                    );
                    assert_eq!(cycle.read(Path::new("/none"), 10), Err(HostError::NotFound));
                }
            });
        }
    });
    assert_eq!(machine.calls.load(Ordering::SeqCst), 2);
    assert_eq!(CycleHost::new(&machine).run(&["answer"], RunLimits::QUICK).map(|o| o.status), Ok(Some(0)));
    assert_eq!(machine.calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_cycle_keeps_the_reader_s_own_limit() {
    let (folder, machine) = scratch();
    fs::write(folder.path().join("small"), "0123456789").expect("written");
    fs::write(folder.path().join("large"), vec![b'x'; 100_000]).expect("written");
    let cycle = CycleHost::new(&machine);
    assert_eq!(cycle.read(Path::new("/small"), 9), Err(HostError::TooLarge));
    assert_eq!(cycle.read(Path::new("/small"), 10).map(|b| b.len()), Ok(10));
    assert_eq!(cycle.read(Path::new("/large"), 200_000).map(|b| b.len()), Ok(100_000));
    assert_eq!(cycle.read(Path::new("/large"), 99_999), Err(HostError::TooLarge));
}
