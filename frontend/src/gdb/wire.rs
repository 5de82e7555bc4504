//! The socket: bytes from GDB, answers to GDB, and the packets that `gdbstub` does not know.
//!
//! GDB manual, appendix E. QEMU's `Qqemu.PhyMemMode:N` and `qqemu.PhyMemMode` are answered here, so that
//! `maintenance packet Qqemu.PhyMemMode:1` makes addresses physical as it does there.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use gdbstub::conn::Connection;

/// How long a debugger may leave answers unread.
const WRITE: Duration = Duration::from_secs(20);
/// Longest packet that is accepted.
pub const PACKET: usize = 16 << 10;

/// Where debuggers connect.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix-domain socket, and its name.
    #[cfg(unix)]
    Unix(UnixListener, std::path::PathBuf),
}

impl Listener {
    /// Listens at `HOST:PORT`, `:PORT` (this host only), `tcp:HOST:PORT` or `unix:PATH`.
    pub fn open(address: &str) -> Result<Self, String> {
        let reason = |e: io::Error| crate::status::io_reason(&e);
        #[cfg(unix)]
        if let Some(path) = address.strip_prefix("unix:") {
            return UnixListener::bind(path).map(|l| Self::Unix(l, path.into())).map_err(reason);
        }
        let address = address.strip_prefix("tcp:").unwrap_or(address);
        let address = match address.rsplit_once(':') {
            Some(("", port)) => format!("127.0.0.1:{port}"),
            Some(_) => address.to_string(),
            None => format!("127.0.0.1:{address}"),
        };
        TcpListener::bind(&address).map(Self::Tcp).map_err(reason)
    }

    /// The address as it was bound.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(l) => l.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            #[cfg(unix)]
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    /// Waits for a debugger.
    pub fn accept(&self) -> io::Result<Wire> {
        Wire::new(match self {
            Self::Tcp(l) => {
                let (stream, _) = l.accept()?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            #[cfg(unix)]
            Self::Unix(l, _) => Stream::Unix(l.accept()?.0),
        })
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // The name may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    fn set_timeouts(&self, read: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.set_read_timeout(Some(read)).and_then(|()| s.set_write_timeout(Some(WRITE))),
            #[cfg(unix)]
            Self::Unix(s) => s.set_read_timeout(Some(read)).and_then(|()| s.set_write_timeout(Some(WRITE))),
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(buf),
            #[cfg(unix)]
            Self::Unix(s) => s.read(buf),
        }
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(s) => Write::write_all(s, buf),
            #[cfg(unix)]
            Self::Unix(s) => Write::write_all(s, buf),
        }
    }
}

/// A connection: answers are gathered and sent when they are complete.
pub struct Wire {
    stream: Stream,
    out: Vec<u8>,
    timeout: Duration,
}

impl Wire {
    fn new(stream: Stream) -> io::Result<Self> {
        let timeout = Duration::from_millis(100);
        stream.set_timeouts(timeout)?;
        Ok(Self { stream, out: Vec::new(), timeout })
    }

    /// What has come, waiting for `time` at most; `Some` and empty is nothing yet, `None` the end.
    pub fn receive(&mut self, time: Duration) -> io::Result<Option<Vec<u8>>> {
        if time != self.timeout {
            self.stream.set_timeouts(time)?;
            self.timeout = time;
        }
        let mut buf = [0; 4096];
        match self.stream.read(&mut buf) {
            Ok(0) => Ok(None),
            Ok(n) => Ok(Some(buf.get(..n).unwrap_or_default().to_vec())),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(Some(Vec::new()))
            }
            Err(e) => Err(e),
        }
    }
}

impl Connection for Wire {
    type Error = io::Error;

    fn write(&mut self, byte: u8) -> io::Result<()> {
        self.out.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&std::mem::take(&mut self.out))
    }
}

/// What a byte from GDB amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// For the stub.
    Bytes(Vec<u8>),
    /// A packet that is answered here.
    PhysicalMode(Option<bool>),
}

/// Finds the packets that are answered here in the stream of bytes.
#[derive(Debug, Default)]
pub struct Framer {
    /// A packet under way, from its `$` on.
    packet: Vec<u8>,
    /// Characters of the checksum that are still to come.
    checksum: usize,
    /// GDB wants no acknowledgements.
    quiet: bool,
}

impl Framer {
    /// Takes a byte. An error is a packet longer than [`PACKET`].
    pub fn take(&mut self, byte: u8) -> Result<Option<Item>, String> {
        if self.packet.is_empty() {
            if byte == b'$' {
                self.packet.push(byte);
                self.checksum = 0;
                return Ok(None);
            }
            // GDB asks for a packet again when an answer takes longer than its patience; nothing was lost on the way.
            return Ok((byte != b'-').then(|| Item::Bytes(vec![byte])));
        }
        self.packet.push(byte);
        if self.packet.len() > PACKET {
            return Err(format!("a packet is longer than {PACKET} bytes"));
        }
        match (self.checksum, byte) {
            (0, b'#') => self.checksum = 2,
            (0, _) => {}
            (1, _) => return Ok(Some(self.finish())),
            _ => self.checksum -= 1,
        }
        Ok(None)
    }

    fn finish(&mut self) -> Item {
        let packet = std::mem::take(&mut self.packet);
        let body = packet.get(1..packet.len().saturating_sub(3)).unwrap_or_default();
        self.quiet |= body == b"QStartNoAckMode";
        match body {
            b"Qqemu.PhyMemMode:0" => Item::PhysicalMode(Some(false)),
            b"Qqemu.PhyMemMode:1" => Item::PhysicalMode(Some(true)),
            b"qqemu.PhyMemMode" => Item::PhysicalMode(None),
            _ => Item::Bytes(packet),
        }
    }

    /// An answer to a packet that is answered here.
    pub fn answer(&self, text: &str) -> Vec<u8> {
        let sum = text.bytes().fold(0u8, u8::wrapping_add);
        format!("{}${text}#{sum:02x}", if self.quiet { "" } else { "+" }).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(framer: &mut Framer, bytes: &[u8]) -> Vec<Item> {
        bytes.iter().filter_map(|&b| framer.take(b).unwrap()).collect()
    }

    #[test]
    fn packets_of_qemu_are_taken_out() {
        let mut f = Framer::default();
        let stub = |b: &[u8]| Item::Bytes(b.to_vec());
        assert_eq!(items(&mut f, b"+-$g#67\x03"), [stub(b"+"), stub(b"$g#67"), stub(b"\x03")]);
        assert_eq!(items(&mut f, b"$Qqemu.PhyMemMode:1#e6"), [Item::PhysicalMode(Some(true))]);
        assert_eq!(f.answer("OK"), b"+$OK#9a");
        items(&mut f, b"$QStartNoAckMode#b0");
        assert_eq!(f.answer("1"), b"$1#31");
    }

    #[test]
    fn an_endless_packet_is_an_error() {
        let mut f = Framer::default();
        assert!(f.take(b'$').unwrap().is_none());
        assert!((0..2 * PACKET).any(|_| f.take(b'x').is_err()));
    }

    #[test]
    fn addresses() {
        for address in ["127.0.0.1:0", ":0", "0", "tcp::0", "tcp:127.0.0.1:0"] {
            assert!(Listener::open(address).unwrap().address().starts_with("127.0.0.1:"), "{address}");
        }
        assert!(Listener::open("nowhere").is_err() && Listener::open("127.0.0.1:99999").is_err());
    }
}
