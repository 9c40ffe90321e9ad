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
    schema.sql(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'a hidden-value: %', new USING DETAIL = 'hidden-detail'; END $$; \
         CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON links FOR EACH ROW EXECUTE FUNCTION tell()",
    );
    tell(&store.redeem(redeem(1)).await.unwrap_err());
    tell(&store.issue(issue(1, 2)).await.unwrap_err());
    write!(told, "{store:?}").unwrap();
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
