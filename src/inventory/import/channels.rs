//! Rows of a channel list: matched, filled in, checked, and compared with what is stored.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::{
    Import, MadeArea, MadeCredential, Named, Plan, Planned,
    field::{self, Field, LEVELS},
    logins::Logins,
    plan::Refusals,
    rows::{self, Content, Row},
    tree::Tree,
};
use crate::config::{Channel, Config, Line, Mask, Refs, StreamKind, Zone};
use crate::discover::brands;
use crate::inventory::{
    Change, Coordinates, InventoryError, Kind, Snapshot, check,
    coordinates::gcj02_to_wgs84,
    edit::Op,
    ids::Ids,
    record::{self, Fields, blank_channel},
};
use crate::types::{ChannelId, CredentialId};

/// A row that stands as a channel. New ones without an id get one at the end.
struct Draft {
    row: u64,
    id: Option<ChannelId>,
    channel: Channel,
    before: Option<Channel>,
}

/// Channels that are there, found in three ways.
struct Known<'a> {
    by_id: HashMap<&'a str, &'a Channel>,
    by_external: HashMap<&'a str, &'a Channel>,
    by_url: HashMap<String, &'a Channel>,
    /// Those of the configuration file.
    fixed: HashSet<&'a ChannelId>,
}

impl<'a> Known<'a> {
    fn new(snapshot: &'a Snapshot, file: &'a Config) -> Self {
        let all = || snapshot.channels.iter().map(|c| &c.value).chain(&file.channel);
        Known {
            by_id: all().map(|c| (c.id.as_str(), c)).collect(),
            by_external: all().filter(|c| !c.external_id.is_empty()).map(|c| (c.external_id.as_str(), c)).collect(),
            by_url: all().map(|c| (canonical(&c.url), c)).collect(),
            fixed: file.channel.iter().map(|c| &c.id).collect(),
        }
    }
}

/// An address for comparing: of two ways to write the same one.
fn canonical(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url.trim()) else { return url.trim().to_owned() };
    let host = parsed.host_str().map(str::to_ascii_lowercase);
    // A scheme that the URL standard does not know refuses some of these; then the text as it is must do.
    if parsed.port() == Some(554) && parsed.set_port(None).is_err() {
        return url.trim().to_owned();
    }
    if parsed.set_host(host.as_deref()).is_err() {
        return url.trim().to_owned();
    }
    parsed.to_string()
}

struct Planner<'a> {
    import: &'a Import,
    known: Known<'a>,
    ids: Ids,
    tree: Tree,
    logins: Logins,
    allow_loopback: bool,
    drafts: Vec<Draft>,
    refused: Refusals,
    /// What rows said already: where.
    seen: HashMap<(Field, String), u64>,
    /// Channels that some row is about, refused ones too.
    matched: HashMap<ChannelId, u64>,
}

type Planning = (Plan, Vec<Op>, HashMap<String, u64>);

pub fn plan(snapshot: &Snapshot, file: &Config, import: &Import) -> Result<Planning, InventoryError> {
    let mut planner = Planner {
        import,
        known: Known::new(snapshot, file),
        ids: Ids::new(snapshot, file),
        tree: Tree::new(snapshot, file),
        logins: Logins::new(snapshot, file),
        allow_loopback: file.ingest.allow_loopback,
        drafts: Vec::new(),
        refused: Refusals::default(),
        seen: HashMap::new(),
        matched: HashMap::new(),
    };
    let sheet = rows::read(import, &mut |mut row| {
        let draft = planner.row(&mut row);
        planner.refused.add(&mut row.refused);
        planner.drafts.extend(draft);
    })?;
    planner.taken();
    Ok(planner.finish(snapshot, sheet))
}

