//! The name of the schema that holds the store's tables.

use std::{fmt, str::FromStr};

/// The schema of a store, in the engine's sense: `inquiry_otl`, unless told otherwise.
///
/// It is 1 to 63 letters, digits, `_` and `-`, does not begin with `pg_`, and is always quoted, so that
/// capital letters count.
///
/// ```
/// use inquiry_otl_postgres::{SchemaName, SchemaNameError};
///
/// let schema: SchemaName = "verification".parse()?;
/// assert_eq!(schema.as_str(), "verification");
/// assert_eq!(SchemaName::new("x\"; DROP SCHEMA public; --"), Err(SchemaNameError::Alphabet));
/// # Ok::<(), SchemaNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaName(Box<str>);

impl SchemaName {
    /// Takes 1 to 63 ASCII letters, digits, `_` and `-`.
    ///
    /// # Errors
    /// [`SchemaNameError`], which says what is wrong with the name.
    pub fn new(name: &str) -> Result<Self, SchemaNameError> {
        if !(1..=63).contains(&name.len()) {
            return Err(SchemaNameError::Length);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Err(SchemaNameError::Alphabet);
        }
        if name.to_ascii_lowercase().starts_with("pg_") {
            return Err(SchemaNameError::Reserved);
        }
        Ok(Self(Box::from(name)))
    }

    /// The name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with `{schema}` replaced by the quoted name.
    pub(crate) fn fill(&self, text: &str) -> String {
        // No quote can stand in the name.
        text.replace("{schema}", &format!("\"{}\"", self.0))
    }
}

impl Default for SchemaName {
    fn default() -> Self {
        Self(Box::from("inquiry_otl"))
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = SchemaNameError;

    fn from_str(name: &str) -> Result<Self, SchemaNameError> {
        Self::new(name)
    }
}

/// Why the name of a schema was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaNameError {
    /// It is empty, or longer than 63 bytes.
    Length,
    /// It holds something other than ASCII letters, digits, `_` and `-`.
    Alphabet,
    /// It begins with `pg_`, which the engine keeps for itself.
    Reserved,
}

impl fmt::Display for SchemaNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the name of a schema has 1 to 63 bytes",
            Self::Alphabet => "the name of a schema holds letters, digits, '_' and '-' only",
            Self::Reserved => "names that begin with 'pg_' are PostgreSQL's own",
        })
    }
}

impl std::error::Error for SchemaNameError {}
