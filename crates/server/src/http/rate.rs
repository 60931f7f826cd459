//! How often each kind of request may be made by one client. One readable table.
//!
//! Where the deployment has a Redis server, every node draws on the same budgets there: GCRA in one script call, by the
//! clock of Redis, with the expiry set by the same call. Beside it each node keeps its own share of every budget, a node
//! count's part of it, and that share decides when Redis does not answer in time. It is drawn on all along, so that a
//! client gains nothing when Redis fails: neither a fresh budget nor one for each node.
//!
//! Neither form holds an address: clients are known by a keyed hash.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use hmac::{Hmac, KeyInit, Mac};
use redis::Script;
use sha2::Sha256;

use super::Problem;
use crate::Settings;
use crate::shared::Shared;

/// What a route costs, and so whose budget it draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Reads of the console, live updates and health.
    Read,
    /// Changes made by people.
    Write,
    /// Everything that tries a secret: passwords, codes, one-time tokens, whatever the method.
    Login,
    /// Provisioning codes.
    Claim,
    /// Signed requests of enrolled appliances, counted per key; and what a program asks with an API token, per token.
    Agent,
    /// What browsers report by themselves.
    Report,
}

/// Requests per minute, and how many may come at once.
type Budget = (u32, u32);

impl RateClass {
    /// Every class.
    pub const ALL: [Self; 6] = [Self::Read, Self::Write, Self::Login, Self::Claim, Self::Agent, Self::Report];

    /// The spelling in the API description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Login => "login",
            Self::Claim => "claim",
            Self::Agent => "agent",
            Self::Report => "report",
        }
    }

    /// The table: of one client, of its network, and of everyone together. A request draws on all that its class has, and
    /// is answered if each of them allows it.
    const fn budgets(self) -> [Option<Budget>; 3] {
        match self {
            //             one client           its network        everyone
            Self::Read => [Some((1_200, 300)), None, None],
            Self::Write => [Some((240, 60)), None, None],
            Self::Login => [Some((20, 10)), Some((120, 60)), Some((1_200, 300))],
            Self::Claim => [Some((30, 10)), Some((120, 60)), Some((1_200, 300))],
            Self::Agent => [Some((600, 120)), None, None],
            Self::Report => [Some((60, 30)), None, Some((600, 120))],
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateKey {
    /// A client's address, which draws on the budgets of its network and of everyone, too.
    Address(IpAddr),
    /// An appliance's key.
    Key([u8; 32]),
    /// The account of a browser that somebody signed in with before. Strangers cannot use up its budget.
    Device([u8; 32]),
}

/// Whose budget, in the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Client,
    Network,
    Everyone,
}

impl Whose {
    const ALL: [Self; 3] = [Self::Client, Self::Network, Self::Everyone];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Network => "network",
            Self::Everyone => "everyone",
        }
    }
}

impl RateKey {
    /// What the budget is kept under; `None` where this one does not draw on it.
    fn name(&self, whose: Whose) -> Option<Vec<u8>> {
        let tagged = |tag: u8, rest: &[u8]| Some([&[tag], rest].concat());
        match (whose, self) {
            (Whose::Client, Self::Address(address)) => match address.to_canonical() {
                IpAddr::V4(v4) => tagged(4, &v4.octets()),
                // Whoever has one address of a /64 has all of them.
                IpAddr::V6(v6) => tagged(6, &prefix(v6, 64).octets()),
            },
            (Whose::Network, Self::Address(address)) => match address.to_canonical() {
                IpAddr::V4(v4) => tagged(4, &Ipv4Addr::from_bits(v4.to_bits() & !0xff).octets()),
                IpAddr::V6(v6) => tagged(6, &prefix(v6, 48).octets()),
            },
            (Whose::Everyone, Self::Address(_)) => tagged(0, &[]),
            (Whose::Client, Self::Key(key)) => tagged(1, key),
            (Whose::Client, Self::Device(account)) => tagged(2, account),
            (Whose::Network | Whose::Everyone, Self::Key(_) | Self::Device(_)) => None,
        }
    }
}

