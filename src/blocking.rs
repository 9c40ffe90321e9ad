//! The service for code that has no async runtime (feature `blocking`).

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::{
    error::{ChangeError, CreateError, DeriveError, IssueError, ReadError, RevokeError, SessionError},
    event::Revocation,
    id::{InquiryId, LinkId, SessionId},
    inquiry::{Action, Inquiry},
    link::OneTimeLink,
    redemption::Released,
    secret::SessionToken,
    service::{
        Attempt, Claim, Claiming, Diagnosis, Grant, InquiryQuery, IssuedLink, LeaseTime, LinkRequest,
        NewInquiry, Peek, Redemption, Service,
    },
    session::InquirySession,
    store::{Directory, InquiryPage, LinkStore, StoreError},
};

/// How to wait for a future: what a store needs for its futures to make progress.
///
/// A store that lives on the calling thread's own locks or files needs nothing but [`ParkThread`]. An adapter
/// whose driver needs a runtime brings an implementation that enters it.
pub trait BlockOn {
    /// Waits for the future and gives its output.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// Parks the calling thread until the future is woken: for memory and for embedded databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParkThread;

impl BlockOn for ParkThread {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A [`Service`] whose methods wait: the same names, the same answers.
///
/// ```
/// use inquiry_otl::{Attempt, LinkRequest, MemoryStore, NewInquiry, Redemption, Service, TemplateId};
/// use inquiry_otl::blocking::{BlockingService, ParkThread};
///
/// let service = BlockingService::new(Service::new(MemoryStore::new()), ParkThread);
/// let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?))?;
/// let link = service.issue(LinkRequest::resume(inquiry.id))?;
/// assert!(matches!(service.redeem(link.url.expose(), &Attempt::new())?, Redemption::Granted(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockingService<S, B = ParkThread> {
    service: Service<S>,
    block_on: B,
}

impl<S: LinkStore, B: BlockOn> BlockingService<S, B> {
    /// The service, waiting in that way.
    pub const fn new(service: Service<S>, block_on: B) -> Self {
        Self { service, block_on }
    }

    /// The service that is waited for.
    pub const fn service(&self) -> &Service<S> {
        &self.service
    }

    /// Creates many links, as [`Service::issue_many`] does.
    pub fn issue_many(
        &self,
        requests: impl IntoIterator<Item = LinkRequest>,
    ) -> Vec<Result<IssuedLink, IssueError>> {
        self.block_on.block_on(self.service.issue_many(requests))
    }

    /// Creates many links and tells how far it is, as [`Service::issue_many_with_progress`] does.
    pub fn issue_many_with_progress(
        &self,
        requests: impl IntoIterator<Item = LinkRequest>,
        progress: impl FnMut(usize, usize),
    ) -> Vec<Result<IssuedLink, IssueError>> {
        self.block_on.block_on(self.service.issue_many_with_progress(requests, progress))
    }
}

/// For each method of the service one that waits for it.
macro_rules! waiting {
    ($($bound:path),+; $(fn $method:ident($($arg:ident: $type:ty),*) -> Result<$ok:ty, $error:ty>;)+) => {
        impl<S: $($bound +)+, B: BlockOn> BlockingService<S, B> {
            $(
                #[doc = concat!("Waits for [`Service::", stringify!($method), "`].")]
                ///
                /// # Errors
                #[doc = concat!("As [`Service::", stringify!($method), "`].")]
                pub fn $method(&self, $($arg: $type),*) -> Result<$ok, $error> {
                    self.block_on.block_on(self.service.$method($($arg),*))
                }
            )+
        }
    };
}

waiting! {
    LinkStore, Directory;
    fn inquiries(query: InquiryQuery) -> Result<InquiryPage, StoreError>;
}

waiting! {
    LinkStore;
    fn create(request: NewInquiry) -> Result<Inquiry, CreateError>;
    fn inquiry(id: InquiryId) -> Result<Inquiry, ReadError>;
    fn change(id: InquiryId, action: Action) -> Result<Inquiry, ChangeError>;
    fn start(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn complete(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn fail(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn expire(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn resume(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn approve(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn mark_for_review(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn decline(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn redact(id: InquiryId) -> Result<Inquiry, ChangeError>;
    fn issue(request: LinkRequest) -> Result<IssuedLink, IssueError>;
    fn derive(inquiry: InquiryId, link: LinkId) -> Result<IssuedLink, DeriveError>;
    fn links(inquiry: InquiryId, before: Option<LinkId>, limit: u32) -> Result<Vec<OneTimeLink>, ReadError>;
    fn sessions(
        inquiry: InquiryId,
        before: Option<SessionId>,
        limit: u32
    ) -> Result<Vec<InquirySession>, ReadError>;
    fn revoke(inquiry: InquiryId, target: Revocation) -> Result<bool, RevokeError>;
    fn start_session(inquiry: InquiryId) -> Result<Grant, SessionError>;
    fn session(inquiry: InquiryId, session: SessionId) -> Result<InquirySession, ReadError>;
    fn authenticate(
        inquiry: InquiryId,
        session: SessionId,
        token: &SessionToken
    ) -> Result<Option<InquirySession>, ReadError>;
    fn peek(presented: &str, attempt: &Attempt) -> Result<Peek, StoreError>;
    fn redeem(presented: &str, attempt: &Attempt) -> Result<Redemption, StoreError>;
    fn claim(presented: &str, attempt: &Attempt) -> Result<Claiming, StoreError>;
    fn claim_for(presented: &str, attempt: &Attempt, lease: LeaseTime) -> Result<Claiming, StoreError>;
    fn commit(claim: &Claim) -> Result<Redemption, StoreError>;
    fn release(claim: &Claim) -> Result<Released, StoreError>;
    fn diagnose(presented: &str) -> Result<Diagnosis, StoreError>;
}
