//! The configuration of nginx as `nginx -T` prints it: a tree of directives.

use crate::host::{Host, RunLimits};
use crate::probes::finding::Unmeasured;
use crate::probes::reading;

const DUMP: [&str; 2] = ["nginx", "-T"];
const MAX_DEPTH: usize = 32;
/// nginx leaves TLS 1.0 and 1.1 out of its default since this version.
const STRICT_SINCE: [u32; 3] = [1, 23, 4];

/// `words …;` or `words … { block }`.
pub(super) struct Directive {
    words: Vec<String>,
    block: Vec<Directive>,
}

impl Directive {
    fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn values(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// Everything that nginx goes by; `None` where it is not installed.
pub(super) fn read(host: &dyn Host) -> Result<Option<Vec<Directive>>, Unmeasured> {
    let Some(text) = reading::answer_if_there(host, &DUMP, RunLimits::SLOW)? else { return Ok(None) };
    let unclear = || Unmeasured::unknown("the configuration was not understood", DUMP.join(" "));
    let mut tokens = tokens(&text).ok_or_else(unclear)?.into_iter();
    let tree = directives(&mut tokens, 0).ok_or_else(unclear)?;
    // nginx does not start without one.
    if !tree.iter().any(|directive| directive.name() == "events") {
        return Err(unclear());
    }
    Ok(Some(tree))
}

/// The files named by every `ssl_certificate`.
pub(super) fn certificates(tree: &[Directive]) -> Vec<String> {
    let mut found = Vec::new();
    for directive in tree {
        if directive.name() == "ssl_certificate" {
            found.push(directive.values().join(" "));
        }
        found.extend(certificates(&directive.block));
    }
    found
}

/// The versions that each server with TLS answers: its own setting, else that of what it lies in, else the default.
pub(super) fn protocols(host: &dyn Host, tree: &[Directive]) -> Result<Option<Vec<String>>, Unmeasured> {
    let mut settings = Vec::new();
    servers(tree, None, &mut settings);
    if settings.is_empty() {
        return Ok(None);
    }
    let mut offered = Vec::new();
    for setting in settings {
        match setting {
            Some(named) => offered.extend(named.iter().cloned()),
            None if default_is_strict(host)? => {}
            None => offered.extend(["TLSv1".to_owned(), "TLSv1.1".to_owned()]),
        }
    }
    Ok(Some(offered))
}

fn servers<'a>(tree: &'a [Directive], outer: Option<&'a [String]>, into: &mut Vec<Option<&'a [String]>>) {
    let own = tree.iter().rev().find(|directive| directive.name() == "ssl_protocols");
    let setting = own.map(Directive::values).or(outer);
    for directive in tree {
        let words = |name: &str, word: &str| {
            directive.block.iter().any(|inner| {
                inner.name() == name && (word.is_empty() || inner.values().iter().any(|value| value == word))
            })
        };
        let with_tls = words("ssl_certificate", "")
            || words("listen", "ssl")
            || words("listen", "quic")
            || words("ssl", "on");
        if directive.name() == "server" && with_tls {
            let own = directive.block.iter().rev().find(|inner| inner.name() == "ssl_protocols");
            into.push(own.map(Directive::values).or(setting));
        } else {
            servers(&directive.block, setting, into);
        }
    }
}

fn default_is_strict(host: &dyn Host) -> Result<bool, Unmeasured> {
    let location = "nginx -v";
    let unclear = || Unmeasured::unknown("the version of nginx was not understood", location);
    let output = reading::ask(host, &["nginx", "-v"], RunLimits::QUICK)?.ok_or_else(unclear)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version =
        text.split("nginx/").nth(1).and_then(|rest| rest.split_whitespace().next()).ok_or_else(unclear)?;
    let numbers: Option<Vec<u32>> = version.split('.').map(|number| number.parse().ok()).collect();
    Ok(numbers.ok_or_else(unclear)? >= STRICT_SINCE.to_vec())
}

enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// `None` where a quotation does not end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '#' if word.is_none() => {
                letters.by_ref().find(|letter| *letter == '\n');
            }
            '"' | '\'' if word.is_none() => {
                let mut quoted = String::new();
                loop {
                    match letters.next()? {
                        '\\' => quoted.extend(letters.next()),
                        end if end == letter => break,
                        other => quoted.push(other),
                    }
                }
                tokens.push(Token::Word(quoted));
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            // `${name}` is part of a word.
            '{' if word.as_deref().is_some_and(|word| word.ends_with('$')) => {
                let word = word.get_or_insert_default();
                word.push('{');
                for inner in letters.by_ref() {
                    word.push(inner);
                    if inner == '}' {
                        break;
                    }
                }
            }
            ';' | '{' | '}' => {
                tokens.extend(word.take().map(Token::Word));
                tokens.push(match letter {
                    ';' => Token::End,
                    '{' => Token::Open,
                    _ => Token::Close,
                });
            }
            space if space.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            other => word.get_or_insert_default().push(other),
        }
    }
    tokens.extend(word.map(Token::Word));
    Some(tokens)
}

/// The directives up to the end of the block or, outermost, of the text.
fn directives(tokens: &mut impl Iterator<Item = Token>, depth: usize) -> Option<Vec<Directive>> {
    let mut found = Vec::new();
    let mut words = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Word(word)) => words.push(word),
            Some(Token::End) => {
                found.push(Directive { words: std::mem::take(&mut words), block: Vec::new() });
            }
            Some(Token::Open) if depth < MAX_DEPTH => {
                let words = std::mem::take(&mut words);
                found.push(Directive { words, block: block(tokens, depth + 1)? });
            }
            Some(Token::Close) if depth > 0 && words.is_empty() => return Some(found),
            None if depth == 0 && words.is_empty() => return Some(found),
            Some(Token::Open | Token::Close) | None => return None,
        }
    }
}

/// The iterator's type would grow with the depth otherwise.
fn block(tokens: &mut dyn Iterator<Item = Token>, depth: usize) -> Option<Vec<Directive>> {
    let mut tokens = tokens;
    directives(&mut tokens, depth)
}
