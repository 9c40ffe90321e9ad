//! Attempts that come again: their keys and bindings are compared.

use inquiry_otl::{
    Attempt, AttemptKey, Binding, CodeFormat,
    redemption::{Redeem, Verdict},
};
use inquiry_otl_evidence::valgrind::{is_secret, secret};
use inquiry_otl_timing::{Outcome, Stage};

use crate::marks::{expect, presented, some_code, some_token, verdict};

/// The same attempt again: key and binding are compared, and let it in.
pub(super) fn attempt_same() -> Outcome<()> {
    let (key, binding) = (some_token()?, some_token()?);
    expect(matches!(second(&key, &binding, &key, &binding)?, Some(Verdict::Repeat)))
}

/// Another attempt, or another client: no repeat.
pub(super) fn attempt_other() -> Outcome<()> {
    let (key, binding, other) = (some_token()?, some_token()?, some_token()?);
    expect(matches!(second(&key, &binding, &other, &binding)?, Some(Verdict::Replay { .. })))?;
    expect(matches!(second(&key, &binding, &key, &other)?, Some(Verdict::Replay { .. })))
}

/// A replay by the client of the first use.
pub(super) fn binding_same() -> Outcome<()> {
    let (key, other, binding) = (some_token()?, some_token()?, some_token()?);
    let Some(Verdict::Replay { same_client, .. }) = second(&key, &binding, &other, &binding)? else {
        return Err("it was no replay".into());
    };
    expect(same_client == Some(true))
}

/// A replay by another client.
pub(super) fn binding_other() -> Outcome<()> {
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
