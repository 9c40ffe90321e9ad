//! One path with its secret marked, for valgrind: `scripts/constant-time` runs it, and judges what is said of it.
//!
//! `traced` lists the paths. `traced <path> ours` runs one, `traced <path> twin` what leaks beside it. `traced walk ours` reads
//! many codes of one shape after another, [`CODES`] of each: for callgrind, which counts what happens in [`walked`].

use std::{collections::HashMap, process::ExitCode};

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claim, ClaimToken, Code, CodeError, CodeFormat, Digest, Grant, IssuedLink,
    Key, KeyId, LinkRequest, Redemption, Refusal, Region, Released, Revocation, SessionToken, UrlError,
    UrlFormat, UrlStyle,
    redemption::{Redeem, Verdict},
    store::{Attempted, LinkStore as _},
};
use inquiry_otl_evidence::valgrind::{begin_count, end_count, is_secret, is_watched, public, secret};
use inquiry_otl_timing::{Outcome, Stage, symbols, twins};

type Path = fn() -> Outcome<()>;
/// What leaks in the place of a path.
type Twin = fn();
/// What became of a code on its way here.
type Pasted = fn(&str) -> String;

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

/// Codes of all formats, as they are written: each number of bits, with and without a region.
fn read_bare() -> Outcome<()> {
    for format in formats()? {
        let text = some_code(&format)?;
        hide(&text, &format);
        expect(format.parse(&text).is_ok())?;
    }
    Ok(())
}

/// URLs with the code in their query, as they are written here and elsewhere, in either case.
const URLS: &[Pasted] = &[
    |code| format!("https://withpersona.com/verify?code={code}"),
    |code| format!("HTTPS://withpersona.com/verify?lang=en&code={}", code.to_lowercase()),
];

/// Short URLs, and URLs with the code in their path.
const SHORT_URLS: &[Pasted] = &[
    |code| format!("https://perso.na/{code}"),
    |code| format!("verify.example.com/start/{}", code.to_lowercase()),
];

/// Codes that were taken apart: which characters are separators shows, which letter a letter is does not.
const SEPARATED: &[Pasted] =
    &[|code| code.chars().flat_map(|symbol| [symbol.to_ascii_lowercase(), '-']).collect()];

/// Codes and URLs with text around them.
const IN_TEXT: &[Pasted] = &[
    |code| format!("Hello, <https://withpersona.com/verify?code={code}> *.*"),
    |code| format!("*\"{}\".*", code.to_lowercase()),
];

/// What quoted-printable makes of them.
const QUOTED: &[Pasted] = &[
    |code| format!("code=3D{code}"),
    |code| format!("https://withpersona.com/verify?code=3D{}", code.to_lowercase()),
];

fn read_pasted(texts: &[Pasted]) -> Outcome<()> {
    let urls = pasted_urls()?;
    for format in formats()? {
        let code = some_code(&format)?;
        for text in texts {
            let text = text(&code);
            // The last of so many letters and digits, but for the first one, which names the key.
            let letters = text.bytes().enumerate().rev().filter(|(_, byte)| byte.is_ascii_alphanumeric());
            let secrets: Vec<_> = letters.take(format.symbols().saturating_sub(1)).collect();
            for (at, _) in secrets {
                hide_one(&text, at);
            }
            expect(urls.parse(&format, &text).is_ok())?;
        }
    }
    Ok(())
}

fn pasted_urls() -> Outcome<UrlFormat> {
    let other = UrlFormat::new("https://verify.example.com/start")?.with_style(UrlStyle::Path);
    Ok(UrlFormat::default().also_accepting(other))
}

/// A code whose letters and digits came percent-encoded.
fn read_percent() -> Outcome<()> {
    let format = CodeFormat::default();
    let code = some_code(&format)?;
    let (key, rest) = code.split_at_checked(1).unwrap_or_default();
    let mut text = key.to_owned();
    text.push_str(&percent(rest));
    for (at, byte) in text.bytes().enumerate().skip(1) {
        if byte != b'%' {
            hide_one(&text, at);
        }
    }
    expect(format.parse(&text).is_ok())
}

