use std::{path::PathBuf, sync::mpsc};

use inquiry_otl::{
    StoreError,
    blocking::{BlockOn, ParkThread},
};
use rusqlite::ffi;

use super::*;
use crate::{builder::Synchronous, tables::Tables};

/// A directory that is removed with this, and a thread that writes to a file in it.
struct Bench {
    worker: Option<Worker>,
    directory: PathBuf,
    file: PathBuf,
}

impl Bench {
    fn new(name: &str, prepare: impl FnOnce(&Connection)) -> Self {
        let directory = std::env::temp_dir().join(format!("otl-worker-{name}-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("links.db");
        let place = Place {
            file: Some(file.clone()),
            tables: Tables::new(),
            busy_timeout: Duration::from_secs(5),
            synchronous: Synchronous::Full,
        };
        let connection = place.open(true).unwrap();
        connection.execute_batch("CREATE TEMP TABLE mine (a)").unwrap();
        prepare(&connection);
        let limits = (10, Duration::from_secs(10));
        Self {
            worker: Some(Worker::start(Role::Writes, place, connection, limits).unwrap()),
            directory,
            file,
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        command: impl Fn(&Records<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        ParkThread.block_on(self.worker.as_ref().unwrap().ask(Retry::SameAttempt, command))
    }

    fn run(&self, sql: &'static str) -> Result<usize, StoreError> {
        self.ask(move |records| Ok(records.prepare(sql)?.execute([])?))
    }

    /// Whether the thread still has the connection that it began with: only that one has the temporary table.
    fn is_first_connection(&self) -> bool {
        self.run("INSERT INTO temp.mine VALUES (1)").is_ok()
    }

    fn told<T>(answer: Result<T, StoreError>) -> (StoreErrorKind, Retry) {
        let error = answer.err().unwrap();
        (error.kind(), error.retry())
    }

    fn inquiries(&self) -> usize {
        self.ask(|records| records.all("SELECT id FROM otl_inquiries", [], crate::rows::only::<String>))
            .unwrap()
            .len()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.worker.take());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const INSERT: &str = "INSERT INTO otl_inquiries (tenant, id, template, status, policy, expires_at, created_at, version, \
    epoch, resume_generation, resume_has_links, handoff_generation, handoff_has_links, sessions_started, \
    last_sequence, epoch_links, resume_links, handoff_links) \
    VALUES ('default', 'inq_' || (SELECT count(*) FROM otl_inquiries), 'itmpl_1', 'created', '{}', 5, 5, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0)";

type Command<T> = Box<dyn Fn(&Records<'_>) -> Result<T, Fault> + Send>;

impl Bench {
    /// Holds the thread up while callers queue behind one another, then lets it go; what each of them was told.
    fn ask_all<T: Send + 'static>(&self, commands: Vec<Command<T>>) -> Vec<Result<T, StoreError>> {
        ask_behind(self.worker.as_ref().unwrap(), Box::new(|_| Ok(())), || (), commands)
    }
}

/// Has a thread carry out the first command, and holds it up before it ends: what is done meanwhile is done then, and
/// callers queue behind one another. Then it goes on; what each of the callers was told.
fn ask_behind<T: Send + 'static>(
    worker: &Worker,
    first: Command<()>,
    meanwhile: impl FnOnce(),
    commands: Vec<Command<T>>,
) -> Vec<Result<T, StoreError>> {
    let (go, may_go) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let (caller, answer) = oneshot::channel();
    let (_waiting, pending) = worker.abandoned.call();
    let command = move |records: &Records<'_>| {
        first(records)?;
        begun.send(()).unwrap();
        // Until nobody can tell it to go on any more: it may be carried out again.
        may_go.recv().unwrap_err();
        Ok(())
    };
    let hold = Task { command, outcome: None, in_doubt: Retry::Safe, caller, pending };
    worker.enqueue(Box::new(hold)).unwrap();
    has_begun.recv().unwrap();
    meanwhile();
    let calls: Vec<_> =
        commands.into_iter().map(|command| Box::pin(worker.ask(Retry::SameAttempt, command))).collect();
    let mut calls: Vec<_> = calls.into_iter().map(|call| (Some(call), None)).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for (call, _) in &mut calls {
        assert!(call.as_mut().unwrap().as_mut().poll(&mut context).is_pending());
    }
    drop(go);
    let _ = ParkThread.block_on(answer).unwrap();
    for (call, told) in &mut calls {
        *told = call.take().map(|call| ParkThread.block_on(call));
    }
    calls.into_iter().filter_map(|(_, told)| told).collect()
}

/// D1: jobs that came while another was under way share a transaction: a later one sees what an earlier one wrote, though
/// nobody else does yet; each is answered after the commit.
#[test]
fn jobs_that_wait_go_together() {
    let bench = Bench::new("together", |_| ());
    let count = "SELECT count(*) FROM otl_inquiries";
    let file = bench.file.clone();
    let told = bench.ask_all(vec![
        Box::new(|records| Ok((records.prepare(INSERT)?.execute([]).map(|_| 1)?, 0))),
        Box::new(move |records| {
            let others = Connection::open(&file)?.query_row(count, [], |row| row.get(0))?;
            Ok((records.prepare(count)?.query_row([], |row| row.get(0))?, others))
        }),
    ]);
    let told: Vec<(i64, i64)> = told.into_iter().map(Result::unwrap).collect();
    assert_eq!(told, [(1, 0), (1, 0)]);
    assert_eq!(bench.inquiries(), 1);
}

/// D1: a job that comes while another is carried out goes with it, and both are answered after the commit.
#[test]
fn a_job_that_comes_in_time_goes_with_it() {
    let bench = Bench::new("in-time", |_| ());
    let count = "SELECT count(*) FROM otl_inquiries";
    let file = bench.file.clone();
    let first: Command<()> = Box::new(|records| Ok(records.prepare(INSERT)?.execute([]).map(drop)?));
    let second: Command<(i64, i64)> = Box::new(move |records| {
        let others = Connection::open(&file)?.query_row(count, [], |row| row.get(0))?;
        Ok((records.prepare(count)?.query_row([], |row| row.get(0))?, others))
    });
    let told = ask_behind(bench.worker.as_ref().unwrap(), first, || (), vec![second]);
    assert_eq!(told.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [(1, 0)]);
    assert_eq!(bench.inquiries(), 1);
}

/// S1: whoever reads sees what was written before he came, also while others are read for.
#[test]
fn a_reader_does_not_join_what_is_older() {
    let bench = Bench::new("older", |_| ());
    let place = Place {
        file: Some(bench.file.clone()),
        tables: Tables::new(),
        busy_timeout: Duration::from_secs(5),
        synchronous: Synchronous::Full,
    };
    let connection = place.reader().unwrap().unwrap();
    let reader = Worker::start(Role::Reads, place, connection, (10, Duration::from_secs(10))).unwrap();
    let count = |records: &Records<'_>| -> Result<i64, Fault> {
        Ok(records.prepare("SELECT count(*) FROM otl_inquiries")?.query_row([], |row| row.get(0))?)
    };
    let first: Command<()> = Box::new(move |records| count(records).map(drop));
    let write = || assert_eq!(bench.run(INSERT).unwrap(), 1);
    let told = ask_behind(&reader, first, write, vec![Box::new(count)]);
    assert_eq!(told.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1]);
}

/// S1, S4: of jobs that go together one that fails, or panics, fails alone, and what it wrote is undone.
#[test]
fn a_job_that_fails_fails_alone() {
    let bench = Bench::new("alone", |_| ());
    let insert = |records: &Records<'_>| Ok(records.prepare(INSERT)?.execute([])?);
    let told = bench.ask_all(vec![
        Box::new(insert),
        Box::new(move |records| {
            insert(records)?;
            Ok(records.prepare("INSERT INTO otl_inquiries (tenant) VALUES (NULL)")?.execute([])?)
        }),
        Box::new(insert),
        Box::new(move |records| {
            insert(records)?;
            panic!("a bug");
        }),
        Box::new(insert),
    ]);
    let went: Vec<_> = told.iter().map(Result::is_ok).collect();
    assert_eq!(went, [true, false, true, false, true]);
    assert_eq!(bench.inquiries(), 3);
    assert!(bench.is_first_connection());
}

/// S1, S4: a commit that the engine refuses for one of them is refused to that one.
#[test]
fn a_commit_that_is_refused_is_refused_to_one() {
    let bench = Bench::new("refused", |_| ());
    let insert = |records: &Records<'_>| Ok(records.prepare(INSERT)?.execute([])?);
    let told = bench.ask_all(vec![Box::new(insert), Box::new(orphan), Box::new(insert)]);
    let went: Vec<_> = told.iter().map(Result::is_ok).collect();
    assert_eq!(went, [true, false, true]);
    assert_eq!(bench.inquiries(), 2);
}

/// D1, S4: after a commit of which nobody knows, each is told so, and none is carried out again.
#[test]
fn a_commit_in_doubt_is_told_to_all() {
    let bench = Bench::new("doubt", |_| ());
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = || -> Command<usize> {
        let runs = runs.clone();
        Box::new(move |_| Ok(runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst)))
    };
    // It ends the transaction, so that the thread's own commit fails, and not for what one of them wrote.
    let ends: Command<usize> = Box::new(|records| Ok(records.prepare("COMMIT")?.execute([])?));
    let told = bench.ask_all(vec![counted(), ends, counted()]);
    assert!(told.iter().all(Result::is_err));
    assert_eq!(runs.load(std::sync::atomic::Ordering::SeqCst), 2, "each once");
}

