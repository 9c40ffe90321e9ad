//! A service in memory, with a clock that stands still and a sink that remembers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claim, Claiming, Clock, Event, ExpirationPolicy, Grant, InquiryId,
    Interval, IssuedLink, Key, KeyId, Keyring, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption,
    Refusal, Service, ServiceBuilder, TemplateId, Timestamp,
    record::InquiryRecord,
    store::{InquiryKey, LinkStore},
};

pub(crate) type Store = Arc<MemoryStore>;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    pub(crate) sink: Recorder,
    pub(crate) service: Service<Store>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(parts: impl FnOnce(ServiceBuilder<Store>) -> ServiceBuilder<Store>) -> Self {
        let store = Arc::new(MemoryStore::new().with_outbox());
        let (clock, sink) = (ManualClock::default(), Recorder::default());
        let service = parts(builder(store.clone(), &clock, &sink)).build().unwrap();
        Self { store, clock, sink, service }
    }

    pub(crate) fn policy(policy: ExpirationPolicy) -> Self {
        Self::with(|builder| builder.policy(policy))
    }

    pub(crate) fn keyed() -> Self {
        Self::with(|builder| builder.keyring(Keyring::new(key(1))))
    }

    /// Another service on the same store, clock and sink.
    pub(crate) fn beside(
        &self,
        parts: impl FnOnce(ServiceBuilder<Store>) -> ServiceBuilder<Store>,
    ) -> Service<Store> {
        parts(builder(self.store.clone(), &self.clock, &self.sink)).build().unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, interval: Interval) {
        self.clock.advance(interval);
    }

    /// Moves the clock to some microseconds after (or before) that instant.
    pub(crate) fn at(&self, instant: Timestamp, micros: i64) {
        self.clock.set(moved(instant, micros));
    }

    pub(crate) async fn created(&self) -> InquiryId {
        self.service.create(new_inquiry()).await.unwrap().id
    }

    pub(crate) async fn pending(&self) -> InquiryId {
        let id = self.created().await;
        self.service.start(id).await.unwrap().id
    }

    pub(crate) async fn link(&self, inquiry: InquiryId) -> IssuedLink {
        self.service.issue(LinkRequest::resume(inquiry)).await.unwrap()
    }

    pub(crate) async fn redeem(&self, link: &IssuedLink) -> Redemption {
        self.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap()
    }

    pub(crate) async fn grant(&self, link: &IssuedLink) -> Grant {
        granted(self.redeem(link).await)
    }

    pub(crate) async fn refusal(&self, link: &IssuedLink) -> Refusal {
        refusal(self.redeem(link).await)
    }

    pub(crate) async fn claim(&self, link: &IssuedLink) -> Claim {
        claimed(self.service.claim(link.url.expose(), &Attempt::new()).await.unwrap())
    }

    /// The record as the store keeps it.
    pub(crate) async fn record(&self, inquiry: InquiryId) -> InquiryRecord {
        let key = InquiryKey { tenant: inquiry_otl::TenantId::default(), inquiry };
        LinkStore::inquiry(&self.store, key).await.unwrap().unwrap()
    }
}

fn builder(store: Store, clock: &ManualClock, sink: &Recorder) -> ServiceBuilder<Store> {
    Service::builder(store).clock(clock.clone()).event_sink(sink.sink())
}

/// Remembers what a sink was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Recorder {
    pub(crate) fn sink(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let told = self.0.clone();
        move |event: &Event| told.lock().unwrap().push(event.clone())
    }

    /// What was told since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The names of what was told since the last call.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.take().iter().map(|event| event.kind.name()).collect()
    }
}

pub(crate) fn new_inquiry() -> NewInquiry {
    NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap())
}

pub(crate) fn inquiry_id(text: &str) -> InquiryId {
    InquiryId::new(text).unwrap()
}

/// A key whose bytes depend on its number only.
pub(crate) fn key(number: u8) -> Key {
    Key::from_hex(KeyId::new(number).unwrap(), &key_hex(number)).unwrap()
}

pub(crate) fn key_hex(number: u8) -> String {
    format!("{number:02x}9f3c5a7be1d20864").repeat(4)[..64].to_owned()
}

pub(crate) fn seconds(seconds: i64) -> Interval {
    Interval::from_seconds(seconds).unwrap()
}

pub(crate) fn moved(instant: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(instant.unix_micros() + micros).unwrap()
}

pub(crate) fn attempt(key: &str) -> Attempt {
    Attempt::new().with_key(AttemptKey::new(key).unwrap())
}

pub(crate) fn bound(client: &str) -> Attempt {
    Attempt::new().with_binding(Binding::new(client.as_bytes()).unwrap())
}

pub(crate) const ATTEMPT: &str = "attempt-one-0123456789abcdef";

pub(crate) fn granted(answer: Redemption) -> Grant {
    match answer {
        Redemption::Granted(grant) => grant,
        other => panic!("not a grant: {other:?}"),
    }
}

pub(crate) fn refusal(answer: Redemption) -> Refusal {
    match answer {
        Redemption::Refused(refused) => refused.reason,
        other => panic!("not a refusal: {other:?}"),
    }
}

pub(crate) fn claimed(answer: Claiming) -> Claim {
    match answer {
        Claiming::Claimed(claim) => claim,
        other => panic!("not a claim: {other:?}"),
    }
}

/// A sleep that takes no time.
pub(crate) fn no_sleep(_: Duration) -> std::future::Ready<()> {
    std::future::ready(())
}
