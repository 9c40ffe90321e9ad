//! Engines: started, stopped, killed, restarted.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use inquiry_otl_testkit::{
    postgres::{self, Postgres},
    redis::{self, Cluster, Redis},
};

/// D1: what PostgreSQL acknowledged is there after a kill and a restart, at the same port.
#[test]
fn postgres_is_killed_and_restarted() {
    let mut postgres = Postgres::start_with(&["statement_timeout=4500"]);
    assert_eq!(postgres.sql("SHOW statement_timeout"), "4500ms");
    assert_eq!(postgres.sql("SHOW fsync; SHOW lc_messages; SHOW max_connections"), "on\nC\n300");
    postgres.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    for _ in 0..3 {
        let port = postgres.port();
        postgres.kill();
        postgres.restart();
        assert_eq!((postgres.port(), &*postgres.sql("SELECT n FROM kept")), (port, "7"));
    }
    postgres.stop();
    postgres.restart();
    assert_eq!(postgres.sql("SELECT n FROM kept"), "7");
    assert_eq!(postgres::shared().port(), postgres::shared().port());
}

/// D1: what Redis appended to its file is there after a kill and a restart, at the same port.
#[test]
fn redis_is_killed_and_restarted() {
    let mut redis = Redis::start_with(&["--appendfsync always"]);
    assert_eq!(redis.cli(&["CONFIG", "GET", "appendfsync"]), "appendfsync\nalways");
    assert_eq!(redis.cli(&["SET", "kept", "7"]), "OK");
    for _ in 0..3 {
        redis.kill();
        redis.restart();
        assert_eq!(redis.cli(&["GET", "kept"]), "7");
    }
    redis.stop();
    redis.restart();
    assert_eq!(redis.cli(&["GET", "kept"]), "7");
    assert_eq!(redis::shared().port(), redis::shared().port());
}

/// D1: a cluster has three masters with a replica each.
#[test]
fn a_cluster_has_masters_and_replicas() {
    let cluster = Cluster::start();
    let masters = cluster.masters();
    assert_eq!((masters.len(), cluster.urls().len()), (3, 6));
    for master in masters {
        assert_ne!(cluster.replica_of(master), master);
    }
}

/// D1: a standby has what the primary wrote, and takes writes once it is promoted.
#[test]
fn a_standby_is_promoted() {
    let mut primary = Postgres::start();
    primary.sql("CREATE TABLE kept (n int)");
    let mut standby = primary.standby("second");
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'second'");
    primary.sql("SELECT pg_reload_conf()");
    primary.sql("SET synchronous_commit = remote_apply; INSERT INTO kept VALUES (7)");
    assert_eq!(primary.sql("SELECT application_name FROM pg_stat_replication"), "second");
    assert_eq!(standby.sql("SELECT n FROM kept"), "7");
    primary.kill();
    standby.promote();
    standby.sql("INSERT INTO kept VALUES (8)");
    assert_eq!(standby.sql("SELECT sum(n) FROM kept"), "15");
}

/// D1: a replica has what its master wrote.
#[test]
fn a_replica_follows() {
    let redis = Redis::start();
    redis.cli(&["SET", "kept", "7"]);
    let replica = redis.replica();
    assert_eq!(replica.cli(&["GET", "kept"]), "7");
    assert_eq!(redis.cli(&["WAIT", "1", "60000"]), "1");
    replica.freeze();
    redis.cli(&["SET", "kept", "8"]);
    thread::sleep(Duration::from_millis(100));
    let offsets = || {
        let info = redis.cli(&["INFO", "replication"]);
        let number = |after: &str| {
            let rest = info.split(after).nth(1).unwrap();
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        (number("offset="), number("master_repl_offset:"))
    };
    let (replicas, masters) = offsets();
    assert!(replicas < masters, "{replicas} {masters}");
    replica.thaw();
    let began = Instant::now();
    while replica.cli(&["GET", "kept"]) != "8" {
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

/// S4: a frozen engine keeps connections and says nothing, and goes on when it is thawed.
#[test]
fn a_frozen_engine_says_nothing() {
    let postgres = Postgres::start();
    postgres.freeze();
    thread::scope(|scope| {
        let answer = scope.spawn(|| postgres.sql("SELECT 7"));
        thread::sleep(Duration::from_millis(300));
        assert!(!answer.is_finished());
        postgres.thaw();
        assert_eq!(answer.join().unwrap(), "7");
    });
}

/// S4: engines with TLS are reached by those who know the authority, and take no plain connection.
#[test]
fn engines_speak_tls() {
    let (postgres, authority) = Postgres::start_tls();
    let url = postgres.url();
    assert_eq!(postgres.sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
    assert!(fs::read_to_string(authority).unwrap().contains("BEGIN CERTIFICATE"));
    let plain = Command::new("psql").args([&format!("{url} sslmode=disable"), "-c", "SELECT 1"]).output();
    assert!(!plain.unwrap().status.success());

    let (redis, authority) = Redis::start_tls();
    assert_eq!(redis.url(), format!("rediss://127.0.0.1:{}", redis.port()));
    assert_eq!(redis.cli(&["PING"]), "PONG");
    assert!(fs::read_to_string(authority).unwrap().contains("BEGIN CERTIFICATE"));
    let plain = Command::new("redis-cli").args(["-p", &redis.port().to_string(), "PING"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&plain.stdout).contains("PONG"));
}

/// D1: a master of a cluster that is killed is replaced by its replica.
#[test]
fn a_cluster_replaces_a_master() {
    let mut cluster = Cluster::start();
    let master = cluster.masters()[0];
    let replica = cluster.replica_of(master);
    cluster.nodes_mut()[master].kill();
    let began = Instant::now();
    while !cluster.nodes()[replica].cli(&["ROLE"]).starts_with("master") {
        assert!(began.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(50));
    }
    cluster.nodes_mut()[master].restart();
    cluster.settled();
    assert_eq!(cluster.replica_of(replica), master);
}
