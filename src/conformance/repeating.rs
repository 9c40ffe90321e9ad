//! The same attempt again: a lost answer is asked for once more (D6).

use super::{
    Fixture,
    stage::{LINK, Link, REPEAT, Stage, micros, sec},
};
use crate::{
    digest::Digest,
    event::Revocation,
    id::{InquiryId, SessionId},
    inquiry::Action,
    issuance::{IssueLink, Outstanding},
    record::TokenDigests,
    redemption::{Redeem, Refusal, Verdict},
    store::{LinkName, LinkStore},
    time::Timestamp,
};

/// When the first use of these checks is.
const USED: i64 = 10;

/// D6: the same code, key and binding get the same session within the window; nothing is counted, and there is no event.
pub async fn the_same_attempt_gets_the_same_session<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let first = used(&stage).await;
    let before = stage.all(first.inquiry).await;
    let repeat = first.again(&stage, micros(sec(USED + REPEAT), -1));
    let attempted = stage.redeem_as(repeat).await;
    assert_eq!(attempted.verdict, Verdict::Repeat, "the same attempt, a microsecond before its window ends");
    assert_eq!(attempted.session.map(|session| session.id), Some(first.session), "it opened another session");
    assert!(attempted.events.is_empty(), "a repeat is no event");
    let mut expected = before;
    // The token of the first one is still good.
    let [old] = expected.sessions[0].tokens.iter().copied().collect::<Vec<_>>()[..] else {
        panic!("a session begins with one token");
    };
    expected.sessions[0].tokens = TokenDigests::from_newest([repeat.token, old]);
    assert_eq!(stage.all(first.inquiry).await, expected, "a repeat adds a token, and nothing else");
    for late in [sec(USED + REPEAT), micros(sec(USED + REPEAT), 1)] {
        let verdict = stage.redeem_as(first.again(&stage, late)).await.verdict;
        let over = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
        assert_eq!(verdict, over, "the same attempt when its window is over");
    }
    let (claim, _) = stage.new_claim(first.link, sec(USED + 1));
    let claim = Redeem { attempt: Some(first.key), binding: Some(first.binding), ..claim };
    assert_eq!(stage.redeem_as(claim).await.verdict, Verdict::Repeat, "the same attempt as a claim");
}

/// D6, L2: what a first use granted can be asked for again when the link itself has expired.
pub async fn a_repeat_outlives_the_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let (key, end) = (stage.new_digest(), sec(1 + LINK));
    let command = |now| Redeem { attempt: Some(key), ..stage.new_redeem(link.digest, now) };
    stage.first_use(command(micros(end, -1))).await;
    assert_eq!(
        stage.redeem_as(command(end)).await.verdict,
        Verdict::Repeat,
        "the same attempt on an expired link"
    );
}

/// D6: another key or binding, or none, is judged as if there were no such rule.
pub async fn another_attempt_is_judged_anew<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let first = used(&stage).await;
    let other = Some(stage.new_digest());
    let (key, binding) = (Some(first.key), Some(first.binding));
    for (attempt, binding, what) in [
        (other, binding, "another key"),
        (None, binding, "no key"),
        (key, other, "another binding"),
        (key, None, "no binding"),
        (binding, key, "key and binding exchanged"),
    ] {
        let command = Redeem { attempt, binding, ..first.again(&stage, sec(USED + 1)) };
        let attempted = stage.redeem_as(command).await;
        let expected = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
        assert_eq!(attempted.verdict, expected, "an attempt with {what} is another one");
    }
}

/// D6: a key without its code opens nothing: neither an unknown code nor another link.
pub async fn a_key_alone_opens_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let first = used(&stage).await;
    let unknown = Redeem { digest: stage.new_digest(), ..first.again(&stage, sec(USED + 1)) };
    let found = stage.store.redeem(unknown).await.expect("the store failed");
    assert_eq!(found, None, "the key of a used link opened an unknown code");
    let other = stage.issue(first.inquiry, sec(USED)).await;
    stage.use_first(other, sec(USED)).await;
    let command = Redeem { digest: other.digest, ..first.again(&stage, sec(USED + 1)) };
    let verdict = stage.redeem_as(command).await.verdict;
    let used = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
    assert_eq!(verdict, used, "the key of a used link opened another one");
    assert!(stage.inspect(LinkName::Digest(first.key)).await.is_none(), "a key is no code");
}

/// D6, L6: a revocation of link, session, all links or everything, or the inquiry's end, ends repeats.
pub async fn repeats_end_with_what_they_open<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for what in ["link", "session", "all links", "everything", "completion"] {
        let first = used(&stage).await;
        let target = match what {
            "link" => Some(Revocation::Link(first.link.id)),
            "session" => Some(Revocation::Session(first.session)),
            "all links" => Some(Revocation::AllLinks),
            "everything" => Some(Revocation::Everything),
            _ => None,
        };
        if let Some(target) = target {
            stage.revoke(first.inquiry, target, sec(USED + 1)).await;
        } else {
            stage.act(first.inquiry, Action::Start, sec(USED + 1)).await;
            stage.act(first.inquiry, Action::Complete, sec(USED + 1)).await;
        }
        let before = stage.all(first.inquiry).await;
        let attempted = stage.redeem_as(first.again(&stage, sec(USED + 2))).await;
        assert!(
            matches!(attempted.verdict, Verdict::Refused(_)),
            "a repeat came through after the end of {what}"
        );
        assert!(attempted.session.is_none(), "a refusal came with a session");
        assert_eq!(stage.all(first.inquiry).await, before, "a repeat that was refused changed something");
    }
}

/// D6, L5: superseding a link does not end repeats of its first use, whose session goes on.
pub async fn superseding_does_not_end_repeats<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let first = used(&stage).await;
    let new = stage.new_link(first.inquiry, sec(USED + 1));
    stage.issue_link(IssueLink { outstanding: Outstanding::Supersede, ..new }).await;
    let verdict = stage.redeem_as(first.again(&stage, sec(USED + 2))).await.verdict;
    assert_eq!(verdict, Verdict::Repeat, "the same attempt on a link that was superseded since");
}

/// A link that was used by an attempt with a key and a binding.
struct First {
    inquiry: InquiryId,
    link: Link,
    session: SessionId,
    key: Digest,
    binding: Digest,
}

impl First {
    /// The same attempt at another time.
    fn again<S: LinkStore + 'static>(&self, stage: &Stage<S>, now: Timestamp) -> Redeem {
        let command = stage.new_redeem(self.link.digest, now);
        Redeem { attempt: Some(self.key), binding: Some(self.binding), ..command }
    }
}

async fn used<S: LinkStore + 'static>(stage: &Stage<S>) -> First {
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let (key, binding) = (stage.new_digest(), stage.new_digest());
    let command = stage.new_redeem(link.digest, sec(USED));
    let command = Redeem { attempt: Some(key), binding: Some(binding), ..command };
    let session = stage.first_use(command).await;
    First { inquiry, link, session, key, binding }
}
