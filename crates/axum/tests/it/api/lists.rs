//! Lists, a page at a time.

use std::collections::BTreeSet;

use super::world::World;

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
            Some(prev) => back = prev.strip_prefix("/api/v1").unwrap().to_owned(),
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
        world.clock.advance(inquiry_otl::Interval::from_seconds(1).unwrap());
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
