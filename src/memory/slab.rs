//! Records at stable places: a freed place is used again, and nothing ever moves.

/// A growing list of slots, some of them free.
///
/// It grows by a small chunk at a time, so that no call has to wait while everything is copied.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

/// Slots in a chunk.
const CHUNK: usize = 32;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value somewhere; nothing if all 2³² places are taken.
    pub(super) fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            *self.slot(place)? = Some(value);
            return Some(place);
        }
        let place = u32::try_from(self.slots()).ok()?;
        if let Some(chunk) = self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            chunk.push(Some(value));
        } else {
            let mut chunk = Vec::with_capacity(CHUNK);
            chunk.push(Some(value));
            self.chunks.push(chunk);
        }
        Some(place)
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.slot(place)?.take()?;
        self.free.push(place);
        Some(value)
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let place = place as usize;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.slot(place)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.slots().saturating_sub(self.free.len())
    }

    fn slot(&mut self, place: u32) -> Option<&mut Option<T>> {
        let place = place as usize;
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    /// All slots: every chunk but the last is full.
    fn slots(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1).saturating_mul(CHUNK).saturating_add(last)
    }
}
