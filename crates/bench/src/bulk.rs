//! A hundred thousand links in one call, beside a bare binary copy of rows that are as wide (P8).

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use inquiry_otl::{LinkRequest, NewInquiry, OnOutstanding, Service, TemplateId};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_testkit::postgres::Postgres;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, binary_copy::BinaryCopyInWriter, types::Type};

use crate::{
    candidate::{NOW, id, secret},
    postgres::instant,
    report::{Bound, Goal, Spread},
};

const LINKS: usize = 100_000;
const ROUNDS: usize = 5;

pub(crate) fn measure(runtime: &Runtime) -> Goal {
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
            let bare = copy(&client).await;
            let requests = (0..LINKS).map(|link| LinkRequest::resume(inquiries[link % inquiries.len()]));
            let began = Instant::now();
            let links = service.issue_many(requests).await;
            let ours = began.elapsed();
            assert!(links.iter().all(Result::is_ok));
            // The first round warms up.
            if 0 < round {
                println!("P8 100,000 links: bare copy {bare:.2?}, issue_many {ours:.2?}");
                ratios.push(ours.as_secs_f64() / bare.as_secs_f64());
            }
        }
        Goal {
            name: "P8",
            what: "PostgreSQL, 100,000 links in bulk against a bare COPY".to_owned(),
            bound: Bound::AtMost(1.3),
            measured: Spread::of(ratios),
        }
    })
}

/// The same rows, with nothing before or behind them.
async fn copy(client: &Client) -> Duration {
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
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &types));
    let now = instant(NOW);
    for n in 0..LINKS {
        let inquiry = format!("inq_{:026}", n % 100);
        let link = uuid::Uuid::from_bytes(id());
        let (_, digest) = secret();
        rows.as_mut()
            .write(&[&"default", &inquiry, &link, &"resume", &&digest[..], &1_i64, &0_i64, &now, &now, &now])
            .await
            .unwrap();
    }
    rows.finish().await.unwrap();
    began.elapsed()
}
