//! What is in a store before it is measured.

/// What a [`Subject`](super::Subject) is filled with before the first batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub(super) live: usize,
    pub(super) each: usize,
    pub(super) stock: usize,
    pub(super) recycled: usize,
    pub(super) keyed: bool,
    pub(super) tasks: usize,
}

impl Fill {
    /// So many live links, each of an inquiry of its own; codes without a key.
    #[must_use]
    pub const fn new(live: usize) -> Self {
        let live = if live == 0 { 1 } else { live };
        let stock = if live < 65_536 { live } else { 65_536 };
        Self { live, each: 1, stock, recycled: 0, keyed: false, tasks: 1 }
    }

    /// The same with codes under a key (C7).
    #[must_use]
    pub const fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// The same with that many links for each inquiry.
    #[must_use]
    pub const fn links_each(mut self, links: usize) -> Self {
        self.each = if links == 0 { 1 } else { links };
        self
    }

    /// The same with that many live links whose URLs are kept, spread over all: those that the batches work on, oldest
    /// first. At most 65 536 unless told otherwise.
    #[must_use]
    pub const fn stock(mut self, links: usize) -> Self {
        self.stock = if links == 0 { 1 } else { links };
        self
    }

    /// The same after so many links were created, redeemed and purged: what a batch creates then takes places that
    /// were used before, as in a store that has run for months. For stores with housekeeping.
    #[must_use]
    pub const fn recycled(mut self, links: usize) -> Self {
        self.recycled = links;
        self
    }

    /// The same with that many inquiries being created at a time, for a store that is far away.
    #[must_use]
    pub const fn tasks(mut self, tasks: usize) -> Self {
        self.tasks = if tasks == 0 { 1 } else { tasks };
        self
    }
}
