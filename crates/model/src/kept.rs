//! A record and its fingerprint: most states share most of their records.

use std::{
    hash::{DefaultHasher, Hasher},
    io::{self, Write},
    ops::Deref,
    sync::Arc,
};

use serde::{Serialize, Serializer};

/// A record, shared by the states that hold it as it is.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    record: Arc<T>,
    fingerprint: u128,
}

impl<T: Clone + PartialEq + Serialize> Kept<T> {
    pub(crate) fn new(record: T) -> Self {
        Self { fingerprint: fingerprint(&record), record: Arc::new(record) }
    }

    /// Changes the record, for this state alone.
    pub(crate) fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut record = T::clone(&self.record);
        let result = change(&mut record);
        if record != *self.record {
            *self = Self::new(record);
        }
        result
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}

impl<T> Serialize for Kept<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(self.fingerprint)
    }
}

/// 128 bits of all that there is: that two of millions are the same by chance is not to be expected.
pub(crate) fn fingerprint(of: &impl Serialize) -> u128 {
    let mut prints = Prints([DefaultHasher::new(), DefaultHasher::new()]);
    prints.0[1].write_u8(1);
    let mut buffered = io::BufWriter::with_capacity(4_096, &mut prints);
    serde_json::to_writer(&mut buffered, of).expect("what is kept can be written");
    buffered.flush().expect("a hash takes everything");
    drop(buffered);
    let [low, high] = prints.0.map(|print| u128::from(print.finish()));
    high << 64 | low
}

/// Two hashes of what is written.
struct Prints([DefaultHasher; 2]);

impl Write for Prints {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for print in &mut self.0 {
            print.write(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
