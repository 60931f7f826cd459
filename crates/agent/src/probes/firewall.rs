//! Whether input from the network is dropped unless something allows it.
//!
//! Read from the kernel's own rule set (`nft -j list ruleset`), which also shows what iptables-nft, ufw and firewalld put
//! there, and from the older interface where that is in use. A base chain drops by default when its policy says so or
//! when its rules end in an unconditional drop or reject that no unconditional accept precedes.

use std::time::Duration;

use serde_json::Value;

use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::{Host, RunLimits};

/// Machines that run containers have large rule sets.
const RULE_SET: RunLimits = RunLimits { timeout: Duration::from_secs(10), output_limit: 8 * 1024 * 1024 };
const NFT: [&str; 4] = ["nft", "-j", "list", "ruleset"];

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Dropped {
    v4: bool,
    v6: bool,
}

pub(super) fn default_drop(host: &dyn Host) -> Outcome {
    let mut asked = Vec::new();
    let mut dropped = Dropped::default();
    if let Some(text) = reading::answer_if_there(host, &NFT, RULE_SET)? {
        asked.push(NFT.join(" "));
        let found = from_nft(&text)?;
        dropped = Dropped { v4: found.v4, v6: found.v6 };
    }
    let uses_v6 = uses_ipv6(host)?;
    for (tool, six) in [("iptables-save", false), ("ip6tables-save", true)] {
        let already = if six { dropped.v6 || !uses_v6 } else { dropped.v4 };
        if already {
            continue;
        }
        if let Some(text) = reading::answer_if_there(host, &[tool], RULE_SET)? {
            asked.push(tool.to_owned());
            let found = from_iptables(&text);
            if six { dropped.v6 |= found } else { dropped.v4 |= found }
        }
    }
    if asked.is_empty() {
        return Err(Unmeasured::unknown("neither nft nor iptables-save is installed", NFT.join(" ")));
    }
    let location = asked.join(", ");
    let word = |dropped| if dropped { "dropped" } else { "accepted" };
    let six = if uses_v6 { format!("IPv6 {}", word(dropped.v6)) } else { "no IPv6".to_owned() };
    let observed = format!("IPv4 {} by default, {six}", word(dropped.v4));
    Ok(if dropped.v4 && (dropped.v6 || !uses_v6) {
        Finding::pass(observed, location)
    } else {
        Finding::fail(observed, "no rule drops what nothing allows", location)
    })
}

/// A kernel without IPv6 addresses needs no IPv6 rules. The loopback does not count.
fn uses_ipv6(host: &dyn Host) -> Result<bool, Unmeasured> {
    let Some(text) = reading::text_if_there(host, "/proc/net/if_inet6")? else { return Ok(false) };
    Ok(text.lines().any(|line| line.split_whitespace().last().is_some_and(|name| name != "lo")))
}

fn from_nft(text: &str) -> Result<Dropped, Unmeasured> {
    let unclear = || Unmeasured::unknown("the answer was not understood", NFT.join(" "));
    let whole: Value = serde_json::from_str(text).map_err(|_| unclear())?;
    let items = whole.get("nftables").and_then(Value::as_array).ok_or_else(unclear)?;
    let field =
        |object: &Value, name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut dropped = Dropped::default();
    for chain in items.iter().filter_map(|item| item.get("chain")) {
        if field(chain, "hook") != "input" || field(chain, "type") != "filter" {
            continue;
        }
        let (family, table, name) = (field(chain, "family"), field(chain, "table"), field(chain, "name"));
        let mut rules = items.iter().filter_map(|item| item.get("rule")).filter(|rule| {
            field(rule, "family") == family && field(rule, "table") == table && field(rule, "chain") == name
        });
        let end = rules.find_map(unconditional);
        if !end.unwrap_or(field(chain, "policy") == "drop") {
            continue;
        }
        dropped.v4 |= ["ip", "inet"].contains(&family.as_str());
        dropped.v6 |= ["ip6", "inet"].contains(&family.as_str());
    }
    Ok(dropped)
}

/// Whether a rule decides for every packet: `true` for drop or reject, `false` for accept, `None` for neither.
fn unconditional(rule: &Value) -> Option<bool> {
    let statements = rule.get("expr")?.as_array()?;
    let mut decision = None;
    for statement in statements {
        let name = statement.as_object()?.keys().next()?;
        match name.as_str() {
            "drop" | "reject" => decision = Some(true),
            "accept" => decision = Some(false),
            "counter" | "log" | "comment" => {}
            _ => return None, // a match, a limit or a jump: it does not decide for every packet
        }
    }
    decision
}

fn from_iptables(text: &str) -> bool {
    let mut filter = false;
    let mut policy = false;
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('*') {
            filter = table == "filter";
        }
        if !filter {
            continue;
        }
        if let Some(rest) = line.strip_prefix(":INPUT ") {
            policy = rest.starts_with("DROP");
        } else {
            match line.strip_prefix("-A INPUT -j ").and_then(|target| target.split(' ').next()) {
                Some("DROP" | "REJECT") => return true,
                Some("ACCEPT") => return false,
                _ => {}
            }
        }
    }
    policy
}
