//! Records that cannot be written, or are in use.

use std::pin::pin;

use rusqlite::ErrorCode;

use super::*;
use crate::stage::Stage;

/// A write for which no transaction can be begun is told why, and what can be read is read.
#[tokio::test]
async fn a_transaction_that_cannot_begin_says_why() {
    let stage = Stage::new().await;
    let records = &stage.app.records;
    records.write(|to| to.pragma_update(None, "query_only", true)).await.unwrap();
    for failed in [records.write(|_| Ok(())).await, records.try_write().await] {
        let Err(RecordsError::Sqlite(error)) = failed else { panic!("it says {failed:?}") };
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly));
    }
    records.read(tokens::exist).await.unwrap();
}

/// Nobody who reads waits for the log of writes to be emptied; if that cannot be done, it is said.
#[tokio::test]
async fn emptying_the_log_keeps_nobody_from_reading() {
    let stage = Stage::new().await;
    let records = &stage.app.records;
    let mut other = connect(&records.path).unwrap();
    let writes = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut forgetting = pin!(records.forget());
    tokio::select! {
        biased;
        done = &mut forgetting => panic!("it did not wait for the write: {done:?}"),
        read = records.read(tokens::exist) => drop(read.unwrap()),
    }
    assert!(matches!(forgetting.await, Err(RecordsError::Busy)));
    writes.commit().unwrap();
    records.forget().await.unwrap();
}
