//! A redemption that is part of the application's own transaction: `DATABASE_URL='host=127.0.0.1 user=postgres' cargo
//! run -p inquiry-otl-postgres --example postgres_own_transaction`. It works in schemas of its own, and removes them in the end.

use std::{env, error::Error};

use inquiry_otl::{Attempt, LinkRequest, LinkStore, NewInquiry, Redemption, Service, TemplateId};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName};
use tokio_postgres::NoTls;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL")
        .map_err(|_| "DATABASE_URL says which server: host=127.0.0.1 user=postgres")?;
    let options = Options::new().with_schema(SchemaName::new("inquiry_otl_own")?);
    let store = PostgresStore::connect(url.parse()?, NoTls, options)?;
    store.migrate().await?;
    let mut client = store.pool().get().await?;
    client.batch_execute("CREATE SCHEMA shop; CREATE TABLE shop.visits (inquiry text NOT NULL)").await?;

    let service = Service::new(store.clone());
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    let planner = service.planner();

    for (what, works) in [("the disk is full", false), ("all is well", true), ("the link comes again", true)]
    {
        let before = client.warnings();
        let transaction = client.transaction().await?;
        // Plan, ask the store within the transaction, and keep the answer back until the commit.
        let plan = planner.redeem(link.url.expose(), &Attempt::new()).map_err(|refused| refused.reason)?;
        let outcome = store.within(&transaction).redeem(plan.command()).await?;
        let answer = planner.finish_redeem(plan, outcome);
        let statement = "INSERT INTO shop.visits (inquiry) VALUES ($1)";
        transaction.execute(statement, &[&inquiry.id.as_str()]).await?;
        if !works {
            transaction.rollback().await?;
            println!("{what}: rolled back, and nobody was let in");
            continue;
        }
        transaction.commit().await?;
        if client.warnings() != before {
            // D1: committed here, and perhaps nowhere else. The link's attempt key would find the answer again.
            println!("{what}: not confirmed, and nobody is let in");
            continue;
        }
        // Now it is durable: the event sink is told, and the person is let in.
        match answer.told(planner) {
            Redemption::Granted(grant) => println!("{what}: goes on with {}", grant.inquiry.template),
            Redemption::Busy { until } => println!("{what}: may try again at {until}"),
            Redemption::Refused(refused) => println!("{what}: {}", refused.reason.name()),
        }
    }

    let visits: i64 = client.query_one("SELECT count(*) FROM shop.visits", &[]).await?.get(0);
    println!("{visits} visits are recorded: one for each commit");
    client.batch_execute("DROP SCHEMA inquiry_otl_own CASCADE; DROP SCHEMA shop CASCADE").await?;
    Ok(())
}
