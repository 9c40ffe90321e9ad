//! Two roles that may do what they need, and no more.

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, AttemptKey, Claiming, GrantKind, Interval, Key, KeyId, Keyring, LinkRequest, ManualClock,
    NewInquiry, OnOutstanding, Operator, Redemption, Released, Retention, Revocation, Service, TemplateId,
    store::Outbox,
};
use inquiry_otl_postgres::{PostgresStore, SchemaName, role_script};
use inquiry_otl_testkit::postgres::Postgres;
use tokio_postgres::error::SqlState;

use crate::support::{connection, open, patient, store_on};

/// S6, L3: with the application's role every call of a service works, also those that write to the outbox; what a
/// service never does is refused by the server.
#[tokio::test]
async fn the_application_may_no_more_than_it_needs() {
    let server = with_roles().await;
    let clock = ManualClock::default();
    let store = as_role(&server, "verify").await;
    let service = Service::builder(store.clone())
        .clock(clock.clone())
        .keyring(Keyring::new(Key::random(KeyId::new(1).unwrap())))
        .build()
        .unwrap();
    Box::pin(every_call(&service, &clock)).await;
    Box::pin(together(&service)).await;

    assert!(store.pending(None, 10).await.is_err(), "the outbox is not the application's to read");
    // It may announce an expiry, as a redemption that meets one does; it removes nothing.
    let round = Operator::builder(store).clock(clock).build().tick().await;
    assert_eq!((round.expired, round.failures.len()), (1, 1), "{round:?}");
    refused(
        &server,
        "verify",
        &[
            "CREATE TABLE inquiry_otl.more ()",
            "ALTER TABLE inquiry_otl.links ADD COLUMN more int",
            "CREATE OR REPLACE FUNCTION inquiry_otl.sweep() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP TABLE inquiry_otl.links",
            "TRUNCATE inquiry_otl.links",
            "DELETE FROM inquiry_otl.inquiries",
            "DELETE FROM inquiry_otl.links",
            "DELETE FROM inquiry_otl.sessions",
            "DELETE FROM inquiry_otl.endings",
            "DELETE FROM inquiry_otl.outbox",
            "SELECT name FROM inquiry_otl.outbox",
            // What a link is cannot be changed: which code opens it, where it leads, for how long.
            "UPDATE inquiry_otl.links SET digest = digest",
            "UPDATE inquiry_otl.links SET inquiry = inquiry",
            "UPDATE inquiry_otl.links SET expires_at = expires_at",
            "UPDATE inquiry_otl.sessions SET expires_at = expires_at",
            "UPDATE inquiry_otl.endings SET why = why",
            "UPDATE inquiry_otl.schema_version SET version = 2",
        ],
    )
    .await;
}

/// S6, S3, V1: with the role for housekeeping expiries are announced, what is past keeping goes, and the outbox is
/// delivered; it can make nothing, and sees no digest.
#[tokio::test]
async fn housekeeping_may_no_more_than_it_needs() {
    let server = with_roles().await;
    let clock = ManualClock::default();
    let service = Service::builder(as_role(&server, "verify").await).clock(clock.clone()).build().unwrap();
    Box::pin(every_call(&service, &clock)).await;
    let store = as_role(&server, "verify_janitor").await;
    let day = Interval::from_days(1).unwrap();
    let retention = Retention::default().with_links(day).with_inquiries(day);
    let operator = Operator::builder(store.clone()).clock(clock.clone()).retention(retention).build();

    clock.advance(Interval::from_days(3).unwrap());
    let round = operator.tick().await;
    assert!(round.failures.is_empty() && 0 < round.expired, "{round:?}");
    assert!(0 < round.purged.links && 0 < round.purged.sessions, "{round:?}");
    let mut delivered = 0;
    loop {
        let batch = store.pending(None, 100).await.unwrap();
        if batch.is_empty() {
            break;
        }
        let receipts = batch.into_iter().map(|delivery| delivery.receipt).collect();
        delivered += store.acknowledge(receipts).await.unwrap();
    }
    assert!(10 < delivered);
    clock.advance(day);
    let round = operator.tick().await;
    assert!(round.failures.is_empty() && 0 < round.purged.inquiries, "{round:?}");

    let service = Service::builder(store).clock(clock).build().unwrap();
    assert!(service.create(NewInquiry::from_template(template())).await.is_err(), "it makes nothing");
    for table in ["inquiries", "links", "sessions", "endings", "outbox"] {
        assert_eq!(server.sql(&format!("SELECT count(*) FROM inquiry_otl.{table}")), "0", "{table}");
    }
    refused(
        &server,
        "verify_janitor",
        &[
            "CREATE TABLE inquiry_otl.more ()",
            "DROP TABLE inquiry_otl.links",
            "TRUNCATE inquiry_otl.links",
            "SELECT digest FROM inquiry_otl.links",
            "SELECT nonce FROM inquiry_otl.links",
            "SELECT attempt FROM inquiry_otl.links",
            "SELECT tokens FROM inquiry_otl.sessions",
            "SELECT * FROM inquiry_otl.links",
            "INSERT INTO inquiry_otl.inquiries DEFAULT VALUES",
            "INSERT INTO inquiry_otl.links DEFAULT VALUES",
            "INSERT INTO inquiry_otl.sessions DEFAULT VALUES",
            "UPDATE inquiry_otl.links SET used_at = NULL",
            "UPDATE inquiry_otl.sessions SET tokens = NULL",
            "UPDATE inquiry_otl.outbox SET name = name",
        ],
    )
    .await;
}

