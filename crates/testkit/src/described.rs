//! Holds the application to its own description: no test gets an answer whose status the description does not name.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use proofline_server::App;

/// An operation: method, parts of its path, and the statuses that it names.
struct Operation {
    method: &'static str,
    parts: Vec<String>,
    statuses: BTreeSet<String>,
}

impl Operation {
    fn is_at(&self, method: &str, path: &str) -> bool {
        let known = self.parts.iter().map(String::as_str);
        self.method == method
            && self.parts.len() == path.split('/').count()
            && known.zip(path.split('/')).all(|(known, part)| known == part || known.starts_with('{'))
    }
}

/// The same application, which panics where it answers otherwise than described. 500 is described nowhere and provoked by
/// tests of damage; what is at no path of the description is not looked at.
pub(crate) fn held(mut app: App) -> App {
    let operations = Arc::new(operations(&app));
    app.router = app.router.layer(from_fn(move |request: Request, next: Next| {
        let operations = operations.clone();
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let response = next.run(request).await;
            check(&operations, method.as_str(), &path, &response);
            response
        }
    }));
    app
}

fn operations(app: &App) -> Vec<Operation> {
    let described = |entry: &proofline_server::RouteEntry| {
        let item = app.openapi.paths.paths.get(&entry.path)?;
        let operation = match entry.method {
            "GET" => &item.get,
            "POST" => &item.post,
            "PUT" => &item.put,
            "PATCH" => &item.patch,
            _ => &item.delete,
        };
        Some(Operation {
            method: entry.method,
            parts: entry.path.split('/').map(str::to_owned).collect(),
            statuses: operation.as_ref()?.responses.responses.keys().cloned().collect(),
        })
    };
    app.routes.iter().filter_map(described).collect()
}

fn check(operations: &[Operation], method: &str, path: &str, response: &Response) {
    let status = response.status().as_u16().to_string();
    let exact = |operation: &&Operation| operation.parts.iter().all(|part| !part.starts_with('{'));
    let mut at = operations.iter().filter(|operation| operation.is_at(method, path));
    let Some(operation) = at.clone().find(exact).or_else(|| at.next()) else { return };
    assert!(
        status == "500" || operation.statuses.contains(&status),
        "the description of {method} {} does not name {status}",
        operation.parts.join("/")
    );
}
