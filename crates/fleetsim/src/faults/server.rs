//! The server as a child process, and its PostgreSQL as whoever the cluster's pid file names.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use hyper::body::Bytes;
use proofline_core::Secret;
use proofline_fleetsim::wire::{Connection, LoopbackServer, Outgoing, Sources};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// What to start, and where it will be.
pub(super) struct Program {
    pub path: PathBuf,
    pub data: PathBuf,
    pub server: LoopbackServer,
}

/// Whom to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Server,
    Postgres,
    Both,
}

/// A running server.
pub(super) struct Server {
    child: Child,
    data: PathBuf,
    probe: Connection,
}

impl Program {
    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// The one-time token that the first start prints.
    pub(super) async fn bootstrap_token(&self) -> anyhow::Result<Secret> {
        let begun = Instant::now();
        loop {
            let log = std::fs::read(self.log())?;
            let token = String::from_utf8_lossy(&log)
                .split_once("/bootstrap#")
                .map(|(_, rest)| rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>());
            match token {
                Some(token) => return Ok(Secret::new(token)),
                None if begun.elapsed() < Duration::from_secs(30) => sleep(Duration::from_millis(50)).await,
                None => {
                    anyhow::bail!("the server printed no bootstrap link; is {} new?", self.data.display())
                }
            }
        }
    }
}

impl Server {
    /// Starts the program with its private database, which may be there from before, dead or alive.
    pub(super) fn start(program: &Program) -> anyhow::Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(program.log())
            .context("opening the server's log")?;
        let socket = program.server.socket();
        let child = Command::new(&program.path)
            .args(["serve", "--dev", "--rate-scale", "1000000", "--check-in-seconds", "60"])
            .args(["--listen", &socket.to_string()])
            .args(["--metrics-listen", &format!("{}:0", socket.ip())])
            .arg("--data")
            .arg(&program.data)
            .env_remove("PROOFLINE_OWNER_DATABASE_URL")
            .env_remove("PROOFLINE_DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.path.display()))?;
        let probe = Connection::new(program.server.clone(), Sources::default(), Duration::from_secs(2));
        Ok(Self { child, data: program.data.clone(), probe })
    }

    /// Whether it says that it can work.
    pub(super) async fn is_ready(&mut self) -> bool {
        let request =
            Outgoing { method: Method::GET, target: "/ready", headers: Vec::new(), body: Bytes::new() };
        self.probe.send(&request).await.is_ok_and(|reply| reply.status == 200)
    }

    /// Waits; an error where it ended by itself or took too long.
    pub(super) async fn wait_until_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.is_ready().await {
            anyhow::ensure!(
                !self.has_ended()?,
                "the server ended by itself: see {}.log",
                self.data.display()
            );
            anyhow::ensure!(begun.elapsed() < limit, "the server was not ready after {} s", limit.as_secs());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(super) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// SIGKILL, and wait until the server, if it was meant, is gone.
    pub(super) async fn kill(&mut self, victim: Victim) -> anyhow::Result<()> {
        if matches!(victim, Victim::Postgres | Victim::Both) {
            self.kill_postgres().await?;
        }
        if matches!(victim, Victim::Server | Victim::Both) {
            self.child.kill().await.context("killing the server")?;
        }
        Ok(())
    }

    /// The postmaster of this cluster, if one runs: its pid file names it, and its command line must name the cluster.
    async fn kill_postgres(&self) -> anyhow::Result<()> {
        let cluster = self.data.join("postgres");
        let Ok(pid_file) = std::fs::read(cluster.join("postmaster.pid")) else { return Ok(()) };
        let pid = String::from_utf8_lossy(&pid_file).lines().next().unwrap_or_default().trim().to_owned();
        let Ok(folder) = std::fs::read_link(format!("/proc/{pid}/cwd")) else { return Ok(()) };
        if folder == std::fs::canonicalize(&cluster)? {
            let status = Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status().await?;
            // It may have gone by itself between the two lines.
            let _ = status.success();
        }
        Ok(())
    }

    /// Asks it to stop, as an operator would.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        let ended = tokio::time::timeout(Duration::from_mins(1), self.child.wait()).await;
        let status = ended.context("the server did not stop within a minute")??;
        anyhow::ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }
}
