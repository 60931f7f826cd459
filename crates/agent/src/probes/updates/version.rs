//! The order of Debian versions. deb-version(7)

use std::cmp::Ordering;

/// Whether `one` is a later version than `other`.
pub(super) fn is_newer(one: &str, other: &str) -> bool {
    compare(one, other) == Ordering::Greater
}

fn compare(one: &str, other: &str) -> Ordering {
    let ((one_epoch, one), (other_epoch, other)) = (epoch(one), epoch(other));
    let (one_upstream, one_revision) = one.rsplit_once('-').unwrap_or((one, ""));
    let (other_upstream, other_revision) = other.rsplit_once('-').unwrap_or((other, ""));
    one_epoch
        .cmp(&other_epoch)
        .then_with(|| compare_part(one_upstream, other_upstream))
        .then_with(|| compare_part(one_revision, other_revision))
}

fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// Alternates between runs of other characters and numbers. A tilde sorts before the end, letters before the rest.
fn compare_part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (one_text, one_rest) = split_where(one, |c| c.is_ascii_digit());
        let (other_text, other_rest) = split_where(other, |c| c.is_ascii_digit());
        let texts = compare_text(one_text, other_text);
        let (one_number, one_rest) = split_where(one_rest, |c| !c.is_ascii_digit());
        let (other_number, other_rest) = split_where(other_rest, |c| !c.is_ascii_digit());
        let order = texts.then_with(|| compare_number(one_number, other_number));
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
    Ordering::Equal
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn compare_text(one: &str, other: &str) -> Ordering {
    let rank = |letter: Option<char>| match letter {
        Some('~') => (0, '~'),
        None => (1, ' '),
        Some(letter) if letter.is_ascii_alphabetic() => (2, letter),
        Some(letter) => (3, letter),
    };
    let (mut one, mut other) = (one.chars(), other.chars());
    loop {
        let (a, b) = (one.next(), other.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        match rank(a).cmp(&rank(b)) {
            Ordering::Equal => {}
            order => return order,
        }
    }
}

/// By value, however long.
fn compare_number(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair in ascending order; answers of `dpkg --compare-versions`.
    #[test]
    fn versions_are_ordered_like_dpkg_does() {
        let ascending = [
            ("1.0~rc1-1", "1.0-1"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("1.0-1~bpo12+1", "1.0-1"),
            ("1.0.9-1", "1.0.10-1"),
            ("9:1.0", "10:0.5"),
            ("1.0", "1:0.1"),
            ("1.6-2.1+deb12u1", "1.6-2.1+deb12u3"),
            ("3.0.11-1~deb12u2", "3.0.11-1"),
            ("1.0a", "1.0+"),
            ("1.0", "1.0a"),
            ("2.36-9+deb12u9", "2.36-9+deb12u10"),
            ("1.2-3-1", "1.2-3-2"),
            ("0.0.0~git20200101", "0.0.0~git20210101"),
        ];
        for (older, newer) in ascending {
            assert!(is_newer(newer, older) && !is_newer(older, newer), "{older} < {newer}");
        }
        for (one, same) in [("1.0", "1.0"), ("1.0-0", "1.00-0"), ("0:1.0", "1.0"), ("1.0", "1.0-0")] {
            assert!(!is_newer(one, same) && !is_newer(same, one), "{one} = {same}");
        }
    }
}
