//! Which pages of memory were written, for those who want to know: the hash and the checkpoints, each in its own time.

use rewind86_cpu::mem::PhysMem;

/// A set of page numbers.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, page: u32) {
        let word = page as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (page % 64);
        }
    }

    /// Calls `f` for each page, ascending, and empties the set.
    pub fn drain(&mut self, mut f: impl FnMut(u32)) {
        for (i, word) in self.0.iter_mut().enumerate() {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                f(i as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}

/// The pages written since each of the two last looked.
#[derive(Default)]
pub(crate) struct Tracker {
    /// For the hash.
    pub hash: Bits,
    /// For captured states.
    pub state: Bits,
}

impl Tracker {
    /// Takes over what memory knows.
    pub fn collect(&mut self, mem: &mut PhysMem) {
        mem.take_dirty(|page| {
            self.hash.insert(page);
            self.state.insert(page);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_learn_of_every_page_once() {
        let mut mem = PhysMem::new(1 << 20, 0);
        let mut tracker = Tracker::default();
        tracker.collect(&mut mem);
        tracker.hash.drain(|_| {});
        tracker.state.drain(|_| {});
        mem.write_backing(200, 0, &[1]);
        tracker.collect(&mut mem);
        let mut seen = Vec::new();
        tracker.hash.drain(|p| seen.push(p));
        mem.write_backing(3, 0, &[1]);
        tracker.collect(&mut mem);
        tracker.hash.drain(|p| seen.push(p));
        tracker.state.drain(|p| seen.push(p));
        assert_eq!(seen, [200, 3, 3, 200]);
    }
}
