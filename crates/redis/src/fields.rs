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

/// The fields of a record; nothing if there is no such record.
pub(crate) fn fields(list: &[Value], place: usize) -> Option<Fields<'_>> {
    match list.get(place) {
        Some(Value::Array(flat)) if !flat.is_empty() => Some(Fields(flat)),
        _ => None,
    }
}

/// The fields of a record: name, value, name, value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(&'a [Value]);

impl<'a> Fields<'a> {
    /// Its pairs.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.chunks_exact(2).filter_map(|pair| match pair {
            [name, value] => Some((text(name)?, text(value)?)),
            _ => None,
        })
    }

    /// The text of a field; one that is empty is none.
    pub(crate) fn get(self, name: &str) -> Option<&'a str> {
        let named = |pair: &&[Value]| pair.first().and_then(text) == Some(name);
        let pair = self.0.chunks_exact(2).find(named)?;
        pair.get(1).and_then(text).filter(|value| !value.is_empty())
    }

    /// The text of a field that must be there.
    pub(crate) fn need(self, name: &'static str) -> Result<&'a str, StoreError> {
        self.get(name).ok_or_else(|| corrupt(name))
    }

    /// The value of a field that must be there.
    pub(crate) fn read<T: FromStr>(self, name: &'static str) -> Result<T, StoreError> {
        self.need(name)?.parse().map_err(|_| corrupt(name))
    }

    /// The value of a field that may be there.
    pub(crate) fn find<T: FromStr>(self, name: &'static str) -> Result<Option<T>, StoreError> {
        self.get(name).map(str::parse).transpose().map_err(|_| corrupt(name))
    }

    pub(crate) fn instant(self, name: &'static str) -> Result<Timestamp, StoreError> {
        instant(self.need(name)?).ok_or_else(|| corrupt(name))
    }

    pub(crate) fn find_instant(self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.get(name).map(|value| instant(value).ok_or_else(|| corrupt(name))).transpose()
    }

    pub(crate) fn digest(self, name: &'static str) -> Result<Digest, StoreError> {
        unhex(self.need(name)?).map(Digest::from_bytes).ok_or_else(|| corrupt(name))
    }

    pub(crate) fn find_digest(self, name: &'static str) -> Result<Option<Digest>, StoreError> {
        self.get(name).map(|_| self.digest(name)).transpose()
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
