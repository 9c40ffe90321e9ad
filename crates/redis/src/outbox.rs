//! The durable events: a stream in each partition (V1).

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use inquiry_otl::{
    Retry, StoreError, StoreErrorKind,
    store::{Delivery, Outbox, Receipt},
};
use redis::{Cmd, Value};

use crate::{
    connection::Call,
    fault::{Effect, corrupt},
    fields::{fields, items, number, word},
    keys::PARTITIONS,
    record, script,
    store::RedisStore,
};

/// How many events are acknowledged by one script.
const BATCH: usize = 200;
/// How many partitions are asked at a time.
const AT_A_TIME: usize = 64;

impl RedisStore {
    fn stream(&self, partition: u16) -> String {
        self.keys.base(partition) + "outbox"
    }

    /// How many events wait in each partition from that one on.
    async fn waiting(&self, from: u16) -> Result<Vec<(u16, u64)>, StoreError> {
        let asked = (from..PARTITIONS).map(|partition| {
            let key = self.stream(partition);
            let mut length = redis::cmd("XLEN");
            length.arg(&key);
            async move {
                let count = self.connection.command(&key, &length, Effect::None).await?;
                Ok((partition, number(&[count], 0)?))
            }
        });
        stream::iter(asked).buffered(AT_A_TIME).try_collect().await
    }
}

impl Outbox for RedisStore {
    async fn pending(&self, after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let behind = match &after {
            None => None,
            Some(receipt) => Some(read_receipt(receipt).ok_or_else(not_ours)?),
        };
        let from = behind.map_or(0, |(partition, _)| partition);
        let mut deliveries = Vec::new();
        for (partition, waiting) in self.waiting(from).await? {
            let room = (limit as usize).saturating_sub(deliveries.len());
            if room == 0 {
                break;
            }
            if waiting == 0 {
                continue;
            }
            let start = match behind {
                Some((first, place)) if first == partition => format!("({place}"),
                _ => "-".to_owned(),
            };
            // Nobody hears of a change that a failover can still undo (V1).
            let key = self.stream(partition);
            let answer = self.connection.settled(&key, &range(&key, &start, room)).await?;
            for entry in items(&answer)? {
                deliveries.push(delivery(partition, items(entry)?)?);
            }
        }
        Ok(deliveries)
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<u64, StoreError> {
        let mut partitions: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for (partition, place) in receipts.iter().filter_map(read_receipt) {
            partitions.entry(partition).or_default().push(place);
        }
        let mut acknowledged = 0_u64;
        for (partition, places) in partitions {
            for batch in places.chunks(BATCH) {
                let keys = [self.stream(partition), self.keys.base(partition) + "ended"];
                let call = Call::new(&script::ACKNOWLEDGE, Effect::None, &keys)
                    .arg(self.keys.base(partition))
                    .arg(batch);
                let answer = self.connection.write(call).await?;
                acknowledged = acknowledged.saturating_add(number(&[answer], 0)?);
            }
        }
        Ok(acknowledged)
    }
}

fn range(key: &str, start: &str, count: usize) -> Cmd {
    let mut range = redis::cmd("XRANGE");
    range.arg(key).arg(start).arg("+").arg("COUNT").arg(count);
    range
}

fn delivery(partition: u16, entry: &[Value]) -> Result<Delivery, StoreError> {
    let receipt = Receipt::new(&format!("{partition:02x}-{}", word(entry, 0)?));
    // Its one field, behind that field's name.
    let columns = items(entry.get(1).ok_or_else(|| corrupt("event"))?)?;
    let event = record::event(fields(columns, 1).ok_or_else(|| corrupt("event"))?)?;
    Ok(Delivery { receipt, event })
}

/// Somebody else made that receipt.
fn not_ours() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Useless)
}

/// The partition of a receipt, and the place in its stream.
fn read_receipt(receipt: &Receipt) -> Option<(u16, &str)> {
    let (partition, place) = receipt.as_str().split_once('-')?;
    let partition = u16::from_str_radix(partition, 16).ok().filter(|partition| *partition < PARTITIONS)?;
    let (high, low) = place.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    (is_number(high) && is_number(low)).then_some((partition, place))
}
