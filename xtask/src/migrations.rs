//! The migrations: `NNNN_name.up.sql` with its `.down.sql`, numbered without a gap, never edited once recorded.
//!
//! The record is `crates/store/migrations.sha256`, in the format of sha256sum. A running installation refuses to start
//! on an edited migration; this finds it before it is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::findings::Findings;
use crate::repository::Repository;

pub(crate) const FOLDER: &str = "crates/store/migrations";
const RECORD: &str = "crates/store/migrations.sha256";

pub(crate) fn check(repository: &Repository, record: bool) -> Result<Findings> {
    let files = read(repository)?;
    let recorded = repository.read(RECORD).unwrap_or_default();
    let mut findings = numbering(&files);
    let (changes, fresh) = compare(&files, &recorded);
    findings.extend(changes);
    if record && !fresh.is_empty() {
        let path = repository.path(RECORD);
        fs::write(&path, format!("{recorded}{}", fresh.concat()))
            .with_context(|| format!("cannot write {RECORD}"))?;
        println!("recorded {} file(s)", fresh.len());
    } else {
        for line in fresh {
            findings
                .add(format!("{} is not recorded: `cargo xtask check-migrations --record`", file_of(&line)));
        }
    }
    Ok(findings)
}

/// Every file of the folder with its text, by name.
pub(crate) fn read(repository: &Repository) -> Result<BTreeMap<String, String>> {
    let folder = repository.path(FOLDER);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {FOLDER}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let text = repository.read(folder.join(&name))?;
        files.insert(name, text);
    }
    Ok(files)
}

/// `0003_evidence.up.sql` → `(3, "0003_evidence", Up)`.
fn parse(name: &str) -> Option<(u32, &str, Direction)> {
    let (stem, direction) = match name.strip_suffix(".up.sql") {
        Some(stem) => (stem, Direction::Up),
        None => (name.strip_suffix(".down.sql")?, Direction::Down),
    };
    let (number, title) = stem.split_once('_')?;
    let is_plain =
        !title.is_empty() && title.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (number.len() == 4 && is_plain).then_some((number.parse().ok()?, stem, direction))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Up,
    Down,
}

fn numbering(files: &BTreeMap<String, String>) -> Findings {
    let mut findings = Findings::default();
    let mut by_number: BTreeMap<u32, BTreeSet<(&str, Direction)>> = BTreeMap::new();
    for (name, text) in files {
        findings.add_unless(!text.trim().is_empty(), || format!("{name} is empty"));
        match parse(name) {
            Some((number, stem, direction)) => {
                by_number.entry(number).or_default().insert((stem, direction));
            }
            None => findings.add(format!("{name} is not called NNNN_name.up.sql or NNNN_name.down.sql")),
        }
    }
    for (expected, (number, found)) in (1..).zip(&by_number) {
        findings.add_unless(*number == expected, || {
            format!("migration {number:04} follows a gap: {expected:04} is missing")
        });
        let stems: BTreeSet<_> = found.iter().map(|(stem, _)| stem).collect();
        findings.add_unless(stems.len() == 1, || format!("number {number:04} is used twice: {stems:?}"));
        for stem in stems {
            for (direction, suffix) in [(Direction::Up, "up"), (Direction::Down, "down")] {
                findings.add_unless(found.contains(&(*stem, direction)), || {
                    format!("{stem} has no {suffix}.sql")
                });
            }
        }
    }
    findings
}

fn line_of(name: &str, text: &str) -> String {
    format!("{}  {name}\n", hex::encode(Sha256::digest(text)))
}

fn file_of(line: &str) -> &str {
    line.trim_end().split_once("  ").map_or(line, |(_, name)| name)
}

/// What differs from the record, and the lines that it does not have yet.
fn compare(files: &BTreeMap<String, String>, recorded: &str) -> (Findings, Vec<String>) {
    let mut findings = Findings::default();
    let known: BTreeMap<&str, &str> = recorded.lines().map(|line| (file_of(line), line)).collect();
    let mut fresh = Vec::new();
    for (name, text) in files {
        let line = line_of(name, text);
        match known.get(name.as_str()) {
            Some(known) if *known == line.trim_end() => {}
            Some(_) => findings.add(format!(
                "{name} was edited after it was recorded: put it back and write a new migration (before its first release, \
                 take its line out of {RECORD} and record it again)"
            )),
            None => fresh.push(line),
        }
    }
    for name in known.keys().filter(|name| !files.contains_key(**name)) {
        findings.add(format!("{name} is recorded but no longer there"));
    }
    (findings, fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "SELECT 1;".to_owned())).collect()
    }

    #[test]
    fn pairs_without_a_gap_are_in_order() {
        let good = files(&["0001_a.up.sql", "0001_a.down.sql", "0002_b_c.up.sql", "0002_b_c.down.sql"]);
        assert_eq!(numbering(&good).sentences(), [] as [&str; 0]);
    }

    #[test]
    fn gaps_doubles_orphans_and_odd_names_are_named() {
        for (bad, said) in [
            (vec!["0002_a.up.sql", "0002_a.down.sql"], "0001 is missing"),
            (vec!["0001_a.up.sql", "0001_b.down.sql"], "used twice"),
            (vec!["0001_a.up.sql"], "has no down.sql"),
            (vec!["1_a.up.sql"], "is not called"),
            (vec!["0001_A.up.sql"], "is not called"),
        ] {
            let findings = numbering(&files(&bad));
            assert!(
                findings.sentences().iter().any(|sentence| sentence.contains(said)),
                "{bad:?}: {findings:?}"
            );
        }
    }

    #[test]
    fn an_edited_or_lost_file_differs_from_the_record() {
        let before = files(&["0001_a.up.sql", "0001_a.down.sql"]);
        let (none, lines) = compare(&before, "");
        assert_eq!((none.sentences().len(), lines.len()), (0, 2));
        let record = lines.concat();
        let (same, fresh) = compare(&before, &record);
        assert_eq!((same.sentences().len(), fresh.len()), (0, 0));

        let mut after = before;
        after.insert("0001_a.up.sql".to_owned(), "SELECT 2;".to_owned());
        after.remove("0001_a.down.sql");
        let (findings, _) = compare(&after, &record);
        assert_eq!(findings.sentences().len(), 2, "{findings:?}");
    }
}
