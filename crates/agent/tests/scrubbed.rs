//! People write patients into the names of files, folders and accounts. None of them reaches the server.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use proofline_agent::enroll::Machine as Described;
use proofline_agent::executor::{Disk, Journals, NoLifeline};
use proofline_agent::healer::{Healer, Machine};
use proofline_agent::host::LocalHost;
use proofline_agent::identity::Identity;
use proofline_agent::observer::MachineObserver;
use proofline_agent::settings::RunSettings;
use proofline_agent::status::{Board, Status};
use proofline_agent::sync::Drained;
use proofline_agent::worker::{Memory, Task, Worker};
use proofline_catalog::Catalog;
use proofline_core::{Clock, Mode, Verdict};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::statement::Body;
use proofline_protocol::{KeyRole, OrderOutcome, paths};
use support::central::{CODE, server_key};
use support::rig::{Rig, result};

/// What must not be in anything that is sent.
const PATIENTS: [&str; 8] = [
    "123-45-6789",
    "1957-03-02",
    "0012345",
    "john.smith@example.com",
    "555-234-5678",
    "1EG4-TE5-MK73",
    "E11.9",
    "4111-1111-1111-1111",
];

/// A machine on whose disk people have written.
struct Clinic(tempfile::TempDir);

impl Clinic {
    fn new() -> Self {
        let clinic = Self(tempfile::tempdir().expect("a folder"));
        let homes = [
            "/home/smith_dob_1957-03-02",
            "/home/mrn_0012345",
            "/home/john.smith@example.com",
            "/home/card-4111-1111-1111-1111",
        ];
        let mut passwd = String::from("root:x:0:0:root:/root:/bin/bash\n");
        for (n, home) in homes.iter().enumerate() {
            let name = home.trim_start_matches("/home/");
            passwd +=
                &format!("{name}:x:{}:1000:Smith, John,,(555) 555-234-5678:{home}:/bin/bash\n", 1000 + n / 2);
            clinic.folder(home, 0o777);
        }
        clinic.file("/etc/passwd", &passwd, 0o644);
        for file in [
            "/etc/ssn-123-45-6789.conf",
            "/etc/share/Smith_John_E11.9.cnf",
            "/etc/share/call 555-234-5678",
            "/etc/1EG4-TE5-MK73.txt",
        ] {
            clinic.file(file, "", 0o666);
        }
        clinic.file("/etc/sudoers", "patient-0012345 ALL=(ALL) NOPASSWD: ALL\n", 0o440);
        clinic
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn folder(&self, path: &str, mode: u32) {
        fs::create_dir_all(self.path(path)).expect("is made");
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).expect("is ours");
    }

    fn file(&self, path: &str, text: &str, mode: u32) {
        fs::create_dir_all(self.path(path).parent().expect("has one")).expect("is made");
        fs::write(self.path(path), text).expect("writes");
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).expect("is ours");
    }
}

/// Every cycle of an agent on this machine, with the healer, until everything is sent.
fn work(rig: &Rig, clinic: &Clinic) {
    let (identity, _) = Identity::load(&rig.state()).expect("is enrolled");
    let clock: Arc<dyn Clock> = Arc::new(rig.clock.clone());
    let ids = rig.central.lock().ids;
    let machine = Machine {
        host: Arc::new(LocalHost::rooted(clinic.root(), Arc::clone(&clock))),
        files: Arc::new(Disk::new(clinic.root())),
        journals: Journals::open(rig.state_path().join("journals")).expect("opens"),
        lifeline: Arc::new(NoLifeline),
        org: ids.org,
        site: identity.site,
        asset: ids.asset,
    };
    let healer =
        Healer::open(machine, Catalog::embedded(), Arc::clone(&clock), Arc::clone(&rig.entropy), None);
    let parts = rig.parts();
    let worker = Worker {
        asset: ids.asset,
        mode: Mode::Enforce,
        settings: RunSettings { cycle_s: 300, incident_cycle_s: 30, outbox_mib: 1 },
        override_file: rig.state().local_override(),
        observer: Arc::new(MachineObserver::new(clinic.root(), rig.state_path(), Arc::clone(&clock))),
        responder: Box::new(healer.expect("opens")),
        emitter: Arc::clone(&parts.emitter),
        rules: Arc::clone(&parts.rules),
        orders: Arc::clone(&parts.orders),
        board: Arc::new(Board::new(&rig.state(), Status::starting(&identity, rig.clock.now()))),
        courier: mpsc::channel().0,
        clock,
        memory: Memory::default(),
    };
    let (tell, told) = mpsc::channel();
    for task in [Task::RunChecks, Task::Stop] {
        tell.send(task).expect("is listening");
    }
    worker.run(&told).expect("the queue works");
    assert_eq!(rig.drain(), Drained::Empty);
}

