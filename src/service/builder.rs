//! Putting a service together.

use std::sync::Arc;

use thiserror::Error;

use super::{Service, lease::LeaseTime, plan::Planner, request::OnOutstanding, sink::EventSink};
use crate::{
    clock::{Clock, SystemClock},
    code::CodeFormat,
    derivation::TenantKeys,
    keyring::Keyring,
    policy::ExpirationPolicy,
    tenant::TenantId,
    time::Interval,
    url::UrlFormat,
};

/// Puts a [`Service`] together: every part has a default but the store.
///
/// ```
/// use inquiry_otl::{ExpirationPolicy, Interval, Key, KeyId, Keyring, MemoryStore, Service};
///
/// let service = Service::builder(MemoryStore::new())
///     .policy(ExpirationPolicy::default().with_after_resume(Interval::from_hours(2)?))
///     .keyring(Keyring::new(Key::random(KeyId::new(1)?)))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ServiceBuilder<S> {
    store: S,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    policy: ExpirationPolicy,
    codes: CodeFormat,
    urls: UrlFormat,
    keyring: Option<Keyring>,
    on_outstanding: Option<OnOutstanding>,
    lease: LeaseTime,
    repeat_window: Interval,
    sink: Option<Arc<dyn EventSink>>,
}

impl<S> ServiceBuilder<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store,
            tenant: TenantId::default(),
            clock: Arc::new(SystemClock),
            policy: ExpirationPolicy::default(),
            codes: CodeFormat::default(),
            urls: UrlFormat::default(),
            keyring: None,
            on_outstanding: None,
            lease: LeaseTime::default(),
            repeat_window: Interval::MINUTE.times(10),
            sink: None,
        }
    }

    /// The tenant that the service is for (S6); `default` unless told otherwise.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// Where the time comes from (S5); the operating system unless told otherwise.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The policy of inquiries that bring none of their own (E1 to E7).
    pub fn policy(mut self, policy: ExpirationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// What codes look like (C1, C2): 160 bits without a region, unless told otherwise.
    pub fn code_format(mut self, codes: CodeFormat) -> Self {
        self.codes = codes;
        self
    }

    /// What links look like (C5): `https://withpersona.com/verify?code=`, unless told otherwise.
    pub fn url_format(mut self, urls: UrlFormat) -> Self {
        self.urls = urls;
        self
    }

    /// The keys that codes are made and recognised under (C7); none, unless told otherwise.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// What a new link does to outstanding ones, where its request does not say (L5).
    pub fn on_outstanding(mut self, choice: OnOutstanding) -> Self {
        self.on_outstanding = Some(choice);
        self
    }

    /// How long a claim holds its link (D5): 30 seconds, unless told otherwise.
    pub fn lease(mut self, lease: LeaseTime) -> Self {
        self.lease = lease;
        self
    }

    /// How long after the first use its attempt may ask again (D6): 10 minutes, unless told otherwise.
    pub fn repeat_window(mut self, window: Interval) -> Self {
        self.repeat_window = window;
        self
    }

    /// Who is told what happened (V1); nobody, unless told otherwise.
    pub fn event_sink(mut self, sink: impl EventSink + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// The service.
    ///
    /// # Errors
    /// [`BuildError`], which says which parts do not go together.
    pub fn build(self) -> Result<Service<S>, BuildError> {
        match (self.on_outstanding, &self.keyring) {
            (Some(OnOutstanding::ReturnSame { .. }), None) => Err(BuildError::NeedsKey),
            _ => Ok(self.assemble()),
        }
    }

    /// The service, of parts that go together.
    pub(super) fn assemble(self) -> Service<S> {
        // L5: at most one live link, unless the application asks for more.
        let default = match &self.keyring {
            Some(_) => OnOutstanding::ReturnSame { at_least: None },
            None => OnOutstanding::Supersede,
        };
        let planner = Planner {
            tenant: self.tenant,
            clock: self.clock,
            policy: self.policy,
            codes: self.codes,
            urls: self.urls,
            keys: TenantKeys::new(self.keyring.as_ref(), &self.tenant),
            on_outstanding: self.on_outstanding.unwrap_or(default),
            lease: self.lease,
            repeat_window: self.repeat_window,
            sink: self.sink,
        };
        Service { store: self.store, planner }
    }
}

/// Why a service could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Returning the same link needs derived codes, and those need a key (L5).
    #[error("returning the same link needs a keyring")]
    NeedsKey,
}
