//! The server restarts in the middle of traffic.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inquiry_otl::{
    Attempt, AttemptKey, LinkRequest, NewInquiry, OnOutstanding, Peek, Redemption, Retry, Service, SessionId,
    StoreError, error::IssueError,
};
use inquiry_otl_postgres::PostgresStore;
use inquiry_otl_testkit::postgres::Postgres;
use tokio::task::JoinSet;

use crate::{
    pair::until,
    traffic::{Sent, TASKS, second_person, send, session_of, template},
    world,
};

/// S4, D1, D6: a restart, clean or not, is a fault that says whether to ask again, and what it says is true; then
/// everything works again by itself.
pub(crate) fn callers_are_told() {
    let runtime = world::runtime();
    let mut server = Postgres::start();
    let service = Arc::new(runtime.block_on(world::migrated(&server.url())));
    let links = runtime.block_on(send(&service, 120, 20));
    let (faults, opened) = (Arc::new(Faults::default()), Arc::new(AtomicUsize::new(0)));
    let mut people = JoinSet::new();
    for task in 0..TASKS {
        let (service, links) = (Arc::clone(&service), Arc::clone(&links));
        let (faults, count) = (Arc::clone(&faults), Arc::clone(&opened));
        let work = async move {
            let mut opened = Vec::new();
            for link in links.iter().skip(task).step_by(TASKS) {
                // The others are never anywhere but in a redemption, so that each end of the server meets one.
                if task % 2 == 0 {
                    look(&service, link, &faults).await;
                }
                opened.push((link.url.clone(), redeem(&service, link, &faults).await));
                count.fetch_add(1, Ordering::Relaxed);
            }
            opened
        };
        people.spawn_on(work, runtime.handle());
    }
    let issued = runtime.spawn(issue(Arc::clone(&service), Arc::clone(&faults)));

    // Each time with links left to redeem, so that somebody meets it; the server is away until somebody has.
    for (end, after) in [(Postgres::kill as fn(&mut Postgres), 400), (Postgres::stop, 800)] {
        until("so many are in", || after <= opened.load(Ordering::Relaxed));
        let before = faults.of("redeem");
        end(&mut server);
        until("somebody notices", || before < faults.of("redeem"));
        server.restart();
    }

    runtime.block_on(async {
        while let Some(opened) = people.join_next().await {
            for (url, session) in opened.unwrap() {
                assert!(second_person(&service, &url).await.is_none());
                assert_eq!(session_of(&service, &url).await, Some(session));
            }
        }
        for url in issued.await.unwrap() {
            assert!(second_person(&service, &url).await.is_some(), "an acknowledged link is lost");
        }
    });
    println!("restart: {}", faults.told());
}

/// What callers were told: the call, kind and word of the fault, and how often.
#[derive(Default)]
struct Faults(Mutex<BTreeMap<(&'static str, String), usize>>);

impl Faults {
    fn count(&self, call: &'static str, fault: &StoreError) {
        let words = format!("{:?}/{:?}", fault.kind(), fault.retry());
        *self.0.lock().unwrap().entry((call, words)).or_default() += 1;
    }

    /// How many faults of that call.
    fn of(&self, call: &str) -> usize {
        let faults = self.0.lock().unwrap();
        faults.iter().filter(|((counted, _), _)| *counted == call).map(|(_, count)| count).sum()
    }

    fn told(&self) -> String {
        let told: Vec<_> = self
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|((call, words), count)| format!("{call} {words} {count}x"))
            .collect();
        told.join(", ")
    }
}

/// How long a caller waits before the next try.
const PAUSE: Duration = Duration::from_millis(20);

/// Redeems as the faults say, until the person is in.
async fn redeem(service: &Service<PostgresStore>, link: &Sent, faults: &Faults) -> SessionId {
    let mut attempt = Attempt::new().with_key(AttemptKey::random());
    let mut may_have_happened = false;
    loop {
        match service.redeem(&link.url, &attempt).await {
            Ok(Redemption::Granted(grant)) => return grant.session.id,
            // Also if a fault said that nothing was written, and something was.
            Ok(answer) => panic!("nobody else has this link: {answer:?}"),
            Err(fault) => {
                faults.count("redeem", &fault);
                match fault.retry() {
                    Retry::SameAttempt => may_have_happened = true,
                    // Another attempt altogether: it would be refused if the first one had happened.
                    Retry::Safe if !may_have_happened => {
                        attempt = Attempt::new().with_key(AttemptKey::random());
                    }
                    Retry::Safe => {}
                    word => panic!("{word:?} is no word for a redemption: {fault:?}"),
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at a link until there is an answer: a read can always be tried again.
async fn look(service: &Service<PostgresStore>, link: &Sent, faults: &Faults) {
    loop {
        match service.peek(&link.url, &Attempt::new()).await {
            Ok(Peek::WouldGrant(_)) => return,
            Ok(answer) => panic!("nobody else has this link: {answer:?}"),
            Err(fault) => {
                faults.count("peek", &fault);
                assert_eq!(fault.retry(), Retry::Safe, "{fault:?}");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The URLs of links whose issue was acknowledged.
async fn issue(service: Arc<Service<PostgresStore>>, faults: Arc<Faults>) -> Vec<String> {
    let inquiry = loop {
        if let Ok(inquiry) = service.create(NewInquiry::from_template(template())).await {
            break inquiry;
        }
    };
    let request = LinkRequest::resume(inquiry.id).on_outstanding(OnOutstanding::Keep);
    let mut issued = Vec::new();
    while issued.len() < 20 {
        match service.issue(request.clone()).await {
            Ok(link) => issued.push(link.url.expose().to_owned()),
            Err(IssueError::Store(fault)) => {
                faults.count("issue", &fault);
                assert!(matches!(fault.retry(), Retry::Safe | Retry::Unknown), "{fault:?}");
            }
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(PAUSE * 3).await;
    }
    issued
}
