//! `sweep DIR`: writes every image of the ring-0 sweep as DIR/NAME.bin and this machine's log of it as DIR/NAME.log, for
//! comparison with other emulators (`tests/sweep.sh`).

use rewind86_tests::sweep::{IMAGES, MODEL};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("sweep: say where the images and logs shall go: sweep DIR");
        return ExitCode::from(2);
    };
    for image in IMAGES {
        let bytes = image.bytes();
        let log = image.run(&bytes, MODEL);
        for (extension, content) in [("bin", &bytes[..]), ("log", log.as_bytes())] {
            let path = dir.join(image.name).with_extension(extension);
            if let Err(e) = std::fs::write(&path, content) {
                eprintln!("sweep: cannot write {}: {e}", path.display());
                return ExitCode::from(1);
            }
        }
    }
    ExitCode::SUCCESS
}