fn prefix(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

/// Checks every budget and draws on all of them or on none. KEYS: one a budget. ARGV: for each, microseconds a request
/// and microseconds of slack. Returns 0, or the microseconds until all of them would allow it.
static DRAW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local after, wait = {}, 0
for i, key in ipairs(KEYS) do
  after[i] = math.max(tonumber(redis.call('GET', key) or now), now) + ARGV[2 * i - 1]
  wait = math.max(wait, after[i] - now - ARGV[2 * i])
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.ceil((after[i] - now) / 1000))
end
return 0",
    )
});

type Limiter = RateLimiter<u128, DashMapStateStore<u128>, DefaultClock>;

/// A budget as it is kept.
struct Kept {
    class: RateClass,
    whose: Whose,
    /// Microseconds a request, and of slack: together the time that a full burst takes to come back.
    interval_us: u64,
    slack_us: u64,
    /// This node's share.
    share: Limiter,
}

/// One client's place in one budget.
struct Draw<'a> {
    budget: &'a Kept,
    key: u128,
}

/// Most clients that a node's share of one budget tells apart. More are put into [`CROWDED`] places together until the
/// next sweep: memory is bounded, and whoever has a place of their own meets fewer others there than they would alone.
const MOST_CLIENTS: usize = 100_000;
const CROWDED: u128 = 16_384;

/// The budgets, of this node and of all.
#[derive(Clone)]
pub struct RateLimits(Arc<Inner>);

struct Inner {
    kept: Vec<Kept>,
    hash_key: [u8; 32],
    shared: Option<Shared>,
    most_clients: usize,
}

impl RateLimits {
    /// The table, scaled as the settings say: 1 in production, more for a load test that comes from one address.
    pub(crate) fn new(settings: &Settings, shared: Option<Shared>) -> Self {
        Self::holding(
            MOST_CLIENTS,
            settings.csrf_key,
            settings.nodes.max(1),
            settings.rate_scale.max(1),
            shared,
        )
    }

    fn holding(
        most_clients: usize,
        secret: [u8; 32],
        nodes: u32,
        scale: u32,
        shared: Option<Shared>,
    ) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let mut kept = Vec::new();
        for class in RateClass::ALL {
            for (whose, budget) in Whose::ALL.into_iter().zip(class.budgets()) {
                let Some((per_minute, burst)) = budget else { continue };
                let scaled = |n: u32| n.saturating_mul(scale);
                let (per_minute, burst) = (scaled(per_minute), scaled(burst));
                let interval_us = (60_000_000 / u64::from(per_minute)).max(1);
                let share = Quota::per_minute(at_least_one(per_minute / nodes))
                    .allow_burst(at_least_one(burst / nodes));
                kept.push(Kept {
                    class,
                    whose,
                    interval_us,
                    slack_us: interval_us * u64::from(burst),
                    share: RateLimiter::keyed(share),
                });
            }
        }
        let hash_key = keyed(&secret, &[b"request budgets"]);
        Self(Arc::new(Inner { kept, hash_key, shared, most_clients }))
    }

    /// Draws on every budget of `class` that `who` has. 429 with the time to wait when one of them is used up.
    pub(crate) async fn check(&self, class: RateClass, who: &RateKey) -> Result<(), Problem> {
        let draws: Vec<Draw<'_>> = self
            .0
            .kept
            .iter()
            .filter(|kept| kept.class == class)
            .filter_map(|budget| {
                let name = who.name(budget.whose)?;
                let parts: [&[u8]; 3] = [class.as_str().as_bytes(), budget.whose.as_str().as_bytes(), &name];
                let hash = keyed(&self.0.hash_key, &parts);
                Some(Draw { budget, key: u128::from_be_bytes(*hash.first_chunk()?) })
            })
            .collect();
        // This node's share is drawn on in any case, so that it is as empty as it should be when it has to decide.
        let own = self.0.draw_own(&draws);
        let wait = match self.0.draw_shared(class, &draws).await {
            Some(wait) => wait,
            None => own,
        };
        wait.map_or(Ok(()), |wait| {
            metrics::counter!("rate_limited_total", "class" => class.as_str()).increment(1);
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Err(Problem::too_many("rate_limited", seconds))
        })
    }

    /// Forgets clients whose budget is full again; returns how many are remembered.
    pub fn sweep(&self) -> usize {
        self.0
            .kept
            .iter()
            .map(|kept| {
                kept.share.retain_recent();
                kept.share.shrink_to_fit();
                kept.share.len()
            })
            .sum()
    }
}

