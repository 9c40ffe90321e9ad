//! Lists of a million inquiries, and how many inquiries are on each: what they cost is for the tests of the stores to say.

use std::collections::BTreeSet;

use inquiry_otl::{
    Cursor, InquiryId, ReferenceId, Status, TemplateId, TenantId, Timestamp,
    store::{InquiryFilter, ListInquiries, PageFrom},
};

/// How many inquiries there are. The `n`-th, from 1, has the id `inq_` with `n` in ten digits, and was created `n` seconds
/// after [`began`]; each lives for a day.
///
/// It waits for a review if `n % 100000` is 7; otherwise the last 3,000 are created, and of the others every other one is
/// completed and approved. Its template is `itmpl_` with `n % 7`, or `itmpl_rare` if `n % 100000` is 5; its reference
/// `person` and `n / 3`.
pub const INQUIRIES: i64 = 1_000_000;

/// What the second tenant has beside them: created inquiries, as many, at the same instants, by default policy.
pub const BUSY: i64 = 15_000;

/// When the zeroth inquiry would have been created.
pub fn began() -> Timestamp {
    at(0)
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_unix_micros((1_794_000_000 + n) * 1_000_000).unwrap()
}

fn place(n: i64) -> Cursor {
    Cursor { created_at: at(n), inquiry: InquiryId::new(&format!("inq_{n:010}")).unwrap() }
}

/// Lists of the default tenant, each with its name and how many inquiries are on its page of 50.
pub fn lists() -> Vec<(&'static str, ListInquiries, usize)> {
    let any = InquiryFilter::default;
    let of = |statuses: &[Status]| InquiryFilter { statuses: statuses.iter().copied().collect(), ..any() };
    let rare = || BTreeSet::from([TemplateId::new("itmpl_rare").unwrap()]);
    let span = |statuses: &[Status]| InquiryFilter {
        created_from: Some(at(500_000)),
        created_until: Some(at(500_009)),
        ..of(statuses)
    };
    let newest = PageFrom::Newest;
    let lists = [
        ("the first page", any(), newest, 50),
        ("a deep page", any(), PageFrom::After(place(400_000)), 50),
        ("a deep page towards the newer ones", any(), PageFrom::Before(place(400_000)), 50),
        ("a rare status", of(&[Status::NeedsReview]), newest, 10),
        ("two statuses", of(&[Status::Completed, Status::Approved]), newest, 50),
        ("a deep page of a status", of(&[Status::Approved]), PageFrom::After(place(400_000)), 50),
        ("those that are open", of(&[Status::Created]), newest, 50),
        ("those that expired, of which there are none", of(&[Status::Expired]), newest, 0),
        ("a rare template", InquiryFilter { templates: rare(), ..any() }, newest, 10),
        (
            "a status of a rare template",
            InquiryFilter { templates: rare(), ..of(&[Status::Completed]) },
            newest,
            10,
        ),
        (
            "a reference",
            InquiryFilter { reference: Some(ReferenceId::new("person 200000").unwrap()), ..any() },
            newest,
            3,
        ),
        ("a span of creation", span(&[]), newest, 10),
        ("a status in a span of creation", span(&[Status::Approved]), newest, 5),
    ];
    let tenant = TenantId::default();
    let list = |filter, from| ListInquiries { tenant, now: now(), filter, from, limit: 50 };
    lists.into_iter().map(|(name, filter, from, count)| (name, list(filter, from), count)).collect()
}

/// The list of what expired, of a tenant with more open inquiries than a page looks at: it is empty, and has a next one.
pub fn busy() -> ListInquiries {
    let filter = InquiryFilter { statuses: [Status::Expired].into(), ..InquiryFilter::default() };
    let tenant = TenantId::new("busy").unwrap();
    ListInquiries { tenant, now: at(0), filter, from: PageFrom::Newest, limit: 50 }
}

/// An hour after the last inquiry was created.
fn now() -> Timestamp {
    at(INQUIRIES + 3_600)
}
