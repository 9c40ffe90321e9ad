//! A TCP proxy before an engine, that fails as told: for lost and late replies.

use std::{io, net::TcpListener as Listener, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
    time::sleep,
};

use crate::random::Sequence;

/// What a proxy does to what goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Lets through what the client says; at the first reply swallows it and cuts the connection.
    DropReplies,
    /// Lets each chunk wait, either way.
    Delay(Duration),
    /// Cuts all connections now; new ones are let through.
    Cut,
    /// Cuts all connections now, and each new one at once.
    Refuse,
    /// Now this, now that: connections cut when they begin, requests cut before they arrive or in the middle, replies
    /// swallowed, cut in the middle or late. The seed says what.
    Random {
        /// Where the random numbers begin.
        seed: u64,
    },
}

/// A proxy on 127.0.0.1, at a free port, with threads of its own.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    orders: watch::Sender<Orders>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// A proxy before that port, that does nothing yet.
    pub fn start(target_port: u16) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (orders, heard) = watch::channel(Orders { fault: Fault::None, cuts: 0 });
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(connection(client, target_port, heard.clone(), number));
            }
        });
        Self { port, orders, runtime: Some(runtime) }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it does from now on.
    pub fn set(&self, fault: Fault) {
        self.orders.send_modify(|orders| {
            orders.fault = fault;
            orders.cuts += u64::from(matches!(fault, Fault::Cut | Fault::Refuse));
        });
    }
}

/// What connections are told.
#[derive(Clone, Copy, Debug)]
struct Orders {
    fault: Fault,
    /// How often all connections were cut: a cut is not missed when another fault follows at once.
    cuts: u64,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Also from within another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// Carries a connection until either side ends it, or a fault does.
async fn connection(mut client: TcpStream, target: u16, mut orders: watch::Receiver<Orders>, number: u64) {
    let mut random = Sequence::new(number);
    let Orders { fault: born, cuts } = *orders.borrow_and_update();
    if let Fault::Random { seed } = born {
        random = Sequence::new(seed ^ random.next());
    }
    if born == Fault::Refuse || (matches!(born, Fault::Random { .. }) && random.below(10) == 0) {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (up, down) = (orders.clone(), orders.clone());
    let other = Sequence::new(random.next());
    tokio::select! {
        // A cut is before all that is said after it.
        biased;
        _ = orders.wait_for(|orders| orders.cuts != cuts) => {}
        _ = carry(Way::Up, from_client, to_server, up, random) => {}
        _ = carry(Way::Down, from_server, to_client, down, other) => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Carries chunks one way; returns when the connection is to end.
async fn carry(
    way: Way,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    orders: watch::Receiver<Orders>,
    mut random: Sequence,
) -> io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        let fault = orders.borrow().fault;
        let deed = match fault {
            Fault::Refuse => Deed::End,
            Fault::DropReplies if way == Way::Down => Deed::End,
            Fault::None | Fault::Cut | Fault::DropReplies => Deed::Pass,
            Fault::Delay(time) => Deed::Wait(time),
            Fault::Random { .. } => match random.below(200) {
                0..4 => Deed::End,
                4..7 => Deed::Half,
                7..17 => Deed::Wait(Duration::from_millis(random.below(40))),
                _ => Deed::Pass,
            },
        };
        match deed {
            Deed::Pass => to.write_all(&chunk[..read]).await?,
            Deed::Wait(time) => {
                sleep(time).await;
                to.write_all(&chunk[..read]).await?;
            }
            Deed::Half => return to.write_all(&chunk[..read / 2]).await,
            Deed::End => return Ok(()),
        }
    }
}

/// What becomes of a chunk.
enum Deed {
    Pass,
    Wait(Duration),
    /// Half of it passes, then the connection ends.
    Half,
    /// The connection ends before it.
    End,
}
