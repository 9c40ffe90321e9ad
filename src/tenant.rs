//! Whose record it is (S6).

use crate::text::{Short, TextError, text_traits};

/// A tenant: 1 to 31 characters of `a-z`, `0-9`, `-` and `_`; `default` unless told otherwise (S6).
///
/// A service is scoped to one tenant, which is known before any look-up: from the host or the
/// configuration, never from the code. The tenant enters the digest and the derivation of codes.
///
/// ```
/// use inquiry_otl::TenantId;
///
/// let tenant: TenantId = "acme-eu".parse()?;
/// assert_eq!(tenant.as_str(), "acme-eu");
/// assert_eq!(TenantId::default().as_str(), "default");
/// # Ok::<(), inquiry_otl::TextError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Short);

impl TenantId {
    /// Takes 1 to 31 characters of `a-z`, `0-9`, `-` and `_`.
    ///
    /// # Errors
    /// [`TextError`], which says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, TextError> {
        Short::new(text, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_').map(Self)
    }

    /// The text in words, for a hash.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0.words()
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text of the tenant.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self(Short::literal("default"))
    }
}

text_traits!(TenantId);
