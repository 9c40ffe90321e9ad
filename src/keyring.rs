//! Server-side keys of codes, and the ring in which they rotate (C7, L5).

use std::fmt;

use thiserror::Error;

use crate::{
    hex,
    secret::{Wiped, redacted},
    time::Timestamp,
};

/// The keys under which codes are made and recognised (C7).
///
/// New codes are made under the current key. Retiring keys keep the links that were made under them
/// redeemable; once a key has left the ring, its links are refused as expired. With a ring, links
/// that were made without one are refused, unless that is allowed until a stated date.
///
/// A ring cannot be cloned or serialised, and prints the numbers of its keys only.
///
/// ```
/// use inquiry_otl::{Key, KeyId, Keyring};
///
/// let ring = Keyring::new(Key::random(KeyId::new(2)?)).with_retiring(Key::random(KeyId::new(1)?))?;
/// assert_eq!(ring.current().get(), 2);
/// assert!(ring.key_set().contains(KeyId::new(1)?));
/// # Ok::<(), inquiry_otl::KeyError>(())
/// ```
pub struct Keyring {
    pub(crate) current: Key,
    pub(crate) retiring: Vec<Key>,
    pub(crate) unkeyed_until: Option<Timestamp>,
}

impl Keyring {
    /// A ring with one key.
    #[must_use]
    pub const fn new(current: Key) -> Self {
        Self { current, retiring: Vec::new(), unkeyed_until: None }
    }

    /// The ring with one more key, under which codes are recognised but no longer made.
    ///
    /// # Errors
    /// [`KeyError::DuplicateId`] if the ring has a key of that number.
    pub fn with_retiring(mut self, key: Key) -> Result<Self, KeyError> {
        if self.key_set().contains(key.id) {
            return Err(KeyError::DuplicateId);
        }
        if self.retiring.is_empty() {
            // Room for all that there can be: a list that grows leaves copies of its keys behind (C4).
            self.retiring.reserve_exact(KeyId::MOST);
        }
        self.retiring.push(key);
        Ok(self)
    }

    /// The ring, accepting links that were made before there was a key until that instant (C7).
    ///
    /// At the instant itself they are refused.
    #[must_use]
    pub const fn accept_unkeyed_until(mut self, until: Timestamp) -> Self {
        self.unkeyed_until = Some(until);
        self
    }

    /// The key under which new codes are made.
    #[must_use]
    pub const fn current(&self) -> KeyId {
        self.current.id
    }

    /// All keys of the ring.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        self.retiring.iter().chain([&self.current]).map(|key| key.id).collect()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retiring: KeySet = self.retiring.iter().map(|key| key.id).collect();
        f.debug_struct("Keyring")
            .field("current", &self.current.id)
            .field("retiring", &retiring)
            .field("unkeyed_until", &self.unkeyed_until)
            .finish()
    }
}

/// A server-side key: 32 to 64 secret bytes and the number by which codes name it (C7).
///
/// Keep it where the database is not: either one alone is useless (L5). It is wiped on drop and cannot
/// be printed, cloned or serialised.
pub struct Key {
    id: KeyId,
    /// Padded with zeros, as HMAC does it.
    bytes: Wiped<64>,
}

impl Key {
    /// Takes 32 to 64 random bytes.
    ///
    /// # Errors
    /// [`KeyError::TooShort`], [`KeyError::TooLong`], or [`KeyError::NotRandom`] if all bytes are equal.
    pub fn new(id: KeyId, bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < 32 {
            return Err(KeyError::TooShort);
        }
        let mut key = Self { id, bytes: Wiped([0; 64]) };
        key.bytes.0.get_mut(..bytes.len()).ok_or(KeyError::TooLong)?.copy_from_slice(bytes);
        let (zeros, ones) =
            bytes.windows(2).flatten().fold((0, u8::MAX), |(any, all), byte| (any | byte, all & byte));
        // Public: that it is a key at all.
        if zeros == ones { Err(KeyError::NotRandom) } else { Ok(key) }
    }

