//! An inquiry and its lifecycle (I1 to I6, R1 to R3): pure, with the instant passed in.

use std::fmt;

use thiserror::Error;

use crate::{
    event::EventKind,
    id::{InquiryId, TemplateId},
    policy::ExpirationPolicy,
    text::ReferenceId,
    time::Timestamp,
};

/// A person's attempt to verify their identity (I1), as it was last written.
///
/// Expiry is a fact of time (I6): [`status_at`](Self::status_at) and [`as_of`](Self::as_of) take it into
/// account, the field [`status`](Self::status) does not until some write has made it durable. What the
/// service hands out is always as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Inquiry {
    /// Its name (I1).
    pub id: InquiryId,
    /// The template it was made from (I1).
    #[cfg_attr(feature = "serde", serde(rename = "inquiry-template-id"))]
    pub template: TemplateId,
    /// The application's own reference, if it gave one (I1).
    #[cfg_attr(feature = "serde", serde(rename = "reference-id"))]
    pub reference: Option<ReferenceId>,
    /// The status at the last write (I2).
    pub status: Status,
    /// The policy it was created with (E10).
    pub policy: ExpirationPolicy,
    /// The deadline: at this instant and after it, an inquiry that was open is expired (I5).
    pub expires_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the person first submitted something.
    pub started_at: Option<Timestamp>,
    /// When it was last resumed.
    pub resumed_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// When it expired, if it has not been resumed since.
    pub expired_at: Option<Timestamp>,
    /// When it was last marked for review.
    pub marked_for_review_at: Option<Timestamp>,
    /// When it was last approved or declined.
    pub decisioned_at: Option<Timestamp>,
    /// When it was redacted: a mark, not a status (I4).
    pub redacted_at: Option<Timestamp>,
}

impl Inquiry {
    /// A new inquiry, open until the policy's window from creation has run (E1).
    #[must_use]
    pub fn new(id: InquiryId, template: TemplateId, policy: ExpirationPolicy, now: Timestamp) -> Self {
        Self {
            id,
            template,
            reference: None,
            status: Status::Created,
            policy,
            expires_at: now.plus(policy.after_create()),
            created_at: now,
            started_at: None,
            resumed_at: None,
            completed_at: None,
            failed_at: None,
            expired_at: None,
            marked_for_review_at: None,
            decisioned_at: None,
            redacted_at: None,
        }
    }

    /// The same inquiry with the application's own reference (I1).
    #[must_use]
    pub fn with_reference(mut self, reference: ReferenceId) -> Self {
        self.reference = Some(reference);
        self
    }

    /// The status as of `now`: expired from the deadline on, whether or not that was written (I6).
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        if self.lapsed_at(now).is_some() { Status::Expired } else { self.status }
    }

    /// Whether it is open: created or pending, not redacted, before its deadline (I5).
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.redacted_at.is_none() && self.status.can_expire() && now < self.expires_at
    }

    /// The inquiry as of `now`, with an expiry that has not been written yet (I6).
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Self {
        match self.lapsed_at(now) {
            Some(at) => Self { status: Status::Expired, expired_at: Some(at), ..self.clone() },
            None => self.clone(),
        }
    }

    /// When it expired, if it did so by time and no write has made that durable yet (I6).
    #[must_use]
    pub fn lapsed_at(&self, now: Timestamp) -> Option<Timestamp> {
        (self.status.can_expire() && self.expires_at <= now).then_some(self.expires_at)
    }

    /// When it was last closed or decided, redacted or not; none while it can still expire.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        if self.status.can_expire() {
            return None;
        }
        let instants = [self.completed_at, self.failed_at, self.expired_at, self.marked_for_review_at];
        instants.into_iter().chain([self.decisioned_at, self.redacted_at]).flatten().max()
    }

    /// What `action` makes of this inquiry at `now` (I3, R1, R2).
    ///
    /// An expiry by time that was not written yet becomes part of the step, before the action itself (I6).
    ///
    /// # Errors
    /// [`TransitionError`], which names both statuses or says that the inquiry is redacted. Nothing changes.
    pub fn after(&self, action: Action, now: Timestamp) -> Result<Step, TransitionError> {
        let mut step = Step::new(self.clone());
        if let Some(at) = self.lapsed_at(now) {
            step.expire(Expiry::Deadline, at);
            if action == Action::Expire {
                // It asked for what time has done already: the write that meets it makes it durable.
                return Ok(step);
            }
        }
        step.take(action, now)?;
        Ok(step)
    }
}

