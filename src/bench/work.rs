//! What is measured, and under which load.

use std::fmt;

/// What a batch consists of. What it needs is made before, and not timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Work {
    /// For each of so many live links: create another one for its inquiry, then redeem it. The number of live links
    /// stays.
    Turnover,
    /// Create links.
    Issue,
    /// Redeem live links, which were created long before.
    Redeem,
    /// Look at live links (D3).
    Peek,
    /// Refuse codes in which one symbol is wrong (C2).
    Mangled,
    /// Refuse codes of good form that nobody has made.
    Unknown,
    /// Refuse links whose time is over (L2).
    Expired,
    /// Refuse links that were used (D1).
    Used,
    /// Claim links, then commit the claims (D5).
    ClaimAndCommit,
    /// Create all links of the batch by one call.
    IssueMany,
    /// Revoke all links of so many inquiries (L6).
    RevokeAll,
    /// Remove so many links that are past keeping (S3). For stores with housekeeping.
    Purge,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 12] = [
        Self::Turnover,
        Self::Issue,
        Self::Redeem,
        Self::Peek,
        Self::Mangled,
        Self::Unknown,
        Self::Expired,
        Self::Used,
        Self::ClaimAndCommit,
        Self::IssueMany,
        Self::RevokeAll,
        Self::Purge,
    ];

    /// Its name in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turnover => "issue + redeem",
            Self::Issue => "issue",
            Self::Redeem => "redeem",
            Self::Peek => "peek",
            Self::Mangled => "refuse mangled",
            Self::Unknown => "refuse unknown",
            Self::Expired => "refuse expired",
            Self::Used => "refuse used",
            Self::ClaimAndCommit => "claim + commit",
            Self::IssueMany => "issue in bulk",
            Self::RevokeAll => "revoke all",
            Self::Purge => "purge",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much of it a batch is, and how many do it at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    pub(super) calls: usize,
    pub(super) threads: usize,
    pub(super) tasks: usize,
}

impl Load {
    /// So many calls, one after the other.
    #[must_use]
    pub const fn new(calls: usize) -> Self {
        Self { calls: if calls == 0 { 1 } else { calls }, threads: 1, tasks: 1 }
    }

    /// The same calls, spread over so many threads, which begin together.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = if threads == 0 { 1 } else { threads };
        self
    }

    /// The same calls, spread over so many tasks on each thread, all of them under way at a time.
    #[must_use]
    pub const fn tasks(mut self, tasks: usize) -> Self {
        self.tasks = if tasks == 0 { 1 } else { tasks };
        self
    }

    /// Calls in a batch.
    #[must_use]
    pub const fn calls(&self) -> usize {
        self.calls
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls", self.calls)?;
        match (self.threads, self.tasks) {
            (1, 1) => Ok(()),
            (threads, 1) => write!(f, ", {threads} threads"),
            (1, tasks) => write!(f, ", {tasks} tasks"),
            (threads, tasks) => write!(f, ", {threads} threads of {tasks} tasks"),
        }
    }
}
