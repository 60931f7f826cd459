//! Whether input from the network is dropped unless something allows it.
//!
//! Read from the kernel's own rule set (`nft -j list ruleset`), which also shows what iptables-nft, ufw and firewalld put
//! there, and from the older interface where that is in use. A base chain drops by default when its policy says so or
//! when its rules end in an unconditional drop or reject that no unconditional accept precedes. Chains that are jumped to
//! are followed: firewalld accepts everything on an interface by sending it to the chain of the zone `trusted`.
//!
//! A rule for everything on one interface decides for everything that comes in there, so its accept counts like one
//! without conditions. The loopback, bridges of containers and tunnels are left out: what they carry is this machine's
//! own or has shown who it is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::{Host, RunLimits};

/// Machines that run containers have large rule sets.
const RULE_SET: RunLimits = RunLimits { timeout: Duration::from_secs(10), output_limit: 4 * 1024 * 1024 };
/// How far chains are followed.
const MAX_DEPTH: usize = 16;
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
            // A table that was never used prints nothing at all.
            let unclear = || Unmeasured::unknown("the answer was not understood", tool);
            let found =
                if text.trim().is_empty() { false } else { from_iptables(&text).ok_or_else(unclear)? };
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
    let mut rule_set = RuleSet::default();
    let mut bases = Vec::new();
    for chain in items.iter().filter_map(|item| item.get("chain")) {
        let name = chain_name(chain, "name");
        if text_of(chain, "hook") == "input" && text_of(chain, "type") == "filter" {
            bases.push((
                name.clone(),
                text_of(chain, "family").to_owned(),
                text_of(chain, "policy") == "drop",
            ));
        }
        rule_set.chains.entry(name).or_default();
    }
    for rule in items.iter().filter_map(|item| item.get("rule")) {
        let prefix = format!("{} {}", text_of(rule, "family"), text_of(rule, "table"));
        let parsed = nft_rules(rule, &prefix).ok_or_else(unclear)?;
        rule_set.chains.entry(chain_name(rule, "chain")).or_default().extend(parsed);
    }
    let mut dropped = Dropped::default();
    for (name, family, policy_drops) in bases {
        let drops = match rule_set.end_of(&name, 0).ok_or_else(unclear)? {
            End::Drop => true,
            End::Accept => false,
            End::Open => policy_drops,
        };
        dropped.v4 |= drops && ["ip", "inet"].contains(&family.as_str());
        dropped.v6 |= drops && ["ip6", "inet"].contains(&family.as_str());
    }
    Ok(dropped)
}

fn text_of<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `family table chain`: chains of different tables may have the same name.
fn chain_name(object: &Value, field: &str) -> String {
    format!("{} {} {}", text_of(object, "family"), text_of(object, "table"), text_of(object, field))
}

/// Which packets a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// Everything on an interface to the outside, or every new connection. An accept leaves the machine open; a drop
    /// says nothing of the rest.
    Wide,
    /// Something narrower, or nothing that comes from outside.
    Some,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// It counts, logs or marks.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    scope: Scope,
    target: Target,
}

/// What becomes of a packet that no narrow rule decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Accept,
    Drop,
    /// Whoever asked goes on.
    Open,
}

#[derive(Debug, Default)]
struct RuleSet {
    chains: BTreeMap<String, Vec<Rule>>,
}

impl RuleSet {
    /// `None` where chains call each other without an end or a chain is not there.
    fn end_of(&self, chain: &str, depth: usize) -> Option<End> {
        if depth > MAX_DEPTH {
            return None;
        }
        for rule in self.chains.get(chain)? {
            let end = match (&rule.scope, &rule.target) {
                (Scope::Some, _) | (_, Target::Nothing) => continue,
                (_, Target::Accept) => End::Accept,
                (_, Target::Drop) => End::Drop,
                // Back to whoever asked: for all packets, or for some that the rest is then not about.
                (Scope::All, Target::Return) => return Some(End::Open),
                (Scope::Wide, Target::Return) => continue,
                (_, Target::Jump(target)) => self.end_of(target, depth + 1)?,
                (Scope::All, Target::Goto(target)) => return self.end_of(target, depth + 1),
                (Scope::Wide, Target::Goto(target)) => self.end_of(target, depth + 1)?,
            };
            match (rule.scope, end) {
                (_, End::Accept) => return Some(End::Accept),
                (Scope::All, End::Drop) => return Some(End::Drop),
                (Scope::Wide | Scope::Some, End::Drop) | (_, End::Open) => {}
            }
        }
        Some(End::Open)
    }
}

/// Whether traffic on it comes from this machine, its containers or a tunnel whose other end is known.
fn is_inside(interface: &str) -> bool {
    const INSIDE: [&str; 12] = [
        "docker",
        "br-",
        "virbr",
        "veth",
        "podman",
        "cni",
        "lxcbr",
        "lxdbr",
        "tun",
        "wg",
        "tailscale",
        "vnet",
    ];
    interface == "lo" || INSIDE.iter().any(|start| interface.starts_with(start))
}

/// A rule, or one for each verdict of a map of interfaces. `None` where it has no statements.
fn nft_rules(rule: &Value, table: &str) -> Option<Vec<Rule>> {
    let mut scope = Scope::All;
    let mut target = Target::Nothing;
    for statement in rule.get("expr")?.as_array()? {
        let (name, value) = statement.as_object()?.iter().next()?;
        let chain = || Some(format!("{table} {}", value.get("target")?.as_str()?));
        match name.as_str() {
            "drop" | "reject" => target = Target::Drop,
            "accept" => target = Target::Accept,
            "return" => target = Target::Return,
            "jump" => target = Target::Jump(chain()?),
            "goto" => target = Target::Goto(chain()?),
            "counter" | "log" | "comment" => {}
            // How iptables-nft keeps comments.
            "xt" if text_of(value, "name") == "comment" => {}
            "match" => scope = narrower(scope, scope_of_match(value)),
            "vmap" if is_interface(value.get("key")) => return Some(map_rules(value, table)),
            _ => scope = Scope::Some, // a limit, a set, a map: it does not decide for every packet
        }
    }
    Some(vec![Rule { scope, target }])
}

