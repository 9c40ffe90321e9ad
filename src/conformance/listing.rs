//! Lists of a tenant's inquiries: their order, their pages, what filters keep (I6, S6).

use std::{collections::BTreeSet, num::NonZeroU32};

use super::{
    Fixture,
    stage::{DEADLINE, Stage, interval, micros, policy, purge_long_after, sec},
};
use crate::{
    id::{InquiryId, TemplateId},
    inquiry::{Action, Inquiry, Status},
    store::{
        CreateOutcome, Cursor, Directory, Housekeeping, InquiryFilter, InquiryPage, LinkStore, ListInquiries,
        PageFrom, Sweep,
    },
    text::ReferenceId,
    time::Timestamp,
};

/// I1: the newest inquiry comes first, and of those of one instant the one with the highest id; each is shown whole.
pub async fn inquiries_are_listed_newest_first<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut whole = Vec::new();
    for (id, second) in [("inq_b", 1), ("inq_a", 2), ("inq_d", 1), ("inq_Z", 2), ("inq_e", 0), ("inq_b-1", 1)]
    {
        let id = InquiryId::new(id).expect("the form of an id");
        let mut command = stage.new_inquiry(id, policy(), sec(second));
        command.inquiry.reference = Some(reference(id.as_str()));
        create(&stage, command).await;
        whole.push(stage.record(id).await.inquiry);
    }
    whole.sort_by_key(Cursor::of);
    whole.reverse();
    let list = everything(&stage, sec(3));
    assert_eq!(page(&stage, list.clone()).await.items, whole, "the list of all inquiries");
    for limit in [1, 2, 4] {
        let few = ListInquiries { limit, ..list.clone() };
        let expected: Vec<_> = whole.iter().take(limit as usize).map(|inquiry| inquiry.id).collect();
        assert_eq!(ids(&page(&stage, few).await), expected, "a page of {limit}");
    }
    let none = page(&stage, ListInquiries { limit: 0, ..list }).await;
    assert_eq!(none.items.len(), 1, "a page has one at least");
}

/// I1: pages show each inquiry once, forwards and backwards, filtered or not, while others are created in front of them
/// and behind.
pub async fn pages_show_each_inquiry_once<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let (mut all, mut kept) = (Vec::new(), Vec::new());
    for n in 0..23 {
        let mut command = stage.new_inquiry(stage.new_inquiry_id(), policy(), sec(100 + n / 3));
        command.inquiry.template = template(n % 5);
        let inquiry = command.inquiry.clone();
        create(&stage, command).await;
        if n % 2 == 0 {
            stage.act(inquiry.id, Action::Start, sec(200)).await;
        }
        if n % 5 < 3 {
            kept.push(Cursor::of(&inquiry));
        }
        all.push(Cursor::of(&inquiry));
    }
    let (oldest, newest) = (all.iter().min().copied(), all.iter().max().copied());
    let (oldest, newest) = (oldest.expect("some"), newest.expect("some"));
    let list = ListInquiries { limit: 4, ..everything(&stage, sec(300)) };
    let filter = InquiryFilter {
        statuses: [Status::Created, Status::Pending, Status::Expired].into(),
        templates: (0..3).map(template).collect(),
        ..InquiryFilter::default()
    };
    let filtered = ListInquiries { filter, ..list.clone() };

    assert_eq!(walk(&stage, list.clone(), sec(400)).await, sorted(&all), "all, page by page");

    // Those that were created meanwhile are newer; those that are created now are older.
    assert_eq!(
        walk_to(&stage, filtered.clone(), sec(500), newest).await,
        sorted(&kept),
        "what a filter keeps, page by page"
    );
    let before = |list: &ListInquiries| ListInquiries { from: PageFrom::Before(oldest), ..list.clone() };
    let newer =
        |places: &[Cursor]| sorted(&places.iter().copied().filter(|it| *it != oldest).collect::<Vec<_>>());
    assert_eq!(
        walk_to(&stage, before(&list), sec(10), newest).await,
        newer(&all),
        "all, page by page, from the oldest on"
    );
    assert_eq!(
        walk_to(&stage, before(&filtered), sec(10), newest).await,
        newer(&kept),
        "what a filter keeps, from the oldest on"
    );
}

