//! The mail server.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use inquiry_otl::Timestamp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{extension::ClientId, response::Category},
};
use reqwest::Url;
use thiserror::Error;
use tokio::time::timeout;

use super::Letter;
use crate::webhooks::is_loopback;

/// How long the mail server may take for a mail: by itself a transport waits for ever, once it is connected.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A mail server, and whom its mails are from.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The server at that URL: `smtps://…`, or `smtp://…?tls=required`; on this machine `smtp://…` will do.
    ///
    /// It may hold a password, so no error repeats it.
    pub(crate) fn new(url: &str, from: Mailbox) -> Result<Self, SmtpError> {
        let parsed = Url::parse(url).map_err(|_| SmtpError::Url)?;
        // The first one counts. One that is opportunistic goes without TLS where somebody on the way takes the offer of it out.
        let tls = parsed.query_pairs().find(|(name, _)| name == "tls");
        let has_tls = parsed.scheme() == "smtps" || tls.is_some_and(|(_, value)| value == "required");
        if !has_tls && !parsed.host_str().is_some_and(is_loopback) {
            return Err(SmtpError::Clear);
        }
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SmtpError::Url)?;
        if parsed.path().trim_matches('/').is_empty() {
            // Otherwise it would say that its name is unknown, which some servers refuse.
            builder = builder.hello_name(ClientId::Domain(from.email.domain().to_owned()));
        }
        Ok(Self { transport: builder.build(), from })
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
        timeout(TIMEOUT, self.give(message)).await.map_err(|_| SendError::Unreachable)?
    }

    async fn give(&self, message: Message) -> Result<(), SendError> {
        let Err(error) = self.transport.send(message).await else {
            return Ok(());
        };
        let code = error.status();
        Err(match (code, code.map_or(0, u16::from)) {
            (Some(code), status) if error.is_permanent() => {
                // Only about recipients and contents does it speak as a mail system; but so it may also when it takes nothing
                // at all, or refuses the login.
                if code.category == Category::MailSystem
                    && matches!(self.transport.test_connection().await, Ok(true))
                {
                    SendError::Refused(status)
                } else {
                    SendError::Barred(status)
                }
            }
            (Some(_), status) => SendError::Later(status),
            (None, _) if error.is_client() => SendError::Lacking,
            (None, _) if is_tls(&error) => SendError::Tls,
            (None, _) => SendError::Unreachable,
        })
    }
}

/// Whether it is TLS that failed.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(failed) if failed.is::<rustls::Error>() => true,
        _ => error.source().is_some_and(is_tls),
    }
}

/// Why there is no mail server; it never repeats the URL.
#[derive(Debug, Error)]
pub(crate) enum SmtpError {
    /// The URL is no good.
    #[error("it is smtps://user:password@host, or smtp://user:password@host:587?tls=required")]
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
    /// The server takes nothing from whoever sends: that may be set right.
    #[error("the mail server takes nothing from this server: {0}")]
    Barred(u16),
    /// The server does not offer what is needed.
    #[error("the mail server lacks what is needed: TLS, a way to log in, or letters beyond ASCII")]
    Lacking,
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
    /// Whether trying again is useless.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unwritten)
    }
}
