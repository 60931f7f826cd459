//! The signed rule set, compiled for this asset once for each version.

use proofline_catalog::rule::Scope;
use proofline_catalog::{AssetRole, Catalog};
use proofline_core::{AssetId, PartnerId};
use proofline_healing::engine::RuleSet;

use crate::sync::rules::Rules;

/// Rules, and what the set says about the asset.
#[derive(Debug, Default)]
pub(super) struct RuleBook {
    pub(super) version: u64,
    pub(super) rules: RuleSet,
    /// The asset has a role that this version does not know: whatever it is, it may be sensitive.
    pub(super) unknown_role: bool,
    /// The set was made for another catalogue: what it names may mean something else here.
    pub(super) foreign: bool,
    /// The partner whose rules are in the set, which is signed for one site.
    pub(super) partner: Option<PartnerId>,
}

impl RuleBook {
    pub(super) fn compile(set: &Rules, asset: AssetId, catalog: &Catalog) -> Self {
        let mut partners = set.rules.iter().filter_map(|rule| match rule.scope {
            Scope::Partner(partner) => Some(partner),
            Scope::Platform | Scope::Organisation(_) | Scope::Site(_) | Scope::Asset(_) => None,
        });
        let first = partners.next();
        let partner = first.filter(|first| set.site.is_some() && partners.all(|other| other == *first));
        let names = set.asset_roles.get(&asset).map(Vec::as_slice).unwrap_or_default();
        let rules = RuleSet::compile(set.rules.iter().cloned(), catalog.runbooks());
        for refused in rules.refused() {
            tracing::warn!(rule = %refused.rule, problem = %refused.problem, "a rule cannot be used");
        }
        let unknown_role = names.iter().any(|role| role.parse::<AssetRole>().is_err());
        let foreign = catalog.digest() != set.catalogue.to_string();
        Self { version: set.version, rules, unknown_role, foreign, partner }
    }
}
