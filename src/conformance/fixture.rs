//! Where the stores of the suite come from.

use std::{fmt, future::Future};

use crate::store::LinkStore;

/// Makes stores for one check.
///
/// Every check gets a fixture of its own, which is dropped after it, also after a failure: so it can be
/// the guard that cleans up. Whatever is asynchronous about making a store happens on the runtime that the
/// check runs on.
pub trait Fixture: Send + Sync + 'static {
    /// What is to be proved.
    type Store: LinkStore + 'static;

    /// A store with nothing in it; most checks ask for one, some for several.
    fn fresh(&self) -> impl Future<Output = Self::Store> + Send;

    /// The same records after a restart, for a store that outlives its process: what it only remembered in
    /// memory is lost. A store that does not survive is given back as it is.
    fn reopen(&self, store: Self::Store) -> impl Future<Output = Self::Store> + Send {
        async move { store }
    }

    /// Acknowledges every event that waits in an outbox, so that it keeps no inquiry from being purged; nothing to
    /// do for a store that has none.
    fn deliver(&self, store: &Self::Store) -> impl Future<Output = ()> + Send {
        let _ = store;
        async {}
    }
}

/// The fixture of a store that a function makes.
///
/// ```
/// use inquiry_otl::{MemoryStore, conformance::Fresh};
///
/// let fixture = Fresh(MemoryStore::new);
/// ```
#[derive(Clone, Copy)]
pub struct Fresh<M>(pub M);

impl<M, S> Fixture for Fresh<M>
where
    M: Fn() -> S + Send + Sync + 'static,
    S: LinkStore + 'static,
{
    type Store = S;

    async fn fresh(&self) -> S {
        (self.0)()
    }
}

impl<M> fmt::Debug for Fresh<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh")
    }
}
