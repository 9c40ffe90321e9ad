//! What must be written with a verdict, in the same atomic step.

use super::Verdict;
use crate::{
    digest::Digest,
    event::EventKind,
    inquiry::Expiry,
    record::{InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, Use},
    time::Timestamp,
};

/// A verdict, and what must be written with it in the same atomic step. Exhaustive: a store writes all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// What becomes of the inquiry.
    pub inquiry: InquiryChange,
    /// What becomes of the link.
    pub link: LinkChange,
    /// What becomes of the session.
    pub session: SessionChange,
    /// What happened (V1).
    pub event: Option<EventKind>,
}

impl Decision {
    /// Writes the changes to the inquiry's record; its event is counted.
    pub fn change_inquiry(&self, inquiry: &mut InquiryRecord) {
        self.inquiry.write(inquiry, self.event.is_some());
    }

    /// Writes the changes to the link's record.
    pub fn change_link(&self, link: &mut LinkRecord) {
        match self.link {
            LinkChange::None => {}
            LinkChange::Claim(lease) => link.state = LinkState::Claimed(lease),
            LinkChange::Use(used) => link.state = LinkState::Used(used),
            LinkChange::Replay { number } => {
                if let LinkState::Used(used) = &mut link.state {
                    used.replays = number;
                }
            }
        }
    }

    pub(super) fn expire(&mut self, cause: Expiry, at: Timestamp) {
        self.inquiry = InquiryChange::Expire { cause, at };
        self.event = Some(EventKind::InquiryExpired { cause, expired_at: at });
    }
}

/// What an attempt changes in the inquiry. Exhaustive: a store writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InquiryChange {
    /// Nothing.
    None,
    /// One more session was started (E6).
    CountSession,
    /// It expires: status, end of the epoch, version (I6, E6).
    Expire {
        /// What made it expire.
        cause: Expiry,
        /// When.
        at: Timestamp,
    },
}

impl InquiryChange {
    /// Writes the change, and counts its event if there is one.
    pub(crate) fn write(self, inquiry: &mut InquiryRecord, has_event: bool) {
        match self {
            Self::None => {}
            Self::CountSession => inquiry.sessions_started = inquiry.sessions_started.saturating_add(1),
            Self::Expire { cause, at } => inquiry.expire(cause, at),
        }
        inquiry.last_sequence = inquiry.last_sequence.wrapping_add(u64::from(has_event));
    }
}

/// What an attempt changes in the link. Exhaustive: a store writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// Nothing.
    None,
    /// It is claimed.
    Claim(Lease),
    /// It is used.
    Use(Use),
    /// It was replayed.
    Replay {
        /// How often by now.
        number: u32,
    },
}

/// What an attempt changes in the session. Exhaustive: a store writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a redemption allocates nothing")]
pub enum SessionChange {
    /// Nothing.
    None,
    /// It starts.
    Start(SessionRecord),
    /// It has one more token.
    Token(Digest),
}
