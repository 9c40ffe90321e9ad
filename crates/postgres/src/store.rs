//! The store itself: each call borrows a connection, and gives it back with its answer.

use std::{fmt, sync::Arc, time::Duration};

use inquiry_otl::{
    LinkId, LinkStore, LinkView, Released, Retry, SessionId, StoreError, StoreErrorKind,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Delivery, Directory,
        Housekeeping, InquiryKey, InquiryPage, Inspect, IssueOutcome, ListInquiries, ListOf, ListedLink,
        Listing, Outbox, Purge, Purged, Receipt, RevokeOutcome, SessionKey, SessionStarted, SessionView,
        Sweep, Swept,
    },
};
use tokio_postgres::{
    Config, Socket, Transaction,
    tls::{MakeTlsConnect, TlsConnect},
};

use crate::{
    Options, Pool, PostgresTransaction, SchemaName, attempt, attempts, bulk, changing,
    client::pool,
    connection::{Connection, Lent},
    delivery, directory,
    fault::{Fate, is_of_one, no_connection},
    gather::{self, Gathering, Together},
    housekeeping::{self, Kind},
    issuing,
    left::Left,
    migration, reading,
    sql::Sql,
};

/// Keeps inquiries, links and sessions in PostgreSQL.
///
/// It is a cheap handle: clones share the pool. It connects when it has to, and again when a connection was lost.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    sql: Sql,
    left: Left,
    redeeming: Gathering<Redeem>,
    issuing: Gathering<IssueLink>,
}

impl PostgresStore {
    /// A store with a pool of its own. Nothing is connected yet: [`check`](Self::check) or [`migrate`](Self::migrate)
    /// does that.
    ///
    /// # Errors
    /// [`StoreError`], if the pool was refused.
    pub fn connect<T>(config: Config, tls: T, options: Options) -> Result<Self, StoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        Ok(Self::with_pool(pool(config, tls, &options)?, options))
    }

    /// A store over a pool that the application uses, too: see [`pool`](crate::pool) and
    /// [`Manager`](crate::Manager). Of the options, those of connections were chosen with the pool.
    #[must_use]
    pub fn with_pool(pool: Pool, options: Options) -> Self {
        let sql = Sql::new(&options.schema);
        let (redeeming, issuing) = (Gathering::default(), Gathering::default());
        Self { pool, shared: Arc::new(Shared { options, sql, left: Left::none(), redeeming, issuing }) }
    }

    /// The pool, for the application's own statements.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn schema(&self) -> &SchemaName {
        &self.shared.options.schema
    }

    /// Makes the schema, its tables and functions, or brings those of an older version up to date. Two processes may do it
    /// at once.
    ///
    /// # Errors
    /// [`StoreError`], also with a [`VersionError`](crate::VersionError) as its source.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut client = self.pool.get().await.map_err(no_connection)?;
        // Whatever went wrong, and whoever went away: the connection may have an open transaction.
        let answer = migration::migrate(&mut client, &self.shared.options.schema).await;
        answer.map_err(|fault| fault.of(Fate::Harmless))?.map_err(wrong_version)
    }

    /// Whether the tables are there, and of the version that this program needs: for the start of a program.
    ///
    /// # Errors
    /// [`StoreError`], also with a [`VersionError`](crate::VersionError) as its source.
    pub async fn check(&self) -> Result<(), StoreError> {
        let client = self.pool.get().await.map_err(no_connection)?;
        let answer = migration::version(&**client, &self.shared.options.schema).await;
        answer.map_err(|fault| fault.of(Fate::Harmless))?.map_err(wrong_version)
    }

    /// The same commands within a transaction of the application's own, so that they are committed with it.
    #[must_use]
    pub fn within<'t>(&'t self, transaction: &'t Transaction<'_>) -> PostgresTransaction<'t> {
        PostgresTransaction::new(Connection::caller(
            &self.shared.sql,
            self.shared.options.outbox,
            transaction,
        ))
    }

    /// Many at once, or one by one if that fails for one of them.
    async fn issue_part(&self, commands: &[IssueLink], outcomes: &mut Vec<Result<IssueOutcome, StoreError>>) {
        let together = match commands {
            [_, _, ..] => IssueLink::at_once(self, commands).await,
            _ => Ok(Vec::new()),
        };
        let mut some = match together {
            Ok(some) => some,
            Err(error) if is_of_one(&error) => Vec::new(),
            Err(error) => {
                let again = || Err(StoreError::new(error.kind(), error.retry()));
                return outcomes.extend(commands.iter().map(|_| again()));
            }
        };
        some.resize_with(commands.len(), || None);
        for (command, outcome) in commands.iter().zip(some) {
            outcomes.push(match outcome {
                Some(outcome) => Ok(outcome),
                None => IssueLink::alone(self, command).await,
            });
        }
    }

    pub(crate) fn left(&self) -> &Left {
        &self.shared.left
    }

    /// How long a call that waits for others may take: theirs, and its own.
    pub(crate) fn longest(&self) -> Duration {
        self.shared.options.pool_timeout.saturating_add(self.shared.options.patience()).saturating_mul(2)
    }

    /// Whoever looks waits for what others left; what writes is held up by their rows.
    async fn lend(&self, fate: Fate) -> Result<Lent<'_>, StoreError> {
        if fate == Fate::Harmless {
            self.shared.left.settled().await;
        }
        let client = self.pool.get().await.map_err(no_connection)?;
        Ok(Lent::new(client, &self.shared.left, self.shared.options.patience()))
    }
}

