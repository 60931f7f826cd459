//! The auditor's command line: verifies an exported site log offline.
//!
//! It opens the files that it is given, hands their bytes to `proofline_evidence::export` and prints what that found. It
//! has no network, no configuration and no opinion of its own. Exit status: 0 verified, 1 not verified, 2 nothing could be
//! said (wrong usage, unreadable file), 3 consistent in itself, under a key that nobody vouched for.

mod print;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use proofline_core::{Clock as _, SystemClock};
use proofline_evidence::export::{Options, Report, verify};
use proofline_evidence::note::{MAX_NOTE_BYTES, NoteKey};

/// Verify an exported Proofline evidence log, without a network and without trusting its operator.
#[derive(Debug, Parser)]
#[command(name = "proofline-verify", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The export: a tar archive
    export: PathBuf,
    /// A checkpoint key of the log (name+hash+key), the first one or a later one, received on another way than the export
    #[arg(long, value_name = "VKEY")]
    checkpoint_key: Option<NoteKey>,
    /// An older checkpoint of this log that you kept: finds whatever was changed or removed since
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "Exit status: 0 verified; 1 not verified; 2 wrong usage or unreadable file; 3 consistent, but the checkpoint key was not given.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) if report.verified => ExitCode::SUCCESS,
        Ok(report) if report.consistent => ExitCode::from(3),
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("proofline-verify: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let since = arguments.since.as_deref().map(read_checkpoint).transpose()?;
    let options =
        Options { checkpoint_key: arguments.checkpoint_key.clone(), since, now: Some(SystemClock.now()) };
    let export = &arguments.export;
    let file = File::open(export).with_context(|| format!("cannot open {}", export.display()))?;
    let report = verify(BufReader::with_capacity(1 << 20, file), &options)
        .with_context(|| format!("cannot read {}", export.display()))?;
    output(&report, arguments.json).context("cannot write the result")?;
    Ok(report)
}

/// A checkpoint is short: whatever is longer is another file.
fn read_checkpoint(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut note = Vec::new();
    file.take(MAX_NOTE_BYTES as u64 + 1)
        .read_to_end(&mut note)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(note.len() <= MAX_NOTE_BYTES, "{} is too large to be a checkpoint", path.display());
    Ok(note)
}

fn output(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)
    } else {
        print::report(&mut out, report)
    }
}
