//! Places of what belongs to an inquiry, in the order of the ids.

use std::collections::VecDeque;

/// Places, oldest first. A few of them need no room of their own: most inquiries have a link or two.
#[derive(Debug)]
pub(super) enum Places {
    Few { places: [u32; Self::FEW], len: u8 },
    Many(VecDeque<u32>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Few { places: [0; Self::FEW], len: 0 }
    }
}

impl Places {
    const FEW: usize = 5;

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few { len, .. } => usize::from(*len),
            Self::Many(places) => places.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places from one on, up to another one, without that.
    pub(super) fn range(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = u32> {
        (from..to).filter_map(|index| self.get(index))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = u32> {
        let (front, back) = self.slices();
        front.iter().chain(back).copied()
    }

    /// How many at the beginning satisfy `is_before`, which all others do not.
    pub(super) fn partition_point(&self, mut is_before: impl FnMut(u32) -> bool) -> usize {
        let (front, back) = self.slices();
        match back.first() {
            Some(first) if is_before(*first) => {
                front.len().saturating_add(back.partition_point(|place| is_before(*place)))
            }
            _ => front.partition_point(|place| is_before(*place)),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<u32> {
        let (front, back) = self.slices();
        front.get(index).or_else(|| back.get(index.checked_sub(front.len())?)).copied()
    }

    pub(super) fn insert(&mut self, index: usize, place: u32) {
        if let Self::Few { places, len } = self {
            let used = usize::from(*len);
            if used < Self::FEW {
                if let Some(tail) = places.get_mut(index..=used) {
                    tail.rotate_right(1);
                    tail.iter_mut().take(1).for_each(|slot| *slot = place);
                    *len = len.saturating_add(1);
                }
                return;
            }
            *self = Self::Many(places.iter().copied().collect());
        }
        if let Self::Many(places) = self {
            places.insert(index, place);
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        match self {
            Self::Few { places, len } => {
                if let Some(tail) = places.get_mut(index..usize::from(*len)).filter(|tail| !tail.is_empty()) {
                    tail.rotate_left(1);
                    *len = len.saturating_sub(1);
                }
            }
            Self::Many(places) => {
                places.remove(index);
            }
        }
    }

    fn slices(&self) -> (&[u32], &[u32]) {
        match self {
            Self::Few { places, len } => (places.get(..usize::from(*len)).unwrap_or_default(), &[]),
            Self::Many(places) => places.as_slices(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test computes with small numbers")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// L7: few or many, they are what a plain list would be.
        #[test]
        fn they_are_a_list(steps in proptest::collection::vec((any::<usize>(), any::<bool>()), 0..40)) {
            let (mut places, mut list) = (Places::default(), Vec::new());
            for (place, (at, inserts)) in (0..).zip(steps) {
                if inserts {
                    let at = at % (list.len() + 1);
                    places.insert(at, place);
                    list.insert(at, place);
                } else if !list.is_empty() {
                    let at = at % list.len();
                    places.remove(at);
                    list.remove(at);
                }
                prop_assert_eq!(places.iter().collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(places.get(at % 41), list.get(at % 41).copied());
                let (from, to) = (at % 7 / 2, at % 7);
                let some: Vec<_> = list.iter().copied().skip(from).take(to - from).collect();
                prop_assert_eq!(places.range(from, to).collect::<Vec<_>>(), some);
            }
        }

        /// D7: what is sorted is found, wherever the ring of a long list begins.
        #[test]
        fn a_sorted_list_is_searched(taken in 0_u32..20, len in 0_u32..30, wanted in 0_u32..60) {
            let mut places = Places::default();
            (0..taken).for_each(|place| places.insert(places.len(), place));
            (taken..taken + len).for_each(|place| {
                places.insert(places.len(), place);
                if place < 2 * taken {
                    places.remove(0);
                }
            });
            let list: Vec<_> = places.iter().collect();
            prop_assert_eq!(places.partition_point(|p| p < wanted), list.partition_point(|p| *p < wanted));
        }
    }
}
