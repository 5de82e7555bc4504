//! Options with parts: `FILE[,readonly]`, `MODEL,+flag`, `tcp=ADDR`. A comma inside a file name is written twice.

use std::path::PathBuf;

/// What stands after `--floppy`, `--disk` or `--cdrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub file: PathBuf,
    /// `readonly`: the guest may not write.
    pub read_only: bool,
    /// `format=`: how the file is laid out.
    pub format: Option<String>,
    /// `overlay=`: where writes go.
    pub overlay: Option<PathBuf>,
    /// `bus=`: what the disk hangs on.
    pub bus: Option<String>,
}

/// Splits at single commas; `,,` stands for a comma.
fn parts(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ',' || chars.next_if_eq(&',').is_some() {
            if let Some(last) = out.last_mut() {
                last.push(c);
            }
        } else {
            out.push(String::new());
        }
    }
    out
}

/// Parses an image, allowing only the named options.
fn image(text: &str, allowed: &[&str]) -> Result<Image, String> {
    let mut parts = parts(text).into_iter();
    let file = parts.next().unwrap_or_default();
    if file.is_empty() {
        return Err("the file name is empty".into());
    }
    let mut image = Image { file: file.into(), ..Image::default() };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((&part, ""));
        if !allowed.contains(&name) {
            let known = allowed.join(", ");
            return Err(format!("unknown part \"{part}\"; known: {known} (a comma in a file name is written twice)"));
        }
        if part.contains('=') == (name == "readonly") || (name != "readonly" && value.is_empty()) {
            return Err(format!("\"{part}\": expected readonly, or {name}= with a value"));
        }
        match name {
            "readonly" => image.read_only = true,
            "format" => image.format = Some(value.to_string()),
            "overlay" => image.overlay = Some(value.into()),
            _ => image.bus = Some(value.to_string()),
        }
    }
    Ok(image)
}

/// `FILE[,readonly]`.
pub fn floppy(text: &str) -> Result<Image, String> {
    image(text, &["readonly"])
}

/// `FILE[,format=..][,readonly][,overlay=FILE][,bus=ide|virtio]`.
pub fn disk(text: &str) -> Result<Image, String> {
    image(text, &["readonly", "format", "overlay", "bus"])
}

/// `FILE`: a CD is read-only by nature.
pub fn cdrom(text: &str) -> Result<Image, String> {
    image(text, &["readonly"])
}

/// A CPU model with `+flag` and `-flag`; which models and flags exist is the processor's knowledge.
pub fn cpu(text: &str) -> Result<String, String> {
    let mut parts = text.split(',');
    let model = parts.next().unwrap_or_default();
    if model.is_empty() || model.starts_with(['+', '-']) {
        return Err("expected a model first, such as pentium3 or pentium3,-sse".into());
    }
    match parts.find(|p| p.len() < 2 || !p.starts_with(['+', '-'])) {
        Some(part) => Err(format!("\"{part}\": expected +flag or -flag after the model")),
        None => Ok(text.to_string()),
    }
}

/// What a serial port is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serial {
    /// Nothing: output is lost.
    None,
    /// This program's standard input and output.
    Stdio,
    /// Output into a file.
    File(PathBuf),
    /// A TCP connection.
    Tcp(String),
    /// A Unix-domain socket.
    Unix(PathBuf),
}

/// `stdio`, `none`, `file=PATH`, `tcp=ADDR` or `unix=PATH`.
pub fn serial(text: &str) -> Result<Serial, String> {
    match text.split_once('=') {
        None if text == "none" => Ok(Serial::None),
        None if text == "stdio" => Ok(Serial::Stdio),
        Some(("file", path)) if !path.is_empty() => Ok(Serial::File(path.into())),
        Some(("unix", path)) if !path.is_empty() => Ok(Serial::Unix(path.into())),
        Some(("tcp", address)) => {
            let port = address.rsplit_once(':').map(|(host, port)| (host.is_empty(), port.parse::<u16>()));
            match port {
                Some((false, Ok(_))) => Ok(Serial::Tcp(address.to_string())),
                Some((true, Ok(_))) => Ok(Serial::Tcp(format!("127.0.0.1{address}"))),
                _ => Err("expected tcp=HOST:PORT".into()),
            }
        }
        _ => Err("expected stdio, none, file=PATH, tcp=HOST:PORT or unix=PATH".into()),
    }
}

/// `stdio` or `file=PATH`.
pub fn debugcon(text: &str) -> Result<Serial, String> {
    match serial(text) {
        Ok(sink @ (Serial::Stdio | Serial::File(_))) => Ok(sink),
        _ => Err("expected stdio or file=PATH".into()),
    }
}

/// Where the screen is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// A desktop window.
    Window,
    /// The terminal.
    Terminal,
    /// Nowhere.
    None,
    /// A VNC server.
    Vnc,
}

/// `window`, `terminal`, `vnc[=ADDR]` or `none`.
pub fn display(text: &str) -> Result<Display, String> {
    match text {
        "window" => Ok(Display::Window),
        "terminal" => Ok(Display::Terminal),
        "none" => Ok(Display::None),
        _ if text == "vnc" || text.starts_with("vnc=") => Ok(Display::Vnc),
        _ => Err("expected window, terminal, vnc or none".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images() {
        assert_eq!(floppy("a.img"), Ok(Image { file: "a.img".into(), ..Image::default() }));
        let read_only = Image { file: "a,b.img".into(), read_only: true, ..Image::default() };
        assert_eq!(floppy("a,,b.img,readonly"), Ok(read_only));
        let full = Image {
            file: "d".into(),
            read_only: false,
            format: Some("raw".into()),
            overlay: Some("o".into()),
            bus: Some("ide".into()),
        };
        assert_eq!(disk("d,format=raw,overlay=o,bus=ide"), Ok(full));
    }

    #[test]
    fn wrong_images() {
        assert_eq!(floppy(""), Err("the file name is empty".into()));
        assert!(floppy("a,format=raw").unwrap_err().starts_with("unknown part \"format=raw\""));
        for bad in ["d,", "d,overlay", "d,overlay=", "d,readonly=yes", "d,cache=none"] {
            assert!(disk(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cpus() {
        assert!(cpu("pentium3,+sse,-pae").is_ok());
        for bad in ["", "+sse", "486,", "486,+", "486,fpu"] {
            assert!(cpu(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn serial_ports() {
        assert_eq!(serial("stdio"), Ok(Serial::Stdio));
        assert_eq!(serial("file=a=b"), Ok(Serial::File("a=b".into())));
        assert_eq!(serial("tcp=:4444"), Ok(Serial::Tcp("127.0.0.1:4444".into())));
        assert_eq!(serial("tcp=[::1]:4444"), Ok(Serial::Tcp("[::1]:4444".into())));
        for bad in ["", "com1", "file=", "tcp=host", "tcp=host:port", "tcp=h:70000", "unix=", "stdio=x"] {
            assert!(serial(bad).is_err(), "{bad}");
        }
        assert!(debugcon("stdio").is_ok() && debugcon("none").is_err());
    }

    #[test]
    fn displays() {
        assert_eq!(display("vnc=:5900"), Ok(Display::Vnc));
        assert!(display("sdl").is_err());
    }
}