/// Writes what the engine refuses at the commit.
fn orphan(records: &Records<'_>) -> Result<usize, Fault> {
    records.prepare("PRAGMA defer_foreign_keys = 1")?.execute([])?;
    let orphan = "INSERT INTO otl_sessions (tenant, inquiry, id, epoch, started_at, expires_at, purge_from, tokens) \
        VALUES ('default', 'inq_none', zeroblob(16), 1, 1, 1, 1, zeroblob(32))";
    Ok(records.prepare(orphan)?.execute([])?)
}

/// S4: a panic on the thread is told to its caller, undoes what was written, and hurts nobody else.
#[test]
fn a_panic_is_one_callers_own() {
    let bench = Bench::new("panic", |_| ());
    let panicked = bench.ask(|records| -> Result<(), Fault> {
        records.prepare(INSERT)?.execute([])?;
        panic!("a bug");
    });
    assert_eq!(Bench::told(panicked), (StoreErrorKind::Internal, Retry::Useless));
    assert_eq!(bench.inquiries(), 0);
    bench.run(INSERT).unwrap();
    assert_eq!(bench.inquiries(), 1);
}

/// S4: a caller whose waking panics, or drops the last handle, does not hang the thread.
#[test]
fn a_waker_may_do_as_it_likes() {
    struct Wild(std::sync::Mutex<Option<Bench>>, mpsc::Sender<()>);

    impl std::task::Wake for Wild {
        fn wake(self: std::sync::Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            self.1.send(()).unwrap();
            panic!("a waker that panics");
        }
    }

    let bench = Bench::new("waker", |_| ());
    let (done, is_done) = mpsc::channel();
    let (caller, answer) = oneshot::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let command = move |_: &Records<'_>| {
        may_go.recv().unwrap();
        Ok(())
    };
    let (_waiting, pending) = Abandoned::default().call();
    let task = Task { command, outcome: None, in_doubt: Retry::Safe, caller, pending };
    bench.worker.as_ref().unwrap().enqueue(Box::new(task)).unwrap();
    let waker = std::task::Waker::from(std::sync::Arc::new(Wild(Some(bench).into(), done)));
    let mut answer = std::pin::pin!(answer);
    let poll = Future::poll(answer.as_mut(), &mut std::task::Context::from_waker(&waker));
    assert!(poll.is_pending());
    go.send(()).unwrap();
    is_done.recv_timeout(Duration::from_secs(20)).unwrap();
}

