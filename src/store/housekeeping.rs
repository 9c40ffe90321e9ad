//! What an operator does for all tenants: announce expiries, and remove what is past keeping (I6, S3).

use std::future::Future;

use super::StoreError;
use crate::{
    event::Event,
    id::EventId,
    time::{Interval, Timestamp},
};

/// The operator's side of a store; a service cannot reach it (S6).
///
/// Apart from [`LinkStore`](super::LinkStore), so that a store that keeps everything for ever may leave it
/// out. A store whose engine expires records by itself still sweeps, since an expiry is announced.
pub trait Housekeeping: Send + Sync {
    /// Makes expiries by time durable, at most `limit` inquiries: status, end of the epoch,
    /// `inquiry.expired`, once each (I6).
    ///
    /// **Atomicity**: each inquiry by itself. **If this is wrong**: announcing early kills a person's links;
    /// announcing twice sends a webhook twice; what is left out is met by the next write, or the next sweep.
    ///
    /// # Errors
    /// [`StoreError`]; what was swept before the fault stays swept.
    fn sweep(&self, command: Sweep) -> impl Future<Output = Result<Swept, StoreError>> + Send;

    /// Removes what is past keeping, at most `limit` records (S3). It costs what it removes, not what stays.
    ///
    /// **Atomicity**: each record by itself, together with what finds it. **If this is wrong**: removing early
    /// turns a reason into *unknown*, or ends a session under a person; removing late costs room.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed before the fault stays removed.
    fn purge(&self, command: Purge) -> impl Future<Output = Result<Purged, StoreError>> + Send;
}

/// Make expiries by time durable. Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The instant that deadlines are judged by (S5).
    pub now: Timestamp,
    /// How many inquiries at the most.
    pub limit: u32,
    /// The id of the first event that it yields; the next ones follow.
    pub event: EventId,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The `inquiry.expired` that it wrote.
    pub events: Vec<Event>,
    /// Whether it stopped at the limit.
    pub more: bool,
}

/// Remove what is past keeping. Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// The instant that leases, graces and sessions are judged by (S5).
    pub now: Timestamp,
    /// How long links and sessions are kept after their expiry.
    pub retention: Interval,
    /// How long inquiries are kept after their end; none: for ever.
    pub inquiry_retention: Option<Interval>,
    /// A first use after this instant may still be repeated by its attempt, so its link stays (D6).
    pub repeats_after: Timestamp,
    /// How many records at the most.
    pub limit: u32,
}

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// So many links.
    pub links: u64,
    /// So many sessions.
    pub sessions: u64,
    /// So many inquiries.
    pub inquiries: u64,
    /// Whether it stopped at the limit.
    pub more: bool,
}
