//! `Idempotency-Key`: a request that is sent again under its key is not carried out again.
//!
//! A record keeps digests of the key and of the request, and the ids of what was made: never a body, a code or a token. The
//! answer to a repeat is read from the records anew, and its link is derived again.

mod memory;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::http::StatusCode;
use inquiry_otl::{
    Digest, InquiryId, Interval, LinkId, LinkStore, Service, SessionId, StoreError, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::memory::MemoryRecords;
use super::{
    call::Call,
    failure::{Failure, behind_a_change},
};

/// Seconds after which somebody who was told that the same request is under way asks again.
const SOON: u32 = 1;
/// What somebody is told whose request was begun, and nobody knows how it ended.
const UNKNOWN: &str = "It is not known whether the request under that Idempotency-Key changed anything: look, and take another key";

/// Keeps what was done under which key.
///
/// # Contract
/// - [`begin`](Self::begin) is one atomic step: of any number of simultaneous calls with one key exactly one is told
///   [`Begun::First`].
/// - A record is kept until its `until` has passed, whether anybody finished it or not, and then is as good as gone. The instants
///   come with the calls: no clock is read.
/// - Keys of two tenants are different keys: [`IdempotencyKey`] is a digest over both.
pub trait IdempotencyRecords: Send + Sync {
    /// Says what is known of a key; if that is nothing, notes that its request is under way, to be kept until `until`.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing is carried out.
    fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Notes what the request made, to be kept until `until`.
    ///
    /// # Errors
    /// [`StoreError`]: then the request stays under way, and nobody knows what it made.
    fn finish(
        &self,
        key: IdempotencyKey,
        made: Made,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets a request that is under way: it failed, and is judged anew.
    ///
    /// # Errors
    /// [`StoreError`]: then the request stays under way, and nobody knows that it made nothing.
    fn forget(&self, key: IdempotencyKey) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The digest of a tenant and of a key that a client chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey([u8; 32]);

impl IdempotencyKey {
    /// The key of a tenant's request: of its `Idempotency-Key`, or of whatever else names the request and nobody can guess.
    ///
    /// ```
    /// use inquiry_otl_axum::api::IdempotencyKey;
    ///
    /// let [acme, beta] = ["acme", "beta"].map(|tenant| IdempotencyKey::new(&tenant.parse().unwrap(), b"order 1"));
    /// assert_ne!(acme, beta);
    /// ```
    #[must_use]
    pub fn new(tenant: &TenantId, text: &[u8]) -> Self {
        Self(digest(&[b"key", tenant.as_str().as_bytes(), text]))
    }

    /// The 32 bytes of the digest, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What is known of a key. Exhaustive: the API answers each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: the request is to be carried out.
    First,
    /// The same request began, and nobody has noted its end.
    UnderWay {
        /// Until when its record is kept: what [`begin`](IdempotencyRecords::begin) was told when the request began.
        until: Timestamp,
    },
    /// The same request made this.
    Done(Made),
    /// Another request has that key.
    Other,
    /// There is no room for another key.
    Full,
}

/// What a request made: its ids. Exhaustive: a record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// An inquiry, or a change of it.
    Inquiry(InquiryId),
    /// A link of an inquiry.
    Link(InquiryId, LinkId),
    /// A session of an inquiry, or a change of it.
    Session(InquiryId, SessionId),
    /// Changes of many sessions.
    Sessions(Vec<(InquiryId, SessionId)>),
    /// Nobody knows: the store failed, and could not say whether it had written.
    Unknown,
}

/// The records of an API.
pub(super) struct Idempotency(Box<dyn Twin>);

impl Idempotency {
    pub(super) fn new(records: impl IdempotencyRecords + 'static) -> Self {
        Self(Box::new(records))
    }
}

/// How long a key is kept.
fn kept_until(now: Timestamp) -> Timestamp {
    Interval::from_days(1).map_or(now, |day| now.plus(day))
}

/// How long a request may take. Whoever carries out one that began earlier is gone, or cannot note what it made.
const LONGEST: Duration = Duration::from_secs(120);

/// Whether a request that is kept until then began so long ago.
fn is_lost(until: Timestamp, now: Timestamp) -> bool {
    LONGEST <= kept_until(now).since(until)
}

/// Carries a request out, or, if its key says that this was done, answers from what it made.
///
/// It is carried out by a task of its own: a client who goes away leaves nothing half done.
pub(super) async fn once<S: LinkStore + 'static, T: Send + 'static>(
    idempotency: &Arc<Idempotency>,
    service: Arc<Service<S>>,
    call: &Call,
    perform: impl Future<Output = Result<(T, Made), Failure>> + Send + 'static,
    again: impl AsyncFnOnce(Made) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(text) = &call.key else {
        return alone(perform).await.map(|(answer, _)| answer);
    };
    let key = IdempotencyKey::new(&service.planner().tenant(), text);
    let now = service.planner().now();
    match idempotency.0.begin(key, request(text, call), now, kept_until(now)).await? {
        // Carried out again, it might make twice what it made.
        Begun::Done(Made::Unknown) => Err(Failure::conflict(UNKNOWN)),
        Begun::UnderWay { until } if is_lost(until, now) => Err(Failure::conflict(UNKNOWN)),
        Begun::Done(made) => again(made).await.map_err(behind_a_change),
        Begun::UnderWay { .. } => Err(Failure::conflict("The same request is under way").again_after(SOON)),
        Begun::Other => Err(Failure::conflict("Another request was sent with that Idempotency-Key")),
        Begun::Full => Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "Quota exceeded")
            .saying("There are too many idempotency keys")
            .again_after(60)),
        Begun::First => {
            let idempotency = Arc::clone(idempotency);
            let task = async move {
                let outcome = perform.await;
                let made = match &outcome {
                    Ok((_, made)) => Some(made.clone()),
                    Err(failure) => failure.is_unknown().then_some(Made::Unknown),
                };
                let noted = match made {
                    Some(made) => idempotency.0.finish(key, made, kept_until(service.planner().now())).await,
                    // A request that failed is judged anew.
                    None => idempotency.0.forget(key).await,
                };
                if let Err(error) = noted {
                    tracing::warn!(kind = ?error.kind(), "nobody knows what was done under an idempotency key");
                }
                outcome.map(|(answer, _)| answer)
            };
            alone(task).await
        }
    }
}

