//! The fields of a row: what they are called, how a cell is read, and how a cell is written.

use serde_json::{Value, json};

use crate::config::{AreaKind, Channel, StreamKind, Tls};
use crate::inventory::{
    Kind,
    record::{self, Fields},
};
use crate::types::ConditionKind;

/// People of one area.
const MAX_PEOPLE: u8 = 20;

/// What a column or key may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Id,
    Name,
    Lat,
    Lon,
    /// Area by its name at a level of the tree; made where it is not there.
    Level(AreaKind),
    // Of channels.
    Url,
    MainUrl,
    Credential,
    Area,
    Transport,
    Tls,
    Stream,
    Enabled,
    Weight,
    ExternalId,
    Tags,
    IgnoreConditions,
    Host,
    Port,
    ChannelNo,
    Brand,
    Username,
    Password,
    // Of areas.
    Kind,
    Parent,
    /// Of the n-th responsible person, from 1.
    Person(u8, Part),
    /// Nested tables; only TOML and JSON have them.
    Zone,
    Line,
    Mask,
    People,
    Polygon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Name,
    Role,
    Phone,
    Email,
}

/// Fields of channels that are keys of the configuration, in the order of an export.
const CHANNEL: [Field; 19] = [
    Field::Id,
    Field::Name,
    Field::Url,
    Field::MainUrl,
    Field::Credential,
    Field::Area,
    Field::Transport,
    Field::Tls,
    Field::Stream,
    Field::Enabled,
    Field::Weight,
    Field::ExternalId,
    Field::Tags,
    Field::IgnoreConditions,
    Field::Lat,
    Field::Lon,
    Field::Zone,
    Field::Line,
    Field::Mask,
];
/// Those from which others are made.
const MADE_FROM: [Field; 6] =
    [Field::Host, Field::Port, Field::ChannelNo, Field::Brand, Field::Username, Field::Password];
const AREA: [Field; 8] =
    [Field::Id, Field::Name, Field::Kind, Field::Parent, Field::Lat, Field::Lon, Field::People, Field::Polygon];
pub const LEVELS: [AreaKind; 5] =
    [AreaKind::District, AreaKind::Street, AreaKind::Community, AreaKind::Grid, AreaKind::MicroGrid];

impl Field {
    /// As a heading of an export, a key of TOML and JSON, and a target of a mapping.
    pub fn name(self) -> String {
        let name = match self {
            Field::Id => "id",
            Field::Name => "name",
            Field::Lat => "lat",
            Field::Lon => "lon",
            Field::Level(AreaKind::District) => "district",
            Field::Level(AreaKind::Street) => "street",
            Field::Level(AreaKind::Community) => "community",
            Field::Level(AreaKind::Grid) => "grid",
            Field::Level(AreaKind::MicroGrid) => "micro_grid",
            Field::Url => "url",
            Field::MainUrl => "main_url",
            Field::Credential => "credential",
            Field::Area => "area",
            Field::Transport => "transport",
            Field::Tls => "tls",
            Field::Stream => "stream",
            Field::Enabled => "enabled",
            Field::Weight => "weight",
            Field::ExternalId => "external_id",
            Field::Tags => "tags",
            Field::IgnoreConditions => "ignore_conditions",
            Field::Host => "host",
            Field::Port => "port",
            Field::ChannelNo => "channel_no",
            Field::Brand => "brand",
            Field::Username => "username",
            Field::Password => "password",
            Field::Kind => "kind",
            Field::Parent => "parent",
            Field::Person(n, part) => {
                let part = match part {
                    Part::Name => "person",
                    Part::Role => "role",
                    Part::Phone => "phone",
                    Part::Email => "email",
                };
                return format!("{part}_{n}");
            }
            Field::Zone => "zone",
            Field::Line => "line",
            Field::Mask => "mask",
            Field::People => "people",
            Field::Polygon => "polygon",
        };
        name.to_owned()
    }

    /// Nested tables, which no cell can hold.
    pub fn nested(self) -> bool {
        matches!(self, Field::Zone | Field::Line | Field::Mask | Field::People | Field::Polygon)
    }
}

/// Every field that a file of this kind may have.
pub fn fields_of(kind: Kind) -> Vec<Field> {
    let levels = LEVELS.map(Field::Level);
    match kind {
        Kind::Area => {
            let people = (1..=MAX_PEOPLE)
                .flat_map(|n| [Part::Name, Part::Role, Part::Phone, Part::Email].map(|part| Field::Person(n, part)));
            AREA.into_iter().chain(levels).chain(people).collect()
        }
        _ => CHANNEL.into_iter().chain(MADE_FROM).chain(levels).collect(),
    }
}

