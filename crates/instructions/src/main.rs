//! One hot path, a thousand times, for a tool that counts instructions: `scripts/instructions` runs it.
//!
//! `instructions <issue|redeem|peek|mangled|unknown> [keyed]`. What is to be counted happens in [`counted`].

use std::{future::Future, hint::black_box, process::ExitCode};

use inquiry_otl::{
    Attempt, InquiryId, IssuedLink, Key, KeyId, Keyring, LinkRequest, MemoryStore, NewInquiry, OnOutstanding,
    Peek, Redemption, Service, TemplateId,
    blocking::{BlockOn as _, ParkThread},
};

const CALLS: usize = 1_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let keyed = arguments.next().is_some_and(|word| word == "keyed");
    match run(&path, keyed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, keyed: bool) -> Outcome<()> {
    let service = service(keyed)?;
    let inquiries = inquiries(&service)?;
    // A first link of each, so that its inquiry is no beginner, and the lists of places have grown.
    let links = issue(&service, &inquiries)?;
    let attempt = Attempt::new();
    match path {
        "issue" => {
            let mut issued = Vec::with_capacity(CALLS);
            counted(async {
                for inquiry in &inquiries {
                    issued.push(service.issue(LinkRequest::resume(*inquiry)).await?);
                }
                Ok(())
            })
        }
        "redeem" => counted(async {
            for link in &links {
                let Redemption::Granted(_) = service.redeem(link.url.expose(), &attempt).await? else {
                    return Err("a live link was refused".into());
                };
            }
            Ok(())
        }),
        "peek" => counted(async {
            for link in &links {
                let Peek::WouldGrant(_) = service.peek(link.url.expose(), &attempt).await? else {
                    return Err("a live link would be refused".into());
                };
            }
            Ok(())
        }),
        "mangled" => refuse(&service, &links.iter().map(mangled).collect::<Vec<_>>()),
        "unknown" => {
            let others = self::service(keyed)?;
            let links = issue(&others, &self::inquiries(&others)?)?;
            refuse(&service, &links.iter().map(|link| link.url.expose().to_owned()).collect::<Vec<_>>())
        }
        _ => Err("what is it? issue, redeem, peek, mangled or unknown".into()),
    }
}

/// What is counted: everything in here, and nothing else.
#[inline(never)]
fn counted(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    black_box(ParkThread.block_on(work))
}

fn refuse(service: &Service<MemoryStore>, presented: &[String]) -> Outcome<()> {
    let attempt = Attempt::new();
    counted(async {
        for presented in presented {
            let Redemption::Refused(_) = service.redeem(presented, &attempt).await? else {
                return Err("it was not refused".into());
            };
        }
        Ok(())
    })
}

fn service(keyed: bool) -> Outcome<Service<MemoryStore>> {
    let builder = Service::builder(MemoryStore::new()).on_outstanding(OnOutstanding::Keep);
    if !keyed {
        return Ok(builder.build()?);
    }
    let key = Key::new(KeyId::new(1)?, b"a key that guards nothing at all")?;
    Ok(builder.keyring(Keyring::new(key)).build()?)
}

fn inquiries(service: &Service<MemoryStore>) -> Outcome<Vec<InquiryId>> {
    let template = TemplateId::new("itmpl_bench")?;
    ParkThread.block_on(async {
        let mut ids = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            ids.push(service.create(NewInquiry::from_template(template)).await?.id);
        }
        Ok(ids)
    })
}

fn issue(service: &Service<MemoryStore>, inquiries: &[InquiryId]) -> Outcome<Vec<IssuedLink>> {
    ParkThread.block_on(async {
        let mut links = Vec::with_capacity(CALLS);
        for inquiry in inquiries {
            links.push(service.issue(LinkRequest::resume(*inquiry)).await?);
        }
        Ok(links)
    })
}

/// Another symbol in the middle of the code.
fn mangled(link: &IssuedLink) -> String {
    let url = link.url.expose();
    let (front, back) = url.split_at_checked(url.len().saturating_sub(9)).unwrap_or_default();
    let other = if back.starts_with('7') { "8" } else { "7" };
    format!("{front}{other}{}", back.get(1..).unwrap_or_default())
}
