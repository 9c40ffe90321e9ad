//! The conformance suite, tested: it passes a small honest store, and catches each broken one.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use inquiry_otl::conformance::{Check, checks, directory_checks, housekeeping_checks, outbox_checks};

use crate::weekend::{HEALTHY, Serve, Verbs, broken, own_store};

/// S1: the store that a reader copies keeps the whole contract.
#[test]
fn the_weekend_store_passes_every_check() {
    assert_eq!(failures(HEALTHY, |_| true), []);
}

/// S1: the story of the example ends well.
#[test]
fn the_example_runs() {
    own_store::main().unwrap();
}

/// Compares with the pure rules whatever comes: it sees nearly every fault, so it is nobody's own.
const COMPARISON: &str = "random_commands_agree_with_the_rules";

/// S1, S2, T1, T2, T3, T4, T5, T6, T7, T8: each broken store fails the check that is meant for it, and no other.
#[test]
fn each_broken_store_fails_exactly_the_check_that_is_meant_for_it() {
    let stores = broken();
    let next = AtomicUsize::new(0);
    let mut wrong: Vec<String> = thread::scope(|scope| {
        let judge = || {
            let mut wrong = Vec::new();
            while let Some(store) = stores.get(next.fetch_add(1, Ordering::Relaxed)) {
                let judged =
                    || failures(store.verbs, |check| check != COMPARISON || store.check == COMPARISON);
                // A store that loses races may be lucky, or lose another one, on a busy machine: it is judged
                // again. The others answer the same each time.
                let mut failures = judged();
                for _ in 0..3 {
                    if !matches!(&failures[..], [(name, _)] if *name == store.check) {
                        failures = judged();
                    }
                }
                let names: Vec<_> = failures.iter().map(|(name, _)| *name).collect();
                if names != [store.check] {
                    wrong.push(format!(
                        "{}\n    meant: {}\n    found: {failures:#?}",
                        store.fault, store.check
                    ));
                }
            }
            wrong
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(judge)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {} stores:\n{}", wrong.len(), stores.len(), wrong.join("\n"));
}

/// S1: no check is there in vain: for each one there is a broken store that fails it.
#[test]
fn every_check_has_a_broken_store() {
    let meant: BTreeSet<_> = broken().iter().map(|store| store.check).collect();
    let idle: Vec<_> = suite().map(|(check, _)| check.name).filter(|name| !meant.contains(name)).collect();
    assert!(idle.is_empty(), "no broken store is meant for: {idle:#?}");
}

/// T1, T2, T3, T4, T5, T6, T7, T8: no trap is left out: each is put back by a broken store.
#[test]
fn every_trap_has_a_broken_store() {
    for trap in 1..=8 {
        let name = format!("T{trap}: ");
        assert!(broken().iter().any(|store| store.fault.starts_with(&name)), "no broken store is for {name}");
    }
}

/// Every check, and whether it asks for an outbox: an inquiry stays as long as its events wait in one (S3).
fn suite() -> impl Iterator<Item = (Check<Serve>, bool)> {
    let without = [checks(), directory_checks(), housekeeping_checks()]
        .concat()
        .into_iter()
        .map(|check| (check, false));
    without.chain(outbox_checks().into_iter().map(|check| (check, true)))
}

/// Those of the checks that such a store fails, and what they say.
fn failures(verbs: Verbs, among: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
    let run = |(check, with_outbox): (Check<Serve>, bool)| {
        Some((check.name, check.run(Serve { verbs, with_outbox }).err()?))
    };
    suite().filter(|(check, _)| among(check.name)).filter_map(run).collect()
}
