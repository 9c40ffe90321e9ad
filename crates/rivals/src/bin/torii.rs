//! `torii` on a file of `SQLite`, which takes turns with the store on `SQLite`: for a line `tasks links` of what it is told it
//! does a round, and tells what it took in nanoseconds, `issue redeem p50 p99`.
//!
//! A program of its own, since one program cannot link the `SQLite` of both. `cargo run --release --package
//! inquiry-otl-bench -- torii` starts it. Its file is the one that it is started with.

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    sync::Arc,
};

use inquiry_otl_measure::{Candidate, Round, round};
use tokio::runtime::Builder;
use torii::{
    Torii,
    seaorm::{SeaORMRepositoryProvider, SeaORMStorage},
};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("which file?")?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let links = Arc::new(runtime.block_on(Links::open(&file))?);
    for line in io::stdin().lines() {
        let line = line?;
        let (tasks, count) = line.split_once(' ').ok_or("tasks and links")?;
        let Round { issue, redeem, p50, p99 } =
            runtime.block_on(round(&links, tasks.parse()?, count.parse()?))?;
        println!("{} {} {} {}", issue.as_nanos(), redeem.as_nanos(), p50.as_nanos(), p99.as_nanos());
        io::stdout().flush()?;
    }
    Ok(())
}

/// Its magic links, by its storage that keeps them: the one without `SeaORM` says that it is not implemented.
struct Links(Torii<SeaORMRepositoryProvider>);

impl Links {
    async fn open(file: &str) -> Result<Self, Box<dyn Error>> {
        let storage = SeaORMStorage::connect(&format!("sqlite://{file}?mode=rwc")).await?;
        storage.migrate().await?;
        let links = Self(Torii::new(Arc::new(storage.into_repository_provider())));
        // A person's first link makes the person; ours have their inquiries, too.
        for person in 0..PEOPLE {
            links.0.magic_link().generate_token(&email(person)).await?;
        }
        Ok(links)
    }
}

/// A person may have several links.
const PEOPLE: usize = 100;

fn email(person: usize) -> String {
    format!("{:026}@example.com", person % PEOPLE)
}

impl Candidate for Links {
    type Code = String;

    async fn issue(&self, person: usize) -> String {
        self.0.magic_link().generate_token(&email(person)).await.expect("a link").token
    }

    /// It starts a session, as ours does.
    async fn redeem(&self, token: &String) {
        self.0.magic_link().authenticate(token, None, None).await.expect("a fresh link");
    }
}
