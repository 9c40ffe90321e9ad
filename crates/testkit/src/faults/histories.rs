//! Whether what clients are answered could come from a store that takes one call after the other: among races of two
//! processes, kills, and lost replies (D1, S1, S2).

use std::{ops::Range, str::FromStr, sync::Arc};

use inquiry_otl_histories::Callee;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Durable, Outcome, PATIENCE, worker::Worker};
use crate::{
    histories::{CLIENTS, Histories, Judged, PARTS, Who},
    proxy::{Fault, Proxy},
    random::{Sequence, random},
};

/// Histories that are made at the same time.
const AT_ONCE: u32 = 4;
const RACES: u32 = 30;
/// Kills that leave somebody without an answer, and rounds that it may take: a kill may come when all have theirs.
const KILLS: u32 = 6;
const ROUNDS: u32 = 10 * KILLS;
/// A kill comes before more notes of the first process than that: half of what it notes in a part.
const NOTES: u64 = 64;
const STORMS: u32 = 5;
const PROCESSES: u32 = 2;

/// Clients of two processes race.
pub(super) fn races<D: Durable>(durable: &Arc<D>) -> Outcome {
    let (runtime, engine) = (super::runtime(), durable.engine());
    let store = super::open(&runtime, durable, &engine.place());
    let seed = random();
    let mut crew = Crew::new(&engine.place(), seed);
    let mut judged = Judged::default();
    for round in 0..RACES {
        let histories = Histories::of(seed, numbers(round));
        runtime.block_on(histories.begin(&store));
        for part in 0..PARTS {
            crew.begin(round, part);
            crew.hear(&histories)?;
        }
        runtime.block_on(histories.end(&store));
        judged.add(histories.judge());
    }
    Ok(format!("{} under races: {}", D::NAME, judged.are_linearizable()?))
}

/// The engine is killed amid the first part, and started again for the others; or one of the two processes, if they are all
/// that there is.
pub(super) fn kills<D: Durable>(durable: &Arc<D>) -> Outcome {
    let (runtime, mut engine) = (super::runtime(), durable.engine());
    let seed = random();
    let mut after = Sequence::new(random());
    let mut crew = Crew::new(&engine.place(), seed);
    let mut judged = Judged::default();
    let (mut round, mut kills) = (0, 0);
    while kills < KILLS {
        if round == ROUNDS {
            return Err(format!("{kills} of {ROUNDS} kills left somebody without an answer").into());
        }
        let histories = Histories::of(seed, numbers(round));
        runtime.block_on(histories.begin(&super::open(&runtime, durable, &engine.place())));
        crew.begin(round, 0);
        crew.hear_first(1 + after.below(NOTES), &histories)?;
        if engine.port().is_some() {
            engine.kill();
            engine.restart();
            crew.hear(&histories)?;
        } else {
            crew.lose_one(&histories)?;
        }
        for part in 1..PARTS {
            crew.begin(round, part);
            crew.hear(&histories)?;
        }
        runtime.block_on(histories.end(&super::open(&runtime, durable, &engine.place())));
        let now = histories.judge();
        kills += u32::from(now.unanswered() != 0);
        judged.add(now);
        round += 1;
    }
    Ok(format!("{} under {round} kills: {}", D::NAME, judged.are_linearizable()?))
}

/// Replies are lost, late and cut.
pub(super) fn storms<D: Durable>(durable: &Arc<D>) -> Outcome {
    let (runtime, engine) = (super::runtime(), durable.engine());
    let proxy = Proxy::start(engine.port().expect("a server"));
    let place = engine.place_at(proxy.port()).expect("a place behind a proxy");
    let direct = super::open(&runtime, durable, &engine.place());
    let store = super::open(&runtime, durable, &place);
    let seed = random();
    let mut faults = Sequence::new(random());
    let mut judged = Judged::default();
    for round in 0..STORMS {
        let histories = Histories::of(seed, numbers(round));
        runtime.block_on(async {
            histories.begin(&direct).await;
            for part in 0..PARTS {
                proxy.set(Fault::Random { seed: faults.next() });
                histories.part(part, &store).await;
                proxy.set(Fault::None);
            }
            histories.end(&direct).await;
        });
        judged.add(histories.judge());
    }
    if judged.unanswered() == 0 {
        return Err("every call was answered: the proxy did nothing".into());
    }
    Ok(format!("{} under lost replies: {}", D::NAME, judged.are_linearizable()?))
}

fn numbers(round: u32) -> Range<u32> {
    round * AT_ONCE..(round + 1) * AT_ONCE
}

/// Two processes, each with its share of the clients.
struct Crew {
    place: String,
    seed: u64,
    workers: Vec<Worker>,
}

impl Crew {
    fn new(place: &str, seed: u64) -> Self {
        let crew = Self { place: place.to_owned(), seed, workers: Vec::new() };
        let workers = (0..PROCESSES).map(|process| crew.worker(process)).collect();
        Self { workers, ..crew }
    }

    fn worker(&self, process: u32) -> Worker {
        Worker::start("histories", &self.place, format!("{} {process}", self.seed))
    }

    /// Lets all clients begin a part of a round.
    fn begin(&mut self, round: u32, part: u32) {
        self.workers.iter_mut().for_each(|worker| worker.tell(&format!("{round} {part}")));
    }

    /// Takes so many notes of the first.
    fn hear_first(&self, notes: u64, histories: &Histories) -> Result<(), String> {
        for _ in 0..notes {
            let line = self.workers[0].line(PATIENCE).ok_or("a worker ended before the kill")?;
            histories.hear(line.parse()?);
        }
        Ok(())
    }

    /// Takes their notes until all are done.
    fn hear(&self, histories: &Histories) -> Result<(), String> {
        for worker in &self.workers {
            loop {
                match worker.line(PATIENCE) {
                    Some(line) if line == "done" => break,
                    Some(line) => histories.hear(line.parse()?),
                    None => return Err("a worker ended in the middle".into()),
                }
            }
        }
        Ok(())
    }

    /// Kills the first process, takes the notes of all, and starts another one with the same clients.
    fn lose_one(&mut self, histories: &Histories) -> Result<(), String> {
        for line in self.workers.remove(0).kill() {
            if line != "done" {
                histories.hear(line.parse()?);
            }
        }
        self.hear(histories)?;
        self.workers.insert(0, self.worker(0));
        Ok(())
    }
}

/// What a worker does: its clients' calls, a part of a round whenever it is told.
pub(super) async fn work<S: Callee + Clone + 'static>(
    store: S,
    clients: &str,
    mut orders: UnboundedReceiver<String>,
) {
    let (seed, process): (u64, u64) = two(clients);
    let clients = (0..CLIENTS).filter(|number| u64::from(number % PROCESSES) == process);
    let clients: Vec<_> = clients.collect();
    while let Some(order) = orders.recv().await {
        let (round, part) = two(&order);
        let histories = Histories::of(seed, numbers(round));
        let clients: Vec<_> = clients.iter().map(|number| Who::Client { number: *number, part }).collect();
        histories.call(&clients, &store, |line| println!("{line}")).await;
        println!("done");
    }
}

/// Two numbers, with a space between them.
fn two<A: FromStr, B: FromStr>(text: &str) -> (A, B) {
    let numbers = text.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    numbers.expect("two numbers")
}
