//! Secrets: one reader each, wiped on drop, and no accidental exit (C1, C4).

use rand::Rng as _;
use thiserror::Error;
use zeroize::Zeroize;

use crate::{
    digest::{Digest, Tag, sha256},
    symbols::{Fault, Layout, Lead, Line, Payload},
    tenant::TenantId,
};

/// Text that holds a secret: read by [`SecretText::as_str`] alone, wiped on drop (C4).
///
/// It cannot be printed, cloned, compared or serialised by accident.
///
/// ```compile_fail
/// fn leak(text: inquiry_otl::SecretText) -> String {
///     text.to_string()
/// }
/// ```
pub struct SecretText(String);

impl SecretText {
    /// The secret itself: put it where it has to go, and nowhere else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text of exactly `len` bytes that `write` appends: one allocation, so that growing leaves no copy.
    pub(crate) fn build(len: usize, write: impl FnOnce(&mut String)) -> Self {
        let mut text = String::with_capacity(len);
        write(&mut text);
        debug_assert_eq!(text.len(), len, "a longer text would have left a copy behind");
        Self(text)
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why a session token or a claim token was refused; it never repeats the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not have 34 symbols.
    #[error("a token has 34 symbols")]
    Length,
    /// It holds a character that tokens do not have.
    #[error("the token holds a character that is not allowed in it")]
    Alphabet,
    /// Its check symbols do not fit: it was mangled, or is a token of another kind.
    #[error("the token's check symbols do not fit the rest of it")]
    Check,
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Alphabet => Self::Alphabet,
            Fault::Check => Self::Check,
        }
    }
}

/// Declares a token of 160 random bits: 32 symbols and two check symbols, which know the kind.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $tag:expr) => {
        $(#[$doc])*
        pub struct $name(Payload);

        impl $name {
            const LAYOUT: Layout = Layout::new(Lead::None, 20, &$tag.0);

            /// Reads a token; forgives case and look-alikes, nothing else.
            ///
            /// # Errors
            /// [`TokenError`], which says what is wrong with the token.
            pub fn parse(text: &str) -> Result<Self, TokenError> {
                if text.len() != Self::LAYOUT.len() {
                    return Err(TokenError::Length);
                }
                let mut token = Self(Wiped([0; 32]));
                Self::LAYOUT.read(&mut Line::new(text.as_bytes()), &mut token.0)?;
                Ok(token)
            }

            /// The token as text: 34 letters and digits.
            #[must_use]
            pub fn expose(&self) -> SecretText {
                let len = Self::LAYOUT.len();
                SecretText::build(len, |text| text.push_str(Self::LAYOUT.write(0, &self.0).tail(len)))
            }

            /// A new token.
            pub(crate) fn random() -> Self {
                Self(Payload::random(Self::LAYOUT.bytes()))
            }

            /// What a store keeps of the token.
            pub(crate) fn digest(&self, tenant: &TenantId) -> Digest {
                Digest::tagged($tag, tenant, self.0.front(Self::LAYOUT.bytes()))
            }
        }

        redacted!($name);
    };
}

/// Gives a secret a `Debug` that shows nothing.
macro_rules! redacted {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}
pub(crate) use redacted;

redacted!(SecretText);

token! {
    /// Lets its holder act in a session: made at a grant, kept as a digest (D7).
    ///
    /// ```
    /// use inquiry_otl::{SessionToken, TokenError};
    ///
    /// assert_eq!(SessionToken::parse("no token").err(), Some(TokenError::Length));
    /// ```
    SessionToken, Tag::SESSION_TOKEN
}

token! {
    /// Lets its holder commit or release a claim: made at the claim, kept as a digest (D5).
    ClaimToken, Tag::CLAIM_TOKEN
}

