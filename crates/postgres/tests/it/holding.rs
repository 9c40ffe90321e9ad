//! What a command sees that had to wait for the inquiry.

use inquiry_otl::{
    LinkStore, Revocation,
    inquiry::EpochEnd,
    issuance::IssueLink,
    record::{EndedEpoch, Epoch, InquiryRecord},
    revocation::Revoke,
};

use crate::support::{Schema, created, event, inquiry, issue, issued, key, sec, until_blocked};

fn revoke(target: Revocation) -> Revoke {
    Revoke { tenant: key(1).tenant, inquiry: inquiry(1), target, now: sec(3), event: event(1) }
}

/// The inquiry after a command that waited for a revocation of all its links.
async fn after_all_links<F>(command: impl FnOnce(inquiry_otl_postgres::PostgresStore) -> F) -> InquiryRecord
where
    F: Future<Output = ()> + Send + 'static,
{
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut client = store.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    store.within(&transaction).revoke(revoke(Revocation::AllLinks)).await.unwrap();
    let waiting = tokio::spawn(command(store.clone()));
    until_blocked(&schema, transaction.client(), &[&waiting]).await;
    transaction.commit().await.unwrap();
    waiting.await.unwrap();
    store.inquiry(key(1)).await.unwrap().unwrap()
}

/// L4: the reason of an end is kept also if the end before it was committed while this one waited.
#[tokio::test]
async fn an_end_behind_another_end_is_kept() {
    let record = after_all_links(|store| async move {
        store.revoke(revoke(Revocation::Everything)).await.unwrap();
    })
    .await;
    let ended = EndedEpoch { epoch: Epoch::new(1), why: EpochEnd::Revoked, at: sec(3) };
    assert_eq!(record.endings.epochs, [ended]);
    assert_eq!(record.endings.generations.len(), 1);
    let late = |n| IssueLink { now: sec(90_000), ..issue(1, n) };
    let record = after_all_links(|store| async move {
        store.issue_many(vec![late(2), late(3)]).await;
    })
    .await;
    assert_eq!(record.endings.epochs.len(), 1, "{:?}", record.endings);
}
