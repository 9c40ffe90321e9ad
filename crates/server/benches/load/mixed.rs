//! Mixed traffic at the machine's limit: no error, and memory that does not grow with what has been done.

use std::{sync::Arc, time::Instant};

use tokio::task::JoinSet;

use crate::{
    Size,
    figures::Times,
    story::story,
    support::{Place, memory},
};

pub(crate) async fn run(size: Size) {
    let place = Place::new();
    let server = Arc::new(place.serve(&["--requests", "1024"]));
    println!(
        "{} clients, 2 × {} s; SQLite, on one machine with the clients",
        size.clients,
        size.time.as_secs()
    );
    println!("memory at the start: {} kB", memory(server.child.id(), "VmRSS"));
    for round in 1..=2 {
        let times = Arc::new(Times::default());
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..size.clients {
            let (server, times) = (Arc::clone(&server), Arc::clone(&times));
            clients.spawn(async move {
                let mut errors = Vec::new();
                while began.elapsed() < size.time {
                    if let Err(error) = story(&server, &times, &mut None).await {
                        errors.push(error);
                    }
                }
                errors
            });
        }
        let errors: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
        println!("round {round}: {} errors; memory: {} kB", errors.len(), memory(server.child.id(), "VmRSS"));
        times.report(began.elapsed());
        assert!(errors.is_empty(), "{} errors, the first of them: {:?}", errors.len(), errors[0]);
    }
}
