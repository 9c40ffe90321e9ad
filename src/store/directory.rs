//! A tenant's inquiries, looked at across all of them: what an API's list and a dashboard need (I6, S6).

use std::{cmp::Ordering, collections::BTreeSet, future::Future};

use super::StoreError;
use crate::{
    id::{InquiryId, TemplateId},
    inquiry::{Inquiry, Status},
    tenant::TenantId,
    text::ReferenceId,
    time::Timestamp,
};

/// Lists the inquiries of a tenant, newest first, a page at a time.
///
/// Apart from [`LinkStore`](super::LinkStore), since it takes indexes that a store without lists has no need of: a store
/// may leave it out.
///
/// - **The order is total and never changes**: by the instant of creation, and by id where that is the same
///   ([`Cursor`]). So pages from cursors leave nothing out and show nothing twice, whatever is created meanwhile.
/// - **A status is judged as of the query's instant** (I6): an inquiry past its deadline is expired, also if nobody has
///   written that yet.
/// - **A page costs about the same wherever it is**, and however many inquiries there are. Where the indexes of a store do
///   not lead straight to what a filter keeps, the store stops after so many looks: the page is short then, or empty,
///   and says where to go on.
pub trait Directory: Send + Sync {
    /// A page of the tenant's inquiries, each as it was last written; writes nothing.
    ///
    /// **Atomicity**: each inquiry is shown as it was at one moment of the call. One that fits all the while is on the
    /// page. **If this is wrong**: an inquiry that is left out is not found by whoever looks for it; another tenant's is a
    /// breach (S6).
    ///
    /// # Errors
    /// [`StoreError`].
    fn inquiries(&self, list: ListInquiries) -> impl Future<Output = Result<InquiryPage, StoreError>> + Send;
}

/// A page of a tenant's inquiries. Exhaustive: a store carries out all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListInquiries {
    /// Whose they are (S6).
    pub tenant: TenantId,
    /// The instant that deadlines are judged by (S5).
    pub now: Timestamp,
    /// Which of them.
    pub filter: InquiryFilter,
    /// Where the page begins, and in which direction it goes.
    pub from: PageFrom,
    /// How many at the most, from 1.
    pub limit: u32,
}

impl ListInquiries {
    /// Whether an inquiry of the tenant is to be listed: by the filter, and by where the page begins.
    #[must_use]
    pub fn keeps(&self, inquiry: &Inquiry) -> bool {
        self.from.reaches(&Cursor::of(inquiry)) && self.filter.keeps(inquiry, self.now)
    }

    /// What the page lies between: every inquiry that it may show is newer than the first of these, and older than the
    /// second. For a store that looks in an index; a store that has none asks [`keeps`](Self::keeps).
    #[must_use]
    pub fn between(&self) -> (Option<Cursor>, Option<Cursor>) {
        let InquiryFilter { created_from, created_until, .. } = &self.filter;
        let at = |created_at, inquiry| Cursor { created_at, inquiry };
        let before =
            |first| at(Timestamp::clamped(Timestamp::unix_micros(first).saturating_sub(1)), InquiryId::LAST);
        let behind =
            |last| at(Timestamp::clamped(Timestamp::unix_micros(last).saturating_add(1)), InquiryId::FIRST);
        let older = created_from.filter(|first| Timestamp::MIN < *first).map(before);
        let newer = created_until.filter(|last| *last < Timestamp::MAX).map(behind);
        match self.from {
            PageFrom::Newest => (older, newer),
            PageFrom::After(cursor) => (older, Some(newer.map_or(cursor, |newer| newer.min(cursor)))),
            PageFrom::Before(cursor) => (Some(older.map_or(cursor, |older| older.max(cursor))), newer),
        }
    }

    /// How many at the most, and at least one.
    #[must_use]
    pub const fn wanted(&self) -> usize {
        if self.limit == 0 { 1 } else { self.limit as usize }
    }

    /// The page, of what was found in the order of [`PageFrom::order`]; one more than wanted tells that there are more.
    ///
    /// `left_at` is where the store stopped looking before it was done, if it did.
    #[must_use]
    pub fn page(&self, mut found: Vec<Inquiry>, left_at: Option<Cursor>) -> InquiryPage {
        let more = if self.wanted() < found.len() {
            found.truncate(self.wanted());
            found.last().map(Cursor::of)
        } else {
            left_at
        };
        if self.from.is_backwards() {
            found.reverse();
        }
        InquiryPage { items: found, more }
    }
}

