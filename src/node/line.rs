//! The events of a lane that wait for their commit, and the pictures of those that are open.
//!
//! What can be committed is taken as a group, in the order of arrival. An event whose picture is not on disk yet holds up
//! its own channel, whose order is a promise, and no other. Pure: the pump stores pictures, commits, and asks again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::{
    node::{
        encoder::Shot,
        pump::Item,
        shots::{Pictures, Shots},
    },
    outbox::FactIn,
    types::{ChannelId, EventId, Phase, payload::Media},
};

/// Events that wait here, and therefore in one group.
const ROOM: usize = 64;

/// A picture that is to be stored for an event that waits.
pub struct Picture {
    /// Of the event's place.
    pub serial: u64,
    pub channel: ChannelId,
    pub event: EventId,
    pub number: u8,
    pub shot: Arc<Shot>,
}

enum Snapshot {
    None,
    /// Being stored.
    Awaited,
    Stored(Media),
}

struct Waiting {
    serial: u64,
    item: Item,
    snapshot: Snapshot,
}

#[derive(Default)]
pub struct Line {
    waiting: VecDeque<Waiting>,
    /// Pictures of the events that are open: their updates and ends name them too. A channel keeps its lane, so an
    /// event's start and end meet here; there is one entry an open event.
    open: HashMap<EventId, Pictures>,
    serial: u64,
}

impl Line {
    pub fn has_room(&self) -> bool {
        self.waiting.len() < ROOM
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes an event up; gives the picture that is to be stored before it goes on.
    pub fn push(&mut self, mut item: Item) -> Option<Picture> {
        let event = &item.event;
        if event.phase == Phase::Start {
            self.open.insert(event.id, Pictures::default());
        }
        self.serial += 1;
        // Of an event from before the start nothing is known, and it has no further pictures.
        let picture = item.snapshot.take().zip(self.open.get_mut(&event.id)).map(|(shot, pictures)| {
            let number = pictures.next;
            pictures.next = number.saturating_add(1);
            Picture { serial: self.serial, channel: event.channel.clone(), event: event.id, number, shot }
        });
        let snapshot = if picture.is_some() { Snapshot::Awaited } else { Snapshot::None };
        self.waiting.push_back(Waiting { serial: self.serial, item, snapshot });
        picture
    }

    /// The picture of an event is on disk; with `None` the event goes without.
    pub fn stored(&mut self, serial: u64, media: Option<Media>) {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.serial == serial) {
            waiting.snapshot = media.map_or(Snapshot::None, Snapshot::Stored);
        }
    }

    /// Takes out what can be committed now, in its order.
    pub fn ready(&mut self, shots: &Shots) -> Vec<FactIn> {
        let (mut facts, mut held) = (Vec::new(), HashSet::new());
        for waiting in std::mem::take(&mut self.waiting) {
            let channel = &waiting.item.event.channel;
            if matches!(waiting.snapshot, Snapshot::Awaited) || held.contains(channel) {
                held.insert(channel.clone());
                self.waiting.push_back(waiting);
            } else {
                facts.push(self.fact(waiting, shots));
            }
        }
        facts
    }

    fn fact(&mut self, Waiting { item, snapshot, .. }: Waiting, shots: &Shots) -> FactIn {
        let event = item.event;
        let media = match event.phase {
            Phase::Start | Phase::Update => self.open.get_mut(&event.id).map(|pictures| {
                if let Snapshot::Stored(media) = snapshot {
                    // The boxes of this very look: the event's own move on with every update.
                    pictures.add(Media { objects: event.objects.clone(), seen: Some(event.seen), ..media });
                }
                pictures.media()
            }),
            Phase::End => {
                shots.ends(event.id);
                self.open.remove(&event.id).map(|pictures| pictures.media())
            }
        };
        FactIn {
            event,
            channel_name: item.channel_name,
            area: item.area,
            skew_ms: item.skew_ms,
            media: media.unwrap_or_default(),
            recorder: item.recorder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::pump::testing::{item, jpeg},
        types::Clock,
    };

    fn media(number: u8) -> Media {
        Media {
            kind: "snapshot".into(),
            content_type: "image/jpeg".into(),
            url: format!("/{number}"),
            sha256: String::new(),
            bytes: 1,
            width: 1,
            height: 1,
            seen: None,
            objects: Vec::new(),
        }
    }

    fn told(facts: &[FactIn]) -> Vec<(String, Phase, usize)> {
        facts.iter().map(|f| (f.event.channel.to_string(), f.event.phase, f.media.len())).collect()
    }

    #[test]
    fn a_picture_on_its_way_holds_up_its_own_channel_only() {
        let (mut line, shots, clock) = (Line::default(), Shots::default(), Clock::start());
        let (a, b) = (EventId::at(clock.wall().0), EventId::at(clock.wall().0));
        let first = line.push(item("a", a, Phase::Start, Some(jpeg()))).unwrap();
        assert!(line.push(item("a", a, Phase::End, None)).is_none());
        let other = line.push(item("b", b, Phase::Start, Some(jpeg()))).unwrap();
        assert!(line.ready(&shots).is_empty());
        line.stored(other.serial, Some(media(other.number)));
        assert!(line.push(item("b", b, Phase::Update, None)).is_none());
        let name = |channel: &str| channel.to_owned();
        assert_eq!(told(&line.ready(&shots)), [(name("b"), Phase::Start, 1), (name("b"), Phase::Update, 1)]);
        let best = line.push(item("b", b, Phase::Update, Some(jpeg()))).unwrap();
        assert_eq!((first.number, other.number, best.number), (0, 0, 1));
        line.stored(first.serial, Some(media(first.number)));
        line.stored(best.serial, None);
        assert!(line.push(item("b", b, Phase::End, None)).is_none());
        assert_eq!(
            told(&line.ready(&shots)),
            [
                (name("a"), Phase::Start, 1),
                (name("a"), Phase::End, 1),
                (name("b"), Phase::Update, 1),
                (name("b"), Phase::End, 1)
            ],
            "one that could not be stored is missed by nobody"
        );
        assert!(line.is_empty() && line.open.is_empty());
    }

    #[test]
    fn a_line_is_bounded_and_an_unknown_event_has_no_pictures() {
        let (mut line, clock) = (Line::default(), Clock::start());
        for _ in 0..ROOM {
            assert!(line.has_room());
            assert!(line.push(item("a", EventId::at(clock.wall().0), Phase::Update, Some(jpeg()))).is_none());
        }
        assert!(!line.has_room());
        assert_eq!(line.ready(&Shots::default()).len(), ROOM);
        assert!(line.has_room());
    }
}
