//! How often each kind of request may be made by one client. One readable table.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Problem;

/// What a route costs, and so whose budget it draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Reads of the console, live updates and health.
    Read,
    /// Changes made by people.
    Write,
    /// Everything that tries a secret: passwords, bootstrap tokens.
    Login,
    /// Provisioning codes.
    Claim,
    /// Signed requests of enrolled appliances, counted per key; and what a program asks with an API token, per token.
    Agent,
}

impl RateClass {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Login, Self::Claim, Self::Agent];

    /// The spelling in the API description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Login => "login",
            Self::Claim => "claim",
            Self::Agent => "agent",
        }
    }

    /// Requests per minute, and how many may come at once.
    const fn budget(self) -> (u32, u32) {
        match self {
            Self::Read => (1_200, 300),
            Self::Write => (240, 60),
            Self::Login => (20, 10),
            Self::Claim => (30, 10),
            Self::Agent => (600, 120),
        }
    }
}

/// Whose budget: a client's address or an appliance's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RateKey {
    Address(IpAddr),
    Key([u8; 32]),
}

type Limiter = RateLimiter<RateKey, DashMapStateStore<RateKey>, DefaultClock>;

/// One node's budgets. Memory is bounded by [`RateLimits::sweep`], which forgets clients whose budget is full again.
#[derive(Clone)]
pub struct RateLimits(Arc<[(RateClass, Limiter)]>);

impl RateLimits {
    /// `scale` multiplies every budget: 1 in production, more for a load test that comes from one address.
    pub fn new(scale: u32) -> Self {
        let scaled = |n: u32| NonZeroU32::new(n.saturating_mul(scale.max(1))).unwrap_or(NonZeroU32::MIN);
        Self(
            RateClass::ALL
                .into_iter()
                .map(|class| {
                    let (per_minute, burst) = class.budget();
                    (
                        class,
                        RateLimiter::keyed(Quota::per_minute(scaled(per_minute)).allow_burst(scaled(burst))),
                    )
                })
                .collect(),
        )
    }

    pub(crate) fn check(&self, class: RateClass, key: &RateKey) -> Result<(), Problem> {
        let Some((_, limiter)) = self.0.iter().find(|(c, _)| *c == class) else { return Ok(()) };
        limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            metrics::counter!("rate_limited_total", "class" => class.as_str()).increment(1);
            Problem::too_many("rate_limited", wait.as_secs() + 1)
        })
    }

    /// Forgets clients whose budget is full again; returns how many are remembered.
    pub fn sweep(&self) -> usize {
        self.0
            .iter()
            .map(|(_, limiter)| {
                limiter.retain_recent();
                limiter.shrink_to_fit();
                limiter.len()
            })
            .sum()
    }
}
