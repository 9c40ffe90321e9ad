//! What a purge and a sweep cost, and what they do about records that they cannot read.

use inquiry_otl::{
    Interval, LinkStore, Purpose, Retry, SessionId, StoreErrorKind, TenantId,
    issuance::{IssueLink, Lifetime, Outstanding},
    redemption::Verdict,
    session::StartSession,
    store::{Housekeeping, InquiryKey, Purge, Purged, Sweep},
};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, connection, created, digest, event, inquiry, issue, issued, redeem, sec};

const DAY: i64 = 86_400;

fn purge(now: i64) -> Purge {
    let day = Interval::from_seconds(DAY).unwrap();
    let now = sec(now);
    Purge { now, retention: day, inquiry_retention: Some(day), repeats_after: now, limit: 1_000 }
}

fn sweep(now: i64) -> Sweep {
    Sweep { now: sec(now), limit: 1_000, event: event(1) }
}

fn count(directory: &Directory, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM otl_{table}");
    connection(&directory.file()).query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// S3, L4: reasons that no kept link can ask for are forgotten one by one, and all with the last link.
#[tokio::test]
async fn reasons_are_forgotten() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    // Ten links, each of which supersedes the one before and lives ten seconds longer.
    for n in 0..10 {
        let lifetime = Lifetime::Until(sec(100 + 10 * i64::from(n)));
        let link = IssueLink { lifetime, outstanding: Outstanding::Supersede, ..issue(1, n) };
        store.issue(link).await.unwrap();
    }
    assert_eq!(count(&directory, "endings"), 9);
    for gone in 1..=9 {
        let purged = store.purge(purge(100 + 10 * (gone - 1) + DAY)).await.unwrap();
        assert_eq!((purged.links, purged.more), (1, false), "the purge of link {gone}");
        assert_eq!(count(&directory, "endings"), 9 - gone);
    }
    assert_eq!(store.redeem(redeem(9)).await.unwrap().unwrap().verdict, Verdict::FirstUse);
    store.sweep(sweep(2 * DAY)).await.unwrap();
    assert_eq!(count(&directory, "endings"), 1, "why the last link is dead");
    let purged = store.purge(purge(10 * DAY)).await.unwrap();
    assert_eq!(purged, Purged { links: 1, sessions: 1, inquiries: 1, more: false });
    for table in ["links", "sessions", "endings", "inquiries"] {
        assert_eq!(count(&directory, table), 0, "{table}");
    }
}

/// S3, E5: a session stays as long as a kept link that it made, and goes with it.
#[tokio::test]
async fn a_session_waits_for_its_links() {
    let directory = Directory::new();
    let store = directory.store();
    let day = Interval::from_seconds(DAY).unwrap();
    let policy = inquiry_otl::ExpirationPolicy::default().with_after_create(day);
    store.create_inquiry(crate::support::create_with(1, policy)).await.unwrap();
    let session = SessionId::from_u128(7);
    let tenant = TenantId::default();
    let start =
        StartSession { tenant, inquiry: inquiry(1), now: sec(1), session, token: digest(1), event: event(9) };
    store.start_session(start).await.unwrap();
    for n in 0..50 {
        let link = IssueLink { purpose: Purpose::DeviceHandoff, parent: Some(session), ..issue(1, n) };
        store.issue(link).await.unwrap();
    }
    // As if they were kept for another reason: a purge has put them off.
    let other = connection(&directory.file());
    other.execute_batch(&format!("UPDATE otl_links SET purge_from = {}", 5 * DAY * 1_000_000)).unwrap();
    let early = store.purge(purge(3 * DAY)).await.unwrap();
    assert_eq!((early.links, early.sessions), (0, 0));
    let purged = store.purge(purge(6 * DAY)).await.unwrap();
    assert_eq!((purged.links, purged.sessions), (50, 1));
}

/// S3: thousands are removed, in batches that others get in between, and a limit is a limit.
#[tokio::test]
async fn thousands_are_removed() {
    let store = SqliteStore::in_memory().unwrap();
    for of in 0..10 {
        created(&store, of).await;
    }
    let commands = (0..3_000).map(|n| issue(n % 10, n)).collect();
    assert!(store.issue_many(commands).await.iter().all(Result::is_ok));
    let purged = store.purge(purge(DAY + 1_000)).await.unwrap();
    assert_eq!((purged.links, purged.more), (1_000, true));
    let all = Purge { limit: 1_000_000, ..purge(DAY + 1_000) };
    assert_eq!(store.purge(all).await.unwrap().links, 2_000);
    // The inquiries end by time; when that was written they go, too.
    assert_eq!(store.purge(Purge { now: sec(90 * DAY), ..all }).await.unwrap().inquiries, 0);
    let swept = store.sweep(sweep(90 * DAY)).await.unwrap();
    assert_eq!((swept.events.len(), swept.more), (10, false));
    assert_eq!(store.purge(Purge { now: sec(90 * DAY), ..all }).await.unwrap().inquiries, 10);
}

/// S3, T6: a record that cannot be read keeps no other from its turn, and is told of.
#[tokio::test]
async fn the_unreadable_stands_in_nobodys_way() {
    let directory = Directory::new();
    let store = directory.store();
    for n in 0..300 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    let other = connection(&directory.file());
    other
        .execute_batch(
            "PRAGMA ignore_check_constraints = 1;
             UPDATE otl_links SET generation = -1 WHERE inquiry < 'inq_2';
             UPDATE otl_inquiries SET template = '' WHERE id < 'inq_2';",
        )
        .unwrap();
    let damaged: i64 = other
        .query_row("SELECT count(*) FROM otl_inquiries WHERE template = ''", [], |row| row.get(0))
        .unwrap();
    let good = 300 - usize::try_from(damaged).unwrap();
    let swept = store.sweep(sweep(2 * DAY)).await.unwrap();
    assert_eq!((swept.events.len(), swept.more), (good, false));
    let error = store.sweep(sweep(2 * DAY)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Corrupt, Retry::Useless));

    let error = store.purge(purge(2 * DAY)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert_eq!(count(&directory, "links"), damaged, "links that are left");
    // They are left alone for a day, and told of again then.
    assert!(store.purge(purge(2 * DAY)).await.is_ok());
    assert!(store.purge(purge(3 * DAY)).await.is_err());
    let key = InquiryKey { tenant: TenantId::default(), inquiry: inquiry(299) };
    assert!(store.inquiry(key).await.unwrap().is_none(), "an inquiry without links");
}
