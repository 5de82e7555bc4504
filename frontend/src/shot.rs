//! Screenshots: a frame as a PNG file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use rewind86_machine::Frame;

use crate::status::io_reason;

/// Writes a frame as 8-bit RGB.
pub fn write_png(frame: &Frame, path: &Path) -> Result<(), String> {
    let (width, height) = (u32::try_from(frame.width), u32::try_from(frame.height));
    let (Ok(width @ 1..), Ok(height @ 1..)) = (width, height) else {
        return Err("there is no picture: the screen is off".into());
    };
    let bytes: Vec<u8> = frame.pixels.iter().flat_map(|p| [(p >> 16) as u8, (p >> 8) as u8, *p as u8]).collect();
    let file = File::create(path).map_err(|e| io_reason(&e))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut w| w.write_image_data(&bytes).and_then(|()| w.finish()));
    written.map_err(|e| match e {
        png::EncodingError::IoError(e) => io_reason(&e),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let frame = Frame { width: 2, height: 2, pixels: vec![0xFF0000, 0x00FF00, 0x0000FF, 0x123456] };
        write_png(&frame, &path).unwrap();
        let decoder = png::Decoder::new(std::io::BufReader::new(File::open(&path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = [0; 12];
        reader.next_frame(&mut bytes).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (2, 2));
        assert_eq!(bytes, [255, 0, 0, 0, 255, 0, 0, 0, 255, 0x12, 0x34, 0x56]);
    }

    #[test]
    fn what_cannot_be_written() {
        assert!(write_png(&Frame::default(), Path::new("x.png")).unwrap_err().contains("no picture"));
        let frame = Frame { width: 1, height: 1, pixels: vec![0] };
        assert_eq!(write_png(&frame, Path::new("/no/such/x.png")).unwrap_err(), "No such file or directory");
    }
}
