//! What a runbook does, in words that are made of its typed steps: whoever approves a plan reads what will run.
//!
//! The values are those of the rule that answers the check, else the runbook's own. It does not know whether the appliance
//! works with the same catalogue: an approval binds the digest of the appliance's plan, not these words.

use std::collections::BTreeMap;

use proofline_catalog::runbook::{Action, Reload};
use proofline_catalog::{Catalog, Check, Runbook};
use serde::Serialize;
use utoipa::ToSchema;

/// One step of a runbook.
#[derive(Serialize, ToSchema)]
pub(super) struct RunbookStepBody {
    /// What it does, with its values.
    text: String,
    /// What the text leaves out, line by line: what a file will hold, audit rules, a command, names and ports.
    lines: Vec<String>,
}

impl From<&Action> for RunbookStepBody {
    fn from(action: &Action) -> Self {
        Self { text: sentence(&action.describe()), lines: action.particulars() }
    }
}

/// The runbook that would repair it.
#[derive(Serialize, ToSchema)]
pub(super) struct RunbookBody {
    id: String,
    title: String,
    /// What it changes and what people will notice.
    description: String,
    /// What it does, in order.
    steps: Vec<RunbookStepBody>,
    /// Whether people at the clinic may notice.
    disruptive: bool,
    /// Whether it can be taken back, when that happens by itself, and how.
    rollback: String,
}

impl RunbookBody {
    /// The runbook that answers this check, if one does.
    pub(super) fn answering(catalog: &Catalog, check: &Check) -> Option<Self> {
        let runbook = catalog.runbook(check.runbook.as_deref()?)?;
        let rule = catalog.rules().iter().find(|rule| rule.check == check.id && rule.runbook == runbook.id);
        let given = rule.map_or_else(BTreeMap::new, |rule| rule.parameters.clone());
        let actions =
            runbook.bind(&given).map_or_else(|_| runbook.remediate.clone(), |bound| bound.remediate);
        Some(Self {
            id: runbook.id.clone(),
            title: runbook.title.clone(),
            description: runbook.description.clone(),
            steps: actions.iter().map(RunbookStepBody::from).collect(),
            disruptive: runbook.disruptive,
            rollback: rollback(runbook),
        })
    }
}

fn rollback(runbook: &Runbook) -> String {
    if !runbook.remediate.iter().any(Action::is_reversible) {
        return "It cannot be taken back: no step leaves a state to return to.".to_owned();
    }
    let kept = "The state before each change is kept, and put back by itself where a step fails or the check still does \
                not pass afterwards.";
    let told: Vec<_> = runbook.rollback.iter().copied().map(Reload::describe).collect();
    if told.is_empty() { kept.to_owned() } else { format!("{kept} Then: {}.", told.join("; ")) }
}

/// With a capital letter at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_the_catalogue_is_told_with_its_values() {
        let catalog = Catalog::embedded();
        let mut told = 0;
        for check in catalog.checks() {
            let Some(body) = RunbookBody::answering(catalog, check) else { continue };
            assert!(!body.description.is_empty() && !body.steps.is_empty(), "{}", body.id);
            assert!(body.rollback.ends_with('.'), "{}", body.rollback);
            for step in body.steps {
                let all = format!("{}\n{}", step.text, step.lines.join("\n"));
                assert!(step.text.starts_with(|c: char| c.is_ascii_uppercase()), "{}: {all}", body.id);
                assert!(!all.contains('{') && !all.contains('}'), "a value is missing in {}: {all}", body.id);
                told += 1;
            }
        }
        assert!(told >= catalog.runbooks().len(), "{told} steps");
    }

    #[test]
    fn every_text_of_a_step_is_shown() {
        let texts = |value: &serde_json::Value| -> Vec<String> {
            let mut found = Vec::new();
            let mut left = vec![value.clone()];
            while let Some(value) = left.pop() {
                match value {
                    serde_json::Value::String(text) => found.push(text),
                    serde_json::Value::Array(items) => left.extend(items),
                    serde_json::Value::Object(members) => left.extend(members.into_iter().map(|(_, v)| v)),
                    serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
                }
            }
            found
        };
        for runbook in Catalog::embedded().runbooks() {
            let bound = runbook.bind(&BTreeMap::new()).expect("binds with its defaults");
            for action in &bound.remediate {
                let step = RunbookStepBody::from(action);
                let shown = format!("{} {}", step.text, step.lines.join("\n"));
                let mut value = serde_json::to_value(action).expect("plain data");
                let fields = value.as_object_mut().expect("an object");
                // Said in words: which action it is, what it does to a thing, and what stands between key and value.
                for spoken in ["action", "do", "what", "run", "separator"] {
                    fields.remove(spoken);
                }
                for text in texts(&value) {
                    assert!(shown.contains(text.trim_end()), "{}: {text:?} is not in {shown:?}", runbook.id);
                }
            }
        }
    }
}
