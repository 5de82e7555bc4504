//! The op arena: decoded blocks, append-only, flushed whole.
//!
//! One of the files that may use `unsafe`. A block is one head slot, its ops, and a tail: an end op when the last
//! instruction falls through, then one slot of links. Slots never move and are never reused before the whole arena is
//! flushed, and that happens only between chains, so `&Op` stays valid while ops run and a link that leads to a block
//! dropped meanwhile leads to that block's stale op, never to other data.

use crate::op::Op;
use std::ptr;

/// Slots: 32 bytes each. The pages are touched as blocks are decoded.
pub(crate) const SLOTS: usize = 1 << 20;

/// What stands before the ops of a block.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Head {
    /// Backing address of the first instruction.
    pub addr: u64,
    /// [`super::ModeKey`] bits.
    pub key: u32,
    /// Next block in the same hash bucket (slot number of its first op), 0 at the end.
    pub next_hash: u32,
    /// Next block that covers the same backing page.
    pub next_page: u32,
    /// Instructions.
    pub n: u8,
    /// Dropped.
    pub stale: bool,
    /// Bytes from the first to the last instruction.
    pub bytes: u16,
    /// Number of its [`super::crossing::Crossing`] and one, when its only instruction reaches into the next page: its
    /// first op is then the guard, and the instruction follows.
    pub crossing: u32,
}

/// Direct links of the op before: addresses of first ops, null while unknown.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Links {
    pub taken: *const Op,
    pub fall: *const Op,
}

#[derive(Clone, Copy)]
#[repr(C)]
union Slot {
    op: Op,
    head: Head,
    links: Links,
}

const _: () = assert!(size_of::<Slot>() == size_of::<Op>());

/// The arena.
pub(crate) struct Arena {
    slots: Vec<Slot>,
}

impl Arena {
    pub fn new() -> Self {
        // Slot 0 stays unused so that 0 can mean "none".
        let mut arena = Self { slots: Vec::with_capacity(SLOTS) };
        if let Some(base) = ptr::NonNull::new(arena.slots.as_mut_ptr()) {
            crate::mem::prefer_large_pages(base, SLOTS * size_of::<Slot>());
        }
        arena.clear();
        arena
    }

    /// Forgets every block. No op may be running.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.slots.push(Slot { links: Links { taken: ptr::null(), fall: ptr::null() } });
    }

    /// Room for `n` more slots.
    pub fn fits(&self, n: usize) -> bool {
        self.slots.len() + n <= SLOTS
    }

    /// Appends a block and returns the slot number of its first op. The caller made sure that it fits.
    pub fn push(&mut self, head: Head, ops: &[Op]) -> u32 {
        self.slots.push(Slot { head });
        let first = self.slots.len();
        self.slots.extend(ops.iter().map(|&op| Slot { op }));
        self.slots.push(Slot { links: Links { taken: ptr::null(), fall: ptr::null() } });
        first as u32
    }

    /// Address of an op slot.
    pub fn op(&self, slot: u32) -> *const Op {
        ptr::from_ref(&self.slots[slot as usize]).cast()
    }

    /// A copy of an op.
    pub fn copy_op(&self, slot: u32) -> Op {
        // SAFETY: the caller's slot holds an op.
        unsafe { self.slots[slot as usize].op }
    }

    /// Slot number of an op address of this arena.
    pub fn slot_of(&self, op: *const Op) -> u32 {
        ((op as usize - self.slots.as_ptr() as usize) / size_of::<Slot>()) as u32
    }

    /// Head of the block whose first op is `first`.
    pub fn head(&self, first: u32) -> &Head {
        // SAFETY: `first` came from `push`, so the slot before it holds a head.
        unsafe { &self.slots[first as usize - 1].head }
    }

    /// Head of the block whose first op is `first`.
    pub fn head_mut(&mut self, first: u32) -> &mut Head {
        // SAFETY: as in `head`.
        unsafe { &mut self.slots[first as usize - 1].head }
    }

    /// Replaces the first op's handler: links that still lead here end their chain.
    pub fn retire(&mut self, first: u32, handler: crate::op::Handler) {
        self.head_mut(first).stale = true;
        self.slots[first as usize].op.handler = handler;
    }

    /// Stores a direct link in the links slot behind `op`.
    pub fn link(&mut self, op: *const Op, taken: bool, target: *const Op) {
        let slot = self.slot_of(op) as usize + 1;
        if let Some(s) = self.slots.get_mut(slot) {
            // SAFETY: only the last op of a block asks, and `push` put links behind it.
            let links = unsafe { &mut s.links };
            if taken {
                links.taken = target;
            } else {
                links.fall = target;
            }
        }
    }

    /// Whether `op` lies in the arena (and not in the scratch block of single steps).
    pub fn contains(&self, op: *const Op) -> bool {
        let start = self.slots.as_ptr() as usize;
        (start..start + self.slots.len() * size_of::<Slot>()).contains(&(op as usize))
    }
}

/// The op behind `op`. Every handler that calls this has one: the last op of a block never continues, it ends.
#[inline(always)]
pub(crate) fn next_op(op: &Op) -> &Op {
    // SAFETY: ops of a block are contiguous and the op that is last in its block has a handler that ends the chain;
    // the same holds for the scratch block of single steps.
    unsafe { &*ptr::from_ref(op).add(1) }
}

/// The op behind a link, and the number of instructions of its block.
#[inline(always)]
pub(crate) fn follow<'a>(target: *const Op) -> Option<(&'a Op, &'a Head)> {
    if target.is_null() {
        return None;
    }
    // SAFETY: a link that is not null leads to the first op of a block (see the module invariant), behind its head.
    Some(unsafe { (&*target, &(*target.cast::<Slot>().sub(1)).head) })
}

/// The links behind the last op of a block.
#[inline(always)]
pub(crate) fn links(op: &Op) -> Links {
    // SAFETY: only handlers of last ops ask; `push` put a links slot behind those, and so does the scratch block.
    unsafe { *ptr::from_ref(op).add(1).cast::<Links>() }
}

/// The block of single steps: one op, an end op, and empty links.
pub(crate) struct Scratch {
    slots: [Slot; 4],
}

impl Scratch {
    pub fn new(filler: Op) -> Self {
        let links = Slot { links: Links { taken: ptr::null(), fall: ptr::null() } };
        Self { slots: [Slot { op: filler }, Slot { op: filler }, links, links] }
    }

    /// Loads `op`, which is the only instruction: `end` follows when it falls through, links when it ends the block.
    pub fn load(&mut self, op: Op, end: Option<Op>) -> *const Op {
        let none = Slot { links: Links { taken: ptr::null(), fall: ptr::null() } };
        self.slots[0] = Slot { op };
        self.slots[1] = end.map_or(none, |op| Slot { op });
        self.slots[2] = none;
        ptr::from_ref(&self.slots[0]).cast()
    }
}

/// Calls the handler of the op at `op`.
#[inline(always)]
pub(crate) fn enter(cpu: &mut crate::Cpu, op: *const Op) {
    // SAFETY: `op` is a first op of a block or the scratch op.
    let op = unsafe { &*op };
    (op.handler)(cpu, op);
}
