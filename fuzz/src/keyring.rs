//! Rings of keys, and what becomes of a code when the ring changes (C2, C4, C7, S6).

use std::{collections::BTreeMap, fmt::Write as _};

use arbitrary::{Arbitrary, Unstructured};
use inquiry_otl::{
    Attempt, Key, KeyError, KeyId, Keyring, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption,
    Refusal, Service, TemplateId, TenantId, Timestamp,
    blocking::{BlockingService, ParkThread},
};

/// A ring before a code is made, one after that, and any bytes as a key.
#[derive(Debug, Arbitrary)]
struct Input<'a> {
    before: Option<Ring>,
    after: Option<Ring>,
    in_other_tenant: bool,
    now: u8,
    number: u8,
    bytes: &'a [u8],
}

#[derive(Debug, Arbitrary)]
struct Ring {
    current: Secret,
    retiring: Vec<Secret>,
    unkeyed_until: Option<u8>,
}

/// A key: few numbers and few bytes, so that two are often the same.
#[derive(Clone, Copy, Debug, Arbitrary)]
struct Secret {
    number: u8,
    byte: u8,
    length: u8,
}

/// Takes the bytes as the two rings that they are.
pub fn run(input: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(input)) else { return };
    any_bytes(input.number, input.bytes);
    let (Ok(before), Ok(after)) = (
        input.before.as_ref().map(Ring::build).transpose(),
        input.after.as_ref().map(Ring::build).transpose(),
    ) else {
        return;
    };
    rotates(&input, before, after);
}

impl Secret {
    fn id(self) -> KeyId {
        KeyId::new(self.number % 31 + 1).expect("a number of a key")
    }

    /// 32 to 64 bytes, no two neighbours alike.
    fn bytes(self) -> Vec<u8> {
        let bytes = (0..32 + usize::from(self.length % 33))
            .map(|at| self.byte ^ u8::try_from(at).unwrap_or_default());
        bytes.collect()
    }

    fn key(self) -> Key {
        Key::new(self.id(), &self.bytes()).expect("a key of good length")
    }

    /// HMAC sees the bytes with zeros behind them.
    fn padded(self) -> [u8; 64] {
        let mut padded = [0; 64];
        padded[..self.bytes().len()].copy_from_slice(&self.bytes());
        padded
    }
}

impl Ring {
    fn secrets(&self) -> impl Iterator<Item = Secret> {
        std::iter::once(self.current).chain(self.retiring.iter().copied())
    }

    /// The ring, which is one if no number comes twice.
    fn build(&self) -> Result<Keyring, KeyError> {
        let mut ring = Ok(Keyring::new(self.current.key()));
        for secret in &self.retiring {
            ring = ring.and_then(|ring| ring.with_retiring(secret.key()));
        }
        let numbers: BTreeMap<_, _> = self.secrets().map(|secret| (secret.id(), secret)).collect();
        match &ring {
            Ok(ring) => {
                assert_eq!(numbers.len(), 1 + self.retiring.len(), "C7: a number stands for two keys");
                assert_eq!(ring.key_set(), numbers.keys().copied().collect(), "C7");
                assert_eq!(ring.current(), self.current.id(), "C7");
                assert!(format!("{ring:?}").len() < 200 + 40 * numbers.len(), "C4");
            }
            Err(error) => {
                assert_eq!(*error, KeyError::DuplicateId);
                assert!(numbers.len() <= self.retiring.len(), "C7: a ring was refused");
            }
        }
        let until = self.unkeyed_until.map(at);
        ring.map(|ring| until.into_iter().fold(ring, Keyring::accept_unkeyed_until))
    }
}

fn at(second: u8) -> Timestamp {
    Timestamp::from_unix_micros(i64::from(second) * 1_000_000).expect("an instant in 1970")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// C7: 32 to 64 bytes that differ are a key, as bytes and as digits, and neither the key nor an error shows them.
fn any_bytes(number: u8, bytes: &[u8]) {
    let Ok(id) = KeyId::new(number) else { return };
    let expected = match bytes {
        bytes if bytes.len() < 32 => Some(KeyError::TooShort),
        bytes if 64 < bytes.len() => Some(KeyError::TooLong),
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => Some(KeyError::NotRandom),
        _ => None,
    };
    let digits = hex(bytes);
    for key in [Key::new(id, bytes), Key::from_hex(id, &digits), Key::from_hex(id, &digits.to_uppercase())] {
        let shown = format!("{key:?}").to_lowercase();
        assert!(digits.len() < 8 || !shown.contains(&digits[..8]), "C4: a key is shown");
        assert_eq!(key.err(), expected, "C7");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    crate::repeats_nothing(Key::from_hex(id, &crate::marked(text)));
    let is_hex = text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if Key::from_hex(id, text).is_ok() {
        assert!(is_hex && (64..=128).contains(&text.len()), "C7: a key was read from {} bytes", text.len());
    }
}

/// C7, S6: what a code that was made under one ring is worth under another.
fn rotates(input: &Input<'_>, before: Option<Keyring>, after: Option<Keyring>) {
    let store = MemoryStore::new();
    let service = |tenant: TenantId, ring: Option<Keyring>| {
        let builder = Service::builder(&store).tenant(tenant).clock(ManualClock::at(at(input.now)));
        let builder = ring.into_iter().fold(builder, inquiry_otl::ServiceBuilder::keyring);
        BlockingService::new(builder.build().expect("a service"), ParkThread)
    };
    let here = TenantId::default();
    let there = if input.in_other_tenant { TenantId::new("other").expect("a tenant") } else { here };
    let (first, second) = (service(here, before), service(there, after));

    let template = TemplateId::new("itmpl_fuzz").expect("a template");
    let inquiry = first.create(NewInquiry::from_template(template)).expect("memory does not fail");
    let link = first.issue(LinkRequest::resume(inquiry.id)).expect("memory does not fail");
    let code = link.code.expose();
    let made_under = input.before.as_ref().map(|ring| ring.current);
    let lead = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".find(&code.as_str()[..1]);
    assert_eq!(lead, Some(made_under.map_or(0, |secret| usize::from(secret.id().get()))), "C2");

    let found = match (made_under, &input.after) {
        (None, None) => Ok(true),
        (None, Some(ring)) if ring.unkeyed_until.is_some_and(|until| input.now < until) => Ok(true),
        (None, Some(_)) => Err(()),
        (Some(secret), ring) => {
            match ring.iter().flat_map(Ring::secrets).find(|other| other.id() == secret.id()) {
                Some(other) => Ok(other.padded() == secret.padded()),
                None => Err(()),
            }
        }
    };
    let diagnosis = second.diagnose(code.as_str()).expect("memory does not fail");
    let told = second.redeem(code.as_str(), &Attempt::new()).expect("memory does not fail");
    match (found, told) {
        (Ok(true), Redemption::Granted(grant)) if !input.in_other_tenant => {
            assert_eq!((grant.link, grant.inquiry.id), (Some(link.id), inquiry.id));
            assert_eq!(diagnosis.refusal, None);
        }
        (Err(()), Redemption::Refused(refused)) => {
            assert_eq!(refused.reason, Refusal::LinkExpired { at: None }, "C7");
            assert_eq!(diagnosis.refusal, Some(Refusal::KeyRetired), "C7");
        }
        (Ok(same), Redemption::Refused(refused)) if input.in_other_tenant || !same => {
            assert_eq!(refused.reason, Refusal::Unknown, "S6, C7");
            assert_eq!(diagnosis.refusal, Some(Refusal::Unknown), "S6, C7");
        }
        (found, told) => panic!("C7: found {found:?}, and it is {told:?}"),
    }
}
