//! The one way to declare a route.
//!
//! [`Api::route`] takes the route's access rule and rate class together with its handler, and the same statement adds the
//! guard in front of the handler, the security clause, the refusals and the `x-permission` field of the API description,
//! and a line in the route table that tests walk. There is no other way onto the router.

use std::collections::BTreeMap;

use axum::middleware::from_fn_with_state;
use proofline_authz::Action;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::guard::{self, Guarded};
use super::{RateClass, described, refusals};
use crate::AppState;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, for the reason given.
    Public(&'static str),
    /// A signed-in person whose role the policy allows this. Changes need the CSRF header. Where the action can be given to
    /// an API token, also a program that brings one.
    Person(Action),
    /// An enrolled appliance that signed the request. No cookie, so no CSRF rule.
    Appliance(Action),
    /// The holder of a provisioning code, who signs with the key that the request brings.
    Claimant(Action),
}

/// A line of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteEntry {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The path as declared, parameters in braces.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// Whose budget it draws on.
    pub rate: RateClass,
    /// Whether its description names a parameter of the query. Where none is named, none is taken.
    pub reads_query: bool,
}

/// Routes being declared.
pub struct Api {
    state: AppState,
    router: OpenApiRouter<AppState>,
    table: Vec<RouteEntry>,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Api {
    /// No routes yet; `description` is what the document says beside its routes.
    pub(crate) fn new(state: AppState, description: OpenApi) -> Self {
        Self {
            state,
            router: OpenApiRouter::with_openapi(description),
            table: Vec::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// Declares one route: `api.route(Access::Person(Action::SiteRead), RateClass::Read, routes!(list_sites))`.
    ///
    /// # Panics
    /// At start, when the handler's description does not hold exactly one operation, or gives a name to a form of data that
    /// another route's description gives to another.
    #[must_use]
    pub fn route(
        mut self,
        access: Access,
        rate: RateClass,
        (schemas, mut paths, handler): UtoipaMethodRouter<AppState>,
    ) -> Self {
        let (path, item) = paths.paths.iter_mut().next().expect("a route describes one path");
        let mut operations = [
            ("GET", HttpMethod::Get, &mut item.get),
            ("POST", HttpMethod::Post, &mut item.post),
            ("PUT", HttpMethod::Put, &mut item.put),
            ("PATCH", HttpMethod::Patch, &mut item.patch),
            ("DELETE", HttpMethod::Delete, &mut item.delete),
        ]
        .into_iter()
        .filter_map(|(name, _, operation)| operation.as_mut().map(|operation| (name, operation)));
        let (method, operation) = operations.next().expect("a route describes one operation");
        let reads_query = operation.parameters.iter().flatten().any(|parameter| {
            matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query)
        });
        let entry = RouteEntry { method, path: path.clone(), access, rate, reads_query };
        describe(operation, access, rate);
        refusals::describe(operation, &entry, described::body_names_ids(operation, &schemas));
        operation.operation_id = Some(operation_id(method, path));
        assert!(operations.next().is_none(), "a route describes exactly one operation: {path}");
        drop(operations);
        let guarded = Guarded::new(self.state.clone(), &entry);
        let declared = entry.path.clone();
        self.table.push(entry);
        let handler = handler.layer(from_fn_with_state(guarded, guard::layer));
        for (name, schema) in &schemas {
            let known = self.schemas.entry(name.clone()).or_insert_with(|| schema.clone());
            assert!(known == schema, "{name} means two things in the description: {declared}");
        }
        self.router = self.router.routes((schemas, paths, handler));
        self
    }

    /// The router, its description, and its route table.
    pub(crate) fn finish(self) -> (axum::Router<AppState>, OpenApi, Vec<RouteEntry>) {
        let (router, mut document) = self.router.split_for_parts();
        described::fields(&mut document);
        (router, document, self.table)
    }
}

/// Unique in the document, as OpenAPI demands and generated clients need: `GET /api/sites/{site_id}` is
/// `get_sites_site_id`. The handlers' own names repeat from folder to folder.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api").split('/').filter(|word| !word.is_empty());
    let words = words.map(|word| word.trim_matches(['{', '}']).replace(['-', '.'], "_"));
    std::iter::once(method.to_lowercase()).chain(words).collect::<Vec<_>>().join("_")
}

fn describe(operation: &mut Operation, access: Access, rate: RateClass) {
    let (schemes, permission): (&[&str], String) = match access {
        Access::Public(reason) => (&[], format!("public: {reason}")),
        Access::Person(action) if action.grantable() => (&["session", "api_token"], action.to_string()),
        Access::Person(action) => (&["session"], action.to_string()),
        Access::Appliance(action) => (&["appliance_signature"], action.to_string()),
        Access::Claimant(action) => (&["appliance_signature"], action.to_string()),
    };
    // One of them, not all.
    let requirement = |name: &&str| SecurityRequirement::new(*name, Vec::<String>::new());
    operation.security = Some(schemes.iter().map(requirement).collect());
    let extensions =
        ExtensionsBuilder::new().add("x-permission", permission).add("x-rate-class", rate.as_str()).build();
    match &mut operation.extensions {
        Some(present) => present.merge(extensions),
        None => operation.extensions = Some(extensions),
    }
}
