//! Commands as a part of the application's own transaction.

use inquiry_otl::{
    LinkId, LinkView, Released, SessionId, StoreError,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, InquiryPage,
        Inspect, IssueOutcome, ListInquiries, ListOf, ListedLink, Listing, RevokeOutcome, SessionKey,
        SessionStarted, SessionView,
    },
};
use rusqlite::Connection;

use crate::{
    error::{Fault, Stage},
    records::Records,
    tables::Tables,
};

/// The commands of a store, within a transaction that the application began, and ends.
///
/// What they write is there if the application commits, together with what it wrote itself, and is as if it had never
/// been if it rolls back: a link that was redeemed in between is as good as before. A
/// [`Planner`](inquiry_otl::Planner) makes the commands, and the answers of their outcomes; its sink is told after the
/// commit.
///
/// **Begin with `BEGIN IMMEDIATE`** ([`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior::Immediate)).
/// A transaction that reads first and writes then may find that somebody else has written meanwhile, and must be
/// begun again: that is a [`Conflict`](inquiry_otl::StoreErrorKind::Conflict). Durability is that of the application's
/// connection: set `synchronous` to `FULL` there, too.
///
/// A command that fails leaves nothing behind, and the transaction may go on, unless the engine has ended it. Outside
/// of a transaction each method fails with [`NotInTransaction`](crate::NotInTransaction) as its source.
///
/// ```
/// use inquiry_otl::{store::InquiryKey, InquiryId, TenantId};
/// use inquiry_otl_sqlite::{SqliteTransaction, Tables, rusqlite::{Connection, TransactionBehavior}};
///
/// let mut connection = Connection::open_in_memory()?;
/// let tables = Tables::new();
/// tables.migrate(&mut connection)?;
///
/// let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
/// let key = InquiryKey { tenant: TenantId::default(), inquiry: InquiryId::new("inq_1")? };
/// assert_eq!(SqliteTransaction::new(&transaction, &tables).inquiry(key)?, None);
/// transaction.commit()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteTransaction<'c> {
    records: Records<'c>,
}

impl<'c> SqliteTransaction<'c> {
    /// The commands on those tables, within the transaction that is open on that connection.
    ///
    /// Where there is a store, take [`SqliteStore::within`](crate::SqliteStore::within), or its tables: only tables that
    /// say so have an outbox, which must not miss an event.
    #[must_use]
    pub fn new(connection: &'c Connection, tables: &'c Tables) -> Self {
        Self { records: Records::new(connection, tables) }
    }

    /// As [`Directory::inquiries`](inquiry_otl::store::Directory::inquiries).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn inquiries(&self, list: &ListInquiries) -> Result<InquiryPage, StoreError> {
        self.carry_out(|records| records.list_inquiries(list))
    }

    /// One command: all of it or nothing.
    fn carry_out<T>(&self, command: impl FnOnce(&Records<'c>) -> Result<T, Fault>) -> Result<T, StoreError> {
        let done = if self.records.is_in_transaction() {
            self.records.whole(|| command(&self.records)).and_then(|done| done)
        } else {
            Err(Fault::NotInTransaction)
        };
        done.map_err(|fault| fault.at(Stage::OwnTransaction))
    }
}

/// For each method of the store one that is a part of the transaction.
macro_rules! within {
    ($(fn $method:ident($command:ident: $type:ty) -> $output:ty, $run:expr;)+) => {
        impl SqliteTransaction<'_> {
            $(
                #[doc = concat!("As [`LinkStore::", stringify!($method), "`](inquiry_otl::LinkStore::", stringify!($method), ").")]
                ///
                /// # Errors
                /// [`StoreError`].
                pub fn $method(&self, $command: $type) -> Result<$output, StoreError> {
                    self.carry_out($run)
                }
            )+
        }
    };
}

within! {
    fn create_inquiry(command: CreateInquiry) -> CreateOutcome, |records| records.create_inquiry(&command);
    fn change_inquiry(command: ChangeInquiry) -> ChangeOutcome, |records| records.change_inquiry(&command);
    fn inquiry(key: InquiryKey) -> Option<InquiryRecord>, |records| records.whole_inquiry(&key);
    fn issue(command: IssueLink) -> IssueOutcome, |records| records.issue(&command);
    fn redeem(command: Redeem) -> Option<Attempted>, |records| records.redeem(&command);
    fn commit(command: Commit) -> Option<Attempted>, |records| records.commit(&command);
    fn release(command: Release) -> Option<Released>, |records| records.release(&command);
    fn revoke(command: Revoke) -> RevokeOutcome, |records| records.revoke(&command);
    fn start_session(command: StartSession) -> Option<SessionStarted>, |records| records.start_session(&command);
    fn inspect(command: Inspect) -> Option<LinkView>, |records| records.inspect(&command);
    fn session(key: SessionKey) -> Option<SessionView>, |records| records.session_view(&key);
    fn links(list: ListOf<LinkId>) -> Option<Listing<ListedLink>>, |records| records.list_links(&list);
    fn sessions(list: ListOf<SessionId>) -> Option<Listing<SessionRecord>>, |records| records.list_sessions(&list);
}

impl std::fmt::Debug for SqliteTransaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTransaction").finish_non_exhaustive()
    }
}
