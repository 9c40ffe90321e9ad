//! Callers who go away at any moment, among others who stay (D6, S1).

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use inquiry_otl::{
    Attempt, AttemptKey, GrantKind, LinkId, LinkStore, Redemption, Refusal, Service, SessionId,
};
use tokio::time::{sleep, timeout};

use super::{
    Durable, Outcome, PATIENCE,
    books::{self, Books, Issued},
};
use crate::random::{Sequence, random};

const LINKS: usize = 10_000;
const TASKS: usize = 64;

/// More than half of all callers mean to go away once, and come again with the same attempt; every eighth link has two callers.
pub(super) fn run<D: Durable>(durable: &Arc<D>) -> Outcome {
    let runtime = super::runtime();
    let engine = durable.engine();
    let service = books::service(super::open(&runtime, durable, &engine.place()));
    let links: Arc<[Issued]> = runtime.block_on(books::issue(&service, LINKS)).into();

    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (service, links, next) = (Arc::clone(&service), Arc::clone(&links), Arc::clone(&next));
            runtime.spawn(async move {
                let mut random = Sequence::new(random());
                let mut reports = Vec::new();
                while let Some(link) = links.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if link.id.as_u128() % 8 == 0 {
                        let mut other = Sequence::new(random.next());
                        let two =
                            tokio::join!(live(&service, link, &mut random), live(&service, link, &mut other));
                        reports.extend(<[Report; 2]>::from(two));
                    } else {
                        reports.push(live(&service, link, &mut random).await);
                    }
                }
                reports
            })
        })
        .collect();
    let mut reports = Vec::new();
    for task in tasks {
        reports.extend(runtime.block_on(task)?);
    }
    let took = began.elapsed();
    let books = runtime.block_on(Books::of(&service, &links));
    judge(&links, &reports, &books)?;
    let (left, repeated) = (
        reports.iter().filter(|report| report.left).count(),
        reports.iter().filter(|report| matches!(report.end, End::Repeat(_))).count(),
    );
    if repeated == 0 || left < LINKS / 4 {
        return Err(format!("{left} went away, and {repeated} of them in the middle: too few").into());
    }
    Ok(format!(
        "dropped: {} callers of {LINKS} links in {took:.1?}: {left} went away, {repeated} of them after their first use; each \
         has its answer, doubled 0",
        reports.len()
    ))
}

/// What became of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Report {
    link: LinkId,
    /// Whether they went away, and came again.
    left: bool,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First(SessionId),
    Repeat(SessionId),
    Used,
}

/// A caller, who may go away once.
async fn live<S: LinkStore>(service: &Service<S>, link: &Issued, random: &mut Sequence) -> Report {
    let attempt = Attempt::new().with_key(AttemptKey::random());
    let call = || service.redeem(&link.code, &attempt);
    let mut left = false;
    // However fast an engine is, most of those who mean to go away do: as soon as they have asked.
    let early = match random.below(8) {
        0..=2 => give_up_after(0, call()).await,
        3 => give_up_after(1 + random.below(3), call()).await,
        4 => timeout(Duration::from_millis(random.below(4)), call()).await.ok(),
        _ => Some(call().await),
    };
    let answer = if let Some(answer) = early {
        answer
    } else {
        left = true;
        // Nothing is lost by it, and nobody is left waiting.
        timeout(PATIENCE, call()).await.unwrap_or_else(|_| panic!("{} was not answered", link.id))
    };
    let end = match answer {
        Ok(Redemption::Granted(grant)) => match grant.kind {
            GrantKind::FirstUse => End::First(grant.session.id),
            GrantKind::Repeat => End::Repeat(grant.session.id),
            other => panic!("a caller got {other:?}"),
        },
        Ok(Redemption::Refused(refused)) if matches!(refused.reason, Refusal::Used { .. }) => End::Used,
        other => panic!("a caller got {other:?}"),
    };
    Report { link: link.id, left, end }
}

/// Drops a call when it has waited so many times.
async fn give_up_after<T>(waits: u64, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let mut waited = 0;
    let answer = poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await;
    // What was begun goes on for a moment without its caller.
    sleep(Duration::from_millis(1)).await;
    answer
}

/// Each link let one caller in, whose session the store holds, and refused the other; nobody repeats what they never left.
fn judge(links: &[Issued], reports: &[Report], books: &Books) -> Result<(), String> {
    let mut reports = reports.to_vec();
    reports.sort_by_key(|report| report.link);
    for link in links {
        let from = reports.partition_point(|report| report.link < link.id);
        let of_link: Vec<_> = reports[from..].iter().take_while(|report| report.link == link.id).collect();
        let sessions: Vec<_> = of_link
            .iter()
            .filter_map(|report| match report.end {
                End::First(session) | End::Repeat(session) => Some(session),
                End::Used => None,
            })
            .collect();
        match sessions[..] {
            [session] => books.used_once(link.id, session)?,
            _ => return Err(format!("{} let in {}: {of_link:?}", link.id, sessions.len())),
        }
        if let Some(report) =
            of_link.iter().find(|report| matches!(report.end, End::Repeat(_)) && !report.left)
        {
            return Err(format!("a repeat for somebody who never went away: {report:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::books::tests::{books, ids, links};

    /// D1, D6: the judge of callers who go away passes what is right, and finds two let in, nobody let in, another session,
    /// and a repeat for nobody.
    #[test]
    fn the_judge_of_callers_who_go_away_finds_what_is_wrong() {
        let links = links(2);
        let ids = ids(&links);
        let report = |number: usize, left, end| Report { link: ids[number].0, left, end };
        let right = vec![
            report(0, true, End::Repeat(ids[0].1)),
            report(1, false, End::First(ids[1].1)),
            report(1, true, End::Used),
        ];
        assert_eq!(judge(&links, &right, &books(&ids)), Ok(()));

        let wrong = |number: usize, other: Report, word: &str| {
            let mut reports = right.clone();
            reports[number] = other;
            let error = judge(&links, &reports, &books(&ids)).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        wrong(0, report(0, false, End::Repeat(ids[0].1)), "never went away");
        wrong(0, report(0, true, End::Used), "let in 0");
        wrong(0, report(0, true, End::First(ids[1].1)), "the store holds");
        wrong(2, report(1, true, End::Repeat(ids[1].1)), "let in 2");
    }
}
