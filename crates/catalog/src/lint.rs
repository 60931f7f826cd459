//! What the build demands of the data, each demand with the sentence that it fails with.
//!
//! Input is the parsed content of every file below `data/`; output is either the finished [`Contents`] or *all* problems,
//! each naming its file. The build script and the tests run the same code. No YAML here: whoever calls has parsed it, and
//! has refused duplicate keys.

mod checks;
mod controls;
mod repairs;
mod specifications;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contents::Contents;

/// One file below `data/`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path below `data/`, with `/`.
    pub file: String,
    /// What it says.
    pub value: Value,
}

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file to look at.
    pub file: String,
    /// A plain sentence.
    pub sentence: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data/{}: {}", self.file, self.sentence)
    }
}

/// Items with the file they came from, by id.
type Located<T> = BTreeMap<String, (String, T)>;

/// Collects problems while the rest is still looked at.
#[derive(Default)]
struct Report(Vec<Problem>);

impl Report {
    fn add(&mut self, file: &str, sentence: impl Into<String>) {
        self.0.push(Problem { file: file.to_owned(), sentence: sentence.into() });
    }
}

/// Reads every file, checks everything and returns the catalogue with each list sorted by id.
pub fn compile(sources: &[Source]) -> Result<Contents, Vec<Problem>> {
    let mut report = Report::default();
    let mut controls = Located::new();
    let mut checks = Located::new();
    let mut profiles = Located::new();
    let mut runbooks = Located::new();
    let mut rules = Located::new();
    for Source { file, value } in sources {
        let report = &mut report;
        match file.split_once('/') {
            None if file == "controls.yaml" => read_list(file, "controls", value, &mut controls, report),
            Some(("checks", _)) => read_list(file, "checks", value, &mut checks, report),
            Some(("profiles", _)) => read_list(file, "profiles", value, &mut profiles, report),
            Some(("runbooks", _)) => read_map(file, "runbook", value, &mut runbooks, report),
            Some(("rules", _)) => read_map(file, "rule", value, &mut rules, report),
            None | Some(_) => report.add(file, "this is no place for catalogue data"),
        }
    }
    // Cross references say nothing useful while a list is incomplete.
    if report.0.is_empty() {
        controls::lint(&controls, &checks, &mut report);
        checks::lint(&checks, &controls, &runbooks, &mut report);
        checks::lint_profiles(&profiles, &checks, &mut report);
        repairs::lint(&runbooks, &rules, &checks, &mut report);
    }
    if !report.0.is_empty() {
        report.0.sort();
        return Err(report.0);
    }
    Ok(Contents {
        controls: finish(controls),
        checks: finish(checks),
        profiles: finish(profiles),
        runbooks: finish(runbooks),
        rules: finish(rules),
    })
}

fn finish<T>(located: Located<T>) -> Vec<T> {
    located.into_values().map(|(_, item)| item).collect()
}

/// A file of the form `{<name>: [item, …]}`.
fn read_list<T: DeserializeOwned>(
    file: &str,
    name: &str,
    value: &Value,
    into: &mut Located<T>,
    report: &mut Report,
) {
    let Some(items) = value.get(name).and_then(Value::as_array) else {
        return report.add(file, format!("a list `{name}` is missing"));
    };
    if let Some(other) = value.as_object().into_iter().flat_map(|all| all.keys()).find(|key| *key != name) {
        report.add(file, format!("unknown field `{other}`"));
    }
    for (place, item) in items.iter().enumerate() {
        let Some(id) = item.get("id").and_then(Value::as_str) else {
            report.add(file, format!("item {} of `{name}` has no id", place + 1));
            continue;
        };
        read_item(file, id, item.clone(), into, report);
    }
}

/// A file of the form `{<id>: body, …}`.
fn read_map<T: DeserializeOwned>(
    file: &str,
    kind: &str,
    value: &Value,
    into: &mut Located<T>,
    report: &mut Report,
) {
    let Some(items) = value.as_object() else {
        return report.add(file, format!("expected a map from id to {kind}"));
    };
    for (id, body) in items {
        let Some(fields) = body.as_object() else {
            report.add(file, format!("{id} is not a {kind}"));
            continue;
        };
        if fields.contains_key("id") {
            report.add(file, format!("{id} repeats its id inside"));
            continue;
        }
        let mut whole = fields.clone();
        whole.insert("id".to_owned(), Value::String(id.clone()));
        read_item(file, id, Value::Object(whole), into, report);
    }
}

fn read_item<T: DeserializeOwned>(
    file: &str,
    id: &str,
    item: Value,
    into: &mut Located<T>,
    report: &mut Report,
) {
    match serde_json::from_value(item) {
        Err(error) => report.add(file, format!("{id} cannot be read: {error}")),
        Ok(item) => {
            if let Some((first, _)) = into.insert(id.to_owned(), (file.to_owned(), item)) {
                report.add(file, format!("{id} is defined twice, the first time in {first}"));
            }
        }
    }
}
