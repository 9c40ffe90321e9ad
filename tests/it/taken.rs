//! Stores that do not do what was asked: a name that is taken is drawn anew, and what fails is told as it is.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use inquiry_otl::{
    Action, ChangeError, CreateError, Digest, EventId, IssueError, LinkRequest, MemoryStore, Retry, Service,
    SessionId, StoreError, StoreErrorKind, TenantId,
    issuance::IssueLink,
    session::StartSession,
    store::{ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, IssueOutcome, LinkStore},
};

use crate::{
    support::{World, new_inquiry},
    wrapper::{Twist, Twisted},
};

/// A store in which the next so many names are taken.
struct Taken {
    store: Arc<MemoryStore>,
    left: AtomicU32,
}

impl Taken {
    fn is_next(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Twist for Taken {
    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        if self.is_next() {
            return Ok(CreateOutcome::Exists);
        }
        LinkStore::create_inquiry(&self.store, command).await
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        if self.is_next() {
            return Ok(IssueOutcome::Taken);
        }
        LinkStore::issue(&self.store, command).await
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::new();
        for command in commands {
            outcomes.push(Twist::issue(self, command).await);
        }
        outcomes
    }
}

/// S3: where a name that was just drawn is taken, another one is drawn, and nobody notices.
#[tokio::test]
async fn a_name_that_is_taken_is_drawn_again() {
    let world = World::new();
    let store = Arc::new(Twisted(Taken { store: world.store.clone(), left: AtomicU32::new(0) }));
    let service = Service::builder(store.clone()).clock(world.clock.clone()).build().unwrap();
    let take = |count| store.0.left.store(count, Ordering::Relaxed);
    take(3);
    let id = service.create(new_inquiry()).await.unwrap().id;
    take(3);
    let link = service.issue(LinkRequest::resume(id)).await.unwrap();
    take(1);
    let links = service.issue_many([LinkRequest::resume(id), LinkRequest::resume(id)]).await;
    assert!(links.iter().all(Result::is_ok), "{links:?}");
    assert_eq!(world.store.counts().links, 3);
    assert_eq!(world.refusal(&link).await.name(), "superseded");
}

/// S3, S4: a store in which every name is taken does not tell the truth, and that is a fault of its own.
#[tokio::test]
async fn a_store_in_which_all_is_taken_is_at_fault() {
    let world = World::new();
    let id = world.created().await;
    let store = Twisted(Taken { store: world.store.clone(), left: AtomicU32::new(u32::MAX) });
    let service = Service::builder(store).clock(world.clock.clone()).build().unwrap();
    let is_fault =
        |error: &StoreError| (error.kind(), error.retry()) == (StoreErrorKind::Internal, Retry::Safe);
    assert!(
        matches!(service.create(new_inquiry()).await, Err(CreateError::Store(error)) if is_fault(&error))
    );
    let request = || LinkRequest::resume(id);
    assert!(matches!(service.issue(request()).await, Err(IssueError::Store(error)) if is_fault(&error)));
    let many = service.issue_many([request()]).await;
    assert!(matches!(&many[..], [Err(IssueError::Store(error))] if is_fault(error)), "{many:?}");
    // By hand, one that is taken is told at once.
    let plan = service.planner().issue(&request()).unwrap();
    let told = service.planner().finish_issue(plan, IssueOutcome::Taken).told(service.planner());
    assert!(matches!(told, Err(IssueError::Store(error)) if is_fault(&error)));
    assert_eq!(world.store.counts().links, 0);
}

/// S3: the id of a session is not used again, whether it is the newest or an older one.
#[tokio::test]
async fn a_session_whose_id_is_taken_is_not_started() {
    let world = World::new();
    let inquiry = world.created().await;
    let start = |number: u8| StartSession {
        tenant: TenantId::default(),
        inquiry,
        now: world.now(),
        session: SessionId::from_u128(number.into()),
        token: Digest::from_bytes([number; 32]),
        event: EventId::from_u128(number.into()),
    };
    for number in [1, 2] {
        assert!(world.store.start_session(start(number)).await.unwrap().unwrap().session.is_ok());
    }
    for number in [1, 2] {
        assert!(world.store.start_session(start(number)).await.is_err(), "{number}");
    }
    assert_eq!(world.store.counts().sessions, 2);
}

/// A store that cannot create links, and loses an inquiry between a look and a change.
struct Failing(Arc<MemoryStore>);

impl Twist for Failing {
    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    async fn change_inquiry(&self, _command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        Ok(ChangeOutcome::NotFound)
    }

    async fn issue(&self, _command: IssueLink) -> Result<IssueOutcome, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe))
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let fault = |_| Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe));
        // The last answer is missing.
        commands.into_iter().skip(1).map(fault).collect()
    }
}

/// S1, S4: what a store could not do is told for each call by itself, also where it did not answer each of many.
#[tokio::test]
async fn what_a_store_could_not_do_is_told_for_each_call() {
    let world = World::new();
    let id = world.created().await;
    let store = Twisted(Failing(world.store.clone()));
    let service = Service::builder(store).clock(world.clock.clone()).build().unwrap();
    let told = |link: &Result<_, IssueError>| match link {
        Err(IssueError::Store(error)) => Some((error.kind(), error.retry())),
        _ => None,
    };
    let request = || LinkRequest::resume(id);
    let failed = Some((StoreErrorKind::Unavailable, Retry::Safe));
    assert_eq!(told(&service.issue(request()).await), failed);
    let many: Vec<_> = service.issue_many([request(), request()]).await.iter().map(told).collect();
    assert_eq!(many, [failed, Some((StoreErrorKind::Internal, Retry::Unknown))]);
    assert!(matches!(service.change(id, Action::Start).await, Err(ChangeError::NotFound)));
}
