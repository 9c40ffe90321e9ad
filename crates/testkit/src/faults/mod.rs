//! Faults that every store must survive, run from the `tests/faults.rs` of each (`harness = false`).
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # use inquiry_otl_testkit::faults::{self, Durable};
//! # fn example(store_of_mine: impl Durable) -> ExitCode {
//! // fn main() -> ExitCode {
//! faults::main(store_of_mine, Vec::new())
//! # }
//! ```

mod books;
mod dropped;
mod histories;
mod kill;
mod lossy;
mod race;
mod worker;

use std::{
    env,
    error::Error,
    future::Future,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use inquiry_otl::{
    InquiryId, LinkStore, TenantId,
    store::{Housekeeping, InquiryKey, Outbox},
};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// A store that outlives its process.
pub trait Durable: Send + Sync + 'static {
    /// The store.
    type Store: LinkStore + Housekeeping + Outbox + Clone + 'static;

    /// What it is called in the names of trials.
    const NAME: &'static str;

    /// A new engine of its own, with an empty store in it.
    fn engine(&self) -> Box<dyn Engine>;

    /// Opens the store that is at that place; called in this process, and in others.
    fn open(&self, place: &str) -> impl Future<Output = Self::Store> + Send;
}

/// What keeps the records of a store.
pub trait Engine: Send {
    /// Where it is: a connection string, or a file.
    fn place(&self) -> String;

    /// The port of its server; none if the store's own process is all there is.
    fn port(&self) -> Option<u16>;

    /// The place behind a proxy at that port, if it can be behind one.
    fn place_at(&self, port: u16) -> Option<String>;

    /// SIGKILL for the server. Not called if there is none: the process that has the store open is killed then.
    fn kill(&mut self);

    /// Starts the server that was killed, at the same place; returns when it answers.
    fn restart(&mut self);
}

/// Runs the trials that every store must pass, and `more` of its own, one at a time, as `cargo test` expects it.
///
/// The program starts itself again, with `worker` as its first argument, for processes that race or are killed.
pub fn main<D: Durable>(durable: D, more: Vec<Trial>) -> ExitCode {
    let durable = Arc::new(durable);
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        return worker::main(&*durable, &arguments[1..]);
    }
    let mut arguments = Arguments::from_args();
    // Each trial needs the machine for itself.
    arguments.test_threads.get_or_insert(1);
    let mut trials = vec![
        trial(&durable, "two_processes_race_and_each_link_has_one_first_use", race::run),
        trial(&durable, "a_kill_amid_redemptions_loses_and_doubles_none", kill::run),
        trial(&durable, "callers_who_go_away_lose_and_double_nothing", dropped::run),
        trial(&durable, "histories_under_races_are_linearizable", histories::races),
        trial(&durable, "histories_under_kills_are_linearizable", histories::kills),
    ];
    // Where there is a network before the store.
    let engine = durable.engine();
    if engine.port().and_then(|port| engine.place_at(port)).is_some() {
        trials.push(trial(&durable, "a_lost_reply_is_asked_for_again_with_its_attempt_key", lossy::run));
        trials.push(trial(&durable, "histories_under_lost_replies_are_linearizable", histories::storms));
    }
    drop(engine);
    trials.extend(more);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What a trial found: a line for the log, or what is wrong.
type Outcome = Result<String, Box<dyn Error>>;

fn trial<D: Durable>(durable: &Arc<D>, name: &str, run: fn(&Arc<D>) -> Outcome) -> Trial {
    let durable = Arc::clone(durable);
    Trial::test(format!("{}::{name}", D::NAME), move || match run(&durable) {
        Ok(line) => {
            println!("{line}");
            Ok(())
        }
        Err(error) => Err(Failed::from(error.to_string())),
    })
}

/// How long an engine may take to answer again, and a client to get its answer.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// Opens the store, again and again until it answers.
fn open<D: Durable>(runtime: &Runtime, durable: &Arc<D>, place: &str) -> D::Store {
    let began = Instant::now();
    loop {
        let (durable, place) = (Arc::clone(durable), place.to_owned());
        // A store that panics when it cannot be opened does so in a task of its own.
        let opened = runtime.block_on(runtime.spawn(async move {
            let store = durable.open(&place).await;
            let nobody =
                InquiryKey { tenant: TenantId::default(), inquiry: InquiryId::new("inq_nobody").unwrap() };
            store.inquiry(nobody).await.map(|_| store)
        }));
        match opened {
            Ok(Ok(store)) => return store,
            Ok(Err(error)) => assert!(began.elapsed() < PATIENCE, "the store does not answer: {error:?}"),
            Err(error) => assert!(began.elapsed() < PATIENCE, "the store cannot be opened: {error}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}
