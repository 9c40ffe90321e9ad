//! How a store is opened: migrations, versions, names of tables.

use std::error::Error;

use inquiry_otl::{LinkStore, redemption::Verdict, store::Directory as _};
use inquiry_otl_sqlite::{OpenError, SqliteStore, Synchronous, Tables};

use crate::support::{Directory, created, issued, redeem, verdict};

/// S1: a store that is opened again finds what it kept, and changes nothing by that.
#[tokio::test]
async fn opening_again_keeps_all() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    drop(store);
    // The last handle closed the file, and left no log behind.
    let left: Vec<_> = std::fs::read_dir(directory.file().parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let before = std::fs::read(directory.file()).unwrap();
    drop(directory.store());
    assert!(before == std::fs::read(directory.file()).unwrap(), "opening wrote to the file");
    let store = directory.store();
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
    drop(store);
    assert!(matches!(verdict(&directory.store(), 1).await, Verdict::Refused(_)));
}

/// S1: eight who open a new file at once all get a store of it.
#[tokio::test]
async fn migrations_at_once_are_one() {
    for _ in 0..5 {
        let directory = Directory::new();
        let file = directory.file();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                std::thread::spawn(move || SqliteStore::open(file).unwrap())
            })
            .collect();
        let stores: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        created(&stores[0], 1).await;
        issued(&stores[1], 1, 1).await;
        assert_eq!(verdict(&stores[2], 1).await, Verdict::FirstUse);
        assert!(matches!(verdict(&stores[3], 1).await, Verdict::Refused(_)));
    }
}

/// S1: tables of a newer version are refused, and left as they are.
#[test]
fn a_newer_version_is_refused() {
    let directory = Directory::new();
    drop(directory.store());
    directory.connection().execute("UPDATE otl_schema SET version = 7", []).unwrap();
    for builder in [SqliteStore::builder(), SqliteStore::builder().without_migration()] {
        let error = builder.open(directory.file()).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 7, known: 2 }), "{error:?}");
        assert_eq!(error.to_string(), "the tables are of version 7, and this library knows versions up to 2");
    }
    let version: i64 =
        directory.connection().query_row("SELECT version FROM otl_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

/// S1: tables of the first version get what the second one added, and keep what they had; without migration they are
/// named as older.
#[tokio::test]
async fn an_older_version_is_brought_up() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    drop(store);
    let connection = directory.connection();
    let indexes = || {
        let count = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'otl_inquiries_by_%'";
        connection.query_row(count, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!(indexes(), 3);
    connection
        .execute_batch(
            "DROP INDEX otl_inquiries_by_status; DROP INDEX otl_inquiries_by_template; \
             DROP INDEX otl_inquiries_by_reference; UPDATE otl_schema SET version = 1",
        )
        .unwrap();
    let error = SqliteStore::builder().without_migration().open(directory.file()).unwrap_err();
    assert!(matches!(error, OpenError::Older { found: 1, needed: 2 }), "{error:?}");
    let store = directory.store();
    assert_eq!(indexes(), 3);
    let list = inquiry_otl::store::ListInquiries {
        tenant: inquiry_otl::TenantId::default(),
        now: crate::support::sec(1),
        filter: inquiry_otl::store::InquiryFilter::default(),
        from: inquiry_otl::store::PageFrom::Newest,
        limit: 10,
    };
    assert_eq!(store.inquiries(list).await.unwrap().items.len(), 1);
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S1: without migration nothing is made; what is missing is named.
#[test]
fn without_migration_nothing_is_made() {
    let directory = Directory::new();
    let open = || SqliteStore::builder().without_migration().open(directory.file());
    assert!(matches!(open().unwrap_err(), OpenError::Engine(_)));
    assert!(!directory.file().exists());

    let mut connection = directory.connection();
    connection.execute_batch("CREATE TABLE other (id INTEGER)").unwrap();
    assert!(matches!(open().unwrap_err(), OpenError::Older { found: 0, needed: 2 }));
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete", "a file that was refused was changed");
    Tables::new().migrate(&mut connection).unwrap();
    Tables::new().migrate(&mut connection).unwrap();
    drop(open().unwrap());
}

/// S1: stores of different prefixes share a file, and know nothing of each other.
#[tokio::test]
async fn prefixes_are_apart() {
    let directory = Directory::new();
    let open = |prefix| SqliteStore::builder().with_prefix(prefix).unwrap().open(directory.file()).unwrap();
    let (one, two) = (open("one_"), open("two_otl_"));
    assert_eq!(two.tables().prefix(), "two_otl_");
    for store in [&one, &two] {
        created(store, 1).await;
        issued(store, 1, 1).await;
    }
    assert_eq!(verdict(&one, 1).await, Verdict::FirstUse);
    assert_eq!(verdict(&two, 1).await, Verdict::FirstUse);
    let unnamed: i64 = directory
        .connection()
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'one_%' AND name NOT LIKE 'two_otl_%' \
             AND name NOT LIKE 'sqlite_%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(unnamed, 0, "all that the stores made is named by their prefixes");

    for bad in ["", "Otl_", "1otl", "_otl", "otl-", "otl ", "o\"l", "öl", "sqlite_otl", &"x".repeat(32)] {
        assert!(Tables::with_prefix(bad).is_err(), "{bad:?}");
    }
    for good in ["o", "o1_", &"x".repeat(31)] {
        assert_eq!(Tables::with_prefix(good).unwrap().prefix(), good);
    }
    let kept = SqliteStore::builder().with_outbox().with_prefix("x").unwrap().in_memory().unwrap();
    assert!(kept.tables().has_outbox());
}

/// S4: what is no database is refused, and so is a name that stands for memory.
#[test]
fn only_a_file_is_opened() {
    let directory = Directory::new();
    std::fs::write(directory.file(), "This is a letter to a friend. ".repeat(100)).unwrap();
    let error = SqliteStore::open(directory.file()).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("not a database"), "{error:?}");
    let error = SqliteStore::open(":memory:").unwrap_err();
    assert!(matches!(error, OpenError::NoWriteAheadLog), "{error:?}");
    assert!(SqliteStore::open("/nowhere/at/all.db").is_err());
}

/// D1: unless told otherwise a write is done when the disk has it; the log is on either way.
#[tokio::test]
async fn durability_is_full_unless_told_otherwise() {
    assert_eq!(Synchronous::default(), Synchronous::Full);
    let directory = Directory::new();
    let store = SqliteStore::builder().with_synchronous(Synchronous::Normal).open(directory.file()).unwrap();
    created(&store, 1).await;
    let mode: String = directory.connection().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(store.redeem(redeem(1)).await.unwrap(), None);
}