/// S4: after a fault that the connection may not have survived the thread has a new one.
#[test]
fn a_spoilt_connection_is_made_anew() {
    for code in
        [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_READONLY_DBMOVED]
    {
        let bench = Bench::new(&format!("spoilt-{code}"), |_| ());
        let failed = bench.ask(move |records| -> Result<(), Fault> {
            records.prepare(INSERT)?.execute([])?;
            Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
        });
        assert!(failed.is_err());
        assert!(!bench.is_first_connection(), "{code}");
        assert_eq!(bench.inquiries(), 0);
        bench.run(INSERT).unwrap();
        assert_eq!(bench.inquiries(), 1);
    }
}

/// S4: a full disk is told, nothing was written, and reading goes on; so it is where nothing may be written.
#[test]
fn a_full_disk_is_told() {
    let bench = Bench::new("full", |connection| {
        let _: i64 = connection.query_row("PRAGMA max_page_count = 1", [], |row| row.get(0)).unwrap();
    });
    let fill = || {
        bench
            .ask(|records| (0..1_000).try_for_each(|_| Ok(records.prepare(INSERT)?.execute([]).map(drop)?)))
    };
    assert_eq!(Bench::told(fill()), (StoreErrorKind::Unavailable, Retry::Safe));
    assert_eq!(bench.inquiries(), 0);
    assert!(bench.is_first_connection());

    let bench =
        Bench::new("read-only", |connection| connection.pragma_update(None, "query_only", true).unwrap());
    assert_eq!(Bench::told(bench.run(INSERT)), (StoreErrorKind::Internal, Retry::Useless));
}

