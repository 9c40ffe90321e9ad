//! A round: tasks that issue links and redeem them.
//!
//! The library's own harness (`inquiry_otl::bench`) has its callers on one thread, without a runtime's scheduler. Here they
//! are tasks of a runtime, as in a server, and the time of each redemption is kept, for the slowest of a hundred.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::{JoinError, JoinHandle};

/// How many inquiries the links of a round belong to: callers at one time have links of different ones, as people have.
pub const INQUIRIES: usize = 2_000;

/// Something that can issue links and redeem them. What it cannot do it stops at.
pub trait Candidate: Send + Sync + 'static {
    /// What opens a link.
    type Code: Send + Sync + 'static;

    /// A link of one of [`INQUIRIES`] inquiries.
    fn issue(&self, inquiry: usize) -> impl Future<Output = Self::Code> + Send;

    /// The first use of a link, by an attempt with a key.
    fn redeem(&self, code: &Self::Code) -> impl Future<Output = ()> + Send;
}

/// What a round took.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// To issue all links.
    pub issue: Duration,
    /// To redeem all of them.
    pub redeem: Duration,
    /// Of single redemptions, the one that half of them are faster than.
    pub p50: Duration,
    /// Of single redemptions, the one that 99 of 100 are faster than.
    pub p99: Duration,
}

/// So many links, issued and then redeemed by so many tasks at a time.
///
/// # Errors
/// A candidate that stopped.
pub async fn round<C: Candidate>(candidate: &Arc<C>, tasks: usize, links: usize) -> Result<Round, JoinError> {
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
    let codes = all(issuing).await?;
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
    let mut times: Vec<Duration> = all(redeeming).await?.into_iter().flatten().collect();
    let redeem = began.elapsed();
    times.sort_unstable();
    let at = |hundredths: usize| {
        times.get(times.len().saturating_mul(hundredths) / 100).copied().unwrap_or_default()
    };
    Ok(Round { issue, redeem, p50: at(50), p99: at(99) })
}

async fn all<T>(tasks: Vec<JoinHandle<T>>) -> Result<Vec<T>, JoinError> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await?);
    }
    Ok(results)
}
