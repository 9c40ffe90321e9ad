//! `torii` on a file of SQLite, and the store (P9).
//!
//! It is a program of its own, of `crates/rivals`, which waits for its turns: no program links the SQLite of both.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use futures_util::future::BoxFuture;
use inquiry_otl_measure::{Bound, Round};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    report::Report,
    sqlite,
    turns::{Competes, Turns},
};

pub(crate) fn measure(runtime: &Runtime) -> Report {
    let directory = TempDir::new().unwrap();
    let torii = Torii::start(&directory.path().join("torii.db"));
    let ours = sqlite::ours(runtime, &directory);
    let candidates: [(_, &dyn Competes); 2] = [("torii", &torii), ("ours", &ours)];
    let mut report = Report::default();
    for (tasks, bound) in [(1, Bound::None), (16, Bound::None), (64, Bound::AtLeast(50.0))] {
        let turns = runtime.block_on(Turns::measure("SQLite", &candidates, 5, (tasks, 640)));
        let what = "issue and redeem";
        let goal = turns.faster("P9", ("ours", "torii"), what, bound, |round| round.issue + round.redeem);
        report.goals.push(goal);
        report.points.extend(turns.points().into_iter().filter(|point| point.series == "torii"));
    }
    report
}

/// Builds the other program, and runs it.
fn built() -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rivals/Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--release", "--quiet", "--locked", "--bin", "torii", "--manifest-path"]);
    cargo.arg(manifest).arg("--");
    cargo
}

/// The other program.
struct Torii {
    program: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Torii {
    /// Starts the one that `TORII` names; otherwise builds it first.
    fn start(file: &Path) -> Self {
        let mut command = env::var_os("TORII").map_or_else(built, Command::new);
        let mut program = command.arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (write, read) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
        Self { program, pipes: Mutex::new((write, BufReader::new(read))) }
    }

    fn ask(&self, tasks: usize, links: usize) -> Round {
        let (write, read) = &mut *self.pipes.lock().unwrap();
        writeln!(write, "{tasks} {links}").unwrap();
        let mut told = String::new();
        read.read_line(&mut told).unwrap();
        let mut times = told.split_whitespace().map(|nanos| Duration::from_nanos(nanos.parse().unwrap()));
        let mut next = || times.next().expect("torii stopped");
        Round { issue: next(), redeem: next(), p50: next(), p99: next() }
    }
}

impl Competes for Torii {
    fn round(&self, tasks: usize, links: usize) -> BoxFuture<'_, Round> {
        Box::pin(async move { self.ask(tasks, links) })
    }
}

impl Drop for Torii {
    fn drop(&mut self) {
        // Whoever dropped it wants its directory back, or has stopped at something else.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
