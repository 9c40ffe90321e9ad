//! A code on its way to its link: digested, derived, looked for, compared.

use inquiry_otl::{
    Attempt, CodeFormat, Digest, IssuedLink, Key, KeyId, LinkRequest, Redemption, Refusal, Revocation,
    redemption::{Redeem, Verdict},
    store::LinkStore as _,
};
use inquiry_otl_evidence::valgrind::{is_secret, secret};
use inquiry_otl_timing::{Outcome, Stage, symbols};

use crate::marks::{INDEX, expect, formats, hidden_url, indexed, presented, verdict};

/// The digest of a code without a key.
pub(super) fn digest_unkeyed() -> Outcome<()> {
    digested(&Stage::unkeyed()?, Stage::link)
}

/// The digest of a code, and its subkey, under a key that is as secret.
pub(super) fn digest_keyed() -> Outcome<()> {
    digested(&Stage::keyed()?, Stage::link)?;
    digested(&Stage::new(CodeFormat::default(), Some(secret_key()?))?, secret_link)
}

fn digested(stage: &Stage, link: impl Fn(&Stage) -> Outcome<IssuedLink>) -> Outcome<()> {
    let link = link(stage)?;
    let plan = stage.service.planner().redeem(&hidden_url(&link), &Attempt::new()).map_err(|_| "refused")?;
    expect(is_secret(plan.command().digest.as_bytes()))
}

/// A code that comes from a secret key, and is written.
pub(super) fn derive() -> Outcome<()> {
    for format in formats()? {
        let stage = Stage::new(format, Some(secret_key()?))?;
        let link = secret_link(&stage)?;
        let (from, to) = symbols(link.url.expose(), &format);
        expect(is_secret(link.url.expose().as_bytes().get(from..to).unwrap_or_default()))?;
    }
    Ok(())
}

/// The right code: all of its digest but the index is secret, until it was compared.
pub(super) fn redeem_first() -> Outcome<()> {
    for stage in [Stage::unkeyed()?, Stage::keyed()?] {
        let (command, _) = presented(&stage)?;
        expect(verdict(&stage, command)? == Some(Verdict::FirstUse))?;
    }
    Ok(())
}

/// A code whose digest is at the same place, and is another one in a bit anywhere.
pub(super) fn redeem_wrong() -> Outcome<()> {
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
pub(super) fn redeem_unknown() -> Outcome<()> {
    let (stage, other) = (Stage::unkeyed()?, Stage::unkeyed()?);
    stage.link()?;
    let (command, _) = presented(&other)?;
    expect(verdict(&stage, command)?.is_none())
}

/// A code that was used before: refused, with everything that is to be known of it.
pub(super) fn redeem_used() -> Outcome<()> {
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
pub(super) fn derived_again() -> Outcome<()> {
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

/// A key whose bytes are all secret.
fn secret_key() -> Outcome<Key> {
    let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0).wrapping_mul(37));
    Ok(Key::new(KeyId::new(7)?, secret(&bytes))?)
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