/// Session tokens and claim tokens.
fn read_token() -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let session = stage.granted(&stage.link()?, &Attempt::new())?.token.expose();
    let claim = stage.claimed()?.token.expose();
    expect(SessionToken::parse(secret(session.as_str())).is_ok())?;
    expect(ClaimToken::parse(secret(claim.as_str())).is_ok())
}

/// A key, as hexadecimal digits.
fn read_key() -> Outcome<()> {
    let digits = "5aF09317c6".repeat(8);
    Key::from_hex(KeyId::new(7)?, secret(digits.as_str()))?;
    Ok(())
}

/// A code with another symbol in it: told by its check.
fn refuse_mangled() -> Outcome<()> {
    for format in formats()? {
        let mut text = some_code(&format)?;
        let last = if text.pop() == Some('7') { '8' } else { '7' };
        text.push(last);
        hide(&text, &format);
        expect(matches!(format.parse(&text), Err(CodeError::Check)))?;
        let url = format!("https://withpersona.com/verify?code={text}");
        hide(&url, &format);
        expect(matches!(UrlFormat::default().parse(&format, &url), Err(UrlError::Code(CodeError::Check))))?;
    }
    Ok(())
}

/// A code with a letter in it that is no symbol.
fn refuse_no_symbol() -> Outcome<()> {
    for format in formats()? {
        let mut text = some_code(&format)?;
        text.pop();
        text.push('U');
        hide(&text, &format);
        expect(matches!(format.parse(&text), Err(CodeError::Alphabet)))?;
    }
    Ok(())
}

/// Tokens that are none.
fn refuse_token() -> Outcome<()> {
    let text = some_token()?;
    let front = text.get(..33).unwrap_or_default();
    let mangled = format!("{front}{}", if text.ends_with('7') { '8' } else { '7' });
    expect(SessionToken::parse(secret(mangled.as_str())).is_err())?;
    let no_symbol = format!("{front}u");
    expect(ClaimToken::parse(secret(no_symbol.as_str())).is_err())
}

/// The text of a code, and its URL: as a fresh code is written.
fn write_code() -> Outcome<()> {
    for format in formats()? {
        let code = secret_code(&format)?;
        let text = code.expose();
        let (from, to) = symbols(text.as_str(), &format);
        expect(is_secret(text.as_str().as_bytes().get(from..to).unwrap_or_default()))?;
        let url = UrlFormat::default().url(&code);
        let (from, to) = symbols(url.expose(), &format);
        expect(is_secret(url.expose().as_bytes().get(from..to).unwrap_or_default()))?;
    }
    Ok(())
}

/// The text of a token.
fn write_token() -> Outcome<()> {
    let text = some_token()?;
    let token = SessionToken::parse(secret(text.as_str()))?;
    expect(is_secret(token.expose().as_str()))
}

/// The digest of a code without a key.
fn digest_unkeyed() -> Outcome<()> {
    digested(&Stage::unkeyed()?, Stage::link)
}

/// The digest of a code, and its subkey, under a key that is as secret.
fn digest_keyed() -> Outcome<()> {
    digested(&Stage::keyed()?, Stage::link)?;
    digested(&Stage::new(CodeFormat::default(), Some(secret_key()?))?, secret_link)
}

fn digested(stage: &Stage, link: impl Fn(&Stage) -> Outcome<IssuedLink>) -> Outcome<()> {
    let link = link(stage)?;
    let plan = stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
    expect(is_secret(plan.command().digest.as_bytes()))
}

/// A code that comes from a secret key, and is written.
fn derive() -> Outcome<()> {
    for format in formats()? {
        let stage = Stage::new(format, Some(secret_key()?))?;
        let link = secret_link(&stage)?;
        let (from, to) = symbols(link.url.expose(), &format);
        expect(is_secret(link.url.expose().as_bytes().get(from..to).unwrap_or_default()))?;
    }
    Ok(())
}

