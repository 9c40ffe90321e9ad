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
use sha2::{Digest as _, Sha256};

use crate::floor::Floor;

type Memory = Subject<MemoryStore, ParkThread>;

/// Calls in a batch, and batches of each candidate.
const CALLS: usize = 100;
const ROUNDS: usize = 121;
/// What is created and purged before: as much as the batches create.
const RECYCLED: usize = CALLS * (ROUNDS + 2);

fn line(goal: &str, what: &str, measured: f64, unit: &str, limit: Limit) {
    let (bound, met) = match limit {
        Limit::AtMost(limit) => (format!("<= {limit}"), measured <= limit),
        Limit::AtLeast(limit) => (format!(">= {limit}"), limit <= measured),
    };
    let met = if met { "met" } else { "NOT MET" };
    println!("{goal:<7} {what:<56} {measured:>8.2}{unit:<10} goal {bound:<8} {met}");
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

fn memory(fill: Fill) -> Result<Memory, BenchError> {
    Subject::new("memory", MemoryStore::new(), ParkThread, &fill)?.with_purge()
}

fn fill(live: usize, keyed: bool) -> Fill {
    let fill = Fill::new(live).recycled(RECYCLED);
    if keyed { fill.keyed() } else { fill }
}

fn ratio(report: &Report) -> Result<(f64, String), BenchError> {
    let line = report.of(Work::Turnover).ok_or_else(nothing)?;
    let (floor, ours) = (line.of("floor").ok_or_else(nothing)?, line.of("memory").ok_or_else(nothing)?);
    let Spread { median, low, high, .. } = ours.ratio;
    let shown = format!("{:.0} / {:.0} ns, {low:.2} to {high:.2}", ours.nanos.median, floor.nanos.median);
    Ok((median, shown))
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
    let nanos = Spread::of(each).ok_or_else(nothing)?;
    line("canary", "one block of SHA-256", nanos.median, " ns", Limit::AtMost(500.0));
    Ok(())
}

/// P1: issue and redeem beside the floor; a mangled code.
pub(crate) fn cost() -> Result<(), BenchError> {
    for (live, limit) in [(1_000, 1.25), (100_000, 1.15), (1_000_000, 1.15)] {
        for keyed in [false, true] {
            let mut floor = Floor::new(live, 1, keyed, RECYCLED);
            let mut memory = memory(fill(live, keyed))?;
            let mut contest = Contest::new(&mut floor).against(&mut memory).rounds(ROUNDS);
            let (median, shown) = ratio(&contest.run(&[Work::Turnover], &[Load::new(CALLS)])?)?;
            let key = if keyed { "with a key" } else { "no key" };
            line("P1", &format!("{live} live, {key} ({shown})"), median, " x floor", Limit::AtMost(limit));
        }
    }
    let mut memory = memory(fill(1_000, false))?;
    let mut contest = Contest::new(&mut memory).rounds(ROUNDS);
    let report = contest.run(&[Work::Mangled], &[Load::new(CALLS)])?;
    let nanos = report.of(Work::Mangled).and_then(|line| line.of("memory")).ok_or_else(nothing)?.nanos;
    let what = format!("a mangled code refused ({:.0} to {:.0})", nanos.low, nanos.high);
    line("P1", &what, nanos.median, " ns", Limit::AtMost(30.0));
    println!("P1      of which reading it in constant time takes {:.0} ns", reading()?);
    Ok(())
}

/// Nanoseconds for finding out that a code is mangled, and nothing else.
fn reading() -> Result<f64, BenchError> {
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
    Ok(Spread::of(each).ok_or_else(nothing)?.median)
}

/// P2: bytes of an unused link, and the worst single issue.
pub(crate) fn room() -> Result<(), BenchError> {
    for keyed in [false, true] {
        let key = if keyed { "with a key" } else { "no key" };
        let fills = [filled(keyed)?, filled(keyed)?, filled(keyed)?];
        let [Filled { empty, inquiry, first, rest, .. }, ..] = fills;
        println!(
            "P2      an empty store {empty} bytes; an inquiry {inquiry:.0}, one link of each {first:.1} ({key})"
        );
        line(
            "P2",
            &format!("bytes of an unused link, 1M to 10M, {key}"),
            rest,
            " bytes",
            Limit::AtMost(128.0),
        );
        // The system takes a millisecond for a page now and then: that is in one fill, and not in two.
        let worst = fills.map(|filled| filled.worst.as_secs_f64() * 1e3);
        let shown = worst.map(|worst| format!("{worst:.2}")).join(", ");
        let median = Spread::of(worst).ok_or_else(nothing)?.median;
        let what = format!("worst of 10M issues, processor time, of three fills ({shown})");
        line("P2", &what, median, " ms", Limit::AtMost(1.0));
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
    let all = Spread::of(all).ok_or_else(nothing)?;
    let Some(gain) = Spread::of(gains.iter().copied()) else {
        println!(
            "P3      in none of {tries} rounds the machine gave two processors; gain in all {:.2}",
            all.median
        );
        return Ok(());
    };
    let what = format!(
        "two threads for one, in {} of {tries} rounds ({:.2} to {:.2}; in all {:.2})",
        gains.len(),
        gain.low,
        gain.high,
        all.median
    );
    line("P3", &what, gain.median, " x", Limit::AtLeast(1.85));
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
            line("P4", &format!("allocations of {what}, {key}"), measured, "", Limit::AtMost(limit));
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
        let line = report.of(Work::Turnover).ok_or_else(nothing)?;
        costs.push((
            line.of("floor").ok_or_else(nothing)?.nanos.median,
            line.of("memory").ok_or_else(nothing)?.nanos.median,
            line.of("memory").ok_or_else(nothing)?.ratio.median,
        ));
    }
    let [(few_floor, few_ours, few), (many_floor, many_ours, many)] = costs[..] else {
        return Err(nothing());
    };
    let what = format!(
        "growth 1k to 10M ({few_ours:.0} to {many_ours:.0}; floor {few_floor:.0} to {many_floor:.0} ns)"
    );
    line("P5", &what, many / few, " x floor's", Limit::AtMost(1.25));
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
