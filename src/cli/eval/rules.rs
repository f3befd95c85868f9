//! `skyeye eval rules`: what rules would have made of a film, and whether they count what people counted.
//!
//! The rules file is a configuration with `[[rule]]`, `[[timetable]]` and the geometry that the rules name: either on a
//! `[[channel]]`, or, shorter, as `[[zone]]`, `[[line]]` and `[[mask]]` of the film's picture. With `--gt` the boxes that
//! people drew go through the very same rules, every picture of them, and what comes of both is held side by side.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    footage::{self, FootageArgs},
    mot::{self, Row},
};
use crate::{
    cli::Exit,
    config::{self, Channel, Config},
    track::replay::{Replay, Tally},
    types::{BBox, Details, Event, ModelRef, Mono, Now, Phase, Track, Wall, Way},
};

#[derive(Debug, Clone, Args)]
pub struct RulesArgs {
    #[command(flatten)]
    pub footage: FootageArgs,
    #[command(flatten)]
    pub with: WithRules,
    /// Boxes that people drew, as MOTChallenge has them; they go through the same rules at the film's own rate
    #[arg(long, value_name = "MOT")]
    gt: Option<PathBuf>,
    /// What these boxes are
    #[arg(long, default_value = "person")]
    label: String,
}

/// Rules, and when the film begins.
#[derive(Debug, Clone, Args)]
pub struct WithRules {
    /// Rules and the places that they name, as in the configuration
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    /// Of a file with several channels, the one that the film is of
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// When the film begins, for timetables
    #[arg(long, value_name = "TIME", default_value = "2026-01-07T12:00:00Z", value_parser = moment)]
    begins: Wall,
}

fn moment(text: &str) -> Result<Wall, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| "no time; e.g. 2026-01-07T12:00:00Z".to_owned())?;
    Ok(Wall(at.as_millisecond()))
}

impl WithRules {
    /// The configuration of the rules file over that of the gateway, and the channel that the film is of.
    pub fn read(&self, gateway: &Config) -> anyhow::Result<(Config, Channel)> {
        let name = self.rules.display().to_string();
        let text = std::fs::read_to_string(&self.rules).with_context(|| format!("{name} cannot be read"))?;
        let text = with_channel(&text).with_context(|| name.clone())?;
        let read = config::parse(&name, &text)?;
        let channel = match &self.channel {
            Some(id) => read
                .channel
                .iter()
                .find(|c| c.id.as_str() == id)
                .with_context(|| format!("{name}: no channel has the id '{id}'"))?,
            None if read.channel.len() > 1 => {
                bail!("{name} has several channels; say with --channel which one the film is of")
            }
            None => read.channel.first().with_context(|| format!("{name}: has no channel"))?,
        };
        let channel = channel.clone();
        if read.rules_of(&channel).next().is_none() {
            bail!("{name}: no rule watches the channel '{}'", channel.id);
        }
        let config = Config {
            channel: vec![channel.clone()],
            rule: read.rule.clone(),
            timetable: read.timetable.clone(),
            area: read.area.clone(),
            node: read.node.clone(),
            ..gateway.clone()
        };
        Ok((config, channel))
    }

    pub fn at(&self, mono: Mono) -> Now {
        let ms = i64::try_from(mono.since_ms(footage::BEGIN)).unwrap_or(i64::MAX);
        Now { mono, wall: Wall(self.begins.0.saturating_add(ms)) }
    }
}

/// A file without a channel gets one, which has the places and which all rules are for.
fn with_channel(text: &str) -> anyhow::Result<String> {
    let mut tables: toml::Table = toml::from_str(text)?;
    if tables.contains_key("channel") {
        return Ok(text.to_owned());
    }
    let mut channel = toml::Table::new();
    channel.insert("id".into(), "film".into());
    channel.insert("url".into(), "rtsp://film.invalid/".into());
    for places in ["zone", "line", "mask"] {
        if let Some(value) = tables.remove(places) {
            channel.insert(places.into(), value);
        }
    }
    tables.insert("channel".into(), vec![toml::Value::Table(channel)].into());
    for rule in tables.get_mut("rule").and_then(toml::Value::as_array_mut).into_iter().flatten() {
        if let Some(rule) = rule.as_table_mut() {
            rule.entry("channels").or_insert_with(|| vec![toml::Value::from("*")].into());
        }
    }
    Ok(toml::to_string(&tables)?)
}

/// What was counted at one place of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    /// Over a line, or into a zone.
    forward: u64,
    /// Over a line the other way.
    backward: u64,
    /// Happenings that have no way.
    plain: u64,
}

/// What a run of the rules gave.
pub struct Ran {
    pub events: Vec<Event>,
    counted: BTreeMap<String, Counted>,
}

