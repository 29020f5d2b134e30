//! Nodes as words, with the table that finds them by what they are made of.

use super::arena::Kind;

/// What a place of the table holds that is free.
pub(super) const NO_NUMBER: u32 = u32::MAX;

/// Nodes with their operands and the table that finds them. As words, so that it can be stored as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    /// For each node: kind and flags, where its operands begin, how many there are.
    pub words: Vec<u32>,
    pub operands: Vec<u32>,
    /// Open addressing; the length is a power of two, or 0.
    pub table: Vec<u32>,
}

impl Nodes {
    pub(crate) fn len(&self) -> usize {
        self.words.len() / 3
    }

    pub(super) fn node(&self, at: usize) -> Option<(u32, &[u32])> {
        let at = at.checked_mul(3)?;
        let node = self.words.get(at..at.checked_add(3)?)?;
        let (head, start, length) = (*node.first()?, *node.get(1)? as usize, *node.get(2)? as usize);
        Some((head, self.operands.get(start..start.checked_add(length)?)?))
    }

    /// Kind and flags of a node.
    pub(super) fn head(&self, at: usize) -> Option<u32> {
        self.words.get(at.checked_mul(3)?).copied()
    }

    /// The node with these operands; `base` is the number of the first node here.
    pub(super) fn find(&self, base: u32, hash: u32, kind: Kind, operands: &[u32]) -> Option<u32> {
        let mask = self.table.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        for _ in 0..=mask {
            let number = *self.table.get(slot)?;
            if number == NO_NUMBER {
                return None;
            }
            if let Some((head, ours)) = self.node(number.wrapping_sub(base) as usize)
                && head & 0xf == kind as u32
                && ours == operands
            {
                return Some(number);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    pub(super) fn add(&mut self, base: u32, hash: u32, head: u32, operands: &[u32]) -> u32 {
        if self.len() * 2 >= self.table.len() {
            self.grow(base);
        }
        let number = base + u32::try_from(self.len()).unwrap_or(NO_NUMBER);
        let start = u32::try_from(self.operands.len()).unwrap_or(NO_NUMBER);
        self.words.extend([head, start, u32::try_from(operands.len()).unwrap_or(NO_NUMBER)]);
        self.operands.extend_from_slice(operands);
        self.enter(hash, number);
        number
    }

    fn enter(&mut self, hash: u32, number: u32) {
        let mask = self.table.len().saturating_sub(1);
        let mut slot = hash as usize & mask;
        while let Some(place) = self.table.get_mut(slot) {
            if *place == NO_NUMBER {
                *place = number;
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self, base: u32) {
        let size = (self.table.len() * 2).max(64);
        self.table.clear();
        self.table.resize(size, NO_NUMBER);
        for at in 0..self.len() {
            let Some((head, operands)) = self.node(at) else { continue };
            let hash = hash(head & 0xf, operands);
            self.enter(hash, base + u32::try_from(at).unwrap_or(NO_NUMBER));
        }
    }
}

/// Stands in stored schemas by way of their tables, so it may only change with the format.
pub(super) fn hash(kind: u32, operands: &[u32]) -> u32 {
    const FACTOR: u64 = 0x51_7c_c1_b7_27_22_0a_95;
    let step = |hash: u64, word: u32| (hash.rotate_left(5) ^ u64::from(word)).wrapping_mul(FACTOR);
    let hash = operands.iter().copied().fold(step(0, kind), step);
    u32::try_from(hash >> 32).unwrap_or_default()
}
