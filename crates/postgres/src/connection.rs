//! Where a command's statements go: a connection of the pool, or the caller's own transaction.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool::managed::Object;
use futures_util::FutureExt;
use inquiry_otl::StoreError;
use tokio_postgres::{
    Row, Transaction,
    types::{ToSql, Type},
};

use crate::{
    client::{Client, Manager},
    fault::{Fate, Fault},
    left::Left,
    sql::{Sql, Statement},
};

/// The parameters of a statement.
pub(crate) type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

/// Where the statements of one command go.
#[derive(Clone, Copy)]
pub(crate) struct Connection<'c> {
    pub(crate) sql: &'c Sql,
    pub(crate) outbox: bool,
    way: Way<'c>,
}

#[derive(Clone, Copy)]
enum Way<'c> {
    /// A connection of the pool, and whether a transaction is open on it.
    Pool(&'c Client, &'c AtomicBool),
    /// Somebody else's transaction, on whatever connection: nothing is prepared there, so that each statement is one
    /// round trip.
    Caller(&'c Transaction<'c>),
}

/// A statement that can be sent without another round trip.
pub(crate) enum Ready<'s> {
    Prepared(tokio_postgres::Statement),
    Typed(&'s Statement),
}

impl<'c> Connection<'c> {
    /// The caller's own transaction.
    pub(crate) const fn caller(sql: &'c Sql, outbox: bool, transaction: &'c Transaction<'c>) -> Self {
        Self { sql, outbox, way: Way::Caller(transaction) }
    }

    pub(crate) async fn ready<'s>(&self, statement: &'s Statement) -> Result<Ready<'s>, Fault> {
        Ok(match self.way {
            Way::Pool(client, _) => Ready::Prepared(client.prepared(statement).await?),
            Way::Caller(_) => Ready::Typed(statement),
        })
    }

    /// Sends a statement with the first poll, so that those that are polled together are answered in one round trip, in
    /// their order.
    pub(crate) async fn send(&self, statement: &Ready<'_>, params: Params<'_>) -> Result<Vec<Row>, Fault> {
        Ok(match (self.way, statement) {
            (Way::Pool(client, _), Ready::Prepared(statement)) => client.query(statement, params).await?,
            (Way::Pool(client, _), Ready::Typed(statement)) => {
                client.query_typed(&statement.text, &typed(statement, params)).await?
            }
            (Way::Caller(transaction), Ready::Prepared(statement)) => {
                transaction.query(statement, params).await?
            }
            (Way::Caller(transaction), Ready::Typed(statement)) => {
                transaction.query_typed(&statement.text, &typed(statement, params)).await?
            }
        })
    }

    /// Sends a statement that writes, if there is anything to be written by it.
    pub(crate) async fn send_if(
        &self,
        any: bool,
        statement: &Ready<'_>,
        params: Params<'_>,
    ) -> Result<(), Fault> {
        if any {
            self.send(statement, params).await?;
        }
        Ok(())
    }

    pub(crate) async fn rows(&self, statement: &Statement, params: Params<'_>) -> Result<Vec<Row>, Fault> {
        let statement = self.ready(statement).await?;
        self.send(&statement, params).await
    }

    pub(crate) async fn row(&self, statement: &Statement, params: Params<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(statement, params).await?.into_iter().next())
    }

    /// Begins a transaction of the store's own; the caller's has begun.
    pub(crate) async fn begin(&self) -> Result<(), Fault> {
        if let Way::Pool(client, open) = self.way {
            open.store(true, Ordering::Relaxed);
            client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        }
        Ok(())
    }

    /// Commits a transaction of the store's own, or rolls it back if one of its statements failed.
    pub(crate) async fn commit(&self) -> Result<(), Fault> {
        if let Way::Pool(client, open) = self.way {
            // Once it is sent, the transaction ends, whether or not somebody waits for the answer.
            open.store(false, Ordering::Relaxed);
            client.batch_execute("COMMIT").await?;
        }
        Ok(())
    }
}

fn typed<'p>(statement: &Statement, params: Params<'p>) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().copied().zip(statement.types.iter().cloned()).collect()
}

/// A connection that a command has borrowed of the pool.
///
/// Whoever drops a command in the middle of its transaction rolls it back; in the middle of a statement, the server
/// finishes that. The pool has the connection back when the server is done.
pub(crate) struct Lent<'l> {
    /// Shared with whoever waits for the server after this is dropped.
    client: Arc<Object<Manager>>,
    left: &'l Left,
    patience: Duration,
    open: AtomicBool,
    answered: AtomicBool,
    silent: AtomicBool,
    warnings: u64,
}

impl<'l> Lent<'l> {
    pub(crate) fn new(client: Object<Manager>, left: &'l Left, patience: Duration) -> Self {
        let warnings = client.warnings();
        Self {
            client: Arc::new(client),
            left,
            patience,
            open: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            warnings,
        }
    }

    pub(crate) fn connection<'c>(&'c self, sql: &'c Sql, outbox: bool) -> Connection<'c> {
        Connection { sql, outbox, way: Way::Pool(&self.client, &self.open) }
    }

    /// Waits for an answer, but not for ever, and looks whether it will last.
    pub(crate) async fn answered<T>(
        &self,
        fate: Fate,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let Ok(answer) = tokio::time::timeout(self.patience, work).await else {
            self.silent.store(true, Ordering::Relaxed);
            return Err(Fault::Silence.of(fate));
        };
        self.answered.store(true, Ordering::Relaxed);
        // D1: a cancelled wait for the synchronous standby is told by nothing but a warning.
        let answer = answer.and_then(|answer| {
            if self.client.warnings() == self.warnings { Ok(answer) } else { Err(Fault::Unconfirmed) }
        });
        answer.map_err(|fault| {
            if fault.spoils_connection() {
                self.client.give_up();
            }
            fault.of(fate)
        })
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.open.load(Ordering::Relaxed) {
            // Sent at once; nobody has to wait for the answer.
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
        if self.answered.load(Ordering::Relaxed) {
            return;
        }
        let patience = if self.silent.load(Ordering::Relaxed) { Duration::ZERO } else { self.patience };
        self.left.take(Arc::clone(&self.client), patience);
    }
}
