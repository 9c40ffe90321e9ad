//! What the service does without a store: inputs become a command, an outcome becomes an answer.
//!
//! The [`Service`](crate::Service) puts a store between the two. An application that issues or redeems as part
//! of its own database transaction does the same by hand, with the adapter's function for a command.

use std::{fmt, sync::Arc};

use super::{
    answer::{Answer, finished},
    attempt::{Attempt, Claim, Claiming, Grant, GrantKind, Peek, Peeked, Redemption, Refused},
    finished::Finished,
    lease::LeaseTime,
    request::{IssuedLink, LinkRequest, OnOutstanding},
    sink::EventSink,
};
use crate::{
    clock::Clock,
    code::{Code, CodeFormat},
    derivation::{Derivation, TenantKeys},
    digest::Digest,
    error::{DeriveError, IssueError},
    event::{EventKind, Recorded},
    id::{EventId, InquiryId, LinkId, SessionId},
    issuance::{IssueLink, Lifetime, Outstanding},
    link::LinkView,
    policy::ExpirationPolicy,
    record::LinkRecord,
    redemption::{self, Asked, Commit, Mode, Redeem, Refusal, Release, Verdict},
    secret::{ClaimToken, SessionToken, random_array, random_pair},
    store::{Attempted, Inspect, IssueOutcome, LinkName},
    tenant::TenantId,
    time::{Interval, Timestamp},
    url::{UrlError, UrlFormat},
};

/// Turns inputs into commands and outcomes into answers, for one tenant (S6): clock, keys, formats, policy.
pub struct Planner {
    pub(super) tenant: TenantId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: ExpirationPolicy,
    pub(super) codes: CodeFormat,
    pub(super) urls: UrlFormat,
    pub(super) keys: TenantKeys,
    pub(super) on_outstanding: OnOutstanding,
    pub(super) lease: LeaseTime,
    pub(super) repeat_window: Interval,
    pub(super) sink: Option<Arc<dyn EventSink>>,
}

impl Planner {
    /// The tenant that the service is for (S6).
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The policy of inquiries that bring none of their own (E1 to E7).
    #[must_use]
    pub const fn policy(&self) -> ExpirationPolicy {
        self.policy
    }

    /// What links look like, to write one in another form (C5).
    #[must_use]
    pub const fn urls(&self) -> &UrlFormat {
        &self.urls
    }
}

#[allow(clippy::result_large_err, reason = "a refusal allocates nothing")]
impl Planner {
    /// The time by the clock of the service (S5).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the code from what a person presented, a URL or a bare code; no store is asked (C6).
    ///
    /// # Errors
    /// [`UrlError`], which says what is wrong and never repeats the text.
    ///
    /// ```
    /// use inquiry_otl::{MemoryStore, Service, UrlError};
    ///
    /// let service = Service::new(MemoryStore::new());
    /// let elsewhere = service.planner().read_code("https://withpersona.com.evil.example/verify?code=1");
    /// assert_eq!(elsewhere.err(), Some(UrlError::OtherHost));
    /// ```
    #[inline]
    pub fn read_code(&self, presented: &str) -> Result<Code, UrlError> {
        self.urls.parse(&self.codes, presented)
    }

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
    pub(super) fn presented(&self, presented: &str) -> Result<(Reading, Timestamp), Refused> {
        let code = self.parse(presented).map_err(|reason| refused(reason.for_redemption()))?;
        let now = self.now();
        let reading = self.reading(code, now).map_err(|reason| refused(reason.for_redemption()))?;
        Ok((reading, now))
    }

