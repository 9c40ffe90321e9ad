//! What is counted and timed, for whatever recorder the application installs (feature `metrics`).

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    mem,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use inquiry_otl::{
    Event, EventKind, EventSink, LinkId, LinkStore, LinkView, SessionId, StoreError,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release, Released},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Directory, InquiryKey,
        InquiryPage, Inspect, IssueOutcome, ListInquiries, ListOf, ListedLink, Listing, RevokeOutcome,
        SessionKey, SessionStarted, SessionView,
    },
};

/// Counts the events of links: give it to the service as its sink.
///
/// | Metric | What it counts |
/// | --- | --- |
/// | `otl_links_total{event}` | links that were `created`, `reused`, `superseded`, `revoked`, `peeked`, `redeemed`, `replayed` |
/// | `otl_refusals_total{event, reason}` | whoever was refused, by [`Refusal::name`](inquiry_otl::Refusal::name): when they looked (`peeked`), or when they pressed (`refused`) |
/// | `otl_peeks_before_redeem` | a histogram: how often a link was looked at before its first use, here; a person does once |
///
/// Labels are words of this crate, never an id or anything that somebody sent.
///
/// ```
/// use inquiry_otl::{MemoryStore, Service};
/// use inquiry_otl_axum::{MetricsSink, TimedStore};
///
/// let service = Service::builder(TimedStore::new(MemoryStore::new())).event_sink(MetricsSink::new()).build()?;
/// # Ok::<(), inquiry_otl::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct MetricsSink {
    peeks: Mutex<Peeks>,
}

impl MetricsSink {
    /// A sink that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing in there can panic, so a poisoned lock does not occur.
    fn peeks(&self) -> std::sync::MutexGuard<'_, Peeks> {
        self.peeks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for MetricsSink {
    fn tell(&self, event: &Event) {
        let Some(name) = event.kind.name().strip_prefix("one-time-link.") else { return };
        match event.kind {
            EventKind::LinkRefused { refusal, .. } | EventKind::LinkPeeked { refusal: Some(refusal), .. } => {
                metrics::counter!("otl_refusals_total", "event" => name, "reason" => refusal.name())
                    .increment(1);
                return;
            }
            EventKind::LinkPeeked { link: Some(link), .. } => self.peeks().count(link),
            EventKind::LinkRedeemed { link, .. } => {
                let peeks = self.peeks().take(link);
                metrics::histogram!("otl_peeks_before_redeem").record(peeks);
            }
            _ => {}
        }
        metrics::counter!("otl_links_total", "event" => name).increment(1);
    }
}

/// How often links were looked at that were not redeemed yet: the newest ten thousand at least.
#[derive(Debug, Default)]
struct Peeks {
    young: HashMap<LinkId, u32>,
    old: HashMap<LinkId, u32>,
}

impl Peeks {
    const GENERATION: usize = 10_000;

    fn count(&mut self, link: LinkId) {
        if self.young.len() == Self::GENERATION {
            self.old = mem::take(&mut self.young);
        }
        let before = self.old.remove(&link).unwrap_or(0);
        let count = self.young.entry(link).or_insert(0);
        *count = count.saturating_add(before).saturating_add(1);
    }

    fn take(&mut self, link: LinkId) -> u32 {
        self.young.remove(&link).or_else(|| self.old.remove(&link)).unwrap_or(0)
    }
}

/// A store that measures another one: `otl_store_seconds{call, outcome}`, a histogram, where `outcome` is `ok` or the kind
/// of fault.
pub struct TimedStore<S>(S);

impl<S> TimedStore<S> {
    /// The same store, measured.
    pub const fn new(store: S) -> Self {
        Self(store)
    }
}

impl<S> fmt::Debug for TimedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimedStore")
    }
}

async fn timed<T>(
    call: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let answer = work.await;
    let outcome = answer.as_ref().err().map_or("ok", fault);
    metrics::histogram!("otl_store_seconds", "call" => call, "outcome" => outcome).record(began.elapsed());
    answer
}

fn fault(error: &StoreError) -> &'static str {
    use inquiry_otl::StoreErrorKind as Kind;
    match error.kind() {
        Kind::Unavailable => "unavailable",
        Kind::Timeout => "timeout",
        Kind::Overloaded => "overloaded",
        Kind::Unconfirmed => "unconfirmed",
        Kind::Conflict => "conflict",
        Kind::Corrupt => "corrupt",
        _ => "internal",
    }
}

macro_rules! calls {
    ($($call:ident($command:ty) -> $outcome:ty;)*) => {
        $(async fn $call(&self, command: $command) -> Result<$outcome, StoreError> {
            timed(stringify!($call), self.0.$call(command)).await
        })*
    };
}

impl<S: LinkStore> LinkStore for TimedStore<S> {
    calls! {
        create_inquiry(CreateInquiry) -> CreateOutcome;
        change_inquiry(ChangeInquiry) -> ChangeOutcome;
        inquiry(InquiryKey) -> Option<InquiryRecord>;
        issue(IssueLink) -> IssueOutcome;
        redeem(Redeem) -> Option<Attempted>;
        commit(Commit) -> Option<Attempted>;
        release(Release) -> Option<Released>;
        revoke(Revoke) -> RevokeOutcome;
        start_session(StartSession) -> Option<SessionStarted>;
        inspect(Inspect) -> Option<LinkView>;
        session(SessionKey) -> Option<SessionView>;
        links(ListOf<LinkId>) -> Option<Listing<ListedLink>>;
        sessions(ListOf<SessionId>) -> Option<Listing<SessionRecord>>;
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let began = Instant::now();
        let answers = self.0.issue_many(commands).await;
        metrics::histogram!("otl_store_seconds", "call" => "issue_many", "outcome" => "ok")
            .record(began.elapsed());
        answers
    }
}

impl<S: Directory> Directory for TimedStore<S> {
    calls! {
        inquiries(ListInquiries) -> InquiryPage;
    }
}