/// I1, I2: each filter keeps what fits and leaves out the rest, alone and with the others.
pub async fn a_filter_keeps_what_fits<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut all = Vec::new();
    for n in 0..30 {
        let mut command = stage.new_inquiry(stage.new_inquiry_id(), policy(), micros(sec(0), n / 2));
        command.inquiry.template = template(n % 3);
        command.inquiry.reference = (n % 4 != 0).then(|| reference(&format!("person {}", n % 4)));
        let id = command.inquiry.id;
        create(&stage, command).await;
        let actions: &[Action] = match n % 5 {
            0 => &[],
            1 => &[Action::Start],
            2 => &[Action::Start, Action::Complete],
            3 => &[Action::Start, Action::Complete, Action::Approve],
            _ => &[Action::Expire],
        };
        for action in actions {
            stage.act(id, *action, sec(1)).await;
        }
        all.push(stage.record(id).await.inquiry);
    }
    for filter in filters() {
        let list = ListInquiries { filter: filter.clone(), ..everything(&stage, sec(2)) };
        let expected: BTreeSet<_> =
            all.iter().filter(|it| filter.keeps(it, sec(2))).map(Cursor::of).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "a filter of the check decides nothing");
        assert_eq!(fits(&stage, list).await, expected, "what is kept by {filter:?}");
    }
    let nothing = [
        InquiryFilter { templates: [template(7)].into(), ..InquiryFilter::default() },
        InquiryFilter { reference: Some(reference("person")), ..InquiryFilter::default() },
        InquiryFilter { statuses: [Status::Declined].into(), ..InquiryFilter::default() },
        InquiryFilter { created_from: Some(sec(1)), ..InquiryFilter::default() },
        InquiryFilter { created_from: Some(sec(1)), created_until: Some(sec(0)), ..InquiryFilter::default() },
    ];
    for filter in nothing {
        let list = ListInquiries { filter: filter.clone(), ..everything(&stage, sec(2)) };
        assert_eq!(fits(&stage, list).await, BTreeSet::new(), "what is kept by {filter:?}");
    }
}

/// I5, I6: to the microsecond, an inquiry is listed as expired from its deadline on, and shown as it was written.
pub async fn a_list_judges_the_deadline<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let created = stage.inquiry().await;
    let pending = stage.inquiry_with(policy().with_after_start(interval(DEADLINE)), sec(0)).await;
    stage.act(pending, Action::Start, sec(0)).await;
    let completed = stage.inquiry().await;
    stage.act(completed, Action::Start, sec(1)).await;
    stage.act(completed, Action::Complete, sec(1)).await;
    let deadline = sec(DEADLINE);
    for (now, status, expected) in [
        (micros(deadline, -1), Status::Created, vec![created]),
        (micros(deadline, -1), Status::Pending, vec![pending]),
        (micros(deadline, -1), Status::Expired, vec![]),
        (deadline, Status::Created, vec![]),
        (deadline, Status::Pending, vec![]),
        (deadline, Status::Expired, vec![created, pending]),
        (micros(deadline, 1), Status::Expired, vec![created, pending]),
        (micros(deadline, 1), Status::Completed, vec![completed]),
    ] {
        let found = with_status(&stage, [status], now).await;
        assert_eq!(found, expected.into_iter().collect(), "those that are {status} at {now}");
    }
    let found = with_status(&stage, [Status::Created, Status::Expired], deadline).await;
    assert_eq!(found, [created, pending].into(), "those that are created or expired at the deadline");
    let filter = InquiryFilter { statuses: [Status::Expired].into(), ..InquiryFilter::default() };
    let list = ListInquiries { filter, ..everything(&stage, deadline) };
    for inquiry in page(&stage, list).await.items {
        assert_eq!(inquiry, stage.record(inquiry.id).await.inquiry, "a list shows what is written");
    }
}

/// I3, I6, E6: whatever changes a status, an inquiry is found under the one that is written, and under no other.
pub async fn a_list_follows_every_change<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let moved = stage.inquiry().await;
    is_where_it_should(&stage, moved).await;
    for action in [Action::Start, Action::Complete, Action::MarkForReview, Action::Approve, Action::Decline] {
        stage.act(moved, action, sec(1)).await;
        is_where_it_should(&stage, moved).await;
    }
    let back = stage.inquiry().await;
    for action in [Action::Expire, Action::Resume, Action::Fail] {
        stage.act(back, action, sec(1)).await;
        is_where_it_should(&stage, back).await;
    }
    let limited = stage.inquiry_with(policy().with_session_limit(NonZeroU32::MIN), sec(0)).await;
    for _ in 0..2 {
        // The second is one too many, and expires the inquiry.
        stage.start_as(stage.new_start(limited, sec(1))).await;
    }
    is_where_it_should(&stage, limited).await;
    let met = stage.inquiry().await;
    let link = stage.issue(met, sec(1)).await;
    stage.redeem(link, sec(DEADLINE)).await;
    is_where_it_should(&stage, met).await;
    let swept = stage.inquiry().await;
    let sweep = Sweep { now: sec(DEADLINE), limit: 100, event: stage.new_event_id() };
    stage.store.sweep(sweep).await.expect("the store failed to sweep");
    is_where_it_should(&stage, swept).await;
}

