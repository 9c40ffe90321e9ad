//! One line for each goal: what was measured, the goal, and whether it is met.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use inquiry_otl::{
    Attempt, CodeFormat, InquiryId, LinkRequest, MemoryStore, Redemption,
    bench::{BenchError, Candidate as _, Contest, Fill, Load, Report, Spread, Subject, Timed, Work},
    blocking::{BlockOn as _, ParkThread},
};
use inquiry_otl_evidence::{counted, thread_time};
use inquiry_otl_measure::{Bound, Goal, Point};
use sha2::{Digest as _, Sha256};

use crate::floor::Floor;

type Memory = Subject<MemoryStore, ParkThread>;

/// Calls in a batch, and batches of each candidate.
const CALLS: usize = 100;
const ROUNDS: usize = 121;
/// What is created and purged before: as much as the batches create.
const RECYCLED: usize = CALLS * (ROUNDS + 2);

/// Prints a goal and the middle of what was measured.
fn told(name: &str, what: &str, bound: Bound, measured: Spread) {
    let Spread { median, low, high, .. } = measured;
    let (name, what) = (name.to_owned(), what.to_owned());
    println!("{}", Goal { name, what, bound, median, low, high, note: String::new() });
}

/// A figure that is the same each time.
fn exactly(figure: f64) -> Result<Spread, BenchError> {
    spread([figure])
}

fn spread(figures: impl IntoIterator<Item = f64>) -> Result<Spread, BenchError> {
    Spread::of(figures).ok_or_else(nothing)
}

/// A place of the chart of growth, in nanoseconds.
fn point(series: &str, live: usize, nanos: f64) {
    let chart = "growth, in memory: issue and redeem, ns".to_owned();
    println!("{}", Point { chart, series: series.to_owned(), at: live as f64, figure: nanos });
}

fn memory(fill: Fill) -> Result<Memory, BenchError> {
    Subject::new("memory", MemoryStore::new(), ParkThread, &fill)?.with_purge()
}

fn fill(live: usize, keyed: bool) -> Fill {
    let fill = Fill::new(live).recycled(RECYCLED);
    if keyed { fill.keyed() } else { fill }
}

/// What the floor and the store took, in nanoseconds, and the ratio.
fn beside_floor(report: &Report) -> Result<(f64, f64, Spread), BenchError> {
    let line = report.of(Work::Turnover).ok_or_else(nothing)?;
    let (floor, ours) = (line.of("floor").ok_or_else(nothing)?, line.of("memory").ok_or_else(nothing)?);
    Ok((floor.nanos.median, ours.nanos.median, ours.ratio))
}

fn nothing() -> BenchError {
    BenchError::Other("nothing was measured".to_owned())
}

/// One block of SHA-256, under the flags that this was built with.
pub(crate) fn canary() -> Result<(), BenchError> {
    let each = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for n in 0..CALLS as u64 {
            black_box(Sha256::digest(black_box(n.to_be_bytes())));
        }
        start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
    });
    told("P13", "in memory, ns for one block of SHA-256", Bound::AtMost(500.0), spread(each)?);
    Ok(())
}

/// P1: issue and redeem beside the floor; a mangled code.
pub(crate) fn cost() -> Result<(), BenchError> {
    for (live, limit) in [(1_000, 1.25), (100_000, 1.15), (1_000_000, 1.15)] {
        for keyed in [false, true] {
            let mut floor = Floor::new(live, 1, keyed, RECYCLED);
            let mut memory = memory(fill(live, keyed))?;
            let mut contest = Contest::new(&mut floor).against(&mut memory).rounds(ROUNDS);
            let (floor, ours, ratio) = beside_floor(&contest.run(&[Work::Turnover], &[Load::new(CALLS)])?)?;
            let key = if keyed { "with a key" } else { "no key" };
            let what = format!("in memory, {live} live, {key}: issue and redeem by the floor's");
            told("P1", &what, Bound::AtMost(limit), ratio);
            if keyed {
                point("ours, with a key", live, ours);
            } else {
                point("the floor", live, floor);
                point("ours, no key", live, ours);
            }
        }
    }
    let mut memory = memory(fill(1_000, false))?;
    let mut contest = Contest::new(&mut memory).rounds(ROUNDS);
    let report = contest.run(&[Work::Mangled], &[Load::new(CALLS)])?;
    let nanos = report.of(Work::Mangled).and_then(|line| line.of("memory")).ok_or_else(nothing)?.nanos;
    told("P1", "in memory, ns to refuse a mangled code", Bound::AtMost(30.0), nanos);
    told("P1", "in memory, ns of which to read it in constant time", Bound::None, reading()?);
    Ok(())
}

/// Nanoseconds for finding out that a code is mangled, and nothing else.
fn reading() -> Result<Spread, BenchError> {
    // Its last symbol was a 9.
    const MANGLED: &str = "0JY7NTT17M4SKPG1YCQKT42K6VP2ZCMCR38";
    let format = CodeFormat::default();
    let each = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            assert!(black_box(format.parse(black_box(MANGLED))).is_err());
        }
        start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
    });
    spread(each)
}

