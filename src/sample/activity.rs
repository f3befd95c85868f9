//! Whether something moves on a channel, told from the sizes of its undecoded pictures.
//!
//! In goes, unit by unit, what [`slice`](super::slice) read; out comes a state. What is measured is complexity: bytes
//! times 2^((QP-26)/6), what the picture would take at QP 26. Under constant quality the bytes rise with motion, under
//! constant bit rate the quantiser does, and their product rises alike in both: three- to fivefold for a person who walks
//! through a room. Two means of it are kept: a fast one (a fifth of a second) tells a jump within a few pictures, a slow
//! one (a second) sees through streams whose pictures differ by their kind (B pictures, temporal layers, repeats).
//!
//! What is rest is not guessed but taught by looks: between two looks that found nothing there was nothing, so whatever
//! complexity did meanwhile (noise at night, a tree, rain, a pulse after each key picture) is what an empty scene does
//! here. Motion is what goes beyond. A channel that has not been seen empty stays `learning`; one without a readable
//! quantiser, or whose looks keep finding what no jump told, is `mute`.
//!
//! It allocates nothing, and a unit costs some tens of nanoseconds.

use super::{
    ActivityState,
    slice::{Kind, Picture},
};

/// Means of complexity, in seconds.
const FAST_S: f32 = 0.2;
const SLOW_S: f32 = 0.9;
/// A single picture counts at most so many times the slow mean: a lone large one (a repeated key picture of the source,
/// a flash) is no motion.
const LONE: f32 = 3.0;
/// What a channel must have shown before anything is said of it.
const LEARN_S: f32 = 4.0;
const LEARN_RESTS: u8 = 2;
/// Octaves above what was seen at rest from which on something moves: a part of how far over rest those stood who came
/// and went here, within bounds; more while something is in view and shortly after, since an object at rest is not as
/// still as an empty scene, and an encoder goes on refining what was uncovered.
const OF_HEIGHT: f32 = 0.4;
const LEAST: f32 = 0.4;
const MOST: f32 = 1.2;
const OF_HEIGHT_IN_VIEW: f32 = 0.6;
const LEAST_IN_VIEW: f32 = 0.6;
const MOST_IN_VIEW: f32 = 2.0;
const LINGER_S: f32 = 4.0;
/// Motion goes on above this part of the margin.
const STAYS: f32 = 0.8;
/// No phase's ceiling is taken lower than so many octaves under the highest: a phase is short, its peak is a chance.
const NEAR: f32 = 0.7;
/// An object in view that strays up to this part of the height goes nowhere.
const FIDGET: f32 = 0.8;
/// How far the ceiling of rest follows the peak of one more stretch of rest, upwards and downwards.
const UP: f32 = 0.5;
const DOWN: f32 = 0.1;
const MOST_UP: f32 = 1.2;
/// Where it is so many octaves too high, the scene has become another one (night, a new lens): faster.
const FAR: f32 = 1.0;
const DOWN_FAR: f32 = 0.3;
/// Activity ends when nothing has been above for this long, in seconds.
const CALM_S: f32 = 0.6;
/// Activity in which looks found nothing for so long is the scene's new rest.
const USED_TO_S: f32 = 12.0;
/// Share of pictures without a quantiser from which on nothing is said.
const BLIND: f32 = 0.3;
/// Finds that no jump told, beyond those that one told, from which on the channel is mute; and for how long.
const MISSES: i8 = 3;
/// Only who was away for so long can have come without being noticed; else it is the detector that blinks.
const AWAY_S: f32 = 8.0;
const MUTE_S: f32 = 600.0;

/// Parts of a group of pictures, by the time since its key picture (the last one is open): after a coarse key picture
/// an encoder refines for a while, and under constant bit rate that looks like motion.
const PHASES: usize = 4;
const PHASE_S: f32 = 0.4;

/// One mean, and what it did at rest; octaves. 0: not known.
#[derive(Debug, Clone, Copy, Default)]
struct Gauge {
    /// Complexity a unit.
    mean: f32,
    /// Highest since the last look that told something.
    peak: [f32; PHASES],
    /// What it reaches at rest.
    ceiling: [f32; PHASES],
}

