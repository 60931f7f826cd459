//! One throw-away cluster for a whole test run.
//!
//! Test runners start many processes at once, and each may come first. All of them call [`shared_test_cluster`]; a lock
//! lets one start the server and the others attach. The server belongs to none of them: it stays until
//! [`TestCluster::stop`] (the end of `make test`) or until a small reaper process sees that nobody has used it for ten
//! minutes. Users hold a shared lock for as long as they live, so the reaper never stops a server in use.
//!
//! It lies in `/dev/shm` where that is roomy enough, with every durability setting off. Databases in it are yours to
//! drop: in memory each one costs what its files are long.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cluster::{Cluster, Origin};
use crate::endpoint::Endpoint;
use crate::error::{Error, IoContext, Result};
use crate::files::make_folder;
use crate::lock::open;
use crate::options::Options;
use crate::pidfile::PidFile;
use crate::postmaster::{Postmaster, WITHOUT_INHERITANCE};
use crate::socket_folder::{SOCKET_NAME, fingerprint};

/// The least room in `/dev/shm` that makes it the place for test data, in bytes.
const ROOM: u64 = 8 << 30;

/// Where a shared test cluster lies and when it ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCluster {
    /// A folder of its own that the cluster's user can enter.
    pub home: PathBuf,
    /// Seconds between two looks of the reaper.
    pub look_every: u32,
    /// Seconds without any user after which the reaper stops it.
    pub idle_for: u32,
}

/// A share in the test cluster. Keep it for the life of the process.
#[derive(Debug)]
pub struct SharedCluster {
    endpoint: Endpoint,
    origin: Origin,
    _user: File,
}

impl SharedCluster {
    /// Where and as whom to connect.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How this process came to it.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

/// Attaches to the shared test cluster of this checkout, starting it first if nobody has.
pub fn shared_test_cluster() -> Result<SharedCluster> {
    TestCluster::of_checkout()?.join()
}

impl TestCluster {
    /// The one that all tests of this checkout share. Another user, or another version of the settings, has another.
    pub fn of_checkout() -> Result<Self> {
        let uid = rustix::process::geteuid();
        let settings = options(Path::new("")).all_settings();
        let key = format!("{} {} {settings:?}", env!("CARGO_MANIFEST_DIR"), uid.as_raw());
        let name = format!("proofline-tests-{}", fingerprint(key.as_bytes()));
        let places = [Path::new("/dev/shm"), Path::new("/tmp")].map(|place| place.join(&name));
        let [memory, disk] = &places;
        let roomy =
            rustix::fs::statvfs("/dev/shm").is_ok_and(|found| found.f_bavail * found.f_frsize >= ROOM);
        let home = places.iter().find(|place| place.exists()).unwrap_or(if roomy { memory } else { disk });
        if !home.exists() {
            make_folder(home, 0o755)?;
        }
        let found = fs::symlink_metadata(home).on("look at", home)?;
        if !found.is_dir() || found.uid() != uid.as_raw() {
            return Err(Error::UnsafeFolder { path: home.clone(), owner: uid.as_raw().to_string() });
        }
        Ok(Self { home: home.clone(), look_every: 60, idle_for: 600 })
    }

    /// Attaches to it, starting it first if nobody has.
    pub fn join(&self) -> Result<SharedCluster> {
        // Once we are counted as a user the reaper keeps away; if it is at work already, this waits for it.
        let users = self.home.join("users");
        let mut user = open(&users)?;
        user.lock_shared().on("lock", &users)?;
        user.write_all(b".").on("write", &users)?; // the reaper reads the time of the last change
        if let Some(endpoint) = self.running() {
            return Ok(SharedCluster { endpoint, origin: Origin::Attached, _user: user });
        }
        let _starting = self.take_turn()?;
        let cluster = Cluster::start(&options(&self.home))?;
        let (endpoint, origin) = (cluster.endpoint(), cluster.origin());
        if origin != Origin::Attached {
            self.reap_when_idle(cluster.pid())?;
        }
        cluster.leave_running();
        Ok(SharedCluster { endpoint, origin, _user: user })
    }

    /// Stops it and removes its data. Says whether there was one. Processes that still use it lose their connections.
    pub fn stop(&self) -> Result<bool> {
        let _starting = self.take_turn()?;
        let data_dir = self.home.join("data");
        if !data_dir.exists() {
            return Ok(false);
        }
        if let Some(mut postmaster) = Postmaster::find(&data_dir) {
            postmaster.stop();
        }
        fs::remove_dir_all(&data_dir).on("remove", &data_dir)?;
        Ok(true)
    }

    /// The quick way, taken by all processes but the first: a few reads of small files.
    fn running(&self) -> Option<Endpoint> {
        let data_dir = self.home.join("data");
        Postmaster::find(&data_dir)?;
        let file = PidFile::read(&data_dir).filter(PidFile::is_ready)?;
        file.socket_folder.join(SOCKET_NAME).exists().then(|| Endpoint::new(file.socket_folder))
    }

    /// Waits until nobody else starts or stops the server.
    fn take_turn(&self) -> Result<File> {
        let path = self.home.join("starting");
        let file = open(&path)?;
        file.lock().on("lock", path)?;
        Ok(file)
    }

    /// Leaves a small process behind that outlives the test run, in a group of its own and with no output.
    fn reap_when_idle(&self, pid: i32) -> Result<()> {
        let shell = Path::new("/bin/sh");
        let numbers = [i64::from(pid), i64::from(self.look_every), i64::from(self.idle_for)];
        Command::new(shell)
            .args(["-c", WITHOUT_INHERITANCE])
            .arg(shell)
            .args(["-c", REAPER, "proofline-test-reaper"])
            .args(numbers.map(|number| number.to_string()))
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .on("execute", shell)?;
        Ok(())
    }
}

fn options(home: &Path) -> Options {
    Options { run_dir: Some(home.join("run")), ..Options::new(home.join("data")).for_tests() }
}

/// `$1` is the postmaster, `$2` and `$3` are the times in seconds, the working folder is the cluster's home. The process
/// is recognised by its command line, since ids are used again; a dead one has none.
const REAPER: &str = r#"
serves() { tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF "$PWD/data"; }
while sleep "$2"; do
    serves "$1" || exit
    exec 8>>starting 9>>users
    if flock -n 8 && flock -n 9 && [ $(($(date +%s) - $(stat -c %Y users))) -ge "$3" ]; then
        kill -INT "$1"
        while serves "$1"; do sleep 1; done
        rm -rf data
        exit
    fi
    exec 8>&- 9>&-
done
"#;