/// The right code: all of its digest but the index is secret, until it was compared.
fn redeem_first() -> Outcome<()> {
    for stage in [Stage::unkeyed()?, Stage::keyed()?] {
        let (command, _) = presented(&stage)?;
        expect(verdict(&stage, command)? == Some(Verdict::FirstUse))?;
    }
    Ok(())
}

/// A code whose digest is at the same place, and is another one in a bit anywhere.
fn redeem_wrong() -> Outcome<()> {
    let stage = Stage::keyed()?;
    let (command, digest) = presented(&stage)?;
    for bit in (0..256).filter(|bit| !INDEX.contains(&(bit >> 3))) {
        let mut bytes = *digest.as_bytes();
        if let Some(byte) = bytes.get_mut(bit >> 3) {
            *byte ^= 1 << (bit & 7);
        }
        let digest = indexed(Digest::from_bytes(bytes));
        expect(verdict(&stage, Redeem { digest, ..command })?.is_none())?;
    }
    expect(verdict(&stage, command)? == Some(Verdict::FirstUse))
}

/// A code that nobody was given.
fn redeem_unknown() -> Outcome<()> {
    let (stage, other) = (Stage::unkeyed()?, Stage::unkeyed()?);
    stage.link()?;
    let (command, _) = presented(&other)?;
    expect(verdict(&stage, command)?.is_none())
}

/// A code that was used before: refused, with everything that is to be known of it.
fn redeem_used() -> Outcome<()> {
    let stage = Stage::keyed()?;
    let link = stage.link()?;
    stage.granted(&link, &Attempt::new())?;
    Stage::wait(stage.service.revoke(stage.inquiry, Revocation::Link(link.id)))?;
    let plan = stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
    let command = Redeem { digest: indexed(plan.command().digest), ..plan.command() };
    let outcome = Stage::wait(stage.store.redeem(command))?;
    let answer = stage.service.planner().finish_redeem(plan, outcome).told(stage.service.planner());
    expect(
        matches!(answer, Redemption::Refused(refused) if matches!(refused.reason, Refusal::Revoked { .. })),
    )
}

/// A code that was derived is derived again from its row, and compared: with the right row, and with another one.
fn derived_again() -> Outcome<()> {
    let stage = Stage::new(CodeFormat::default(), Some(secret_key()?))?;
    let (link, other) = (secret_link(&stage)?, secret_link(&stage)?);
    for row_of_another in [false, true] {
        let plan =
            stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
        let command = Redeem { digest: indexed(plan.command().digest), ..plan.command() };
        let mut outcome = Stage::wait(stage.store.redeem(command))?;
        if let (Some(attempted), true) = (&mut outcome, row_of_another) {
            attempted.link = other.id;
        }
        let answer = stage.service.planner().finish_redeem(plan, outcome).told(stage.service.planner());
        expect(match answer {
            Redemption::Granted(_) => !row_of_another,
            Redemption::Refused(refused) => row_of_another && refused.reason == Refusal::Repointed,
            Redemption::Busy { .. } => false,
        })?;
    }
    Ok(())
}

/// The same attempt again: key and binding are compared, and let it in.
fn attempt_same() -> Outcome<()> {
    let (key, binding) = (some_token()?, some_token()?);
    expect(matches!(second(&key, &binding, &key, &binding)?, Some(Verdict::Repeat)))
}

/// Another attempt, or another client: no repeat.
fn attempt_other() -> Outcome<()> {
    let (key, binding, other) = (some_token()?, some_token()?, some_token()?);
    expect(matches!(second(&key, &binding, &other, &binding)?, Some(Verdict::Replay { .. })))?;
    expect(matches!(second(&key, &binding, &key, &other)?, Some(Verdict::Replay { .. })))
}

