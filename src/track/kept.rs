//! The looks of the last hours, kept in memory: when each was, and which boxes the detector gave, before any rule or mask
//! was asked. No pictures. From them a person sees where objects go (`traces`), and a rule is tried before it is armed.
//!
//! Bounded in bytes over all channels and in age. Over that the oldest page of the channel that holds most goes, counted: a
//! busy road does not empty the yards where a person walks once an hour, and whose looks say most of a rule. A look without
//! detections takes three bytes, a detection ten. Nothing of it is written to disk, and a restart begins with none.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::types::{BBox, ChannelId, Detection, Mono, Wall};

/// Looks of one channel are written into pages of about this size, and go page by page.
const PAGE_BYTES: usize = 2048;
/// A page is closed after this time, so that what is too old can go.
const PAGE_MS: u64 = 10 * 60_000;
/// Detections kept of one look, the surest.
const MAX_DETECTIONS: usize = 200;
/// Labels are stored as numbers; models have some eighty.
const MAX_LABELS: usize = 1024;
/// A page besides its bytes.
const PAGE_OVERHEAD: usize = size_of::<Page>();

/// One look, as it is kept. Scores are kept to 1/255, places to 1/65535 of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLook {
    pub at: Mono,
    pub ingested: Wall,
    /// Pixels of the picture.
    pub size: (u32, u32),
    pub detections: Vec<Detection>,
}

/// What the book holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptStats {
    pub looks: u64,
    pub bytes: usize,
    /// Looks that went because there was no more room for them.
    pub dropped: u64,
}

/// All channels' looks. Shared by the workers.
#[derive(Debug)]
pub struct LookBook {
    max_bytes: usize,
    max_age_ms: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    channels: HashMap<ChannelId, Pages>,
    labels: Vec<Arc<str>>,
    stats: KeptStats,
}

/// One channel's, oldest first.
#[derive(Debug, Default)]
struct Pages {
    pages: VecDeque<Page>,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Page {
    first: Mono,
    /// Of `first`.
    wall: Wall,
    last: Mono,
    /// By how much the wall clock had moved against the other one at `last`.
    drift_ms: i64,
    /// Of all of its looks.
    size: (u32, u32),
    looks: u32,
    data: Vec<u8>,
}

impl LookBook {
    /// Keeps nothing with `max_bytes` 0.
    pub fn new(max_bytes: u64, max_age_h: u32) -> Self {
        Self {
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            max_age_ms: u64::from(max_age_h) * 3_600_000,
            state: Mutex::default(),
        }
    }