/// Everything that left the machine, the payloads of the envelopes included.
fn sent(rig: &Rig) -> Vec<String> {
    let inner = rig.central.lock();
    let envelopes = inner
        .log
        .iter()
        .map(|entry| Envelope::parse(entry).expect("an envelope").unverified_payload().to_vec());
    let all = inner.bodies.iter().cloned().chain(envelopes);
    all.map(|bytes| String::from_utf8(bytes).expect("is JSON")).collect()
}

#[track_caller]
fn assert_no_patient(sent: &[String]) {
    for text in sent {
        for patient in PATIENTS {
            assert!(!text.contains(patient), "{patient} was sent: {text}");
        }
    }
}

#[test]
fn no_patient_on_the_disk_of_a_machine_is_sent() {
    let clinic = Clinic::new();
    let mut rig = Rig::bare();
    let described = Described {
        hostname: "exam-room-mrn-0012345".into(),
        machine_id: b"0123".to_vec(),
        platform: "Debian 13, call 555-234-5678".into(),
    };
    rig.enroll_as(&described, &rig.state(), CODE).expect("enrols");
    let catalogue = Catalog::embedded().digest().parse().expect("a digest");
    rig.catalogue = catalogue;
    rig.start();
    let rules = Catalog::embedded().rules();
    rig.central.offer_rule_set(1, None, (catalogue, Mode::Enforce), rules, &server_key(KeyRole::Rules));
    rig.check_in().expect("checks in");
    work(&rig, &clinic);

    let sent = sent(&rig);
    assert_no_patient(&sent);
    let removed = |kind: &str| sent.iter().any(|text| text.contains(&format!("[removed: {kind}]")));
    for kind in
        ["ssn", "date of birth", "record number", "email", "phone", "health plan", "diagnosis", "card"]
    {
        assert!(removed(kind), "nothing of the kind {kind} was seen: the test proves nothing");
    }
    let statements = rig.central.statements();
    let healed = |body: &Body| matches!(body, Body::Heal(heal) if heal.check.contains("world_writable"));
    assert!(
        statements.iter().any(|statement| healed(&statement.body)),
        "the healer touched a file with a patient in its name"
    );
    // What was decided was decided before.
    let failed = statements.iter().any(|statement| match &statement.body {
        Body::CheckRun(run) => run
            .results
            .iter()
            .any(|result| result.verdict == Verdict::Fail && result.check.ends_with("home_directories")),
        _ => false,
    });
    assert!(failed);
    rig.assert_sound_log();
}

#[test]
fn no_patient_is_sent_whoever_writes_the_text() {
    let rig = Rig::new();
    let text = "SSN 123-45-6789, DOB 1957-03-02, MRN 0012345, john.smith@example.com, 555-234-5678, \
                1EG4-TE5-MK73, dx E11.9, card 4111-1111-1111-1111";
    let long = format!("{}{text}", "x".repeat(2_030));
    let mut results = vec![result("linux.a", Verdict::Fail, text), result("linux.b", Verdict::Fail, &long)];
    results[0].reason = text.into();
    results[0].location = format!("/srv/{text}");
    rig.observe(&results);
    let now = rig.clock.now();
    rig.parts().emitter.state_missing((now, now), text).expect("states");
    let (order, envelope) = rig.central.make_order(&server_key(KeyRole::Orders), |_| {});
    rig.central.lock().orders = vec![envelope];
    rig.check_in().expect("checks in");
    rig.parts()
        .orders
        .finish(order, OrderOutcome::Failed, &format!("{}{text}", "y".repeat(480)))
        .expect("is written");
    rig.check_in().expect("checks in");
    assert_eq!(rig.drain(), Drained::Empty);
    assert!(rig.central.lock().requests.iter().any(|request| request.ends_with(paths::EVIDENCE)));
    assert_no_patient(&sent(&rig));
    // Half a number is one, too.
    assert!(sent(&rig).iter().all(|text| !text.contains("123-4")));
    rig.assert_sound_log();
}
