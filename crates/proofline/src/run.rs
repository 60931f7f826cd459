//! The quickest way to see Proofline at work: the server, and an agent that observes this very machine.
//!
//! The agent is the ordinary agent, enrolled through the ordinary claim with an ordinary code. In audit mode, the
//! default, it changes nothing on the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use proofline_core::{Mode, SiteId};
use proofline_server::{AppState, open_bootstrap, provision_local, set_local_mode};
use tokio::process::{Child, Command};

use crate::fault::Fault;
use crate::orphan;
use crate::serve::{Stop, serve_with};
use crate::settings::Settings;

/// What can be chosen about a local run.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// Let the agent heal what its rules allow. Without it, it only observes.
    #[arg(long, env = "PROOFLINE_HEAL", value_parser = clap::builder::BoolishValueParser::new())]
    heal: bool,
    /// The agent's program; beside this one unless told.
    #[arg(long)]
    agent: Option<PathBuf>,
}

/// Serves and observes until it is asked to stop.
pub(crate) async fn run(settings: &Settings, args: &RunArgs) -> Result<(), Fault> {
    let settings = Settings { development: true, ..settings.clone() };
    let agent = agent_program(args)?;
    let stop = Stop::listen()?;
    serve_with(&settings, |app| beside_server(app, &settings, args, &agent, stop)).await
}

fn agent_program(args: &RunArgs) -> Result<PathBuf, Fault> {
    let path = match &args.agent {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("proofline-agent"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(Fault::config(format!(
            "the agent's program is not at {}; build it or say --agent",
            path.display()
        )))
    }
}

async fn beside_server(
    app: AppState,
    settings: &Settings,
    args: &RunArgs,
    program: &Path,
    stop: Stop,
) -> Result<(), Fault> {
    let refused =
        |problem: proofline_server::Problem| anyhow::anyhow!("{}: {}", problem.code(), problem.detail());
    println!("\n  Central Command  {}", app.settings().public_url);
    match open_bootstrap(&app).await.map_err(refused)? {
        Some(link) => println!("  First sign-in    {}   (works once)", link.0),
        None => println!("  Sign in with the account that you made at the first start."),
    }
    // Development listens on loopback only, so this machine reaches whatever was chosen.
    let server = format!("http://{}", settings.listen);
    let mut mode = if args.heal { Mode::Enforce } else { Mode::Audit };
    let state = settings.data.join("agent");
    let local = settings.data.join("local-site");
    if !state.join("identity.json").is_file() {
        let known = fs::read(&local)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse::<SiteId>().ok());
        let provisioned = provision_local(&app, known).await.map_err(refused)?;
        fs::write(&local, provisioned.site.to_string())?;
        let status = Command::new(program)
            .arg("enroll")
            .args(["--server", &server, "--code", provisioned.code.expose()])
            .arg("--state-dir")
            .arg(&state)
            .stdout(Stdio::null())
            .status()
            .await
            .context("cannot run the agent")?;
        if !status.success() {
            return Err(Fault::config("the local agent could not enrol; its message is above"));
        }
    }
    if let Some(site) =
        fs::read(&local).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
    {
        mode = set_local_mode(&app, site, mode).await.map_err(refused)?;
    }
    let said = match mode {
        Mode::Enforce => "heals what its rules allow",
        Mode::Ask => "asks before it changes anything",
        Mode::Audit => "audit mode: it changes nothing; HEAL=1 lets it heal",
    };
    println!("  Local agent      observes this machine ({said})");
    println!("  Data             {}", settings.data.display());
    println!("  Stop with Ctrl-C.\n");
    let outcome = supervise(program, &state, &server, stop).await;
    println!("  Stopping.");
    outcome
}

/// Keeps the agent running until the process is asked to stop.
async fn supervise(program: &Path, state: &Path, server: &str, stop: Stop) -> Result<(), Fault> {
    let state = &state.canonicalize()?;
    orphan::end_all(state).await;
    let mut pause = Duration::from_secs(1);
    let stop = stop.requested();
    tokio::pin!(stop);
    loop {
        let mut agent = start(program, state, server)?;
        tokio::select! {
            () = &mut stop => {
                end(&mut agent).await;
                return Ok(());
            }
            status = agent.wait() => {
                eprintln!("  The agent ended ({}); starting it again in {} s.", status?, pause.as_secs());
            }
        }
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_mins(1)),
        }
    }
}

fn start(program: &Path, state: &Path, server: &str) -> Result<Child, Fault> {
    Ok(Command::new(program)
        .arg("run")
        .arg("--state-dir")
        .arg(state)
        // It may have enrolled with an earlier start, on another port.
        .args(["--server", server])
        // Its own group: Ctrl-C reaches this process, which then asks the agent to finish its work.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("cannot run the agent")?)
}

/// Asks the agent to finish, and insists after ten seconds.
async fn end(agent: &mut Child) {
    if let Some(pid) = agent.id() {
        let asked = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
        let patient = asked.is_ok_and(|status| status.success());
        if patient && tokio::time::timeout(Duration::from_secs(10), agent.wait()).await.is_ok() {
            return;
        }
    }
    let _ = agent.kill().await;
}