    /// Keeps a look. One that is older than the channel's latest is left out: looks are kept in order.
    pub fn put(&self, channel: &ChannelId, at: Mono, ingested: Wall, size: (u32, u32), detections: &[Detection]) {
        if self.max_bytes == 0 {
            return;
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        let numbered = state.numbered(detections);
        if !state.channels.contains_key(channel) {
            state.channels.insert(channel.clone(), Pages::default());
        }
        let Some(kept) = state.channels.get_mut(channel) else { return };
        if kept.pages.back().is_some_and(|p| at <= p.last) {
            return;
        }
        let before = kept.bytes;
        kept.write(at, ingested, size, &numbered);
        state.stats.looks += 1;
        state.stats.bytes = state.stats.bytes + kept.bytes - before;
        while kept.pages.front().is_some_and(|p| at.since_ms(p.last) > self.max_age_ms) {
            // What is too old is not missed.
            let Some(page) = kept.pop() else { break };
            state.stats.gone(&page);
        }
        while state.stats.bytes > self.max_bytes && state.drop_page() {}
    }

    /// A channel's looks after `since`, oldest first.
    pub fn looks(&self, channel: &ChannelId, since: Mono) -> Vec<KeptLook> {
        // Copied under the lock and read outside of it: workers wait for nobody who reads.
        let (pages, labels) = {
            let state = self.state.lock();
            let Some(kept) = state.channels.get(channel) else { return Vec::new() };
            let wanted: Vec<Page> = kept.pages.iter().filter(|p| p.last > since).cloned().collect();
            (wanted, state.labels.clone())
        };
        let mut looks = Vec::with_capacity(pages.iter().map(|p| p.looks as usize).sum());
        for page in &pages {
            page.read(&labels, &mut looks);
        }
        looks.retain(|l| l.at > since);
        looks
    }

    /// How many looks of a channel are kept, and when the first and the last were.
    pub fn span(&self, channel: &ChannelId) -> Option<(u64, Mono, Mono)> {
        let state = self.state.lock();
        let pages = &state.channels.get(channel)?.pages;
        let looks = pages.iter().map(|p| u64::from(p.looks)).sum();
        Some((looks, pages.front()?.first, pages.back()?.last))
    }

    /// Forgets a channel that is no more, or that looks at something else now.
    pub fn forget(&self, channel: &ChannelId) {
        let mut state = self.state.lock();
        for page in state.channels.remove(channel).into_iter().flat_map(|kept| kept.pages) {
            state.stats.gone(&page);
        }
    }

    pub fn stats(&self) -> KeptStats {
        self.state.lock().stats
    }
}

impl KeptStats {
    fn gone(&mut self, page: &Page) {
        self.looks -= u64::from(page.looks);
        self.bytes -= page.bytes();
    }
}

/// A detection in ten bytes: label, score, box.
type Numbered = (u16, u8, [u16; 4]);

impl State {
    fn numbered(&mut self, detections: &[Detection]) -> Vec<Numbered> {
        let mut found: Vec<&Detection> = detections.iter().filter(|d| d.bbox.clipped().is_some()).collect();
        if found.len() > MAX_DETECTIONS {
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            found.truncate(MAX_DETECTIONS);
        }
        found
            .into_iter()
            .filter_map(|d| {
                let b = d.bbox.clipped()?;
                Some((self.label(&d.label)?, share(d.score, 255) as u8, [b.x, b.y, b.w, b.h].map(|v| share(v, 65_535))))
            })
            .collect()
    }

    /// `None` where there are more labels than any model has.
    fn label(&mut self, label: &Arc<str>) -> Option<u16> {
        let at = match self.labels.iter().position(|l| l == label) {
            Some(at) => at,
            None if self.labels.len() >= MAX_LABELS => return None,
            None => {
                self.labels.push(label.clone());
                self.labels.len() - 1
            }
        };
        u16::try_from(at).ok()
    }

    /// Drops the oldest page of the channel that holds most; false if there is nothing to drop.
    fn drop_page(&mut self) -> bool {
        let held = self.channels.values_mut().filter(|kept| !kept.pages.is_empty());
        // Of those that hold the same, the one whose page is the oldest.
        let most = held.max_by_key(|kept| (kept.bytes, kept.pages.front().map(|p| std::cmp::Reverse(p.first))));
        let Some(page) = most.and_then(Pages::pop) else { return false };
        self.stats.gone(&page);
        self.stats.dropped += u64::from(page.looks);
        true
    }
}

impl Pages {
    fn write(&mut self, at: Mono, ingested: Wall, size: (u32, u32), numbered: &[Numbered]) {
        let full = |p: &Page| p.data.len() >= PAGE_BYTES || at.since_ms(p.first) >= PAGE_MS || p.size != size;
        if self.pages.back().is_none_or(full) {
            if let Some(page) = self.pages.back_mut() {
                let before = page.data.capacity();
                page.data.shrink_to_fit();
                self.bytes -= before - page.data.capacity();
            }
            let page = Page { first: at, wall: ingested, last: at, drift_ms: 0, size, looks: 0, data: Vec::new() };
            self.pages.push_back(page);
            self.bytes += PAGE_OVERHEAD;
        }
        let Some(page) = self.pages.back_mut() else { return };
        let before = page.data.capacity();
        page.write(at, ingested, numbered);
        self.bytes += page.data.capacity() - before;
    }

    fn pop(&mut self) -> Option<Page> {
        let page = self.pages.pop_front()?;
        self.bytes -= page.bytes();
        Some(page)
    }
}

/// 0..1 as a whole number up to `most`; what is no number is 0.
fn share(value: f32, most: u16) -> u16 {
    // The cast saturates.
    (value.clamp(0.0, 1.0) * f32::from(most)).round() as u16
}

impl Page {
    fn bytes(&self) -> usize {
        PAGE_OVERHEAD + self.data.capacity()
    }

