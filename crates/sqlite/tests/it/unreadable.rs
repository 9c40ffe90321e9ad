//! Rows that somebody else has damaged: a fault that says so, never a panic, never a grant.

use std::error::Error;

use inquiry_otl::{
    LinkStore, Retry, SessionId, StoreError, StoreErrorKind, TenantId,
    redemption::Verdict,
    session::StartSession,
    store::{InquiryKey, Inspect, LinkName, ListOf, Outbox},
};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, connection, created, digest, event, inquiry, issued, redeem, sec, verdict};

const DAMAGE: [(&str, &str); 31] = [
    ("UPDATE otl_links SET tenant = 'UPPER'", "tenant"),
    ("UPDATE otl_links SET id = x'00'", "id"),
    ("UPDATE otl_links SET purpose = 'dance'", "purpose"),
    ("UPDATE otl_links SET parent = zeroblob(17)", "parent"),
    ("UPDATE otl_links SET creator = ''", "creator"),
    ("UPDATE otl_links SET key_id = 99, nonce = zeroblob(16)", "key_id"),
    ("UPDATE otl_links SET nonce = zeroblob(16)", "nonce"),
    ("UPDATE otl_links SET key_id = 1, nonce = zeroblob(15)", "nonce"),
    ("UPDATE otl_links SET epoch = -1", "epoch"),
    ("UPDATE otl_links SET generation = 4294967296", "generation"),
    ("UPDATE otl_links SET created_at = -1", "created_at"),
    ("UPDATE otl_links SET expires_at = 253402300800000000", "expires_at"),
    ("UPDATE otl_links SET revoked_at = -5", "revoked_at"),
    ("UPDATE otl_links SET state = 'gone'", "state"),
    ("UPDATE otl_links SET state = 'claimed'", "state"),
    ("UPDATE otl_links SET state = 'used', used_at = 5, session = zeroblob(16)", "state"),
    ("UPDATE otl_links SET lease_until = 5", "state"),
    ("UPDATE otl_links SET claim = zeroblob(31)", "claim"),
    ("UPDATE otl_links SET grace_until = 5", "grace_clients"),
    ("UPDATE otl_links SET grace_until = 5, grace_replays = 1, grace_clients = 'me'", "grace_clients"),
    ("UPDATE otl_inquiries SET template = 'x'", "template"),
    ("UPDATE otl_inquiries SET reference = ''", "reference"),
    ("UPDATE otl_inquiries SET status = 'asleep'", "status"),
    ("UPDATE otl_inquiries SET policy = '{'", "policy"),
    ("UPDATE otl_inquiries SET policy = '{\"session-limit\":0}'", "policy"),
    ("UPDATE otl_inquiries SET expires_at = -1", "expires_at"),
    ("UPDATE otl_inquiries SET redacted_at = -1", "redacted_at"),
    ("UPDATE otl_inquiries SET epoch = -1", "epoch"),
    ("UPDATE otl_inquiries SET resume_generation = -1", "resume_generation"),
    ("UPDATE otl_inquiries SET handoff_has_links = 2", "handoff_has_links"),
    ("UPDATE otl_inquiries SET sessions_started = -1", "sessions_started"),
];

fn assert_unreadable(error: &StoreError, column: &str, damage: &str) {
    assert_eq!(
        (error.kind(), error.retry()),
        (StoreErrorKind::Corrupt, Retry::Useless),
        "{damage}: {error:?}"
    );
    let source = error.source().unwrap().to_string();
    assert_eq!(source, format!("the column \"{column}\" cannot be read"), "{damage}");
}

