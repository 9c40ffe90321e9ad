//! Runs a command with `DATABASE_URL` and `REDIS_URL` of engines that are started for it, and end with it.

use std::{
    env,
    process::{Command, ExitCode},
};

use inquiry_otl_testkit::{postgres::Postgres, redis::Redis};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: with-engines <command> [argument…]");
        return ExitCode::FAILURE;
    };
    let postgres = Postgres::start();
    let redis = Redis::start();
    let status = Command::new(program)
        .args(words)
        .env("WITH_ENGINES", "1")
        .env("DATABASE_URL", postgres.url())
        .env("REDIS_URL", redis.url())
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot run that command: {error}");
            ExitCode::FAILURE
        }
    }
}
