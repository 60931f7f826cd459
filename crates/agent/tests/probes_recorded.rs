//! Every check of the catalogue against recorded machines: pass, fail, not applicable, error.
//!
//! `fixtures/<check id>.yaml` holds the cases, `fixtures/shared/` what several of them start from. A check without its
//! cases fails here, and so does a file without its check.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use proofline_agent::cycle::Observer as _;
use proofline_agent::host::{
    Host, HostError, RecordedAnswer, RecordedEntry, RecordedFile, RecordedHost, RecordedOutput, Recording,
};
use proofline_agent::observer::{Bounds, MachineObserver};
use proofline_agent::probes::{self, Context, Memory, NoMemory, Observation, Sighting};
use proofline_catalog::{AssetRole, Catalog, Check};
use proofline_core::{Timestamp, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    /// A recording under `shared/` that every case starts from.
    uses: Option<String>,
    /// What every case of this file has on top.
    #[serde(default)]
    base: Recording,
    pass: Vec<Case>,
    fail: Vec<Case>,
    error: Vec<Case>,
    #[serde(default)]
    unknown: Vec<Case>,
    not_applicable: NotApplicable,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NotApplicable {
    Cases(Vec<Case>),
    /// It always applies, and why.
    Never {
        never: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    name: String,
    roles: Vec<AssetRole>,
    /// Files and commands of the base that are not there.
    without: Vec<String>,
    /// Changes of texts of the base.
    edit: Vec<Edit>,
    /// What is there instead or on top.
    host: Recording,
    /// Security updates that the agent has seen before, with the day of the first look.
    seen: Option<BTreeMap<String, Timestamp>>,
    /// Exactly what is observed.
    observed: Option<String>,
    /// A part of the reason.
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// Only in files or commands whose name contains this.
    #[serde(default, rename = "in")]
    within: String,
    from: String,
    to: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_norway::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn fixture(check: &Check) -> Fixture {
    let path = folder().join(format!("{}.yaml", check.id));
    assert!(path.exists(), "{} has no fixtures: write {}", check.id, path.display());
    read(&path)
}

fn merge(into: &mut Recording, other: &Recording) {
    into.now = other.now.or(into.now);
    into.files.extend(other.files.clone());
    into.commands.extend(other.commands.clone());
}

fn machine(fixture: &Fixture, case: &Case, label: &str) -> Recording {
    let mut recording = Recording::default();
    if let Some(shared) = &fixture.uses {
        merge(&mut recording, &read(&folder().join(format!("shared/{shared}.yaml"))));
    }
    merge(&mut recording, &fixture.base);
    for name in &case.without {
        let gone = recording.files.remove(name).is_some() | recording.commands.remove(name).is_some();
        assert!(gone, "{label}: there is no {name} to take away");
    }
    for edit in &case.edit {
        let mut changed = false;
        for (name, text) in texts(&mut recording).filter(|(name, _)| name.contains(&edit.within)) {
            let _ = name;
            changed |= text.contains(&edit.from);
            *text = text.replace(&edit.from, &edit.to);
        }
        assert!(changed, "{label}: nothing contains {:?}", edit.from);
    }
    merge(&mut recording, &case.host);
    recording
}

fn texts(recording: &mut Recording) -> impl Iterator<Item = (String, &mut String)> {
    let files = recording.files.iter_mut().filter_map(|(name, file)| {
        let text = match file {
            RecordedFile::Text(text)
            | RecordedFile::Entry(
                RecordedEntry { text: Some(text), .. } | RecordedEntry { link: Some(text), .. },
            ) => text,
            RecordedFile::Entry(_) => return None,
        };
        Some((name.clone(), text))
    });
    let commands = recording.commands.iter_mut().map(|(name, answer)| {
        let text = match answer {
            RecordedOutput::Text(text) => text,
            RecordedOutput::Answer(RecordedAnswer { stdout, .. }) => stdout,
        };
        (name.clone(), text)
    });
    files.chain(commands)
}

fn cases(fixture: &Fixture) -> Vec<(Verdict, &Case)> {
    let not_applicable: &[Case] = match &fixture.not_applicable {
        NotApplicable::Cases(cases) => cases,
        NotApplicable::Never { .. } => &[],
    };
    [
        (Verdict::Pass, fixture.pass.as_slice()),
        (Verdict::Fail, &fixture.fail),
        (Verdict::Error, &fixture.error),
        (Verdict::Unknown, &fixture.unknown),
        (Verdict::NotApplicable, not_applicable),
    ]
    .into_iter()
    .flat_map(|(verdict, cases)| cases.iter().map(move |case| (verdict, case)))
    .collect()
}

/// A memory out of a case: it began on the earliest day that it holds.
struct Seen(BTreeMap<String, Timestamp>);

impl Memory for Seen {
    fn note(&self, _: &str, present: &BTreeSet<String>, now: Timestamp) -> BTreeMap<String, Sighting> {
        let began = self.0.values().min().copied();
        let sighting = |item: &String| {
            let since = self.0.get(item).copied().unwrap_or(now);
            Sighting { since, from_the_start: Some(since) == began }
        };
        present.iter().map(|item| (item.clone(), sighting(item))).collect()
    }
}

fn observe(check: &Check, host: &dyn Host, roles: &[AssetRole]) -> Observation {
    observe_for(check, host, &Context { roles: roles.to_vec(), ..Context::default() })
}

fn observe_for(check: &Check, host: &dyn Host, context: &Context) -> Observation {
    let observation = probes::run_for(check, host, context);
    let id = &check.id;
    let (measured, silent) = (observation.verdict.is_assessed(), observation.observed.is_empty());
    assert_eq!(
        measured, !silent,
        "{id}: a verdict needs a reading, and only a verdict has one: {observation:?}"
    );
    assert!(observation.verdict == Verdict::Pass || !observation.reason.is_empty(), "{id} gives no reason");
    for text in [&observation.expected, &observation.observed, &observation.reason, &observation.location] {
        assert!(text.len() <= probes::TEXT_LIMIT && !text.chars().any(char::is_control), "{id}: {text:?}");
    }
    observation
}

#[test]
fn every_check_decides_its_recorded_machines() {
    let mut problems = Vec::new();
    let mut decided: BTreeMap<Verdict, usize> = BTreeMap::new();
    for check in Catalog::embedded().checks() {
        let fixture = fixture(check);
        let all = cases(&fixture);
        for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Error] {
            assert!(
                all.iter().any(|(wanted, _)| *wanted == verdict),
                "{} has no case for {verdict}",
                check.id
            );
        }
        match &fixture.not_applicable {
            NotApplicable::Cases(cases) => {
                assert!(!cases.is_empty(), "{} says nothing of not_applicable", check.id);
            }
            NotApplicable::Never { never } => assert!(never.len() > 10, "{} gives no reason", check.id),
        }
        for (wanted, case) in all {
            let label = format!("{} {wanted} {:?}", check.id, case.name);
            let host = RecordedHost::new(machine(&fixture, case, &label));
            let memory: Arc<dyn Memory> = match &case.seen {
                Some(seen) => Arc::new(Seen(seen.clone())),
                None => Arc::new(NoMemory),
            };
            let context = Context { roles: case.roles.clone(), memory, ..Context::default() };
            let found = observe_for(check, &host, &context);
            *decided.entry(wanted).or_default() += 1;
            let as_observed = case.observed.as_ref().is_none_or(|observed| *observed == found.observed);
            let as_reasoned = case.reason.as_ref().is_none_or(|reason| found.reason.contains(reason));
            if found.verdict != wanted || !as_observed || !as_reasoned {
                problems.push(format!(
                    "{label}\n    wanted {:?} {:?}\n    found  {found:?}",
                    case.observed, case.reason
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    println!("{decided:?}");
}

/// Whoever writes that a check always applies is held to it by every machine that any check was recorded on.
#[test]
fn never_not_applicable_means_never() {
    let fixtures: Vec<(&Check, Fixture)> =
        Catalog::embedded().checks().iter().map(|check| (check, fixture(check))).collect();
    let machines: Vec<(String, RecordedHost)> = fixtures
        .iter()
        .flat_map(|(check, fixture)| cases(fixture).into_iter().map(move |(_, case)| (check, fixture, case)))
        .map(|(check, fixture, case)| {
            let label = format!("{} {:?}", check.id, case.name);
            let host = RecordedHost::new(machine(fixture, case, &label));
            (label, host)
        })
        .chain([("an empty machine".to_owned(), RecordedHost::new(Recording::default()))])
        .collect();
    let mut broken = Vec::new();
    for (check, fixture) in &fixtures {
        if let NotApplicable::Cases(_) = fixture.not_applicable {
            continue;
        }
        for (label, host) in &machines {
            let found = observe(check, host, &[]);
            if found.verdict == Verdict::NotApplicable {
                broken.push(format!("{} on {label}: {}", check.id, found.reason));
            }
        }
    }
    assert!(broken.is_empty(), "{} times:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn no_fixture_is_left_over() {
    let known: BTreeSet<String> =
        Catalog::embedded().checks().iter().map(|check| format!("{}.yaml", check.id)).collect();
    for entry in std::fs::read_dir(folder()).expect("it exists") {
        let entry = entry.expect("it is readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name == "shared" || known.contains(&name), "{name} belongs to no check");
    }
}

/// A machine that answers every question in the same way.
struct Uniform<F: Fn(&str) -> Result<String, HostError> + Send + Sync>(F);

impl<F: Fn(&str) -> Result<String, HostError> + Send + Sync> Host for Uniform<F> {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        let text = (self.0)(&path.to_string_lossy())?;
        if text.len() > limit { Err(HostError::TooLarge) } else { Ok(text.into_bytes()) }
    }
    fn sha256(&self, path: &Path, _: u64) -> Result<[u8; 32], HostError> {
        (self.0)(&path.to_string_lossy()).map(|_| [0; 32])
    }
    fn list(&self, directory: &Path) -> Result<Vec<proofline_agent::host::DirEntry>, HostError> {
        let name = (self.0)(&directory.to_string_lossy())?;
        let entries = vec![proofline_agent::host::DirEntry { name, is_directory: false }];
        Ok(if directory == Path::new("/proc") { with_first_process(entries) } else { entries })
    }
    fn metadata(&self, path: &Path) -> Result<proofline_agent::host::Metadata, HostError> {
        (self.0)(&path.to_string_lossy()).map(|text| proofline_agent::host::Metadata {
            kind: proofline_agent::host::FileKind::Other,
            mode: 0o7777,
            uid: u32::MAX,
            gid: u32::MAX,
            size: text.len() as u64,
            modified: Timestamp::MAX_UTC,
        })
    }
    fn link_metadata(&self, path: &Path) -> Result<proofline_agent::host::Metadata, HostError> {
        self.metadata(path)
    }
    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        (self.0)(&path.to_string_lossy())
    }
    fn run(
        &self,
        argv: &[&str],
        _: proofline_agent::host::RunLimits,
    ) -> Result<proofline_agent::host::Output, HostError> {
        let stdout = (self.0)(&argv.join(" "))?.into_bytes();
        Ok(proofline_agent::host::Output { status: Some(0), stdout, stderr: Vec::new() })
    }
    fn now(&self) -> proofline_core::Timestamp {
        proofline_core::Timestamp::from_timestamp(1_772_366_400, 0).expect("in range")
    }
}

/// Process 1 is what shows that processes are not hidden; with it the probes look further.
fn with_first_process(
    mut entries: Vec<proofline_agent::host::DirEntry>,
) -> Vec<proofline_agent::host::DirEntry> {
    entries.push(proofline_agent::host::DirEntry { name: "1".to_owned(), is_directory: true });
    entries
}

#[test]
fn a_machine_that_refuses_everything_is_never_judged() {
    for refusal in
        [HostError::Denied, HostError::TimedOut, HostError::TooLarge, HostError::Failed("io".to_owned())]
    {
        let host = Uniform(|_: &str| Err(refusal.clone()));
        for check in Catalog::embedded().checks() {
            let found = observe(check, &host, &[]);
            assert_eq!(found.verdict, Verdict::Error, "{} {refusal}: {found:?}", check.id);
        }
    }
}

#[test]
fn an_empty_machine_passes_nothing() {
    let host = RecordedHost::new(Recording::default());
    for check in Catalog::embedded().checks() {
        let found = observe(check, &host, &[]);
        assert_ne!(found.verdict, Verdict::Pass, "{found:?}");
    }
}

#[test]
fn nonsense_is_survived_and_never_passes() {
    let nonsense = [
        "",
        "\n",
        ":",
        "::::::::",
        "=",
        "\0\u{1}\u{7f}\u{fffd}",
        "{",
        "[]",
        "{\"nftables\":[{\"rule\":{\"expr\":[{}]}}]}",
        "-----BEGIN CERTIFICATE-----",
        "a b c d e f g h i j k l m n o p\n",
        ",,,,,,,,,,,,,,,,",
        "99999999999999999999999999",
        "-w\n-a\n-F\n-S",
        "é\u{301}ü ß\u{10ffff}",
        "@include x",
        "Package: a\nVersion: :::---~~~\nStatus: install ok installed\nArchitecture: all\n",
        "0: :::: x",
        "readonly TMOUT=",
        "\"unterminated {",
    ];
    let long = "x".repeat(100_000);
    let mut passed = Vec::new();
    for text in nonsense.iter().copied().chain([long.as_str()]) {
        let host = Uniform(move |_: &str| Ok(text.to_owned()));
        for check in Catalog::embedded().checks() {
            let found = observe(check, &host, &[]);
            if found.verdict == Verdict::Pass {
                passed.push(format!("{} {:?}: {}", check.id, text.get(..40).unwrap_or(text), found.observed));
            }
        }
    }
    assert!(passed.is_empty(), "nonsense passed {} times:\n{}", passed.len(), passed.join("\n"));
}

/// A machine with a disk that answers nothing until the gate opens.
struct DeadDisk {
    inner: RecordedHost,
    open: Mutex<bool>,
    gate: Condvar,
    calls: AtomicUsize,
    threads: Mutex<HashSet<ThreadId>>,
}

impl DeadDisk {
    /// With one setting of the kernel beside the disks.
    fn new(open: bool) -> Arc<Self> {
        let mut recording: Recording = read(&folder().join("shared/disks.yaml"));
        recording
            .files
            .insert("/proc/sys/net/ipv4/tcp_syncookies".to_owned(), RecordedFile::Text("1\n".to_owned()));
        Arc::new(Self {
            inner: RecordedHost::new(recording),
            open: Mutex::new(open),
            gate: Condvar::new(),
            calls: AtomicUsize::new(0),
            threads: Mutex::default(),
        })
    }

    fn wait(&self, path: &Path) {
        if path.starts_with("/srv") {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let open = self.open.lock().expect("held by nobody who panics");
            drop(self.gate.wait_while(open, |open| !*open).expect("held by nobody who panics"));
        }
    }
}

impl Host for DeadDisk {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        self.threads.lock().expect("held by nobody who panics").insert(std::thread::current().id());
        self.inner.read(path, limit)
    }
    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        self.inner.sha256(path, limit)
    }
    fn list(&self, directory: &Path) -> Result<Vec<proofline_agent::host::DirEntry>, HostError> {
        self.inner.list(directory)
    }
    fn metadata(&self, path: &Path) -> Result<proofline_agent::host::Metadata, HostError> {
        self.wait(path);
        self.inner.metadata(path)
    }
    fn link_metadata(&self, path: &Path) -> Result<proofline_agent::host::Metadata, HostError> {
        self.inner.link_metadata(path)
    }
    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        self.inner.read_link(path)
    }
    fn run(
        &self,
        argv: &[&str],
        limits: proofline_agent::host::RunLimits,
    ) -> Result<proofline_agent::host::Output, HostError> {
        self.inner.run(argv, limits)
    }
    fn now(&self) -> Timestamp {
        self.inner.now()
    }
}

const DISK: &str = "linux.encryption.data_at_rest";
const OTHER: &str = "linux.kernel.syn_cookies";

#[test]
fn a_disk_that_does_not_answer_costs_its_checks_and_no_more() {
    let host = DeadDisk::new(false);
    let state = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { deadline: Duration::from_secs(1), left_behind: 2, ..Bounds::USUAL };
    let observer =
        |bounds| MachineObserver::of(Arc::clone(&host) as Arc<dyn Host>, state.path().into(), bounds);
    let look = |observer: &MachineObserver, checks: &[&str]| {
        let checks: Vec<String> = checks.iter().map(|&check| check.to_owned()).collect();
        let mut found = observer.observe(&checks, &[]);
        found.sort_by(|a, b| a.check.cmp(&b.check));
        assert_eq!(found.len(), checks.len());
        found
    };
    let verdicts = |found: &[Observation]| found.iter().map(|found| found.verdict).collect::<Vec<_>>();

    let patient = observer(bounds);
    for _ in 0..3 {
        let found = look(&patient, &[DISK, OTHER]);
        assert_eq!(verdicts(&found), [Verdict::Error, Verdict::Pass]);
        assert!(found[0].reason.starts_with("timed out"), "{found:?}");
        assert_eq!(host.calls.load(Ordering::SeqCst), 1, "a check that still waits is not started again");
    }
    let full = observer(Bounds { left_behind: 1, ..bounds });
    assert_eq!(verdicts(&look(&full, &[DISK])), [Verdict::Error]);
    let found = look(&full, &[OTHER]);
    assert!(found[0].verdict == Verdict::Error && found[0].reason.contains("too many"), "{found:?}");

    *host.open.lock().expect("held by nobody who panics") = true;
    host.gate.notify_all();
    while look(&full, &[OTHER])[0].verdict == Verdict::Error {
        std::thread::yield_now();
    }
    assert_eq!(verdicts(&look(&full, &[DISK, OTHER])), [Verdict::Pass, Verdict::Pass]);
}

#[test]
fn the_same_threads_take_every_probe_of_every_cycle() {
    let everything: Vec<String> = Catalog::embedded().checks().iter().map(|check| check.id.clone()).collect();
    let (host, state) = (DeadDisk::new(true), tempfile::tempdir().expect("a folder"));
    let observer =
        MachineObserver::of(Arc::clone(&host) as Arc<dyn Host>, state.path().into(), Bounds::USUAL);
    for _ in 0..5 {
        observer.observe(&everything, &[]);
    }
    assert_eq!(host.threads.lock().expect("held by nobody who panics").len(), Bounds::USUAL.threads);
}

#[test]
fn cut_off_answers_are_survived() {
    for check in Catalog::embedded().checks() {
        let fixture = fixture(check);
        for (_, case) in cases(&fixture) {
            for keep in [1_usize, 3, 7] {
                let mut recording = machine(&fixture, case, &check.id);
                for (_, text) in texts(&mut recording) {
                    let cut = text.chars().count() * keep / 8;
                    *text = text.chars().take(cut).collect();
                }
                observe(check, &RecordedHost::new(recording), &case.roles);
            }
        }
    }
}
