//! The contract between this library and whatever keeps its records (S1 to S6).
//!
//! [`LinkStore`] is what a store must do for applications, [`Directory`] what it may do for them, [`Housekeeping`] and
//! [`Outbox`] what it may do for an operator. Whoever writes a store proves it with the [`conformance`](crate::conformance) suite (feature
//! `conformance`), whose documentation is the guide.
//!
//! What each command means is decided by pure functions, which a store calls with the records that it holds
//! still, or mirrors in its own language: [`issuance::issue`](crate::issuance::issue),
//! [`redemption::redeem`](crate::redemption::redeem), [`redemption::commit`](crate::redemption::commit),
//! [`redemption::release`](crate::redemption::release), [`revocation::revoke`](crate::revocation::revoke) and
//! [`session::start`](crate::session::start).

mod any;
mod directory;
mod error;
mod housekeeping;
mod merging;
mod outbox;
mod outcome;

use std::future::Future;

pub use any::{AnyDirectory, AnyHousekeeping, AnyLinkStore, AnyOutbox, AnyStore};
pub use directory::{Cursor, Deadline, Directory, InquiryFilter, InquiryPage, ListInquiries, PageFrom};
pub use error::{Retry, StoreError, StoreErrorKind};
pub use housekeeping::{Housekeeping, Purge, Purged, Sweep, Swept};
pub use merging::Merging;
pub use outbox::{Delivery, Outbox, Receipt};
pub use outcome::{
    Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect, IssueOutcome,
    LinkName, ListOf, ListedLink, Listing, RevokeOutcome, SessionKey, SessionStarted, SessionView,
};

use crate::{
    id::{LinkId, SessionId},
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release, Released},
    revocation::Revoke,
    session::StartSession,
};

/// Keeps inquiries, links and sessions (S1).
///
/// # Contract
/// - **Each call about one inquiry is all or nothing**, as any observer can tell, also when the caller drops
///   the future in the middle of it: then it happened, or it did not (S1).
/// - **Every command carries its instant** and every comparison of instants uses it. A store reads no clock of
///   its own; an engine's time to live is housekeeping, and no answer depends on it (S5).
/// - **A boundary belongs to what comes after it**: at its deadline an inquiry is expired, at the end of its
///   lease a link is free (I5).
/// - **Expiry by time is met by writes**: a command that finds an inquiry past its deadline writes that first,
///   in its own step (I6); only a release looks at nothing but the link.
/// - **Everything is looked up within the command's tenant**, also by digest and by id (S6).
/// - **A fault is a [`StoreError`]**, never a refusal and never a grant, and says whether to ask again (S4). What
///   the engine could not confirm is [`Unconfirmed`](StoreErrorKind::Unconfirmed) (D1).
/// - **Digests are compared whole, in constant time**: find a record by a part of the digest, and let the
///   comparison of [`Digest`](crate::Digest)s decide; or let the engine's index find it, and say so (C3).
///
/// No method has a default body, since a default could only be a race (S2). Conveniences are methods of the
/// [`Service`](crate::Service).
pub trait LinkStore: Send + Sync {
    /// Keeps a new inquiry, unless there is one of that id.
    ///
    /// **Atomicity**: of two creations of one id exactly one is [`Created`](CreateOutcome::Created).
    /// **If this is wrong**: a creation that overwrites revives dead links, or kills live ones.
    ///
    /// # Errors
    /// [`StoreError`].
    fn create_inquiry(
        &self,
        command: CreateInquiry,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Changes an inquiry if its version is still the one that the change was computed from
    /// ([`InquiryRecord::take`]).
    ///
    /// **Atomicity**: comparison and write are one step, with the end of the epoch and the events in it (L4).
    /// **If this is wrong**: a lost update; or links that stay alive after the inquiry is closed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn change_inquiry(
        &self,
        command: ChangeInquiry,
    ) -> impl Future<Output = Result<ChangeOutcome, StoreError>> + Send;

    /// The inquiry as it was last written.
    ///
    /// # Errors
    /// [`StoreError`].
    fn inquiry(
        &self,
        key: InquiryKey,
    ) -> impl Future<Output = Result<Option<InquiryRecord>, StoreError>> + Send;

