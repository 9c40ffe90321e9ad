//! Several handles, and several processes, on one file.

use std::process::{Command, Stdio};

use inquiry_otl::{LinkStore, redemption::Verdict};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, created, digest, issue, redeem};

const LINKS: u32 = 300;
const PLACE: &str = "OTL_SQLITE_TEST_PLACE";

/// D1, S2: of the attempts of two processes, each with two stores of four tasks, one on each link is the first use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_a_file() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    let policy = inquiry_otl::ExpirationPolicy::default().with_session_limit(std::num::NonZeroU32::MAX);
    store.create_inquiry(crate::support::create_with(2, policy)).await.unwrap();
    let outcomes = store.issue_many((0..LINKS).map(|n| issue(2, n)).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok));

    let children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sharing::a_process_of_its_own", "--nocapture"])
                .env(PLACE, directory.file())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut first_uses = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        first_uses
            .extend(text.lines().filter_map(|line| line.strip_prefix("first use of ")?.parse::<u32>().ok()));
    }
    first_uses.sort_unstable();
    assert_eq!(first_uses, (0..LINKS).collect::<Vec<_>>());
}

/// D1: what the test above runs in each process; without a place there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_its_own() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    let tasks: Vec<_> = (0..8_u32)
        .map(|task| {
            let store = SqliteStore::open(&place).unwrap();
            tokio::spawn(async move {
                for n in (0..LINKS).map(|n| (n + task * 7) % LINKS) {
                    let session = u128::from(std::process::id()) << 64 | u128::from(task << 16 | n);
                    let session = inquiry_otl::SessionId::from_u128(session);
                    let command = inquiry_otl::redemption::Redeem { session, ..redeem(n) };
                    if store.redeem(command).await.unwrap().unwrap().verdict == Verdict::FirstUse {
                        println!("\nfirst use of {n}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
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
