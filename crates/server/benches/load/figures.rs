//! How long requests took.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, Response, StatusCode};

/// How long each kind of request took, in microseconds.
#[derive(Default)]
pub(crate) struct Times(Mutex<BTreeMap<&'static str, Vec<u32>>>);

impl Times {
    /// Sends a request, and takes the time until its answer begins; refusals are a kind of their own.
    pub(crate) async fn take(
        &self,
        kind: &'static str,
        request: RequestBuilder,
    ) -> Result<Response, reqwest::Error> {
        let began = Instant::now();
        let answer = request.send().await?;
        let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        let refused = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        let kind = if refused { "refused" } else { kind };
        self.0.lock().unwrap().entry(kind).or_default().push(micros);
        Ok(answer)
    }

    /// Prints them, and forgets them; how many there were.
    pub(crate) fn report(&self, over: Duration) -> usize {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        let mut count = 0;
        for (kind, times) in &mut all {
            times.sort_unstable();
            count += times.len();
            let at = |share: usize| f64::from(times[(times.len() - 1) * share / 1000]) / 1e3;
            println!(
                "{kind:<24} {:>8} requests, p50 {:>8.1} ms, p99 {:>8.1} ms, at most {:>8.1} ms",
                times.len(),
                at(500),
                at(990),
                at(1000)
            );
        }
        println!("{:<24} {count:>8} requests, {} a second", "all", count as u64 / over.as_secs().max(1));
        count
    }
}
