//! Lists of a tenant's inquiries, through the service.

use inquiry_otl::{
    Cursor, ExpirationPolicy, Inquiry, InquiryId, InquiryQuery, NewInquiry, ReferenceId, Status, TemplateId,
    TenantId, Timestamp, UrlFormat, store::Deadline,
};

use crate::support::{World, moved, new_inquiry, seconds};

async fn listed(world: &World, query: InquiryQuery) -> Vec<InquiryId> {
    let page = world.service.inquiries(query).await.unwrap();
    page.items.iter().map(|inquiry| inquiry.id).collect()
}

/// Five inquiries, a second apart, the newest first.
async fn five(world: &World) -> Vec<Inquiry> {
    let other = TemplateId::new("itmpl_other").unwrap();
    let requests = [
        new_inquiry(),
        new_inquiry().with_reference(ReferenceId::new("customer-7").unwrap()),
        NewInquiry::from_template(other),
        new_inquiry(),
        new_inquiry(),
    ];
    let mut inquiries = Vec::new();
    for request in requests {
        world.advance(seconds(1));
        inquiries.insert(0, world.service.create(request).await.unwrap());
    }
    inquiries
}

/// I1, S6: a list is of one tenant, by what is asked for, and pages go in either direction.
#[tokio::test]
async fn inquiries_are_listed_by_what_is_asked() {
    let world = World::new();
    let inquiries = five(&world).await;
    let ids: Vec<_> = inquiries.iter().map(|inquiry| inquiry.id).collect();
    let all = || InquiryQuery::newest(10);
    assert_eq!(listed(&world, all()).await, ids);
    assert_eq!(listed(&world, InquiryQuery::newest(2)).await, ids[..2]);
    assert_eq!(listed(&world, InquiryQuery::newest(2).after(Cursor::of(&inquiries[1]))).await, ids[2..4]);
    assert_eq!(listed(&world, InquiryQuery::newest(2).before(Cursor::of(&inquiries[3]))).await, ids[1..3]);
    assert_eq!(
        listed(&world, all().from_template([TemplateId::new("itmpl_other").unwrap()])).await,
        ids[2..3]
    );
    assert_eq!(
        listed(&world, all().with_reference(ReferenceId::new("customer-7").unwrap())).await,
        ids[3..4]
    );
    let (from, until) = (inquiries[3].created_at, inquiries[1].created_at);
    assert_eq!(listed(&world, all().created_from(from).created_until(until)).await, ids[1..4]);
    let elsewhere = world.beside(|builder| builder.tenant(TenantId::new("elsewhere").unwrap()));
    assert!(elsewhere.inquiries(all()).await.unwrap().items.is_empty());
}

/// I6: what a list tells of a status, and asks of it, is as of now.
#[tokio::test]
async fn a_list_tells_statuses_as_of_now() {
    let world = World::new();
    let inquiries = five(&world).await;
    let with = |status| InquiryQuery::newest(10).with_status([status]);
    // The older ones reach their deadlines first.
    world.at(inquiries[3].expires_at, 0);
    assert_eq!(listed(&world, with(Status::Created)).await.len(), 3);
    let expired = world.service.inquiries(with(Status::Expired)).await.unwrap().items;
    assert_eq!(
        expired.iter().map(|inquiry| inquiry.id).collect::<Vec<_>>(),
        [inquiries[3].id, inquiries[4].id]
    );
    assert!(expired.iter().all(|inquiry| inquiry.status == Status::Expired));
}

/// I5: at the deadline itself an inquiry is behind it.
#[test]
fn a_deadline_is_ahead_or_behind() {
    let deadline = Timestamp::from_unix_micros(1_000_000).unwrap();
    for (micros, ahead) in [(-1, true), (0, false), (1, false)] {
        let now = moved(deadline, micros);
        assert_eq!(Deadline::Ahead.fits(deadline, now), ahead);
        assert_eq!(Deadline::Behind.fits(deadline, now), !ahead);
        assert!(Deadline::Any.fits(deadline, now));
    }
}

/// S6, E10: whose a service is, by which policy it creates, and which URLs it reads, can be asked.
#[test]
fn a_planner_tells_what_it_goes_by() {
    let world = World::new();
    let planner = world.service.planner();
    assert_eq!((planner.tenant(), planner.policy()), (TenantId::default(), ExpirationPolicy::default()));
    assert_eq!(planner.urls(), &UrlFormat::default());
}
