//! Passwords that are put together from what anyone would try first.
//!
//! One is guessable when nothing of it is left after up to [`MOST_WORDS`] common words, runs along the keyboard, the alphabet
//! or one key, what is known of the person and their place, and up to [`MOST_FILLER`] digits and signs besides. Digits and
//! signs that stand for letters are read as those, too, and what between words is only a space or a hyphen is not looked at.
//! A text that only repeats itself is as good as what it repeats.
//!
//! More common words in a row than that are a passphrase. The list is ours: base words, not passwords, since what people put
//! around them is read off here.

use std::sync::LazyLock;

/// Base words in lower case, one a line, sorted.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("common_words.txt").lines().collect());

/// Most common words that say nothing; a repeated one counts once.
const MOST_WORDS: usize = 3;
/// Most digits and signs that say nothing. So many that nobody chose are hard enough to guess by themselves.
const MOST_FILLER: usize = 12;
/// What is shorter says nothing, however often it is repeated.
const SHORTEST_UNIT: usize = 6;
/// Shorter runs are found in anything.
const SHORTEST_RUN: usize = 3;

/// What fingers run along, in either direction; each goes on where it began. No key stands in a row twice.
const ROWS: [&str; 14] = [
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "qwertyuiop",
    "qwertyuiopasdfghjklzxcvbnm",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1b2c3d4e5f6g7h8i9j0",
];

/// Whether a password in lower case is one of those; `known` is what anybody knows who knows whose it is, in lower case.
pub(super) fn is(lower: &str, known: &[String]) -> bool {
    let chars: Vec<char> = lower.chars().filter(|c| !separates(*c)).collect();
    let unit = repeated_unit(&chars);
    let repeats = unit.len() < chars.len();
    (repeats && unit.len() < SHORTEST_UNIT) || is_covered(unit, known)
}

/// What people put between words.
fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | ',' | '-' | '_')
}

/// The shortest text that this one is made of by repeating it; itself, if it repeats nothing.
fn repeated_unit(chars: &[char]) -> &[char] {
    // For each place, how much of the beginning ends there.
    let mut borders = vec![0_usize; chars.len()];
    for at in 1..chars.len() {
        let mut border = borders[at - 1];
        while border > 0 && chars[at] != chars[border] {
            border = borders[border - 1];
        }
        borders[at] = border + usize::from(chars[at] == chars[border]);
    }
    let period = chars.len() - borders.last().copied().unwrap_or_default();
    if period > 0 && chars.len().is_multiple_of(period) { &chars[..period] } else { chars }
}

/// What was used to cover the beginning of a password.
#[derive(Clone, Default)]
struct Cover {
    words: Vec<&'static str>,
    filler: usize,
}

impl Cover {
    /// The same and a word; `None` where that is too many.
    fn with(&self, word: &'static str) -> Option<Self> {
        let mut more = self.clone();
        if !more.words.contains(&word) {
            more.words.push(word);
        }
        (more.words.len() <= MOST_WORDS).then_some(more)
    }

    fn size(&self) -> (usize, usize) {
        (self.words.len(), self.filler)
    }
}

/// Keeps the smaller of two covers.
fn offer(place: &mut Option<Cover>, cover: Cover) {
    if place.as_ref().is_none_or(|kept| cover.size() < kept.size()) {
        *place = Some(cover);
    }
}

/// Whether the whole text is covered. One look at each place that a cover reaches.
fn is_covered(chars: &[char], known: &[String]) -> bool {
    let runs = runs(chars);
    let mut covers: Vec<Option<Cover>> = vec![None; chars.len() + 1];
    covers[0] = Some(Cover::default());
    for at in 0..chars.len() {
        let Some(cover) = covers[at].take() else { continue };
        let rest = &chars[at..];
        if rest[0].is_ascii() && !rest[0].is_ascii_alphabetic() && cover.filler < MOST_FILLER {
            offer(&mut covers[at + 1], Cover { filler: cover.filler + 1, ..cover.clone() });
        }
        // A word may begin with the last keys of a run.
        for length in (SHORTEST_RUN..=runs[at]).rev().take(3) {
            offer(&mut covers[at + length], cover.clone());
        }
        for length in known.iter().filter_map(|word| spelled(word, rest)) {
            offer(&mut covers[at + length], cover.clone());
        }
        for first in (b'a'..=b'z').filter(|letter| stands_for(rest[0], char::from(*letter))) {
            let from = WORDS.partition_point(|word| word.as_bytes()[0] < first);
            for word in WORDS[from..].iter().copied().take_while(|word| word.as_bytes()[0] == first) {
                let longer = spelled(word, rest).and_then(|length| Some((length, cover.with(word)?)));
                if let Some((length, longer)) = longer {
                    offer(&mut covers[at + length], longer);
                }
            }
        }
    }
    covers[chars.len()].is_some()
}

