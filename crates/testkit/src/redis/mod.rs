//! Redis, alone, with a replica, or as a cluster.

mod cluster;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

pub use cluster::{Cluster, shared_cluster};
use rustix::process::Signal;

use crate::{
    server::{Server, attempt, on_a_free_port, until},
    tls::Certificates,
};

/// A Redis server of one's own. It keeps an append-only file, synced every second, and no snapshots.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    port: u16,
    arguments: Vec<String>,
    /// The authority of its certificate, if it speaks TLS.
    authority: Option<PathBuf>,
}

impl Redis {
    /// A new server without data.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A new server with more arguments, each a name and values as in `--appendfsync always`; they win over the others.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().flat_map(|argument| argument.split_whitespace());
        Self::begin(Server::new("redis", "TERM"), arguments.map(str::to_owned), None)
    }

    /// A new server that takes connections by TLS only, and the file with the authority of its certificate, which is for
    /// 127.0.0.1 and localhost. Clients need no certificate.
    pub fn start_tls() -> (Self, PathBuf) {
        let server = Server::new("redis", "TERM");
        let files = Certificates::make(server.home());
        let text = |file: &Path| file.to_str().unwrap().to_owned();
        let arguments = [
            "--tls-cert-file".to_owned(),
            text(&files.certificate),
            "--tls-key-file".to_owned(),
            text(&files.key),
            "--tls-ca-cert-file".to_owned(),
            text(&files.authority),
            "--tls-auth-clients".to_owned(),
            "no".to_owned(),
        ];
        let redis = Self::begin(server, arguments.into_iter(), Some(files.authority.clone()));
        (redis, files.authority)
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
        let scheme = if self.authority.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{port}")
    }

    /// SIGKILL for every process of it.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop): the same data, the same port. Returns when it
    /// answers.
    pub fn restart(&mut self) {
        let started = serve(&mut self.server, self.port, &self.arguments, self.authority.as_deref());
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
    #[must_use]
    pub fn replica(&self) -> Self {
        let replica = Self::start_with(&[&format!("--replicaof 127.0.0.1 {}", self.port)]);
        replica.follows();
        replica
    }

    /// What `redis-cli` says to that command. Waits while a replica loads what its primary has, and stops at any other error.
    pub fn cli(&self, command: &[&str]) -> String {
        let mut said = Err(String::new());
        until("a server has loaded its data", || {
            said = attempt(cli(self.port, self.authority.as_deref()).arg("-e").args(command));
            !matches!(&said, Err(said) if said.starts_with("LOADING"))
        });
        said.unwrap_or_else(|said| panic!("redis-cli failed: {said}"))
    }

    fn begin(mut server: Server, more: impl Iterator<Item = String>, authority: Option<PathBuf>) -> Self {
        // What stands last counts.
        let arguments: Vec<String> = [
            ["--bind", "127.0.0.1"],
            ["--save", ""],
            ["--appendonly", "yes"],
            ["--appendfsync", "everysec"],
            ["--repl-diskless-sync-delay", "0"],
        ]
        .as_flattened()
        .iter()
        .map(|text| (*text).to_owned())
        .chain(more)
        .collect();
        let port =
            on_a_free_port(|port| serve(&mut server, port, &arguments, authority.as_deref()).map(|()| port));
        Self { server, port, arguments, authority }
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
fn serve(
    server: &mut Server,
    port: u16,
    arguments: &[String],
    authority: Option<&Path>,
) -> Result<(), String> {
    let mut command = Command::new("redis-server");
    let number = port.to_string();
    match authority {
        Some(_) => command.args(["--port", "0", "--tls-port", &number]),
        None => command.args(["--port", &number]),
    };
    server.start(command.args(arguments), |pid| {
        let info = cli(port, authority).arg("INFO").output();
        let info = info.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        info.is_ok_and(|info| info.contains(&format!("process_id:{pid}\r")) && info.contains("\nloading:0\r"))
    })
}

/// The client of Redis.
fn cli(port: u16, authority: Option<&Path>) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    if let Some(authority) = authority {
        command.arg("--tls").arg("--cacert").arg(authority);
    }
    command
}
