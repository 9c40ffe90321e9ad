//! What the rules say, told as a person would: flags that never clear, and no epoch, generation or ending.
//!
//! The library decides by counters that are compared. Here, whatever dies is marked dead, one by one. If both
//! give the same answers in every state, the counters do what the rules ask.

use inquiry_otl::{Action, Clients};
use serde::Serialize;

use crate::{
    step::{Answer, Step, Target, Told},
    world::{Caller, Creation, World, windows},
};

/// All that happened, as far as it matters.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Tale {
    pub(crate) status: &'static str,
    pub(crate) deadline: u8,
    redacted: bool,
    started: bool,
    /// It expired, and nobody has been told (I6).
    lapse: bool,
    /// Since its creation, or since its last resume from expired (E6).
    pub(crate) counted: u8,
    pub(crate) links: Vec<Link>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) claims: Vec<usize>,
    pub(crate) events: u64,
}

#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "flags that never clear are the point")]
pub(crate) struct Link {
    expires: u8,
    pub(crate) revoked: bool,
    revoked_by_itself: bool,
    superseded: bool,
    /// Links made since then are superseded, or revoked, without it.
    generation_is_over: bool,
    /// Why the inquiry took it along: never forgotten, whatever becomes of the inquiry (L4, R3).
    ended: Option<&'static str>,
    held: Option<Held>,
    pub(crate) used: Option<Used>,
    pub(crate) purged: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Held {
    claim: usize,
    until: u8,
    caller: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Used {
    at: u8,
    pub(crate) session: usize,
    pub(crate) replays: u8,
    caller: usize,
    claim: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Session {
    expires: u8,
    revoked: bool,
    ended: bool,
}

impl Tale {
    pub(crate) fn new() -> Self {
        Self {
            status: "created",
            deadline: windows::CREATE,
            redacted: false,
            started: false,
            lapse: false,
            counted: 0,
            links: Vec::new(),
            sessions: Vec::new(),
            claims: Vec::new(),
            events: 1,
        }
    }

    /// The clock shows `now`: an inquiry at its deadline is expired, whoever knows (I5, I6).
    pub(crate) fn pass(&mut self, now: u8) {
        if self.can_expire() && self.deadline <= now {
            self.expire();
            self.lapse = true;
        }
    }

    /// What that step is answered; what it does is told.
    pub(crate) fn step(&mut self, world: &World, step: Step, now: u8) -> Told {
        self.pass(now);
        let told = match step {
            Step::Create(how) => self.create(how, now),
            Step::Redeem { caller, link } => self.redeem(world, caller, link, now),
            Step::Claim { caller, link } => self.claim(world, caller, link, now),
            Step::Commit { claim } => self.commit(claim, now),
            Step::Release { claim } => self.release(claim, now),
            Step::Revoke(target) => self.revoke(target, now),
            Step::Change(action) => self.change(action, now),
            Step::StartSession => self.start_session(),
            Step::Purge => self.purge(now),
        };
        self.events += told.count();
        told
    }

    fn can_expire(&self) -> bool {
        matches!(self.status, "created" | "pending")
    }

    pub(crate) fn is_open(&self) -> bool {
        self.can_expire() && !self.redacted
    }

    pub(crate) fn is_live(&self, session: usize, now: u8) -> bool {
        let session = &self.sessions[session];
        !session.revoked && !session.ended && now < session.expires && self.is_open()
    }

    /// Whether nothing that bears its code may be granted any more, whatever happens (L4, L6, R3).
    pub(crate) fn is_dead(&self, link: usize) -> bool {
        let link = &self.links[link];
        link.revoked || link.ended.is_some() || link.purged
    }

    pub(crate) fn is_superseded(&self, link: usize) -> bool {
        self.links[link].superseded
    }

    /// What a plain redemption gets (D2).
    pub(crate) fn judge(&self, world: &World, caller: usize, link: usize, now: u8) -> Answer {
        let (who, tale): (Caller, _) = (world.callers[caller], &self.links[link]);
        if tale.purged {
            return Answer::Nothing;
        }
        if let Some(used) = tale.used {
            let first = world.callers[used.caller];
            let is_the_attempt = who.key.is_some() && who == first && now < used.at + windows::REPEAT;
            if is_the_attempt && !self.is_dead(link) && self.is_live(used.session, now) {
                return Answer::Repeat(used.session);
            }
        }
        if let Some(reason) = self.why_dead(link) {
            return Answer::Refused(reason);
        }
        if let Some(used) = tale.used {
            let Some(clients) = world.grace else { return Answer::Refused("used") };
            let in_grace = now < used.at + windows::GRACE && used.replays < windows::REPLAYS;
            if !in_grace || !self.is_live(used.session, now) {
                return Answer::Refused("used");
            }
            let first = world.callers[used.caller];
            if clients == Clients::Same && (who.binding.is_none() || who.binding != first.binding) {
                return Answer::Refused("other-client");
            }
            return Answer::Replay(used.session, used.replays + 1);
        }
        if tale.expires <= now {
            return Answer::Refused("link-expired");
        }
        if tale.held.is_some_and(|held| now < held.until) {
            return Answer::Busy;
        }
        if windows::SESSIONS <= self.counted {
            return Answer::Refused("session-limit");
        }
        Answer::FirstUse(self.sessions.len())
    }

    /// In the order of D2.
    fn why_dead(&self, link: usize) -> Option<&'static str> {
        let link = &self.links[link];
        match link.ended {
            _ if link.revoked => Some("revoked"),
            _ if link.superseded => Some("superseded"),
            _ if self.redacted => Some("inquiry-redacted"),
            ended => ended,
        }
    }

    /// All that there is dies with the inquiry, or with its epoch (L4).
    fn end(&mut self, why: &'static str) {
        for link in self.links.iter_mut().filter(|link| link.ended.is_none()) {
            link.ended = Some(why);
            link.generation_is_over = true;
        }
        for session in &mut self.sessions {
            session.ended = true;
        }
    }

    fn expire(&mut self) {
        self.status = "expired";
        self.end("inquiry-expired");
    }

    /// Whether an expiry is told here, which nobody was told before (I6).
    fn tell_lapse(&mut self) -> bool {
        std::mem::take(&mut self.lapse)
    }

    fn create(&mut self, how: Creation, now: u8) -> Told {
        if !self.is_open() {
            return Told::quietly(Answer::NotOpen).after(self.tell_lapse());
        }
        if how == Creation::ReturnSame {
            let fits = |link: &Link| {
                link.used.is_none()
                    && link.held.is_none_or(|held| held.until <= now)
                    && !link.revoked
                    && !link.superseded
                    && link.ended.is_none()
                    && !link.purged
                    && now < link.expires
            };
            if let Some(link) = self.links.iter().rposition(fits) {
                return Told::with(Answer::Reused(link), "one-time-link.reused");
            }
        }
        let current = self.links.iter_mut().filter(|link| !link.generation_is_over);
        let mut supersedes = false;
        if how != Creation::Keep {
            for link in current {
                link.superseded = true;
                link.generation_is_over = true;
                supersedes = true;
            }
        }
        self.links.push(Link {
            expires: self.deadline.min(now + windows::LINK),
            revoked: false,
            revoked_by_itself: false,
            superseded: false,
            generation_is_over: false,
            ended: None,
            held: None,
            used: None,
            purged: false,
        });
        let answer = Answer::Created(self.links.len() - 1);
        if supersedes {
            Told { answer, events: [Some("one-time-link.superseded"), Some("one-time-link.created")] }
        } else {
            Told::with(answer, "one-time-link.created")
        }
    }

    fn redeem(&mut self, world: &World, caller: usize, link: usize, now: u8) -> Told {
        let answer = self.judge(world, caller, link, now);
        match answer {
            Answer::FirstUse(_) => self.first_use(link, caller, None, now),
            Answer::Refused("session-limit") => self.one_too_many(answer),
            _ => self.again_or_not(link, answer),
        }
    }

    fn claim(&mut self, world: &World, caller: usize, link: usize, now: u8) -> Told {
        self.claims.push(link);
        let answer = self.judge(world, caller, link, now);
        if let Answer::FirstUse(_) = answer {
            let claim = self.claims.len() - 1;
            self.links[link].held = Some(Held { claim, until: now + windows::LEASE, caller });
            return Told::quietly(Answer::Claimed);
        }
        self.again_or_not(link, answer)
    }

    fn commit(&mut self, claim: usize, now: u8) -> Told {
        let link = self.claims[claim];
        let tale = &self.links[link];
        if tale.purged {
            return Told::quietly(Answer::Nothing);
        }
        if let Some(used) = tale.used {
            if used.claim == Some(claim) && !self.is_dead(link) && self.is_live(used.session, now) {
                return Told::quietly(Answer::Repeat(used.session));
            }
        }
        let answer = match (self.why_dead(link), tale.used, tale.held) {
            (Some(reason), ..) => Answer::Refused(reason),
            (_, Some(_), _) => Answer::Refused("used"),
            (_, _, Some(held)) if held.claim == claim && now < held.until => {
                if windows::SESSIONS <= self.counted {
                    return self.one_too_many(Answer::Refused("session-limit"));
                }
                return self.first_use(link, held.caller, Some(claim), now);
            }
            _ => Answer::Refused("lease-lost"),
        };
        self.again_or_not(link, answer)
    }

    fn first_use(&mut self, link: usize, caller: usize, claim: Option<usize>, now: u8) -> Told {
        let session = self.sessions.len();
        self.sessions.push(Session { expires: self.deadline, revoked: false, ended: false });
        self.counted += 1;
        let tale = &mut self.links[link];
        tale.used = Some(Used { at: now, session, replays: 0, caller, claim });
        tale.held = None;
        Told::with(Answer::FirstUse(session), "one-time-link.redeemed")
    }

    /// E6: it expires with the attempt.
    fn one_too_many(&mut self, answer: Answer) -> Told {
        self.expire();
        Told::with(answer, "inquiry.expired")
    }

    fn again_or_not(&mut self, link: usize, answer: Answer) -> Told {
        match answer {
            Answer::Replay(_, number) => {
                if let Some(used) = &mut self.links[link].used {
                    used.replays = number;
                }
                Told::with(answer, "one-time-link.replayed")
            }
            Answer::Repeat(_) | Answer::Nothing => Told::quietly(answer),
            _ => Told::quietly(answer).after(self.tell_lapse()),
        }
    }

    fn release(&mut self, claim: usize, now: u8) -> Told {
        let link = &mut self.links[self.claims[claim]];
        let answer = match (link.held, link.used) {
            _ if link.purged => Answer::Nothing,
            (Some(held), _) if held.claim == claim && now < held.until => {
                link.held = None;
                Answer::Released
            }
            (_, Some(used)) if used.claim == Some(claim) => Answer::Committed,
            _ => Answer::NotHeld,
        };
        Told::quietly(answer)
    }

    fn revoke(&mut self, target: Target, now: u8) -> Told {
        let lapse = self.tell_lapse();
        let revoked = match target {
            Target::Link(link) => {
                let link = &mut self.links[link];
                if link.purged {
                    return Told::quietly(Answer::Nothing).after(lapse);
                }
                let changes = link.ended.is_none() && !link.revoked_by_itself;
                if changes {
                    (link.revoked, link.revoked_by_itself) = (true, true);
                }
                changes
            }
            Target::Session(session) => {
                let session = &mut self.sessions[session];
                let changes = !session.revoked && !session.ended && now < session.expires;
                session.revoked |= changes;
                changes
            }
            Target::AllLinks => {
                let mut changes = false;
                for link in self.links.iter_mut().filter(|link| !link.generation_is_over) {
                    (link.revoked, link.generation_is_over, changes) = (true, true, true);
                }
                changes
            }
            Target::Everything => {
                let open = self.is_open();
                if open {
                    for link in self.links.iter_mut().filter(|link| link.ended.is_none()) {
                        link.revoked = true;
                    }
                    self.end("revoked");
                }
                open
            }
        };
        if revoked {
            Told::with(Answer::Revoked, "one-time-link.revoked").after(lapse)
        } else {
            Told::quietly(Answer::Already).after(lapse)
        }
    }

    fn change(&mut self, action: Action, now: u8) -> Told {
        if self.lapse && action == Action::Expire {
            return Told::quietly(Answer::Changed).after(self.tell_lapse());
        }
        let resumable = self.can_expire() || self.status == "expired";
        let allowed = match action {
            Action::Start => {
                !self.redacted && (self.status == "created" || self.status == "pending" && !self.started)
            }
            Action::Complete => !self.redacted && self.status == "pending",
            Action::Expire => self.can_expire(),
            Action::Resume => !self.redacted && resumable,
            _ => !self.redacted,
        };
        if !allowed {
            return Told::quietly(Answer::NotAllowed);
        }
        let event = match action {
            Action::Start => {
                self.started = true;
                if self.status == "created" {
                    self.status = "pending";
                    self.deadline = now + windows::START;
                }
                "inquiry.started"
            }
            Action::Complete => {
                self.status = "completed";
                self.end("inquiry-closed");
                "inquiry.completed"
            }
            Action::Expire => {
                self.expire();
                "inquiry.expired"
            }
            Action::Resume if self.status == "expired" => {
                self.status = "pending";
                self.deadline = now + windows::RESUME;
                self.counted = 0;
                "inquiry.resumed"
            }
            Action::Resume => {
                self.deadline = self.deadline.max(now + windows::RESUME);
                "inquiry.resumed"
            }
            _ => {
                self.redacted = true;
                self.end("inquiry-redacted");
                "inquiry.redacted"
            }
        };
        Told::with(Answer::Changed, event).after(self.tell_lapse())
    }

    fn start_session(&mut self) -> Told {
        if !self.is_open() {
            return Told::quietly(Answer::NotOpen).after(self.tell_lapse());
        }
        if windows::SESSIONS <= self.counted {
            return self.one_too_many(Answer::SessionLimit);
        }
        self.sessions.push(Session { expires: self.deadline, revoked: false, ended: false });
        self.counted += 1;
        Told::quietly(Answer::Started(self.sessions.len() - 1))
    }

    /// S3: an unused link that expired may go, unless somebody holds it.
    fn purge(&mut self, now: u8) -> Told {
        for link in &mut self.links {
            let is_held = link.held.is_some_and(|held| now < held.until);
            link.purged |= link.used.is_none() && link.expires <= now && !is_held;
        }
        Told::quietly(Answer::Purged)
    }
}
