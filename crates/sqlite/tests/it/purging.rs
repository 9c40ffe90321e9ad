//! What a purge and a sweep cost, and what they do about records that they cannot read.

use inquiry_otl::{
    Action, Interval, LinkStore, Purpose, Retry, SessionId, StoreErrorKind, TenantId,
    event::Revocation,
    issuance::{IssueLink, Lifetime, Outstanding},
    redemption::{Redeem, Verdict},
    revocation::Revoke,
    session::StartSession,
    store::{ChangeInquiry, Housekeeping, InquiryKey, Purge, Purged, Sweep},
};
use inquiry_otl_sqlite::{SqliteStore, Synchronous};

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

/// S3, L4: whatever happens, the counters that a purge goes by are those of the links that are there, and each kept link
/// that is dead has its reason.
#[tokio::test]
async fn the_counters_are_those_of_the_links() {
    let directory = Directory::new();
    let store = SqliteStore::builder().with_synchronous(Synchronous::Normal).open(directory.file()).unwrap();
    let other = connection(&directory.file());
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for of in 0..3 {
        created(&store, of).await;
    }
    let mut purged = 0;
    let mut now = 1;
    for step in 0..1_500_u32 {
        now += i64::from(random.below(400));
        let of = random.below(3);
        match random.below(12) {
            0 => act(&store, of, Action::Expire, now).await,
            1 | 2 => act(&store, of, Action::Resume, now).await,
            3 => {
                let target = if random.below(2) == 0 { Revocation::AllLinks } else { Revocation::Everything };
                let tenant = TenantId::default();
                let revoke =
                    Revoke { tenant, inquiry: inquiry(of), target, now: sec(now), event: event(step) };
                store.revoke(revoke).await.unwrap();
            }
            4 => {
                store.redeem(Redeem { now: sec(now), ..redeem(random.below(step.max(1))) }).await.unwrap();
            }
            5 => {
                let all = Purge { inquiry_retention: None, ..purge(now) };
                purged += store.purge(all).await.unwrap().links;
            }
            _ => {
                let purpose = if random.below(2) == 0 { Purpose::Resume } else { Purpose::DeviceHandoff };
                let outstanding =
                    if random.below(2) == 0 { Outstanding::Supersede } else { Outstanding::Keep };
                let lifetime = Lifetime::Until(sec(now + i64::from(random.below(80_000))));
                let link = IssueLink { now: sec(now), purpose, outstanding, lifetime, ..issue(of, step) };
                store.issue(link).await.unwrap();
            }
        }
        if step % 25 == 0 {
            for wrong in WRONG_COUNTERS {
                let found: i64 = other
                    .query_row(&format!("SELECT count(*) FROM ({wrong})"), [], |row| row.get(0))
                    .unwrap();
                assert_eq!(found, 0, "step {step}: {wrong}");
            }
        }
    }
    assert!(100 < purged && 100 < count(&directory, "links"), "{purged} links were purged");
}

/// Rows that there must not be.
const WRONG_COUNTERS: [&str; 6] = [
    "SELECT 1 FROM otl_inquiries i WHERE epoch_links <> \
        (SELECT count(*) FROM otl_links l WHERE l.inquiry = i.id AND l.epoch = i.epoch)",
    "SELECT 1 FROM otl_inquiries i WHERE resume_links <> (SELECT count(*) FROM otl_links l \
        WHERE l.inquiry = i.id AND l.purpose = 'resume' AND l.generation = i.resume_generation) \
     OR handoff_links <> (SELECT count(*) FROM otl_links l \
        WHERE l.inquiry = i.id AND l.purpose = 'device-handoff' AND l.generation = i.handoff_generation)",
    "SELECT 1 FROM otl_endings e WHERE kind = 0 AND links <> \
        (SELECT count(*) FROM otl_links l WHERE l.inquiry = e.inquiry AND l.epoch = e.number)",
    "SELECT 1 FROM otl_endings e WHERE kind >= 1 AND links <> (SELECT count(*) FROM otl_links l \
        WHERE l.inquiry = e.inquiry AND l.generation = e.number \
        AND l.purpose = CASE kind WHEN 1 THEN 'resume' ELSE 'device-handoff' END)",
    "SELECT 1 FROM otl_links l JOIN otl_inquiries i ON i.id = l.inquiry WHERE l.epoch <> i.epoch AND NOT EXISTS \
        (SELECT 1 FROM otl_endings e WHERE e.inquiry = l.inquiry AND e.kind = 0 AND e.number = l.epoch)",
    // A session is due when its link is gone.
    "SELECT 1 FROM otl_sessions s WHERE (purge_from IS NULL) <> \
        EXISTS (SELECT 1 FROM otl_links l WHERE l.inquiry = s.inquiry AND l.id = s.link)",
];

async fn act(store: &SqliteStore, of: u32, action: Action, now: i64) {
    let tenant = TenantId::default();
    let record = store.inquiry(InquiryKey { tenant, inquiry: inquiry(of) }).await.unwrap().unwrap();
    // What is not allowed changes nothing.
    if let Ok(step) = record.inquiry.after(action, sec(now)) {
        let change =
            ChangeInquiry { tenant, if_version: record.version, step, now: sec(now), event: event(1) };
        store.change_inquiry(change).await.unwrap();
    }
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % limit
    }
}
