//! What the machine's character ports are connected to: standard streams, files, sockets.
//!
//! Output is written by the machine's thread as soon as a slice is over. Sockets get a thread of their own that holds
//! back up to 64 KiB until somebody connects, so that a slow or absent peer never stops the machine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use rewind86_machine::InputEvent;

use super::Command;
use crate::cli::spec::Serial;
use crate::status::{Failure, io_reason};

/// Output held for a peer that is not there yet.
const BACKLOG: usize = 64 << 10;
/// Pieces of output under way to a socket's thread; more are lost, as on a wire without flow control.
const IN_FLIGHT: usize = 4096;
/// How long the end of a run waits for a peer that does not read.
const FINISH: Duration = Duration::from_secs(1);
/// Bytes read at once.
const CHUNK: usize = 4096;

/// The output side of a port.
#[derive(Debug)]
pub enum Sink {
    /// Lost.
    Null,
    /// Standard output, unbuffered.
    Stdout,
    /// A file, unbuffered.
    File(File),
    /// The thread that serves a socket.
    Peer(SyncSender<Message>),
}

impl Sink {
    /// Writes and flushes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Null => Ok(()),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File(file) => file.write_all(bytes),
            Self::Peer(peer) => {
                // A full queue means a peer that does not read: its loss, not the machine's.
                let _ = peer.try_send(Message::Output(bytes.to_vec()));
                Ok(())
            }
        }
    }

    /// Waits, not for long, until a socket has taken what was written.
    pub fn finish(&mut self) {
        if let Self::Peer(peer) = self {
            let (answer, done) = mpsc::sync_channel(1);
            if peer.try_send(Message::Finish(answer)).is_ok() {
                let _ = done.recv_timeout(FINISH);
            }
        }
    }
}

/// To the thread that writes to a socket.
pub enum Message {
    /// What the guest sent.
    Output(Vec<u8>),
    /// Somebody connected.
    Connected(Box<dyn Write + Send>),
    /// The run is over: answer when all that came before is written.
    Finish(SyncSender<()>),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output(bytes) => write!(f, "Output({} bytes)", bytes.len()),
            Self::Connected(_) => f.write_str("Connected"),
            Self::Finish(_) => f.write_str("Finish"),
        }
    }
}

/// Opens what serial port `port` is connected to. Input arrives as commands; standard input is left to the caller.
pub fn open(what: &Serial, port: usize, commands: &SyncSender<Command>) -> Result<Sink, Failure> {
    let failed = |flag: &str, e: io::Error| Failure::host(format!("--serial {flag}: {}", io_reason(&e)));
    match what {
        Serial::None => Ok(Sink::Null),
        Serial::Stdio => Ok(Sink::Stdout),
        Serial::File(path) => {
            File::create(path).map(Sink::File).map_err(|e| failed(&format!("file={}", path.display()), e))
        }
        Serial::Tcp(address) => {
            let line = Tcp::open(address).map_err(|e| failed(&format!("tcp={address}"), e))?;
            Ok(serve(line, port, commands.clone()))
        }
        #[cfg(unix)]
        Serial::Unix(path) => {
            let line = unix::Line::open(path).map_err(|e| failed(&format!("unix={}", path.display()), e))?;
            Ok(serve(line, port, commands.clone()))
        }
        #[cfg(not(unix))]
        Serial::Unix(_) => Err(Failure::usage("--serial unix=: this host has no Unix-domain sockets; use tcp=")),
    }
}

/// Opens what the debug console writes to.
pub fn open_debugcon(what: Option<&Serial>) -> Result<Sink, Failure> {
    match what {
        Some(Serial::Stdio) => Ok(Sink::Stdout),
        Some(Serial::File(path)) => File::create(path)
            .map(Sink::File)
            .map_err(|e| Failure::host(format!("--debugcon file={}: {}", path.display(), io_reason(&e)))),
        _ => Ok(Sink::Null),
    }
}

/// A socket that connects to a listener that is there, and listens otherwise.
trait Line: Send + 'static {
    type Stream: Read + Write + Send + 'static;
    /// The next connection; `None` when there will be no other.
    fn next(&mut self) -> Option<Self::Stream>;
    /// A second handle to the same connection.
    fn split(stream: &Self::Stream) -> io::Result<Self::Stream>;
}

struct Tcp {
    connected: Option<TcpStream>,
    listener: Option<TcpListener>,
}

impl Tcp {
    fn open(address: &str) -> io::Result<Self> {
        match TcpStream::connect(address) {
            Ok(stream) => Ok(Self { connected: Some(stream), listener: None }),
            Err(_) => Ok(Self { connected: None, listener: Some(TcpListener::bind(address)?) }),
        }
    }
}

impl Line for Tcp {
    type Stream = TcpStream;
    fn next(&mut self) -> Option<TcpStream> {
        let stream = self.connected.take().or_else(|| self.listener.as_ref()?.accept().ok().map(|(s, _)| s))?;
        // Single characters matter here, throughput does not.
        let _ = stream.set_nodelay(true);
        Some(stream)
    }
    fn split(stream: &TcpStream) -> io::Result<TcpStream> {
        stream.try_clone()
    }
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

