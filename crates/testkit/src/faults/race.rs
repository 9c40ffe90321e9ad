//! Two processes, eight tasks each, and every link tried by all of them (D1).

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use inquiry_otl::{Attempt, GrantKind, LinkId, LinkStore, Redemption, Refusal, Retry, Service, SessionId};
use tempfile::NamedTempFile;
use tokio::time::sleep;

use super::{
    Durable, Outcome, PATIENCE,
    books::{self, Books, Issued},
    worker::Worker,
};
use crate::random::{Sequence, random};

const LINKS: usize = 10_000;
const PROCESSES: usize = 2;
const TASKS: usize = 8;

/// Lets them race, and asks the store afterwards.
pub(super) fn run<D: Durable>(durable: &Arc<D>) -> Outcome {
    let runtime = super::runtime();
    let engine = durable.engine();
    let service = books::service(super::open(&runtime, durable, &engine.place()));
    let mut links = runtime.block_on(books::issue(&service, LINKS));
    Sequence::new(random()).shuffle(&mut links);
    let file = NamedTempFile::new()?;
    books::write(file.path(), &links)?;

    let mut workers: Vec<_> =
        (0..PROCESSES).map(|_| Worker::start("race", &engine.place(), file.path())).collect();
    let began = Instant::now();
    workers.iter_mut().for_each(Worker::go);
    let mut report = Report::default();
    for worker in &workers {
        loop {
            match worker.line(Duration::from_secs(600)) {
                Some(line) if line == "done" => break,
                Some(line) => report.read(&line)?,
                None => return Err("a worker ended in the middle".into()),
            }
        }
    }
    let took = began.elapsed();
    links.sort_by_key(|link| link.inquiry);
    let books = runtime.block_on(Books::of(&service, &links));
    judge(&links, &report, &books)?;
    Ok(format!(
        "race: {LINKS} links, {} attempts of {PROCESSES} processes in {took:.1?}: {} first uses, {} refused, doubled 0",
        LINKS * PROCESSES * TASKS,
        report.firsts.len(),
        report.refused,
    ))
}

/// What the workers say.
#[derive(Debug, Default)]
struct Report {
    firsts: Vec<(LinkId, SessionId)>,
    refused: usize,
}

impl Report {
    fn read(&mut self, text: &str) -> Result<(), String> {
        let words: Vec<_> = text.split(' ').collect();
        match words[..] {
            ["first", link, session] => self.firsts.push((link.parse().unwrap(), session.parse().unwrap())),
            ["refused", count] => self.refused += count.parse::<usize>().unwrap(),
            _ => return Err(format!("a worker says: {text}")),
        }
        Ok(())
    }
}

/// Exactly one first use per link, all others refused as used, and one session per link in the store.
fn judge(links: &[Issued], report: &Report, books: &Books) -> Result<(), String> {
    let mut firsts: HashMap<LinkId, Vec<SessionId>> = HashMap::new();
    for (link, session) in &report.firsts {
        firsts.entry(*link).or_default().push(*session);
    }
    for link in links {
        match firsts.get(&link.id).map(Vec::as_slice) {
            Some([session]) => books.used_once(link.id, *session)?,
            None => return Err(format!("{} has no first use", link.id)),
            Some(many) => return Err(format!("{} has {} first uses: {many:?}", link.id, many.len())),
        }
    }
    let answered = report.firsts.len() + report.refused;
    let attempts = links.len() * PROCESSES * TASKS;
    if answered != attempts {
        return Err(format!("{attempts} attempts, and {answered} answers"));
    }
    Ok(())
}

/// A worker's part: all tasks try all links, at about the same time, each in another order.
pub(super) async fn work<S: LinkStore + 'static>(service: Arc<Service<S>>, links: Vec<Issued>) {
    let links = Arc::new(links);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (service, links) = (Arc::clone(&service), Arc::clone(&links));
            tokio::spawn(async move {
                let mut order: Vec<_> = links.iter().collect();
                let mut random = Sequence::new(random());
                order.chunks_mut(16).for_each(|some| random.shuffle(some));
                let (mut firsts, mut refused) = (Vec::new(), 0_usize);
                for link in order {
                    match attempt(&service, link).await {
                        Redemption::Granted(grant) if grant.kind == GrantKind::FirstUse => {
                            firsts.push((link.id, grant.session.id));
                        }
                        Redemption::Refused(answer) if matches!(answer.reason, Refusal::Used { .. }) => {
                            refused += 1;
                        }
                        other => println!("{} got {other:?}", link.id),
                    }
                }
                for (link, session) in firsts {
                    println!("first {link} {session}");
                }
                println!("refused {refused}");
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// An attempt without a key, made again as long as the store says that nothing was written.
async fn attempt<S: LinkStore>(service: &Service<S>, link: &Issued) -> Redemption {
    let began = Instant::now();
    loop {
        match service.redeem(&link.code, &Attempt::new()).await {
            Ok(answer) => return answer,
            Err(error) if error.retry() == Retry::Safe && began.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(2)).await;
            }
            Err(error) => panic!("a fault where nothing failed: {error:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::books::tests::{books, ids, links};

    fn report(firsts: Vec<(LinkId, SessionId)>) -> Report {
        Report { refused: 3 * PROCESSES * TASKS - 3, firsts }
    }

    /// D1: the race's judge passes what is right, and finds a doubled first use, a missing one, a second session, a use
    /// that the store does not know, and an attempt without an answer.
    #[test]
    fn the_judge_of_the_race_finds_what_is_wrong() {
        let links = links(3);
        let good = ids(&links);
        assert_eq!(judge(&links, &report(good.clone()), &books(&good)), Ok(()));

        let mut doubled = good.clone();
        doubled.push((good[0].0, good[1].1));
        assert!(judge(&links, &report(doubled), &books(&good)).unwrap_err().contains("2 first uses"));

        let missing = good[1..].to_vec();
        assert!(judge(&links, &report(missing), &books(&good)).unwrap_err().contains("no first use"));

        let mut second = books(&good);
        second.sessions.get_mut(&good[2].0).unwrap().push(good[0].1);
        assert!(judge(&links, &report(good.clone()), &second).unwrap_err().contains("the sessions"));

        let mut unused = books(&good);
        unused.links.get_mut(&good[1].0).unwrap().uses = 0;
        assert!(judge(&links, &report(good.clone()), &unused).unwrap_err().contains("the store holds"));

        let mut silent = report(good.clone());
        silent.refused -= 1;
        assert!(judge(&links, &silent, &books(&good)).unwrap_err().contains("answers"));
    }

    /// S4: whatever else a worker says is reported.
    #[test]
    fn a_worker_that_says_something_else_fails_the_race() {
        assert!(Report::default().read("otl_1 got Busy").is_err());
    }
}
