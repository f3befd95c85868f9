//! Which further pictures of an open event are kept: one in which something is seen clearly surer than in any before, and
//! one now and then while it goes on, so that an alert shows how it began, its best moment and how it went on.
//!
//! A picture costs an encoding and a write, so an event has few of them; they come with its updates, which the rule limits.
//! Pure but for its lock; bounded by the open events.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::types::{Event, EventId, Mono, payload::Media};

/// Further pictures of one event.
const MOST: u8 = 12;
/// So much surer than any before.
const SURER: f32 = 0.1;
/// After so long without one the next update brings one.
const EVERY_MS: u64 = 300_000;

#[derive(Debug)]
struct Kept {
    best: f32,
    last: Mono,
    taken: u8,
}

/// The events whose pictures are counted.
#[derive(Debug, Default)]
pub struct Shots {
    open: Mutex<HashMap<EventId, Kept>>,
}

fn surest(event: &Event) -> f32 {
    event.objects.iter().map(|o| o.score).fold(0.0, f32::max)
}

impl Shots {
    /// The event has the picture of its start.
    pub fn begins(&self, event: &Event) {
        self.open.lock().insert(event.id, Kept { best: surest(event), last: event.at, taken: 0 });
    }

    /// Whether this update is worth a picture; if so it counts as taken.
    pub fn wants(&self, event: &Event) -> bool {
        let mut open = self.open.lock();
        let Some(kept) = open.get_mut(&event.id).filter(|k| k.taken < MOST) else { return false };
        let score = surest(event);
        let wanted = score >= kept.best + SURER || event.at.since_ms(kept.last) >= EVERY_MS;
        if wanted {
            *kept = Kept { best: kept.best.max(score), last: event.at, taken: kept.taken + 1 };
        }
        wanted
    }

    pub fn ends(&self, event: EventId) {
        self.open.lock().remove(&event);
    }
}

/// The pictures of one event that its payload names: the first, the best and the latest, each once and in order of time.
#[derive(Debug, Default)]
pub struct Pictures {
    first: Option<Media>,
    best: Option<Media>,
    latest: Option<Media>,
    /// Number of the next one.
    pub next: u8,
}

fn score(media: &Media) -> f32 {
    media.objects.iter().map(|o| o.score).fold(0.0, f32::max)
}

impl Pictures {
    pub fn add(&mut self, media: Media) {
        if self.best.as_ref().is_none_or(|b| score(&media) > score(b)) {
            self.best = Some(media.clone());
        }
        self.first.get_or_insert_with(|| media.clone());
        self.latest = Some(media);
    }

    pub fn media(&self) -> Vec<Media> {
        let mut named: Vec<Media> = Vec::new();
        for media in [&self.first, &self.best, &self.latest].into_iter().flatten() {
            if !named.iter().any(|m| m.url == media.url) {
                named.push(media.clone());
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ChannelId, Phase, RuleId, RuleRef, Severity, Wall, fact::Object};

    fn object(score: f32) -> Object {
        Object { track: 1, label: "person".into(), score, bbox: BBox { x: 0.0, y: 0.0, w: 0.1, h: 0.1 } }
    }

    fn event(s: u64, score: f32) -> Event {
        Event {
            id: EventId(uuid::Uuid::nil()),
            phase: Phase::Update,
            end: None,
            kind: "presence",
            rule: RuleRef { id: RuleId::new("r").unwrap(), revision: "1".into() },
            severity: Severity::Medium,
            zone: None,
            objects: vec![object(score)],
            dedupe_key: "k".into(),
            at: Mono(s * 1000),
            seen: Wall(0),
            ingested: Wall(0),
            camera_clock: false,
            model: None,
            rate_hz: 1.0,
            health: None,
            subjects: None,
            details: None,
            channel: ChannelId::new("c").unwrap(),
        }
    }

    #[test]
    fn what_is_clearly_surer_is_kept_and_one_now_and_then() {
        let shots = Shots::default();
        assert!(!shots.wants(&event(1, 0.9)), "of an event that is not known");
        shots.begins(&event(0, 0.5));
        let wanted: Vec<bool> = [(10, 0.55), (20, 0.7), (30, 0.75), (40, 0.85), (330, 0.2), (341, 0.2), (700, 0.86)]
            .map(|(s, score)| shots.wants(&event(s, score)))
            .to_vec();
        assert_eq!(wanted, [false, true, false, true, false, true, true]);
        let more = (1..40).filter(|n| shots.wants(&event(700 + n * 300, 0.1))).count();
        assert_eq!(more, usize::from(MOST) - 4, "and no more");
        shots.ends(event(0, 0.0).id);
        assert!(shots.open.lock().is_empty());
    }

    #[test]
    fn a_payload_names_the_first_the_best_and_the_latest_once() {
        let media = |n: u8, score: f32| Media {
            kind: "snapshot".into(),
            content_type: "image/jpeg".into(),
            url: format!("/{n}"),
            sha256: String::new(),
            bytes: 1,
            width: 1,
            height: 1,
            seen: None,
            objects: vec![object(score)],
        };
        let mut pictures = Pictures::default();
        let mut named = Vec::new();
        for (n, score) in [(0, 0.5), (1, 0.9), (2, 0.6), (3, 0.95)] {
            pictures.add(media(n, score));
            named.push(pictures.media().iter().map(|m| m.url.clone()).collect::<Vec<_>>().concat());
        }
        assert_eq!(named, ["/0", "/0/1", "/0/1/2", "/0/3"]);
    }
}
