//! The catalogue that this build carries.

use std::sync::OnceLock;

use chrono::TimeDelta;

use crate::canonical::Digest;
use crate::check::{Check, fresh_for_interval};
use crate::contents::Contents;
use crate::control::Control;
use crate::profile::Profile;
use crate::rule::Rule;
use crate::runbook::Runbook;

const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));

/// A linted catalogue. Every list is sorted by id; lookups are binary searches.
#[derive(Debug)]
pub struct Catalog {
    contents: Contents,
    digest: String,
}

impl Catalog {
    /// The catalogue of this build, parsed on first use.
    ///
    /// # Panics
    /// Never in practice: the build wrote the text from these very types.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| Self {
            contents: serde_json::from_str(JSON).expect("the build wrote this text from the same types"),
            digest: Digest::of_bytes(JSON.as_bytes()).to_string(),
        })
    }

    /// SHA-256 of the embedded canonical JSON, 64 lower-case hexadecimal digits. Names the catalogue in statements.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The embedded text itself, for snapshots and downloads.
    pub fn canonical_json(&self) -> &'static str {
        JSON
    }

    /// Every control, by id.
    pub fn controls(&self) -> &[Control] {
        &self.contents.controls
    }

    /// Every check, by id.
    pub fn checks(&self) -> &[Check] {
        &self.contents.checks
    }

    /// Every profile, by id.
    pub fn profiles(&self) -> &[Profile] {
        &self.contents.profiles
    }

    /// Every runbook, by id.
    pub fn runbooks(&self) -> &[Runbook] {
        &self.contents.runbooks
    }

    /// The platform's own rules, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.contents.rules
    }

    /// The control of this id.
    pub fn control(&self, id: &str) -> Option<&Control> {
        find(&self.contents.controls, id, |control| &control.id)
    }

    /// The check of this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        find(&self.contents.checks, id, |check| &check.id)
    }

    /// The profile of this id.
    pub fn profile(&self, id: &str) -> Option<&Profile> {
        find(&self.contents.profiles, id, |profile| &profile.id)
    }

    /// The runbook of this id.
    pub fn runbook(&self, id: &str) -> Option<&Runbook> {
        find(&self.contents.runbooks, id, |runbook| &runbook.id)
    }

    /// The rule of this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        find(&self.contents.rules, id, |rule| &rule.id)
    }

    /// The checks that speak for a control, in order of id.
    pub fn checks_of<'a>(&'a self, control: &'a str) -> impl Iterator<Item = &'a Check> {
        self.checks().iter().filter(move |check| check.controls.iter().any(|link| link.control == control))
    }

    /// How long a confirmation of this check holds; a check that this catalogue does not have gets the shortest time.
    pub fn fresh_for(&self, check: &str) -> TimeDelta {
        self.check(check).map_or_else(|| fresh_for_interval(0), Check::fresh_for)
    }
}

fn find<'a, T>(sorted: &'a [T], id: &str, id_of: impl Fn(&T) -> &String) -> Option<&'a T> {
    sorted.binary_search_by(|item| id_of(item).as_str().cmp(id)).ok().and_then(|place| sorted.get(place))
}
