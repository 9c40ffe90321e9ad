//! What a client notes of a call, as a line: so that another process can read it.

use std::{fmt, str::FromStr};

use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use inquiry_otl_histories::{Answer, Call};
use rustix::time::{ClockId, clock_gettime};

use super::plan::Who;

/// A note on the call of that number of somebody, in that history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) history: u32,
    pub(crate) who: Who,
    pub(crate) number: usize,
    /// When, by the clock that all processes of a machine share.
    pub(crate) at: u64,
    pub(crate) what: What,
}

/// What a client notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is about to call.
    Calls,
    /// It was answered.
    Answered(Answer),
    /// Nothing was written: so the store says.
    NothingWritten,
    /// It may have been written, and could not be confirmed: so the store says.
    Unconfirmed,
    /// It may have been written.
    Unknown,
}

impl What {
    /// What came of a call.
    pub(crate) fn of(call: &Call, outcome: Result<Answer, StoreError>) -> Self {
        let error = match outcome {
            Ok(answer) => return Self::Answered(answer),
            Err(error) => error,
        };
        assert_ne!(error.kind(), StoreErrorKind::Corrupt, "{call:?} came to {error:?}");
        match (error.kind(), error.retry(), call) {
            (StoreErrorKind::Unconfirmed, ..) => Self::Unconfirmed,
            // What may be asked again whatever happened: a release is none the worse for it.
            (_, Retry::Safe, Call::Release(_)) => Self::Unknown,
            (_, Retry::Safe, _) => Self::NothingWritten,
            _ => Self::Unknown,
        }
    }
}

/// Nanoseconds since some moment, by a clock that does not go back.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, who, number, at, what } = self;
        match who {
            Who::First => write!(f, "{history} first {number} {at} ")?,
            Who::Client { number: client, part } => write!(f, "{history} {client}/{part} {number} {at} ")?,
            Who::Last => write!(f, "{history} last {number} {at} ")?,
        }
        match what {
            What::Calls => f.write_str("calls"),
            What::Answered(answer) => write!(f, "answered {answer}"),
            What::NothingWritten => f.write_str("nothing-written"),
            What::Unconfirmed => f.write_str("unconfirmed"),
            What::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let mut words = text.splitn(6, ' ');
            let history = words.next()?.parse().ok()?;
            let who = match words.next()? {
                "first" => Who::First,
                "last" => Who::Last,
                client => {
                    let (number, part) = client.split_once('/')?;
                    Who::Client { number: number.parse().ok()?, part: part.parse().ok()? }
                }
            };
            let (number, at) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let what = match (words.next()?, words.next()) {
                ("calls", None) => What::Calls,
                ("answered", Some(answer)) => What::Answered(Answer::read(answer.to_owned())),
                ("nothing-written", None) => What::NothingWritten,
                ("unconfirmed", None) => What::Unconfirmed,
                ("unknown", None) => What::Unknown,
                _ => return None,
            };
            Some(Self { history, who, number, at, what })
        };
        read().ok_or_else(|| format!("a client notes: {text}"))
    }
}
