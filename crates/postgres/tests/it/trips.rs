//! What a command costs: round trips, and rows that stay where the indexes found them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use inquiry_otl::{
    Digest, LinkStore,
    issuance::{IssueLink, Outstanding},
    redemption::{Commit, Mode, Redeem, Verdict},
    store::{Inspect, LinkName},
};
use inquiry_otl_postgres::Options;
use inquiry_otl_testkit::postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    Schema, create, created, digest, expire, issue, issued, open, redeem, sec, store_on, verdict,
};

/// Counts how often a client speaks after the server did.
async fn counting_proxy(target: u16) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trips = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&trips);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
                let mut server_spoke = true;
                loop {
                    tokio::select! {
                        read = client.read(&mut up) => {
                            let Ok(length @ 1..) = read else { return };
                            counter.fetch_add(u64::from(server_spoke), Ordering::SeqCst);
                            server_spoke = false;
                            if server.write_all(&up[..length]).await.is_err() { return }
                        }
                        read = server.read(&mut down) => {
                            let Ok(length @ 1..) = read else { return };
                            server_spoke = true;
                            if client.write_all(&down[..length]).await.is_err() { return }
                        }
                    }
                }
            });
        }
    });
    (port, trips)
}

/// D1, L5: a redemption, a claim, a commit, a creation and a look at a link are one round trip each.
#[tokio::test]
async fn what_people_wait_for_is_one_round_trip() {
    let schema = Schema::new();
    schema.store().await;
    let server = postgres::shared();
    let (port, trips) = counting_proxy(server.port()).await;
    let store = open(&server.url_at(port), schema.options().with_outbox().with_connections(1));
    let token = Digest::from_bytes([7; 32]);
    let claim = |n| Redeem { mode: Mode::Claim { token, until: sec(30) }, ..redeem(n) };
    let commit = |n: u32| Commit {
        tenant: redeem(n).tenant,
        inquiry: create(1).inquiry.id,
        link: issue(1, n).link,
        claim: token,
        now: sec(3),
        session: redeem(n).session,
        token: digest(n),
        event: redeem(n).event,
    };
    created(&store, 1).await;
    // Every statement is prepared once for each connection.
    let mut counts = Vec::new();
    for round in 0..2 {
        let first = round * 10;
        let mut count = |before: u64| counts.push(trips.load(Ordering::SeqCst) - before);
        let now = || trips.load(Ordering::SeqCst);
        let at = now();
        issued(&store, 1, first).await;
        count(at);
        let at = now();
        let superseding = IssueLink { outstanding: Outstanding::Supersede, ..issue(1, first + 1) };
        store.issue(superseding).await.unwrap();
        count(at);
        let at = now();
        let named = Inspect { tenant: create(1).tenant, link: LinkName::Digest(digest(first + 1)) };
        assert!(store.inspect(named).await.unwrap().is_some());
        count(at);
        let at = now();
        assert_eq!(verdict(&store, first + 1).await, Verdict::FirstUse);
        count(at);
        issued(&store, 1, first + 2).await;
        let at = now();
        assert_eq!(store.redeem(claim(first + 2)).await.unwrap().unwrap().verdict, Verdict::Claimed);
        count(at);
        let at = now();
        assert_eq!(store.commit(commit(first + 2)).await.unwrap().unwrap().verdict, Verdict::FirstUse);
        count(at);
        let at = now();
        store.create_inquiry(create(100 + first)).await.unwrap();
        count(at);
    }
    assert_eq!(counts.split_off(7), [1; 7], "issue, supersede, inspect, redeem, claim, commit, create");
    // What is decided here takes one to hold the rows, and one to write them.
    expire(&store, 1).await.unwrap();
    let at = trips.load(Ordering::SeqCst);
    expire(&store, 100).await.unwrap();
    assert_eq!(trips.load(Ordering::SeqCst) - at, 3, "a read, and a change");
}

/// D1: redemptions and claims move no row away from its indexes.
#[tokio::test]
async fn redemptions_are_hot_updates() {
    // On a server of its own: somebody else's open transaction would keep old rows, and the room that they take.
    let server = postgres::Postgres::start();
    let store = store_on(&server, Options::default().with_connections(1)).await;
    for n in 0..100 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    for n in 0..100 {
        if n % 2 == 0 {
            let token = Digest::from_bytes([7; 32]);
            let claim = Redeem { mode: Mode::Claim { token, until: sec(2) }, ..redeem(n) };
            store.redeem(Redeem { now: sec(1), ..claim }).await.unwrap();
        }
        assert_eq!(verdict(&store, n).await, Verdict::FirstUse);
    }
    let client = store.pool().get().await.unwrap();
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    let counts = server.sql(
        "SELECT string_agg(relname || ' ' || n_tup_upd || ' ' || n_tup_hot_upd, ', ' ORDER BY relname) \
         FROM pg_stat_user_tables WHERE relname IN ('inquiries', 'links')",
    );
    assert_eq!(counts.trim(), "inquiries 200 200, links 150 150", "table, updates, those that are HOT");
}
