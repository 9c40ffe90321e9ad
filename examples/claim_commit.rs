//! Two phases: hold a link, do work that may fail, and only then use it up. A crash in between burns no link.

use std::error::Error;

use inquiry_otl::{
    Attempt, Claiming, GrantKind, Interval, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption,
    Service, TemplateId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::default();
    let service = Service::builder(MemoryStore::new()).clock(clock.clone()).build()?;
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    let presented = link.url.expose();

    // The work fails, and the link is given back as it was.
    if let Claiming::Claimed(claim) = service.claim(presented, &Attempt::new()).await? {
        println!("claimed until {}", claim.until);
        println!("the work fails: {:?}", service.release(&claim).await?);
    }

    // The process dies: nobody releases the claim, so the lease does it.
    if let Claiming::Claimed(forgotten) = service.claim(presented, &Attempt::new()).await? {
        if let Claiming::Busy { until } = service.claim(presented, &Attempt::new()).await? {
            println!("somebody else is told to wait until {until}");
        }
        clock.advance(Interval::from_seconds(30)?);
        if let Redemption::Refused(refused) = service.commit(&forgotten).await? {
            println!("30 seconds later, a late commit: {}", refused.reason);
        }
    }

    // The work succeeds, and the commit is the first use.
    if let Claiming::Claimed(claim) = service.claim(presented, &Attempt::new()).await? {
        for answer in [service.commit(&claim).await?, service.commit(&claim).await?] {
            match answer {
                Redemption::Granted(grant) if grant.kind == GrantKind::FirstUse => {
                    println!("committed: the first use");
                }
                Redemption::Granted(grant) => println!("committed again: {:?}, the same session", grant.kind),
                Redemption::Busy { .. } | Redemption::Refused(_) => println!("not committed"),
            }
        }
    }
    Ok(())
}
