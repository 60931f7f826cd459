//! A Redis server of a test's own: on a socket in a folder, hung, killed and started again as the test says.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Killed with the value.
pub struct TestRedis {
    folder: tempfile::TempDir,
    server: Child,
}

impl TestRedis {
    /// Starts it and waits until it takes connections.
    ///
    /// # Panics
    /// When there is no `redis-server` on this machine.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = spawn(&folder);
        Self { folder, server }
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", socket(&self.folder).display())
    }

    /// From now on it takes connections and requests and says nothing.
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    /// It goes on where it was.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// `kill -9`: whatever it held is gone.
    pub fn kill(&mut self) {
        self.server.kill().expect("killed");
        self.server.wait().expect("reaped");
        let _ = std::fs::remove_file(socket(&self.folder));
    }

    /// Starts it again, empty, at the same place.
    pub fn start_again(&mut self) {
        self.server = spawn(&self.folder);
    }

    /// What it says to a command, as its own client prints it.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(socket(&self.folder)).args(words).output();
        String::from_utf8_lossy(&output.expect("redis-cli is installed").stdout).trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.server.id().to_string()]).status();
        assert!(status.expect("runs").success());
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn socket(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("redis.sock")
}

fn spawn(folder: &tempfile::TempDir) -> Child {
    let socket = socket(folder);
    let server = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"])
        .arg("--unixsocket")
        .arg(&socket)
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed: `scripts/setup test`");
    let began = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "redis-server does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}
