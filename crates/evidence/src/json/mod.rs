//! A strict JSON reader for bytes that were signed, or that someone else wrote.
//!
//! Everything that two readers could understand differently is refused: a key named twice, an unknown or missing field,
//! a float, an exponent, a whole number beyond ±(2^53 − 1), bytes after the value, a lone surrogate, invalid UTF-8,
//! deep nesting. White space and the order of keys are free, as in RFC 8259: the bytes are what was signed, and they are
//! never written again from what was read. This module knows no format; it hands out [`Value`] and [`Object`].

mod object;
mod reader;

use std::borrow::Cow;

pub use object::Object;
pub use reader::read;

use crate::{Defect, Reason};

/// How deep objects and lists may nest.
pub const MAX_DEPTH: usize = 12;

/// How many members one object may have.
pub const MAX_MEMBERS: usize = 64;

/// The largest whole number either way: what a double holds exactly, so that every language reads the same.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// A JSON value. Text borrows from the input where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number within ±[`MAX_INTEGER`].
    Integer(i64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object: members in the order of the text, keys unique.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The members, as fields to be taken one by one. `what` names the object in messages.
    pub fn into_object(self, what: &'static str) -> Result<Object<'a>, Defect> {
        match self {
            Self::Object(members) => Ok(Object::new(what, members)),
            _ => Err(Defect::new(Reason::FieldType, format!("`{what}` is not an object"))),
        }
    }

    /// The elements of a list.
    pub fn into_list(self, what: &'static str) -> Result<Vec<Self>, Defect> {
        match self {
            Self::List(elements) => Ok(elements),
            _ => Err(Defect::new(Reason::FieldType, format!("`{what}` is not a list"))),
        }
    }

    /// A string.
    pub fn into_text(self, what: &'static str) -> Result<Cow<'a, str>, Defect> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Defect::new(Reason::FieldType, format!("`{what}` is not a string"))),
        }
    }

    /// A whole number.
    pub fn into_integer(self, what: &'static str) -> Result<i64, Defect> {
        match self {
            Self::Integer(number) => Ok(number),
            _ => Err(Defect::new(Reason::FieldType, format!("`{what}` is not a whole number"))),
        }
    }
}
