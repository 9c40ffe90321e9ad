//! Redemptions and creations that come together: each has its own answer, given after the commit.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::future::join_all;
use inquiry_otl::{
    Digest, ExpirationPolicy, LinkStore, Retry, SessionId, StoreError, StoreErrorKind,
    issuance::{IssueLink, Outstanding},
    redemption::{Mode, Redeem, Refusal, Verdict},
    store::{Attempted, IssueOutcome, ListOf, Outbox},
};
use inquiry_otl_postgres::PostgresStore;

use crate::support::{
    Schema, create, create_with, created, expire, issue, issued, key, redeem, sec, verdict,
};

/// Carries out calls while two others of their kind hold both transactions up, so that they go together.
async fn together<C, T>(
    (schema, store): (&Schema, &PostgresStore),
    holding: impl Fn(u32) -> C,
    calls: impl IntoIterator<Item = C>,
) -> Vec<T>
where
    C: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut client = store.pool().get().await.unwrap();
    let lock = client.transaction().await.unwrap();
    hold(schema, &lock).await;
    // One after the other, so that each holds up a transaction.
    let first = tokio::spawn(holding(1));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let held = [first, tokio::spawn(holding(2))];
    tokio::time::sleep(Duration::from_millis(150)).await;
    // In one task, so that they come in this order.
    let calls = tokio::spawn(join_all(calls));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(held.iter().all(|call| !call.is_finished()), "nothing holds them up");
    assert!(!calls.is_finished(), "they do not wait");
    lock.commit().await.unwrap();
    for call in held {
        call.await.unwrap();
    }
    calls.await.unwrap()
}

/// Holds the inquiry 0.
async fn hold(schema: &Schema, lock: &tokio_postgres::Transaction<'_>) {
    let statement = format!("SELECT FROM \"{}\".inquiries WHERE id = 'inq_0' FOR UPDATE", schema.0);
    lock.execute(&statement, &[]).await.unwrap();
}

/// A store with an inquiry 0 that can be held.
async fn store(schema: &Schema) -> PostgresStore {
    let store = schema.store_with(schema.options().with_outbox().with_connections(5)).await;
    created(&store, 0).await;
    issued(&store, 0, 1).await;
    issued(&store, 0, 2).await;
    store
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

fn attempt(store: &PostgresStore, command: &Redeem) -> Boxed<Option<Attempted>> {
    let (store, command) = (store.clone(), *command);
    Box::pin(async move { store.redeem(command).await })
}

fn creation(store: &PostgresStore, command: IssueLink) -> Boxed<IssueOutcome> {
    let store = store.clone();
    Box::pin(async move { store.issue(command).await })
}

/// D1, D2: attempts that come together are judged one after the other, each by what it asks for, also two with one code; their
/// events are in order.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_come_together_are_judged_one_by_one() {
    let schema = Schema::new();
    let store = store(&schema).await;
    for n in 10..19 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    issued(&store, 10, 20).await;
    // Used; superseded; of an inquiry that expired; of one that lapsed; of one that may start no session more; claimed.
    assert_eq!(verdict(&store, 11).await, Verdict::FirstUse);
    store.issue(IssueLink { outstanding: Outstanding::Supersede, ..issue(12, 22) }).await.unwrap();
    expire(&store, 13).await.unwrap();
    let brief = ExpirationPolicy::default().with_session_limit(1.try_into().unwrap());
    store.create_inquiry(create_with(30, brief)).await.unwrap();
    issued(&store, 30, 30).await;
    issued(&store, 30, 31).await;
    let claim = Mode::Claim { token: Digest::from_bytes([7; 32]), until: sec(9) };
    let key_of = |n: u8| Some(Digest::from_bytes([n; 32]));
    let late = |n| Redeem { now: sec(100_000), ..redeem(n) };
    let commands = [
        Redeem { session: SessionId::from_u128(1_000), attempt: key_of(1), ..redeem(10) },
        Redeem { session: SessionId::from_u128(1_001), attempt: key_of(2), ..redeem(10) },
        Redeem { session: SessionId::from_u128(1_002), attempt: key_of(1), ..redeem(10) },
        redeem(20),
        redeem(11),
        redeem(12),
        redeem(13),
        late(14),
        redeem(999),
        Redeem { mode: claim, ..redeem(15) },
        redeem(15),
        redeem(30),
        redeem(31),
        redeem(16),
    ];
    let answers = together(
        (&schema, &store),
        |n| attempt(&store, &redeem(n)),
        commands.iter().map(|command| attempt(&store, command)),
    )
    .await;
    let verdicts: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().unwrap().as_ref().map(|answer| answer.verdict)).collect();
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(
        verdicts[..5],
        [Some(Verdict::FirstUse), Some(used), Some(Verdict::Repeat), Some(Verdict::FirstUse), Some(used)]
    );
    assert!(matches!(verdicts[5], Some(Verdict::Refused(Refusal::Superseded { .. }))), "{:?}", verdicts[5]);
    assert!(
        matches!(verdicts[6], Some(Verdict::Refused(Refusal::InquiryExpired { .. }))),
        "{:?}",
        verdicts[6]
    );
    assert!(
        matches!(verdicts[7], Some(Verdict::Refused(Refusal::InquiryExpired { .. }))),
        "{:?}",
        verdicts[7]
    );
    assert_eq!(
        verdicts[8..12],
        [None, Some(Verdict::Claimed), Some(Verdict::Busy { until: sec(9) }), Some(Verdict::FirstUse)]
    );
    assert!(
        matches!(verdicts[12], Some(Verdict::Refused(Refusal::SessionLimit { .. }))),
        "{:?}",
        verdicts[12]
    );
    assert_eq!(verdicts[13], Some(Verdict::FirstUse));

    // One session, the same for the repeat, with the tokens of both.
    let first = answers[0].as_ref().unwrap().as_ref().unwrap().session.as_ref().unwrap().id;
    assert_eq!(first, answers[2].as_ref().unwrap().as_ref().unwrap().session.as_ref().unwrap().id);
    let list = ListOf { inquiry: key(10), before: None, limit: 9 };
    let sessions = store.sessions(list).await.unwrap().unwrap().items;
    assert_eq!(sessions.len(), 2, "one for each link");
    let of_first = sessions.iter().find(|session| session.id == first).unwrap();
    assert_eq!(of_first.tokens.iter().count(), 2);
    // V1: in order for each inquiry, without gaps.
    let mut sequences = std::collections::HashMap::<_, Vec<u64>>::new();
    for delivery in store.pending(None, 1_000).await.unwrap() {
        let event = delivery.event;
        sequences.entry(event.inquiry.unwrap()).or_default().push(event.sequence.unwrap());
    }
    for (inquiry, sequences) in sequences {
        let expected: Vec<_> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, expected, "{inquiry}");
    }
}

