//! Redis, alone, with a replica, or as a cluster.

mod cluster;

use std::{process::Command, sync::OnceLock};

pub use cluster::{Cluster, shared_cluster};
use rustix::process::Signal;

use crate::server::{Server, on_a_free_port, run, until};

/// A Redis server of one's own. It keeps an append-only file, synced every second, and no snapshots.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    port: u16,
    arguments: Vec<String>,
}

impl Redis {
    /// A new server without data.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A new server with more arguments, each a name and values as in `--appendfsync always`; they win over the others.
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut server = Server::new("redis", "TERM");
        let mut all: Vec<String> = [
            ["--bind", "127.0.0.1"],
            ["--save", ""],
            ["--appendonly", "yes"],
            ["--appendfsync", "everysec"],
            ["--repl-diskless-sync-delay", "0"],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
        all.extend(arguments.iter().flat_map(|argument| argument.split_whitespace()).map(str::to_owned));
        let port = on_a_free_port(|port| serve(&mut server, port, &all).map(|()| port));
        Self { server, port, arguments: all }
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Where it is behind a proxy at that port.
    pub fn url_at(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    /// SIGKILL for every process of it.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop): the same data, the same port. Returns when it
    /// answers.
    pub fn restart(&mut self) {
        let started = serve(&mut self.server, self.port, &self.arguments);
        started.unwrap_or_else(|log| panic!("Redis does not start again; it said:\n{log}"));
    }

    /// Shuts it down cleanly.
    pub fn stop(&mut self) {
        self.server.stop(Signal::TERM);
    }

    /// SIGSTOP for every process of it: it keeps its connections, and says nothing.
    pub fn freeze(&self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.server.signal(Signal::CONT);
    }

    /// Makes a replica of it. Returns when that has all data.
    pub fn replica(&self) -> Self {
        let replica = Self::start_with(&[&format!("--replicaof 127.0.0.1 {}", self.port)]);
        replica.follows();
        replica
    }

    /// What `redis-cli` says to that command. Stops at any error.
    pub fn cli(&self, command: &[&str]) -> String {
        run(cli(self.port, &self.arguments).arg("-e").args(command))
    }

    /// Waits until a replica has all data.
    fn follows(&self) {
        until("a replica has all data", || {
            self.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
    }
}

/// One server for all tests of this process.
pub fn shared() -> &'static Redis {
    static SHARED: OnceLock<Redis> = OnceLock::new();
    SHARED.get_or_init(Redis::start)
}

/// Starts it, and returns when it answers, or what it said if it ended.
fn serve(server: &mut Server, port: u16, arguments: &[String]) -> Result<(), String> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string()]).args(arguments);
    server.start(&mut command, |pid| {
        let mut info = cli(port, arguments);
        let info =
            info.arg("INFO").output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        info.is_ok_and(|info| {
            info.contains(&format!("process_id:{pid}\r")) && info.contains("\r\nloading:0\r")
        })
    })
}

/// The client of Redis, for a server with these arguments.
fn cli(port: u16, _arguments: &[String]) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}
