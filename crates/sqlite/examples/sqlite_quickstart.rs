//! A store in a file: a link is made, used once, and refused after a restart.

use std::error::Error;

use inquiry_otl::{Attempt, LinkRequest, NewInquiry, Operator, Redemption, Service, TemplateId};
use inquiry_otl_sqlite::SqliteStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("sqlite-quickstart-{}.db", std::process::id()));
    let url;
    {
        let service = Service::new(SqliteStore::open(&path)?);
        let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
        let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
        println!("a link until {}", link.expires_at);
        url = link.url;
        if let Redemption::Granted(grant) = service.redeem(url.expose(), &Attempt::new()).await? {
            println!("{:?}: session {}", grant.kind, grant.session.id);
        }
    }

    // The last handle has closed the file; this is another life.
    let store = SqliteStore::builder().with_outbox().open(&path)?;
    let service = Service::new(store.clone());
    if let Redemption::Refused(refused) = service.redeem(url.expose(), &Attempt::new()).await? {
        println!("after a restart: {}", refused.reason);
    }

    // Now and then, or in a task of its own: announce expiries, remove what is past keeping.
    let round = Operator::new(store).tick().await;
    println!("housekeeping: {} expired, {} failures", round.expired, round.failures.len());
    drop(service);
    std::fs::remove_file(&path)?;
    Ok(())
}
