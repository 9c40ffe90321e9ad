//! The durable events of a store, for whoever passes them on (V1).

use std::{fmt, future::Future, sync::Arc};

use super::StoreError;
use crate::event::Event;

/// Events that were written in the same atomic step as the change that they tell of (V1).
///
/// Delivery is at least once: what is not acknowledged is delivered again, also after a restart. The
/// events of one inquiry come in their order; among inquiries there is none. Like [`Housekeeping`], it
/// spans tenants, and a service cannot reach it (S6).
///
/// [`Housekeeping`]: super::Housekeeping
pub trait Outbox: Send + Sync {
    /// The oldest events that nobody acknowledged, at most `limit`; behind `after`, if it is given.
    ///
    /// **Atomicity**: an event is seen once its change is. **If this is wrong**: an event that is left out is
    /// a webhook that nobody gets.
    ///
    /// # Errors
    /// [`StoreError`].
    fn pending(
        &self,
        after: Option<Receipt>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Drops these events for good, and says how many were still there. Doing it again does no harm.
    ///
    /// # Errors
    /// [`StoreError`]; then some of them may be delivered again.
    fn acknowledge(&self, receipts: Vec<Receipt>) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// An event and the receipt that acknowledges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What to acknowledge.
    pub receipt: Receipt,
    /// What happened.
    pub event: Event,
}

/// A store's own name for the place of an event in its outbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(Arc<str>);

impl Receipt {
    /// A receipt of the store's own making.
    #[must_use]
    pub fn new(place: &str) -> Self {
        Self(Arc::from(place))
    }

    /// What the store made it of.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
