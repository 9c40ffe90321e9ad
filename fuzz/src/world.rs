//! Worlds larger than what can be explored, against the rules told without the library's counters (D1, D4, L4, L5, R3).

use inquiry_otl::{Action, Clients};
use inquiry_otl_model::{
    walk,
    world::{Creation, ONE_LINK, World},
};

/// Everything may happen, and often.
const LARGE: World = World {
    name: "eight links, eight claims, a minute",
    last_second: 60,
    links: 8,
    creations: &[Creation::Supersede, Creation::Keep, Creation::ReturnSame],
    redemptions: 12,
    claims: 8,
    commits: 8,
    releases: 4,
    actions: &[Action::Start, Action::Complete, Action::Expire, Action::Resume, Action::Redact],
    changes: 8,
    revocations: 6,
    starts: 4,
    ..ONE_LINK
};

/// The first byte says what kind of grace there is; each other one, what happens next.
pub fn run(input: &[u8]) {
    let Some((first, choices)) = input.split_first() else { return };
    let grace = [None, Some(Clients::Any), Some(Clients::Same)][usize::from(first % 3)];
    let world = World { grace, ..LARGE };
    let mut choices = choices.iter();
    let choose = |count: usize| choices.next().and_then(|choice| usize::from(*choice).checked_rem(count));
    if let Err(violation) = walk(&world, choose, &mut std::collections::BTreeMap::new()) {
        panic!("{violation:#?}");
    }
}
