//! What is dropped is not in memory any more: a child process looks through its own.

use std::{
    fs::{self, File},
    future::Future,
    hint::black_box,
    ops::Range,
    os::unix::fs::FileExt,
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
};

use inquiry_otl::{
    Attempt, AttemptKey, Claiming, CodeFormat, Key, KeyId, Keyring, LinkRequest, MemoryStore, Redemption,
    Service,
};

use crate::support::new_inquiry;

const CHILD: &str = "INQUIRY_OTL_LOOKS_AT_ITS_MEMORY";
/// What is looked for is never in memory as it is.
const MASK: u8 = 0xA5;

/// C4: a URL, the text of a code, and a code's own bytes are wiped when they are dropped.
#[test]
fn what_is_dropped_is_wiped() {
    in_a_child("what_is_dropped_is_wiped", "looked at 2 services", look);
}

/// C4, D7: and so are keys, tokens of sessions and of claims, attempt keys, and a code that was read.
#[test]
fn every_kind_of_secret_is_wiped() {
    in_a_child("every_kind_of_secret_is_wiped", "looked at 9 kinds", look_at_each_kind);
}

/// Lets a process of its own look, where no other test leaves anything in memory.
fn in_a_child(test: &str, says: &str, look: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return look();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("wipe::{test}"), "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains(says), "{said}");
}

/// Makes links without a runtime, so that all that there is of them is on the stack or in the boxes below.
fn look() {
    let keyring = Keyring::new(Key::random(KeyId::new(1).unwrap()));
    let services = [
        Service::new(MemoryStore::new()),
        Service::builder(MemoryStore::new()).keyring(keyring).build().unwrap(),
    ];
    for service in &services {
        let inquiry = wait(service.create(new_inquiry())).unwrap();
        let link = Box::new(wait(service.issue(LinkRequest::resume(inquiry.id))).unwrap());
        // The generator remembers what it drew last, until it draws more: that is another place than the code's.
        (0..64).for_each(|_| drop(black_box(Key::random(KeyId::new(1).unwrap()))));
        let shown = Box::new(link.code.expose());
        let symbols = masked_symbols(link.url.expose());
        let bytes = masked_bytes(link.url.expose());
        // Twins that nobody wipes: what the search must find, so that it means something when it finds nothing.
        let text_twin = format!("{}{}", " ".repeat(64), link.url.expose());
        let mut byte_twin = Box::new([0_u8; 128]);
        byte_twin.iter_mut().skip(64).zip(&bytes).for_each(|(slot, masked)| *slot = masked ^ MASK);

        let mut memory = Memory::of_this_process();
        // The URL, the text, the twin of both; the code, and its twin.
        assert_eq!((memory.count(&symbols), memory.count(&bytes)), (3, 2));
        drop(black_box(link));
        assert_eq!((memory.count(&symbols), memory.count(&bytes)), (2, 1));
        drop(black_box(shown));
        assert_eq!((memory.count(&symbols), memory.count(&bytes)), (1, 1));
        drop(black_box(text_twin));
        drop(black_box(byte_twin));
        assert_eq!((memory.count(&symbols), memory.count(&bytes)), (1, 1));
    }
    println!("looked at {} services", services.len());
}

/// One secret of each kind, in a box of its own.
fn look_at_each_kind() {
    let id = |number| KeyId::new(number).unwrap();
    let bytes = |number: u8| -> [u8; 32] {
        let mut place = 0;
        [0; 32].map(|_: u8| {
            place += 7;
            place ^ number
        })
    };
    let masked = |bytes: [u8; 32]| bytes.map(|byte| byte ^ MASK).to_vec();
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();

    is_wiped(Box::new(Key::new(id(1), &bytes(1)).unwrap()), &masked(bytes(1)));
    is_wiped(Box::new(Key::from_hex(id(2), &hex(bytes(2))).unwrap()), &masked(bytes(2)));
    // A ring that grew, and one that went into a service, which keeps what it made of the keys.
    let ring = |from: u8| {
        let key = |n| Key::new(id(n), &bytes(from + n)).unwrap();
        (4..20).fold(Keyring::new(key(3)), |ring, n| ring.with_retiring(key(n)).unwrap())
    };
    is_wiped(Box::new(ring(100)), &masked(bytes(104)));
    let service = Service::builder(MemoryStore::new()).keyring(ring(200)).build().unwrap();
    let mut memory = Memory::of_this_process();
    for number in 203..220 {
        assert_eq!(memory.count(&masked(bytes(number))), 0, "key {number} is still there");
    }

    let new_link = || {
        let inquiry = wait(service.create(new_inquiry())).unwrap();
        wait(service.issue(LinkRequest::resume(inquiry.id))).unwrap()
    };
    // The generator remembers what it drew last, until it draws more.
    let forget = || (0..64).for_each(|_| drop(black_box(Key::random(id(1)))));
    let Redemption::Granted(grant) = wait(service.redeem(new_link().url.expose(), &Attempt::new())).unwrap()
    else {
        panic!("a live link was refused");
    };
    forget();
    let symbols = masked_text(grant.token.expose().as_str());
    is_wiped(Box::new(grant.token.expose()), &symbols);
    let token = masked_bytes(grant.token.expose().as_str());
    is_wiped(Box::new(grant.token), &token);

    let Claiming::Claimed(claim) = wait(service.claim(new_link().url.expose(), &Attempt::new())).unwrap()
    else {
        panic!("a live link was not claimed");
    };
    forget();
    let token = masked_bytes(claim.token.expose().as_str());
    is_wiped(Box::new(claim), &token);

    let key = AttemptKey::random();
    forget();
    let text = masked_text(key.expose());
    is_wiped(Box::new(Attempt::new().with_key(key)), &text);

    let link = new_link();
    let code = masked_bytes(link.url.expose());
    let read = CodeFormat::default().parse(link.code.expose().as_str()).unwrap();
    drop(black_box(link));
    forget();
    is_wiped(Box::new(read), &code);
    println!("looked at 9 kinds");
}

