//! What can be probed, and the look-ups that the engine makes in a set of probes.

use std::collections::BTreeMap;

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Physical, after the A20 gate.
    Physical(u64),
    /// Linear, under this CR3 (its page-table base; `None` is any).
    Linear(u64, Option<u64>),
}

/// Bits of CR3 that name an address space: no PCID, no cache control.
pub(super) const CR3_BASE: u64 = 0x000F_FFFF_FFFF_F000;

impl Place {
    /// The address without its space.
    pub fn address(self) -> u64 {
        match self {
            Self::Physical(a) | Self::Linear(a, _) => a,
        }
    }
}

/// One thing to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// An instruction at this address. A repeat counts once, however many iterations follow each other.
    Execute(Place),
    /// Accesses to `len` bytes from `start` on.
    Access {
        /// First byte.
        start: Place,
        /// Bytes, at least 1.
        len: u64,
        /// Report loads.
        read: bool,
        /// Report stores.
        write: bool,
    },
    /// IN and OUT of ports `first` to `last`.
    Port {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// Deliveries through this vector (`None`: any).
    Interrupt(Option<u8>),
}

/// Which accesses to a page are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    pub read: bool,
    pub write: bool,
}

/// Probes; a hit names the one that reported it by its index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeSet {
    probes: Vec<Probe>,
    /// Indices of memory probes by page number.
    linear: BTreeMap<u64, Vec<usize>>,
    physical: BTreeMap<u64, Vec<usize>>,
    /// Memory probes that cover too many pages to list.
    wide: Vec<usize>,
}

/// Most pages of one probe that are listed one by one.
const LISTED_PAGES: u64 = 1024;

impl ProbeSet {
    /// A set in the given order.
    pub fn new(probes: Vec<Probe>) -> Self {
        let mut set = Self::default();
        for (index, probe) in probes.iter().enumerate() {
            let Probe::Access { start, len, .. } = *probe else { continue };
            let (first, last) = (start.address() >> 12, start.address().saturating_add(len.max(1) - 1) >> 12);
            if last - first >= LISTED_PAGES {
                set.wide.push(index);
                continue;
            }
            let map = match start {
                Place::Physical(_) => &mut set.physical,
                Place::Linear(..) => &mut set.linear,
            };
            for page in first..=last {
                map.entry(page).or_default().push(index);
            }
        }
        set.probes = probes;
        set
    }

    /// The probes in order.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Nothing is probed.
    pub fn is_empty(&self) -> bool {
        self.probes.is_empty()
    }

    /// Some probe watches memory.
    pub(super) fn has_data(&self) -> bool {
        self.probes.iter().any(|p| matches!(p, Probe::Access { .. }))
    }

    /// Some probe watches ports.
    pub(super) fn has_ports(&self) -> bool {
        self.probes.iter().any(|p| matches!(p, Probe::Port { .. }))
    }

    /// Page offsets of probed code, one bit each; `None` without any.
    pub(super) fn code_offsets(&self) -> Option<Box<[u64; 64]>> {
        let mut bits = Box::new([0u64; 64]);
        let mut any = false;
        for probe in &self.probes {
            if let Probe::Execute(place) = probe {
                let at = place.address() as usize & 0xFFF;
                bits[at / 64] |= 1 << (at % 64);
                any = true;
            }
        }
        any.then_some(bits)
    }

    /// Physical ranges whose writes are reported: first byte and length.
    pub fn written_ranges(&self) -> Vec<(u64, u64)> {
        let range = |p: &Probe| match *p {
            Probe::Access { start: Place::Physical(at), len, write: true, .. } => Some((at, len.max(1))),
            _ => None,
        };
        self.probes.iter().filter_map(range).collect()
    }

    fn candidates<'a>(&'a self, linear: Option<u64>, physical: u64) -> impl Iterator<Item = usize> + 'a {
        let by_linear = linear.and_then(|l| self.linear.get(&(l >> 12)));
        let by_physical = self.physical.get(&(physical >> 12));
        by_linear.into_iter().chain(by_physical).chain([&self.wide]).flatten().copied()
    }

    /// What is watched in the page at `linear` that leads to `physical`, under any CR3.
    pub(crate) fn page(&self, linear: u64, physical: u64) -> Watched {
        let mut watched = Watched::default();
        for index in self.candidates(Some(linear), physical) {
            if let Some(&Probe::Access { start, len, read, write }) = self.probes.get(index) {
                let page = match start {
                    Place::Physical(_) => physical,
                    Place::Linear(..) => linear,
                };
                if overlap(start.address(), len, page & !0xFFF, 4096) {
                    watched.read |= read;
                    watched.write |= write;
                }
            }
        }
        watched
    }

    /// The probes that an access to `size` bytes hits. `linear` is `None` for accesses that have no linear address.
    pub(super) fn accessed(
        &self,
        linear: Option<u64>,
        physical: u64,
        size: u64,
        write: bool,
        cr3: u64,
    ) -> impl Iterator<Item = usize> {
        self.candidates(linear, physical).filter(move |&index| match self.probes.get(index) {
            Some(&Probe::Access { start, len, read: r, write: w }) if if write { w } else { r } => match start {
                Place::Physical(at) => overlap(at, len, physical, size),
                Place::Linear(at, space) => {
                    linear.is_some_and(|l| overlap(at, len, l, size)) && space.is_none_or(|s| (s ^ cr3) & CR3_BASE == 0)
                }
            },
            _ => false,
        })
    }
}

/// Two ranges share a byte.
pub(super) fn overlap(a: u64, a_len: u64, b: u64, b_len: u64) -> bool {
    a.wrapping_sub(b) < b_len || b.wrapping_sub(a) < a_len.max(1)
}
