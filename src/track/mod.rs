//! Detections to tracks: the same object over the looks at one channel.
//!
//! Takes the detections of one look with its time, gives the tracks found in that look. Each track expects a place and a
//! size for the time of the look ([`motion`]); boxes and tracks are paired so that all of it together is the likeliest
//! ([`assign`]), weak boxes included, which continue a track but hardly begin one. What is left begins a track. Whether a track
//! is an object or a thing that looks like one is weighed from look to look ([`belief`]): `confirmed` says so, and nothing that is
//! said is taken back or said late. Looks may lie a tenth of a second or ten seconds apart, and apart unequally; the
//! numbers ([`tuning`]) are the same for all.
//!
//! It does no I/O, reads no clock, keeps at most `max_tracks` tracks a channel, and the same looks give the same tracks.
//! It follows an object within one channel only, by where it is and how large, never by what a person looks like.

pub mod assign;
mod belief;
mod intake;
mod kept;
mod motion;
pub mod replay;
mod traces;
mod tuning;

use std::sync::Arc;

pub use kept::{KeptLook, KeptStats, LookBook};
pub use traces::{since, traces};

use crate::{
    config,
    types::{Detection, Mono, Pace, Track},
};
use assign::{Pair, assign};
use belief::Belief;
use intake::{Seen, alike, sound, within};
use motion::Motion;
use tuning::{TUNING, Tuning};

/// Of a picture whose size nobody told: that of most cameras.
const USUAL_ASPECT: f32 = 16.0 / 9.0;
/// A box that comes so near to the edge of the picture touches it.
const EDGE: f32 = 0.005;

#[derive(Debug, Clone)]
struct Kept {
    track: Track,
    motion: Motion,
    belief: Belief,
    /// What the detector called it, with the sum of the scores; labels that are mixed up are few.
    names: Vec<(Arc<str>, f32)>,
}

/// The tracks of one channel.
#[derive(Debug)]
pub struct Tracker {
    kept: Vec<Kept>,
    next: u64,
    max_gap_ms: u64,
    max_tracks: usize,
    aspect: f32,
    pace: Pace,
    dropped: u64,
    tuning: Tuning,
}

impl Tracker {
    pub fn new(config: &config::Track) -> Self {
        Self {
            kept: Vec::new(),
            next: 1,
            max_gap_ms: u64::from(config.max_gap_ms),
            max_tracks: config.max_tracks as usize,
            aspect: USUAL_ASPECT,
            pace: Pace::default(),
            dropped: 0,
            tuning: TUNING,
        }
    }

    /// The picture's size in pixels, so that a length is the same in both directions. Where it changes, tracks begin anew.
    pub fn shaped(&mut self, width: u32, height: u32) {
        let aspect = width.max(1) as f32 / height.max(1) as f32;
        if (aspect / self.aspect - 1.0).abs() > 0.01 {
            self.aspect = aspect.clamp(0.05, 20.0);
            self.kept.clear();
        }
    }

    /// How far apart its looks are.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Takes one look; gives the tracks that it found, in the order of their numbers. `now` must not go backwards.
    pub fn look(&mut self, detections: &[Detection], now: Mono) -> Vec<Track> {
        let t = self.tuning;
        self.pace.look(now);
        let keep_ms = self.pace.remembers_ms(self.max_gap_ms);
        self.kept.retain(|k| now.since_ms(k.track.last) <= keep_ms);
        let (seen, over) = sound(detections, self.aspect, self.max_tracks, &t);
        self.dropped += over as u64;
        let expected: Vec<Motion> = self.kept.iter().map(|k| k.motion.after(k.gap_s(now), &t)).collect();
        let pairs = self.pairs(&seen, &expected, now);
        let mut free = vec![true; seen.len()];
        let mut found = vec![false; self.kept.len()];
        let chosen = assign(self.kept.len(), seen.len(), &pairs);
        for &(i, j) in &chosen {
            (free[j], found[i]) = (false, true);
        }
        let mut hidden = vec![false; self.kept.len()];
        let doubts = doubts(&pairs, &chosen, &t);
        for (&(i, j), doubt) in chosen.iter().zip(doubts) {
            let behind = self.behind(&seen[j], &found, &expected, now);
            let doubt = if behind.is_empty() { doubt } else { t.pooled };
            behind.into_iter().for_each(|other| hidden[other] = true);
            self.kept[i].goes_on(expected[i], &seen[j], doubt, now, self.aspect, &t);
        }
        for (_, k) in self.kept.iter_mut().enumerate().filter(|(i, _)| !found[*i] && !hidden[*i]) {
            k.belief.missed(&t);
            k.track.confirmed = k.belief.confirmed();
        }
        self.begin(&seen, &free, &expected, now);
        // Behind the known ones stand those that begin.
        let given = |(i, k): (usize, &Kept)| found.get(i).copied().unwrap_or(true).then(|| k.track.clone());
        let tracks = self.kept.iter().enumerate().filter_map(given).collect();
        self.forget(now);
        tracks
    }

