//! Compiled rules, indexed by check and scope.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use proofline_catalog::canonical::Digest;
use proofline_catalog::rule::{Rule, RuleError, Scope, When};
use proofline_catalog::runbook::{BindError, BoundRunbook, Runbook};
use proofline_core::Mode;
use serde::{Deserialize, Serialize};

use crate::condition::{Compiled, ConditionError};

/// Which rule, exactly. Text form: `id@version#hash`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRef {
    /// The rule's id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its content.
    pub hash: Digest,
    /// Where it holds.
    pub scope: Scope,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.id, self.version, self.hash)
    }
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A name or a number is out of bounds.
    #[error(transparent)]
    Bounds(#[from] RuleError),
    /// Its conditions do not compile.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// This catalogue has no such runbook.
    #[error("there is no runbook {0:?}")]
    UnknownRunbook(String),
    /// The runbook answers other checks.
    #[error("the runbook does not answer {0:?}")]
    AnotherCheck(String),
    /// Its parameters do not fit the runbook.
    #[error(transparent)]
    Parameters(#[from] BindError),
    /// It would interrupt people at any time without asking.
    #[error("a disruptive runbook asks, or waits for a maintenance window")]
    DisruptiveAtAnyTime,
}

/// A rule that cannot be used. It still governs its scope: nothing farther acts in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRule {
    /// Which.
    pub rule: RuleRef,
    /// Why.
    pub problem: Problem,
}

#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) rule: Rule,
    pub(super) reference: Arc<RuleRef>,
    pub(super) conditions: Compiled,
    pub(super) plan: Result<Prepared, Problem>,
}

/// A runbook with the rule's parameters, and the digest over both.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) runbook: Arc<BoundRunbook>,
    pub(super) digest: Digest,
}

/// Rules ready to decide.
#[derive(Debug, Default)]
pub struct RuleSet {
    by_check: HashMap<String, HashMap<Scope, Vec<CompiledRule>>>,
}

impl RuleSet {
    /// Compiles `rules` against `runbooks`. A rule that cannot be used is kept as a refusal; see [`RuleSet::refused`].
    pub fn compile<'r>(
        rules: impl IntoIterator<Item = Rule>,
        runbooks: impl IntoIterator<Item = &'r Runbook>,
    ) -> Self {
        let runbooks: BTreeMap<&str, &Runbook> =
            runbooks.into_iter().map(|book| (book.id.as_str(), book)).collect();
        let mut by_check: HashMap<String, HashMap<Scope, Vec<CompiledRule>>> = HashMap::new();
        for rule in rules {
            let compiled = compile(rule, &runbooks);
            let scopes = by_check.entry(compiled.rule.check.clone()).or_default();
            scopes.entry(compiled.rule.scope).or_default().push(compiled);
        }
        for list in by_check.values_mut().flat_map(HashMap::values_mut) {
            list.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        Self { by_check }
    }

    /// The rules that cannot be used, by id.
    pub fn refused(&self) -> Vec<RefusedRule> {
        let mut refused: Vec<RefusedRule> = self
            .rules()
            .filter_map(|compiled| {
                let problem = compiled.plan.as_ref().err()?.clone();
                Some(RefusedRule { rule: (*compiled.reference).clone(), problem })
            })
            .collect();
        refused.sort_by(|a, b| (&a.rule.id, a.rule.hash).cmp(&(&b.rule.id, b.rule.hash)));
        refused
    }

    /// How many rules there are, refused ones included.
    pub fn len(&self) -> usize {
        self.rules().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn rules(&self) -> impl Iterator<Item = &CompiledRule> {
        self.by_check.values().flat_map(HashMap::values).flatten()
    }

    /// The rules of `check` that hold exactly at `scope`, the strongest first.
    pub(super) fn at(&self, check: &str, scope: Scope) -> &[CompiledRule] {
        self.by_check.get(check).and_then(|scopes| scopes.get(&scope)).map_or(&[], Vec::as_slice)
    }
}

/// Greater priority, then smaller id, then later version, then smaller hash: never the order of arrival.
fn order(compiled: &CompiledRule) -> (Reverse<i32>, &str, Reverse<u32>, Digest) {
    let rule = &compiled.rule;
    (Reverse(rule.priority), &rule.id, Reverse(rule.version), compiled.reference.hash)
}

fn compile(rule: Rule, runbooks: &BTreeMap<&str, &Runbook>) -> CompiledRule {
    let hash = rule.digest();
    let reference = Arc::new(RuleRef { id: rule.id.clone(), version: rule.version, hash, scope: rule.scope });
    let (conditions, plan) = match Compiled::new(&rule.conditions) {
        Ok(conditions) => (conditions, prepare(&rule, hash, runbooks)),
        Err(error) => (Compiled::always(), Err(error.into())),
    };
    CompiledRule { rule, reference, conditions, plan }
}

fn prepare(rule: &Rule, hash: Digest, runbooks: &BTreeMap<&str, &Runbook>) -> Result<Prepared, Problem> {
    rule.check_bounds()?;
    let runbook =
        runbooks.get(rule.runbook.as_str()).ok_or_else(|| Problem::UnknownRunbook(rule.runbook.clone()))?;
    if !runbook.checks.contains(&rule.check) {
        return Err(Problem::AnotherCheck(rule.check.clone()));
    }
    if runbook.disruptive && rule.mode == Mode::Enforce && rule.when == When::AnyTime {
        return Err(Problem::DisruptiveAtAnyTime);
    }
    let bound = runbook.bind(&rule.parameters)?;
    let digest = Digest::of(&(hash, runbook.digest(), &bound));
    Ok(Prepared { runbook: Arc::new(bound), digest })
}
