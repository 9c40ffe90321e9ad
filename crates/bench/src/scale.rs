//! What a hundred million links that wait would take, and a thousand million: measured for a record, and multiplied.
//!
//! `SCALE.md` says what the figures mean, and what breaks first.

use inquiry_otl::{
    Attempt, ExpirationPolicy, LinkRequest, LinkStore, NewInquiry, OnOutstanding, Redemption, Service,
    TemplateId,
};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_sqlite::SqliteStore;
use inquiry_otl_testkit::{postgres::Postgres, redis::Redis};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How many of each are measured.
const INQUIRIES: usize = 2_000;
const LINKS: usize = 100_000;
const USED: usize = 20_000;

/// The model: so many links that wait, ten of each inquiry; each lives a day, every second is used, and all are kept for so
/// many days after their expiry.
const WAITING: [f64; 2] = [1e8, 1e9];
const EACH: f64 = 10.0;
const USED_SHARE: f64 = 0.5;
const KEPT_DAYS: [f64; 3] = [0.0, 1.0, 30.0];

/// Bytes that a record takes, with all that finds it.
struct Bytes {
    engine: &'static str,
    inquiry: f64,
    link: f64,
    /// What its first use adds: a session.
    used: f64,
}

impl Bytes {
    /// Gigabytes of so many links that wait, and of those that came before them and are still kept.
    fn gigabytes(&self, waiting: f64, kept_days: f64) -> f64 {
        let old = waiting * kept_days * (self.link + self.used * USED_SHARE + self.inquiry / EACH);
        (waiting * (self.link + self.inquiry / EACH) + old) / 1e9
    }
}

pub(crate) fn measure(runtime: &Runtime) {
    let all = [postgres(runtime), sqlite(runtime), redis(runtime)];
    println!("bytes of a record, indexes included   inquiry      link   its use");
    for bytes in &all {
        println!("  {:<32} {:>12.0} {:>9.0} {:>9.0}", bytes.engine, bytes.inquiry, bytes.link, bytes.used);
    }
    for waiting in WAITING {
        println!(
            "{waiting:.0e} links that wait, each for a day: {:.0} a second come, and as many go",
            waiting / 86_400.0
        );
        println!("  GB, if they are kept for so many days        0         1        30");
        for bytes in &all {
            let [none, one, thirty] = KEPT_DAYS.map(|days| bytes.gigabytes(waiting, days));
            println!("  {:<32} {none:>12.0} {one:>9.0} {thirty:>9.0}", bytes.engine);
        }
    }
}

fn postgres(runtime: &Runtime) -> Bytes {
    let server = Postgres::start();
    let store =
        PostgresStore::connect(server.url().parse().unwrap(), tokio_postgres::NoTls, Options::new()).unwrap();
    runtime.block_on(store.migrate()).unwrap();
    let size = || {
        let text = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c \
            WHERE c.relnamespace = 'inquiry_otl'::regnamespace AND c.relkind = 'r'";
        server.sql(text).trim().parse().unwrap()
    };
    runtime.block_on(grow("PostgreSQL, on disk", store, size))
}

fn sqlite(runtime: &Runtime) -> Bytes {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("links.db");
    let store = SqliteStore::open(&file).unwrap();
    let size = || {
        let connection = Connection::open(&file).unwrap();
        let number = |text| connection.query_row(text, [], |row| row.get::<_, f64>(0)).unwrap();
        number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    };
    runtime.block_on(grow("SQLite, on disk", store, size))
}

fn redis(runtime: &Runtime) -> Bytes {
    let server = Redis::start();
    let store = runtime.block_on(RedisStore::builder("otl").open(server.url())).unwrap();
    let size = || {
        let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let told: String = redis::cmd("INFO").arg("memory").query(&mut connection).unwrap();
        told.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().parse().unwrap()
    };
    runtime.block_on(grow("Redis, in memory", store, size))
}

async fn grow<S: LinkStore>(engine: &'static str, store: S, size: impl Fn() -> f64) -> Bytes {
    let policy = ExpirationPolicy::default().with_session_limit(std::num::NonZeroU32::MAX);
    let builder = Service::builder(store).policy(policy).on_outstanding(OnOutstanding::Keep);
    let service = builder.build().unwrap();
    let template = TemplateId::new("itmpl_bench").unwrap();
    let empty = size();
    let mut inquiries = Vec::with_capacity(INQUIRIES);
    for _ in 0..INQUIRIES {
        inquiries.push(service.create(NewInquiry::from_template(template)).await.unwrap().id);
    }
    let created = size();
    let requests = (0..LINKS).map(|link| LinkRequest::resume(inquiries[link % INQUIRIES]));
    let links = service.issue_many(requests).await;
    let issued = size();
    for link in &links[..USED] {
        let redeemed = service.redeem(link.as_ref().unwrap().url.expose(), &Attempt::new()).await.unwrap();
        assert!(matches!(redeemed, Redemption::Granted(_)), "a fresh link: {redeemed:?}");
    }
    Bytes {
        engine,
        inquiry: (created - empty) / INQUIRIES as f64,
        link: (issued - created) / LINKS as f64,
        used: (size() - issued) / USED as f64,
    }
}
