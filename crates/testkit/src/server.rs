//! A server process that ends with the test: its directory, its watcher, its signals.

use std::{
    fs,
    io::ErrorKind,
    net::TcpListener,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getuid, kill_process};

use crate::random::random;

/// How long a server may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a directory of its own.
///
/// All its processes are those that work in that directory, also orphans. A watcher, a shell outside the test's process
/// group, reads a pipe that nobody but the test process holds; when that closes, it ends them and removes the directory.
#[derive(Debug)]
pub(crate) struct Server {
    home: PathBuf,
    work: PathBuf,
    child: Option<Child>,
    watcher: Child,
}

impl Server {
    /// A server that is not started yet, and is ended by that signal when the test is over.
    pub(crate) fn new(name: &str, end: &str) -> Self {
        let home = tempfile::Builder::new()
            .prefix(&format!("otl-{name}-"))
            .tempdir()
            .unwrap_or_else(|error| panic!("no temporary directory: {error}"))
            .keep();
        let work = home.join("data");
        fs::DirBuilder::new().mode(0o700).create(&work).unwrap();
        if let Some((user, group)) = unprivileged() {
            chown(&work, Some(user), Some(group)).unwrap();
            chown(&home, Some(user), Some(group)).unwrap();
        }
        // As the kernel spells it.
        let work = work.canonicalize().unwrap();
        let watcher = Command::new("sh")
            .args(["-c", include_str!("watcher.sh"), "watcher"])
            .args([work.as_os_str(), end.as_ref(), home.as_os_str()])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("no shell to watch over a server: {error}"));
        Self { home, work, child: None, watcher }
    }

    /// Where its data is.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// Its directory, with the data and the log in it.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What it said since it was started last.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// Starts it, and returns when it is ready; what it said if it ended instead.
    pub(crate) fn start(&mut self, command: &mut Command, ready: impl Fn(u32) -> bool) -> Result<(), String> {
        let log = fs::File::create(self.home.join("log")).unwrap();
        let mut child = unprivileged_command(command)
            .current_dir(&self.work)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", command.get_program().display()));
        let pid = child.id();
        let began = Instant::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                return Err(self.log());
            }
            if ready(pid) {
                self.child = Some(child);
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("a server did not get ready in {PATIENCE:?}; it said:\n{}", self.log());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Ends it with that signal, and returns when none of its processes is left.
    pub(crate) fn stop(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let _ = kill_process(pid_of(child.id()), signal);
        child.wait().unwrap();
        until("a server stops", || self.processes().is_empty());
    }

    /// SIGKILL for every process of it; returns when none is left.
    pub(crate) fn kill(&mut self) {
        // The first process last: it would start others, or notice.
        until("a server is killed", || {
            let first = self.pid();
            let mut left = self.processes();
            left.sort_by_key(|pid| Some(*pid) == first);
            for pid in &left {
                let _ = kill_process(pid_of(*pid), Signal::KILL);
            }
            left.is_empty()
        });
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }

    /// That signal for every process of it, the first one first, so that it starts no other.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(first) = self.pid() {
            kill_process(pid_of(first), signal).unwrap();
        }
        for pid in self.processes() {
            let _ = kill_process(pid_of(pid), signal);
        }
    }

    /// Every process that works in its directory, and is no zombie.
    fn processes(&self) -> Vec<u32> {
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path == self.work))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

/// Tries that with one free port after the other, as long as the port was taken meanwhile.
pub(crate) fn on_a_free_port<T>(mut start: impl FnMut(u16) -> Result<T, String>) -> T {
    let mut said = String::new();
    for _ in 0..8 {
        match start(free_port()) {
            Ok(started) => return started,
            Err(log) if log.contains("already in use") || log.contains("no socket created") => said = log,
            Err(log) => panic!("a server ended instead of getting ready; it said:\n{log}"),
        }
    }
    panic!("every port was taken; the last server said:\n{said}");
}

/// A port that nobody listens on, nor on the one that is 10,000 higher (the bus of a Redis Cluster). Both are below those
/// that systems give to outgoing connections, so that a server which is down for a while finds its port again.
pub fn free_port() -> u16 {
    loop {
        let port = 10_000 + u16::try_from(random() % 12_000).unwrap();
        if [port, port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

/// Runs a program that must succeed, as the user that servers run as; what it wrote.
pub(crate) fn run(command: &mut Command) -> String {
    attempt(command).unwrap_or_else(|said| panic!("{} failed: {said}", command.get_program().display()))
}

/// Runs a program as the user that servers run as; what it wrote, or said when it failed.
pub(crate) fn attempt(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    match unprivileged_command(command).current_dir("/").stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("{name} is not installed; `bash scripts/servers` installs it")
        }
        Err(error) => panic!("{name} cannot be run: {error}"),
    }
}

/// Waits until that is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} until {what}");
        sleep(Duration::from_millis(10));
    }
}

/// The same command as the user that servers run as.
fn unprivileged_command(command: &mut Command) -> &mut Command {
    match unprivileged() {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// The user and group that servers run as, if it is not the test's own: PostgreSQL refuses root.
fn unprivileged() -> Option<(u32, u32)> {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *USER.get_or_init(|| {
        if !getuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap();
        // `postgres:x:101:104:…`.
        let ids = |name: &str| {
            let fields: Vec<_> = users.lines().find(|line| line.starts_with(name))?.split(':').collect();
            Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        };
        Some(
            ids("postgres:")
                .or_else(|| ids("nobody:"))
                .expect("root needs a user `postgres` to run servers as"),
        )
    })
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// Gives a file to the user that servers run as, and hides it from all others.
pub(crate) fn entrust(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
}