/// What an application may do to an inquiry (I3). Exhaustive: these are all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The person's first submission: created becomes pending.
    Start,
    /// The person is done.
    Complete,
    /// The person is done, without success.
    Fail,
    /// End it before its deadline.
    Expire,
    /// Bring it back, or give it more time (R1, R2).
    Resume,
    /// Decide for it.
    Approve,
    /// Leave the decision to a reviewer.
    MarkForReview,
    /// Decide against it.
    Decline,
    /// Remove the person's data: it can be neither resumed nor linked to, ever (I4).
    Redact,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Complete,
        Self::Fail,
        Self::Expire,
        Self::Resume,
        Self::Approve,
        Self::MarkForReview,
        Self::Decline,
        Self::Redact,
    ];
}

/// What a transition makes of an inquiry: the new state, and what must change in the same atomic step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The inquiry after it.
    pub inquiry: Inquiry,
    /// Why and when the epoch ends, if it does: all links and sessions die (L4).
    pub ends_epoch: Option<(EpochEnd, Timestamp)>,
    /// Whether the count of sessions starts anew (E6).
    pub resets_sessions: bool,
    /// What happened, in order (V1).
    pub events: [Option<EventKind>; 2],
}

impl Step {
    fn new(inquiry: Inquiry) -> Self {
        Self { inquiry, ends_epoch: None, resets_sessions: false, events: [None, None] }
    }

    fn take(&mut self, action: Action, now: Timestamp) -> Result<(), TransitionError> {
        let from = self.inquiry.status;
        if self.inquiry.redacted_at.is_some() && action.needs_data() {
            return Err(TransitionError::Redacted);
        }
        let allowed = match action {
            Action::Start => {
                from == Status::Created || from == Status::Pending && self.inquiry.started_at.is_none()
            }
            Action::Complete | Action::Fail => from == Status::Pending,
            Action::Expire => from.can_expire(),
            Action::Resume => from.can_expire() || from == Status::Expired,
            Action::Approve | Action::MarkForReview | Action::Decline => {
                from.can_be_decided() && from != action.target(from)
            }
            Action::Redact => true,
        };
        if !allowed {
            return Err(TransitionError::NotAllowed { from, to: action.target(from) });
        }
        self.effect(action, now);
        Ok(())
    }

    fn effect(&mut self, action: Action, now: Timestamp) {
        let from = self.inquiry.status;
        match action {
            Action::Start => {
                self.inquiry.started_at = Some(now);
                if from == Status::Created {
                    // E2: sooner or later than before.
                    self.inquiry.status = Status::Pending;
                    self.inquiry.expires_at = now.plus(self.inquiry.policy.after_start());
                }
                self.record(EventKind::InquiryStarted);
            }
            Action::Complete => {
                self.inquiry.completed_at = Some(now);
                self.close(Status::Completed, EpochEnd::Completed, now, EventKind::InquiryCompleted);
            }
            Action::Fail => {
                self.inquiry.failed_at = Some(now);
                self.close(Status::Failed, EpochEnd::Failed, now, EventKind::InquiryFailed);
            }
            Action::Expire => self.expire(Expiry::Requested, now),
            Action::Resume => {
                let window = now.plus(self.inquiry.policy.after_resume());
                if from == Status::Expired {
                    self.inquiry.status = Status::Pending;
                    self.inquiry.expired_at = None;
                    self.inquiry.expires_at = window;
                    self.resets_sessions = true;
                } else {
                    // E3: an inquiry that is still open never loses time.
                    self.inquiry.expires_at = self.inquiry.expires_at.max(window);
                }
                self.inquiry.resumed_at = Some(now);
                self.record(EventKind::InquiryResumed { expires_at: self.inquiry.expires_at });
            }
            Action::Approve => self.decide(Status::Approved, now, EventKind::InquiryApproved),
            Action::Decline => self.decide(Status::Declined, now, EventKind::InquiryDeclined),
            Action::MarkForReview => {
                self.inquiry.status = Status::NeedsReview;
                self.inquiry.marked_for_review_at = Some(now);
                self.record(EventKind::InquiryMarkedForReview);
            }
            Action::Redact => {
                self.inquiry.redacted_at = Some(now);
                if from.can_expire() {
                    self.ends_epoch = Some((EpochEnd::Redacted, now));
                }
                self.record(EventKind::InquiryRedacted);
            }
        }
    }

    fn expire(&mut self, cause: Expiry, at: Timestamp) {
        self.inquiry.expired_at = Some(at);
        self.close(
            Status::Expired,
            EpochEnd::Expired(cause),
            at,
            EventKind::InquiryExpired { cause, expired_at: at },
        );
    }

