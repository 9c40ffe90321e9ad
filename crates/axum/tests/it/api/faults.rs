//! A store that fails between two steps of a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{Method, StatusCode, header},
};
use inquiry_otl::{
    InquiryId, InquiryQuery, Key, KeyId, Keyring, LinkId, LinkStore, LinkView, MemoryStore, NewInquiry,
    Released, Retry, Service, SessionId, StoreError, StoreErrorKind, TemplateId,
    issuance::IssueLink,
    record::{InquiryRecord, SessionRecord},
    redemption::{Commit, Redeem, Release},
    revocation::Revoke,
    session::StartSession,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Directory, InquiryKey,
        InquiryPage, Inspect, IssueOutcome, ListInquiries, ListOf, ListedLink, Listing, RevokeOutcome,
        SessionKey, SessionStarted, SessionView,
    },
};
use inquiry_otl_axum::api::{Api, Tokens};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::world::{Answer, Call, TOKEN, send};

/// A store that answers so many calls, and then fails before it does anything, or waits until it is let.
struct Failing {
    inner: MemoryStore,
    left: AtomicU32,
    /// Whether it waits, and who waits.
    waits: AtomicBool,
    waiting: Notify,
    let_go: Semaphore,
    /// Whether it loses the answers of calls that write, which it carries out.
    loses: AtomicBool,
}

impl Failing {
    async fn is_out(&self) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() && self.waits.load(Ordering::SeqCst) {
            self.waiting.notify_one();
            drop(self.let_go.acquire().await.unwrap());
            return Ok(());
        }
        left.map(drop).map_err(|_| StoreError::new(StoreErrorKind::Unavailable, Retry::Safe))
    }
}

const WRITING: [&str; 5] = ["create_inquiry", "change_inquiry", "issue", "revoke", "start_session"];

macro_rules! failing {
    ($trait:ident: $(fn $method:ident($command:ty) -> $output:ty;)*) => {
        impl $trait for Failing {
            $(async fn $method(&self, command: $command) -> Result<$output, StoreError> {
                self.is_out().await?;
                let answer = self.inner.$method(command).await;
                if WRITING.contains(&stringify!($method)) && self.loses.load(Ordering::SeqCst) {
                    return Err(StoreError::new(StoreErrorKind::Timeout, Retry::Unknown));
                }
                answer
            })*
            failing!(many $trait);
        }
    };
    (many LinkStore) => {
        async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
            self.inner.issue_many(commands).await
        }
    };
    (many Directory) => {};
}

failing! { LinkStore:
    fn create_inquiry(CreateInquiry) -> CreateOutcome;
    fn change_inquiry(ChangeInquiry) -> ChangeOutcome;
    fn inquiry(InquiryKey) -> Option<InquiryRecord>;
    fn issue(IssueLink) -> IssueOutcome;
    fn redeem(Redeem) -> Option<Attempted>;
    fn commit(Commit) -> Option<Attempted>;
    fn release(Release) -> Option<Released>;
    fn revoke(Revoke) -> RevokeOutcome;
    fn start_session(StartSession) -> Option<SessionStarted>;
    fn inspect(Inspect) -> Option<LinkView>;
    fn session(SessionKey) -> Option<SessionView>;
    fn links(ListOf<LinkId>) -> Option<Listing<ListedLink>>;
    fn sessions(ListOf<SessionId>) -> Option<Listing<SessionRecord>>;
}

failing! { Directory:
    fn inquiries(ListInquiries) -> InquiryPage;
}

/// An API over such a store.
struct Stage {
    store: Arc<Failing>,
    service: Arc<Service<Arc<Failing>>>,
    router: Router,
}

impl Stage {
    fn new() -> Self {
        Self::with(|api| api)
    }

    fn with(set: impl FnOnce(Api<Arc<Failing>>) -> Api<Arc<Failing>>) -> Self {
        let store = Arc::new(Failing {
            inner: MemoryStore::new(),
            left: u32::MAX.into(),
            waits: false.into(),
            waiting: Notify::new(),
            let_go: Semaphore::new(0),
            loses: false.into(),
        });
        let key = Key::new(KeyId::new(1).unwrap(), b"a key that guards nothing at all").unwrap();
        let service = Service::builder(Arc::clone(&store)).keyring(Keyring::new(key)).build().unwrap();
        let service = Arc::new(service);
        let router = set(Api::new(Arc::clone(&service), Tokens::new([TOKEN]).unwrap())).into_router();
        Self { store, service, router }
    }

