//! A thread that has a connection to itself, and takes jobs from a bounded queue.
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

    /// Has a command carried out in a transaction of its own, and waits for the answer.
    ///
    /// Whoever asks again when nobody knows whether it was committed is told to do it as `in_doubt` says.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        in_doubt: Retry,
        command: impl FnOnce(&Records<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        let (_waiting, pending) = self.abandoned.call();
        self.enqueue(Box::new(Task { command: Some(command), outcome: None, in_doubt, caller, pending }))?;
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
    fn carry_out(&mut self, records: &Records<'_>) -> Result<(), Fault>;

    /// What to say of asking again, when nobody knows whether it was committed.
    fn in_doubt(&self) -> Retry;

    /// Answers, once it is known how the transaction ended.
    fn answer(self: Box<Self>, ended: Result<(), StoreError>);
}

/// A command, then its outcome, and who waits for it.
struct Task<F, T> {
    command: Option<F>,
    outcome: Option<T>,
    in_doubt: Retry,
    caller: oneshot::Sender<Result<T, StoreError>>,
    pending: Pending,
}

impl<F, T> Job for Task<F, T>
where
    F: FnOnce(&Records<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn carry_out(&mut self, records: &Records<'_>) -> Result<(), Fault> {
        if let Some(command) = self.command.take() {
            self.outcome = Some(command(records)?);
        }
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

impl Shift {
    /// Carries out one job after the other, until nobody can send any more.
    fn work(mut self, jobs: &Receiver<Queued>) {
        while let Ok(Queued { wait, mut job }) = jobs.recv() {
            let ended = if wait.is_longer_than(self.patience) {
                Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe))
            } else {
                self.carry_out(&mut *job)
            };
            // Whom it wakes may panic; the next job has no part in it.
            let _ = catch_unwind(AssertUnwindSafe(|| job.answer(ended)));
        }
    }

    /// One job in a transaction: all of it or nothing.
    fn carry_out(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let ended = self.transaction(&connection, job);
        let is_sound = connection.is_autocommit()
            && !matches!(&ended, Err((Stopped::By(fault), _)) if fault.spoils_connection());
        // Memory is gone with its connection, so that one stays whatever happens.
        if is_sound || self.place.file.is_none() {
            self.connection = Some(connection);
        }
        ended.map_err(|(stopped, stage)| match stopped {
            Stopped::By(fault) => fault.at(stage),
            Stopped::Panicked => StoreError::new(StoreErrorKind::Internal, Retry::Useless),
        })
    }

    fn transaction(&self, connection: &Connection, job: &mut dyn Job) -> Result<(), (Stopped, Stage)> {
        let begin = match self.role {
            Role::Writes => "BEGIN IMMEDIATE",
            Role::Reads => "BEGIN",
        };
        let run = |sql| -> Result<(), Fault> {
            connection.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run(begin).map_err(|fault| (Stopped::By(fault), Stage::Undone))?;
        let records = Records::new(connection, &self.place.tables);
        let done = match catch_unwind(AssertUnwindSafe(|| job.carry_out(&records))) {
            Ok(Ok(())) => {
                run("COMMIT").map_err(|fault| (Stopped::By(fault), Stage::Committing(job.in_doubt())))
            }
            Ok(Err(fault)) => Err((Stopped::By(fault), Stage::Undone)),
            Err(_) => Err((Stopped::Panicked, Stage::Undone)),
        };
        if done.is_err() && !connection.is_autocommit() {
            // If that fails, too, the connection is given up, which ends its transaction.
            let _ = run("ROLLBACK");
        }
        done
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = match self.role {
            Role::Writes => self.place.writer(),
            Role::Reads => self.place.reader(),
        };
        match connection {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Useless)),
            Err(OpenError::Engine(error)) => Err(Fault::Engine(error).at(Stage::Undone)),
            Err(error) => Err(StoreError::new(StoreErrorKind::Internal, Retry::Useless).with_source(error)),
        }
    }
}

/// What kept a job from its end.
enum Stopped {
    By(Fault),
    Panicked,
}

#[cfg(test)]
mod tests;
