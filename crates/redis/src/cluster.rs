//! Which node of a cluster keeps a key, and a line to each node.
//!
//! The driver has a client for clusters, and it is not used: what it does for all nodes it does in one place, so that a
//! node that hangs holds up calls to all others, and with many calls under way it could stop for good when a node died.
//! Here each node has a line of its own, the same as to a single server; the nodes share nothing but the map of slots.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crc::{CRC_16_XMODEM, Crc};
use futures_util::{StreamExt, stream};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::fields::text;

/// The nodes of a cluster.
pub(crate) struct Cluster {
    /// How to reach any of them: what the first known one is reached by, but for its address.
    how: ConnectionInfo,
    known: Vec<Node>,
    config: ConnectionManagerConfig,
    map: RwLock<Arc<Map>>,
    /// Whether a node answered, or failed to, as if the map were of another day.
    outdated: AtomicBool,
    updating: tokio::sync::Mutex<()>,
}

/// Where a node is: host and port.
type Node = (String, u16);

/// Who keeps which slots.
#[derive(Clone, Default)]
struct Map {
    /// The last slot of each range, in order, and the line to its master.
    ranges: Vec<(u16, ConnectionManager)>,
    lines: HashMap<Node, ConnectionManager>,
}

impl Cluster {
    /// How many nodes are asked for the map at a time, so that one that hangs holds up nobody.
    const ASKED: usize = 4;

    /// A cluster of which some nodes are known. Each needs the same user, password and certificates.
    pub(crate) async fn new(
        clients: impl IntoIterator<Item = Client>,
        config: ConnectionManagerConfig,
    ) -> RedisResult<Self> {
        let (mut how, mut known) = (None, Vec::new());
        for client in clients {
            let info = client.get_connection_info();
            known.push(match info.addr() {
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                    (host.clone(), *port)
                }
                _ => return Err((ErrorKind::InvalidClientConfig, "a node of a cluster has a port").into()),
            });
            how.get_or_insert_with(|| info.clone());
        }
        let how =
            how.ok_or_else(|| RedisError::from((ErrorKind::InvalidClientConfig, "no node is known")))?;
        let outdated = AtomicBool::new(true);
        let cluster = Self {
            how,
            known,
            config,
            map: RwLock::default(),
            outdated,
            updating: tokio::sync::Mutex::default(),
        };
        cluster.update().await?;
        Ok(cluster)
    }

    /// The line to the node that keeps a key.
    pub(crate) async fn line(&self, key: &str) -> RedisResult<ConnectionManager> {
        // Where no node tells a new map, the one that there is may still be right.
        let _ = self.update().await;
        let (map, slot) = (self.map(), slot(key));
        let range = map.ranges.partition_point(|(last, _)| *last < slot);
        map.ranges.get(range).map(|(_, line)| line.clone()).ok_or_else(|| {
            self.outdated.store(true, Ordering::Release);
            (ErrorKind::ClusterConnectionNotFound, "no node keeps that slot").into()
        })
    }

    /// Takes notice of what a node said, or did not say: perhaps another one has taken its place.
    pub(crate) fn notice(&self, error: &RedisError) {
        let doubtful = matches!(
            error.kind(),
            ErrorKind::Io
                | ErrorKind::Server(
                    ServerErrorKind::Moved
                        | ServerErrorKind::ClusterDown
                        | ServerErrorKind::MasterDown
                        | ServerErrorKind::ReadOnly
                )
        );
        if doubtful {
            self.outdated.store(true, Ordering::Release);
        }
    }

    /// The line to the node that a slot is on its way to, if a node said so. It may keep no slot yet, and be on no map.
    ///
    /// That is a help to look-ups. A script names keys that are not there yet, and is told to try again until the slot has
    /// arrived.
    pub(crate) fn redirected(&self, error: &RedisError) -> RedisResult<Option<ConnectionManager>> {
        if error.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
            return Ok(None);
        }
        let node = error.redirect_node().and_then(|(place, _)| place.rsplit_once(':'));
        let node = node.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let Some(node) = node.filter(|(host, _): &Node| !host.is_empty()) else { return Ok(None) };
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let line = self.line_to(&map, &node)?;
        if !map.lines.contains_key(&node) {
            Arc::make_mut(&mut map).lines.insert(node, line.clone());
        }
        Ok(Some(line))
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for the map, if it is of another day. One does; the others go on with what there is, most of which is right.
    async fn update(&self) -> RedisResult<()> {
        let Ok(_alone) = self.updating.try_lock() else { return Ok(()) };
        // Before the question: what is noticed meanwhile may be news that the answer does not have.
        if !self.outdated.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let mut asking = Asking { outdated: &self.outdated, is_over: false };
        let map = self.ask().await?;
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        asking.is_over = true;
        Ok(())
    }

    /// The map as the first node tells it that answers.
    async fn ask(&self) -> RedisResult<Map> {
        let before = self.map();
        let mut nodes: Vec<_> = before.lines.keys().cloned().collect();
        nodes.extend(self.known.iter().filter(|node| !before.lines.contains_key(*node)).cloned());
        let before = &before;
        let mut answers = stream::iter(nodes)
            .map(async |node| {
                let mut line = self.line_to(before, &node)?;
                let slots =
                    line.send_packed_command(redis::cmd("CLUSTER").arg("SLOTS")).await?.extract_error()?;
                self.read(before, &node, &slots)
            })
            .buffer_unordered(Self::ASKED);
        let mut last = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(map) => return Ok(map),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| (ErrorKind::ClusterConnectionNotFound, "no node is known").into()))
    }

    /// The map that a node tells, with the lines that are there.
    fn read(&self, before: &Map, asked: &Node, slots: &Value) -> RedisResult<Map> {
        let mut map = Map::default();
        let Value::Array(ranges) = slots else { return Err(unreadable()) };
        for range in ranges {
            let Value::Array(range) = range else { return Err(unreadable()) };
            let [_, Value::Int(last), nodes @ ..] = range.as_slice() else { return Err(unreadable()) };
            let nodes = nodes.iter().map(|node| read_node(asked, node)).collect::<Option<Vec<_>>>();
            let (Ok(last), Some(nodes)) = (u16::try_from(*last), nodes) else { return Err(unreadable()) };
            for node in &nodes {
                if !map.lines.contains_key(node) {
                    map.lines.insert(node.clone(), self.line_to(before, node)?);
                }
            }
            let master = nodes.first().and_then(|master| map.lines.get(master)).cloned();
            map.ranges.extend(master.map(|line| (last, line)));
        }
        map.ranges.sort_unstable_by_key(|(last, _)| *last);
        // A node that was taken out of its cluster knows none.
        if map.ranges.is_empty() { Err(unreadable()) } else { Ok(map) }
    }

    /// The line to a node that there is, or a new one, which connects when it is used.
    fn line_to(&self, map: &Map, node: &Node) -> RedisResult<ConnectionManager> {
        if let Some(line) = map.lines.get(node) {
            return Ok(line.clone());
        }
        let client = Client::open(self.how.clone().set_addr(place(self.how.addr(), node)))?;
        ConnectionManager::new_lazy_with_config(client, self.config.clone())
    }
}

