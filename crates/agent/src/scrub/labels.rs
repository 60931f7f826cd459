//! Values that are told by the label in front of them.

use super::text::Text;
use super::{Found, Kind, dates, shapes};

/// The words of a label, which may have spaces, dashes, dots and underscores between them, or nothing.
#[derive(Clone, Copy)]
struct Label {
    words: &'static [&'static str],
    value: Value,
    /// It means a patient whatever stands around it, so that any words may stand between it and its value.
    certain: bool,
}

/// What may follow a label.
#[derive(Clone, Copy)]
enum Value {
    /// A token with so many digits at least.
    Token(Kind, usize),
    Date,
    Phone,
    Code,
}

const fn token(words: &'static [&'static str], kind: Kind, digits: usize) -> Label {
    Label { words, value: Value::Token(kind, digits), certain: false }
}

const fn label(words: &'static [&'static str], value: Value) -> Label {
    Label { words, value, certain: false }
}

const fn certain(label: Label) -> Label {
    Label { certain: true, ..label }
}

/// Where one begins with another, the longer one stands first.
const LABELS: &[Label] = &[
    certain(token(&["m", "r", "n"], Kind::Record, 3)),
    certain(token(&["mnr"], Kind::Record, 4)),
    certain(token(&["medical", "record"], Kind::Record, 3)),
    certain(token(&["med", "rec"], Kind::Record, 3)),
    token(&["health", "record"], Kind::Record, 4),
    token(&["hospital", "number"], Kind::Record, 4),
    certain(token(&["patient"], Kind::Record, 4)),
    token(&["pat", "id"], Kind::Record, 4),
    token(&["pt", "id"], Kind::Record, 4),
    token(&["pt", "no"], Kind::Record, 4),
    token(&["pt"], Kind::Record, 5),
    token(&["chart"], Kind::Record, 4),
    token(&["encounter"], Kind::Record, 4),
    certain(token(&["ssn"], Kind::Ssn, 4)),
    token(&["ss#"], Kind::Ssn, 4),
    certain(token(&["social", "security"], Kind::Ssn, 4)),
    token(&["soc", "sec"], Kind::Ssn, 4),
    token(&["mbi"], Kind::Plan, 4),
    token(&["hicn"], Kind::Plan, 4),
    token(&["medicare"], Kind::Plan, 4),
    token(&["medicaid"], Kind::Plan, 4),
    token(&["mem#"], Kind::Plan, 4),
    token(&["blue", "cross"], Kind::Plan, 6),
    token(&["bcbs"], Kind::Plan, 6),
    token(&["aetna"], Kind::Plan, 6),
    token(&["cigna"], Kind::Plan, 6),
    token(&["humana"], Kind::Plan, 6),
    token(&["tricare"], Kind::Plan, 6),
    token(&["member", "id"], Kind::Plan, 4),
    token(&["member", "no"], Kind::Plan, 4),
    token(&["member", "number"], Kind::Plan, 4),
    token(&["subscriber"], Kind::Plan, 4),
    token(&["beneficiary"], Kind::Plan, 4),
    token(&["health", "plan"], Kind::Plan, 4),
    token(&["insurance"], Kind::Plan, 4),
    token(&["policy", "no"], Kind::Plan, 4),
    token(&["policy", "number"], Kind::Plan, 4),
    token(&["credit", "card"], Kind::Card, 12),
    token(&["card", "number"], Kind::Card, 12),
    certain(label(&["date", "of", "birth"], Value::Date)),
    certain(label(&["d", "o", "b"], Value::Date)),
    certain(label(&["dbo"], Value::Date)),
    certain(label(&["birth", "date"], Value::Date)),
    label(&["birth", "day"], Value::Date),
    label(&["b", "day"], Value::Date),
    label(&["born"], Value::Date),
    label(&["telephone"], Value::Phone),
    label(&["phone"], Value::Phone),
    label(&["tel"], Value::Phone),
    label(&["ph"], Value::Phone),
    label(&["cell"], Value::Phone),
    label(&["mobile"], Value::Phone),
    label(&["fax"], Value::Phone),
    label(&["icd", "10", "cm"], Value::Code),
    label(&["icd", "10"], Value::Code),
    label(&["icd"], Value::Code),
    certain(label(&["diagnosis"], Value::Code)),
    label(&["diagnoses"], Value::Code),
    label(&["diag"], Value::Code),
    certain(label(&["dx"], Value::Code)),
];

/// Words that stand between a label and its value.
const GLUE: [&str; 22] = [
    "last 4",
    "last4",
    "last four",
    "number",
    "numbers",
    "num",
    "no",
    "nr",
    "ids",
    "id",
    "is",
    "was",
    "on",
    "of",
    "code",
    "value",
    "mm",
    "dd",
    "yyyy",
    "yy",
    "last",
    "the",
];

/// The most characters between a label and its value.
const GAP: usize = 32;

/// The value of a label that begins here, or one whose label stands behind it in brackets.
pub(super) fn find(text: &Text<'_>) -> Option<Found> {
    let here = text.here()?;
    if here.is_ascii_alphabetic() && begins_word(text.before(), here) {
        let inside = text.before().is_some_and(char::is_alphanumeric);
        let labelled = |label: &Label| {
            let end = label_end(text, text.at(), label.words)?;
            // Two letters stand in every digest.
            let short = end - text.at() < 3 && (inside || text.is_alphanumeric(end));
            if short { None } else { value(text, end, label) }
        };
        if let Some(found) = LABELS.iter().find_map(labelled) {
            return Some(found);
        }
    }
    let value_begins = here.is_ascii_alphanumeric() && !text.before().is_some_and(char::is_alphanumeric);
    if value_begins { labelled_behind(text) } else { None }
}