/// P2: bytes of an unused link, and the worst single issue.
pub(crate) fn room() -> Result<(), BenchError> {
    for keyed in [false, true] {
        let key = if keyed { "with a key" } else { "no key" };
        let fills = [filled(keyed)?, filled(keyed)?, filled(keyed)?];
        let [Filled { empty, inquiry, first, rest, .. }, ..] = fills;
        for (what, bytes) in
            [("an empty store", empty as f64), ("an inquiry", inquiry), ("its first link", first)]
        {
            told("P2", &format!("in memory, bytes of {what}, {key}"), Bound::None, exactly(bytes)?);
        }
        let what = format!("in memory, bytes of an unused link, 1M to 10M, {key}");
        told("P2", &what, Bound::AtMost(128.0), exactly(rest)?);
        // The system takes a millisecond for a page now and then: that is in one fill, and not in two.
        let worst = spread(fills.map(|filled| filled.worst.as_secs_f64() * 1e3))?;
        let what = format!("in memory, ms of the worst of 10M issues, of three fills, {key}");
        told("P2", &what, Bound::AtMost(1.0), worst);
    }
    Ok(())
}

struct Filled {
    empty: i64,
    inquiry: f64,
    first: f64,
    rest: f64,
    worst: Duration,
}

/// Ten million links of a million inquiries.
fn filled(keyed: bool) -> Result<Filled, BenchError> {
    const ALL: usize = 10_000_000;
    const INQUIRIES: usize = ALL / 10;
    let (memory, empty) = counted(|| memory(if keyed { Fill::new(1).keyed() } else { Fill::new(1) }));
    let memory = memory?;
    let (inquiries, own) = counted(|| create(&memory, INQUIRIES));
    let inquiries = inquiries?;
    let own = own.bytes - (inquiries.capacity() * size_of::<InquiryId>()) as i64;
    let mut worst = Duration::ZERO;
    let mut bytes = [0; 2];
    let mut issued = 0;
    let mut next = inquiries.iter().cycle();
    for (bytes, until) in bytes.iter_mut().zip([INQUIRIES, ALL]) {
        let (done, counted) = counted(|| {
            ParkThread.block_on(async {
                while issued < until {
                    let inquiry = *next.next().ok_or_else(nothing)?;
                    let start = thread_time();
                    memory.service().issue(LinkRequest::resume(inquiry)).await?;
                    let took = thread_time().zip(start).map(|(end, start)| end.saturating_sub(start));
                    issued += 1;
                    worst = worst.max(took.unwrap_or_default());
                }
                Ok::<(), BenchError>(())
            })
        });
        done?;
        *bytes = counted.bytes;
    }
    let each = |bytes: i64, links: usize| bytes as f64 / links as f64;
    Ok(Filled {
        empty: empty.bytes,
        inquiry: each(own, INQUIRIES),
        first: each(bytes[0], INQUIRIES),
        rest: each(bytes[1], ALL - INQUIRIES),
        worst,
    })
}

fn create(memory: &Memory, count: usize) -> Result<Vec<InquiryId>, BenchError> {
    let template = inquiry_otl::TemplateId::new("itmpl_bench").unwrap();
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let new = inquiry_otl::NewInquiry::from_template(template);
        ids.push(ParkThread.block_on(memory.service().create(new))?.id);
    }
    Ok(ids)
}

/// P3: two threads for one, in rounds in which the machine gave two processors, as two threads of nothing but hashing
/// tell before and after.
pub(crate) fn threads() -> Result<(), BenchError> {
    // So many that starting threads does not count.
    const MANY: usize = 10_000;
    const GOOD: usize = 15;
    const TRIES: usize = 120;
    let fill = Fill::new(100_000).recycled(2 * MANY * TRIES);
    let mut memory = memory(fill)?;
    let mut gains = Vec::new();
    let mut all = Vec::new();
    let mut tries = 0;
    while gains.len() < GOOD && tries < TRIES {
        tries += 1;
        let before = hashing(1) / hashing(2);
        let one = took(memory.batch(Work::Turnover, Load::new(MANY))?);
        let two = took(memory.batch(Work::Turnover, Load::new(MANY).threads(2))?);
        let after = hashing(1) / hashing(2);
        all.push(one / two);
        if (1.9..2.1).contains(&before) && (1.9..2.1).contains(&after) {
            gains.push(one / two);
        }
    }
    told("P3", "in memory, two threads by one, in all rounds", Bound::None, spread(all)?);
    if gains.is_empty() {
        println!(
            "P3     in none of {tries} rounds the machine gave two processors: the goal is not measured"
        );
        return Ok(());
    }
    let what = format!("in memory, two threads by one, in {} of {tries} rounds", gains.len());
    told("P3", &what, Bound::AtLeast(1.85), spread(gains)?);
    Ok(())
}

fn took(timed: Timed) -> f64 {
    match timed {
        Timed::Took(took) => took.as_secs_f64(),
        Timed::Cannot => f64::NAN,
    }
}

