//! Handles that erase a store's type, for an application that chooses its store when it starts.

use std::{fmt, future::Future, ops::Deref, pin::Pin, sync::Arc};

use super::{
    Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Delivery, Directory, Housekeeping,
    InquiryKey, InquiryPage, Inspect, IssueOutcome, LinkStore, ListInquiries, ListOf, ListedLink, Listing,
    Outbox, Purge, Purged, Receipt, RevokeOutcome, SessionKey, SessionStarted, SessionView, StoreError,
    Sweep, Swept,
};
use crate::{
    id::{LinkId, SessionId},
    issuance::IssueLink,
    link::LinkView,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release, Released},
    revocation::Revoke,
    session::StartSession,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// For one trait: a handle, its private boxed twin, and the trait for whatever points to an implementor.
macro_rules! erase {
    (
        $(#[$doc:meta])*
        $handle:ident, $twin:ident, $trait:ident, $part:ident {
            $(fn $method:ident($($arg:ident: $type:ty),*) -> $output:ty;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $handle(Arc<dyn $twin>);

        impl $handle {
            /// A handle for that store; clones of it share the store.
            pub fn new(store: impl $trait + 'static) -> Self {
                Self(Arc::new(store))
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }

        trait $twin: Send + Sync {
            $(fn $method(&self, $($arg: $type),*) -> Boxed<'_, $output>;)*
        }

        impl<S: $trait> $twin for S {
            $(fn $method(&self, $($arg: $type),*) -> Boxed<'_, $output> {
                Box::pin($trait::$method(self, $($arg),*))
            })*
        }

        impl $trait for $handle {
            $(async fn $method(&self, $($arg: $type),*) -> $output {
                self.0.deref().$method($($arg),*).await
            })*
        }

        impl $trait for AnyStore {
            $(async fn $method(&self, $($arg: $type),*) -> $output {
                $trait::$method(&self.$part, $($arg),*).await
            })*
        }

        impl<S: $trait + ?Sized> $trait for &S {
            $(async fn $method(&self, $($arg: $type),*) -> $output {
                $trait::$method(&**self, $($arg),*).await
            })*
        }

        impl<S: $trait + ?Sized> $trait for Arc<S> {
            $(async fn $method(&self, $($arg: $type),*) -> $output {
                $trait::$method(&**self, $($arg),*).await
            })*
        }
    };
}

/// Any store that has all four traits, behind one type: for an application that chooses its store when it starts.
///
/// ```
/// use inquiry_otl::{MemoryStore, Operator, Service, store::AnyStore};
///
/// let store = AnyStore::new(MemoryStore::new().with_outbox());
/// let operator = Operator::new(store.clone());
/// let service = Service::new(store);
/// ```
#[derive(Clone, Debug)]
pub struct AnyStore {
    links: AnyLinkStore,
    directory: AnyDirectory,
    housekeeping: AnyHousekeeping,
    outbox: AnyOutbox,
}

impl AnyStore {
    /// A handle for that store; clones of it share the store.
    pub fn new(store: impl LinkStore + Directory + Housekeeping + Outbox + 'static) -> Self {
        let store = Arc::new(store);
        Self {
            links: AnyLinkStore::new(Arc::clone(&store)),
            directory: AnyDirectory::new(Arc::clone(&store)),
            housekeeping: AnyHousekeeping::new(Arc::clone(&store)),
            outbox: AnyOutbox::new(store),
        }
    }
}

erase! {
    /// Any [`LinkStore`], behind one type.
    ///
    /// ```
    /// use inquiry_otl::{MemoryStore, Service, store::AnyLinkStore};
    ///
    /// let store = AnyLinkStore::new(MemoryStore::new());
    /// let service: Service<AnyLinkStore> = Service::new(store);
    /// ```
    AnyLinkStore, DynLinkStore, LinkStore, links {
        fn create_inquiry(command: CreateInquiry) -> Result<CreateOutcome, StoreError>;
        fn change_inquiry(command: ChangeInquiry) -> Result<ChangeOutcome, StoreError>;
        fn inquiry(key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError>;
        fn issue(command: IssueLink) -> Result<IssueOutcome, StoreError>;
        fn issue_many(commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>>;
        fn redeem(command: Redeem) -> Result<Option<Attempted>, StoreError>;
        fn commit(command: Commit) -> Result<Option<Attempted>, StoreError>;
        fn release(command: Release) -> Result<Option<Released>, StoreError>;
        fn revoke(command: Revoke) -> Result<RevokeOutcome, StoreError>;
        fn start_session(command: StartSession) -> Result<Option<SessionStarted>, StoreError>;
        fn inspect(command: Inspect) -> Result<Option<LinkView>, StoreError>;
        fn session(key: SessionKey) -> Result<Option<SessionView>, StoreError>;
        fn links(list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError>;
        fn sessions(list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError>;
    }
}

erase! {
    /// Any [`Directory`], behind one type.
    AnyDirectory, DynDirectory, Directory, directory {
        fn inquiries(list: ListInquiries) -> Result<InquiryPage, StoreError>;
    }
}

erase! {
    /// Any [`Housekeeping`], behind one type.
    AnyHousekeeping, DynHousekeeping, Housekeeping, housekeeping {
        fn sweep(command: Sweep) -> Result<Swept, StoreError>;
        fn purge(command: Purge) -> Result<Purged, StoreError>;
    }
}

erase! {
    /// Any [`Outbox`], behind one type.
    AnyOutbox, DynOutbox, Outbox, outbox {
        fn pending(after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError>;
        fn acknowledge(receipts: Vec<Receipt>) -> Result<u64, StoreError>;
    }
}
