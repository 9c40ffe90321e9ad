//! Events come in the order of their inquiry, whatever the order of commits.

use std::time::Duration;

use inquiry_otl::{
    EventKind, InquiryId,
    store::{Delivery, LinkStore, Outbox, Receipt},
};
use inquiry_otl_postgres::PostgresStore;
use inquiry_otl_testkit::postgres;

use crate::support::{Schema, connection, created, expire, inquiry, issue, issued};

/// V1: an event that was written long before its commit is not passed by: whoever reads from the beginning gets it, and
/// before those of its inquiry that follow it.
#[tokio::test]
async fn a_late_commit_does_not_disturb_the_order() {
    let schema = Schema::new();
    let store = schema.store_with(schema.options().with_outbox()).await;
    created(&store, 1).await;
    created(&store, 2).await;
    acknowledge_all(&store).await;
    let mut client = store.pool().get().await.unwrap();
    let slow = client.transaction().await.unwrap();
    // Its event has a place before all others, and nobody sees it yet.
    issued(&store.within(&slow), 1, 1).await;
    for n in 2..6 {
        issued(&store, 2, n).await;
    }
    assert_eq!(of(&store.pending(None, 9).await.unwrap(), inquiry(2)), [2, 3, 4, 5]);
    acknowledge_all(&store).await;
    slow.commit().await.unwrap();
    issued(&store, 1, 6).await;
    let waiting = store.pending(None, 9).await.unwrap();
    assert_eq!(of(&waiting, inquiry(1)), [2, 3], "the events of the inquiry with the late commit");
    assert_eq!(waiting.len(), 2);
    acknowledge_all(&store).await;
    assert_eq!(store.pending(None, 9).await.unwrap(), []);
}

/// V1: a receipt that another store made is a fault, not the beginning of the outbox.
#[tokio::test]
async fn a_foreign_receipt_is_a_fault() {
    let schema = Schema::new();
    let store = schema.store_with(schema.options().with_outbox()).await;
    for foreign in ["", "abc", "7 8", "1-7"] {
        assert!(store.pending(Some(Receipt::new(foreign)), 9).await.is_err(), "{foreign:?}");
    }
}

/// V1: a store without an outbox keeps no events.
#[tokio::test]
async fn no_outbox_keeps_nothing() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    store.issue_many(vec![issue(1, 1), issue(1, 2)]).await;
    assert_eq!(store.pending(None, 9).await.unwrap(), []);
}

/// V1, S4: whoever acknowledges takes inquiries in one order, and before the events, as everybody does who takes several:
/// what waits for the first row holds none behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_takes_rows_in_one_order() {
    const INQUIRIES: u32 = 8;
    let first_event = "outbox WHERE place = (SELECT min(place) FROM outbox)";
    for (first, free) in [
        ("inquiries WHERE id = 'inq_1'", (INQUIRIES - 1, 2 * INQUIRIES)),
        (first_event, (0, 2 * INQUIRIES - 1)),
    ] {
        let schema = Schema::new();
        let store = schema.store_with(schema.options().with_outbox()).await;
        for n in 1..=INQUIRIES {
            created(&store, n).await;
            expire(&store, n).await.unwrap();
        }
        // A purge has put them off because of their events.
        schema.sql("UPDATE inquiries SET purge_from = purge_from + interval '1 hour'");
        let mut receipts = receipts(&store).await;
        receipts.reverse();

        let mut somebody = connection(&postgres::shared().url()).await;
        let holds = somebody.transaction().await.unwrap();
        holds.batch_execute(&format!("SET LOCAL search_path = \"{}\"", schema.0)).await.unwrap();
        holds.batch_execute(&format!("SELECT FROM {first} FOR UPDATE")).await.unwrap();
        let acknowledging = tokio::spawn(async move { store.acknowledge(receipts).await });
        let pid: i32 = holds.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        let waits =
            format!("SELECT count(*) FROM pg_stat_activity WHERE {pid} = ANY (pg_blocking_pids(pid))");
        while schema.sql(&waits) != "1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let skipping = |table: &str| {
            let count = format!("SELECT count(*) FROM (SELECT FROM {table} FOR UPDATE SKIP LOCKED) k");
            schema.sql(&count).parse::<u32>().unwrap()
        };
        assert_eq!((skipping("inquiries"), skipping("outbox")), free, "free while it waits for {first}");
        holds.rollback().await.unwrap();
        assert_eq!(acknowledging.await.unwrap().unwrap(), u64::from(2 * INQUIRIES));
        let put_off = "SELECT count(*) FROM inquiries WHERE purge_from <> expired_at";
        assert_eq!(schema.sql(put_off), "0", "a purge looks at them again");
    }
}

fn of(deliveries: &[Delivery], inquiry: InquiryId) -> Vec<u64> {
    let mut numbers = Vec::new();
    for Delivery { event, .. } in deliveries {
        assert!(matches!(event.kind, EventKind::LinkCreated { .. }), "{event:?}");
        if event.inquiry == Some(inquiry) {
            numbers.extend(event.sequence);
        }
    }
    numbers
}

async fn receipts(store: &PostgresStore) -> Vec<Receipt> {
    store.pending(None, 99).await.unwrap().into_iter().map(|delivery| delivery.receipt).collect()
}

async fn acknowledge_all(store: &PostgresStore) {
    let receipts = receipts(store).await;
    let count = receipts.len() as u64;
    assert_eq!(store.acknowledge(receipts).await.unwrap(), count);
}
