//! How long paths take with one kind of secret and with another: `scripts/timing` runs it, and judges its figures.
//!
//! Names say what is expected: `ours_…` shows no difference, `twin_…` shows one. Inputs come in pairs, one of each kind; for
//! each run a pair is drawn, and a kind.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a measurement may stop at what surprises it"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    sync::atomic::{Ordering, fence},
};

use dudect_bencher::{
    BenchRng, Class, CtRunner, ctbench_main,
    rand::{Rng as _, RngExt as _},
};
use inquiry_otl::{
    Attempt, AttemptKey, Code, CodeFormat, Digest, Interval,
    record::TokenDigests,
    redemption::{Redeem, Release},
    store::{Attempted, LinkStore as _},
};
use inquiry_otl_timing::{Outcome, Stage, twins};

const SAMPLES: u32 = 1_000_000;
/// Codes of each kind: as many as there are parts of the memory store's index, and more.
const CODES: u32 = 8_192;
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

ctbench_main!(
    ours_read_code,
    ours_read_mangled,
    ours_write_code,
    ours_digest_unkeyed,
    ours_digest_keyed,
    ours_compare_digests,
    ours_compare_tokens,
    ours_store_wrong,
    ours_store_unknown,
    ours_attempt_key,
    ours_claim_token,
    ours_service_unknown,
    twin_compare,
    twin_map,
    twin_refuse,
    twin_number,
    twin_key
);

/// One code, and others.
fn ours_read_code(runner: &mut CtRunner, rng: &mut BenchRng) {
    let format = CodeFormat::default();
    let pairs = with_first(&sure(codes(64)));
    measure(runner, rng, &pairs, |code| code, |code| format.parse(text(code)).is_ok());
}

/// Codes with a wrong symbol at their beginning, and at their end.
fn ours_read_mangled(runner: &mut CtRunner, rng: &mut BenchRng) {
    let format = CodeFormat::default();
    let codes = sure(codes(64));
    let pairs: Vec<_> = codes.iter().map(|code| [mangled(*code, 1), mangled(*code, 34)]).collect();
    measure(runner, rng, &pairs, |code| code, |code| format.parse(text(code)).is_err());
}

/// Codes are written whose symbols are all digits, and codes whose symbols are all letters.
fn ours_write_code(runner: &mut CtRunner, rng: &mut BenchRng) {
    let format = CodeFormat::default();
    let mut of = |symbols: &[u8]| {
        let mut code = [b'0'; 35];
        code[1..33].fill_with(|| symbols[rng.random_range(0..symbols.len())]);
        sure(mended(code))
    };
    let pairs: Vec<_> = (0..64).map(|_| [of(&SYMBOLS[..10]), of(&SYMBOLS[10..])]).collect();
    measure(runner, rng, &pairs, |code| sure(format.parse(text(&code))), Code::expose);
}

/// One code is read and hashed, and others.
fn ours_digest_unkeyed(runner: &mut CtRunner, rng: &mut BenchRng) {
    digest(runner, rng, &sure(Stage::unkeyed()));
}

/// The same under a key.
fn ours_digest_keyed(runner: &mut CtRunner, rng: &mut BenchRng) {
    digest(runner, rng, &sure(Stage::keyed()));
}

fn digest(runner: &mut CtRunner, rng: &mut BenchRng, stage: &Stage) {
    let codes: Vec<_> = (0..64).map(|_| bytes(sure(stage.link()).code.expose().as_str())).collect();
    let (planner, attempt) = (stage.service.planner(), Attempt::new());
    let plan = |code: &_| planner.redeem(text(code), &attempt).is_ok();
    measure(runner, rng, &with_first(&codes), |code| code, plan);
}

/// Digests that differ in their first byte, and in their last one.
fn ours_compare_digests(runner: &mut CtRunner, rng: &mut BenchRng) {
    let digest = Digest::from_bytes(random_bytes(rng));
    measure(runner, rng, &near(&digest), Digest::from_bytes, |other| *other == digest);
}

/// The newest of a session's tokens, and the oldest.
fn ours_compare_tokens(runner: &mut CtRunner, rng: &mut BenchRng) {
    let digests: [_; 4] = std::array::from_fn(|_| random_bytes(rng));
    let tokens = TokenDigests::from_newest(digests.map(Digest::from_bytes));
    let pair = [digests[0], digests[3]];
    measure(runner, rng, &[pair], Digest::from_bytes, |token| tokens.contains(token));
}