    fn write(&mut self, at: Mono, ingested: Wall, detections: &[Numbered]) {
        let drift = (ingested.0 - self.wall.0) - i64::try_from(at.since_ms(self.first)).unwrap_or(0);
        varint(&mut self.data, at.since_ms(self.last));
        varint(&mut self.data, zigzag(drift - self.drift_ms));
        varint(&mut self.data, detections.len() as u64);
        for (label, score, bbox) in detections {
            varint(&mut self.data, u64::from(*label));
            self.data.push(*score);
            bbox.iter().for_each(|v| self.data.extend_from_slice(&v.to_le_bytes()));
        }
        (self.last, self.drift_ms) = (at, drift);
        self.looks += 1;
    }

    fn read(&self, labels: &[Arc<str>], into: &mut Vec<KeptLook>) {
        let mut bytes = self.data.as_slice();
        let (mut at, mut drift) = (self.first, 0i64);
        for _ in 0..self.looks {
            // What was written here is read here: an end that comes too early is a fault of this file.
            let Some((look, drifted)) = one(&mut bytes, self, at, drift, labels) else {
                debug_assert!(false, "a page of looks that cannot be read");
                return;
            };
            (at, drift) = (look.at, drifted);
            into.push(look);
        }
    }
}

fn one(bytes: &mut &[u8], page: &Page, at: Mono, drift: i64, labels: &[Arc<str>]) -> Option<(KeptLook, i64)> {
    let at = at.plus_ms(take(bytes)?);
    let drift = drift + unzigzag(take(bytes)?);
    let count = usize::try_from(take(bytes)?).ok()?;
    let mut detections = Vec::with_capacity(count.min(MAX_DETECTIONS));
    for _ in 0..count {
        let label = labels.get(usize::try_from(take(bytes)?).ok()?)?.clone();
        let (fixed, rest) = bytes.split_first_chunk::<9>()?;
        *bytes = rest;
        let at = |i: usize| f32::from(u16::from_le_bytes([fixed[i], fixed[i + 1]])) / 65_535.0;
        let bbox = BBox { x: at(1), y: at(3), w: at(5), h: at(7) };
        detections.push(Detection { label, score: f32::from(fixed[0]) / 255.0, bbox });
    }
    let since = i64::try_from(at.since_ms(page.first)).unwrap_or(0);
    Some((KeptLook { at, ingested: Wall(page.wall.0 + since + drift), size: page.size, detections }, drift))
}

/// Seven bits a byte, the lowest first.
fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: (u32, u32) = (640, 360);

    fn id(text: &str) -> ChannelId {
        ChannelId::new(text).unwrap()
    }

    fn person(x: f32, score: f32) -> Detection {
        Detection { label: Arc::from("person"), score, bbox: BBox { x, y: 0.2, w: 0.1, h: 0.3 } }
    }

