//! Tokens: whoever has one may do whatever the dashboard and the API can.
//!
//! Each has a name, by which those who are in charge know whose it is, and revoke it. What is kept of a token is its digest.

pub(crate) mod command;

use inquiry_otl::{Digest, Timestamp};
use inquiry_otl_axum::api;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    records::{
        Records, RecordsError,
        tokens::{self, Revoked},
    },
    secrets::random_hex,
};

/// How many characters a name may have.
const LONGEST: usize = 64;

/// The number of a token that is good, if this is one.
pub(crate) async fn find(records: &Records, token: &str) -> Result<Option<i64>, RecordsError> {
    let digest: Digest = api::Tokens::digest(token.trim());
    records.read(move |of| tokens::find(of, &digest)).await
}

/// Makes a token under that name. It is in the answer and nowhere else.
pub(crate) async fn create(
    records: &Records,
    name: &str,
    now: Timestamp,
) -> Result<Zeroizing<String>, TokenError> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || LONGEST < length || name.chars().any(char::is_control) {
        return Err(TokenError::Name);
    }
    let token = random_hex::<20>();
    let (digest, name) = (api::Tokens::digest(&token), name.to_owned());
    let is_added = records.write(move |to| tokens::add(to, &digest, &name, now)).await?;
    if is_added { Ok(token) } else { Err(TokenError::Taken) }
}

/// Revokes the token of that name: from now on it opens nothing, and whoever signed in with it is signed out.
pub(crate) async fn revoke(records: &Records, name: &str, now: Timestamp) -> Result<(), TokenError> {
    let name = name.trim().to_owned();
    match records.write(move |to| tokens::revoke(to, &name, now)).await? {
        Revoked::Done => Ok(()),
        Revoked::NotFound => Err(TokenError::NotFound),
        Revoked::Last => Err(TokenError::Last),
    }
}

/// Why a token was not made, or not revoked.
#[derive(Debug, Error)]
pub(crate) enum TokenError {
    /// The name is no good.
    #[error("a name has 1 to {LONGEST} characters, and no control characters")]
    Name,
    /// Another token has that name.
    #[error("another token has this name: revoke it, or take another name")]
    Taken,
    /// Who asks has no token.
    #[error("this is not a token of this server, or it was revoked")]
    Own,
    /// No token has that name.
    #[error("there is no token of this name, or it was revoked before")]
    NotFound,
    /// Without it nobody could sign in.
    #[error("it is the last token: create another one first, or nobody can sign in")]
    Last,
    /// The records do not answer.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, TokenError, create, revoke};
    use crate::{records::tokens, stage::Stage};

    /// A name is one good token's, and says something; what was revoked leaves its name to others.
    #[tokio::test]
    async fn a_name_is_one_tokens() {
        let stage = Stage::new().await;
        let (records, now) = (&stage.app.records, stage.now());
        let longest = "é".repeat(LONGEST);
        for wrong in ["", "  ", "two\nlines", &format!("{longest}x")] {
            assert!(matches!(create(records, wrong, now).await, Err(TokenError::Name)), "{wrong:?}");
        }
        create(records, &longest, now).await.unwrap();
        let first = create(records, " night shift ", now).await.unwrap();
        assert!(matches!(create(records, "night shift", now).await, Err(TokenError::Taken)));
        revoke(records, "night shift", now).await.unwrap();
        assert!(matches!(revoke(records, "night shift", now).await, Err(TokenError::NotFound)));
        let second = create(records, "night shift", now).await.unwrap();
        assert_ne!(*first, *second);
        let all = records.read(tokens::all).await.unwrap();
        let names: Vec<_> =
            all.iter().map(|token| (token.name.as_str(), token.revoked_at.is_some())).collect();
        assert_eq!(names, [(&*longest, false), ("night shift", true), ("night shift", false)]);
    }

    /// The last token is not revoked.
    #[tokio::test]
    async fn the_last_token_stays() {
        let stage = Stage::new().await;
        let (records, now) = (&stage.app.records, stage.now());
        for name in ["one", "two"] {
            create(records, name, now).await.unwrap();
        }
        revoke(records, "one", now).await.unwrap();
        assert!(matches!(revoke(records, "two", now).await, Err(TokenError::Last)));
        assert!(matches!(revoke(records, "one", now).await, Err(TokenError::NotFound)));
        create(records, "three", now).await.unwrap();
        revoke(records, "two", now).await.unwrap();
    }
}
