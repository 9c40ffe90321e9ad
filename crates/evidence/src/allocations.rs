//! An allocator that counts while it is asked to.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// The system's allocator, which counts while [`counted`] runs: make it the `#[global_allocator]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Allocations, and blocks that were moved or grew.
    pub allocations: u64,
    /// Bytes that were asked for and are not freed again; negative if more was freed.
    pub bytes: i64,
}

/// Threads that do not count share nothing but this: counters would slow down whoever allocates on two of them.
static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

/// Counts what all threads allocate while `work` runs. One at a time.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Counted) {
    let now = || Counted { allocations: ALLOCATIONS.load(Relaxed), bytes: BYTES.load(Relaxed) };
    let before = now();
    COUNTS.store(true, Relaxed);
    let output = work();
    COUNTS.store(false, Relaxed);
    let after = now();
    let counted = Counted {
        allocations: after.allocations.wrapping_sub(before.allocations),
        bytes: after.bytes.wrapping_sub(before.bytes),
    };
    (output, counted)
}

/// No block has more bytes than that.
fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn grew(by: usize) {
    if COUNTS.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(signed(by), Relaxed);
    }
}

fn shrank(by: usize) {
    if COUNTS.load(Relaxed) {
        BYTES.fetch_sub(signed(by), Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grew(size);
        shrank(layout.size());
        // SAFETY: the caller keeps what `realloc` asks for.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        shrank(layout.size());
        // SAFETY: the caller keeps what `dealloc` asks for.
        unsafe { System.dealloc(place, layout) }
    }
}
