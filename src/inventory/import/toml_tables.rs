//! TOML table by table: cut where a new `[[channel]]` begins, so that not all of a large file is in memory as values.
//!
//! The parser needs some eighty bytes for one byte of a hostile text, so what is parsed at one time is bounded. What stands
//! before the first table, or after it under another heading, is parsed and passed over.

/// Parsed at one time.
const MAX_PIECE: usize = 1 << 20;

/// Pieces with the number of the line at which each begins, from 1. The error is a sentence.
pub fn pieces<'a>(text: &'a str, name: &str) -> Result<Vec<(usize, &'a str)>, String> {
    let heading = format!("[[{name}]]");
    let begins = |line: &str| {
        line.trim_start()
            .strip_prefix(&heading)
            .is_some_and(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with('#'))
    };
    let mut found = Vec::new();
    let (mut start, mut first_line, mut at) = (0, 1, 0);
    for (i, line) in text.split_inclusive('\n').enumerate() {
        if begins(line) && at > start {
            found.push((first_line, &text[start..at]));
            (start, first_line) = (at, i + 1);
        }
        at += line.len();
    }
    found.push((first_line, &text[start..]));
    match found.iter().find(|(_, piece)| piece.len() > MAX_PIECE) {
        Some((line, piece)) => Err(format!(
            "line {line}: what begins there has {} bytes without another {heading}; write each as a table {heading} of its own, or use JSON",
            piece.len()
        )),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_where_a_table_begins() {
        let text = "# head\n[node]\nx = 1\n[[channel]]\nid = \"a\"\n  [[channel.zone]]\n  id = \"z\"\n [[channel]] # b\nid = \"b\"\n";
        let cut: Vec<_> = pieces(text, "channel").unwrap();
        assert_eq!(cut.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 4, 8]);
        assert_eq!(cut.iter().map(|(_, p)| *p).collect::<String>(), text, "nothing is lost");
        assert_eq!(pieces("", "channel").unwrap(), [(1, "")]);
        let long = format!("x = [{}0]", "0,".repeat(MAX_PIECE));
        assert!(pieces(&long, "channel").unwrap_err().contains("line 1"));
    }
}
