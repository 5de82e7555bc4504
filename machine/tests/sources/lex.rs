//! The words of a Rust source: enough of its grammar to leave out comments, the content of texts, and test modules.

/// A word: a name, a number, or a single sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub line: usize,
    pub text: String,
}

/// Splits a source. Texts become `""`, characters and lifetimes vanish.
pub fn words(source: &str) -> Vec<Word> {
    let chars: Vec<char> = source.chars().collect();
    let mut out: Vec<Word> = Vec::new();
    let (mut at, mut line) = (0, 1);
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    while at < chars.len() {
        let start = at;
        let c = get(at);
        match c {
            '/' if get(at + 1) == '/' => {
                while at < chars.len() && get(at) != '\n' {
                    at += 1;
                }
            }
            '/' if get(at + 1) == '*' => {
                let mut depth = 0;
                while at < chars.len() {
                    match (get(at), get(at + 1)) {
                        ('/', '*') => (depth, at) = (depth + 1, at + 2),
                        ('*', '/') => (depth, at) = (depth - 1, at + 2),
                        _ => at += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => {
                at = text_end(&chars, at);
                out.push(Word { line, text: "\"\"".into() });
            }
            '\'' => {
                // A character closes again; a lifetime does not.
                let end = if get(at + 1) == '\\' {
                    (at + 3..at + 14).find(|&e| get(e) == '\'')
                } else {
                    Some(at + 2).filter(|&e| get(e) == '\'')
                };
                at = end.map_or(at + 1, |e| e + 1);
            }
            'r' | 'b' | 'c' if raw_hashes(&chars, at).is_some() => {
                let (open, hashes) = raw_hashes(&chars, at).unwrap_or((at, 0));
                at = open + 1;
                while at < chars.len() && !(get(at) == '"' && (1..=hashes).all(|n| get(at + n) == '#')) {
                    at += 1;
                }
                at += 1 + hashes;
                out.push(Word { line, text: "\"\"".into() });
            }
            _ if c.is_ascii_digit() => {
                let behind_dot = out.last().is_some_and(|w| w.text == ".");
                let hex = c == '0' && matches!(get(at + 1), 'x' | 'b' | 'o');
                let mut text = String::new();
                loop {
                    let d = get(at);
                    let fraction =
                        d == '.' && !hex && !behind_dot && get(at + 1).is_ascii_digit() && !text.contains('.');
                    if !(d.is_alphanumeric() || d == '_' || fraction) {
                        break;
                    }
                    text.push(d);
                    at += 1;
                }
                out.push(Word { line, text });
            }
            _ if c.is_alphabetic() || c == '_' => {
                while get(at).is_alphanumeric() || get(at) == '_' {
                    at += 1;
                }
                out.push(Word { line, text: chars[start..at].iter().collect() });
            }
            _ => {
                at += 1;
                if !c.is_whitespace() {
                    out.push(Word { line, text: c.to_string() });
                }
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// The place behind a text that begins at `at`.
fn text_end(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Where the quote of a raw text is whose prefix begins at `at`, and its number of `#`.
fn raw_hashes(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let prefix = chars[at..].iter().take(2).take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    if !chars[at..at + prefix].contains(&'r') {
        return None;
    }
    let hashes = chars[at + prefix..].iter().take_while(|c| **c == '#').count();
    (chars.get(at + prefix + hashes) == Some(&'"')).then_some((at + prefix + hashes, hashes))
}

/// Takes out what is compiled for tests only: `#[cfg(test)]` with the item behind it.
pub fn without_tests(words: Vec<Word>) -> Vec<Word> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at..].iter().map(|w| w.text.as_str()).take(MARK.len()).eq(MARK) {
            at = item_end(&words, at + MARK.len());
        } else {
            out.push(words[at].clone());
            at += 1;
        }
    }
    out
}

/// The place behind the item that begins at `at`: its `;`, or the brace that closes its first one.
pub fn item_end(words: &[Word], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        match word.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}
