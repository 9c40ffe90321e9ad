//! What a kill of the server loses, by `appendfsync` (D1).
//!
//! A kill keeps what the process wrote to the file, synced or not. So nothing here is a loss of power, which is untested.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{histories::Histories, redis::Redis};

use crate::{
    outages::comes_back,
    sites::until,
    stage::{Answer, KILLS, ROUNDS, all_are, amid, count, redeem, redeem_all, redeem_all_again, send},
    stores::{PREFIX, open, service},
};

/// D1: with `appendfsync always` an answer comes after its write is on disk: a kill in the middle loses no first use.
pub(crate) async fn always_loses_nothing() {
    let mut redis = Redis::start_with(&["--appendfsync always"]);
    let service = service(open(&redis.url()).await);
    let (mut acknowledged, mut round, mut kills) = (0, 0, 0);
    while kills < KILLS {
        assert!(round < ROUNDS, "{kills} of {ROUNDS} kills met somebody");
        let links = send(&service, 1000).await;
        let redemptions = links.iter().map(|link| redeem(&service, link));
        let redeemed = amid(redemptions, 200 * (1 + round % 3), || redis.kill()).await;
        redis.restart();
        comes_back(&service, &links[0]).await;
        let again = redeem_all_again(&service, &links).await;
        for (first, second) in redeemed.iter().zip(&again) {
            assert!(
                *first != Answer::FirstUse || *second == Answer::USED,
                "acknowledged, and then {second:?}"
            );
        }
        let first_uses = count(&redeemed, Answer::FirstUse);
        acknowledged += first_uses;
        kills += usize::from(first_uses < links.len());
        round += 1;
    }
    println!("always: {acknowledged} acknowledged first uses, {round} kills in the middle, nothing lost");
}

/// D1: with `appendfsync everysec` a kill loses nothing that the server wrote to its file: that is kept by the system.
pub(crate) async fn everysec_loses_nothing_that_it_wrote() {
    let mut redis = Redis::start_with(&["--appendfsync everysec"]);
    let service = service(open(&redis.url()).await);
    let links = send(&service, 1000).await;
    all_are(Answer::FirstUse, &redeem_all(&service, &links).await);
    until("everything is written", || persistence(&redis, "aof_buffer_length:0"));
    redis.kill();
    redis.restart();
    comes_back(&service, &links[0]).await;
    all_are(Answer::USED, &redeem_all_again(&service, &links).await);
}

/// D1: with `appendfsync everysec` and a disk that is slow at the moment, a server keeps answers' writes in its own
/// memory: a kill loses first uses that were acknowledged.
pub(crate) async fn everysec_on_a_slow_disk_tells_first_uses_twice() {
    let mut redis = Redis::start_with(&["--appendfsync everysec"]);
    let service = service(open(&redis.url()).await);
    let links = send(&service, 100).await;
    let mut disk = busy_disk(&redis);
    all_are(Answer::FirstUse, &redeem_all(&service, &links).await);
    redis.kill();
    disk.wait().unwrap();
    redis.restart();
    comes_back(&service, &links[0]).await;
    let twice = count(&redeem_all_again(&service, &links).await, Answer::FirstUse);
    println!("everysec on a slow disk: {twice} of {} acknowledged first uses were told twice", links.len());
    assert!(0 < twice, "the loss that the documentation names did not come about");
}

/// D1: the same kill undoes what was acknowledged, and the checker finds it.
pub(crate) async fn histories_on_a_slow_disk_are_undone() {
    let mut redis = Redis::start_with(&["--appendfsync everysec"]);
    let store = open(&redis.url()).await;
    let histories = Histories::new(4);
    histories.begin(&store).await;
    until("everything is written", || persistence(&redis, "aof_buffer_length:0"));
    let mut disk = busy_disk(&redis);
    histories.part(0, &store).await;
    redis.kill();
    disk.wait().unwrap();
    redis.restart();
    histories.part(1, &store).await;
    histories.part(2, &store).await;
    histories.end(&store).await;
    println!("redis, everysec on a slow disk: {}", histories.judge().are_not_linearizable().unwrap());
}

/// D1: with `appendfsync always` a slow disk makes answers late, and a kill still loses none.
pub(crate) async fn always_on_a_slow_disk_loses_nothing() {
    let mut redis = Redis::start_with(&["--appendfsync always"]);
    // The last of them waits for many syncs.
    let patient = RedisStore::builder(PREFIX).response_timeout(Duration::from_secs(30));
    let service = service(patient.open(redis.url()).await.unwrap());
    let links = send(&service, 100).await;
    let mut disk = slow_disk(&redis, Duration::from_millis(100));
    all_are(Answer::FirstUse, &redeem_all(&service, &links).await);
    redis.kill();
    disk.wait().unwrap();
    redis.restart();
    comes_back(&service, &links[0]).await;
    all_are(Answer::USED, &redeem_all_again(&service, &links).await);
}

/// Lets each sync of that server take seconds; returns when there is one on its way.
fn busy_disk(redis: &Redis) -> Child {
    let disk = slow_disk(redis, Duration::from_secs(5));
    until("the disk is busy", || {
        // Whatever is written is synced within a second.
        redis.cli(&["SET", "otl-test-of-the-disk", "1"]);
        persistence(redis, "aof_pending_bio_fsync:1")
    });
    disk
}

/// Lets each sync of that server take so long, from now until it ends.
fn slow_disk(redis: &Redis, delay: Duration) -> Child {
    let info = redis.cli(&["INFO", "server"]);
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned();
    let inject = format!("inject=fsync,fdatasync:delay_enter={}", delay.as_micros());
    let strace = Command::new("strace")
        .args(["-qq", "-f", "-p", &pid, "-e", "trace=fsync,fdatasync", "-e", &inject, "-o", "/dev/null"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is not installed; `bash scripts/servers` installs it");
    until("the disk is slow", || {
        // All threads: one of them syncs.
        fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        })
    });
    strace
}

fn persistence(redis: &Redis, line: &str) -> bool {
    redis.cli(&["INFO", "persistence"]).lines().any(|found| found.trim() == line)
}