    fn let_pass(&self, calls: u32) {
        self.store.left.store(calls, Ordering::SeqCst);
    }

    /// Lets so many calls pass, and has the others wait.
    fn hold_after(&self, calls: u32) {
        self.store.waits.store(true, Ordering::SeqCst);
        self.let_pass(calls);
    }

    /// Lets all pass.
    fn let_go(&self) {
        self.let_pass(u32::MAX);
        self.store.let_go.add_permits(1);
    }

    async fn call(&self, call: Call) -> Answer {
        send(&self.router, call.request()).await
    }

    async fn inquiry(&self) -> InquiryId {
        let template = TemplateId::new("itmpl_kyc").unwrap();
        self.service.create(NewInquiry::from_template(template)).await.unwrap().id
    }

    async fn start(&self, inquiry: InquiryId) -> String {
        let body = json!({"data": {"attributes": {"inquiry-id": inquiry.as_str()}}});
        let started = self.call(Call::new(Method::POST, "/inquiry-sessions").body(body)).await;
        started.id().to_owned()
    }

    /// All that the store keeps and the service shows.
    async fn kept(&self) -> Vec<String> {
        let mut kept = Vec::new();
        for inquiry in self.service.inquiries(InquiryQuery::newest(100)).await.unwrap().items {
            let links = self.service.links(inquiry.id, None, 100).await.unwrap();
            let sessions = self.service.sessions(inquiry.id, None, 100).await.unwrap();
            kept.push(format!("{inquiry:?} {links:?} {sessions:?}"));
        }
        kept
    }
}

/// What a request asks for, of an inquiry that has two sessions.
fn request(name: &str, inquiry: InquiryId, session: &str) -> Call {
    let (path, body) = match name {
        "create" => {
            ("/inquiries".to_owned(), json!({"data": {"attributes": {"inquiry-template-id": "itmpl_kyc"}}}))
        }
        "start" => (
            "/inquiry-sessions".to_owned(),
            json!({"data": {"attributes": {"inquiry-id": inquiry.as_str()}}}),
        ),
        "expire-all" => {
            ("/inquiry-sessions/expire-all".to_owned(), json!({"meta": {"inquiry-ids": [inquiry.as_str()]}}))
        }
        "expire-session" => (format!("/inquiry-sessions/{session}/expire"), Value::Null),
        "hand-off" => (format!("/inquiry-sessions/{session}/generate-one-time-link"), Value::Null),
        action => (format!("/inquiries/{inquiry}/{action}"), Value::Null),
    };
    Call::new(Method::POST, &format!("{path}?include=sessions,inquiry")).body(body)
}

const REQUESTS: [&str; 8] = [
    "create",
    "expire",
    "resume",
    "generate-one-time-link",
    "start",
    "expire-all",
    "expire-session",
    "hand-off",
];

/// S4: whichever step of a request fails, the answer says that nothing was changed if nothing was, and only then.
#[tokio::test]
async fn a_fault_behind_a_change_does_not_deny_it() {
    for name in REQUESTS {
        let mut behind = 0;
        for steps in 0.. {
            let stage = Stage::new();
            let inquiry = stage.inquiry().await;
            stage.start(inquiry).await;
            let session = stage.start(inquiry).await;
            let before = stage.kept().await;
            stage.let_pass(steps);
            let answer = stage.call(request(name, inquiry, &session)).await;
            stage.let_pass(u32::MAX);
            if answer.status.is_success() {
                break;
            }
            let is_same = stage.kept().await == before;
            answer.is_error(503, "Service unavailable");
            let says = answer.details() == "Nothing was changed: ask again";
            assert_eq!(says, is_same, "{name}, after {steps} steps: {:?}", answer.details());
            assert_eq!(answer.headers.contains_key(header::RETRY_AFTER), is_same, "{name}");
            behind += u32::from(!is_same);
        }
        assert!(0 < behind, "{name} takes more than one step");
    }
}

