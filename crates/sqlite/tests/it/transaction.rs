//! Commands within a transaction of the application's.

use std::sync::{Arc, Mutex};

use inquiry_otl::{
    Attempt, GrantKind, LinkRequest, LinkStore, ManualClock, NewInquiry, Redemption, Retry, Service,
    SessionId, StoreError, StoreErrorKind, TemplateId, TenantId,
    event::Revocation,
    record::LinkState,
    redemption::{Commit, Mode, Redeem, Release, Released, Verdict},
    revocation::Revoke,
    session::StartSession,
    store::{
        CreateOutcome, InquiryKey, Inspect, IssueOutcome, LinkName, ListOf, Outbox, RevokeOutcome, SessionKey,
    },
};
use inquiry_otl_sqlite::{
    NotInTransaction, SqliteStore, SqliteTransaction, Tables,
    rusqlite::{Connection, Transaction, TransactionBehavior},
};

use crate::support::{
    Directory, create, created, digest, event, inquiry, issue, issued, redeem, sec, verdict,
};

fn begin(connection: &mut Connection) -> Transaction<'_> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap()
}

/// T5, S1: a roll-back leaves the link, the inquiry and the outbox as they were; a commit keeps all, and the
/// application's own write.
#[tokio::test]
async fn a_link_follows_the_transaction() {
    let directory = Directory::new();
    let store = SqliteStore::builder().with_outbox().open(directory.file()).unwrap();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let view = async || {
        let name = LinkName::Digest(digest(1));
        let view = store.inspect(Inspect { tenant: TenantId::default(), link: name }).await.unwrap().unwrap();
        (view, store.pending(None, 100).await.unwrap())
    };
    let before = view().await;
    let mut connection = directory.connection();
    connection.execute_batch("CREATE TABLE visits (session BLOB)").unwrap();

    let transaction = begin(&mut connection);
    let own = store.within(&transaction);
    assert_eq!(own.redeem(redeem(1)).unwrap().unwrap().verdict, Verdict::FirstUse);
    assert!(matches!(own.redeem(redeem(1)).unwrap().unwrap().verdict, Verdict::Refused(_)));
    transaction.execute("INSERT INTO visits VALUES (x'01')", []).unwrap();
    assert!(view().await == before, "others see it before the commit");
    transaction.rollback().unwrap();
    assert!(view().await == before, "a roll-back left something behind");
    assert_eq!(visits(&connection), 0);

    let transaction = begin(&mut connection);
    let own = store.within(&transaction);
    assert_eq!(own.redeem(redeem(1)).unwrap().unwrap().verdict, Verdict::FirstUse);
    transaction.execute("INSERT INTO visits VALUES (x'01')", []).unwrap();
    transaction.commit().unwrap();
    let (after, events) = view().await;
    assert!(matches!(after.link.state, LinkState::Used(_)) && after.session.is_some(), "{after:?}");
    assert_eq!(events.len(), before.1.len() + 1);
    assert_eq!(visits(&connection), 1);
    assert!(matches!(verdict(&store, 1).await, Verdict::Refused(_)));
}

fn visits(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM visits", [], |row| row.get(0)).unwrap()
}

/// D1, V1, C4: planned by the service and carried out by hand, a redemption is told of after the commit.
#[tokio::test]
async fn a_plan_is_carried_out_by_hand() {
    let directory = Directory::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let service = Service::builder(directory.store())
        .clock(ManualClock::default())
        .event_sink(move |event: &inquiry_otl::Event| sink.lock().unwrap().push(event.kind.name()))
        .build()
        .unwrap();
    let planner = service.planner();
    let mut connection = directory.connection();
    let tables = Tables::new();
    let new = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
    let inquiry = service.create(new).await.unwrap();
    told.lock().unwrap().clear();

    let plan = planner.issue(&LinkRequest::resume(inquiry.id)).unwrap();
    let transaction = begin(&mut connection);
    let outcome = SqliteTransaction::new(&transaction, &tables).issue(plan.command().clone()).unwrap();
    transaction.commit().unwrap();
    let link = planner.finish_issue(plan, outcome).told(planner).unwrap();
    assert_eq!(*told.lock().unwrap(), ["one-time-link.created"]);

    for (commits, expected) in [(false, true), (true, true), (true, false)] {
        let plan = planner.redeem(link.url.expose(), &Attempt::new()).unwrap();
        let transaction = begin(&mut connection);
        let outcome = SqliteTransaction::new(&transaction, &tables).redeem(plan.command()).unwrap();
        let finished = planner.finish_redeem(plan, outcome);
        if !commits {
            transaction.rollback().unwrap();
            continue;
        }
        transaction.commit().unwrap();
        let Redemption::Granted(grant) = finished.told(planner) else {
            assert!(!expected, "a link whose redemption was rolled back");
            continue;
        };
        assert!(expected && grant.kind == GrantKind::FirstUse, "{grant:?}");
        assert!(service.authenticate(inquiry.id, grant.session.id, &grant.token).await.unwrap().is_some());
    }
    let told = told.lock().unwrap();
    assert_eq!(*told, ["one-time-link.created", "one-time-link.redeemed", "one-time-link.refused"]);
}

