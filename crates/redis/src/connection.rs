//! One multiplexed connection, to a server or to a cluster; nothing whose fate is unknown is sent again.
//!
//! The driver's own habits, as its source has them: [`ConnectionManager`] reconnects by itself and sends nothing again.
//! [`ClusterConnection`] sends again what a dropped connection or a timeout left in doubt, unless it is told to retry
//! nothing; so it is told, and what follows a redirection is done here, where only what was surely not carried out is
//! sent again.

use std::{sync::Arc, time::Duration};

use inquiry_otl::{StoreError, StoreErrorKind};
use redis::{
    Arg, Cmd, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionLike, ConnectionManager},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};

use crate::{
    fault::{Effect, corrupt, fault, is_not_executed},
    script::Script,
};

/// How many replicas must have a write before it is answered, and how long to wait for them (D1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    pub(crate) count: u16,
    pub(crate) timeout: Duration,
}

/// A handle on the connection, cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    pub(crate) replicas: Option<Replicas>,
}

#[derive(Clone)]
pub(crate) enum Engine {
    Single(ConnectionManager),
    Cluster(Arc<ClusterConnection>),
}

/// A script, its keys and arguments, and what it may have done if nobody answers.
pub(crate) struct Call {
    script: &'static Script,
    cmd: Cmd,
    key: String,
    effect: Effect,
}

impl Call {
    /// The first key names the slot. All that the script may write are named, where they are known: then a cluster that is
    /// moving some of them turns the script away before it begins.
    pub(crate) fn new(script: &'static Script, effect: Effect, keys: &[String]) -> Self {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(script.sha()).arg(keys.len());
        for key in keys {
            cmd.arg(key.as_str());
        }
        Self { script, cmd, key: keys.first().cloned().unwrap_or_default(), effect }
    }

    pub(crate) fn arg(mut self, arg: impl redis::ToRedisArgs) -> Self {
        self.cmd.arg(arg);
        self
    }

    /// The same with the script's text instead of its name, for an engine that forgot it.
    fn with_source(&self) -> Cmd {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(self.script.source());
        for arg in self.cmd.args_iter().skip(2) {
            if let Arg::Simple(bytes) = arg {
                cmd.arg(bytes);
            }
        }
        cmd
    }
}

