//! What an application asks for: a new inquiry, a list of inquiries, a new link.

use crate::{
    code::Code,
    id::{InquiryId, LinkId, SessionId, TemplateId},
    inquiry::Status,
    link::Purpose,
    policy::ExpirationPolicy,
    store::{Cursor, InquiryFilter, PageFrom},
    text::{Creator, ReferenceId},
    time::{Interval, Timestamp},
    url::LinkUrl,
};

/// A new inquiry.
///
/// ```
/// use inquiry_otl::{NewInquiry, TemplateId};
///
/// let request = NewInquiry::from_template(TemplateId::new("itmpl_kyc")?);
/// # Ok::<(), inquiry_otl::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInquiry {
    pub(crate) template: TemplateId,
    pub(crate) id: Option<InquiryId>,
    pub(crate) reference: Option<ReferenceId>,
    pub(crate) policy: Option<ExpirationPolicy>,
}

impl NewInquiry {
    /// An inquiry from that template, under the service's policy (I1).
    #[must_use]
    pub const fn from_template(template: TemplateId) -> Self {
        Self { template, id: None, reference: None, policy: None }
    }

    /// The same with an id that somebody else made; otherwise the service makes one.
    #[must_use]
    pub const fn with_id(mut self, id: InquiryId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same with the application's own reference.
    #[must_use]
    pub fn with_reference(mut self, reference: ReferenceId) -> Self {
        self.reference = Some(reference);
        self
    }

    /// The same under a policy of its own, which it keeps (E10).
    #[must_use]
    pub const fn with_policy(mut self, policy: ExpirationPolicy) -> Self {
        self.policy = Some(policy);
        self
    }
}

/// A page of inquiries that is wanted: of all, unless told otherwise.
///
/// ```
/// use inquiry_otl::{InquiryQuery, Status, TemplateId};
///
/// let query = InquiryQuery::newest(50)
///     .with_status([Status::Approved, Status::Declined])
///     .from_template([TemplateId::new("itmpl_kyc")?]);
/// # Ok::<(), inquiry_otl::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InquiryQuery {
    pub(crate) filter: InquiryFilter,
    pub(crate) from: PageFrom,
    pub(crate) limit: u32,
}

impl InquiryQuery {
    /// The newest ones, at most so many on a page, from 1.
    #[must_use]
    pub fn newest(limit: u32) -> Self {
        Self { filter: InquiryFilter::default(), from: PageFrom::Newest, limit }
    }

    /// The same with one of these statuses only, as of now (I6).
    #[must_use]
    pub fn with_status(mut self, statuses: impl IntoIterator<Item = Status>) -> Self {
        self.filter.statuses = statuses.into_iter().collect();
        self
    }

    /// The same from one of these templates only.
    #[must_use]
    pub fn from_template(mut self, templates: impl IntoIterator<Item = TemplateId>) -> Self {
        self.filter.templates = templates.into_iter().collect();
        self
    }

    /// The same with the application's own reference.
    #[must_use]
    pub fn with_reference(mut self, reference: ReferenceId) -> Self {
        self.filter.reference = Some(reference);
        self
    }

    /// The same, created at that instant or later.
    #[must_use]
    pub const fn created_from(mut self, from: Timestamp) -> Self {
        self.filter.created_from = Some(from);
        self
    }

    /// The same, created at that instant or earlier.
    #[must_use]
    pub const fn created_until(mut self, until: Timestamp) -> Self {
        self.filter.created_until = Some(until);
        self
    }

    /// The page that begins behind that place, towards the older ones.
    #[must_use]
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.from = PageFrom::After(cursor);
        self
    }

    /// The page that ends in front of that place, towards the newer ones.
    #[must_use]
    pub const fn before(mut self, cursor: Cursor) -> Self {
        self.from = PageFrom::Before(cursor);
        self
    }
}

/// A link that is wanted for an inquiry.
///
/// ```
/// use inquiry_otl::{Creator, InquiryId, Interval, LinkRequest, OnOutstanding};
///
/// let request = LinkRequest::resume(InquiryId::new("inq_1")?)
///     .expires_in(Interval::from_hours(2)?)
///     .on_outstanding(OnOutstanding::Keep)
///     .created_by(Creator::new("support: jo")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRequest {
    pub(crate) inquiry: InquiryId,
    pub(crate) purpose: Purpose,
    pub(crate) parent: Option<SessionId>,
    pub(crate) expires_in: Option<Interval>,
    pub(crate) on_outstanding: Option<OnOutstanding>,
    pub(crate) creator: Option<Creator>,
}

impl LinkRequest {
    /// A link that brings the person back to that inquiry (E4).
    #[must_use]
    pub const fn resume(inquiry: InquiryId) -> Self {
        Self {
            inquiry,
            purpose: Purpose::Resume,
            parent: None,
            expires_in: None,
            on_outstanding: None,
            creator: None,
        }
    }

    /// A link by which that session goes on, on another device; it dies with the session (E5).
    #[must_use]
    pub const fn device_handoff(inquiry: InquiryId, session: SessionId) -> Self {
        Self {
            inquiry,
            purpose: Purpose::DeviceHandoff,
            parent: Some(session),
            expires_in: None,
            on_outstanding: None,
            creator: None,
        }
    }

    /// The same with a life of its own; otherwise the inquiry's policy says it (L2). A link that is given out
    /// again keeps the expiry that it has.
    #[must_use]
    pub const fn expires_in(mut self, interval: Interval) -> Self {
        self.expires_in = Some(interval);
        self
    }

    /// The same with another answer to outstanding links than the service's (L5).
    #[must_use]
    pub const fn on_outstanding(mut self, choice: OnOutstanding) -> Self {
        self.on_outstanding = Some(choice);
        self
    }

    /// The same with who creates it (L7).
    #[must_use]
    pub fn created_by(mut self, creator: Creator) -> Self {
        self.creator = Some(creator);
        self
    }
}

/// What creating a link does to those of the same inquiry and purpose that are live and unused (L5).
/// Exhaustive: these are all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOutstanding {
    /// They die. The default without a key.
    Supersede,
    /// They stay.
    Keep,
    /// The newest of them is given out again, whatever life was asked for; if none fits, they die. The
    /// default with a key, and not to be had without one.
    ReturnSame {
        /// It must live that long still.
        at_least: Option<Interval>,
    },
}

/// A link that was just created, or given out again: the one time that its code is shown (L3).
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedLink {
    /// Its name, safe to log.
    pub id: LinkId,
    /// The inquiry that it leads to.
    pub inquiry: InquiryId,
    /// What it is for.
    pub purpose: Purpose,
    /// The latest instant at which it expires (L2).
    pub expires_at: Timestamp,
    /// Whether it was given out before (L5).
    pub reused: bool,
    /// The link itself: send it to the person, and keep it nowhere.
    pub url: LinkUrl,
    /// The code in it, for a URL of another form.
    pub code: Code,
}