/// S1, D5, L6, D7: every command can be part of a transaction, and sees what those before it wrote.
#[test]
fn every_command_is_a_part() {
    let mut connection = Connection::open_in_memory().unwrap();
    let tables = Tables::with_prefix("x_").unwrap();
    tables.migrate(&mut connection).unwrap();
    let transaction = begin(&mut connection);
    let own = SqliteTransaction::new(&transaction, &tables);
    let (tenant, key) =
        (TenantId::default(), InquiryKey { tenant: TenantId::default(), inquiry: inquiry(1) });
    assert!(matches!(own.create_inquiry(create(1)).unwrap(), CreateOutcome::Created(_)));
    assert_eq!(own.create_inquiry(create(1)).unwrap(), CreateOutcome::Exists);
    for n in 1..=3 {
        assert!(matches!(own.issue(issue(1, n)).unwrap(), IssueOutcome::Issued { .. }));
    }
    assert_eq!(own.issue(issue(1, 1)).unwrap(), IssueOutcome::Taken);

    let mode = Mode::Claim { token: digest(99), until: sec(30) };
    let claimed = own.redeem(Redeem { mode, ..redeem(1) }).unwrap().unwrap();
    assert_eq!(claimed.verdict, Verdict::Claimed);
    let link = claimed.link;
    let release = Release { tenant, inquiry: inquiry(1), link, claim: digest(99), now: sec(3) };
    assert_eq!(own.release(release).unwrap(), Some(Released::Released));
    own.redeem(Redeem { mode, ..redeem(1) }).unwrap().unwrap();
    let commit = Commit {
        tenant,
        inquiry: inquiry(1),
        link,
        claim: digest(99),
        now: sec(4),
        session: SessionId::from_u128(5),
        token: digest(98),
        event: event(5),
    };
    assert_eq!(own.commit(commit).unwrap().unwrap().verdict, Verdict::FirstUse);
    let session = SessionId::from_u128(6);
    let start = StartSession {
        tenant,
        inquiry: inquiry(1),
        now: sec(4),
        session,
        token: digest(97),
        event: event(6),
    };
    assert!(own.start_session(start).unwrap().unwrap().session.is_ok());
    assert!(own.session(SessionKey { tenant, inquiry: inquiry(1), session }).unwrap().is_some());
    let list = own.sessions(ListOf { inquiry: key, before: None, limit: 1 }).unwrap().unwrap();
    assert_eq!((list.items.len(), list.more), (1, true));
    let target = Revocation::Everything;
    let revoke = Revoke { tenant, inquiry: inquiry(1), target, now: sec(5), event: event(7) };
    assert!(matches!(own.revoke(revoke).unwrap(), RevokeOutcome::Revoked(_)));
    let inspect = Inspect { tenant, link: LinkName::Id(inquiry(1), link) };
    assert!(matches!(own.inspect(inspect).unwrap().unwrap().link.state, LinkState::Used(_)));
    let list = own.links(ListOf { inquiry: key, before: Some(link), limit: 9 }).unwrap().unwrap();
    assert_eq!(list.items.len(), 0, "links below the first");
    let record = own.inquiry(key).unwrap().unwrap();
    assert_eq!((record.sessions_started, record.endings.epochs.len()), (2, 1));
    let step = record.inquiry.after(inquiry_otl::Action::Start, sec(6)).unwrap();
    let change = inquiry_otl::store::ChangeInquiry {
        tenant,
        if_version: record.version,
        step,
        now: sec(6),
        event: event(8),
    };
    assert!(matches!(
        own.change_inquiry(change.clone()).unwrap(),
        inquiry_otl::store::ChangeOutcome::Changed(_)
    ));
    assert_eq!(own.change_inquiry(change).unwrap(), inquiry_otl::store::ChangeOutcome::Conflict);
}

