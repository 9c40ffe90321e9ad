//! What happened: one typed event for each change (V1). No event carries a code.

mod columns;

pub use columns::{EventColumns, UnknownEvent};

use crate::{
    id::{EventId, InquiryId, LinkId, SessionId},
    inquiry::Expiry,
    link::Purpose,
    redemption::Refusal,
    tenant::TenantId,
    time::Timestamp,
};

/// Something that happened to an inquiry or to a one-time link (V1).
///
/// ```
/// # #[cfg(feature = "serde")] {
/// # use inquiry_otl::*;
/// let event: Event = serde_json::from_str(
///     r#"{"id":"evt_00000000000000000000000001","tenant":"default","inquiry-id":"inq_1","sequence":4,
///         "at":"2026-01-31T12:00:00.000000Z","name":"inquiry.approved"}"#,
/// ).unwrap();
/// assert_eq!(event.kind.name(), "inquiry.approved");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Event {
    /// Its name, by which a receiver drops a repeat.
    pub id: EventId,
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// The inquiry that it happened to; none for a refusal of a code that nobody knows.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry-id"))]
    pub inquiry: Option<InquiryId>,
    /// Its place among the durable events of the inquiry, from 1; none for one that is not durable.
    pub sequence: Option<u64>,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: EventKind,
}

impl Event {
    /// An event from its parts, for a store that kept them.
    #[must_use]
    pub const fn new(
        id: EventId,
        tenant: TenantId,
        inquiry: Option<InquiryId>,
        sequence: Option<u64>,
        at: Timestamp,
        kind: EventKind,
    ) -> Self {
        Self { id, tenant, inquiry, sequence, at, kind }
    }
}

/// What happened, under the names of Persona's webhooks where it has them (V1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all_fields = "kebab-case"))]
#[non_exhaustive]
pub enum EventKind {
    /// The inquiry was created.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.created"))]
    InquiryCreated,
    /// The person submitted something for the first time.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.started"))]
    InquiryStarted,
    /// The person is done.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.completed"))]
    InquiryCompleted,
    /// The person is done, without success.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.failed"))]
    InquiryFailed,
    /// The inquiry expired: once for each expiry, whoever met it first (I6).
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.expired"))]
    InquiryExpired {
        /// What made it expire.
        cause: Expiry,
        /// When it expired: the deadline, where that was the cause.
        expired_at: Timestamp,
    },
    /// The inquiry was resumed.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.resumed"))]
    InquiryResumed {
        /// The deadline since then.
        expires_at: Timestamp,
    },
    /// It was decided for.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.approved"))]
    InquiryApproved,
    /// The decision was left to a reviewer.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.marked-for-review"))]
    InquiryMarkedForReview,
    /// It was decided against.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.declined"))]
    InquiryDeclined,
    /// The person's data was removed.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry.redacted"))]
    InquiryRedacted,
    /// A link was created.
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.created"))]
    LinkCreated {
        /// Which one.
        link: LinkId,
        /// What for.
        purpose: Purpose,
        /// Until when, at the latest.
        expires_at: Timestamp,
    },
    /// An outstanding link was given out again (L5).
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.reused"))]
    LinkReused {
        /// Which one.
        link: LinkId,
    },
    /// The earlier links of a purpose are dead from here on, whatever their number, and the grace of used ones is
    /// over (L5). Whether one of them was still good is not counted.
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.superseded"))]
    LinkSuperseded {
        /// Of which purpose.
        purpose: Purpose,
        /// By which link.
        by: LinkId,
    },
    /// Something was revoked (L6).
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.revoked"))]
    LinkRevoked {
        /// What was.
        revoked: Revocation,
    },
    /// Somebody looked whether a redemption would succeed (D3); never durable.
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.peeked"))]
    LinkPeeked {
        /// At which link, if the code is known.
        link: Option<LinkId>,
        /// Why it would be refused, if it would be.
        refusal: Option<Refusal>,
    },
    /// A link had its first use (D1).
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.redeemed"))]
    LinkRedeemed {
        /// Which one.
        link: LinkId,
        /// The session that it started.
        session: SessionId,
    },
    /// A used link opened its session again (D4).
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.replayed"))]
    LinkReplayed {
        /// Which one.
        link: LinkId,
        /// The session that it opened.
        session: SessionId,
        /// Which replay it was, from 1.
        number: u32,
    },
    /// An attempt was refused (D2); never durable, so that a flood of guesses writes nothing.
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link.refused"))]
    LinkRefused {
        /// Which link, if the code is known.
        link: Option<LinkId>,
        /// Why.
        refusal: Refusal,
    },
}

impl EventKind {
    /// The name of the event, as in `one-time-link.redeemed`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InquiryCreated => "inquiry.created",
            Self::InquiryStarted => "inquiry.started",
            Self::InquiryCompleted => "inquiry.completed",
            Self::InquiryFailed => "inquiry.failed",
            Self::InquiryExpired { .. } => "inquiry.expired",
            Self::InquiryResumed { .. } => "inquiry.resumed",
            Self::InquiryApproved => "inquiry.approved",
            Self::InquiryMarkedForReview => "inquiry.marked-for-review",
            Self::InquiryDeclined => "inquiry.declined",
            Self::InquiryRedacted => "inquiry.redacted",
            Self::LinkCreated { .. } => "one-time-link.created",
            Self::LinkReused { .. } => "one-time-link.reused",
            Self::LinkSuperseded { .. } => "one-time-link.superseded",
            Self::LinkRevoked { .. } => "one-time-link.revoked",
            Self::LinkPeeked { .. } => "one-time-link.peeked",
            Self::LinkRedeemed { .. } => "one-time-link.redeemed",
            Self::LinkReplayed { .. } => "one-time-link.replayed",
            Self::LinkRefused { .. } => "one-time-link.refused",
        }
    }
}

/// What is to be revoked (L6). Exhaustive: a store carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Revocation {
    /// One link; a session that it started goes on.
    Link(LinkId),
    /// One session, and the hand-off links that it made.
    Session(SessionId),
    /// All links of the inquiry; sessions go on.
    AllLinks,
    /// All links and sessions of the inquiry, by one step of the epoch: the answer to theft.
    Everything,
}

/// The durable events of one command on one inquiry: two at most, with consecutive ids and numbers (V1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    first: EventId,
    first_sequence: u64,
    at: Timestamp,
    kinds: [Option<EventKind>; 2],
}

impl Recorded {
    /// The events of a command whose first event has that id and number. `kinds` has no gap.
    #[must_use]
    pub const fn new(
        first: EventId,
        first_sequence: u64,
        at: Timestamp,
        kinds: [Option<EventKind>; 2],
    ) -> Self {
        Self { first, first_sequence, at, kinds }
    }

    /// That nothing happened.
    #[must_use]
    pub const fn none(first: EventId, at: Timestamp) -> Self {
        Self::new(first, 0, at, [None, None])
    }

    /// Whether nothing happened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.kinds, [None, _])
    }

    /// How many there are: 0 to 2.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.kinds.iter().flatten().fold(0, |n, _| n.wrapping_add(1))
    }

    /// The events, in order.
    pub fn events(&self, tenant: TenantId, inquiry: InquiryId) -> impl Iterator<Item = Event> + '_ {
        (0_u32..).zip(self.kinds.iter().flatten()).map(move |(n, kind)| {
            let sequence = self.first_sequence.wrapping_add(u64::from(n));
            Event::new(self.first.nth(n), tenant, Some(inquiry), Some(sequence), self.at, *kind)
        })
    }
}
