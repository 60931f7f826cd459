//! Holding one value against what a check accepts.

use proofline_catalog::Accept;

/// Whether `value` is acceptable; `None` where it is no number and one is needed.
pub(super) fn accepts(accept: &Accept, value: &str) -> Option<bool> {
    let number = || value.parse::<i64>().ok();
    match accept {
        Accept::Equals(wanted) => Some(value.eq_ignore_ascii_case(wanted)),
        Accept::OneOf(wanted) => Some(wanted.iter().any(|wanted| value.eq_ignore_ascii_case(wanted))),
        Accept::NoneOf(_) => Some(offending(accept, value).is_empty()),
        Accept::AtMost(limit) => number().map(|number| number <= *limit),
        Accept::AtLeast(limit) => number().map(|number| number >= *limit),
        Accept::Between(low, high) => number().map(|number| (*low..=*high).contains(&number)),
    }
}

/// The members of a comma-separated list that must not be in it.
pub(super) fn offending<'a>(accept: &Accept, value: &'a str) -> Vec<&'a str> {
    match accept {
        Accept::NoneOf(unwanted) => value
            .split(',')
            .filter(|member| unwanted.iter().any(|bad| bad.eq_ignore_ascii_case(member)))
            .collect(),
        Accept::Equals(_)
        | Accept::OneOf(_)
        | Accept::AtMost(_)
        | Accept::AtLeast(_)
        | Accept::Between(..) => Vec::new(),
    }
}
