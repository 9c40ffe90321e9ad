//! What a failover loses without `WAIT`, and keeps with it (D1).

use crate::{
    sites::Site,
    stage::{Answer, all_are, count, redeem_all, redeem_all_again, send},
    stores::{open, open_that_waits, service},
};

/// D1: a failover loses what nobody waited for: first uses that were acknowledged are told a second time.
pub(crate) async fn without_wait_first_uses_are_told_twice<S: Site>() {
    let mut site = S::start();
    let service_before = service(open(&site.place()).await);
    let mut links = send(&service_before, 120).await;
    let before = links.split_off(100);
    all_are(Answer::FirstUse, &redeem_all(&service_before, &before).await);
    site.in_step();

    site.part();
    let (concerned, others): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| site.keeps(link.inquiry));
    all_are(Answer::FirstUse, &redeem_all(&service_before, &concerned).await);
    all_are(Answer::FirstUse, &redeem_all(&service_before, &others).await);
    site.fail_over();

    let after = service(open(&site.place()).await);
    all_are(Answer::USED, &redeem_all_again(&after, &before).await);
    all_are(Answer::USED, &redeem_all_again(&after, &others).await);
    let twice = count(&redeem_all_again(&after, &concerned).await, Answer::FirstUse);
    println!("without WAIT, {twice} of {} acknowledged first uses were told twice", concerned.len());
    assert!(0 < twice, "the loss that the documentation names did not come about");
}

/// D1: a first use that too few replicas have is answered *unconfirmed*, never granted; what was acknowledged stays used
/// after the failover, so no first use is told twice.
pub(crate) async fn with_wait_no_first_use_is_told_twice<S: Site>() {
    let mut site = S::start();
    let place = site.place();
    let mut links = send(&service(open(&place).await), 40).await;
    site.in_step();
    let waiting = service(open_that_waits(&place).await);
    let before = links.split_off(20);
    all_are(Answer::FirstUse, &redeem_all(&waiting, &before).await);

    site.part();
    let (concerned, others): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| site.keeps(link.inquiry));
    all_are(Answer::FirstUse, &redeem_all(&waiting, &others).await);
    all_are(Answer::UNCONFIRMED, &redeem_all(&waiting, &concerned).await);
    site.fail_over();

    // The replica that was promoted has no replica itself: this store waits for none.
    let after = service(open(&site.place()).await);
    all_are(Answer::USED, &redeem_all_again(&after, &before).await);
    all_are(Answer::USED, &redeem_all_again(&after, &others).await);
    // Nobody was let in by these, so that they are good now wrongs nobody: the same attempt gets in once.
    all_are(Answer::FirstUse, &redeem_all(&after, &concerned).await);
    all_are(Answer::USED, &redeem_all_again(&after, &concerned).await);
}

/// D1, D6: what could not be confirmed is confirmed by the same attempt, once the replica is back.
pub(crate) async fn the_same_attempt_confirms_what_was_not<S: Site>() {
    let site = S::start();
    let links = send(&service(open(&site.place()).await), 12).await;
    site.in_step();
    let waiting = service(open_that_waits(&site.place()).await);
    site.part();
    let (concerned, _): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| site.keeps(link.inquiry));
    all_are(Answer::UNCONFIRMED, &redeem_all(&waiting, &concerned).await);
    all_are(Answer::UNCONFIRMED, &redeem_all(&waiting, &concerned).await);
    // Somebody else is not even told that it is used.
    all_are(Answer::UNCONFIRMED, &redeem_all_again(&waiting, &concerned).await);

    site.join();
    all_are(Answer::Repeat, &redeem_all(&waiting, &concerned).await);
}
