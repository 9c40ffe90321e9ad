//! Forms that a browser sends again, as by a reload of their answer.

use futures_util::future::join_all;
use inquiry_otl_testkit::postgres::Postgres;
use reqwest::{Response, StatusCode};

use crate::{
    staff::{Staff, create, field, shown},
    support::Place,
};

/// Sends the form to create a link.
async fn send(staff: &Staff, inquiry: &str, attempt: &str, mail: &str) -> Response {
    let form = [("attempt", attempt), ("session", ""), ("outstanding", "supersede"), ("mail", mail)];
    staff.post(&format!("{inquiry}/links"), &form).await
}

/// The code of the link that an answer shows.
async fn code(answer: Response) -> String {
    let link = shown(&answer.error_for_status().unwrap().text().await.unwrap(), "link");
    link.split_once("code=").unwrap().1.to_owned()
}

/// How many links an inquiry has, and how many mails there are.
async fn made(staff: &Staff, inquiry: &str) -> (usize, usize) {
    let (page, mails) = (staff.page(inquiry).await, staff.page("/dashboard/mails").await);
    (page.matches("<tr id=\"otl_").count(), mails.matches("href=\"/dashboard/mails/mail_").count())
}

/// L3, L5: the same form makes one link and one mail, however often it is sent, also after a restart; once the link is used, it is
/// not shown again. A form with other fields makes another link, and so does the form of a page that is loaded anew.
#[tokio::test]
async fn a_form_that_is_sent_again_makes_no_other_link() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let attempt = field(&staff.page(&inquiry).await, "attempt").to_owned();
    let first = code(send(&staff, &inquiry, &attempt, "jo@example.org").await).await;
    assert_eq!(code(send(&staff, &inquiry, &attempt, "jo@example.org").await).await, first);

    let token = server.token.clone().unwrap();
    assert!(server.stop().success());
    let server = place.serve(&[]);
    let staff = server.sign_in(&token).await;
    assert_eq!(code(send(&staff, &inquiry, &attempt, "jo@example.org").await).await, first);
    assert_eq!(made(&staff, &inquiry).await, (1, 1));

    let link = format!("{}/verify?code={first}", server.url);
    assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
    let refused = send(&staff, &inquiry, &attempt, "jo@example.org").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("sent before") && page.contains("It was used on") && !page.contains(&first),
        "{page}"
    );
    assert_eq!(made(&staff, &inquiry).await, (1, 1));

    let anew = field(&page, "attempt").to_owned();
    let second = code(send(&staff, &inquiry, &anew, "jo@example.org").await).await;
    let third = code(send(&staff, &inquiry, &anew, "").await).await;
    assert!(first != second && second != third);
    assert_eq!(made(&staff, &inquiry).await, (3, 2));
}

/// L5: of the same form at the same moment one makes a link; the others show it, or say that it is being made.
#[tokio::test]
async fn of_the_same_form_at_once_one_makes_a_link() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let answers = join_all((0..8).map(|_| send(&staff, &inquiry, "0", "jo@example.org"))).await;
    let mut codes = Vec::new();
    for answer in answers {
        if answer.status() == StatusCode::CONFLICT {
            assert!(answer.text().await.unwrap().contains("sent before"));
        } else {
            codes.push(code(answer).await);
        }
    }
    assert!(!codes.is_empty());
    codes.dedup();
    assert_eq!((codes.len(), made(&staff, &inquiry).await), (1, (1, 1)));
}

/// A form that made nothing may be sent again: what it asks for is judged anew.
#[tokio::test]
async fn a_form_that_made_nothing_is_judged_anew() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    staff.post(&format!("{inquiry}/expire"), &[]).await;
    let refused = send(&staff, &inquiry, "0", "").await;
    assert!(refused.text().await.unwrap().contains("Resume it first"));
    staff.post(&format!("{inquiry}/resume"), &[]).await;
    code(send(&staff, &inquiry, "0", "").await).await;
}

/// S4: where the store could not say whether it made a link, the same form makes no other one; the form of its page does.
#[tokio::test]
async fn a_form_whose_end_nobody_knows_is_not_carried_out_again() {
    let postgres = Postgres::start();
    let place = Place::new();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port());
    let server = place.serve(&["--store", &url]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    postgres.sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
         CREATE TRIGGER fail BEFORE INSERT ON inquiry_otl.links EXECUTE FUNCTION fail();",
    );
    let failed = send(&staff, &inquiry, "0", "").await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    postgres.sql("DROP TRIGGER fail ON inquiry_otl.links");

    let again = send(&staff, &inquiry, "0", "").await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let page = again.text().await.unwrap();
    assert!(page.contains("This form was sent before. Look below"), "{page}");
    assert_eq!(made(&staff, &inquiry).await, (0, 0));
    code(send(&staff, &inquiry, field(&page, "attempt"), "").await).await;
}
