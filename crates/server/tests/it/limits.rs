//! Too many, too large, too slow: each has a clear answer, and the server goes on.

use std::{
    fs,
    io::{Read as _, Write as _},
    iter,
    net::TcpStream,
    time::Duration,
};

use reqwest::{Method, StatusCode};
use rusqlite::{Connection, TransactionBehavior};

use crate::support::{Place, Running, client, later, until};

/// A request whose body does not come: it holds its place, once the server asks for that body; or there was no place.
fn hold(server: &Running) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(
            b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        )
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    match &answer {
        b"HTTP/1.1 100" => Some(stream),
        b"HTTP/1.1 503" => None,
        _ => panic!("{}", String::from_utf8_lossy(&answer)),
    }
}

/// Who asks for much and takes nothing is not waited for.
#[test]
fn an_answer_that_nobody_takes_is_given_up() {
    let place = Place::new();
    let server = place.serve(&[]);
    let path = format!("/proc/{}/fd", server.child.id());
    let is_socket = |file: &fs::DirEntry| {
        // A file may be closed meanwhile.
        fs::read_link(file.path()).is_ok_and(|file| file.to_string_lossy().starts_with("socket:"))
    };
    let open = || fs::read_dir(&path).unwrap().map(Result::unwrap).filter(is_socket).count();
    let before = open();
    let streams: Vec<_> = (0..5)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let requests = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
            stream.write_all(&requests).unwrap();
            stream
        })
        .collect();
    until("the connections are held", || before + streams.len() <= open());
    until("they are given up", || open() <= before);
}

/// All requests share the places that there are, over whatever connection and to whatever page; who watches is let in.
#[tokio::test]
async fn more_requests_than_places_are_told_to_come_back() {
    let place = Place::new();
    let server = place.serve(&["--requests", "3"]);
    let mut held: Vec<_> = (0..3).map(|_| hold(&server).expect("there are three places")).collect();
    // The same client keeps its connection.
    for path in ["/verify", "/c/0", "/api/v1/inquiries", "/dashboard", "/dashboard/bulk", "/nowhere"] {
        later(path, async || {
            // A body that does not come is not waited for for ever: whoever lost a place is followed by another.
            held.extend(iter::from_fn(|| hold(&server)));
            let answer = server.get(path).await;
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                return false;
            }
            assert_eq!(answer.headers()["retry-after"], "1", "{path}");
            assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
            true
        })
        .await;
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).await.status(), StatusCode::OK, "{path}");
    }
    // Their clients go away.
    drop(held);
    later("there are places again", async || server.get("/verify").await.status() == StatusCode::BAD_REQUEST)
        .await;
}

/// A head or a body that does not come in time ends its connection, or is told so; others are served meanwhile.
#[tokio::test]
async fn slow_clients_are_let_go() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut head = TcpStream::connect(server.address()).unwrap();
    head.write_all(b"GET /verify HTTP/1.1\r\nHost: loc").unwrap();
    let silent = TcpStream::connect(server.address()).unwrap();
    let body = hold(&server).expect("there are many places");
    let idle = {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        stream
    };
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    let said = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the connection is closed before long");
        String::from_utf8(answer).unwrap()
    };
    // Behind the rest of what it was told at once, to go on.
    let body = said(body);
    assert!(body.contains("\r\n\r\nHTTP/1.1 4"), "{body}");
    assert!(said(idle).starts_with("HTTP/1.1 200"));
    for stream in [head, silent] {
        let answer = said(stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    // The first client's connection was idle for as long.
    let answer = client().get(format!("{}/healthz", server.local())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// A store that is gone is said to be, on every page and by the API, with when to come back (S4).
#[tokio::test]
async fn a_store_that_is_gone_is_said_to_be() {
    let postgres = inquiry_otl_testkit::postgres::Postgres::start();
    let place = Place::new();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port());
    let server = place.serve(&["--store", &url]);
    let inquiry = server.inquiry().await;
    let link = server.link(&inquiry).await;
    let staff = server.staff().await;
    let mut postgres = postgres;
    postgres.kill();

    let path = link.strip_prefix(&server.url).unwrap().to_owned();
    let mut answers = vec![("the link", server.get(&path).await)];
    answers
        .push(("the API", server.api(Method::GET, &format!("/inquiries/{inquiry}")).send().await.unwrap()));
    answers.push(("the API's list", server.api(Method::GET, "/inquiries").send().await.unwrap()));
    let generate = format!("/inquiries/{inquiry}/generate-one-time-link");
    answers.push(("the API's link", server.api(Method::POST, &generate).send().await.unwrap()));
    answers.push(("readiness", server.get("/readyz").await));
    answers.push(("a list", staff.get("/dashboard/inquiries").await));
    answers.push(("an inquiry", staff.get(&format!("/dashboard/inquiries/{inquiry}")).await));
    for (what, answer) in answers {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert!(answer.headers().contains_key("retry-after"), "{what}");
    }
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);

    postgres.restart();
    later("the store is back", async || server.get("/readyz").await.status() == StatusCode::OK).await;
    assert_eq!(server.redeem(&link).await.status(), StatusCode::SEE_OTHER);
}

/// Records that cannot be written are said to be, to those who run the server with the cause, and only as long as it is so (S4).
#[tokio::test]
async fn records_that_cannot_be_written_are_said_to_be() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut other = Connection::open(place.file("inquiry-otl-server.db")).unwrap();
    let writes = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let create = server.api(Method::POST, "/inquiries").header("idempotency-key", "one");
    let body = serde_json::json!({"data": {"attributes": {"inquiry-template-id": "itmpl_identity"}}});
    let answer = create.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    until("the cause is logged", || server.log().contains("database is locked"));

    writes.commit().unwrap();
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
}
