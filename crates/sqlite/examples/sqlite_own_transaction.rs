//! A redemption as a part of the application's own transaction: both are kept, or neither.

use std::error::Error;

use inquiry_otl::{Attempt, LinkRequest, NewInquiry, Redemption, Service, TemplateId};
use inquiry_otl_sqlite::{
    SqliteStore,
    rusqlite::{Connection, TransactionBehavior},
};

fn redeem(
    service: &Service<SqliteStore>,
    store: &SqliteStore,
    connection: &mut Connection,
    presented: &str,
    seats: u32,
) -> Result<Option<Redemption>, Box<dyn Error>> {
    let planner = service.planner();
    let plan = match planner.redeem(presented, &Attempt::new()) {
        Ok(plan) => plan,
        // No store has to be asked about a mangled code.
        Err(refused) => return Ok(Some(planner.finish_refused(refused).told(planner))),
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcome = store.within(&transaction).redeem(plan.command())?;
    let taken: u32 = transaction.query_row("SELECT count(*) FROM seats", [], |row| row.get(0))?;
    if seats <= taken {
        // The application's own reason: the link is as good as before.
        transaction.rollback()?;
        return Ok(None);
    }
    if let Some(session) = outcome.as_ref().and_then(|attempted| attempted.session) {
        transaction.execute("INSERT INTO seats VALUES (?1)", [session.id.to_string()])?;
    }
    transaction.commit()?;
    // Only what is committed is told of.
    Ok(Some(planner.finish_redeem(plan, outcome).told(planner)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("sqlite-own-transaction-{}.db", std::process::id()));
    let store = SqliteStore::open(&path)?;
    let service = Service::new(store.clone());
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;

    let mut connection = Connection::open(&path)?;
    connection.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE seats (session TEXT)")?;
    for seats in [0, 1, 2] {
        let answer = redeem(&service, &store, &mut connection, link.url.expose(), seats)?;
        match answer {
            None => println!("{seats} seats: none is free, and the link is kept"),
            Some(Redemption::Granted(grant)) => println!("{seats} seats: {:?}", grant.kind),
            Some(Redemption::Busy { until }) => println!("{seats} seats: busy until {until}"),
            Some(Redemption::Refused(refused)) => println!("{seats} seats: {}", refused.reason),
        }
    }
    drop((store, service, connection));
    std::fs::remove_file(&path)?;
    Ok(())
}