/// A replay by the client of the first use.
fn binding_same() -> Outcome<()> {
    let (key, other, binding) = (some_token()?, some_token()?, some_token()?);
    let Some(Verdict::Replay { same_client, .. }) = second(&key, &binding, &other, &binding)? else {
        return Err("it was no replay".into());
    };
    expect(same_client == Some(true))
}

/// A replay by another client.
fn binding_other() -> Outcome<()> {
    let (key, other, binding, client) = (some_token()?, some_token()?, some_token()?, some_token()?);
    let Some(Verdict::Replay { same_client, .. }) = second(&key, &binding, &other, &client)? else {
        return Err("it was no replay".into());
    };
    expect(same_client == Some(false))
}

/// What a second attempt on a link gets; keys and bindings of both are secret.
fn second(key: &str, binding: &str, other_key: &str, other_binding: &str) -> Outcome<Option<Verdict>> {
    let stage = Stage::unkeyed()?;
    let (command, _) = presented(&stage)?;
    let planner = stage.service.planner();
    let asked = |key: &str, binding: &str| -> Outcome<Redeem> {
        let attempt = Attempt::new()
            .with_key(AttemptKey::new(secret(key))?)
            .with_binding(Binding::new(secret(binding.as_bytes()))?);
        let bare = some_code(&CodeFormat::default())?;
        let asked = planner.redeem(&bare, &attempt).map_err(|_| "refused")?.command();
        expect(asked.attempt.is_some_and(|digest| is_secret(digest.as_bytes())))?;
        expect(asked.binding.is_some_and(|digest| is_secret(digest.as_bytes())))?;
        Ok(Redeem { digest: command.digest, ..asked })
    };
    expect(verdict(&stage, asked(key, binding)?)? == Some(Verdict::FirstUse))?;
    verdict(&stage, asked(other_key, other_binding)?)
}

/// A claim is committed, again, and released too late: its token is compared each time.
fn claim_commit() -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let claim = secret_claim(&stage.claimed()?, None)?;
    let commit = || Stage::wait(stage.service.commit(&claim));
    expect(matches!(commit()?, Redemption::Granted(_)))?;
    expect(matches!(commit()?, Redemption::Granted(_)))?;
    expect(Stage::wait(stage.service.release(&claim))? == Released::Committed)?;
    let claim = secret_claim(&stage.claimed()?, None)?;
    expect(Stage::wait(stage.service.release(&claim))? == Released::Released)
}

/// The token of another claim.
fn claim_wrong() -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let (claim, other) = (stage.claimed()?, stage.claimed()?);
    let wrong = secret_claim(&claim, Some(&other.token))?;
    expect(matches!(Stage::wait(stage.service.commit(&wrong))?, Redemption::Refused(_)))?;
    expect(Stage::wait(stage.service.release(&wrong))? == Released::NotHeld)?;
    expect(matches!(Stage::wait(stage.service.commit(&claim))?, Redemption::Granted(_)))?;
    expect(matches!(Stage::wait(stage.service.commit(&wrong))?, Redemption::Refused(_)))?;
    expect(Stage::wait(stage.service.release(&wrong))? == Released::NotHeld)
}

/// Each of a session's tokens.
fn session_right() -> Outcome<()> {
    sessions(|stage, granted, _| {
        for grant in granted {
            let token = grant.token.expose();
            let token = SessionToken::parse(secret(token.as_str()))?;
            let known = Stage::wait(stage.service.authenticate(stage.inquiry, grant.session.id, &token))?;
            expect(known.is_some())?;
        }
        Ok(())
    })
}

/// The token of another session.
fn session_wrong() -> Outcome<()> {
    sessions(|stage, granted, other| {
        for grant in granted {
            let token = other.token.expose();
            let token = SessionToken::parse(secret(token.as_str()))?;
            let known = Stage::wait(stage.service.authenticate(stage.inquiry, grant.session.id, &token))?;
            expect(known.is_none())?;
        }
        Ok(())
    })
}

