//! Cells of the CSV that goes out. What stands in them is foreign text: notes, names, hosts that were tried.

/// A cell that no spreadsheet takes for a formula, nor a part of it where another sign than the comma parts cells.
pub fn cell(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len() + 1);
    let mut begins = true;
    for c in text.chars() {
        if begins && matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') {
            guarded.push('\'');
        }
        begins = matches!(c, ';' | '\t' | '\n' | '\r');
        guarded.push(c);
    }
    let plain = !guarded.contains([',', ';', '\t', '"', '\r', '\n']) && guarded.trim() == guarded;
    if plain { guarded } else { format!("\"{}\"", guarded.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_however_cells_are_parted() {
        for (text, want) in [
            ("Gate 3", "Gate 3"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("＝1", "'＝1"),
            ("a-b", "a-b"),
            ("a, b", "\"a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("x;=HYPERLINK(1)", "\"x;'=HYPERLINK(1)\""),
            ("x\t@y", "\"x\t'@y\""),
            ("first\n-second", "\"first\n'-second\""),
            (" x", "\" x\""),
        ] {
            assert_eq!(cell(text), want, "{text:?}");
        }
    }
}
