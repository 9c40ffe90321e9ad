//! The dashboard, as far as a browser does not show it: addresses that are nothing's, what cannot be done, whole lists.

use reqwest::{StatusCode, header};

use crate::{
    staff::{create, location, shown},
    support::Place,
};

/// An address that names nothing is a page that says so, and does not repeat the address.
#[tokio::test]
async fn what_is_not_there_is_not_repeated() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    for path in [
        "/dashboard/nothing",
        "/dashboard/inquiries/inq_nobody",
        "/dashboard/inquiries/NOBODY",
        "/dashboard/inquiries/inq_%3Cscript%3ENOBODY",
        "/dashboard/inquiries/%ff%fe",
        "/dashboard/templates/itmpl_nobody",
        "/dashboard/templates/NOBODY",
        "/dashboard/assets/style-NOBODY.css",
    ] {
        let answer = staff.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let text = answer.text().await.unwrap().to_lowercase();
        assert!(!text.contains("nobody"), "{path} is repeated: {text}");
    }
    for (path, fields) in [
        ("/dashboard/inquiries/inq_nobody/resume", vec![]),
        ("/dashboard/inquiries/inq_nobody/links", vec![("outstanding", "keep")]),
        ("/dashboard/inquiries/inq_nobody/revoke", vec![("what", "everything")]),
        ("/dashboard/inquiries/inq_nobody/redact", vec![("confirm", "inq_nobody")]),
    ] {
        let answer = staff.post(path, &fields).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// I3, I4, L1: what cannot be done is said in a sentence, on the inquiry's page, with the status of a conflict.
#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let said = async |rest: &str, fields: Vec<(&str, &str)>| {
        let answer = staff.post(&format!("{inquiry}/{rest}"), &fields).await;
        (answer.status(), answer.text().await.unwrap())
    };
    let (status, page) = said("approve", vec![]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("This inquiry is created: it cannot be approved."));
    assert_eq!(said("complete", vec![]).await.0, StatusCode::NOT_FOUND, "that is the person's to do");
    for (amount, unit) in
        [("0", "hours"), ("-1", "hours"), ("1.5", "hours"), ("x", "days"), ("99999999", "days")]
    {
        let (status, page) =
            said("links", vec![("outstanding", "keep"), ("amount", amount), ("unit", unit)]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{amount} {unit}");
        assert!(page.contains("amount-error"));
    }
    let (status, page) = said("links", vec![("mail", "nobody")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("mail-error"));
    let (status, page) = said("links", vec![("session", "iqse_00000000000000000000000000")]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("That session is over"));

    assert_eq!(said("expire", vec![]).await.0, StatusCode::SEE_OTHER);
    let (status, page) = said("links", vec![]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("Resume it first"));

    let (status, _) = said("redact", vec![("confirm", "yes")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let id = inquiry.rsplit('/').next().unwrap();
    assert_eq!(said("redact", vec![("confirm", id)]).await.0, StatusCode::SEE_OTHER);
    let (status, page) = said("resume", vec![]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("This inquiry is redacted: it cannot be resumed."));
}

/// An address that takes forms alone leads to the page that it belongs to, as by Enter in the address bar; it takes nothing else.
#[tokio::test]
async fn an_address_of_forms_leads_to_its_page() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let (hook, _) = staff.add_endpoint("http://127.0.0.1:9/hook").await;
    let mut pages = vec![
        ("/dashboard/search".to_owned(), "/dashboard"),
        ("/dashboard/samples".to_owned(), "/dashboard"),
        ("/dashboard/sign-out".to_owned(), "/dashboard"),
        ("/dashboard/tokens/revoke".to_owned(), "/dashboard/tokens"),
        ("/inquiry/complete".to_owned(), "/inquiry"),
    ];
    pages
        .extend(["links", "revoke", "redact", "resume"].map(|form| (format!("{inquiry}/{form}"), &*inquiry)));
    pages.extend(["test", "again", "remove"].map(|form| (format!("{hook}/{form}"), &*hook)));
    for (form, page) in pages {
        let answer = staff.get(&form).await;
        assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, page), "{form}");
        let answer = staff.client.put(format!("{}{form}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{form}");
    }
}

/// I3, L6: an inquiry that staff ended is not said to have run out of time, and nobody is told to revoke what is revoked.
#[tokio::test]
async fn a_page_says_how_it_is() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let link = shown(&staff.post(&format!("{inquiry}/links"), &[]).await.text().await.unwrap(), "link");
    let alarm = "A link was used. Was it not the person";
    assert!(!staff.page(&inquiry).await.contains(alarm));
    server.redeem(&link).await;
    assert!(staff.page(&inquiry).await.contains(alarm));
    staff.post(&format!("{inquiry}/revoke"), &[("what", "everything")]).await;
    assert!(!staff.page(&inquiry).await.contains(alarm));

    staff.post(&format!("{inquiry}/expire"), &[]).await;
    let page = staff.page(&inquiry).await;
    assert!(page.contains("It expired on ") && !page.contains("ran out"), "{page}");
}