impl Ran {
    pub fn of(events: Vec<Event>) -> Self {
        let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
        // The last word of each event holds its numbers.
        for event in events.iter().filter(|e| e.phase == Phase::End) {
            let details = event.details.as_deref().cloned().unwrap_or_default();
            let Details { line, happenings, counts, .. } = details;
            let place = match (&line, &event.zone) {
                (Some(line), _) => format!("line {line}"),
                (_, Some(zone)) => format!("zone {zone}"),
                _ => "picture".to_owned(),
            };
            let to = counted.entry(format!("{} {place}", event.rule.id)).or_default();
            let happenings = u64::from(happenings.unwrap_or(1));
            match (counts, details.direction) {
                (Some(counts), _) => {
                    to.forward += counts.forward;
                    // Who goes out of a zone has come in: the visit is counted.
                    to.backward += if line.is_some() { counts.backward } else { 0 };
                }
                // With a cooldown an event may hold both ways; then only their number is known.
                (None, Some(Way::Forward)) if happenings == 1 => to.forward += 1,
                (None, Some(Way::Backward)) if happenings == 1 => to.backward += 1,
                _ => to.plain += happenings,
            }
        }
        Self { events, counted }
    }
}

pub fn run(gateway: &Config, args: &RulesArgs, json: bool) -> anyhow::Result<Exit> {
    let (config, channel) = args.with.read(gateway)?;
    let truth = args.gt.as_deref().map(mot::load).transpose()?;
    let mut replay: Option<Replay> = None;
    let mut events = Vec::new();
    let mut last = footage::BEGIN;
    // The model is known when all is done; the rules do not ask for it.
    let nobody = ModelRef { name: config.infer.model.clone(), sha256: Arc::from("") };
    let watched = footage::watch(&config, &args.footage, |look, size| {
        last = look.at;
        let replay = replay.get_or_insert_with(|| Replay::new(&config, &channel, nobody.clone()));
        events.extend(replay.look(look.detections, size, args.with.at(look.at)));
        Ok(())
    })?;
    events.extend(replay.iter_mut().flat_map(Replay::finish));
    let mut tally = Tally::new(config.alert.join_s);
    events.iter().for_each(|e| tally.add(e));
    let found = Ran::of(events);
    let truth = truth.map(|rows| {
        let mut replay = Replay::new(&config, &channel, nobody.clone());
        let events = drawn(&rows, &args.label, &watched, &mut replay, &args.with);
        Ran::of(events)
    });
    let span_ms = last.since_ms(footage::BEGIN);
    let mut report = Map::new();
    report.insert("eval".into(), json!("rules"));
    report.insert("rules".into(), json!(args.with.rules.display().to_string()));
    report.insert("model".into(), json!(watched.model.name.as_str()));
    report.insert("fps".into(), json!(watched.film_fps / f64::from(watched.every)));
    report.insert("looks".into(), json!(watched.looks));
    report.insert("events".into(), json!(tally.events));
    report.insert("alerts".into(), json!(tally.alerts));
    report.insert("alerts_per_day".into(), json!(tally.alerts_per_day(span_ms).round()));
    report.insert("fired".into(), Value::Array(fired(&found.events)));
    report.insert("counts".into(), counts(&found, truth.as_ref()));
    if let Some(truth) = &truth {
        report.insert("sums".into(), sums(&found, truth));
    }
    if !json {
        tell(&found, truth.as_ref(), &report);
    }
    println!("{}", Value::Object(report));
    Ok(Exit::Good)
}

/// The boxes that people drew, picture by picture, through the rules.
fn drawn(rows: &[Row], label: &str, watched: &footage::Watched, replay: &mut Replay, with: &WithRules) -> Vec<Event> {
    let (width, height) = (f64::from(watched.width), f64::from(watched.height));
    let label: Arc<str> = Arc::from(label);
    let mut by_picture: BTreeMap<u32, Vec<Track>> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.frame <= watched.pictures) {
        let [x, y, w, h] = row.at;
        let share = |v: f64, of: f64| (v / of) as f32;
        let bbox = BBox { x: share(x, width), y: share(y, height), w: share(w, width), h: share(h, height) };
        let at = footage::time(row.frame, watched.film_fps);
        by_picture.entry(row.frame).or_default().push(Track {
            number: row.id,
            label: label.clone(),
            score: 1.0,
            bbox,
            first: at,
            last: at,
            looks: 1,
            velocity: (0.0, 0.0),
            still_ms: 0,
            confirmed: true,
        });
    }
    let mut events = Vec::new();
    let mut before: BTreeMap<u64, (BBox, Mono)> = BTreeMap::new();
    for number in 1..=watched.pictures {
        let at = footage::time(number, watched.film_fps);
        let mut tracks = by_picture.remove(&number).unwrap_or_default();
        for track in &mut tracks {
            let was = before.insert(track.number, (track.bbox, at));
            if let Some((was, then)) = was.filter(|(_, then)| at > *then) {
                let s = at.since_ms(then) as f32 / 1000.0;
                let (a, b) = (was.bottom_centre(), track.bbox.bottom_centre());
                track.velocity = ((b.x - a.x) / s, (b.y - a.y) / s);
            }
        }
        events.extend(replay.tracks(&tracks, (watched.width, watched.height), with.at(at)));
    }
    events.extend(replay.finish());
    events
}

