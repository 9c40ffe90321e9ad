//! What is traced, for tests to look at.

use std::{cell::RefCell, io::Write, sync::Once};

thread_local! {
    /// Everything that is traced on this thread. A test runs on one of its own, with all that it spawns.
    static TRACED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        TRACED.with_borrow_mut(|traced| traced.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Traces everything from here on. For all threads: of one thread's own, another that came to a span first would have said that
/// nobody listens.
pub(crate) fn trace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Here)
            .init();
    });
}

/// What was traced on this thread.
pub(crate) fn traced() -> String {
    TRACED.with_borrow(|traced| String::from_utf8(traced.clone()).unwrap())
}
