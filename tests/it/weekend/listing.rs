//! Stores that list inquiries wrongly (I6, S6).

use std::cmp::Reverse;

use inquiry_otl::{
    Inquiry, Status,
    store::{Cursor, InquiryFilter, InquiryPage, ListInquiries, PageFrom},
};

use super::{Answer, Broken, HEALTHY, Process, Verbs, a_moment_before};

pub(super) const FAULTS: &[Broken] = &[
    Broken {
        fault: "inquiries of one instant are listed with the lowest id first",
        check: "inquiries_are_listed_newest_first",
        verbs: Verbs {
            inquiries: |process, list| {
                let mut page = (HEALTHY.inquiries)(process, list)?;
                page.items.sort_by_key(|inquiry| (Reverse(inquiry.created_at), inquiry.id));
                Ok(page)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a page does not say that there are more",
        check: "pages_show_each_inquiry_once",
        verbs: Verbs {
            inquiries: |process, list| {
                let page = (HEALTHY.inquiries)(process, list)?;
                Ok(InquiryPage { more: None, ..page })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a page begins behind all inquiries of its cursor's instant",
        check: "pages_show_each_inquiry_once",
        verbs: Verbs {
            inquiries: |process, list| match list.from {
                PageFrom::After(cursor) => {
                    left_out(process, list, |inquiry| inquiry.created_at == cursor.created_at)
                }
                PageFrom::Newest | PageFrom::Before(_) => (HEALTHY.inquiries)(process, list),
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a page towards the newer ones has the newest, not the next",
        check: "pages_show_each_inquiry_once",
        verbs: Verbs {
            inquiries: |process, list| {
                let mut page =
                    (HEALTHY.inquiries)(process, ListInquiries { limit: u32::MAX, ..list.clone() })?;
                if !list.from.is_backwards() {
                    return (HEALTHY.inquiries)(process, list);
                }
                page.items.truncate(list.limit as usize);
                page.more = None;
                Ok(page)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a page towards the newer ones begins with its oldest",
        check: "pages_show_each_inquiry_once",
        verbs: Verbs {
            inquiries: |process, list| {
                let is_backwards = list.from.is_backwards();
                let mut page = (HEALTHY.inquiries)(process, list)?;
                if is_backwards {
                    page.items.reverse();
                }
                Ok(page)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a filter by template makes one by a single status forgotten",
        check: "a_filter_keeps_what_fits",
        verbs: Verbs {
            inquiries: |process, mut list| {
                if list.filter.templates.len() == 1 && list.filter.statuses.len() == 1 {
                    list.filter.statuses.clear();
                }
                (HEALTHY.inquiries)(process, list)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the end of a span of creation does not belong to it",
        check: "a_filter_keeps_what_fits",
        verbs: Verbs {
            inquiries: |process, mut list| {
                list.filter.created_until = list.filter.created_until.map(a_moment_before);
                (HEALTHY.inquiries)(process, list)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a reference is not looked at where a template is",
        check: "a_filter_keeps_what_fits",
        verbs: Verbs {
            inquiries: |process, mut list| {
                if !list.filter.templates.is_empty() {
                    list.filter.reference = None;
                }
                (HEALTHY.inquiries)(process, list)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "the status of a list is the one that is written",
        check: "a_list_judges_the_deadline",
        verbs: Verbs {
            inquiries: |process, list| {
                let filter = InquiryFilter { statuses: [].into(), ..list.filter.clone() };
                let statuses = list.filter.statuses.clone();
                let is_other = |it: &Inquiry| !statuses.is_empty() && !statuses.contains(&it.status);
                left_out(process, ListInquiries { filter, ..list }, is_other)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an inquiry is listed as open at its deadline",
        check: "a_list_judges_the_deadline",
        verbs: Verbs {
            inquiries: |process, list| {
                (HEALTHY.inquiries)(process, ListInquiries { now: a_moment_before(list.now), ..list })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "an expiry that time caused is not entered in the list by status",
        check: "a_list_follows_every_change",
        verbs: Verbs {
            inquiries: |process, list| {
                let by_status = list.filter.statuses.len() == 1;
                left_out(process, list, |inquiry| {
                    by_status
                        && inquiry.status == Status::Expired
                        && inquiry.expired_at == Some(inquiry.expires_at)
                })
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "a redacted inquiry is not listed",
        check: "a_redacted_inquiry_is_listed",
        verbs: Verbs {
            inquiries: |process, list| left_out(process, list, |inquiry| inquiry.redacted_at.is_some()),
            ..HEALTHY
        },
    },
    Broken {
        fault: "another tenant's inquiries are listed behind one's own",
        check: "a_list_is_of_one_tenant",
        verbs: Verbs {
            inquiries: |process, list| {
                let others: Vec<_> = process.tables().files.keys().map(|key| key.tenant).collect();
                let other = others.into_iter().find(|tenant| *tenant != list.tenant);
                let mut page = (HEALTHY.inquiries)(process, list.clone())?;
                if let Some(tenant) = other {
                    page.items.extend((HEALTHY.inquiries)(process, ListInquiries { tenant, ..list })?.items);
                }
                Ok(page)
            },
            ..HEALTHY
        },
    },
    Broken {
        fault: "there is nothing behind the place of an inquiry that is gone",
        check: "a_cursor_outlives_its_inquiry",
        verbs: Verbs {
            inquiries: |process, list| match list.from {
                PageFrom::After(Cursor { inquiry, .. })
                    if process.tables().files.keys().all(|key| key.inquiry != inquiry) =>
                {
                    Ok(InquiryPage::default())
                }
                _ => (HEALTHY.inquiries)(process, list),
            },
            ..HEALTHY
        },
    },
];

/// The healthy page without some of the inquiries, and with those that come in their place.
fn left_out(
    process: &Process,
    list: ListInquiries,
    is_left_out: impl Fn(&Inquiry) -> bool,
) -> Answer<InquiryPage> {
    let limit = list.limit as usize;
    let is_backwards = list.from.is_backwards();
    let mut page = (HEALTHY.inquiries)(process, ListInquiries { limit: u32::MAX, ..list })?;
    page.items.retain(|inquiry| !is_left_out(inquiry));
    if limit < page.items.len() && !is_backwards {
        page.items.truncate(limit.max(1));
        page.more = page.items.last().map(Cursor::of);
    } else if limit < page.items.len() {
        page.items.drain(..page.items.len() - limit.max(1));
        page.more = page.items.first().map(Cursor::of);
    }
    Ok(page)
}