impl Connection {
    /// How often something that was not carried out is sent again, with a longer pause each time: about a second in all.
    const TRIES: u32 = 8;
    const PAUSE: Duration = Duration::from_millis(8);

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.engine, Engine::Cluster(_))
    }

    /// Runs a script that may write, and waits for the replicas if that is asked for.
    pub(crate) async fn write(&self, call: Call) -> Result<Value, StoreError> {
        self.run(call, self.replicas).await
    }

    /// Runs a script that reads, or whose writes may be lost.
    pub(crate) async fn read(&self, call: Call) -> Result<Value, StoreError> {
        self.run(call, None).await
    }

    /// Sends a command that is no script.
    pub(crate) async fn command(&self, key: &str, cmd: &Cmd, effect: Effect) -> Result<Value, StoreError> {
        self.patiently(key, cmd, None).await.map_err(|error| fault(&error, effect))
    }

    async fn run(&self, call: Call, replicas: Option<Replicas>) -> Result<Value, StoreError> {
        let answer = match self.patiently(&call.key, &call.cmd, replicas).await {
            Err(error) if is_no_script(&error) => {
                self.patiently(&call.key, &call.with_source(), replicas).await
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| fault(&error, call.effect))?;
        match replicas {
            None => Ok(answer),
            Some(replicas) => confirmed(answer, replicas, call.effect),
        }
    }

    /// Runs scripts on one slot, in their order, in one go; each is answered by itself.
    ///
    /// The wait for replicas goes in the same go: on another connection it would wait for nothing, and say that all is well.
    pub(crate) async fn write_all(&self, mut calls: Vec<Call>) -> Vec<Result<Value, StoreError>> {
        if calls.len() < 2 {
            return match calls.pop() {
                Some(call) => vec![self.write(call).await],
                None => Vec::new(),
            };
        }
        let (key, effect) = calls.first().map(|call| (call.key.clone(), call.effect)).unwrap_or_default();
        let count = calls.len().saturating_add(usize::from(self.replicas.is_some()));
        let mut pipeline = Pipeline::with_capacity(count);
        for call in &calls {
            pipeline.add_command(call.cmd.clone());
        }
        if let Some(replicas) = self.replicas {
            pipeline.add_command(wait(replicas));
        }
        let mut values = match self.send_all(&key, pipeline, count).await {
            Ok(values) => values,
            Err(error) => {
                // One of them may have been turned away, and others not.
                let kind = fault(&error, effect).kind();
                return calls.iter().map(|_| Err(StoreError::new(kind, effect.unknown()))).collect();
            }
        };
        let confirmed = match self.replicas {
            None => true,
            Some(replicas) => matches!(values.pop(), Some(Value::Int(n)) if i64::from(replicas.count) <= n),
        };
        let mut answers = Vec::with_capacity(calls.len());
        for (call, value) in calls.into_iter().zip(values) {
            answers.push(match value.extract_error() {
                // One by one, until the engine has learned it.
                Err(error) if is_no_script(&error) => self.write(call).await,
                Err(error) => Err(fault(&error, effect)),
                Ok(answer) if confirmed => Ok(answer),
                Ok(_) => Err(unconfirmed(effect)),
            });
        }
        answers
    }

    async fn send_all(&self, key: &str, pipeline: Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        match &self.engine {
            Engine::Single(manager) => manager.clone().req_packed_commands(&pipeline, 0, count).await,
            Engine::Cluster(cluster) => {
                ClusterConnection::clone(cluster).route_pipeline(pipeline, 0, count, master_of(key)).await
            }
        }
    }

    /// Sends again what was not carried out, which in a cluster is soon over; a single server tells its caller.
    async fn patiently(&self, key: &str, cmd: &Cmd, replicas: Option<Replicas>) -> RedisResult<Value> {
        let mut pause = Self::PAUSE;
        for _ in 1..Self::TRIES {
            match self.once(key, cmd, replicas).await {
                Err(error) if self.is_cluster() && is_not_executed(&error) => {
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                answer => return answer,
            }
        }
        self.once(key, cmd, replicas).await
    }

    /// Sends it once, and behind it, to the same node, the wait for replicas; the answer then is both.
    async fn once(&self, key: &str, cmd: &Cmd, replicas: Option<Replicas>) -> RedisResult<Value> {
        if let Some(replicas) = replicas {
            let mut pipeline = Pipeline::with_capacity(2);
            pipeline.add_command(cmd.clone()).add_command(wait(replicas));
            let values = self.send_all(key, pipeline, 2).await?;
            return Value::Array(values).extract_error();
        }
        match &self.engine {
            Engine::Single(manager) => manager.clone().req_packed_command(cmd).await?.extract_error(),
            Engine::Cluster(cluster) => {
                let routing = RoutingInfo::SingleNode(master_of(key));
                ClusterConnection::clone(cluster).route_command(cmd.clone(), routing).await?.extract_error()
            }
        }
    }
}

fn master_of(key: &str) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master))
}

fn wait(replicas: Replicas) -> Cmd {
    let mut cmd = redis::cmd("WAIT");
    // A wait of 0 would last for ever.
    cmd.arg(replicas.count).arg(u64::try_from(replicas.timeout.as_millis()).unwrap_or(u64::MAX).max(1));
    cmd
}

/// D1: fewer replicas than asked for: written, perhaps, and to be lost with this server.
fn confirmed(answer: Value, replicas: Replicas, effect: Effect) -> Result<Value, StoreError> {
    let Value::Array(mut both) = answer else {
        return Err(corrupt("an answer that is no list"));
    };
    match (both.pop(), both.pop()) {
        (Some(Value::Int(count)), Some(answer)) if i64::from(replicas.count) <= count => Ok(answer),
        _ => Err(unconfirmed(effect)),
    }
}

fn unconfirmed(effect: Effect) -> StoreError {
    StoreError::new(StoreErrorKind::Unconfirmed, effect.unknown())
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
