//! Redemptions and creations that come together: each has its own answer, given after the commit.

use std::{future::Future, pin::Pin};

use futures_util::future::join_all;
use inquiry_otl::{
    Clients, Digest, ExpirationPolicy, Grace, LinkStore, Purpose, Retry, Revocation, SessionId, StoreError,
    StoreErrorKind, TenantId,
    issuance::{IssueLink, Outstanding},
    redemption::{Mode, Redeem, Refusal, Verdict},
    revocation::Revoke,
    store::{Attempted, CreateInquiry, InquiryKey, IssueOutcome, ListOf, Outbox},
};
use inquiry_otl_postgres::PostgresStore;
use tokio::task::{JoinHandle, unconstrained};
use tokio_postgres::Transaction;

use crate::support::{
    Schema, create, create_with, created, event, expire, issue, issued, key, redeem, sec, until_blocked,
    verdict, waiting,
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
    let held = hold_up(schema, &lock, holding).await;
    // In one task, so that they come in this order.
    let calls = waiting(join_all(calls));
    assert!(held.iter().all(|call| !call.is_finished()), "nothing holds them up");
    lock.commit().await.unwrap();
    for call in held {
        call.await.unwrap();
    }
    calls.await.unwrap()
}

/// Holds the inquiry 0, and with it two calls, one after the other, so that each holds up a transaction.
async fn hold_up<C, T>(
    schema: &Schema,
    lock: &Transaction<'_>,
    holding: impl Fn(u32) -> C,
) -> [JoinHandle<T>; 2]
where
    C: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let statement = format!("SELECT FROM \"{}\".inquiries WHERE id = 'inq_0' FOR UPDATE", schema.0);
    lock.execute(&statement, &[]).await.unwrap();
    let first = tokio::spawn(holding(1));
    until_blocked(schema, lock, &[&first]).await;
    let second = tokio::spawn(holding(2));
    until_blocked(schema, lock, &[&first, &second]).await;
    [first, second]
}

/// A store with an inquiry 0 that can be held.
async fn store(schema: &Schema) -> PostgresStore {
    let store = schema.store_with(schema.options().with_outbox().with_connections(5)).await;
    created(&store, 0).await;
    issued(&store, 0, 1).await;
    issued(&store, 0, 2).await;
    store
}

