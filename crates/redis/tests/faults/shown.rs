//! What an error shows.

#![allow(clippy::format_push_string, reason = "a test may be slow")]

/// All that an error says, by every way that it may come to a log.
pub(crate) fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        said.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    said
}
