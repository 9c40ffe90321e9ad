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

use inquiry_otl::{Key, KeyId, Keyring, LinkRequest, MemoryStore, Service};

use crate::support::new_inquiry;

const CHILD: &str = "INQUIRY_OTL_LOOKS_AT_ITS_MEMORY";
/// What is looked for is never in memory as it is.
const MASK: u8 = 0xA5;

/// C4: a URL, the text of a code, and a code's own bytes are wiped when they are dropped.
#[test]
fn what_is_dropped_is_wiped() {
    if std::env::var_os(CHILD).is_some() {
        return look();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wipe::what_is_dropped_is_wiped", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("looked at 2 services"), "{said}");
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

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
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