pub fn field_of(kind: Kind, name: &str) -> Option<Field> {
    fields_of(kind).into_iter().find(|f| f.name() == name)
}

/// The columns of an export; `people`: the most that an area has.
pub fn csv_fields(kind: Kind, people: usize) -> Vec<Field> {
    let people = u8::try_from(people).unwrap_or(MAX_PEOPLE).min(MAX_PEOPLE);
    let persons = (1..=people)
        .flat_map(|n| [Part::Name, Part::Role, Part::Phone, Part::Email].map(|part| Field::Person(n, part)));
    match kind {
        Kind::Area => AREA.into_iter().filter(|f| !f.nested()).chain(persons).collect(),
        _ => CHANNEL.into_iter().filter(|f| !f.nested()).collect(),
    }
}

/// The cell of a field, as `set_field` reads it.
pub fn cell_of(field: Field, fields: &Fields) -> String {
    let plain = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    if let Field::Person(n, part) = field {
        let key = match part {
            Part::Name => "name",
            Part::Role => "role",
            Part::Phone => "phone",
            Part::Email => "email",
        };
        let person = fields.get("people").and_then(|p| p.get(usize::from(n) - 1));
        return person.and_then(|p| p.get(key)).map(plain).unwrap_or_default();
    }
    fields.get(&field.name()).map(plain).unwrap_or_default()
}

/// Reads a cell into the fields of a channel or area. Empty: as if it had never been set. The error is a sentence
/// without the value.
pub fn set_field(fields: &mut Fields, field: Field, cell: &str) -> Result<(), String> {
    let cell = cell.trim();
    let value = match field {
        Field::Name | Field::Url | Field::ExternalId => json!(cell),
        Field::MainUrl | Field::Credential | Field::Area | Field::Parent if cell.is_empty() => Value::Null,
        Field::MainUrl => json!(cell),
        Field::Credential | Field::Area | Field::Parent => {
            crate::types::AreaId::new(cell)
                .map_err(|_| "is no id: use 1 to 64 of a-z, 0-9, '.', '_' and '-'".to_owned())?;
            json!(cell)
        }
        Field::Transport => json!(if cell.is_empty() { "tcp".to_owned() } else { cell.to_lowercase() }),
        Field::Tls if cell.is_empty() => json!(Tls::default()),
        Field::Tls => json!(cell.to_lowercase().parse::<Tls>()?),
        Field::Stream => json!(stream(cell)?),
        Field::Enabled => json!(yes_or_no(cell)?),
        Field::Weight if cell.is_empty() => json!(1.0),
        Field::Weight => number(cell)?,
        Field::Lat | Field::Lon if cell.is_empty() => Value::Null,
        Field::Lat | Field::Lon => number(cell)?,
        Field::Tags => json!(tags(cell)),
        Field::IgnoreConditions => json!(conditions(cell)?),
        Field::Kind => json!(area_kind(cell)?),
        Field::Person(n, part) => return person(fields, usize::from(n) - 1, part, cell),
        _ => return Err(format!("{} is not set by itself", field.name())),
    };
    fields.insert(field.name(), value);
    Ok(())
}

/// A channel with other fields, each by its name. The error names the field.
pub fn set_fields(channel: &Channel, pairs: &[(String, String)]) -> Result<Channel, (String, String)> {
    let mut fields = record::channel_fields(channel);
    for (name, cell) in pairs {
        let field = field_of(Kind::Channel, name).filter(|f| *f != Field::Id);
        let field = field.ok_or_else(|| (name.clone(), "is no field that can be set".to_owned()))?;
        set_field(&mut fields, field, cell).map_err(|why| (name.clone(), why))?;
    }
    record::object(channel.id.as_str(), &fields).map_err(|e| (String::new(), e.to_string()))
}

fn number(cell: &str) -> Result<Value, String> {
    let number: f64 = cell.parse().map_err(|_| "is no number".to_owned())?;
    if !number.is_finite() {
        return Err("is no number".into());
    }
    Ok(json!(number))
}

fn stream(cell: &str) -> Result<StreamKind, String> {
    match cell.to_lowercase().as_str() {
        "" | "sub" | "子码流" | "辅码流" | "子" | "辅" => Ok(StreamKind::Sub),
        "main" | "主码流" | "主" => Ok(StreamKind::Main),
        _ => Err("is no stream: main or sub (主码流, 子码流)".into()),
    }
}

