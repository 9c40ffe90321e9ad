//! The store: each call becomes a job for one of its threads.

use std::{fmt, path::Path, sync::Arc};

use inquiry_otl::{
    LinkId, LinkStore, LinkView, Released, Retry, SessionId, StoreError,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, ListOf, ListedLink, Listing, RevokeOutcome, SessionKey, SessionStarted, SessionView,
    },
};

use rusqlite::Connection;

use crate::{
    builder::Builder,
    error::{Fault, OpenError},
    records::Records,
    tables::Tables,
    transaction::SqliteTransaction,
    worker::Worker,
};

/// Keeps inquiries, links and sessions in an SQLite file.
///
/// A handle: clones share the two threads, which end with the last of them. That one waits until what was asked before
/// is done and the file is closed. Any executor will do, and none: a call only waits for a thread.
///
/// ```
/// use inquiry_otl::Service;
/// use inquiry_otl_sqlite::SqliteStore;
///
/// let service = Service::new(SqliteStore::in_memory()?);
/// # Ok::<(), inquiry_otl_sqlite::OpenError>(())
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

/// What the handles share. The reader goes first, so that the writer is the one who closes the file.
pub(crate) struct Inner {
    /// None in memory, which has one connection.
    pub(crate) reader: Option<Worker>,
    pub(crate) writer: Worker,
    pub(crate) tables: Tables,
}

impl SqliteStore {
    /// Opens a store in that file, which is made if there is none; `FULL` durability, no outbox.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path)
    }

    /// Opens a store that is forgotten with its last handle.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::builder().in_memory()
    }

    /// Says how a store is to be opened.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Its tables, for a [`SqliteTransaction`] where the store itself is not at hand.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.inner.tables
    }

    /// The commands of this store within a transaction of the application's own, on a connection to the same file.
    #[must_use]
    pub fn within<'c>(&'c self, transaction: &'c Connection) -> SqliteTransaction<'c> {
        SqliteTransaction::new(transaction, self.tables())
    }

    /// Has a command carried out that writes.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        in_doubt: Retry,
        command: impl Fn(&Records<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.ask(in_doubt, command).await
    }

    /// Has a command carried out that only reads: beside the writer, where there is a file.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        command: impl Fn(&Records<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Inner { reader, writer, .. } = &*self.inner;
        let worker = match reader {
            // Whoever gave up a call and looks what became of it must not look before it is done.
            Some(reader) if !writer.has_abandoned() => reader,
            _ => writer,
        };
        worker.ask(Retry::Safe, command).await
    }
}

impl LinkStore for SqliteStore {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        self.write(Retry::Unknown, move |records| records.create_inquiry(&command)).await
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        self.write(Retry::Unknown, move |records| records.change_inquiry(&command)).await
    }

    async fn inquiry(&self, key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError> {
        self.read(move |records| records.whole_inquiry(&key)).await
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        self.write(Retry::Unknown, move |records| records.issue(&command)).await
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        self.issue_in_parts(commands).await
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        self.write(Retry::SameAttempt, move |records| records.redeem(&command)).await
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        self.write(Retry::SameAttempt, move |records| records.commit(&command)).await
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        self.write(Retry::Safe, move |records| records.release(&command)).await
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        self.write(Retry::Unknown, move |records| records.revoke(&command)).await
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        self.write(Retry::Unknown, move |records| records.start_session(&command)).await
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        self.read(move |records| records.inspect(&command)).await
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        self.read(move |records| records.session_view(&key)).await
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        self.read(move |records| records.list_links(&list)).await
    }

    async fn sessions(&self, list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError> {
        self.read(move |records| records.list_sessions(&list)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("tables", &self.inner.tables).finish_non_exhaustive()
    }
}
