//! What is stored, as a file that an import takes: nothing changes when it is imported again.
//!
//! CSV begins with a byte-order mark, so that spreadsheets show Chinese. It holds no zones, masks and no key that only a
//! program would write; an import of it leaves those as they are. TOML and JSON hold everything. A password is in none.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{
    Snapshot,
    import::{Field, cell_of, csv_fields},
    record::{self, Fields, Kind},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Json,
    Toml,
}

impl Format {
    /// From the end of a file's name.
    pub fn of_name(name: &str) -> Option<Format> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" | "txt" | "tsv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "toml" => Some(Format::Toml),
            _ => None,
        }
    }
}

/// Channels or areas as a file's bytes.
pub fn export(snapshot: &Snapshot, kind: Kind, format: Format) -> Vec<u8> {
    let rows: Vec<(&str, Fields)> = match kind {
        Kind::Area => snapshot.areas.iter().map(|a| (a.value.id.as_str(), record::area_fields(&a.value))).collect(),
        Kind::Rule => snapshot.rules.iter().map(|r| (r.value.id.as_str(), record::rule_fields(&r.value))).collect(),
        Kind::Timetable => {
            snapshot.timetables.iter().map(|t| (t.value.id.as_str(), record::timetable_fields(&t.value))).collect()
        }
        _ => snapshot.channels.iter().map(|c| (c.value.id.as_str(), record::channel_fields(&c.value))).collect(),
    };
    match format {
        Format::Csv => csv(kind, &rows).into_bytes(),
        Format::Json => json(kind, rows).into_bytes(),
        Format::Toml => toml(kind, rows).into_bytes(),
    }
}

fn csv(kind: Kind, rows: &[(&str, Fields)]) -> String {
    let people = rows.iter().filter_map(|(_, f)| f.get("people")?.as_array().map(Vec::len)).max().unwrap_or(0);
    let fields: Vec<Field> = csv_fields(kind, people);
    let mut text = String::from("\u{feff}");
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        for (i, cell) in cells.enumerate() {
            if i > 0 {
                text.push(',');
            }
            text.push_str(&quoted(&cell));
        }
        text.push_str("\r\n");
    };
    line(&mut fields.iter().map(|f| f.name()));
    for (id, row) in rows {
        line(&mut fields.iter().map(|f| if *f == Field::Id { (*id).to_owned() } else { cell_of(*f, row) }));
    }
    text
}

fn quoted(cell: &str) -> String {
    let plain = !cell.contains([',', ';', '\t', '"', '\r', '\n']) && cell.trim() == cell;
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

/// Without what is not set; the id first.
fn whole(id: &str, fields: Fields) -> Map<String, Value> {
    let mut all = Map::from_iter([("id".to_owned(), Value::from(id))]);
    let empty =
        |v: &Value| v.is_null() || v.as_str().is_some_and(str::is_empty) || v.as_array().is_some_and(Vec::is_empty);
    all.extend(fields.into_iter().filter(|(_, v)| !empty(v)));
    all
}

fn json(kind: Kind, rows: Vec<(&str, Fields)>) -> String {
    let mut text = format!("{{\"{kind}\": [");
    for (i, (id, fields)) in rows.into_iter().enumerate() {
        text.push_str(if i > 0 { ",\n  " } else { "\n  " });
        text.push_str(&Value::Object(whole(id, fields)).to_string());
    }
    text.push_str("\n]}\n");
    text
}

/// As the tables stand in a configuration file. Lists and nested tables are written in line.
fn toml(kind: Kind, rows: Vec<(&str, Fields)>) -> String {
    let mut text = String::new();
    for (id, fields) in rows {
        // Writing to a text does not fail.
        _ = writeln!(text, "[[{kind}]]");
        for (key, value) in whole(id, fields) {
            _ = writeln!(text, "{key} = {}", toml_value(&value));
        }
        text.push('\n');
    }
    text
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let inner: Vec<_> = map.iter().map(|(k, v)| format!("{k} = {}", toml_value(v))).collect();
            format!("{{ {} }}", inner.join(", "))
        }
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        other => other.to_string(),
    }
}
