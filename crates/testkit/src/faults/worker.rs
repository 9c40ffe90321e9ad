//! Processes that race, or are killed: this program again, with `worker` as its first argument.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, ExitCode, Stdio, exit},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use super::{Durable, PATIENCE, books, kill, race};

/// What a worker process does: opens the store, says `ready`, waits for a line, does its work, and says what came of it.
/// It ends with the process that started it.
pub(super) fn main<D: Durable>(durable: &D, arguments: &[String]) -> ExitCode {
    let [scenario, place, file] = arguments else { panic!("worker <scenario> <place> <file>") };
    let links = books::read(Path::new(file)).unwrap();
    let runtime = super::runtime();
    let service = books::service(runtime.block_on(durable.open(place)));
    println!("ready");
    io::stdin().read_line(&mut String::new()).unwrap();
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        exit(1);
    });
    match &**scenario {
        "race" => runtime.block_on(race::work(service, links)),
        "kill" => runtime.block_on(kill::work(service, links)),
        _ => panic!("there is no scenario {scenario}"),
    }
    println!("done");
    ExitCode::SUCCESS
}

/// A worker process, seen from the one that started it. It is killed when this is dropped.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts one, and returns when it is ready.
    pub(super) fn start(scenario: &str, place: &str, file: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["worker", scenario, place])
            .arg(file)
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
        self.stdin.write_all(b"go\n").unwrap();
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
