//! A floppy drive and the diskette formats that an image's size stands for.
//!
//! Head position, change line and data rates follow real drives: a diskette answers only at the rate that its density
//! and the drive's speed give, which is how drivers tell formats apart.

use crate::medium::{Medium, MediumError};
use serde::{Deserialize, Serialize};

/// Bytes per sector of every format.
pub(super) const SECTOR: usize = 512;

/// Data rate select codes of CCR and DSR: 500, 300, 250 kbit/s and 1 Mbit/s.
pub(super) const RATE_500: u8 = 0;
pub(super) const RATE_300: u8 = 1;
pub(super) const RATE_250: u8 = 2;
pub(super) const RATE_1000: u8 = 3;

/// A drive; the discriminant is the type in CMOS byte 10h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum DriveType {
    /// 5.25 inch, 40 cylinders, double density. It has no change line.
    D360 = 1,
    /// 5.25 inch, 80 cylinders, high density.
    D1200 = 2,
    /// 3.5 inch, double density.
    D720 = 3,
    /// 3.5 inch, high density.
    D1440 = 4,
    /// 3.5 inch, extended density.
    D2880 = 5,
}

impl DriveType {
    /// The drive that a diskette image of `bytes` belongs in.
    pub fn for_size(bytes: u64) -> Self {
        Format::of_size(bytes).home
    }

    fn max_cylinder(self) -> u8 {
        if self == Self::D360 { 41 } else { 83 }
    }
}

/// How a diskette is formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Cylinders.
    pub cylinders: u8,
    /// Sides.
    pub heads: u8,
    /// Sectors per track.
    pub sectors: u8,
    /// The drive made for it.
    pub home: DriveType,
}

const fn format(cylinders: u8, heads: u8, sectors: u8, home: DriveType) -> Format {
    Format { cylinders, heads, sectors, home }
}

/// Standard formats, and the denser ones that installation floppies use, in order of size.
const FORMATS: [Format; 14] = [
    format(40, 1, 8, DriveType::D360),   // 160 KiB
    format(40, 1, 9, DriveType::D360),   // 180
    format(40, 2, 8, DriveType::D360),   // 320
    format(40, 2, 9, DriveType::D360),   // 360
    format(80, 2, 8, DriveType::D720),   // 640
    format(80, 2, 9, DriveType::D720),   // 720
    format(80, 2, 10, DriveType::D720),  // 800
    format(80, 2, 15, DriveType::D1200), // 1.2 MB
    format(80, 2, 18, DriveType::D1440), // 1.44 MB
    format(80, 2, 20, DriveType::D1440), // 1.6
    format(80, 2, 21, DriveType::D1440), // 1.68 (DMF)
    format(82, 2, 21, DriveType::D1440), // 1.72
    format(83, 2, 21, DriveType::D1440), // 1.74
    format(80, 2, 36, DriveType::D2880), // 2.88 MB
];

impl Format {
    /// Bytes on a diskette of this format.
    pub fn bytes(&self) -> u64 {
        u64::from(self.cylinders) * u64::from(self.heads) * u64::from(self.sectors) * SECTOR as u64
    }

    /// The format of an image of `bytes`: the one of exactly that size, else 1.44 MB (a boot sector alone, a cut
    /// image) or the smallest larger one.
    pub fn of_size(bytes: u64) -> Self {
        let standard = format(80, 2, 18, DriveType::D1440);
        let exact = FORMATS.iter().find(|f| f.bytes() == bytes);
        let larger = FORMATS.iter().find(|f| f.bytes() >= bytes.max(standard.bytes()));
        exact.or(larger).copied().unwrap_or(format(80, 2, 36, DriveType::D2880))
    }

    /// The rate at which a drive of type `drive` reads it.
    fn rate(&self, drive: DriveType) -> u8 {
        match self.home {
            DriveType::D2880 => RATE_1000,
            DriveType::D1200 | DriveType::D1440 => RATE_500,
            // The 1.2 MB drive turns 5.25-inch double-density diskettes at 360 instead of 300 rpm.
            DriveType::D360 if drive == DriveType::D1200 => RATE_300,
            DriveType::D360 | DriveType::D720 => RATE_250,
        }
    }
}

/// One drive with its diskette.
#[derive(Serialize, Deserialize)]
pub(super) struct Drive {
    pub kind: DriveType,
    #[serde(skip)]
    medium: Option<Box<dyn Medium>>,
    /// The diskette's format, `None` without one.
    pub format: Option<Format>,
    read_only: bool,
    /// Where the heads are, in steps from track 0.
    pub cylinder: u8,
    /// The change line: set by opening the door, cleared by a step with a diskette inside.
    changed: bool,
}

