//! What a source has said before: where in its picture, how sure, how long, how often, and what people made of it.
//!
//! A source is what shares a dedupe key: a rule and zone on a channel. What it says again and again from the same place is
//! familiar; anything else of it is news, however much it chatters. Spots learn from every event but follow the many: one
//! sure sighting among thirty weak ones stays news. Bounded: some spots a source, some tens of thousands of sources, of
//! which those that were quiet longest are forgotten.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::types::{AlertId, Mono, Now, Past, Wall, fact::Object, handling::ResultCode};

/// Sources remembered.
const MAX_SOURCES: usize = 50_000;
/// Places remembered a source, and objects of one event that are looked at.
const MAX_SPOTS: usize = 8;
const MAX_OBJECTS: usize = 8;
/// Two boxes are in one place if their centres are no further apart, in shares of the picture.
pub const NEAR: f32 = 0.05;
/// And if one is no smaller and no taller than this beside the other.
pub const SMALLER: f32 = 0.65;
pub const TALLER: f32 = 1.5;
/// And so far apart they are on one path.
const ABOUT: f32 = 0.15;
/// Scores this much above a spot's usual are still usual.
pub const USUAL: f32 = 0.07;
/// What keeps to its place so closely, on average, is a thing that stands there; who walks does not.
const STILL: f32 = 0.015;
/// So often must something have come from a place before that is known of it, or how sure it is there.
const KNOWN_PLACE: u32 = 5;
/// So many times as unlike its usual as it is on average, in place, height and score together, it is still alike; and of
/// which nothing is finer.
const ALIKE: f32 = 3.0;
const FINEST_PLACE: f32 = 0.0115;
const FINEST_HEIGHT: f32 = 0.04;
const FINEST_SCORE: f32 = 0.028;
/// How long a spot counts that was seen a few times, and one that was seen often.
const FEW_MS: u64 = 4 * 3_600_000;
/// How long it counts against what is sure, and against a moment.
const SURE_MS: u64 = 3_600_000;
/// How long an event that came to nothing counts.
const LATELY_MS: u64 = 3_600_000;
const OFTEN_MS: u64 = 24 * 3_600_000;
const HALF_HOUR_MS: i64 = 1_800_000;
const HALVES: i64 = 48;
const USUAL_HOURS: u32 = 2;
const TEN_MIN_MS: u64 = 600_000;
/// A source that was quiet for so long does not chatter any more.
const CALM_MS: u64 = 1_800_000;
/// Starts remembered; chattering is far below.
const MAX_STARTS: usize = 64;
/// Results remembered, and how many of them must be false or nuisance to count as history.
const MAX_RESULTS: usize = 8;
const BAD_RESULTS: usize = 4;
/// So many are enough where none was true.
const BAD_AND_NO_GOOD: usize = 2;

/// A place in the picture from which events came.
#[derive(Debug, Clone)]
struct Spot {
    label: Box<str>,
    x: f32,
    y: f32,
    h: f32,
    mean: f32,
    dev: f32,
    /// How far from its place it is on average, and how much taller or smaller, as a share.
    spread: f32,
    stretch: f32,
    seen: u32,
    last: Past,
    hours: Hours,
}

/// At which times of the day something was, in half hours of today and of the day before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Hours {
    day: i64,
    today: u64,
    before: u64,
}