fn wrong_version(error: crate::VersionError) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Useless).with_source(error)
}

/// Borrows a connection, and does a piece of work on it.
macro_rules! on_a_connection {
    ($store:expr, $fate:expr, |$on:ident| $work:expr) => {{
        let lent = $store.lend($fate).await?;
        let shared = &$store.shared;
        let $on = lent.connection(&shared.sql, shared.options.outbox);
        lent.answered($fate, $work).await
    }};
}

impl Together for Redeem {
    type Outcome = Option<Attempted>;

    const FATE: Fate = Fate::Attempt;

    fn gathering(store: &PostgresStore) -> &Gathering<Self> {
        &store.shared.redeeming
    }

    async fn at_once(
        store: &PostgresStore,
        commands: &[Self],
    ) -> Result<Vec<Option<Self::Outcome>>, StoreError> {
        on_a_connection!(store, Fate::Attempt, |on| Box::pin(attempts::redeem(on, commands)))
    }

    async fn alone(store: &PostgresStore, command: &Self) -> Result<Self::Outcome, StoreError> {
        on_a_connection!(store, Fate::Attempt, |on| attempt::redeem(on, command))
    }
}

impl Together for IssueLink {
    type Outcome = IssueOutcome;

    const FATE: Fate = Fate::Write;

    fn gathering(store: &PostgresStore) -> &Gathering<Self> {
        &store.shared.issuing
    }

    async fn at_once(
        store: &PostgresStore,
        commands: &[Self],
    ) -> Result<Vec<Option<Self::Outcome>>, StoreError> {
        let issued = on_a_connection!(store, Fate::Write, |on| Box::pin(bulk::issue(on, commands)))?;
        Ok(issued.map(|outcomes| outcomes.into_iter().map(Some).collect()).unwrap_or_default())
    }

    async fn alone(store: &PostgresStore, command: &Self) -> Result<Self::Outcome, StoreError> {
        on_a_connection!(store, Fate::Write, |on| issuing::issue(on, command))
    }
}

impl LinkStore for PostgresStore {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        on_a_connection!(self, Fate::Write, |on| Box::pin(changing::create_inquiry(on, command)))
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        on_a_connection!(self, Fate::Write, |on| Box::pin(changing::change_inquiry(on, command)))
    }

    async fn inquiry(&self, key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| reading::inquiry(on, &key))
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        if self.shared.options.gathers {
            gather::ask(self, command).await
        } else {
            IssueLink::alone(self, &command).await
        }
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for part in commands.chunks(bulk::PART) {
            self.issue_part(part, &mut outcomes).await;
        }
        outcomes
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        if self.shared.options.gathers {
            gather::ask(self, command).await
        } else {
            Redeem::alone(self, &command).await
        }
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        on_a_connection!(self, Fate::Attempt, |on| attempt::commit(on, &command))
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| attempt::release(on, &command))
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        on_a_connection!(self, Fate::Write, |on| Box::pin(changing::revoke(on, &command)))
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        on_a_connection!(self, Fate::Write, |on| Box::pin(changing::start_session(on, &command)))
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| reading::inspect(on, &command))
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| reading::session(on, &key))
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| reading::links(on, &list))
    }

    async fn sessions(&self, list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| reading::sessions(on, &list))
    }
}

impl Directory for PostgresStore {
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| Box::pin(directory::inquiries(on, &list)))
    }
}

impl Housekeeping for PostgresStore {
    /// Inquiries that somebody holds are left to whoever holds them, or to the next sweep.
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        loop {
            let done = u32::try_from(swept.events.len()).unwrap_or(u32::MAX);
            let batch = command.limit.saturating_sub(done).min(housekeeping::BATCH);
            if batch == 0 {
                swept.more = true;
                return Ok(swept);
            }
            let first = command.event.nth(done);
            let events =
                on_a_connection!(self, Fate::Write, |on| housekeeping::sweep(on, command.now, first, batch))?;
            let found = u32::try_from(events.len()).unwrap_or(u32::MAX);
            swept.events.extend(events);
            if found < batch {
                return Ok(swept);
            }
        }
    }

    /// Records of inquiries that somebody holds are left to the next purge.
    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        let mut left = u64::from(command.limit);
        let mut looks = left.saturating_mul(housekeeping::LOOKS);
        for kind in [Kind::Links, Kind::Sessions, Kind::Inquiries] {
            loop {
                let batch = left.min(looks).min(u64::from(housekeeping::BATCH));
                if batch == 0 {
                    purged.more = true;
                    return Ok(purged);
                }
                let done = on_a_connection!(self, Fate::Harmless, |on| {
                    housekeeping::purge(on, kind, &command, batch)
                })?;
                left = left.saturating_sub(done.removed);
                looks = looks.saturating_sub(done.looked);
                let count = match kind {
                    Kind::Links => &mut purged.links,
                    Kind::Sessions => &mut purged.sessions,
                    Kind::Inquiries => &mut purged.inquiries,
                };
                *count = count.saturating_add(done.removed);
                // All are looked at; or somebody else holds those that are left.
                if done.looked < batch || done.removed == 0 && done.moved == 0 {
                    break;
                }
            }
        }
        Ok(purged)
    }
}

impl Outbox for PostgresStore {
    /// Behind a receipt, an event that was committed late may be missing: read from the beginning for the order of an
    /// inquiry, and acknowledge.
    async fn pending(&self, after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| delivery::pending(on, after, limit))
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<u64, StoreError> {
        on_a_connection!(self, Fate::Harmless, |on| delivery::acknowledge(on, &receipts))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
