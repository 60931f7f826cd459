//! The checkout: its root, its files, its commands.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
}

impl Repository {
    /// The workspace that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().context("xtask lies in the workspace")?.to_owned();
        ensure!(
            root.join("Cargo.lock").exists(),
            "{} is no longer the checkout: build xtask again",
            root.display()
        );
        Ok(Self { root })
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A file of the repository as text.
    #[expect(
        clippy::disallowed_methods,
        reason = "files of the repository, whose size the repository decides"
    )]
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> Result<String> {
        let path = self.path(relative);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// A command that runs at the root, with the very cargo that started us where it is cargo.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The packages of the workspace as `cargo metadata` describes them.
    pub(crate) fn packages(&self) -> Result<Vec<Value>> {
        let text = output(self.cargo().args(["metadata", "--no-deps", "--format-version=1", "--offline"]))?;
        let mut metadata: Value = serde_json::from_str(&text).context("cargo metadata speaks JSON")?;
        match metadata["packages"].take() {
            Value::Array(packages) => Ok(packages),
            other => anyhow::bail!("cargo metadata lists packages, not {other}"),
        }
    }
}

/// Runs it and wants success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(status.success(), "{} ended with {status}", shown(command));
    Ok(())
}

/// Runs it, wants success, and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        shown(command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| format!(" {}", argument.display()));
    std::iter::once(command.get_program().display().to_string()).chain(arguments).collect()
}