impl Planner<'_> {
    /// The channel of a row; `None` if something of it is refused.
    fn row(&mut self, row: &mut Row) -> Option<Draft> {
        let id = match row.said(Field::Id).map(ChannelId::new) {
            Some(Ok(id)) => Some(id),
            None => None,
            Some(Err(_)) => {
                row.refuse(&[Field::Id], "is no id: use 1 to 64 of a-z, 0-9, '.', '_' and '-'");
                None
            }
        };
        let made = self.made_urls(row);
        let url = row.said(Field::Url).map(str::to_owned).or_else(|| made.as_ref().map(|m| m.0.clone()));
        // What its address is made of was refused: that there is none needs no further words.
        let unmade = url.is_none() && row.said(Field::Host).is_some();
        let external = row.said(Field::ExternalId).map(str::to_owned);
        self.unique(row, Field::Id, id.as_ref().map(|i| i.to_string()));
        self.unique(row, Field::ExternalId, external.clone());
        self.unique(row, Field::Url, url.as_deref().map(canonical));
        let before = self.before(id.as_ref(), external.as_deref(), url.as_deref());
        if let Some(before) = &before {
            if let Some(first) = self.matched.get(&before.id).filter(|_| row.refused.is_empty()) {
                let reason = format!("is the channel '{}', as row {first} is already", before.id);
                row.refuse(&[Field::Id, Field::ExternalId, Field::Url, Field::Host], reason);
            }
            self.matched.entry(before.id.clone()).or_insert(row.number);
        }
        let mut fields =
            before.as_ref().map_or_else(|| record::channel_fields(&blank_channel()), record::channel_fields);
        if let Some((sub, main)) = made {
            fields.insert("url".into(), sub.into());
            if let Some(main) = main {
                fields.insert("main_url".into(), main.into());
            }
        }
        self.cells(row, &mut fields);
        if !unmade && fields.get("url").and_then(|u| u.as_str()).is_none_or(str::is_empty) {
            row.refuse(
                &[Field::Url, Field::Host],
                "is missing; a channel needs a url, or host, maker and channel number",
            );
        }
        let has = before.as_ref().and_then(|b| b.credential.clone());
        self.area(row, &mut fields);
        self.credential(row, &mut fields, has.as_ref());
        self.coordinates(row, &mut fields);
        let made_id = before.as_ref().map(|b| b.id.clone()).or_else(|| id.clone());
        let name = made_id.as_ref().map_or("-", |i| i.as_str());
        let channel = match record::object::<Channel>(name, &fields) {
            Ok(channel) => channel,
            Err(e) => {
                row.refuse(&[Field::Transport, Field::Stream, Field::Zone], e.to_string());
                return None;
            }
        };
        self.check(row, &channel, unmade);
        if !row.refused.is_empty() {
            return None;
        }
        if let Some(before) = before.as_ref().filter(|b| self.known.fixed.contains(&b.id) && **b != channel) {
            let reason = format!("is the channel '{}' of the configuration file; change it there", before.id);
            row.refuse(&[Field::Id, Field::ExternalId, Field::Url, Field::Host], reason);
            return None;
        }
        channel.area.iter().for_each(|a| self.tree.want(a));
        channel.credential.iter().for_each(|c| self.logins.want(c));
        Some(Draft { row: row.number, id: made_id, channel, before })
    }

    /// A row's own checks, the same as for a channel of the configuration.
    fn check(&self, row: &mut Row, channel: &Channel, unmade: bool) {
        let refs = Refs { areas: channel.area.iter().collect(), credentials: channel.credential.iter().collect() };
        for (key, reason) in check::channel(channel, &refs, self.allow_loopback) {
            let field = key.split(['[', '.']).next().and_then(|k| field::field_of(Kind::Channel, k));
            let field = field.unwrap_or(Field::Name);
            if unmade && matches!(field, Field::Url | Field::MainUrl) {
                continue;
            }
            // What a cell is refused for already is not said twice.
            let heading = row.cell(field).map(|c| c.heading.clone());
            if heading.is_some_and(|h| row.refused.iter().any(|r| *r.column == *h)) {
                continue;
            }
            let reason = match (field, reason.contains("user or password")) {
                (Field::Url | Field::MainUrl, true) => {
                    "holds a user or password; give them in columns username and password, or name a credential".into()
                }
                _ => reason,
            };
            row.refuse(&[field, Field::Host], reason);
        }
    }

    /// By id, else by external number, else by address.
    fn before(&self, id: Option<&ChannelId>, external: Option<&str>, url: Option<&str>) -> Option<Channel> {
        if let Some(id) = id {
            return self.known.by_id.get(id.as_str()).map(|c| (*c).clone());
        }
        let by_external = external.and_then(|e| self.known.by_external.get(e));
        let by_url = || url.and_then(|u| self.known.by_url.get(&canonical(u)));
        // Another external number at the same address is another device there, and said later.
        by_external
            .or_else(|| by_url().filter(|c| external.is_none() || c.external_id.is_empty()))
            .map(|c| (*c).clone())
    }

    fn unique(&mut self, row: &mut Row, field: Field, value: Option<String>) {
        let Some(value) = value else { return };
        if let Some(first) = self.seen.get(&(field, value.clone())) {
            row.refuse(&[field, Field::Host], format!("stands in row {first} too"));
        } else {
            self.seen.insert((field, value), row.number);
        }
    }

    /// Addresses from host, maker and channel number: that to analyse, and the main one.
    fn made_urls(&self, row: &mut Row) -> Option<(String, Option<String>)> {
        let host = row.said(Field::Host)?.to_owned();
        if row.said(Field::Url).is_some() {
            return None;
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '[' | ']')) {
            row.refuse(&[Field::Host], "is no host; an address or a name");
            return None;
        }
        let port = match row.said(Field::Port).map(str::parse::<u16>) {
            None => 0,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => {
                row.refuse(&[Field::Port], "is no port; 1 to 65535");
                return None;
            }
        };
        // "CH01", "通道1" and "D1" are all the first.
        let number =
            row.said(Field::ChannelNo).map(|t| t.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '-'));
        let number = match number.map(str::parse::<u32>) {
            None => None,
            Some(Ok(n @ 1..=9999)) => Some(n),
            Some(_) => {
                row.refuse(&[Field::ChannelNo], "is no channel number; 1 to 9999");
                return None;
            }
        };
        let Some(maker) = row.said(Field::Brand).map(str::to_owned) else {
            row.refuse(
                &[Field::Brand, Field::Host],
                "is missing: with a host goes the maker, or give the address in a column url",
            );
            return None;
        };
        let url = |stream| brands::url(&maker, &host, port, number, stream);
        let main_asked = row.said(Field::Stream).is_some_and(|s| matches!(s, "main" | "主码流" | "主"));
        let urls = url(StreamKind::Main).and_then(|main| Ok((url(StreamKind::Sub)?, main)));
        match urls {
            Ok((_, main)) if main_asked => Some((main, None)),
            Ok((sub, main)) => Some((sub, Some(main))),
            Err(why) => {
                row.refuse(&[Field::Brand], why);
                None
            }
        }
    }

    /// Cells that are read by themselves.
    fn cells(&self, row: &mut Row, fields: &mut Fields) {
        let mut wrong = Vec::new();
        for cell in &row.cells {
            let read = match (&cell.content, cell.field) {
                // An empty address beside a host is made from that.
                (Content::Text(text), Field::Url | Field::MainUrl)
                    if text.trim().is_empty() && row.said(Field::Host).is_some() =>
                {
                    Ok(())
                }
                (
                    Content::Text(text),
                    Field::Name
                    | Field::Url
                    | Field::MainUrl
                    | Field::Transport
                    | Field::Tls
                    | Field::Stream
                    | Field::Enabled
                    | Field::Weight
                    | Field::ExternalId
                    | Field::Tags
                    | Field::IgnoreConditions
                    | Field::Lat
                    | Field::Lon,
                ) => field::set_field(fields, cell.field, text),
                (Content::Nested(value), Field::Zone) => serde_json::from_value::<Vec<Zone>>(value.clone())
                    .map(|_| drop(fields.insert("zone".into(), value.clone())))
                    .map_err(|e| e.to_string()),
                (Content::Nested(value), Field::Line) => serde_json::from_value::<Vec<Line>>(value.clone())
                    .map(|_| drop(fields.insert("line".into(), value.clone())))
                    .map_err(|e| e.to_string()),
                (Content::Nested(value), Field::Mask) => serde_json::from_value::<Vec<Mask>>(value.clone())
                    .map(|_| drop(fields.insert("mask".into(), value.clone())))
                    .map_err(|e| e.to_string()),
                _ => Ok(()),
            };
            if let Err(why) = read {
                wrong.push((cell.field, why));
            }
        }
        for (field, why) in wrong {
            row.refuse(&[field], why);
        }
        let transport = fields.get("transport").cloned().unwrap_or_default();
        if serde_json::from_value::<crate::config::Transport>(transport).is_err() {
            row.refuse(&[Field::Transport], "is no transport: tcp, udp or auto");
            fields.remove("transport");
        }
    }

    fn area(&mut self, row: &mut Row, fields: &mut Fields) {
        let column = LEVELS.iter().any(|k| row.cell(Field::Level(*k)).is_some()) || row.cell(Field::Area).is_some();
        if !column {
            return;
        }
        let found = match row.said(Field::Area) {
            Some(text) => self.tree.find(text).map(Some).map_err(|why| (Field::Area, why)),
            // A row that is refused anyway makes no areas.
            None if !row.refused.is_empty() => return,
            None => {
                let levels: Vec<_> = LEVELS.iter().filter_map(|k| Some((*k, row.said(Field::Level(*k))?))).collect();
                self.tree.path(&levels, &mut self.ids).map_err(|(kind, why)| (Field::Level(kind), why))
            }
        };
        match found {
            Ok(area) => drop(fields.insert("area".into(), area.map(String::from).into())),
            Err((field, why)) => row.refuse(&[field], why),
        }
    }

    fn credential(&mut self, row: &mut Row, fields: &mut Fields, has: Option<&CredentialId>) {
        if let Some(text) = row.said(Field::Credential) {
            match CredentialId::new(text).ok().filter(|id| self.logins.knows(id)) {
                Some(id) => drop(fields.insert("credential".into(), id.to_string().into())),
                None => row.refuse(
                    &[Field::Credential],
                    "is no credential; set it first, or give columns username and password",
                ),
            }
            return;
        }
        let pair = (row.said(Field::Username).map(str::to_owned), row.said(Field::Password).map(str::to_owned));
        match pair {
            (Some(username), Some(password)) => {
                if username.len() > 128 || password.len() > 256 || username.chars().any(char::is_control) {
                    row.refuse(&[Field::Username], "is over 128 characters, or its password over 256");
                } else if row.refused.is_empty() {
                    match self.logins.of(&username, &password, has, &mut self.ids) {
                        Some(id) => drop(fields.insert("credential".into(), id.to_string().into())),
                        None => row.refuse(&[Field::Username], "no id can be made of it"),
                    }
                }
            }
            (Some(_), None) => row.refuse(&[Field::Password, Field::Username], "is missing; a user needs a password"),
            (None, Some(_)) => row.refuse(&[Field::Username, Field::Password], "is missing; a password needs a user"),
            (None, None) if row.cell(Field::Credential).is_some() => {
                fields.insert("credential".into(), serde_json::Value::Null);
            }
            (None, None) => {}
        }
    }

    fn coordinates(&self, row: &mut Row, fields: &mut Fields) {
        let given = row.said(Field::Lat).is_some() && row.said(Field::Lon).is_some();
        if self.import.coordinates == Coordinates::Gcj02 && given {
            shift(fields);
        }
    }

    /// What others have already, once all rows are known: two rows may change places.
    fn taken(&mut self) {
        let moved: HashSet<&ChannelId> = self.drafts.iter().filter_map(|d| d.before.as_ref()).map(|b| &b.id).collect();
        let rest = || self.known.by_id.values().filter(|c| !moved.contains(&c.id));
        let urls: HashMap<String, &ChannelId> = rest().map(|c| (canonical(&c.url), &c.id)).collect();
        let numbers: HashMap<&str, &ChannelId> =
            rest().filter(|c| !c.external_id.is_empty()).map(|c| (c.external_id.as_str(), &c.id)).collect();
        let mut refused = Vec::new();
        self.drafts.retain(|d| {
            let changed = |f: fn(&Channel) -> &str| d.before.as_ref().is_none_or(|b| f(b) != f(&d.channel));
            let url = urls.get(&canonical(&d.channel.url)).filter(|_| changed(|c| &c.url));
            let number = numbers.get(d.channel.external_id.as_str()).filter(|_| changed(|c| &c.external_id));
            for (column, value, other) in
                [("url", &d.channel.url, url), ("external_id", &d.channel.external_id, number)]
            {
                if let Some(other) = other {
                    refused.push(super::Refused {
                        row: d.row,
                        column: column.to_owned(),
                        value: value.clone(),
                        reason: format!("is that of the channel '{other}' already, which no row is about"),
                    });
                }
            }
            url.is_none() && number.is_none()
        });
        refused.into_iter().for_each(|r| self.refused.add(&mut vec![r]));
    }

    fn finish(mut self, snapshot: &Snapshot, sheet: rows::Sheet) -> Planning {
        // A chosen id in a later row goes before one that is made for an earlier row.
        for draft in &self.drafts {
            draft.id.iter().for_each(|id| self.ids.take(Kind::Channel, id.as_str()));
        }
        let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), 0);
        let (mut puts, mut rows_of) = (Vec::new(), HashMap::new());
        for draft in self.drafts {
            let mut channel = draft.channel;
            let Some(id) = draft.id.or_else(|| self.ids.channel(&channel)) else { continue };
            channel.id = id;
            if draft.before.as_ref() == Some(&channel) {
                unchanged += 1;
                continue;
            }
            let change = Change {
                kind: Kind::Channel,
                id: channel.id.to_string(),
                before: draft.before.as_ref().map(record::channel_fields),
                after: Some(record::channel_fields(&channel)),
            };
            rows_of.insert(change.id.clone(), draft.row);
            let name = channel.display_name().to_owned();
            let planned = Planned { row: draft.row, fields: change.fields(), id: change.id, name };
            if draft.before.is_some() { &mut changed } else { &mut added }.push(planned);
            puts.push(Op::PutChannel(Box::new(channel)));
        }
        let gone: Vec<&Channel> =
            snapshot.channels.iter().map(|c| &c.value).filter(|c| !self.matched.contains_key(&c.id)).collect();
        let missing = gone.len() as u64;
        let mut removed = Vec::new();
        if self.import.remove_missing {
            for channel in gone {
                removed.push(Named { id: channel.id.to_string(), name: channel.display_name().to_owned() });
                puts.push(Op::RemoveChannel(channel.id.clone()));
            }
        }
        let areas = self.tree.made();
        let logins = self.logins.made();
        let (refused, notes) = self.refused.told();
        let plan = Plan {
            kind: Kind::Channel,
            format: sheet.format,
            encoding: sheet.encoding,
            delimiter: sheet.delimiter,
            mapping: sheet.mapping,
            rows: sheet.rows,
            base_rev: snapshot.rev,
            unchanged,
            added,
            changed,
            removed,
            missing,
            areas_added: areas
                .iter()
                .map(|a| MadeArea { id: a.id.clone(), name: a.name.clone(), kind: a.kind, parent: a.parent.clone() })
                .collect(),
            credentials_added: logins
                .iter()
                .map(|(id, username, _)| MadeCredential { id: id.clone(), username: username.clone() })
                .collect(),
            refused,
            notes,
            applied: false,
            rev: None,
            blocked: false,
        };
        let ops = areas.into_iter().map(Op::PutArea).chain(logins.into_iter().map(|l| l.2)).chain(puts).collect();
        (plan, ops, rows_of)
    }
}

/// The same with the border of an area.
pub fn shift_border(fields: &mut Fields) {
    let Some(serde_json::Value::Array(border)) = fields.get_mut("polygon") else { return };
    for point in border {
        if let (Some(lat), Some(lon)) = (point[0].as_f64(), point[1].as_f64()) {
            let (lat, lon) = gcj02_to_wgs84(lat, lon);
            *point = serde_json::json!([lat, lon]);
        }
    }
}

/// Turns shifted coordinates into those of the world.
pub fn shift(fields: &mut Fields) {
    let degrees = |key: &str| fields.get(key).and_then(serde_json::Value::as_f64);
    if let (Some(lat), Some(lon)) = (degrees("lat"), degrees("lon")) {
        let (lat, lon) = gcj02_to_wgs84(lat, lon);
        fields.insert("lat".into(), lat.into());
        fields.insert("lon".into(), lon.into());
    }
}