    /// Tracks that went, and detections that were not looked at, because there were too many: since this was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// What may belong together, and by how much that is likelier than that the box is of something else.
    fn pairs(&self, seen: &[Seen], expected: &[Motion], now: Mono) -> Vec<Pair> {
        let t = &self.tuning;
        let mut pairs = Vec::new();
        // Where looks are seconds apart nobody is lost by that alone.
        let pace_s = self.pace.ms() as f32 / 1000.0;
        let slow = pace_s > t.slow_s;
        for (row, (k, expected)) in self.kept.iter().zip(expected).enumerate() {
            let lost_s = if slow { t.slow_s * k.gap_s(now) / pace_s } else { k.gap_s(now) };
            let known = if k.track.confirmed { t.confirmed_counts } else { 0.0 } - t.lost_per_s * lost_s;
            // What stands and what moves are told apart by looks that follow one another; where they do not, it may have
            // done either.
            let stood = slow.then_some(&k.motion);
            for (column, one) in seen.iter().enumerate().filter(|(_, one)| alike(&one.detection.label, &k.track.label))
            {
                let likely = |motion: &Motion, less: f32| {
                    let fit = motion.fit(&one.shape, t)?;
                    Some(-0.5 * fit.place - fit.spread.ln() - t.size_counts * fit.size - less)
                };
                let moved = likely(expected, 0.0);
                let stood = stood.and_then(|motion| likely(motion, t.stands));
                let Some(fit) = moved.into_iter().chain(stood).max_by(f32::total_cmp) else { continue };
                let gain = t.goes_on + fit + t.score_counts * one.evidence + known;
                pairs.push(Pair { row, column, gain: f64::from(gain) });
            }
        }
        pairs
    }

    /// Known objects without a box of their own that are expected within this one: it is of them as well, or they stand
    /// behind.
    fn behind(&self, one: &Seen, found: &[bool], expected: &[Motion], now: Mono) -> Vec<usize> {
        let t = &self.tuning;
        let there = |(i, k): (usize, &Kept)| {
            let known = !found[i] && k.track.confirmed && k.gap_s(now) <= t.hidden_s;
            let inside = known
                && alike(&k.track.label, &one.detection.label)
                && within(&expected[i].shape.bbox(self.aspect), &one.bbox) >= t.hidden;
            inside.then_some(i)
        };
        self.kept.iter().enumerate().filter_map(there).collect()
    }

    /// Tracks for the boxes that continue none.
    fn begin(&mut self, seen: &[Seen], free: &[bool], expected: &[Motion], now: Mono) {
        let t = self.tuning;
        let known = expected.len();
        for (one, _) in seen.iter().zip(free).filter(|(one, free)| **free && one.score >= t.begins) {
            let covered = |(k, expected): (&Kept, &Motion)| {
                let there = if k.track.last == now { k.track.bbox } else { expected.shape.bbox(self.aspect) };
                k.track.confirmed
                    && alike(&k.track.label, &one.detection.label)
                    && within(&there, &one.bbox) >= t.within
            };
            let double = self.kept[..known].iter().zip(expected).any(covered);
            let evidence = one.evidence - if double { t.double } else { 0.0 };
            let belief = Belief::new(one.shape, evidence, now, &t);
            let track = Track {
                number: self.next,
                label: one.detection.label.clone(),
                score: one.score,
                bbox: one.bbox,
                first: now,
                last: now,
                looks: 1,
                velocity: (0.0, 0.0),
                still_ms: 0,
                confirmed: belief.confirmed(),
            };
            self.next += 1;
            let names = vec![(track.label.clone(), one.score)];
            self.kept.push(Kept { track, motion: Motion::new(one.shape, &t), belief, names });
        }
    }

