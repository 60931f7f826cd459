//! What must be so before a runbook, and after it.

use std::path::Path;

use proofline_catalog::runbook::{Detect, Verify};

use super::apply::kernel_parameters;
use super::files::Files;
use super::systemd::UnitState;
use super::tools::Tools;
use super::{StepError, accounts, sshd, systemd};
use crate::host::{FileKind, HostError};

/// Checks a precondition; `Err` says what is not so.
pub(super) fn detect(condition: &Detect, tools: Tools<'_>) -> Result<(), StepError> {
    let host = tools.host();
    let is = |path: &str, kind: FileKind| match host.metadata(Path::new(path)) {
        Ok(found) => Ok(found.kind == kind),
        Err(HostError::NotFound) => Ok(false),
        Err(source) => Err(StepError::Host { what: path.to_owned(), source }),
    };
    let (holds, otherwise) = match condition {
        Detect::FileExists { path } => (is(path, FileKind::File)?, format!("{path} is not there")),
        Detect::DirectoryExists { path } => (is(path, FileKind::Directory)?, format!("{path} is not there")),
        Detect::UnitKnown { units } => {
            (first_known(tools, units)?.is_some(), format!("the machine has none of {}", units.join(", ")))
        }
        Detect::FileMentions { paths, word } => {
            let mentioned = paths.iter().any(|path| {
                host.text(path).is_ok_and(|text| {
                    let effective = text.lines().filter(|line| !line.trim_start().starts_with('#'));
                    effective.flat_map(str::split_whitespace).any(|found| found == word)
                })
            });
            (mentioned, format!("{word} is not in {}", paths.join(", ")))
        }
        Detect::AnotherAdministrator {} => (
            accounts::another_administrator(tools)?,
            "nobody but root can log in and administer this machine".to_owned(),
        ),
        Detect::KeyLoginPossible {} => (
            accounts::key_login_possible(tools)?,
            "no administrator but root can log in with a key".to_owned(),
        ),
    };
    if holds { Ok(()) } else { Err(StepError::NotSo(otherwise)) }
}

/// Checks a postcondition; `Err` says what is not so.
pub(super) fn verify(condition: &Verify, files: &dyn Files, tools: Tools<'_>) -> Result<(), StepError> {
    let differs = |what: &str, wanted: &str, found: Option<&str>| {
        if found == Some(wanted) {
            Ok(())
        } else {
            Err(StepError::NotSo(format!("{what} is {:?}, not {wanted:?}", found.unwrap_or_default())))
        }
    };
    match condition {
        Verify::CheckOnly {} => Ok(()),
        Verify::SshdConfigValid {} => sshd::validate(tools),
        Verify::SshdEffective { keyword, value } => {
            let found = sshd::effective(tools, keyword)?;
            differs(keyword, value, found.as_deref())
        }
        // A parameter that the kernel does not have cannot be wrong.
        Verify::SysctlIs { key, value } => kernel_parameters(files, tools.host(), key)?
            .iter()
            .try_for_each(|found| differs(&found.key, value, Some(&found.value))),
        Verify::UnitActive { units } => match first_known(tools, units)? {
            Some((_, true)) => Ok(()),
            Some((unit, false)) => Err(StepError::NotSo(format!("{unit} does not run"))),
            None => Err(StepError::NoSuchUnit(units.join(", "))),
        },
        Verify::UnitInactive { units } => {
            for unit in units {
                if systemd::state(tools, unit)?.is_some_and(UnitState::is_up) {
                    return Err(StepError::NotSo(format!("{unit} still runs")));
                }
            }
            Ok(())
        }
        Verify::FileModeAtMost { path, mode } => {
            let most = u32::from_str_radix(mode, 8).unwrap_or(0);
            let found = files.hold(Path::new(path))?.attributes.mode;
            if found & !most == 0 {
                Ok(())
            } else {
                Err(StepError::NotSo(format!("the mode of {path} is {found:04o}, more than {mode}")))
            }
        }
    }
}

/// The first of `units` that the machine knows, and whether it runs.
fn first_known<'u>(tools: Tools<'_>, units: &'u [String]) -> Result<Option<(&'u str, bool)>, StepError> {
    let names: Vec<&str> = units.iter().map(String::as_str).collect();
    Ok(systemd::first_known(tools, &names)?.map(|(unit, state)| (unit, state.active)))
}
