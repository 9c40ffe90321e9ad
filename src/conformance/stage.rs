//! What the checks act on: a store, a tenant, and commands with their names and instants filled in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::Fixture;
use crate::{
    derivation::{Derivation, Nonce},
    digest::Digest,
    event::{Event, Recorded, Revocation},
    id::{EventId, InquiryId, LinkId, SessionId, TemplateId},
    inquiry::{Action, Inquiry, TransitionError},
    issuance::{IssueLink, Lifetime, Outstanding},
    keyring::{KeyId, KeySet},
    link::{LinkView, Purpose},
    policy::ExpirationPolicy,
    record::{Epoch, InquiryRecord, LinkRecord, SessionRecord},
    redemption::{Commit, Mode, Redeem, Release, Released, Verdict},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, LinkName, LinkStore, ListOf, ListedLink, Listing, Purge, RevokeOutcome, SessionKey,
        SessionStarted, SessionView,
    },
    tenant::TenantId,
    time::{Interval, Timestamp},
};

/// So many seconds after the instant at which most checks begin, 2026-01-01T00:00:00Z.
pub(super) fn sec(seconds: i64) -> Timestamp {
    micros(Timestamp::clamped(1_767_225_600_000_000), seconds * 1_000_000)
}

/// That instant, so many microseconds later.
pub(super) fn micros(at: Timestamp, micros: i64) -> Timestamp {
    Timestamp::clamped(at.unix_micros() + micros)
}

/// An interval of so many seconds.
pub(super) fn interval(seconds: i64) -> Interval {
    Interval::from_seconds(seconds).expect("a check names intervals that are ones")
}

/// The windows of the policy that most checks use: the deadline is an hour after creation, and a resume gives two.
pub(super) const DEADLINE: i64 = 3_600;
pub(super) const AFTER_RESUME: i64 = 7_200;
/// How long a link lives by that policy.
pub(super) const LINK: i64 = 1_800;
/// How long after the first use an attempt may be repeated, in all commands of the checks.
pub(super) const REPEAT: i64 = 600;
/// How long the claims of the checks hold a link.
pub(super) const LEASE: i64 = 30;

/// A policy without a grace, whose windows differ from one another.
pub(super) fn policy() -> ExpirationPolicy {
    ExpirationPolicy::default()
        .with_after_create(interval(DEADLINE))
        .with_after_start(interval(DEADLINE + 600))
        .with_after_resume(interval(AFTER_RESUME))
        .with_resume_link(interval(LINK))
        .with_device_handoff_link(interval(900))
}

/// The keys that a link may be derived from, for those checks that return the same link.
pub(super) fn keys() -> KeySet {
    KeySet::from_bits(1 << 1 | 1 << 2)
}

pub(super) fn derived_from(key: u8, nonce: u8) -> Derivation {
    let key = KeyId::new(key).expect("a check names keys that are ones");
    Derivation { key, nonce: Nonce::from_bytes([nonce; 16]) }
}

/// The choice to return the same link, if it lives now.
pub(super) fn return_same(now: Timestamp) -> Outstanding {
    Outstanding::ReturnSame { keys: keys(), live_until: now }
}

/// A link, as far as the checks need to name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) inquiry: InquiryId,
    pub(super) digest: Digest,
}

/// A claim on a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) link: Link,
    pub(super) token: Digest,
    pub(super) until: Timestamp,
}

/// A store and a tenant in it. Clones share the store, and never make the same name twice.
#[derive(Debug)]
pub(super) struct Stage<S> {
    pub(super) store: Arc<S>,
    pub(super) tenant: TenantId,
    names: Arc<AtomicU64>,
}

impl<S> Clone for Stage<S> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), tenant: self.tenant, names: Arc::clone(&self.names) }
    }
}

