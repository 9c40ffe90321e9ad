//! Lists, a page at a time.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use inquiry_otl::{InquiryId, Interval, NewInquiry, ReferenceId, TemplateId};

use super::world::{Call, World};

fn second() -> Interval {
    Interval::from_seconds(1).unwrap()
}

async fn made(world: &World, template: &str, reference: &str) -> InquiryId {
    world.clock.advance(second());
    let request = NewInquiry::from_template(TemplateId::new(template).unwrap());
    world.service.create(request.with_reference(ReferenceId::new(reference).unwrap())).await.unwrap().id
}

/// I6, S6: the inquiries of the tenant are listed newest first, each once, in pages that lead to one another.
#[tokio::test]
async fn inquiries_are_listed_page_by_page() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.insert(0, made(&world, "itmpl_kyc", "user 7").await.to_string());
    }
    for size in [1, 2, 3, 7, 8] {
        // A whole number may be written as JSON's schemas have it, too.
        for written in [format!("{size}"), format!("{size}.0"), format!("{size}e0")] {
            assert_eq!(walk(&world, &format!("/inquiries?page%5Bsize%5D={written}"), size).await, ids);
        }
    }
    for place in ["page%5Bafter%5D=inq_nobody", "page%5Bbefore%5D=no%20id"] {
        world.get(&format!("/inquiries?{place}")).await.is_error(400, "Bad Request");
    }
}

