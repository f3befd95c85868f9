//! A table as spreadsheets save it: bytes to rows of cells.
//!
//! Separated by comma, semicolon or tab, quoted as in RFC 4180, in UTF-8, GB18030 or UTF-16, with a byte-order mark or
//! without. Read by a scanner of its own, not by a crate: no cell may grow beyond its bound, however long it is in the
//! file, and a row must have the number that the spreadsheet shows for it. In both encodings a separator or a quotation
//! mark is never part of another character, so cells are cut first and decoded one by one, and bytes that are no text
//! are known by row and column.

use std::borrow::Cow;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

/// A longer cell is refused.
pub const MAX_CELL: usize = 4096;
/// Cells of a row that are kept.
pub const MAX_COLUMNS: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Gb18030,
    Utf16,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
            Encoding::Utf16 => "utf-16",
        }
    }
}

/// The bytes to cut into cells, and how a cell is decoded.
pub struct Text<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub encoding: Encoding,
}

/// Finds out the encoding. Of UTF-16 everything is decoded at once: it has zeros everywhere.
pub fn text(bytes: &[u8]) -> Text<'_> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Text { bytes: rest.into(), encoding: Encoding::Utf8 };
    }
    for (mark, wide) in [(b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            // Broken pairs become U+FFFD, which `decode` refuses in its cell.
            let (text, _) = wide.decode_without_bom_handling(rest);
            return Text { bytes: text.into_owned().into_bytes().into(), encoding: Encoding::Utf16 };
        }
    }
    let encoding =
        if std::str::from_utf8(bytes).is_ok() || mostly_utf8(bytes) { Encoding::Utf8 } else { Encoding::Gb18030 };
    Text { bytes: bytes.into(), encoding }
}

/// True for UTF-8 with some broken places: Chinese in GB18030 has hardly a sequence of three bytes that is good UTF-8.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| c.len_utf8() >= 3).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    let gb_broken = GB18030.decode_without_bom_handling(bytes).0.matches('\u{fffd}').count();
    good > broken || (good == 0 && broken <= gb_broken)
}

/// Decodes a cell; `None`: bytes that are no text.
pub fn decode(encoding: Encoding, cell: &[u8]) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(cell),
        Encoding::Utf8 | Encoding::Utf16 => {
            let text = std::str::from_utf8(cell).ok()?;
            let lost = encoding == Encoding::Utf16 && text.contains('\u{fffd}');
            (!lost).then_some(Cow::Borrowed(text))
        }
    }
}

/// The separator that the first line has most of; a line `sep=;` before it says it itself.
pub fn delimiter(bytes: &[u8]) -> u8 {
    if let [b's', b'e', b'p', b'=', separator @ (b',' | b';' | b'\t'), ..] = bytes {
        return *separator;
    }
    let (mut quoted, mut counts) = (false, [0usize; 3]);
    for byte in bytes.iter().take(1 << 16) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && counts != [0; 3] => break,
            b',' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b'\t' if !quoted => counts[2] += 1,
            _ => {}
        }
    }
    match counts {
        [c, s, t] if t > c && t > s => b'\t',
        [c, s, _] if s > c => b';',
        _ => b',',
    }
}

/// One cell's bytes, and how many there were in the file.
#[derive(Debug, Default)]
pub struct Cell {
    pub bytes: Vec<u8>,
    pub len: usize,
}

/// One row. Its buffers are used again for the next.
#[derive(Debug, Default)]
pub struct Line {
    cells: Vec<Cell>,
    /// All there were, those beyond `MAX_COLUMNS` too.
    pub count: usize,
    /// As the spreadsheet counts, from 1.
    pub number: u64,
    /// A quotation mark was not closed before the end of the file.
    pub unclosed: bool,
}

impl Line {
    pub fn cells(&self) -> &[Cell] {
        &self.cells[..self.count.min(MAX_COLUMNS)]
    }
    /// Nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.count <= MAX_COLUMNS
            && self.cells().iter().all(|c| c.bytes.iter().all(u8::is_ascii_whitespace) && c.len < MAX_CELL)
    }
    fn cell(&mut self) -> Option<&mut Cell> {
        self.cells.get_mut(self.count.checked_sub(1)?)
    }
    fn begin_cell(&mut self) {
        self.count += 1;
        if self.count > MAX_COLUMNS {
            return;
        }
        if self.cells.len() < self.count {
            self.cells.push(Cell::default());
        }
        if let Some(cell) = self.cell() {
            cell.bytes.clear();
            cell.len = 0;
        }
    }
    fn push(&mut self, byte: u8) {
        if self.count > MAX_COLUMNS {
            return;
        }
        if let Some(cell) = self.cell() {
            cell.len += 1;
            if cell.bytes.len() <= MAX_CELL {
                cell.bytes.push(byte);
            }
        }
    }
}

