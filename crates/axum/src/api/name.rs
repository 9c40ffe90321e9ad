//! Names of sessions, and the token that opens one.

use std::fmt;

use inquiry_otl::{
    InquiryId, LinkStore, ReadError, Service, SessionId, SessionToken, session::InquirySession,
};
use serde::{Serialize, Serializer};

/// A session's name in the API: its id, and behind a hyphen the inquiry's without `inq_`.
///
/// The paths of the contract name a session alone, and a store finds one by its inquiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionName {
    pub(super) inquiry: InquiryId,
    pub(super) session: SessionId,
}

impl SessionName {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (session, inquiry) = text.split_once('-')?;
        let inquiry = InquiryId::new(&format!("{}{inquiry}", InquiryId::PREFIX)).ok()?;
        Some(Self { inquiry, session: SessionId::new(session).ok()? })
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inquiry = self.inquiry.as_str();
        write!(f, "{}-{}", self.session, inquiry.strip_prefix(InquiryId::PREFIX).unwrap_or(inquiry))
    }
}

impl Serialize for SessionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `meta.session-token` says: the session's name, a dot, and its token. It is a secret.
pub(super) fn session_token(name: SessionName, token: &SessionToken) -> String {
    format!("{name}.{}", token.expose().as_str())
}

/// The session that a `meta.session-token` of the API opens, if it is live and the token is one of its newest four
/// (D7); nothing otherwise.
///
/// This is for the page that the token is brought to.
///
/// # Errors
/// [`ReadError::Store`] only.
pub async fn authenticate<S: LinkStore>(
    service: &Service<S>,
    presented: &str,
) -> Result<Option<InquirySession>, ReadError> {
    let read = presented
        .split_once('.')
        .and_then(|(name, token)| Some((SessionName::read(name)?, SessionToken::parse(token).ok()?)));
    match read {
        None => Ok(None),
        Some((name, token)) => service.authenticate(name.inquiry, name.session, &token).await,
    }
}
