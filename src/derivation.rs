//! What keys do to codes within one tenant: digest, derivation, issue (C7, L5, S6).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use crate::{
    code::{Code, CodeFormat},
    digest::{Begun, Digest, Mac, Tag},
    hex::Hex,
    id::{InquiryId, LinkId},
    keyring::{Key, KeyId, KeySet, Keyring},
    secret::{Wiped, fill_random},
    tenant::TenantId,
    time::Timestamp,
};

/// What a link's row keeps of a derived code: useless without the key, as the key is without it (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs, reason = "a store makes it from its row; the rule L5 fixes it")]
pub struct Derivation {
    /// The key under which the code was derived.
    pub key: KeyId,
    /// The random bytes that went into it.
    pub nonce: Nonce,
}

/// 16 random bytes that make a derived code different from every other (L5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// The nonce that a store kept as these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the nonce, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn random() -> Self {
        let mut bytes = [0; 16];
        fill_random(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", Hex(&self.0))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(&self.0))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Nonce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer, crate::hex::read).map(Self)
    }
}

/// The keys of one tenant, made once from the ring: neither works for another tenant (S6).
pub(crate) struct TenantKeys {
    /// The tag and the tenant.
    unkeyed: Begun,
    ring: Option<TenantRing>,
}

/// Why a code of good form cannot have a digest (C7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The code names a key that is not in the ring.
    KeyRetired(KeyId),
    /// The code was made without a key, which is no longer accepted.
    Unkeyed,
}

impl TenantKeys {
    pub(crate) fn new(ring: Option<&Keyring>, tenant: &TenantId) -> Self {
        Self { unkeyed: Begun::new(Tag::CODE, tenant), ring: ring.map(|ring| TenantRing::new(ring, tenant)) }
    }

    /// A new code with its digest: derived under the current key, random without a ring (C1, L5).
    pub(crate) fn issue(
        &self,
        format: &CodeFormat,
        inquiry: &InquiryId,
        link: LinkId,
    ) -> (Code, Digest, Option<Derivation>) {
        if let Some(TenantRing { current, .. }) = &self.ring {
            let nonce = Nonce::random();
            let code = current.derive(format, inquiry, link, nonce);
            let digest = current.digest(&code);
            (code, digest, Some(Derivation { key: current.id, nonce }))
        } else {
            let code = Code::random(format);
            let digest = self.unkeyed_digest(&code);
            (code, digest, None)
        }
    }

    /// The digest under which a store would know the code.
    pub(crate) fn digest(&self, code: &Code, now: Timestamp) -> Result<Digest, Unusable> {
        match KeyId::new(code.key_symbol()) {
            Ok(id) => self.key(id).map(|key| key.digest(code)).ok_or(Unusable::KeyRetired(id)),
            Err(_) if self.accepts_unkeyed(now) => Ok(self.unkeyed_digest(code)),
            Err(_) => Err(Unusable::Unkeyed),
        }
    }

    /// The code that a row's derivation stands for; none if the key has left the ring.
    pub(crate) fn derive(
        &self,
        key: KeyId,
        format: &CodeFormat,
        inquiry: &InquiryId,
        link: LinkId,
        nonce: Nonce,
    ) -> Option<Code> {
        self.key(key).map(|key| key.derive(format, inquiry, link, nonce))
    }

    /// The key under which new codes are made.
    pub(crate) fn current(&self) -> Option<KeyId> {
        self.ring.as_ref().map(|ring| ring.current.id)
    }

    /// All keys of the ring.
    pub(crate) fn key_set(&self) -> KeySet {
        self.ring.iter().flat_map(TenantRing::keys).map(|key| key.id).collect()
    }

    fn key(&self, id: KeyId) -> Option<&TenantKey> {
        self.ring.iter().flat_map(TenantRing::keys).find(|key| key.id == id)
    }

    fn accepts_unkeyed(&self, now: Timestamp) -> bool {
        self.ring.as_ref().is_none_or(|ring| ring.unkeyed_until.is_some_and(|until| now < until))
    }

    fn unkeyed_digest(&self, code: &Code) -> Digest {
        self.unkeyed.finish(code.payload())
    }
}

