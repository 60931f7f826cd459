//! Values that are told by their own form.

use super::Kind;
use super::text::Text;

/// What begins here, and where it ends.
pub(super) fn find(text: &Text<'_>) -> Option<(Kind, usize)> {
    if let Some(end) = email_end(text) {
        return Some((Kind::Email, end));
    }
    if let Some(end) = segment_end(text) {
        return Some((Kind::Patient, end));
    }
    let number = ssn_end(text).map(|end| (Kind::Ssn, end));
    let number = number.or_else(|| card_end(text).map(|end| (Kind::Card, end)));
    let number = number.or_else(|| phone_end(text).map(|end| (Kind::Phone, end)));
    let number = number.or_else(|| mbi_end(text).map(|end| (Kind::Plan, end)));
    number.or_else(|| named_code_end(text).map(|end| (Kind::Diagnosis, end)))
}

/// Whether a digit stands before this place, or before the separator in front of it: it is the rest of something longer.
fn goes_on_before(text: &Text<'_>, separator: char) -> bool {
    let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    digit(text.before()) || text.before() == Some(separator) && digit(text.before_that())
}

/// Whether a letter or digit stands at `end`, or a digit behind the separator there.
fn goes_on_behind(text: &Text<'_>, end: usize, separator: char) -> bool {
    text.is_alphanumeric(end) || text.get(end) == Some(separator) && text.is_digit(end + 1)
}

fn follows_alphanumeric(text: &Text<'_>) -> bool {
    text.before().is_some_and(char::is_alphanumeric)
}

/// `123-45-6789`, with dashes, spaces, dots or underscores. Numbers that are not given out are none: area 000 or 666,
/// group 00, serial 0000 (SSA, POMS RM 10201.035). An area from 900 on is an ITIN's.
fn ssn_end(text: &Text<'_>) -> Option<usize> {
    let start = text.at();
    let area = text.digits(start, 3)?;
    let (separator, second) = ssn_separator(text, area)?;
    let group = text.digits(second, 2)?;
    let (again, third) = ssn_separator(text, group)?;
    let end = text.digits(third, 4).filter(|_| again == separator)?;
    let alone = if separator == '-' {
        !text.before().is_some_and(|before| before.is_ascii_digit()) && !text.is_alphanumeric(end)
    } else {
        !goes_on_before(text, separator)
            && !follows_alphanumeric(text)
            && !goes_on_behind(text, end, separator)
    };
    let number = |start, end| text.digits_between(start, end).fold(0, |sum, digit| sum * 10 + digit);
    let given =
        !matches!(number(start, area), 0 | 666) && number(second, group) != 0 && number(third, end) != 0;
    (alone && given).then_some(end)
}

/// What separates, and the place behind it: ` - ` is a dash.
fn ssn_separator(text: &Text<'_>, place: usize) -> Option<(char, usize)> {
    match (text.get(place)?, text.get(place + 1), text.get(place + 2)) {
        (' ', Some('-'), Some(' ')) => Some(('-', place + 3)),
        (separator @ ('-' | ' ' | '.' | '_'), _, _) => Some((separator, place + 1)),
        _ => None,
    }
}

/// A number of the North American plan with separators, brackets or `+1`; of another country with `+` and separators.
fn phone_end(text: &Text<'_>) -> Option<usize> {
    let start = text.at();
    let begins = text.here().is_some_and(|here| here.is_ascii_digit() || matches!(here, '+' | '('));
    if !begins || follows_alphanumeric(text) {
        return None;
    }
    national_end(text, start).or_else(|| international_end(text, start))
}

