//! The harness that measures stores does what it says; how long it takes, no test asks.

use std::sync::OnceLock;

use inquiry_otl::{
    LinkStore, LinkView, MemoryStore, NewInquiry, Retry, StoreError, StoreErrorKind, TemplateId,
    bench::{BenchError, Candidate, Contest, Fill, Load, Subject, Timed, Work},
    blocking::ParkThread,
    redemption::{Commit, Redeem},
    revocation::Revoke,
    store::{Attempted, Inspect, RevokeOutcome},
};

use crate::wrapper::{Twist, Twisted};

fn subject(fill: Fill) -> Result<Subject<MemoryStore, ParkThread>, BenchError> {
    Subject::new("memory", MemoryStore::new(), ParkThread, &fill)?.with_purge()
}

/// Every work is carried out under every load, with and without a key, and each candidate has a figure.
#[test]
fn every_work_is_measured() {
    for fill in [Fill::new(40), Fill::new(40).keyed().links_each(4).recycled(20).tasks(3)] {
        let (mut one, mut other) = (subject(fill).unwrap(), subject(fill).unwrap());
        let (alone, threads) = (Load::new(20), Load::new(20).threads(2));
        let loads = [alone, threads, alone.tasks(2), threads.tasks(3)];
        let report = Contest::new(&mut one).against(&mut other).rounds(2).run(&Work::ALL, &loads).unwrap();
        assert_eq!(report.lines.len(), Work::ALL.len() * loads.len());
        for line in &report.lines {
            assert_eq!(line.figures.len(), 2, "{report}");
            let named = |name| line.of(name).map(|figure| figure.name.as_str());
            assert_eq!((named("memory"), named("nobody")), (Some("memory"), None));
            assert!(line.figures.iter().all(|figure| 0.0 < figure.nanos.median && 0.0 < figure.ratio.median));
        }
        let report = report.to_string();
        assert!(Work::ALL.iter().all(|work| report.contains(work.name())), "{report}");
    }
}

/// A batch that asks for more live links than there are is an error, and no figure.
#[test]
fn a_batch_beyond_the_stock_is_an_error() {
    let mut subject = subject(Fill::new(10)).unwrap();
    assert!(matches!(subject.batch(Work::Turnover, Load::new(11)), Err(BenchError::Other(_))));
    assert!(matches!(subject.batch(Work::Turnover, Load::new(10)), Ok(Timed::Took(_))));
}

/// What is measured beside the harness's own work is measured on the service that it filled.
#[tokio::test]
async fn the_service_of_a_subject_is_told() {
    let subject = subject(Fill::new(10)).unwrap();
    let request = NewInquiry::from_template(TemplateId::new("itmpl_of_my_own").unwrap());
    let inquiry = subject.service().create(request).await.unwrap();
    assert_eq!(subject.service().inquiry(inquiry.id).await.unwrap(), inquiry);
}

/// A store without housekeeping has no purge, and the others have a line without it.
#[test]
fn what_a_candidate_cannot_do_is_left_out() {
    let fill = Fill::new(10);
    let mut without = Subject::new("without", MemoryStore::new(), ParkThread, &fill).unwrap();
    let mut with = subject(fill).unwrap();
    let loads = [Load::new(5)];
    let report = Contest::new(&mut without).against(&mut with).rounds(1).run(&[Work::Purge], &loads).unwrap();
    assert_eq!(report.of(Work::Purge).unwrap().figures.len(), 1);
    assert!(Contest::new(&mut without).rounds(1).run(&[Work::Purge], &loads).unwrap().lines.is_empty());
}