/// Digests at the place of a link, of which they differ in the first byte, and in the last one.
fn ours_store_wrong(runner: &mut CtRunner, rng: &mut BenchRng) {
    let stage = sure(Stage::unkeyed());
    let right = sure(command(&stage));
    let wrong = |bytes| Redeem { digest: Digest::from_bytes(bytes), ..right };
    measure(runner, rng, &near(&right.digest), wrong, |command| redeemed(&stage, command));
}

/// Digests that nobody knows: anything, and those that are a known one but for their index.
fn ours_store_unknown(runner: &mut CtRunner, rng: &mut BenchRng) {
    let stage = sure(Stage::unkeyed());
    let right = sure(command(&stage));
    let mut nearly = *right.digest.as_bytes();
    for _ in 0..SAMPLES {
        let anything = random_bytes(rng);
        nearly[2..8].copy_from_slice(&anything[2..8]);
        let (class, bytes) = drawn(rng, &[[anything, nearly]]);
        let command = Redeem { digest: Digest::from_bytes(bytes), ..right };
        settled(&command);
        runner.run_one(class, || redeemed(&stage, &command));
    }
}

/// A used link, and attempt keys whose digest differs from the right one in the first byte, and in the last one.
fn ours_attempt_key(runner: &mut CtRunner, rng: &mut BenchRng) {
    let stage = sure(Stage::unkeyed());
    let attempt = Attempt::new().with_key(AttemptKey::random());
    let link = sure(stage.link());
    let plan = stage.service.planner().redeem(link.url.expose(), &attempt);
    let used = sure(plan.map_err(|_| "a live link was refused")).command();
    redeemed(&stage, &used);
    // When the grace is over, nothing is written any more.
    let now = used.now.plus(sure(Interval::from_minutes(30)));
    let pairs = near(&sure(used.attempt.ok_or("it has a key")));
    let other = |bytes| Redeem { now, attempt: Some(Digest::from_bytes(bytes)), ..used };
    measure(runner, rng, &pairs, other, |command| redeemed(&stage, command));
}

/// A claimed link, and claim tokens that are wrong in the same two ways.
fn ours_claim_token(runner: &mut CtRunner, rng: &mut BenchRng) {
    let stage = sure(Stage::unkeyed());
    let right = stage.service.planner().release(&sure(stage.claimed()));
    let wrong = |bytes| Release { claim: Digest::from_bytes(bytes), ..right };
    measure(runner, rng, &near(&right.claim), wrong, |command| {
        sure(Stage::wait(stage.store.release(*command)))
    });
}

/// Codes that nobody was given: any, and those whose first 28 symbols are those of a good one.
fn ours_service_unknown(runner: &mut CtRunner, rng: &mut BenchRng) {
    let stage = sure(Stage::unkeyed());
    let good = bytes(sure(stage.link()).code.expose().as_str());
    let nearly = |mut code: [u8; 35]| {
        code[..28].copy_from_slice(&good[..28]);
        sure(mended(code))
    };
    let pairs: Vec<_> = sure(codes(CODES)).into_iter().map(|code| [code, nearly(code)]).collect();
    let attempt = Attempt::new();
    let redeem = |code: &_| sure(Stage::wait(stage.service.redeem(text(code), &attempt)));
    measure(runner, rng, &pairs, |code| code, redeem);
}

fn twin_compare(runner: &mut CtRunner, rng: &mut BenchRng) {
    let digest = Digest::from_bytes(random_bytes(rng));
    let same = |other: &_| twins::same_up_to_first(digest.as_bytes(), other);
    measure(runner, rng, &near(&digest), |other| other, |other: &[u8; 32]| same(other));
}

fn twin_map(runner: &mut CtRunner, rng: &mut BenchRng) {
    let pairs: Vec<_> = (0..64).map(|_| [random_bytes(rng), random_bytes(rng)]).collect();
    let map: HashMap<_, _> = pairs.iter().map(|[known, _]| *known).zip(0..).collect();
    measure(runner, rng, &pairs, |digest| digest, |digest| twins::found_in_map(&map, digest));
}

fn twin_refuse(runner: &mut CtRunner, rng: &mut BenchRng) {
    let code = sure(codes(1))[0];
    let pair = [with(code, 1, b'U'), with(code, 34, b'U')];
    measure(runner, rng, &[pair], |code| code, |code| twins::refused_at_first(code));
}