    /// Creates a link, or finds the one to give out again ([`issuance::issue`](crate::issuance::issue)).
    ///
    /// **Atomicity**: creations of one inquiry happen one after the other; superseding costs one counter,
    /// whatever the number of links (L5). The newest link is the one with the highest id. **If this is wrong**: two live links where one was promised, or a raw
    /// constraint error for the second of two simultaneous creations.
    ///
    /// # Errors
    /// [`StoreError`]; then the link may exist, but nobody has its code.
    fn issue(&self, command: IssueLink) -> impl Future<Output = Result<IssueOutcome, StoreError>> + Send;

    /// Creates many links; the answers are as many as the commands, in their order.
    ///
    /// **Atomicity**: all or nothing for each command; one that fails takes no other with it (S1).
    fn issue_many(
        &self,
        commands: Vec<IssueLink>,
    ) -> impl Future<Output = Vec<Result<IssueOutcome, StoreError>>> + Send;

    /// Redeems a link, or claims it ([`redemption::redeem`](crate::redemption::redeem)); nothing if no link of
    /// the tenant has that digest.
    ///
    /// **Atomicity**: look, decide and write are one step (S2). Of any number of attempts exactly one is the
    /// first use (D1). **If this is wrong**: a false accept lets a second person into somebody's inquiry; a false
    /// refusal locks the person out; a reply that is lost is asked for again with the same attempt key (D6).
    ///
    /// # Errors
    /// [`StoreError`]; [`Retry::SameAttempt`] if it may have happened.
    fn redeem(&self, command: Redeem) -> impl Future<Output = Result<Option<Attempted>, StoreError>> + Send;

    /// Commits a claim ([`redemption::commit`](crate::redemption::commit)); nothing if there is no such link.
    ///
    /// **Atomicity**: as for [`redeem`](Self::redeem). **If this is wrong**: two first uses, or a claim that
    /// outlives its lease. A repeated commit gets the first answer, so a retry is safe.
    ///
    /// # Errors
    /// [`StoreError`].
    fn commit(&self, command: Commit) -> impl Future<Output = Result<Option<Attempted>, StoreError>> + Send;

    /// Releases a claim ([`redemption::release`](crate::redemption::release)); nothing if there is no such link.
    ///
    /// **Atomicity**: comparison and write are one step. **If this is wrong**: a release by somebody else's
    /// token frees a link that is in use. A retry is safe.
    ///
    /// # Errors
    /// [`StoreError`].
    fn release(&self, command: Release) -> impl Future<Output = Result<Option<Released>, StoreError>> + Send;

    /// Revokes a link, a session, all links, or everything of an inquiry
    /// ([`revocation::revoke`](crate::revocation::revoke)).
    ///
    /// **Atomicity**: one step, whose cost does not grow with the number of links (L6). **If this is wrong**: a
    /// stolen link stays good. A retry is safe.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoke(&self, command: Revoke) -> impl Future<Output = Result<RevokeOutcome, StoreError>> + Send;

    /// Starts a session without a link ([`session::start`](crate::session::start)); nothing if there is no such
    /// inquiry.
    ///
    /// **Atomicity**: the session and its count are one step (E6). **If this is wrong**: more sessions than the
    /// policy allows.
    ///
    /// # Errors
    /// [`StoreError`].
    fn start_session(
        &self,
        command: StartSession,
    ) -> impl Future<Output = Result<Option<SessionStarted>, StoreError>> + Send;

    /// What is known of a link, in one read; writes nothing (D3, D9).
    ///
    /// # Errors
    /// [`StoreError`].
    fn inspect(
        &self,
        command: Inspect,
    ) -> impl Future<Output = Result<Option<crate::LinkView>, StoreError>> + Send;

    /// A session and its inquiry, in one read.
    ///
    /// # Errors
    /// [`StoreError`].
    fn session(
        &self,
        key: SessionKey,
    ) -> impl Future<Output = Result<Option<SessionView>, StoreError>> + Send;

    /// A page of an inquiry's links, newest first; nothing if there is no such inquiry.
    ///
    /// # Errors
    /// [`StoreError`].
    fn links(
        &self,
        list: ListOf<LinkId>,
    ) -> impl Future<Output = Result<Option<Listing<ListedLink>>, StoreError>> + Send;

    /// A page of an inquiry's sessions, newest first; nothing if there is no such inquiry.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sessions(
        &self,
        list: ListOf<SessionId>,
    ) -> impl Future<Output = Result<Option<Listing<SessionRecord>>, StoreError>> + Send;
}
