//! The main job on Redis: a link that works once, kept by the server of `REDIS_URL`.
//!
//! `REDIS_URL=redis://127.0.0.1:6379 cargo run --package inquiry-otl-redis --example redis_quickstart`

use std::{env, error::Error};

use inquiry_otl::{Attempt, LinkRequest, NewInquiry, Redemption, Service, TemplateId};
use inquiry_otl_redis::RedisStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Ok(url) = env::var("REDIS_URL") else {
        println!("REDIS_URL names no server, as in redis://127.0.0.1:6379");
        return Ok(());
    };
    // All keys begin with this, so a server can be shared.
    let store = RedisStore::builder("otl-quickstart").open(url).await?;
    let service = Service::new(store);

    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    println!("{} leads to an inquiry that is {}", link.id, inquiry.status);
    for attempt in 1..=2 {
        match service.redeem(link.url.expose(), &Attempt::new()).await? {
            Redemption::Granted(grant) => println!("attempt {attempt}: {:?}", grant.kind),
            Redemption::Busy { until } => println!("attempt {attempt}: busy until {until}"),
            Redemption::Refused(refused) => println!("attempt {attempt}: {}", refused.reason),
        }
    }
    Ok(())
}
