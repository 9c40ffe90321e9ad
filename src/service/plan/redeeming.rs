//! Redemptions, claims, commits and looks: from what was presented to a command, from an outcome to an answer.

use super::{Planner, Reading, refused, refused_on};
use crate::{
    code::Code,
    id::{EventId, SessionId},
    link::LinkView,
    redemption::{Asked, Commit, Mode, Redeem, Refusal, Release, Verdict},
    secret::{ClaimToken, SessionToken, random_pair},
    service::{
        answer::{Answer, finished, peeked},
        attempt::{Attempt, Claim, Claiming, Grant, GrantKind, Peek, Peeked, Redemption, Refused},
        finished::Finished,
        lease::LeaseTime,
    },
    store::Attempted,
    time::Timestamp,
};

#[allow(clippy::result_large_err, reason = "a refusal allocates nothing")]
impl Planner {
    /// Plans a redemption of what a person presented: a URL or a bare code (C6).
    ///
    /// # Errors
    /// [`Refused`] if no store has to be asked: the code is mangled, or its key is not in the ring. What becomes of
    /// it, [`finish_refused`](Self::finish_refused) says.
    pub fn redeem(&self, presented: &str, attempt: &Attempt) -> Result<RedeemPlan, Refused> {
        self.plan(presented, attempt, None)
    }

    /// Plans a claim of what a person presented, for that long from now (D5).
    ///
    /// # Errors
    /// As [`redeem`](Self::redeem).
    pub fn claim(&self, presented: &str, attempt: &Attempt, lease: LeaseTime) -> Result<RedeemPlan, Refused> {
        self.plan(presented, attempt, Some(lease))
    }

    /// The answer to an attempt that was refused while it was planned.
    pub fn finish_refused(&self, refused: Refused) -> Finished<Redemption> {
        finished(Redemption::Refused(refused), self.now())
    }

    fn plan(
        &self,
        presented: &str,
        attempt: &Attempt,
        lease: Option<LeaseTime>,
    ) -> Result<RedeemPlan, Refused> {
        let (reading, now) = self.presented(presented)?;
        let (command, kept) = self.attempt(reading, attempt, lease, now);
        Ok(RedeemPlan { command, kept })
    }

    /// Reads what a person presented, and the time once that is worth it: a mangled code costs nothing more.
    #[inline]
    pub(in crate::service) fn presented(&self, presented: &str) -> Result<(Reading, Timestamp), Refused> {
        let code = self.parse(presented).map_err(|reason| refused(reason.for_redemption()))?;
        let now = self.now();
        let reading = self.reading(code, now).map_err(|reason| refused(reason.for_redemption()))?;
        Ok((reading, now))
    }

    /// What to ask the store, and what it does not learn.
    #[inline]
    pub(in crate::service) fn attempt(
        &self,
        reading: Reading,
        attempt: &Attempt,
        lease: Option<LeaseTime>,
        now: Timestamp,
    ) -> (Redeem, Kept) {
        let token = SessionToken::random();
        let claim = lease.map(|lease| (ClaimToken::random(), now.plus(lease.interval())));
        let mode = claim.as_ref().map_or(Mode::Once, |(token, until)| Mode::Claim {
            token: token.digest(&self.tenant),
            until: *until,
        });
        let asked = self.asked(attempt, now);
        let [session, event] = random_pair();
        let command = Redeem {
            tenant: self.tenant,
            digest: reading.digest,
            now,
            mode,
            attempt: asked.attempt,
            repeats_after: asked.repeats_after,
            binding: asked.binding,
            session: SessionId::from_parts(now, session),
            token: token.digest(&self.tenant),
            event: EventId::from_parts(now, event),
        };
        (command, Kept { code: reading.code, token, claim })
    }

    /// The answer to a redemption, from what the store found.
    #[allow(clippy::needless_pass_by_value, reason = "an outcome is finished once")]
    pub fn finish_redeem(&self, plan: RedeemPlan, outcome: Option<Attempted>) -> Finished<Redemption> {
        self.finish(plan, outcome.as_ref())
    }

    /// The answer to a claim, from what the store found.
    #[allow(clippy::needless_pass_by_value, reason = "an outcome is finished once")]
    pub fn finish_claim(&self, plan: RedeemPlan, outcome: Option<Attempted>) -> Finished<Claiming> {
        self.finish(plan, outcome.as_ref())
    }

    fn finish<A: Answer>(&self, plan: RedeemPlan, outcome: Option<&Attempted>) -> Finished<A> {
        let recorded = outcome.map(|attempted| (attempted.events, attempted.inquiry.id));
        finished(self.answer(plan.kept, outcome), plan.command.now).recorded(recorded)
    }

    /// The same answer, told to the sink, if there is one.
    #[inline]
    pub(in crate::service) fn told<A: Answer>(
        &self,
        kept: Kept,
        now: Timestamp,
        outcome: Option<&Attempted>,
    ) -> A {
        let answer = self.answer(kept, outcome);
        if self.sink.is_none() {
            return answer;
        }
        let recorded = outcome.map(|attempted| (attempted.events, attempted.inquiry.id));
        finished::<A>(answer, now).recorded(recorded).told(self)
    }

    /// The answer to an attempt that was refused while it was planned, told to the sink, if there is one.
    #[inline]
    pub(in crate::service) fn told_refused<A: Answer>(&self, refused: Refused) -> A {
        match &self.sink {
            None => A::refused(refused),
            Some(_) => finished(A::refused(refused), self.now()).told(self),
        }
    }

