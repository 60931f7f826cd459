//! The two kinds of text in a statement: free text, and names that machines compare.

use std::borrow::Cow;

use crate::{Defect, Reason};

/// The longest free text in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 2048;

/// The longest name in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Free text: at most [`MAX_TEXT_BYTES`], no NUL.
pub(super) fn free(field: &'static str, text: Cow<'_, str>) -> Result<String, Defect> {
    if text.len() > MAX_TEXT_BYTES || text.contains('\0') {
        return Err(Defect::new(Reason::FieldValue, format!("`{field}` is too long or holds a NUL")));
    }
    Ok(text.into_owned())
}

/// A name: 1 to [`MAX_NAME_BYTES`] visible ASCII characters, no space.
pub(super) fn name(field: &'static str, text: Cow<'_, str>) -> Result<String, Defect> {
    let sound =
        (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !sound {
        return Err(Defect::new(Reason::FieldValue, format!("`{field}` is not a name")));
    }
    Ok(text.into_owned())
}

/// Makes free text fit a statement: NULs become `�`, and what is longer than [`MAX_TEXT_BYTES`] is cut on a character with
/// an ellipsis behind it. For values that were read from a machine and may be anything.
pub fn cut_text(text: &str) -> String {
    const ELLIPSIS: char = '…';
    let clean = text.replace('\0', "\u{FFFD}");
    if clean.len() <= MAX_TEXT_BYTES {
        return clean;
    }
    let mut end = MAX_TEXT_BYTES - ELLIPSIS.len_utf8();
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    let mut cut = clean[..end].to_owned();
    cut.push(ELLIPSIS);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_fits_and_stays_text() {
        for text in ["a".repeat(5_000), "é".repeat(3_000), "\0".repeat(2_048), "x".repeat(MAX_TEXT_BYTES)] {
            let cut = cut_text(&text);
            assert!(free("t", Cow::Borrowed(&cut)).is_ok());
            assert_eq!(
                cut.ends_with('…'),
                text.len() > MAX_TEXT_BYTES || text.contains('\0') && cut.len() < 6_144
            );
        }
        assert_eq!(cut_text("short"), "short");
    }
}
