//! Many links at a time.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use inquiry_otl::{
    LinkStore, Retry, StoreErrorKind,
    redemption::Verdict,
    store::{InquiryKey, IssueOutcome, ListOf},
};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, connection, create, created, inquiry, issue, verdict};

/// S1: 100,000 links are made in one call, which lets others in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_links() {
    const LINKS: u32 = 100_000;
    let directory = Directory::new();
    let store = directory.store();
    for n in 0..100 {
        created(&store, n).await;
    }
    let commands = (0..LINKS).map(|n| issue(n % 100, n)).collect();
    let beside = store.clone();
    let answered = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&answered);
    let other = tokio::spawn(async move {
        for n in 100..150 {
            beside.create_inquiry(create(n)).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let outcomes = store.issue_many(commands).await;
    // One may have been before them, and one have waited for all of them.
    let meanwhile = answered.load(Ordering::Relaxed);
    assert!(5 < meanwhile, "somebody else was answered {meanwhile} times meanwhile");
    other.await.unwrap();
    assert_eq!(outcomes.len(), LINKS as usize);
    for (n, outcome) in (0_u32..).zip(&outcomes) {
        let Ok(IssueOutcome::Issued { link, .. }) = outcome else { panic!("link {n}: {outcome:?}") };
        assert_eq!((link.id.as_u128(), link.inquiry), (n.into(), inquiry(n % 100)));
    }
    assert_eq!(verdict(&store, 0).await, Verdict::FirstUse);
    assert_eq!(verdict(&store, LINKS - 1).await, Verdict::FirstUse);
    assert_eq!(store.issue_many(Vec::new()).await.len(), 0);
}

/// S1: links that cannot be made fail alone, in the order of their commands.
#[tokio::test]
async fn a_bad_one_fails_alone() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    created(&store, 2).await;
    // What the engine refuses in the second statement of the command, after the link was written.
    connection(&directory.file())
        .execute_batch(
            "CREATE TRIGGER stop BEFORE UPDATE ON otl_inquiries WHEN new.id = 'inq_2' \
             BEGIN SELECT RAISE(ABORT, 'stopped'); END",
        )
        .unwrap();
    let commands = vec![issue(1, 0), issue(2, 1), issue(9, 2), issue(1, 0), issue(1, 4)];
    let outcomes = store.issue_many(commands).await;
    assert!(matches!(outcomes[0], Ok(IssueOutcome::Issued { .. })), "{outcomes:?}");
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    assert!(matches!(outcomes[2], Ok(IssueOutcome::NotFound)), "{outcomes:?}");
    assert!(matches!(outcomes[3], Ok(IssueOutcome::Taken)), "{outcomes:?}");
    assert!(matches!(outcomes[4], Ok(IssueOutcome::Issued { .. })), "{outcomes:?}");
    for (of, count) in [(1, 2), (2, 0)] {
        let key = InquiryKey { tenant: inquiry_otl::TenantId::default(), inquiry: inquiry(of) };
        let listing = store.links(ListOf { inquiry: key, before: None, limit: 9 }).await.unwrap().unwrap();
        assert_eq!(listing.items.len(), count, "links of inquiry {of}");
        assert_eq!(listing.inquiry.last_sequence, 1 + count as u64);
    }
}

/// S1: a call that is dropped in the middle has made whole links, and no more than it had begun.
#[tokio::test]
async fn a_dropped_call_made_whole_links() {
    let store = SqliteStore::in_memory().unwrap();
    created(&store, 1).await;
    let commands = (0..10_000).map(|n| issue(1, n)).collect();
    let timeout = std::time::Duration::from_millis(1);
    let dropped = tokio::time::timeout(timeout, store.issue_many(commands)).await;
    assert!(dropped.is_err(), "ten thousand links in a millisecond");
    // Whoever asks after it waits for what was begun.
    created(&store, 2).await;
    let key = InquiryKey { tenant: inquiry_otl::TenantId::default(), inquiry: inquiry(1) };
    let listing = store.links(ListOf { inquiry: key, before: None, limit: 20_000 }).await.unwrap().unwrap();
    let made = listing.items.len();
    assert!(0 < made && made < 10_000, "{made}");
    assert_eq!(listing.inquiry.last_sequence, 1 + made as u64);
}
