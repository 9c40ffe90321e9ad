//! Persona's API over a store in memory: prints where it is and the token for it, and serves until its input ends.
//!
//! `cargo run -p inquiry-otl-axum --example api`.

use std::{io::Read, sync::Arc};

use inquiry_otl::{AttemptKey, Key, KeyId, Keyring, MemoryStore, Service};
use inquiry_otl_axum::api::{Api, Tokens};
use tokio::{net::TcpListener, task};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keyring = Keyring::new(Key::random(KeyId::new(1)?));
    let service = Arc::new(Service::builder(MemoryStore::new()).keyring(keyring).build()?);

    // A random text, as good as a token of 160 bits.
    let random = AttemptKey::random();
    let api = Api::new(service, Tokens::new([random.expose()])?);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/api/v1", listener.local_addr()?);
    println!("{}", random.expose());
    let input_ends = task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    axum::serve(listener, api.into_router()).with_graceful_shutdown(async { drop(input_ends.await) }).await?;
    Ok(())
}