/// S4, D1: whatever a column holds, a redemption that cannot read it grants nothing; put right, it grants once.
#[tokio::test]
async fn a_damaged_row_grants_nothing() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let other = connection(&directory.file());
    other.execute_batch("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0").unwrap();
    other.execute_batch("CREATE TEMP TABLE links AS SELECT * FROM otl_links").unwrap();
    other.execute_batch("CREATE TEMP TABLE inquiries AS SELECT * FROM otl_inquiries").unwrap();
    for (damage, column) in DAMAGE {
        other.execute_batch(damage).unwrap();
        // A link of a tenant that cannot be is found with no inquiry.
        match store.redeem(redeem(1)).await {
            Ok(found) => assert!(found.is_none() && column == "tenant", "{damage}: {found:?}"),
            Err(error) => assert_unreadable(&error, column, damage),
        }
        other
            .execute_batch(
                "DELETE FROM otl_links; INSERT INTO otl_links SELECT * FROM temp.links;
                 DELETE FROM otl_inquiries; INSERT INTO otl_inquiries SELECT * FROM temp.inquiries;",
            )
            .unwrap();
    }
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: sessions, endings and events that cannot be read are faults, too.
#[tokio::test]
async fn other_damaged_rows_are_faults() {
    let directory = Directory::new();
    let store = SqliteStore::builder().with_outbox().open(directory.file()).unwrap();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let (tenant, session) = (TenantId::default(), SessionId::from_u128(1));
    let start =
        StartSession { tenant, inquiry: inquiry(1), now: sec(1), session, token: digest(1), event: event(9) };
    store.start_session(start).await.unwrap();
    let other = connection(&directory.file());
    other.execute_batch("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0").unwrap();
    let key = InquiryKey { tenant, inquiry: inquiry(1) };
    let list = ListOf { inquiry: key, before: None, limit: 9 };
    for tokens in ["x''", "zeroblob(33)", "zeroblob(160)"] {
        other.execute_batch(&format!("UPDATE otl_sessions SET tokens = {tokens}")).unwrap();
        assert_unreadable(&store.sessions(list).await.unwrap_err(), "tokens", tokens);
    }
    for (kind, why, successor) in
        [(0, "dance", "NULL"), (1, "superseded", "NULL"), (2, "revoked", "zeroblob(16)")]
    {
        other.execute_batch("DELETE FROM otl_endings").unwrap();
        let insert = format!(
            "INSERT INTO otl_endings VALUES ('default', 'inq_1', {kind}, 5, '{why}', {successor}, 5, 5, 1)"
        );
        other.execute_batch(&insert).unwrap();
        assert_unreadable(&store.inquiry(key).await.unwrap_err(), "why", &insert);
    }
    other.execute_batch("UPDATE otl_outbox SET name = 'inquiry.danced'").unwrap();
    assert_unreadable(&store.pending(None, 9).await.unwrap_err(), "name", "an event");
}

/// C3, S6: a digest of the same row in another tenant finds nothing.
#[tokio::test]
async fn another_tenant_finds_nothing() {
    let store = SqliteStore::in_memory().unwrap();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let tenant = TenantId::new("other").unwrap();
    let name = LinkName::Digest(digest(1));
    assert_eq!(store.inspect(Inspect { tenant, link: name }).await.unwrap(), None);
    let attempt = inquiry_otl::redemption::Redeem { tenant, ..redeem(1) };
    assert_eq!(store.redeem(attempt).await.unwrap(), None);
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4, D1: a file whose pages were overwritten is a fault for those that need them, and grants nothing twice.
#[tokio::test]
async fn damaged_pages_are_a_fault() {
    const LINKS: u32 = 300;
    let directory = Directory::new();
    let store = directory.store();
    for of in 0..20 {
        created(&store, of).await;
    }
    let commands = (0..LINKS).map(|n| crate::support::issue(n % 20, n)).collect();
    assert!(store.issue_many(commands).await.iter().all(Result::is_ok));
    for n in 0..50 {
        assert_eq!(verdict(&store, n).await, Verdict::FirstUse);
    }
    drop(store);
    let pristine = std::fs::read(directory.file()).unwrap();
    let (mut faults, mut used_again) = (0, 0);
    for page in (12..pristine.len() / 4_096).step_by(7) {
        let mut damaged = pristine.clone();
        damaged[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        std::fs::write(directory.file(), damaged).unwrap();
        let store = directory.store();
        for n in 0..LINKS {
            match store.redeem(redeem(n)).await {
                Ok(Some(attempted)) => {
                    used_again += u32::from(n < 50 && attempted.verdict == Verdict::FirstUse);
                }
                // A page of keys that are not these.
                Ok(None) => {}
                Err(error) => {
                    assert_eq!(
                        (error.kind(), error.retry()),
                        (StoreErrorKind::Corrupt, Retry::Useless),
                        "{error:?}"
                    );
                    faults += 1;
                }
            }
        }
    }
    assert!(0 < faults, "no page was missed");
    assert_eq!(used_again, 0);
}
