//! Candidates that take turns: tasks that issue links and redeem them.
//!
//! The library's own harness (`inquiry_otl::bench`) has its callers on one thread, without a runtime's scheduler. Here they
//! are tasks of a runtime, as in a server, and the time of each redemption is kept, for the slowest of a hundred.

use std::{
    future::Future,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, AttemptKey, ExpirationPolicy, InquiryId, LinkRequest, LinkStore, NewInquiry, OnOutstanding,
    Redemption, Service, TemplateId,
};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

use inquiry_otl::bench::Spread;

use crate::report::{Bound, Goal, spread};

/// When everything by hand happens, in microseconds since 1970: instants are passed in (S5).
pub(crate) const NOW: i64 = 1_800_000_000_000_000;
/// How long what is made by hand lives, in microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// How many inquiries the links of a round belong to: callers at one time have links of different ones, as people have.
pub(crate) const INQUIRIES: usize = 2_000;

/// Something that can issue links and redeem them.
pub(crate) trait Candidate: Send + Sync + 'static {
    /// What opens a link.
    type Code: Send + Sync + 'static;

    /// A link of one of [`INQUIRIES`] inquiries.
    fn issue(&self, inquiry: usize) -> impl Future<Output = Self::Code> + Send;

    /// The first use of a link, by an attempt with a key.
    fn redeem(&self, code: &Self::Code) -> impl Future<Output = ()> + Send;
}

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

/// What a round took.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) issue: Duration,
    pub(crate) redeem: Duration,
    /// Of single redemptions, the one that 99 of 100 are faster than.
    pub(crate) p99: Duration,
}

/// So many links, issued and then redeemed by so many tasks at a time.
pub(crate) async fn round<C: Candidate>(candidate: &Arc<C>, tasks: usize, links: usize) -> Round {
    let began = Instant::now();
    let issuing: Vec<_> = (0..tasks)
        .map(|task| {
            let candidate = Arc::clone(candidate);
            tokio::spawn(async move {
                let mut codes = Vec::new();
                for link in (task..links).step_by(tasks) {
                    codes.push(candidate.issue(link % INQUIRIES).await);
                }
                codes
            })
        })
        .collect();
    let mut codes = Vec::new();
    for task in issuing {
        codes.push(task.await.unwrap());
    }
    let issue = began.elapsed();
    let began = Instant::now();
    let redeeming: Vec<_> = codes
        .into_iter()
        .map(|codes| {
            let candidate = Arc::clone(candidate);
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(codes.len());
                for code in &codes {
                    let began = Instant::now();
                    candidate.redeem(code).await;
                    times.push(began.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in redeeming {
        times.extend(task.await.unwrap());
    }
    let redeem = began.elapsed();
    times.sort_unstable();
    Round { issue, redeem, p99: times[times.len() * 99 / 100] }
}

/// Rounds of two candidates in turn.
pub(crate) struct Pair {
    pub(crate) rounds: Vec<(Round, Round)>,
}

impl Pair {
    /// So many rounds of each, after one that warms up.
    pub(crate) async fn measure<A: Candidate, B: Candidate>(
        (by_hand, ours): (&Arc<A>, &Arc<B>),
        rounds: usize,
        (tasks, links): (usize, usize),
    ) -> Self {
        round(by_hand, tasks, links / 4).await;
        round(ours, tasks, links / 4).await;
        let mut measured = Vec::new();
        for turn in 0..rounds {
            // Who begins changes.
            if turn % 2 == 0 {
                let first = round(by_hand, tasks, links).await;
                measured.push((first, round(ours, tasks, links).await));
            } else {
                let first = round(ours, tasks, links).await;
                measured.push((round(by_hand, tasks, links).await, first));
            }
        }
        Self { rounds: measured }
    }

    /// How many times as fast ours is, of what is picked.
    pub(crate) fn faster(&self, pick: impl Fn(&Round) -> Duration) -> Spread {
        spread(
            self.rounds.iter().map(|(by_hand, ours)| pick(by_hand).as_secs_f64() / pick(ours).as_secs_f64()),
        )
    }

    /// The goals of issuing and redeeming; what the rounds took is told beside the report.
    pub(crate) fn goals(&self, name: &'static str, what: &str, links: usize, bound: Bound) -> [Goal; 2] {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / links as f64;
        for (by_hand, ours) in &self.rounds {
            eprintln!(
                "{name} {what}: by hand {:.0} + {:.0} us a link (p99 {:.1} ms), ours {:.0} + {:.0} us (p99 {:.1} ms)",
                each(by_hand.issue),
                each(by_hand.redeem),
                by_hand.p99.as_secs_f64() * 1e3,
                each(ours.issue),
                each(ours.redeem),
                ours.p99.as_secs_f64() * 1e3,
            );
        }
        [
            Goal { name, what: format!("{what}: issue"), bound, measured: self.faster(|round| round.issue) },
            Goal {
                name,
                what: format!("{what}: redeem"),
                bound,
                measured: self.faster(|round| round.redeem),
            },
        ]
    }
}