    fn close(&mut self, status: Status, why: EpochEnd, at: Timestamp, event: EventKind) {
        self.inquiry.status = status;
        // A redacted inquiry ended its epoch when it was redacted: nothing was made in it since.
        if self.inquiry.redacted_at.is_none() {
            self.ends_epoch = Some((why, at));
        }
        self.record(event);
    }

    fn decide(&mut self, status: Status, now: Timestamp, event: EventKind) {
        self.inquiry.status = status;
        self.inquiry.decisioned_at = Some(now);
        self.record(event);
    }

    fn record(&mut self, event: EventKind) {
        if let Some(free) = self.events.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(event);
        }
    }
}

impl Action {
    /// Whether it makes no sense without the person's data (I4).
    const fn needs_data(self) -> bool {
        matches!(self, Self::Start | Self::Complete | Self::Fail | Self::Resume | Self::Redact)
    }

    /// The status that it leads to, or would lead to if it were allowed. (A resume that leaves a created inquiry
    /// created is allowed.)
    const fn target(self, from: Status) -> Status {
        match self {
            Self::Complete => Status::Completed,
            Self::Fail => Status::Failed,
            Self::Expire => Status::Expired,
            Self::Start | Self::Resume => Status::Pending,
            Self::Approve => Status::Approved,
            Self::MarkForReview => Status::NeedsReview,
            Self::Decline => Status::Declined,
            Self::Redact => from,
        }
    }
}

/// Where an inquiry stands (I2), under Persona's names. The set may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// Nothing was submitted yet.
    Created,
    /// The person is at it.
    Pending,
    /// The person is done.
    Completed,
    /// The person is done, without success.
    Failed,
    /// Its time ran out.
    Expired,
    /// Decided for.
    Approved,
    /// Waits for a reviewer.
    NeedsReview,
    /// Decided against.
    Declined,
}

impl Status {
    /// All of them, in the order of their phases.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Pending,
        Self::Completed,
        Self::Failed,
        Self::Expired,
        Self::Approved,
        Self::NeedsReview,
        Self::Declined,
    ];

    /// Persona's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Approved => "approved",
            Self::NeedsReview => "needs_review",
            Self::Declined => "declined",
        }
    }

    /// The phase that it belongs to (I2).
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Created => Phase::Created,
            Self::Pending => Phase::Pending,
            Self::Completed | Self::Failed | Self::Expired => Phase::Done,
            Self::Approved | Self::NeedsReview | Self::Declined => Phase::PostInquiry,
        }
    }

    pub(crate) const fn can_expire(self) -> bool {
        matches!(self, Self::Created | Self::Pending)
    }

    const fn can_be_decided(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Approved | Self::NeedsReview | Self::Declined)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// A status that this version does not know: the set may grow (I2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a status that this version knows")]
pub struct UnknownStatus;

/// The phases of an inquiry (I2). Exhaustive: a new status joins one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing was submitted yet.
    Created,
    /// The person is at it.
    Pending,
    /// The person is done, or their time ran out.
    Done,
    /// A decision was made or is waited for.
    PostInquiry,
}

/// What made an inquiry expire. Exhaustive: a store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Expiry {
    /// Its deadline passed (I5).
    Deadline,
    /// The application asked for it (I3).
    Requested,
    /// One more session was to be started than the policy allows (E6).
    SessionLimit,
}

crate::text::words! {
    Expiry {
        Deadline => "deadline",
        Requested => "requested",
        SessionLimit => "session-limit",
    }
}

/// Why an epoch of an inquiry ended, and with it all links and sessions made in it (L4). Exhaustive: a store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum EpochEnd {
    /// The inquiry expired.
    Expired(Expiry),
    /// The inquiry was completed.
    Completed,
    /// The inquiry failed.
    Failed,
    /// The inquiry was redacted.
    Redacted,
    /// Everything was revoked (L6).
    Revoked,
}

crate::text::words! {
    EpochEnd {
        Expired(Expiry::Deadline) => "deadline",
        Expired(Expiry::Requested) => "requested",
        Expired(Expiry::SessionLimit) => "session-limit",
        Completed => "completed",
        Failed => "failed",
        Redacted => "redacted",
        Revoked => "revoked",
    }
}

/// Why an action was refused; nothing changed (I3, R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such transition.
    #[error("an inquiry that is {from} cannot become {to}")]
    NotAllowed {
        /// The status as of now.
        from: Status,
        /// The status that was asked for.
        to: Status,
    },
    /// The inquiry is redacted (I4).
    #[error("the inquiry is redacted")]
    Redacted,
}
