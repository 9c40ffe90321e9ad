//! Pages beside a million inquiries and as many events, on SQLite and on PostgreSQL.

use std::time::Instant;

use inquiry_otl::ExpirationPolicy;
use inquiry_otl_testkit::postgres::Postgres;
use rusqlite::{Connection, params};

use crate::{
    Size,
    staff::Staff,
    support::{Place, Running},
};

/// When the zeroth inquiry was created, in microseconds since 1970; each is a second younger than the one before.
const BEGAN: i64 = 1_700_000_000_000_000;
/// How often each page is asked for: the median is told.
const TIMES: usize = 9;

pub(crate) async fn run(size: Size) {
    let count = i64::try_from(size.inquiries).unwrap();
    let place = Place::new();
    let token = begun(&place, &[]);
    fill_sqlite(&place, count);
    fill_records(&place, count);
    let mut server = place.serve(&[]);
    server.token = token;
    println!("SQLite, {count} inquiries:");
    pages(&server, count).await;
    drop(server);

    let postgres = Postgres::start();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port());
    let place = Place::new();
    let token = begun(&place, &["--store", &url]);
    fill_postgres(&postgres, count);
    fill_records(&place, count);
    let mut server = place.serve(&["--store", &url]);
    server.token = token;
    println!("PostgreSQL, {count} inquiries:");
    pages(&server, count).await;
}

/// Makes the tables, and gives the token.
fn begun(place: &Place, arguments: &[&str]) -> Option<String> {
    let server = place.serve(arguments);
    let token = server.token.clone();
    assert!(server.stop().success());
    token
}

async fn pages(server: &Running, count: i64) {
    let staff = server.staff().await;
    let at = |n: i64| format!("{}.inq_{n:010}", BEGAN + n * 1_000_000);
    for (name, path) in [
        ("the first page", "/dashboard/inquiries".to_owned()),
        ("a middle page", format!("/dashboard/inquiries?after={}", at(count / 2))),
        ("the last page", format!("/dashboard/inquiries?before={}", at(1))),
        ("a status", "/dashboard/inquiries?status=approved".to_owned()),
        ("a rare status", "/dashboard/inquiries?status=needs_review".to_owned()),
        ("a rare template", "/dashboard/inquiries?template=itmpl_rare".to_owned()),
        ("a reference", format!("/dashboard/inquiries?reference=person%20{}", count / 2)),
        ("an inquiry with its timeline", format!("/dashboard/inquiries/inq_{:010}", count / 2)),
        ("figures of a month", "/dashboard/figures?span=month".to_owned()),
    ] {
        time(&staff, name, &path).await;
    }
}

async fn time(staff: &Staff, name: &str, path: &str) {
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..TIMES {
        let began = Instant::now();
        size = staff.page(path).await.len();
        times.push(began.elapsed());
    }
    times.sort();
    println!("    {name:<32} {:>8.1} ms, {size} bytes", times[TIMES / 2].as_secs_f64() * 1e3);
}

fn fill_sqlite(place: &Place, count: i64) {
    let store = Connection::open(place.file("inquiry-otl.db")).unwrap();
    let policy = serde_json::to_string(&ExpirationPolicy::default()).unwrap();
    store
        .execute(
            "INSERT INTO otl_inquiries (tenant, id, template, reference, status, policy, expires_at, created_at,
                version, epoch, resume_generation, resume_has_links, handoff_generation, handoff_has_links,
                sessions_started, last_sequence, epoch_links, resume_links, handoff_links)
            SELECT 'default', printf('inq_%010d', value), iif(value % 100000 = 5, 'itmpl_rare', 'itmpl_' || (value % 7)),
                'person ' || value, CASE WHEN value % 100000 = 7 THEN 'needs_review'
                    WHEN value % 2 = 1 THEN 'completed' ELSE 'approved' END,
                ?1, ?2 + (value + 86400) * 1000000, ?2 + value * 1000000, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0
            FROM (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < ?3)
                SELECT value FROM n)",
            params![policy, BEGAN, count],
        )
        .unwrap();
}

fn fill_postgres(postgres: &Postgres, count: i64) {
    let policy = serde_json::to_string(&ExpirationPolicy::default()).unwrap();
    postgres.sql(&format!(
        "INSERT INTO inquiry_otl.inquiries (tenant, id, template, reference, status, policy, expires_at, created_at, version,
            epoch, resume_generation, resume_has_links, device_handoff_generation, device_handoff_has_links,
            sessions_started, last_sequence)
        SELECT 'default', 'inq_' || lpad(n::text, 10, '0'),
            CASE WHEN n % 100000 = 5 THEN 'itmpl_rare' ELSE 'itmpl_' || n % 7 END, 'person ' || n,
            CASE WHEN n % 100000 = 7 THEN 'needs_review' WHEN n % 2 = 1 THEN 'completed' ELSE 'approved' END,
            '{policy}', to_timestamp({BEGAN} / 1000000 + n + 86400), to_timestamp({BEGAN} / 1000000 + n),
            n, n, 0, false, 0, false, 0, 1
        FROM generate_series(1, {count}) n"
    ));
    postgres.sql("VACUUM (ANALYZE) inquiry_otl.inquiries");
}

/// An event for each inquiry, and figures of a month.
fn fill_records(place: &Place, count: i64) {
    let records = Connection::open(place.file("inquiry-otl-server.db")).unwrap();
    records
        .execute(
            "INSERT INTO events (inquiry, sequence, id, at, name, event)
            SELECT printf('inq_%010d', value), 1, printf('evt_%026d', value), ?1 + value * 1000000, 'inquiry.created',
                json_object('id', printf('evt_%026d', value), 'tenant', 'default', 'inquiry-id', printf('inq_%010d', value),
                    'sequence', 1, 'at', '2026-01-31T12:00:00.000000Z', 'name', 'inquiry.created')
            FROM (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < ?2)
                SELECT value FROM n)",
            params![BEGAN, count],
        )
        .unwrap();
    // A year of hours, each with sixty figures.
    records
        .execute(
            "INSERT INTO figures (hour, name, label, count)
            SELECT unixepoch() / 3600 - value / 60, iif(value % 60 < 50, 'seconds', 'refused'), value % 60, value
            FROM (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < 525600)
                SELECT value FROM n)",
            [],
        )
        .unwrap();
}
