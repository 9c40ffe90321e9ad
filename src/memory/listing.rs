//! The inquiries of a tenant, from all shards (I6, S6).

use std::{
    collections::BTreeMap,
    iter,
    ops::Bound::{Excluded, Unbounded},
};

use super::MemoryStore;
use crate::store::{Cursor, Directory, InquiryPage, ListInquiries, Merging, StoreError};

/// How many inquiries of a shard a page looks at, at the most, unless it wants more.
const LOOKS: usize = 1_024;

impl Directory for MemoryStore {
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        let mut page = Merging::new(&list);
        for shard in (0..).map_while(|index| self.shard(index)) {
            let Some(listed) = shard.listed.get(&list.tenant) else {
                continue;
            };
            for (looks, (place, slot)) in (1..).zip(places(listed, &list)) {
                if !page.wants(&place) {
                    break;
                }
                let inquiry = shard.inquiries.get(slot).map(|slot| &slot.record.inquiry);
                if let Some(inquiry) = inquiry.filter(|inquiry| list.keeps(inquiry)) {
                    page.add(place, inquiry.clone());
                }
                if looks == LOOKS.max(list.wanted()) {
                    page.leave(place);
                    break;
                }
            }
        }
        let (found, left_at) = page.found();
        Ok(list.page(found, left_at))
    }
}

/// The places of a shard's inquiries that may be on the page, in its order.
fn places<'a>(
    listed: &'a BTreeMap<Cursor, u32>,
    list: &ListInquiries,
) -> Box<dyn Iterator<Item = (Cursor, u32)> + 'a> {
    let between = match list.between() {
        (Some(older), Some(newer)) if newer <= older => return Box::new(iter::empty()),
        (older, newer) => (older.map_or(Unbounded, Excluded), newer.map_or(Unbounded, Excluded)),
    };
    let range = listed.range(between).map(|(place, slot)| (*place, *slot));
    if list.from.is_backwards() { Box::new(range) } else { Box::new(range.rev()) }
}
