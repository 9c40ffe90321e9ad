//! An answer that waits for its confirmation.

use super::plan::{Planner, new_event};
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
}