    #[inline]
    fn answer<A: Answer>(&self, kept: Kept, outcome: Option<&Attempted>) -> A {
        let Some(attempted) = outcome else {
            return A::refused(refused(Refusal::Unknown));
        };
        let found = (attempted.link, attempted.inquiry.id);
        // Public: whether it is the code of that row.
        if !self.belongs(&kept, attempted) {
            // C7: a row that was re-pointed grants nothing.
            return A::refused(refused_on(Refusal::Repointed, found));
        }
        match (attempted.verdict, attempted.session, kept.claim) {
            (Verdict::Claimed, _, Some((token, until))) => {
                let (link, inquiry) = found;
                A::claimed(Claim { link, inquiry, token, until })
            }
            (Verdict::Busy { until }, ..) => A::busy(until),
            (Verdict::Refused(reason), ..) => A::refused(refused_on(reason, found)),
            (verdict, Some(session), _) => {
                let kind = match verdict {
                    Verdict::Replay { number, first_at, same_client } => {
                        GrantKind::Replay { number, first_at, same_client }
                    }
                    Verdict::Repeat => GrantKind::Repeat,
                    _ => GrantKind::FirstUse,
                };
                let (link, inquiry, token) = (Some(attempted.link), attempted.inquiry.clone(), kept.token);
                A::granted(Grant { kind, link, inquiry, session, token })
            }
            // A grant without a session is no grant.
            (_, None, _) => A::refused(refused_on(Refusal::Unknown, found)),
        }
    }

    /// Plans the commit of a claim (D5). It can be planned again after a fault: the store knows the token.
    #[must_use]
    pub fn commit(&self, claim: &Claim) -> CommitPlan {
        let now = self.now();
        let token = SessionToken::random();
        let [session, event] = random_pair();
        let command = Commit {
            tenant: self.tenant,
            inquiry: claim.inquiry,
            link: claim.link,
            claim: claim.token.digest(&self.tenant),
            now,
            session: SessionId::from_parts(now, session),
            token: token.digest(&self.tenant),
            event: EventId::from_parts(now, event),
        };
        CommitPlan { command, token }
    }

    /// The answer to a commit, from what the store found.
    pub fn finish_commit(&self, plan: CommitPlan, outcome: Option<Attempted>) -> Finished<Redemption> {
        let now = plan.command.now;
        let Some(attempted) = outcome else {
            return finished(Redemption::Refused(refused(Refusal::Unknown)), now);
        };
        let found = (attempted.link, attempted.inquiry.id);
        let recorded = Some((attempted.events, attempted.inquiry.id));
        let kind = match attempted.verdict {
            Verdict::Repeat => GrantKind::Repeat,
            _ => GrantKind::FirstUse,
        };
        let answer = match (attempted.verdict, attempted.session) {
            (Verdict::FirstUse | Verdict::Repeat, Some(session)) => {
                let (link, inquiry, token) = (Some(attempted.link), attempted.inquiry, plan.token);
                Redemption::Granted(Grant { kind, link, inquiry, session, token })
            }
            (Verdict::Refused(reason), _) => Redemption::Refused(refused_on(reason, found)),
            _ => Redemption::Refused(refused_on(Refusal::LeaseLost, found)),
        };
        finished(answer, now).recorded(recorded)
    }

    /// The command that releases a claim (D5).
    #[must_use]
    pub fn release(&self, claim: &Claim) -> Release {
        Release {
            tenant: self.tenant,
            inquiry: claim.inquiry,
            link: claim.link,
            claim: claim.token.digest(&self.tenant),
            now: self.now(),
        }
    }

    /// Whether a redemption of what is presented would succeed, from what a store knows of it (D3).
    pub(in crate::service) fn peek(
        &self,
        reading: &Reading,
        asked: &Asked,
        view: Option<&LinkView>,
    ) -> Finished<Peek> {
        let Some(view) = view else {
            return peeked(Peek::Refused(refused(Refusal::Unknown)), None, asked.now);
        };
        let found = (view.link.id, view.link.inquiry);
        let shown = Peeked {
            link: view.link.id,
            inquiry: view.link.inquiry,
            purpose: view.link.purpose,
            expires_at: view.link.expires_at,
        };
        let answer = match self.verdict(reading, asked, view) {
            Verdict::FirstUse | Verdict::Claimed => Peek::WouldGrant(shown),
            Verdict::Replay { .. } | Verdict::Repeat => Peek::WouldReplay(shown),
            Verdict::Busy { until } => Peek::Busy { until },
            Verdict::Refused(reason) => Peek::Refused(refused_on(reason, found)),
        };
        peeked(answer, Some(found), asked.now)
    }

    /// Whether the row that was found is the one that the code was made for (C7).
    fn belongs(&self, kept: &Kept, attempted: &Attempted) -> bool {
        kept.code.as_ref().is_none_or(|code| {
            self.is_derived(code, attempted.derivation, attempted.inquiry.id, attempted.link)
        })
    }
}

/// A redemption or a claim on its way to a store. It holds the new token, so it is not shown.
#[derive(Debug)]
pub struct RedeemPlan {
    command: Redeem,
    kept: Kept,
}

/// What no store learns, and the answer needs.
#[derive(Debug)]
pub(in crate::service) struct Kept {
    /// What was presented, where a row is held against it (C7).
    code: Option<Code>,
    token: SessionToken,
    claim: Option<(ClaimToken, Timestamp)>,
}

impl RedeemPlan {
    /// What to ask the store.
    #[must_use]
    pub const fn command(&self) -> Redeem {
        self.command
    }
}

/// A commit on its way to a store.
#[derive(Debug)]
pub struct CommitPlan {
    command: Commit,
    token: SessionToken,
}

impl CommitPlan {
    /// What to ask the store.
    #[must_use]
    pub const fn command(&self) -> Commit {
        self.command
    }
}
