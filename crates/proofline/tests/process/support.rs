//! A home, a program in it, and the few bytes of HTTP that it takes to talk to it.

use std::fs::{File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

/// For a hung program, not for timing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// As `proofline admin new-secret` makes them.
pub(crate) const CSRF_KEY: &str = "5e0b7c1d9a3f48e26b7d0c5a91f3e8d24c6b0a7e5d1f93828e4a6c0b2d7f5931";
pub(crate) const PEPPER: &str = "c3f1a9e07b5d42868d0e6a4c2b9f7513e8d5a1c70f4b6293597e1d3b8a6c0f24";
pub(crate) const MASTER_KEY: &str = "b7d04f9c2e6a81350f4d7b9ac1e8265378d2c5f01b6e9a437c0f8d3e5a91b264";

/// A folder of its own, that PostgreSQL's user can enter, and two ports.
pub(crate) struct Home {
    folder: Rc<tempfile::TempDir>,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: SocketAddr,
    _reserved: [TcpSocket; 2],
}

/// A port that nobody else is given for as long as the socket is kept: it is bound and listens to nobody, and beside it
/// whoever is told the port can listen there.
pub(crate) fn reserved_port() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("set");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    (socket.local_addr().expect("bound"), socket)
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("run")).expect("created");
        Self::with(Rc::new(folder))
    }

    /// Another node of the same deployment: with its keys and its evidence, on ports of its own.
    pub(crate) fn neighbour(&self) -> Self {
        Self::with(self.folder.clone())
    }

    fn with(folder: Rc<tempfile::TempDir>) -> Self {
        let ((listen, one), (metrics, other)) = (reserved_port(), reserved_port());
        Self { folder, listen, metrics, _reserved: [one, other] }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The program with a production configuration that is in order, and nothing of our own environment but `PATH`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proofline"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUNTIME_DIRECTORY", self.path().join("run"))
            .env("PROOFLINE_DATA", self.data())
            .env("PROOFLINE_LISTEN", self.listen.to_string())
            .env("PROOFLINE_METRICS_LISTEN", self.metrics.to_string())
            .env("PROOFLINE_PUBLIC_URL", "https://compliance.example")
            .env("PROOFLINE_CSRF_KEY", CSRF_KEY)
            .env("PROOFLINE_PASSWORD_PEPPER", PEPPER)
            .env("PROOFLINE_MASTER_KEY", MASTER_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Starts a server.
    pub(crate) fn spawn(&self, change: impl FnOnce(&mut Command)) -> Server {
        self.start(&["serve"], change)
    }

    /// Starts a command that goes on until it is told to stop.
    pub(crate) fn start(&self, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Server {
        let mut command = self.command(arguments);
        let errors = File::options().create(true).append(true).open(self.log()).expect("a log");
        command.stdout(Stdio::null()).stderr(errors).env("PROOFLINE_LOG", "info,proofline_server=debug");
        change(&mut command);
        Server(command.spawn().expect("runs"))
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn serve(&self, change: impl FnOnce(&mut Command)) -> Server {
        let mut server = self.spawn(change);
        wait_for("the server to be ready", || {
            if let Some(status) = server.0.try_wait().expect("ours") {
                panic!("the server ended with {status}: {}", read(&self.log()));
            }
            get(self.listen, "/ready").is_some_and(|reply| reply.status == 200)
        });
        server
    }

    /// Where the servers of this home log to.
    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// The private cluster's postmaster, as its pid file has it.
    pub(crate) fn postmaster(&self) -> Option<i32> {
        let file = std::fs::read(self.data().join("postgres/postmaster.pid")).ok()?;
        String::from_utf8_lossy(&file).lines().next()?.parse().ok()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            signal(pid, "-QUIT");
        }
    }
}

pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A command that ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        let began = Instant::now();
        let mut child = command.spawn().expect("runs");
        // What these commands print fits into a pipe.
        let status = wait_for_end(&mut child, "a command");
        let took = began.elapsed();
        let output = child.wait_with_output().expect("ended");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = status.code().unwrap_or_else(|| panic!("ended by {status}"));
        Self { code, out: text(&output.stdout), err: text(&output.stderr), took }
    }
}

/// A running server; killed should the test end before it.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a process id")
    }

    /// As a supervisor ends it.
    pub(crate) fn terminate(&mut self) {
        signal(self.pid(), "-TERM");
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        wait_for_end(&mut self.0, "the server to end")
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("reaped");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for_end(child: &mut Child, what: &str) -> ExitStatus {
    let mut status = None;
    wait_for(what, || {
        status = child.try_wait().expect("ours");
        status.is_some()
    });
    status.expect("waited for")
}

pub(crate) fn signal(pid: i32, signal: &str) {
    let _ = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Whether there is such a process that has not ended.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = read(Path::new(&format!("/proc/{pid}/stat")));
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Reads until the server closes the connection.
    pub(crate) fn read(mut stream: &TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    Some(stream)
}

/// `None` where nobody listens.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<Reply> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: compliance.example\r\nConnection: close\r\n\r\n").ok()?;
    Reply::read(&stream)
}
