//! Stopping: requests under way end, no others are taken, and the program says that all is well.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use rustix::process::Signal;

use crate::{
    receivers::MailServer,
    support::{Place, later, until},
};

/// A request whose body is on its way is still answered after SIGTERM; a new connection is refused.
#[test]
fn what_is_under_way_is_answered() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let mut under_way = TcpStream::connect(server.address()).unwrap();
    let body = "a=b";
    let head = format!(
        "POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    under_way.write_all(head.as_bytes()).unwrap();
    // It asks for the body: so it has begun.
    let mut asked = [0; 25];
    under_way.read_exact(&mut asked).unwrap();
    assert_eq!(asked, *b"HTTP/1.1 100 Continue\r\n\r\n");

    server.signal(Signal::TERM);
    until("nobody listens", || TcpStream::connect(server.address()).is_err());
    assert!(server.ended().is_none(), "it did not wait");
    under_way.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    until("the server ends", || server.ended().is_some_and(|status| status.success()));
}

/// A mail that the mail server has all of is not cut off before it says that it takes it: it would be sent again.
#[tokio::test]
async fn a_mail_under_way_is_sent_once() {
    let (place, mut mails) = (Place::new(), MailServer::start());
    let arguments = ["--smtp", &mails.url.clone(), "--mail-from", "support@example.com"];
    let mut server = place.serve(&arguments);
    let (token, staff) = (server.token.clone().unwrap(), server.staff().await);
    staff.mail_link(&server.inquiry().await, "slow@example.org").await.unwrap();
    later("it is under way", async || !mails.to("slow@example.org").is_empty()).await;

    drop(staff);
    server.signal(Signal::TERM);
    until("nobody listens", || TcpStream::connect(server.address()).is_err());
    mails.go_on();
    until("the server ends", || server.ended().is_some_and(|status| status.success()));
    let server = place.serve(&arguments);
    let list = server.sign_in(&token).await.page("/dashboard/mails").await;
    assert!(list.contains(">Sent<"), "{list}");
    assert_eq!(mails.mails().len(), 1);
}
