//! What is counted.

use std::sync::Arc;

use inquiry_otl::{MemoryStore, Service, UrlFormat};
use inquiry_otl_axum::{
    MetricsSink, TimedStore,
    verify::{FormKey, GoOn, Verify},
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::Browser;

/// D3, V1: links, looks before the first use, refusals by reason, and the store's time are counted, under no label that
/// holds anything of a link.
#[tokio::test]
async fn what_happens_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);

    let urls = UrlFormat::new("https://verify.acme.com/verify").unwrap();
    let service =
        Service::builder(TimedStore::new(MemoryStore::new())).url_format(urls).event_sink(MetricsSink::new());
    let service = Arc::new(service.build().unwrap());
    let template = inquiry_otl::TemplateId::new("itmpl_kyc").unwrap();
    let inquiry = service.create(inquiry_otl::NewInquiry::from_template(template)).await.unwrap().id;
    let link = service.issue(inquiry_otl::LinkRequest::resume(inquiry)).await.unwrap();
    let verify = Verify::builder(Arc::clone(&service), FormKey::random())
        .enter(GoOn::to("/inquiry").unwrap())
        .unwrap();
    let mut person = Browser::new(&verify.router());
    for _ in 0..3 {
        person.open(link.url.expose()).await;
    }
    let page = person.open(link.url.expose()).await;
    person.press(&page.fields()).await;
    let _ = service.redeem(link.url.expose(), &inquiry_otl::Attempt::new()).await.unwrap();
    for in_vain in [link.url.expose(), "/verify?code=x", "/verify?code=x&code=y", "/c/%FF"] {
        let url = in_vain.strip_prefix("https://verify.acme.com").unwrap_or(in_vain);
        person.open(url).await;
    }
    let _ = service.redeem("x", &inquiry_otl::Attempt::new()).await.unwrap();

    let mut counted = Vec::new();
    let mut timed = Vec::new();
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        assert!(!name.contains(link.code.expose().as_str()) && !name.contains(&link.id.to_string()));
        match value {
            DebugValue::Counter(count) => counted.push(format!("{name} {count}")),
            DebugValue::Histogram(values) if key.name() == "otl_store_seconds" => {
                timed.push(format!("{name} {}", values.len()));
            }
            DebugValue::Histogram(values) => {
                counted
                    .push(format!("{name}{:?}", values.iter().map(|v| v.into_inner()).collect::<Vec<_>>()));
            }
            DebugValue::Gauge(_) => panic!("{name} is a gauge"),
        }
    }
    counted.sort_unstable();
    timed.sort_unstable();
    assert_eq!(
        counted,
        [
            "otl_links_total created 1",
            "otl_links_total peeked 4",
            "otl_links_total redeemed 1",
            "otl_peeks_before_redeem [4.0]",
            "otl_refusals_total peeked mangled 3",
            "otl_refusals_total peeked used 1",
            "otl_refusals_total refused mangled 1",
            "otl_refusals_total refused used 1",
        ]
    );
    assert_eq!(
        timed,
        [
            "otl_store_seconds create_inquiry ok 1",
            "otl_store_seconds inspect ok 5",
            "otl_store_seconds issue ok 1",
            "otl_store_seconds redeem ok 2",
        ]
    );
}
