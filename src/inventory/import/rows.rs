//! From a file's bytes to rows, whatever its format: each row as cells with their fields, and what of it is refused
//! already.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Import, MAX_BYTES, MAX_ROWS, Refused,
    field::{self, Field},
    headings::{self, Column},
    objects,
    table::{self, Line, MAX_CELL, MAX_COLUMNS, Scanner},
    toml_tables,
};
use crate::config::validate::holds_password;
use crate::inventory::{Format, InventoryError, Kind, check};

/// What a value is shown with.
const SHOWN: usize = 40;

/// How the file was read.
pub struct Sheet {
    pub format: Format,
    pub encoding: &'static str,
    pub delimiter: String,
    pub mapping: Vec<Column>,
    pub rows: u64,
}

/// One row.
pub struct Row {
    pub number: u64,
    pub cells: Vec<Cell>,
    pub refused: Vec<Refused>,
}

pub struct Cell {
    pub field: Field,
    pub heading: Arc<str>,
    pub content: Content,
}

pub enum Content {
    Text(String),
    /// Lists and tables, of TOML and JSON.
    Nested(Value),
}

impl Row {
    fn new(number: u64) -> Self {
        Self { number, cells: Vec::new(), refused: Vec::new() }
    }

    pub fn cell(&self, field: Field) -> Option<&Cell> {
        self.cells.iter().find(|c| c.field == field)
    }

    /// The text of a field's cell, if there is such a column.
    pub fn text(&self, field: Field) -> Option<&str> {
        match &self.cell(field)?.content {
            Content::Text(text) => Some(text.trim()),
            Content::Nested(_) => None,
        }
    }

    /// The text of a field's cell, if there is something in it.
    pub fn said(&self, field: Field) -> Option<&str> {
        self.text(field).filter(|t| !t.is_empty())
    }

    /// Refuses a field, named as the file names it; of several fields the first that the file has.
    pub fn refuse(&mut self, fields: &[Field], reason: impl Into<String>) {
        let cell = fields.iter().find_map(|f| self.cell(*f));
        let (column, value) = match cell {
            Some(cell) => {
                let value = match &cell.content {
                    Content::Text(text) => shown(cell.field, text),
                    Content::Nested(_) => String::new(),
                };
                (cell.heading.to_string(), value)
            }
            None => (fields.first().map(|f| f.name()).unwrap_or_default(), String::new()),
        };
        self.refused.push(Refused { row: self.number, column, value, reason: reason.into() });
    }
}