/// A session with one, two, three and four tokens, and another session.
fn sessions(look: impl Fn(&Stage, &[Grant], &Grant) -> Outcome<()>) -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let other = stage.granted(&stage.link()?, &Attempt::new())?;
    let link = stage.link()?;
    let attempt = Attempt::new().with_key(AttemptKey::random());
    let mut granted = Vec::new();
    for _ in 0..4 {
        granted.push(stage.granted(&link, &attempt)?);
        look(&stage, &granted, &other)?;
    }
    Ok(())
}

/// How many codes are read of each shape.
const CODES: usize = 24;

/// Reads codes of the same shape: what is done must not differ.
fn walk(twin: bool) -> Outcome<()> {
    let (format, urls) = (CodeFormat::default(), pasted_urls()?);
    let bare: &[Pasted] = &[str::to_owned, str::to_lowercase];
    // One that its check refuses, and one that is refused for a letter.
    let refused: &[Pasted] = &[
        |code| code.chars().take(34).chain([if code.ends_with('7') { '8' } else { '7' }]).collect(),
        |code| code.chars().take(34).chain(['U']).collect(),
    ];
    let codes = (0..CODES).map(|_| some_code(&format)).collect::<Outcome<Vec<_>>>()?;
    for pasted in
        [bare, refused, &[percent], URLS, SHORT_URLS, SEPARATED, IN_TEXT, QUOTED].into_iter().flatten()
    {
        let texts: Vec<_> = codes.iter().map(|code| pasted(code)).collect();
        // All in the same place, since where a text lies shows too.
        let mut text = String::with_capacity(CodeFormat::MAX_INPUT);
        for next in &texts {
            text.clear();
            text.push_str(next);
            let first = texts.first().filter(|_| twin);
            walked(&mut || match first {
                Some(first) => twins::same_up_to_first(first.as_bytes(), text.as_bytes()),
                None => urls.parse(&format, &text).is_ok(),
            });
        }
    }
    println!("{CODES}");
    Ok(())
}

/// What is counted: everything in here, and nothing else.
#[inline(never)]
fn walked(work: &mut dyn FnMut() -> bool) {
    begin_count();
    std::hint::black_box(work());
    end_count();
}

fn table_twin() {
    let text = String::from("7YJY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR3");
    std::hint::black_box(twins::decode_by_table(secret(text.as_bytes())));
}

fn refusing_twin() {
    let text = String::from("7YJY7NTT17M4SKPG1YCQuT42K6VP2ZCMCR3");
    std::hint::black_box(twins::refused_at_first(secret(text.as_bytes())));
}

fn writing_twin() {
    std::hint::black_box(twins::encode_by_table(secret(&[3_u8, 30, 17, 31])));
}

fn number_twin() {
    std::hint::black_box(twins::mixed_as_number(secret(&[0_u8, 0, 17, 31])));
}

fn bits_twin() {
    std::hint::black_box(twins::mixed_bit_by_bit(secret(&[0x5A_u8; 32])));
}

fn map_twin() {
    let digest = [0x5A_u8; 32];
    let map = HashMap::from([(digest, 1)]);
    std::hint::black_box(twins::found_in_map(&map, secret(&digest)));
}

fn slices_twin() {
    let digest = [0x5A_u8; 32];
    // Of a length that the compiler does not know, or it would compare all of it at once.
    let other = std::hint::black_box(digest.to_vec());
    std::hint::black_box(twins::same_slices(secret(&digest), &other));
}

fn early_twin() {
    let (digest, other) = ([0x5A_u8; 32], [0x5B_u8; 32]);
    std::hint::black_box(twins::same_up_to_first(secret(&digest), &other));
}

fn expect(holds: bool) -> Outcome<()> {
    // Public: what an application learns.
    if holds { Ok(()) } else { Err("what was expected did not come".into()) }
}

