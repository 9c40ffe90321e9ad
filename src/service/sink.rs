//! Who is told what happened (V1).

use std::fmt;

use crate::event::Event;

/// Is told of every event, after the answer is known, at most once (V1).
///
/// It is called on the task that made the change, so it must be quick and must not block: count, log, or hand
/// the event to a channel. What has to survive a crash belongs to the [`Outbox`](crate::store::Outbox). Any
/// `Fn(&Event)` is a sink.
pub trait EventSink: Send + Sync {
    /// Takes note of an event.
    fn tell(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> EventSink for F {
    fn tell(&self, event: &Event) {
        self(event);
    }
}

impl fmt::Debug for dyn EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}