impl<S: LinkStore + 'static> Stage<S> {
    pub(super) async fn new<F: Fixture<Store = S>>(fixture: &F) -> Self {
        Self::of(fixture.fresh().await)
    }

    pub(super) fn of(store: S) -> Self {
        Self { store: Arc::new(store), tenant: TenantId::default(), names: Arc::new(AtomicU64::new(1)) }
    }

    /// The same store after a restart.
    pub(super) async fn reopened<F: Fixture<Store = S>>(self, fixture: &F) -> Self {
        let Ok(store) = Arc::try_unwrap(self.store) else {
            panic!("a check that reopens a store shares it with nobody");
        };
        let store = Arc::new(fixture.reopen(store).await);
        Self { store, ..self }
    }

    /// The same store for another tenant.
    pub(super) fn tenant(&self, name: &str) -> Self {
        let tenant = TenantId::new(name).expect("a check names tenants that are ones");
        Self { tenant, ..self.clone() }
    }

    fn number(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// An id that grows with every call, like those that the library makes.
    fn bits(&self) -> u128 {
        u128::from(sec(0).unix_micros().unsigned_abs() / 1_000) << 80 | u128::from(self.number())
    }

    pub(super) fn new_inquiry_id(&self) -> InquiryId {
        let text = format!("inq_{}", self.number());
        InquiryId::new(&text).expect("the form of an id")
    }

    pub(super) fn new_link_id(&self) -> LinkId {
        LinkId::from_u128(self.bits())
    }

    pub(super) fn new_session_id(&self) -> SessionId {
        SessionId::from_u128(self.bits())
    }

    /// An id for the first of several events.
    pub(super) fn new_event_id(&self) -> EventId {
        EventId::from_u128(self.bits() << 8)
    }

    /// A digest of nothing in particular, no two alike.
    pub(super) fn new_digest(&self) -> Digest {
        let mut state = self.number();
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            // The finishing steps of SplitMix64: every bit depends on every bit of the number.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = state;
            word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(word ^ word >> 31).to_be_bytes());
        }
        Digest::from_bytes(bytes)
    }

    pub(super) fn key(&self, inquiry: InquiryId) -> InquiryKey {
        InquiryKey { tenant: self.tenant, inquiry }
    }

    pub(super) fn new_inquiry(
        &self,
        id: InquiryId,
        policy: ExpirationPolicy,
        now: Timestamp,
    ) -> CreateInquiry {
        let template = TemplateId::new("itmpl_1").expect("the form of an id");
        CreateInquiry {
            tenant: self.tenant,
            inquiry: Inquiry::new(id, template, policy, now),
            first_epoch: Epoch::new(self.number().wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            event: self.new_event_id(),
        }
    }

    pub(super) async fn create(&self, command: CreateInquiry) -> CreateOutcome {
        self.store.create_inquiry(command).await.expect("the store failed to create an inquiry")
    }

    /// An inquiry that was created at second 0, with the policy of the checks.
    pub(super) async fn inquiry(&self) -> InquiryId {
        self.inquiry_with(policy(), sec(0)).await
    }

    pub(super) async fn inquiry_with(&self, policy: ExpirationPolicy, now: Timestamp) -> InquiryId {
        let id = self.new_inquiry_id();
        let outcome = self.create(self.new_inquiry(id, policy, now)).await;
        assert!(matches!(outcome, CreateOutcome::Created(_)), "a new inquiry was not created: {outcome:?}");
        id
    }

    pub(super) async fn find(&self, inquiry: InquiryId) -> Option<InquiryRecord> {
        self.store.inquiry(self.key(inquiry)).await.expect("the store failed to read an inquiry")
    }

    pub(super) async fn record(&self, inquiry: InquiryId) -> InquiryRecord {
        self.find(inquiry).await.expect("an inquiry that was created is not there")
    }

    /// The change that an action makes of an inquiry, computed from that record.
    pub(super) fn step(
        &self,
        record: &InquiryRecord,
        action: Action,
        now: Timestamp,
    ) -> Result<ChangeInquiry, TransitionError> {
        Ok(ChangeInquiry {
            tenant: self.tenant,
            if_version: record.version,
            step: record.inquiry.after(action, now)?,
            now,
            event: self.new_event_id(),
        })
    }

    pub(super) async fn change(&self, command: ChangeInquiry) -> ChangeOutcome {
        self.store.change_inquiry(command).await.expect("the store failed to change an inquiry")
    }

    /// Does what an action says, with nobody else around.
    pub(super) async fn act(&self, inquiry: InquiryId, action: Action, now: Timestamp) -> Recorded {
        let record = self.record(inquiry).await;
        let command = self.step(&record, action, now).expect("a check asks for what is allowed");
        match self.change(command).await {
            ChangeOutcome::Changed(events) => events,
            outcome => panic!("{action:?}, computed from the newest version, came to {outcome:?}"),
        }
    }

    /// The command to keep another link, for as long as the policy says.
    pub(super) fn new_link(&self, inquiry: InquiryId, now: Timestamp) -> IssueLink {
        IssueLink {
            tenant: self.tenant,
            inquiry,
            now,
            link: self.new_link_id(),
            digest: self.new_digest(),
            derivation: None,
            purpose: Purpose::Resume,
            parent: None,
            creator: None,
            lifetime: Lifetime::ByPolicy,
            outstanding: Outstanding::Keep,
            event: self.new_event_id(),
        }
    }

    pub(super) async fn issue_as(&self, command: IssueLink) -> IssueOutcome {
        self.store.issue(command).await.expect("the store failed to create a link")
    }

    /// The link that a command creates, which is not one that was there.
    pub(super) async fn issued(&self, command: IssueLink) -> LinkRecord {
        match self.issue_as(command).await {
            IssueOutcome::Issued { link, .. } => link,
            outcome => panic!("a link was to be created, and it came to {outcome:?}"),
        }
    }

    pub(super) async fn issue(&self, inquiry: InquiryId, now: Timestamp) -> Link {
        self.issue_link(self.new_link(inquiry, now)).await
    }

    pub(super) async fn issue_link(&self, command: IssueLink) -> Link {
        let link = self.issued(command).await;
        Link { id: link.id, inquiry: link.inquiry, digest: link.digest }
    }

    pub(super) fn new_redeem(&self, digest: Digest, now: Timestamp) -> Redeem {
        Redeem {
            tenant: self.tenant,
            digest,
            now,
            mode: Mode::Once,
            attempt: None,
            repeats_after: now.minus(interval(REPEAT)),
            binding: None,
            session: self.new_session_id(),
            token: self.new_digest(),
            event: self.new_event_id(),
        }
    }

    pub(super) async fn redeem_as(&self, command: Redeem) -> Attempted {
        let attempted = self.store.redeem(command).await.expect("the store failed to redeem a link");
        attempted.expect("a link that was created is unknown")
    }

    pub(super) async fn redeem(&self, link: Link, now: Timestamp) -> Verdict {
        self.redeem_as(self.new_redeem(link.digest, now)).await.verdict
    }

    /// Redeems a link for the first time, and gives the session.
    pub(super) async fn use_first(&self, link: Link, now: Timestamp) -> SessionId {
        self.first_use(self.new_redeem(link.digest, now)).await
    }

    pub(super) async fn first_use(&self, command: Redeem) -> SessionId {
        let attempted = self.redeem_as(command).await;
        assert_eq!(attempted.verdict, Verdict::FirstUse, "a good link was not redeemed");
        attempted.session.expect("a first use came without a session").id
    }

    pub(super) fn new_claim(&self, link: Link, now: Timestamp) -> (Redeem, Held) {
        let token = self.new_digest();
        let until = now.plus(interval(LEASE));
        let command = Redeem { mode: Mode::Claim { token, until }, ..self.new_redeem(link.digest, now) };
        (command, Held { link, token, until })
    }

    pub(super) async fn claim(&self, link: Link, now: Timestamp) -> Held {
        let (command, held) = self.new_claim(link, now);
        let attempted = self.redeem_as(command).await;
        assert_eq!(attempted.verdict, Verdict::Claimed, "a good link could not be claimed");
        held
    }

    pub(super) fn new_commit(&self, held: &Held, now: Timestamp) -> Commit {
        Commit {
            tenant: self.tenant,
            inquiry: held.link.inquiry,
            link: held.link.id,
            claim: held.token,
            now,
            session: self.new_session_id(),
            token: self.new_digest(),
            event: self.new_event_id(),
        }
    }

    pub(super) async fn commit(&self, held: &Held, now: Timestamp) -> Attempted {
        let attempted = self.store.commit(self.new_commit(held, now)).await;
        let attempted = attempted.expect("the store failed to commit a claim");
        attempted.expect("a link that was claimed is unknown to its commit")
    }

    pub(super) fn new_release(&self, held: &Held, now: Timestamp) -> Release {
        Release {
            tenant: self.tenant,
            inquiry: held.link.inquiry,
            link: held.link.id,
            claim: held.token,
            now,
        }
    }

    pub(super) async fn release(&self, held: &Held, now: Timestamp) -> Released {
        let released = self.store.release(self.new_release(held, now)).await;
        let released = released.expect("the store failed to release a claim");
        released.expect("a link that was claimed is unknown to its release")
    }

    pub(super) fn new_revoke(&self, inquiry: InquiryId, target: Revocation, now: Timestamp) -> Revoke {
        Revoke { tenant: self.tenant, inquiry, target, now, event: self.new_event_id() }
    }

    pub(super) async fn revoke(
        &self,
        inquiry: InquiryId,
        target: Revocation,
        now: Timestamp,
    ) -> RevokeOutcome {
        let command = self.new_revoke(inquiry, target, now);
        self.store.revoke(command).await.expect("the store failed to revoke")
    }

    pub(super) fn new_start(&self, inquiry: InquiryId, now: Timestamp) -> StartSession {
        StartSession {
            tenant: self.tenant,
            inquiry,
            now,
            session: self.new_session_id(),
            token: self.new_digest(),
            event: self.new_event_id(),
        }
    }

    pub(super) async fn start_as(&self, command: StartSession) -> SessionStarted {
        let started = self.store.start_session(command).await.expect("the store failed to start a session");
        started.expect("an inquiry that was created is unknown to a session")
    }

    pub(super) async fn start(&self, inquiry: InquiryId, now: Timestamp) -> SessionId {
        let started = self.start_as(self.new_start(inquiry, now)).await;
        started.session.expect("a session of an open inquiry was refused").id
    }

    pub(super) async fn inspect(&self, link: LinkName) -> Option<LinkView> {
        let inspect = Inspect { tenant: self.tenant, link };
        self.store.inspect(inspect).await.expect("the store failed to inspect a link")
    }

    pub(super) async fn view(&self, link: Link) -> LinkView {
        self.inspect(LinkName::Id(link.inquiry, link.id)).await.expect("a link that was created is not there")
    }

    pub(super) async fn find_session(&self, inquiry: InquiryId, session: SessionId) -> Option<SessionView> {
        let key = SessionKey { tenant: self.tenant, inquiry, session };
        self.store.session(key).await.expect("the store failed to read a session")
    }

    pub(super) async fn session(&self, inquiry: InquiryId, session: SessionId) -> SessionView {
        self.find_session(inquiry, session).await.expect("a session that was started is not there")
    }

    pub(super) async fn is_live(&self, inquiry: InquiryId, session: SessionId, now: Timestamp) -> bool {
        let view = self.session(inquiry, session).await;
        view.session.is_live(&view.inquiry, now)
    }

    pub(super) async fn list_links(
        &self,
        inquiry: InquiryId,
        before: Option<LinkId>,
        limit: u32,
    ) -> Listing<ListedLink> {
        let list = ListOf { inquiry: self.key(inquiry), before, limit };
        let listing = self.store.links(list).await.expect("the store failed to list links");
        listing.expect("an inquiry that was created has no list of links")
    }

    pub(super) async fn list_sessions(
        &self,
        inquiry: InquiryId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Listing<SessionRecord> {
        let list = ListOf { inquiry: self.key(inquiry), before, limit };
        let listing = self.store.sessions(list).await.expect("the store failed to list sessions");
        listing.expect("an inquiry that was created has no list of sessions")
    }

    /// What a command says that it did to an inquiry.
    pub(super) fn events(&self, inquiry: InquiryId, recorded: &Recorded) -> Vec<Event> {
        recorded.events(self.tenant, inquiry).collect()
    }

    /// Everything that a store shows of an inquiry, for a comparison of before and after.
    pub(super) async fn all(&self, inquiry: InquiryId) -> Everything {
        let links = self.list_links(inquiry, None, 10_000).await;
        let sessions = self.list_sessions(inquiry, None, 10_000).await;
        assert!(!links.more && !sessions.more, "a list ended before its limit and says that there is more");
        let links = links.items.into_iter().map(|listed| listed.link).collect();
        Everything { inquiry: self.record(inquiry).await, links, sessions: sessions.items }
    }
}

/// An inquiry with its links and sessions, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Everything {
    pub(super) inquiry: InquiryRecord,
    pub(super) links: Vec<LinkRecord>,
    pub(super) sessions: Vec<SessionRecord>,
}

/// A purge long after all that a check makes, which keeps nothing for more than a day.
pub(super) fn purge_long_after() -> Purge {
    let (now, day) = (sec(100 * 86_400), interval(86_400));
    Purge { now, retention: day, inquiry_retention: Some(day), repeats_after: now.minus(day), limit: 100 }
}