fn national_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let plus = usize::from(text.get(start) == Some('+'));
    // `001` is what is dialled for `+1` elsewhere.
    let abroad =
        text.get(start) == Some('0') && text.get(start + 1) == Some('0') && text.get(start + 2) == Some('1');
    let mut place = start + plus + if abroad { 2 } else { 0 };
    let mut country = text.get(place) == Some('1');
    if country {
        let end = gap_end(text, place + 1);
        // A `1` that nothing sets apart belongs to the number.
        country = plus == 1 || end > place + 1 || text.get(end) == Some('(');
        place = if country { end } else { place };
    }
    let bracket = text.get(place) == Some('(');
    let area = nxx(text, place + usize::from(bracket))?;
    let closed = if bracket { (text.get(area) == Some(')')).then_some(area + 1)? } else { area };
    let first = gap_end(text, closed);
    let exchange = nxx(text, first)?;
    let second = gap_end(text, exchange);
    let end = text.digits(second, 4)?;
    let apart = first > closed && second > exchange;
    if !(apart || bracket || plus == 1 && country) {
        return None;
    }
    let alone = [' ', '.'].into_iter().all(|separator| {
        let style = text.get(exchange) == Some(separator);
        !style || !goes_on_before(text, separator) && !goes_on_behind(text, end, separator)
    });
    (alone && !text.is_alphanumeric(end)).then_some(end)
}

/// Three digits, the first from 2 to 9.
fn nxx(text: &Text<'_>, place: usize) -> Option<usize> {
    text.digits(place, 3).filter(|_| !matches!(text.get(place), Some('0' | '1')))
}

/// Over at most three separators.
fn gap_end(text: &Text<'_>, place: usize) -> usize {
    let gap = |place: &usize| matches!(text.get(*place), Some('-' | '.' | ' ' | '/' | '_'));
    place + (place..place + 3).take_while(gap).count()
}

/// ITU-T E.164 with its plus: 9 to 15 digits in groups.
fn international_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let first = text.get(start + 1).filter(|digit| matches!(digit, '2'..='9'))?;
    if text.get(start) != Some('+') || !first.is_ascii_digit() {
        return None;
    }
    let (mut end, mut digits, mut groups) = (start + 1, 0, 0);
    loop {
        let group = text.digits_end(end, 16);
        (digits, groups) = (digits + group - end, groups + 1);
        end = group;
        let separated = matches!(text.get(end), Some('-' | '.' | ' ')) && text.is_digit(end + 1);
        if !separated || digits > 15 {
            break;
        }
        end += 1;
    }
    ((9..=15).contains(&digits) && groups > 2 && !text.is_alphanumeric(end)).then_some(end)
}

/// How the digits of a card may be grouped.
const CARD_GROUPS: [&[usize]; 8] =
    [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[16], &[15], &[14], &[19]];

/// Length and first digits of the usual brands (ISO/IEC 7812), and the check digit.
fn card_end(text: &Text<'_>) -> Option<usize> {
    let start = text.at();
    if !matches!(text.here(), Some('2'..='6')) || follows_alphanumeric(text) || goes_on_before(text, '.') {
        return None;
    }
    let end = CARD_GROUPS.into_iter().find_map(|groups| grouped_end(text, start, groups))?;
    let digits: Vec<u32> = text.digits_between(start, end).collect();
    (is_of_a_brand(&digits) && luhn(&digits)).then_some(end)
}

fn grouped_end(text: &Text<'_>, start: usize, groups: &[usize]) -> Option<usize> {
    let separator = text.get(start + 4).filter(|letter| matches!(letter, ' ' | '-' | '_' | '.'));
    let mut place = start;
    for (n, group) in groups.iter().enumerate() {
        if n > 0 {
            separator.filter(|separator| text.get(place) == Some(*separator))?;
            place += 1;
        }
        place = text.digits(place, *group)?;
    }
    let around = separator.filter(|_| groups.len() > 1).unwrap_or('.');
    (!goes_on_before(text, around) && !goes_on_behind(text, place, around)).then_some(place)
}

