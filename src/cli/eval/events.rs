//! `skyeye eval events`: events of a film against a list of what should have been, precision and recall.
//!
//! The list is text, one happening a line: `from, to, type or rule[, zone or line]`, seconds of the film; `#` begins a
//! comment. An event is right if it is of that type or rule (and place) and its time touches the happening's, with some
//! seconds to spare; each happening takes one event and each event one happening, the nearest first.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{
    footage::{self, FootageArgs},
    rules::WithRules,
};
use crate::{
    cli::Exit,
    config::Config,
    track::replay::Replay,
    types::{Event, ModelRef, Phase},
};

#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    footage: FootageArgs,
    #[command(flatten)]
    with: WithRules,
    /// What should have been: from, to, type or rule, zone or line
    #[arg(long, value_name = "FILE")]
    expected: PathBuf,
    /// Seconds that an event may be early or late
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    spare_s: f64,
}

/// A happening that people wrote down, or an event.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    from_s: f64,
    to_s: f64,
    /// Type and rule; of a happening one of them.
    names: Vec<String>,
    place: Option<String>,
}

impl Span {
    /// How far the beginnings are apart, if `event` is this happening's.
    fn fits(&self, event: &Span, spare_s: f64) -> Option<f64> {
        let named = self.names.iter().any(|n| event.names.contains(n));
        let there = self.place.is_none() || self.place == event.place;
        let then = event.from_s <= self.to_s + spare_s && event.to_s >= self.from_s - spare_s;
        (named && there && then).then(|| (event.from_s - self.from_s).abs())
    }
}

fn read(text: &str) -> anyhow::Result<Vec<Span>> {
    let mut spans = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let wrong = || format!("line {}: wanted are from, to, type or rule, and perhaps a zone or line", at + 1);
        let parts: Vec<&str> = line.split(',').map(str::trim).collect();
        let &[from, to, name, ref rest @ ..] = parts.as_slice() else { bail!(wrong()) };
        let second = |t: &str| t.parse::<f64>().ok().filter(|s| s.is_finite()).with_context(wrong);
        let (from_s, to_s) = (second(from)?, second(to)?);
        if name.is_empty() || to_s < from_s || rest.len() > 1 {
            bail!(wrong());
        }
        let place = rest.first().filter(|p| !p.is_empty()).map(|p| (*p).to_owned());
        spans.push(Span { from_s, to_s, names: vec![name.to_owned()], place });
    }
    Ok(spans)
}

fn spans(events: &[Event]) -> Vec<Span> {
    let second = |e: &Event| e.at.since_ms(footage::BEGIN) as f64 / 1000.0;
    let starts = events.iter().filter(|e| e.phase == Phase::Start);
    let one = |e: &Event| {
        let end = events.iter().find(|o| o.id == e.id && o.phase == Phase::End);
        let line = e.details.as_ref().and_then(|d| d.line.as_ref()).map(ToString::to_string);
        Span {
            from_s: second(e),
            to_s: end.map_or_else(|| second(e), second),
            names: vec![e.kind.to_owned(), e.rule.id.to_string()],
            place: line.or_else(|| e.zone.as_ref().map(ToString::to_string)),
        }
    };
    starts.map(one).collect()
}

/// Which event each happening has; the nearest pairs first.
fn paired(expected: &[Span], found: &[Span], spare_s: f64) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (i, happening) in expected.iter().enumerate() {
        for (j, event) in found.iter().enumerate() {
            pairs.extend(happening.fits(event, spare_s).map(|off| (off, i, j)));
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut of = vec![None; expected.len()];
    let mut taken = vec![false; found.len()];
    for (_, i, j) in pairs {
        if of[i].is_none() && !taken[j] {
            of[i] = Some(j);
            taken[j] = true;
        }
    }
    of
}

pub fn run(gateway: &Config, args: &EventsArgs, json: bool) -> anyhow::Result<Exit> {
    let (config, channel) = args.with.read(gateway)?;
    let expected = load(&args.expected)?;
    let nobody = ModelRef { name: config.infer.model.clone(), sha256: std::sync::Arc::from("") };
    let mut replay = Replay::new(&config, &channel, nobody);
    let mut events = Vec::new();
    let watched = footage::watch(&config, &args.footage, |look, size| {
        events.extend(replay.look(look.detections, size, args.with.at(look.at)));
        Ok(())
    })?;
    events.extend(replay.finish());
    let found = spans(&events);
    let of = paired(&expected, &found, args.spare_s);
    let right = of.iter().flatten().count();
    let share = |of: usize, all: usize| if all == 0 { 1.0 } else { (of as f64 / all as f64 * 1e4).round() / 1e4 };
    let show = |s: &Span| json!({ "from_s": s.from_s, "to_s": s.to_s, "what": s.names, "place": s.place });
    let missed: Vec<Value> = expected.iter().zip(&of).filter(|(_, of)| of.is_none()).map(|(s, _)| show(s)).collect();
    let false_ones = found.iter().enumerate().filter(|(j, _)| !of.contains(&Some(*j)));
    let false_ones: Vec<Value> = false_ones.map(|(_, s)| show(s)).collect();
    let report = json!({
        "eval": "events", "model": watched.model.name.as_str(), "fps": watched.film_fps / f64::from(watched.every),
        "looks": watched.looks, "expected": expected.len(), "events": found.len(), "right": right,
        "precision": share(right, found.len()), "recall": share(right, expected.len()),
        "missed": missed, "false": false_ones,
    });
    if !json {
        for (happening, of) in expected.iter().zip(&of) {
            let what = happening.names.join(" ");
            match of.and_then(|j| found.get(j)) {
                Some(e) => println!("  {:>8.1} s  {what:<16} found at {:.1} s", happening.from_s, e.from_s),
                None => println!("  {:>8.1} s  {what:<16} missed", happening.from_s),
            }
        }
        for s in found.iter().enumerate().filter(|(j, _)| !of.contains(&Some(*j))).map(|(_, s)| s) {
            println!("  {:>8.1} s  {:<16} though nothing was to be found", s.from_s, s.names.join(" "));
        }
        println!("\n  precision {}  recall {}\n", report["precision"], report["recall"]);
    }
    println!("{report}");
    Ok(Exit::Good)
}

fn load(path: &Path) -> anyhow::Result<Vec<Span>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    read(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_happening_takes_one_event() {
        let expected =
            read("# visits\n1, 5, presence\n\n10,12,gate,door # by rule and place\n20,21,presence\n").unwrap();
        assert_eq!(expected.len(), 3);
        let event = |from_s: f64, to_s: f64, place: Option<&str>| Span {
            from_s,
            to_s,
            names: vec!["presence".into(), "gate".into()],
            place: place.map(str::to_owned),
        };
        let found = [
            event(4.5, 6.0, None),
            event(1.2, 4.0, None),
            event(11.0, 11.0, Some("door")),
            event(11.0, 11.0, Some("yard")),
        ];
        assert_eq!(paired(&expected, &found, 1.0), [Some(1), Some(2), None]);
    }

    #[test]
    fn a_mistake_is_named_by_its_line() {
        for text in ["1,2", "a,2,line", "5,2,line", "1,2,", "1,2,a,b,c"] {
            assert!(read(&format!("# x\n{text}\n")).unwrap_err().to_string().contains("line 2"), "{text}");
        }
    }
}