    pub struct Line {
        connected: Option<UnixStream>,
        listener: Option<UnixListener>,
    }

    impl Line {
        pub fn open(path: &Path) -> io::Result<Self> {
            if let Ok(stream) = UnixStream::connect(path) {
                return Ok(Self { connected: Some(stream), listener: None });
            }
            // Nobody answers behind it: left over from a run that is gone.
            if std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
                std::fs::remove_file(path)?;
            }
            Ok(Self { connected: None, listener: Some(UnixListener::bind(path)?) })
        }
    }

    impl super::Line for Line {
        type Stream = UnixStream;
        fn next(&mut self) -> Option<UnixStream> {
            self.connected.take().or_else(|| self.listener.as_ref()?.accept().ok().map(|(s, _)| s))
        }
        fn split(stream: &UnixStream) -> io::Result<UnixStream> {
            stream.try_clone()
        }
    }
}

/// Starts the two threads of a socket.
fn serve<L: Line>(mut line: L, port: usize, commands: SyncSender<Command>) -> Sink {
    let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
    let to_writer = sender.clone();
    thread::spawn(move || write_out(&receiver));
    thread::spawn(move || {
        while let Some(stream) = line.next() {
            let Ok(writer) = L::split(&stream) else { continue };
            if to_writer.send(Message::Connected(Box::new(writer))).is_err() {
                return;
            }
            if forward(stream, |bytes| send_serial(&commands, port, bytes)).is_err() {
                return;
            }
        }
    });
    Sink::Peer(sender)
}

fn write_out(receiver: &Receiver<Message>) {
    let mut peer: Option<Box<dyn Write + Send>> = None;
    let mut backlog: VecDeque<u8> = VecDeque::new();
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Connected(stream) => peer = Some(stream),
            Message::Finish(answer) => {
                let _ = answer.try_send(());
                continue;
            }
            Message::Output(bytes) => {
                backlog.extend(bytes);
                let excess = backlog.len().saturating_sub(BACKLOG);
                if peer.is_none() {
                    backlog.drain(..excess);
                }
            }
        }
        if let Some(stream) = &mut peer {
            if stream.write_all(backlog.make_contiguous()).and_then(|()| stream.flush()).is_ok() {
                backlog.clear();
            } else {
                peer = None;
            }
        }
    }
}

/// Hands bytes to the machine; an error when it is gone.
pub fn send_serial(commands: &SyncSender<Command>, port: usize, bytes: &[u8]) -> Result<(), ()> {
    let event = InputEvent::Serial { port, bytes: bytes.to_vec() };
    commands.send(Command::Input(event)).map_err(|_| ())
}

/// Reads until the end of the stream; an error when `sink` has one.
pub fn forward(mut from: impl Read, mut sink: impl FnMut(&[u8]) -> Result<(), ()>) -> Result<(), ()> {
    let mut buffer = [0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => sink(buffer.get(..n).unwrap_or_default())?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_gets_what_was_sent_before_it_connected_and_answers() {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = probe.local_addr().unwrap().to_string();
        drop(probe);
        let (commands, received) = mpsc::sync_channel(8);
        let mut sink = open(&Serial::Tcp(address.clone()), 1, &commands).unwrap();
        sink.write(b"boot ").unwrap();
        let mut peer = TcpStream::connect(&address).unwrap();
        sink.write(b"login:").unwrap();
        let mut text = [0; 11];
        peer.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"boot login:");
        peer.write_all(b"root").unwrap();
        let Command::Input(InputEvent::Serial { port, bytes }) = received.recv().unwrap() else { panic!() };
        assert_eq!((port, bytes.as_slice()), (1, b"root".as_slice()));
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_connects_to_a_listener_and_replaces_a_stale_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let (commands, _received) = mpsc::sync_channel(8);
        let mut sink = open(&Serial::Unix(path.clone()), 0, &commands).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        sink.write(b"x").unwrap();
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        drop((peer, listener));
        assert!(open(&Serial::Unix(path), 0, &commands).is_ok());
    }

    #[test]
    fn what_cannot_be_opened() {
        let (commands, _received) = mpsc::sync_channel(8);
        let error = |what| open(&what, 0, &commands).unwrap_err().message;
        let no_folder = Serial::File("/no/such/log".into());
        assert_eq!(error(no_folder.clone()), "--serial file=/no/such/log: No such file or directory");
        assert_eq!(
            open_debugcon(Some(&no_folder)).unwrap_err().message,
            "--debugcon file=/no/such/log: No such file or directory"
        );
    }

    #[test]
    fn files_are_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (commands, _received) = mpsc::sync_channel(8);
        let mut sink = open(&Serial::File(path.clone()), 0, &commands).unwrap();
        sink.write(b"abc").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }
}