    /// Lets go what is lost, and the weakest of what is too much.
    fn forget(&mut self, now: Mono) {
        let weak_ms = (self.tuning.weak_gap_s * 1000.0) as u64;
        self.kept.retain(|k| {
            let gap_ms = now.since_ms(k.track.last);
            // What has been there for long is missed for longer, be it a poster.
            let known_ms = k.track.last.since_ms(k.track.first);
            gap_ms <= weak_ms || !k.leaves() && (k.track.confirmed || gap_ms <= known_ms / 5)
        });
        let over = self.kept.len().saturating_sub(self.max_tracks);
        if over > 0 {
            let mut worth: Vec<_> =
                self.kept.iter().map(|k| (k.track.confirmed, k.track.last, k.track.looks, k.track.number)).collect();
            worth.sort_unstable();
            let least = worth[over];
            self.kept.retain(|k| (k.track.confirmed, k.track.last, k.track.looks, k.track.number) >= least);
            self.dropped += over as u64;
        }
    }
}

/// For each chosen pair, how far its box may be off because two objects might as well have changed boxes. Whoever they are,
/// they go on as they did before until it is clear again.
fn doubts(pairs: &[Pair], chosen: &[(usize, usize)], t: &Tuning) -> Vec<f32> {
    let gain = |row, column| {
        let at = pairs.binary_search_by_key(&(row, column), |p| (p.row, p.column));
        at.ok().and_then(|at| pairs.get(at)).map(|p| p.gain as f32)
    };
    let mut owners: Vec<(usize, usize)> = chosen.iter().map(|(row, column)| (*column, *row)).collect();
    owners.sort_unstable();
    let owner = |column: usize| {
        let at = owners.binary_search_by_key(&column, |o| o.0);
        at.ok().and_then(|at| owners.get(at)).map(|o| o.1)
    };
    let doubt = |&(row, column): &(usize, usize)| {
        let from = pairs.partition_point(|p| p.row < row);
        let own = pairs[from..].iter().take_while(|p| p.row == row);
        let margin = |theirs: &Pair| {
            let other = owner(theirs.column).filter(|other| *other != row)?;
            let stay = gain(row, column)? + gain(other, theirs.column)?;
            Some(stay - theirs.gain as f32 - gain(other, column)?)
        };
        t.pooled * (1.0 - own.filter_map(margin).fold(t.clear, f32::min) / t.clear)
    };
    chosen.iter().map(doubt).collect()
}

impl Kept {
    fn gap_s(&self, now: Mono) -> f32 {
        now.since_ms(self.track.last) as f32 / 1000.0
    }

    fn goes_on(&mut self, expected: Motion, one: &Seen, doubt: f32, now: Mono, aspect: f32, t: &Tuning) {
        self.motion = expected;
        self.motion.found(&one.shape, doubt, t);
        self.belief.found(&self.motion.shape, one.evidence, now, t);
        self.called(&one.detection.label, one.score);
        let (vx, vy) = self.motion.velocity;
        let track = &mut self.track;
        track.score = one.score;
        track.bbox = one.bbox;
        track.last = now;
        track.looks = track.looks.saturating_add(1);
        track.velocity = (vx / aspect, vy);
        track.still_ms = self.belief.still_ms(now);
        track.confirmed = self.belief.confirmed();
    }

    /// A track is called what it was called most.
    fn called(&mut self, label: &Arc<str>, score: f32) {
        match self.names.iter_mut().find(|(name, _)| name == label) {
            Some((_, sum)) => *sum += score,
            None => self.names.push((label.clone(), score)),
        }
        if let [_] = self.names.as_slice() {
            return;
        }
        if let Some((name, _)) = self.names.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            self.track.label = name.clone();
        }
    }

    /// Gone, or about to go, over the edge of the picture: who comes in there is hardly the same.
    fn leaves(&self) -> bool {
        let (b, (vx, vy)) = (&self.track.bbox, self.track.velocity);
        b.x < EDGE && vx < 0.0
            || b.x + b.w > 1.0 - EDGE && vx > 0.0
            || b.y < EDGE && vy < 0.0
            || b.y + b.h > 1.0 - EDGE && vy > 0.0
    }
}

#[cfg(test)]
mod tests;
