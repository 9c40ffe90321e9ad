//! What an attempt on a link gets: the one rule, pure, for every store (D1 to D7).
//!
//! [`redeem`], [`commit`] and [`release`] look at the records that a store holds still and say what the
//! answer is and what must be written with it. The memory store runs them under a lock; a store that
//! decides in SQL or in a script mirrors them line by line. The order of precedence of D2 stands here
//! and nowhere else.

mod change;
mod command;
mod verdict;

pub use change::{Decision, InquiryChange, LinkChange, SessionChange};
pub use command::{Asked, Commit, Mode, Redeem, Release};
pub use verdict::{Refusal, Released, Verdict};

use crate::{
    digest::Digest,
    event::EventKind,
    id::{LinkId, SessionId},
    inquiry::{EpochEnd, Expiry, Status},
    policy::Clients,
    record::{
        EndedGeneration, GenerationEnd, GraceLeft, InquiryRecord, Lease, LinkRecord, LinkState,
        SessionRecord, TokenDigests, Use,
    },
    time::Timestamp,
};

/// What a redemption does to a link: decides, without writing (D1, D2).
#[must_use]
#[inline]
pub fn redeem(subject: &Subject<'_>, command: &Redeem) -> Decision {
    let now = command.now;
    let asked = Asked {
        now,
        attempt: command.attempt,
        binding: command.binding,
        repeats_after: command.repeats_after,
    };
    let verdict = match (peek(subject, &asked), command.mode) {
        (Verdict::FirstUse, Mode::Claim { .. }) => Verdict::Claimed,
        (verdict, _) => verdict,
    };
    let grant = Grant {
        now,
        session: command.session,
        token: command.token,
        attempt: command.attempt,
        binding: command.binding,
        claim: None,
    };
    let mut decision = decision(subject, verdict, &grant);
    match (verdict, command.mode) {
        (Verdict::Claimed, Mode::Claim { token, until }) => {
            let lease = Lease { token, until, attempt: command.attempt, binding: command.binding };
            decision.link = LinkChange::Claim(lease);
        }
        // E6: an attempt to start one session too many expires the inquiry; a claim starts none (D5).
        (Verdict::Refused(Refusal::SessionLimit { .. }), Mode::Once) => {
            decision.expire(Expiry::SessionLimit, now);
        }
        _ => {}
    }
    decision
}

/// What a commit does to a claimed link: decides, without writing (D5).
#[must_use]
pub fn commit(subject: &Subject<'_>, command: &Commit) -> Decision {
    // Public: whether it is or was that claim.
    let (verdict, lease) =
        judge_commit(subject, command).unwrap_or_else(|refusal| (Verdict::Refused(refusal), None));
    let grant = Grant {
        now: command.now,
        session: command.session,
        token: command.token,
        attempt: lease.and_then(|lease| lease.attempt),
        binding: lease.and_then(|lease| lease.binding),
        claim: Some(command.claim),
    };
    let mut decision = decision(subject, verdict, &grant);
    if let Verdict::Refused(Refusal::SessionLimit { .. }) = verdict {
        decision.expire(Expiry::SessionLimit, command.now);
    }
    decision
}

/// What a release does to a claimed link: decides, without writing (D5).
#[must_use]
pub fn release(link: &LinkRecord, command: &Release) -> Released {
    match &link.state {
        // Public: whether it is that claim.
        LinkState::Claimed(lease) if lease.token == command.claim && command.now < lease.until => {
            Released::Released
        }
        // Public: whether it was that claim.
        LinkState::Used(used) if used.claim == Some(command.claim) => Released::Committed,
        LinkState::Unused | LinkState::Claimed(_) | LinkState::Used(_) => Released::NotHeld,
    }
}

/// What a plain redemption would get; nothing is to be written (D3).
#[must_use]
pub fn peek(subject: &Subject<'_>, asked: &Asked) -> Verdict {
    judge(subject, asked).unwrap_or_else(Verdict::Refused)
}

/// D2's order of precedence for a redemption; mangled and unknown were told before.
#[inline]
fn judge(subject: &Subject<'_>, asked: &Asked) -> Result<Verdict, Refusal> {
    let Subject { link, inquiry, .. } = subject;
    let now = asked.now;
    if let (LinkState::Used(used), Some(attempt)) = (&link.state, &asked.attempt) {
        // D6: the same attempt again, before anything else; superseding does not end it, revocation does, and the end of
        // the epoch, with which the session died.
        // Public: whether it is the same attempt, of the same client.
        let same = used.attempt.as_ref() == Some(attempt)
            && used.binding == asked.binding
            && asked.repeats_after < used.at
            && revoked(subject).is_none();
        if same && subject.session_is_live(now) {
            return Ok(Verdict::Repeat);
        }
    }
    alive(subject, now)?;
    match &link.state {
        LinkState::Used(used) => return replay(subject, used, asked.binding.as_ref(), now),
        _ if link.expires_at <= now => {
            return Err(Refusal::LinkExpired { at: Some(link.expires_at) });
        }
        LinkState::Claimed(lease) if now < lease.until => return Ok(Verdict::Busy { until: lease.until }),
        // A lease that ran out released itself (D5).
        LinkState::Claimed(_) | LinkState::Unused => {}
    }
    within_session_limit(inquiry)?;
    Ok(Verdict::FirstUse)
}