/// I2, I6: a list is filtered by what is kept; what is not kept, or is no such thing, no inquiry has.
#[tokio::test]
async fn inquiries_are_filtered() {
    let world = World::new();
    let [one, two, three] = [
        made(&world, "itmpl_kyc", "user 1").await,
        made(&world, "itmpl_kyb", "user 2").await,
        made(&world, "itmpl_kyc", "user 2").await,
    ];
    world.service.start(two).await.unwrap();
    let created = world.service.inquiry(two).await.unwrap().created_at;
    let list = async |filter: &str| {
        let answer = world.get(&format!("/inquiries?{filter}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{filter}: {:?}", answer.body);
        answer.ids().into_iter().map(|id| id.parse().unwrap()).collect::<Vec<InquiryId>>()
    };
    assert_eq!(list("filter%5Breference-id%5D=user+2").await, [three, two]);
    assert_eq!(list("filter%5BreferenceId%5D=user+1").await, [one]);
    assert_eq!(list("filter%5Binquiry-template-id%5D=itmpl_kyc").await, [three, one]);
    for status in [
        "filter%5Bstatus%5D=pending",
        "filter%5Bstatus%5D=pending,approved,unheard-of",
        "filter%5Bstatus%5D%5B%5D=pending&filter%5Bstatus%5D%5B%5D=approved",
        "filter%5Bstatus%5D=pending&filter%5Bstatus%5D=approved",
    ] {
        assert_eq!(list(status).await, [two]);
    }
    assert_eq!(list(&format!("filter%5Bcreated-at-start%5D={created}")).await, [three, two]);
    assert_eq!(list(&format!("filter%5Bcreated-at-end%5D={created}")).await, [two, one]);
    assert_eq!(list("filter%5Bcreated-at-start%5D=1900-01-01T00:00:00Z").await, [three, two, one]);
    for nobody in [
        "filter%5Bnote%5D=any",
        "filter%5Baccount-id%5D=act_1",
        "filter%5Btemplate-id%5D=tmpl_1",
        "filter%5Binquiry-template-id%5D=no+id",
        "filter%5Bstatus%5D=unheard-of",
        "filter%5Breference-id%5D=",
        "filter%5Bcreated-at-end%5D=1900-01-01T00:00:00Z",
    ] {
        assert_eq!(list(nobody).await, []);
    }
    world.clock.advance(Interval::from_hours(24).unwrap());
    assert_eq!(list("filter%5Bstatus%5D=expired").await, [three, two, one]);

    for wrong in [
        "filter%5Bnote%5D=a&filter%5Bstatus%5D=pending",
        "filter%5Bcreated-at-start%5D=yesterday",
        "filter%5Bcolour%5D=blue",
        "filter%5Breference-id%5D=a&filter%5Breference-id%5D=b",
    ] {
        world.get(&format!("/inquiries?{wrong}")).await.is_error(400, "Bad Request");
    }
}

/// D7: all sessions are listed by their inquiries, each once, also where an inquiry has none.
#[tokio::test]
async fn all_sessions_are_listed_by_their_inquiries() {
    let world = World::new();
    let mut expected = Vec::new();
    for count in [2, 0, 3, 0, 0, 1] {
        let inquiry = made(&world, "itmpl_kyc", "user 7").await;
        let mut of_inquiry = Vec::new();
        for _ in 0..count {
            world.clock.advance(second());
            of_inquiry.insert(0, world.service.start_session(inquiry).await.unwrap().session.id.to_string());
        }
        expected.splice(0..0, of_inquiry);
    }
    for size in [1, 2, 3, 6, 7] {
        let mut listed = Vec::new();
        let mut next = Some(format!("/inquiry-sessions?page%5Bsize%5D={size}"));
        while let Some(path) = next {
            let answer = world.get(&path).await;
            assert!(answer.ids().len() <= size);
            listed.extend(answer.ids().into_iter().map(|name| name.split('-').next().unwrap().to_owned()));
            let link = answer.body["links"]["next"].as_str();
            next = link.map(|link| link.strip_prefix("/api/v1").unwrap().to_owned());
        }
        assert_eq!(listed, expected, "{size} a page");
    }
    for place in ["page%5Bafter%5D=no+id", "page%5Bbefore%5D=iqse_1"] {
        world.get(&format!("/inquiry-sessions?{place}")).await.is_error(400, "Bad Request");
    }
}

/// More inquiries without a session than are looked at for one page: the page is empty, and says where to go on.
#[tokio::test]
async fn a_page_that_found_nothing_says_where_to_go_on() {
    let world = World::new();
    let first = made(&world, "itmpl_kyc", "user 7").await;
    let session = world.service.start_session(first).await.unwrap().session.id.to_string();
    for _ in 0..100 {
        made(&world, "itmpl_kyc", "user 7").await;
    }
    let empty = world.get("/inquiry-sessions").await;
    assert!(empty.ids().is_empty());
    let next = empty.body["links"]["next"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
    let found = world.call(Call::new(Method::GET, next)).await;
    assert!(found.ids()[0].starts_with(&session));
    assert_eq!(found.body["links"]["next"], serde_json::Value::Null);
}

/// Follows the links from the first page to the last one, and back again.
async fn walk(world: &World, first: &str, size: usize) -> Vec<String> {
    let (mut ids, mut pages) = (Vec::new(), vec![first.to_owned()]);
    loop {
        let answer = world.get(pages.last().unwrap()).await;
        assert!(answer.ids().len() <= size, "{:?}", answer.body);
        ids.extend(answer.ids().into_iter().map(str::to_owned));
        match answer.body["links"]["next"].as_str() {
            Some(next) => pages.push(next.strip_prefix("/api/v1").unwrap().to_owned()),
            None => break,
        }
    }
    let mut back = pages.last().unwrap().clone();
    for expected in pages.iter().rev() {
        let (there, here) = (world.get(expected).await, world.get(&back).await);
        assert_eq!(here.ids(), there.ids());
        match here.body["links"]["prev"].as_str() {
            Some(prev) => prev.strip_prefix("/api/v1").unwrap().clone_into(&mut back),
            None => assert_eq!(Some(expected), pages.first()),
        }
    }
    ids
}

/// D7: the sessions of an inquiry are listed newest first, each once, in pages that lead to one another.
#[tokio::test]
async fn sessions_are_listed_page_by_page() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let mut started = Vec::new();
    for _ in 0..7 {
        world.clock.advance(second());
        started.insert(0, world.service.start_session(inquiry).await.unwrap().session.id.to_string());
    }
    for size in [1, 2, 3, 7, 8] {
        let first = format!("/inquiry-sessions?filter%5Binquiry-id%5D={inquiry}&page%5Bsize%5D={size}");
        let listed = walk(&world, &first, size).await;
        let ids: Vec<_> = listed.iter().map(|name| name.split('-').next().unwrap()).collect();
        assert_eq!(ids, started);
    }
}

/// What names no session of the inquiry is no place in its list, and an inquiry that there is not has none.
#[tokio::test]
async fn a_list_begins_at_what_is_in_it() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    let list = |query: &str| format!("/inquiry-sessions?filter%5Binquiry-id%5D={query}");
    for place in ["page%5Bafter%5D=iqse_1", "page%5Bbefore%5D=", "page%5Bafter%5D=a&page%5Bbefore%5D=b"] {
        world.get(&list(&format!("{inquiry}&{place}"))).await.is_error(400, "Bad Request");
    }
    for size in ["0", "-1", "1.5", "many", "NaN", ""] {
        world.get(&list(&format!("{inquiry}&page%5Bsize%5D={size}"))).await.is_error(400, "Bad Request");
    }
    for nobody in ["inq_nobody", "no%20id"] {
        assert!(world.get(&list(nobody)).await.ids().is_empty());
    }
    for group in ["filter=1", "filter%5Bcolour%5D=1", "page%5Bsize%5D%5Ba%5D%5Bb%5D=1"] {
        world.get(&list(&format!("{inquiry}&{group}"))).await.is_error(400, "Bad Request");
    }
    let distinct: BTreeSet<_> = walk(&world, &list(inquiry.as_str()), 10).await.into_iter().collect();
    assert!(distinct.is_empty());
}
