//! Many links at a time.

use inquiry_otl::{
    Derivation, KeyId, LinkStore, Nonce, Retry, StoreErrorKind,
    issuance::{IssueLink, Outstanding},
    redemption::Verdict,
    store::{IssueOutcome, ListOf, Outbox},
};

use crate::support::{Schema, created, inquiry, issue, issued, key, sec, verdict};

/// S1: 100,000 links are made in one call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_links() {
    const LINKS: u32 = 100_000;
    let schema = Schema::new();
    let store = schema.store().await;
    for n in 0..100 {
        created(&store, n).await;
    }
    let commands = (0..LINKS).map(|n| issue(n % 100, n)).collect();
    let outcomes = store.issue_many(commands).await;
    assert_eq!(outcomes.len(), LINKS as usize);
    for (n, outcome) in (0_u32..).zip(&outcomes) {
        let Ok(IssueOutcome::Issued { link, .. }) = outcome else { panic!("link {n}: {outcome:?}") };
        assert_eq!((link.id.as_u128(), link.inquiry), (n.into(), inquiry(n % 100)));
    }
    let record = store.inquiry(key(7)).await.unwrap().unwrap();
    assert_eq!(record.last_sequence, 1 + u64::from(LINKS) / 100);
    assert_eq!(verdict(&store, 0).await, Verdict::FirstUse);
    assert_eq!(verdict(&store, LINKS - 1).await, Verdict::FirstUse);
    assert_eq!(store.issue_many(Vec::new()).await.len(), 0);
}

/// S1: links that cannot be made fail alone, in the order of their commands.
#[tokio::test]
async fn a_bad_one_fails_alone() {
    let schema = Schema::new();
    let store = schema.store().await;
    for n in 1..=3 {
        created(&store, n).await;
    }
    issued(&store, 3, 30).await;
    schema.sql(
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$; \
         CREATE TRIGGER stop BEFORE UPDATE ON inquiries FOR EACH ROW WHEN (new.id = 'inq_2') EXECUTE FUNCTION stop()",
    );
    let commands = vec![issue(1, 0), issue(2, 1), issue(9, 2), issue(1, 0), issue(3, 30), issue(1, 4)];
    let outcomes = store.issue_many(commands).await;
    assert!(matches!(outcomes[0], Ok(IssueOutcome::Issued { .. })), "{outcomes:?}");
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    assert!(matches!(outcomes[2], Ok(IssueOutcome::NotFound)), "{outcomes:?}");
    assert!(matches!(outcomes[3], Ok(IssueOutcome::Taken)), "{outcomes:?}");
    assert!(matches!(outcomes[4], Ok(IssueOutcome::Taken)), "{outcomes:?}");
    assert!(matches!(outcomes[5], Ok(IssueOutcome::Issued { .. })), "{outcomes:?}");
    for (of, count) in [(1, 2), (2, 0), (3, 1)] {
        let list = ListOf { inquiry: key(of), before: None, limit: 9 };
        let listing = store.links(list).await.unwrap().unwrap();
        assert_eq!(listing.items.len(), count, "links of inquiry {of}");
        assert_eq!(listing.inquiry.last_sequence, 1 + count as u64);
    }
}

/// S1, L5: many at once come to the same as one after the other: answers, records and events.
#[tokio::test]
async fn many_are_as_one_by_one() {
    let keys = [KeyId::new(1).unwrap()].into_iter().collect();
    let same = Outstanding::ReturnSame { keys, live_until: sec(10) };
    let derivation = Some(Derivation { key: KeyId::new(1).unwrap(), nonce: Nonce::from_bytes([1; 16]) });
    let kinds = [Outstanding::Keep, same, Outstanding::Supersede, same, same];
    let commands: Vec<_> = (0..60)
        .map(|n| {
            let outstanding = kinds[n as usize % kinds.len()];
            let late = if n % 7 == 0 { sec(90_000) } else { sec(2) };
            IssueLink { outstanding, derivation, now: late, ..issue(n % 4, 100 + n) }
        })
        .collect();
    let mut all = Vec::new();
    for at_once in [false, true] {
        let schema = Schema::new();
        let store = schema.store_with(schema.options().with_outbox()).await;
        for n in 0..3 {
            created(&store, n).await;
            // One that can be given out again.
            store.issue(IssueLink { derivation, ..issue(n, n) }).await.unwrap();
        }
        let mut outcomes = Vec::new();
        if at_once {
            outcomes = store.issue_many(commands.clone()).await.into_iter().map(Result::unwrap).collect();
        } else {
            for command in commands.clone() {
                outcomes.push(store.issue(command).await.unwrap());
            }
        }
        let mut kept = Vec::new();
        for n in 0..3 {
            let list = ListOf { inquiry: key(n), before: None, limit: 99 };
            kept.push(store.links(list).await.unwrap().unwrap());
        }
        let mut events: Vec<_> =
            store.pending(None, 999).await.unwrap().into_iter().map(|delivery| delivery.event).collect();
        events.sort_by_key(|event| (event.inquiry, event.sequence));
        all.push((outcomes, kept, events));
    }
    assert_eq!(all[0], all[1]);
    let reused = all[0].0.iter().filter(|outcome| matches!(outcome, IssueOutcome::Reused { .. })).count();
    assert!(0 < reused, "{:?}", all[0].0);
}
