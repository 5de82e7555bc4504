use super::geometry::*;
use super::*;
use rewind86_devices::medium::MediumError;
use std::fs;
use tempfile::TempDir;

fn spec(path: &Path) -> ImageSpec {
    ImageSpec { path: Some(path.to_path_buf()), ..ImageSpec::default() }
}

fn file(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn message(role: Role, spec: &ImageSpec) -> String {
    match open(role, spec) {
        Ok(_) => panic!("opened"),
        Err(e) => {
            let text = e.to_string();
            assert!(!text.contains('\n') && text.contains(role.flag()), "{text}");
            text
        }
    }
}

#[test]
fn a_raw_disk_keeps_its_writes() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "d.img", &[7; 4096]);
    let mut m = open(Role::Disk(0), &spec(&path)).unwrap();
    assert_eq!((m.len(), m.read_only()), (4096, false));
    m.write_at(512, &[1, 2, 3]).unwrap();
    m.flush().unwrap();
    let mut b = [0; 4];
    m.read_at(511, &mut b).unwrap();
    assert_eq!(b, [7, 1, 2, 3]);
    assert_eq!(m.read_at(4095, &mut b), Err(MediumError::OutOfRange));
    assert_eq!(m.write_at(u64::MAX, &b), Err(MediumError::OutOfRange));
    drop(m);
    assert_eq!(fs::read(&path).unwrap()[512..515], [1, 2, 3]);
}

#[test]
fn read_only_and_discarded_writes_leave_the_file_alone() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "d.img", &[7; 10240]);
    let mut ro = open(Role::Disk(0), &ImageSpec { read_only: true, ..spec(&path) }).unwrap();
    assert_eq!(ro.write_at(0, &[1]), Err(MediumError::ReadOnly));
    let mut m = open(Role::Disk(1), &ImageSpec { discard_writes: true, ..spec(&path) }).unwrap();
    m.write_at(4094, &[1, 2, 3, 4]).unwrap();
    m.write_at(10239, &[5]).unwrap();
    let mut b = [0; 6];
    m.read_at(4093, &mut b).unwrap();
    assert_eq!(b, [7, 1, 2, 3, 4, 7]);
    m.read_at(10234, &mut b).unwrap();
    assert_eq!(b, [7, 7, 7, 7, 7, 5]);
    assert_eq!(m.write_at(10240, &[5]), Err(MediumError::OutOfRange));
    assert_eq!(fs::read(&path).unwrap(), [7; 10240]);
}

#[test]
fn an_overlay_survives_reopening_and_knows_its_base() {
    let dir = TempDir::new().unwrap();
    let base = file(&dir, "d.img", &vec![7; 200 * 1024]);
    let with = ImageSpec { overlay: Some(dir.path().join("o")), ..spec(&base) };
    {
        let mut m = open(Role::Disk(0), &with).unwrap();
        m.write_at(65534, &[1, 2, 3, 4]).unwrap();
        m.write_at(65535, &[9]).unwrap();
        m.write_at(200 * 1024 - 1, &[8]).unwrap();
        m.flush().unwrap();
    }
    let mut m = open(Role::Disk(0), &with).unwrap();
    let mut b = [0; 6];
    m.read_at(65533, &mut b).unwrap();
    assert_eq!(b, [7, 1, 9, 3, 4, 7]);
    m.read_at(200 * 1024 - 6, &mut b).unwrap();
    assert_eq!(b, [7, 7, 7, 7, 7, 8]);
    drop(m);
    assert_eq!(fs::read(&base).unwrap(), vec![7; 200 * 1024]);

    let other = file(&dir, "e.img", &vec![6; 200 * 1024]);
    assert!(message(Role::Disk(0), &ImageSpec { path: Some(other), ..with.clone() }).contains("another base"));
    assert!(message(Role::Disk(0), &spec(&dir.path().join("o"))).contains("overlay"));
    let bytes = fs::read(dir.path().join("o")).unwrap();
    let mut wild = bytes.clone();
    wild[64..68].fill(0xFF);
    fs::write(dir.path().join("o"), &wild).unwrap();
    assert!(message(Role::Disk(0), &with).contains("damaged"));
    fs::write(dir.path().join("o"), &bytes[..70]).unwrap();
    assert!(message(Role::Disk(0), &with).contains("truncated"));
    fs::write(dir.path().join("o"), b"something").unwrap();
    assert!(message(Role::Disk(0), &with).contains("not an overlay"));
}

