//! Trying a rule on the looks that are kept, before it is armed.
//!
//! The very tracker and rules that run at a look are run over the kept ones, so what comes out is what would have been.
//! Nothing is told, stored or counted. Runs on a thread for blocking work, one at a time, and ends after some seconds with
//! the channels that it came to.

use std::collections::{HashMap, HashSet};

use crate::{
    config::{Channel, Config, Rule},
    track::{KeptLook, LookBook, replay::Replay, since},
    types::{ChannelId, Event, ModelName, ModelRef, Mono, Now, Phase, Wall},
    web::ports::rules::{DryRun, DryRunAsk, DryRunChannel, DryRunEvent, Raised},
};

/// Channels of one run, and events that are given of it.
const MAX_CHANNELS: usize = 300;
const MAX_EVENTS: usize = 1000;
/// A run goes on to the next channel for so long.
const MAX_RUN_MS: u128 = 8000;
/// Below this nothing is said of a day: ten minutes of a rush hour times 144 is no day.
const LEAST_SPAN_MS: u64 = 30 * 60_000;
const DAY_MS: f32 = 86_400_000.0;

/// Tries `ask.rule`, as if it were armed everywhere that it is for, on those of `visible` channels.
pub fn run(
    config: &Config,
    visible: &HashSet<ChannelId>,
    book: &LookBook,
    raised: &Raised,
    now: Mono,
    ask: DryRunAsk,
) -> DryRun {
    let begun = tokio::time::Instant::now();
    let asked: HashSet<&ChannelId> = ask.channels.iter().collect();
    let alone = alone(config, armed(ask.rule));
    let index = alone.rule_index();
    let id = alone.rule.first().map(|r| r.id.clone());
    let mut done = DryRun::default();
    let mut events: Vec<DryRunEvent> = Vec::new();
    for channel in &config.channel {
        let wanted = asked.is_empty() || asked.contains(&channel.id);
        if !wanted || !visible.contains(&channel.id) || index.chosen(channel).is_empty() {
            continue;
        }
        if done.channels.len() >= MAX_CHANNELS || begun.elapsed().as_millis() > MAX_RUN_MS {
            done.left_out += 1;
            continue;
        }
        let looks = book.looks(&channel.id, since(now, ask.hours));
        let found = events_of(&alone, channel, &looks);
        let mut told = pair(&found, u64::from(alone.alert.join_s) * 1000);
        let (from, to) = (looks.first().map(|l| l.ingested), looks.last().map(|l| l.ingested));
        let span_ms = looks.first().zip(looks.last()).map_or(0, |(a, b)| b.at.since_ms(a.at));
        let alerts = told.iter().filter(|e| !e.joined).count() as u64;
        let enough = span_ms >= LEAST_SPAN_MS;
        done.channels.push(DryRunChannel {
            id: channel.id.clone(),
            name: channel.display_name().to_owned(),
            looks: looks.len() as u64,
            from,
            to,
            events: told.len() as u64,
            alerts,
            alerts_per_day: enough.then(|| alerts as f32 * DAY_MS / span_ms as f32),
            raised_24h: id.clone().and_then(|id| raised.by.get(&(id, channel.id.clone())).copied()).unwrap_or(0),
            problem: problem(&alone, channel, &looks),
        });
        done.looks += looks.len() as u64;
        done.from = done.from.into_iter().chain(from).min();
        done.to = done.to.into_iter().chain(to).max();
        done.events_total += told.len() as u64;
        done.alerts_total += alerts;
        events.append(&mut told);
    }
    let rates: Vec<f32> = done.channels.iter().filter_map(|c| c.alerts_per_day).collect();
    done.alerts_per_day = (!rates.is_empty()).then(|| rates.iter().sum());
    events.sort_by_key(|e| e.start);
    events.truncate(MAX_EVENTS);
    done.events = events;
    done
}