impl Gauge {
    /// Octaves over what it reaches at rest in this phase, or in any where this one has not been seen.
    fn over(&self, octaves: f32, phase: usize) -> f32 {
        let own = self.ceiling.get(phase).copied().filter(|c| *c > 0.0);
        let most = self.ceiling.iter().copied().fold(0.0, f32::max);
        octaves - own.map_or(most, |own| own.max(most - NEAR))
    }

    /// The most that it was over rest since the last look.
    fn height(&self) -> f32 {
        let over = |(phase, peak): (usize, &f32)| if *peak > 0.0 { self.over(*peak, phase) } else { 0.0 };
        self.peak.iter().enumerate().map(over).fold(0.0, f32::max)
    }

    /// The time since the last look was rest.
    fn rested(&mut self, learning: bool) {
        for (ceiling, peak) in self.ceiling.iter_mut().zip(self.peak).filter(|(_, peak)| *peak > 0.0) {
            let by = peak - *ceiling;
            *ceiling += if *ceiling == 0.0 {
                by
            } else if by > 0.0 {
                UP * if learning { by } else { by.min(MOST_UP) }
            } else if by < -FAR {
                DOWN_FAR * by
            } else {
                DOWN * by
            };
        }
    }
}

/// One channel's estimator.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    fast: Gauge,
    slow: Gauge,
    /// Complexity of a key picture: what is small is small against it.
    key: f32,
    /// Slow mean at rest, for the report; octaves.
    rest: f32,
    seconds: f32,
    /// Since the last key picture.
    group_s: f32,
    /// A look has been.
    looked: bool,
    /// Stretches of rest that were learned from.
    rests: u8,
    /// Share of pictures without a quantiser.
    blind: f32,
    active: bool,
    /// Since activity began; since the last unit that showed motion.
    active_s: f32,
    calm_s: f32,
    /// Activity since the last look.
    stirred: bool,
    /// The stir in which this look fell began with something in view.
    tainted: bool,
    /// How far those who came and went stood over rest; octaves.
    height: f32,
    /// How far those in view stray over rest without going anywhere; octaves.
    fidget: f32,
    /// Since something was in view.
    away_s: f32,
    /// Finds that no jump told, less those that one told.
    misses: i8,
    mute_s: f32,
}

impl Activity {
    /// Takes a picture that came `dt_s` after the one before. `in_view`: the last look found something. True if
    /// activity begins with it.
    pub fn unit(&mut self, picture: &Picture, key: bool, dt_s: f32, in_view: bool) -> bool {
        self.away_s = if in_view { 0.0 } else { self.away_s + dt_s };
        let margin = self.margin();
        let dt_s = dt_s.clamp(0.001, 2.0);
        self.seconds += dt_s;
        self.mute_s = (self.mute_s - dt_s).max(0.0);
        self.group_s = if key { 0.0 } else { self.group_s + dt_s };
        let Some(qp) = picture.qp else {
            self.blind += (1.0 - self.blind) * 0.05;
            return false;
        };
        self.blind -= self.blind * 0.05;
        let complexity = picture.bytes as f32 * ((qp - 26.0) / 6.0).exp2();
        if key || picture.kind == Some(Kind::I) {
            self.key += (complexity - self.key) * if self.key == 0.0 { 1.0 } else { 0.2 };
            return false;
        }
        let floor = self.key / 256.0 + 1.0;
        let phase = ((self.group_s / PHASE_S).log2().max(-1.0) as i32 + 1).clamp(0, PHASES as i32 - 1) as usize;
        if self.slow.mean == 0.0 {
            (self.slow.mean, self.fast.mean) = (complexity, complexity);
        }
        let counted = complexity.min(LONE * (self.slow.mean + floor));
        for (gauge, tau) in [(&mut self.fast, FAST_S), (&mut self.slow, SLOW_S)] {
            gauge.mean += (counted - gauge.mean) * (dt_s / (tau + dt_s));
            if let Some(peak) = gauge.peak.get_mut(phase) {
                *peak = peak.max((gauge.mean + floor).log2());
            }
        }
        if self.rests < LEARN_RESTS {
            return false;
        }
        let over = |g: &Gauge| g.over((g.mean + floor).log2(), phase);
        let was = self.active;
        let stay = if was { STAYS * margin } else { margin };
        if over(&self.fast) > stay || (!was && over(&self.slow) > margin) {
            (self.active, self.stirred, self.calm_s) = (true, true, 0.0);
        } else if was {
            self.calm_s += dt_s;
            if self.calm_s >= CALM_S {
                // What the slow mean still holds is over.
                self.active = false;
                self.slow.mean = self.slow.mean.min(self.fast.mean);
            }
        }
        self.active_s = if self.active { self.active_s + dt_s } else { 0.0 };
        self.active && !was
    }

