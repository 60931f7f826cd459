//! `.sqlx`: what the database says about each query, so that a build needs no database.
//!
//! sqlx's macros write a file per query into `SQLX_OFFLINE_DIR` when they check against a live database. They run only
//! when the compiler runs, so it is given a setting that nothing reads and no earlier run had; that leaves ordinary
//! builds as fresh as they were. The collected files then replace the committed ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::database::SchemaDatabase;
use super::stale;
use crate::findings::Findings;
use crate::repository::{Repository, run};

const COMMITTED: &str = ".sqlx";
/// Inside target, on the same file system as the committed folder.
const ASIDE: &str = "target/xtask/sqlx";
/// The only crate that holds SQL.
const CRATE: &str = "proofline-store";

pub(crate) fn make(repository: &Repository, check: bool) -> Result<Findings> {
    let database = SchemaDatabase::start(repository)?;
    let aside = repository.path(ASIDE);
    let _ = fs::remove_dir_all(&aside);
    fs::create_dir_all(&aside)?;
    run(repository
        .cargo()
        .args(["rustc", "--quiet", "--package", CRATE, "--lib", "--profile", "check", "--"])
        .arg(format!("--cfg=queries_checked_by=\"{}\"", std::process::id()))
        .env("DATABASE_URL", database.url())
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &aside))?;
    replace(repository, &read_all(&aside)?, check)
}

fn replace(repository: &Repository, made: &BTreeMap<String, String>, check: bool) -> Result<Findings> {
    let mut findings = Findings::default();
    let folder = repository.path(COMMITTED);
    let committed = if folder.exists() { read_all(&folder)? } else { BTreeMap::new() };
    if committed == *made {
        return Ok(findings);
    }
    if check {
        for (name, text) in made.iter().filter(|(name, text)| committed.get(*name) != Some(text)) {
            findings.add(format!(
                "{} (missing or different: {})",
                stale(&format!("{COMMITTED}/{name}")),
                first_words(text)
            ));
        }
        for name in committed.keys().filter(|name| !made.contains_key(*name)) {
            findings.add(format!("{} (no query needs it)", stale(&format!("{COMMITTED}/{name}"))));
        }
        return Ok(findings);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    for (name, text) in made {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    println!("{COMMITTED}: {} queries", made.len());
    Ok(findings)
}

#[expect(clippy::disallowed_methods, reason = "files that the query macros just wrote")]
fn read_all(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}

/// The beginning of the query, to recognise it by.
fn first_words(text: &str) -> String {
    let query =
        serde_json::from_str::<Value>(text).ok().and_then(|file| Some(file["query"].as_str()?.to_owned()));
    query.unwrap_or_default().split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}
