//! PostgreSQL, the newest that the machine has of Debian's packages.

mod fill;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use rustix::process::Signal;

use crate::{
    server::{Server, on_a_free_port, run, until},
    tls::Certificates,
};

pub use fill::purge_of_old;

/// A PostgreSQL server of one's own, without a password: the user is `postgres`, the database is `postgres`.
///
/// What it acknowledges is on disk (`fsync` is on). It takes 300 connections.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: u16,
}

impl Postgres {
    /// A new server with an empty database.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A new server with these lines at the end of its `postgresql.conf`, as in `statement_timeout=500`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::begin(initialized(), settings)
    }

    /// A new server that takes connections by TLS only, and the file with the authority of its certificate, which is for
    /// 127.0.0.1 and localhost.
    pub fn start_tls() -> (Self, PathBuf) {
        let server = initialized();
        let files = Certificates::make(server.home());
        fs::write(server.work().join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 trust\n").unwrap();
        let setting = |name: &str, file: &Path| format!("{name} = '{}'", file.display());
        let certificate = setting("ssl_cert_file", &files.certificate);
        let key = setting("ssl_key_file", &files.key);
        (Self::begin(server, &["ssl = on", &certificate, &key]), files.authority)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, as libpq and `tokio-postgres` read it.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Where it is behind a proxy at that port.
    pub fn url_at(&self, port: u16) -> String {
        format!("host=127.0.0.1 port={port} user=postgres dbname=postgres")
    }

    /// SIGKILL for every process of it.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop): the same data, the same port. Returns when it
    /// answers.
    pub fn restart(&mut self) {
        let started = serve(&mut self.server, self.port);
        started.unwrap_or_else(|log| panic!("PostgreSQL does not start again; it said:\n{log}"));
    }

    /// Shuts it down at once, cleanly.
    pub fn stop(&mut self) {
        self.server.stop(Signal::INT);
    }

    /// SIGSTOP for every process of it: it keeps its connections, and says nothing.
    pub fn freeze(&self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.server.signal(Signal::CONT);
    }

    /// Makes a streaming standby, by that `application_name`, from a copy of the data. Returns when it streams.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let server = Server::new("standby", "QUIT");
        let url = self.url();
        run(program("pg_basebackup")
            .args(["--dbname", &url, "--checkpoint=fast", "--wal-method=stream", "--no-sync", "--pgdata"])
            .arg(server.work()));
        fs::write(server.work().join("standby.signal"), "").unwrap();
        let primary = format!("primary_conninfo = '{url} application_name={name}'");
        // The copy must not wait for standbys that it does not have, once it is promoted.
        let standby = Self::begin(server, &[&primary, "synchronous_standby_names = ''"]);
        let streams = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'"
        );
        until("a standby streams", || self.sql(&streams) != "0");
        standby
    }

    /// Makes a standby the primary. Returns when it takes writes.
    pub fn promote(&mut self) {
        assert_eq!(self.sql("SELECT pg_promote()"), "t", "a standby was not promoted");
    }

    /// What `psql` says to that: a line per row, `|` between columns. Stops at any error.
    pub fn sql(&self, text: &str) -> String {
        run(program("psql").args([
            "-XAtq",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            &self.url(),
            "--command",
            text,
        ]))
    }

    fn begin(mut server: Server, settings: &[&str]) -> Self {
        let port = on_a_free_port(|port| {
            // What stands last counts.
            let conf = server.work().join("postgresql.conf");
            let mut text = fs::read_to_string(&conf).unwrap();
            text.push_str(
                "\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n",
            );
            for line in settings {
                text.push_str(line);
                text.push('\n');
            }
            fs::write(&conf, text).unwrap();
            serve(&mut server, port).map(|()| port)
        });
        Self { server, port }
    }
}

/// One server for all tests of this process.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

/// A server with an empty database, not started yet.
fn initialized() -> Server {
    let server = Server::new("postgres", "QUIT");
    run(program("initdb").arg("--pgdata").arg(server.work()).args([
        "--auth=trust",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]));
    server
}

/// Starts it, and returns when it answers, or what it said if it ended.
fn serve(server: &mut Server, port: u16) -> Result<(), String> {
    let status = server.work().join("postmaster.pid");
    let mut command = program("postgres");
    command.arg("-D").arg(server.work()).args(["-p", &port.to_string()]);
    server.start(&mut command, |pid| {
        // Line 1 is the process, line 8 its status; a file of an earlier process may lie there.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(&*pid.to_string())
            && matches!(lines.nth(6).map(str::trim), Some("ready" | "standby"))
    })
}

/// A program of the newest PostgreSQL.
fn program(name: &str) -> Command {
    static NEWEST: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(NEWEST.get_or_init(newest).join(name));
    // Messages in English; nothing of the caller's.
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    command
}

/// Where the programs of the newest PostgreSQL are.
fn newest() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("postgres").exists())
        .max();
    newest.expect("PostgreSQL is not installed; `bash scripts/servers` installs it").1
}
