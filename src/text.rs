//! Short text that fits in the record that holds it, and bounded text that does not.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use thiserror::Error;

/// Text of at most 31 bytes of ASCII, inline and `Copy`: what ids and tenants are made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Short {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Short {
    pub(crate) const MAX: usize = 31;

    /// Takes text whose bytes all satisfy `allowed`.
    pub(crate) fn new(text: &str, allowed: impl Fn(u8) -> bool) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii() && allowed(b)) {
            return Err(TextError::Alphabet);
        }
        let len = u8::try_from(text.len()).map_err(|_| TextError::TooLong { max: Self::MAX })?;
        let mut bytes = [0; Self::MAX];
        let Some(front) = bytes.get_mut(..text.len()) else {
            return Err(TextError::TooLong { max: Self::MAX });
        };
        front.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len })
    }

    /// Takes text that this crate made and knows to be short ASCII: more than 31 bytes are cut.
    pub(crate) const fn literal(text: &str) -> Self {
        Self { bytes: [0; Self::MAX], len: 0 }.pushed(text)
    }

    /// This text and `more` behind it, cut at 31 bytes.
    pub(crate) const fn pushed(mut self, more: &str) -> Self {
        let mut rest = more.as_bytes();
        while let [first, tail @ ..] = rest {
            let (_, free) = self.bytes.split_at_mut(self.len as usize);
            let [slot, ..] = free else { return self };
            *slot = *first;
            self.len = self.len.saturating_add(1);
            rest = tail;
        }
        self
    }

    /// The text in words, with its length in the last byte: for a hash.
    pub(crate) fn words(&self) -> [u64; 4] {
        let mut bytes = [self.len; 32];
        bytes.iter_mut().zip(self.bytes).for_each(|(slot, byte)| *slot = byte);
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
        words
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII gets in, and only as much as `len` says.
        self.bytes.get(..usize::from(self.len)).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl Hash for Short {
    /// What stands behind the text costs nothing.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.bytes.get(..usize::from(self.len)).unwrap_or_default());
        state.write_u8(self.len);
    }
}

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing in it.
    #[error("the text is empty")]
    Empty,
    /// It is longer than its type allows.
    #[error("the text is longer than {max} bytes")]
    TooLong {
        /// The most bytes that are allowed.
        max: usize,
    },
    /// It holds a character that its type does not allow.
    #[error("the text holds a character that is not allowed here")]
    Alphabet,
}

/// A word that no value of its type has, in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a word that this version knows")]
pub struct UnknownWord;

/// Declares a bounded text type that is cheap to clone.
macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most bytes of UTF-8 that such a text may have.
            pub const MAX_BYTES: usize = 255;

            /// Takes 1 to 255 bytes of text without control characters.
            ///
            /// # Errors
            /// [`TextError`], which says what is wrong with the text.
            pub fn new(text: &str) -> Result<Self, TextError> {
                if text.is_empty() {
                    Err(TextError::Empty)
                } else if Self::MAX_BYTES < text.len() {
                    Err(TextError::TooLong { max: Self::MAX_BYTES })
                } else if text.chars().any(char::is_control) {
                    Err(TextError::Alphabet)
                } else {
                    Ok(Self(Arc::from(text)))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        crate::text::text_traits!($name);
    };
}

/// The traits that every checked text type has: `Display`, `Debug`, `FromStr`, and serde as a string.
macro_rules! text_traits {
    ($name:ident) => {
        crate::text::text_traits!($name, crate::TextError);
    };
    ($name:ident, $error:ty) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str().as_ref())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
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
pub(crate) use text_traits;

/// Declares the words by which a store keeps the values of an enum: every value has one, and no two share it.
macro_rules! words {
    ($name:ident { $($value:ident $(($inner:path))? => $word:literal,)+ }) => {
        impl $name {
            /// The word by which a store keeps it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value $(($inner))? => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::text::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$value $(($inner))?),)+
                    _ => Err(crate::text::UnknownWord),
                }
            }
        }
    };
}
pub(crate) use words;

/// Reads a string and hands it to a constructor, without a copy where the format allows.
#[cfg(feature = "serde")]
pub(crate) fn deserialize<'de, D, T, E>(deserializer: D, new: fn(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    E: std::fmt::Display,
{
    struct Text<T, E>(fn(&str) -> Result<T, E>);

    impl<T, E: std::fmt::Display> serde::de::Visitor<'_> for Text<T, E> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<F: serde::de::Error>(self, text: &str) -> Result<T, F> {
            (self.0)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(Text(new))
}

bounded_text! {
    /// The application's own name for the subject of an inquiry: 1 to 255 bytes of text (I1).
    ReferenceId
}

bounded_text! {
    /// Who created a link, in the application's words: 1 to 255 bytes of text (L7).
    Creator
}