/// C6, D9: a link of another server is told from one that was damaged.
#[tokio::test]
async fn a_link_of_another_server_is_not_damaged() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let link = server.link(&server.inquiry().await).await;
    let said = async |pasted: &str| {
        let answer = staff.post("/dashboard/diagnose", &[("link", pasted)]).await;
        let page = answer.text().await.unwrap();
        (page.contains("It is not a link of this server"), page.contains("It is damaged"))
    };
    let moved = link.replace(&server.url, "https://verify.example.com");
    assert_eq!(said(&moved).await, (true, false));
    assert_eq!(said(&format!("{}/dashboard", server.url)).await, (true, false));
    assert_eq!(said(&link[..link.len() - 1]).await, (false, true));
    assert_eq!(said(&link).await, (false, false));
}

/// L3: a link stands in the answer to its form, which nobody keeps, and in no address; D9: a link that is diagnosed, or pasted
/// into the search by mistake, is not shown again either.
#[tokio::test]
async fn a_link_is_shown_once() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let inquiry = create(&staff).await;
    let answer = staff.post(&format!("{inquiry}/links"), &[]).await;
    assert_eq!(
        (answer.status(), &answer.headers()[header::CACHE_CONTROL]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let page = answer.text().await.unwrap();
    let link = shown(&page, "link");
    let code = link.split_once("code=").unwrap().1;
    let name = page.split_once("otl_").unwrap().1[..26].to_owned();
    assert!(page.contains("<svg") && page.contains(&format!("/c/{code}")));

    for (path, field) in [("/dashboard/diagnose", "link"), ("/dashboard/search", "text")] {
        for pasted in [&*link, code, &format!("{code}X")] {
            let answer = staff.post(path, &[(field, pasted)]).await;
            assert!(answer.headers().get(header::LOCATION).is_none(), "{path} leads elsewhere");
            assert!(!answer.text().await.unwrap().contains(code), "{path} shows it");
        }
    }
    assert!(!staff.get(&inquiry).await.text().await.unwrap().contains(code));
    // The records have the link's id once the pump was there.
    let search = async || staff.post("/dashboard/search", &[("text", &format!("otl_{name}"))]).await;
    for _ in 0..600 {
        if search().await.status() == StatusCode::SEE_OTHER {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(location(&search().await), inquiry);
    assert!(!server.log().contains(code));
}

/// Pages of the list have each inquiry once, there and back, whatever they are filtered by.
#[tokio::test]
async fn the_list_has_each_inquiry_once() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    for _ in 0..13 {
        staff.post("/dashboard/samples", &[]).await;
    }
    for (filter, all) in [
        ("", 65),
        ("?status=expired", 26),
        ("?template=itmpl_identity&status=created", 13),
        ("?reference=sample-new", 13),
    ] {
        let (mut path, mut ids, mut pages) =
            (format!("/dashboard/inquiries{filter}"), Vec::new(), Vec::new());
        loop {
            let page = staff.get(&path).await.text().await.unwrap();
            let found: Vec<_> =
                page.split("class=\"id soft\">").skip(1).map(|rest| rest[..30].to_owned()).collect();
            ids.extend(found.clone());
            pages.push(found);
            let Some((older, _)) = page.split_once("\">Older</a>") else {
                if let Some((newer, _)) = page.split_once("\">Newer</a>") {
                    let newer = newer.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
                    let page = staff.get(&newer).await.text().await.unwrap();
                    assert!(page.contains(&pages[0][0]) && !page.contains(&found_of(&pages)));
                }
                break;
            };
            path = older.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((count, ids.len()), (all, all), "{filter}");
    }
}

/// The first inquiry of the last page.
fn found_of(pages: &[Vec<String>]) -> String {
    pages.last().unwrap()[0].clone()
}
