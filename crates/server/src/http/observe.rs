//! What is measured of every request.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderValue;
use axum::response::Response;
use proofline_store::QueryMeter;

use super::request_id::Logged;
use super::route::Access;

/// A request being measured.
pub(super) struct Observed {
    route: Arc<str>,
    started: Instant,
    meter: QueryMeter,
    tells: bool,
    fleet: bool,
}

impl Observed {
    /// The client learns how long it took where it has to show a credential.
    pub(super) fn begin(route: Arc<str>, meter: QueryMeter, access: Access) -> Self {
        let fleet = matches!(access, Access::Appliance(_));
        let tells = fleet || matches!(access, Access::Person(_));
        Self { route, started: Instant::now(), meter, tells, fleet }
    }

    /// Counts, says what to log, and tells a known client how long it took and how many queries it cost.
    pub(super) fn finish(self, mut response: Response) -> Response {
        let elapsed = self.started.elapsed();
        let (status, queries) = (response.status().as_u16(), self.meter.count());
        metrics::histogram!("http_request_seconds", "route" => self.route.clone())
            .record(elapsed.as_secs_f64());
        metrics::counter!("http_requests_total", "route" => self.route.clone(), "status" => status.to_string()).increment(1);
        let routine = self.fleet && response.status().is_success();
        response.extensions_mut().insert(Logged { route: self.route, queries, routine });
        let timing = format!("total;dur={:.2}, db;desc=\"{queries} queries\"", elapsed.as_secs_f64() * 1e3);
        if self.tells
            && let Ok(value) = HeaderValue::try_from(timing)
        {
            response.headers_mut().insert("server-timing", value);
        }
        response
    }
}
