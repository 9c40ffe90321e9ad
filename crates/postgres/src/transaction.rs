//! The commands within a transaction of the application's own.

use std::fmt;

use inquiry_otl::{
    LinkId, LinkStore, LinkView, Released, SessionId, StoreError,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Directory, InquiryKey,
        InquiryPage, Inspect, IssueOutcome, ListInquiries, ListOf, ListedLink, Listing, RevokeOutcome,
        SessionKey, SessionStarted, SessionView,
    },
};

use crate::{attempt, changing, connection::Connection, directory, fault::Fault, issuing, reading};

/// A [`LinkStore`] whose commands are part of a transaction of the application's own: they happen if it commits, and
/// only then. Made by [`PostgresStore::within`](crate::PostgresStore::within).
///
/// - **A grant holds once the transaction is committed.** Show no session before, and tell the event sink after.
/// - A fault ends the transaction: [`Retry::WholeTransaction`](inquiry_otl::Retry::WholeTransaction) says to begin it anew.
/// - Any isolation will do. Under `REPEATABLE READ` and `SERIALIZABLE`, whoever loses a race is told so by a
///   [`Conflict`](inquiry_otl::StoreErrorKind::Conflict), never by a wrong answer.
/// - It holds the rows of its inquiries until it ends. Two transactions that take several inquiries in different
///   orders may stop each other, which PostgreSQL resolves by failing one of them.
/// - Whether a commit lasts is for the application to see: compare [`Client::warnings`](crate::Client::warnings)
///   before and after it.
pub struct PostgresTransaction<'t>(Connection<'t>);

impl<'t> PostgresTransaction<'t> {
    pub(crate) const fn new(on: Connection<'t>) -> Self {
        Self(on)
    }
}

impl fmt::Debug for PostgresTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction").finish_non_exhaustive()
    }
}

fn told<T>(answer: Result<T, Fault>) -> Result<T, StoreError> {
    answer.map_err(|fault| fault.in_transaction())
}

impl LinkStore for PostgresTransaction<'_> {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        told(Box::pin(changing::create_inquiry(self.0, command)).await)
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        told(Box::pin(changing::change_inquiry(self.0, command)).await)
    }

    async fn inquiry(&self, key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError> {
        told(reading::inquiry(self.0, &key).await)
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        told(issuing::issue(self.0, &command).await)
    }

    /// In a transaction of the caller's, a fault of one is a fault of all.
    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in &commands {
            outcomes.push(told(issuing::issue(self.0, command).await));
        }
        outcomes
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        told(attempt::redeem(self.0, &command).await)
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        told(attempt::commit(self.0, &command).await)
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        told(attempt::release(self.0, &command).await)
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        told(Box::pin(changing::revoke(self.0, &command)).await)
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        told(Box::pin(changing::start_session(self.0, &command)).await)
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        told(reading::inspect(self.0, &command).await)
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        told(reading::session(self.0, &key).await)
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        told(reading::links(self.0, &list).await)
    }

    async fn sessions(&self, list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError> {
        told(reading::sessions(self.0, &list).await)
    }
}

impl Directory for PostgresTransaction<'_> {
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        told(Box::pin(directory::inquiries(self.0, &list)).await)
    }
}
