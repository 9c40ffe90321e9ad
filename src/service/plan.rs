//! What the service does without a store: inputs become a command, an outcome becomes an answer.
//!
//! The [`Service`](crate::Service) puts a store between the two. An application that issues or redeems as part
//! of its own database transaction does the same by hand, with the adapter's function for a command.

mod issuing;
mod redeeming;

use std::{fmt, sync::Arc};

pub use self::{
    issuing::IssuePlan,
    redeeming::{CommitPlan, RedeemPlan},
};
use super::{
    attempt::{Attempt, Refused},
    lease::LeaseTime,
    request::OnOutstanding,
    sink::EventSink,
};
use crate::{
    clock::Clock,
    code::{Code, CodeFormat},
    derivation::{Derivation, TenantKeys},
    digest::Digest,
    event::Recorded,
    id::{EventId, InquiryId, LinkId},
    link::LinkView,
    policy::ExpirationPolicy,
    redemption::{self, Asked, Refusal, Verdict},
    secret::random_array,
    store::{Inspect, LinkName},
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
