//! Histories of a store: what many clients call on a few inquiries at the same time, and are answered; and whether the rules
//! alone could have answered so, one call after the other.

mod line;
mod plan;

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use inquiry_otl::InquiryId;
use inquiry_otl_histories::{Anomaly, Callee, End, Recorded, Rules, check};
use tokio::{task::JoinSet, time::sleep};

pub(crate) use self::{
    line::Line,
    plan::{CLIENTS, PARTS, Who},
};
use self::{
    line::{What, now},
    plan::Plan,
};
use crate::random::random;

/// How long clients may take to note what they are waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client waits after a fault.
const PAUSE: Duration = Duration::from_millis(20);
/// So many faults in a row, and a client gives up.
const FAULTS: u32 = 3;

/// Some histories that are being made, each of an inquiry of its own.
///
/// First somebody [begins](Self::begin) them, then eight clients have three [parts](Self::part), and something may happen to
/// the engine in between, or in the midst. Last, somebody [looks](Self::end) at what is kept.
#[derive(Debug)]
pub struct Histories {
    plans: Vec<Plan>,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Histories {
    /// So many new ones.
    pub fn new(count: u32) -> Self {
        Self::of(random(), 0..count)
    }

    /// The same, but nobody looks until the end, nor acts by what was seen: where what is read may be undone.
    #[must_use]
    pub fn without_reads(mut self) -> Self {
        self.plans.iter_mut().for_each(|plan| plan.reads = false);
        self
    }

    /// The inquiry of each.
    pub fn inquiries(&self) -> impl Iterator<Item = InquiryId> {
        self.plans.iter().map(|plan| plan.key().inquiry)
    }

    /// Those of these numbers.
    pub(crate) fn of(seed: u64, numbers: Range<u32>) -> Self {
        let plans = numbers.map(|history| Plan { seed, history, reads: true });
        Self { plans: plans.collect(), lines: Arc::default() }
    }

    /// Makes the inquiries and their first links.
    pub async fn begin(&self, store: &(impl Callee + Clone + 'static)) {
        self.run(&[Who::First], store).await;
    }

    /// Lets all clients have a part, 0 to 2, on that store; returns when all have had it, or given up.
    pub async fn part(&self, part: u32, store: &(impl Callee + Clone + 'static)) {
        let all: Vec<_> = (0..CLIENTS).map(|number| Who::Client { number, part }).collect();
        self.run(&all, store).await;
    }

    /// Waits until the clients have noted so much of a part that is under way: a call is two notes, as it begins and as it
    /// ends, and a whole part is 64 for each history. What happens then, happens amid their calls.
    pub async fn reaches(&self, part: u32, notes: usize) {
        let of_part = |line: &&Line| matches!(line.who, Who::Client { part: of, .. } if of == part);
        let began = Instant::now();
        while self.lines.lock().unwrap().iter().filter(of_part).count() < notes {
            assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} for {notes} notes");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Looks at all that is kept.
    pub async fn end(&self, store: &(impl Callee + Clone + 'static)) {
        self.run(&[Who::Last], store).await;
    }

    /// Takes the notes of a client in another process.
    pub(crate) fn hear(&self, line: Line) {
        self.lines.lock().unwrap().push(line);
    }

    /// Lets these call on all inquiries at the same time, on each of them one call after the other, and notes it.
    async fn run(&self, all: &[Who], store: &(impl Callee + Clone + 'static)) {
        let lines = Arc::clone(&self.lines);
        self.call(all, store, move |line| lines.lock().unwrap().push(line)).await;
    }

    /// The same, with the notes given away.
    pub(crate) async fn call<S: Callee + Clone + 'static>(
        &self,
        all: &[Who],
        store: &S,
        note: impl Fn(Line) + Clone + Send + Sync + 'static,
    ) {
        let mut clients = JoinSet::new();
        for plan in &self.plans {
            for who in all {
                clients.spawn(client(*plan, *who, store.clone(), note.clone()));
            }
        }
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client goes to its end");
        }
    }

    /// Whether the answers can be those of the rules.
    pub fn judge(&self) -> Judged {
        let mut judged = Judged::default();
        let lines = self.lines.lock().unwrap();
        for plan in &self.plans {
            judged.take(plan, &lines);
        }
        judged
    }
}

/// Calls as planned, once the store answers.
async fn client(plan: Plan, who: Who, store: impl Callee, note: impl Fn(Line)) {
    while store.take(&plan.look()).await.is_err() {
        sleep(PAUSE).await;
    }
    let mut faults = 0;
    for (number, call) in plan.calls(who).iter().enumerate() {
        let line = |what| Line { history: plan.history, who, number, at: now(), what };
        note(line(What::Calls));
        let what = What::of(call, store.take(call).await);
        let is_answered = matches!(what, What::Answered(_));
        note(line(what));
        if is_answered {
            faults = 0;
            continue;
        }
        assert!(matches!(who, Who::Client { .. }), "{call:?} failed");
        faults += 1;
        if faults == FAULTS {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// What histories showed.
#[derive(Debug, Default)]
pub struct Judged {
    histories: usize,
    calls: usize,
    /// Calls that were not answered and may have taken effect; those of them that the store could not confirm; and those
    /// after which it said that nothing was written.
    unknown: usize,
    unconfirmed: usize,
    nothing_written: usize,
    /// Too many calls without an answer at the same time, to try all that may have become of them.
    undecided: usize,
    anomalies: Vec<String>,
}

impl Judged {
    /// That all of which one can tell, three quarters at least, can have happened as they were answered, in a line.
    ///
    /// # Errors
    /// What cannot.
    pub fn are_linearizable(&self) -> Result<String, String> {
        if self.anomalies.is_empty() && 4 * self.undecided <= self.histories {
            Ok(self.to_string())
        } else {
            Err(format!("{self}\n{}", self.anomalies.join("\n")))
        }
    }

    /// That one of them cannot, in a line.
    ///
    /// # Errors
    /// That all can.
    pub fn are_not_linearizable(&self) -> Result<String, String> {
        if self.anomalies.is_empty() { Err(self.to_string()) } else { Ok(self.to_string()) }
    }

    /// How many calls the store wrote and could not confirm.
    pub const fn unconfirmed(&self) -> usize {
        self.unconfirmed
    }

    /// How many calls may have taken effect without an answer.
    pub const fn unanswered(&self) -> usize {
        self.unknown
    }

    /// Together with others.
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.calls += other.calls;
        self.unknown += other.unknown;
        self.unconfirmed += other.unconfirmed;
        self.nothing_written += other.nothing_written;
        self.undecided += other.undecided;
        self.anomalies.extend(other.anomalies);
    }

    fn take(&mut self, plan: &Plan, lines: &[Line]) {
        let mut invoked = HashMap::new();
        let mut ends = HashMap::new();
        for line in lines.iter().filter(|line| line.history == plan.history) {
            let call = (line.who, line.number);
            match &line.what {
                What::Calls => drop(invoked.insert(call, line.at)),
                what => drop(ends.insert(call, (line.at, what))),
            }
        }
        let mut history = Vec::new();
        for ((who, number), invoked) in invoked {
            let end = match ends.remove(&(who, number)) {
                Some((at, What::Answered(answer))) => End::Answered { at, answer: answer.clone() },
                Some((_, What::NothingWritten)) => End::NothingWritten,
                other => {
                    self.unconfirmed += usize::from(matches!(other, Some((_, What::Unconfirmed))));
                    End::Unknown
                }
            };
            match end {
                End::Answered { .. } => {}
                End::NothingWritten => self.nothing_written += 1,
                End::Unknown => self.unknown += 1,
            }
            let client = match who {
                Who::Client { number, .. } => number,
                Who::First | Who::Last => CLIENTS,
            };
            let call = plan.calls(who).swap_remove(number);
            history.push(Recorded { client, call, invoked, end });
        }
        self.histories += 1;
        self.calls += history.len();
        match check(&Rules::new(), &history) {
            Ok(_) => {}
            Err(Anomaly::Undecided) => self.undecided += 1,
            Err(anomaly) => {
                self.anomalies.push(format!("history {} of seed {}: {anomaly}", plan.history, plan.seed));
            }
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, calls, unknown, unconfirmed, nothing_written, undecided, anomalies } = self;
        write!(f, "{histories} histories of {CLIENTS} clients, {calls} calls, {unknown} without an answer")?;
        if *unconfirmed != 0 {
            write!(f, " ({unconfirmed} of them unconfirmed)")?;
        }
        if *nothing_written != 0 {
            write!(f, ", {nothing_written} that wrote nothing")?;
        }
        if *undecided != 0 {
            write!(f, ", {undecided} histories undecided")?;
        }
        match anomalies.len() {
            0 => f.write_str(": linearizable"),
            count if count == *histories => f.write_str(": none is linearizable"),
            count => write!(f, ": {count} are not linearizable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter::once;

    use inquiry_otl::{MemoryStore, StoreError};
    use inquiry_otl_histories::{Answer, Call};
    use tokio::{runtime::Builder, task::yield_now};

    use super::*;

    async fn judged(store: &(impl Callee + Clone + 'static)) -> Judged {
        let histories = Histories::new(20);
        histories.begin(store).await;
        for part in 0..PARTS {
            histories.part(part, store).await;
        }
        histories.end(store).await;
        histories.judge()
    }

    fn on_threads(judge: impl AsyncFn() -> Judged) -> Judged {
        Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap().block_on(judge())
    }

    /// The rules under a lock, all at once or in two steps: look, and write later, whatever came in between.
    #[derive(Clone, Default)]
    struct Locked {
        rules: Arc<Mutex<Rules>>,
        is_careless: bool,
    }

    impl Callee for Locked {
        async fn take(&self, call: &Call) -> Result<Answer, StoreError> {
            if !self.is_careless {
                return Ok(self.rules.lock().unwrap().answer(call));
            }
            let mut seen = self.rules.lock().unwrap().clone();
            yield_now().await;
            let answer = seen.answer(call);
            *self.rules.lock().unwrap() = seen;
            Ok(answer)
        }
    }

    /// D1, S1, S2: what clients of the memory store are answered, the rules answer as well.
    #[test]
    fn histories_of_the_memory_store_are_linearizable() {
        let store = Arc::new(MemoryStore::new());
        println!("memory: {}", on_threads(async || judged(&store).await).are_linearizable().unwrap());
    }

    /// S2: a store that looks first and writes later is caught, and one that takes one call after the other is not.
    #[test]
    fn a_careless_store_is_caught() {
        let careless = Locked { is_careless: true, ..Locked::default() };
        println!(
            "careless: {}",
            on_threads(async || judged(&careless).await).are_not_linearizable().unwrap()
        );
        let careful = Locked::default();
        on_threads(async || judged(&careful).await).are_linearizable().unwrap();
    }

    /// D1: a note is read as it was written, whatever came of the call.
    #[test]
    fn a_note_is_read_as_it_was_written() {
        let whats = [What::Calls, What::NothingWritten, What::Unconfirmed, What::Unknown];
        let answered = What::Answered(Answer::read("Some(Attempted { verdict: FirstUse })".into()));
        for what in whats.into_iter().chain(once(answered)) {
            for who in [Who::First, Who::Client { number: 3, part: 1 }, Who::Last] {
                let line = Line { history: 7, who, number: 4, at: now(), what: what.clone() };
                assert_eq!(line.to_string().parse(), Ok(line));
            }
        }
        assert!("7 3/1 4 99 says".parse::<Line>().is_err());
    }
}
