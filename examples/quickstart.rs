//! The main job, on real input: an inquiry expires, support resumes it and sends a link, somebody pastes it.
//!
//! `cargo run --example quickstart` plays a short story and then asks for links. A pipe works as well, one link, code
//! or command a line: `cargo run --example quickstart <examples/quickstart.in`.

use std::{
    error::Error,
    io::{self, BufRead, IsTerminal, Write},
};

use inquiry_otl::{
    Attempt, GrantKind, InquiryId, Interval, IssueError, LinkRequest, ManualClock, MemoryStore, NewInquiry,
    NotOpen, Peek, Redemption, ReferenceId, Refusal, Service, TemplateId, Timestamp,
};

type Outcome = Result<(), Box<dyn Error>>;

const HELP: &str = "  again     present the last link again, as it was sent
  mangle    present it with what mail does to a link
  wrong     present it with one symbol changed
  new       issue another link
  later     let a day pass
  quit      end, with everything that is known of the last link";

const STORY: [(&str, &str); 6] = [
    ("The person pastes the link as their mail program left it.", "mangle"),
    ("Somebody presents it a second time.", "again"),
    ("Somebody tries another code.", "wrong"),
    ("The person lost their way again: support sends another link.", "new"),
    ("A day passes, and nobody opens it.", "later"),
    ("Then the person finds it.", "again"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let terminal = io::stdin().is_terminal();
    let mut lines = io::stdin().lock().lines().peekable();
    let mut desk = Desk::open().await?;
    if terminal || lines.peek().is_none() {
        for (happens, command) in STORY {
            println!("\n{happens}");
            desk.take(command).await?;
        }
    }
    if terminal {
        println!("\nYour turn. Paste a link or a code, damaged or not, or type a command:\n\n{HELP}\n");
        desk.issue().await?;
    }
    loop {
        if terminal {
            print!("\nlink, code or command> ");
            io::stdout().flush()?;
        }
        let Some(line) = lines.next().transpose()? else { break };
        match line.trim() {
            "" => {}
            "quit" => break,
            command => {
                if !terminal {
                    println!("\n> {command}");
                }
                desk.take(command).await?;
            }
        }
    }
    desk.close().await
}

/// The support desk of one inquiry.
struct Desk {
    service: Service<MemoryStore>,
    clock: ManualClock,
    inquiry: InquiryId,
    /// The last link, as it was sent.
    sent: String,
}

impl Desk {
    /// Creates an inquiry, lets it expire, and sends a link to it.
    async fn open() -> Result<Self, Box<dyn Error>> {
        let clock = ManualClock::default();
        let service = Service::builder(MemoryStore::new()).clock(clock.clone()).build()?;
        let request = NewInquiry::from_template(TemplateId::new("itmpl_kyc")?);
        let inquiry = service.create(request.with_reference(ReferenceId::new("user 7")?)).await?;
        println!("{}  {} is {}.", time(inquiry.created_at), inquiry.id, inquiry.status);
        let mut desk = Self { service, clock, inquiry: inquiry.id, sent: String::new() };
        desk.later().await?;
        desk.issue().await?;
        Ok(desk)
    }

    /// Carries out a command, or presents what was pasted.
    async fn take(&mut self, line: &str) -> Outcome {
        match line {
            "again" => self.present_again(&self.sent).await,
            "mangle" => self.present_again(&mangled(&self.sent)).await,
            "wrong" => self.present_again(&with_a_wrong_symbol(&self.sent)).await,
            "new" => self.issue().await,
            "later" => self.later().await,
            pasted => self.present(pasted).await,
        }
    }

    /// Sends a link; an inquiry that expired has to be resumed first.
    async fn issue(&mut self) -> Outcome {
        let link = match self.service.issue(LinkRequest::resume(self.inquiry)).await {
            Err(IssueError::NotOpen(NotOpen::Expired { at })) => {
                println!("  issue     REFUSED: the inquiry expired on {}; resume it first", time(at));
                let inquiry = self.service.resume(self.inquiry).await?;
                println!("  resume    the inquiry is {}, until {}", inquiry.status, time(inquiry.expires_at));
                self.service.issue(LinkRequest::resume(self.inquiry)).await?
            }
            answer => answer?,
        };
        link.url.expose().clone_into(&mut self.sent);
        println!("  issue     {}, good once, until {}", link.id, time(link.expires_at));
        println!("  {}", self.sent);
        Ok(())
    }

    async fn present_again(&self, presented: &str) -> Outcome {
        println!("  {presented}");
        self.present(presented).await
    }

    /// Peeks at what somebody presents, as a web page does when it is fetched; then redeems it, as its button does.
    async fn present(&self, presented: &str) -> Outcome {
        match self.service.peek(presented, &Attempt::new()).await? {
            Peek::WouldGrant(_) => println!("  peek      it would be granted; looking consumes nothing"),
            Peek::WouldReplay(_) => println!("  peek      it would open the same session again"),
            Peek::Busy { until } => println!("  peek      somebody holds it until {}", time(until)),
            Peek::Refused(_) => println!("  peek      it would be refused"),
        }
        match self.service.redeem(presented, &Attempt::new()).await? {
            Redemption::Granted(grant) => {
                let what = match grant.kind {
                    GrantKind::FirstUse => "the one first use",
                    _ => "the same session again",
                };
                println!("  redeem    GRANTED: {what}");
                println!("            {} lives until {}", grant.session.id, time(grant.session.expires_at));
            }
            Redemption::Busy { until } => println!("  redeem    BUSY until {}", time(until)),
            Redemption::Refused(refused) => {
                println!("  redeem    REFUSED: {}", refused.reason.name());
                println!("            {}", self.why(refused.reason, presented).await?);
                println!("            The person reads: This link does not work. Ask for another.");
            }
        }
        Ok(())
    }

    /// The reason of a refusal, in words for support staff.
    async fn why(&self, reason: Refusal, presented: &str) -> Result<String, Box<dyn Error>> {
        Ok(match reason {
            Refusal::Mangled => {
                let unreadable = self.service.diagnose(presented).await?.unreadable.unwrap_or_default();
                format!("Unreadable: {unreadable}.")
            }
            Refusal::Unknown => "It is a good code, but no link has it.".to_owned(),
            Refusal::Used { first_at } => format!("It was used on {}: once is all.", time(first_at)),
            Refusal::Superseded { .. } => "A newer link took its place.".to_owned(),
            Refusal::InquiryExpired { at } => {
                format!("The inquiry expired on {}: resume it first.", time(at))
            }
            other => other.to_string(),
        })
    }

    async fn later(&self) -> Outcome {
        self.clock.advance(Interval::from_days(1)?);
        let inquiry = self.service.inquiry(self.inquiry).await?;
        println!("{}  A day later, the inquiry is {}.", self.now(), inquiry.status);
        Ok(())
    }

    /// Prints all that is known of the last link; its code is not among it.
    async fn close(&self) -> Outcome {
        let diagnosis = self.service.diagnose(&self.sent).await?;
        println!("\nEverything that is known of the last link on {}:", self.now());
        let Some(link) = diagnosis.link else { return Ok(()) };
        let maybe = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), time);
        println!("  link      {}", link.id);
        println!("  inquiry   {}", link.inquiry);
        println!("  created   {}", time(link.created_at));
        println!("  expires   {}", time(link.expires_at));
        println!("  used      {}; uses: {}", maybe(link.first_used_at), link.uses);
        println!("  revoked   {}", maybe(link.revoked_at));
        if let Some(session) = diagnosis.session {
            println!("  session   {}, {}", session.id, if session.live { "live" } else { "dead" });
        }
        if let Some(inquiry) = diagnosis.inquiry {
            println!("  status    the inquiry is {}", inquiry.status);
        }
        match diagnosis.refusal {
            Some(refusal) => println!("  verdict   it would be refused: {}", refusal.name()),
            None => println!("  verdict   it would be granted"),
        }
        Ok(())
    }

    fn now(&self) -> String {
        use inquiry_otl::Clock as _;
        time(self.clock.now())
    }
}

/// What mail does to a link: lower case, look-alikes, and the punctuation of the sentence around it.
fn mangled(sent: &str) -> String {
    let (base, code) = sent.split_at(sent.len().saturating_sub(35));
    let code = code.to_lowercase().replace('0', "o").replace('1', "l");
    format!("({base}{code}).")
}

/// The link with its last symbol but three changed.
fn with_a_wrong_symbol(sent: &str) -> String {
    let (front, back) = sent.split_at(sent.len().saturating_sub(4));
    let (symbol, back) = back.split_at(1);
    format!("{front}{}{back}", if symbol == "7" { "8" } else { "7" })
}

fn time(at: Timestamp) -> String {
    at.to_datetime().format("%Y-%m-%d %H:%M").to_string()
}