fn twin_number(runner: &mut CtRunner, rng: &mut BenchRng) {
    let whole = random_bytes(rng);
    let mut short = whole;
    short[..24].fill(0);
    measure(runner, rng, &[[whole, short]], |secret| secret, |secret| twins::mixed_as_number(secret));
}

fn twin_key(runner: &mut CtRunner, rng: &mut BenchRng) {
    measure(runner, rng, &[[[0x01; 32], [0xFE; 32]]], |key| key, |key| twins::mixed_bit_by_bit(key));
}

/// Times a million runs with what is prepared of inputs of two kinds.
fn measure<const N: usize, P, T>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    pairs: &[[[u8; N]; 2]],
    prepare: impl Fn([u8; N]) -> P,
    run: impl Fn(&P) -> T,
) {
    for _ in 0..SAMPLES {
        let (class, input) = drawn(rng, pairs);
        let prepared = prepare(input);
        settled(&prepared);
        runner.run_one(class, || run(&prepared));
    }
}

/// An input, and what kind it is of. Both of its pair are looked at, and which one is taken decides no address and no
/// branch: the time that is taken next would show it.
fn drawn<const N: usize>(rng: &mut BenchRng, pairs: &[[[u8; N]; 2]]) -> (Class, [u8; N]) {
    let [left, right] = black_box(pairs[rng.random_range(0..pairs.len())]);
    let is_right = rng.random::<bool>();
    let mask = black_box(0_u8.wrapping_sub(u8::from(is_right)));
    let input = std::array::from_fn(|at| left[at] ^ (left[at] ^ right[at]) & mask);
    settled(&input);
    (if is_right { Class::Right } else { Class::Left }, input)
}

/// Waits until an input is where it is read, or a part of its making would be timed.
fn settled<I>(input: &I) {
    black_box(input);
    fence(Ordering::SeqCst);
}

/// The digest with a bit of its first byte changed, and with a bit of its last one.
fn near(digest: &Digest) -> [[[u8; 32]; 2]; 1] {
    let changed = |at: usize| with(*digest.as_bytes(), at, digest.as_bytes()[at] ^ 1);
    [[changed(0), changed(31)]]
}

fn with<const N: usize>(mut bytes: [u8; N], at: usize, byte: u8) -> [u8; N] {
    bytes[at] = byte;
    bytes
}

/// A code of the default format.
fn bytes(code: &str) -> [u8; 35] {
    sure(code.as_bytes().try_into())
}

fn text(code: &[u8; 35]) -> &str {
    sure(std::str::from_utf8(code))
}

/// The code with another symbol at one place.
fn mangled(code: [u8; 35], at: usize) -> [u8; 35] {
    with(code, at, if code[at] == b'7' { b'8' } else { b'7' })
}

/// The code with the check symbols that fit it: there are 1,024 to try.
fn mended(code: [u8; 35]) -> Outcome<[u8; 35]> {
    let format = CodeFormat::default();
    let checks = SYMBOLS.iter().flat_map(|high| SYMBOLS.iter().map(move |low| [*high, *low]));
    let mut tried = checks.map(|[high, low]| with(with(code, 33, high), 34, low));
    tried.find(|code| format.parse(text(code)).is_ok()).ok_or_else(|| "no check fits".into())
}

/// Each code beside the first one.
fn with_first(codes: &[[u8; 35]]) -> Vec<[[u8; 35]; 2]> {
    codes.iter().map(|code| [codes[0], *code]).collect()
}

/// Codes that no store here knows.
fn codes(many: u32) -> Outcome<Vec<[u8; 35]>> {
    let elsewhere = Stage::unkeyed()?;
    (0..many).map(|_| Ok(bytes(elsewhere.link()?.code.expose().as_str()))).collect()
}

/// The command that redeems a new link.
fn command(stage: &Stage) -> Outcome<Redeem> {
    let plan = stage.service.planner().redeem(stage.link()?.url.expose(), &Attempt::new());
    Ok(plan.map_err(|_| "a live link was refused")?.command())
}

fn redeemed(stage: &Stage, command: &Redeem) -> Option<Attempted> {
    sure(Stage::wait(stage.store.redeem(*command)))
}

fn random_bytes(rng: &mut BenchRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A measurement that cannot be made is none.
fn sure<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}
