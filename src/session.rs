//! An inquiry session: what a first use starts (D7).

use crate::{
    digest::Digest,
    event::EventKind,
    id::{EventId, InquiryId, LinkId, SessionId},
    inquiry::{Expiry, Status},
    record::{InquiryRecord, SessionRecord, TokenDigests},
    redemption::InquiryChange,
    tenant::TenantId,
    time::Timestamp,
};

/// An inquiry session as of the moment it was read (D7). Its id is no credential: the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct InquirySession {
    /// Its name.
    pub id: SessionId,
    /// The inquiry that it is a session of.
    #[cfg_attr(feature = "serde", serde(rename = "inquiry-id"))]
    pub inquiry: InquiryId,
    /// The link whose first use started it; none for one started otherwise.
    pub link: Option<LinkId>,
    /// When it was started.
    pub started_at: Timestamp,
    /// From this instant on it is dead.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was revoked by itself (L6).
    pub revoked_at: Option<Timestamp>,
    /// Whether it is live.
    pub live: bool,
}

impl InquirySession {
    /// The session as of `now`.
    #[must_use]
    pub fn seen(record: &SessionRecord, inquiry: &InquiryRecord, now: Timestamp) -> Self {
        Self {
            id: record.id,
            inquiry: record.inquiry,
            link: record.link,
            started_at: record.started_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
            live: record.is_live(inquiry, now),
        }
    }
}

/// Start a session without a link, as over an API: it counts like any other (D7, E6).
/// Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartSession {
    /// Whose inquiry it must be (S6).
    pub tenant: TenantId,
    /// The inquiry.
    pub inquiry: InquiryId,
    /// The instant that everything is judged by (S5).
    pub now: Timestamp,
    /// The name of the session.
    pub session: SessionId,
    /// The digest of its token.
    pub token: Digest,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// What starting a session does: decides, without writing (D7, E6).
#[must_use]
pub fn start(inquiry: &InquiryRecord, command: &StartSession) -> SessionStart {
    let now = command.now;
    let expire = |cause, at| {
        (InquiryChange::Expire { cause, at }, Some(EventKind::InquiryExpired { cause, expired_at: at }))
    };
    if !inquiry.inquiry.is_open(now) {
        let refusal = NotOpen::at(inquiry, now);
        let (inquiry, event) = match inquiry.inquiry.lapsed_at(now) {
            Some(at) => expire(Expiry::Deadline, at),
            None => (InquiryChange::None, None),
        };
        return SessionStart { session: Err(SessionRefusal::NotOpen(refusal)), inquiry, event };
    }
    let limit = inquiry.inquiry.policy.session_limit();
    if limit <= inquiry.sessions_started {
        let (inquiry, event) = expire(Expiry::SessionLimit, now);
        return SessionStart { session: Err(SessionRefusal::SessionLimit { limit }), inquiry, event };
    }
    let session = SessionRecord {
        tenant: command.tenant,
        id: command.session,
        inquiry: command.inquiry,
        link: None,
        epoch: inquiry.epoch,
        started_at: now,
        expires_at: inquiry.inquiry.expires_at,
        revoked_at: None,
        tokens: TokenDigests::new(command.token),
    };
    SessionStart { session: Ok(session), inquiry: InquiryChange::CountSession, event: None }
}

/// What starting a session comes to, and what must be written with it. Exhaustive: a store writes all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStart {
    /// The session, to be kept, or why there is none.
    pub session: Result<SessionRecord, SessionRefusal>,
    /// What becomes of the inquiry.
    pub inquiry: InquiryChange,
    /// What happened (V1).
    pub event: Option<EventKind>,
}

impl SessionStart {
    /// Writes the changes to the inquiry's record; its event is counted.
    pub fn change_inquiry(&self, inquiry: &mut InquiryRecord) {
        self.inquiry.write(inquiry, self.event.is_some());
    }
}

/// Why no session was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// The inquiry is not open (I5).
    #[error(transparent)]
    NotOpen(NotOpen),
    /// The inquiry started as many sessions as it may, and expired with this attempt (E6).
    #[error("the inquiry started {limit} sessions, which is all it may")]
    SessionLimit {
        /// How many it may.
        limit: u32,
    },
}

/// Why an inquiry is not open (I5, L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOpen {
    /// It expired, and can be resumed.
    #[error("the inquiry expired at {at}: resume it first")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// It is closed for good.
    #[error("the inquiry is {status}")]
    Closed {
        /// What it is.
        status: Status,
    },
    /// It is redacted, for good (I4).
    #[error("the inquiry is redacted")]
    Redacted,
}

impl NotOpen {
    /// Why an inquiry that is not open at `now` is not.
    #[must_use]
    pub fn at(record: &InquiryRecord, now: Timestamp) -> Self {
        let inquiry = &record.inquiry;
        match inquiry.status_at(now) {
            _ if inquiry.redacted_at.is_some() => Self::Redacted,
            Status::Expired => Self::Expired { at: inquiry.expired_at.unwrap_or(inquiry.expires_at) },
            status => Self::Closed { status },
        }
    }
}
