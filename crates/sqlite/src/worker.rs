//! A thread that has a connection to itself, and takes jobs from a bounded queue.
//!
//! **Jobs that come before a transaction is committed go with it**, so that they share its sync: that is what a transaction
//! costs. Alone, a job goes at once. They are carried out one after the other, each sees what those before it wrote, and
//! each is answered after their commit. If one of them fails, nothing of that transaction stays, and each has a transaction
//! of its own: one that fails fails alone.
//!
//! The caller waits on a channel that needs no runtime. Whoever stops waiting changes nothing: the job is carried out
//! whole.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    call::{Abandoned, Pending},
    connection::Place,
    error::{Fault, OpenError, Stage},
    patience::Wait,
    records::Records,
};

/// What a thread does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Writes,
    Reads,
}

/// The thread, as its callers see it. It ends, and is waited for, when this is dropped.
pub(crate) struct Worker {
    queue: Option<SyncSender<Queued>>,
    thread: Option<JoinHandle<()>>,
    abandoned: Abandoned,
}

impl Worker {
    /// Starts the thread, with a connection that is open already.
    pub(crate) fn start(
        role: Role,
        place: Place,
        connection: Connection,
        (room, patience): (usize, Duration),
    ) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel(room.max(1));
        let name = match role {
            Role::Writes => "otl-writer",
            Role::Reads => "otl-reader",
        };
        let shift = Shift { role, place, connection: Some(connection), patience };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || shift.work(&jobs))
            .map_err(OpenError::Thread)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), abandoned: Abandoned::default() })
    }

    /// Has a command carried out, with others that come at the same time, and waits for the answer.
    ///
    /// Whoever asks again when nobody knows whether it was committed is told to do it as `in_doubt` says.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        in_doubt: Retry,
        command: impl Fn(&Records<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        let (_waiting, pending) = self.abandoned.call();
        self.enqueue(Box::new(Task { command, outcome: None, in_doubt, caller, pending }))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Internal, in_doubt)))
    }

    /// Whether there is something to be done that nobody waits for any more: its caller may look for it elsewhere.
    pub(crate) fn has_abandoned(&self) -> bool {
        !self.abandoned.is_empty()
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let gone = || StoreError::new(StoreErrorKind::Internal, Retry::Useless);
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(Queued { wait: Wait::begin(), job }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::new(StoreErrorKind::Overloaded, Retry::Safe),
            TrySendError::Disconnected(_) => gone(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A caller may be woken on that thread, and drop the last handle there.
            if thread.thread().id() != thread::current().id() {
                // Its panics were caught, each with its job.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// A job, and how long it has waited.
struct Queued {
    wait: Wait,
    job: Box<dyn Job>,
}

/// Something to be done within a transaction, and to be answered after it.
trait Job: Send {
    /// May be called again, if all that it did the time before was undone.
    fn carry_out(&mut self, records: &Records<'_>) -> Result<(), Fault>;

    /// What to say of asking again, when nobody knows whether it was committed.
    fn in_doubt(&self) -> Retry;

    /// Answers, once it is known how the transaction ended.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

/// A command, then its outcome, and who waits for it.
struct Task<F, T> {
    command: F,
    outcome: Option<T>,
    in_doubt: Retry,
    caller: oneshot::Sender<Result<T, StoreError>>,
    pending: Pending,
}

impl<F, T> Job for Task<F, T>
where
    F: Fn(&Records<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn carry_out(&mut self, records: &Records<'_>) -> Result<(), Fault> {
        self.outcome = Some((self.command)(records)?);
        Ok(())
    }

    fn in_doubt(&self) -> Retry {
        self.in_doubt
    }

    fn answer(self: Box<Self>, ended: Result<(), StoreError>) {
        let nothing = || StoreError::new(StoreErrorKind::Internal, Retry::Useless);
        let Self { outcome, caller, pending, .. } = *self;
        drop(pending);
        // Whoever went away needs no answer.
        let _ = caller.send(ended.and_then(|()| outcome.ok_or_else(nothing)));
    }
}

/// The thread's own side: its connection, and what it does about it.
struct Shift {
    role: Role,
    place: Place,
    /// None after a fault that the connection may not have survived.
    connection: Option<Connection>,
    /// How long a job may have waited.
    patience: Duration,
}

type Jobs = Vec<Box<dyn Job>>;

impl Shift {
    /// How many jobs go together at the most: so long does the last of those that came before them hold up the next.
    const TOGETHER: usize = 128;

    /// Carries out what has come, until nobody can send any more.
    fn work(mut self, queue: &Receiver<Queued>) {
        while let Ok(first) = queue.recv() {
            let mut jobs = Jobs::new();
            self.admit(&mut jobs, first);
            self.gather(&mut jobs, queue);
            self.carry_out(jobs, Some(queue));
        }
    }

    /// Adds what waits in the queue, as far as there is room.
    fn gather(&self, jobs: &mut Jobs, queue: &Receiver<Queued>) {
        let room = Self::TOGETHER.saturating_sub(jobs.len());
        queue.try_iter().take(room).for_each(|queued| self.admit(jobs, queued));
    }

    /// Adds a job that has not waited too long.
    fn admit(&self, jobs: &mut Jobs, Queued { wait, job }: Queued) {
        if wait.is_longer_than(self.patience) {
            answer(job, Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe)));
        } else {
            jobs.push(job);
        }
    }

    /// All jobs in one transaction, with those that come meanwhile; or each in its own, if one of them cannot be.
    fn carry_out(&mut self, mut jobs: Jobs, queue: Option<&Receiver<Queued>>) {
        match self.together(&mut jobs, queue) {
            Ok(()) => jobs.into_iter().for_each(|job| answer(job, Ok(()))),
            Err(Stopped::ByOne(_)) if 1 < jobs.len() => {
                for job in jobs {
                    self.carry_out(vec![job], None);
                }
            }
            Err(stopped) => {
                // One of them has the source of the fault with it; there is only one.
                let last = jobs.pop();
                for job in jobs {
                    let error = stopped.kind(job.in_doubt());
                    answer(job, Err(error));
                }
                if let Some(job) = last {
                    let error = stopped.told(job.in_doubt());
                    answer(job, Err(error));
                }
            }
        }
    }

    /// All of the jobs or nothing.
    fn together(&mut self, jobs: &mut Jobs, queue: Option<&Receiver<Queued>>) -> Result<(), Stopped> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let ended = self.transaction(&connection, jobs, queue);
        let is_sound =
            connection.is_autocommit() && !matches!(&ended, Err(stopped) if stopped.spoils_connection());
        // Memory is gone with its connection, so that one stays whatever happens.
        if is_sound || self.place.file.is_none() {
            self.connection = Some(connection);
        }
        ended
    }

    fn transaction(
        &self,
        connection: &Connection,
        jobs: &mut Jobs,
        queue: Option<&Receiver<Queued>>,
    ) -> Result<(), Stopped> {
        // A reader sees what there was when it began, and whoever comes later may know of more.
        let (begin, queue) = match self.role {
            Role::Writes => ("BEGIN IMMEDIATE", queue),
            Role::Reads => ("BEGIN", None),
        };
        let run = |sql| -> Result<(), Fault> {
            connection.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run(begin).map_err(Stopped::AtBegin)?;
        let records = Records::new(connection, &self.place.tables);
        let carry_out =
            |job: &mut Box<dyn Job>| match catch_unwind(AssertUnwindSafe(|| job.carry_out(&records))) {
                Ok(done) => done.map_err(|fault| Stopped::ByOne(Some(fault))),
                Err(_) => Err(Stopped::ByOne(None)),
            };
        let commit = || {
            run("COMMIT").map_err(|fault| match fault {
                // It was refused because of what one of them wrote, and is still to be rolled back.
                fault if fault.is_constraint() => Stopped::ByOne(Some(fault)),
                fault => Stopped::AtCommit(fault),
            })
        };
        let mut carry_out_all = || {
            let mut next = 0;
            while let Some(job) = jobs.get_mut(next) {
                carry_out(job)?;
                next = next.saturating_add(1);
                if let Some(queue) = queue {
                    self.gather(jobs, queue);
                }
            }
            Ok(())
        };
        let done = carry_out_all().and_then(|()| commit());
        if done.is_err() && !connection.is_autocommit() {
            // If that fails, too, the connection is given up, which ends its transaction.
            let _ = run("ROLLBACK");
        }
        done
    }

    fn connect(&self) -> Result<Connection, Stopped> {
        let connection = match self.role {
            Role::Writes => self.place.writer(),
            Role::Reads => self.place.reader(),
        };
        match connection {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => Err(Stopped::Unconnected(StoreErrorKind::Unavailable)),
            Err(OpenError::Engine(error)) => Err(Stopped::AtBegin(Fault::Engine(error))),
            Err(_) => Err(Stopped::Unconnected(StoreErrorKind::Internal)),
        }
    }
}

/// Answers a job. Whom that wakes may panic; the next job has no part in it.
fn answer(job: Box<dyn Job>, ended: Result<(), StoreError>) {
    let _ = catch_unwind(AssertUnwindSafe(|| job.answer(ended)));
}

/// What kept jobs from their end.
enum Stopped {
    /// There is no connection, nor will there be one.
    Unconnected(StoreErrorKind),
    /// Nothing was begun.
    AtBegin(Fault),
    /// One of them failed, or panicked; all are undone.
    ByOne(Option<Fault>),
    /// Perhaps it was written, perhaps it was not.
    AtCommit(Fault),
}

impl Stopped {
    fn spoils_connection(&self) -> bool {
        match self {
            Self::AtBegin(fault) | Self::ByOne(Some(fault)) | Self::AtCommit(fault) => {
                fault.spoils_connection()
            }
            Self::Unconnected(_) | Self::ByOne(None) => false,
        }
    }

    /// What the caller of one of the jobs is told, who would ask again as `in_doubt` says.
    fn told(self, in_doubt: Retry) -> StoreError {
        let error = self.kind(in_doubt);
        match self {
            Self::Unconnected(_) | Self::ByOne(None) => error,
            Self::AtBegin(fault) | Self::ByOne(Some(fault)) | Self::AtCommit(fault) => fault.behind(error),
        }
    }

    /// The same without its source.
    fn kind(&self, in_doubt: Retry) -> StoreError {
        let (kind, retry) = match self {
            Self::Unconnected(kind) => (*kind, Retry::Useless),
            Self::ByOne(None) => (StoreErrorKind::Internal, Retry::Useless),
            Self::AtBegin(fault) | Self::ByOne(Some(fault)) => fault.judge(Stage::Undone),
            Self::AtCommit(fault) => fault.judge(Stage::Committing(in_doubt)),
        };
        StoreError::new(kind, retry)
    }
}

#[cfg(test)]
mod tests;