impl Drive {
    pub fn new(kind: DriveType) -> Self {
        Self { kind, medium: None, format: None, read_only: false, cylinder: 0, changed: true }
    }

    pub fn insert(&mut self, medium: Box<dyn Medium>) {
        self.format = Some(Format::of_size(medium.len()));
        self.read_only = medium.read_only();
        self.medium = Some(medium);
        self.changed = true;
    }

    pub fn eject(&mut self) -> Option<Box<dyn Medium>> {
        self.format = None;
        self.read_only = false;
        self.changed = true;
        self.medium.take()
    }

    pub fn reconnect(&mut self, medium: Box<dyn Medium>) {
        self.medium = Some(medium);
    }

    pub fn medium_mut(&mut self) -> Option<&mut (dyn Medium + 'static)> {
        self.medium.as_deref_mut()
    }

    pub fn disk_changed(&self) -> bool {
        self.changed && self.kind != DriveType::D360
    }

    pub fn write_protected(&self) -> bool {
        self.read_only && self.format.is_some()
    }

    pub fn at_track_0(&self) -> bool {
        self.cylinder == 0
    }

    /// Steps the heads by `steps` cylinders; they stop at both ends.
    pub fn step(&mut self, steps: i16) {
        if steps == 0 {
            return;
        }
        let target = i16::from(self.cylinder).saturating_add(steps);
        self.cylinder = target.clamp(0, i16::from(self.kind.max_cylinder())) as u8;
        if self.format.is_some() {
            self.changed = false;
        }
    }

    /// The formatted track under the heads at `rate`: format and cylinder number in its address marks.
    pub fn track(&self, rate: u8, head: u8) -> Option<(Format, u8)> {
        let format = self.format?;
        let cylinder = if format.home == DriveType::D360 && self.kind != DriveType::D360 {
            // Tracks twice as wide: every second position is between two of them.
            self.cylinder.is_multiple_of(2).then_some(self.cylinder / 2)?
        } else {
            self.cylinder
        };
        let found = format.rate(self.kind) == rate && head < format.heads && cylinder < format.cylinders;
        found.then_some((format, cylinder))
    }

    fn offset(format: Format, cylinder: u8, head: u8, sector: u8) -> u64 {
        let track = u64::from(cylinder) * u64::from(format.heads) + u64::from(head);
        (track * u64::from(format.sectors) + u64::from(sector.saturating_sub(1))) * SECTOR as u64
    }

    /// Reads a sector that [`Drive::track`] has found; beyond the end of a short image there are zeros.
    pub fn read(&mut self, at: (Format, u8), head: u8, sector: u8, buf: &mut [u8]) -> Result<(), MediumError> {
        let medium = self.medium.as_deref_mut().ok_or(MediumError::Host)?;
        let start = Self::offset(at.0, at.1, head, sector);
        let inside = medium.len().saturating_sub(start).min(buf.len() as u64) as usize;
        let (data, rest) = buf.split_at_mut(inside);
        rest.fill(0);
        if data.is_empty() { Ok(()) } else { medium.read_at(start, data) }
    }

    /// Writes such a sector.
    pub fn write(&mut self, at: (Format, u8), head: u8, sector: u8, data: &[u8]) -> Result<(), MediumError> {
        let medium = self.medium.as_deref_mut().ok_or(MediumError::Host)?;
        medium.write_at(Self::offset(at.0, at.1, head, sector), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_name_formats() {
        for (kib, geometry) in [
            (160, (40, 1, 8)),
            (180, (40, 1, 9)),
            (320, (40, 2, 8)),
            (360, (40, 2, 9)),
            (720, (80, 2, 9)),
            (1200, (80, 2, 15)),
            (1440, (80, 2, 18)),
            (1680, (80, 2, 21)),
            (2880, (80, 2, 36)),
            (100, (80, 2, 18)),
            (1500, (80, 2, 20)),
        ] {
            let f = Format::of_size(kib * 1024);
            assert_eq!((f.cylinders, f.heads, f.sectors), geometry, "{kib}");
        }
        assert_eq!(DriveType::for_size(512), DriveType::D1440);
        assert_eq!(DriveType::for_size(360 << 10), DriveType::D360);
    }
}
