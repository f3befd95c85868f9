//! What rules would have made of looks: the same tracking and the same rules over detections that are there already.
//!
//! For trying rules over footage and over the looks of the last hours, before they are armed. Pure: in go a configuration, one
//! of its channels and looks in the order of their time, out come the events that would have been, the same bytes every
//! time. Nothing is stored, published or alerted.

use std::collections::HashMap;

use super::Tracker;
use crate::{
    config::{Channel, Config, MaskKind},
    rule::ChannelRules,
    types::{ChannelId, Detection, Event, Look, ModelRef, Now, Phase, Polygon, Track},
};

/// One channel's tracker and rules, fed by hand.
#[derive(Debug)]
pub struct Replay {
    channel: ChannelId,
    tracker: Tracker,
    rules: ChannelRules,
    ignore: Vec<Polygon>,
    model: ModelRef,
    looks: u64,
    first: Option<Now>,
    last: Now,
}

impl Replay {
    pub fn new(config: &Config, channel: &Channel, model: ModelRef) -> Self {
        let mut rules = ChannelRules::new(config, channel);
        rules.salt(0);
        Self {
            channel: channel.id.clone(),
            tracker: Tracker::new(&config.track),
            rules,
            ignore: ignore_masks(channel),
            model,
            looks: 0,
            first: None,
            last: Now::default(),
        }
    }

    /// What a look found, and the size of its picture.
    pub fn look(&mut self, detections: &[Detection], size: (u32, u32), at: Now) -> Vec<Event> {
        self.tracker.shaped(size.0, size.1);
        let tracks = if self.ignore.is_empty() {
            self.tracker.look(detections, at.mono)
        } else {
            let kept: Vec<Detection> = detections.iter().filter(|d| !ignored(&self.ignore, d)).cloned().collect();
            self.tracker.look(&kept, at.mono)
        };
        self.judge(&tracks, size, at)
    }

    /// Tracks that are there already, in place of detections. Those that people drew keep their numbers.
    pub fn tracks(&mut self, tracks: &[Track], size: (u32, u32), at: Now) -> Vec<Event> {
        self.rules.trust_numbers();
        // It has nothing to follow, and keeps the time.
        self.tracker.look(&[], at.mono);
        self.judge(tracks, size, at)
    }

    fn judge(&mut self, tracks: &[Track], size: (u32, u32), at: Now) -> Vec<Event> {
        self.looks += 1;
        let first = *self.first.get_or_insert(at);
        self.last = at;
        let seconds = at.mono.since_ms(first.mono) as f32 / 1000.0;
        let look = Look {
            rate_hz: if seconds > 0.0 { (self.looks - 1) as f32 / seconds } else { 0.0 },
            pace: self.tracker.pace(),
            ..Look::at(self.channel.clone(), self.model.clone(), size, at)
        };
        self.rules.look(&look, tracks, at)
    }

    /// Ends what is open, as at the end of the footage.
    pub fn finish(&mut self) -> Vec<Event> {
        self.rules.finish(self.last)
    }
}

/// The ignore masks of a channel.
pub fn ignore_masks(channel: &Channel) -> Vec<Polygon> {
    let ignore = channel.mask.iter().filter(|m| m.kind == MaskKind::Ignore);
    ignore.map(|m| Polygon(m.polygon.clone())).collect()
}

/// True if the detection stands in a mask.
pub fn ignored(masks: &[Polygon], detection: &Detection) -> bool {
    let mut at = detection.bbox.bottom_centre();
    // Who is cut off by the picture's edge stands at it.
    (at.x, at.y) = (at.x.clamp(0.0005, 0.9995), at.y.clamp(0.0005, 0.9995));
    masks.iter().any(|m| m.contains(at))
}

/// What events come to: how many, and how many alerts they would be.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    join_ms: u64,
    pub events: u64,
    pub alerts: u64,
    /// By dedupe key: events open, and when the last one ended.
    keys: HashMap<String, (u32, u64)>,
}

impl Tally {
    /// `join_s`: a new event joins the alert of its source whose last event ended no longer ago.
    pub fn new(join_s: u32) -> Self {
        Self { join_ms: u64::from(join_s) * 1000, ..Self::default() }
    }

    pub fn add(&mut self, event: &Event) {
        let known = self.keys.contains_key(&event.dedupe_key);
        let (open, ended) = self.keys.entry(event.dedupe_key.clone()).or_default();
        match event.phase {
            Phase::Start => {
                let joins = known && (*open > 0 || event.at.0.saturating_sub(*ended) <= self.join_ms);
                self.events += 1;
                self.alerts += u64::from(!joins);
                *open += 1;
            }
            Phase::Update => {}
            Phase::End => (*open, *ended) = (open.saturating_sub(1), event.at.0),
        }
    }

    /// Alerts a day if it went on like that for `ms`.
    pub fn alerts_per_day(&self, ms: u64) -> f64 {
        if ms == 0 { 0.0 } else { self.alerts as f64 * 86_400_000.0 / ms as f64 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config,
        types::{BBox, ModelName, Mono, Wall},
    };

    const CONFIG: &str = r#"
        [[channel]]
        id = "c"
        url = "rtsp://10.0.0.1/"
        mask = [{ kind = "ignore", polygon = [[0,0],[0.3,0],[0.3,1],[0,1]] }, { polygon = [[0.9,0],[1,0],[1,1]] }]
        [[rule]]
        id = "r"
        type = "presence"
        channels = ["c"]
    "#;

    fn replayed(xs: &[Option<f32>]) -> (Vec<Event>, Tally) {
        let config = config::parse("t", CONFIG).unwrap();
        let model = ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00") };
        let mut replay = Replay::new(&config, &config.channel[0], model);
        let (mut events, mut tally) = (Vec::new(), Tally::new(60));
        for (n, x) in xs.iter().enumerate() {
            let at = Now { mono: Mono(1000 + n as u64 * 1000), wall: Wall(1_000_000 + n as i64 * 1000) };
            let person = |x: &f32| Detection {
                label: Arc::from("person"),
                score: 0.9,
                bbox: BBox { x: *x, y: 0.5, w: 0.1, h: 0.3 },
            };
            events.extend(replay.look(&x.iter().map(person).collect::<Vec<_>>(), (640, 480), at));
        }
        events.extend(replay.finish());
        events.iter().for_each(|e| tally.add(e));
        (events, tally)
    }

    #[test]
    fn what_stands_in_an_ignore_mask_is_not_there_and_a_privacy_mask_hides_nothing_from_rules() {
        assert!(replayed(&[Some(0.1), Some(0.12)]).0.is_empty());
        assert_eq!(replayed(&[Some(0.88), Some(0.88)]).0.len(), 2);
    }

    #[test]
    fn the_same_looks_give_the_same_bytes_and_near_events_are_one_alert() {
        let mut xs = vec![Some(0.5); 5];
        xs.extend([None; 8]);
        xs.extend(vec![Some(0.5); 3]);
        xs.extend([None; 70]);
        xs.push(Some(0.5));
        let (events, tally) = replayed(&xs);
        assert_eq!(format!("{events:?}"), format!("{:?}", replayed(&xs).0));
        assert_eq!((tally.events, tally.alerts), (3, 2));
        assert_eq!(tally.alerts_per_day(43_200_000), 4.0);
    }
}
