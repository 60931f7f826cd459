//! One pass over the text, recursive, bounded. The first thing that is wrong, from left to right, is the answer.

use std::borrow::Cow;

use super::{MAX_DEPTH, MAX_INTEGER, MAX_MEMBERS, Value};
use crate::{Defect, Reason};

/// Reads exactly one JSON value from `bytes`, of which there may be at most `max_bytes`.
pub fn read(bytes: &[u8], max_bytes: usize) -> Result<Value<'_>, Defect> {
    if bytes.len() > max_bytes {
        return Err(Defect::new(Reason::JsonTooLarge, format!("more than {max_bytes} bytes")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Defect::new(Reason::JsonNotUtf8, format!("at byte {}", error.valid_up_to())))?;
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.refuse(Reason::JsonTrailingBytes));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse(&self, reason: Reason) -> Defect {
        Defect::new(reason, format!("at byte {}", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Defect> {
        if self.peek() != Some(byte) {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Defect> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Integer),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.refuse(Reason::JsonSyntax)),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Defect> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Defect> {
        if depth >= MAX_DEPTH {
            return Err(self.refuse(Reason::JsonTooDeep));
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Vec::new()));
        }
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(8);
        loop {
            self.skip_space();
            let key = self.string()?;
            if members.iter().any(|(known, _)| *known == key) {
                return Err(self.refuse(Reason::JsonDuplicateKey));
            }
            if members.len() == MAX_MEMBERS {
                return Err(self.refuse(Reason::JsonTooLarge));
            }
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let value = self.value(depth + 1)?;
            members.push((key, value));
            self.skip_space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b'}')?;
            return Ok(Value::Object(members));
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Defect> {
        if depth >= MAX_DEPTH {
            return Err(self.refuse(Reason::JsonTooDeep));
        }
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(elements));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth + 1)?);
            self.skip_space();
            if self.peek() == Some(b',') {
                self.at += 1;
                continue;
            }
            self.expect(b']')?;
            return Ok(Value::List(elements));
        }
    }

    /// `-?(0|[1-9][0-9]*)` within the exact range of a double, and no `-0`.
    fn number(&mut self) -> Result<i64, Defect> {
        let begin = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if digits == self.at {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        let leading_zero = self.text.as_bytes()[digits] == b'0' && self.at - digits > 1;
        if leading_zero {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        let (text, negative) = (&self.text[begin..self.at], digits > begin);
        let floating = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        match text.parse::<i64>() {
            Ok(number)
                if !floating
                    && (-MAX_INTEGER..=MAX_INTEGER).contains(&number)
                    && !(negative && number == 0) =>
            {
                Ok(number)
            }
            _ => Err(self.refuse(Reason::JsonNumber)),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Defect> {
        self.expect(b'"')?;
        let begin = self.at;
        self.skip_plain();
        match self.peek() {
            Some(b'"') => {
                let text = &self.text[begin..self.at];
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped_string(begin).map(Cow::Owned),
            _ => Err(self.refuse(Reason::JsonSyntax)),
        }
    }

    /// Goes to the next quote, backslash or control character. Most bytes of an envelope pass here: no `peek` for each.
    fn skip_plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.at += plain.unwrap_or(rest.len());
    }

    /// The slow path: the string that began at `begin` has an escape at the current position.
    fn escaped_string(&mut self, begin: usize) -> Result<String, Defect> {
        let mut text = self.text[begin..self.at].to_owned();
        let mut plain = self.at;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    text.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    text.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    text.push(self.escape()?);
                    plain = self.at;
                }
                _ => return Err(self.refuse(Reason::JsonSyntax)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Defect> {
        let letter = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.refuse(Reason::JsonSyntax)),
        };
        self.at += 1;
        Ok(letter)
    }

    fn unicode_escape(&mut self) -> Result<char, Defect> {
        let first = self.four_hex()?;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        // A surrogate: only a high one with its low one behind it is a character.
        if first >= 0xDC00 || !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        self.at += 2;
        let second = self.four_hex()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(self.refuse(Reason::JsonSyntax));
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            .ok_or_else(|| self.refuse(Reason::JsonSyntax))
    }

    fn four_hex(&mut self) -> Result<u32, Defect> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number * 16 + digit.ok_or_else(|| self.refuse(Reason::JsonSyntax))?;
            self.at += 1;
        }
        Ok(number)
    }
}
