//! The proxy: each fault is what it says.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use inquiry_otl_testkit::proxy::{Fault, Proxy};

/// S4: a dropped reply means that the server was told.
#[test]
fn a_dropped_reply_was_told_to_the_server() {
    let (port, told) = echo();
    let proxy = Proxy::start(port);
    assert_eq!(ask(&mut connect(&proxy)), Some(7));
    let mut open = connect(&proxy);
    proxy.set(Fault::DropReplies);
    assert_eq!(ask(&mut open), None);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

/// S4: a cut ends what is open, and lets in what comes.
#[test]
fn a_cut_ends_what_is_open_and_a_refusal_also_what_comes() {
    let (port, told) = echo();
    let proxy = Proxy::start(port);
    let mut open = connect(&proxy);
    assert_eq!(ask(&mut open), Some(7));
    proxy.set(Fault::Cut);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut open), None);
    let mut new = connect(&proxy);
    assert_eq!(ask(&mut new), Some(7));
    proxy.set(Fault::Refuse);
    assert_eq!(ask(&mut new), None);
    assert_eq!(ask(&mut connect(&proxy)), None);
    assert_eq!(told.load(Ordering::SeqCst), 2);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut connect(&proxy)), Some(7));
}

/// S4: a delay delays, and loses nothing.
#[test]
fn a_delay_loses_nothing() {
    let (port, _) = echo();
    let proxy = Proxy::start(port);
    proxy.set(Fault::Delay(Duration::from_millis(60)));
    let began = Instant::now();
    assert_eq!(ask(&mut connect(&proxy)), Some(7));
    assert!(began.elapsed() >= Duration::from_millis(120), "both ways");
}

/// S4: random faults are a mix: some requests are answered, some are told to the server and not answered, and some are
/// not even told.
#[test]
fn random_faults_are_a_mix() {
    let (port, told) = echo();
    let proxy = Proxy::start(port);
    proxy.set(Fault::Random { seed: 11 });
    let mut connection = connect(&proxy);
    let (mut asked, mut answered) = (0, 0);
    while asked < 2000 {
        asked += 1;
        match ask(&mut connection) {
            Some(_) => answered += 1,
            None => connection = connect(&proxy),
        }
    }
    let told = told.load(Ordering::SeqCst);
    assert!(asked / 2 < answered && answered + 10 < told && told + 10 < asked, "{asked} {told} {answered}");
}

/// A server that says back each byte, and counts them.
fn echo() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count) = (stream.unwrap(), Arc::clone(&count));
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    if stream.write_all(&byte).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, told)
}

fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).unwrap()
}

/// What comes back for a 7, or nothing if the connection is cut.
fn ask(connection: &mut TcpStream) -> Option<u8> {
    let mut byte = [7];
    connection.write_all(&byte).ok()?;
    connection.read_exact(&mut byte).ok()?;
    Some(byte[0])
}
