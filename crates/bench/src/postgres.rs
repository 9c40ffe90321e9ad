//! PostgreSQL: one prepared statement per call by hand, on connections of one's own and through a default pool, and the
//! store (P6, P7).

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use deadpool::unmanaged::Pool;
use inquiry_otl_measure::{Bound, Candidate, INQUIRIES};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName};
use inquiry_otl_testkit::postgres::Postgres;
use sqlx::{PgPool, types::chrono::DateTime};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Statement};

use crate::{
    candidate::{DAY, NOW, Ours, digest, id, secret},
    report::Report,
    turns::{Competes, Turns},
};

/// More connections than that make it slower, on two cores.
const CONNECTIONS: usize = 16;

pub(crate) fn measure(runtime: &Runtime) -> Report {
    let server = Postgres::start();
    let by_hand = Arc::new(runtime.block_on(ByHand::new(&server)));
    let pool = Arc::new(runtime.block_on(Pooled::new(&server)));
    let options =
        |schema| Options::new().with_schema(SchemaName::new(schema).unwrap()).with_connections(CONNECTIONS);
    let alone = runtime.block_on(open(&server, options("alone").without_gathering()));
    let together = runtime.block_on(open(&server, options("together")));
    let candidates: [(_, &dyn Competes); 4] =
        [("by hand", &by_hand), ("PgPool", &pool), ("each by itself", &alone), ("gathering", &together)];
    let mut report = Report::default();
    for (tasks, links) in [(1, 400), (16, 2_000), (64, 4_000), (256, 6_000)] {
        let turns = Turns::measure("PostgreSQL", &candidates, 5, (tasks, links));
        let turns = runtime.block_on(turns);
        if let 16 | 64 = tasks {
            let (ours, least) = ("each by itself", Bound::AtLeast);
            report.goals.extend(turns.both("P6", (ours, "by hand"), least(0.95)));
            report.goals.extend(turns.both("P6", (ours, "PgPool"), least(2.0)));
        }
        let (pair, bound) = (("gathering", "by hand"), goal_of_gathering(tasks));
        report.goals.extend(turns.both("P7", pair, bound));
        report.goals.push(turns.faster("P7", pair, "p99", Bound::AtLeast(1.0), |round| round.p99));
        report.points.extend(turns.points());
    }
    report
}

fn goal_of_gathering(tasks: usize) -> Bound {
    match tasks {
        1 => Bound::AtLeast(0.95),
        64 => Bound::AtLeast(2.7),
        256 => Bound::AtLeast(4.5),
        _ => Bound::None,
    }
}

async fn open(server: &Postgres, options: Options) -> Arc<Ours<PostgresStore>> {
    let store = PostgresStore::connect(server.url().parse().unwrap(), NoTls, options).unwrap();
    store.migrate().await.unwrap();
    Arc::new(Ours::new(store).await)
}

/// Connections that each have the statements prepared; a call takes one that is free.
struct ByHand(Pool<(Client, Statement, Statement)>);

const TABLES: &str = "CREATE TABLE inquiries (id int PRIMARY KEY, status text NOT NULL, expires_at timestamptz NOT NULL, \
    epoch bigint NOT NULL, sessions int NOT NULL) WITH (fillfactor = 70); \
  CREATE TABLE links (digest bytea PRIMARY KEY, inquiry int NOT NULL, epoch bigint NOT NULL, \
    created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz, session uuid, attempt bytea) \
    WITH (fillfactor = 70); \
  CREATE INDEX links_inquiry ON links (inquiry); CREATE INDEX links_expires ON links (expires_at); \
  CREATE TABLE sessions (id uuid PRIMARY KEY, inquiry int NOT NULL, epoch bigint NOT NULL, \
    started_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, token bytea NOT NULL)";

