//! Clients behind a network that loses, delays and cuts (D6, S4).

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use inquiry_otl::{
    Attempt, AttemptKey, Claiming, GrantKind, Interval, LeaseTime, LinkId, LinkStore, Redemption, Refusal,
    Retry, Service, SessionId, StoreError,
};
use tokio::time::sleep;

use super::{
    Durable, Outcome, PATIENCE,
    books::{self, Books, Issued},
};
use crate::{
    proxy::{Fault, Proxy},
    random::{Sequence, random},
};

const LINKS: usize = 1_500;
const TASKS: usize = 16;

/// Sends clients through the faults one after the other, and asks the store afterwards.
pub(super) fn run<D: Durable>(durable: &Arc<D>) -> Outcome {
    let runtime = super::runtime();
    let engine = durable.engine();
    let proxy = Arc::new(Proxy::start(engine.port().expect("a server")));
    let place = engine.place_at(proxy.port()).expect("a place behind a proxy");
    let direct = books::service(super::open(&runtime, durable, &engine.place()));
    let links = runtime.block_on(books::issue(&direct, LINKS));
    let service = books::service(super::open(&runtime, durable, &place));

    let began = Instant::now();
    let phases = [
        Fault::DropReplies,
        Fault::Delay(Duration::from_millis(30)),
        Fault::Cut,
        Fault::Refuse,
        Fault::Random { seed: random() },
        Fault::None,
    ];
    let mut reports = Vec::new();
    for (fault, links) in phases.into_iter().zip(links.chunks(LINKS / phases.len())) {
        reports.extend(runtime.block_on(phase(&proxy, fault, &service, links)));
    }
    let took = began.elapsed();
    let books = runtime.block_on(Books::of(&direct, &links));
    judge(&links, &reports, &books)?;
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let (lost, unsent) = (sum(|report| report.same_attempt), sum(|report| report.safe));
    if lost == 0 {
        return Err("no fate was unknown: the proxy did nothing".into());
    }
    Ok(format!(
        "lossy: {} clients of {LINKS} links in {took:.1?}: {lost} faults of unknown fate, {unsent} where nothing was \
         written, each client with its answer, doubled 0",
        reports.len()
    ))
}

/// What a client is out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// It is alone with its link, and has an attempt key.
    Keyed,
    /// It has a rival for its link, with another key.
    Rival,
    /// It has no key: it asks again as long as nothing was written.
    Keyless,
    /// It claims the link as long as nothing was written, and commits what it has claimed until it has its answer.
    Claimer,
}

/// What became of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Report {
    client: Client,
    link: LinkId,
    end: End,
    /// Faults after which it may have been written.
    same_attempt: usize,
    /// Faults after which nothing was written.
    safe: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First(SessionId),
    Repeat(SessionId),
    Used,
    Busy,
    /// Its fate is unknown, and it must not ask again.
    GaveUp,
}

/// Sends clients through, while a fault comes and goes.
async fn phase<S: LinkStore + 'static>(
    proxy: &Arc<Proxy>,
    fault: Fault,
    service: &Arc<Service<S>>,
    links: &[Issued],
) -> Vec<Report> {
    let mut clients = Vec::new();
    for (number, link) in links.iter().enumerate() {
        match number % 4 {
            0 => clients.push((Client::Keyed, link.clone())),
            1 => clients.push((Client::Keyless, link.clone())),
            2 => clients.push((Client::Claimer, link.clone())),
            _ => clients.extend([(Client::Rival, link.clone()), (Client::Rival, link.clone())]),
        }
    }
    let over = Arc::new(AtomicBool::new(false));
    let weather = tokio::spawn(weather(Arc::clone(proxy), fault, Arc::clone(&over)));
    let clients = Arc::new(clients);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (service, clients, next) = (Arc::clone(service), Arc::clone(&clients), Arc::clone(&next));
            tokio::spawn(async move {
                let mut reports = Vec::new();
                let mut pace = Sequence::new(random());
                while let Some((client, link)) = clients.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Rivals come one behind the other, and at different tasks.
                    if *client != Client::Rival {
                        sleep(Duration::from_millis(pace.below(60))).await;
                    }
                    reports.push(live(&service, *client, link).await);
                }
                reports
            })
        })
        .collect();
    let mut reports = Vec::new();
    for task in tasks {
        reports.extend(task.await.expect("a client with an answer"));
    }
    over.store(true, Ordering::Relaxed);
    weather.await.unwrap();
    reports
}

/// Lets a fault come and go, so that there is time to connect again; leaves nothing behind.
async fn weather(proxy: Arc<Proxy>, fault: Fault, over: Arc<AtomicBool>) {
    let mut random = Sequence::new(random());
    while !over.load(Ordering::Relaxed) {
        proxy.set(match fault {
            Fault::Random { .. } => Fault::Random { seed: random.next() },
            other => other,
        });
        sleep(Duration::from_millis(10 + random.below(80))).await;
        proxy.set(Fault::None);
        sleep(Duration::from_millis(10 + random.below(80))).await;
    }
}

