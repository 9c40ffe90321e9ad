//! Creations of links: from a request to a command, from an outcome to a link.

use super::Planner;
use crate::{
    code::Code,
    derivation::Derivation,
    error::{DeriveError, IssueError},
    id::{EventId, InquiryId, LinkId},
    issuance::{IssueLink, Lifetime, Outstanding},
    record::LinkRecord,
    secret::random_pair,
    service::{
        finished::Finished,
        request::{IssuedLink, LinkRequest, OnOutstanding},
        taken,
    },
    store::IssueOutcome,
    time::Timestamp,
};

impl Planner {
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
    pub(in crate::service) fn outstanding(
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
    pub(in crate::service) fn command(
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
    pub(in crate::service) fn told_issued(
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
            IssueOutcome::Taken => Err(IssueError::Store(taken())),
        }
    }

    /// The link of a row, with the code that its key derives.
    pub(in crate::service) fn derived(&self, link: &LinkRecord) -> Result<IssuedLink, DeriveError> {
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

    /// The code of a row, computed again, if it has the digest that it should have (L5, C7).
    fn code_of(&self, link: &LinkRecord) -> Option<Code> {
        let Derivation { key, nonce } = link.derivation?;
        let code = self.keys.derive(key, &self.codes, &link.inquiry, link.id, nonce)?;
        let derived = self.keys.digest(&code, Timestamp::MIN).ok()?;
        (derived == link.digest).then_some(code)
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
