//! What a fault tells, and what it does not.

use std::{error::Error, fmt::Write};

use inquiry_otl::{LinkStore, Retry, StoreErrorKind, issuance::IssueLink, store::IssueOutcome};
use inquiry_otl_postgres::Options;
use inquiry_otl_testkit::postgres;

use crate::support::{Schema, created, issue, issued, key, open, redeem};

/// C4, S4: no fault tells a password, a host, a user, a digest or a value.
#[tokio::test]
async fn a_fault_tells_no_secret() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut told = String::new();
    let mut tell = |error: &dyn Error| {
        let mut next = Some(error);
        while let Some(error) = next {
            write!(told, "{error} {error:?} ").unwrap();
            next = error.source();
        }
    };
    // Nobody there; no such user; no such tables; a trigger that repeats what it was given.
    let away = "host=127.0.0.1 port=1 user=hidden-user password=hidden-password dbname=hidden-base";
    let error = open(away, Options::new()).inquiry(key(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unavailable, Retry::Safe));
    tell(&error);
    let port = postgres::shared().port();
    let unknown =
        format!("host=127.0.0.1 port={port} user=hidden-user password=hidden-password dbname=hidden-base");
    let error = open(&unknown, Options::new()).inquiry(key(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    tell(&error);
    // A role that is full, which the server names.
    let role = format!("hidden_{}", std::process::id());
    schema.sql(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 0"));
    let full = format!("host=127.0.0.1 port={port} user={role} dbname=postgres");
    let error = open(&full, Options::new()).inquiry(key(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Overloaded, Retry::Safe));
    tell(&error);
    schema.sql(&format!("DROP ROLE {role}"));
    // Messages of every class repeat what they are about.
    for code in
        ["P0001", "08006", "25000", "40001", "53100", "53300", "55000", "57000", "58030", "XX000", "XX001"]
    {
        schema.sql(&format!(
            "CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'a hidden-value: %', new USING DETAIL = 'hidden-detail', ERRCODE = '{code}'; END $$; \
             CREATE OR REPLACE TRIGGER tell BEFORE INSERT OR UPDATE ON links FOR EACH ROW EXECUTE FUNCTION tell()",
        ));
        tell(&store.redeem(redeem(1)).await.unwrap_err());
        tell(&store.issue(issue(1, 2)).await.unwrap_err());
    }
    write!(told, "{store:?}").unwrap();
    assert!(told.contains("SQLSTATE 53300: there are too many connections"), "{told}");
    assert!(told.contains("SQLSTATE 53100: the disk is full"), "{told}");
    for secret in ["hidden", "127.0.0.1", "d1d1", "D1D1", "host=", "user="] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

/// S3, S4: whatever name is taken, the answer is *taken*, and no error of a constraint.
#[tokio::test]
async fn what_is_taken_is_no_error() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    created(&store, 2).await;
    issued(&store, 1, 1).await;
    let same_digest = IssueLink { digest: issue(1, 1).digest, ..issue(2, 2) };
    let same_id = IssueLink { link: issue(1, 1).link, ..issue(1, 3) };
    for command in [same_digest, same_id] {
        assert!(matches!(store.issue(command.clone()).await.unwrap(), IssueOutcome::Taken));
        let outcomes = store.issue_many(vec![command, issue(2, 9)]).await;
        assert!(matches!(outcomes[0], Ok(IssueOutcome::Taken)), "{outcomes:?}");
    }
}