/// Carries something out in a task of its own, which goes on also when nobody waits for it any more.
async fn alone<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(tracing::Instrument::in_current_span(work)).await.map_err(|_| Failure::internal())?
}

/// The digest of a request. Without the key, which nobody keeps, nobody can try what was in it.
fn request(key: &[u8], call: &Call) -> Digest {
    // Members are in the order of their names: white space and order make no other request.
    let body = call.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let parts = [b"request", key, call.method.as_str().as_bytes(), call.path.as_bytes(), body.as_bytes()];
    Digest::from_bytes(digest(&parts))
}

/// SHA-256 over parts, each behind its length.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Records of any type.
trait Twin: Send + Sync {
    fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Boxed<'_, Begun>;
    fn finish(&self, key: IdempotencyKey, made: Made, until: Timestamp) -> Boxed<'_, ()>;
    fn forget(&self, key: IdempotencyKey) -> Boxed<'_, ()>;
}

impl<R: IdempotencyRecords> Twin for R {
    fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Boxed<'_, Begun> {
        Box::pin(IdempotencyRecords::begin(self, key, request, now, until))
    }

    fn finish(&self, key: IdempotencyKey, made: Made, until: Timestamp) -> Boxed<'_, ()> {
        Box::pin(IdempotencyRecords::finish(self, key, made, until))
    }

    fn forget(&self, key: IdempotencyKey) -> Boxed<'_, ()> {
        Box::pin(IdempotencyRecords::forget(self, key))
    }
}
