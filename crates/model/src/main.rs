//! Prints what there is in each world, and how each wrong store is found: `scripts/model` runs it.
#![allow(clippy::arithmetic_side_effects, reason = "sums of what fits into memory")]

use std::{collections::BTreeSet, process::ExitCode};

use inquiry_otl_model::{Answer, Fault, Violation, explore, replay, world::WORLDS};

/// How often each world is walked through at random.
const WALKS: u64 = 10_000;

fn main() -> ExitCode {
    let (mut states, mut moves, mut depth) = (0, 0, 0);
    let mut answers = BTreeSet::new();
    let mut failed = false;
    for world in WORLDS {
        let explored = explore(world, None);
        println!(
            "{}: {} states, {} moves, {} deep",
            world.name, explored.states, explored.moves, explored.depth
        );
        if let Some(violation) = &explored.violation {
            failed = true;
            print(violation);
        }
        answers.extend(explored.answers.keys().copied());
        states += explored.states;
        moves += explored.moves;
        depth = depth.max(explored.depth);
    }
    for world in WORLDS {
        match replay(world, WALKS) {
            Ok(answers) => {
                let count: u64 = answers.values().sum();
                println!("{}: {WALKS} walks with the store in memory, {count} answers", world.name);
            }
            Err(violation) => {
                failed = true;
                println!("{}: the store in memory is wrong", world.name);
                print(&violation);
            }
        }
    }
    for name in Answer::NAMES.iter().filter(|name| !answers.contains(*name)) {
        failed = true;
        println!("never answered: {name}");
    }
    for (fault, name, rule, world) in Fault::ALL {
        match explore(world, Some(*fault)).violation {
            Some(violation) if violation.rule == *rule => {
                println!("{name}: found");
                print(&violation);
            }
            other => {
                failed = true;
                println!("{name}: NOT FOUND as {rule}");
                other.iter().for_each(print);
            }
        }
    }
    if failed {
        return ExitCode::FAILURE;
    }
    let faults = Fault::ALL.len();
    println!("{states} states, {moves} moves, {depth} deep: as the rules say; {faults} wrong stores found");
    ExitCode::SUCCESS
}

fn print(violation: &Violation) {
    println!("    {}: {}", violation.rule, violation.what);
    for (number, way) in (1..).zip(&violation.trace) {
        println!("    {number:>2}. {way:?}");
    }
}
