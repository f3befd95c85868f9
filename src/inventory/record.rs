//! Stored objects as maps of fields, and what differs between two of them.
//!
//! A channel or an area is stored as its configuration type without the id, so that a key that the configuration gains is
//! stored, compared and shown without a line here. A credential is its user name and the sealed password.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::config::{Area, AreaKind, Channel, Rule, StreamKind, Timetable, Tls, Transport};
use crate::types::{AreaId, ChannelId};

/// Fields of an object by name.
pub type Fields = Map<String, Value>;

/// Stands for a password in every view.
const CHANGED: &str = "[changed]";
/// The field of a credential that holds the sealed password.
pub const SEALED: &str = "sealed";
pub const USERNAME: &str = "username";

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Channel,
    Area,
    Credential,
    Rule,
    Timetable,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Channel, Kind::Area, Kind::Credential, Kind::Rule, Kind::Timetable];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Channel => "channel",
            Kind::Area => "area",
            Kind::Credential => "credential",
            Kind::Rule => "rule",
            Kind::Timetable => "timetable",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;
    /// Also in the plural, as commands and addresses say it.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim_end_matches('s') {
            "channel" => Ok(Kind::Channel),
            "area" => Ok(Kind::Area),
            "credential" => Ok(Kind::Credential),
            "rule" => Ok(Kind::Rule),
            "timetable" => Ok(Kind::Timetable),
            _ => Err(format!("'{text}' is no kind; channels or areas")),
        }
    }
}

/// By which way a change came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Import,
    Api,
    Console,
    Cli,
    /// By MQTT.
    Command,
    Undo,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Import => "import",
            Source::Api => "api",
            Source::Console => "console",
            Source::Cli => "cli",
            Source::Command => "command",
            Source::Undo => "undo",
        }
    }
    pub fn of(text: &str) -> Option<Self> {
        [Source::Import, Source::Api, Source::Console, Source::Cli, Source::Command, Source::Undo]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// One object before and after an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub kind: Kind,
    pub id: String,
    pub before: Option<Fields>,
    pub after: Option<Fields>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeOp {
    Add,
    Change,
    Remove,
}

/// A change as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChangeView {
    pub kind: Kind,
    pub id: String,
    pub op: ChangeOp,
    pub fields: Vec<FieldChange>,
}

/// One field before and after; null where it was or is not set.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FieldChange {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

impl Change {
    pub fn op(&self) -> ChangeOp {
        match (&self.before, &self.after) {
            (None, _) => ChangeOp::Add,
            (_, None) => ChangeOp::Remove,
            _ => ChangeOp::Change,
        }
    }

    pub fn view(&self) -> ChangeView {
        ChangeView { kind: self.kind, id: self.id.clone(), op: self.op(), fields: self.fields() }
    }

    /// What a rule of this kind has where nothing is said.
    fn usual_rule(&self) -> Fields {
        let fields = self.after.as_ref().or(self.before.as_ref());
        let kind = fields.and_then(|f| f.get("type")).cloned().unwrap_or_default();
        let blank = object::<Rule>("blank", &Fields::from_iter([("type".to_owned(), kind)]));
        let mut usual = blank.map(|rule| rule_fields(&rule)).unwrap_or_default();
        // Of which kind it is, is worth telling.
        usual.remove("type");
        usual
    }

    /// What differs. Of an object that comes or goes, what it has beyond the usual.
    pub fn fields(&self) -> Vec<FieldChange> {
        let usual = match self.kind {
            Kind::Channel => channel_fields(&blank_channel()),
            Kind::Rule => self.usual_rule(),
            _ => Fields::new(),
        };
        let nothing = Fields::new();
        let (before, after) = (self.before.as_ref().unwrap_or(&nothing), self.after.as_ref().unwrap_or(&nothing));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        for name in names {
            let (was, is) = (set(before.get(name)), set(after.get(name)));
            let hidden = match self.op() {
                ChangeOp::Add => is == set(usual.get(name)),
                ChangeOp::Remove => was == set(usual.get(name)),
                ChangeOp::Change => was == is,
            };
            if hidden {
                continue;
            }
            found.push(if name == SEALED {
                let shown = |v: &Value| if v.is_null() { Value::Null } else { CHANGED.into() };
                FieldChange { field: "password".into(), before: shown(was), after: shown(is) }
            } else {
                FieldChange { field: name.clone(), before: was.clone(), after: is.clone() }
            });
        }
        found
    }
}

