//! Processor time of a thread: what others do on the machine meanwhile is not in it.

use std::time::Duration;

/// The processor time that the calling thread took so far, where the system tells it.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[must_use]
pub fn thread_time() -> Option<Duration> {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanos: i64,
    }

    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }

    const THREAD_CPUTIME: i32 = 3;

    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the struct is that of 64-bit Linux, and lives as long as the call.
    let failed = unsafe { clock_gettime(THREAD_CPUTIME, &raw mut time) } != 0;
    let seconds = u64::try_from(time.seconds).ok()?;
    (!failed).then(|| Duration::new(seconds, u32::try_from(time.nanos).unwrap_or_default()))
}

/// The processor time that the calling thread took so far, where the system tells it.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
#[must_use]
pub fn thread_time() -> Option<Duration> {
    None
}