/// Shortened, and without what may be a password.
fn shown(field: Field, text: &str) -> String {
    let in_url = |text: &str| text.contains('@') || url::Url::parse(text).is_ok_and(|u| holds_password(&u));
    if field == Field::Password || (text.contains("://") && in_url(text.trim())) {
        return String::new();
    }
    let mut short: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

/// Gives each row to `take`, in order. An error is about the whole file.
pub fn read(import: &Import, take: &mut dyn FnMut(Row)) -> Result<Sheet, InventoryError> {
    let bytes: &[u8] = &import.bytes;
    let bad = |what: String| InventoryError::BadFile(format!("{}: {what}", import.filename));
    if bytes.len() > MAX_BYTES {
        return Err(bad(format!("has {} bytes; an import has at most {MAX_BYTES}", bytes.len())));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(bad("is a spreadsheet's workbook; save it as CSV (UTF-8) and import that".into()));
    }
    let format = Format::of_name(&import.filename).unwrap_or_else(|| guess(bytes));
    match format {
        Format::Csv => csv(import, take).map_err(bad),
        Format::Json => nested(import, format, take).map_err(bad),
        Format::Toml => nested(import, format, take).map_err(bad),
    }
}

/// By what it begins with, where the name says nothing.
fn guess(bytes: &[u8]) -> Format {
    let head = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match head {
        [b'[', b'[', b'a'..=b'z', ..] | [b'#', ..] => Format::Toml,
        [b'[' | b'{', ..] => Format::Json,
        _ => Format::Csv,
    }
}

fn csv(import: &Import, take: &mut dyn FnMut(Row)) -> Result<Sheet, String> {
    let text = table::text(&import.bytes);
    let delimiter = table::delimiter(&text.bytes);
    let mut scanner = Scanner::new(&text.bytes, delimiter);
    let mut line = Line::default();
    // Empty lines above the headings are passed over.
    loop {
        if !scanner.next(&mut line) {
            return Err("is empty; the first row has the headings".into());
        }
        if !line.is_empty() {
            break;
        }
    }
    if line.count > MAX_COLUMNS {
        return Err(format!("has {} columns; at most {MAX_COLUMNS}", line.count));
    }
    let mut names = Vec::new();
    for cell in line.cells() {
        let name = (cell.len <= MAX_CELL).then(|| table::decode(text.encoding, &cell.bytes)).flatten();
        names.push(name.map_or_else(String::new, |n| n.trim().to_owned()));
    }
    let columns = headings::columns(import.kind, &names, &import.map)?;
    if columns.iter().all(|(_, field)| field.is_none()) {
        return Err(format!(
            "no heading of the first row is known ({}); name the columns or give a mapping HEADING=FIELD",
            names.iter().take(8).map(|n| n.chars().take(20).collect::<String>()).collect::<Vec<_>>().join(", ")
        ));
    }
    let named: Vec<(Arc<str>, Option<Field>)> =
        columns.iter().map(|(c, f)| (Arc::from(c.heading.as_str()), *f)).collect();
    let mut count = 0;
    while scanner.next(&mut line) {
        if line.is_empty() {
            continue;
        }
        count += 1;
        if count > MAX_ROWS {
            return Err(format!("has more than {MAX_ROWS} rows; import it in parts"));
        }
        take(row(&line, &named, text.encoding));
    }
    Ok(Sheet {
        format: Format::Csv,
        encoding: text.encoding.name(),
        delimiter: char::from(delimiter).to_string(),
        mapping: columns.into_iter().map(|(c, _)| c).collect(),
        rows: count,
    })
}

fn row(line: &Line, columns: &[(Arc<str>, Option<Field>)], encoding: table::Encoding) -> Row {
    let mut row = Row::new(line.number);
    let mut refuse = |column: &str, reason: String| {
        row.refused.push(Refused { row: line.number, column: column.to_owned(), value: String::new(), reason });
    };
    // Some programs leave out empty cells at the end, or write one separator more.
    let extra = line.cells().iter().skip(columns.len()).any(|c| c.len > 0) || line.count > MAX_COLUMNS;
    if line.unclosed {
        refuse("", "a quotation mark is not closed before the end of the file".into());
    } else if extra || line.count < columns.len() {
        refuse("", format!("has {} cells, and there are {} headings", line.count, columns.len()));
    }
    let mut cells = Vec::with_capacity(columns.len());
    for (cell, (heading, field)) in line.cells().iter().zip(columns) {
        if cell.len > MAX_CELL {
            refuse(heading, format!("has {} bytes; a cell has at most {MAX_CELL}", cell.len));
            continue;
        }
        let Some(field) = *field else { continue };
        match table::decode(encoding, &cell.bytes) {
            None => refuse(heading, format!("holds bytes that are no {}; save the file anew", encoding.name())),
            Some(text) => cells.push((field, heading.clone(), text.into_owned())),
        }
    }
    for (field, heading, text) in cells {
        put(&mut row, field, heading, text);
    }
    row
}

/// Takes a text into the row, or refuses it.
fn put(row: &mut Row, field: Field, heading: Arc<str>, text: String) {
    let why = if text.len() > MAX_CELL {
        Some(format!("has more than {MAX_CELL} bytes"))
    } else {
        suspicious(field, text.trim())
    };
    row.cells.push(Cell { field, heading, content: Content::Text(text) });
    if let Some(why) = why {
        row.refuse(&[field], why);
    }
}

/// What a spreadsheet makes of a cell, or would make.
fn suspicious(field: Field, text: &str) -> Option<String> {
    let number = matches!(field, Field::Lat | Field::Lon | Field::Weight | Field::Port | Field::ChannelNo);
    // Passwords go into no file that we write; numbers of telephones are looked at with the rest of the area.
    if number || matches!(field, Field::Password | Field::Person(_, field::Part::Phone)) {
        return None;
    }
    if let Some(why) = check::formula(text) {
        return Some(why);
    }
    let code = matches!(field, Field::ExternalId | Field::Id);
    let scientific = text.to_ascii_uppercase().split_once("E+").is_some_and(|(a, b)| {
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        digits(a) && digits(b)
    });
    (code && scientific).then(|| {
        "was made a number by the spreadsheet, its digits are lost; give the column the format text".to_owned()
    })
}

/// TOML and JSON.
fn nested(import: &Import, format: Format, take: &mut dyn FnMut(Row)) -> Result<Sheet, String> {
    let bytes = import.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&import.bytes);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        format!("line {line} is not UTF-8; save the file as UTF-8")
    })?;
    let mut keys: BTreeMap<String, (usize, Option<Field>)> = BTreeMap::new();
    let count = std::cell::Cell::new(0u64);
    let mut each = |object: Map<String, Value>| {
        count.set(count.get() + 1);
        take(object_row(import, count.get(), object, &mut keys));
    };
    let name = import.kind.as_str();
    match format {
        Format::Json => {
            let mut source = serde_json::Deserializer::from_str(text);
            let list = objects::read(&mut source, name, &mut each).map_err(|e| e.to_string())?;
            source.end().map_err(|e| e.to_string())?;
            if !list {
                return Err(objects::no_list(name));
            }
        }
        _ => {
            let mut lists = 0;
            for (first, piece) in toml_tables::pieces(text, name)? {
                let wrong = |e: toml::de::Error| {
                    let at = e.span().map_or(0, |s| s.start);
                    let line = first + piece.as_bytes().iter().take(at).filter(|b| **b == b'\n').count();
                    format!("line {line}: {}", e.message().trim_end().replace('\n', "; "))
                };
                let source = toml::Deserializer::parse(piece).map_err(wrong)?;
                lists += usize::from(objects::read(source, name, &mut each).map_err(wrong)?);
                if count.get() > MAX_ROWS {
                    return Err(objects::too_many());
                }
            }
            if lists == 0 {
                return Err(objects::no_list(name));
            }
        }
    }
    if let Some(heading) = import.map.keys().find(|h| !keys.contains_key(*h)) {
        return Err(format!("the mapping names the key '{heading}', which the file does not have"));
    }
    let mut mapping: Vec<Column> = keys
        .into_iter()
        .map(|(heading, (column, field))| Column {
            column,
            field: field.map(Field::name),
            guessed: field.is_some() && !import.map.contains_key(&heading),
            heading,
        })
        .collect();
    mapping.sort_by_key(|c| c.column);
    Ok(Sheet { format, encoding: "utf-8", delimiter: String::new(), mapping, rows: count.get() })
}

