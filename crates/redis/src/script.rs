//! The scripts: each decides everything before its first write.

use std::sync::LazyLock;

/// A script and the name by which the engine keeps it.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    sha: LazyLock<String>,
}

impl Script {
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    pub(crate) fn sha(&self) -> &str {
        &self.sha
    }
}

/// Declares a script of its parts, in their order.
macro_rules! script {
    ($name:ident, $($part:literal),+) => {
        pub(crate) static $name: Script = Script {
            source: concat!($(include_str!(concat!("lua/", $part, ".lua"))),+),
            sha: LazyLock::new(|| redis::Script::new($name.source).get_hash().to_owned()),
        };
    };
}

script!(CREATE, "prelude", "inquiry", "ending", "replacing", "listed", "create");
script!(CHANGE, "prelude", "inquiry", "ending", "replacing", "change");
script!(ISSUE, "prelude", "inquiry", "generation", "link", "session", "issue", "ending", "lapse");
script!(
    REDEEM, "prelude", "inquiry", "link", "session", "starting", "find", "attempt", "redeem", "use",
    "ending", "lapse"
);
script!(
    COMMIT, "prelude", "inquiry", "link", "session", "starting", "named", "attempt", "commit", "use",
    "ending", "lapse"
);
script!(RELEASE, "prelude", "link", "release");
script!(REVOKE, "prelude", "inquiry", "generation", "link", "session", "ending", "revoke");
script!(START, "prelude", "inquiry", "starting", "start", "ending", "lapse");
script!(READ, "prelude", "link", "find", "read");
script!(LIST, "prelude", "link", "list");
script!(LISTING, "prelude", "listing");
script!(SWEEP, "prelude", "inquiry", "ending", "sweep");
script!(PURGE, "prelude", "inquiry", "link", "session", "ending", "listed", "purge");
script!(ACKNOWLEDGE, "prelude", "inquiry", "ending", "acknowledge");
script!(KEEP, "keep");
script!(FORGET, "forget");
