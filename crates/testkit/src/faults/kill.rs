//! SIGKILL for the engine in the middle of redemptions, and a look at what is left (D1, S1).

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use inquiry_otl::{Attempt, GrantKind, LinkStore, Redemption, Refusal, Retry, Service, SessionId};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

use super::{
    Durable, Engine, Outcome, PATIENCE,
    books::{self, Books, Issued},
    worker::Worker,
};
use crate::random::{Sequence, random};

const ROUNDS: usize = 20;
const LINKS: usize = 10_000;
const TASKS: usize = 16;

/// Kills and looks, round after round.
pub(super) fn run<D: Durable>(durable: &Arc<D>) -> Outcome {
    let runtime = super::runtime();
    let mut engine = durable.engine();
    let mut random = Sequence::new(random());
    let mut sum = Tally::default();
    for round in 1..=ROUNDS {
        let after = usize::try_from(random.below(6_000)).unwrap() + 2_000;
        let Interrupted { links, said } = interrupt(&runtime, durable, engine.as_mut(), after)?;

        let service = books::service(super::open(&runtime, durable, &engine.place()));
        let before = runtime.block_on(Books::of(&service, &links));
        let answers = runtime.block_on(redeem_all(&service, &links));
        let now = runtime.block_on(Books::of(&service, &links));
        let tally = judge(&links, &said, &before, &answers, &now)
            .map_err(|error| format!("round {round}, killed after {after} acknowledgements: {error}"))?;
        sum.add(&tally);
    }
    if sum.other == 0 {
        return Err("all was over at every kill".into());
    }
    Ok(format!(
        "kill: {ROUNDS} rounds of {LINKS} links: {} acknowledged, {} not ({} of them used), lost 0, doubled 0",
        sum.acknowledged, sum.other, sum.used
    ))
}

/// Fresh links, and what the worker said of which, by its number.
struct Interrupted {
    links: Vec<Issued>,
    said: HashMap<usize, Said>,
}

/// Lets a worker redeem fresh links, and kills the engine when so many are acknowledged; or the worker, if it is all that
/// there is.
fn interrupt<D: Durable>(
    runtime: &Runtime,
    durable: &Arc<D>,
    engine: &mut dyn Engine,
    after: usize,
) -> Result<Interrupted, Box<dyn Error>> {
    let place = engine.place();
    let service = books::service(super::open(runtime, durable, &place));
    let links = runtime.block_on(books::issue(&service, LINKS));
    drop(service);
    let file = NamedTempFile::new()?;
    books::write(file.path(), &links)?;
    let mut worker = Worker::start("kill", &place, file.path());
    let mut said = HashMap::new();
    worker.go();
    while said.len() < after {
        let text = worker.line(PATIENCE).ok_or("the worker ended before the kill")?;
        let (link, what) = Said::read(&text)?;
        if !matches!(what, Said::Acknowledged(_)) {
            return Err(format!("a fault before the kill: {text}").into());
        }
        said.insert(link, what);
    }
    let server = engine.port().is_some();
    if server {
        engine.kill();
        // What is in flight fails; the worker must be gone before there is an engine again.
        sleep(Duration::from_millis(100));
    }
    for text in worker.kill() {
        if text != "done" {
            let (link, what) = Said::read(&text)?;
            said.insert(link, what);
        }
    }
    if server {
        engine.restart();
    }
    Ok(Interrupted { links, said })
}

/// What a worker learned of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It was the first use.
    Acknowledged(SessionId),
    /// The store failed and said that nothing was written.
    NotWritten,
    /// The store failed.
    Unknown,
}

impl Said {
    fn read(text: &str) -> Result<(usize, Self), String> {
        let words: Vec<_> = text.split(' ').collect();
        match words[..] {
            ["first", link, session] => {
                Ok((link.parse().unwrap(), Self::Acknowledged(session.parse().unwrap())))
            }
            ["safe", link] => Ok((link.parse().unwrap(), Self::NotWritten)),
            ["unknown", link] => Ok((link.parse().unwrap(), Self::Unknown)),
            _ => Err(format!("a worker says: {text}")),
        }
    }
}