/// I4: a redacted inquiry is listed like any other.
pub async fn a_redacted_inquiry_is_listed<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    stage.act(inquiry, Action::Redact, sec(1)).await;
    let listed = page(&stage, everything(&stage, sec(2))).await.items;
    assert_eq!(listed, [stage.record(inquiry).await.inquiry], "the list of an inquiry that is redacted");
}

/// S6: a list shows what is its tenant's, and nothing else.
pub async fn a_list_is_of_one_tenant<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let (one, two) = (stage.tenant("one"), stage.tenant("two"));
    let [of_one, of_two] = [stage.new_inquiry_id(), stage.new_inquiry_id()];
    for (stage, id, second) in [(&one, of_one, 1), (&two, of_two, 2)] {
        create(stage, stage.new_inquiry(id, policy(), sec(second))).await;
    }
    let more = two.inquiry().await;
    let three = stage.tenant("three");
    let at = |second, inquiry| Cursor { created_at: sec(second), inquiry };
    assert_eq!(
        fits(&one, everything(&one, sec(3))).await,
        [at(1, of_one)].into(),
        "the inquiries of one tenant"
    );
    assert_eq!(
        fits(&two, everything(&two, sec(3))).await,
        [at(2, of_two), at(0, more)].into(),
        "the inquiries of another tenant"
    );
    assert_eq!(
        fits(&three, everything(&three, sec(3))).await,
        BTreeSet::new(),
        "the inquiries of a tenant without any"
    );
}

/// S3: an inquiry that is purged leaves the list, and its place stays one to go on from.
pub async fn a_cursor_outlives_its_inquiry<F: Fixture>(fixture: &F)
where
    F::Store: Directory + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut inquiries = Vec::new();
    for second in 0..5 {
        inquiries.push(stage.inquiry_with(policy(), sec(second)).await);
    }
    let gone = inquiries.remove(2);
    stage.act(gone, Action::Expire, sec(10)).await;
    fixture.deliver(&stage.store).await;
    let purged = stage.store.purge(purge_long_after()).await.expect("the store failed to purge");
    assert_eq!(purged.inquiries, 1, "inquiries that a purge removed");

    let place = Cursor { created_at: sec(2), inquiry: gone };
    let from = |from| fits(&stage, ListInquiries { from, ..everything(&stage, sec(11)) });
    let at = |n: usize, second| Cursor { created_at: sec(second), inquiry: inquiries[n] };
    let (older, newer) = ([at(0, 0), at(1, 1)], [at(2, 3), at(3, 4)]);
    assert_eq!(from(PageFrom::Newest).await, older.into_iter().chain(newer).collect(), "what is left");
    assert_eq!(from(PageFrom::After(place)).await, older.into(), "behind the place of a purged inquiry");
    assert_eq!(
        from(PageFrom::Before(place)).await,
        newer.into(),
        "in front of the place of a purged inquiry"
    );
}

fn template(n: i64) -> TemplateId {
    TemplateId::new(&format!("itmpl_{n}")).expect("the form of an id")
}

fn reference(text: &str) -> ReferenceId {
    ReferenceId::new(text).expect("a check names references that are ones")
}

/// Each part of a filter, and some of them together.
fn filters() -> Vec<InquiryFilter> {
    let any = InquiryFilter::default;
    let mut filters = Vec::new();
    let open = [Status::Created, Status::Pending];
    for status in [Status::Created, Status::Pending, Status::Completed, Status::Approved, Status::Expired] {
        filters.push(InquiryFilter { statuses: [status].into(), ..any() });
        filters.push(InquiryFilter { statuses: [status].into(), templates: [template(1)].into(), ..any() });
    }
    for templates in [vec![0], vec![0, 2], vec![1, 7]] {
        let templates: BTreeSet<_> = templates.into_iter().map(template).collect();
        filters.push(InquiryFilter { templates: templates.clone(), ..any() });
        filters.push(InquiryFilter { templates: templates.clone(), statuses: open.into(), ..any() });
        filters.push(InquiryFilter { templates, reference: Some(reference("person 2")), ..any() });
    }
    let reference = Some(reference("person 3"));
    filters.push(InquiryFilter { reference: reference.clone(), ..any() });
    filters.push(InquiryFilter { reference: reference.clone(), statuses: open.into(), ..any() });
    let (from, until) = (Some(micros(sec(0), 4)), Some(micros(sec(0), 9)));
    filters.push(InquiryFilter { created_from: from, ..any() });
    filters.push(InquiryFilter { created_until: until, ..any() });
    filters.push(InquiryFilter { created_from: from, created_until: from, ..any() });
    filters.push(InquiryFilter { created_from: from, created_until: until, statuses: open.into(), ..any() });
    filters.push(InquiryFilter {
        statuses: [Status::Pending, Status::Approved, Status::Expired].into(),
        templates: [template(0), template(1)].into(),
        reference,
        created_from: from,
        created_until: until,
    });
    filters
}