fn kind(error: &StoreError) -> (StoreErrorKind, Retry) {
    (error.kind(), error.retry())
}

/// S2, S4: outside of a transaction nothing is done; also when it has ended meanwhile.
#[test]
fn outside_of_a_transaction_nothing_is_done() {
    let mut connection = Connection::open_in_memory().unwrap();
    let tables = Tables::new();
    tables.migrate(&mut connection).unwrap();
    let refused = |error: StoreError| {
        assert_eq!(kind(&error), (StoreErrorKind::Internal, Retry::Useless));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.downcast_ref::<NotInTransaction>().unwrap().to_string(), source.to_string());
        assert_eq!(source.to_string(), "no transaction is open on this connection");
    };
    let own = SqliteTransaction::new(&connection, &tables);
    refused(own.create_inquiry(create(1)).unwrap_err());
    refused(own.redeem(redeem(1)).unwrap_err());
    refused(own.inquiry(InquiryKey { tenant: TenantId::default(), inquiry: inquiry(1) }).unwrap_err());
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    own.create_inquiry(create(1)).unwrap();
    connection.execute_batch("COMMIT").unwrap();
    refused(own.create_inquiry(create(2)).unwrap_err());
}

/// S4, D1: a transaction that read before somebody else wrote is told to begin again, and has written nothing.
#[tokio::test]
async fn a_stale_transaction_begins_again() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut connection = directory.connection();
    let key = InquiryKey { tenant: TenantId::default(), inquiry: inquiry(1) };
    let transaction = connection.transaction().unwrap();
    let own = store.within(&transaction);
    assert!(own.inquiry(key).unwrap().is_some());
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
    // It would see the link unused.
    let error = own.redeem(redeem(1)).unwrap_err();
    assert_eq!(kind(&error), (StoreErrorKind::Conflict, Retry::WholeTransaction));
    drop(transaction);

    // Somebody else is writing.
    let mut other = directory.connection();
    let writing = begin(&mut other);
    let transaction = connection.transaction().unwrap();
    let error = store.within(&transaction).issue(issue(1, 2)).unwrap_err();
    assert_eq!(kind(&error), (StoreErrorKind::Conflict, Retry::WholeTransaction));
    drop(transaction);
    drop(writing);
    let transaction = begin(&mut connection);
    let attempted = store.within(&transaction).redeem(redeem(1)).unwrap().unwrap();
    assert!(matches!(attempted.verdict, Verdict::Refused(_)));
}

/// S1, S4: a command that fails in the middle leaves nothing behind, though the application commits.
#[tokio::test]
async fn a_command_that_fails_leaves_nothing() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut connection = directory.connection();
    connection
        .execute_batch(
            "CREATE TEMP TRIGGER stop BEFORE UPDATE ON otl_inquiries BEGIN SELECT RAISE(ABORT, 'stopped'); END",
        )
        .unwrap();
    let transaction = begin(&mut connection);
    let own = store.within(&transaction);
    assert_eq!(kind(&own.redeem(redeem(1)).unwrap_err()), (StoreErrorKind::Internal, Retry::Useless));
    transaction.execute_batch("DROP TRIGGER stop").unwrap();
    transaction.commit().unwrap();
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: a full disk undoes the command, or the whole transaction, and says so; a connection that only reads cannot.
#[tokio::test]
async fn a_full_disk_is_a_fault() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut connection = directory.connection();
    connection
        .execute_batch("CREATE TABLE filler (a BLOB); PRAGMA max_page_count = 1; PRAGMA cache_size = 5;")
        .unwrap();
    let transaction = begin(&mut connection);
    let own = store.within(&transaction);
    let mut full = None;
    for n in 10..2_000 {
        match own.issue(issue(1, n)) {
            Ok(outcome) => assert!(matches!(outcome, IssueOutcome::Issued { .. }), "{outcome:?}"),
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    let error = full.expect("two thousand links in a file that may not grow");
    assert_eq!(kind(&error), (StoreErrorKind::Unavailable, Retry::WholeTransaction));
    drop(transaction);
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);

    connection.execute_batch("PRAGMA query_only = 1").unwrap();
    let transaction = connection.transaction().unwrap();
    let error = store.within(&transaction).create_inquiry(create(2)).unwrap_err();
    assert_eq!(kind(&error), (StoreErrorKind::Internal, Retry::Useless));
}