/// S1, S4: of attempts that come together, one whose row cannot be read fails alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_fails_alone() {
    let schema = Schema::new();
    let store = store(&schema).await;
    for n in 10..16 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    schema.sql("UPDATE inquiries SET policy = '{\"unknown\": 1}' WHERE id = 'inq_12'");
    let answers = together(
        (&schema, &store),
        |n| attempt(&store, &redeem(n)),
        (10..16).map(|n| attempt(&store, &redeem(n))),
    )
    .await;
    for (n, answer) in (10..).zip(answers) {
        match answer {
            Ok(Some(answer)) => assert_eq!((n != 12, answer.verdict), (true, Verdict::FirstUse)),
            Err(error) => {
                assert_eq!((n, error.kind(), error.retry()), (12, StoreErrorKind::Corrupt, Retry::Useless));
            }
            Ok(None) => panic!("{n} is not there"),
        }
    }
}

/// L1, S1: creations that come together are decided one after the other, and one that finds its name taken fails alone.
#[tokio::test(flavor = "multi_thread")]
async fn creations_that_come_together_are_decided_one_by_one() {
    let schema = Schema::new();
    let store = store(&schema).await;
    created(&store, 10).await;
    created(&store, 11).await;
    issued(&store, 11, 11).await;
    let supersede = |n| IssueLink { outstanding: Outstanding::Supersede, ..issue(10, n) };
    let commands = [issue(10, 20), supersede(21), supersede(22), issue(11, 11), issue(99, 23), issue(11, 24)];
    let outcomes = together(
        (&schema, &store),
        |n| creation(&store, issue(0, n + 100)),
        commands.map(|command| creation(&store, command)),
    )
    .await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(
        matches!(
            outcomes[..],
            [
                IssueOutcome::Issued { .. },
                IssueOutcome::Issued { .. },
                IssueOutcome::Issued { .. },
                IssueOutcome::Taken,
                IssueOutcome::NotFound,
                IssueOutcome::Issued { .. },
            ]
        ),
        "{outcomes:?}"
    );
    let record = store.inquiry(key(10)).await.unwrap().unwrap();
    assert_eq!(record.generations.resume.number, 2, "both superseded what was there");
}

/// S4: whoever finds too many before them is told so at once; nothing was written, and the others are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_bounded() {
    let schema = Schema::new();
    let store = store(&schema).await;
    store.create_inquiry(create(10)).await.unwrap();
    issued(&store, 10, 10).await;
    let unknown = (0..9_000).map(|n| attempt(&store, &redeem(100_000 + n)));
    let mut client = store.pool().get().await.unwrap();
    let lock = client.transaction().await.unwrap();
    hold(&schema, &lock).await;
    let first = tokio::spawn(attempt(&store, &redeem(1)));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let held = [first, tokio::spawn(attempt(&store, &redeem(2)))];
    tokio::time::sleep(Duration::from_millis(150)).await;
    let crowd: Vec<_> = unknown.map(tokio::spawn).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = store.redeem(redeem(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Overloaded, Retry::Safe));
    lock.commit().await.unwrap();
    for call in held {
        call.await.unwrap().unwrap();
    }
    let mut turned_away = 0;
    for call in crowd {
        match call.await.unwrap() {
            Ok(answer) => assert_eq!(answer, None),
            Err(error) => {
                assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Overloaded, Retry::Safe));
                turned_away += 1;
            }
        }
    }
    assert_eq!(turned_away, 9_000 - 8_192);
    assert_eq!(verdict(&store, 10).await, Verdict::FirstUse);
}