/// The list of all inquiries of a tenant, on one page.
fn everything<S>(stage: &Stage<S>, now: Timestamp) -> ListInquiries {
    let filter = InquiryFilter::default();
    ListInquiries { tenant: stage.tenant, now, filter, from: PageFrom::Newest, limit: 1_000 }
}

async fn create<S: LinkStore + 'static>(stage: &Stage<S>, command: crate::store::CreateInquiry) {
    let outcome = stage.create(command).await;
    assert!(matches!(outcome, CreateOutcome::Created(_)), "a new inquiry was not created: {outcome:?}");
}

async fn page<S: Directory>(stage: &Stage<S>, list: ListInquiries) -> InquiryPage {
    stage.store.inquiries(list).await.expect("the store failed to list inquiries")
}

/// The places of all that a list has, however short its pages are.
async fn fits<S: Directory>(stage: &Stage<S>, mut list: ListInquiries) -> BTreeSet<Cursor> {
    let mut found = BTreeSet::new();
    for _ in 0..1_000 {
        let page = page(stage, list.clone()).await;
        found.extend(page.items.iter().map(Cursor::of));
        let Some(more) = page.more else { return found };
        list.from = if list.from.is_backwards() { PageFrom::Before(more) } else { PageFrom::After(more) };
    }
    panic!("a list has no end");
}

/// Those that have one of these statuses.
async fn with_status<S: Directory, const N: usize>(
    stage: &Stage<S>,
    statuses: [Status; N],
    now: Timestamp,
) -> BTreeSet<InquiryId> {
    let filter = InquiryFilter { statuses: statuses.into(), ..InquiryFilter::default() };
    let found = fits(stage, ListInquiries { filter, ..everything(stage, now) }).await;
    found.into_iter().map(|place| place.inquiry).collect()
}

/// An inquiry is listed under the status that is written, and under no other: at second 2 no deadline has passed.
async fn is_where_it_should<S: LinkStore + Directory + 'static>(stage: &Stage<S>, inquiry: InquiryId) {
    let written = stage.record(inquiry).await.inquiry.status;
    for status in Status::ALL {
        let found = with_status(stage, [status], sec(2)).await.contains(&inquiry);
        assert_eq!(found, status == written, "whether what is {written} is listed as {status}");
    }
}

/// The places of all that a list has, in their order, page by page; behind each page an inquiry is created at that instant.
async fn walk<S: LinkStore + Directory + 'static>(
    stage: &Stage<S>,
    mut list: ListInquiries,
    meanwhile: Timestamp,
) -> Vec<Cursor> {
    let mut found: Vec<Cursor> = Vec::new();
    for _ in 0..1_000 {
        let page = page(stage, list.clone()).await;
        assert!(page.items.len() <= list.limit as usize, "a page is longer than its limit");
        let is_full = page.items.len() == list.limit as usize;
        let is_all = list.filter == InquiryFilter::default();
        assert!(
            is_full || !is_all || page.more.is_none(),
            "a page without a filter is short, and not the last"
        );
        let instants: Vec<_> = page.items.iter().map(|inquiry| inquiry.created_at).collect();
        assert!(instants.is_sorted_by(|one, next| one >= next), "a page does not begin with its newest");
        found.extend(page.items.iter().map(Cursor::of));
        stage.inquiry_with(policy(), meanwhile).await;
        let Some(more) = page.more else { return sorted(&found) };
        list.from = if list.from.is_backwards() { PageFrom::Before(more) } else { PageFrom::After(more) };
    }
    panic!("a list has no end");
}

/// The same, without what is newer than that.
async fn walk_to<S: LinkStore + Directory + 'static>(
    stage: &Stage<S>,
    list: ListInquiries,
    meanwhile: Timestamp,
    newest: Cursor,
) -> Vec<Cursor> {
    let mut found = walk(stage, list, meanwhile).await;
    found.retain(|place| *place <= newest);
    found
}

fn sorted(places: &[Cursor]) -> Vec<Cursor> {
    let mut places = places.to_vec();
    places.sort();
    places
}

fn ids(page: &InquiryPage) -> Vec<InquiryId> {
    page.items.iter().map(|inquiry: &Inquiry| inquiry.id).collect()
}
