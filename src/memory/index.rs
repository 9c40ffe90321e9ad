//! From part of a hash to a place: one word for each, and nothing that has to be copied for long.

/// A table of places, found by 32 bits of a hash that is uniform already; whether a place is the one that was meant, its
/// record decides.
///
/// An entry is one word: those bits, and the place. It is in the first free word at or behind the one that its bits
/// name, so a look-up that hits reads one line of memory, mostly. A table grows when it is three quarters full.
#[derive(Debug, Default)]
pub(super) struct Index {
    words: Vec<u64>,
    used: usize,
}

/// No entry: all places but the last one can be entered.
const FREE: u64 = u64::MAX;

impl Index {
    /// The first of the places entered under these bits that is the one.
    pub(super) fn find(&self, bits: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.entries(bits).find_map(|(_, word)| {
            let place = place(word);
            (tag(word) == bits && is_it(place)).then_some(place)
        })
    }

    /// Enters a place under these bits, whatever is entered under them already.
    pub(super) fn enter(&mut self, bits: u32, place: u32) {
        if self.words.len().saturating_mul(3) <= self.used.saturating_mul(4) {
            self.grow();
        }
        self.put(word(bits, place));
        self.used = self.used.saturating_add(1);
    }

    /// Takes a place out, and closes the gap: what follows moves up, as far as its bits allow.
    pub(super) fn leave(&mut self, bits: u32, place: u32) {
        let wanted = word(bits, place);
        let Some((mut gap, _)) = self.entries(bits).find(|(_, word)| *word == wanted) else {
            return;
        };
        let mask = self.mask();
        let mut at = gap;
        loop {
            at = at.wrapping_add(1) & mask;
            let Some(next) = self.words.get(at).copied().filter(|word| *word != FREE) else {
                break;
            };
            // It may stand in the gap if its own word is not behind it.
            let from_home = at.wrapping_sub(tag(next) as usize) & mask;
            let from_gap = at.wrapping_sub(gap) & mask;
            if from_gap <= from_home {
                self.set(gap, next);
                gap = at;
            }
        }
        self.set(gap, FREE);
        self.used = self.used.saturating_sub(1);
    }

    /// The words in which these bits may be, up to the first free one.
    #[inline]
    fn entries(&self, bits: u32) -> impl Iterator<Item = (usize, u64)> {
        let start = bits as usize & self.mask();
        let (front, back) = self.words.split_at_checked(start).unwrap_or_default();
        let behind = (start..).zip(back);
        behind.chain((0..).zip(front)).map(|(at, word)| (at, *word)).take_while(|(_, word)| *word != FREE)
    }

    fn put(&mut self, entry: u64) {
        let mask = self.mask();
        let mut at = tag(entry) as usize & mask;
        while self.words.get(at).is_some_and(|word| *word != FREE) {
            at = at.wrapping_add(1) & mask;
        }
        self.set(at, entry);
    }

    fn set(&mut self, at: usize, entry: u64) {
        if let Some(word) = self.words.get_mut(at) {
            *word = entry;
        }
    }

    /// Twice the room: at ten million links, a part of the directory has sixteen thousand words to copy.
    fn grow(&mut self) {
        let size = self.words.len().saturating_mul(2).max(4);
        let old = std::mem::replace(&mut self.words, vec![FREE; size]);
        old.into_iter().filter(|word| *word != FREE).for_each(|word| self.put(word));
    }

    /// The number of words is a power of two.
    fn mask(&self) -> usize {
        self.words.len().wrapping_sub(1)
    }
}

fn word(bits: u32, place: u32) -> u64 {
    u64::from(bits) << 32 | u64::from(place)
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half, shifted down")]
const fn tag(word: u64) -> u32 {
    (word >> 32) as u32
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
const fn place(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// S3: whatever is entered and taken out, what is left is found, and nothing else. Few bits make long runs.
        #[test]
        fn what_was_entered_is_found(steps in proptest::collection::vec((0_u32..24, 0_u32..24, any::<bool>()), 0..200)) {
            let mut index = Index::default();
            let mut model = BTreeSet::new();
            for (bits, place, enters) in steps {
                // The same home for many, also at the end of the table.
                let bits = bits.wrapping_mul(0x1000_0001).wrapping_sub(3);
                if !enters {
                    index.leave(bits, place);
                    model.remove(&(bits, place));
                } else if model.insert((bits, place)) {
                    index.enter(bits, place);
                }
                for (bits, place) in &model {
                    prop_assert_eq!(index.find(*bits, |found| found == *place), Some(*place));
                }
                prop_assert_eq!(index.used, model.len());
                prop_assert_eq!(index.words.iter().filter(|word| **word != FREE).count(), model.len());
            }
        }
    }
}
