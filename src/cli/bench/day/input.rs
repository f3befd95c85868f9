//! A foreign day: JSON lines of event payloads, each with `at_ms` and, where something really happened, `truth`.
//!
//! A line needs `at_ms`, `id`, `channel`, `type` and `phase`; what else a payload has is filled in as the gateway would if
//! it is missing. `truth` is a name (all events with one name are one happening), or `true` for a happening by itself; a
//! name that begins with `burglary` is the one that is timed. A line with `shelve` (a dedupe key) and `minutes` in place of
//! an event is an operator who shelves. Lines are bounded; a bad one is named by its number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    script::{Item, MIDNIGHT, What},
    world::POSITIONS,
};
use crate::{
    config::Position,
    types::{AreaId, PositionId, Wall, payload::EventPayload},
};

const MAX_LINE: u64 = 1 << 20;
const MAX_LINES: usize = 20_000_000;
/// Above this `at_ms` is Unix time, below it counts from midnight.
const UNIX: u64 = 1_000_000_000_000;

/// Reads the file; gives the items in order of time, and the wall clock at the first.
pub fn read(path: &Path) -> anyhow::Result<(Vec<Item>, Wall)> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut items = Vec::new();
    let mut text = Vec::new();
    for number in 1..=MAX_LINES {
        text.clear();
        let n = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut text)?;
        if n == 0 {
            break;
        }
        if n as u64 > MAX_LINE {
            bail!("{} line {number} has over {MAX_LINE} bytes", path.display());
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let item = line(&text).with_context(|| format!("{} line {number}", path.display()))?;
        items.push(item);
    }
    if items.is_empty() {
        bail!("{} holds no event", path.display());
    }
    items.sort_by_key(|i| i.at_ms);
    let first = items[0].at_ms;
    let zero = if first >= UNIX { 0 } else { MIDNIGHT };
    Ok((items, Wall(zero + i64::try_from(first).unwrap_or(0))))
}

fn line(text: &[u8]) -> anyhow::Result<Item> {
    let value: Value = serde_json::from_slice(text).context("is not JSON")?;
    let Value::Object(mut map) = value else { bail!("is not a JSON object") };
    let at_ms = map.remove("at_ms").and_then(|v| v.as_u64()).context("has no at_ms, milliseconds as a whole number")?;
    if let Some(key) = map.get("shelve").and_then(Value::as_str) {
        let minutes = map.get("minutes").and_then(Value::as_u64).unwrap_or(60);
        return Ok(Item { at_ms, what: What::Shelve { key: key.to_owned(), minutes: u32::try_from(minutes)? } });
    }
    let truth = map.remove("truth");
    let zero = if at_ms >= UNIX { 0 } else { MIDNIGHT };
    let event = payload(map, Wall(zero + i64::try_from(at_ms)?))?;
    let truth = match truth {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(event.id.to_string()),
        Some(Value::String(name)) if name.is_empty() => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => Some(other.to_string()),
    };
    Ok(Item { at_ms, what: What::Event { event: Box::new(event), truth } })
}

/// The payload, with what is missing filled in.
fn payload(mut map: Map<String, Value>, at: Wall) -> anyhow::Result<EventPayload> {
    let word = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = word(&map, "id").context("has no id")?;
    if Uuid::parse_str(&id).is_err() {
        let digest = Sha256::digest(id.as_bytes());
        let made = Uuid::from_slice(&digest[..16])?;
        map.insert("id".into(), json!(made));
    }
    let channel = word(&map, "channel").context("has no channel")?;
    let kind = word(&map, "type").context("has no type, e.g. \"intrusion\"")?;
    let zone = word(&map, "zone").unwrap_or_default();
    let nil = Uuid::nil();
    let rule = map.get("rule").and_then(|r| r.get("id")).and_then(Value::as_str).unwrap_or(&kind).to_owned();
    let time = json!(at);
    let defaults = json!({
        "schema": "skyeye.event", "version": 1, "boot": nil, "seq": 0, "cursor": 0, "channel_seq": 0,
        "node": "node", "site": "site", "area": [], "end": null, "severity": "medium", "model": null, "rate_hz": 0.5,
        "objects": [], "zone": null, "alert": null, "incident": null, "media": [],
        "rule": { "id": rule, "revision": "0" },
        "dedupe_key": format!("{channel}/{rule}/{zone}"),
        "times": { "seen": time, "ingested": time, "committed": time, "clock": "gateway", "skew_ms": null },
    });
    if let Value::Object(defaults) = defaults {
        for (key, value) in defaults {
            map.entry(key).or_insert(value);
        }
    }
    if let Some(Value::Array(objects)) = map.get_mut("objects") {
        for (n, object) in objects.iter_mut().filter_map(Value::as_object_mut).enumerate() {
            object.entry("track").or_insert(json!(n + 1));
            object.entry("label").or_insert(json!("object"));
            object.entry("score").or_insert(json!(1.0));
            object.entry("bbox").or_insert(json!({ "x": 0.4, "y": 0.4, "w": 0.1, "h": 0.2 }));
        }
    }
    serde_json::from_value(Value::Object(map)).context("is not an event payload (`skyeye check --schemas`)")
}

/// Four positions for a day that names none: the areas of the first level that has as many are dealt out.
pub fn positions(items: &[Item]) -> anyhow::Result<Vec<Position>> {
    let mut levels: BTreeMap<usize, BTreeSet<&AreaId>> = BTreeMap::new();
    for item in items {
        if let What::Event { event, .. } = &item.what {
            for (level, area) in event.area.iter().enumerate() {
                levels.entry(level).or_default().insert(area);
            }
        }
    }
    let level = levels.values().find(|areas| areas.len() >= POSITIONS);
    let position = |n: usize| {
        Ok(Position {
            id: PositionId::new(&format!("position-{}", n + 1))?,
            name: String::new(),
            areas: level
                .into_iter()
                .flatten()
                .enumerate()
                .filter(|(at, _)| at % POSITIONS == n)
                .map(|(_, area)| (*area).clone())
                .collect(),
            escalate_to: None,
        })
    };
    (0..POSITIONS).map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_short_and_a_bad_one_says_why() {
        let good = br#"{"at_ms": 5000, "id": "e1", "channel": "gate", "type": "line", "phase": "start", "truth": true,
            "objects": [{"label": "car", "score": 0.7}]}"#;
        let item = line(good).unwrap();
        let What::Event { event, truth } = item.what else { panic!("an event") };
        assert_eq!((item.at_ms, event.dedupe_key.as_str(), event.objects.len()), (5000, "gate/line/", 1));
        assert_eq!(truth, Some(event.id.to_string()));
        for (bad, says) in [
            ("[]", "not a JSON object"),
            (r#"{"id": "x"}"#, "at_ms"),
            (r#"{"at_ms": 1, "id": "x", "channel": "gate", "phase": "start"}"#, "type"),
            (r#"{"at_ms": 1, "id": "x", "channel": "GATE", "type": "line", "phase": "start"}"#, "event payload"),
        ] {
            let error = format!("{:#}", line(bad.as_bytes()).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }
}
