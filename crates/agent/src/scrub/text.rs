//! A text on its way through the scrubber: what was kept lies behind, what is still to be read ahead.

/// What a letter is compared as: digits, dashes and spaces have many forms, and a patient is one in any of them.
pub(super) const fn plain(letter: char) -> char {
    match letter {
        '\u{FF01}'..='\u{FF5E}' => {
            // The full-width forms stand in the order of ASCII.
            match char::from_u32(letter as u32 - 0xFEE0) {
                Some(plain) => plain,
                None => letter,
            }
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{00AD}' => '-',
        '\u{00A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => ' ',
        _ => letter,
    }
}

/// Positions count characters.
pub(super) struct Text<'a> {
    letters: &'a [char],
    at: usize,
    kept: String,
    /// The last two letters that were kept, the last one first.
    behind: [Option<char>; 2],
}

impl<'a> Text<'a> {
    pub(super) fn new(letters: &'a [char]) -> Self {
        Self { letters, at: 0, kept: String::with_capacity(letters.len()), behind: [None; 2] }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.letters.len()
    }

    /// The letter at a place, as it is compared.
    pub(super) fn get(&self, place: usize) -> Option<char> {
        self.letters.get(place).copied().map(plain)
    }

    pub(super) fn here(&self) -> Option<char> {
        self.get(self.at)
    }

    /// What was kept last.
    pub(super) fn before(&self) -> Option<char> {
        self.behind[0]
    }

    /// What was kept before that.
    pub(super) fn before_that(&self) -> Option<char> {
        self.behind[1]
    }

    /// All that was kept.
    pub(super) fn kept(&self) -> &str {
        &self.kept
    }

    /// Keeps what lies ahead, up to `end`.
    pub(super) fn keep(&mut self, end: usize) {
        while self.at < end.min(self.letters.len()) {
            let letter = self.letters[self.at];
            self.kept.push(letter);
            self.behind = [Some(plain(letter)), self.behind[0]];
            self.at += 1;
        }
    }

    /// Puts `marker` in the place of what lies ahead, up to `end`.
    pub(super) fn replace(&mut self, end: usize, marker: &str) {
        self.kept.push_str(marker);
        self.behind = [Some(']'), None];
        self.at = end;
    }

    pub(super) fn into_kept(self) -> String {
        self.kept
    }

    /// Whether `word` stands here, letter by letter.
    pub(super) fn starts_with(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(n, letter)| self.letters.get(self.at + n) == Some(&letter))
    }

    /// The end of `word` at `place`, in any case.
    pub(super) fn word_end(&self, place: usize, word: &str) -> Option<usize> {
        let same = word
            .chars()
            .enumerate()
            .all(|(n, letter)| self.get(place + n).is_some_and(|here| here.eq_ignore_ascii_case(&letter)));
        same.then(|| place + word.len())
    }

    pub(super) fn is_digit(&self, place: usize) -> bool {
        self.get(place).is_some_and(|letter| letter.is_ascii_digit())
    }

    pub(super) fn is_letter(&self, place: usize) -> bool {
        self.get(place).is_some_and(char::is_alphabetic)
    }

    pub(super) fn is_alphanumeric(&self, place: usize) -> bool {
        self.get(place).is_some_and(char::is_alphanumeric)
    }

    /// The place after all digits from here, at most `most` of them.
    pub(super) fn digits_end(&self, place: usize, most: usize) -> usize {
        let count = (0..most).take_while(|n| self.is_digit(place + n)).count();
        place + count
    }

    /// The place after exactly `count` digits, the last of which may be followed by another.
    pub(super) fn digits(&self, place: usize, count: usize) -> Option<usize> {
        let end = self.digits_end(place, count);
        (end == place + count).then_some(end)
    }

    /// The digits between two places.
    pub(super) fn digits_between(&self, start: usize, end: usize) -> impl Iterator<Item = u32> {
        (start..end).filter_map(|place| self.get(place)?.to_digit(10))
    }
}
