//! What a store answers. Exhaustive on purpose: a new case must break whoever builds or reads it.

use crate::{
    derivation::Derivation,
    event::Recorded,
    id::{InquiryId, LinkId, SessionId},
    inquiry::{Inquiry, Step},
    record::{Epoch, InquiryRecord, LinkRecord, SessionRecord},
    redemption::Verdict,
    session::{InquirySession, NotOpen, SessionRefusal},
    tenant::TenantId,
    time::Timestamp,
};
use crate::{digest::Digest, id::EventId};

/// Names an inquiry of a tenant (S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InquiryKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub inquiry: InquiryId,
}

/// Names a session of an inquiry of a tenant (S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Of which inquiry.
    pub inquiry: InquiryId,
    /// Which one.
    pub session: SessionId,
}

/// Names a link, by its code or by its id, within a tenant (S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspect {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which one.
    pub link: LinkName,
}

/// How a link is named. Exhaustive: a store looks up either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkName {
    /// By the digest of its code.
    Digest(Digest),
    /// By its id, within an inquiry.
    Id(InquiryId, LinkId),
}

/// Create an inquiry: creating is not updating (S2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateInquiry {
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// The inquiry.
    pub inquiry: Inquiry,
    /// Its first epoch: random, so that a re-made inquiry revives nothing (S3).
    pub first_epoch: Epoch,
    /// The id of its `inquiry.created`.
    pub event: EventId,
}

/// What creating an inquiry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It is created.
    Created(Recorded),
    /// There is one of that id; nothing was written.
    Exists,
}

/// Change an inquiry, if nobody else did since it was read: compare and set on the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeInquiry {
    /// Whose it is (S6).
    pub tenant: TenantId,
    /// The version that the step was computed from.
    pub if_version: u64,
    /// The change; it names the inquiry.
    pub step: Step,
    /// The instant of the change (S5).
    pub now: Timestamp,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// What changing an inquiry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is changed.
    Changed(Recorded),
    /// The version is another one; nothing was written.
    Conflict,
    /// There is no such inquiry.
    NotFound,
}

/// What creating a link came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueOutcome {
    /// The link is kept.
    Issued {
        /// As it is kept.
        link: LinkRecord,
        /// What happened.
        events: Recorded,
    },
    /// An outstanding link is given out again (L5).
    Reused {
        /// As it is kept.
        link: LinkRecord,
        /// What happened.
        events: Recorded,
    },
    /// There is no such inquiry.
    NotFound,
    /// The inquiry is not open (L1).
    NotOpen {
        /// Why.
        reason: NotOpen,
        /// What happened: the expiry, if it was met here first (I6).
        events: Recorded,
    },
    /// The session that was to make the link is not live (E5).
    SessionNotLive,
    /// The link's id or digest is taken; nothing was written (S3). Where the inquiry is not open either, or a link
    /// can be given out again, a store may say whichever it finds first.
    Taken,
}

impl IssueOutcome {
    /// What happened, where anything can have.
    #[must_use]
    pub const fn events(&self) -> Option<&Recorded> {
        match self {
            Self::Issued { events, .. } | Self::Reused { events, .. } | Self::NotOpen { events, .. } => {
                Some(events)
            }
            Self::NotFound | Self::SessionNotLive | Self::Taken => None,
        }
    }
}

/// What an attempt on a known link came to (D2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The answer.
    pub verdict: Verdict,
    /// The link.
    pub link: LinkId,
    /// What its code is derived from, for the caller to check that the row is its own (C7).
    pub derivation: Option<Derivation>,
    /// The inquiry, after the attempt.
    pub inquiry: Inquiry,
    /// The session, with a grant.
    pub session: Option<InquirySession>,
    /// What happened.
    pub events: Recorded,
}

/// What revoking came to (L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// It is revoked by this call.
    Revoked(Recorded),
    /// It could not be used any more; it stays as it is.
    Already(Recorded),
    /// There is no such inquiry, link or session.
    NotFound(Recorded),
}

/// What starting a session came to (D7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStarted {
    /// The session, or why there is none.
    pub session: Result<InquirySession, SessionRefusal>,
    /// The inquiry, after it.
    pub inquiry: Inquiry,
    /// What happened.
    pub events: Recorded,
}

/// A session and its inquiry, read in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: SessionRecord,
    /// Its inquiry.
    pub inquiry: InquiryRecord,
}

/// A page of an inquiry's links or sessions, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOf<Id> {
    /// Of which inquiry.
    pub inquiry: InquiryKey,
    /// Only those with a lower id; none for the first page.
    pub before: Option<Id>,
    /// How many at the most, from 1.
    pub limit: u32,
}

/// A page of what an inquiry has, by descending id, read in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// The inquiry.
    pub inquiry: InquiryRecord,
    /// What was asked for.
    pub items: Vec<T>,
    /// Whether there are more with lower ids.
    pub more: bool,
}

/// A link in a listing, with the sessions that it is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLink {
    /// The link.
    pub link: LinkRecord,
    /// The session that its first use started.
    pub session: Option<SessionRecord>,
    /// The session that made it.
    pub parent: Option<SessionRecord>,
}
