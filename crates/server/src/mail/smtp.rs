//! The mail server.

use std::time::{Duration, SystemTime};

use inquiry_otl::Timestamp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::extension::ClientId,
};
use reqwest::Url;
use thiserror::Error;

use super::Letter;
use crate::webhooks::is_loopback;

/// How long the mail server may take for each of its answers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server, and whom its mails are from.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The server at that URL: `smtps://…`, or `smtp://…` with `?tls=required` or `?tls=opportunistic`.
    ///
    /// It may hold a password, so no error repeats it.
    pub(crate) fn new(url: &str, from: Mailbox) -> Result<Self, SmtpError> {
        let parsed = Url::parse(url).map_err(|_| SmtpError::Url)?;
        let has_tls = parsed.scheme() == "smtps" || parsed.query_pairs().any(|(name, _)| name == "tls");
        if !has_tls && !parsed.host_str().is_some_and(is_loopback) {
            return Err(SmtpError::Clear);
        }
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SmtpError::Url)?;
        if parsed.path().trim_matches('/').is_empty() {
            // Otherwise it would say that its name is unknown, which some servers refuse.
            builder = builder.hello_name(ClientId::Domain(from.email.domain().to_owned()));
        }
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    /// Sends a letter. A repeat of it has the same `Message-ID` and `Date`.
    pub(crate) async fn send(
        &self,
        letter: &Letter,
        to: &Address,
        id: &str,
        written_at: Timestamp,
        url: &str,
    ) -> Result<(), SendError> {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let written_at = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_micros(written_at.unix_micros().unsigned_abs()))
            .ok_or(SendError::Unwritten)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .message_id(Some(format!("<{id}@{}>", host.as_deref().unwrap_or("localhost"))))
            .date(written_at)
            .subject(letter.subject())
            .multipart(MultiPart::alternative_plain_html(
                letter.text().map_err(|_| SendError::Unwritten)?,
                letter.html().map_err(|_| SendError::Unwritten)?,
            ))
            .map_err(|_| SendError::Unwritten)?;
        self.transport.send(message).await.map(drop).map_err(|error| SendError::of(&error))
    }
}

/// Why there is no mail server; it never repeats the URL.
#[derive(Debug, Error)]
pub(crate) enum SmtpError {
    /// The URL is no good.
    #[error(
        "it is smtps://user:password@host, or smtp://host:25?tls=required, or smtp://host:25?tls=opportunistic"
    )]
    Url,
    /// Links would travel in the clear.
    #[error("without TLS it is for a mail server on this machine alone: add ?tls=required, or say smtps://")]
    Clear,
}

/// Why a mail was not sent; it never repeats what the server said, which may hold the address.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    /// The server does not take it, now or later.
    #[error("the mail server does not take it: {0}")]
    Refused(u16),
    /// The server does not take it now.
    #[error("the mail server does not take it now: {0}")]
    Later(u16),
    /// No encrypted connection could be made.
    #[error("there is no encrypted connection to the mail server")]
    Tls,
    /// The server cannot be spoken to.
    #[error("the mail server cannot be reached, or did not answer")]
    Unreachable,
    /// It could not be written.
    #[error("the mail could not be written")]
    Unwritten,
}

impl SendError {
    fn of(error: &lettre::transport::smtp::Error) -> Self {
        let status = error.status().map_or(0, u16::from);
        if error.is_permanent() {
            Self::Refused(status)
        } else if error.is_transient() {
            Self::Later(status)
        } else if error.is_tls() {
            Self::Tls
        } else {
            Self::Unreachable
        }
    }

    /// Whether trying again is useless.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unwritten)
    }
}
