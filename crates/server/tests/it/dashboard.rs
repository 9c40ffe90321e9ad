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

/// E10: a change of a template is for inquiries that are made from then on; what is wrong is said at its field, and nothing is kept.
#[tokio::test]
async fn a_template_is_changed_for_what_comes_after() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let before = create(&staff).await;
    let path = "/dashboard/templates/itmpl_identity";
    let mut fields = vec![
        ("name", "Identity check"),
        ("after-create", "2"),
        ("after-create-unit", "days"),
        ("after-start", ""),
        ("after-resume", "90"),
        ("after-resume-unit", "minutes"),
        ("resume-link", ""),
        ("handoff-link", "30"),
        ("handoff-link-unit", "minutes"),
        ("session-limit", "3"),
        ("grace", "5"),
        ("grace-unit", "minutes"),
        ("grace-replays", "2"),
        ("grace-clients", "same"),
    ];
    for (field, wrong) in [
        ("after-create", "0"),
        ("handoff-link", ""),
        ("session-limit", "-1"),
        ("grace-replays", "many"),
        ("name", " "),
    ] {
        let wrong: Vec<_> =
            fields.iter().map(|(name, value)| (*name, if *name == field { wrong } else { value })).collect();
        let answer = staff.post(path, &wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(&format!("id=\"{field}-error\"")), "{field}");
    }
    assert!(
        staff
            .get(path)
            .await
            .text()
            .await
            .unwrap()
            .contains("name=\"session-limit\" inputmode=\"numeric\" value=\"25\"")
    );
    assert_eq!(location(&staff.post(path, &fields).await), "/dashboard/templates?done=saved");
    let page = staff.get(path).await.text().await.unwrap();
    for (name, value) in
        fields.iter().filter(|(name, _)| !name.ends_with("-unit") && !name.ends_with("clients"))
    {
        assert!(
            page.contains(&format!("name=\"{name}\"")) && page.contains(&format!("value=\"{value}\"")),
            "{name}"
        );
    }
    let after = create(&staff).await;
    let resumed = "stays open for 90 minutes from now";
    assert!(staff.get(&after).await.text().await.unwrap().contains(resumed));
    assert!(!staff.get(&before).await.text().await.unwrap().contains(resumed));

    fields[0].1 = "Another one";
    assert_eq!(staff.post("/dashboard/templates/new", &fields).await.status(), StatusCode::SEE_OTHER);
    let list = staff.get("/dashboard/templates").await.text().await.unwrap();
    assert_eq!(list.matches("<tr>").count(), 3, "a head and two templates");
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
