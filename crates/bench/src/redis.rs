//! Redis: a script of one's own with the same effects, pipelined on one connection, and the store (P10).

use std::sync::Arc;

use inquiry_otl_measure::{Bound, Candidate, INQUIRIES};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::Redis;
use redis::{Client, Script, aio::ConnectionManager};
use tokio::runtime::Runtime;

use crate::{
    candidate::{DAY, NOW, Ours, digest, id, secret},
    report::Report,
    turns::{Competes, Turns},
};

pub(crate) fn measure(runtime: &Runtime) -> Report {
    let server = Redis::start();
    let by_hand = Arc::new(runtime.block_on(ByHand::new(&server)));
    let bare = Arc::new(runtime.block_on(Bare::new(&server)));
    let store = runtime.block_on(RedisStore::builder("otl").open(server.url())).unwrap();
    let ours = Arc::new(runtime.block_on(Ours::new(store)));
    let candidates: [(_, &dyn Competes); 3] =
        [("a script by hand", &by_hand), ("SET and GETDEL", &bare), ("ours", &ours)];
    let mut report = Report::default();
    for tasks in [32, 128] {
        let turns = runtime.block_on(Turns::measure("Redis", &candidates, 5, (tasks, 8_000)));
        report.goals.extend(turns.both("P10", ("ours", "a script by hand"), Bound::AtLeast(0.95)));
        report.goals.extend(turns.both("P10", ("ours", "SET and GETDEL"), Bound::None));
        report.points.extend(turns.points());
    }
    report
}

/// Two scripts, over three hashes: an inquiry, a link, a session. Beside what they hold, links are found by their inquiry (L6)
/// and, for a purge, by their expiry, sessions by their expiry (S3), as the tables of the other engines have it; an
/// inquiry starts no more sessions than it may (E6); and a redemption tells which inquiry it leads to.
struct ByHand {
    connection: ConnectionManager,
    issue: Script,
    redeem: Script,
}

const ISSUE: &str = "
local i = redis.call('HMGET', KEYS[1], 'status', 'expires', 'epoch')
if (i[1] ~= 'created' and i[1] ~= 'pending') or i[2] <= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'inquiry', KEYS[1], 'epoch', i[3], 'created', ARGV[1], 'expires', ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[2], KEYS[2])
redis.call('ZADD', KEYS[4], ARGV[1], KEYS[2])
return 1";

const REDEEM: &str = "
local l = redis.call('HMGET', KEYS[1], 'inquiry', 'epoch', 'expires', 'used')
if not l[1] or l[4] or l[3] <= ARGV[1] then return false end
local i = redis.call('HMGET', l[1], 'status', 'expires', 'epoch', 'sessions', 'limit')
if (i[1] ~= 'created' and i[1] ~= 'pending') or i[2] <= ARGV[1] or i[3] ~= l[2] then return false end
if tonumber(i[5]) <= tonumber(i[4]) then return false end
redis.call('HSET', KEYS[1], 'used', ARGV[1], 'session', ARGV[2], 'attempt', ARGV[3])
redis.call('HSET', KEYS[2], 'inquiry', l[1], 'epoch', i[3], 'started', ARGV[1], 'expires', i[2], 'token', ARGV[4])
redis.call('ZADD', KEYS[3], i[2], KEYS[2])
redis.call('HINCRBY', l[1], 'sessions', 1)
return {l[1], i[2]}";

impl ByHand {
    async fn new(server: &Redis) -> Self {
        let client = Client::open(server.url()).unwrap();
        let mut connection = ConnectionManager::new(client).await.unwrap();
        for inquiry in 0..INQUIRIES {
            let mut create = redis::cmd("HSET");
            create.arg(format!("hand:inquiry:{inquiry}")).arg("status").arg("created");
            create.arg("expires").arg(NOW + DAY).arg("epoch").arg(1).arg("sessions").arg(0);
            create.arg("limit").arg(u32::MAX);
            create.query_async::<()>(&mut connection).await.unwrap();
        }
        Self { connection, issue: Script::new(ISSUE), redeem: Script::new(REDEEM) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Candidate for ByHand {
    type Code = [u8; 20];

    async fn issue(&self, inquiry: usize) -> [u8; 20] {
        let (code, digest) = secret();
        let mut call = self.issue.key(format!("hand:inquiry:{inquiry}"));
        call.key(format!("hand:link:{}", hex(&digest)))
            .key("hand:links")
            .key(format!("hand:links:{inquiry}"));
        call.arg(NOW).arg(NOW + DAY);
        let made: u32 = call.invoke_async(&mut self.connection.clone()).await.unwrap();
        assert_eq!(made, 1);
        code
    }

    async fn redeem(&self, code: &[u8; 20]) {
        let (session, attempt, token) = (hex(&id()), secret().1, secret().1);
        let mut call = self.redeem.key(format!("hand:link:{}", hex(&digest(code))));
        call.key(format!("hand:session:{session}")).key("hand:sessions");
        call.arg(NOW).arg(&session).arg(&attempt[..]).arg(&token[..]);
        let used: Option<(String, i64)> = call.invoke_async(&mut self.connection.clone()).await.unwrap();
        assert!(used.is_some_and(|(_, expires)| expires == NOW + DAY), "a fresh link");
    }
}

/// A key that is set, and got and deleted: no inquiry, no session, no reason.
struct Bare(ConnectionManager);

impl Bare {
    async fn new(server: &Redis) -> Self {
        Self(ConnectionManager::new(Client::open(server.url()).unwrap()).await.unwrap())
    }
}

impl Candidate for Bare {
    type Code = [u8; 20];

    async fn issue(&self, inquiry: usize) -> [u8; 20] {
        let (code, digest) = secret();
        let mut set = redis::cmd("SET");
        set.arg(format!("bare:{}", hex(&digest))).arg(inquiry).arg("NX");
        set.query_async::<()>(&mut self.0.clone()).await.unwrap();
        code
    }

    async fn redeem(&self, code: &[u8; 20]) {
        let mut take = redis::cmd("GETDEL");
        take.arg(format!("bare:{}", hex(&digest(code))));
        let found: Option<usize> = take.query_async(&mut self.0.clone()).await.unwrap();
        assert!(found.is_some(), "a fresh link");
    }
}
