//! One real agent beside the simulated ones. It observes a folder that stands in for a machine, where one file's
//! permissions change all the time, and it is killed, too.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use proofline_evidence::Digest;
use proofline_fleetsim::fleet::{Staff, Trust};
use proofline_fleetsim::verify::{digests, findings};
use proofline_outbox::{Limits, Outbox};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep};

/// What became of the real agent.
#[derive(Debug, Serialize)]
pub(super) struct ObserverReport {
    /// How often it was killed.
    pub killed: u32,
    /// Entries in its site's log, the server's included.
    pub entries: usize,
    /// Receipts that it kept, at most a thousand.
    pub receipts: usize,
    /// Of these, receipts whose entry is not in the log. Must be 0.
    pub lost: usize,
    /// Entries that stand in the log twice. Must be 0.
    pub doubled: usize,
    /// What an auditor finds in the log. Must be empty.
    pub findings: Vec<String>,
}

impl ObserverReport {
    pub(super) fn is_sound(&self) -> bool {
        self.lost + self.doubled + self.findings.len() == 0 && self.receipts > 0
    }
}

/// The agent's process and what it observes.
pub(super) struct Observer {
    program: PathBuf,
    folder: PathBuf,
    site: String,
    child: Child,
    flipping: JoinHandle<()>,
    killed: u32,
}

impl Observer {
    /// Enrols an agent at a site of its own and starts it. It may change nothing, whatever the server says.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        server: &str,
        staff: &mut Staff,
    ) -> anyhow::Result<Self> {
        let state = folder.join("state");
        let etc = folder.join("root/etc");
        std::fs::create_dir_all(&etc)?;
        std::fs::create_dir_all(&state)?;
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700))?;
        std::fs::write(etc.join("shadow"), "root:*:19000:0:99999:7:::\n")?;
        let (site, code) = code(staff).await?;
        let enrolled = Command::new(program)
            .args(["enroll", "--server", server, "--code", &code, "--state-dir"])
            .arg(&state)
            .stdout(Stdio::null())
            .status()
            .await
            .with_context(|| format!("starting {}", program.display()))?;
        anyhow::ensure!(enrolled.success(), "the agent could not enrol");
        std::fs::write(state.join("override.conf"), "mode = audit\n")?;
        let child = spawn(program, folder)?;
        let flipping = tokio::spawn(flip(etc.join("shadow")));
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Ok(Self { program, folder, site, child, flipping, killed: 0 })
    }

    /// SIGKILL, and start again.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("killing the agent")?;
        self.killed += 1;
        self.child = spawn(&self.program, &self.folder)?;
        Ok(())
    }

    /// Lets it deliver what waits, stops it, and compares its receipts with the log.
    pub(super) async fn conclude(
        mut self,
        staff: &mut Staff,
        trust: &Trust,
    ) -> anyhow::Result<ObserverReport> {
        self.flipping.abort();
        self.wait_until_delivered(Duration::from_mins(3)).await?;
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        tokio::time::timeout(Duration::from_secs(30), self.child.wait())
            .await
            .context("the agent did not stop")??;
        let outbox = Outbox::open(self.folder.join("state/queue.db"), Limits::default())?;
        anyhow::ensure!(outbox.losses()?.is_empty(), "the agent's queue lost statements");
        let receipts = outbox.receipts(usize::MAX)?;
        let export = staff.get(&format!("/api/sites/{}/evidence/export", self.site)).await?;
        let log = digests(&export)?;
        let there: HashSet<Digest> = log.iter().copied().collect();
        let lost =
            receipts.iter().filter(|receipt| !there.contains(&Digest::from_bytes(receipt.digest))).count();
        Ok(ObserverReport {
            killed: self.killed,
            entries: log.len(),
            receipts: receipts.len(),
            lost,
            doubled: log.len() - there.len(),
            findings: findings(&export, trust)?,
        })
    }

    async fn wait_until_delivered(&mut self, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let status = Command::new(&self.program)
                .args(["status", "--format", "json", "--state-dir"])
                .arg(self.folder.join("state"))
                .output()
                .await?;
            let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
            let pid = self.child.id().map(u64::from);
            if pid.is_some()
                && status["pid"].as_u64() == pid
                && status["outbox_depth"] == 0
                && status["alarms"].as_array().is_some_and(Vec::is_empty)
            {
                return Ok(());
            }
            anyhow::ensure!(begun.elapsed() < limit, "the agent did not deliver: {status}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.flipping.abort();
    }
}

/// A site of its own and a code for it.
async fn code(staff: &mut Staff) -> anyhow::Result<(String, String)> {
    let partner = staff.post("/api/partners", &json!({ "name": "Partner of the agent" })).await?;
    let body = json!({ "partner_id": partner["id"], "name": "Clinic of the agent" });
    let organisation = staff.post("/api/organisations", &body).await?;
    let body =
        json!({ "org_id": organisation["id"], "name": "Site of the agent", "timezone": "America/New_York" });
    let site = Staff::text("/api/sites", &staff.post("/api/sites", &body).await?, "id")?;
    let target = format!("/api/sites/{site}/codes");
    let code = staff.post(&target, &json!({ "label": "the agent" })).await?;
    Ok((site, Staff::text(&target, &code, "code")?))
}

fn spawn(program: &Path, folder: &Path) -> anyhow::Result<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("agent.log"))?;
    Command::new(program)
        .args(["run", "--cycle-s", "1", "--incident-cycle-s", "1", "--state-dir"])
        .arg(folder.join("state"))
        .arg("--root")
        .arg(folder.join("root"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("starting the agent")
}

/// Makes one check pass and fail in turn.
async fn flip(file: PathBuf) {
    let mut turn = interval(Duration::from_millis(700));
    for mode in [0o640, 0o644].into_iter().cycle() {
        turn.tick().await;
        // The folder is the run's own; a turn that fails leaves the file as it was.
        let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    }
}
