//! A hundred thousand links in one call, beside a bare binary copy of rows that are as wide (P8).

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use inquiry_otl::{LinkRequest, NewInquiry, OnOutstanding, Service, TemplateId};
use inquiry_otl_measure::Bound;
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_testkit::postgres::Postgres;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, binary_copy::BinaryCopyInWriter, types::Type};
use uuid::Uuid;

use crate::{
    candidate::{NOW, id, secret},
    postgres::instant,
    report::{Report, goal},
};

const LINKS: usize = 100_000;
const ROUNDS: usize = 5;

pub(crate) fn measure(runtime: &Runtime) -> Report {
    let server = Postgres::start();
    runtime.block_on(async {
        let store = PostgresStore::connect(server.url().parse().unwrap(), NoTls, Options::new()).unwrap();
        store.migrate().await.unwrap();
        let service = Service::builder(store).on_outstanding(OnOutstanding::Keep).build().unwrap();
        let template = TemplateId::new("itmpl_bench").unwrap();
        let mut inquiries = Vec::new();
        for _ in 0..100 {
            inquiries.push(service.create(NewInquiry::from_template(template)).await.unwrap().id);
        }
        let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let table = "CREATE TABLE bare (LIKE inquiry_otl.links INCLUDING ALL)";
        client.batch_execute(table).await.unwrap();
        let mut ratios = Vec::new();
        for round in 0..=ROUNDS {
            let bare = copy(&client, &rows(round)).await;
            let requests = (0..LINKS).map(|link| LinkRequest::resume(inquiries[link % inquiries.len()]));
            let began = Instant::now();
            let links = service.issue_many(requests).await;
            let ours = began.elapsed();
            assert!(links.iter().all(Result::is_ok));
            // The first round warms up.
            if 0 < round {
                eprintln!("P8 100,000 links: bare copy {bare:.2?}, issue_many {ours:.2?}");
                ratios.push(ours.as_secs_f64() / bare.as_secs_f64());
            }
        }
        let what = "PostgreSQL, cost of 100,000 links in bulk by a bare COPY's".to_owned();
        Report { goals: vec![goal("P8", what, Bound::AtMost(1.3), ratios)], ..Report::default() }
    })
}

/// Rows like ours: ids that grow, and within ten thousand of them the order of the digests.
fn rows(round: usize) -> Vec<(String, Uuid, [u8; 32])> {
    let mut rows: Vec<_> = (0..LINKS)
        .map(|n| {
            let mut link = id();
            link[..8].copy_from_slice(&((round * LINKS + n) as u64).to_be_bytes());
            (format!("inq_{:026}", n % 100), Uuid::from_bytes(link), secret().1)
        })
        .collect();
    for part in rows.chunks_mut(10_000) {
        part.sort_unstable_by_key(|(.., digest)| *digest);
    }
    rows
}

/// Rows that are ready, and nothing before or behind them.
async fn copy(client: &Client, rows: &[(String, Uuid, [u8; 32])]) -> Duration {
    let began = Instant::now();
    let sink = client
        .copy_in(
            "COPY bare (tenant, inquiry, id, purpose, digest, epoch, generation, created_at, expires_at, purge_from) \
             FROM STDIN BINARY",
        )
        .await
        .unwrap();
    let types = [
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::TEXT,
        Type::BYTEA,
        Type::INT8,
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ];
    let mut sink = pin!(BinaryCopyInWriter::new(sink, &types));
    let now = instant(NOW);
    for (inquiry, link, digest) in rows {
        sink.as_mut()
            .write(&[&"default", inquiry, link, &"resume", &&digest[..], &1_i64, &0_i64, &now, &now, &now])
            .await
            .unwrap();
    }
    sink.finish().await.unwrap();
    began.elapsed()
}
