//! Secrets to look at, and what of them is marked.

use inquiry_otl::{
    Attempt, CodeFormat, Digest, IssuedLink, Region,
    redemption::{Redeem, Verdict},
    store::{Attempted, LinkStore as _},
};
use inquiry_otl_evidence::valgrind::{is_secret, public, secret};
use inquiry_otl_timing::{Outcome, Stage, symbols};

pub(super) fn expect(holds: bool) -> Outcome<()> {
    // Public: what an application learns.
    if holds { Ok(()) } else { Err("what was expected did not come".into()) }
}

/// Codes of each number of bits, with and without a region.
pub(super) fn formats() -> Outcome<Vec<CodeFormat>> {
    let mut formats = Vec::new();
    for bits in (128..=256).step_by(8) {
        let format = CodeFormat::new(bits)?;
        formats.extend([format, format.with_region(Region::new("eul1")?)]);
    }
    Ok(formats)
}

/// The text of a code that was just made.
pub(super) fn some_code(format: &CodeFormat) -> Outcome<String> {
    Ok(Stage::new(*format, None)?.link()?.code.expose().as_str().to_owned())
}

/// The text of a token that was just made.
pub(super) fn some_token() -> Outcome<String> {
    let stage = Stage::unkeyed()?;
    Ok(stage.granted(&stage.link()?, &Attempt::new())?.token.expose().as_str().to_owned())
}

/// Marks the secret symbols at the end of a text.
pub(super) fn hide(text: &str, format: &CodeFormat) {
    let (from, to) = symbols(text, format);
    secret(text.as_bytes().get(from..to).unwrap_or_default());
}

/// Marks one byte of a text.
pub(super) fn hide_one(text: &str, at: usize) {
    secret(text.as_bytes().get(at..=at).unwrap_or_default());
}

/// The URL of a link, its code secret.
pub(super) fn hidden_url(link: &IssuedLink) -> String {
    let text = link.url.expose().to_owned();
    hide(&text, &CodeFormat::default());
    text
}

/// The command for a new link's code, and its whole digest.
pub(super) fn presented(stage: &Stage) -> Outcome<(Redeem, Digest)> {
    let link = stage.link()?;
    let plan = stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
    let command = plan.command();
    expect(is_secret(command.digest.as_bytes()))?;
    Ok((Redeem { digest: indexed(command.digest), ..command }, command.digest))
}

pub(super) fn verdict(stage: &Stage, command: Redeem) -> Outcome<Option<Verdict>> {
    let attempted: Option<Attempted> = Stage::wait(stage.store.redeem(command))?;
    Ok(attempted.map(|attempted| attempted.verdict))
}

/// The bytes of a digest by which the memory store finds a link: 42 of their bits, all of them public.
pub(super) const INDEX: std::ops::Range<usize> = 2..8;

/// The digest, its index public and all else as secret as it was.
pub(super) fn indexed(digest: Digest) -> Digest {
    let bytes = *digest.as_bytes();
    public(bytes.get(INDEX).unwrap_or_default());
    Digest::from_bytes(*std::hint::black_box(&bytes))
}