/// Codes of each number of bits, with and without a region.
fn formats() -> Outcome<Vec<CodeFormat>> {
    let mut formats = Vec::new();
    for bits in (128..=256).step_by(8) {
        let format = CodeFormat::new(bits)?;
        formats.extend([format, format.with_region(Region::new("eul1")?)]);
    }
    Ok(formats)
}

/// A key whose bytes are all secret.
fn secret_key() -> Outcome<Key> {
    let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0).wrapping_mul(37));
    Ok(Key::new(KeyId::new(7)?, secret(&bytes))?)
}

/// The text of a code that was just made.
fn some_code(format: &CodeFormat) -> Outcome<String> {
    Ok(Stage::new(*format, None)?.link()?.code.expose().as_str().to_owned())
}

/// A link whose code is secret, since the key is under which it was derived.
fn secret_link(stage: &Stage) -> Outcome<IssuedLink> {
    let planner = stage.service.planner();
    let plan = planner.issue(&LinkRequest::resume(stage.inquiry))?;
    let mut command = plan.command().clone();
    expect(is_secret(command.digest.as_bytes()))?;
    command.digest = indexed(command.digest);
    let outcome = Stage::wait(stage.store.issue(command))?;
    Ok(planner.finish_issue(plan, outcome).told(planner)?)
}

/// The text of a token that was just made.
fn some_token() -> Outcome<String> {
    let stage = Stage::unkeyed()?;
    Ok(stage.granted(&stage.link()?, &Attempt::new())?.token.expose().as_str().to_owned())
}

/// A code whose symbols are secret, but for the key's number.
fn secret_code(format: &CodeFormat) -> Outcome<Code> {
    let text = some_code(format)?;
    hide(&text, format);
    Ok(format.parse(&text)?)
}

/// The same claim with a token that is secret: its own, or another one.
fn secret_claim(claim: &Claim, token: Option<&ClaimToken>) -> Outcome<Claim> {
    let token = token.unwrap_or(&claim.token).expose();
    let token = ClaimToken::parse(secret(token.as_str()))?;
    Ok(Claim::from_parts(claim.inquiry, claim.link, token, claim.until))
}

/// The URL of a link, its code secret.
fn hidden_url(link: &IssuedLink) -> String {
    let text = link.url.expose().to_owned();
    hide(&text, &CodeFormat::default());
    text
}

/// The command for a new link's code, and its whole digest.
fn presented(stage: &Stage) -> Outcome<(Redeem, Digest)> {
    let link = stage.link()?;
    let plan = stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
    let command = plan.command();
    expect(is_secret(command.digest.as_bytes()))?;
    Ok((Redeem { digest: indexed(command.digest), ..command }, command.digest))
}

fn verdict(stage: &Stage, command: Redeem) -> Outcome<Option<Verdict>> {
    let attempted: Option<Attempted> = Stage::wait(stage.store.redeem(command))?;
    Ok(attempted.map(|attempted| attempted.verdict))
}

/// Marks the secret symbols at the end of a text.
fn hide(text: &str, format: &CodeFormat) {
    let (from, to) = symbols(text, format);
    secret(text.as_bytes().get(from..to).unwrap_or_default());
}

/// The text percent-encoded, every byte of it.
fn percent(text: &str) -> String {
    let pairs: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    pairs.concat()
}

/// Marks one byte of a text.
fn hide_one(text: &str, at: usize) {
    secret(text.as_bytes().get(at..=at).unwrap_or_default());
}

/// The bytes of a digest by which the memory store finds a link: 42 of their bits, all of them public.
const INDEX: std::ops::Range<usize> = 2..8;

/// The digest, its index public and all else as secret as it was.
fn indexed(digest: Digest) -> Digest {
    let bytes = *digest.as_bytes();
    public(bytes.get(INDEX).unwrap_or_default());
    Digest::from_bytes(*std::hint::black_box(&bytes))
}