/// A client asks until it has its answer, as the faults allow.
async fn live<S: LinkStore>(service: &Service<S>, client: Client, link: &Issued) -> Report {
    let mut report = Report { client, link: link.id, end: End::GaveUp, same_attempt: 0, safe: 0 };
    let attempt = match client {
        Client::Keyless | Client::Claimer => Attempt::new(),
        Client::Keyed | Client::Rival => Attempt::new().with_key(AttemptKey::random()),
    };
    let answer = if client == Client::Claimer {
        let lease = LeaseTime::new(Interval::from_minutes(5).unwrap()).unwrap();
        let claiming =
            ask(&mut report, Again::NothingWritten, || service.claim_for(&link.code, &attempt, lease));
        match claiming.await {
            Some(Claiming::Claimed(claim)) => {
                ask(&mut report, Again::Always, || service.commit(&claim)).await
            }
            other => other.map(Redemption::from),
        }
    } else {
        let again = if client == Client::Keyless { Again::NothingWritten } else { Again::Always };
        ask(&mut report, again, || service.redeem(&link.code, &attempt)).await
    };
    report.end = match answer {
        None => End::GaveUp,
        Some(Redemption::Granted(grant)) => match grant.kind {
            GrantKind::FirstUse => End::First(grant.session.id),
            GrantKind::Repeat => End::Repeat(grant.session.id),
            other => panic!("a client got {other:?}"),
        },
        Some(Redemption::Refused(refused)) if matches!(refused.reason, Refusal::Used { .. }) => End::Used,
        Some(Redemption::Busy { .. }) => End::Busy,
        Some(other) => panic!("a client got {other:?}"),
    };
    report
}

/// After which faults a client asks again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Always,
    NothingWritten,
}

/// Asks until there is an answer; none if the fate is unknown and it must not be asked again.
async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
    report: &mut Report,
    again: Again,
    call: impl Fn() -> F,
) -> Option<T> {
    let began = Instant::now();
    loop {
        let error = match call().await {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        match error.retry() {
            Retry::Safe => report.safe += 1,
            Retry::SameAttempt => report.same_attempt += 1,
            _ => panic!("no word on what a client may do: {error:?}"),
        }
        if error.retry() == Retry::SameAttempt && again == Again::NothingWritten {
            return None;
        }
        assert!(began.elapsed() < PATIENCE, "no answer after {PATIENCE:?}: {report:?}, {error:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Every client has the answer that the store holds, and no fault said *nothing was written* where something was.
fn judge(links: &[Issued], reports: &[Report], books: &Books) -> Result<(), String> {
    let mut by_link: HashMap<LinkId, Vec<&Report>> = HashMap::new();
    for report in reports {
        by_link.entry(report.link).or_default().push(report);
    }
    for link in links {
        let reports = by_link.get(&link.id).map_or(&[][..], Vec::as_slice);
        let granted: Vec<_> = reports
            .iter()
            .filter_map(|report| match report.end {
                End::First(session) | End::Repeat(session) => Some(session),
                End::Used | End::Busy | End::GaveUp => None,
            })
            .collect();
        for report in reports {
            let wrong = match report.end {
                // A rival may have won in between.
                End::Used => report.client != Client::Rival,
                End::Busy => true,
                End::Repeat(_) => report.same_attempt == 0,
                End::First(_) | End::GaveUp => false,
            };
            if wrong {
                return Err(format!("the store said that nothing was written, and it was: {report:?}"));
            }
        }
        match (granted.as_slice(), reports) {
            ([session], _) => books.used_once(link.id, *session)?,
            ([], [Report { end: End::GaveUp, .. }]) => at_most_once(link.id, books)?,
            ([], _) => return Err(format!("{} let nobody in: {reports:?}", link.id)),
            _ => return Err(format!("{} let in {}: {reports:?}", link.id, granted.len())),
        }
    }
    Ok(())
}

/// A link whose fate is unknown was used once, or never.
fn at_most_once(link: LinkId, books: &Books) -> Result<(), String> {
    let kept = books.links.get(&link).ok_or_else(|| format!("{link} is lost"))?;
    match kept.session {
        Some(session) => books.used_once(link, session),
        None if books.sessions.contains_key(&link) => Err(format!("{link} is unused, and has a session")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::books::tests::{books, ids, links};

    /// D6, S4: the judge of lost replies passes what is right, and finds two rivals let in, nobody let in, another session
    /// than the client's, and a write that the store denied.
    #[test]
    fn the_judge_of_lost_replies_finds_what_is_wrong() {
        let links = links(3);
        let ids = ids(&links);
        let report = |number: usize, client, end, same_attempt| Report {
            client,
            link: ids[number].0,
            end,
            same_attempt,
            safe: 1,
        };
        let right = vec![
            report(0, Client::Keyed, End::Repeat(ids[0].1), 1),
            report(1, Client::Keyless, End::GaveUp, 1),
            report(2, Client::Rival, End::First(ids[2].1), 0),
            report(2, Client::Rival, End::Used, 0),
        ];
        assert_eq!(judge(&links, &right, &books(&ids)), Ok(()));

        let wrong = |number: usize, other: Report, word: &str| {
            let mut reports = right.clone();
            reports[number] = other;
            let error = judge(&links, &reports, &books(&ids)).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        wrong(0, report(0, Client::Keyed, End::Repeat(ids[0].1), 0), "nothing was written");
        wrong(0, report(0, Client::Keyed, End::Used, 1), "nothing was written");
        wrong(0, report(0, Client::Keyed, End::First(ids[1].1), 1), "the store holds");
        wrong(1, report(1, Client::Keyless, End::Used, 0), "nothing was written");
        wrong(1, report(1, Client::Claimer, End::Busy, 0), "nothing was written");
        wrong(2, report(2, Client::Rival, End::Used, 0), "let nobody in");
        wrong(3, report(2, Client::Rival, End::First(ids[1].1), 0), "let in 2");
    }
}
