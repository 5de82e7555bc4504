//! A small client of the remote protocol (GDB manual, appendix E), and the program under test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// The program, serving GDB.
pub struct Program {
    pub child: Child,
    pub address: String,
    stderr: BufReader<ChildStderr>,
}

impl Program {
    /// Starts with these arguments; `--gdb` with this extra is added.
    pub fn start(arguments: &[&str], extra: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rewind86"))
            .args(arguments)
            .args(["--display", "none", "--timeout", "100", "--gdb", &format!("127.0.0.1:0{extra}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_string();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self { child, address, stderr }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client { stream }
    }

    /// Waits for the end: status, standard output, standard error.
    pub fn finish(mut self) -> (i32, String, String) {
        let status = self.child.wait().unwrap().code().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (status, out, err)
    }
}

/// A debugger.
pub struct Client {
    pub stream: TcpStream,
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

impl Client {
    pub fn send(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes()).unwrap();
    }

    /// The next packet, acknowledged.
    pub fn receive(&mut self) -> String {
        let mut byte = [0];
        let mut packet = Vec::new();
        while byte[0] != b'$' {
            self.stream.read_exact(&mut byte).unwrap();
        }
        loop {
            self.stream.read_exact(&mut byte).unwrap();
            match byte[0] {
                b'#' => break,
                // Run-length encoding: the character before, this often more.
                b'*' => {
                    self.stream.read_exact(&mut byte).unwrap();
                    let last = *packet.last().unwrap();
                    packet.extend(std::iter::repeat_n(last, usize::from(byte[0] - 29)));
                }
                b => packet.push(b),
            }
        }
        self.stream.read_exact(&mut [0; 2]).unwrap();
        self.stream.write_all(b"+").unwrap();
        String::from_utf8_lossy(&packet).into_owned()
    }

    pub fn ask(&mut self, packet: &str) -> String {
        self.send(packet);
        self.receive()
    }

    pub fn ok(&mut self, packet: &str) {
        assert_eq!(self.ask(packet), "OK", "{packet}");
    }

    /// The answer of a monitor command.
    pub fn monitor(&mut self, command: &str) -> String {
        self.send(&format!("qRcmd,{}", hex(command.as_bytes())));
        let mut text = String::new();
        loop {
            let packet = self.receive();
            match packet.strip_prefix('O').filter(|rest| *rest != "K") {
                Some(output) => text += &String::from_utf8_lossy(&unhex(output)),
                None => {
                    assert_eq!(packet, "OK");
                    return text;
                }
            }
        }
    }

    pub fn icount(&mut self) -> u64 {
        self.monitor("icount").split(' ').nth(1).unwrap().trim().parse().unwrap()
    }

    /// A register of 4 bytes.
    pub fn register32(&mut self, n: usize) -> u32 {
        let bytes = unhex(&self.ask(&format!("p{n:x}")));
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    pub fn memory(&mut self, at: u64, len: usize) -> Vec<u8> {
        unhex(&self.ask(&format!("m{at:x},{len:x}")))
    }

    pub fn go(&mut self) -> String {
        self.ask("vCont;c")
    }

    pub fn step(&mut self) -> String {
        self.ask("vCont;s:p1.1;c")
    }
}