/// How many characters at the beginning of the text spell the word, if they do.
fn spelled(word: &str, text: &[char]) -> Option<usize> {
    let mut length = 0;
    for letter in word.chars() {
        text.get(length).filter(|c| stands_for(**c, letter))?;
        length += 1;
    }
    (length > 0).then_some(length)
}

/// Whether a character is the letter, or is put in its place.
fn stands_for(c: char, letter: char) -> bool {
    c == letter
        || matches!(
            (c, letter),
            ('0', 'o')
                | ('1', 'i' | 'l')
                | ('!', 'i')
                | ('3', 'e')
                | ('4' | '@', 'a')
                | ('5' | '$', 's')
                | ('7', 't')
        )
}

/// The key that a sign is on together with a digit, as most keyboards have it.
fn key(c: char) -> char {
    match c {
        '!' => '1',
        '@' => '2',
        '#' => '3',
        '$' => '4',
        '%' => '5',
        '^' => '6',
        '&' => '7',
        '*' => '8',
        '(' => '9',
        ')' => '0',
        other => other,
    }
}

/// For each place, how long the longest run is that begins there.
fn runs(chars: &[char]) -> Vec<usize> {
    let keys: Vec<char> = chars.iter().copied().map(key).collect();
    let mut longest = vec![1; keys.len()];
    let mut note = |follows: &dyn Fn(usize) -> bool| {
        let mut length = 1;
        for at in (0..keys.len().saturating_sub(1)).rev() {
            length = if follows(at) { length + 1 } else { 1 };
            longest[at] = longest[at].max(length);
        }
    };
    note(&|at| keys[at] == keys[at + 1]);
    for row in ROWS {
        let places: Vec<Option<usize>> = keys.iter().map(|key| row.find(*key)).collect();
        for step in [1, row.len() - 1] {
            note(&|at| {
                places[at].zip(places[at + 1]).is_some_and(|(here, next)| (here + step) % row.len() == next)
            });
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_sorted_and_in_letters() {
        assert!(WORDS.len() >= 1_000, "{}", WORDS.len());
        assert!(WORDS.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
        for word in WORDS.iter() {
            assert!(word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word:?}");
        }
    }

    #[test]
    fn a_key_stands_in_a_row_once() {
        for row in ROWS {
            assert!(row.char_indices().all(|(at, key)| row.find(key) == Some(at)), "{row}");
        }
    }

    #[test]
    fn what_is_left_over_is_what_counts() {
        let known = ["northgate".to_owned(), "it".to_owned()];
        for (text, alone, known_too) in [
            ("", true, true),
            ("dragon", true, true),
            ("dr4g0n!2024", true, true),
            ("dragonmonkeysunshine", true, true),
            ("dragonmonkeysunshinepassword", false, false),
            ("dragondragonmonkeydragonsunshine", true, true),
            ("dragonx", false, false),
            ("northgateit2024", false, true),
            ("northgate it dragon", false, true),
            ("defghi", true, true),
            ("ihgfed", true, true),
            ("9012345", true, true),
            ("3edc4rfv", true, true),
            ("aaaaaaa", true, true),
            ("1948372650582", false, false),
            ("194837265058", true, true),
            ("pässwort", false, false),
        ] {
            assert_eq!((is(text, &[]), is(text, &known)), (alone, known_too), "{text}");
        }
    }

    #[test]
    fn a_text_is_made_of_the_shortest_that_it_repeats() {
        for (text, unit) in
            [("", ""), ("a", "a"), ("aaaa", "a"), ("abab", "ab"), ("ababa", "ababa"), ("abcabc", "abc")]
        {
            let chars: Vec<char> = text.chars().collect();
            assert_eq!(repeated_unit(&chars).iter().collect::<String>(), unit, "{text}");
        }
    }
}