/// Calls that share transactions, which do with other statements what each does by itself.
async fn together(service: &Service<PostgresStore>) {
    let inquiries = join_all((0..20).map(|_| service.create(NewInquiry::from_template(template())))).await;
    let links = join_all(inquiries.iter().map(|inquiry| {
        let id = inquiry.as_ref().unwrap().id;
        service.issue(LinkRequest::resume(id))
    }))
    .await;
    let attempt = Attempt::new().with_key(AttemptKey::random());
    for again in [false, true] {
        let redeeming =
            links.iter().map(|link| service.redeem(link.as_ref().unwrap().url.expose(), &attempt));
        for redeemed in join_all(redeeming).await {
            let Redemption::Granted(granted) = redeemed.unwrap() else { panic!("not granted") };
            assert_eq!(granted.kind, if again { GrantKind::Repeat } else { GrantKind::FirstUse });
        }
    }
}

/// A migrated server of its own, since roles are of a whole server, with both roles, which have what the script gives them.
async fn with_roles() -> Postgres {
    let server = Postgres::start();
    store_on(&server, patient()).await;
    server.sql("CREATE ROLE verify LOGIN; CREATE ROLE verify_janitor LOGIN");
    let name = |name| SchemaName::new(name).unwrap();
    // As after the first migration, and again as after a later one.
    for _ in 0..2 {
        server.sql(&role_script(&SchemaName::default(), &name("verify"), &name("verify_janitor")));
    }
    server
}

fn url_of(server: &Postgres, role: &str) -> String {
    server.url().replace("user=postgres", &format!("user={role}"))
}

async fn as_role(server: &Postgres, role: &str) -> PostgresStore {
    let store = open(&url_of(server, role), patient().with_outbox());
    store.check().await.unwrap();
    store
}

/// Every one of those statements is refused to that role, for want of a privilege.
async fn refused(server: &Postgres, role: &str, statements: &[&str]) {
    let client = connection(&url_of(server, role)).await;
    for statement in statements {
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}: {error:?}");
    }
}

fn template() -> TemplateId {
    TemplateId::new("itmpl_kyc").unwrap()
}

/// Each call of a service that asks a store, one way or the other.
async fn every_call(service: &Service<PostgresStore>, clock: &ManualClock) {
    let inquiry = service.create(NewInquiry::from_template(template())).await.unwrap().id;
    service.start(inquiry).await.unwrap();
    let link = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
    let attempt = Attempt::new().with_key(AttemptKey::random());
    service.peek(link.url.expose(), &attempt).await.unwrap();
    for _ in 0..2 {
        let answer = service.redeem(link.url.expose(), &attempt).await.unwrap();
        assert!(matches!(answer, Redemption::Granted(_)), "{answer:?}");
    }
    let keep = LinkRequest::resume(inquiry).on_outstanding(OnOutstanding::Keep);
    let links = service.issue_many([keep.clone(), keep.clone(), keep]).await;
    let [used, free, revoked] = links.try_into().unwrap_or_else(|_| panic!("three"));
    let (used, free, revoked) = (used.unwrap(), free.unwrap(), revoked.unwrap());
    let Claiming::Claimed(claim) = service.claim(used.url.expose(), &Attempt::new()).await.unwrap() else {
        panic!()
    };
    let answer = service.commit(&claim).await.unwrap();
    assert!(matches!(answer, Redemption::Granted(_)), "{answer:?}");
    let Claiming::Claimed(claim) = service.claim(free.url.expose(), &Attempt::new()).await.unwrap() else {
        panic!()
    };
    assert_eq!(service.release(&claim).await.unwrap(), Released::Released);
    service.revoke(inquiry, Revocation::Link(revoked.id)).await.unwrap();

    let grant = service.start_session(inquiry).await.unwrap();
    let handoff = LinkRequest::device_handoff(inquiry, grant.session.id);
    service.issue(handoff.clone()).await.unwrap();
    service.issue(handoff.on_outstanding(OnOutstanding::Supersede)).await.unwrap();
    service.authenticate(inquiry, grant.session.id, &grant.token).await.unwrap().unwrap();
    service.revoke(inquiry, Revocation::Session(grant.session.id)).await.unwrap();
    service.revoke(inquiry, Revocation::AllLinks).await.unwrap();
    service.revoke(inquiry, Revocation::Everything).await.unwrap();
    assert_eq!(service.links(inquiry, None, 10).await.unwrap().len(), 6);
    assert_eq!(service.sessions(inquiry, None, 10).await.unwrap().len(), 3);
    assert!(service.diagnose(free.url.expose()).await.unwrap().refusal.is_some());

    // An expiry that a redemption meets, one that a resume meets, one that nobody has met yet.
    let late = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
    let other = service.create(NewInquiry::from_template(template())).await.unwrap().id;
    service.create(NewInquiry::from_template(template())).await.unwrap();
    clock.advance(Interval::from_days(1).unwrap());
    let answer = service.redeem(late.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(answer, Redemption::Refused(_)), "{answer:?}");
    service.resume(other).await.unwrap();
    service.complete(service.start(other).await.unwrap().id).await.unwrap();
    service.redact(other).await.unwrap();
}