    /// Takes 64 to 128 hexadecimal digits, as `openssl rand -hex 32` prints them.
    ///
    /// # Errors
    /// [`KeyError::NotHex`], and those of [`Key::new`].
    ///
    /// ```
    /// use inquiry_otl::{Key, KeyError, KeyId};
    ///
    /// let id = KeyId::new(1)?;
    /// assert_eq!(Key::from_hex(id, &"00".repeat(32)).err(), Some(KeyError::NotRandom));
    /// # Ok::<(), KeyError>(())
    /// ```
    pub fn from_hex(id: KeyId, text: &str) -> Result<Self, KeyError> {
        let mut room = Wiped::<64>([0; 64]);
        let bytes = room.0.get_mut(..text.len().div_ceil(2)).ok_or(KeyError::TooLong)?;
        // Public: whether all are digits.
        hex::read_into(text, bytes).map_err(|_| KeyError::NotHex)?;
        Self::new(id, bytes)
    }

    /// A new key of 32 random bytes, for tests and for services whose links may die with the process.
    #[must_use]
    pub fn random(id: KeyId) -> Self {
        Self { id, bytes: Wiped::random(32) }
    }

    /// The number by which codes name the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The secret, padded with zeros to HMAC's block.
    pub(crate) const fn block(&self) -> &[u8; 64] {
        &self.bytes.0
    }
}

redacted!(Key);

/// The number of a key: 1 to 31, the leading symbol of the codes that are made under it (C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u8", into = "u8"))]
pub struct KeyId(u8);

impl KeyId {
    /// How many keys there can be.
    const MOST: usize = 31;

    /// Takes a number from 1 to 31.
    ///
    /// # Errors
    /// [`KeyError::Id`] for any other number; 0 stands for *no key*.
    pub const fn new(id: u8) -> Result<Self, KeyError> {
        if 1 <= id && id <= 31 { Ok(Self(id)) } else { Err(KeyError::Id) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for KeyId {
    type Error = KeyError;

    fn try_from(id: u8) -> Result<Self, KeyError> {
        Self::new(id)
    }
}

impl From<KeyId> for u8 {
    fn from(id: KeyId) -> Self {
        id.get()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Some of the 31 key numbers, as one bit each: bit *n* is key *n*.
///
/// ```
/// use inquiry_otl::{KeyId, KeySet};
///
/// let set: KeySet = [KeyId::new(1)?, KeyId::new(3)?].into_iter().collect();
/// assert_eq!(set.bits(), 0b1010);
/// # Ok::<(), inquiry_otl::KeyError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KeySet(u32);

impl KeySet {
    /// The set of those bits; bit 0 is no key and is left out.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & !1)
    }

    /// The set as bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the key is in the set.
    #[must_use]
    pub const fn contains(self, id: KeyId) -> bool {
        self.0 >> id.0 & 1 == 1
    }
}

impl FromIterator<KeyId> for KeySet {
    fn from_iter<I: IntoIterator<Item = KeyId>>(ids: I) -> Self {
        Self(ids.into_iter().fold(0, |bits, id| bits | 1 << id.0))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((1..=31).filter(|id| self.contains(KeyId(*id)))).finish()
    }
}

/// Why a key, its number or a ring was refused; it never repeats the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The number is not one of 1 to 31.
    #[error("a key's number is 1 to 31")]
    Id,
    /// The key has fewer than 32 bytes.
    #[error("a key has at least 32 bytes")]
    TooShort,
    /// The key has more than 64 bytes.
    #[error("a key has at most 64 bytes")]
    TooLong,
    /// The text is not an even number of hexadecimal digits.
    #[error("the key is not an even number of hexadecimal digits")]
    NotHex,
    /// All bytes of the key are equal.
    #[error("all bytes of the key are equal: it was not drawn at random")]
    NotRandom,
    /// The ring has a key of that number already.
    #[error("the ring has a key of that number already")]
    DuplicateId,
}