fn yes_or_no(cell: &str) -> Result<bool, String> {
    match cell.to_lowercase().as_str() {
        "" | "true" | "1" | "yes" | "y" | "on" | "是" | "启用" | "开" | "有效" => Ok(true),
        "false" | "0" | "no" | "n" | "off" | "否" | "停用" | "禁用" | "关" | "无效" => Ok(false),
        _ => Err("is neither true nor false (是, 否)".into()),
    }
}

fn conditions(cell: &str) -> Result<Vec<String>, String> {
    let known = ConditionKind::ALL.map(ConditionKind::as_str);
    let named = tags(cell);
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("names the condition '{name}', which there is not; there are: {}", known.join(", "))),
        None => Ok(named),
    }
}

fn tags(cell: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in cell.split([',', ';', '|', '，', '；', '、', ' ']).map(|t| t.trim().to_lowercase()) {
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

pub fn area_kind(cell: &str) -> Result<AreaKind, String> {
    match cell.to_lowercase().replace([' ', '_'], "-").as_str() {
        "district" | "区" | "区县" | "县" | "辖区" => Ok(AreaKind::District),
        "street" | "街道" | "镇" | "乡镇" => Ok(AreaKind::Street),
        "community" | "社区" | "村" => Ok(AreaKind::Community),
        "grid" | "网格" => Ok(AreaKind::Grid),
        "micro-grid" | "microgrid" | "微网格" => Ok(AreaKind::MicroGrid),
        _ => {
            Err("is no kind of area: district, street, community, grid or micro-grid (区, 街道, 社区, 网格, 微网格)"
                .into())
        }
    }
}

/// People stand in a list; empty ones behind the last go when the row is done (`trim_people`).
fn person(fields: &mut Fields, at: usize, part: Part, cell: &str) -> Result<(), String> {
    let people = fields.entry("people").or_insert_with(|| json!([]));
    let Value::Array(people) = people else { return Err("the people are no list".into()) };
    while people.len() <= at {
        people.push(json!({ "name": "", "role": "", "phone": "", "email": "" }));
    }
    let key = match part {
        Part::Name => "name",
        Part::Role => "role",
        Part::Phone => "phone",
        Part::Email => "email",
    };
    people[at][key] = json!(cell);
    Ok(())
}

/// People of whom nothing is said are none.
pub fn trim_people(fields: &mut Fields) {
    if let Some(Value::Array(people)) = fields.get_mut("people") {
        people.retain(|p| p.as_object().is_some_and(|p| p.values().any(|v| v.as_str().is_some_and(|s| !s.is_empty()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::record::{self, blank_channel};

    #[test]
    fn every_key_of_a_channel_and_an_area_is_a_field() {
        let keys = |fields: Fields| fields.keys().cloned().chain(["id".to_owned()]).collect::<Vec<_>>();
        for key in keys(record::channel_fields(&blank_channel())) {
            assert!(field_of(Kind::Channel, &key).is_some(), "a channel's {key}");
        }
        let area = serde_json::from_str(r#"{"id":"a","name":"a","kind":"grid"}"#).unwrap();
        for key in keys(record::area_fields(&area)) {
            assert!(field_of(Kind::Area, &key).is_some(), "an area's {key}");
        }
    }

    #[test]
    fn a_cell_that_is_written_reads_as_it_was() {
        let channel = crate::config::Channel {
            name: "东门".into(),
            url: "rtsp://10.0.0.1/".into(),
            weight: 0.3,
            tags: vec!["学校".into(), "gate".into()],
            lat: Some(22.543_1),
            lon: Some(-0.25),
            enabled: false,
            ..blank_channel()
        };
        let fields = record::channel_fields(&channel);
        let mut read = record::channel_fields(&blank_channel());
        for field in csv_fields(Kind::Channel, 0).into_iter().filter(|f| *f != Field::Id) {
            set_field(&mut read, field, &cell_of(field, &fields)).unwrap();
        }
        assert_eq!(read, fields);
    }

    #[test]
    fn what_cannot_be_read_says_what_would_be_right() {
        let mut fields = record::channel_fields(&blank_channel());
        for (field, cell, needle) in [
            (Field::Lat, "north", "number"),
            (Field::Lat, "NaN", "number"),
            (Field::Enabled, "maybe", "true"),
            (Field::Stream, "third", "sub"),
            (Field::Credential, "A B", "id"),
            (Field::Kind, "country", "district"),
        ] {
            assert!(set_field(&mut fields, field, cell).unwrap_err().contains(needle), "{cell}");
        }
    }
}