/// How many transactions wrote those rows last: one, if they went together.
fn writers(schema: &Schema, table: &str, rows: &str) -> String {
    schema.sql(&format!("SELECT count(DISTINCT xmin::text) FROM {table} WHERE {rows}")).trim().to_owned()
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
    assert_eq!(writers(&schema, "sessions", "inquiry IN ('inq_10', 'inq_16', 'inq_30')"), "1");
    // V1: each use is an event, in order for each inquiry, without gaps.
    let redeemed = schema.sql("SELECT count(*) FROM outbox WHERE name = 'one-time-link.redeemed'");
    assert_eq!(redeemed.trim(), "7", "1, 2 and 11 before; 10, 20, 30 and 16 together");
    let mut sequences = std::collections::HashMap::<_, Vec<u64>>::new();
    for delivery in store.pending(None, 1_000).await.unwrap() {
        let event = delivery.event;
        sequences.entry(event.inquiry.unwrap()).or_default().push(event.sequence.unwrap());
    }
    for (inquiry, sequences) in sequences {
        let record =
            store.inquiry(InquiryKey { tenant: TenantId::default(), inquiry }).await.unwrap().unwrap();
        let expected: Vec<_> = (1..=record.last_sequence).collect();
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

/// D2, D4, D5, D6, D7, L4, L6, S6, V1: what attempts that come together are told, and what they leave, is what the same attempts one
/// by one would.
#[tokio::test(flavor = "multi_thread")]
async fn together_is_what_one_by_one_would_be() {
    let (many, one) = (Schema::new(), Schema::new());
    let options = |schema: &Schema| schema.options().with_outbox().with_connections(5);
    let gathering = many.store_with(options(&many)).await;
    let single = one.store_with(options(&one).without_gathering()).await;
    for store in [&gathering, &single] {
        prepare(store).await;
    }
    let two = TenantId::new("two").unwrap();
    let again = |n, with: u8, extra| {
        let binding = Some(Digest::from_bytes([with; 32]));
        Redeem { binding, token: Digest::from_bytes([with; 32]), event: event(n + extra), ..redeem(n) }
    };
    let commands = [
        again(40, 9, 1_000),
        again(40, 8, 2_000),
        again(41, 8, 1_000),
        again(41, 9, 2_000),
        redeem(42),
        redeem(43),
        redeem(440),
        redeem(450),
        redeem(46),
        Redeem { tenant: two, ..redeem(47) },
        // Each the other tenant's.
        redeem(47),
        Redeem { tenant: two, ..redeem(440) },
    ];
    let calls = commands.iter().map(|command| attempt(&gathering, command));
    let answers = together((&many, &gathering), |n| attempt(&gathering, &redeem(n)), calls).await;
    for n in [1, 2] {
        single.redeem(redeem(n)).await.unwrap();
    }
    let mut replays = 0;
    for (command, answer) in commands.iter().zip(answers) {
        let answer = answer.unwrap();
        let is_replay = |answer: &Attempted| matches!(answer.verdict, Verdict::Replay { .. });
        replays += u32::from(answer.as_ref().is_some_and(is_replay));
        assert_eq!(answer, single.redeem(*command).await.unwrap(), "{command:?}");
    }
    assert_eq!(replays, 3, "two of anybody, one of the same client");
    for table in ["inquiries", "links", "sessions", "endings", "outbox"] {
        let row = "(to_jsonb(t) - 'place')::text";
        let rows = format!("SELECT string_agg({row}, E'\\n' ORDER BY {row}) FROM {table} t");
        assert_eq!(many.sql(&rows), one.sql(&rows), "{table}");
    }
    let order = "SELECT string_agg(id::text, ' ' ORDER BY tenant, inquiry, place) FROM outbox";
    assert_eq!(many.sql(order), one.sql(order));
    assert_eq!(writers(&many, "links", "inquiry IN ('inq_40', 'inq_46', 'inq_47')"), "1");
}

/// Links of every kind: with a grace for anybody and for the same client, handed off by a session that lives and by one that is
/// revoked, revoked, of another epoch, claimed for a time that is over, of another tenant.
async fn prepare(store: &PostgresStore) {
    let two = TenantId::new("two").unwrap();
    let grace = |clients| ExpirationPolicy::default().with_grace(Grace::persona().with_clients(clients));
    for n in [0, 42, 43, 44, 45, 46] {
        created(store, n).await;
    }
    store.create_inquiry(create_with(40, grace(Clients::Any))).await.unwrap();
    store.create_inquiry(create_with(41, grace(Clients::Same))).await.unwrap();
    store.create_inquiry(CreateInquiry { tenant: two, ..create(47) }).await.unwrap();
    for (of, n) in [(0, 1), (0, 2), (40, 40), (41, 41), (42, 42), (43, 43), (44, 44), (45, 45), (46, 46)] {
        issued(store, of, n).await;
    }
    store.issue(IssueLink { tenant: two, ..issue(47, 47) }).await.unwrap();
    for n in [40, 41, 44, 45] {
        let binding = Some(Digest::from_bytes([9; 32]));
        store.redeem(Redeem { binding, ..redeem(n) }).await.unwrap();
    }
    for of in [44_u32, 45] {
        let parent = Some(SessionId::from_u128(of.into()));
        let link = IssueLink { purpose: Purpose::DeviceHandoff, parent, ..issue(of, of * 10) };
        let outcome = store.issue(IssueLink { now: sec(2), ..link }).await.unwrap();
        assert!(matches!(outcome, IssueOutcome::Issued { .. }), "{outcome:?}");
    }
    for (of, target) in [
        (42, Revocation::Link(issue(42, 42).link)),
        (43, Revocation::Everything),
        (45, Revocation::Session(SessionId::from_u128(45))),
    ] {
        let InquiryKey { tenant, inquiry } = key(of);
        store.revoke(Revoke { tenant, inquiry, target, now: sec(2), event: event(of + 500) }).await.unwrap();
    }
    let claim = Mode::Claim { token: Digest::from_bytes([7; 32]), until: sec(2) };
    store.redeem(Redeem { mode: claim, now: sec(1), ..redeem(46) }).await.unwrap();
}

/// L1, S1: creations that come together are decided one after the other, in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn creations_that_come_together_are_decided_one_by_one() {
    let schema = Schema::new();
    let store = store(&schema).await;
    created(&store, 10).await;
    created(&store, 11).await;
    let supersede = |n| IssueLink { outstanding: Outstanding::Supersede, ..issue(10, n) };
    let commands = [issue(10, 20), supersede(21), supersede(22), issue(99, 23), issue(11, 24)];
    let calls = commands.map(|command| creation(&store, command));
    let outcomes = together((&schema, &store), |n| creation(&store, issue(0, n + 100)), calls).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(
        matches!(
            outcomes[..],
            [
                IssueOutcome::Issued { .. },
                IssueOutcome::Issued { .. },
                IssueOutcome::Issued { .. },
                IssueOutcome::NotFound,
                IssueOutcome::Issued { .. },
            ]
        ),
        "{outcomes:?}"
    );
    let record = store.inquiry(key(10)).await.unwrap().unwrap();
    assert_eq!(record.generations.resume.number, 2, "both superseded what was there");
    assert_eq!(writers(&schema, "links", "inquiry IN ('inq_10', 'inq_11')"), "1");
}

/// S1, S4: of creations that come together, one whose name is taken is told so alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_told_alone() {
    let schema = Schema::new();
    let store = store(&schema).await;
    created(&store, 10).await;
    created(&store, 11).await;
    issued(&store, 11, 11).await;
    let commands = [issue(10, 20), issue(11, 11), issue(11, 21)];
    let calls = commands.map(|command| creation(&store, command));
    let outcomes = together((&schema, &store), |n| creation(&store, issue(0, n + 100)), calls).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(
        matches!(
            outcomes[..],
            [IssueOutcome::Issued { .. }, IssueOutcome::Taken, IssueOutcome::Issued { .. }]
        ),
        "{outcomes:?}"
    );
}