/// A stock that is smaller than the store is what the batches work on.
#[test]
fn a_stock_may_be_smaller_than_the_store() {
    let mut subject = subject(Fill::new(10).stock(4)).unwrap();
    assert!(matches!(subject.batch(Work::Turnover, Load::new(5)), Err(BenchError::Other(_))));
    assert!(matches!(subject.batch(Work::Turnover, Load::new(4)), Ok(Timed::Took(_))));
    assert_eq!(
        format!("{:?}", Contest::new(&mut subject).rounds(3)),
        r#"Contest { candidates: ["memory"], rounds: 3 }"#
    );
    assert_eq!(format!("{subject:?}"), r#"Subject { name: "memory", .. }"#);
}

/// A purge goes on until nothing is left, however many batches that takes.
#[test]
fn a_purge_takes_as_many_batches_as_it_needs() {
    let mut subject = subject(Fill::new(1)).unwrap();
    assert!(matches!(subject.batch(Work::Purge, Load::new(2_100)), Ok(Timed::Took(_))));
}

/// Calls of one thread wait at the same time, where a store lets them wait.
#[test]
fn tasks_wait_for_a_store_together() {
    let store = Twisted(Otherwise { store: MemoryStore::new(), how: How::Waits, first: OnceLock::new() });
    let mut subject = Subject::new("waits", store, ParkThread, &Fill::new(12)).unwrap();
    assert!(matches!(subject.batch(Work::Turnover, Load::new(12).tasks(5)), Ok(Timed::Took(_))));
}

/// A store that answers otherwise than it should.
struct Otherwise {
    store: MemoryStore,
    how: How,
    first: OnceLock<Attempted>,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Waits,
    KnowsNothing,
    ForgetsClaims,
    GrantsAgain,
    RevokesBefore,
    CannotRevoke,
}

impl Twist for Otherwise {
    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    async fn pause(&self) {
        if self.how == How::Waits {
            tokio::task::yield_now().await;
        }
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        let attempted = match self.how {
            How::KnowsNothing => None,
            _ => LinkStore::redeem(&self.store, command).await?,
        };
        Ok(match (self.how, attempted) {
            (How::GrantsAgain, Some(attempted)) => Some(self.first.get_or_init(|| attempted).clone()),
            (_, attempted) => attempted,
        })
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        if self.how == How::ForgetsClaims { Ok(None) } else { LinkStore::commit(&self.store, command).await }
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        if self.how == How::KnowsNothing { Ok(None) } else { LinkStore::inspect(&self.store, command).await }
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        match self.how {
            How::RevokesBefore => drop(LinkStore::revoke(&self.store, command).await?),
            How::CannotRevoke => return Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe)),
            _ => {}
        }
        LinkStore::revoke(&self.store, command).await
    }
}

/// A store that answers otherwise than it should, or fails, has no figure: the work that it failed at is named.
#[test]
fn what_was_not_done_is_not_measured() {
    for (how, work) in [
        (How::KnowsNothing, Work::Redeem),
        (How::KnowsNothing, Work::ClaimAndCommit),
        (How::KnowsNothing, Work::Peek),
        (How::ForgetsClaims, Work::ClaimAndCommit),
        (How::GrantsAgain, Work::Used),
        (How::RevokesBefore, Work::RevokeAll),
    ] {
        let store = Twisted(Otherwise { store: MemoryStore::new(), how, first: OnceLock::new() });
        let mut subject = Subject::new("otherwise", store, ParkThread, &Fill::new(4)).unwrap();
        let error = subject.batch(work, Load::new(2)).unwrap_err();
        assert!(
            matches!(&error, BenchError::Answer { work: named, .. } if *named == work.name()),
            "{error:?}"
        );
    }
    let store = Otherwise { store: MemoryStore::new(), how: How::CannotRevoke, first: OnceLock::new() };
    let mut subject = Subject::new("fails", Twisted(store), ParkThread, &Fill::new(4)).unwrap();
    let error = subject.batch(Work::RevokeAll, Load::new(2)).unwrap_err();
    assert!(matches!(&error, BenchError::Call(_)), "{error:?}");
    assert!(error.to_string().contains("in time"), "{error}");
}
