//! Schemas that go away, and commands that are made by hand.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Waker},
    time::Duration,
};

use inquiry_otl::{
    Digest, EventId, ExpirationPolicy, Inquiry, InquiryId, LinkId, LinkStore, Purpose, SessionId, StoreError,
    TemplateId, TenantId, Timestamp,
    issuance::{IssueLink, Lifetime, Outstanding},
    record::Epoch,
    redemption::{Mode, Redeem, Verdict},
    store::{ChangeInquiry, CreateInquiry, CreateOutcome, InquiryKey, IssueOutcome},
};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName};
use inquiry_otl_testkit::postgres::{self, Postgres};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, GenericClient, NoTls};

/// A schema of one's own on the server that all tests share; it is dropped with this.
pub(crate) struct Schema(pub(crate) SchemaName);

impl Schema {
    /// One without tables.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(SchemaName::new(&format!("it_{}_{count}", std::process::id())).unwrap())
    }

    pub(crate) fn options(&self) -> Options {
        patient().with_schema(self.0.clone())
    }

    /// A store that is ready.
    pub(crate) async fn store(&self) -> PostgresStore {
        self.store_with(self.options()).await
    }

    pub(crate) async fn store_with(&self, options: Options) -> PostgresStore {
        let store = open(&postgres::shared().url(), options);
        store.migrate().await.unwrap();
        store
    }

    /// What a statement in this schema answers.
    pub(crate) fn sql(&self, text: &str) -> String {
        postgres::shared().sql(&format!("SET search_path = \"{}\"; {text}", self.0))
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        postgres::shared()
            .sql(&format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.0));
    }
}

/// The machine that runs this may be busy, and says nothing of the store by that.
pub(crate) fn patient() -> Options {
    Options::new()
        .with_connections(4)
        .with_pool_timeout(Duration::from_secs(60))
        .with_connect_timeout(Duration::from_secs(60))
        .with_statement_timeout(Duration::from_secs(60))
        .with_lock_timeout(Duration::from_secs(60))
}

pub(crate) fn open(url: &str, options: Options) -> PostgresStore {
    PostgresStore::connect(url.parse().unwrap(), NoTls, options).unwrap()
}

/// A ready store on a server of its own.
pub(crate) async fn store_on(server: &Postgres, options: Options) -> PostgresStore {
    store_on_url(&server.url(), options).await
}

pub(crate) async fn store_on_url(url: &str, options: Options) -> PostgresStore {
    let store = open(url, options);
    store.migrate().await.unwrap();
    store
}

/// A connection of somebody else's.
pub(crate) async fn connection(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Returns when these tasks wait for what the transaction of that connection holds, or for one another behind it; it fails
/// if one does not wait.
pub(crate) async fn until_blocked<T>(schema: &Schema, by: &impl GenericClient, waiting: &[&JoinHandle<T>]) {
    let pid: i32 = by.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let waits = format!(
        "WITH RECURSIVE waits (pid) AS (
             SELECT {pid}
             UNION SELECT a.pid FROM pg_stat_activity a JOIN waits w ON w.pid = ANY (pg_blocking_pids(a.pid))
         ) SELECT count(*) - 1 FROM waits"
    );
    while schema.sql(&waits) != waiting.len().to_string() {
        assert!(!waiting.iter().any(|task| task.is_finished()), "nobody waits for what is held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A task for a call that has come already, and waits.
pub(crate) fn waiting<C>(call: C) -> JoinHandle<C::Output>
where
    C: Future<Output: Send> + Send + 'static,
{
    let mut call = Box::pin(call);
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it does not wait");
    tokio::spawn(call)
}

pub(crate) fn key(n: u32) -> InquiryKey {
    InquiryKey { tenant: TenantId::default(), inquiry: inquiry(n) }
}

/// Expires the inquiry of that number.
pub(crate) async fn expire(store: &impl LinkStore, n: u32) -> Result<(), StoreError> {
    let record = store.inquiry(key(n)).await?.unwrap();
    let step = record.inquiry.after(inquiry_otl::Action::Expire, sec(3)).unwrap();
    let tenant = record.tenant;
    let command = ChangeInquiry { tenant, if_version: record.version, step, now: sec(3), event: event(n) };
    store.change_inquiry(command).await.map(|_| ())
}

pub(crate) fn sec(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

pub(crate) fn inquiry(n: u32) -> InquiryId {
    InquiryId::new(&format!("inq_{n}")).unwrap()
}

/// The digest of the code of the link of that number.
pub(crate) fn digest(n: u32) -> Digest {
    let mut bytes = [0xD1; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Digest::from_bytes(bytes)
}

pub(crate) fn event(n: u32) -> EventId {
    EventId::from_u128(u128::from(n) << 32)
}

/// An inquiry that is open for a day from 1970 on.
pub(crate) fn create(n: u32) -> CreateInquiry {
    create_with(n, ExpirationPolicy::default())
}

pub(crate) fn create_with(n: u32, policy: ExpirationPolicy) -> CreateInquiry {
    CreateInquiry {
        tenant: TenantId::default(),
        inquiry: Inquiry::new(inquiry(n), TemplateId::new("itmpl_1").unwrap(), policy, sec(0)),
        first_epoch: Epoch::new(u64::from(n)),
        event: event(n),
    }
}

/// A link of that inquiry that lives for 1000 seconds, beside others.
pub(crate) fn issue(of: u32, n: u32) -> IssueLink {
    IssueLink {
        tenant: TenantId::default(),
        inquiry: inquiry(of),
        now: sec(1),
        link: LinkId::from_u128(n.into()),
        digest: digest(n),
        derivation: None,
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::Until(sec(1_000)),
        outstanding: Outstanding::Keep,
        event: event(n),
    }
}

pub(crate) fn redeem(n: u32) -> Redeem {
    Redeem {
        tenant: TenantId::default(),
        digest: digest(n),
        now: sec(2),
        mode: Mode::Once,
        attempt: None,
        repeats_after: sec(1),
        binding: None,
        session: SessionId::from_u128(n.into()),
        token: Digest::from_bytes([0xE2; 32]),
        event: event(n),
    }
}

pub(crate) async fn created(store: &impl LinkStore, n: u32) {
    let outcome = store.create_inquiry(create(n)).await.unwrap();
    assert!(matches!(outcome, CreateOutcome::Created(_)), "{outcome:?}");
}

pub(crate) async fn issued(store: &impl LinkStore, of: u32, n: u32) {
    let outcome = store.issue(issue(of, n)).await.unwrap();
    assert!(matches!(outcome, IssueOutcome::Issued { .. }), "{outcome:?}");
}

pub(crate) async fn verdict(store: &impl LinkStore, n: u32) -> Verdict {
    store.redeem(redeem(n)).await.unwrap().expect("a link that was issued").verdict
}