fn narrower(one: Scope, other: Scope) -> Scope {
    match (one, other) {
        (Scope::Some, _) | (_, Scope::Some) => Scope::Some,
        (Scope::Wide, _) | (_, Scope::Wide) => Scope::Wide,
        (Scope::All, Scope::All) => Scope::All,
    }
}

/// Whether an expression is the interface that a packet came in by.
fn is_interface(expression: Option<&Value>) -> bool {
    let key = expression.and_then(|expression| expression.get("meta")?.get("key")?.as_str());
    matches!(key, Some("iif" | "iifname"))
}

fn scope_of_match(value: &Value) -> Scope {
    let members = |list: &Value| -> Vec<String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let names: Vec<String> = match value.get("right") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(list @ Value::Array(_)) => members(list),
        Some(set) => set.get("set").map(members).unwrap_or_default(),
        None => Vec::new(),
    };
    let state = value.get("left").and_then(|left| left.get("ct")?.get("key")?.as_str());
    if state == Some("state") {
        return if names.iter().any(|name| name == "new") { Scope::Wide } else { Scope::Some };
    }
    if !is_interface(value.get("left")) {
        return Scope::Some;
    }
    // Everything but some interfaces is still an interface to the outside.
    let negated = text_of(value, "op") == "!=";
    if negated || names.is_empty() || names.iter().any(|name| !is_inside(name)) {
        Scope::Wide
    } else {
        Scope::Some
    }
}

/// `iifname vmap { "eth0" : goto zone, … }`
fn map_rules(value: &Value, table: &str) -> Vec<Rule> {
    let pairs = value.get("data").and_then(|data| data.get("set")?.as_array());
    let Some(pairs) = pairs else {
        // A map with a name of its own: what is in it is not looked up, and it might let everything in.
        return vec![Rule { scope: Scope::Wide, target: Target::Accept }];
    };
    let rule = |pair: &Value| {
        let name = pair.get(0)?.as_str()?;
        let (verdict, value) = pair.get(1)?.as_object()?.iter().next()?;
        let chain = || Some(format!("{table} {}", value.get("target")?.as_str()?));
        let target = match verdict.as_str() {
            "accept" => Target::Accept,
            "drop" => Target::Drop,
            "jump" => Target::Jump(chain()?),
            "goto" => Target::Goto(chain()?),
            _ => Target::Nothing,
        };
        Some(Rule { scope: if is_inside(name) { Scope::Some } else { Scope::Wide }, target })
    };
    pairs.iter().filter_map(rule).collect()
}

/// `None` where the chains cannot be followed or there is no input chain at all.
fn from_iptables(text: &str) -> Option<bool> {
    let mut filter = false;
    let mut policy = None;
    let mut rule_set = RuleSet::default();
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('*') {
            filter = table == "filter";
        }
        if !filter {
            continue;
        }
        if let Some(rest) = line.strip_prefix(':') {
            let (name, rest) = rest.split_once(' ')?;
            rule_set.chains.entry(name.to_owned()).or_default();
            if name == "INPUT" {
                policy = Some(rest.starts_with("DROP"));
            }
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let mut words = words_of(rest).into_iter();
            let chain = words.next()?;
            // Every chain is declared before the first rule.
            let rule = iptables_rule(words, |name| rule_set.chains.contains_key(name));
            rule_set.chains.entry(chain).or_default().push(rule);
        }
    }
    let policy = policy?;
    Some(match rule_set.end_of("INPUT", 0)? {
        End::Drop => true,
        End::Accept => false,
        End::Open => policy,
    })
}

fn iptables_rule(words: impl Iterator<Item = String>, is_chain: impl Fn(&str) -> bool) -> Rule {
    let mut words = words.peekable();
    let mut scope = Scope::All;
    let mut target = Target::Nothing;
    let mut negated = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "!" => {
                negated = true;
                continue;
            }
            "-i" => {
                let name = words.next().unwrap_or_default();
                let outside = negated || !is_inside(name.trim_end_matches('+'));
                scope = narrower(scope, if outside { Scope::Wide } else { Scope::Some });
            }
            "-m" if words.peek().is_some_and(|m| ["comment", "conntrack", "state"].contains(&m.as_str())) => {
                words.next();
            }
            "--ctstate" | "--state" => {
                let states = words.next().unwrap_or_default();
                let new = !negated && states.split(',').any(|state| state == "NEW");
                scope = narrower(scope, if new { Scope::Wide } else { Scope::Some });
            }
            "--comment" => {
                words.next();
            }
            "-j" | "-g" => {
                let name = words.next().unwrap_or_default();
                target = match name.as_str() {
                    "ACCEPT" => Target::Accept,
                    "DROP" | "REJECT" => Target::Drop,
                    "RETURN" => Target::Return,
                    // A program decides, and nobody knows how.
                    "QUEUE" | "NFQUEUE" => Target::Accept,
                    // It logs or marks, and the packet goes on.
                    _ if !is_chain(&name) => Target::Nothing,
                    _ if word == "-g" => Target::Goto(name),
                    _ => Target::Jump(name),
                };
                // What follows belongs to the target.
                break;
            }
            _ => scope = Scope::Some,
        }
        negated = false;
    }
    Rule { scope, target }
}

/// Words, those in double quotes whole.
fn words_of(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            other => word.push(other),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}
