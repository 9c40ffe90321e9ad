//! What a script answers: nested lists of text.

use std::str::FromStr;

use inquiry_otl::{Digest, StoreError, Timestamp};
use redis::Value;

use crate::fault::corrupt;

/// The items of a list.
pub(crate) fn items(value: &Value) -> Result<&[Value], StoreError> {
    match value {
        Value::Array(items) | Value::Set(items) => Ok(items),
        _ => Err(corrupt("an answer that is no list")),
    }
}

/// Text; nothing if there is none.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// An item of a list, as text.
pub(crate) fn word(list: &[Value], place: usize) -> Result<&str, StoreError> {
    list.get(place).and_then(text).ok_or_else(|| corrupt("an answer without a word"))
}

/// An item of a list, as a number.
pub(crate) fn number(list: &[Value], place: usize) -> Result<u64, StoreError> {
    match list.get(place) {
        Some(Value::Int(number)) => u64::try_from(*number).map_err(|_| corrupt("a number below zero")),
        _ => Err(corrupt("an answer without a number")),
    }
}

/// The fields of a record at that place of a list; nothing if there is no such record.
pub(crate) fn fields(list: &[Value], place: usize) -> Option<Fields<'_>> {
    list.get(place).and_then(text).map(Fields::of)
}

/// The fields of a record in their order: text with tabs between; one that is empty is none.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(std::str::Split<'a, char>);

impl<'a> Fields<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        Self(line.split('\t'))
    }

    /// The text of the next field.
    pub(crate) fn get(&mut self) -> Option<&'a str> {
        self.0.next().filter(|value| !value.is_empty())
    }

    /// The text of the next field, which must be there; the name is told if it is not.
    pub(crate) fn need(&mut self, name: &'static str) -> Result<&'a str, StoreError> {
        self.get().ok_or_else(|| corrupt(name))
    }

    /// The value of the next field, which must be there.
    pub(crate) fn read<T: FromStr>(&mut self, name: &'static str) -> Result<T, StoreError> {
        self.need(name)?.parse().map_err(|_| corrupt(name))
    }

    /// The value of the next field, which may be there.
    pub(crate) fn find<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, StoreError> {
        self.get().map(str::parse).transpose().map_err(|_| corrupt(name))
    }

    pub(crate) fn instant(&mut self, name: &'static str) -> Result<Timestamp, StoreError> {
        instant(self.need(name)?).ok_or_else(|| corrupt(name))
    }

    pub(crate) fn find_instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.get().map(|value| instant(value).ok_or_else(|| corrupt(name))).transpose()
    }

    pub(crate) fn digest(&mut self, name: &'static str) -> Result<Digest, StoreError> {
        self.find_digest(name)?.ok_or_else(|| corrupt(name))
    }

    pub(crate) fn find_digest(&mut self, name: &'static str) -> Result<Option<Digest>, StoreError> {
        self.get().map(|value| unhex(value).map(Digest::from_bytes).ok_or_else(|| corrupt(name))).transpose()
    }

    /// There must be no more of them.
    pub(crate) fn end(&mut self) -> Result<(), StoreError> {
        self.0.next().map_or(Ok(()), |_| Err(corrupt("a field too many")))
    }
}

/// An instant as a script compares it: 18 digits of microseconds.
pub(crate) fn digits(at: Timestamp) -> String {
    format!("{:018}", at.unix_micros())
}

/// The instant of 18 digits, no more and no fewer, since they are compared as text.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let is_whole = text.len() == 18 && text.bytes().all(|b| b.is_ascii_digit());
    is_whole.then(|| text.parse().ok().and_then(|micros| Timestamp::from_unix_micros(micros).ok())).flatten()
}

/// The bytes of hexadecimal digits, as many as there must be.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in pair {
            *byte = *byte << 4 | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        }
    }
    Some(bytes)
}