#[test]
fn wrong_files_are_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let missing = spec(&dir.path().join("nothing"));
    assert!(message(Role::Disk(0), &missing).contains("nothing"));
    assert!(message(Role::Disk(0), &spec(dir.path())).contains("directory"));
    assert!(message(Role::Floppy(0), &spec(&file(&dir, "empty", b""))).contains("empty"));
    assert!(message(Role::Disk(0), &spec(&file(&dir, "odd", &[0; 513]))).contains("512"));
    assert!(message(Role::Cdrom, &spec(&file(&dir, "cut", &[0; 2049]))).contains("2048"));
    assert!(message(Role::Cdrom, &spec(&file(&dir, "bin", &[0; 2352 * 3]))).contains("2352"));
    assert!(message(Role::Floppy(0), &spec(&file(&dir, "big", &vec![0; 2949120 + 512]))).contains("--disk"));
    let gz = [&b"\x1f\x8b\x08"[..], &[0; 509]].concat();
    assert!(message(Role::Disk(0), &spec(&file(&dir, "gz", &gz))).contains("gunzip"));
    let qcow = [&b"QFI\xfb"[..], &[0; 508]].concat();
    let qcow = file(&dir, "qcow", &qcow);
    assert!(message(Role::Disk(0), &spec(&qcow)).contains("qemu-img"));
    assert!(open(Role::Disk(0), &ImageSpec { format: Some("raw".into()), ..spec(&qcow) }).is_ok());
    assert!(message(Role::Disk(0), &ImageSpec { format: Some("qcow2".into()), ..spec(&qcow) }).contains("qcow2"));
    assert!(message(Role::Disk(0), &ImageSpec::default()).contains("no image"));
}

#[test]
fn one_writer_at_a_time() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "d.img", &[0; 512]);
    let first = open(Role::Disk(0), &spec(&path)).unwrap();
    assert!(message(Role::Disk(1), &spec(&path)).contains("in use"));
    drop(first);
    let shared = ImageSpec { discard_writes: true, ..spec(&path) };
    let _a = open(Role::Disk(0), &shared).unwrap();
    let _b = open(Role::Disk(1), &shared).unwrap();
}

#[test]
fn a_short_floppy_is_a_standard_one() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "boot.img", &[0xEB; 512]);
    let mut m = open(Role::Floppy(0), &spec(&path)).unwrap();
    assert_eq!(m.len(), 1440 * 1024);
    let mut b = [1; 4];
    m.read_at(510, &mut b).unwrap();
    assert_eq!(b, [0xEB, 0xEB, 0, 0]);
    m.write_at(2048, &[5]).unwrap();
    m.read_at(2047, &mut b).unwrap();
    assert_eq!(b, [0, 5, 0, 0]);
    drop(m);
    assert_eq!(fs::metadata(&path).unwrap().len(), 2049);

    for kib in [160u64, 180, 320, 360, 720, 1200, 1440, 1680, 1720, 2880] {
        assert_eq!(floppy_len(kib * 1024, &[]), Some(kib * 1024));
    }
    let mut bpb = [0; 64];
    bpb[12] = 2;
    bpb[19..21].copy_from_slice(&720u16.to_le_bytes());
    assert_eq!(floppy_len(1024, &bpb), Some(360 * 1024));
    bpb[19..21].copy_from_slice(&7u16.to_le_bytes());
    assert_eq!(floppy_len(1024, &bpb), Some(1440 * 1024));
    assert_eq!(floppy_len(2881 * 1024, &bpb), None);
}

fn disk(sectors: u64, entry: Option<[u8; 16]>) -> DiskGeometry {
    struct Sparse(u64, [u8; 512]);
    impl Medium for Sparse {
        fn len(&self) -> u64 {
            self.0
        }
        fn read_only(&self) -> bool {
            true
        }
        fn read_at(&mut self, _: u64, buf: &mut [u8]) -> Result<(), MediumError> {
            buf.copy_from_slice(&self.1[..buf.len()]);
            Ok(())
        }
        fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), MediumError> {
            Err(MediumError::ReadOnly)
        }
        fn flush(&mut self) -> Result<(), MediumError> {
            Ok(())
        }
    }
    let mut mbr = [0; 512];
    if let Some(e) = entry {
        mbr[446..462].copy_from_slice(&e);
        mbr[510..].copy_from_slice(&[0x55, 0xAA]);
    }
    disk_geometry(&mut Sparse(sectors * 512, mbr))
}

#[test]
fn geometry_follows_the_partition_table_or_the_size() {
    let chs = |g: DiskGeometry| (g.cylinders, g.heads, g.sectors, g.translation);
    assert_eq!(chs(disk(65520, None)), (65, 16, 63, Translation::None));
    assert_eq!(chs(disk(1, None)), (1, 16, 63, Translation::None));
    assert_eq!(chs(disk(1 << 40, None)), (16383, 16, 63, Translation::Lba));
    let entry = |head: u8, sector: u8| {
        let mut e = [0; 16];
        (e[4], e[5], e[6], e[12]) = (6, head, sector, 1);
        e
    };
    assert_eq!(chs(disk(20 * 4 * 17, Some(entry(3, 17)))), (20, 4, 17, Translation::None));
    assert_eq!(chs(disk(2000 * 16 * 63, Some(entry(15, 63)))), (2000, 16, 63, Translation::Lba));
    assert_eq!(chs(disk(98304, Some(entry(254, 63)))), (97, 16, 63, Translation::Lba));
}
