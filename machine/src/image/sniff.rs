//! Recognises files that are no raw images by their first bytes, to say what they are instead of booting garbage.

/// A format that is not raw.
pub(super) struct Foreign {
    /// "a ... file", to follow "is".
    pub name: &'static str,
    /// What to do with it.
    pub advice: &'static str,
}

/// (offset, magic, name, advice).
type Entry = (usize, &'static [u8], &'static str, &'static str);

const GUNZIP: &str = "decompress it with gunzip first";
const CONVERT: &str = "convert it with `qemu-img convert -O raw`";

/// Magic numbers of containers and archives that people mistake for raw images.
const TABLE: [Entry; 14] = [
    (0, b"\x1f\x8b\x08", "compressed with gzip", GUNZIP),
    (0, b"\xfd7zXZ\0", "compressed with xz", "decompress it with unxz first"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it with unzstd first"),
    (0, b"BZh", "compressed with bzip2", "decompress it with bunzip2 first"),
    (0, b"PK\x03\x04", "a zip archive", "unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (0, b"QFI\xfb", "a qcow image", CONVERT),
    (0, b"KDMV", "a VMDK image", CONVERT),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor", CONVERT),
    (0, b"vhdxfile", "a VHDX image", CONVERT),
    (0, b"conectix", "a VHD image", CONVERT),
    (0, b"QED\0", "a QED image", CONVERT),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image", CONVERT),
    (0, super::overlay::MAGIC, "an overlay file", "name its base image and pass this file as overlay="),
];

/// What the file is when `head`, its first bytes, shows that it is not raw.
pub(super) fn foreign(head: &[u8]) -> Option<Foreign> {
    TABLE
        .iter()
        .find(|(at, magic, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        .map(|&(_, _, name, advice)| Foreign { name, advice })
}
