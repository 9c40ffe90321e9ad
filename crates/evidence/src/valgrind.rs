//! What a program tells the valgrind that runs it: which bytes are secret.
//!
//! Memcheck follows bits that were never written, and complains where a branch or an address depends on one. Bytes that
//! are marked so, although they were written, are followed the same way. Outside of valgrind all of this does nothing.

use std::hint::black_box;

/// Marks bytes as secret: a branch or an address that depends on them is an error from here on.
pub fn secret<T: AsRef<[u8]> + ?Sized>(value: &T) -> &T {
    mark(MAKE_MEM_UNDEFINED, value.as_ref());
    // What the compiler knows of the bytes, it forgets here, or it would go on with a copy that is not marked.
    black_box(value)
}

/// Marks bytes as public again.
pub fn public<T: AsRef<[u8]> + ?Sized>(value: &T) -> &T {
    mark(MAKE_MEM_DEFINED, value.as_ref());
    black_box(value)
}

/// Whether all bits of all bytes are secret: that a mark has reached what was computed from it.
#[must_use]
pub fn is_secret<T: AsRef<[u8]> + ?Sized>(value: &T) -> bool {
    let bytes = value.as_ref();
    let mut marks = vec![0_u8; bytes.len()];
    let answer =
        request(GET_VBITS, bytes.as_ptr().addr(), marks.as_mut_ptr().expose_provenance(), bytes.len());
    // The marks are written by valgrind, which the compiler cannot see.
    answer == 1 && black_box(marks).iter().all(|mark| *mark == u8::MAX)
}

/// Whether valgrind runs this program.
#[must_use]
pub fn is_watched() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0, 0) != 0
}

/// Starts to count instructions anew, with callgrind.
pub fn begin_count() {
    request(ZERO_STATS, 0, 0, 0);
}

/// Writes down what was counted since it began, with callgrind.
pub fn end_count() {
    request(DUMP_STATS, 0, 0, 0);
}

fn mark(what: usize, bytes: &[u8]) {
    request(what, bytes.as_ptr().expose_provenance(), bytes.len(), 0);
}

const RUNNING_ON_VALGRIND: usize = 0x1001;
/// Those of memcheck begin with its letters, `MC`.
const MAKE_MEM_UNDEFINED: usize = 0x4D43_0001;
const MAKE_MEM_DEFINED: usize = 0x4D43_0002;
const GET_VBITS: usize = 0x4D43_0008;
/// Those of callgrind, `CT`.
const DUMP_STATS: usize = 0x4354_0000;
const ZERO_STATS: usize = 0x4354_0001;

/// A client request: rotations that leave a register as it was, which valgrind knows. The answer is 0 without valgrind.
#[cfg(target_arch = "x86_64")]
fn request(what: usize, first: usize, second: usize, third: usize) -> usize {
    let request = [what, first, second, third, 0, 0];
    let mut answer = 0_usize;
    // SAFETY: to a processor this does nothing but set the flags. Valgrind reads the six words, and what it writes it
    // writes to the register of the answer, or to where the caller said, which is the caller's to write.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const request,
            inout("rdx") answer,
        );
    }
    answer
}

/// No client requests are written down here for other processors.
#[cfg(not(target_arch = "x86_64"))]
fn request(_what: usize, _first: usize, _second: usize, _third: usize) -> usize {
    0
}