/// A worker's part: redeem each link once, without a key, and say what came of it, after it did.
pub(super) async fn work<S: LinkStore + 'static>(service: Arc<Service<S>>, links: Vec<Issued>) {
    let links = Arc::new(links);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (service, links, next) = (Arc::clone(&service), Arc::clone(&links), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(link) = links.get(number) else { return };
                    match service.redeem(&link.code, &Attempt::new()).await {
                        Ok(Redemption::Granted(grant)) if grant.kind == GrantKind::FirstUse => {
                            println!("first {number} {}", grant.session.id);
                        }
                        Ok(other) => println!("{} got {other:?}", link.id),
                        Err(error) if error.retry() == Retry::Safe => println!("safe {number}"),
                        Err(_) => println!("unknown {number}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// What a redemption after the kill came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    First(SessionId),
    Used,
}

/// Redeems every link once more, in order.
async fn redeem_all<S: LinkStore + 'static>(service: &Arc<Service<S>>, links: &[Issued]) -> Vec<Answer> {
    let chunks = links.chunks(links.len().div_ceil(TASKS));
    let tasks: Vec<_> = chunks
        .map(|links| {
            let (service, links) = (Arc::clone(service), links.to_vec());
            tokio::spawn(async move {
                let mut answers = Vec::with_capacity(links.len());
                for link in &links {
                    answers.push(match service.redeem(&link.code, &Attempt::new()).await {
                        Ok(Redemption::Granted(grant)) if grant.kind == GrantKind::FirstUse => {
                            Answer::First(grant.session.id)
                        }
                        Ok(Redemption::Refused(refused))
                            if matches!(refused.reason, Refusal::Used { .. }) =>
                        {
                            Answer::Used
                        }
                        other => panic!("after the kill, {} got {other:?}", link.id),
                    });
                }
                answers
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(links.len());
    for task in tasks {
        answers.extend(task.await.expect("answers after the kill"));
    }
    answers
}

/// How many links were what.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    acknowledged: usize,
    /// Not acknowledged: failed, or never tried.
    other: usize,
    /// Not acknowledged, and used all the same.
    used: usize,
}

impl Tally {
    const fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.other += other.other;
        self.used += other.used;
    }
}

/// What was acknowledged is still so, and is refused now; all else was used once or is used once now; nothing was written
/// where the store said so; no link is lost, and each has one session in the end.
fn judge(
    links: &[Issued],
    said: &HashMap<usize, Said>,
    before: &Books,
    answers: &[Answer],
    now: &Books,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (number, (link, answer)) in links.iter().zip(answers).enumerate() {
        let id = link.id;
        let kept = before.links.get(&id).ok_or_else(|| format!("lost: {id} is not there"))?;
        let said = said.get(&number);
        match (said, kept.session) {
            (Some(Said::Acknowledged(session)), _) => {
                tally.acknowledged += 1;
                before.used_once(id, *session).map_err(|error| format!("lost: {error}"))?;
            }
            (Some(Said::NotWritten), Some(_)) => {
                return Err(format!("{id} is used, and the store had said that nothing was written"));
            }
            (_, session) => {
                tally.other += 1;
                tally.used += usize::from(session.is_some());
            }
        }
        let session = match (kept.session, answer) {
            (Some(session), Answer::Used) => session,
            (None, Answer::First(session)) => *session,
            (Some(_), Answer::First(_)) => return Err(format!("doubled: {id} had a first use twice")),
            (None, Answer::Used) => return Err(format!("lost: {id} was unused, and is refused as used")),
        };
        now.used_once(id, session).map_err(|error| format!("in the end: {error}"))?;
    }
    if now.links.len() != links.len() || answers.len() != links.len() {
        return Err(format!("{} links were issued, and {} are there", links.len(), now.links.len()));
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use inquiry_otl::LinkId;

    use super::*;
    use crate::faults::books::{
        Kept,
        tests::{books, ids, links},
    };

    /// D1, S4: the judge of the kill passes what is right, and finds a lost acknowledgement, another session, a doubled
    /// first use, a lost link, and a write that the store denied.
    #[test]
    fn the_judge_of_the_kill_finds_what_is_wrong() {
        let links = links(4);
        let ids = ids(&links);
        // Acknowledged; unknown and used; not written; never tried.
        let said =
            HashMap::from([(0, Said::Acknowledged(ids[0].1)), (1, Said::Unknown), (2, Said::NotWritten)]);
        let unused = Kept { uses: 0, session: None };
        let before = |unused_links: &[usize]| {
            let mut books = books(&ids);
            for number in unused_links {
                books.links.insert(ids[*number].0, unused);
                books.sessions.remove(&ids[*number].0);
            }
            books
        };
        let right = [Answer::Used, Answer::Used, Answer::First(ids[2].1), Answer::First(ids[3].1)];
        let tally = Tally { acknowledged: 1, other: 3, used: 1 };
        assert_eq!(judge(&links, &said, &before(&[2, 3]), &right, &books(&ids)), Ok(tally));

        let wrong = |before: &Books, answers: &[Answer], now: &Books, word: &str| {
            let error = judge(&links, &said, before, answers, now).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        let redeemed_again = [Answer::First(ids[0].1), right[1], right[2], right[3]];
        wrong(&before(&[0, 2, 3]), &redeemed_again, &books(&ids), "lost");
        wrong(&before(&[2, 3]), &redeemed_again, &books(&ids), "doubled");
        let mut other_session = before(&[2, 3]);
        other_session.links.insert(ids[0].0, Kept { uses: 1, session: Some(ids[1].1) });
        wrong(&other_session, &right, &books(&ids), "lost");
        wrong(&before(&[3]), &right, &books(&ids), "nothing was written");
        let mut gone = before(&[2, 3]);
        gone.links.remove(&ids[3].0);
        wrong(&gone, &right, &books(&ids), "lost");
        let mut two_sessions = books(&ids);
        two_sessions.sessions.get_mut(&ids[3].0).unwrap().push(ids[0].1);
        wrong(&before(&[2, 3]), &right, &two_sessions, "in the end");
        let mut more = books(&ids);
        more.links.insert(LinkId::from_u128(99), unused);
        wrong(&before(&[2, 3]), &right, &more, "are there");
    }
}
