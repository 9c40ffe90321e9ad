//! Rows and functions that somebody has damaged: a fault that says so, never a panic, never a grant.

use std::error::Error;

use inquiry_otl::{
    LinkStore, Retry, StoreError, StoreErrorKind,
    issuance::{IssueLink, Lifetime},
    redemption::{Mode, Redeem, Release, Verdict},
    store::{ListOf, Outbox},
};

use crate::support::{Schema, created, digest, inquiry, issue, issued, key, redeem, sec, verdict};

/// What somebody does to a row in spite of its checks, and the column that is told of.
const DAMAGE: [(&str, &str); 16] = [
    ("UPDATE links SET purpose = 'dance'", "purpose"),
    ("UPDATE links SET creator = ''", "creator"),
    ("UPDATE links SET key = 99, nonce = '\\x00112233445566778899aabbccddeeff'", "nonce"),
    ("UPDATE links SET nonce = '\\x00'", "nonce"),
    ("UPDATE links SET epoch = -1", "epoch"),
    ("UPDATE links SET generation = 4294967296", "generation"),
    ("UPDATE links SET created_at = '1969-01-01Z'", "created_at"),
    ("UPDATE links SET claim = '\\x00'", "claim"),
    ("UPDATE links SET used_at = expires_at", "binding"),
    ("UPDATE links SET grace_clients = 'me'", "binding"),
    ("UPDATE inquiries SET template = 'x'", "template"),
    ("UPDATE inquiries SET status = 'asleep'", "status"),
    ("UPDATE inquiries SET policy = '{\"session-limit\": 0}'", "policy"),
    ("UPDATE inquiries SET policy = '{\"unknown\": 1}'", "policy"),
    ("UPDATE inquiries SET epoch = -1", "epoch"),
    ("UPDATE inquiries SET last_sequence = NULL", "last_sequence"),
];

fn assert_corrupt(error: &StoreError, cause: &str, damage: &str) {
    assert_eq!(
        (error.kind(), error.retry()),
        (StoreErrorKind::Corrupt, Retry::Useless),
        "{damage}: {error:?}"
    );
    assert_eq!(error.source().unwrap().to_string(), cause, "{damage}");
}

/// S4, D1: whatever a column holds, what cannot be read is a fault, and nothing is granted.
#[tokio::test]
async fn a_damaged_row_grants_nothing() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    schema.sql(
        "DO $$ DECLARE c record; BEGIN \
           FOR c IN SELECT CASE contypid WHEN 0 THEN 'TABLE ' || conrelid::regclass \
               ELSE 'DOMAIN ' || contypid::regtype END AS of, conname \
             FROM pg_constraint WHERE contype = 'c' AND connamespace = current_schema()::regnamespace \
           LOOP EXECUTE format('ALTER %s DROP CONSTRAINT %I', c.of, c.conname); END LOOP; END $$; \
         ALTER TABLE inquiries ALTER last_sequence DROP NOT NULL; \
         CREATE TABLE links_before AS TABLE links; CREATE TABLE inquiries_before AS TABLE inquiries",
    );
    for (damage, column) in DAMAGE {
        schema.sql(damage);
        let cause = format!("the column {column} cannot be read");
        if damage.contains("inquiries") {
            assert_corrupt(&store.inquiry(key(1)).await.unwrap_err(), &cause, damage);
        } else {
            let list = ListOf { inquiry: key(1), before: None, limit: 9 };
            assert_corrupt(&store.links(list).await.unwrap_err(), &cause, damage);
        }
        assert_corrupt(&store.redeem(redeem(1)).await.unwrap_err(), &cause, damage);
        schema.sql(
            "TRUNCATE links, inquiries, sessions, endings; INSERT INTO links TABLE links_before; \
             INSERT INTO inquiries TABLE inquiries_before",
        );
    }
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: endings and events that cannot be read are faults, too.
#[tokio::test]
async fn other_damaged_rows_are_faults() {
    let schema = Schema::new();
    let store = schema.store_with(schema.options().with_outbox()).await;
    created(&store, 1).await;
    schema.sql("INSERT INTO endings VALUES ('default', 'inq_1', 'epoch', 5, 'dance', NULL, '2000-01-01Z')");
    assert_corrupt(&store.inquiry(key(1)).await.unwrap_err(), "the column ats cannot be read", "an ending");
    schema.sql("UPDATE outbox SET name = 'inquiry.danced'");
    assert_corrupt(&store.pending(None, 9).await.unwrap_err(), "the column name cannot be read", "an event");
}

/// D1, S4: a function in the database that does something else than the rules say is found out, and nothing is granted.
#[tokio::test]
async fn a_function_that_lies_is_found_out() {
    const LIES: [(&str, &str); 4] = [
        // Grants what is used; says that it wrote, and did not; lets a link live longer; lets anyone release.
        ("redeem", "replace(d, 'IF l.used_at IS NOT NULL THEN', 'IF false THEN')"),
        ("redeem", "replace(d, 'wrote := ''nothing''', 'wrote := ''repeat''')"),
        ("issue", "replace(d, 'until := least(until, i.expires_at, p.expires_at);', '')"),
        ("release", "replace(d, 'moment < l.lease_until', 'true')"),
    ];
    let schema = Schema::new();
    let store = schema.store().await;
    for (n, (function, lie)) in (0..).zip(LIES) {
        created(&store, n).await;
        issued(&store, n, n).await;
        if n < 2 {
            assert_eq!(verdict(&store, n).await, Verdict::FirstUse);
        }
        let definition = format!(
            "SELECT pg_get_functiondef(p.oid) AS d FROM pg_proc p WHERE p.proname = '{function}' \
             AND p.pronamespace = current_schema()::regnamespace"
        );
        schema.sql(&format!("CREATE TABLE honest AS {definition}"));
        schema.sql(&format!("DO $$ BEGIN EXECUTE (SELECT {lie} FROM honest); END $$"));
        let error = match function {
            "issue" => {
                let late = Lifetime::Until(sec(1_000_000));
                store.issue(IssueLink { lifetime: late, ..issue(n, 100) }).await.unwrap_err()
            }
            "release" => {
                let claim = Mode::Claim { token: digest(9), until: sec(3) };
                store.redeem(Redeem { mode: claim, ..redeem(n) }).await.unwrap();
                let Redeem { tenant, .. } = redeem(n);
                let (inquiry, link) = (inquiry(n), issue(n, n).link);
                let late = Release { tenant, inquiry, link, claim: digest(9), now: sec(4) };
                store.release(late).await.unwrap_err()
            }
            _ => store.redeem(Redeem { session: redeem(50 + n).session, ..redeem(n) }).await.unwrap_err(),
        };
        assert_corrupt(&error, "the database did not do what the rules say", lie);
        schema.sql("DO $$ BEGIN EXECUTE (SELECT d FROM honest); END $$; DROP TABLE honest");
    }
}
