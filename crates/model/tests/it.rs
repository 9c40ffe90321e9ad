//! The model, tested: the library agrees with the rules, and no wrong store does.

use inquiry_otl_model::{
    Fault, explore, replay,
    world::{LIMITED, ONE_LINK, WORLDS, World},
};

/// D1, D4, D5, D6, E6, E7, I6, L4, R3, V1: in every state of two small worlds, the library does what the rules say.
#[test]
fn the_library_agrees_with_the_rules_in_every_state() {
    let fewer = World { claims: 1, redemptions: 1, last_second: 5, ..ONE_LINK };
    for world in [&fewer, &LIMITED] {
        let explored = explore(world, None);
        assert!(explored.violation.is_none(), "{}: {:#?}", world.name, explored.violation);
        assert!(10_000 < explored.states, "{}: {} states", world.name, explored.states);
    }
}

/// T1, T2, T3, T4, T5, T6, T8: each wrong store is found, by the rule that it breaks.
#[test]
fn each_wrong_store_is_found_by_the_rule_that_it_breaks() {
    for (fault, name, rule, world) in Fault::ALL {
        let violation = explore(world, Some(*fault)).violation;
        let found = violation.as_ref().map(|violation| violation.rule);
        assert_eq!(found, Some(*rule), "{name}: {violation:#?}");
    }
}

/// S1, S2, D1: on random walks through each world, the store in memory answers as the rules do.
#[test]
fn the_store_in_memory_answers_as_the_rules_do() {
    for world in WORLDS {
        let answers = replay(world, 500).unwrap_or_else(|violation| panic!("{}: {violation:#?}", world.name));
        assert!(answers.contains_key("first use"), "{}: {answers:?}", world.name);
    }
}
