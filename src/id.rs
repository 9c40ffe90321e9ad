//! Names of records: safe to log, and never a credential.
//!
//! Inquiries and templates may have ids that Persona or the application made, so these take any
//! text of Persona's form. Links, sessions and events are always named by this library: 48 bits of
//! time in milliseconds and 80 random bits, so that ids sort by creation and never repeat (S3).

use std::fmt;

use thiserror::Error;

use crate::{
    text::{Short, text_traits},
    time::Timestamp,
};

/// Why an id was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// It does not start as ids of its kind do.
    #[error("the id does not start with \"{expected}\"")]
    Prefix {
        /// The prefix that ids of this kind have.
        expected: &'static str,
    },
    /// It does not have the length that ids of its kind have.
    #[error("the id has the wrong length")]
    Length,
    /// It holds a character that ids of its kind do not have.
    #[error("the id holds a character that is not allowed in it")]
    Alphabet,
}

/// Declares an id of Persona's form: a prefix, then letters and digits, 31 bytes at most.
macro_rules! foreign_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Short);

        impl $name {
            /// What ids of this kind start with.
            pub const PREFIX: &'static str = $prefix;

            /// Takes the prefix and letters, digits, `-` and `_` after it: 31 bytes in all at most.
            ///
            /// # Errors
            /// [`IdError`], which says what is wrong with the id.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let rest = text.strip_prefix($prefix).ok_or(IdError::Prefix { expected: $prefix })?;
                if rest.is_empty() || Short::MAX < text.len() {
                    return Err(IdError::Length);
                }
                Short::new(text, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                    .map(Self)
                    .map_err(|_| IdError::Alphabet)
            }

            /// The id, prefix and all.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        text_traits!($name, IdError);
    };
}

foreign_id! {
    /// Names an inquiry: `inq_` and 1 to 27 letters, digits, `-` or `_` (I1).
    ///
    /// ```
    /// use inquiry_otl::{IdError, InquiryId};
    ///
    /// let id: InquiryId = "inq_2CVZ4HyVg7qaboXz2PUHknAn".parse()?;
    /// assert_eq!(id.as_str(), "inq_2CVZ4HyVg7qaboXz2PUHknAn");
    /// assert_eq!(InquiryId::new("itmpl_1"), Err(IdError::Prefix { expected: "inq_" }));
    /// # Ok::<(), IdError>(())
    /// ```
    InquiryId, "inq_"
}

foreign_id! {
    /// Names an inquiry template: `itmpl_` and 1 to 25 letters, digits, `-` or `_` (I1).
    TemplateId, "itmpl_"
}

impl InquiryId {
    /// No id comes before this one, and none behind the other: they are the edges of what has one instant.
    pub(crate) const FIRST: Self = Self(Short::literal("inq_-"));
    pub(crate) const LAST: Self = Self(Short::literal("inq_zzzzzzzzzzzzzzzzzzzzzzzzzzz"));

    /// The text in words, for a hash.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0.words()
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// A new id from its instant and 80 random bits.
    pub(crate) fn from_parts(at: Timestamp, random: [u8; 10]) -> Self {
        let mut text = [0; Body::LEN];
        Self(Short::literal(Self::PREFIX).pushed(Body::new(at, random).write(&mut text)))
    }
}

/// Declares an id that this library makes: a prefix and 26 symbols for 128 bits.
macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Body);

        impl $name {
            /// What ids of this kind start with.
            pub const PREFIX: &'static str = $prefix;

            /// Takes the prefix and 26 symbols of Crockford's base32 in lower case.
            ///
            /// # Errors
            /// [`IdError`], which says what is wrong with the id.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let rest = text.strip_prefix($prefix).ok_or(IdError::Prefix { expected: $prefix })?;
                Body::read(rest).map(Self)
            }

            /// The id whose bits are `bits`, as a store keeps it.
            #[must_use]
            pub const fn from_u128(bits: u128) -> Self {
                Self(Body(bits.to_be_bytes()))
            }

            /// The 128 bits of the id, for a store that keeps them instead of the text.
            #[must_use]
            pub const fn as_u128(self) -> u128 {
                u128::from_be_bytes(self.0.0)
            }

            /// A new id from its instant and 80 random bits.
            pub(crate) fn from_parts(at: Timestamp, random: [u8; 10]) -> Self {
                Self(Body::new(at, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(self.0.write(&mut [0; Body::LEN]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::deserialize(deserializer, Self::new)
            }
        }
    };
}

own_id! {
    /// Names a one-time link: `otl_…`, safe to log (L7).
    ///
    /// ```
    /// use inquiry_otl::LinkId;
    ///
    /// let id = LinkId::from_u128(1);
    /// assert_eq!(id.to_string(), "otl_00000000000000000000000001");
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    LinkId, "otl_"
}

own_id! {
    /// Names an inquiry session: `iqse_…`, an id and not a credential (D7).
    SessionId, "iqse_"
}

own_id! {
    /// Names an event: `evt_…`, by which a receiver drops a repeat (V1).
    EventId, "evt_"
}

impl EventId {
    /// The id of the `n`-th event of a command whose first event has this id.
    #[must_use]
    pub const fn nth(self, n: u32) -> Self {
        // Widening; `u128::from` is not `const`.
        #[allow(clippy::cast_lossless)]
        Self::from_u128(self.as_u128().wrapping_add(n as u128))
    }
}

/// The 128 bits of an id that this library made, the highest first: as bytes, which go between others without a gap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Body([u8; 16]);

impl Body {
    const LEN: usize = 26;
    const SYMBOLS: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let millis = at.unix_micros().unsigned_abs() / 1_000;
        let mut bytes = [0; 16];
        let (time, rest) = bytes.split_at_mut(6);
        time.iter_mut().zip(millis.to_be_bytes().iter().skip(2)).for_each(|(slot, byte)| *slot = *byte);
        rest.iter_mut().zip(random).for_each(|(slot, byte)| *slot = byte);
        Self(bytes)
    }

    fn write(self, text: &mut [u8; Self::LEN]) -> &str {
        let mut rest = u128::from_be_bytes(self.0);
        for slot in text.iter_mut().rev() {
            // Five bits index 32 symbols; ids are not secret, so a table may be used.
            *slot = Self::SYMBOLS.get((rest & 31) as usize).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        std::str::from_utf8(text).unwrap_or_default()
    }

    fn read(text: &str) -> Result<Self, IdError> {
        if text.len() != Self::LEN {
            return Err(IdError::Length);
        }
        let mut bits = 0_u128;
        for (place, symbol) in text.bytes().enumerate() {
            let value = Self::SYMBOLS.iter().position(|s| *s == symbol).ok_or(IdError::Alphabet)?;
            if place == 0 && 7 < value {
                // 26 symbols are 130 bits: the first one holds three.
                return Err(IdError::Alphabet);
            }
            bits = bits << 5 | value as u128;
        }
        Ok(Self(bits.to_be_bytes()))
    }
}