/// Which inquiries are to be listed: those that pass every part of it. Exhaustive: a store carries out all of it.
///
/// ```
/// use inquiry_otl::{Status, store::InquiryFilter};
///
/// let waiting = InquiryFilter { statuses: [Status::NeedsReview].into(), ..InquiryFilter::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InquiryFilter {
    /// Those of one of these statuses, as of now; of any, if this is empty.
    pub statuses: BTreeSet<Status>,
    /// Those from one of these templates; from any, if this is empty.
    pub templates: BTreeSet<TemplateId>,
    /// Those with this reference.
    pub reference: Option<ReferenceId>,
    /// Those created at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Those created at this instant or earlier.
    pub created_until: Option<Timestamp>,
}

impl InquiryFilter {
    /// Whether an inquiry passes: the rule that every store mirrors.
    #[must_use]
    pub fn keeps(&self, inquiry: &Inquiry, now: Timestamp) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&inquiry.status_at(now)))
            && (self.templates.is_empty() || self.templates.contains(&inquiry.template))
            && (self.reference.is_none() || self.reference == inquiry.reference)
            && self.created_from.is_none_or(|from| from <= inquiry.created_at)
            && self.created_until.is_none_or(|until| inquiry.created_at <= until)
    }

    /// What status may be written in an inquiry that passes, and what its deadline must be then: for a store that finds
    /// inquiries by what is written. What is written as created or pending is expired behind its deadline (I6).
    pub fn written(&self) -> impl Iterator<Item = (Status, Deadline)> {
        let asked = |status| self.statuses.is_empty() || self.statuses.contains(&status);
        Status::ALL.into_iter().filter_map(move |status| {
            let deadline = match (asked(status), status.can_expire() && asked(Status::Expired)) {
                (true, false) if status.can_expire() => Deadline::Ahead,
                (true, _) => Deadline::Any,
                (false, true) => Deadline::Behind,
                (false, false) => return None,
            };
            Some((status, deadline))
        })
    }
}

/// Which deadlines an inquiry may have that passes a filter. Exhaustive: a store carries out all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Whatever it is.
    Any,
    /// After now.
    Ahead,
    /// Now, or earlier.
    Behind,
}

impl Deadline {
    /// Whether a deadline is one of them.
    #[must_use]
    pub fn fits(self, expires_at: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::Ahead => now < expires_at,
            Self::Behind => expires_at <= now,
        }
    }
}

/// The place of an inquiry in the order of all of a tenant: it never changes, and stays a place when the inquiry is gone.
///
/// They are ordered as they were created; lists begin with the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// When it was created.
    pub created_at: Timestamp,
    /// Its id, which orders those of one instant.
    pub inquiry: InquiryId,
}

impl Cursor {
    /// The place of that inquiry.
    #[must_use]
    pub const fn of(inquiry: &Inquiry) -> Self {
        Self { created_at: inquiry.created_at, inquiry: inquiry.id }
    }
}

/// Where a page begins. Exhaustive: a store carries out each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageFrom {
    /// With the newest.
    #[default]
    Newest,
    /// Behind that place, towards the older ones.
    After(Cursor),
    /// In front of that place, towards the newer ones: those next to it.
    Before(Cursor),
}

impl PageFrom {
    /// Whether a page from here comes to that place.
    #[must_use]
    pub fn reaches(self, place: &Cursor) -> bool {
        match self {
            Self::Newest => true,
            Self::After(cursor) => *place < cursor,
            Self::Before(cursor) => cursor < *place,
        }
    }

    /// Whether a page from here goes towards the newer ones.
    #[must_use]
    pub const fn is_backwards(self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// Which of two places a page from here comes to first.
    #[must_use]
    pub fn order(self, one: &Cursor, other: &Cursor) -> Ordering {
        if self.is_backwards() { one.cmp(other) } else { other.cmp(one) }
    }
}

/// A page of inquiries, newest first, whichever way it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InquiryPage {
    /// What was found.
    pub items: Vec<Inquiry>,
    /// Where to go on, in the same direction; nothing if there is nothing more.
    ///
    /// It is the place of an inquiry that was looked at, which need not be one of the items.
    pub more: Option<Cursor>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::policy::ExpirationPolicy;

