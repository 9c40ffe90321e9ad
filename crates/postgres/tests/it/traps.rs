//! What others fell into, put back on the real engine: the wrong statement does wrong, and the store beside it does not.

use std::time::SystemTime;

use inquiry_otl::{
    ExpirationPolicy, Inquiry, Interval, LinkStore, TemplateId, Timestamp,
    issuance::{IssueLink, Lifetime},
    redemption::{Redeem, Refusal, Verdict},
    store::{CreateInquiry, CreateOutcome},
};
use inquiry_otl_testkit::postgres;
use tokio_postgres::{Client, Error, SimpleQueryMessage, error::SqlState};
use uuid::Uuid;

use crate::support::{
    Schema, connection, create, created, inquiry, issue, issued, redeem, sec, until_blocked, verdict,
};

/// T1, T2, D1: two transactions redeem one link at once. Looking and then writing lets both in, and so does a single
/// statement that returns the old value of a row that it joined; the store lets one in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_at_once_one_is_the_first_use() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    let use_it = "UPDATE links SET used_at = 'epoch', session = links.id";
    for (n, how, statement, winners) in [
        (
            1,
            "T1: look, then write",
            format!("SELECT used_at IS NULL FROM links WHERE id = $id; {use_it} WHERE id = $id"),
            2,
        ),
        (
            2,
            "T2: the old value from a self-join",
            format!(
                "{use_it} FROM links AS seen WHERE links.id = $id AND seen.id = $id RETURNING seen.used_at IS NULL"
            ),
            2,
        ),
        (3, "a guard in the write", format!("{use_it} WHERE id = $id AND used_at IS NULL RETURNING true"), 1),
    ] {
        issued(&store, 1, n).await;
        let statement = statement.replace("$id", &format!("'{}'", Uuid::from_u128(n.into())));
        let told = two_at_once(&schema, &statement).await.map(|told| told.unwrap().as_deref() == Some("t"));
        assert_eq!(told.iter().filter(|first| **first).count(), winners, "{how}: {told:?}");
    }

    issued(&store, 1, 4).await;
    let mut client = store.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    assert_eq!(verdict(&store.within(&transaction), 4).await, Verdict::FirstUse);
    let other = tokio::spawn({
        let store = store.clone();
        async move { verdict(&store, 4).await }
    });
    until_blocked(&schema, transaction.client(), &[&other]).await;
    transaction.commit().await.unwrap();
    assert_eq!(other.await.unwrap(), Verdict::Refused(Refusal::Used { first_at: sec(2) }));
}

/// T8, S4: two transactions create one inquiry at once. Looking and then inserting ends in an error of the constraint; the
/// store tells the second that there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_creations_none_is_an_error() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    let columns = "tenant, template, status, policy, expires_at, created_at, version, epoch, resume_generation, \
        resume_has_links, device_handoff_generation, device_handoff_has_links, sessions_started, last_sequence";
    let [first, second] = two_at_once(
        &schema,
        &format!(
            "INSERT INTO inquiries (id, {columns}) SELECT 'inq_2', {columns} FROM inquiries \
            WHERE id = 'inq_1' AND NOT EXISTS (SELECT FROM inquiries WHERE id = 'inq_2')"
        ),
    )
    .await;
    first.unwrap();
    assert_eq!(second.unwrap_err().code(), Some(&SqlState::UNIQUE_VIOLATION));

    let mut client = store.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    created(&store.within(&transaction), 3).await;
    let other = tokio::spawn({
        let store = store.clone();
        async move { store.create_inquiry(create(3)).await }
    });
    until_blocked(&schema, transaction.client(), &[&other]).await;
    transaction.commit().await.unwrap();
    assert!(matches!(other.await.unwrap(), Ok(CreateOutcome::Exists)));
}

/// T7, S5: to a statement that asks the server's clock, a link that was made an hour ahead of it is not there yet; one
/// that reads instants without their time zone finds it dead at birth. The store grants it.
#[tokio::test]
async fn a_link_of_another_clock_is_alive() {
    let schema = Schema::new();
    let store = schema.store().await;
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    let hour = Interval::from_hours(1).unwrap();
    let ahead = Timestamp::from_unix_micros(i64::try_from(wall).unwrap()).unwrap().plus(hour);
    let template = TemplateId::new("itmpl_1").unwrap();
    let new = Inquiry::new(inquiry(1), template, ExpirationPolicy::default(), ahead);
    store.create_inquiry(CreateInquiry { inquiry: new, ..create(1) }).await.unwrap();
    let lifetime = Lifetime::Until(ahead.plus(hour));
    store.issue(IssueLink { now: ahead, lifetime, ..issue(1, 1) }).await.unwrap();

    assert_eq!(schema.sql("SELECT created_at <= now() FROM links"), "f");
    let far_east = "SET TimeZone = 'Pacific/Kiritimati'";
    let lives = "SELECT created_at < expires_at AT TIME ZONE 'UTC' FROM links";
    assert_eq!(schema.sql(&format!("{far_east}; {lives}")), "f");

    let answer = store.redeem(Redeem { now: ahead, ..redeem(1) }).await.unwrap().unwrap();
    assert_eq!(answer.verdict, Verdict::FirstUse);
}

/// Two transactions that do the same: the second waits for the first, which then commits. The first column of the first row
/// that each was told.
async fn two_at_once(schema: &Schema, statement: &str) -> [Result<Option<String>, Error>; 2] {
    let (first, second) = (in_transaction(schema).await, in_transaction(schema).await);
    let told = answer(&first, statement).await;
    let statement = statement.to_owned();
    let waiting = tokio::spawn(async move {
        let told = answer(&second, &statement).await;
        second.batch_execute("COMMIT").await.unwrap();
        told
    });
    until_blocked(schema, &first, &[&waiting]).await;
    first.batch_execute("COMMIT").await.unwrap();
    [told, waiting.await.unwrap()]
}

async fn in_transaction(schema: &Schema) -> Client {
    let client = connection(&postgres::shared().url()).await;
    client.batch_execute(&format!("SET search_path = \"{}\"; BEGIN", schema.0)).await.unwrap();
    client
}

async fn answer(client: &Client, statement: &str) -> Result<Option<String>, Error> {
    let rows = client.simple_query(statement).await?;
    Ok(rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