/// D2's order for a commit, whose lease is judged before E6: without it no session is asked for.
fn judge_commit(subject: &Subject<'_>, command: &Commit) -> Result<(Verdict, Option<Lease>), Refusal> {
    let Subject { link, inquiry, .. } = subject;
    let now = command.now;
    if let LinkState::Used(used) = &link.state {
        // D5: a repeated commit gets the same answer, under the conditions of a repeated attempt.
        // Public: whether it was that claim.
        let same = used.claim == Some(command.claim) && revoked(subject).is_none();
        if same && subject.session_is_live(now) {
            return Ok((Verdict::Repeat, None));
        }
    }
    alive(subject, now)?;
    match link.state {
        LinkState::Used(used) => Err(Refusal::Used { first_at: used.at }),
        // Public: whether it is that claim.
        LinkState::Claimed(lease) if lease.token == command.claim && now < lease.until => {
            subject.parent_is_over(now)?;
            within_session_limit(inquiry)?;
            Ok((Verdict::FirstUse, Some(lease)))
        }
        LinkState::Claimed(_) | LinkState::Unused => Err(Refusal::LeaseLost),
    }
}

/// Whether the link is neither revoked nor superseded and its inquiry is open, in the order of D2.
#[inline]
fn alive(subject: &Subject<'_>, now: Timestamp) -> Result<(), Refusal> {
    let Subject { link, inquiry, .. } = subject;
    if let Some(at) = revoked(subject) {
        return Err(Refusal::Revoked { at });
    }
    if link.generation != inquiry.generations.of(link.purpose).number {
        match inquiry.endings.generation(link.purpose, link.generation) {
            Some(EndedGeneration { why: GenerationEnd::Superseded(by), at, .. }) => {
                return Err(Refusal::Superseded { by: Some(*by), at: Some(*at) });
            }
            // Within its epoch the counter decides; an ending only names the reason.
            _ if link.epoch == inquiry.epoch => return Err(Refusal::Superseded { by: None, at: None }),
            _ => {}
        }
    }
    if let Some(at) = inquiry.inquiry.redacted_at {
        return Err(Refusal::InquiryRedacted { at });
    }
    if link.epoch != inquiry.epoch {
        let ended = inquiry.endings.epoch(link.epoch);
        return Err(match ended.map(|ended| (ended.why, ended.at)) {
            Some((EpochEnd::Completed, at)) => {
                Refusal::InquiryClosed { status: Status::Completed, at: Some(at) }
            }
            Some((EpochEnd::Failed, at)) => Refusal::InquiryClosed { status: Status::Failed, at: Some(at) },
            Some((EpochEnd::Redacted, at)) => Refusal::InquiryRedacted { at },
            Some((EpochEnd::Revoked, at)) => Refusal::Revoked { at },
            Some((EpochEnd::Expired(_), at)) => Refusal::InquiryExpired { at },
            // A link of an epoch of which nothing is known belongs to another life of the inquiry (S3).
            None => Refusal::Unknown,
        });
    }
    if inquiry.inquiry.is_open(now) {
        return Ok(());
    }
    Err(match inquiry.inquiry.status_at(now) {
        Status::Expired => {
            Refusal::InquiryExpired { at: inquiry.inquiry.expired_at.unwrap_or(inquiry.inquiry.expires_at) }
        }
        status => Refusal::InquiryClosed { status, at: None },
    })
}

/// When the link was revoked: by itself, with all links, with everything, or with the session that made it.
#[inline]
fn revoked(subject: &Subject<'_>) -> Option<Timestamp> {
    let Subject { link, inquiry, parent, .. } = subject;
    // The counters decide, so that a live link costs no search.
    let current = inquiry.generations.of(link.purpose).number;
    let with_all_links = || {
        if link.generation == current {
            return None;
        }
        let ended = inquiry.endings.generation(link.purpose, link.generation)?;
        (ended.why == GenerationEnd::Revoked).then_some(ended.at)
    };
    let with_everything = || {
        if link.epoch == inquiry.epoch {
            return None;
        }
        let ended = inquiry.endings.epoch(link.epoch)?;
        (ended.why == EpochEnd::Revoked).then_some(ended.at)
    };
    let with_parent = || match (link.parent, parent) {
        (None, _) => None,
        (Some(_), Some(parent)) => parent.revoked_at,
        // E5: a hand-off link whose session is gone died with it.
        (Some(_), None) => Some(link.created_at),
    };
    link.revoked_at.or_else(with_all_links).or_else(with_everything).or_else(with_parent)
}