impl Hours {
    fn at(wall: Wall) -> (i64, u32) {
        let half = wall.0.div_euclid(HALF_HOUR_MS);
        (half.div_euclid(HALVES), u32::try_from(half.rem_euclid(HALVES)).unwrap_or(0))
    }
    /// The same with another day as today.
    fn on(self, day: i64) -> Self {
        match day - self.day {
            0 => self,
            1 => Self { day, today: 0, before: self.today },
            _ => Self { day, today: 0, before: 0 },
        }
    }
    fn add(&mut self, wall: Wall) {
        let (day, half) = Self::at(wall);
        *self = self.on(day);
        self.today |= 1 << half;
    }
    /// In how many half hours of both days it was at this time of the day, or half an hour off.
    fn around(self, wall: Wall) -> u32 {
        let (day, half) = Self::at(wall);
        let of = self.on(day);
        let near = |by: i64| 1u64 << ((i64::from(half) + HALVES + by) % HALVES);
        let around = near(-1) | near(0) | near(1);
        (of.today & around).count_ones() + (of.before & around).count_ones()
    }
    /// Forgets this time of the day and half an hour to either side.
    fn clear(&mut self, wall: Wall) {
        let (_, half) = Self::at(wall);
        for by in -1..=1 {
            let bit = 1u64 << ((i64::from(half) + HALVES + by) % HALVES);
            self.today &= !bit;
            self.before &= !bit;
        }
    }
    /// Whether it is usual at this time of the day; once is not.
    fn hold(self, wall: Wall) -> bool {
        self.around(wall) >= USUAL_HOURS
    }
}

impl Spot {
    fn holds(&self, o: &Object) -> bool {
        let (x, y) = centre(o);
        let (low, high) = (self.h * SMALLER, self.h * TALLER);
        *self.label == *o.label
            && (self.x - x).abs() <= NEAR
            && (self.y - y).abs() <= NEAR
            && (low..=high).contains(&o.bbox.h)
    }
    fn is_live(&self, now: Mono) -> bool {
        let long = self.seen >= KNOWN_PLACE;
        self.last.ms(now) <= if long { OFTEN_MS } else { FEW_MS }
    }
    fn usual(&self, score: f32) -> bool {
        score <= self.mean + (2.5 * self.dev).max(USUAL)
    }
    /// The detector is wrong there: nothing that it says of it is ever sure.
    fn errs(&self, sure: f32) -> bool {
        self.seen >= KNOWN_PLACE && !self.usual(sure)
    }
    /// People pass there, or a thing stands there that looks like one: the detector is about sure.
    fn is_passed(&self, sure: f32) -> bool {
        self.seen >= KNOWN_PLACE && self.mean + USUAL >= sure
    }
    /// A poster, a statue: it never moves.
    fn is_still(&self) -> bool {
        self.seen >= KNOWN_PLACE && self.spread <= STILL
    }
    /// As near, as tall and no surer than what it has learnt from, all in all: who crosses a line is there for one look only,
    /// and what makes him another is where he is, how tall and how plain. A little off in all is as much as far off in one.
    fn is_alike(&self, o: &Object) -> bool {
        let (x, y) = centre(o);
        let place = (self.x - x).abs().max((self.y - y).abs()) / self.spread.max(FINEST_PLACE);
        let height = (o.bbox.h / self.h.max(0.001) - 1.0).abs() / self.stretch.max(FINEST_HEIGHT);
        let score = (o.score - self.mean).max(0.0) / self.dev.max(FINEST_SCORE);
        place * place + height * height + score * score <= ALIKE * ALIKE
    }
}

/// Centre of an object's box.
pub fn centre(o: &Object) -> (f32, f32) {
    (o.bbox.x + o.bbox.w / 2.0, o.bbox.y + o.bbox.h / 2.0)
}

/// One source.
#[derive(Debug, Clone, Default)]
pub struct Source {
    starts: VecDeque<Mono>,
    spots: Vec<Spot>,
    /// How long its events last that were not worth a row: the longest, slowly forgotten.
    longest_ms: u64,
    /// When such an event ended last.
    brief: Option<Mono>,
    pub chattering: bool,
    results: VecDeque<ResultCode>,
    /// The same of those that the detector was sure of.
    sure_results: VecDeque<ResultCode>,
    /// Its last alert that a person finished.
    pub over: Option<(AlertId, Wall)>,
    touched: Mono,
}

/// What of a source outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub chattering: bool,
    pub results: Vec<ResultCode>,
    pub sure_results: Vec<ResultCode>,
    pub over: Option<(AlertId, Wall)>,
    spots: Vec<KeptSpot>,
}

/// A spot as it is kept: its label; where, how high, how sure and how much that varies, how far off and how much taller or
/// smaller; how often, when last, at which hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptSpot(Box<str>, [f32; 7], u32, Wall, Hours);

