//! Partitioned stores in schemas that go away, in 1970.

use std::{
    num::NonZeroU16,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use inquiry_otl::{
    Attempt, Digest, EventId, ExpirationPolicy, InquiryId, Interval, IssuedLink, LinkId, LinkRequest,
    ManualClock, NewInquiry, OnOutstanding, Operator, Purpose, Redemption, Refusal, Service, StoreErrorKind,
    TemplateId, TenantId, Timestamp,
    conformance::Fixture,
    issuance::{IssueLink, Lifetime, Outstanding},
    store::{Housekeeping, Outbox, Purge, Purged, Receipt},
};
use inquiry_otl_postgres::{Dropped, Options, PostgresStore, SchemaName};
use inquiry_otl_testkit::postgres;
use tokio_postgres::NoTls;

pub(crate) const DAY: i64 = 86_400;

/// A link of a given digest and id that expires in the middle of the day of that number.
pub(crate) fn command(inquiry: InquiryId, id: u8, digest: u8, day: i64) -> IssueLink {
    let mut bytes = [0; 32];
    bytes[1] = digest;
    bytes[0] = digest.wrapping_mul(37);
    IssueLink {
        tenant: TenantId::default(),
        inquiry,
        now: sec(10),
        link: LinkId::from_u128(u128::from(id) + 1),
        digest: Digest::from_bytes(bytes),
        derivation: None,
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::Until(sec(day * DAY + DAY / 2)),
        outstanding: Outstanding::Keep,
        event: EventId::from_u128(1),
    }
}

pub(crate) fn sec(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

pub(crate) fn days(days: i64) -> Interval {
    Interval::from_days(days).unwrap()
}

/// A service on a store whose links are partitioned by the day, in 1970.
pub(crate) struct World {
    pub(crate) store: PostgresStore,
    pub(crate) service: Service<PostgresStore>,
    clock: ManualClock,
    pub(crate) schema: SchemaName,
    _stores: Stores,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self::plain().await;
        world.store.partition_by_expiry(NonZeroU16::MIN).await.unwrap();
        world
    }

    /// The layout that is not partitioned.
    pub(crate) async fn plain() -> Self {
        let stores = Stores::default();
        let store = stores.migrated().await;
        let clock = ManualClock::default();
        let service = Service::builder(store.clone())
            .clock(clock.clone())
            .on_outstanding(OnOutstanding::Keep)
            .build()
            .unwrap();
        let schema = stores.schemas.lock().unwrap().last().unwrap().clone();
        Self { store, service, clock, schema, _stores: stores }
    }

    pub(crate) fn at(&self, second: i64) {
        self.clock.set(sec(second));
    }

    /// Makes the partitions of those days.
    pub(crate) async fn ensure(&self, from: i64, until: i64) -> u64 {
        self.store.ensure_partitions(sec(from * DAY), sec(until * DAY)).await.unwrap()
    }

    /// An inquiry that is open for so many days.
    pub(crate) async fn inquiry(&self, open: i64) -> InquiryId {
        let policy = ExpirationPolicy::default().with_after_create(days(open));
        let request = NewInquiry::from_template(TemplateId::new("itmpl_1").unwrap()).with_policy(policy);
        self.service.create(request).await.unwrap().id
    }

    /// A link that lives for so many seconds, of an inquiry of its own that is open for so many days.
    pub(crate) async fn link(&self, open: i64, seconds: i64) -> IssuedLink {
        let inquiry = self.inquiry(open).await;
        let request = LinkRequest::resume(inquiry).expires_in(Interval::from_seconds(seconds).unwrap());
        self.service.issue(request).await.unwrap()
    }

    pub(crate) async fn redeem(&self, link: &IssuedLink) {
        let redemption = self.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap();
        assert!(matches!(redemption, Redemption::Granted(_)), "{redemption:?}");
    }

    pub(crate) async fn refusal(&self, link: &IssuedLink) -> Refusal {
        match self.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap() {
            Redemption::Refused(refused) => refused.reason,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn operator(&self) -> Operator<PostgresStore> {
        Operator::builder(self.store.clone()).clock(self.clock.clone()).build()
    }

    pub(crate) async fn drop_expired(&self, now: i64) -> Dropped {
        let mut all = Dropped::default();
        loop {
            match self.store.drop_expired_partitions(sec(now), days(30), sec(now - 600)).await {
                Ok(dropped) => {
                    all.partitions += dropped.partitions;
                    all.links += dropped.links;
                    all.sessions += dropped.sessions;
                    all.held = dropped.held;
                    return all;
                }
                // The server vacuums, or the machine is busy.
                Err(fault) => assert_eq!(fault.kind(), StoreErrorKind::Timeout, "{fault:?}"),
            }
        }
    }

    pub(crate) async fn purge(&self, now: i64) -> Purged {
        let (now, repeats_after) = (sec(now), sec(now - 600));
        let command =
            Purge { now, retention: days(30), inquiry_retention: None, repeats_after, limit: 1_000 };
        self.store.purge(command).await.unwrap()
    }

    /// Links of inquiries of their own, spread over the days of that many, from a number on: without the trigger, since
    /// their digests are not taken.
    pub(crate) fn fill(&self, after: u32, links: u32, width: u32) {
        let first_day = u32::from(after > 0);
        self.sql(&format!(
            "SET client_min_messages = error;
            INSERT INTO inquiries (tenant, id, template, status, policy, expires_at, created_at, version, epoch,
                resume_generation, resume_has_links, device_handoff_generation, device_handoff_has_links,
                sessions_started, last_sequence)
            SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), 'itmpl_1', 'created', '{{\"session-limit\": 25}}',
                '1971-01-01Z', '1970-01-01Z', n, n, 0, true, 0, false, 0, 2
            FROM generate_series({after} + 1, {after} + {links}) n;
            SET session_replication_role = replica;
            INSERT INTO links (tenant, inquiry, id, purpose, digest, epoch, generation, created_at, expires_at, purge_from)
            SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), md5('link ' || n)::uuid, 'resume',
                sha256(('code ' || n)::bytea), n, 0, '1970-01-01Z', at, at
            FROM generate_series({after} + 1, {after} + {links}) n, LATERAL (
                SELECT '1970-01-01 12:00Z'::timestamptz + ({first_day} + n % {width}) * interval '1 day' AS at
            ) t"
        ));
    }

    /// A connection whose tables are those of the store.
    pub(crate) async fn connection(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&postgres::shared().url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = \"{}\"", self.schema)).await.unwrap();
        client
    }

    pub(crate) fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    pub(crate) fn sql(&self, text: &str) -> String {
        postgres::shared().sql(&format!("SET search_path = \"{}\"; {text}", self.schema)).trim().to_owned()
    }
}

