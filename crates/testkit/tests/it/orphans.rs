//! Engines end with the process that started them, however that ends.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio, exit},
    thread::sleep,
    time::{Duration, Instant},
};

use inquiry_otl_testkit::{
    postgres::{self, Postgres},
    redis,
};

/// D1: a test that is killed leaves no engine behind, whether it goes on, is frozen or was killed and started again, and
/// no directory.
#[test]
fn engines_end_with_a_test_that_is_killed() {
    let (mut child, pids, directories) = child("killed");
    assert!(pids.iter().all(|pid| alive(*pid)) && directories.iter().all(|path| Path::new(path).exists()));
    child.kill().unwrap();
    child.wait().unwrap();
    gone(&pids, &directories);
}

/// D1: a test that ends without dropping its engines leaves none behind.
#[test]
fn engines_end_with_a_test_that_exits() {
    let (mut child, pids, directories) = child("exits");
    child.wait().unwrap();
    gone(&pids, &directories);
}

/// Runs [`the_child`] in a process of its own, until it says which processes and directories its engines have.
fn child(how: &str) -> (std::process::Child, Vec<u32>, Vec<String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "orphans::the_child", "--nocapture"])
        .env("TESTKIT_CHILD", how)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.contains("engines:")).expect("the child's engines");
    let words: Vec<_> =
        line.split("engines:").nth(1).unwrap().split_whitespace().map(str::to_owned).collect();
    let (pids, directories) = words.into_iter().partition::<Vec<_>, _>(|word| !word.starts_with('/'));
    assert_eq!((pids.len(), directories.len()), (3, 3));
    (child, pids.iter().map(|pid| pid.parse().unwrap()).collect(), directories)
}

/// D1: what is started in the process of [`child`]; by itself it starts nothing.
#[test]
fn the_child() {
    let Ok(how) = env::var("TESTKIT_CHILD") else { return };
    let mut frozen = Postgres::start();
    frozen.kill();
    frozen.restart();
    let all = [
        (frozen.sql("SHOW data_directory"), first_pid(&frozen)),
        (postgres::shared().sql("SHOW data_directory"), first_pid(postgres::shared())),
    ];
    frozen.freeze();
    let redis = redis::shared().cli(&["CONFIG", "GET", "dir"]).lines().nth(1).unwrap().to_owned();
    let info = redis::shared().cli(&["INFO", "server"]);
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned();
    let [(one, a), (two, b)] = all;
    println!("engines: {a} {b} {pid} {one} {two} {redis}");
    if how == "exits" {
        exit(0);
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    sleep(Duration::from_secs(60));
}

fn first_pid(postgres: &Postgres) -> String {
    postgres.sql("SELECT pg_read_file('postmaster.pid')").lines().next().unwrap().to_owned()
}

fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn gone(pids: &[u32], directories: &[String]) {
    let began = Instant::now();
    while pids.iter().any(|pid| alive(*pid)) || directories.iter().any(|path| Path::new(path).exists()) {
        assert!(began.elapsed() < Duration::from_secs(20), "left behind: {pids:?} {directories:?}");
        sleep(Duration::from_millis(20));
    }
}
