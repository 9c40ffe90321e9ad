//! Instants, intervals, states and reasons, in plain words.

use std::fmt;

use inquiry_otl::{Action, Inquiry, Interval, NotOpen, OneTimeLink, Purpose, Refusal, Status, Timestamp};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// An instant, and how far it is from now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Timestamp,
    now: Timestamp,
}

/// An instant, and how far it is from now.
pub(crate) const fn moment(at: Timestamp, now: Timestamp) -> Moment {
    Moment { at, now }
}

/// It has letters, digits and tags of its own only.
impl askama::filters::HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>, {}", self.at, instant(self.at), self.distance())
    }
}

impl Moment {
    fn distance(&self) -> String {
        let (is_ahead, far) = if self.now < self.at {
            (true, self.at.since(self.now))
        } else {
            (false, self.now.since(self.at))
        };
        match (is_ahead, rounded(far.as_secs())) {
            (false, _) if far.as_secs() < 5 => "just now".to_owned(),
            (false, far) => format!("{far} ago"),
            (true, far) => format!("in {far}"),
        }
    }
}

/// An instant, to the minute.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_datetime().format("%-d %b %Y, %H:%M UTC").to_string()
}

/// About so long.
fn rounded(seconds: u64) -> String {
    let near = |unit: u64| seconds.saturating_add(unit / 2).checked_div(unit).unwrap_or(seconds);
    match seconds {
        0..120 => counted(seconds, "second"),
        120..7200 => counted(near(MINUTE), "minute"),
        7200..172_800 => counted(near(HOUR), "hour"),
        _ => counted(near(DAY), "day"),
    }
}

/// Exactly so long.
pub(crate) fn interval(interval: Interval) -> String {
    let (count, unit) = in_unit(interval);
    counted(count, unit.trim_end_matches('s'))
}

/// In the largest unit that says it exactly; a day is 24 hours.
pub(crate) fn in_unit(interval: Interval) -> (u64, &'static str) {
    let seconds = u64::from(interval.seconds());
    match seconds {
        DAY => (24, "hours"),
        _ if seconds % DAY == 0 => (seconds / DAY, "days"),
        _ if seconds % HOUR == 0 => (seconds / HOUR, "hours"),
        _ if seconds % MINUTE == 0 => (seconds / MINUTE, "minutes"),
        _ => (seconds, "seconds"),
    }
}

/// `1 hour`, `2 hours`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A state as a page marks it: its name, and whether it is `good`, `bad`, or to be looked at (`warn`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) label: &'static str,
    pub(crate) class: &'static str,
}

/// The state of an inquiry, as of now.
pub(crate) fn state(inquiry: &Inquiry) -> State {
    if inquiry.redacted_at.is_some() {
        return State { label: "Redacted", class: "bad" };
    }
    let class = match inquiry.status {
        Status::Completed | Status::Approved => "good",
        Status::Failed | Status::Declined => "bad",
        Status::Expired | Status::NeedsReview => "warn",
        _ => "",
    };
    State { label: status(inquiry.status), class }
}

/// A status.
pub(crate) const fn status(status: Status) -> &'static str {
    match status {
        Status::Created => "Created",
        Status::Pending => "Pending",
        Status::Completed => "Completed",
        Status::Failed => "Failed",
        Status::Expired => "Expired",
        Status::Approved => "Approved",
        Status::NeedsReview => "Needs review",
        Status::Declined => "Declined",
        _ => "Other",
    }
}

/// The state of a link, as of now.
pub(crate) fn link_state(link: &OneTimeLink) -> State {
    let (label, class) = match (&link.refusal, link.first_used_at) {
        (Some(Refusal::Revoked { .. }), Some(_)) => ("Used, revoked", "bad"),
        (_, Some(_)) => ("Used", "warn"),
        (Some(Refusal::Revoked { .. }), None) => ("Revoked", "bad"),
        (Some(Refusal::Superseded { .. }), None) => ("Superseded", ""),
        (Some(Refusal::LinkExpired { .. } | Refusal::InquiryExpired { .. }), None) => ("Expired", ""),
        (Some(_), None) => ("Dead", ""),
        (None, None) if link.claimed_until.is_some() => ("Being opened", "warn"),
        (None, None) => ("Live", "good"),
    };
    State { label, class }
}

/// What a link is for.
pub(crate) const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Resume => "go on with the inquiry",
        Purpose::DeviceHandoff => "go on, on another device",
    }
}

/// What a link is for.
pub(crate) const fn purpose_of(link: &OneTimeLink) -> &'static str {
    purpose(link.purpose)
}

/// Why a link opens nothing.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Mangled => {
            "It is damaged: letters are missing, or were changed. Copy the whole link.".to_owned()
        }
        Refusal::Unknown => "No such link was made here, or it is so old that it was removed.".to_owned(),
        Refusal::Repointed => "Its record was altered in the database: it opens nothing.".to_owned(),
        Refusal::Revoked { at } => format!("It was revoked on {}.", instant(*at)),
        Refusal::Superseded { at: Some(at), .. } => {
            format!("A newer link took its place on {}.", instant(*at))
        }
        Refusal::Superseded { .. } => "A newer link took its place.".to_owned(),
        Refusal::InquiryRedacted { at } => format!("Its inquiry was redacted on {}.", instant(*at)),
        Refusal::InquiryClosed { status: now, .. } => {
            format!("Its inquiry is over: it is {}.", status(*now).to_lowercase())
        }
        Refusal::InquiryExpired { at } => {
            format!(
                "Its inquiry expired on {}. Links from before stay dead: resume it, and create a new one.",
                instant(*at)
            )
        }
        Refusal::Used { first_at } => format!("It was used on {}, and works once.", instant(*first_at)),
        Refusal::LinkExpired { at: Some(at) } => format!("It expired on {}.", instant(*at)),
        Refusal::LinkExpired { at: None } => "It expired.".to_owned(),
        Refusal::KeyRetired => "The key that it was made with is no longer in the key file.".to_owned(),
        Refusal::OtherClient => "Another browser used it first.".to_owned(),
        Refusal::SessionLimit { limit } => {
            format!(
                "Its inquiry started {}, which is all that it may.",
                counted(u64::from(*limit), "session")
            )
        }
        _ => "It opens nothing.".to_owned(),
    }
}

/// Why no link can be made.
pub(crate) fn not_open(reason: &NotOpen) -> String {
    match reason {
        NotOpen::Expired { at } => {
            format!("This inquiry expired on {}. Resume it first, then create a link.", instant(*at))
        }
        NotOpen::Redacted => "This inquiry is redacted: nobody can go on with it.".to_owned(),
        NotOpen::Closed { status: now } => {
            format!("This inquiry is {}: there is nothing to go on with.", status(*now).to_lowercase())
        }
        _ => "This inquiry is not open.".to_owned(),
    }
}

/// What an action does, as the rest of *Only an inquiry … can be …*.
pub(crate) const fn done(action: Action) -> &'static str {
    match action {
        Action::Start => "started",
        Action::Complete => "completed",
        Action::Fail => "failed",
        Action::Expire => "expired",
        Action::Resume => "resumed",
        Action::Approve => "approved",
        Action::MarkForReview => "marked for review",
        Action::Decline => "declined",
        Action::Redact => "redacted",
    }
}
