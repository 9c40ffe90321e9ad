//! Many links at once.

use inquiry_otl::{issuance::IssueLink, store::IssueOutcome};

use crate::{connection::Connection, fault::Fault};

/// How many links are made in one transaction.
pub(crate) const PART: usize = 10_000;

pub(crate) async fn issue(
    _on: Connection<'_>,
    _commands: &[IssueLink],
) -> Result<Option<Vec<IssueOutcome>>, Fault> {
    Ok(None)
}
