//! Housekeeping: expiries are announced once, and what is past keeping is removed, in bounded rounds.

use std::error::Error;

use inquiry_otl::{
    Attempt, Event, Interval, LinkRequest, ManualClock, MemoryStore, NewInquiry, Operator, Redemption,
    Retention, Service, TemplateId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    let clock = ManualClock::default();
    let service = Service::builder(&store).clock(clock.clone()).build()?;
    let operator = Operator::builder(&store)
        .clock(clock.clone())
        .retention(
            Retention::default()
                .with_links(Interval::from_days(30)?)
                .with_inquiries(Interval::from_days(90)?),
        )
        .batch(2)
        .event_sink(|event: &Event| println!("  told: {}", event.kind.name()))
        .build();

    let template = TemplateId::new("itmpl_kyc")?;
    let mut last = None;
    for _ in 0..3 {
        let inquiry = service.create(NewInquiry::from_template(template)).await?;
        last = Some(service.issue(LinkRequest::resume(inquiry.id)).await?);
    }

    for (what, days) in [("a day later", 1), ("a month later", 31), ("a quarter later", 60)] {
        clock.advance(Interval::from_days(days)?);
        println!("{what}:");
        // `Operator::run` does this in a loop, with the sleep of your runtime.
        loop {
            let round = operator.tick().await;
            println!(
                "  round: {} expired; removed: links {}, inquiries {}",
                round.expired, round.purged.links, round.purged.inquiries
            );
            if !round.more {
                break;
            }
        }
        if let Some(link) = &last {
            if let Redemption::Refused(refused) = service.redeem(link.url.expose(), &Attempt::new()).await? {
                println!("  a link that was never opened: {}", refused.reason.name());
            }
        }
    }
    println!("left: {:?}", store.counts());
    Ok(())
}
