//! Who may call: bearer tokens, known by their digests or by an application's own verifier.

use std::{future::Future, pin::Pin};

use axum::http::{HeaderMap, StatusCode, header};
use inquiry_otl::{Digest, StoreError};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::failure::Failure;

/// Says whether the bearer of a token may call the API.
pub trait Verifier: Send + Sync {
    /// Judges a token, in time that does not depend on how much of it is right.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be told now; the caller is told 503 or 500.
    fn verify(&self, token: &str) -> impl Future<Output = Result<Access, StoreError>> + Send;
}

/// What a token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Its bearer may call.
    Granted,
    /// It is known, and its bearer may not: 403.
    Forbidden,
    /// It is no good: 401.
    Invalid,
}

/// The tokens that are good, kept as digests and compared in constant time (C3).
///
/// ```
/// use inquiry_otl_axum::api::{Tokens, WeakToken};
///
/// assert!(Tokens::new(["YH3Oj2m5VJ8qC4mB7yq1cw"]).is_ok());
/// assert_eq!(Tokens::new(["letmein"]).err(), Some(WeakToken));
/// ```
#[derive(Clone, Debug)]
pub struct Tokens(Vec<Digest>);

impl Tokens {
    /// Takes tokens of 22 characters or more, as 128 random bits in base64 have.
    ///
    /// # Errors
    /// [`WeakToken`] if one is shorter, or is not of visible ASCII characters.
    pub fn new<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> Result<Self, WeakToken> {
        let digests = tokens.into_iter().map(|token| {
            let token = token.as_ref();
            let is_strong = 22 <= token.len() && token.bytes().all(|byte| byte.is_ascii_graphic());
            if is_strong { Ok(Self::digest(token)) } else { Err(WeakToken) }
        });
        digests.collect::<Result<_, _>>().map(Self)
    }

    /// Takes what [`digest`](Self::digest) made of tokens, so that a configuration need not hold them.
    pub fn from_digests(digests: impl IntoIterator<Item = Digest>) -> Self {
        Self(digests.into_iter().collect())
    }

    /// The SHA-256 of a token.
    #[must_use]
    pub fn digest(token: &str) -> Digest {
        Digest::from_bytes(Sha256::digest(token.as_bytes()).into())
    }
}

impl Verifier for Tokens {
    async fn verify(&self, token: &str) -> Result<Access, StoreError> {
        let digest = Self::digest(token);
        // Every one of them is compared.
        let is_known = self.0.iter().fold(false, |found, known| (*known == digest) | found);
        Ok(if is_known { Access::Granted } else { Access::Invalid })
    }
}

/// A token that could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a token has 22 visible ASCII characters or more")]
pub struct WeakToken;

/// A verifier of any type.
pub(super) struct AnyVerifier(Box<dyn Twin>);

impl AnyVerifier {
    pub(super) fn new(verifier: impl Verifier + 'static) -> Self {
        Self(Box::new(verifier))
    }

    /// Whether the bearer of the token in those headers may call.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let unauthorized = |title| Failure::new(StatusCode::UNAUTHORIZED, title);
        let token =
            bearer(headers).ok_or_else(|| unauthorized("Must be authenticated to access this endpoint"))?;
        match self.0.verify(token).await? {
            Access::Granted => Ok(()),
            Access::Forbidden => Err(Failure::new(StatusCode::FORBIDDEN, "Forbidden")),
            Access::Invalid => Err(unauthorized("Token is invalid")),
        }
    }
}

trait Twin: Send + Sync {
    fn verify<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Access, StoreError>> + Send + 'a>>;
}

impl<V: Verifier> Twin for V {
    fn verify<'a>(
        &'a self,
        token: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Access, StoreError>> + Send + 'a>> {
        Box::pin(Verifier::verify(self, token))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
