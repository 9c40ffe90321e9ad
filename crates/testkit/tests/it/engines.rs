//! Engines: started, stopped, killed, restarted.

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