/// The value, or null where there is nothing to speak of.
fn set(value: Option<&Value>) -> &Value {
    match value {
        Some(Value::String(s)) if s.is_empty() => &Value::Null,
        Some(Value::Array(a)) if a.is_empty() => &Value::Null,
        Some(v) => v,
        None => &Value::Null,
    }
}

/// A channel with nothing set, to begin with.
pub fn blank_channel() -> Channel {
    Channel {
        id: blank_id(),
        name: String::new(),
        url: String::new(),
        main_url: None,
        credential: None,
        area: None,
        transport: Transport::default(),
        tls: Tls::default(),
        stream: StreamKind::default(),
        enabled: true,
        weight: 1.0,
        external_id: String::new(),
        tags: Vec::new(),
        lat: None,
        lon: None,
        zone: Vec::new(),
        line: Vec::new(),
        mask: Vec::new(),
        ignore_conditions: Vec::new(),
    }
}

#[allow(clippy::expect_used)] // literal
fn blank_id() -> ChannelId {
    ChannelId::new("-").expect("literal id")
}

pub fn blank_area(id: AreaId, name: String, kind: AreaKind, parent: Option<AreaId>) -> Area {
    Area { id, name, kind, parent, people: Vec::new(), lat: None, lon: None, polygon: Vec::new() }
}

pub fn channel_fields(channel: &Channel) -> Fields {
    fields(channel)
}

pub fn area_fields(area: &Area) -> Fields {
    fields(area)
}

pub fn rule_fields(rule: &Rule) -> Fields {
    fields(rule)
}

pub fn timetable_fields(table: &Timetable) -> Fields {
    fields(table)
}

pub fn credential_fields(username: &str, sealed: &str) -> Fields {
    Fields::from_iter([(USERNAME.to_owned(), username.into()), (SEALED.to_owned(), sealed.into())])
}

/// By way of the text: a share such as 0.3 stays what it is and does not become its nearest double.
fn fields<T: Serialize>(object: &T) -> Fields {
    // Plain data with text keys always serialises.
    let text = serde_json::to_string(object).unwrap_or_default();
    let mut fields: Fields = serde_json::from_str(&text).unwrap_or_default();
    fields.remove("id");
    fields
}

/// The object of an id and its fields.
pub fn object<T: DeserializeOwned>(id: &str, fields: &Fields) -> Result<T, serde_json::Error> {
    let mut all = fields.clone();
    all.insert("id".to_owned(), id.into());
    serde_json::from_value(Value::Object(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        let text = r#"{"id":"a","url":"rtsp://10.0.0.1/","weight":0.3,"tags":["x"],"zone":[{"id":"z","polygon":[[0.1,0.1],[0.9,0.1],[0.5,0.9]]}]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_channel_round_trips_and_shares_stay_what_they_are() {
        let fields = channel_fields(&channel());
        assert_eq!(fields["weight"].to_string(), "0.3");
        assert!(!fields.contains_key("id"));
        assert_eq!(object::<Channel>("a", &fields).unwrap(), channel());
    }

    #[test]
    fn only_what_differs_is_shown() {
        let before = channel_fields(&channel());
        let after = channel_fields(&Channel { enabled: false, tags: Vec::new(), ..channel() });
        let change = Change { kind: Kind::Channel, id: "a".into(), before: Some(before), after: Some(after) };
        let shown: Vec<_> =
            change.fields().iter().map(|f| format!("{}: {} -> {}", f.field, f.before, f.after)).collect();
        assert_eq!(shown, ["enabled: true -> false", "tags: [\"x\"] -> null"]);
    }

    #[test]
    fn a_new_channel_shows_what_it_has_beyond_the_usual() {
        let change =
            Change { kind: Kind::Channel, id: "a".into(), before: None, after: Some(channel_fields(&channel())) };
        let shown: Vec<_> = change.fields().into_iter().map(|f| f.field).collect();
        assert_eq!(shown, ["tags", "url", "weight", "zone"]);
    }

    #[test]
    fn a_password_is_never_shown() {
        let fields = |sealed| Some(credential_fields("admin", sealed));
        let change = Change { kind: Kind::Credential, id: "c".into(), before: fields("AAAA"), after: fields("BBBB") };
        let text = serde_json::to_string(&change.view()).unwrap();
        assert!(text.contains("[changed]") && !text.contains("AAAA") && !text.contains("BBBB"), "{text}");
    }
}
