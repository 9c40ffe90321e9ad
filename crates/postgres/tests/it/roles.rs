//! The least rights that the store works with.

use inquiry_otl::{
    EventId, Interval, LinkStore, Revocation,
    redemption::{Mode, Redeem, Release, Verdict},
    revocation::Revoke,
    session::StartSession,
    store::{Housekeeping, Outbox, Purge, Sweep},
};
use inquiry_otl_postgres::{SchemaName, role_script};
use inquiry_otl_testkit::postgres;

use crate::support::{
    Schema, connection, created, digest, event, expire, inquiry, issue, issued, open, redeem, sec, verdict,
};

/// S6: a service's role does what services do and removes nothing; the operator's does what an operator does, and makes no
/// link.
#[tokio::test]
async fn two_roles_share_the_work() {
    let schema = Schema::new();
    schema.store().await;
    let server = postgres::shared();
    let names = ["application", "housekeeping"].map(|role| format!("{role}_{}", std::process::id()));
    let [application, housekeeping] = names.clone().map(|name| SchemaName::new(&name).unwrap());
    for name in &names {
        server.sql(&format!("CREATE ROLE \"{name}\" LOGIN"));
    }
    server.sql(&role_script(&schema.0, &application, &housekeeping));
    let [service_url, operator_url] =
        names.clone().map(|name| server.url().replace("user=postgres", &format!("user={name}")));
    let (service, operator) = (
        open(&service_url, schema.options().with_outbox()),
        open(&operator_url, schema.options().with_outbox()),
    );

    service.check().await.unwrap();
    for n in 1..=3 {
        created(&service, n).await;
    }
    issued(&service, 1, 1).await;
    let many = service.issue_many((2..9).map(|n| issue(1 + n % 2, n)).collect()).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    assert_eq!(verdict(&service, 1).await, Verdict::FirstUse);
    let tenant = redeem(1).tenant;
    let claim = Mode::Claim { token: digest(9), until: sec(9) };
    service.redeem(Redeem { mode: claim, ..redeem(2) }).await.unwrap();
    let release =
        Release { tenant, inquiry: inquiry(1), link: issue(1, 2).link, claim: digest(9), now: sec(3) };
    service.release(release).await.unwrap().unwrap();
    let start = StartSession {
        tenant,
        inquiry: inquiry(2),
        now: sec(1),
        session: redeem(99).session,
        token: digest(1),
        event: event(9),
    };
    service.start_session(start).await.unwrap().unwrap();
    for target in
        [Revocation::Link(issue(1, 2).link), Revocation::Session(redeem(1).session), Revocation::AllLinks]
    {
        let revoke = Revoke { tenant, inquiry: inquiry(1), target, now: sec(3), event: event(8) };
        service.revoke(revoke).await.unwrap();
    }
    expire(&service, 1).await.unwrap();

    let swept =
        operator.sweep(Sweep { now: sec(100_000), limit: 9, event: EventId::from_u128(1) }).await.unwrap();
    assert_eq!(swept.events.len(), 2);
    let receipts: Vec<_> =
        operator.pending(None, 99).await.unwrap().into_iter().map(|delivery| delivery.receipt).collect();
    assert_eq!(operator.acknowledge(receipts.clone()).await.unwrap(), receipts.len() as u64);
    let day = Interval::from_days(1).unwrap();
    let now = sec(1_000_000);
    let purge = Purge {
        now,
        retention: day,
        inquiry_retention: Some(day),
        repeats_after: now.minus(day),
        limit: 999,
    };
    let purged = operator.purge(purge).await.unwrap();
    assert_eq!((purged.links, purged.sessions, purged.inquiries), (8, 2, 3));

    let quoted = format!("\"{}\"", schema.0);
    let (service, operator) = (connection(&service_url).await, connection(&operator_url).await);
    for forbidden in [
        "DELETE FROM s.links",
        "TRUNCATE s.outbox",
        "DROP TABLE s.links",
        "CREATE TABLE s.mine (n int)",
        "UPDATE s.links SET digest = digest",
        "UPDATE s.links SET inquiry = 'inq_2'",
        "UPDATE s.schema_version SET version = 2",
    ] {
        let error = service.batch_execute(&forbidden.replace("s.", &format!("{quoted}."))).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}: {error:?}");
    }
    let insert = format!("INSERT INTO {quoted}.links DEFAULT VALUES");
    assert_eq!(operator.batch_execute(&insert).await.unwrap_err().code().unwrap().code(), "42501");
    for name in names {
        server.sql(&format!("DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""));
    }
}