impl Source {
    /// How often something like this came from the same places, the least familiar object counts; 0: it is news. Without
    /// objects a source that chatters is all that is known. What is not `sure` is news by its place only, what is sure by
    /// its score too.
    pub fn familiar(&self, objects: &[Object], sure: f32, moment: bool, at: Now) -> u32 {
        let now = at.mono;
        let (useless, ordinary) = (self.is_useless(), self.is_ordinary());
        if objects.is_empty() {
            return if self.chattering { u32::try_from(self.starts.len()).unwrap_or(u32::MAX) } else { 0 };
        }
        let seen = |o: &Object| {
            // Who crosses a gate by day is no reason not to tell of the one who does at night.
            let lately = |s: &Spot| s.last.ms(now) <= SURE_MS;
            // Where the detector is wrong it is so at any time, and every look is like the others. Where people pass who need
            // nobody, it is at the hours at which they do, and each is another.
            let known = |s: &Spot| useless && s.usual(o.score) && (s.errs(sure) || s.hours.hold(at.wall));
            let alike = |s: &Spot| s.is_passed(sure) || s.is_alike(o);
            let crosses = |s: &Spot| alike(s) && (lately(s) || known(s));
            // A thing that people needed nobody for is the same thing at any hour.
            let stands = |s: &Spot| ordinary && s.is_still();
            let usual = |s: &Spot| match (o.score < sure, moment) {
                (true, false) => true,
                (true, true) => crosses(s),
                // Nothing that stands still crosses a line, and who is plainly there is not one with what seldom is.
                (false, true) => s.is_passed(sure) && s.usual(o.score) && lately(s),
                (false, false) => s.usual(o.score) && (lately(s) || stands(s)),
            };
            self.seen_there(o, now, usual)
        };
        objects.iter().take(MAX_OBJECTS).map(seen).min().unwrap_or(0)
    }

    /// How often something came from the place of this that is best known, of the places that fit.
    fn seen_there(&self, o: &Object, now: Mono, fits: impl Fn(&Spot) -> bool) -> u32 {
        let there = self.spots.iter().filter(|s| s.is_live(now) && s.holds(o) && fits(s));
        there.map(|s| s.seen).max().unwrap_or(0)
    }

    /// How often the same came from the same places, as near, as tall and as sure; the least known object counts. That is what
    /// somebody has put aside who shelves what the source says.
    pub fn alike(&self, objects: &[Object], sure: f32, now: Mono) -> u32 {
        let seen = |o: &Object| self.seen_there(o, now, |s| s.usual(o.score) && (s.is_passed(sure) || s.is_alike(o)));
        objects.iter().take(MAX_OBJECTS).map(seen).min().unwrap_or(0)
    }

    /// How often something like the least familiar of them was seen thereabouts, where that is usual at this time of the day.
    /// Who passes by day is no reason not to tell of the one who does at night, nor is one who did the night before. For what
    /// is `sure` only those places count at which the detector usually is.
    pub fn thereabouts(&self, objects: &[Object], sure: f32, now: Now) -> u32 {
        let seen = |o: &Object| {
            let (x, y) = centre(o);
            let about = |s: &&Spot| {
                *s.label == *o.label
                    && (s.x - x).abs() <= ABOUT
                    && (s.y - y).abs() <= ABOUT
                    && (o.score < sure || s.is_passed(sure))
            };
            let there = self.spots.iter().filter(about).map(|s| (s.hours.around(now.wall), s.seen));
            let (hours, seen) = there
                .filter(|(hours, _)| *hours > 0)
                .fold((0u32, 0u32), |(hours, seen), (h, n)| (hours + h, seen.saturating_add(n)));
            if hours >= USUAL_HOURS { seen } else { 0 }
        };
        objects.iter().take(MAX_OBJECTS).map(seen).min().unwrap_or(0)
    }

    /// Whether one of them is surer than anything was in its place that came from there often.
    pub fn is_surer(&self, objects: &[Object], now: Mono) -> bool {
        let surer = |o: &Object| {
            let mut there =
                self.spots.iter().filter(|s| s.is_live(now) && s.seen >= KNOWN_PLACE && s.holds(o)).peekable();
            there.peek().is_some() && there.all(|s| o.score > s.mean + 2.5 * s.dev)
        };
        objects.iter().take(MAX_OBJECTS).any(surer)
    }

