//! Inquiries: create, read, and every transition (I3, R1 to R3).

use super::{
    Service,
    plan::new_event,
    request::{InquiryQuery, NewInquiry},
    taken,
};
use crate::{
    error::{ChangeError, CreateError, ReadError},
    id::InquiryId,
    inquiry::{Action, Inquiry},
    record::Epoch,
    secret::random_array,
    store::{
        ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Directory, InquiryPage, LinkStore,
        ListInquiries, StoreError,
    },
};

/// How often a change is computed anew when others were faster, and an id is drawn anew when it is taken.
const TRIES: u32 = 16;

impl<S: LinkStore> Service<S> {
    /// Creates an inquiry, open until the policy's window from creation has run (E1).
    ///
    /// # Errors
    /// [`CreateError::Exists`] if the request names an id that is taken; [`CreateError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// let request = NewInquiry::from_template(TemplateId::new("itmpl_kyc")?);
    /// let inquiry = service.create(request.with_reference(ReferenceId::new("user 7")?)).await?;
    /// assert_eq!(inquiry.status, Status::Created);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create(&self, request: NewInquiry) -> Result<Inquiry, CreateError> {
        let policy = request.policy.unwrap_or(self.planner.policy);
        for _ in 0..TRIES {
            let now = self.planner.now();
            let id = request.id.unwrap_or_else(|| InquiryId::from_parts(now, random_array()));
            let mut inquiry = Inquiry::new(id, request.template, policy, now);
            inquiry.reference.clone_from(&request.reference);
            let command = CreateInquiry {
                tenant: self.planner.tenant,
                inquiry: inquiry.clone(),
                first_epoch: Epoch::new(u64::from_be_bytes(random_array())),
                event: new_event(now),
            };
            match self.store.create_inquiry(command).await? {
                CreateOutcome::Created(recorded) => {
                    self.planner.tell(&recorded, id);
                    return Ok(inquiry);
                }
                CreateOutcome::Exists if request.id.is_some() => return Err(CreateError::Exists),
                CreateOutcome::Exists => {}
            }
        }
        Err(CreateError::Store(taken()))
    }

    /// The inquiry as of now (I6).
    ///
    /// # Errors
    /// [`ReadError::NotFound`], [`ReadError::Store`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let clock = ManualClock::default();
    /// let service = Service::builder(MemoryStore::new()).clock(clock.clone()).build()?;
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// clock.advance(Interval::from_hours(24)?);
    /// assert_eq!(service.inquiry(inquiry.id).await?.status, Status::Expired);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn inquiry(&self, id: InquiryId) -> Result<Inquiry, ReadError> {
        let record = self.store.inquiry(self.key(id)).await?.ok_or(ReadError::NotFound)?;
        Ok(record.inquiry.as_of(self.planner.now()))
    }

    /// Does something to an inquiry; the methods named after the actions are shorter.
    ///
    /// # Errors
    /// [`ChangeError::Transition`] if there is no such transition (I3), [`ChangeError::NotFound`],
    /// [`ChangeError::Contended`]: nothing changed. [`ChangeError::Store`], which says itself whether that is known (S4).
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// let inquiry = service.change(inquiry.id, Action::Start).await?;
    /// assert_eq!(inquiry.status, Status::Pending);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn change(&self, id: InquiryId, action: Action) -> Result<Inquiry, ChangeError> {
        for _ in 0..TRIES {
            let record = self.store.inquiry(self.key(id)).await?.ok_or(ChangeError::NotFound)?;
            let now = self.planner.now();
            let step = record.inquiry.after(action, now)?;
            let inquiry = step.inquiry.clone();
            let command = ChangeInquiry {
                tenant: self.planner.tenant,
                if_version: record.version,
                step,
                now,
                event: new_event(now),
            };
            match self.store.change_inquiry(command).await? {
                ChangeOutcome::Changed(recorded) => {
                    self.planner.tell(&recorded, id);
                    return Ok(inquiry);
                }
                ChangeOutcome::Conflict => {}
                ChangeOutcome::NotFound => return Err(ChangeError::NotFound),
            }
        }
        Err(ChangeError::Contended)
    }
}