/// The rule as if it were in force everywhere that it is for.
fn armed(mut rule: Rule) -> Rule {
    rule.enabled = true;
    rule.exceptions.iter_mut().for_each(|e| drop(e.keys.remove("enabled")));
    rule
}

/// A configuration with this rule and no other.
fn alone(config: &Config, rule: Rule) -> Config {
    Config {
        node: config.node.clone(),
        sample: config.sample.clone(),
        infer: config.infer.clone(),
        track: config.track.clone(),
        alert: config.alert.clone(),
        area: config.area.clone(),
        timetable: config.timetable.clone(),
        rule: vec![rule],
        ..Config::default()
    }
}

fn problem(config: &Config, channel: &Channel, looks: &[KeptLook]) -> Option<String> {
    if config.rules_of(channel).next().is_none() {
        return Some("none of the rule's zones or lines is drawn on this channel".into());
    }
    looks.is_empty().then(|| "no looks are kept of it: nothing watched it, or the gateway has just started".into())
}

/// All events of the looks, in order.
fn events_of(config: &Config, channel: &Channel, looks: &[KeptLook]) -> Vec<Event> {
    let Ok(name) = ModelName::new("kept") else { return Vec::new() };
    let mut replay = Replay::new(config, channel, ModelRef { name, sha256: "".into() });
    let look = |kept: &KeptLook| replay.look(&kept.detections, kept.size, Now { mono: kept.at, wall: kept.ingested });
    looks.iter().flat_map(look).collect()
}

