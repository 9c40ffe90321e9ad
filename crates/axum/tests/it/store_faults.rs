//! A store that cannot answer.

use std::{path::Path, sync::Arc, time::Duration};

use axum::http::StatusCode;
use inquiry_otl::{LinkRequest, NewInquiry, Service, TemplateId, UrlFormat};
use inquiry_otl_axum::verify::{FormKey, GoOn, Verify};
use inquiry_otl_sqlite::{SqliteStore, rusqlite::Connection};

use crate::support::{Browser, KEY};

/// S4, D6: while somebody else holds the database, the press is answered 503 with the same form, which works when they let
/// go; a look at a table that is gone is 503, too. Neither is a refusal, and neither shows what went wrong.
#[tokio::test]
async fn a_fault_is_no_refusal_and_can_be_tried_again() {
    let path = std::env::temp_dir().join(format!("otl-axum-{}.db", std::process::id()));
    let store = SqliteStore::builder().with_busy_timeout(Duration::from_millis(10)).open(&path).unwrap();
    let urls = UrlFormat::new("https://verify.acme.com/verify").unwrap();
    let service = Arc::new(Service::builder(store).url_format(urls).build().unwrap());
    let inquiry = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
    let inquiry = service.create(inquiry).await.unwrap().id;
    let link = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
    let verify = Verify::builder(Arc::clone(&service), FormKey::random())
        .enter(GoOn::to("/inquiry").unwrap())
        .unwrap();
    let mut person = Browser::new(&verify.router());
    let page = person.open(link.url.expose()).await;

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failed = person.press(&page.fields()).await;
    assert_eq!((failed.status, failed.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    assert_eq!(failed.fields(), page.fields());
    assert!(!failed.body.contains("lock") && !failed.body.contains("SQL"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(person.press(&failed.fields()).await.status, StatusCode::SEE_OTHER);

    other.execute_batch("ALTER TABLE otl_links RENAME TO gone").unwrap();
    let look = person.open(link.url.expose()).await;
    assert_eq!((look.status, look.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    assert!(look.body.contains("<form method=\"get\" action=\"/verify\""));
    drop((other, verify, person, service));
    remove(&path);
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

/// D6: who waits too long is shown a button that sends the same attempt, which finds what came of the first one.
#[tokio::test]
async fn who_waits_too_long_gets_the_same_attempt_again() {
    let path = std::env::temp_dir().join(format!("otl-axum-late-{}.db", std::process::id()));
    let store = SqliteStore::builder().with_busy_timeout(Duration::from_secs(60)).open(&path).unwrap();
    let urls = UrlFormat::new("https://verify.acme.com/verify").unwrap();
    let service = Arc::new(Service::builder(store).url_format(urls).build().unwrap());
    let inquiry = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
    let inquiry = service.create(inquiry).await.unwrap().id;
    let link = service.issue(LinkRequest::resume(inquiry)).await.unwrap();
    let build = || Verify::builder(Arc::clone(&service), FormKey::new(KEY));
    let patient = build().enter(GoOn::to("/inquiry").unwrap()).unwrap().router();
    let hasty = build().answer_within(Duration::from_millis(50));
    let hasty = hasty.enter(GoOn::to("/inquiry").unwrap()).unwrap().router();
    let mut person = Browser::new(&patient);
    let page = person.open(link.url.expose()).await;

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    person.app = hasty;
    let late = person.press(&page.fields()).await;
    assert_eq!((late.status, late.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "10"));
    assert_eq!(late.fields(), page.fields());
    other.execute_batch("ROLLBACK").unwrap();
    person.app = patient;
    assert_eq!(person.press(&late.fields()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(service.sessions(inquiry, None, 10).await.unwrap().len(), 1);
    drop((other, person, service));
    remove(&path);
}