impl Inner {
    /// How long to wait by this node's share. The narrowest budget comes first: who has used it up takes nothing of the
    /// wider ones, which belong to others, too.
    fn draw_own(&self, draws: &[Draw<'_>]) -> Option<Duration> {
        draws.iter().find_map(|Draw { budget, key }| {
            let crowded = budget.share.len() >= self.most_clients;
            let key = if crowded { key % CROWDED } else { *key };
            let refused = budget.share.check_key(&key).err()?;
            Some(refused.wait_time_from(DefaultClock::default().now()))
        })
    }

    /// The same by the budgets that all nodes share; `None` where there are none, or not now.
    async fn draw_shared(&self, class: RateClass, draws: &[Draw<'_>]) -> Option<Option<Duration>> {
        let shared = self.shared.as_ref()?;
        let mut draw = DRAW.prepare_invoke();
        for Draw { budget, key } in draws {
            draw.key(format!("proofline:budget:{}:{}:{key:032x}", class.as_str(), budget.whose.as_str()));
            draw.arg(budget.interval_us).arg(budget.slack_us);
        }
        let wait: u64 = shared.ask(async |mut connection| draw.invoke_async(&mut connection).await).await?;
        Some((wait > 0).then(|| Duration::from_micros(wait)))
    }
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
        mac.update(&[0]);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(n: u32) -> RateKey {
        RateKey::Address(Ipv4Addr::from_bits(n).into())
    }

    fn budgets(most_clients: usize, nodes: u32) -> RateLimits {
        RateLimits::holding(most_clients, [9; 32], nodes, 1, None)
    }

    async fn through(limits: &RateLimits, class: RateClass, who: &RateKey, many: u32) -> u32 {
        let mut through = 0;
        for _ in 0..many {
            through += u32::from(limits.check(class, who).await.is_ok());
        }
        through
    }

    /// `PROOFLINE_TEST_CLIENTS=1000000` is the long form.
    #[tokio::test]
    async fn a_flood_of_clients_takes_a_bounded_place_and_finds_no_unbounded_budget() {
        let many: u32 =
            std::env::var("PROOFLINE_TEST_CLIENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
        let limits = budgets(1_000, 1);
        for n in 0..many {
            let _ = limits.check(RateClass::Login, &who(n << 8)).await;
        }
        let remembered: usize = limits.0.kept.iter().map(|kept| kept.share.len()).sum();
        let crowded = usize::try_from(CROWDED).expect("fits");
        assert!(remembered <= 2 * (1_000 + crowded) + 1, "{remembered}");
        assert!(through(&limits, RateClass::Read, &who(1), 1_000).await < 320);
    }

    #[tokio::test]
    async fn nodes_by_themselves_grant_no_more_together_than_one_would() {
        for nodes in [1, 2, 3, 7] {
            let mut all = 0;
            for _ in 0..nodes {
                all += through(&budgets(MOST_CLIENTS, nodes), RateClass::Write, &who(1), 100).await;
            }
            assert!((50..=62).contains(&all), "{nodes}: {all}");
        }
    }

    #[test]
    fn what_a_budget_is_kept_under_is_the_client_or_its_network() {
        let name = |text: &str, whose| RateKey::Address(text.parse().expect("an address")).name(whose);
        assert_ne!(name("192.0.2.1", Whose::Client), name("192.0.2.2", Whose::Client));
        assert_eq!(name("192.0.2.1", Whose::Network), name("192.0.2.2", Whose::Network));
        assert_ne!(name("192.0.2.1", Whose::Network), name("192.0.3.1", Whose::Network));
        assert_eq!(name("192.0.2.1", Whose::Client), name("::ffff:192.0.2.1", Whose::Client));
        assert_eq!(name("2001:db8::1", Whose::Client), name("2001:db8::ffff:1", Whose::Client));
        assert_ne!(name("2001:db8::1", Whose::Client), name("2001:db8:0:1::1", Whose::Client));
        assert_eq!(name("2001:db8::1", Whose::Network), name("2001:db8:0:1::1", Whose::Network));
        assert_eq!(name("192.0.2.1", Whose::Everyone), name("2001:db8::1", Whose::Everyone));
        assert_eq!(RateKey::Key([1; 32]).name(Whose::Network), None);
    }
}
