//! What applications call: a store, put behind the rules of the domain.

mod answer;
mod attempt;
mod builder;
mod finished;
mod inquiries;
mod lease;
mod links;
mod operator;
mod plan;
mod redeem;
mod request;
mod sessions;
mod sink;

pub use attempt::{Attempt, Claim, Claiming, Diagnosis, Grant, GrantKind, Peek, Peeked, Redemption, Refused};
pub use builder::{BuildError, ServiceBuilder};
pub use finished::Finished;
pub use lease::{LeaseTime, LeaseTooLong};
pub use operator::{Operator, OperatorBuilder, Retention, Round};
pub use plan::{CommitPlan, IssuePlan, Planner, RedeemPlan};
pub use request::{InquiryQuery, IssuedLink, LinkRequest, NewInquiry, OnOutstanding};
pub use sink::EventSink;

use crate::{
    id::InquiryId,
    store::{InquiryKey, LinkStore, Retry, StoreError, StoreErrorKind},
};

/// One-time links for the inquiries of one tenant (S6): what applications call.
///
/// Every method is one call of the store, or a read and a conditional write that is tried again when somebody
/// else was faster. Dropping a future in the middle leaves nothing half done: it happened, or it did not (S1).
/// The futures work on any runtime; code that has none uses [`blocking`](crate::blocking).
///
/// ```
/// use inquiry_otl::{Attempt, LinkRequest, MemoryStore, NewInquiry, Redemption, Service, TemplateId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = Service::new(MemoryStore::new());
/// let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
///
/// let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
/// let received = link.url.expose(); // as the person pastes it
///
/// let Redemption::Granted(grant) = service.redeem(received, &Attempt::new()).await? else { panic!() };
/// assert_eq!(grant.inquiry.id, inquiry.id);
/// assert!(matches!(service.redeem(received, &Attempt::new()).await?, Redemption::Refused(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Service<S> {
    store: S,
    planner: Planner,
}

impl<S: LinkStore> Service<S> {
    /// A service with every part at its default: see [`ServiceBuilder`] for what they are.
    ///
    /// A store that others use too is handed over as `&store` or as an [`Arc`](std::sync::Arc) of it.
    pub fn new(store: S) -> Self {
        Self::builder(store).assemble()
    }

    /// Puts a service together from its parts.
    pub fn builder(store: S) -> ServiceBuilder<S> {
        ServiceBuilder::new(store)
    }

    /// The part of the service that needs no store: for issuing and redeeming within a transaction of one's own.
    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The store, to be measured.
    #[cfg(feature = "bench")]
    pub(crate) const fn store(&self) -> &S {
        &self.store
    }

    const fn key(&self, inquiry: InquiryId) -> InquiryKey {
        InquiryKey { tenant: self.planner.tenant, inquiry }
    }
}

/// An id or a digest that was just drawn is taken, again and again: the store does not tell the truth.
fn taken() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Safe)
}

/// A store did not answer one of many calls: what it was asked for may be written.
fn unanswered() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Unknown)
}