/// D4: whether a used link opens its session again; the link's own expiry does not matter any more.
fn replay(
    subject: &Subject<'_>,
    used: &Use,
    binding: Option<&Digest>,
    now: Timestamp,
) -> Result<Verdict, Refusal> {
    let refused = Refusal::Used { first_at: used.at };
    let grace = used.grace.ok_or(refused)?;
    let over = grace.until <= now || grace.max_replays <= used.replays;
    if over || !subject.session_is_live(now) || subject.parent_is_over(now).is_err() {
        return Err(refused);
    }
    let same_client = match (&used.binding, binding) {
        (Some(first), Some(this)) => Some(first == this),
        _ => None,
    };
    if grace.clients == Clients::Same && same_client != Some(true) {
        return Err(Refusal::OtherClient);
    }
    Ok(Verdict::Replay { number: used.replays.saturating_add(1), first_at: used.at, same_client })
}

fn within_session_limit(inquiry: &InquiryRecord) -> Result<(), Refusal> {
    if inquiry.sessions_started < inquiry.inquiry.policy.session_limit() {
        Ok(())
    } else {
        Err(Refusal::SessionLimit { limit: inquiry.inquiry.policy.session_limit() })
    }
}

/// What must be written with a verdict, in the same atomic step (I6, E6, E7, D7).
#[inline]
fn decision(subject: &Subject<'_>, verdict: Verdict, grant: &Grant) -> Decision {
    let Subject { link, inquiry, .. } = subject;
    let mut decision = Decision {
        verdict,
        inquiry: InquiryChange::None,
        link: LinkChange::None,
        session: SessionChange::None,
        event: None,
    };
    match verdict {
        Verdict::FirstUse => {
            let grace = inquiry.inquiry.policy.grace().map(|grace| GraceLeft {
                until: grant.now.plus(grace.window()),
                max_replays: grace.max_replays(),
                clients: grace.clients(),
            });
            decision.inquiry = InquiryChange::CountSession;
            decision.link = LinkChange::Use(Use {
                at: grant.now,
                session: grant.session,
                replays: 0,
                grace,
                attempt: grant.attempt,
                binding: grant.binding,
                claim: grant.claim,
            });
            decision.session = SessionChange::Start(new_session(inquiry, link.id, grant));
            decision.event = Some(EventKind::LinkRedeemed { link: link.id, session: grant.session });
        }
        Verdict::Replay { number, .. } => {
            decision.link = LinkChange::Replay { number };
            decision.session = SessionChange::Token(grant.token);
            decision.event = subject.session.map(|session| EventKind::LinkReplayed {
                link: link.id,
                session: session.id,
                number,
            });
        }
        Verdict::Repeat => decision.session = SessionChange::Token(grant.token),
        Verdict::Claimed | Verdict::Busy { .. } | Verdict::Refused(_) => {
            if let Some(at) = inquiry.inquiry.lapsed_at(grant.now) {
                // I6: the first write that meets an expiry makes it durable.
                decision.expire(Expiry::Deadline, at);
            }
        }
    }
    decision
}

/// The session that a first use starts: it lives until the inquiry's deadline of this moment (D7).
#[inline]
fn new_session(inquiry: &InquiryRecord, link: LinkId, grant: &Grant) -> SessionRecord {
    SessionRecord {
        tenant: inquiry.tenant,
        id: grant.session,
        inquiry: inquiry.inquiry.id,
        link: Some(link),
        epoch: inquiry.epoch,
        started_at: grant.now,
        expires_at: inquiry.inquiry.expires_at,
        revoked_at: None,
        tokens: TokenDigests::new(grant.token),
    }
}

/// What a grant would write.
struct Grant {
    now: Timestamp,
    session: SessionId,
    token: Digest,
    attempt: Option<Digest>,
    binding: Option<Digest>,
    claim: Option<Digest>,
}

/// The records that an attempt is judged by, as of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The link.
    pub link: &'a LinkRecord,
    /// Its inquiry.
    pub inquiry: &'a InquiryRecord,
    /// The session that the link's first use started, if it is used.
    pub session: Option<&'a SessionRecord>,
    /// The session that made the link, if it is a hand-off link (E5).
    pub parent: Option<&'a SessionRecord>,
}

impl Subject<'_> {
    /// E5: a hand-off link dies with the session that made it, also one that is claimed or used.
    fn parent_is_over(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.parent {
            Some(parent) if parent.expires_at <= now => {
                Err(Refusal::LinkExpired { at: Some(parent.expires_at) })
            }
            _ => Ok(()),
        }
    }

    fn session_is_live(&self, now: Timestamp) -> bool {
        self.session.is_some_and(|session| session.is_live(self.inquiry, now))
    }
}
