//! Pictures of a run at even virtual times: numbered PNG files, or an uncompressed video.
//!
//! The video is YUV4MPEG2 with 4:4:4 samples (ITU-R BT.601, 16-235), which common tools read. A video has one picture size:
//! that of its first picture; pictures of other modes are scaled to it by the nearest pixel.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rewind86_machine::{Frame, Machine};

use crate::shot;
use crate::status::io_reason;

/// A video being written.
#[derive(Debug)]
struct Video {
    path: PathBuf,
    out: BufWriter<File>,
    size: Option<(usize, usize)>,
}

/// Where pictures go and when the next is due.
#[derive(Debug)]
pub struct Album {
    folder: Option<PathBuf>,
    video: Option<Video>,
    every: u64,
    due: u64,
    count: u64,
}

impl Album {
    /// An album whose first picture is due at virtual time `start`.
    pub fn new(folder: Option<&Path>, video: Option<&Path>, every: Duration, start: u64) -> Result<Self, String> {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)
                .map_err(|e| format!("--screenshots {}: {}", folder.display(), io_reason(&e)))?;
        }
        let video = match video {
            None => None,
            Some(path) => {
                let file = File::create(path).map_err(|e| format!("--video {}: {}", path.display(), io_reason(&e)))?;
                Some(Video { path: path.to_path_buf(), out: BufWriter::new(file), size: None })
            }
        };
        let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1_000_000);
        Ok(Self { folder: folder.map(Path::to_path_buf), video, every, due: start, count: 0 })
    }

    /// Virtual time of the next picture.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// Leaves out the pictures of before virtual time `now`.
    pub fn skip_to(&mut self, now: u64) {
        let missed = now.saturating_sub(self.due).div_ceil(self.every);
        self.due = self.due.saturating_add(missed.saturating_mul(self.every));
        self.count = self.count.saturating_add(missed);
    }

    /// Takes the pictures that are due; a machine that was idle for long gets one of each moment.
    pub fn take(&mut self, machine: &mut Machine) -> Result<(), String> {
        while machine.now() >= self.due {
            let mut frame = Frame::default();
            machine.frame(&mut frame);
            if let Some(folder) = &self.folder {
                let path = folder.join(format!("{:06}.png", self.count));
                // A screen that is off has no picture.
                if frame.width > 0 && frame.height > 0 {
                    shot::write_png(&frame, &path).map_err(|why| format!("screenshot {}: {why}", path.display()))?;
                }
            }
            if let Some(video) = &mut self.video {
                video
                    .add(&frame, self.every)
                    .map_err(|e| format!("--video {}: {}", video.path.display(), io_reason(&e)))?;
            }
            self.count += 1;
            self.due = self.due.saturating_add(self.every);
        }
        Ok(())
    }

    /// Writes what is buffered.
    pub fn finish(&mut self) -> Result<(), String> {
        match &mut self.video {
            None => Ok(()),
            Some(v) => v.out.flush().map_err(|e| format!("--video {}: {}", v.path.display(), io_reason(&e))),
        }
    }
}

impl Video {
    fn add(&mut self, frame: &Frame, every: u64) -> io::Result<()> {
        let (width, height) = match self.size {
            Some(size) => size,
            None if frame.width == 0 || frame.height == 0 => return Ok(()),
            None => {
                let size = (frame.width, frame.height);
                // Pictures per second as a fraction: 10^9 / every.
                writeln!(self.out, "YUV4MPEG2 W{} H{} F1000000000:{every} Ip A1:1 C444", size.0, size.1)?;
                self.size = Some(size);
                size
            }
        };
        self.out.write_all(b"FRAME\n")?;
        let mut planes = [const { Vec::new() }; 3];
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = (x * frame.width / width, y * frame.height / height);
                let pixel = frame.pixels.get(from_y * frame.width + from_x).copied().unwrap_or(0);
                for (plane, value) in planes.iter_mut().zip(yuv(pixel)) {
                    plane.push(value);
                }
            }
        }
        planes.iter().try_for_each(|plane| self.out.write_all(plane))
    }
}

/// Y, Cb and Cr of a 0RGB pixel.
fn yuv(pixel: u32) -> [u8; 3] {
    let [b, g, r, _] = pixel.to_le_bytes().map(i32::from);
    let y = ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16;
    let u = ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128;
    let v = ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128;
    [y, u, v].map(|c| c.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        assert_eq!(yuv(0x00_0000), [16, 128, 128]);
        assert_eq!(yuv(0xFF_FFFF), [235, 128, 128]);
        assert_eq!(yuv(0xFF_0000), [82, 90, 240]);
        assert_eq!(yuv(0x00_00FF), [41, 240, 110]);
    }

    #[test]
    fn a_video_keeps_its_first_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.y4m");
        let mut album = Album::new(None, Some(&path), Duration::from_millis(40), 0).unwrap();
        let video = album.video.as_mut().unwrap();
        video.add(&Frame::default(), 40_000_000).unwrap();
        video.add(&Frame { width: 2, height: 1, pixels: vec![0, 0xFF_FFFF] }, 40_000_000).unwrap();
        video.add(&Frame { width: 4, height: 2, pixels: vec![0xFF_FFFF; 8] }, 40_000_000).unwrap();
        album.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let head = b"YUV4MPEG2 W2 H1 F1000000000:40000000 Ip A1:1 C444\n";
        assert_eq!(&bytes[..head.len()], head);
        assert_eq!(&bytes[head.len()..], b"FRAME\n\x10\xEB\x80\x80\x80\x80FRAME\n\xEB\xEB\x80\x80\x80\x80");
    }
}
