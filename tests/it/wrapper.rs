//! Stores that do one thing differently from the store in memory.

use std::future::{Future, ready};

use inquiry_otl::{
    LinkId, LinkView, MemoryStore, Released, SessionId, StoreError,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, LinkStore, ListOf, ListedLink, Listing, RevokeOutcome, SessionKey, SessionStarted,
        SessionView,
    },
};

/// A store that differs from the one inside in what its twist says.
#[derive(Debug)]
pub(crate) struct Twisted<T>(pub(crate) T);

macro_rules! twist {
    ($(fn $method:ident($command:ty) -> $output:ty;)*) => {
        /// What is done differently; all else is passed on.
        pub(crate) trait Twist: Send + Sync {
            fn inner(&self) -> &MemoryStore;

            /// What is waited for before each call.
            fn pause(&self) -> impl Future<Output = ()> + Send {
                ready(())
            }

            $(fn $method(&self, command: $command) -> impl Future<Output = $output> + Send {
                LinkStore::$method(self.inner(), command)
            })*
        }

        impl<T: Twist> LinkStore for Twisted<T> {
            $(async fn $method(&self, command: $command) -> $output {
                self.0.pause().await;
                Twist::$method(&self.0, command).await
            })*
        }
    };
}

twist! {
    fn create_inquiry(CreateInquiry) -> Result<CreateOutcome, StoreError>;
    fn change_inquiry(ChangeInquiry) -> Result<ChangeOutcome, StoreError>;
    fn inquiry(InquiryKey) -> Result<Option<InquiryRecord>, StoreError>;
    fn issue(IssueLink) -> Result<IssueOutcome, StoreError>;
    fn issue_many(Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>>;
    fn redeem(Redeem) -> Result<Option<Attempted>, StoreError>;
    fn commit(Commit) -> Result<Option<Attempted>, StoreError>;
    fn release(Release) -> Result<Option<Released>, StoreError>;
    fn revoke(Revoke) -> Result<RevokeOutcome, StoreError>;
    fn start_session(StartSession) -> Result<Option<SessionStarted>, StoreError>;
    fn inspect(Inspect) -> Result<Option<LinkView>, StoreError>;
    fn session(SessionKey) -> Result<Option<SessionView>, StoreError>;
    fn links(ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError>;
    fn sessions(ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError>;
}
