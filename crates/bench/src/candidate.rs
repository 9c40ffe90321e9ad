//! This library on a store, as a candidate; and what those by hand have in common.

use std::num::NonZeroU32;

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, AttemptKey, ExpirationPolicy, InquiryId, LinkRequest, LinkStore, NewInquiry, OnOutstanding,
    Redemption, Service, TemplateId,
};
use inquiry_otl_measure::{Candidate, INQUIRIES};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

/// When everything by hand happens, in microseconds since 1970: instants are passed in (S5).
pub(crate) const NOW: i64 = 1_800_000_000_000_000;
/// How long what is made by hand lives, in microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// This library, on a store.
pub(crate) struct Ours<S> {
    service: Service<S>,
    inquiries: Vec<InquiryId>,
}

impl<S: LinkStore> Ours<S> {
    pub(crate) async fn new(store: S) -> Self {
        let policy = ExpirationPolicy::default().with_session_limit(NonZeroU32::MAX);
        let builder = Service::builder(store).policy(policy).on_outstanding(OnOutstanding::Keep);
        let service = builder.build().unwrap();
        let template = TemplateId::new("itmpl_bench").unwrap();
        let mut inquiries = Vec::with_capacity(INQUIRIES);
        while inquiries.len() < INQUIRIES {
            let some = (0..50).map(|_| service.create(NewInquiry::from_template(template)));
            inquiries.extend(join_all(some).await.into_iter().map(|created| created.unwrap().id));
        }
        Self { service, inquiries }
    }
}

impl<S: LinkStore + 'static> Candidate for Ours<S> {
    type Code = String;

    async fn issue(&self, inquiry: usize) -> String {
        let link = self.service.issue(LinkRequest::resume(self.inquiries[inquiry])).await.unwrap();
        link.url.expose().to_owned()
    }

    async fn redeem(&self, url: &String) {
        let attempt = Attempt::new().with_key(AttemptKey::random());
        match self.service.redeem(url, &attempt).await.unwrap() {
            Redemption::Granted(_) => {}
            other => panic!("a fresh link: {other:?}"),
        }
    }
}

/// A secret by hand: 20 random bytes, and their digest.
pub(crate) fn secret() -> ([u8; 20], [u8; 32]) {
    let mut code = [0; 20];
    rand::rng().fill_bytes(&mut code);
    (code, digest(&code))
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An id by hand.
pub(crate) fn id() -> [u8; 16] {
    let mut id = [0; 16];
    rand::rng().fill_bytes(&mut id);
    id
}
