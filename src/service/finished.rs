//! An answer that waits for its confirmation.

use super::{
    attempt::{Claiming, Refused},
    plan::{Planner, new_event},
};
use crate::{
    event::{Event, EventKind, Recorded},
    id::InquiryId,
    time::Timestamp,
};

/// An answer, and what happened on the way to it.
///
/// The sink is told by [`told`](Self::told), once the store has confirmed: after the commit, where the
/// application has a transaction of its own.
#[derive(Debug)]
#[must_use = "the answer is taken out by `told`, which also tells the event sink"]
pub struct Finished<T> {
    answer: T,
    recorded: Option<(Recorded, InquiryId)>,
    passing: Option<(Option<InquiryId>, EventKind, Timestamp)>,
}

impl<T> Finished<T> {
    /// Tells the planner's sink what happened, and gives the answer.
    pub fn told(self, planner: &Planner) -> T {
        if let Some((recorded, inquiry)) = &self.recorded {
            planner.tell(recorded, *inquiry);
        }
        if let (Some(sink), Some((inquiry, kind, at))) = (&planner.sink, self.passing) {
            sink.tell(&Event::new(new_event(at), planner.tenant, inquiry, None, at, kind));
        }
        self.answer
    }

    pub(super) fn of(answer: T) -> Self {
        Self { answer, recorded: None, passing: None }
    }

    pub(super) fn recorded(mut self, recorded: Option<(Recorded, InquiryId)>) -> Self {
        self.recorded = recorded;
        self
    }

    pub(super) fn passing(mut self, inquiry: Option<InquiryId>, event: EventKind, at: Timestamp) -> Self {
        self.passing = Some((inquiry, event, at));
        self
    }

    pub(super) fn map<U>(self, answer: impl FnOnce(T) -> U) -> Finished<U> {
        Finished { answer: answer(self.answer), recorded: self.recorded, passing: self.passing }
    }
}

impl Finished<Claiming> {
    pub(super) fn refused(refused: Refused, now: Timestamp) -> Self {
        let event = EventKind::LinkRefused { link: refused.link, refusal: refused.reason };
        Self::of(Claiming::Refused(refused)).passing(refused.inquiry, event, now)
    }
}
