//! The list of everything that makes up the board's state: the one place that hashing, saving and loading go through.
//!
//! `components!` takes the board apart field by field, without a rest pattern: a field that is in neither group does
//! not compile, so a chip that is added is in the hash, in snapshots and in recordings from its first day. A component is
//! its serde form, nothing else.

use super::Board;
use super::memory::Routing;
use crate::media::Slot;
use rewind86_cpu::mem::PhysMem;
use rewind86_devices::ide::Position;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Looks at the components in order.
pub(crate) trait Visit {
    /// One component.
    fn component<T: Serialize>(&mut self, name: &'static str, value: &T);
}

/// Replaces the components in order.
pub(crate) trait Replace {
    /// Why a component cannot be replaced.
    type Error;
    /// Puts the new value into `place`.
    fn component<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        place: &mut T,
    ) -> Result<(), Self::Error>;
}

macro_rules! components {
    (state { $($field:ident $name:literal,)* } host { $($host:ident,)* }) => {
        impl Board {
            /// The names of the components in their order.
            #[allow(dead_code)]
            pub(crate) const COMPONENTS: &[&str] = &[$($name),*];

            /// Shows every component to `visitor`.
            pub(crate) fn visit(&self, visitor: &mut impl Visit) {
                let Self { $($field,)* $($host: _,)* } = self;
                $(visitor.component($name, $field);)*
            }

            fn replace_components<R: Replace>(&mut self, source: &mut R) -> Result<(), R::Error> {
                let Self { $($field,)* $($host: _,)* } = self;
                $(source.component($name, $field)?;)*
                Ok(())
            }
        }
    };
}

components! {
    state {
        clock "clock",
        sched "scheduler",
        irq "irq",
        pci "pci",
        pic "pic",
        lapic "lapic",
        ioapic "ioapic",
        pit "pit",
        rtc "rtc",
        kbc "kbc",
        dma "dma",
        fdc "fdc",
        ide "ide",
        uarts "uart",
        lpt "lpt",
        sysctl "sysctl",
        testdev "testdev",
        vga "vga",
        fwcfg "fwcfg",
        suspended "suspended",
        doorbell "doorbell",
        pointer "pointer",
        requests "requests",
        a20 "a20",
        media "media",
    }
    // Derived from the state (the map, the next deadline), or what the guest sent and the host has not taken.
    host { layout, deadline_ns, deadline_icount, settled_levels, firmware_log, }
}

/// Why the components do not fit this board.
pub(crate) enum Misfit<E> {
    /// The source failed.
    Source(E),
    /// A drive's medium is not there.
    Medium(Slot),
    /// The machine has another number of these.
    Count(&'static str),
}

impl Board {
    /// Goes to another state: replaces every component, gives the drives their media back and makes the memory map.
    ///
    /// After an error the board is unusable.
    pub(crate) fn replace<R: Replace>(&mut self, source: &mut R, mem: &mut PhysMem) -> Result<(), Misfit<R::Error>> {
        let media = std::mem::take(&mut self.media);
        let items = self.fwcfg.take_items();
        let serial_ports = self.uarts.len();
        let result = self.replace_components(source);
        self.fwcfg.set_items(items);
        result.map_err(Misfit::Source)?;
        if self.uarts.len() != serial_ports {
            return Err(Misfit::Count("serial ports"));
        }
        for (slot, medium) in self.media.reconnect(media).map_err(Misfit::Medium)? {
            match slot {
                Slot::Floppy(n) => self.fdc.reconnect(n, medium),
                Slot::Ide { channel, device } => self.ide.reconnect(Position { channel, device }, medium),
            }
        }
        // An invented table of deadlines would make the run loop wait for an event that never comes.
        self.sched.refresh();
        let routing: Routing = self.routing();
        self.layout.apply(mem, &routing);
        self.deadline_ns = u64::MAX;
        self.settled_levels = u32::MAX;
        self.deadline_icount = u64::MAX;
        Ok(())
    }
}
