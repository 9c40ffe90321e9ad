//! Processes that race, or are killed: this program again, with `worker` as its first argument.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitCode, Stdio, exit},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Durable, PATIENCE, books, histories, kill, race};

/// What a worker process does: opens the store, says `ready`, waits for a line, does its work, and says what came of it.
/// It ends with the process that started it.
pub(super) fn main<D: Durable>(durable: &D, arguments: &[String]) -> ExitCode {
    let [scenario, place, about] = arguments else { panic!("worker <scenario> <place> <about>") };
    let runtime = super::runtime();
    let store = runtime.block_on(durable.open(place));
    let mut orders = orders();
    println!("ready");
    if scenario == "histories" {
        runtime.block_on(histories::work(store, about, orders));
        return ExitCode::SUCCESS;
    }
    let links = books::read(Path::new(about)).unwrap();
    let service = books::service(store);
    orders.blocking_recv();
    match &**scenario {
        "race" => runtime.block_on(race::work(service, links)),
        "kill" => runtime.block_on(kill::work(service, links)),
        _ => panic!("there is no scenario {scenario}"),
    }
    println!("done");
    ExitCode::SUCCESS
}

/// The lines that it is told; it ends with whoever tells them.
fn orders() -> UnboundedReceiver<String> {
    let (sender, orders) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
        exit(1);
    });
    orders
}

/// A worker process, seen from the one that started it. It is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts one, and returns when it is ready. What it is about is a file of links, or its clients.
    pub(super) fn start(scenario: &str, place: &str, about: impl AsRef<OsStr>) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["worker", scenario, place])
            .arg(about)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            // What does not end with a line feed was cut by a kill.
            while stdout.read_line(&mut line).is_ok() && line.ends_with('\n') {
                let _ = sender.send(line.trim_end().to_owned());
                line.clear();
            }
        });
        let worker = Self { child, stdin, lines };
        assert_eq!(worker.line(PATIENCE).as_deref(), Some("ready"), "a worker does not begin");
        worker
    }

    /// Lets it begin.
    pub(super) fn go(&mut self) {
        self.tell("go");
    }

    /// Tells it a line.
    pub(super) fn tell(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    /// The next line that it says; none when it ended.
    pub(super) fn line(&self, patience: Duration) -> Option<String> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a worker said nothing in {patience:?}"),
        }
    }

    /// SIGKILL; all that it had said and that was not read yet.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
