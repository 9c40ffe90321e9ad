//! How long things live: the expiration policy of a template (E1 to E10).

use std::num::NonZeroU32;

use crate::{link::Purpose, time::Interval};

/// The windows and limits that an inquiry is created with, and keeps (E1 to E7, E10).
///
/// The default is Persona's: 24 hours from creation, from start and from resume, 1 hour for a device
/// hand-off link, 25 sessions, no grace. A one-time link lives as long as **From Inquiry resume** says,
/// unless [`with_resume_link`](Self::with_resume_link) gives it a window of its own (E4). Persona
/// recommends 15 days at most for any window: a link that lives longer lies longer in a mailbox that
/// others may come to read.
///
/// On the wire it has Persona's names, and whole seconds (E9):
///
/// ```
/// use inquiry_otl::{ExpirationPolicy, Interval};
///
/// let policy = ExpirationPolicy::default().with_after_resume(Interval::from_hours(2)?);
/// assert_eq!(policy.link_window(inquiry_otl::Purpose::Resume), Interval::from_hours(2)?);
/// # #[cfg(feature = "serde")] {
/// let wire = serde_json::to_value(&policy).unwrap();
/// assert_eq!(wire["expiration-after-resume-interval-seconds"], 7200);
/// assert_eq!(serde_json::from_value::<ExpirationPolicy>(wire).unwrap(), policy);
/// # }
/// # Ok::<(), inquiry_otl::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields, rename_all = "kebab-case"))]
pub struct ExpirationPolicy {
    #[cfg_attr(feature = "serde", serde(rename = "expiration-after-create-interval-seconds"))]
    after_create: Interval,
    #[cfg_attr(feature = "serde", serde(rename = "expiration-after-start-interval-seconds"))]
    after_start: Option<Interval>,
    #[cfg_attr(feature = "serde", serde(rename = "expiration-after-resume-interval-seconds"))]
    after_resume: Interval,
    #[cfg_attr(feature = "serde", serde(rename = "resume-link-expiration-seconds"))]
    resume_link: Option<Interval>,
    // Persona's contract says of this name: after it, device hand-off links expire.
    #[cfg_attr(feature = "serde", serde(rename = "one-time-link-expiration-seconds"))]
    device_handoff_link: Interval,
    session_limit: NonZeroU32,
    grace: Option<Grace>,
}

impl Default for ExpirationPolicy {
    fn default() -> Self {
        Self {
            after_create: Interval::DAY,
            after_start: None,
            after_resume: Interval::DAY,
            resume_link: None,
            device_handoff_link: Interval::HOUR,
            session_limit: Self::DEFAULT_SESSION_LIMIT,
            grace: None,
        }
    }
}

impl ExpirationPolicy {
    /// Persona's session limit: 25 (E6).
    const DEFAULT_SESSION_LIMIT: NonZeroU32 = NonZeroU32::MIN.saturating_add(24);

    /// Sets how long a created inquiry stays open: **From creation** (E1).
    #[must_use]
    pub const fn with_after_create(mut self, window: Interval) -> Self {
        self.after_create = window;
        self
    }

    /// Sets how long a started inquiry stays open: **From pending**; unset, it is the window from creation (E2).
    #[must_use]
    pub const fn with_after_start(mut self, window: Interval) -> Self {
        self.after_start = Some(window);
        self
    }

    /// Sets how long a resumed inquiry stays open: **From Inquiry resume** (E3); links follow it (E4).
    #[must_use]
    pub const fn with_after_resume(mut self, window: Interval) -> Self {
        self.after_resume = window;
        self
    }

    /// Sets how long a one-time link lives when its creation names no interval; unset, it is the
    /// window from resume (E4).
    #[must_use]
    pub const fn with_resume_link(mut self, window: Interval) -> Self {
        self.resume_link = Some(window);
        self
    }

    /// Sets how long a device hand-off link lives when its creation names no interval (E5).
    #[must_use]
    pub const fn with_device_handoff_link(mut self, window: Interval) -> Self {
        self.device_handoff_link = window;
        self
    }

    /// Sets how many sessions an inquiry may start (E6).
    #[must_use]
    pub const fn with_session_limit(mut self, limit: NonZeroU32) -> Self {
        self.session_limit = limit;
        self
    }

    /// Lets a used link open its session again for a while (E7).
    #[must_use]
    pub const fn with_grace(mut self, grace: Grace) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The window from creation (E1).
    #[must_use]
    pub const fn after_create(&self) -> Interval {
        self.after_create
    }

    /// The window from start (E2).
    #[must_use]
    pub const fn after_start(&self) -> Interval {
        match self.after_start {
            Some(window) => window,
            None => self.after_create,
        }
    }

    /// The window from resume (E3).
    #[must_use]
    pub const fn after_resume(&self) -> Interval {
        self.after_resume
    }

    /// How long a link of that purpose lives when its creation names no interval (E4, E5).
    #[must_use]
    pub const fn link_window(&self, purpose: Purpose) -> Interval {
        match (purpose, self.resume_link) {
            (Purpose::DeviceHandoff, _) => self.device_handoff_link,
            (Purpose::Resume, Some(window)) => window,
            (Purpose::Resume, None) => self.after_resume,
        }
    }

    /// How many sessions an inquiry may start since its creation or its last resume from expired (E6).
    #[must_use]
    pub const fn session_limit(&self) -> u32 {
        self.session_limit.get()
    }

    /// The grace after the first use, if there is one (E7).
    #[must_use]
    pub const fn grace(&self) -> Option<Grace> {
        self.grace
    }
}

/// A window from the first use within which the same code opens the same session again (E7, D4).
///
/// It makes a double click harmless, and it gives whoever else holds the link the person's session for
/// as long. Off unless a policy asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Grace {
    #[cfg_attr(feature = "serde", serde(rename = "window-seconds"))]
    window: Interval,
    max_replays: NonZeroU32,
    #[cfg_attr(feature = "serde", serde(default))]
    clients: Clients,
}

impl Grace {
    /// Persona's grace: 5 minutes from the first use (E7); at most 10 replays, from any client.
    #[must_use]
    pub const fn persona() -> Self {
        Self {
            window: Interval::MINUTE.times(5),
            max_replays: NonZeroU32::MIN.saturating_add(9),
            clients: Clients::Any,
        }
    }

    /// A grace of that window from the first use, and at most that many replays.
    #[must_use]
    pub const fn new(window: Interval, max_replays: NonZeroU32) -> Self {
        Self { window, max_replays, clients: Clients::Any }
    }

    /// Sets which clients may replay (D4).
    #[must_use]
    pub const fn with_clients(mut self, clients: Clients) -> Self {
        self.clients = clients;
        self
    }

    /// How long after the first use a replay may come.
    #[must_use]
    pub const fn window(&self) -> Interval {
        self.window
    }

    /// How many replays there may be.
    #[must_use]
    pub const fn max_replays(&self) -> u32 {
        self.max_replays.get()
    }

    /// Which clients may replay.
    #[must_use]
    pub const fn clients(&self) -> Clients {
        self.clients
    }
}

/// Which clients may replay a link in its grace (D4). Exhaustive: a rule either looks at the client or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Clients {
    /// Any client; whether it is the one of the first use is reported.
    #[default]
    Any,
    /// Only the client of the first use: the bindings must be there and be the same.
    Same,
}

crate::text::words!(Clients {
    Any => "any",
    Same => "same",
});
