//! Reads `data/`, lints it and writes the canonical JSON that the library embeds.
//!
//! It lives beside the library's modules so that the linter and the types are the very same source.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "half of each shared module is for the library"
)]

mod canonical;
mod check;
mod contents;
mod control;
mod lint;
mod probe;
mod profile;
mod rule;
mod runbook;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use lint::{Problem, Source};

fn main() -> ExitCode {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let data = manifest.join("data");
    println!("cargo::rerun-if-changed=data");
    println!("cargo::rerun-if-changed=src");
    match read(&data).and_then(|sources| lint::compile(&sources)) {
        Ok(contents) => {
            let json = canonical::canonical_json(&contents);
            fs::write(out.join("catalog.json"), json).expect("cargo made the output directory");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                println!("cargo::error={problem}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Every YAML file below `data`, in order of its path.
fn read(data: &Path) -> Result<Vec<Source>, Vec<Problem>> {
    let mut files = Vec::new();
    let mut directories = vec![data.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("data is part of the sources") {
            let path = entry.expect("data is part of the sources").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        let file = path.strip_prefix(data).unwrap_or(&path).display().to_string();
        let text = fs::read(&path).expect("data is part of the sources");
        // By way of the YAML value, which refuses duplicate keys.
        let parsed = serde_norway::from_slice::<serde_norway::Value>(&text)
            .and_then(serde_norway::from_value::<serde_json::Value>);
        match parsed {
            Ok(value) => sources.push(Source { file, value }),
            Err(error) => problems.push(Problem { file, sentence: format!("is not YAML: {error}") }),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}
