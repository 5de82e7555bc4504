//! The script language: one step per line, words and quoted texts, `#` starts a comment.
//!
//! In a quoted text `\n \r \t \b \e \0 \\ \" \xHH` stand for what they do in C; any other backslash stands for itself,
//! so that `"A:\>"` needs no care.

use std::path::PathBuf;
use std::time::Duration;

use rewind86_machine::{Drive, KeyCode};

use crate::cli::{spec, values};
use crate::keymap;

/// Virtual time a `wait-*` step waits when it does not say.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// A step and the line it stands on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line.
    pub line: usize,
    /// The line's text, for messages.
    pub text: String,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wait until the text screen contains the text.
    WaitScreen(String, Duration),
    /// Wait until COM1 has sent the text.
    WaitSerial(Vec<u8>, Duration),
    /// The text screen must contain the text at once.
    AssertScreen(String),
    /// Key strokes.
    Type(String),
    /// A chord.
    Key(Vec<KeyCode>),
    /// Bytes into COM1.
    Serial(Vec<u8>),
    /// Move the pointer, and click.
    Mouse {
        /// From the left edge.
        x: u16,
        /// From the top edge.
        y: u16,
        /// Buttons: bit 0 left, bit 1 right, bit 2 middle.
        buttons: u8,
        /// The buttons stay down until the next `mouse` step.
        hold: bool,
    },
    /// Let virtual time pass.
    Sleep(Duration),
    /// The screen as PNG.
    Screenshot(PathBuf),
    /// The text screen, a line per row.
    ScreenText(PathBuf),
    /// The whole machine.
    Snapshot(PathBuf),
    /// Exchange a medium.
    Media(Drive, Option<spec::Image>),
    /// End the run.
    Quit,
}

/// Parses a script; the error starts with the line number.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let step = tokens(line).and_then(|t| match t.split_first() {
            Some((name, arguments)) => action(name, arguments).map(Some),
            None => Ok(None),
        });
        match step {
            Ok(Some(action)) => steps.push(Step { line: index + 1, text: line.trim().to_string(), action }),
            Ok(None) => {}
            Err(why) => return Err(format!("line {}: {why}", index + 1)),
        }
    }
    Ok(steps)
}

/// A word of a line, or a quoted text with its escapes resolved: bytes, since a serial line carries any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    bytes: Vec<u8>,
}

impl Token {
    fn text(&self) -> Result<String, String> {
        String::from_utf8(self.bytes.clone()).map_err(|_| "the text is not UTF-8".to_string())
    }
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        let (bytes, after) = if first == '"' { quoted(&rest[1..])? } else { bare(rest) };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err("a blank is missing after the closing quote".into());
        }
        out.push(Token { bytes });
        rest = after.trim_start();
    }
    Ok(out)
}

fn bare(text: &str) -> (Vec<u8>, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (text.as_bytes()[..end].to_vec(), &text[end..])
}

