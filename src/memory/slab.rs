//! Records at stable places: a freed place is used again, and nothing that is many ever moves.

/// A growing list of slots, some of them free.
///
/// Its first chunk grows as a list does; from then on it grows by a chunk at a time, so that no call has to wait while
/// everything is copied.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

/// Slots in a chunk: few enough to be copied in no time, so many that where the chunks are is in the cache.
const CHUNK: usize = 512;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value somewhere; nothing if all places up to the last one, which stays free, are taken.
    pub(super) fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            *self.slot(place)? = Some(value);
            return Some(place);
        }
        let place = u32::try_from(self.slots()).ok().filter(|place| *place != u32::MAX)?;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(Some(value)),
            last => {
                let mut chunk = last.map_or_else(Vec::new, |_| Vec::with_capacity(CHUNK));
                chunk.push(Some(value));
                self.chunks.push(chunk);
            }
        }
        Some(place)
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.slot(place)?.take()?;
        self.free.push(place);
        Some(value)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let place = place as usize;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.slot(place)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.slots().saturating_sub(self.free.len())
    }

    #[inline]
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

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    /// S3: whatever the number of chunks, each value is found at its place, and a place that is free is used again.
    #[test]
    fn each_value_is_at_its_place() {
        let mut slab = Slab::default();
        let many = 3 * CHUNK;
        let places: Vec<_> = (0..many).filter_map(|value| slab.insert(value)).collect();
        let kept =
            |slab: &Slab<usize>| places.iter().map(|place| slab.get(*place).copied()).collect::<Vec<_>>();
        assert_eq!((slab.len(), kept(&slab)), (many, (0..many).map(Some).collect::<Vec<_>>()));
        for index in [0, CHUNK, many - 1] {
            assert_eq!(slab.remove(places[index]), Some(index));
            assert_eq!((slab.len(), slab.get(places[index])), (many - 1, None));
            assert_eq!(slab.insert(index), Some(places[index]));
        }
        assert_eq!((slab.len(), kept(&slab)), (many, (0..many).map(Some).collect::<Vec<_>>()));
    }
}