/// `patientMrn` has a label in it, `acheron` has none.
fn begins_word(before: Option<char>, here: char) -> bool {
    !before
        .is_some_and(|before| before.is_alphabetic() && !(before.is_lowercase() && here.is_ascii_uppercase()))
}

/// `0012345 (MRN)`.
fn labelled_behind(text: &Text<'_>) -> Option<Found> {
    // What no value is longer than.
    let bracket = (text.at()..text.at() + 30).find(|place| text.get(*place) == Some('('))?;
    let end = bracket - usize::from(text.get(bracket - 1) == Some(' '));
    LABELS.iter().find_map(|label| {
        let label_end =
            label_end(text, bracket + 1, label.words).filter(|end| !text.is_alphanumeric(*end))?;
        (label_end > bracket)
            .then(|| value_at(text, text.at(), label.value))
            .flatten()
            .filter(|found| found.end == end)
    })
}

fn label_end(text: &Text<'_>, start: usize, words: &[&str]) -> Option<usize> {
    let mut place = start;
    for (n, word) in words.iter().enumerate() {
        if n > 0 {
            let between = |place: &usize| matches!(text.get(*place), Some(' ' | '_' | '-' | '.'));
            place += (place..place + 2).take_while(between).count();
        }
        place = text.word_end(place, word)?;
    }
    Some(place)
}

/// Looks for a value at each place between the words that may stand there.
fn value(text: &Text<'_>, label_end: usize, label: &Label) -> Option<Found> {
    let mut place = label_end;
    // The plural, and a word that goes on: `patientId`, but not `mobility`.
    if text.is_letter(place) {
        let plural = text.word_end(place, "s").filter(|end| !text.is_letter(*end));
        place = plural.or_else(|| glue_end(text, place))?;
    }
    while place < label_end + GAP {
        if let Some(found) = value_at(text, place, label.value) {
            return Some(found);
        }
        let gap = text.get(place).is_some_and(is_gap).then_some(place + 1);
        let word = label.certain.then(|| word_end(text, place)).flatten();
        place = gap.or_else(|| glue_end(text, place)).or(word)?;
    }
    None
}

/// Over the letters of any word.
fn word_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let letters = (start..start + GAP).take_while(|place| text.is_letter(*place)).count();
    (letters > 0).then_some(start + letters)
}

fn is_gap(letter: char) -> bool {
    letter.is_ascii_whitespace()
        || matches!(
            letter,
            ':' | '='
                | '#'
                | '_'
                | '-'
                | '.'
                | '/'
                | '\\'
                | '\''
                | '"'
                | '('
                | ')'
                | '<'
                | '>'
                | ','
                | '|'
                | ';'
                | '^'
                | '&'
        )
}

fn glue_end(text: &Text<'_>, place: usize) -> Option<usize> {
    let ends = GLUE.iter().filter_map(|word| text.word_end(place, word));
    ends.into_iter().find(|end| !text.is_letter(*end))
}

fn value_at(text: &Text<'_>, start: usize, wanted: Value) -> Option<Found> {
    let (kind, end) = match wanted {
        Value::Token(kind, digits) => (kind, token_end(text, start, digits)?),
        Value::Date => (Kind::Birth, dates::end(text, start)?),
        Value::Phone => (Kind::Phone, phone_end(text, start)?),
        Value::Code => (Kind::Diagnosis, shapes::code_end(text, start, false)?),
    };
    // A part of an address is not a value; the address is taken out as a whole.
    let address = text.get(end) == Some('@') || text.word_end(end, "%40").is_some();
    (!address).then_some(Found { kind, start, end })
}

/// Letters, digits and dashes; spaces between short groups of digits; and what masks a number.
fn token_end(text: &Text<'_>, start: usize, least: usize) -> Option<usize> {
    let part = |place: usize| text.is_alphanumeric(place) || text.get(place) == Some('*');
    let (mut place, mut digits) = (start, 0);
    while part(place) {
        let group = place;
        while part(place) {
            digits += usize::from(text.is_digit(place));
            place += 1;
        }
        let short = |start: usize| (2..=6).contains(&(text.digits_end(start, 7) - start));
        let grouped = text.digits_end(group, 6) == place && place - group >= 2 && short(place + 1);
        let goes_on = match text.get(place) {
            Some('-') => part(place + 1),
            Some(' ' | '_') => grouped,
            _ => false,
        };
        place += usize::from(goes_on);
    }
    (digits >= least).then_some(place)
}

/// Seven to fifteen digits with what stands between them.
fn phone_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let (mut end, mut digits, mut dots) = (start, 0, 0);
    for place in start..start + 30 {
        match text.get(place) {
            Some('0'..='9') => (digits, end) = (digits + 1, place + 1),
            Some('.') => dots += 1,
            Some('-' | ' ' | '(' | ')' | '/') => {}
            Some('+') if place == start => {}
            _ => break,
        }
        // A label in front of it makes an address of a network no number.
        if digits > 15 || dots > 2 {
            return None;
        }
    }
    let begins = text.is_digit(start) || matches!(text.get(start), Some('+' | '('));
    // `mobile/2017-07-01` is no number.
    let number = (7..=15).contains(&digits) && !(digits == 8 && dates::end(text, start) == Some(end));
    (begins && number && !text.is_alphanumeric(end)).then_some(end)
}
