//! The result of a run as a Markdown page: a line a set, then every opcode or form with what passed of how many.

use super::Report;
use std::fmt::Write as _;

/// Cells in a row of the page.
const COLUMNS: usize = 6;

/// The page for some sets, in their order.
pub fn markdown(sets: &[(String, Report)]) -> String {
    let mut page = String::from(HEAD);
    for (name, report) in sets {
        let sum = report.sum();
        let left: u64 = report.left_out.values().sum();
        let ulp = report.ulp.map_or_else(String::new, |u| format!("transcendental functions within {u} ulp"));
        let _ = writeln!(page, "| {name} | {} | {} | {left} | {ulp} |", sum.passed, sum.total);
    }
    for (name, report) in sets {
        let _ = writeln!(page, "\n## {name}\n");
        for (reason, count) in &report.left_out {
            let _ = writeln!(page, "- left out {count}: {reason}");
        }
        if !report.left_out.is_empty() {
            page.push('\n');
        }
        let cells: Vec<_> = report.rows.iter().map(|(row, c)| format!("`{row}` {}/{}", c.passed, c.total)).collect();
        let columns = COLUMNS.min(cells.len());
        let _ = writeln!(page, "|{}\n|{}", " |".repeat(columns), "---|".repeat(columns));
        for line in cells.chunks(COLUMNS) {
            let _ = writeln!(page, "| {} |{}", line.join(" | "), " |".repeat(columns - line.len()));
        }
    }
    page
}

const HEAD: &str = "\
# Conformance

Written by the conformance program; to make it anew with the vectors in `../shared/conformance`:

```
cargo run --release --bin conformance -- --table docs/conformance.md ../shared/conformance
```

Every cell of the tables below is an opcode or an instruction form with the tests that pass and all of them. Tests are left
out by rule, never one by one; the rules and what they cost are listed with each set. What is compared, and under which
masks of undefined flags, is said at the top of the runner of each set in `tests/src/conformance/`.

| set | passed | of | left out | |
|---|---|---|---|---|
";
