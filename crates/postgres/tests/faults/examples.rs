//! The examples, on a server of their own.

use std::process::Command;

use inquiry_otl_testkit::postgres::Postgres;

const STORIES: [(&str, &str); 2] = [
    (
        "postgres_quickstart",
        "the tables are there, and stay as they are when they are asked for again\n\
         an inquiry that had expired is resumed, and its person is sent a link\n\
         the person: goes on\n\
         the person, whose answer was lost: goes on in the same session\n\
         somebody else: used\n",
    ),
    (
        "postgres_own_transaction",
        "the disk is full: rolled back, and nobody was let in\n\
         all is well: goes on with itmpl_kyc\n\
         the link comes again: used\n\
         2 visits are recorded: one for each commit\n",
    ),
];

/// D1, D6, S1: each example tells its story, and leaves nothing behind.
pub(crate) fn each_tells_its_story() {
    let server = Postgres::start();
    for (example, story) in STORIES {
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--example", example])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("DATABASE_URL", server.url())
            .output()
            .unwrap();
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), story, "{example}");
    }
    let left =
        "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'";
    assert_eq!(server.sql(left), "1", "only the schema `public` was there before");
}