/// S1, S4: a commit that the engine refuses has written nothing, and the next one is not part of it.
#[test]
fn a_refused_commit_wrote_nothing() {
    let bench = Bench::new("commit", |_| ());
    let refused = bench.ask(|records| {
        records.prepare(INSERT)?.execute([])?;
        orphan(records)
    });
    assert_eq!(Bench::told(refused), (StoreErrorKind::Internal, Retry::Useless));
    assert_eq!(bench.inquiries(), 0);
    bench.run(INSERT).unwrap();
    assert_eq!(bench.inquiries(), 1);
}

/// S4: a file that went away is told of when a connection is made anew; no empty one takes its place.
#[test]
fn a_file_that_went_away_is_not_made_again() {
    let bench = Bench::new("gone", |_| ());
    bench.run(INSERT).unwrap();
    for name in ["", "-wal", "-shm"] {
        let mut file = bench.file.clone().into_os_string();
        file.push(name);
        let _ = std::fs::remove_file(file);
    }
    let broken = || rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), None);
    assert!(bench.ask(move |_| Err::<(), _>(broken().into())).is_err());
    assert_eq!(Bench::told(bench.run(INSERT)), (StoreErrorKind::Unavailable, Retry::Safe));
    assert!(!bench.file.exists());
}

/// S4: a fault, or a panic, forgets nothing of what is in memory.
#[test]
fn a_fault_in_memory_forgets_nothing() {
    let place = Place {
        file: None,
        tables: Tables::new(),
        busy_timeout: Duration::ZERO,
        synchronous: Synchronous::Full,
    };
    let connection = place.open(true).unwrap();
    let limits = (10, Duration::from_secs(10));
    let worker = Worker::start(Role::Writes, place, connection, limits).unwrap();
    let insert = |records: &Records<'_>| Ok(records.prepare(INSERT)?.execute([])?);
    let ask = |command: fn(&Records<'_>) -> Result<usize, Fault>| {
        ParkThread.block_on(worker.ask(Retry::Unknown, command))
    };
    ask(insert).unwrap();
    let broken = ask(|records| {
        records.prepare(INSERT)?.execute([])?;
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), None).into())
    });
    assert_eq!(Bench::told(broken), (StoreErrorKind::Unavailable, Retry::Safe));
    assert!(ask(|_| panic!("a bug")).is_err());
    ask(insert).unwrap();
    let names = ask(|records| {
        Ok(records.all("SELECT id FROM otl_inquiries", [], crate::rows::only::<String>)?.len())
    });
    assert_eq!(names.unwrap(), 2);
}
