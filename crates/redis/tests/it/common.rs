//! A store under a prefix of its own, and a service on it.

use std::sync::atomic::{AtomicU32, Ordering};

use inquiry_otl::{InquiryId, IssuedLink, LinkRequest, NewInquiry, Service, TemplateId};
use inquiry_otl_redis::{Builder, RedisStore};

pub(crate) fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("it-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn builder() -> Builder {
    RedisStore::builder(&prefix())
}

pub(crate) async fn inquiry(service: &Service<RedisStore>) -> InquiryId {
    let new = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
    service.create(new).await.unwrap().id
}

pub(crate) async fn link(service: &Service<RedisStore>) -> IssuedLink {
    let inquiry = inquiry(service).await;
    service.issue(LinkRequest::resume(inquiry)).await.unwrap()
}