/// Why an attempt key was refused; it never repeats the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttemptKeyError {
    /// It does not have 22 to 128 characters.
    #[error("an attempt key has 22 to 128 characters")]
    Length,
    /// It holds something other than visible ASCII characters.
    #[error("an attempt key holds visible ASCII characters only")]
    Alphabet,
}

/// Names one attempt to redeem, so that the client can ask again for its answer (D6).
///
/// The client draws at least 128 random bits for each attempt and never computes the key from the
/// code or the link.
///
/// ```
/// use inquiry_otl::{AttemptKey, AttemptKeyError};
///
/// let key = AttemptKey::random();
/// assert!(AttemptKey::new(key.expose()).is_ok());
/// assert_eq!(AttemptKey::new("too-short").err(), Some(AttemptKeyError::Length));
/// ```
pub struct AttemptKey {
    bytes: Wiped<128>,
    len: usize,
}

impl AttemptKey {
    /// Takes 22 to 128 visible ASCII characters, as 128 bits in base64 or a UUID are.
    ///
    /// # Errors
    /// [`AttemptKeyError`], which says what is wrong with the key.
    pub fn new(text: &str) -> Result<Self, AttemptKeyError> {
        let mut key = Self { bytes: Wiped([0; 128]), len: text.len() };
        let front = key.bytes.0.get_mut(..text.len()).ok_or(AttemptKeyError::Length)?;
        if text.len() < 22 {
            return Err(AttemptKeyError::Length);
        }
        // Public: whether it has a good form.
        if text.bytes().fold(false, |wrong, byte| wrong | !byte.is_ascii_graphic()) {
            return Err(AttemptKeyError::Alphabet);
        }
        front.copy_from_slice(text.as_bytes());
        Ok(key)
    }

    /// A new key of 160 random bits, for clients written in Rust.
    #[must_use]
    pub fn random() -> Self {
        const LAYOUT: Layout = Layout::new(Lead::None, 20, &Tag::ATTEMPT_KEY.0);
        let line = LAYOUT.write(0, &Payload::random(LAYOUT.bytes()));
        let mut key = Self { bytes: Wiped([0; 128]), len: LAYOUT.len() };
        let text = line.tail(LAYOUT.len()).as_bytes();
        key.bytes.0.iter_mut().zip(text).for_each(|(slot, byte)| *slot = *byte);
        key
    }

    /// The key as text, to be sent with the attempt.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.bytes.front(self.len)).unwrap_or_default()
    }

    /// What a store keeps of the key.
    pub(crate) fn digest(&self, tenant: &TenantId) -> Digest {
        Digest::tagged(Tag::ATTEMPT_KEY, tenant, self.bytes.front(self.len))
    }
}

redacted!(AttemptKey);

/// Why a binding was refused; it never repeats the binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindingError {
    /// There is nothing in it.
    #[error("a binding is not empty")]
    Empty,
    /// It is longer than 1024 bytes.
    #[error("a binding has at most 1024 bytes")]
    TooLong,
}

/// What tells one client from another: a cookie, a device's hash (D4).
///
/// The bytes are hashed as they come in and never kept.
pub struct Binding(Wiped<32>);

impl Binding {
    /// Takes 1 to 1024 bytes of any kind.
    ///
    /// # Errors
    /// [`BindingError`], which says what is wrong with the bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, BindingError> {
        match bytes.len() {
            0 => Err(BindingError::Empty),
            1..=1024 => Ok(Self(Wiped(sha256(bytes)))),
            _ => Err(BindingError::TooLong),
        }
    }

    /// What a store keeps of the binding.
    pub(crate) fn digest(&self, tenant: &TenantId) -> Digest {
        Digest::tagged(Tag::BINDING, tenant, &self.0.0)
    }
}

redacted!(Binding);

/// Bytes that are wiped on drop.
pub(crate) struct Wiped<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Wiped<N> {
    /// That many random bytes, and zeros behind them.
    #[inline]
    pub(crate) fn random(len: usize) -> Self {
        let mut bytes = Self([0; N]);
        if let Some(front) = bytes.0.get_mut(..len) {
            fill_random(front);
        }
        bytes
    }

