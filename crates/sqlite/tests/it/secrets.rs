//! What a store shows of itself, and of what went wrong.

use std::error::Error;

use inquiry_otl::{LinkStore, Retry, SessionId, StoreErrorKind, TenantId, session::StartSession};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, connection, created, digest, event, inquiry, issue, issued, redeem, sec};

fn shown(error: &dyn Error) -> String {
    let rest = error.source().map(shown).unwrap_or_default();
    format!("{error} {error:?} / {rest}")
}

fn assert_shows_nothing(text: &str) {
    for secret in ["00000001d1", "d1d1d1", "209, 209", "e2e2e2", "226, 226", "inq_1", "links.db"] {
        assert!(!text.to_lowercase().contains(secret), "{secret:?} in {text}");
    }
}

/// C4, S4: an error of the engine shows its kind and the names of columns, and no value.
#[tokio::test]
async fn an_error_shows_no_value() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let start = StartSession {
        tenant: TenantId::default(),
        inquiry: inquiry(1),
        now: sec(1),
        session: SessionId::from_u128(1),
        token: digest(1),
        event: event(1),
    };
    store.start_session(start).await.unwrap();
    // The name of a session is taken.
    let error = store.start_session(start).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    let text = shown(&error);
    assert!(text.contains("otl_sessions"), "{text}");
    assert_shows_nothing(&text);

    // Columns that hold what they cannot, and tables that are gone.
    let other = connection(&directory.file());
    other
        .execute_batch("PRAGMA ignore_check_constraints = 1; UPDATE otl_links SET id = zeroblob(3);")
        .unwrap();
    let error = store.redeem(redeem(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Corrupt, Retry::Useless));
    assert!(shown(&error).contains("the column \"id\" cannot be read"), "{}", shown(&error));
    assert_shows_nothing(&shown(&error));
    other.execute_batch("PRAGMA foreign_keys = 0; DROP TABLE otl_links").unwrap();
    let error = store.issue(issue(1, 2)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    assert_shows_nothing(&shown(&error));
}

/// C4, S6: a store, its builder and its tables show names and numbers.
#[tokio::test]
async fn a_store_shows_its_tables() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let text = format!("{store:?} {:?} {:?}", store.tables(), SqliteStore::builder());
    assert!(text.contains("prefix: \"otl_\""), "{text}");
    assert_shows_nothing(&text);
}
