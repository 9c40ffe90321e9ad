//! A page of a list that comes from several places: shards, partitions, indexes.

use std::cmp::Ordering;

use super::{Cursor, ListInquiries};

/// Puts a page together from several sources, each of which is walked in the page's order ([`PageFrom::order`]).
///
/// For each place of a source: stop if the page does not [want](Self::wants) it, [add](Self::add) it if it fits, and
/// [leave](Self::leave) the source there if it was looked at for long enough.
///
/// [`PageFrom::order`]: super::PageFrom::order
#[derive(Clone, Debug)]
pub struct Merging<'a, T> {
    list: &'a ListInquiries,
    /// The first ones in the order of the page, one more than wanted at the most.
    found: Vec<(Cursor, T)>,
    /// The first place at which a source was left before its end: nothing behind it is on the page.
    left_at: Option<Cursor>,
}

impl<'a, T> Merging<'a, T> {
    /// A page on which nothing is yet.
    #[must_use]
    pub const fn new(list: &'a ListInquiries) -> Self {
        Self { list, found: Vec::new(), left_at: None }
    }

    /// Whether what is at that place, or behind it, can be on the page.
    #[must_use]
    pub fn wants(&self, place: &Cursor) -> bool {
        let is_full = self.list.wanted() < self.found.len();
        let last = self.found.last().filter(|_| is_full).map(|(last, _)| last);
        [last, self.left_at.as_ref()].into_iter().flatten().all(|end| !self.comes_first(end, place))
    }

    /// Adds what is at that place.
    pub fn add(&mut self, place: Cursor, item: T) {
        let at = self.found.partition_point(|(other, _)| self.comes_first(other, &place));
        self.found.insert(at, (place, item));
        self.found.truncate(self.list.wanted().saturating_add(1));
    }

    /// Leaves a source behind that place, which was looked at: what the others have behind it is for the next page.
    pub fn leave(&mut self, place: Cursor) {
        if self.wants(&place) {
            let kept = self.found.partition_point(|(other, _)| !self.comes_first(&place, other));
            self.found.truncate(kept);
            self.left_at = Some(place);
        }
    }

    /// What was found, in the page's order, and where a source was left: as [`ListInquiries::page`] takes them.
    #[must_use]
    pub fn found(self) -> (Vec<T>, Option<Cursor>) {
        (self.found.into_iter().map(|(_, item)| item).collect(), self.left_at)
    }

    fn comes_first(&self, one: &Cursor, other: &Cursor) -> bool {
        self.list.from.order(one, other) == Ordering::Less
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::{InquiryId, TemplateId},
        inquiry::Inquiry,
        policy::ExpirationPolicy,
        store::{InquiryFilter, PageFrom},
        tenant::TenantId,
        time::Timestamp,
    };

    fn inquiry((at, id): (i64, u8)) -> Inquiry {
        let template = TemplateId::new("itmpl_1").unwrap();
        let created_at = Timestamp::from_unix_micros(at).unwrap();
        Inquiry::new(
            InquiryId::new(&format!("inq_{id}")).unwrap(),
            template,
            ExpirationPolicy::default(),
            created_at,
        )
    }

    proptest! {
        /// I1, I6: pages that are merged from sources, each of which may be left early, show what one list of all shows: in its
        /// order, each once, nothing outside of the span.
        #[test]
        fn merged_pages_are_those_of_one_list(
            all in proptest::collection::btree_set((0_i64..6, 0_u8..40), 0..40),
            sources in 1_usize..5,
            (limit, looks) in (0_u32..7, 1_usize..6),
            (first, last) in (0_i64..6, 0_i64..8),
            backwards: bool,
        ) {
            let filter = InquiryFilter {
                created_from: Timestamp::from_unix_micros(first).ok(),
                created_until: Timestamp::from_unix_micros(last).ok(),
                ..InquiryFilter::default()
            };
            let edge = Cursor { created_at: Timestamp::MIN, inquiry: InquiryId::FIRST };
            let from = if backwards { PageFrom::Before(edge) } else { PageFrom::Newest };
            let now = Timestamp::MIN;
            let mut list = ListInquiries { tenant: TenantId::default(), now, filter, from, limit };
            let mut ids = std::collections::BTreeSet::new();
            let all: Vec<_> = all.into_iter().filter(|(_, id)| ids.insert(*id)).map(inquiry).collect();
            let mut expected: Vec<_> = all.iter().filter(|inquiry| list.keeps(inquiry)).map(Cursor::of).collect();
            expected.sort_by(|one, other| list.from.order(one, other));

            let mut shown = Vec::new();
            for _ in 0..200 {
                let mut page = Merging::new(&list);
                let (older, newer) = list.between();
                for source in 0..sources {
                    let mut rest: Vec<_> = all.iter().skip(source).step_by(sources).collect();
                    rest.retain(|inquiry| {
                        let place = Cursor::of(inquiry);
                        older.is_none_or(|older| older < place) && newer.is_none_or(|newer| place < newer)
                    });
                    rest.sort_by(|one, other| list.from.order(&Cursor::of(one), &Cursor::of(other)));
                    for (looked, inquiry) in (1..).zip(rest) {
                        let place = Cursor::of(inquiry);
                        if !page.wants(&place) {
                            break;
                        }
                        page.add(place, inquiry.clone());
                        if looked == looks {
                            page.leave(place);
                            break;
                        }
                    }
                }
                let (found, left_at) = page.found();
                let mut page = list.page(found, left_at);
                prop_assert!(page.items.len() <= list.wanted());
                if backwards {
                    page.items.reverse();
                }
                shown.extend(page.items.iter().map(Cursor::of));
                let Some(more) = page.more else { break };
                list.from = if backwards { PageFrom::Before(more) } else { PageFrom::After(more) };
            }
            prop_assert_eq!(shown, expected);
        }
    }
}