/// Seconds for a fixed number of hashes, by so many threads.
fn hashing(threads: u64) -> f64 {
    const HASHES: u64 = 100_000;
    let barrier = std::sync::Barrier::new(threads as usize);
    let spans: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let hash = || {
            barrier.wait();
            let start = Instant::now();
            for n in 0..HASHES / threads {
                black_box(Sha256::digest(black_box(n.to_be_bytes())));
            }
            (start, Instant::now())
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let start = spans.iter().map(|(start, _)| *start).min().unwrap();
    let end = spans.iter().map(|(_, end)| *end).max().unwrap();
    (end - start).as_secs_f64()
}

/// P4: allocations of a call, once the store has seen as many links as now.
pub(crate) fn allocations() -> Result<(), BenchError> {
    for keyed in [false, true] {
        let memory = memory(fill(1_000, keyed))?;
        let service = memory.service();
        let key = if keyed { "with a key" } else { "no key" };
        let inquiries = create(&memory, CALLS)?;
        let attempt = Attempt::new();
        // A first link of each, so that its inquiry is no beginner.
        let links = ParkThread.block_on(async {
            let mut links = Vec::with_capacity(2 * CALLS);
            for inquiry in &inquiries {
                links.push(service.issue(LinkRequest::resume(*inquiry)).await?);
            }
            Ok::<_, BenchError>(links)
        })?;
        let mut kept = Vec::with_capacity(CALLS);
        let issuing = per_call(async || {
            for inquiry in &inquiries {
                kept.push(service.issue(LinkRequest::resume(*inquiry)).await?);
            }
            Ok(())
        })?;
        let peeking = per_call(async || {
            for link in &links {
                black_box(service.peek(link.url.expose(), &attempt).await?);
            }
            Ok(())
        })?;
        let redeeming = per_call(async || {
            for link in &links {
                let Redemption::Granted(_) = service.redeem(link.url.expose(), &attempt).await? else {
                    return Err(nothing());
                };
            }
            Ok(())
        })?;
        let refusing = per_call(async || {
            for link in &links {
                let Redemption::Refused(_) = service.redeem(link.url.expose(), &attempt).await? else {
                    return Err(nothing());
                };
            }
            Ok(())
        })?;
        let mangled: Vec<String> = links.iter().map(|link| link.url.expose().to_owned() + "0").collect();
        let mangling = per_call(async || {
            for presented in &mangled {
                let _ = black_box(service.redeem(presented, &attempt).await?);
            }
            Ok(())
        })?;
        for (what, measured, limit) in [
            ("an issue", issuing, 1.0),
            ("a redemption", redeeming, 0.0),
            ("a peek", peeking, 0.0),
            ("a refusal of a used link", refusing, 0.0),
            ("a refusal of a mangled code", mangling, 0.0),
        ] {
            let what = format!("in memory, allocations of {what}, {key}");
            told("P4", &what, Bound::AtMost(limit), exactly(measured)?);
        }
    }
    Ok(())
}

fn per_call(mut calls: impl AsyncFnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    // How a thread waits is no part of a call.
    let (done, counted) = ParkThread.block_on(async {
        let mut calls = std::pin::pin!(calls());
        std::future::poll_fn(|context| {
            let (polled, counted) = counted(|| calls.as_mut().poll(context));
            polled.map(|done| (done, counted))
        })
        .await
    });
    done?;
    Ok(counted.allocations as f64 / CALLS as f64)
}

/// P5: how much more a call costs among ten million links than among a thousand.
pub(crate) fn growth() -> Result<(), BenchError> {
    let mut costs = Vec::new();
    for live in [1_000, 10_000_000] {
        let each = if live == 1_000 { 1 } else { 10 };
        let mut floor = Floor::new(live, each, false, RECYCLED);
        let mut memory = memory(fill(live, false).links_each(each))?;
        let mut contest = Contest::new(&mut floor).against(&mut memory).rounds(ROUNDS);
        let report = contest.run(&[Work::Turnover], &[Load::new(CALLS)])?;
        costs.push(beside_floor(&report)?);
    }
    let [(few_floor, few_ours, few), (many_floor, many_ours, many)] = costs[..] else {
        return Err(nothing());
    };
    for (series, few, many) in [("the floor", few_floor, many_floor), ("ours, no key", few_ours, many_ours)] {
        point(series, 10_000_000, many);
        let what = format!("in memory, growth of what {series} takes, 1k to 10M");
        told("P5", &what, Bound::None, exactly(many / few)?);
    }
    // Rounds of one size have nothing to do with those of another: the ratio of their medians.
    let what = "in memory, growth of what ours takes by the floor's, 1k to 10M";
    told("P5", what, Bound::AtMost(1.25), exactly(many.median / few.median)?);
    Ok(())
}

/// Every work under several loads: for whoever wants to see.
pub(crate) fn everything() -> Result<(), BenchError> {
    for keyed in [false, true] {
        let mut memory = memory(fill(100_000, keyed))?;
        let loads = [Load::new(CALLS), Load::new(CALLS).threads(2), Load::new(CALLS).tasks(16)];
        println!("{}", Contest::new(&mut memory).rounds(11).run(&Work::ALL, &loads)?);
    }
    Ok(())
}
