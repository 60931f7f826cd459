//! What identifies a patient is taken out of a text before the text leaves the machine.
//!
//! A compliance agent reads names of files, folders, accounts and services, and people write patients into all of them.
//! [`scrub`] puts `[removed: <kind>]` in the place of what it recognises by form, or by a label next to it. It judges no
//! meaning: a name alone, an address of a house and a date without a label stay as they are (`docs/health-data.md` has
//! what was measured).
//!
//! Promises:
//! - `scrub(scrub(x)) == scrub(x)`; it never panics; the answer is at most four times as long as the text, and 32 bytes;
//! - the work is linear in the length of the text: a text is read at most [`PASSES`] times, each place with a bounded look
//!   ahead, and of more than [`LIMIT`] characters the rest is left out;
//! - addresses of networks, versions, digests, key ids, times, UUIDs and names of algorithms stay as they are, unless a
//!   label says that they are a patient's.
//!
//! Everything that leaves goes through here, and the types see to it: a statement is signed from what
//! [`fit`](crate::emitter) made, which scrubs; a message is sent as [`Scrubbed`].

mod dates;
mod labels;
mod message;
mod shapes;
mod text;

use std::borrow::Cow;

pub use message::{Message, Scrubbed};
use text::Text;

/// The most characters of one text that are looked at. Statements hold 2 KiB.
pub const LIMIT: usize = 64 * 1024;

/// How often one text is read. What is taken out can show what was hidden behind it; a text that is not at rest after so
/// many readings was made to be like that, and is removed as a whole.
pub const PASSES: usize = 6;

/// In the place of a text that is not at rest.
const WHOLE: &str = "[removed: text]";

/// What was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A social security number, or an ITIN, which has the same form.
    Ssn,
    /// A number of a medical record, a patient, a chart or an encounter, with its label.
    Record,
    /// A date of birth, with its label.
    Birth,
    /// A person's e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A Medicare beneficiary identifier by its form, or another number of a health plan with its label.
    Plan,
    /// The number of a payment card.
    Card,
    /// A code of ICD-10-CM with its label, or next to a name.
    Diagnosis,
    /// The segment of an HL7 v2 message that says who the patient is.
    Patient,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Ssn,
        Self::Record,
        Self::Birth,
        Self::Email,
        Self::Phone,
        Self::Plan,
        Self::Card,
        Self::Diagnosis,
        Self::Patient,
    ];

    /// What stands in its place.
    pub const fn marker(self) -> &'static str {
        match self {
            Self::Ssn => "[removed: ssn]",
            Self::Record => "[removed: record number]",
            Self::Birth => "[removed: date of birth]",
            Self::Email => "[removed: email]",
            Self::Phone => "[removed: phone]",
            Self::Plan => "[removed: health plan]",
            Self::Card => "[removed: card]",
            Self::Diagnosis => "[removed: diagnosis]",
            Self::Patient => "[removed: patient]",
        }
    }
}

/// The text without what identifies a patient.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for _ in 0..PASSES {
        // What was put in is longer than what was taken out, so that this is looked at each time.
        if let Some((end, _)) = clean.char_indices().nth(LIMIT) {
            clean = Cow::Owned(clean[..end].to_owned());
        }
        match pass(&clean) {
            Some(cleaner) => clean = Cow::Owned(cleaner),
            None => return clean,
        }
    }
    Cow::Borrowed(WHOLE)
}

/// One reading from left to right; `None` where there was nothing to take out.
fn pass(text: &str) -> Option<String> {
    // Whatever is recognised holds a digit or an `@`, the segment of HL7 its bars.
    if !text.chars().map(text::plain).any(|letter| letter.is_ascii_digit() || matches!(letter, '@' | '|')) {
        return None;
    }
    let letters: Vec<char> = text.chars().collect();
    let mut text = Text::new(&letters);
    let mut changed = false;
    while !text.is_over() {
        if let Some(end) = marker_end(&text) {
            text.keep(end);
        } else if let Some(found) = find(&text) {
            text.keep(found.start);
            text.replace(found.end, found.kind.marker());
            changed = true;
        } else {
            text.keep(text.at() + 1);
        }
    }
    changed.then(|| text.into_kept())
}

/// What is to be taken out, as places in the text.
struct Found {
    kind: Kind,
    start: usize,
    end: usize,
}

/// What begins here.
fn find(text: &Text<'_>) -> Option<Found> {
    if let Some(found) = labels::find(text) {
        return Some(found);
    }
    shapes::find(text).map(|(kind, end)| Found { kind, start: text.at(), end })
}

/// The end of a marker that begins here.
fn marker_end(text: &Text<'_>) -> Option<usize> {
    if text.here() != Some('[') {
        return None;
    }
    let markers = Kind::ALL.iter().map(|kind| kind.marker()).chain([WHOLE]);
    markers.into_iter().find(|marker| text.starts_with(marker)).map(|marker| text.at() + marker.len())
}

#[cfg(test)]
mod tests;
