//! What a fuzzer gives to `inquiry-otl`, and what must be true of the answer.
//!
//! Each module has a function `run`, which takes bytes and panics if something is not as it should be. A fuzzer
//! calls it with whatever comes to it; the tests call it with the seeds; and a binary that no fuzzer built calls it
//! with the files that it is given, to see again what a fuzzer found.
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "a target panics when something is wrong")]

pub mod code;
pub mod ids;
pub mod json;
pub mod keyring;
pub mod memory;
pub mod pasted;
pub mod url;
pub mod world;

/// The body of a target: for a fuzzer, and for a person.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::$name::run(input));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os()
                .skip(1)
                .try_for_each(|file| std::fs::read(file).map(|input| $crate::$name::run(&input)))
        }
    };
}

/// What no message has by itself, and only an input can bring there.
pub(crate) const MARK: &str = "Q7ZK93VXW4";

/// C4, C6: an error that came of a text with the [`MARK`] in it repeats nothing of the text.
pub(crate) fn repeats_nothing<T, E: std::fmt::Display + std::fmt::Debug>(marked: Result<T, E>) {
    if let Err(error) = marked {
        let told = format!("{error} {error:?}");
        assert!(!told.contains(MARK), "an error repeats the input: {told}");
    }
}

/// The text with the [`MARK`] in its middle.
pub(crate) fn marked(text: &str) -> String {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (front, back) = text.split_at(middle);
    format!("{front}{MARK}{back}")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    type Run = fn(&[u8]);

    const TARGETS: [(&str, Run); 7] = [
        ("code", super::code::run),
        ("url", super::url::run),
        ("ids", super::ids::run),
        ("json", super::json::run),
        ("keyring", super::keyring::run),
        ("memory", super::memory::run),
        ("world", super::world::run),
    ];

    /// C4, C6, C7, D3, E9, I3, S1: what must be true of an answer is true of the answer to each seed.
    #[test]
    fn every_seed_is_answered_as_it_must_be() {
        for (name, run) in TARGETS {
            let seeds = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name)).unwrap();
            let count = seeds.map(|seed| run(&fs::read(seed.unwrap().path()).unwrap())).count();
            assert!(3 <= count, "{name} has {count} seeds");
        }
    }
}