/// Keys of one file that are remembered for the mapping.
const MAX_KEYS: usize = 256;

fn object_row(
    import: &Import,
    number: u64,
    object: Map<String, Value>,
    keys: &mut BTreeMap<String, (usize, Option<Field>)>,
) -> Row {
    let mut row = Row::new(number);
    for (key, value) in object {
        let chosen = import.map.get(&key);
        let field = match chosen {
            Some(name) => field::field_of(import.kind, name),
            None => field::field_of(import.kind, &key),
        };
        if keys.len() < MAX_KEYS && !keys.contains_key(&key) {
            keys.insert(key.clone(), (keys.len() + 1, field));
        }
        let column: String = key.chars().take(SHOWN).collect();
        let refusal = |reason: String| Refused { row: number, column: column.clone(), value: String::new(), reason };
        let Some(field) = field else {
            if chosen.is_none() {
                let known: Vec<_> = field::fields_of(import.kind).iter().take(20).map(|f| f.name()).collect();
                row.refused.push(refusal(format!(
                    "is no key of {} {}; keys are {}, …",
                    article(import.kind),
                    import.kind,
                    known.join(", ")
                )));
            }
            continue;
        };
        if row.cell(field).is_some() {
            row.refuse(&[field], "is given by two keys");
            continue;
        }
        let heading: Arc<str> = Arc::from(key.as_str());
        match value {
            Value::String(text) => put(&mut row, field, heading, text),
            Value::Null => put(&mut row, field, heading, String::new()),
            Value::Bool(_) | Value::Number(_) if !field.nested() => put(&mut row, field, heading, value.to_string()),
            Value::Array(items)
                if matches!(field, Field::Tags | Field::IgnoreConditions) && items.iter().all(Value::is_string) =>
            {
                let text = items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";");
                put(&mut row, field, heading, text);
            }
            value @ Value::Array(_) if field.nested() => {
                row.cells.push(Cell { field, heading, content: Content::Nested(value) });
            }
            _ => row.refused.push(refusal("has a value of another type than this key has".into())),
        }
    }
    row
}

fn article(kind: Kind) -> &'static str {
    if kind == Kind::Area { "an" } else { "a" }
}