fn is_of_a_brand(digits: &[u32]) -> bool {
    let first = |count: usize| digits.iter().take(count).fold(0, |sum, digit| sum * 10 + digit);
    match digits.len() {
        14 => matches!(first(3), 300..=305) || matches!(first(2), 36 | 38 | 39),
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(1), 4)
                || matches!(first(2), 51..=55 | 62 | 65)
                || matches!(first(3), 644..=649)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        19 => matches!(first(1), 4) || matches!(first(2), 62),
        _ => false,
    }
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| if n % 2 == 0 { *digit } else { doubled(*digit) })
        .sum();
    sum.is_multiple_of(10)
}

/// The form of a Medicare beneficiary identifier (CMS, "Understanding the MBI"): C is 1 to 9, N a digit, A a letter
/// without S, L, O, I, B and Z, and X either. Dashes or spaces stand behind the fourth and the seventh.
fn mbi_end(text: &Text<'_>) -> Option<usize> {
    if follows_alphanumeric(text) {
        return None;
    }
    let mut place = text.at();
    for (n, form) in "CAXNAXNAANN".chars().enumerate() {
        if matches!(n, 4 | 7) && matches!(text.get(place), Some('-' | ' ')) {
            place += 1;
        }
        let letter = text.get(place)?.to_ascii_uppercase();
        let allowed = letter.is_ascii_uppercase() && !matches!(letter, 'S' | 'L' | 'O' | 'I' | 'B' | 'Z');
        let fits = match form {
            'C' => matches!(letter, '1'..='9'),
            'N' => letter.is_ascii_digit(),
            'A' => allowed,
            _ => allowed || letter.is_ascii_digit(),
        };
        place = fits.then_some(place + 1)?;
    }
    (!text.is_alphanumeric(place)).then_some(place)
}

/// A code of ICD-10-CM: a letter, a digit, a digit or `A` or `B`, and up to four more behind a point.
pub(super) fn code_end(text: &Text<'_>, start: usize, needs_point: bool) -> Option<usize> {
    let letter = text.get(start)?;
    let third = text.get(start + 2)?.to_ascii_uppercase();
    if !letter.is_ascii_alphabetic()
        || !text.is_digit(start + 1)
        || !(third.is_ascii_digit() || matches!(third, 'A' | 'B'))
    {
        return None;
    }
    let mut end = start + 3;
    if text.get(end) == Some('.') && text.is_alphanumeric(end + 1) {
        let more = (end + 1..end + 6).take_while(|place| text.is_alphanumeric(*place)).count();
        // `E11.pdf` is a code with an ending, `G20.A1` is a code.
        let digit = text.is_digit(end + 1)
            || text.get(end + 1).is_some_and(|letter| letter.is_ascii_uppercase()) && text.is_digit(end + 2);
        let is_code = more <= 4 && digit;
        if is_code {
            end += 1 + more;
        } else if needs_point {
            return None;
        }
    } else if needs_point {
        return None;
    }
    (!text.is_alphanumeric(end)).then_some(end)
}

/// A code with a point right before or behind two words that are written as names are.
fn named_code_end(text: &Text<'_>) -> Option<usize> {
    let capital = text.here().is_some_and(|here| here.is_ascii_uppercase());
    if !capital || follows_alphanumeric(text) || text.before() == Some('.') {
        return None;
    }
    let end = code_end(text, text.at(), true)?;
    let ahead: String = (end..end + 48).map_while(|place| text.get(place)).collect();
    let behind: Vec<char> = text.kept().chars().rev().take(48).collect();
    let behind: String = behind.into_iter().rev().collect();
    let names = |words: [Option<&str>; 2]| {
        let [first, second] = words.map(Option::unwrap_or_default);
        is_name(first) && (is_name(second) || is_initial(second)) || is_initial(first) && is_name(second)
    };
    let (ahead, behind) = (ahead.trim_start_matches(is_between), behind.trim_end_matches(is_between));
    let (mut ahead, mut behind) = (split(ahead), split(behind).rev());
    (names([ahead.next(), ahead.next()]) || names([behind.next(), behind.next()])).then_some(end)
}

