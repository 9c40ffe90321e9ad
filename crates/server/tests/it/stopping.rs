//! Stopping: requests under way end, no others are taken, and the program says that all is well.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use rustix::process::Signal;

use crate::support::{Place, until};

/// A request whose head is half sent is still answered after SIGTERM; a new connection is refused.
#[test]
fn what_is_under_way_is_answered() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let mut under_way = TcpStream::connect(server.address()).unwrap();
    let body = "a=b";
    let head = format!(
        "POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    under_way.write_all(head.as_bytes()).unwrap();
    // One more whose answer says that the request before was read.
    let mut other = TcpStream::connect(server.address()).unwrap();
    other.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    other.read_to_string(&mut String::new()).unwrap();

    server.signal(Signal::TERM);
    until("nobody listens", || TcpStream::connect(server.address()).is_err());
    assert!(server.ended().is_none(), "it did not wait");
    under_way.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    until("the server ends", || server.ended().is_some_and(|status| status.success()));
}
