//! One multiplexed connection, to a server or to a cluster; nothing whose fate is unknown is sent again.
//!
//! The driver's [`ConnectionManager`] connects again by itself, and sends nothing again. What a node of a cluster turns away
//! is sent again here, and nothing else.

use std::{sync::Arc, time::Duration};

use inquiry_otl::{StoreError, StoreErrorKind};
use redis::{Arg, Cmd, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionManager};

use crate::{
    cluster::Cluster,
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
    Cluster(Arc<Cluster>),
}

impl Engine {
    /// The line to where a key is kept.
    async fn line(&self, key: &str) -> RedisResult<ConnectionManager> {
        match self {
            Self::Single(line) => Ok(line.clone()),
            Self::Cluster(cluster) => cluster.line(key).await,
        }
    }

    /// Takes notice of an error: perhaps another node keeps that key.
    fn notice(&self, error: &RedisError) {
        if let Self::Cluster(cluster) = self {
            cluster.notice(error);
        }
    }

    /// The line of a node that is taking over a slot, if an error says that it is.
    fn redirected(&self, error: &RedisError) -> RedisResult<Option<ConnectionManager>> {
        match self {
            Self::Single(_) => Ok(None),
            Self::Cluster(cluster) => cluster.redirected(error),
        }
    }
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

    /// Sends a command that reads, and waits until the replicas have what it read, if that is asked for.
    pub(crate) async fn settled(&self, key: &str, cmd: &Cmd) -> Result<Value, StoreError> {
        let answer = self.patiently(key, cmd, self.replicas).await;
        confirmed(answer.map_err(|error| fault(&error, Effect::None))?, self.replicas, Effect::None)
    }

    async fn run(&self, call: Call, replicas: Option<Replicas>) -> Result<Value, StoreError> {
        let answer = match self.patiently(&call.key, &call.cmd, replicas).await {
            Err(error) if is_no_script(&error) => {
                self.patiently(&call.key, &call.with_source(), replicas).await
            }
            answer => answer,
        };
        confirmed(answer.map_err(|error| fault(&error, call.effect))?, replicas, call.effect)
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
        let wait = self.replicas.map(Replicas::wait);
        let count = calls.len().saturating_add(usize::from(wait.is_some()));
        let mut pipeline = Pipeline::with_capacity(count);
        for cmd in calls.iter().map(|call| &call.cmd).chain(&wait) {
            pipeline.add_command(cmd.clone());
        }
        let sent = async { self.engine.line(&key).await?.send_packed_commands(&pipeline, 0, count).await };
        let mut values = match sent.await {
            Ok(values) => values,
            Err(error) => {
                self.engine.notice(&error);
                // What one of them was told stands in its answer: this is the line's, over which nothing went if there is none.
                return calls.iter().map(|_| Err(fault(&error, effect))).collect();
            }
        };
        let confirmed = self.replicas.is_none_or(|replicas| replicas.have_it(values.pop().as_ref()));
        let mut answers = Vec::with_capacity(calls.len());
        for (call, value) in calls.into_iter().zip(values) {
            answers.push(match value.extract_error() {
                // One by one, until the engine has learned it.
                Err(error) if is_no_script(&error) => self.write(call).await,
                Err(error) => {
                    self.engine.notice(&error);
                    Err(fault(&error, effect))
                }
                Ok(answer) if confirmed => Ok(answer),
                Ok(_) => Err(unconfirmed(effect)),
            });
        }
        answers
    }

    /// Sends again what was not carried out, which in a cluster is soon over; a single server tells its caller.
    ///
    /// Where replicas are waited for, the answer is a list: the command's own, and that of the wait.
    async fn patiently(&self, key: &str, cmd: &Cmd, replicas: Option<Replicas>) -> RedisResult<Value> {
        let wait = replicas.map(Replicas::wait);
        let mut pause = Self::PAUSE;
        for _ in 1..Self::TRIES {
            match self.once(key, cmd, wait.as_ref()).await {
                Err(error) if self.is_cluster() && is_not_executed(&error) => {
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                answer => return answer,
            }
        }
        self.once(key, cmd, wait.as_ref()).await
    }

    /// Sends it once; and once more to the node that its slot is on its way to, if it is.
    async fn once(&self, key: &str, cmd: &Cmd, wait: Option<&Cmd>) -> RedisResult<Value> {
        let answer = send(self.engine.line(key).await?, false, cmd, wait).await;
        let Err(error) = &answer else { return answer };
        self.engine.notice(error);
        match self.engine.redirected(error)? {
            Some(other) => send(other, true, cmd, wait).await,
            None => answer,
        }
    }
}

impl Replicas {
    fn wait(self) -> Cmd {
        let mut cmd = redis::cmd("WAIT");
        // A wait of 0 would last for ever.
        let timeout = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        cmd.arg(self.count).arg(timeout);
        cmd
    }

    /// Whether enough of them have it.
    fn have_it(self, waited: Option<&Value>) -> bool {
        matches!(waited, Some(Value::Int(count)) if i64::from(self.count) <= *count)
    }
}

/// Sends a command, and behind it, on the same line, the wait for replicas; the answer then is both.
///
/// `WAIT` asks for all that was written before its line's last command, by whomever. So an answer for which nothing is
/// written waits for what it goes by.
async fn send(
    mut line: ConnectionManager,
    is_asking: bool,
    cmd: &Cmd,
    wait: Option<&Cmd>,
) -> RedisResult<Value> {
    if !is_asking && wait.is_none() {
        return line.send_packed_command(cmd).await?.extract_error();
    }
    let asking = is_asking.then(|| redis::cmd("ASKING"));
    let first = usize::from(is_asking);
    let mut pipeline = Pipeline::with_capacity(3);
    for cmd in asking.iter().chain([cmd]).chain(wait) {
        pipeline.add_command(cmd.clone());
    }
    let count = pipeline.len().saturating_sub(first);
    let mut values = line.send_packed_commands(&pipeline, first, count).await?;
    // An error of the wait says nothing of the command, which was carried out before it.
    let waited = wait.and_then(|_| values.pop());
    let answer = values.pop().unwrap_or(Value::Nil).extract_error()?;
    Ok(match waited {
        Some(waited) => Value::Array(vec![answer, waited]),
        None => answer,
    })
}

/// D1: fewer replicas than asked for, or no word of them: written, perhaps, and to be lost with this server.
fn confirmed(answer: Value, replicas: Option<Replicas>, effect: Effect) -> Result<Value, StoreError> {
    let Some(replicas) = replicas else { return Ok(answer) };
    let Value::Array(mut both) = answer else { return Err(corrupt("an answer that is no list")) };
    match (both.pop(), both.pop()) {
        (waited, Some(answer)) if replicas.have_it(waited.as_ref()) => Ok(answer),
        _ => Err(unconfirmed(effect)),
    }
}

fn unconfirmed(effect: Effect) -> StoreError {
    StoreError::new(StoreErrorKind::Unconfirmed, effect.unknown())
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
