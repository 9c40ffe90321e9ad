//! What the trials have in common: a store at a place, links to redeem, and what redeeming them came to.

use std::{cell::Cell, future::Future, time::Duration};

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, AttemptKey, GrantKind, InquiryId, LinkRequest, NewInquiry, Redemption, Retry, Service,
    StoreError, StoreErrorKind, TemplateId,
};
use inquiry_otl_redis::RedisStore;
use libtest_mimic::{Failed, Trial};
use tokio::{runtime::Runtime, time::timeout};

/// No trial takes longer.
const LIMIT: Duration = Duration::from_secs(600);
/// How long anything may take to be as it must.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Kills that meet somebody, and rounds that it may take: one may come when all have their answers.
pub(crate) const KILLS: usize = 3;
pub(crate) const ROUNDS: usize = 10 * KILLS;

/// A trial that runs on a runtime of its own, against an engine of its own.
pub(crate) fn trial<F>(name: &str, run: fn() -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = Runtime::new().map_err(Failed::from)?;
        let done = runtime.block_on(async { timeout(LIMIT, run()).await });
        runtime.shutdown_background();
        done.map_err(|_| Failed::from(format!("it takes longer than {LIMIT:?}")))
    })
}

/// A link, and the attempt of the person that it was sent to.
pub(crate) struct Sent {
    pub(crate) inquiry: InquiryId,
    pub(crate) url: String,
    attempt: Attempt,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    FirstUse,
    Repeat,
    Refused(&'static str),
    Fault(StoreErrorKind, Retry),
}

impl Answer {
    /// The engine wrote, and could not confirm that it will last (D1).
    pub(crate) const UNCONFIRMED: Self = Self::Fault(StoreErrorKind::Unconfirmed, Retry::SameAttempt);
    /// The link was used before.
    pub(crate) const USED: Self = Self::Refused("used");

    fn of(answer: Result<Redemption, StoreError>) -> Self {
        match answer {
            Ok(Redemption::Granted(grant)) if grant.kind == GrantKind::FirstUse => Self::FirstUse,
            Ok(Redemption::Granted(grant)) if grant.kind == GrantKind::Repeat => Self::Repeat,
            Ok(Redemption::Refused(refused)) => Self::Refused(refused.reason.name()),
            Ok(other) => panic!("nobody claimed it, and there is no grace: {other:?}"),
            Err(error) => Self::Fault(error.kind(), error.retry()),
        }
    }
}

/// Links of inquiries of their own.
pub(crate) async fn send(service: &Service<RedisStore>, count: usize) -> Vec<Sent> {
    let template = TemplateId::new("itmpl_kyc").unwrap();
    let inquiries = join_all((0..count).map(|_| service.create(NewInquiry::from_template(template)))).await;
    let inquiries: Vec<_> = inquiries.into_iter().map(|inquiry| inquiry.unwrap().id).collect();
    let links = service.issue_many(inquiries.iter().map(|inquiry| LinkRequest::resume(*inquiry))).await;
    inquiries
        .into_iter()
        .zip(links)
        .map(|(inquiry, link)| Sent {
            inquiry,
            url: link.unwrap().url.expose().to_owned(),
            attempt: Attempt::new().with_key(AttemptKey::random()),
        })
        .collect()
}

/// The person redeems the link; when they ask again, it is the same attempt (D6).
pub(crate) async fn redeem(service: &Service<RedisStore>, link: &Sent) -> Answer {
    Answer::of(service.redeem(&link.url, &link.attempt).await)
}

/// Somebody else redeems the link: another attempt.
pub(crate) async fn redeem_again(service: &Service<RedisStore>, link: &Sent) -> Answer {
    Answer::of(service.redeem(&link.url, &Attempt::new()).await)
}

/// All persons redeem their links at once.
pub(crate) async fn redeem_all(service: &Service<RedisStore>, links: &[Sent]) -> Vec<Answer> {
    join_all(links.iter().map(|link| redeem(service, link))).await
}

/// All of these calls at once, and that fault as soon as so many of them have an answer: before any other of them is heard.
pub(crate) async fn amid<T>(
    calls: impl IntoIterator<Item = impl Future<Output = T>>,
    answers: usize,
    fault: impl FnOnce(),
) -> Vec<T> {
    let (answered, fault) = (Cell::new(0), Cell::new(Some(fault)));
    join_all(calls.into_iter().map(async |call| {
        let answer = call.await;
        answered.set(answered.get() + 1);
        if answered.get() == answers {
            fault.take().into_iter().for_each(|fault| fault());
        }
        answer
    }))
    .await
}

/// Somebody else redeems all links.
pub(crate) async fn redeem_all_again(service: &Service<RedisStore>, links: &[Sent]) -> Vec<Answer> {
    join_all(links.iter().map(|link| redeem_again(service, link))).await
}

/// How many of the answers are that one.
pub(crate) fn count(answers: &[Answer], which: Answer) -> usize {
    answers.iter().filter(|answer| **answer == which).count()
}

/// Every answer is that one.
#[track_caller]
pub(crate) fn all_are(which: Answer, answers: &[Answer]) {
    let others: Vec<_> = answers.iter().filter(|answer| **answer != which).collect();
    assert!(others.is_empty(), "{} of {} are not {which:?}: {others:?}", others.len(), answers.len());
}