/// S1: a caller who goes away while they wait takes nobody along, and their own call is carried out whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_takes_nobody_along() {
    let schema = Schema::new();
    let store = store(&schema).await;
    for n in 10..20 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    let mut client = store.pool().get().await.unwrap();
    let lock = client.transaction().await.unwrap();
    let held = hold_up(&schema, &lock, |n| attempt(&store, &redeem(n))).await;
    let leaving = waiting(attempt(&store, &redeem(10)));
    let staying = waiting(join_all((11..20).map(|n| attempt(&store, &redeem(n)))));
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    lock.commit().await.unwrap();
    let answers = staying.await.unwrap();
    assert!(
        answers.iter().all(|answer| answer.as_ref().unwrap().as_ref().unwrap().verdict == Verdict::FirstUse)
    );
    for call in held {
        call.await.unwrap().unwrap();
    }
    let told = store.redeem(redeem(10)).await.unwrap().unwrap().verdict;
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert!([Verdict::FirstUse, used].contains(&told), "{told:?}");
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
    let held = hold_up(&schema, &lock, |n| attempt(&store, &redeem(n))).await;
    let crowd = waiting(unconstrained(join_all(unknown)));
    let error = store.redeem(redeem(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Overloaded, Retry::Safe));
    lock.commit().await.unwrap();
    for call in held {
        call.await.unwrap().unwrap();
    }
    let mut turned_away = 0;
    for answer in crowd.await.unwrap() {
        match answer {
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
