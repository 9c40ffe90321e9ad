//! Prints a line for each scenario and each planted fault; the last line sums them up.

use std::process::ExitCode;

#[cfg(interleavings)]
fn main() -> ExitCode {
    use inquiry_otl::MemoryStore;
    use inquiry_otl_interleavings::{Fault, Faulty, Scenario, explore};

    let (mut executions, mut wrong, mut missed) = (0, 0, 0);
    for scenario in Scenario::ALL {
        let explored = explore(scenario, || MemoryStore::new().with_outbox());
        println!("{:<66} {:>7} executions  {}", scenario.name, explored.executions, explored.verdict());
        executions += explored.executions;
        wrong += usize::from(explored.wrong.is_some());
        if let Some(wrong) = explored.wrong {
            println!("{wrong}");
        }
    }
    for (fault, what) in Fault::ALL {
        let caught = Scenario::ALL.iter().find_map(|scenario| {
            let explored = explore(scenario, || Faulty::new(*fault));
            explored.wrong.map(|_| scenario.name)
        });
        println!("planted: {what:<57} {}", caught.map_or("MISSED".to_owned(), |name| format!("found by: {name}")));
        missed += usize::from(caught.is_none());
    }
    println!(
        "{} scenarios, {executions} executions: {wrong} wrong; {} of {} planted faults found",
        Scenario::ALL.len(),
        Fault::ALL.len() - missed,
        Fault::ALL.len()
    );
    if wrong == 0 && missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(interleavings))]
fn main() -> ExitCode {
    println!("scripts/interleavings builds this as it must be built");
    ExitCode::FAILURE
}
