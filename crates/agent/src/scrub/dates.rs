//! A date in any of the ways in which people write one.

use super::text::Text;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The end of a date that begins at `start`: eight or six digits, or day, month and year in any order, the month as a
/// number or a word.
pub(super) fn end(text: &Text<'_>, start: usize) -> Option<usize> {
    compact(text, start).or_else(|| spelled(text, start))
}

fn compact(text: &Text<'_>, start: usize) -> Option<usize> {
    let end = text.digits_end(start, 15);
    // With a time behind it, as HL7 writes it, it is one still.
    matches!(end - start, 6 | 8 | 12 | 14).then_some(end)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Month,
    Day,
    Year,
}

fn spelled(text: &Text<'_>, start: usize) -> Option<usize> {
    let (mut place, mut months, mut years) = (start, 0, 0);
    for n in 0..3 {
        if n > 0 {
            place = separated(text, place)?;
        }
        let (part, end) = part(text, place)?;
        months += usize::from(part == Part::Month);
        years += usize::from(part == Part::Year);
        place = end;
    }
    (months <= 1 && years <= 1).then_some(place)
}

/// The place behind one to three separators.
fn separated(text: &Text<'_>, place: usize) -> Option<usize> {
    let separator =
        |place: &usize| matches!(text.get(*place), Some('-' | '/' | '.' | '_' | ' ' | ',' | '\''));
    let count = (place..place + 3).take_while(separator).count();
    (count > 0).then_some(place + count)
}

fn part(text: &Text<'_>, start: usize) -> Option<(Part, usize)> {
    let digits = text.digits_end(start, 5);
    match digits - start {
        0 => month(text, start).map(|end| (Part::Month, end)),
        1 | 2 => Some((Part::Day, ordinal(text, digits))),
        4 => Some((Part::Year, digits)),
        _ => None,
    }
}

/// Over the ending of `2nd`.
fn ordinal(text: &Text<'_>, place: usize) -> usize {
    let ending = ["st", "nd", "rd", "th"].iter().find_map(|ending| text.word_end(place, ending));
    ending.filter(|end| !text.is_letter(*end)).unwrap_or(place)
}

/// A month in full or its first letters, three at least.
fn month(text: &Text<'_>, start: usize) -> Option<usize> {
    let end = (start..start + 10).find(|place| !text.is_letter(*place))?;
    let length = end - start;
    let named = |month: &&&str| {
        (3..=month.len()).contains(&length) && text.word_end(start, &month[..length]) == Some(end)
    };
    MONTHS.iter().find(named).map(|_| end)
}
