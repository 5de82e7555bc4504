//! What is searched for.

use super::lex::{Word, item_end, without_tests, words};

/// Words that are wrong wherever they stand, and why.
pub const RULES: [(&str, &str); 30] = [
    ("f32", "the host's floating point"),
    ("f64", "the host's floating point"),
    ("f16", "the host's floating point"),
    ("f128", "the host's floating point"),
    ("from_ne_bytes", "the host's byte order"),
    ("to_ne_bytes", "the host's byte order"),
    ("target_endian", "the host's byte order"),
    ("transmute", "the host's byte order and layout"),
    ("transmute_copy", "the host's byte order and layout"),
    ("from_raw_parts", "the host's byte order and layout"),
    ("from_raw_parts_mut", "the host's byte order and layout"),
    ("read_unaligned", "the host's byte order"),
    ("write_unaligned", "the host's byte order"),
    ("align_to", "the host's byte order"),
    ("target_pointer_width", "the host's width"),
    ("HashMap", "an order that changes from run to run"),
    ("HashSet", "an order that changes from run to run"),
    ("hash_map", "an order that changes from run to run"),
    ("RandomState", "the host's random numbers"),
    ("DefaultHasher", "a hash that may change with the compiler"),
    ("Instant", "the host's clock"),
    ("SystemTime", "the host's clock"),
    ("UNIX_EPOCH", "the host's clock"),
    ("thread", "the host's scheduling"),
    ("thread_local", "the host's scheduling"),
    ("mpsc", "the host's scheduling"),
    ("rayon", "the host's scheduling"),
    ("available_parallelism", "the host's scheduling"),
    ("getrandom", "the host's random numbers"),
    ("asm", "the host's instructions"),
];

/// Words that are wrong behind `std::`.
const STD: [&str; 3] = ["env", "process", "net"];
/// Integers of more than one byte.
const WIDE: [&str; 10] = ["u16", "u32", "u64", "u128", "usize", "i16", "i32", "i64", "i128", "isize"];

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub line: usize,
    pub word: String,
    pub why: &'static str,
}

/// What breaks the rules in a source.
pub fn search(source: &str) -> Vec<Finding> {
    let words = without_tests(words(source));
    let mut out = Vec::new();
    let text = |at: usize| words.get(at).map_or("", |w| w.text.as_str());
    for (at, Word { line, text: word }) in words.iter().enumerate() {
        let mut find = |word: String, why: &'static str| out.push(Finding { line: *line, word, why });
        // The firmware's assembler has a macro of this name.
        let assembler =
            word == "asm" && text(at + 1) != "!" || word == "asm" && text(at + 2) == "(" && text(at + 4) == ";";
        if let Some((_, why)) = RULES.iter().find(|(w, _)| w == word)
            && !assembler
        {
            find(word.clone(), why);
        } else if STD.contains(&word.as_str())
            && [text_before(&words, at, 3), text_before(&words, at, 1)] == ["std", ":"]
        {
            find(word.clone(), "the host's surroundings");
        } else if is_float(word) {
            find(word.clone(), "the host's floating point");
        } else if word == "addr" && text_before(&words, at, 1) == "." && text(at + 1) == "(" && text(at + 2) == ")" {
            find(word.clone(), "an address of the host");
        } else if word == "*" && matches!(text(at + 1), "const" | "mut") && WIDE.contains(&text(at + 2)) {
            // A wide access to guest memory goes through a conversion in the same expression.
            if !same_line(&words, at).any(|w| w == "from_le" || w == "to_le") {
                find(format!("*{} {}", text(at + 1), text(at + 2)), "the host's byte order");
            }
        } else if word == "cast" && text(at + 3) == "<" && WIDE.contains(&text(at + 4)) {
            find(format!("cast::<{}>", text(at + 4)), "the host's byte order");
        }
    }
    widths(&words, &mut out);
    out.sort_by_key(|f| f.line);
    out
}

fn text_before(words: &[Word], at: usize, n: usize) -> &str {
    at.checked_sub(n).and_then(|i| words.get(i)).map_or("", |w| w.text.as_str())
}

fn same_line(words: &[Word], at: usize) -> impl Iterator<Item = &str> {
    let line = words[at].line;
    words.iter().filter(move |w| w.line == line).map(|w| w.text.as_str())
}

fn is_float(word: &str) -> bool {
    let decimal =
        word.starts_with(|c: char| c.is_ascii_digit()) && !["0x", "0b", "0o"].iter().any(|p| word.starts_with(p));
    decimal && (word.contains('.') || word.contains(['e', 'E']) && !word.contains("size"))
}

/// Fields of the host's width in types that are serialised.
fn widths(words: &[Word], out: &mut Vec<Finding>) {
    let text = |at: usize| words.get(at).map_or("", |w| w.text.as_str());
    let mut at = 0;
    while at < words.len() {
        if !(text(at) == "derive" && text(at + 1) == "(") {
            at += 1;
            continue;
        }
        let close = (at..words.len()).find(|&i| text(i) == ")").unwrap_or(at);
        let serialised = (at..close).any(|i| text(i) == "Serialize");
        at = close;
        if !serialised {
            continue;
        }
        let Some(item) = (at..words.len()).find(|&i| matches!(text(i), "struct" | "enum")) else { return };
        let Some(body) = (item..words.len()).find(|&i| matches!(text(i), "{" | "(" | ";")) else { return };
        let end = item_end(words, item);
        fields(words, body, end, out);
        at = end;
    }
}

fn fields(words: &[Word], body: usize, end: usize, out: &mut Vec<Finding>) {
    let text = |at: usize| words.get(at).map_or("", |w| w.text.as_str());
    let mut skipped = false;
    let mut depth = 0;
    for at in body..end {
        match text(at) {
            "{" | "(" | "[" | "<" => depth += 1,
            "}" | ")" | "]" | ">" => depth -= 1,
            "skip" if text_before(words, at, 2) == "serde" => skipped = true,
            "," if depth == 1 => skipped = false,
            "usize" | "isize" if !skipped && text_before(words, at, 1) != "as" => {
                out.push(Finding {
                    line: words[at].line,
                    word: text(at).into(),
                    why: "the host's width in what is serialised",
                });
            }
            _ => {}
        }
    }
}
