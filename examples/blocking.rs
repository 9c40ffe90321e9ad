//! Without an async runtime: the same service, whose methods wait.

use std::error::Error;

use inquiry_otl::{
    Attempt, LinkRequest, ManualClock, MemoryStore, NewInquiry, Peek, Redemption, Service, TemplateId,
    blocking::{BlockingService, ParkThread},
};

fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::builder(MemoryStore::new()).clock(ManualClock::default()).build()?;
    let service = BlockingService::new(service, ParkThread);

    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?))?;
    let link = service.issue(LinkRequest::resume(inquiry.id))?;
    println!("{} leads to an inquiry that is {}", link.id, inquiry.status);

    if let Peek::WouldGrant(peeked) = service.peek(link.url.expose(), &Attempt::new())? {
        println!("a look at it: good until {}", peeked.expires_at);
    }
    for attempt in 1..=2 {
        match service.redeem(link.url.expose(), &Attempt::new())? {
            Redemption::Granted(grant) => println!("attempt {attempt}: {:?}", grant.kind),
            Redemption::Busy { until } => println!("attempt {attempt}: busy until {until}"),
            Redemption::Refused(refused) => println!("attempt {attempt}: {}", refused.reason),
        }
    }

    // Opening is not submitting: that is the person's next step, and ends in a closed inquiry.
    service.start(inquiry.id)?;
    let inquiry = service.complete(inquiry.id)?;
    println!("the inquiry is {}", inquiry.status);
    if let Err(error) = service.issue(LinkRequest::resume(inquiry.id)) {
        println!("another link: {error}");
    }
    Ok(())
}