/// Starts with their ends, in the order of the starts.
fn pair(events: &[Event], join_ms: u64) -> Vec<DryRunEvent> {
    let mut found: Vec<DryRunEvent> = Vec::new();
    let mut at: HashMap<_, usize> = HashMap::new();
    // By dedupe key: when its latest event ended; none while one is open.
    let mut ended: HashMap<&str, Option<Wall>> = HashMap::new();
    for event in events {
        match event.phase {
            Phase::Start => {
                let joined = ended.get(event.dedupe_key.as_str()).is_some_and(|end| {
                    end.is_none_or(|end| event.ingested.0.saturating_sub(end.0) <= i64::try_from(join_ms).unwrap_or(0))
                });
                at.insert(event.id, found.len());
                ended.insert(&event.dedupe_key, None);
                found.push(DryRunEvent {
                    channel: event.channel.clone(),
                    kind: event.kind.to_string(),
                    zone: event.zone.clone(),
                    start: event.ingested,
                    end: None,
                    ended: None,
                    joined,
                    objects: event.objects.clone(),
                    details: event.details.as_deref().cloned(),
                });
            }
            Phase::Update => {}
            Phase::End => {
                ended.insert(&event.dedupe_key, Some(event.ingested));
                if let Some(of) = at.get(&event.id).and_then(|i| found.get_mut(*i)) {
                    (of.end, of.ended) = (Some(event.ingested), event.end);
                    of.details = event.details.as_deref().cloned();
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config,
        types::{BBox, Detection},
    };

    const CONFIG: &str = r#"
        [alert]
        join_s = 60
        [[channel]]
        id = "a"
        name = "Gate"
        url = "rtsp://10.0.0.1/"
        zone = [{ id = "left", polygon = [[0,0],[0.5,0],[0.5,1],[0,1]] }]
        [[channel]]
        id = "b"
        url = "rtsp://10.0.0.2/"
        [[channel]]
        id = "c"
        url = "rtsp://10.0.0.3/"
        mask = [{ kind = "ignore", polygon = [[0,0],[0.5,0],[0.5,1],[0,1]] }]
        [[rule]]
        id = "r"
        type = "presence"
        channels = ["*"]
        enabled = false
    "#;

    fn person(x: f32) -> Detection {
        Detection { label: Arc::from("person"), score: 0.8, bbox: BBox { x, y: 0.2, w: 0.1, h: 0.4 } }
    }

    /// Somebody stands at `x` for ten seconds at the beginning of each of the minutes.
    fn visits(book: &LookBook, id: &str, x: f32, minutes: &[u64]) {
        let id = ChannelId::new(id).unwrap();
        for s in 0..40 * 60u64 {
            let there = minutes.contains(&(s / 60)) && s % 60 < 10;
            let detections = if there { vec![person(x)] } else { Vec::new() };
            let wall = Wall(1_800_000_000_000 + s as i64 * 1000);
            book.put(&id, Mono(s * 1000), wall, (640, 360), &detections);
        }
    }

    fn tried(book: &LookBook, ask: impl Fn(&mut DryRunAsk)) -> DryRun {
        let config = config::parse("t", CONFIG).unwrap();
        let visible = config.channel.iter().map(|c| c.id.clone()).collect();
        let mut wish = DryRunAsk { rule: config.rule[0].clone(), channels: Vec::new(), hours: 6.0 };
        ask(&mut wish);
        run(&config, &visible, book, &Raised::default(), Mono(40 * 60_000), wish)
    }

    #[test]
    fn visits_are_events_and_those_close_together_one_alert() {
        let book = LookBook::new(1 << 22, 24);
        visits(&book, "a", 0.2, &[1, 2, 10]);
        let done = tried(&book, |_| {});
        assert_eq!((done.events_total, done.alerts_total, done.looks), (3, 2, 2399));
        assert_eq!(done.events.iter().map(|e| e.joined).collect::<Vec<_>>(), [false, true, false]);
        let first = &done.events[0];
        assert_eq!((first.start.0 - 1_800_000_000_000) / 1000, 60);
        assert!((10_000..15_000).contains(&(first.end.unwrap().0 - first.start.0)), "{first:?}");
        // Two alerts in forty minutes.
        assert!((done.alerts_per_day.unwrap() - 72.0).abs() < 1.0, "{:?}", done.alerts_per_day);
        assert_eq!(done.channels.len(), 3);
        assert!(done.channels[1].problem.as_deref().is_some_and(|p| p.contains("no looks are kept")));
    }

    #[test]
    fn only_what_was_asked_for_is_tried_and_a_zone_that_is_not_drawn_is_named() {
        let book = LookBook::new(1 << 22, 24);
        visits(&book, "a", 0.7, &[1]);
        visits(&book, "b", 0.2, &[1]);
        let zone = |ask: &mut DryRunAsk| ask.rule.zones = vec![crate::types::ZoneId::new("left").unwrap()];
        let done = tried(&book, zone);
        assert_eq!(done.events_total, 0, "beside the zone");
        assert!(done.channels[1].problem.as_deref().is_some_and(|p| p.contains("drawn")));
        let done = tried(&book, |ask| ask.channels = vec![ChannelId::new("b").unwrap()]);
        assert_eq!((done.channels.len(), done.events_total), (1, 1));
        let done = tried(&book, |ask| ask.hours = 0.2);
        assert_eq!(done.events_total, 0, "longer ago");
    }

    #[test]
    fn what_is_ignored_is_ignored_here_too_and_the_same_looks_give_the_same() {
        let book = LookBook::new(1 << 22, 24);
        visits(&book, "c", 0.2, &[1]);
        assert_eq!(tried(&book, |_| {}).events_total, 0);
        let book = LookBook::new(1 << 22, 24);
        visits(&book, "c", 0.7, &[1]);
        let done = tried(&book, |_| {});
        assert_eq!(done.events_total, 1);
        assert_eq!(done, tried(&book, |_| {}));
    }

    #[test]
    fn what_was_not_armed_anywhere_is_tried_as_if_it_were() {
        let book = LookBook::new(1 << 22, 24);
        visits(&book, "b", 0.2, &[3]);
        let done = tried(&book, |ask| {
            let keys = serde_json::from_str(r#"{"enabled":false}"#).unwrap();
            ask.rule.exceptions = vec![config::Exception { channel: ChannelId::new("b").unwrap(), keys }];
        });
        assert_eq!(done.events_total, 1);
    }
}
