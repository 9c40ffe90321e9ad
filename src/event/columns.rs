//! An event as flat columns, for a store that keeps it in a row or in a stream (V1).

use thiserror::Error;

use super::{EventKind, Revocation};
use crate::{
    id::{LinkId, SessionId},
    time::Timestamp,
};

/// What a store keeps of a durable event, beside its id, inquiry, number and instant: six flat columns.
///
/// ```
/// use inquiry_otl::{EventKind, LinkId, SessionId, event::EventColumns};
///
/// let kind = EventKind::LinkRedeemed { link: LinkId::from_u128(1), session: SessionId::from_u128(2) };
/// let columns = kind.columns().expect("it is durable");
/// assert_eq!((columns.name, columns.link), ("one-time-link.redeemed", Some(LinkId::from_u128(1))));
/// assert_eq!(EventKind::try_from(columns), Ok(kind));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a store makes it from its row")]
pub struct EventColumns<'a> {
    /// The name of the event, as [`EventKind::name`] has it.
    pub name: &'a str,
    /// One word that says more: a link's purpose, the cause of an expiry, or what was revoked.
    pub word: Option<&'a str>,
    /// The link that it is about.
    pub link: Option<LinkId>,
    /// The session that it is about.
    pub session: Option<SessionId>,
    /// The instant that it tells of: a deadline, or when an inquiry expired.
    pub instant: Option<Timestamp>,
    /// The number that it tells of: which replay it was.
    pub number: Option<u32>,
}

/// The columns are not those of an event that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an event that this version knows")]
pub struct UnknownEvent;

impl EventKind {
    /// The columns that a store keeps of it; none if it is not durable.
    #[must_use]
    pub const fn columns(&self) -> Option<EventColumns<'static>> {
        let mut columns = EventColumns {
            name: self.name(),
            word: None,
            link: None,
            session: None,
            instant: None,
            number: None,
        };
        match *self {
            Self::InquiryCreated
            | Self::InquiryStarted
            | Self::InquiryCompleted
            | Self::InquiryFailed
            | Self::InquiryApproved
            | Self::InquiryMarkedForReview
            | Self::InquiryDeclined
            | Self::InquiryRedacted => {}
            Self::InquiryExpired { cause, expired_at } => {
                columns.word = Some(cause.as_str());
                columns.instant = Some(expired_at);
            }
            Self::InquiryResumed { expires_at } => columns.instant = Some(expires_at),
            Self::LinkCreated { link, purpose, expires_at } => {
                columns.link = Some(link);
                columns.word = Some(purpose.as_str());
                columns.instant = Some(expires_at);
            }
            Self::LinkReused { link } => columns.link = Some(link),
            Self::LinkSuperseded { purpose, by } => {
                columns.word = Some(purpose.as_str());
                columns.link = Some(by);
            }
            Self::LinkRevoked { revoked } => {
                let (word, link, session) = match revoked {
                    Revocation::Link(link) => ("link", Some(link), None),
                    Revocation::Session(session) => ("session", None, Some(session)),
                    Revocation::AllLinks => ("all-links", None, None),
                    Revocation::Everything => ("everything", None, None),
                };
                columns.word = Some(word);
                columns.link = link;
                columns.session = session;
            }
            Self::LinkRedeemed { link, session } => {
                columns.link = Some(link);
                columns.session = Some(session);
            }
            Self::LinkReplayed { link, session, number } => {
                columns.link = Some(link);
                columns.session = Some(session);
                columns.number = Some(number);
            }
            Self::LinkPeeked { .. } | Self::LinkRefused { .. } => return None,
        }
        Some(columns)
    }

    fn read(columns: &EventColumns<'_>) -> Option<Self> {
        let EventColumns { name, word, link, session, instant, number } = *columns;
        Some(match name {
            "inquiry.created" => Self::InquiryCreated,
            "inquiry.started" => Self::InquiryStarted,
            "inquiry.completed" => Self::InquiryCompleted,
            "inquiry.failed" => Self::InquiryFailed,
            "inquiry.expired" => Self::InquiryExpired { cause: word?.parse().ok()?, expired_at: instant? },
            "inquiry.resumed" => Self::InquiryResumed { expires_at: instant? },
            "inquiry.approved" => Self::InquiryApproved,
            "inquiry.marked-for-review" => Self::InquiryMarkedForReview,
            "inquiry.declined" => Self::InquiryDeclined,
            "inquiry.redacted" => Self::InquiryRedacted,
            "one-time-link.created" => {
                Self::LinkCreated { link: link?, purpose: word?.parse().ok()?, expires_at: instant? }
            }
            "one-time-link.reused" => Self::LinkReused { link: link? },
            "one-time-link.superseded" => Self::LinkSuperseded { purpose: word?.parse().ok()?, by: link? },
            "one-time-link.revoked" => Self::LinkRevoked {
                revoked: match word? {
                    "link" => Revocation::Link(link?),
                    "session" => Revocation::Session(session?),
                    "all-links" => Revocation::AllLinks,
                    "everything" => Revocation::Everything,
                    _ => return None,
                },
            },
            "one-time-link.redeemed" => Self::LinkRedeemed { link: link?, session: session? },
            "one-time-link.replayed" => {
                Self::LinkReplayed { link: link?, session: session?, number: number? }
            }
            _ => return None,
        })
    }
}

impl TryFrom<EventColumns<'_>> for EventKind {
    type Error = UnknownEvent;

    fn try_from(columns: EventColumns<'_>) -> Result<Self, UnknownEvent> {
        Self::read(&columns).ok_or(UnknownEvent)
    }
}
