//! Many links at a time: thousands in each transaction, each by itself (S1).

use inquiry_otl::{Retry, StoreError, issuance::IssueLink, store::IssueOutcome};

use crate::{
    error::{Fault, Stage},
    records::Records,
    store::SqliteStore,
};

/// How many links one transaction takes: so long do others wait.
const BATCH: usize = 1_000;

type Outcomes = Vec<Result<IssueOutcome, StoreError>>;

impl SqliteStore {
    /// Creates many links. One that fails takes no other with it, unless its transaction fails as a whole: then all in it
    /// do. If the future is dropped, the transaction that is under way ends well, and the rest is not begun.
    pub(crate) async fn issue_in_parts(&self, commands: Vec<IssueLink>) -> Outcomes {
        let mut outcomes = Vec::with_capacity(commands.len());
        let mut commands = commands.into_iter();
        loop {
            let some: Vec<_> = commands.by_ref().take(BATCH).collect();
            let count = some.len();
            if count == 0 {
                return outcomes;
            }
            match self.write(Retry::Unknown, move |records| records.issue_some(&some)).await {
                Ok(some) => outcomes.extend(some),
                Err(error) => {
                    let again = (1..count).map(|_| Err(StoreError::new(error.kind(), error.retry())));
                    outcomes.extend(again.collect::<Outcomes>());
                    outcomes.push(Err(error));
                }
            }
        }
    }
}

impl Records<'_> {
    fn issue_some(&self, commands: &[IssueLink]) -> Result<Outcomes, Fault> {
        let one = |command| Ok(self.whole(|| self.issue(command))?.map_err(|fault| fault.at(Stage::Undone)));
        commands.iter().map(one).collect()
    }
}
