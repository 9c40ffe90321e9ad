//! One path with its secret marked, for valgrind: `scripts/constant-time` runs it, and judges what is said of it.
//!
//! `traced` lists the paths. `traced <path> ours` runs one, `traced <path> twin` what leaks beside it. `traced walk ours` reads
//! many codes of one shape after another, [`CODES`](walk::CODES) of each: for callgrind, which counts what happens in `walked`.

mod attempts;
mod codes;
mod leaks;
mod marks;
mod pasted;
mod texts;
mod tokens;
mod walk;

use std::process::ExitCode;

use inquiry_otl_evidence::valgrind::is_watched;
use inquiry_otl_timing::Outcome;

use crate::{
    attempts::{attempt_other, attempt_same, binding_other, binding_same},
    codes::{
        derive, derived_again, digest_keyed, digest_unkeyed, redeem_first, redeem_unknown, redeem_used,
        redeem_wrong,
    },
    leaks::{
        bits_twin, early_twin, map_twin, number_twin, refusing_twin, slices_twin, table_twin, writing_twin,
    },
    pasted::{IN_TEXT, QUOTED, SEPARATED, SHORT_URLS, URLS, read_pasted, read_percent},
    texts::{
        read_bare, read_key, read_token, refuse_mangled, refuse_no_symbol, refuse_token, write_code,
        write_token,
    },
    tokens::{claim_commit, claim_wrong, session_right, session_wrong},
    walk::walk,
};

type Path = fn() -> Outcome<()>;

/// What leaks in the place of a path.
type Twin = fn();

/// What is looked at, and what leaks in its place.
const PATHS: &[(&str, Path, Twin)] = &[
    ("read-bare", read_bare, table_twin),
    ("read-url", || read_pasted(URLS), table_twin),
    ("read-short-url", || read_pasted(SHORT_URLS), table_twin),
    ("read-separated", || read_pasted(SEPARATED), table_twin),
    ("read-in-text", || read_pasted(IN_TEXT), table_twin),
    ("read-quoted", || read_pasted(QUOTED), table_twin),
    ("read-percent", read_percent, table_twin),
    ("read-token", read_token, table_twin),
    ("read-key", read_key, table_twin),
    ("refuse-mangled", refuse_mangled, refusing_twin),
    ("refuse-no-symbol", refuse_no_symbol, refusing_twin),
    ("refuse-token", refuse_token, refusing_twin),
    ("write-code", write_code, writing_twin),
    ("write-token", write_token, writing_twin),
    ("digest-unkeyed", digest_unkeyed, number_twin),
    ("digest-keyed", digest_keyed, number_twin),
    ("derive", derive, bits_twin),
    ("redeem-first", redeem_first, map_twin),
    ("redeem-wrong", redeem_wrong, slices_twin),
    ("redeem-unknown", redeem_unknown, map_twin),
    ("redeem-used", redeem_used, slices_twin),
    ("derived-again", derived_again, early_twin),
    ("attempt-same", attempt_same, slices_twin),
    ("attempt-other", attempt_other, early_twin),
    ("binding-same", binding_same, slices_twin),
    ("binding-other", binding_other, early_twin),
    ("claim-commit", claim_commit, slices_twin),
    ("claim-wrong", claim_wrong, early_twin),
    ("session-right", session_right, slices_twin),
    ("session-wrong", session_wrong, early_twin),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let path = words.first().and_then(|name| PATHS.iter().find(|(path, ..)| path == name));
    let outcome = match (&words[..], path) {
        ([], _) => {
            for (name, ..) in PATHS {
                println!("{name}");
            }
            return ExitCode::SUCCESS;
        }
        _ if !is_watched() => Err("it says nothing unless valgrind runs it".into()),
        (["walk", kind], _) => walk(*kind == "twin"),
        ([_, "ours"], Some((_, ours, _))) => ours(),
        ([_, "twin"], Some((.., twin))) => {
            twin();
            Ok(())
        }
        _ => Err("there is no such path".into()),
    };
    match outcome {
        Ok(()) => {
            println!("done");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
