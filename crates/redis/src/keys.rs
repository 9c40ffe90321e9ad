//! Where things are: the keys of a store, and the partition of an inquiry.

use std::sync::Arc;

use inquiry_otl::{Digest, InquiryId, LinkId, TenantId, store::InquiryKey};

use crate::open::OpenError;

/// How many partitions there are: each is one slot of a cluster, and may be on any of its nodes.
pub(crate) const PARTITIONS: u16 = 256;

/// The keys of a store: all begin with its prefix, or with the prefix in braces.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Arc<str>,
}

impl Keys {
    const LONGEST: usize = 48;

    /// Takes 1 to 48 letters, digits and `-`, `_`, `.`, `:`: no braces, which name the slot of a cluster, and nothing that
    /// means something in a pattern of keys.
    pub(crate) fn new(prefix: &str) -> Result<Self, OpenError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if prefix.is_empty() || Self::LONGEST < prefix.len() || !prefix.bytes().all(allowed) {
            return Err(OpenError::Prefix);
        }
        Ok(Self { prefix: Arc::from(prefix) })
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What version of the layout this is, and how many partitions.
    pub(crate) fn format(&self) -> String {
        format!("{}:format", self.prefix)
    }

    /// From a digest to the place of its link; in no partition, since only the inquiry knows that.
    ///
    /// The key holds the whole digest, so the engine's own hash table finds it; a record's digest is compared again, in
    /// constant time (C3).
    pub(crate) fn lookup(&self, digest: &Digest) -> String {
        format!("{}:code:{}", self.prefix, hex(digest))
    }

    /// A look-up by digits that a script gave.
    pub(crate) fn lookup_of(&self, digits: &str) -> String {
        format!("{}:code:{digits}", self.prefix)
    }

    /// What all keys of a partition begin with; what stands in braces decides the slot.
    pub(crate) fn base(&self, partition: u16) -> String {
        format!("{{{}:{partition:02x}}}:", self.prefix)
    }

    pub(crate) fn place(&self, key: &InquiryKey) -> Place {
        let partition = partition(key);
        Place {
            partition,
            base: self.base(partition),
            name: format!("{}/{}", key.tenant.as_str(), key.inquiry.as_str()),
        }
    }
}

/// Where an inquiry is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) partition: u16,
    pub(crate) base: String,
    pub(crate) name: String,
}

impl Place {
    /// The key of the inquiry, or of a kind of what it has.
    pub(crate) fn key(&self, kind: &str) -> String {
        format!("{}{kind}:{}", self.base, self.name)
    }

    /// What a look-up says: partition, tenant, inquiry, link.
    pub(crate) fn of_link(&self, link: LinkId) -> String {
        format!("{:02x}/{}/{link}", self.partition, self.name)
    }

    /// The same, without a link.
    pub(crate) fn of_inquiry(&self) -> String {
        format!("{:02x}/{}/", self.partition, self.name)
    }
}

/// The place that a look-up says; nothing if that is not what stands there.
pub(crate) fn read_lookup(keys: &Keys, place: &str) -> Option<(InquiryKey, Place)> {
    let mut parts = place.split('/');
    let partition = u16::from_str_radix(parts.next()?, 16).ok()?;
    let tenant = TenantId::new(parts.next()?).ok()?;
    let inquiry = InquiryId::new(parts.next()?).ok()?;
    LinkId::new(parts.next()?).ok()?;
    let key = InquiryKey { tenant, inquiry };
    let place = keys.place(&key);
    (parts.next().is_none() && place.partition == partition).then_some((key, place))
}

/// The partition of an inquiry: FNV-1a with 32 bits over `tenant/inquiry`, its four bytes folded into one. It stands in
/// every key, so it is the same in every version.
fn partition(key: &InquiryKey) -> u16 {
    let bytes = key.tenant.as_str().bytes().chain([b'/']).chain(key.inquiry.as_str().bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes().into_iter().fold(0, |folded, byte| folded ^ u16::from(byte))
}

/// A digest as text.
pub(crate) fn hex(digest: &Digest) -> String {
    hex_bytes(digest.as_bytes())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex_bytes(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// A digest, or nothing, which is empty text.
pub(crate) fn optional_hex(digest: Option<&Digest>) -> String {
    digest.map(hex).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S6: an inquiry stays in its partition, whatever the version.
    #[test]
    fn a_partition_is_for_ever() {
        let key = |tenant: &str, inquiry: &str| InquiryKey {
            tenant: TenantId::new(tenant).unwrap(),
            inquiry: InquiryId::new(inquiry).unwrap(),
        };
        assert_eq!(partition(&key("default", "inq_1")), 0x53);
        assert_eq!(partition(&key("acme-eu", "inq_2CVZ4HyVg7qaboXz2PUHknAn")), 0x7a);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..4_096 {
            seen.insert(partition(&key("default", &format!("inq_{n}"))));
        }
        assert_eq!(seen.len(), usize::from(PARTITIONS));
    }
}