    /// A look ended. `before`: the look before it found something; `found`: this one did.
    pub fn looked(&mut self, before: bool, found: bool) {
        if found && !before && self.rests >= LEARN_RESTS && self.away_s > AWAY_S {
            self.misses = if self.stirred { (self.misses - 1).max(-4) } else { self.misses + 1 };
            if self.misses >= MISSES {
                (self.misses, self.mute_s) = (0, MUTE_S);
            }
        }
        if found != before && self.stirred && self.rests >= LEARN_RESTS {
            let by = self.fast.height().max(self.slow.height()) - self.height;
            self.height += by
                * if self.height == 0.0 {
                    1.0
                } else if by > 0.0 {
                    0.5
                } else {
                    0.15
                };
        }
        if found && before && self.rests >= LEARN_RESTS {
            let height = self.fast.height().max(self.slow.height());
            if !self.stirred {
                self.fidget *= 0.9;
            } else if height < FIDGET * self.height {
                self.fidget += 0.5 * (height - self.fidget);
            }
        }
        let new_rest = self.active_s > USED_TO_S && self.away_s > USED_TO_S;
        let rest = !found && !before && (!self.tainted || new_rest) && std::mem::replace(&mut self.looked, true);
        // In the middle of a stir nothing is proved yet: who stirs may not be in the picture as a whole.
        let proved = !self.active || new_rest;
        if rest && !proved {
            return;
        }
        if rest {
            self.fast.rested(self.rests < LEARN_RESTS);
            self.slow.rested(self.rests < LEARN_RESTS);
            let now = self.octaves();
            self.rest += (now - self.rest) * if self.rests == 0 { 1.0 } else { 0.2 };
            if self.seconds >= LEARN_S || self.rests + 1 < LEARN_RESTS {
                self.rests = self.rests.saturating_add(1);
            }
        }
        self.tainted = self.active && (found || before || self.tainted);
        (self.fast.peak, self.slow.peak) = ([0.0; PHASES], [0.0; PHASES]);
        self.stirred = self.active;
    }

    /// Octaves over the ceiling of rest from which on something moves: a part of what objects showed here.
    fn margin(&self) -> f32 {
        if self.away_s < LINGER_S {
            (OF_HEIGHT_IN_VIEW * self.height)
                .clamp(LEAST_IN_VIEW, MOST_IN_VIEW)
                .max((self.fidget + 0.2).min(FIDGET * self.height))
        } else {
            (OF_HEIGHT * self.height).clamp(LEAST, MOST)
        }
    }

    /// The stream begins anew: what the means held belongs to another time.
    pub fn resumed(&mut self) {
        (self.fast.mean, self.slow.mean) = (0.0, 0.0);
        (self.active, self.active_s) = (false, 0.0);
    }

    /// What moved has come to rest in view of a look.
    pub fn settled(&mut self) {
        self.stirred = self.active;
    }

    /// Activity since the last look.
    pub fn stirred(&self) -> bool {
        self.stirred
    }

    fn octaves(&self) -> f32 {
        (self.slow.mean + self.key / 256.0 + 1.0).log2()
    }

    pub fn active_s(&self) -> f32 {
        self.active_s
    }

    pub fn state(&self) -> ActivityState {
        if self.blind > BLIND || self.mute_s > 0.0 {
            ActivityState::Mute
        } else if self.rests < LEARN_RESTS {
            ActivityState::Learning
        } else if self.active {
            ActivityState::Active
        } else {
            ActivityState::Quiet
        }
    }

    /// Present complexity over that at rest.
    pub fn level(&self) -> f32 {
        if self.rests == 0 { 1.0 } else { (self.octaves() - self.rest).exp2() }
    }
}
