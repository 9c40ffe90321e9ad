//! The smallest honest store, which is the example's, and the same store with one fault at a time.

#[path = "../../../examples/own_store.rs"]
#[allow(unreachable_pub, reason = "an example has nobody to reach it")]
pub(crate) mod own_store;

mod changing;
mod issuing;
mod keeping;
mod listing;
mod redeeming;
mod telling;

use std::{
    collections::{BTreeSet, HashSet},
    future::Future,
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use inquiry_otl::{
    Digest, LinkId, LinkView, Released, SessionId, StoreError, Timestamp,
    conformance::Fixture,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Delivery, Directory,
        Housekeeping, InquiryKey, InquiryPage, Inspect, IssueOutcome, LinkStore, ListInquiries, ListOf,
        ListedLink, Listing, Outbox, Purge, Purged, Receipt, RevokeOutcome, SessionKey, SessionStarted,
        SessionView, Sweep, Swept,
    },
};
use own_store::{File, Tables, WeekendStore};

/// What a verb of a store answers.
pub(crate) type Answer<T> = Result<T, StoreError>;

/// A process that serves a store: the records, and what the process remembers beside them.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub(crate) records: Arc<WeekendStore>,
    /// Lost at a restart.
    pub(crate) remembered: Mutex<BTreeSet<LinkId>>,
    /// Sessions that are still to be written.
    pub(crate) half_done: Mutex<Vec<SessionRecord>>,
    /// Inquiries that were purged.
    pub(crate) gone: Mutex<HashSet<InquiryKey>>,
    arrived: Mutex<u64>,
    arrival: Condvar,
}

impl Process {
    /// Stands between a look and a write until another call does, for as long as one may come.
    ///
    /// So a race that can be lost is lost, without a sleep.
    pub(crate) fn pause(&self) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        let place = *arrived;
        self.arrival.notify_all();
        let alone = |arrived: &mut u64| *arrived == place;
        drop(self.arrival.wait_timeout_while(arrived, Duration::from_millis(2), alone).unwrap());
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.records.tables()
    }

    pub(crate) fn deadline(&self, key: &InquiryKey) -> Option<Timestamp> {
        Some(self.tables().files.get(key)?.inquiry.inquiry.expires_at)
    }

    /// Changes the link that a digest leads to, and what belongs to its inquiry, behind the store's back.
    pub(crate) fn tamper<T>(
        &self,
        digest: &Digest,
        change: impl FnOnce(&mut File, LinkId) -> T,
    ) -> Option<T> {
        let mut tables = self.tables();
        let (key, id) = *tables.codes.get(&digest.prefix())?;
        Some(change(tables.files.get_mut(&key)?, id))
    }
}

/// Declares the verbs of a store as functions, and a store that obeys them.
macro_rules! verbs {
    ($($trait:ident { $(fn $verb:ident($($arg:ident: $type:ty),*) -> $output:ty;)* })*) => {
        /// What each verb of a store does; a broken store differs from [`HEALTHY`] in one or two.
        #[derive(Clone, Copy)]
        pub(crate) struct Verbs {
            $($(pub(crate) $verb: fn(&Process, $($type),*) -> $output,)*)*
            /// What calls of that verb do after they have waited for something.
            pub(crate) after_a_pause: Option<(&'static str, fn(&Process))>,
        }

        /// Every verb as the weekend store has it.
        pub(crate) const HEALTHY: Verbs = Verbs {
            $($($verb: |process, $($arg),*| at_once($trait::$verb(&*process.records, $($arg),*)),)*)*
            after_a_pause: None,
        };

        $(impl $trait for Served {
            $(async fn $verb(&self, $($arg: $type),*) -> $output {
                let answer = (self.verbs.$verb)(&self.process, $($arg),*);
                match self.verbs.after_a_pause {
                    Some((verb, rest)) if verb == stringify!($verb) => {
                        tokio::task::yield_now().await;
                        rest(&self.process);
                    }
                    _ => {}
                }
                answer
            })*
        })*
    };
}

verbs! {
    LinkStore {
        fn create_inquiry(command: CreateInquiry) -> Answer<CreateOutcome>;
        fn change_inquiry(command: ChangeInquiry) -> Answer<ChangeOutcome>;
        fn inquiry(key: InquiryKey) -> Answer<Option<InquiryRecord>>;
        fn issue(command: IssueLink) -> Answer<IssueOutcome>;
        fn issue_many(commands: Vec<IssueLink>) -> Vec<Answer<IssueOutcome>>;
        fn redeem(command: Redeem) -> Answer<Option<Attempted>>;
        fn commit(command: Commit) -> Answer<Option<Attempted>>;
        fn release(command: Release) -> Answer<Option<Released>>;
        fn revoke(command: Revoke) -> Answer<RevokeOutcome>;
        fn start_session(command: StartSession) -> Answer<Option<SessionStarted>>;
        fn inspect(command: Inspect) -> Answer<Option<LinkView>>;
        fn session(key: SessionKey) -> Answer<Option<SessionView>>;
        fn links(list: ListOf<LinkId>) -> Answer<Option<Listing<ListedLink>>>;
        fn sessions(list: ListOf<SessionId>) -> Answer<Option<Listing<SessionRecord>>>;
    }
    Directory {
        fn inquiries(list: ListInquiries) -> Answer<InquiryPage>;
    }
    Housekeeping {
        fn sweep(command: Sweep) -> Answer<Swept>;
        fn purge(command: Purge) -> Answer<Purged>;
    }
    Outbox {
        fn pending(after: Option<Receipt>, limit: u32) -> Answer<Vec<Delivery>>;
        fn acknowledge(receipts: Vec<Receipt>) -> Answer<u64>;
    }
}

/// A store, served by a process that may have a fault.
pub(crate) struct Served {
    process: Process,
    verbs: Verbs,
}

/// A store with a fault, and the one check that is meant for it.
#[derive(Clone, Copy)]
pub(crate) struct Broken {
    pub(crate) fault: &'static str,
    pub(crate) check: &'static str,
    pub(crate) verbs: Verbs,
}

/// Serves stores that obey these verbs; they survive a restart, what the process remembered does not.
pub(crate) struct Serve {
    pub(crate) verbs: Verbs,
    pub(crate) with_outbox: bool,
}

impl Fixture for Serve {
    type Store = Served;

    async fn fresh(&self) -> Served {
        let records = WeekendStore::default();
        let records = if self.with_outbox { records.with_outbox() } else { records };
        Served { process: Process { records: Arc::new(records), ..Process::default() }, verbs: self.verbs }
    }

    async fn reopen(&self, store: Served) -> Served {
        let process = Process { records: store.process.records, ..Process::default() };
        Served { process, verbs: self.verbs }
    }
}

/// Every broken store.
pub(crate) fn broken() -> Vec<Broken> {
    [redeeming::FAULTS, issuing::FAULTS, changing::FAULTS, keeping::FAULTS, telling::FAULTS, listing::FAULTS]
        .concat()
}

pub(crate) fn a_moment_before(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(at.unix_micros() - 1).unwrap()
}

/// What no store may read (S5).
pub(crate) fn own_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap()).unwrap()
}

/// The answer of a call that never waits.
pub(crate) fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("the weekend store waits for nothing"),
    }
}
