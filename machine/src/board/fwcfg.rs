//! The firmware configuration device of QEMU's PC (docs/specs/fw_cfg of that project describes the interface): selector at
//! 510h, data at 511h, no DMA. SeaBIOS and OVMF find adapter ROMs that belong to no PCI device and the number of processors
//! here; firmware that scans C0000-DFFFF needs none of it.

use serde::{Deserialize, Serialize};

/// Selector, 16 bits.
pub const PORT_SELECTOR: u16 = 0x510;
/// Next byte of the selected item.
pub const PORT_DATA: u16 = 0x511;

const KEY_SIGNATURE: u16 = 0x00;
const KEY_ID: u16 = 0x01;
const KEY_RAM_SIZE: u16 = 0x03;
const KEY_CPUS: u16 = 0x05;
const KEY_MAX_CPUS: u16 = 0x0F;
const KEY_FILE_DIR: u16 = 0x19;
const KEY_FILE_FIRST: u16 = 0x20;
/// `KEY_ID`: the traditional interface, no DMA.
const ID_TRADITIONAL: u32 = 1;
/// Bytes of a file name in the directory.
const NAME_LEN: usize = 56;

/// The device: items by key, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FwCfg {
    #[serde(skip)]
    items: Vec<(u16, Vec<u8>)>,
    selected: u16,
    position: u32,
}

impl FwCfg {
    /// A device for a machine with `ram` bytes, one processor, and `files` (name, content).
    pub fn new(ram: u64, files: Vec<(&str, Vec<u8>)>) -> Self {
        let mut directory = (files.len() as u32).to_be_bytes().to_vec();
        for (key, (name, data)) in (KEY_FILE_FIRST..).zip(&files) {
            directory.extend((data.len() as u32).to_be_bytes());
            directory.extend(key.to_be_bytes());
            directory.extend([0; 2]);
            let mut field: Vec<u8> = name.bytes().take(NAME_LEN - 1).collect();
            field.resize(NAME_LEN, 0);
            directory.extend(field);
        }
        let mut items = vec![
            (KEY_SIGNATURE, b"QEMU".to_vec()),
            (KEY_ID, ID_TRADITIONAL.to_le_bytes().to_vec()),
            (KEY_RAM_SIZE, ram.to_le_bytes().to_vec()),
            (KEY_CPUS, 1u16.to_le_bytes().to_vec()),
            (KEY_MAX_CPUS, 1u16.to_le_bytes().to_vec()),
            (KEY_FILE_DIR, directory),
        ];
        items.extend((KEY_FILE_FIRST..).zip(files.into_iter().map(|(_, data)| data)));
        Self { items, selected: 0, position: 0 }
    }

    /// Takes out the items, which the machine's configuration decides and its state does not hold.
    pub fn take_items(&mut self) -> Vec<(u16, Vec<u8>)> {
        std::mem::take(&mut self.items)
    }

    /// Puts the items back.
    pub fn set_items(&mut self, items: Vec<(u16, Vec<u8>)>) {
        self.items = items;
    }

    /// Hardware reset.
    pub fn reset(&mut self) {
        self.selected = 0;
        self.position = 0;
    }

    /// Selects an item and rewinds it.
    pub fn select(&mut self, key: u16) {
        self.selected = key;
        self.position = 0;
    }

    /// The next byte of the selected item, 0 beyond its end.
    pub fn read(&mut self) -> u8 {
        let item = self.items.iter().find(|(key, _)| *key == self.selected);
        let byte = item.and_then(|(_, data)| data.get(self.position as usize)).copied().unwrap_or(0);
        self.position = self.position.saturating_add(1);
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(dev: &mut FwCfg, key: u16, len: usize) -> Vec<u8> {
        dev.select(key);
        (0..len).map(|_| dev.read()).collect()
    }

    #[test]
    fn firmware_finds_files_through_the_directory() {
        let mut dev = FwCfg::new(64 << 20, vec![("vgaroms/a.bin", vec![1, 2]), ("genroms/b.rom", vec![3; 600])]);
        assert_eq!(item(&mut dev, 0, 5), b"QEMU\0");
        assert_eq!(item(&mut dev, 1, 4), [1, 0, 0, 0]);
        let dir = item(&mut dev, 0x19, 4 + 128);
        assert_eq!(dir[..4], [0, 0, 0, 2]);
        assert_eq!(dir[68..76], [0, 0, 2, 88, 0, 0x21, 0, 0]);
        assert_eq!(dir[76..89], *b"genroms/b.rom");
        assert_eq!(item(&mut dev, 0x20, 3), [1, 2, 0]);
        assert_eq!(item(&mut dev, 0x77, 2), [0, 0]);
    }
}
