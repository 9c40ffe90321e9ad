//! People who redeem their links, and what they were told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inquiry_otl::{
    Attempt, AttemptKey, Grant, InquiryId, LinkRequest, LinkStore, NewInquiry, OnOutstanding, Redemption,
    Service, SessionId, StoreError, TemplateId,
};
use inquiry_otl_postgres::PostgresStore;
use tokio::task::JoinSet;

/// How many redeem at a time.
pub(crate) const TASKS: usize = 16;

/// A link that was sent, and the one attempt that its person makes.
pub(crate) struct Sent {
    pub(crate) inquiry: InquiryId,
    pub(crate) url: String,
    pub(crate) attempt: Attempt,
}

/// So many links each for so many inquiries.
pub(crate) async fn send(service: &Service<PostgresStore>, inquiries: usize, each: usize) -> Arc<[Sent]> {
    let mut requests = Vec::new();
    for _ in 0..inquiries {
        let inquiry = service.create(NewInquiry::from_template(template())).await.unwrap();
        let request = LinkRequest::resume(inquiry.id).on_outstanding(OnOutstanding::Keep);
        requests.extend(std::iter::repeat_n(request, each));
    }
    let links = service.issue_many(requests).await;
    links
        .into_iter()
        .map(|link| {
            let link = link.unwrap();
            let url = link.url.expose().to_owned();
            let attempt = Attempt::new().with_key(AttemptKey::random());
            Sent { inquiry: link.inquiry, url, attempt }
        })
        .collect()
}

pub(crate) fn template() -> TemplateId {
    TemplateId::new("itmpl_kyc").unwrap()
}

/// What a person was told.
#[derive(Debug)]
pub(crate) enum Told {
    Granted(SessionId),
    Fault(StoreError),
}

/// Many who redeem one link after the other, each once, until something fails.
pub(crate) struct Traffic {
    told: Arc<Mutex<Vec<(usize, Told)>>>,
    next: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn begin(service: &Arc<Service<PostgresStore>>, links: &Arc<[Sent]>) -> Self {
        let mut traffic = Self { told: Arc::default(), next: Arc::default(), tasks: JoinSet::new() };
        for _ in 0..TASKS {
            let (service, links) = (Arc::clone(service), Arc::clone(links));
            let (told, next) = (Arc::clone(&traffic.told), Arc::clone(&traffic.next));
            traffic.tasks.spawn(async move {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(link) = links.get(index) else { return };
                    let answer = match service.redeem(&link.url, &link.attempt).await {
                        Ok(Redemption::Granted(grant)) => Told::Granted(grant.session.id),
                        Ok(answer) => panic!("nobody else has this link: {answer:?}"),
                        Err(error) => Told::Fault(error),
                    };
                    let failed = matches!(answer, Told::Fault(_));
                    told.lock().unwrap().push((index, answer));
                    if failed {
                        return;
                    }
                }
            });
        }
        traffic
    }

    /// Waits until so many were told anything.
    pub(crate) async fn reaches(&self, count: usize) {
        while self.told.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What everybody was told, by the number of the link.
    pub(crate) async fn end(mut self) -> Vec<(usize, Told)> {
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

/// The session of the one first use, if there was one: by the word of support staff.
pub(crate) async fn session_of(service: &Service<PostgresStore>, url: &str) -> Option<SessionId> {
    let diagnosis = service.diagnose(url).await.unwrap();
    diagnosis.session.map(|session| session.id)
}

/// A second person with the same link; none, if they are refused because it is used.
pub(crate) async fn second_person(service: &Service<PostgresStore>, url: &str) -> Option<Grant> {
    match service.redeem(url, &Attempt::new()).await.unwrap() {
        Redemption::Granted(grant) => Some(grant),
        Redemption::Refused(refused) => {
            assert_eq!(refused.reason.name(), "used");
            None
        }
        answer @ Redemption::Busy { .. } => panic!("nobody claims: {answer:?}"),
    }
}

/// The same person again, who gets in: whether it is the first use, and the session.
pub(crate) async fn same_person(service: &Service<impl LinkStore>, link: &Sent) -> Grant {
    match service.redeem(&link.url, &link.attempt).await.unwrap() {
        Redemption::Granted(grant) => grant,
        answer => panic!("the link is this attempt's: {answer:?}"),
    }
}