/// A ring's keys, bound to a tenant.
struct TenantRing {
    current: TenantKey,
    retiring: Vec<TenantKey>,
    unkeyed_until: Option<Timestamp>,
}

impl TenantRing {
    fn new(ring: &Keyring, tenant: &TenantId) -> Self {
        Self {
            current: TenantKey::new(&ring.current, tenant),
            retiring: ring.retiring.iter().map(|key| TenantKey::new(key, tenant)).collect(),
            unkeyed_until: ring.unkeyed_until,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &TenantKey> {
        std::iter::once(&self.current).chain(&self.retiring)
    }
}

/// Two subkeys of one key: HMAC that has taken its pads, so that a use costs a copy of its state.
struct TenantKey {
    id: KeyId,
    digest: Mac,
    derive: Mac,
}

impl TenantKey {
    fn new(key: &Key, tenant: &TenantId) -> Self {
        // Once for a service: by the library, since keys are as long as somebody chose.
        let master: Hmac<Sha256> = KeyInit::new(key.block().into());
        let subkey = |purpose: &[u8]| {
            let bytes = Wiped::<32>(
                master
                    .clone()
                    .chain_update(purpose)
                    .chain_update([0])
                    .chain_update(tenant.as_str())
                    .finalize()
                    .into_bytes()
                    .into(),
            );
            let mut block = Wiped([0; 64]);
            block.0.iter_mut().zip(&bytes.0).for_each(|(slot, byte)| *slot = *byte);
            Mac::new(&block.0)
        };
        Self {
            id: key.id(),
            digest: subkey(b"inquiry-otl v1 digest"),
            derive: subkey(b"inquiry-otl v1 derive"),
        }
    }

    fn digest(&self, code: &Code) -> Digest {
        Digest::from_bytes(self.digest.of(code.payload()))
    }

    fn derive(&self, format: &CodeFormat, inquiry: &InquiryId, link: LinkId, nonce: Nonce) -> Code {
        // An inquiry's 31 bytes, a zero, and two times 16.
        let mut message = [0; 64];
        let id = inquiry.as_bytes();
        let (front, rest) = message.split_at_mut(id.len());
        front.copy_from_slice(id);
        let numbers = link.as_u128().to_be_bytes().into_iter().chain(nonce.0);
        rest.iter_mut().skip(1).zip(numbers).for_each(|(slot, byte)| *slot = byte);
        let len = id.len().saturating_add(33);
        let mac = self.derive.of(message.get(..len).unwrap_or(&message));
        Code::from_parts(format, self.id.get(), Wiped(mac))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn id(number: u8) -> KeyId {
        KeyId::new(number).unwrap()
    }

    fn key(number: u8) -> Key {
        let mut bytes = [7; 32];
        bytes[0] = number;
        Key::new(id(number), &bytes).unwrap()
    }

    fn tenant(text: &str) -> TenantId {
        TenantId::new(text).unwrap()
    }

    fn inquiry(text: &str) -> InquiryId {
        InquiryId::new(text).unwrap()
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros).unwrap()
    }

    const LINK: LinkId = LinkId::from_u128(1);

    /// C7, S6: with or without a key, the digest of a code is another one in another tenant.
    #[test]
    fn a_digest_depends_on_the_tenant() {
        let ring = Keyring::new(key(1)).accept_unkeyed_until(Timestamp::MAX);
        let here = TenantKeys::new(Some(&ring), &tenant("here"));
        let there = TenantKeys::new(Some(&ring), &tenant("there"));
        let (keyed, digest, _) = here.issue(&CodeFormat::default(), &inquiry("inq_1"), LINK);
        assert_eq!(here.digest(&keyed, Timestamp::MIN), Ok(digest));
        assert_ne!(there.digest(&keyed, Timestamp::MIN), Ok(digest));
        let plain = Code::random(&CodeFormat::default());
        assert_ne!(here.digest(&plain, Timestamp::MIN), there.digest(&plain, Timestamp::MIN));
    }

    /// C7: the same secret bytes have one digest without a key and another under each key.
    #[test]
    fn a_digest_depends_on_the_key() {
        let ring = Keyring::new(key(1)).with_retiring(key(2)).unwrap().accept_unkeyed_until(Timestamp::MAX);
        let keys = TenantKeys::new(Some(&ring), &TenantId::default());
        let digest = |symbol| {
            let code = Code::from_parts(&CodeFormat::default(), symbol, Wiped([9; 32]));
            keys.digest(&code, Timestamp::MIN).unwrap()
        };
        assert_ne!(digest(0), digest(1));
        assert_ne!(digest(0), digest(2));
        assert_ne!(digest(1), digest(2));
    }

    /// L5, S6: a derived code is the same for the same row, and another if anything differs.
    #[test]
    fn a_derived_code_depends_on_every_input() {
        let ring = Keyring::new(key(1)).with_retiring(key(2)).unwrap();
        let keys = TenantKeys::new(Some(&ring), &TenantId::default());
        let format = CodeFormat::default();
        let one = inquiry("inq_1");
        let (code, digest, derivation) = keys.issue(&format, &one, LINK);
        let Derivation { key: used, nonce } = derivation.unwrap();
        assert_eq!((used, keys.current()), (id(1), Some(id(1))));

        let again = keys.derive(used, &format, &one, LINK, nonce).unwrap();
        assert!(again.is_same(&code));
        assert_eq!(again.expose().as_str(), code.expose().as_str());
        assert_eq!(keys.digest(&again, Timestamp::MIN), Ok(digest));

        let elsewhere = TenantKeys::new(Some(&ring), &tenant("elsewhere"));
        let others = [
            keys.derive(id(2), &format, &one, LINK, nonce),
            keys.derive(used, &format, &inquiry("inq_2"), LINK, nonce),
            keys.derive(used, &format, &one, LinkId::from_u128(2), nonce),
            keys.derive(used, &format, &one, LINK, Nonce::from_bytes([0; 16])),
            elsewhere.derive(used, &format, &one, LINK, nonce),
        ];
        assert!(others.into_iter().all(|other| !other.unwrap().is_same(&code)));
    }

    /// C7: a code whose key left the ring is told from an unknown one.
    #[test]
    fn a_key_that_left_the_ring_is_named() {
        let old = TenantKeys::new(Some(&Keyring::new(key(1))), &TenantId::default());
        let (code, ..) = old.issue(&CodeFormat::default(), &inquiry("inq_1"), LINK);
        let new = Keyring::new(key(2));
        let none = TenantKeys::new(None, &TenantId::default());
        for keys in [TenantKeys::new(Some(&new), &TenantId::default()), none] {
            assert_eq!(keys.digest(&code, Timestamp::MIN), Err(Unusable::KeyRetired(id(1))));
            assert!(!keys.key_set().contains(id(1)));
        }
        let rotated = new.with_retiring(key(1)).unwrap();
        let rotated = TenantKeys::new(Some(&rotated), &TenantId::default());
        assert_eq!(rotated.digest(&code, Timestamp::MIN), old.digest(&code, Timestamp::MIN));
        assert_eq!(rotated.key_set().bits(), 0b110);
    }

    /// C7: once there is a key, links made without one are refused from the stated date on.
    #[test]
    fn unkeyed_codes_are_refused_from_the_stated_instant_on() {
        let before = TenantKeys::new(None, &TenantId::default());
        let (code, digest, derivation) = before.issue(&CodeFormat::default(), &inquiry("inq_1"), LINK);
        assert_eq!(derivation, None);
        assert_eq!(before.digest(&code, Timestamp::MAX), Ok(digest));

        let strict = Keyring::new(key(1));
        let keys = TenantKeys::new(Some(&strict), &TenantId::default());
        assert_eq!(keys.digest(&code, Timestamp::MIN), Err(Unusable::Unkeyed));

        let keys = TenantKeys::new(Some(&strict.accept_unkeyed_until(at(10))), &TenantId::default());
        assert_eq!(keys.digest(&code, at(9)), Ok(digest));
        assert_eq!(keys.digest(&code, at(10)), Err(Unusable::Unkeyed));
        assert_eq!(keys.digest(&code, at(11)), Err(Unusable::Unkeyed));
    }
}
