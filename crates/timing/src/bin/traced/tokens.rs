//! The tokens of claims and of sessions: compared with those that are kept.

use inquiry_otl::{Attempt, AttemptKey, Claim, ClaimToken, Grant, Redemption, Released, SessionToken};
use inquiry_otl_evidence::valgrind::secret;
use inquiry_otl_timing::{Outcome, Stage};

use crate::marks::expect;

/// A claim is committed, again, and released too late: its token is compared each time.
pub(super) fn claim_commit() -> Outcome<()> {
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
pub(super) fn claim_wrong() -> Outcome<()> {
    let stage = Stage::unkeyed()?;
    let (claim, other) = (stage.claimed()?, stage.claimed()?);
    let wrong = secret_claim(&claim, Some(&other.token))?;
    expect(matches!(Stage::wait(stage.service.commit(&wrong))?, Redemption::Refused(_)))?;
    expect(Stage::wait(stage.service.release(&wrong))? == Released::NotHeld)?;
    expect(matches!(Stage::wait(stage.service.commit(&claim))?, Redemption::Granted(_)))?;
    expect(matches!(Stage::wait(stage.service.commit(&wrong))?, Redemption::Refused(_)))?;
    expect(Stage::wait(stage.service.release(&wrong))? == Released::NotHeld)
}

/// The same claim with a token that is secret: its own, or another one.
fn secret_claim(claim: &Claim, token: Option<&ClaimToken>) -> Outcome<Claim> {
    let token = token.unwrap_or(&claim.token).expose();
    let token = ClaimToken::parse(secret(token.as_str()))?;
    Ok(Claim::from_parts(claim.inquiry, claim.link, token, claim.until))
}

/// Each of a session's tokens.
pub(super) fn session_right() -> Outcome<()> {
    sessions(|stage, granted, _| {
        granted.iter().try_for_each(|grant| expect(opens(stage, grant, &grant.token)?))
    })
}

/// The token of another session.
pub(super) fn session_wrong() -> Outcome<()> {
    sessions(|stage, granted, other| {
        granted.iter().try_for_each(|grant| expect(!opens(stage, grant, &other.token)?))
    })
}

/// Whether a token, which is secret, opens the session of a grant.
fn opens(stage: &Stage, grant: &Grant, token: &SessionToken) -> Outcome<bool> {
    let token = token.expose();
    let token = SessionToken::parse(secret(token.as_str()))?;
    Ok(Stage::wait(stage.service.authenticate(stage.inquiry, grant.session.id, &token))?.is_some())
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