    #[test]
    fn looks_come_back_as_they_were() {
        let book = LookBook::new(1 << 20, 6);
        let (a, b) = (id("a"), id("b"));
        book.put(&a, Mono(1000), Wall(50_000), SIZE, &[person(0.25, 0.8)]);
        book.put(&b, Mono(1100), Wall(50_100), SIZE, &[]);
        // The wall clock jumps back between two looks.
        book.put(&a, Mono(1500), Wall(40_500), SIZE, &[]);
        book.put(&a, Mono(1400), Wall(40_400), SIZE, &[person(0.5, 0.5)]);
        let looks = book.looks(&a, Mono(0));
        assert_eq!(looks.iter().map(|l| (l.at.0, l.ingested.0)).collect::<Vec<_>>(), [(1000, 50_000), (1500, 40_500)]);
        let seen = &looks[0].detections[0];
        assert!((seen.bbox.x - 0.25).abs() < 1e-4 && (seen.score - 0.8).abs() < 3e-3 && &*seen.label == "person");
        assert_eq!(book.looks(&a, Mono(1000)).len(), 1, "after that moment");
        assert_eq!(book.span(&a), Some((2, Mono(1000), Mono(1500))));
        book.forget(&a);
        assert_eq!((book.looks(&a, Mono(0)).len(), book.stats().looks), (0, 1));
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_more_room_and_is_counted() {
        let book = LookBook::new(20_000, 24);
        for i in 0..5000u64 {
            book.put(
                &id(if i % 2 == 0 { "a" } else { "b" }),
                Mono(i * 1000),
                Wall(i as i64 * 1000),
                SIZE,
                &[person(0.1, 0.9)],
            );
            assert!(book.stats().bytes <= 20_000);
        }
        let (stats, kept) = (book.stats(), book.looks(&id("a"), Mono(0)).len() + book.looks(&id("b"), Mono(0)).len());
        assert_eq!((stats.looks, stats.looks + stats.dropped), (kept as u64, 5000));
        assert!(kept > 1000, "{kept} looks with a person in 20 kB");
        assert_eq!(book.looks(&id("a"), Mono(0)).last().map(|l| l.at), Some(Mono(4_998_000)));
    }

    #[test]
    fn a_busy_channel_does_not_empty_the_quiet_ones() {
        let book = LookBook::new(60_000, 24);
        for s in 0..20_000u64 {
            book.put(&id("road"), Mono(s * 1000), Wall(0), SIZE, &vec![person(0.1, 0.9); 10]);
            if s % 16 == 0 {
                book.put(&id("yard"), Mono(s * 1000), Wall(0), SIZE, &[]);
            }
        }
        assert!(book.stats().bytes <= 60_000 && book.stats().dropped > 10_000);
        assert_eq!(book.span(&id("yard")).map(|(looks, first, _)| (looks, first)), Some((1250, Mono(0))));
        assert!(book.span(&id("road")).unwrap().0 > 200, "and has the rest of the room");
    }

    #[test]
    fn what_is_too_old_goes_and_a_book_without_room_keeps_nothing() {
        let book = LookBook::new(1 << 20, 1);
        (0..200u64).for_each(|m| book.put(&id("a"), Mono(m * 60_000), Wall(0), SIZE, &[]));
        let (_, first, last) = book.span(&id("a")).unwrap();
        assert!(last.since_ms(first) <= 3_600_000 + PAGE_MS, "{}", last.since_ms(first));
        assert_eq!(book.stats().dropped, 0);
        let none = LookBook::new(0, 1);
        none.put(&id("a"), Mono(1), Wall(1), SIZE, &[]);
        assert_eq!(none.stats(), KeptStats::default());
    }

    #[test]
    fn a_thousand_boxes_and_such_as_are_none_do_no_harm() {
        let book = LookBook::new(1 << 20, 1);
        let mut many: Vec<_> = (0..1000).map(|i| person(0.3, i as f32 / 1000.0)).collect();
        many.push(Detection { bbox: BBox { x: f32::NAN, y: 0.0, w: 1.0, h: 1.0 }, ..person(0.0, f32::NAN) });
        book.put(&id("a"), Mono(1), Wall(1), SIZE, &many);
        let looks = book.looks(&id("a"), Mono(0));
        assert_eq!(looks[0].detections.len(), MAX_DETECTIONS);
        assert!(looks[0].detections.iter().all(|d| d.score > 0.79));
    }

    proptest! {
        #[test]
        fn any_times_and_counts_come_back(steps in prop::collection::vec((1u64..5_000_000, any::<i32>(), 0usize..40), 1..60)) {
            let book = LookBook::new(1 << 24, 1_000_000);
            let (mut at, mut put) = (0u64, Vec::new());
            for (dt, wall, n) in steps {
                at += dt;
                book.put(&id("a"), Mono(at), Wall(i64::from(wall)), SIZE, &vec![person(0.5, 0.5); n]);
                put.push((at, i64::from(wall), n));
            }
            let looks: Vec<_> = book.looks(&id("a"), Mono(0)).iter().map(|l| (l.at.0, l.ingested.0, l.detections.len())).collect();
            prop_assert_eq!(looks, put);
        }
    }
}
