//! Small grammars that several demands share.

/// `YYYY-MM-DD` with a plausible month and day.
pub(super) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let digits = |part: &str, width| part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
    let within = |part: &str, high: u32| part.parse().is_ok_and(|n: u32| (1..=high).contains(&n));
    digits(year, 4) && digits(month, 2) && digits(day, 2) && within(month, 12) && within(day, 31)
}

/// Why a text for people is not acceptable, if so: empty, longer than `max` bytes, or with stray white space.
pub(super) fn bad_text(name: &str, text: &str, max: usize) -> Option<String> {
    if text.trim().is_empty() {
        Some(format!("{name} is empty"))
    } else if text.len() > max {
        Some(format!("{name} is longer than {max} bytes"))
    } else if text.trim() != text || text.chars().any(char::is_control) {
        Some(format!("{name} has stray white space or control characters"))
    } else {
        None
    }
}

/// Why a rationale is not one, if so: it must say something.
pub(super) fn bad_rationale(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        Some("has no rationale".to_owned())
    } else if text.len() < 20 {
        Some("has a rationale that says too little".to_owned())
    } else {
        bad_text("its rationale", text, 600).map(|problem| format!("has a problem: {problem}"))
    }
}

/// `platform.family.name`: three lower-case words.
pub(super) fn is_check_id(text: &str) -> bool {
    text.split('.').count() == 3 && crate::rule::is_dotted_name(text)
}
