//! The harness that measures stores does what it says; how long it takes, no test asks.

use inquiry_otl::{
    MemoryStore,
    bench::{BenchError, Candidate, Contest, Fill, Load, Subject, Timed, Work},
    blocking::ParkThread,
};

fn subject(fill: Fill) -> Result<Subject<MemoryStore, ParkThread>, BenchError> {
    Subject::new("memory", MemoryStore::new(), ParkThread, &fill)?.with_purge()
}

/// Every work is carried out under every load, with and without a key, and each candidate has a figure.
#[test]
fn every_work_is_measured() {
    for fill in [Fill::new(40), Fill::new(40).keyed().links_each(4).recycled(20).tasks(3)] {
        let (mut one, mut other) = (subject(fill).unwrap(), subject(fill).unwrap());
        let loads = [Load::new(20), Load::new(20).threads(2), Load::new(20).threads(2).tasks(3)];
        let report = Contest::new(&mut one).against(&mut other).rounds(2).run(&Work::ALL, &loads).unwrap();
        assert_eq!(report.lines.len(), Work::ALL.len() * loads.len());
        for line in &report.lines {
            assert_eq!(line.figures.len(), 2, "{report}");
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