/// Cuts a table into rows.
pub struct Scanner<'a> {
    rest: &'a [u8],
    delimiter: u8,
    number: u64,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8], delimiter: u8) -> Self {
        let mut scanner = Self { rest: bytes, delimiter, number: 0 };
        if bytes.starts_with(b"sep=") {
            scanner.next(&mut Line::default());
        }
        scanner
    }

    /// Reads the next row; `false` at the end.
    pub fn next(&mut self, line: &mut Line) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        self.number += 1;
        line.count = 0;
        line.number = self.number;
        line.unclosed = false;
        line.begin_cell();
        let (mut at, mut quoted, mut fresh) = (0, false, true);
        while let Some(&byte) = self.rest.get(at) {
            at += 1;
            let next = self.rest.get(at).copied();
            match byte {
                b'"' if quoted && next == Some(b'"') => {
                    line.push(b'"');
                    at += 1;
                }
                b'"' if quoted => quoted = false,
                _ if quoted => line.push(byte),
                b'"' if fresh => quoted = true,
                b'\n' | b'\r' => {
                    at += usize::from(byte == b'\r' && next == Some(b'\n'));
                    self.rest = &self.rest[at..];
                    return true;
                }
                _ if byte == self.delimiter => {
                    line.begin_cell();
                    fresh = true;
                    continue;
                }
                _ => line.push(byte),
            }
            fresh = false;
        }
        line.unclosed = quoted;
        self.rest = &[];
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut scanner = Scanner::new(text, delimiter(text));
        let (mut line, mut rows) = (Line::default(), Vec::new());
        while scanner.next(&mut line) {
            let cells = line.cells().iter().map(|c| String::from_utf8_lossy(&c.bytes).into_owned()).collect();
            rows.push((line.number, cells));
        }
        rows
    }

    fn cells(text: &[u8]) -> Vec<Vec<String>> {
        rows(text).into_iter().map(|(_, cells)| cells).collect()
    }

    #[test]
    fn rows_are_cut_as_spreadsheets_write_them() {
        assert_eq!(cells(b"a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n"), [vec!["a", "b"], vec!["1", "x, \"y\"\nz"]]);
        assert_eq!(cells(b"a;b,c;d\n1;2;3"), [vec!["a", "b,c", "d"], vec!["1", "2", "3"]]);
        assert_eq!(cells(b"a\tb\r1\t\r"), [vec!["a", "b"], vec!["1", ""]]);
        assert_eq!(cells(b"sep=;\na,b;c\n"), [vec!["a,b", "c"]]);
        assert_eq!(cells(b""), Vec::<Vec<String>>::new());
        assert_eq!(cells(b"a\"b,c\n"), [vec!["a\"b", "c"]], "a quotation mark inside a plain cell is one");
    }

    #[test]
    fn rows_have_the_numbers_of_the_spreadsheet() {
        let numbers: Vec<_> = rows(b"a\n\n\"x\ny\"\n\nb").into_iter().map(|(n, c)| (n, c[0].clone())).collect();
        assert_eq!(numbers[0], (1, "a".into()));
        assert_eq!(numbers[2], (3, "x\ny".into()));
        assert_eq!(numbers[4], (5, "b".into()));
    }

    #[test]
    fn a_huge_cell_and_a_huge_row_cost_nothing() {
        let text = format!("a\n{}\n\"{}", "x".repeat(1 << 20), "y".repeat(1 << 20));
        let mut scanner = Scanner::new(text.as_bytes(), b',');
        let mut line = Line::default();
        assert!(scanner.next(&mut line) && scanner.next(&mut line));
        assert_eq!((line.cells()[0].len, line.cells()[0].bytes.len()), (1 << 20, MAX_CELL + 1));
        assert!(scanner.next(&mut line) && line.unclosed && !scanner.next(&mut line));
        let wide = ",".repeat(1 << 20);
        assert!(Scanner::new(wide.as_bytes(), b',').next(&mut line));
        assert_eq!((line.count, line.cells().len()), ((1 << 20) + 1, MAX_COLUMNS));
    }

    #[test]
    fn the_encoding_is_found_out() {
        let chinese = "编号,名称\n1,人民路口东北角\n";
        assert_eq!(text(chinese.as_bytes()).encoding, Encoding::Utf8);
        assert_eq!(text(format!("\u{feff}{chinese}").as_bytes()).encoding, Encoding::Utf8);
        let (gb, _, _) = GB18030.encode(chinese);
        let found = text(&gb);
        assert_eq!(found.encoding, Encoding::Gb18030);
        assert_eq!(decode(found.encoding, &found.bytes).unwrap(), chinese);
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(chinese.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(&*text(&wide).bytes, chinese.as_bytes());
        let mut broken = chinese.as_bytes().to_vec();
        broken.extend_from_slice(b"2,\xff\xfe\xff\n3,\xe4\xba,\n");
        assert_eq!(text(&broken).encoding, Encoding::Utf8, "some broken places make it no GB18030");
        assert!(decode(Encoding::Utf8, b"\xff").is_none() && decode(Encoding::Gb18030, b"\xff").is_none());
        let mut gb_broken = gb.to_vec();
        gb_broken.extend_from_slice(b"2,\xff\n");
        assert_eq!(text(&gb_broken).encoding, Encoding::Gb18030);
    }
}
