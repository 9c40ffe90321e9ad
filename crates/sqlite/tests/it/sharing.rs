//! Several handles on one file.

use std::time::Duration;

use inquiry_otl::{LinkStore, redemption::Verdict};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, created, digest, issue, redeem};

const LINKS: u32 = 300;

/// D1, S2: of the attempts of eight handles, each with connections of its own, one on each link is the first use.
/// (Processes race in `tests/faults.rs`.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_share_a_file() {
    let directory = Directory::new();
    let store = directory.store();
    let policy = inquiry_otl::ExpirationPolicy::default().with_session_limit(std::num::NonZeroU32::MAX);
    store.create_inquiry(crate::support::create_with(2, policy)).await.unwrap();
    let outcomes = store.issue_many((0..LINKS).map(|n| issue(2, n)).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok));

    let tasks: Vec<_> = (0..8_u32)
        .map(|task| {
            // A disk that is slow makes nobody give up.
            let patience = Duration::from_secs(60);
            let builder = SqliteStore::builder().with_busy_timeout(patience).with_call_timeout(patience);
            let store = builder.open(directory.file()).unwrap();
            tokio::spawn(async move {
                let mut first_uses = Vec::new();
                for n in (0..LINKS).map(|n| (n + task * 7) % LINKS) {
                    let session = inquiry_otl::SessionId::from_u128(u128::from(task << 16 | n));
                    let command = inquiry_otl::redemption::Redeem { session, ..redeem(n) };
                    if store.redeem(command).await.unwrap().unwrap().verdict == Verdict::FirstUse {
                        first_uses.push(n);
                    }
                }
                first_uses
            })
        })
        .collect();
    let mut first_uses = Vec::new();
    for task in tasks {
        first_uses.extend(task.await.unwrap());
    }
    first_uses.sort_unstable();
    assert_eq!(first_uses, (0..LINKS).collect::<Vec<_>>());
}

/// S1: a handle sees at once what was acknowledged to another, also through another connection.
#[tokio::test]
async fn what_was_acknowledged_is_seen() {
    let directory = Directory::new();
    let (one, two) = (directory.store(), directory.store());
    for n in 0..50 {
        created(&one, n).await;
        one.issue(issue(n, n)).await.unwrap();
        for store in [&one, &two] {
            let name = inquiry_otl::store::LinkName::Digest(digest(n));
            let inspect =
                inquiry_otl::store::Inspect { tenant: inquiry_otl::TenantId::default(), link: name };
            assert!(store.inspect(inspect).await.unwrap().is_some());
        }
    }
}
