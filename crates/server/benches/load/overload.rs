//! Many more clients than places: refusals are quick and clear, and what was acknowledged is there afterwards.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Size,
    figures::Times,
    story::{Ended, good, press, story},
    support::{Place, Running, memory},
};

/// How many requests the server serves at a time.
const PLACES: &str = "8";

pub(crate) async fn run(size: Size) {
    let place = Place::new();
    let server = Arc::new(place.serve(&["--requests", PLACES]));
    println!("{} clients, {PLACES} places, {} s", size.clients, size.time.as_secs());
    println!("memory at the start: {} kB", memory(server.child.id(), "VmRSS"));
    let times = Arc::new(Times::default());
    let links = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..size.clients {
        let (server, times, links) = (Arc::clone(&server), Arc::clone(&times), Arc::clone(&links));
        clients.spawn(async move {
            let mut wrong = Vec::new();
            while began.elapsed() < size.time {
                let mut acknowledged = None;
                let told = story(&server, &times, &mut acknowledged).await;
                links.lock().unwrap().extend(acknowledged);
                if let Err(Ended::Wrong(error)) = told {
                    wrong.push(error);
                }
            }
            wrong
        });
    }
    let wrong: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    println!(
        "memory at the end: {} kB; {} answers were neither good nor a clear refusal",
        memory(server.child.id(), "VmRSS"),
        wrong.len()
    );
    times.report(began.elapsed());
    assert!(wrong.is_empty(), "{:?}", wrong[0]);

    let links = std::mem::take(&mut *links.lock().unwrap());
    let unused = links.iter().filter(|link| !link.is_used).count();
    for link in &links {
        let first = if link.is_used { StatusCode::NOT_FOUND } else { redeem(&server, &link.path).await };
        let expected = if link.is_used { StatusCode::NOT_FOUND } else { StatusCode::SEE_OTHER };
        assert_eq!(first, expected, "the first use of an acknowledged link");
        assert_eq!(redeem(&server, &link.path).await, StatusCode::NOT_FOUND, "a second use");
    }
    println!("{} links acknowledged, {unused} of them unused: each is there, and was used once", links.len());
}

/// Uses a link, and comes back as long as there is no place; other clients may still be on their way out.
async fn redeem(server: &Running, path: &str) -> StatusCode {
    let times = Times::default();
    loop {
        let page = server.request(Method::GET, path).send().await;
        if page.as_ref().is_ok_and(|page| page.status() == StatusCode::NOT_FOUND) {
            return StatusCode::NOT_FOUND;
        }
        let pressed = match good(page, StatusCode::OK) {
            Ok(page) => press(server, &times, page).await,
            Err(error) => Err(error),
        };
        match pressed {
            Ok(status) => return status,
            Err(Ended::Busy) => sleep(Duration::from_millis(20)).await,
            Err(Ended::Wrong(error)) => panic!("{error}"),
        }
    }
}
