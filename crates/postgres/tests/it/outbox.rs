//! Events come in the order of their inquiry, whatever the order of commits.

use inquiry_otl::{
    EventKind, InquiryId,
    store::{Delivery, LinkStore, Outbox, Receipt},
};

use crate::support::{Schema, created, inquiry, issue, issued};

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

async fn acknowledge_all(store: &inquiry_otl_postgres::PostgresStore) {
    let waiting = store.pending(None, 99).await.unwrap();
    let count = waiting.len() as u64;
    let receipts = waiting.into_iter().map(|delivery| delivery.receipt).collect();
    assert_eq!(store.acknowledge(receipts).await.unwrap(), count);
}