/// S4: a query that no answer can follow is refused before anything is changed.
#[tokio::test]
async fn a_query_that_is_refused_changes_nothing() {
    let stage = Stage::new();
    let inquiry = stage.inquiry().await;
    let before = stage.kept().await;
    let call = Call::new(Method::POST, &format!("/inquiries/{inquiry}/expire?fields[inquiry][status]=x"));
    let answer = stage.call(call).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?}", answer.body);
    assert_eq!(stage.kept().await, before);
}

/// S4: what may have been done is not done again under its key, and the repeat is told why; under another key it is.
#[tokio::test]
async fn what_may_have_been_done_is_not_repeated() {
    for name in REQUESTS {
        let stage = Stage::new();
        let inquiry = stage.inquiry().await;
        let session = stage.start(inquiry).await;
        let call = request(name, inquiry, &session);
        stage.store.loses.store(true, Ordering::SeqCst);
        stage.call(call.clone().key("k")).await.is_error(503, "Service unavailable");
        stage.store.loses.store(false, Ordering::SeqCst);
        let after = stage.kept().await;
        let again = stage.call(call.clone().key("k")).await;
        again.is_error(409, "Conflict");
        assert!(again.details().starts_with("It is not known"), "{name}: {}", again.details());
        assert_eq!(stage.kept().await, after, "{name}");
    }
}

/// S1, S4: at whichever step a client goes away, what they asked for is carried out whole, with and without a key.
#[tokio::test]
async fn what_was_begun_is_carried_out_though_nobody_waits() {
    for (name, key) in
        [("create", ""), ("resume", ""), ("expire-all", ""), ("resume", "k"), ("expire-all", "k")]
    {
        let mut gone = 0;
        for steps in 0.. {
            let stage = Stage::new();
            let inquiry = stage.inquiry().await;
            stage.start(inquiry).await;
            let session = stage.start(inquiry).await;
            stage.hold_after(steps);
            let call = stage.call(request(name, inquiry, &session).key(key));
            tokio::select! {
                biased;
                answer = call => {
                    assert!(answer.status.is_success(), "{name}");
                    break;
                }
                // The client goes away.
                () = stage.store.waiting.notified() => gone += 1,
            }
            stage.let_go();
            let mut is_done = false;
            for _ in 0..10_000 {
                let sessions = stage.service.sessions(inquiry, None, 10).await.unwrap();
                is_done = match name {
                    "create" => {
                        stage.service.inquiries(InquiryQuery::newest(10)).await.unwrap().items.len() == 2
                    }
                    "resume" => sessions.len() == 3,
                    _ => sessions.iter().all(|session| !session.live),
                };
                if is_done {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(is_done, "{name} {key}, after {steps} steps");
        }
        assert!(0 < gone, "{name} takes a step");
    }
}

/// S4: whoever waits too long is told that nobody knows whether it was done, and not when to ask again; where nothing changes they
/// are told both. What was asked for is done.
#[tokio::test]
async fn who_waits_too_long_is_told_what_is_known() {
    let stage = Stage::with(|api| api.answer_within(Duration::from_millis(50)));
    let inquiry = stage.inquiry().await;
    stage.hold_after(0);
    for key in ["", "k"] {
        let late = stage.call(request("create", inquiry, "").key(key)).await;
        late.is_error(503, "Service unavailable");
        assert_eq!(late.details(), "It is not known whether anything was changed");
        assert!(!late.headers.contains_key(header::RETRY_AFTER));
        assert_eq!(late.headers[header::CACHE_CONTROL], "no-store");
    }
    let late = stage.call(Call::new(Method::GET, "/inquiries")).await;
    late.is_error(503, "Service unavailable");
    assert_eq!(late.details(), "Nothing was changed: ask again");
    assert!(late.headers.contains_key(header::RETRY_AFTER));
    stage.let_go();
    let mut made = 0;
    for _ in 0..10_000 {
        made = stage.service.inquiries(InquiryQuery::newest(10)).await.unwrap().items.len();
        if made == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(made, 3);
}
