//! Persona's API over a store in memory: prints where it is and the token for it, and serves until its input ends.
//!
//! `cargo run -p inquiry-otl-axum --example api`. Beside the API there is `POST /person/<inquiry>`, which does what a person
//! does who goes through an inquiry: start and complete it.

use std::{io::Read, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use inquiry_otl::{AttemptKey, InquiryId, Key, KeyId, Keyring, MemoryStore, Service};
use inquiry_otl_axum::api::{Api, Tokens};
use tokio::{net::TcpListener, task};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keyring = Keyring::new(Key::random(KeyId::new(1)?));
    let service = Arc::new(Service::builder(MemoryStore::new()).keyring(keyring).build()?);

    // A random text, as good as a token of 160 bits.
    let random = AttemptKey::random();
    let api = Api::new(Arc::clone(&service), Tokens::new([random.expose()])?);
    let person = Router::new().route("/person/{inquiry}", post(person)).with_state(service);
    let app = api.into_router().merge(person);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/api/v1", listener.local_addr()?);
    println!("{}", random.expose());
    let input_ends = task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    axum::serve(listener, app).with_graceful_shutdown(async { drop(input_ends.await) }).await?;
    Ok(())
}

async fn person(
    State(service): State<Arc<Service<MemoryStore>>>,
    Path(inquiry): Path<InquiryId>,
) -> StatusCode {
    let done = async {
        service.start(inquiry).await?;
        service.complete(inquiry).await
    };
    if done.await.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT }
}
