//! What creating a link does: the one rule, pure, for every store (L1, L2, L5).

use std::borrow::Borrow;

use crate::{
    derivation::Derivation,
    digest::Digest,
    event::EventKind,
    id::{EventId, InquiryId, LinkId, SessionId},
    inquiry::Expiry,
    keyring::KeySet,
    link::Purpose,
    record::{GenerationEnd, InquiryRecord, LinkRecord, LinkState, SessionRecord},
    session::NotOpen,
    tenant::TenantId,
    text::Creator,
    time::Timestamp,
};

/// Create a link, or give out one that is outstanding: one atomic step. Exhaustive: a store carries out all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueLink {
    /// Whose inquiry it must be (S6).
    pub tenant: TenantId,
    /// The inquiry that the link leads to.
    pub inquiry: InquiryId,
    /// The instant that everything is judged by (S5).
    pub now: Timestamp,
    /// The name of the link, if one is created.
    pub link: LinkId,
    /// The digest of its code.
    pub digest: Digest,
    /// What its code is derived from, if it is (L5).
    pub derivation: Option<Derivation>,
    /// What it is for.
    pub purpose: Purpose,
    /// The session that makes it: with a device hand-off, and only then (E5).
    pub parent: Option<SessionId>,
    /// Who creates it.
    pub creator: Option<Creator>,
    /// How long it lives (L2).
    pub lifetime: Lifetime,
    /// What becomes of the outstanding links of the same purpose (L5).
    pub outstanding: Outstanding,
    /// The id of the first event that it yields.
    pub event: EventId,
}

/// How long a link lives, before the inquiry's deadline bounds it (L2). Exhaustive: a store carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As the inquiry's own policy says (E4, E5).
    ByPolicy,
    /// Until this instant.
    Until(Timestamp),
}

/// What becomes of outstanding links of the same inquiry and purpose (L5). Exhaustive: a store carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outstanding {
    /// They die, and the grace of used ones ends.
    Supersede,
    /// They stay.
    Keep,
    /// The newest that fits is given out again; if none fits, they are superseded.
    ReturnSame {
        /// Its key must be one of these.
        keys: KeySet,
        /// It must live until this instant at least.
        live_until: Timestamp,
    },
}

/// Decides, without writing: `links` are the links of the inquiry, newest first: by descending id.
///
/// The iterator is asked for no more than it takes, and only to return the same link.
#[inline]
pub fn issue(
    inquiry: &InquiryRecord,
    parent: Option<&SessionRecord>,
    links: impl IntoIterator<Item = impl Borrow<LinkRecord>>,
    command: &IssueLink,
) -> Issuance {
    let now = command.now;
    if !inquiry.inquiry.is_open(now) {
        return Issuance::NotOpen {
            reason: NotOpen::at(inquiry, now),
            lapsed_at: inquiry.inquiry.lapsed_at(now),
        };
    }
    if command.parent.is_some() && !parent.is_some_and(|session| session.is_live(inquiry, now)) {
        return Issuance::SessionNotLive;
    }
    let generation = inquiry.generations.of(command.purpose);
    if let (Outstanding::ReturnSame { keys, live_until }, true) = (command.outstanding, generation.has_links)
    {
        let fits = |link: &LinkRecord| {
            is_outstanding(link, inquiry, command)
                && live_until <= link.expires_at
                && link.derivation.is_some_and(|derivation| keys.contains(derivation.key))
        };
        if let Some(link) = links.into_iter().find(|link| fits(link.borrow())) {
            return Issuance::Reuse(link.borrow().id);
        }
    }
    let supersedes = match command.outstanding {
        Outstanding::Keep => false,
        Outstanding::Supersede | Outstanding::ReturnSame { .. } => generation.has_links,
    };
    Issuance::Create {
        supersedes,
        link: LinkRecord {
            tenant: command.tenant,
            id: command.link,
            inquiry: command.inquiry,
            purpose: command.purpose,
            parent: command.parent,
            creator: command.creator.clone(),
            digest: command.digest,
            derivation: command.derivation,
            epoch: inquiry.epoch,
            generation: if supersedes { generation.number.wrapping_add(1) } else { generation.number },
            created_at: now,
            expires_at: expiry(inquiry, parent, command),
            revoked_at: None,
            state: LinkState::Unused,
        },
    }
}

/// L2: as asked for, or by E4 and E5; never past the inquiry's deadline, nor past the session that made it.
fn expiry(inquiry: &InquiryRecord, parent: Option<&SessionRecord>, command: &IssueLink) -> Timestamp {
    let asked = match command.lifetime {
        Lifetime::Until(at) => at,
        Lifetime::ByPolicy => command.now.plus(inquiry.inquiry.policy.link_window(command.purpose)),
    };
    let bound = parent
        .map_or(inquiry.inquiry.expires_at, |session| session.expires_at.min(inquiry.inquiry.expires_at));
    asked.min(bound)
}

/// Live, unused and unclaimed, of the same purpose and session.
fn is_outstanding(link: &LinkRecord, inquiry: &InquiryRecord, command: &IssueLink) -> bool {
    let unclaimed = match &link.state {
        LinkState::Unused => true,
        LinkState::Claimed(lease) => lease.until <= command.now,
        LinkState::Used(_) => false,
    };
    unclaimed
        && link.epoch == inquiry.epoch
        && link.purpose == command.purpose
        && link.parent == command.parent
        && link.generation == inquiry.generations.of(link.purpose).number
        && link.revoked_at.is_none()
        && command.now < link.expires_at
}

/// What creating a link comes to. Exhaustive: a store carries it out with [`Issuance::change_inquiry`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a box would cost more than the copy that it saves")]
pub enum Issuance {
    /// Keep this link.
    Create {
        /// The link.
        link: LinkRecord,
        /// Whether the earlier links of its purpose die (L5).
        supersedes: bool,
    },
    /// Give out that link again, and write nothing but the event.
    Reuse(LinkId),
    /// There is none: the inquiry is not open (L1).
    NotOpen {
        /// Why.
        reason: NotOpen,
        /// When it expired, if that is to be written now (I6).
        lapsed_at: Option<Timestamp>,
    },
    /// There is none: the session that was to make it is not live (E5).
    SessionNotLive,
}

impl Issuance {
    /// Writes the changes to the inquiry's record, and says what happened; the events are counted.
    pub fn change_inquiry(&self, inquiry: &mut InquiryRecord, now: Timestamp) -> [Option<EventKind>; 2] {
        let events = match self {
            Self::Create { link, supersedes } => {
                let created = EventKind::LinkCreated {
                    link: link.id,
                    purpose: link.purpose,
                    expires_at: link.expires_at,
                };
                if *supersedes {
                    inquiry.end_generation(link.purpose, GenerationEnd::Superseded(link.id), now);
                }
                inquiry.generations.of_mut(link.purpose).has_links = true;
                if *supersedes {
                    [Some(EventKind::LinkSuperseded { purpose: link.purpose, by: link.id }), Some(created)]
                } else {
                    [Some(created), None]
                }
            }
            Self::Reuse(link) => [Some(EventKind::LinkReused { link: *link }), None],
            Self::NotOpen { lapsed_at: Some(at), .. } => {
                inquiry.expire(Expiry::Deadline, *at);
                [Some(EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: *at }), None]
            }
            Self::NotOpen { lapsed_at: None, .. } | Self::SessionNotLive => [None, None],
        };
        let count = events.iter().flatten().fold(0, |n: u64, _| n.wrapping_add(1));
        inquiry.last_sequence = inquiry.last_sequence.wrapping_add(count);
        events
    }
}
