//! Webhooks that are not lost: events are written with the change they tell of, and delivered at least once.

use std::{collections::HashSet, error::Error};

use inquiry_otl::{
    Attempt, EventId, LinkRequest, ManualClock, MemoryStore, NewInquiry, Redemption, Service, TemplateId,
    store::{Delivery, Outbox},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new().with_outbox();
    let service = Service::builder(&store).clock(ManualClock::default()).build()?;
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    if let Redemption::Granted(grant) = service.redeem(link.url.expose(), &Attempt::new()).await? {
        println!("the person goes on in {}", grant.session.id);
    }

    let mut receiver = Receiver::default();

    // The first consumer sends two events and dies before it acknowledges them.
    for delivery in store.pending(None, 2).await? {
        receiver.post(&delivery);
    }
    println!("-- the consumer crashed, and starts again");

    // The second one gets them again, and all others: in batches, until nothing is left.
    loop {
        let batch = store.pending(None, 2).await?;
        if batch.is_empty() {
            break;
        }
        for delivery in &batch {
            receiver.post(delivery);
        }
        // A receipt is good for as long as its event is there: acknowledge what was sent, and nothing else.
        let receipts = batch.into_iter().map(|delivery| delivery.receipt).collect();
        println!("-- acknowledged {}", store.acknowledge(receipts).await?);
    }
    Ok(())
}

/// Whoever is told: it remembers the ids that it has seen, and so drops what comes again.
#[derive(Default)]
struct Receiver {
    seen: HashSet<EventId>,
}

impl Receiver {
    fn post(&mut self, Delivery { event, .. }: &Delivery) {
        let again = if self.seen.insert(event.id) { "" } else { " (dropped: seen before)" };
        println!("{} {}{again}", event.sequence.unwrap_or_default(), event.kind.name());
    }
}
