//! An engine that is played: it says what no engine can be made to say at will.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use inquiry_otl::{
    Interval, NewInquiry, Retry, Service, StoreErrorKind, TemplateId, Timestamp,
    error::CreateError,
    store::{Housekeeping, Purge},
};
use inquiry_otl_redis::RedisStore;

use crate::common::prefix;

/// Answers each command by its name, until there is no answer; where that is, for as long as the test runs.
fn play(answer: impl Fn(&str) -> Option<&'static str> + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || converse(&stream, answer));
        }
    });
    url
}

fn converse(stream: &TcpStream, answer: impl Fn(&str) -> Option<&'static str>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let number = |reader: &mut BufReader<&TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    loop {
        let mut words = Vec::new();
        for _ in 0..number(&mut reader)? {
            let mut word = vec![0; number(&mut reader)? + 2];
            reader.read_exact(&mut word).ok()?;
            words.push(String::from_utf8_lossy(&word).trim_end().to_owned());
        }
        let said = match words[0].as_str() {
            "GET" => "$5\r\n2/256\r\n",
            "CLIENT" => "+OK\r\n",
            "SETNX" => ":0\r\n",
            name => answer(name)?,
        };
        (&*stream).write_all(said.as_bytes()).ok()?;
    }
}

/// D1, S4: what the wait for replicas is told says nothing of the script before it, which has written by then: a server that
/// becomes a replica in between, or is busy with somebody else's script.
#[tokio::test]
async fn a_wait_that_fails_is_unconfirmed() {
    for said in [
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-BUSY Redis is busy running a script\r\n",
        "-NOPERM this user has no permissions to run the 'wait' command\r\n",
        "-ERR WAIT cannot be used with replica instances\r\n",
    ] {
        let url = play(move |name| Some(if name == "WAIT" { said } else { "*1\r\n$6\r\ncreate\r\n" }));
        let careful = RedisStore::builder(&prefix()).replicas(1, Duration::from_millis(10));
        let service = Service::new(careful.open(url).await.unwrap());
        let new = NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap());
        let Err(CreateError::Store(error)) = service.create(new).await else { panic!("{said}") };
        assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unconfirmed, Retry::Unknown), "{said}");
    }
}

/// S4: to purge again does no harm, so a lost answer of a purge says so.
#[tokio::test]
async fn a_purge_without_an_answer_is_asked_again() {
    let store = RedisStore::builder(&prefix()).open(play(|_| None)).await.unwrap();
    let now = Timestamp::from_unix_micros(1_000_000).unwrap();
    let retention = Interval::from_days(30).unwrap();
    let purge = Purge { now, retention, inquiry_retention: None, repeats_after: now, limit: 10 };
    let error = store.purge(purge).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unavailable, Retry::Safe));
}
