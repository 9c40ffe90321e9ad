//! What revoking does: the one rule, pure, for every store (L6).

use crate::{
    event::{EventKind, Revocation},
    id::{EventId, InquiryId},
    inquiry::{EpochEnd, Expiry},
    link::Purpose,
    record::{GenerationEnd, InquiryRecord, LinkRecord, SessionRecord},
    tenant::TenantId,
    time::Timestamp,
};

/// Revoke a link, a session, all links, or everything of an inquiry: one atomic step (L6).
/// Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoke {
    /// Whose inquiry it must be (S6).
    pub tenant: TenantId,
    /// The inquiry.
    pub inquiry: InquiryId,
    /// What of it.
    pub target: Revocation,
    /// The instant of the revocation (S5).
    pub now: Timestamp,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// Revokes, in records that the store holds still; `link` or `session` is the one that the target names.
///
/// What is dead already stays as it is, and yields no event of its own.
pub fn revoke(
    inquiry: &mut InquiryRecord,
    link: Option<&mut LinkRecord>,
    session: Option<&mut SessionRecord>,
    command: &Revoke,
) -> Revoked {
    let now = command.now;
    let lapsed = inquiry.inquiry.lapsed_at(now);
    if let Some(at) = lapsed {
        // I6: before its own effect.
        inquiry.expire(Expiry::Deadline, at);
    }
    let changed = match command.target {
        Revocation::Link(_) => match link {
            // What died with its epoch stays dead of that.
            Some(link) => link.epoch == inquiry.epoch && set(&mut link.revoked_at, now),
            None => return Revoked::not_found(inquiry, lapsed),
        },
        Revocation::Session(_) => match session {
            Some(session) => {
                session.epoch == inquiry.epoch
                    && now < session.expires_at
                    && set(&mut session.revoked_at, now)
            }
            None => return Revoked::not_found(inquiry, lapsed),
        },
        Revocation::AllLinks => {
            let resume = inquiry.end_generation(Purpose::Resume, GenerationEnd::Revoked, now);
            let device_handoff = inquiry.end_generation(Purpose::DeviceHandoff, GenerationEnd::Revoked, now);
            resume || device_handoff
        }
        Revocation::Everything => {
            let open = inquiry.inquiry.is_open(now);
            if open {
                inquiry.end_epoch(EpochEnd::Revoked, now);
            }
            open
        }
    };
    let mut revoked = Revoked::not_found(inquiry, lapsed);
    revoked.found = if changed { Found::Revoked } else { Found::Already };
    if changed {
        revoked.record(inquiry, EventKind::LinkRevoked { revoked: command.target });
    }
    revoked
}

fn set(revoked_at: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let changed = revoked_at.is_none();
    revoked_at.get_or_insert(now);
    changed
}

/// What a revocation found, and what happened. Exhaustive: a store writes the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What it found.
    pub found: Found,
    /// What happened, in order (V1).
    pub events: [Option<EventKind>; 2],
}

impl Revoked {
    fn not_found(inquiry: &mut InquiryRecord, lapsed: Option<Timestamp>) -> Self {
        let mut revoked = Self { found: Found::Nothing, events: [None, None] };
        if let Some(at) = lapsed {
            revoked.record(inquiry, EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: at });
        }
        revoked
    }

    fn record(&mut self, inquiry: &mut InquiryRecord, event: EventKind) {
        if let Some(free) = self.events.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(event);
            inquiry.last_sequence = inquiry.last_sequence.wrapping_add(1);
        }
    }
}

/// What a revocation found. Exhaustive: there is nothing else that it can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was there, and is revoked by this.
    Revoked,
    /// It was there, and could not be used any more.
    Already,
    /// There is no such link or session.
    Nothing,
}