    /// Counts a start and learns where it was. True where it is named chattering by this.
    pub fn start(&mut self, objects: &[Object], chatter: u32, at: Now) -> bool {
        let now = at.mono;
        if self.starts.back().is_some_and(|last| now.since_ms(*last) > CALM_MS) {
            self.chattering = false;
        }
        while self.starts.len() >= MAX_STARTS || self.starts.front().is_some_and(|t| now.since_ms(*t) > TEN_MIN_MS) {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
        self.touched = now;
        for o in objects.iter().take(MAX_OBJECTS) {
            self.learn(o, at);
        }
        let named = !self.chattering && self.starts.len() >= chatter as usize;
        self.chattering |= named;
        named
    }

    fn learn(&mut self, o: &Object, Now { mono: now, wall }: Now) {
        let (x, y) = centre(o);
        let off = |s: &Spot| (s.x - x).abs().max((s.y - y).abs());
        let there = self.spots.iter_mut().filter(|s| s.holds(o));
        if let Some(s) = there.min_by(|a, b| off(a).total_cmp(&off(b))) {
            s.seen = s.seen.saturating_add(1);
            // An average over the last twenty or so, so that a spot follows light and season.
            let share = 1.0 / (s.seen.min(20) as f32);
            let (far, other) = (off(s), (o.bbox.h - s.h).abs() / s.h.max(0.001));
            s.spread += (far - s.spread) * share;
            s.stretch += (other - s.stretch) * share;
            s.x += (x - s.x) * share;
            s.y += (y - s.y) * share;
            s.h += (o.bbox.h - s.h) * share;
            let off = (o.score - s.mean).abs();
            s.mean += (o.score - s.mean) * share;
            s.dev += (off - s.dev) * share;
            s.last = now.into();
            s.hours.add(wall);
            return;
        }
        if self.spots.len() >= MAX_SPOTS
            && let Some(at) = (0..self.spots.len()).min_by_key(|i| {
                let s = &self.spots[*i];
                (s.is_live(now), s.seen, std::cmp::Reverse(s.last.ms(now)))
            })
        {
            self.spots.swap_remove(at);
        }
        let label = o.label.as_str().into();
        let mut hours = Hours::default();
        hours.add(wall);
        let (h, mean) = (o.bbox.h, o.score);
        let (dev, spread, stretch) = (0.0, 0.0, 0.0);
        self.spots.push(Spot { label, x, y, h, mean, dev, spread, stretch, seen: 1, last: now.into(), hours });
    }

    /// An event of it ended before it was worth a row.
    pub fn was_brief(&mut self, lasted_ms: u64, now: Mono) {
        self.longest_ms = lasted_ms.max(self.longest_ms - self.longest_ms / 64);
        self.brief = Some(now);
    }

    pub fn longest_ms(&self) -> u64 {
        self.longest_ms
    }

    /// Whether it had such an event within the hour.
    pub fn brief_lately(&self, now: Mono) -> bool {
        self.brief.is_some_and(|at| now.since_ms(at) <= LATELY_MS)
    }

    /// What people made of an alert of it that was `opened` then and of these objects at last. An hour at which it was true is
    /// not one at which who passes needs nobody, and a place of which little else is known is none where it is nothing.
    pub fn result(&mut self, result: ResultCode, sure: bool, opened: Wall, objects: &[Object], now: Mono) {
        if result == ResultCode::True {
            self.spots.iter_mut().for_each(|s| s.hours.clear(opened));
            let there = |s: &Spot| objects.iter().any(|o| s.holds(o));
            self.spots.retain(|s| s.seen >= KNOWN_PLACE || !there(s));
            // What was true there does not make the next one what was there lately.
            for s in self.spots.iter_mut().filter(|s| there(s) && s.last.ms(now) <= SURE_MS) {
                s.last = Past::ago(SURE_MS + 1, now);
            }
        }
        for of in [Some(&mut self.results), Some(&mut self.sure_results).filter(|_| sure)].into_iter().flatten() {
            while of.len() >= MAX_RESULTS {
                of.pop_front();
            }
            of.push_back(result);
        }
    }

    /// People needed none of what the detector was sure of there: staff, passers-by, a poster.
    pub fn is_ordinary(&self) -> bool {
        needless(&self.sure_results)
    }

    /// The same of everything that it said.
    pub fn is_useless(&self) -> bool {
        needless(&self.results)
    }

    /// People found mostly nothing there.
    pub fn mostly_false(&self) -> bool {
        mostly_bad(&self.results)
    }

    pub fn kept(&self, now: Now) -> Kept {
        let list = |of: &VecDeque<ResultCode>| of.iter().copied().collect();
        let (results, sure_results) = (list(&self.results), list(&self.sure_results));
        let spot = |s: &Spot| {
            let last = Wall(now.wall.0.saturating_sub_unsigned(s.last.ms(now.mono)));
            KeptSpot(s.label.clone(), [s.x, s.y, s.h, s.mean, s.dev, s.spread, s.stretch], s.seen, last, s.hours)
        };
        let spots = self.spots.iter().map(spot).collect();
        Kept { chattering: self.chattering, results, sure_results, over: self.over, spots }
    }
}

fn bad(results: &VecDeque<ResultCode>) -> usize {
    results.iter().filter(|r| matches!(r, ResultCode::False | ResultCode::Nuisance)).count()
}

fn mostly_bad(results: &VecDeque<ResultCode>) -> bool {
    let bad = bad(results);
    bad >= BAD_RESULTS && bad * 2 > results.len()
}

/// A few where none was true are enough.
fn needless(results: &VecDeque<ResultCode>) -> bool {
    let bad = bad(results);
    (bad >= BAD_AND_NO_GOOD && bad == results.len()) || mostly_bad(results)
}

/// All sources, bounded.
#[derive(Debug, Default)]
pub struct Sources {
    of: HashMap<String, Source>,
    /// What those were like that the facts changed which are not written yet; bounded by one batch of facts.
    before: HashMap<String, Option<Source>>,
    pub forgotten: u64,
}

impl Sources {
    pub fn get(&self, key: &str) -> Option<&Source> {
        self.of.get(key)
    }