fn is_between(letter: char) -> bool {
    matches!(letter, '_' | ' ' | ',' | '.' | '-' | '(')
}

/// Words of letters, `O'Neil` in one piece.
fn split(words: &str) -> impl DoubleEndedIterator<Item = &str> {
    let words = words.split(|letter: char| !letter.is_alphabetic() && letter != '\'');
    words.map(|word| word.trim_matches('\'')).filter(|word| !word.is_empty())
}

/// `Smith`, `SMITH`, `O'Neil`.
fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase) && word.chars().count() > 1
}

/// `J` of `J. Smith`.
fn is_initial(word: &str) -> bool {
    word.chars().count() == 1 && word.chars().all(char::is_uppercase)
}

/// Endings of systemd's unit names: `user@1000.service` is nobody's address.
const UNITS: [&str; 11] = [
    "service",
    "socket",
    "timer",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "slice",
    "scope",
    "device",
];

/// Where SSH's names for algorithms end: `chacha20-poly1305@openssh.com`.
const ALGORITHMS: [&str; 3] = ["openssh.com", "libssh.org", "lysator.liu.se"];

/// Mail boxes that belong to a role (RFC 2142), and users of programs.
const ROLES: [&str; 12] = [
    "root",
    "postmaster",
    "hostmaster",
    "webmaster",
    "abuse",
    "security",
    "noreply",
    "no-reply",
    "mailer-daemon",
    "git",
    "daemon",
    "nobody",
];

/// A person's address: what RFC 5322 calls a dot-atom, `@` (or `%40`), and a domain name.
fn email_end(text: &Text<'_>) -> Option<usize> {
    let local = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '+' | '-' | '\'');
    let start = text.at();
    if !text.here().is_some_and(local) || text.before().is_some_and(local) {
        return None;
    }
    let mut place = start;
    while text.get(place).is_some_and(local) {
        place += 1;
    }
    let domain = ["@", "%40", " @ "].iter().find_map(|at| text.word_end(place, at))?;
    let run: String = (domain..domain + 254)
        .map_while(|place| {
            text.get(place).filter(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-'))
        })
        .collect();
    let length = domain_length(&run)?;
    let name: String = run.chars().take(length).flat_map(char::to_lowercase).collect();
    let role: String =
        (start..place).filter_map(|place| text.get(place)).flat_map(char::to_lowercase).collect();
    // An instance with a point in it is more likely an address than an instance.
    let unit = name.split_once('.').is_some_and(|(_, ending)| UNITS.contains(&ending));
    let technical = unit || ALGORITHMS.contains(&&*name) || ROLES.contains(&&*role);
    (!technical).then_some(domain + length)
}

/// How many letters of `run` are a domain name: labels, and a last one of letters.
fn domain_length(run: &str) -> Option<usize> {
    let labels: Vec<&str> = run.split('.').collect();
    (1..labels.len()).rev().find_map(|last| {
        let letters = labels[last].chars().take_while(|letter| letter.is_alphabetic()).count();
        let ended = labels[last].chars().nth(letters).is_none_or(|letter| letter == '-');
        let named = labels[..last].iter().all(|label| !label.is_empty());
        let before: usize = labels[..last].iter().map(|label| label.chars().count() + 1).sum();
        (letters >= 2 && ended && named).then_some(before + letters)
    })
}

/// `PID|…` up to the end of the line: HL7 v2.5.1, 3.4.2.
fn segment_end(text: &Text<'_>) -> Option<usize> {
    if !text.starts_with("PID|") || follows_alphanumeric(text) {
        return None;
    }
    let mut end = text.at() + 4;
    while text.get(end).is_some_and(|letter| !matches!(letter, '\n' | '\r')) {
        end += 1;
    }
    Some(end)
}
