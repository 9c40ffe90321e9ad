//! A link that works once, kept in PostgreSQL: `DATABASE_URL='host=127.0.0.1 user=postgres' cargo run -p
//! inquiry-otl-postgres --example postgres_quickstart`. It works in a schema of its own, and removes it in the end.

use std::{env, error::Error};

use inquiry_otl::{
    Attempt, AttemptKey, GrantKind, Key, KeyId, Keyring, LinkRequest, NewInquiry, Redemption, Service,
    TemplateId,
};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName};
use tokio_postgres::NoTls;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL")
        .map_err(|_| "DATABASE_URL says which server: host=127.0.0.1 user=postgres")?;
    let options = Options::new().with_schema(SchemaName::new("inquiry_otl_quickstart")?);
    let store = PostgresStore::connect(url.parse()?, NoTls, options)?;
    store.migrate().await?;
    println!("the tables are there, and stay as they are when they are asked for again");
    store.migrate().await?;

    // In production, the key comes from where your secrets are.
    let keyring = Keyring::new(Key::random(KeyId::new(1)?));
    let service = Service::builder(store.clone()).keyring(keyring).build()?;
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    service.expire(inquiry.id).await?; // as its deadline would
    service.resume(inquiry.id).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    println!("an inquiry that had expired is resumed, and its person is sent a link");

    let first = Attempt::new().with_key(AttemptKey::random());
    for (who, attempt) in [
        ("the person", &first),
        ("the person, whose answer was lost", &first),
        ("somebody else", &Attempt::new()),
    ] {
        match service.redeem(link.url.expose(), attempt).await? {
            Redemption::Granted(grant) if grant.kind == GrantKind::FirstUse => println!("{who}: goes on"),
            Redemption::Granted(_) => println!("{who}: goes on in the same session"),
            Redemption::Busy { until } => println!("{who}: may try again at {until}"),
            Redemption::Refused(refused) => println!("{who}: {}", refused.reason.name()),
        }
    }

    store.pool().get().await?.batch_execute("DROP SCHEMA inquiry_otl_quickstart CASCADE").await?;
    Ok(())
}
