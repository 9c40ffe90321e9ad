//! Webhooks: signed, sent again, given up, in the log of the dashboard; the application is a real one.

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    receivers::{Application, SILENCE},
    staff::location,
    support::{Place, later},
};

/// V1: each event of an inquiry arrives under its id, signed with the endpoint's own secret.
#[tokio::test]
async fn events_arrive_signed() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (staff, application) = (server.staff().await, Application::start().await);
    let (_, secret) = staff.add_endpoint(&format!("{}/one", application.url)).await;
    let (_, other) = staff.add_endpoint(&format!("{}/two", application.url)).await;
    assert_ne!(secret, other);

    let inquiry = server.inquiry().await;
    server.redeem(&server.link(&inquiry).await).await;
    later("three events arrive", async || application.at("/one").len() == 3).await;
    let mut names = Vec::new();
    for hook in application.at("/one") {
        assert!(hook.is_signed(&secret) && !hook.is_signed(&other));
        let body: Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!((body["id"].as_str(), body["inquiry-id"].as_str()), (Some(&*hook.id), Some(&*inquiry)));
        names.push(body["name"].as_str().unwrap().to_owned());
        // What was signed is what was sent, and nothing else.
        let mut altered = hook.clone();
        altered.body.push(' ');
        assert!(!altered.is_signed(&secret));
    }
    // No order is promised.
    names.sort();
    assert_eq!(names, ["inquiry.created", "one-time-link.created", "one-time-link.redeemed"]);
}

/// A proxy that the environment names gets nothing of what is for this machine.
#[tokio::test]
async fn no_proxy_is_asked() {
    let place = Place::new();
    let (application, proxy) = (Application::start().await, Application::start().await);
    let server = place.serve_by(|command| command.env("HTTP_PROXY", &proxy.url));
    let staff = server.staff().await;
    staff.add_endpoint(&format!("{}/here", application.url)).await;
    server.inquiry().await;
    later("it arrives", async || application.at("/here").len() + proxy.at("/here").len() == 1).await;
    assert_eq!((application.at("/here").len(), proxy.at("/here").len()), (1, 0));
}

/// What is removed is gone with its log, and the page says so.
#[tokio::test]
async fn an_endpoint_is_removed_with_its_log() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let (hook, _) = staff.add_endpoint("http://127.0.0.1:9/hook").await;
    let asked = staff.page(&hook).await;
    let (_, ask) = asked.split_once("<summary>Remove</summary>").unwrap();
    assert!(
        ask.contains("for good") && ask.contains(&format!("action=\"{hook}/remove\"")),
        "it is asked first: {ask}"
    );
    let done = staff.post(&format!("{hook}/remove"), &[]).await;
    let list = staff.page(location(&done)).await;
    assert!(list.contains("The endpoint was removed") && !list.contains("127.0.0.1:9"), "{list}");
    assert_eq!(staff.get(&hook).await.status(), StatusCode::NOT_FOUND);
}

/// An endpoint that never answers holds up no other one.
#[tokio::test]
async fn one_that_hangs_holds_up_no_other() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (staff, application) = (server.staff().await, Application::start().await);
    staff.add_endpoint(&format!("{}{SILENCE}", application.url)).await;
    staff.add_endpoint(&format!("{}/good", application.url)).await;
    for _ in 0..20 {
        server.inquiry().await;
    }
    later("all events arrive", async || application.at("/good").len() == 20).await;
    // The other one has as many as are sent at a time, and one more for each that timed out: those are counted last.
    let (sent, timed_out) =
        (application.at(SILENCE).len(), server.log().matches("within 10 seconds").count());
    assert!(sent <= 8 + timed_out, "{sent} were sent, and {timed_out} timed out");
}

/// What fails is tried again, by the program or by hand, under the same id; a redirect is not followed.
#[tokio::test]
async fn what_failed_is_sent_again_under_the_same_id() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (staff, application) = (server.staff().await, Application::start().await);
    let (path, secret) = staff.add_endpoint(&format!("{}/hook", application.url)).await;
    application.answer("/hook", StatusCode::FOUND);
    assert_eq!(staff.post(&format!("{path}/test"), &[]).await.status(), StatusCode::SEE_OTHER);
    let fault = "302<span class=\"hint\">it did not answer with a 2xx status</span>";
    later("it failed", async || staff.page(&path).await.contains(fault)).await;
    let page = staff.page(&path).await;
    assert!(page.contains("Trying again"), "{page}");
    assert!(application.at("/elsewhere").is_empty());

    application.answer("/hook", StatusCode::OK);
    let (_, number) = page.split_once("name=\"number\" value=\"").unwrap();
    let number = number.split('"').next().unwrap();
    assert_eq!(
        staff.post(&format!("{path}/again"), &[("number", number)]).await.status(),
        StatusCode::SEE_OTHER
    );
    later("it is delivered", async || staff.page(&path).await.contains("Delivered")).await;
    let hooks = application.at("/hook");
    assert!(hooks.iter().all(|hook| hook.id == hooks[0].id && hook.is_signed(&secret)));
    assert!(hooks.len() >= 2);
    assert_eq!(
        staff.post(&format!("{path}/again"), &[("number", "999")]).await.status(),
        StatusCode::NOT_FOUND
    );
}

/// 410 disables an endpoint; enabled by hand, it gets what happens from then on.
#[tokio::test]
async fn gone_disables_an_endpoint() {
    let place = Place::new();
    let server = place.serve(&[]);
    let (staff, application) = (server.staff().await, Application::start().await);
    let (path, _) = staff.add_endpoint(&format!("{}/gone", application.url)).await;
    staff.add_endpoint(&format!("{}/good", application.url)).await;
    application.answer("/gone", StatusCode::GONE);
    server.inquiry().await;
    later("it is disabled", async || staff.page(&path).await.contains("it answered 410")).await;
    server.inquiry().await;
    later("the other one has both", async || application.at("/good").len() == 2).await;
    assert!(staff.page("/dashboard/webhooks").await.contains("Disabled"));

    application.answer("/gone", StatusCode::OK);
    assert_eq!(staff.post(&format!("{path}/enable"), &[]).await.status(), StatusCode::SEE_OTHER);
    let third = server.inquiry().await;
    later("it has the newest", async || {
        application.at("/gone").iter().any(|hook| hook.body.contains(&third))
    })
    .await;
    assert_eq!(application.at("/gone").len(), 2);

    assert_eq!(staff.post(&format!("{path}/remove"), &[]).await.status(), StatusCode::SEE_OTHER);
    assert!(!staff.page("/dashboard/webhooks").await.contains("/gone"));
}

/// A wrong address is named, and a password in it not repeated in the log.
#[tokio::test]
async fn a_wrong_address_is_named() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let answer = staff.post("/dashboard/webhooks", &[("url", "http://example.com/hunter2")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("An address begins with https://"));
    assert!(!server.log().contains("hunter2"));
}
