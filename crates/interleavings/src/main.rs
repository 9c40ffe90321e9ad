//! Prints a line for each scenario and each planted fault; the last line sums them up.
#![allow(clippy::arithmetic_side_effects, reason = "it counts what it did")]

use std::process::ExitCode;

#[cfg(interleavings)]
fn main() -> ExitCode {
    use inquiry_otl::MemoryStore;
    use inquiry_otl_interleavings::{Fault, Faulty, Scenario, explore};

    let (mut executions, mut wrong) = (0, 0);
    for scenario in Scenario::ALL {
        let explored = explore(scenario, None, || MemoryStore::new().with_outbox());
        let verdict = explored.wrong.as_deref().unwrap_or("ok");
        println!("{:<66}  {:>6} executions  {verdict}", scenario.name, explored.executions);
        executions += explored.executions;
        wrong += usize::from(explored.wrong.is_some());
    }
    let scenarios = Scenario::ALL.len();
    if wrong != 0 {
        println!("{wrong} of {scenarios} scenarios are not as the rules say");
        return ExitCode::FAILURE;
    }
    let mut found = 0;
    for (fault, what) in Fault::ALL {
        // Two are enough to come between.
        let finds = |scenario| explore(scenario, Some(2), || Faulty::new(*fault)).wrong.is_some();
        let by = Scenario::ALL.iter().find(|scenario| finds(scenario));
        println!("planted: {what:<57}  {}", by.map_or("NOT FOUND", |scenario| scenario.name));
        found += usize::from(by.is_some());
    }
    let planted = Fault::ALL.len();
    println!(
        "{scenarios} scenarios in every order, {executions} executions: as the rules say; {found} of {planted} planted faults found"
    );
    if found == planted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(interleavings))]
fn main() -> ExitCode {
    println!("scripts/interleavings builds this as it must be built");
    ExitCode::FAILURE
}
