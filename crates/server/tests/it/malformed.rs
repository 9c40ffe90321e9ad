//! Requests that are none, byte by byte as they come over the wire.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use reqwest::StatusCode;

use crate::support::{Place, Running};

/// In place of a status: the connection was closed without a word.
const CLOSED: u16 = 0;

/// Whatever comes over the wire gets a clear status or a closed connection, and the server goes on.
#[tokio::test]
async fn malformed_requests_are_answered() {
    let place = Place::new();
    let server = place.serve(&[]);
    let long = "x".repeat(100_000);
    let many = "X: y\r\n".repeat(500);
    let post = |rest: &str| {
        format!(
            "POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{rest}"
        )
    };
    let huge = format!("Content-Length: 100000\r\n\r\n{long}");
    let api = format!(
        "POST /api/v1/inquiries HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        server.token.as_deref().unwrap()
    );
    for (what, request, statuses) in [
        (
            "a long header",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n").into_bytes(),
            &[431_u16][..],
        ),
        (
            "many headers",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes(),
            &[431, 400],
        ),
        ("a long path", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(), &[414, 431]),
        ("a large form", post(&huge).into_bytes(), &[413, 422]),
        ("a large body of the API", format!("{api}{huge}").into_bytes(), &[413]),
        (
            "deep JSON",
            format!("{api}Content-Length: 60000\r\n\r\n{}", "[".repeat(60_000)).into_bytes(),
            &[400],
        ),
        (
            "bad percent-encoding",
            b"GET /verify?code=%zz%f HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            &[200, 400, 404],
        ),
        (
            "percent-encoding of no UTF-8",
            b"GET /verify?code=%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            &[400, 404],
        ),
        ("a path of no UTF-8", b"GET /c/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400, 404]),
        ("bytes of no UTF-8", b"GET /c/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400, 404]),
        (
            "a dashboard's path of no UTF-8",
            b"GET /dashboard/inquiries/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            &[400, 404, 303],
        ),
        ("a zero byte", b"GET /c/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[404]),
        (
            "a form of no UTF-8",
            [post("Content-Length: 8\r\n\r\ncode=").as_bytes(), b"\xff\xfe\xfd"].concat(),
            &[400, 403, 413, 422],
        ),
        ("two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").into_bytes(), &[400]),
        ("a length that is none", post("Content-Length: -1\r\n\r\n").into_bytes(), &[400]),
        ("a length beyond all", post("Content-Length: 99999999999999999999\r\n\r\n").into_bytes(), &[400]),
        (
            "chunks of nonsense",
            post("Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n").into_bytes(),
            &[400, 422],
        ),
        (
            "a chunk without an end",
            post("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc").into_bytes(),
            &[400, 422],
        ),
        ("an unknown coding", post("Transfer-Encoding: gzip\r\n\r\nabc").into_bytes(), &[400, 501]),
        ("a space before the colon", b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n".to_vec(), &[400]),
        ("a folded header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n".to_vec(), &[400]),
        ("no request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[400]),
        ("another version", b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n".to_vec(), &[400, 505]),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[CLOSED]),
        ("an unknown method", b"BREW /verify HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[405]),
        (
            "CONNECT",
            b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
            &[400, 404, 405],
        ),
        (
            "an address of another host",
            b"GET http://evil.example/verify HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
            &[400, 404],
        ),
    ] {
        let answers = raw(&server, &request);
        let status: u16 = answers.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(CLOSED);
        assert!(statuses.contains(&status), "{what}: {}", answers.chars().take(300).collect::<String>());
        assert_eq!(server.get("/healthz").await.status(), StatusCode::OK, "after {what}");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// Where lengths contradict each other, what follows is never taken for a second request.
#[tokio::test]
async fn no_request_is_smuggled_in_another() {
    let place = Place::new();
    let server = place.serve(&[]);
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (what, head) in [
        ("both lengths", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("chunked by another name", "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n"),
        ("chunked, and more", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ("lengths in a list", "Content-Length: 0, 5\r\n\r\n"),
        ("a plus sign", "Content-Length: +0\r\n\r\n"),
        ("a bare line feed", "X: a\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let request = format!(
            "POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{head}{hidden}"
        );
        let answers = raw(&server, request.as_bytes());
        let first = answers.get(9..12).unwrap_or_default();
        let count = answers.matches("HTTP/1.1 ").count();
        assert!(count == 1 || !answers.contains("\r\n\r\nok\n"), "{what}: {first}, {answers}");
    }
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

/// What comes back over a connection, until it is closed or nothing comes for a while.
fn raw(server: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // A server that is busy may let the answer wait; what belongs to it, or is a second one, comes soon behind it.
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    // It may be closed before it has read all.
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    }
    String::from_utf8_lossy(&answer).into_owned()
}