/// Each event that starts, with its end.
fn fired(events: &[Event]) -> Vec<Value> {
    let second = |at: Mono| (at.since_ms(footage::BEGIN) as f64 / 100.0).round() / 10.0;
    let ends: BTreeMap<_, _> = events.iter().filter(|e| e.phase == Phase::End).map(|e| (e.id, e)).collect();
    let starts = events.iter().filter(|e| e.phase == Phase::Start);
    let one = |e: &Event| {
        let end = ends.get(&e.id);
        let tracks: Vec<u64> = e.objects.iter().map(|o| o.track).collect();
        json!({
            "from_s": second(e.at), "to_s": end.map(|end| second(end.at)), "end": end.and_then(|end| end.end),
            "type": e.kind, "rule": e.rule.id, "zone": e.zone, "tracks": tracks,
            "details": end.and_then(|end| end.details.as_deref()),
        })
    };
    starts.map(one).collect()
}

fn counts(found: &Ran, truth: Option<&Ran>) -> Value {
    let keys: std::collections::BTreeSet<&String> =
        found.counted.keys().chain(truth.into_iter().flat_map(|t| t.counted.keys())).collect();
    let of = |ran: &Ran, key: &String| {
        let c = ran.counted.get(key).copied().unwrap_or_default();
        json!({ "forward": c.forward, "backward": c.backward, "plain": c.plain })
    };
    let one = |key: &String| {
        let mut value = json!({ "found": of(found, key) });
        if let Some(truth) = truth {
            value["truth"] = of(truth, key);
        }
        (key.clone(), value)
    };
    Value::Object(keys.into_iter().map(one).collect())
}

/// By lines and zones, each way for itself: the sums, by how many per cent they differ, and the worst single difference.
fn sums(found: &Ran, truth: &Ran) -> Value {
    let keys: std::collections::BTreeSet<&String> = found.counted.keys().chain(truth.counted.keys()).collect();
    let mut out = Map::new();
    for (group, is) in [("lines", " line "), ("zones", " zone ")] {
        for (way, of) in [
            ("forward", (|c: &Counted| c.forward) as fn(&Counted) -> u64),
            ("backward", |c| c.backward),
            ("plain", |c| c.plain),
        ] {
            let of_key = |ran: &Ran, key: &String| ran.counted.get(key).map_or(0, of);
            let pairs: Vec<(u64, u64)> =
                keys.iter().filter(|k| k.contains(is)).map(|k| (of_key(found, k), of_key(truth, k))).collect();
            let (f, t): (u64, u64) = pairs.iter().fold((0, 0), |(f, t), p| (f + p.0, t + p.1));
            if f + t == 0 {
                continue;
            }
            let off = |f: u64, t: u64| (f as f64 - t as f64) / (t as f64).max(1.0) * 100.0;
            // A single count is good within 2 or 15 %, whichever is more.
            let beyond = pairs.iter().filter(|(f, t)| f.abs_diff(*t) > 2 && off(*f, *t).abs() > 15.0).count();
            let worst = pairs.iter().map(|(f, t)| f.abs_diff(*t)).max().unwrap_or(0);
            out.insert(
                format!("{group} {way}"),
                json!({ "found": f, "truth": t, "off_percent": (off(f, t) * 10.0).round() / 10.0,
                    "worst_single": worst, "singles_beyond": beyond }),
            );
        }
    }
    Value::Object(out)
}

fn tell(found: &Ran, truth: Option<&Ran>, report: &Map<String, Value>) {
    for one in report["fired"].as_array().into_iter().flatten() {
        let number = |key: &str| one[key].as_f64().map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"));
        let text = |key: &str| one[key].as_str().unwrap_or("").to_owned();
        println!(
            "  {:>8} s to {:>8} s  {:<14} {} {}",
            number("from_s"),
            number("to_s"),
            text("type"),
            text("rule"),
            text("zone")
        );
    }
    println!();
    for (key, c) in &found.counted {
        let t = truth.map(|t| t.counted.get(key).copied().unwrap_or_default());
        let said = t.map_or(String::new(), |t| {
            format!("   truth {} forward, {} backward, {} others", t.forward, t.backward, t.plain)
        });
        println!("  {key:<28} {} forward, {} backward, {} others{said}", c.forward, c.backward, c.plain);
    }
    for (key, value) in report.iter().filter(|(_, v)| !v.is_array() && !v.is_object()) {
        println!("  {key:<18} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    if let Some(sums) = report.get("sums").and_then(Value::as_object) {
        for (key, value) in sums {
            println!("  {key:<18} {value}");
        }
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rules_file_without_a_channel_is_of_the_film() {
        let text = "[[zone]]\nid = \"z\"\npolygon = [[0,0],[1,0],[1,1]]\n[[line]]\nid = \"l\"\npoints = [[0.5,0],[0.5,1]]\n\
                    [[rule]]\nid = \"r\"\ntype = \"count\"\nzones = [\"z\"]\nlines = [\"l\"]\n";
        let config = config::parse("t", &with_channel(text).unwrap()).unwrap();
        assert_eq!(config.rules_of(&config.channel[0]).count(), 1);
        assert_eq!(config.channel[0].line[0].points[1].y, 1.0);
        assert!(with_channel("[[rule]\n").is_err());
    }
}
