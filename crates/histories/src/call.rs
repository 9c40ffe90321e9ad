//! A call on a store, as data, and its answer as text.

use std::fmt;

use inquiry_otl::{
    Action, Event, EventId, LinkId, LinkStore, SessionId, StoreError, Timestamp,
    event::Recorded,
    issuance::IssueLink,
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, Housekeeping, InquiryKey, Inspect,
        IssueOutcome, ListOf, Outbox, Purge, RevokeOutcome, SessionStarted, Sweep,
    },
};

/// Whatever takes calls: a store with all that one may have, or a thing that is wrong on purpose.
pub trait Callee: Send + Sync {
    /// Takes a call, and answers it.
    ///
    /// # Errors
    /// As a store.
    fn take(&self, call: &Call) -> impl Future<Output = Result<Answer, StoreError>> + Send;
}

impl<S: LinkStore + Housekeeping + Outbox> Callee for S {
    async fn take(&self, call: &Call) -> Result<Answer, StoreError> {
        call.to(self).await
    }
}

/// A call about one inquiry.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few of them")]
#[non_exhaustive]
pub enum Call {
    /// [`LinkStore::create_inquiry`].
    Create(CreateInquiry),
    /// [`LinkStore::change_inquiry`], with a step that is computed from the inquiry as it was read before, and again
    /// until it is not in conflict: as a service does it. The version is what makes it one step.
    Change {
        /// Which inquiry.
        inquiry: InquiryKey,
        /// What becomes of it.
        action: Action,
        /// When.
        now: Timestamp,
        /// The id of its first event.
        event: EventId,
    },
    /// [`LinkStore::issue`].
    Issue(IssueLink),
    /// [`LinkStore::redeem`]: at once, or a claim.
    Redeem(Redeem),
    /// [`LinkStore::commit`].
    Commit(Commit),
    /// [`LinkStore::release`].
    Release(Release),
    /// [`LinkStore::revoke`].
    Revoke(Revoke),
    /// [`LinkStore::start_session`].
    Start(StartSession),
    /// [`LinkStore::inspect`].
    Inspect(Inspect),
    /// [`LinkStore::links`].
    Links(ListOf<LinkId>),
    /// [`LinkStore::sessions`].
    Sessions(ListOf<SessionId>),
    /// [`Housekeeping::sweep`], of a store that holds one inquiry.
    Sweep(Sweep),
    /// [`Housekeeping::purge`], of a store that holds one inquiry.
    Purge(Purge),
    /// [`Outbox::pending`], of a store that holds one inquiry.
    Pending,
}

impl Call {
    async fn to(&self, store: &(impl LinkStore + Housekeeping + Outbox)) -> Result<Answer, StoreError> {
        Ok(match self.clone() {
            Self::Create(command) => Answer::of(&store.create_inquiry(command).await?),
            Self::Change { inquiry, action, now, event } => loop {
                let Some(record) = store.inquiry(inquiry).await? else {
                    break Answer::of(&ChangeOutcome::NotFound);
                };
                let step = match record.inquiry.after(action, now) {
                    Ok(step) => step,
                    Err(error) => break Answer::of(&error),
                };
                let (tenant, if_version) = (inquiry.tenant, record.version);
                let command = ChangeInquiry { tenant, if_version, step, now, event };
                match store.change_inquiry(command).await? {
                    ChangeOutcome::Conflict => {}
                    outcome => break Answer::of(&outcome),
                }
            },
            Self::Issue(command) => Answer::issued(store.issue(command).await?),
            Self::Redeem(command) => Answer::attempted(store.redeem(command).await?),
            Self::Commit(command) => Answer::attempted(store.commit(command).await?),
            Self::Release(command) => Answer::of(&store.release(command).await?),
            Self::Revoke(command) => Answer::revoked(store.revoke(command).await?),
            Self::Start(command) => Answer::started(store.start_session(command).await?),
            Self::Inspect(command) => Answer::of(&store.inspect(command).await?),
            Self::Links(list) => Answer::of(&store.links(list).await?),
            Self::Sessions(list) => Answer::of(&store.sessions(list).await?),
            Self::Sweep(command) => Answer::of(&store.sweep(command).await?),
            Self::Purge(command) => Answer::of(&store.purge(command).await?),
            Self::Pending => {
                let deliveries = store.pending(None, u32::MAX).await?;
                Answer::pending(deliveries.iter().map(|delivery| &delivery.event))
            }
        })
    }
}

/// All that a store answered, as a line of text: it is compared, and may come from another process.
///
/// It holds what the records say, but for digests, which show nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer(String);

impl Answer {
    /// One that was written down.
    #[must_use]
    pub const fn read(line: String) -> Self {
        Self(line)
    }

    /// What has nothing in it that differs from store to store.
    pub(crate) fn of(answer: &impl fmt::Debug) -> Self {
        Self(format!("{answer:?}"))
    }

    pub(crate) fn issued(outcome: IssueOutcome) -> Self {
        Self::of(&match outcome {
            IssueOutcome::NotOpen { reason, events } => {
                IssueOutcome::NotOpen { reason, events: quiet(events) }
            }
            outcome => outcome,
        })
    }

    pub(crate) fn attempted(attempted: Option<Attempted>) -> Self {
        Self::of(&attempted.map(|attempted| Attempted { events: quiet(attempted.events), ..attempted }))
    }

    pub(crate) fn revoked(outcome: RevokeOutcome) -> Self {
        Self::of(&match outcome {
            RevokeOutcome::Revoked(events) => RevokeOutcome::Revoked(events),
            RevokeOutcome::Already(events) => RevokeOutcome::Already(quiet(events)),
            RevokeOutcome::NotFound(events) => RevokeOutcome::NotFound(quiet(events)),
        })
    }

    pub(crate) fn started(started: Option<SessionStarted>) -> Self {
        Self::of(&started.map(|started| SessionStarted { events: quiet(started.events), ..started }))
    }

    pub(crate) fn pending<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        Self::of(&events.collect::<Vec<_>>())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Of nothing that happened, only that matters.
fn quiet(events: Recorded) -> Recorded {
    if events.is_empty() { Recorded::none(EventId::from_u128(0), Timestamp::MIN) } else { events }
}