    /// The source that a fact is about to change.
    pub fn at(&mut self, key: &str, now: Mono) -> &mut Source {
        if !self.before.contains_key(key) {
            self.before.insert(key.to_owned(), self.of.get(key).cloned());
        }
        self.of_key(key, now)
    }

    fn of_key(&mut self, key: &str, now: Mono) -> &mut Source {
        if self.of.len() >= MAX_SOURCES && !self.of.contains_key(key) {
            self.make_room();
        }
        let source = self.of.entry(key.to_owned()).or_default();
        source.touched = source.touched.max(now);
        source
    }

    /// What it has learnt is written.
    pub fn written(&mut self) {
        self.before.clear();
    }

    /// Forgets what the facts taught that were never written: they come once more, and teach it then.
    pub fn unlearn(&mut self) {
        for (key, before) in self.before.drain() {
            match before {
                Some(source) => self.of.insert(key, source),
                None => self.of.remove(&key),
            };
        }
    }

    pub fn restore(&mut self, key: &str, kept: Kept, now: Now) {
        let source = self.of_key(key, now.mono);
        source.chattering = kept.chattering;
        source.over = kept.over;
        source.results = kept.results.into_iter().take(MAX_RESULTS).collect();
        source.sure_results = kept.sure_results.into_iter().take(MAX_RESULTS).collect();
        let spot = |KeptSpot(label, [x, y, h, mean, dev, spread, stretch], seen, last, hours)| Spot {
            label,
            x,
            y,
            h,
            mean,
            dev,
            spread,
            stretch,
            seen,
            last: Past::by_wall(last, now),
            hours,
        };
        if source.spots.is_empty() {
            source.spots = kept.spots.into_iter().take(MAX_SPOTS).map(spot).collect();
        }
        if source.chattering && source.starts.is_empty() {
            // So that it calms down if it says nothing more.
            source.starts.push_back(now.mono);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// A quarter at once, so that a full memory is not tidied with every event.
    fn make_room(&mut self) {
        let mut ages: Vec<Mono> = self.of.values().map(|s| s.touched).collect();
        let quarter = ages.len() / 4;
        let (_, limit, _) = ages.select_nth_unstable(quarter);
        let limit = *limit;
        let before = self.of.len();
        let mut spare = quarter + 1;
        self.of.retain(|_, s| {
            let goes = s.touched <= limit && spare > 0;
            spare -= usize::from(goes);
            !goes
        });
        self.forgotten += (before - self.of.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BBox;

    const DAY_S: u64 = 86_400;

    fn at(s: u64) -> Now {
        Now { mono: Mono(s * 1000), wall: Wall(i64::try_from(s).unwrap() * 1000) }
    }

    pub fn object(label: &str, score: f32, x: f32) -> Object {
        Object { track: 1, label: label.into(), score, bbox: BBox { x, y: 0.4, w: 0.05, h: 0.2 } }
    }

    #[test]
    fn what_comes_again_is_familiar_and_the_rest_is_news() {
        let mut s = Source::default();
        for n in 0..30u64 {
            s.start(&[object("person", 0.52 + (n % 4) as f32 * 0.02, 0.3)], 5, at(n * 60));
        }
        let now = at(30 * 60);
        assert!(s.chattering);
        assert_eq!(s.familiar(&[object("person", 0.58, 0.32)], 0.65, false, now), 30);
        for news in [object("dog", 0.55, 0.3), object("person", 0.55, 0.6), object("person", 0.85, 0.3)] {
            assert_eq!(s.familiar(std::slice::from_ref(&news), 0.65, false, now), 0, "{news:?}");
            let both = [object("person", 0.55, 0.3), news];
            assert_eq!(s.familiar(&both, 0.65, false, now), 0, "the least familiar counts");
        }
        // A sure one is learnt and stays news.
        s.start(&[object("person", 0.9, 0.3)], 5, now);
        assert_eq!(s.familiar(&[object("person", 0.9, 0.3)], 0.65, false, now), 0);
        s.start(&[], 5, at(30 * 60 + CALM_MS / 1000 + 1));
        assert!(!s.chattering, "it was calm");
    }

    #[test]
    fn hours_are_those_of_today_and_of_the_day_before() {
        let mut h = Hours::default();
        let wall = |s: u64| at(s).wall;
        h.add(wall(7 * 3600));
        for (s, holds) in [
            (7 * 3600, true),
            (7 * 3600 - 1, true),
            (6 * 3600 + 1800 - 1, false),
            (7 * 3600 + 3599, true),
            (8 * 3600, false),
            (DAY_S + 7 * 3600, true),
            (2 * DAY_S + 7 * 3600, false),
        ] {
            assert_eq!(h.around(wall(s)) > 0, holds, "{s}");
            assert!(!h.hold(wall(s)), "once is not usual");
        }
        let mut twice = h;
        twice.add(wall(DAY_S + 7 * 3600));
        assert!(twice.hold(wall(DAY_S + 7 * 3600 + 600)));
        // Midnight is beside the last half hour.
        h.add(wall(DAY_S - 60));
        assert!(h.around(wall(DAY_S + 60)) > 0 && h.around(wall(2 * DAY_S - 60)) > 0);
        let mut early = Hours::default();
        early.add(wall(60));
        assert!(early.around(wall(DAY_S - 60)) > 0 && early.around(wall(DAY_S / 2)) == 0);
        for half in 0..48u64 {
            let mut one = Hours::default();
            one.add(wall(half * 1800));
            let near: Vec<u64> = (0..48).filter(|h| one.around(wall(h * 1800)) > 0).collect();
            let mut want = vec![(half + 47) % 48, half, (half + 1) % 48];
            want.sort_unstable();
            assert_eq!(near, want, "half hour {half}");
        }
    }

    #[test]
    fn who_passes_by_day_is_no_reason_for_the_night() {
        let mut gate = Source::default();
        let person = |score| [object("person", score, 0.3)];
        for day in 0..2 {
            for n in 0..20 {
                gate.start(&person(0.7), 5, at(day * DAY_S + 7 * 3600 + n * 1800));
            }
        }
        let (noon, night) = (at(2 * DAY_S + 12 * 3600), at(2 * DAY_S + 3 * 3600));
        assert!(gate.thereabouts(&person(0.7), 0.65, noon) >= 3);
        assert_eq!(gate.thereabouts(&person(0.7), 0.65, night), 0);
        // A branch that people called false, with a score below any that is sure, is one at any time.
        let mut branch = Source::default();
        for n in 0..20 {
            branch.start(&person(0.52), 5, at(10 * 3600 + n * 600));
            branch.result(ResultCode::False, false, Wall(0), &[], Mono(600_000));
        }
        let later = at(10 * 3600 + 20 * 600 + 5 * 3600);
        assert_eq!(branch.familiar(&person(0.53), 0.65, true, later), 20);
        assert_eq!(branch.familiar(&person(0.62), 0.65, true, later), 0, "more than it ever had");
        for _ in 0..2 {
            branch.result(ResultCode::Nuisance, true, Wall(0), &[], Mono(600_000));
        }
        assert_eq!(branch.familiar(&person(0.53), 0.65, true, later), 20, "what was sure was elsewhere");
        let sure =
            (branch.thereabouts(&person(0.7), 0.65, at(10 * 3600)), branch.thereabouts(&person(0.6), 0.65, later));
        assert_eq!(sure, (0, 0), "nothing there was ever sure, and not at this hour");
        assert_eq!(branch.thereabouts(&person(0.6), 0.65, at(10 * 3600 + 600)), 20);
        // Of the gate the detector was sure: who is unsure there at another hour is somebody.
        for _ in 0..3 {
            gate.result(ResultCode::Nuisance, false, Wall(0), &[], Mono(600_000));
        }
        assert_eq!(gate.familiar(&person(0.6), 0.65, true, noon), 40);
        assert_eq!(gate.familiar(&person(0.6), 0.65, true, night), 0);
        // All cross it at the same place, where a poster would be known at any hour; but a poster crosses nothing.
        for _ in 0..3 {
            gate.result(ResultCode::Nuisance, true, Wall(0), &[], Mono(600_000));
        }
        assert_eq!(gate.familiar(&person(0.7), 0.65, false, night), 40);
        assert_eq!(gate.familiar(&person(0.7), 0.65, true, night), 0);
        // An hour at which it was true is none at which who passes needs nobody.
        gate.result(ResultCode::True, true, noon.wall, &[], Mono(600_000));
        assert_eq!(gate.thereabouts(&person(0.7), 0.65, noon), 0);
        assert!(gate.thereabouts(&person(0.7), 0.65, at(2 * DAY_S + 15 * 3600)) >= 3);
    }

    #[test]
    fn who_crosses_where_a_branch_hangs_is_another_by_place_and_height() {
        let mut branch = Source::default();
        let seen = |x: f32, h: f32| {
            let mut o = object("person", 0.52, x);
            o.bbox.h = h;
            o.bbox.y = 0.5 - h / 2.0;
            [o]
        };
        for n in 0..40u64 {
            let off = (n % 5) as f32 - 2.0;
            branch.start(&seen(0.3 + off * 0.01, 0.2 + off * 0.01), 5, at(n * 60));
        }
        let now = at(40 * 60);
        assert!(branch.familiar(&seen(0.32, 0.22), 0.65, true, now) > 0);
        for other in [seen(0.345, 0.2), seen(0.3, 0.29), seen(0.3, 0.14)] {
            assert_eq!(branch.familiar(&other, 0.65, true, now), 0, "{other:?}");
            assert!(branch.familiar(&other, 0.65, false, now) > 0, "what lasts need not be told apart so closely");
            assert_eq!(branch.alike(&other, 0.65, now.mono), 0, "but it is not what a shelf is for");
        }
        let sure = |score, [o]: [Object; 1]| [Object { score, ..o }];
        assert!(branch.familiar(&sure(0.58, seen(0.3, 0.2)), 0.65, true, now) > 0);
        assert_eq!(
            branch.familiar(&sure(0.64, seen(0.3, 0.2)), 0.65, true, now),
            0,
            "plainer than the branch ever was"
        );
        let a_little = sure(0.58, seen(0.324, 0.222));
        assert_eq!(branch.familiar(&a_little, 0.65, true, now), 0, "a little off in all is another, too");
    }

    #[test]
    fn where_it_was_true_nothing_is_familiar_by_that() {
        let (mut gate, now) = (Source::default(), at(600));
        let thief = [object("person", 0.6, 0.3)];
        gate.start(&thief, 5, at(0));
        gate.start(&[object("person", 0.6, 0.7)], 5, at(0));
        assert_eq!(gate.familiar(&thief, 0.65, true, now), 1);
        gate.result(ResultCode::True, false, Wall(0), &thief, Mono(600_000));
        assert_eq!(gate.familiar(&thief, 0.65, true, now), 0, "the next one is told of");
        assert_eq!(gate.familiar(&[object("person", 0.6, 0.7)], 0.65, true, now), 1, "elsewhere nothing was true");
        for n in 0..KNOWN_PLACE {
            gate.start(&thief, 5, at(u64::from(n)));
        }
        gate.result(ResultCode::True, false, Wall(0), &thief, Mono(600_000));
        assert_eq!(gate.familiar(&thief, 0.65, true, now), 0, "nor does what came from a known place count as lately");
        assert_eq!(gate.familiar(&thief, 0.65, false, now), KNOWN_PLACE, "but one true among many takes no place away");
        gate.start(&thief, 5, now);
        assert_eq!(gate.familiar(&thief, 0.65, true, now), KNOWN_PLACE + 1, "until something comes from there again");
    }

    #[test]
    fn what_stands_there_is_known_at_any_hour_and_who_is_surer_than_a_bush_is_not() {
        let people_said =
            |s: &mut Source| (0..2).for_each(|_| s.result(ResultCode::False, true, Wall(0), &[], Mono(600_000)));
        let (mut poster, mut guard) = (Source::default(), Source::default());
        for n in 0..12u64 {
            let off = (n % 3) as f32 - 1.0;
            poster.start(&[object("person", 0.75, 0.3 + off * 0.01)], 5, at(10 * 3600 + n * 60));
            guard.start(&[object("person", 0.75, 0.3 + off * 0.03)], 5, at(10 * 3600 + n * 60));
        }
        people_said(&mut guard);
        let (night, o) = (at(26 * 3600), [object("person", 0.78, 0.3)]);
        assert_eq!(poster.familiar(&o, 0.65, false, night), 0, "nobody said that it is nothing");
        people_said(&mut poster);
        assert_eq!(poster.familiar(&o, 0.65, false, night), 12);
        assert_eq!(guard.familiar(&o, 0.65, false, night), 0, "who walks is told of at another hour");
        assert_eq!(poster.familiar(&[object("person", 0.95, 0.3)], 0.65, false, night), 0, "surer than the poster");

        let mut bush = Source::default();
        for n in 0..6u64 {
            bush.start(&[object("person", 0.52, 0.3)], 5, at(n * 600));
        }
        let now = at(3600);
        assert!(bush.is_surer(&[object("person", 0.62, 0.3)], now.mono));
        assert!(!bush.is_surer(&[object("person", 0.52, 0.3)], now.mono));
        assert!(!bush.is_surer(&[object("person", 0.62, 0.7)], now.mono), "nothing is known of that place");
    }

    #[test]
    fn sources_are_bounded_and_the_quiet_ones_go() {
        let mut all = Sources::default();
        for n in 0..(MAX_SOURCES + 10) as u64 {
            all.at(&format!("c/{n}"), Mono(n));
            assert!(all.len() <= MAX_SOURCES);
        }
        assert!(all.get("c/0").is_none() && all.get(&format!("c/{MAX_SOURCES}")).is_some());
        assert!(all.forgotten > 0);
    }
}