/// A question that is under way: whoever goes away in the middle of it, or has no answer, leaves it to the next.
struct Asking<'c> {
    outdated: &'c AtomicBool,
    is_over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.outdated.store(true, Ordering::Release);
        }
    }
}

/// Where a node is reached, in the way that a known one is: by TLS with the same certificates, or without.
fn place(how: &ConnectionAddr, node: &Node) -> ConnectionAddr {
    let (host, port) = node.clone();
    match how {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    }
}

/// Host and port of a node, as the one that was asked tells them; it may leave out its own host.
fn read_node(asked: &Node, node: &Value) -> Option<Node> {
    let Value::Array(node) = node else { return None };
    let (host, port) = (node.first()?, node.get(1)?);
    let host = match text(host) {
        None | Some("" | "?") => asked.0.clone(),
        Some(host) => host.to_owned(),
    };
    let Value::Int(port) = port else { return None };
    Some((host, u16::try_from(*port).ok()?))
}

fn unreadable() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "a node tells no slots").into()
}

/// The slot of a key: of what stands in its first braces, if anything does.
fn slot(key: &str) -> u16 {
    const SLOTS: u16 = 16_384;
    const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    let inner = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(inner, _)| inner);
    let hashed = inner.filter(|inner| !inner.is_empty()).unwrap_or(key);
    CRC.checksum(hashed.as_bytes()) % SLOTS
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test may panic")]
mod tests {
    use super::*;

    /// S1: slots as `CLUSTER KEYSLOT` of a server says them.
    #[test]
    fn slots_are_those_of_the_server() {
        let keys =
            [("otl:format", 685), ("{otl:00}:sweep", 10_713), ("{otl:a7}:outbox", 9_392), ("a{}b", 13_694)];
        for (key, expected) in keys {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    /// S4: a node that another one told of is reached by TLS if the known ones are, and verified as they are.
    #[test]
    fn a_node_is_reached_as_the_known_ones_are() {
        let node = ("10.0.0.2".to_owned(), 7001);
        for insecure in [false, true] {
            let known = ConnectionAddr::TcpTls {
                host: "redis.internal".to_owned(),
                port: 7000,
                insecure,
                tls_params: None,
            };
            match place(&known, &node) {
                ConnectionAddr::TcpTls { host, port, insecure: told, .. } => {
                    assert_eq!((host, port, told), ("10.0.0.2".to_owned(), 7001, insecure));
                }
                other => panic!("{other}"),
            }
        }
        let plain = ConnectionAddr::Tcp("redis.internal".to_owned(), 7000);
        assert!(matches!(place(&plain, &node), ConnectionAddr::Tcp(host, 7001) if host == "10.0.0.2"));
    }
}