/// A secret is in memory until it is dropped; a twin that nobody wipes stays.
fn is_wiped<T>(secret: Box<T>, masked: &[u8]) {
    let mut twin = vec![0_u8; 64 + masked.len()];
    twin.iter_mut().skip(64).zip(masked).for_each(|(slot, masked)| *slot = masked ^ MASK);
    let mut memory = Memory::of_this_process();
    let name = std::any::type_name::<T>();
    assert_eq!(memory.count(masked), 2, "{name} and its twin");
    drop(black_box(secret));
    assert_eq!(memory.count(masked), 1, "the twin of {name}");
    drop(black_box(twin));
    assert_eq!(memory.count(masked), 1, "what is left of the twin of {name}");
}

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn masked_text(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| byte ^ MASK).collect()
}

/// The secret symbols of the code at the end of a URL, masked: without the key's symbol.
fn masked_symbols(url: &str) -> Vec<u8> {
    let mut symbols = Vec::with_capacity(34);
    symbols.extend(url.bytes().skip(url.len() - 34).map(|byte| byte ^ MASK));
    symbols
}

/// The secret bytes of the code at the end of a URL, masked.
fn masked_bytes(url: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bytes = Vec::with_capacity(20);
    let (mut held, mut bits) = (0_u16, 0);
    for symbol in url.bytes().skip(url.len() - 34).take(32) {
        let value = ALPHABET.iter().position(|other| *other == symbol).unwrap();
        held = held << 5 | u16::try_from(value).unwrap();
        bits += 5;
        if 8 <= bits {
            bits -= 8;
            bytes.push((held >> bits & 255) as u8 ^ MASK);
        }
    }
    bytes
}

/// The writable memory of this process but its stacks and what it reads into; all of it is known beforehand,
/// so that looking allocates nothing.
struct Memory {
    file: File,
    ranges: Vec<Range<usize>>,
    page: Vec<u8>,
}

impl Memory {
    const PAGE: usize = 1 << 20;

    fn of_this_process() -> Self {
        let page = vec![0; Self::PAGE];
        let mut ranges = Vec::with_capacity(1 << 12);
        let on_stack = 0_u8;
        let stack = std::ptr::from_ref(&on_stack).addr();
        let own = page.as_ptr().addr()..page.as_ptr().addr() + page.len();
        let file = File::open("/proc/self/mem").unwrap();
        for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let mut words = line.split_whitespace();
            let (first, last) = words.next().unwrap().split_once('-').unwrap();
            let [first, last] = [first, last].map(|text| usize::from_str_radix(text, 16).unwrap());
            let writable = words.next().unwrap().starts_with("rw");
            if !writable || line.ends_with("[stack]") || (first..last).contains(&stack) {
                continue;
            }
            ranges.push(first..last.min(own.start).max(first));
            ranges.push(first.max(own.end).min(last)..last);
        }
        ranges.retain(|range| !range.is_empty());
        ranges.dedup();
        Self { file, ranges, page }
    }

    /// How often what is masked occurs.
    fn count(&mut self, masked: &[u8]) -> usize {
        let mut found = 0;
        for range in &self.ranges {
            let mut at = range.start;
            while at < range.end {
                let len = (range.end - at).min(Self::PAGE);
                let Ok(read) = self.file.read_at(&mut self.page[..len], at as u64) else { break };
                let hit =
                    |window: &&[u8]| window.iter().zip(masked).all(|(byte, masked)| byte ^ MASK == *masked);
                found += self.page[..read].windows(masked.len()).filter(hit).count();
                if read < masked.len() || at + read == range.end {
                    break;
                }
                at += read - (masked.len() - 1);
            }
        }
        self.page.fill(0);
        found
    }
}