/// For stores that have lists of all inquiries.
impl<S: LinkStore + Directory> Service<S> {
    /// A page of the tenant's inquiries, newest first, as of now (I6).
    ///
    /// A page may be short, or empty, and still say that there is [`more`](InquiryPage::more): a filter that keeps little
    /// is looked for in bounded steps. The cursor of an inquiry is [`Cursor::of`](crate::Cursor::of) it, so that an id is
    /// enough for whoever reads the inquiry first.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// ```
    /// # use inquiry_otl::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let service = Service::new(MemoryStore::new());
    /// # for _ in 0..3 {
    /// #     service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    /// # }
    /// let query = InquiryQuery::newest(2).with_status([Status::Created]);
    /// let page = service.inquiries(query.clone()).await?;
    /// assert_eq!(page.items.len(), 2);
    ///
    /// // As `page[after]=inq_…`, by the id alone: the inquiry tells its place.
    /// let last = service.inquiry(page.items[1].id).await?;
    /// let rest = service.inquiries(query.clone().after(Cursor::of(&last))).await?;
    /// assert_eq!((rest.items.len(), rest.more), (1, None));
    ///
    /// // And back, as `page[before]=inq_…`.
    /// let first = service.inquiries(query.before(Cursor::of(&rest.items[0]))).await?;
    /// assert_eq!(first.items, page.items);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn inquiries(&self, query: InquiryQuery) -> Result<InquiryPage, StoreError> {
        let InquiryQuery { filter, from, limit } = query;
        let now = self.planner.now();
        let list = ListInquiries { tenant: self.planner.tenant, now, filter, from, limit };
        let mut page = self.store.inquiries(list).await?;
        for inquiry in &mut page.items {
            *inquiry = inquiry.as_of(now);
        }
        Ok(page)
    }
}

/// For each action a method of its name.
macro_rules! actions {
    ($($(#[$doc:meta])* $method:ident, $action:ident, $before:literal, $after:ident;)+) => {
        impl<S: LinkStore> Service<S> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// As [`change`](Self::change).
                ///
                /// ```
                /// # use inquiry_otl::*;
                /// # #[tokio::main(flavor = "current_thread")]
                /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
                /// # let service = Service::new(MemoryStore::new());
                /// # let request = NewInquiry::from_template(TemplateId::new("itmpl_kyc")?);
                /// # let id = service.create(request).await?.id;
                #[doc = $before]
                #[doc = concat!("let inquiry = service.", stringify!($method), "(id).await?;")]
                #[doc = concat!("assert_eq!(inquiry.status, Status::", stringify!($after), ");")]
                /// # Ok(())
                /// # }
                /// ```
                pub async fn $method(&self, id: InquiryId) -> Result<Inquiry, ChangeError> {
                    self.change(id, Action::$action).await
                }
            )+
        }
    };
}

actions! {
    /// Records the person's first submission: created becomes pending, with a deadline of its own (E2).
    start, Start, "", Pending;
    /// Records that the person is done: all links and sessions die (L4).
    complete, Complete, "service.start(id).await?;", Completed;
    /// Records that the person is done without success: all links and sessions die (L4).
    fail, Fail, "service.start(id).await?;", Failed;
    /// Ends the inquiry before its deadline: all links and sessions die (L4). It can be resumed.
    expire, Expire, "", Expired;
    /// Brings an expired inquiry back, or gives an open one more time (R1, R2).
    ///
    /// Links and sessions from before an expiry stay dead (R3); those of an open inquiry stay as they are.
    resume, Resume, "service.expire(id).await?;", Pending;
    /// Decides for the person.
    approve, Approve, "service.start(id).await?;\nservice.complete(id).await?;", Approved;
    /// Leaves the decision to a reviewer.
    mark_for_review, MarkForReview, "service.start(id).await?;\nservice.complete(id).await?;", NeedsReview;
    /// Decides against the person.
    decline, Decline, "service.start(id).await?;\nservice.complete(id).await?;", Declined;
    /// Marks that the person's data was removed: never again a resume or a link (I4).
    redact, Redact, "", Created;
}
