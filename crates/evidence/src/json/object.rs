//! Taking the fields of an object one by one, so that what is left over is what nobody knows.

use std::borrow::Cow;
use std::str::FromStr;

use super::Value;
use crate::{Defect, Reason};

/// An object being taken apart. Call [`Object::finish`] at the end: it refuses the fields that were not asked for.
#[derive(Debug)]
pub struct Object<'a> {
    what: &'static str,
    /// `None` where it was taken.
    members: Vec<Option<(Cow<'a, str>, Value<'a>)>>,
    /// Behind the member taken last: writers mostly keep the order in which the fields are asked for.
    next: usize,
}

impl<'a> Object<'a> {
    pub(super) fn new(what: &'static str, members: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        Self { what, members: members.into_iter().map(Some).collect(), next: 0 }
    }

    /// The value of `field`, which must be there (possibly as `null`).
    pub fn take(&mut self, field: &'static str) -> Result<Value<'a>, Defect> {
        let named = |place: &usize| matches!(&self.members[*place], Some((key, _)) if key == field);
        let place = (self.next..self.members.len()).chain(0..self.next).find(named);
        match place.and_then(|place| Some((place, self.members[place].take()?))) {
            Some((place, (_, value))) => {
                self.next = place + 1;
                Ok(value)
            }
            None => Err(Defect::new(Reason::FieldMissing, format!("`{}.{field}`", self.what))),
        }
    }

    /// The value of `field`, or `None` where it is `null`. The field itself must be there.
    pub fn take_nullable(&mut self, field: &'static str) -> Result<Option<Value<'a>>, Defect> {
        Ok(match self.take(field)? {
            Value::Null => None,
            value => Some(value),
        })
    }

    /// A string.
    pub fn text(&mut self, field: &'static str) -> Result<Cow<'a, str>, Defect> {
        self.take(field)?.into_text(field)
    }

    /// A string with a meaning of its own.
    pub fn parsed<T: FromStr>(&mut self, field: &'static str) -> Result<T, Defect> {
        parse(field, &self.text(field)?)
    }

    /// A string with a meaning of its own, or `null`.
    pub fn parsed_nullable<T: FromStr>(&mut self, field: &'static str) -> Result<Option<T>, Defect> {
        match self.take_nullable(field)? {
            Some(value) => parse(field, &value.into_text(field)?).map(Some),
            None => Ok(None),
        }
    }

    /// A whole number of at least `min`.
    pub fn count(&mut self, field: &'static str, min: u64) -> Result<u64, Defect> {
        let number = self.take(field)?.into_integer(field)?;
        u64::try_from(number)
            .ok()
            .filter(|number| *number >= min)
            .ok_or_else(|| Defect::new(Reason::FieldValue, format!("`{field}` is less than {min}")))
    }

    /// Refuses whatever was not taken.
    pub fn finish(self) -> Result<(), Defect> {
        let left = self.members.iter().flatten().count();
        if left == 0 {
            return Ok(());
        }
        Err(Defect::new(Reason::FieldUnknown, format!("{left} unknown in `{}`", self.what)))
    }
}

fn parse<T: FromStr>(field: &'static str, text: &str) -> Result<T, Defect> {
    text.parse().map_err(|_| Defect::new(Reason::FieldValue, format!("`{field}`")))
}