/// Stores in schemas of their own, which go with it.
#[derive(Default)]
pub(crate) struct Stores {
    schemas: Mutex<Vec<SchemaName>>,
}

impl Stores {
    pub(crate) fn open(schema: SchemaName) -> PostgresStore {
        // The machine that runs this may be busy, and says nothing of the store by that.
        let patient = Options::new()
            .with_outbox()
            .with_connections(8)
            .with_pool_timeout(Duration::from_secs(60))
            .with_connect_timeout(Duration::from_secs(60))
            .with_statement_timeout(Duration::from_secs(60))
            .with_lock_timeout(Duration::from_secs(60));
        let config = postgres::shared().url().parse().unwrap();
        PostgresStore::connect(config, NoTls, patient.with_schema(schema)).unwrap()
    }

    pub(crate) async fn migrated(&self) -> PostgresStore {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("parts_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let schema = SchemaName::new(&name).unwrap();
        self.schemas.lock().unwrap().push(schema.clone());
        let store = Self::open(schema);
        store.migrate().await.unwrap();
        store
    }
}

impl Fixture for Stores {
    type Store = PostgresStore;

    /// The checks begin with the year 2026, and most of what they make expires soon, or beyond all partitions.
    async fn fresh(&self) -> PostgresStore {
        let store = self.migrated().await;
        store.partition_by_expiry(NonZeroU16::MIN).await.unwrap();
        let begin = 1_767_225_600;
        store.ensure_partitions(sec(begin - DAY), sec(begin + 2 * DAY)).await.unwrap();
        store
    }

    async fn reopen(&self, store: PostgresStore) -> PostgresStore {
        store.pool().close();
        let schema = self.schemas.lock().unwrap().last().unwrap().clone();
        let store = Self::open(schema);
        store.check().await.unwrap();
        store
    }

    async fn deliver(&self, store: &PostgresStore) {
        let waiting = store.pending(None, u32::MAX).await.unwrap();
        let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
        store.acknowledge(receipts).await.unwrap();
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        for schema in self.schemas.get_mut().unwrap().iter() {
            postgres::shared().sql(&format!(
                "SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE"
            ));
        }
    }
}