    /// What to ask the store, and what it does not learn.
    #[inline]
    pub(super) fn attempt(
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
    pub(super) fn told<A: Answer>(&self, kept: Kept, now: Timestamp, outcome: Option<&Attempted>) -> A {
        let answer = self.answer(kept, outcome);
        if self.sink.is_none() {
            return answer;
        }
        let recorded = outcome.map(|attempted| (attempted.events, attempted.inquiry.id));
        finished::<A>(answer, now).recorded(recorded).told(self)
    }

    /// The answer to an attempt that was refused while it was planned, told to the sink, if there is one.
    #[inline]
    pub(super) fn told_refused<A: Answer>(&self, refused: Refused) -> A {
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

    /// Plans the creation of a link (L1 to L5).
    ///
    /// # Errors
    /// [`IssueError::NeedsKey`] if it asks to return the same link, and there is no key.
    pub fn issue(&self, request: &LinkRequest) -> Result<IssuePlan, IssueError> {
        let now = self.now();
        let outstanding = self.outstanding(request, now)?;
        let (command, code) = self.command(request, now, outstanding);
        Ok(IssuePlan { command, code })
    }

    #[inline]
    pub(super) fn outstanding(
        &self,
        request: &LinkRequest,
        now: Timestamp,
    ) -> Result<Outstanding, IssueError> {
        match request.on_outstanding.unwrap_or(self.on_outstanding) {
            OnOutstanding::Supersede => Ok(Outstanding::Supersede),
            OnOutstanding::Keep => Ok(Outstanding::Keep),
            OnOutstanding::ReturnSame { .. } if self.keys.current().is_none() => Err(IssueError::NeedsKey),
            OnOutstanding::ReturnSame { at_least } => Ok(Outstanding::ReturnSame {
                keys: self.keys.key_set(),
                live_until: at_least.map_or(now, |life| now.plus(life)),
            }),
        }
    }

    #[inline]
    pub(super) fn command(
        &self,
        request: &LinkRequest,
        now: Timestamp,
        outstanding: Outstanding,
    ) -> (IssueLink, Code) {
        let [link, event] = random_pair();
        let link = LinkId::from_parts(now, link);
        let (code, digest, derivation) = self.keys.issue(&self.codes, &request.inquiry, link);
        let command = IssueLink {
            tenant: self.tenant,
            inquiry: request.inquiry,
            now,
            link,
            digest,
            derivation,
            purpose: request.purpose,
            parent: request.parent,
            creator: request.creator.clone(),
            lifetime: request.expires_in.map_or(Lifetime::ByPolicy, |life| Lifetime::Until(now.plus(life))),
            outstanding,
            event: EventId::from_parts(now, event),
        };
        (command, code)
    }

    /// The answer to the creation of a link, from what the store did.
    #[allow(clippy::needless_pass_by_value, reason = "an outcome is finished once")]
    pub fn finish_issue(
        &self,
        plan: IssuePlan,
        outcome: IssueOutcome,
    ) -> Finished<Result<IssuedLink, IssueError>> {
        let inquiry = plan.command.inquiry;
        let recorded = outcome.events().copied().map(|events| (events, inquiry));
        Finished::of(self.issued(plan.code, &outcome)).recorded(recorded)
    }

    /// The same answer, told to the sink, if there is one.
    #[inline]
    pub(super) fn told_issued(
        &self,
        inquiry: InquiryId,
        code: Code,
        outcome: &IssueOutcome,
    ) -> Result<IssuedLink, IssueError> {
        let answer = self.issued(code, outcome);
        if let (Some(_), Some(events)) = (&self.sink, outcome.events()) {
            self.tell(events, inquiry);
        }
        answer
    }

    #[inline]
    fn issued(&self, code: Code, outcome: &IssueOutcome) -> Result<IssuedLink, IssueError> {
        match outcome {
            IssueOutcome::Issued { link, .. } => Ok(self.given_out(link, code, false)),
            IssueOutcome::Reused { link, .. } => {
                let code = self.code_of(link).ok_or(IssueError::Altered)?;
                Ok(self.given_out(link, code, true))
            }
            IssueOutcome::NotFound => Err(IssueError::NotFound),
            IssueOutcome::NotOpen { reason, .. } => Err(IssueError::NotOpen(*reason)),
            IssueOutcome::SessionNotLive => Err(IssueError::SessionNotLive),
            IssueOutcome::Taken => Err(IssueError::Store(super::taken())),
        }
    }

    /// The link of a row, with the code that its key derives.
    pub(super) fn derived(&self, link: &LinkRecord) -> Result<IssuedLink, DeriveError> {
        let in_ring = link.derivation.is_some_and(|derivation| self.keys.key_set().contains(derivation.key));
        let code = self.code_of(link);
        let code = code.ok_or(if in_ring { DeriveError::Altered } else { DeriveError::NotDerived })?;
        Ok(self.given_out(link, code, true))
    }

    #[inline]
    fn given_out(&self, link: &LinkRecord, code: Code, reused: bool) -> IssuedLink {
        IssuedLink {
            id: link.id,
            inquiry: link.inquiry,
            purpose: link.purpose,
            expires_at: link.expires_at,
            reused,
            url: self.urls.url(&code),
            code,
        }
    }

    /// Whether a redemption of what is presented would succeed, from what a store knows of it (D3).
    pub(super) fn peek(&self, reading: &Reading, asked: &Asked, view: Option<&LinkView>) -> Finished<Peek> {
        let Some(view) = view else {
            return Finished::of(Peek::Refused(refused(Refusal::Unknown)));
        };
        let found = (view.link.id, view.link.inquiry);
        let peeked = Peeked {
            link: view.link.id,
            inquiry: view.link.inquiry,
            purpose: view.link.purpose,
            expires_at: view.link.expires_at,
        };
        let answer = match self.verdict(reading, asked, view) {
            Verdict::FirstUse | Verdict::Claimed => Peek::WouldGrant(peeked),
            Verdict::Replay { .. } | Verdict::Repeat => Peek::WouldReplay(peeked),
            Verdict::Busy { until } => Peek::Busy { until },
            Verdict::Refused(reason) => Peek::Refused(refused_on(reason, found)),
        };
        let event = EventKind::LinkPeeked { link: view.link.id };
        Finished::of(answer).passing(Some(view.link.inquiry), event, asked.now)
    }

    /// What a redemption of a known link would get, the row's own honesty included (C7).
    pub(super) fn verdict(&self, reading: &Reading, asked: &Asked, view: &LinkView) -> Verdict {
        let belongs = reading
            .code
            .as_ref()
            .is_none_or(|code| self.is_derived(code, view.link.derivation, view.link.inquiry, view.link.id));
        if belongs { redemption::peek(&view.subject(), asked) } else { Verdict::Refused(Refusal::Repointed) }
    }

    /// Reads what was presented, as far as no store is needed.
    pub(super) fn read(&self, presented: &str, now: Timestamp) -> Result<Reading, Unreadable> {
        self.parse(presented).and_then(|code| self.reading(code, now))
    }

    #[inline]
    pub(super) fn parse(&self, presented: &str) -> Result<Code, Unreadable> {
        self.read_code(presented).map_err(Unreadable::Mangled)
    }

    #[inline]
    fn reading(&self, code: Code, now: Timestamp) -> Result<Reading, Unreadable> {
        let digest = self.keys.digest(&code, now).map_err(|_| Unreadable::KeyRetired)?;
        let is_derived = code.key_symbol() != 0;
        Ok(Reading { digest, code: is_derived.then_some(code) })
    }

    /// Whether the row that was found is the one that the code was made for (C7).
    fn belongs(&self, kept: &Kept, attempted: &Attempted) -> bool {
        kept.code.as_ref().is_none_or(|code| {
            self.is_derived(code, attempted.derivation, attempted.inquiry.id, attempted.link)
        })
    }

    /// Whether that is the code of a row, computed again (C7).
    fn is_derived(
        &self,
        code: &Code,
        derivation: Option<Derivation>,
        inquiry: InquiryId,
        link: LinkId,
    ) -> bool {
        derivation
            .and_then(|Derivation { key, nonce }| self.keys.derive(key, &self.codes, &inquiry, link, nonce))
            .is_some_and(|derived| derived.is_same(code))
    }

    /// The code of a row, computed again, if it has the digest that it should have (L5, C7).
    fn code_of(&self, link: &LinkRecord) -> Option<Code> {
        let Derivation { key, nonce } = link.derivation?;
        let code = self.keys.derive(key, &self.codes, &link.inquiry, link.id, nonce)?;
        let derived = self.keys.digest(&code, Timestamp::MIN).ok()?;
        (derived == link.digest).then_some(code)
    }

    pub(super) fn asked(&self, attempt: &Attempt, now: Timestamp) -> Asked {
        Asked {
            now,
            attempt: attempt.key.as_ref().map(|key| key.digest(&self.tenant)),
            binding: attempt.binding.as_ref().map(|binding| binding.digest(&self.tenant)),
            repeats_after: now.minus(self.repeat_window),
        }
    }

    pub(super) fn inspect(&self, reading: &Reading) -> Inspect {
        Inspect { tenant: self.tenant, link: LinkName::Digest(reading.digest) }
    }

    /// Tells the sink of the events of an inquiry that a store has written.
    pub(super) fn tell(&self, recorded: &Recorded, inquiry: InquiryId) {
        if let Some(sink) = &self.sink {
            recorded.events(self.tenant, inquiry).for_each(|event| sink.tell(&event));
        }
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("tenant", &self.tenant)
            .field("clock", &self.clock)
            .field("policy", &self.policy)
            .field("codes", &self.codes)
            .field("urls", &self.urls)
            .field("keys", &self.keys.key_set())
            .finish_non_exhaustive()
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
pub(super) struct Kept {
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

/// A link on its way to a store. It holds the new code, so it is not shown.
#[derive(Debug)]
pub struct IssuePlan {
    command: IssueLink,
    code: Code,
}

impl IssuePlan {
    /// What to ask the store.
    #[must_use]
    pub const fn command(&self) -> &IssueLink {
        &self.command
    }
}

/// A code that could be read: its digest, and the code itself if it names a key, since a row is held against it then.
pub(super) struct Reading {
    digest: Digest,
    code: Option<Code>,
}

/// Why what was presented cannot be looked up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unreadable {
    Mangled(UrlError),
    KeyRetired,
}

impl Unreadable {
    /// What a redemption says of it: a retired key counts as an expiry (C7).
    pub(super) const fn for_redemption(self) -> Refusal {
        match self {
            Self::Mangled(_) => Refusal::Mangled,
            Self::KeyRetired => Refusal::LinkExpired { at: None },
        }
    }
}

pub(super) const fn refused(reason: Refusal) -> Refused {
    Refused { reason, link: None, inquiry: None }
}

const fn refused_on(reason: Refusal, (link, inquiry): (LinkId, InquiryId)) -> Refused {
    Refused { reason, link: Some(link), inquiry: Some(inquiry) }
}

/// The id of the first event of a command.
pub(super) fn new_event(now: Timestamp) -> EventId {
    EventId::from_parts(now, random_array())
}