    /// I6: what is written as open goes with *expired*, behind its deadline; everything else with itself.
    #[test]
    fn a_status_of_now_is_one_that_is_written_with_a_deadline() {
        let written = |statuses: &[Status]| {
            let statuses = statuses.iter().copied().collect();
            InquiryFilter { statuses, ..InquiryFilter::default() }.written().collect::<Vec<_>>()
        };
        assert_eq!(written(&[]), Status::ALL.map(|status| (status, Deadline::Any)));
        assert_eq!(written(&[Status::Created]), [(Status::Created, Deadline::Ahead)]);
        assert_eq!(written(&[Status::Approved]), [(Status::Approved, Deadline::Any)]);
        let [created, pending, expired] = [Status::Created, Status::Pending, Status::Expired];
        assert_eq!(
            written(&[expired]),
            [(created, Deadline::Behind), (pending, Deadline::Behind), (expired, Deadline::Any)]
        );
        assert_eq!(
            written(&[created, expired]),
            [(created, Deadline::Any), (pending, Deadline::Behind), (expired, Deadline::Any)]
        );
    }

    fn asked(filter: InquiryFilter, limit: u32) -> ListInquiries {
        let (tenant, now) = (TenantId::default(), Timestamp::MIN);
        ListInquiries { tenant, now, filter, from: PageFrom::Newest, limit }
    }

    /// I6: a page that is full to the last place has no next one, unless more was found, or there was more to look at.
    #[test]
    fn a_full_page_has_a_next_one_only_if_more_was_found() {
        let template = TemplateId::new("itmpl_kyc").unwrap();
        let found = |count: i64| -> Vec<Inquiry> {
            let inquiry = |n| {
                let (id, at) = (format!("inq_{n}"), Timestamp::from_unix_micros(n).unwrap());
                Inquiry::new(InquiryId::new(&id).unwrap(), template, ExpirationPolicy::default(), at)
            };
            (1..=count).rev().map(inquiry).collect()
        };
        let list = asked(InquiryFilter::default(), 2);
        let page = |count, left_at| {
            let page = list.page(found(count), left_at);
            (page.items.len(), page.more)
        };
        let [third, second] = [3, 2].map(|n| Cursor::of(&found(n)[0]));
        assert_eq!((page(1, None), page(2, None)), ((1, None), (2, None)));
        assert_eq!((page(2, Some(third)), page(3, None)), ((2, Some(third)), (2, Some(second))));
    }

    /// I6: a page comes to neither its own edge nor what is on the other side of it.
    #[test]
    fn a_page_reaches_what_is_on_its_side_of_the_edge() {
        let inquiry = InquiryId::new("inq_1").unwrap();
        let places =
            [1, 2, 3].map(|at| Cursor { created_at: Timestamp::from_unix_micros(at).unwrap(), inquiry });
        let reached = |from: PageFrom| places.map(|place| from.reaches(&place));
        assert_eq!(reached(PageFrom::Newest), [true; 3]);
        assert_eq!(reached(PageFrom::After(places[1])), [true, false, false]);
        assert_eq!(reached(PageFrom::Before(places[1])), [false, false, true]);
    }

    /// E8, I1: the first and the last instant belong to a span that names them, and so does every id of its edges.
    #[test]
    fn a_span_includes_its_edges() {
        let at = |created_at, inquiry| Cursor { created_at, inquiry };
        let between = |from, until| {
            let (created_from, created_until) = (Some(from), Some(until));
            asked(InquiryFilter { created_from, created_until, ..InquiryFilter::default() }, 1).between()
        };
        assert_eq!(between(Timestamp::MIN, Timestamp::MAX), (None, None));
        let [before, first, last, behind] =
            [1, 2, 5, 6].map(|micros| Timestamp::from_unix_micros(micros).unwrap());
        let (Some(older), Some(newer)) = between(first, last) else { panic!("a span has two edges") };
        for id in ["inq_-", "inq_0", "inq_Z", "inq__", "inq_zzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
            let id = InquiryId::new(id).unwrap();
            assert!(at(before, id) <= older && older < at(first, id), "{id}");
            assert!(at(last, id) < newer && newer <= at(behind, id), "{id}");
        }
    }
}