/// The bytes up to the closing quote, and what follows it.
fn quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((bytes, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => bytes.push(b'\n'),
                Some((_, 'r')) => bytes.push(b'\r'),
                Some((_, 't')) => bytes.push(b'\t'),
                Some((_, 'b')) => bytes.push(0x08),
                Some((_, 'e')) => bytes.push(0x1B),
                Some((_, '0')) => bytes.push(0),
                Some((_, c @ ('\\' | '"'))) => bytes.push(c as u8),
                Some((x, 'x')) => {
                    let hex = text.get(x + 1..x + 3).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
                    let hex = hex.ok_or("\\x needs two hexadecimal digits")?;
                    bytes.push(u8::from_str_radix(hex, 16).map_err(|e| e.to_string())?);
                    chars.nth(1);
                }
                Some((_, other)) => {
                    bytes.push(b'\\');
                    bytes.extend(other.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => break,
            },
            _ => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("the closing quote is missing".into())
}

const USAGE: &[(&str, &str)] = &[
    ("wait-screen", "wait-screen \"TEXT\" [SECONDS]"),
    ("wait-serial", "wait-serial \"TEXT\" [SECONDS]"),
    ("assert-screen", "assert-screen \"TEXT\""),
    ("type", "type \"TEXT\""),
    ("key", "key ctrl-alt-del"),
    ("serial", "serial \"TEXT\""),
    ("mouse", "mouse X Y [left] [right] [middle] [hold]"),
    ("sleep", "sleep SECONDS"),
    ("screenshot", "screenshot FILE.png"),
    ("screen-text", "screen-text FILE"),
    ("snapshot", "snapshot FILE"),
    ("floppy", "floppy FILE[,readonly]"),
    ("cdrom", "cdrom FILE"),
    ("eject", "eject [floppy|floppy2|cdrom]"),
    ("quit", "quit"),
];

fn action(name: &Token, arguments: &[Token]) -> Result<Action, String> {
    let name = name.text()?;
    let Some((_, usage)) = USAGE.iter().find(|(n, _)| *n == name) else {
        let known: Vec<&str> = USAGE.iter().map(|(n, _)| *n).collect();
        return Err(format!("unknown step \"{name}\"; steps are {}", known.join(", ")));
    };
    let wrong = || format!("expected {usage}");
    match (name.as_str(), arguments) {
        ("wait-screen", [text]) => Ok(Action::WaitScreen(some_text(text)?, DEFAULT_WAIT)),
        ("wait-screen", [text, limit]) => Ok(Action::WaitScreen(some_text(text)?, seconds(limit)?)),
        ("wait-serial", [text]) => Ok(Action::WaitSerial(some_bytes(text)?, DEFAULT_WAIT)),
        ("wait-serial", [text, limit]) => Ok(Action::WaitSerial(some_bytes(text)?, seconds(limit)?)),
        ("assert-screen", [text]) => Ok(Action::AssertScreen(some_text(text)?)),
        ("type", [text]) => typed(text),
        ("key", [chord]) => Ok(Action::Key(keymap::chord(&chord.text()?)?)),
        ("serial", [text]) => Ok(Action::Serial(text.bytes.clone())),
        ("mouse", [x, y, buttons @ ..]) => mouse(x, y, buttons),
        ("sleep", [time]) => Ok(Action::Sleep(seconds(time)?)),
        ("screenshot", [file]) => Ok(Action::Screenshot(some_text(file)?.into())),
        ("snapshot", [file]) => Ok(Action::Snapshot(some_text(file)?.into())),
        ("screen-text", [file]) => Ok(Action::ScreenText(some_text(file)?.into())),
        ("floppy", [file]) => Ok(Action::Media(Drive::Floppy(0), Some(spec::floppy(&file.text()?)?))),
        ("cdrom", [file]) => Ok(Action::Media(Drive::Cdrom, Some(spec::cdrom(&file.text()?)?))),
        ("eject", []) => Ok(Action::Media(Drive::Floppy(0), None)),
        ("eject", [drive]) => match drive.bytes.as_slice() {
            b"floppy" => Ok(Action::Media(Drive::Floppy(0), None)),
            b"floppy2" => Ok(Action::Media(Drive::Floppy(1), None)),
            b"cdrom" => Ok(Action::Media(Drive::Cdrom, None)),
            _ => Err(wrong()),
        },
        ("quit", []) => Ok(Action::Quit),
        _ => Err(wrong()),
    }
}

fn some_text(token: &Token) -> Result<String, String> {
    token.text().and_then(|t| if t.is_empty() { Err("the text is empty".into()) } else { Ok(t) })
}

fn some_bytes(token: &Token) -> Result<Vec<u8>, String> {
    if token.bytes.is_empty() { Err("the text is empty".into()) } else { Ok(token.bytes.clone()) }
}

fn seconds(token: &Token) -> Result<Duration, String> {
    values::seconds(&token.text()?)
}

fn typed(token: &Token) -> Result<Action, String> {
    let text = token.text()?;
    match text.chars().find(|&c| keymap::stroke(c).is_none()) {
        Some(c) => Err(format!("no key of the US layout types {c:?}")),
        None => Ok(Action::Type(text)),
    }
}

fn mouse(x: &Token, y: &Token, words: &[Token]) -> Result<Action, String> {
    let place = |t: &Token| -> Result<u16, String> {
        t.text()?.parse().map_err(|_| "the position must be two numbers from 0 to 65535".to_string())
    };
    let (mut buttons, mut hold) = (0, false);
    for word in words {
        match word.bytes.as_slice() {
            b"left" => buttons |= 1,
            b"right" => buttons |= 2,
            b"middle" => buttons |= 4,
            b"hold" => hold = true,
            _ => return Err("expected left, right, middle or hold after the position".into()),
        }
    }
    Ok(Action::Mouse { x: place(x)?, y: place(y)?, buttons, hold })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Action {
        let mut steps = parse(line).unwrap();
        assert_eq!(steps.len(), 1);
        steps.remove(0).action
    }

    #[test]
    fn every_step() {
        assert_eq!(one(r#"wait-screen "A:\>""#), Action::WaitScreen(r"A:\>".into(), DEFAULT_WAIT));
        assert_eq!(
            one(r#"wait-serial "login:" 2.5"#),
            Action::WaitSerial(b"login:".to_vec(), Duration::from_millis(2500))
        );
        assert_eq!(one(r#"type "dir\n" # list"#), Action::Type("dir\n".into()));
        assert_eq!(one("key ctrl-c"), Action::Key(vec![KeyCode(0x1D), KeyCode(0x2E)]));
        assert_eq!(one(r#"serial "\x1b\xff\\""#), Action::Serial(vec![0x1B, 0xFF, b'\\']));
        assert_eq!(one("mouse 100 50 left"), Action::Mouse { x: 100, y: 50, buttons: 1, hold: false });
        assert_eq!(one("  sleep 2"), Action::Sleep(Duration::from_secs(2)));
        assert_eq!(one("screenshot out.png"), Action::Screenshot("out.png".into()));
        assert_eq!(one("screen-text \"my out.txt\""), Action::ScreenText("my out.txt".into()));
        assert_eq!(one("eject cdrom"), Action::Media(Drive::Cdrom, None));
        assert!(matches!(one("floppy b.img,readonly"), Action::Media(Drive::Floppy(0), Some(i)) if i.read_only));
        assert_eq!(one("assert-screen \"a\\\"b\""), Action::AssertScreen("a\"b".into()));
        assert_eq!(one("quit"), Action::Quit);
    }

    #[test]
    fn lines_are_counted() {
        let steps = parse("# comment\n\nsleep 1\r\n\tquit\n").unwrap();
        assert_eq!(steps.iter().map(|s| s.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(steps[0].text, "sleep 1");
    }

    #[test]
    fn errors() {
        let golden = [
            (
                "quit\nfly",
                "line 2: unknown step \"fly\"; steps are wait-screen, wait-serial, assert-screen, type, key, serial, mouse, sleep, screenshot, screen-text, snapshot, floppy, cdrom, eject, quit",
            ),
            ("wait-screen", "line 1: expected wait-screen \"TEXT\" [SECONDS]"),
            ("wait-screen \"\"", "line 1: the text is empty"),
            ("wait-screen \"a", "line 1: the closing quote is missing"),
            ("wait-screen \"a\\", "line 1: the closing quote is missing"),
            ("wait-screen \"a\"b", "line 1: a blank is missing after the closing quote"),
            ("wait-screen \"a\" soon", "line 1: expected seconds such as 60 or 0.5"),
            ("type \"é\"", "line 1: no key of the US layout types 'é'"),
            ("type \"\\xff\"", "line 1: the text is not UTF-8"),
            ("serial \"\\xé\"", "line 1: \\x needs two hexadecimal digits"),
            ("key ctrl-foo", "line 1: unknown key \"foo\""),
            ("mouse 1", "line 1: expected mouse X Y [left] [right] [middle] [hold]"),
            ("mouse -1 0", "line 1: the position must be two numbers from 0 to 65535"),
            ("quit now", "line 1: expected quit"),
            ("snapshot", "line 1: expected snapshot FILE"),
        ];
        for (script, message) in golden {
            assert_eq!(parse(script).unwrap_err(), message, "{script}");
        }
    }
}
