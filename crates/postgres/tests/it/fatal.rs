//! A server that ends a connection with its last word.

use inquiry_otl::{LinkStore, Retry, StoreErrorKind};
use inquiry_otl_postgres::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{digest, issue, key, open, redeem};

/// S4: after a fatal error the connection is gone, and with it the knowledge whether it happened, whatever the error is
/// called.
#[tokio::test]
async fn a_fatal_error_leaves_the_fate_open() {
    let attempt = || redeem_with_key(1);
    for (code, kind) in [
        ("XX000", StoreErrorKind::Internal),
        ("XX001", StoreErrorKind::Corrupt),
        ("XX002", StoreErrorKind::Corrupt),
        ("P0001", StoreErrorKind::Internal),
        ("57P01", StoreErrorKind::Unavailable),
    ] {
        let store = open(&server_that_says(code).await, Options::new());
        let error = store.redeem(attempt()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, Retry::SameAttempt), "{code}");
        let error = store.issue(issue(1, 1)).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, Retry::Unknown), "{code}");
        let error = store.inquiry(key(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, Retry::Safe), "{code}");
    }
}

fn redeem_with_key(n: u32) -> inquiry_otl::redemption::Redeem {
    inquiry_otl::redemption::Redeem { attempt: Some(digest(1_000 + n)), ..redeem(n) }
}

/// Where something listens that speaks as PostgreSQL does, and answers each statement of a command with that fatal error.
async fn server_that_says(code: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, code));
        }
    });
    format!("host=127.0.0.1 port={port} user=postgres sslmode=disable")
}

async fn serve(mut client: TcpStream, code: &str) -> std::io::Result<()> {
    let ready = message(b'Z', b"I");
    // The greeting has no letter.
    let length = client.read_u32().await?;
    client.read_exact(&mut vec![0; length as usize - 4]).await?;
    client.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat()).await?;
    loop {
        let letter = client.read_u8().await?;
        let length = client.read_u32().await?;
        client.read_exact(&mut vec![0; length as usize - 4]).await?;
        if letter == b'Q' {
            // The settings that each connection begins with.
            client.write_all(&[message(b'C', b"SET\0"), ready.clone()].concat()).await?;
        } else {
            let error = format!("SFATAL\0VFATAL\0C{code}\0Mno more\0\0");
            return client.write_all(&message(b'E', error.as_bytes())).await;
        }
    }
}

fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[letter][..], &length.to_be_bytes(), body].concat()
}