    /// The first `len` bytes.
    pub(crate) fn front(&self, len: usize) -> &[u8] {
        self.0.get(..len).unwrap_or(&self.0)
    }
}

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        // As a slice: an array is wiped byte by byte, which takes longer than decoding does.
        self.0.as_mut_slice().zeroize();
    }
}

/// Random bytes for a name that must not repeat.
pub(crate) fn random_array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&mut bytes);
    bytes
}

/// Random bytes for two such names, by one draw.
pub(crate) fn random_pair<const N: usize>() -> [[u8; N]; 2] {
    let mut pair = [[0; N]; 2];
    fill_random(pair.as_flattened_mut());
    pair
}

/// C1: the only place that draws random bytes, from a CSPRNG that the operating system reseeds.
///
/// A word at a time: so few bytes are drawn faster so than copied out of the generator.
#[inline]
pub(crate) fn fill_random(bytes: &mut [u8]) {
    let mut generator = rand::rng();
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        word.copy_from_slice(&generator.next_u64().to_le_bytes());
    }
    let rest = words.into_remainder();
    if !rest.is_empty() {
        let word = Wiped(generator.next_u64().to_le_bytes());
        rest.iter_mut().zip(&word.0).for_each(|(slot, byte)| *slot = *byte);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// C1: every byte is drawn, also those behind the last whole word.
    #[test]
    fn every_byte_is_drawn() {
        for len in 1..=40 {
            let mut seen = vec![0; len];
            for _ in 0..64 {
                let mut bytes = vec![0; len];
                fill_random(&mut bytes);
                seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
            }
            assert!(seen.iter().all(|byte| *byte != 0), "{len}");
        }
    }

    /// D7, C2: a token survives case and look-alikes, and is told from one of another kind.
    #[test]
    fn a_token_is_read_again_and_only_as_its_kind() {
        let token = SessionToken::random();
        let text = token.expose();
        let tenant = TenantId::default();
        let mangled = text.as_str().to_lowercase().replace('0', "o").replace('1', "L");
        assert_eq!(SessionToken::parse(&mangled).unwrap().digest(&tenant), token.digest(&tenant));
        assert_eq!(ClaimToken::parse(text.as_str()).err(), Some(TokenError::Check));
        assert_eq!(SessionToken::parse(&format!("{} ", text.as_str())).err(), Some(TokenError::Length));
        assert_eq!(
            SessionToken::parse(&text.as_str().replace(|_| true, "U")).err(),
            Some(TokenError::Alphabet)
        );
    }

    /// S6: what a store keeps depends on the tenant and on the kind of the secret.
    #[test]
    fn digests_differ_by_tenant_and_kind() {
        let (one, other) = (TenantId::default(), TenantId::new("other").unwrap());
        let token = SessionToken::random();
        assert_ne!(token.digest(&one), token.digest(&other));
        assert_ne!(token.digest(&one), ClaimToken(Wiped(token.0.0)).digest(&one));
        let key = AttemptKey::random();
        assert_ne!(key.digest(&one), key.digest(&other));
        assert_eq!(key.digest(&one), AttemptKey::new(key.expose()).unwrap().digest(&one));
        let binding = Binding::new(b"cookie").unwrap();
        assert_ne!(binding.digest(&one), binding.digest(&other));
        assert_ne!(binding.digest(&one), Binding::new(b"cookies").unwrap().digest(&one));
    }

    /// C1: drawn bytes differ, and nothing stands behind the ones that were asked for.
    #[test]
    fn random_bytes_differ_and_stop_where_asked() {
        let (a, b) = (Wiped::<32>::random(20), Wiped::<32>::random(20));
        assert_ne!(a.front(20), b.front(20));
        assert!(a.0.iter().skip(20).all(|byte| *byte == 0));
    }
}
