//! What can go wrong in a call to the service: one enum per operation, and [`enum@Error`] for all of them.
//!
//! A refusal of a redemption is not among them: it is an answer. Nothing here repeats a secret.

use thiserror::Error;

use crate::{
    inquiry::TransitionError,
    redemption::Refusal,
    session::{NotOpen, SessionRefusal},
    store::StoreError,
};

/// Anything that can go wrong in a call to the service, for `?` in an application.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// There is an inquiry of that id already.
    #[error("there is an inquiry of that id already")]
    Exists,
    /// The inquiry cannot be changed like that (I3).
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// Others changed the inquiry each time before this call could.
    #[error("others keep changing the inquiry; asking again is safe")]
    Contended,
    /// The inquiry is not open (L1).
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// No session was started (D7, E6).
    #[error(transparent)]
    Refused(#[from] SessionRefusal),
    /// The session that was to make the link is not live (E5).
    #[error("the session that was to make the link is not live")]
    SessionNotLive,
    /// Returning the same link needs a key (L5).
    #[error("returning the same link needs a keyring")]
    NeedsKey,
    /// The link was made without a key, or its key left the ring (L5, C7).
    #[error("the link was made without a key, or its key is not in the ring")]
    NotDerived,
    /// The link is not outstanding any more (D2).
    #[error("the link is not outstanding: {0}")]
    NotOutstanding(#[source] Refusal),
    /// The stored link was altered: no code belongs to it any more (C7).
    #[error("the stored link was altered: no code belongs to it any more")]
    Altered,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no inquiry was created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is an inquiry of that id already.
    #[error("there is an inquiry of that id already")]
    Exists,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why there was nothing to read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an inquiry was not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// The inquiry cannot be changed like that (I3).
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// Others changed the inquiry each time before this call could.
    #[error("others keep changing the inquiry; asking again is safe")]
    Contended,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no link was created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// The inquiry is not open (L1).
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// The session that was to make the link is not live (E5).
    #[error("the session that was to make the link is not live")]
    SessionNotLive,
    /// Returning the same link needs a key (L5).
    #[error("returning the same link needs a keyring")]
    NeedsKey,
    /// The stored link was altered: no code belongs to it any more (C7).
    #[error("the stored link was altered: no code belongs to it any more")]
    Altered,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a link was not given out again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// A redemption would not be its first use, and why (D2).
    #[error("the link is not outstanding: {0}")]
    NotOutstanding(#[source] Refusal),
    /// It was made without a key, or its key left the ring (L5, C7).
    #[error("the link was made without a key, or its key is not in the ring")]
    NotDerived,
    /// The stored link was altered: no code belongs to it any more (C7).
    #[error("the stored link was altered: no code belongs to it any more")]
    Altered,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was revoked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no session was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no such inquiry, link or session in this tenant.
    #[error("there is no such inquiry, link or session")]
    NotFound,
    /// The inquiry is not open, or started as many sessions as it may (D7, E6).
    #[error(transparent)]
    Refused(#[from] SessionRefusal),
    /// The store failed; whether to ask again, it says itself (S4).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries an operation's error over to [`Error`].
macro_rules! superset {
    ($($name:ident { $($plain:ident),* } { $($wrapping:ident),+ })+) => {
        $(impl From<$name> for Error {
            fn from(error: $name) -> Self {
                match error {
                    $($name::$plain => Self::$plain,)*
                    $($name::$wrapping(inner) => Self::$wrapping(inner),)+
                }
            }
        })+
    };
}

superset! {
    CreateError { Exists } { Store }
    ReadError { NotFound } { Store }
    ChangeError { NotFound, Contended } { Transition, Store }
    IssueError { NotFound, SessionNotLive, NeedsKey, Altered } { NotOpen, Store }
    DeriveError { NotFound, NotDerived, Altered } { NotOutstanding, Store }
    RevokeError { NotFound } { Store }
    SessionError { NotFound } { Refused, Store }
}
