//! The digest of an asset's whole state: what a run ends with and a heartbeat confirms.

use proofline_core::Verdict;

use super::CheckResult;
use crate::Digest;

/// One check of the state: its id, its verdict, the digest of what was observed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateLine<'a> {
    /// The check's id.
    pub check: &'a str,
    /// Its current verdict.
    pub verdict: Verdict,
    /// SHA-256 of the observed text.
    pub observed: Digest,
}

impl<'a> StateLine<'a> {
    /// The line of one result.
    pub fn of(result: &'a CheckResult) -> Self {
        Self { check: &result.check, verdict: result.verdict, observed: result.observed_digest() }
    }
}

/// SHA-256 over `check NUL verdict NUL hex(observed) LF` for every line, sorted by the bytes of the check id.
/// Check ids are unique: the caller holds them in a map.
pub fn state_digest<'a>(lines: impl IntoIterator<Item = StateLine<'a>>) -> Digest {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_unstable();
    let mut text = String::with_capacity(lines.len() * 112);
    for line in lines {
        text.push_str(line.check);
        text.push('\0');
        text.push_str(line.verdict.as_str());
        text.push('\0');
        text.push_str(&line.observed.to_string());
        text.push('\n');
    }
    Digest::of(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_checks_does_not_matter() {
        let line = |check, verdict| StateLine { check, verdict, observed: Digest::of("no") };
        let (a, b) = (line("linux.a", Verdict::Pass), line("linux.b", Verdict::Fail));
        let forward = state_digest([a.clone(), b.clone()]);
        assert_eq!(forward, state_digest([b, a.clone()]));
        assert_ne!(forward, state_digest([a]));
        let text = format!("linux.a\0pass\0{0}\nlinux.b\0fail\0{0}\n", Digest::of("no"));
        assert_eq!(forward, Digest::of(text));
    }
}
