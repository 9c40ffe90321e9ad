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

script!(CREATE, "prelude", "inquiry", "create");
script!(CHANGE, "prelude", "inquiry", "change");
script!(ISSUE, "prelude", "inquiry", "issue");
script!(REDEEM, "prelude", "inquiry", "attempt", "redeem");
script!(COMMIT, "prelude", "inquiry", "attempt", "commit");
script!(RELEASE, "prelude", "release");
script!(REVOKE, "prelude", "inquiry", "revoke");
script!(START, "prelude", "inquiry", "start");
script!(READ, "prelude", "read");
script!(LIST, "prelude", "list");
script!(SWEEP, "prelude", "inquiry", "sweep");
script!(PURGE, "prelude", "inquiry", "purge");
script!(ACKNOWLEDGE, "prelude", "inquiry", "acknowledge");
script!(KEEP, "keep");
script!(FORGET, "forget");