/// The inquiry's row is held first, so that of two uses the second finds the link used.
const REDEEM: &str = "WITH i AS (\
    SELECT i.id, i.epoch, i.expires_at FROM links l JOIN inquiries i ON i.id = l.inquiry \
    WHERE l.digest = $1 AND i.status IN ('created', 'pending') AND $2 < i.expires_at FOR NO KEY UPDATE OF i), \
  used AS (\
    UPDATE links l SET used_at = $2, session = $3::text::uuid, attempt = $4 FROM i \
    WHERE l.digest = $1 AND l.used_at IS NULL AND $2 < l.expires_at AND l.epoch = i.epoch RETURNING l.inquiry), \
  counted AS (UPDATE inquiries SET sessions = sessions + 1 FROM used WHERE id = used.inquiry), \
  started AS (\
    INSERT INTO sessions SELECT $3::text::uuid, i.id, i.epoch, $2, i.expires_at, $5 FROM used JOIN i ON i.id = used.inquiry) \
  SELECT inquiry FROM used";

const ISSUE: &str = "INSERT INTO links SELECT $1, id, epoch, $3, $4 FROM inquiries \
  WHERE id = $2 AND status IN ('created', 'pending') AND $3 < expires_at";

impl ByHand {
    async fn new(server: &Postgres) -> Self {
        server.sql(TABLES);
        server.sql(&format!(
            "INSERT INTO inquiries SELECT n, 'created', to_timestamp({}), 1, 0 FROM generate_series(0, {}) n",
            (NOW + DAY) / 1_000_000,
            INQUIRIES - 1
        ));
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
            tokio::spawn(connection);
            let (issue, redeem) =
                (client.prepare(ISSUE).await.unwrap(), client.prepare(REDEEM).await.unwrap());
            connections.push((client, issue, redeem));
        }
        Self(connections.into())
    }
}

/// An id as the driver of the pool takes it, too.
fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Microseconds since 1970 as the driver takes them.
pub(crate) fn instant(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
}

impl Candidate for ByHand {
    type Code = [u8; 20];

    async fn issue(&self, inquiry: usize) -> [u8; 20] {
        let (code, digest) = secret();
        let (now, until, inquiry) = (instant(NOW), instant(NOW + DAY), i32::try_from(inquiry).unwrap());
        let connection = self.0.get().await.unwrap();
        let (client, issue, _) = &*connection;
        let made = client.execute(issue, &[&&digest[..], &inquiry, &now, &until]).await.unwrap();
        assert_eq!(made, 1);
        code
    }

    async fn redeem(&self, code: &[u8; 20]) {
        let (of, attempt, token) = (digest(code), secret().1, secret().1);
        let session = hex(&id());
        let connection = self.0.get().await.unwrap();
        let (client, _, redeem) = &*connection;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&&of[..], &instant(NOW), &session, &&attempt[..], &&token[..]];
        assert_eq!(client.query(redeem, &params).await.unwrap().len(), 1, "a fresh link");
    }
}

/// The same statements on the same tables through a pool as it is by default, which prepares and keeps them, and asks each
/// connection whether it is there before it gives it out.
struct Pooled(PgPool);

impl Pooled {
    async fn new(server: &Postgres) -> Self {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
        Self(PgPool::connect(&url).await.unwrap())
    }
}

impl Candidate for Pooled {
    type Code = [u8; 20];

    async fn issue(&self, inquiry: usize) -> [u8; 20] {
        let (code, digest) = secret();
        let issue = sqlx::query(ISSUE).bind(&digest[..]).bind(i32::try_from(inquiry).unwrap());
        let issue = issue.bind(DateTime::from_timestamp_micros(NOW));
        let issue = issue.bind(DateTime::from_timestamp_micros(NOW + DAY));
        assert_eq!(issue.execute(&self.0).await.unwrap().rows_affected(), 1);
        code
    }

    async fn redeem(&self, code: &[u8; 20]) {
        let (of, attempt, token) = (digest(code), secret().1, secret().1);
        let redeem = sqlx::query(REDEEM).bind(&of[..]).bind(DateTime::from_timestamp_micros(NOW));
        let redeem = redeem.bind(hex(&id())).bind(&attempt[..]).bind(&token[..]);
        assert_eq!(redeem.fetch_all(&self.0).await.unwrap().len(), 1, "a fresh link");
    }
}
