//! What a channel's pictures and its stream tell of its condition: frozen, dark, covered, moved and the like.
//!
//! In go the frames that are decoded anyway, boiled down to a grid of luma, and once a second the numbers of the stream;
//! out comes the set of conditions, each with hysteresis. A condition of the picture is set by the third look that
//! finds it, looks at least a second and a half apart, so that somebody who walks past the lens covers nothing; it is cleared by
//! the third that does not. What is unusual is measured against the channel's own slow reference, which is kept in memory
//! only: after a start it takes eight looks to know it, and a camera that was covered before is taken for one that
//! looks at a wall.
//!
//! Dark and bright hide the others: nothing is said of what cannot be seen. Pure: no I/O, no clock, no lock; some five
//! KiB a channel from its first look on, and nothing is allocated after that. A channel that no rule watches has no
//! looks and therefore only the conditions of its stream.

mod glance;
mod latch;
mod scene;
mod still;
mod stream;

pub use glance::Glance;
pub use stream::Second;

use crate::types::{Condition, ConditionKind, ConditionSet, Frame, Mono, Now, Wall};
use latch::{Latch, Pace, Verdict};
use scene::Scene;
use still::Still;
use stream::Stream;

/// Looks closer together are one: a channel in focus is looked at five times a second, and twice is not thrice.
const APART_MS: u64 = 1500;
const PACE: Pace = Pace { set: (3, 0), clear: (3, 0) };
/// Two pictures equal to the one before are three looks.
const STILL_PACE: Pace = Pace { set: (2, 0), clear: (2, 0) };
/// A view that fits nowhere may be a lorry before the lens or the lamps that went on: it takes longer to believe.
const ELSEWHERE_PACE: Pace = Pace { set: (9, 60_000), clear: (3, 0) };
/// Nine tenths of the picture are darker; a street at night with one lamp is not dark.
const DARK: (f32, f32) = (24.0, 32.0);
/// Nine tenths are brighter; the sky alone is not the picture.
const BRIGHT: (f32, f32) = (225.0, 210.0);
/// A reference with less structure (a wall, the sky) cannot lose it.
const LEAST_STRUCTURE: f32 = 0.10;
/// Share of the usual structure that is left where the lens is covered: measured 0 to 0.19. At night it is 0.44 and less,
/// but what is left lies where it lay, and is as sharp as it was.
const COVERED: (f32, f32) = (0.28, 0.40);
const COVERED_FITS: f32 = 0.68;
const COVERED_SHARP: f32 = 0.7;
/// Share of the usual sharpness: 0.5 and less out of focus, 0.8 and more behind a crowd.
const BLURRED: (f32, f32) = (0.6, 0.75);
/// And of the structure.
const BLURRED_STRUCTURE: f32 = 0.75;
/// A picture that fits the reference as it is: traffic leaves 0.64 and more.
const FITS: f32 = 0.55;
/// A shifted one fits worse as it is than shifted, by at least this; and well.
const SHIFT_GAIN: f32 = 0.2;
const SHIFT_FITS: f32 = 0.45;
/// Cells that are a shift: a mast in the wind sways by one.
const SHIFT_CELLS: i32 = 2;
/// A picture of something else fits nowhere, and is neither lighter nor emptier than the usual one.
const ELSEWHERE: f32 = 0.3;
const ELSEWHERE_HERE: f32 = 0.2;
const ELSEWHERE_LUMA: f32 = 40.0;
/// What goes on for so long is what is usual from now on: a camera that was turned on purpose.
const ADOPT_MS: u64 = 30 * 60_000;

/// What is looked for on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    pub enabled: bool,
    pub ignore: ConditionSet,
}

/// The conditions of one channel.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    options: Options,
    picture: Option<Box<Picture>>,
    stream: Stream,
    second_at: Option<Mono>,
}

/// What carries over from look to look.
#[derive(Debug, Clone, Default)]
struct Picture {
    still: Still,
    scene: Scene,
    looked: Option<Mono>,
    frozen: Latch,
    dark: Latch,
    bright: Latch,
    blurred: Latch,
    covered: Latch,
    moved: Latch,
    elsewhere: Latch,
    /// Where the latest picture fits best.
    shift: (i32, i32),
}

impl Conditions {
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    pub fn options(&self) -> Options {
        self.options
    }

    /// What is no longer looked for is cleared.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
        if !options.enabled {
            self.picture = None;
            self.stream.down();
        }
    }

    /// A picture was decoded. `group`: the group of pictures that it belongs to, by the place of its key unit on the
    /// timeline; `now`: when it was read.
    pub fn look(&mut self, frame: &Frame, group: i64, now: Now) {
        let wanted = self.options.enabled
            && self.picture.as_ref().and_then(|p| p.looked).is_none_or(|at| now.mono.since_ms(at) >= APART_MS);
        if wanted && let Some(glance) = Glance::of(frame) {
            self.glance(&glance, group, now);
        }
    }

    /// As `look`, with a picture that is boiled down already.
    pub fn glance(&mut self, glance: &Glance, group: i64, now: Now) {
        if self.options.enabled {
            let ignore = self.options.ignore;
            self.picture.get_or_insert_default().look(glance, group, ignore, now);
        }
    }

    /// A second of the stream.
    pub fn second(&mut self, second: Second, now: Now) {
        let passed_ms = self.second_at.replace(now.mono).map_or(1000, |at| now.mono.since_ms(at));
        if !self.options.enabled {
            return;
        }
        self.stream.second(second, now, passed_ms);
        if self.stream.collapsed.age_ms(now.mono) >= ADOPT_MS {
            self.stream.adopt_rate();
        }
    }

    /// No picture for the stall deadline: what was is no longer known. The reference stays.
    pub fn down(&mut self) {
        self.stream.down();
        if let Some(p) = &mut self.picture {
            p.latches().into_iter().for_each(Latch::reset);
            p.still.forget();
        }
    }

    pub fn set(&self) -> ConditionSet {
        ConditionKind::ALL.into_iter().filter(|kind| self.since(*kind).is_some()).collect()
    }

    /// When a condition began; `None` while it is not there.
    fn since(&self, kind: ConditionKind) -> Option<Wall> {
        if !self.options.enabled || self.options.ignore.contains(kind) {
            return None;
        }
        let picture = |of: fn(&Picture) -> &Latch| self.picture.as_ref().and_then(|p| of(p).since());
        match kind {
            ConditionKind::Frozen => picture(|p| &p.frozen),
            ConditionKind::Dark => picture(|p| &p.dark),
            ConditionKind::Bright => picture(|p| &p.bright),
            ConditionKind::Blurred => picture(|p| &p.blurred),
            ConditionKind::Covered => picture(|p| &p.covered),
            ConditionKind::Moved => picture(|p| &p.moved).or_else(|| picture(|p| &p.elsewhere)),
            ConditionKind::BitrateCollapsed => self.stream.collapsed.since(),
            ConditionKind::KeyIntervalLong => self.stream.rare_keys.since(),
            ConditionKind::ClockSkew => self.stream.skewed.since(),
        }
    }

    /// All of them, with a sentence each.
    pub fn list(&self) -> Vec<Condition> {
        let told = ConditionKind::ALL.into_iter().filter_map(|kind| Some((kind, self.since(kind)?)));
        told.map(|(kind, since)| Condition { kind, since, reason: self.reason(kind) }).collect()
    }

    fn reason(&self, kind: ConditionKind) -> String {
        let s = self.stream.last();
        match kind {
            ConditionKind::Frozen => {
                "pictures arrive, and all are the same; restart the camera, or look at the recorder's input".into()
            }
            ConditionKind::Dark => {
                "the picture is nearly black; look at the lens cap, the lamps and the exposure".into()
            }
            ConditionKind::Bright => {
                "the picture is nearly white; look at the exposure and at lamps that shine in".into()
            }
            ConditionKind::Blurred => {
                "the picture has lost its sharpness; look at the focus, and for dirt or dew".into()
            }
            ConditionKind::Covered => "something covers the lens; have it looked at on the spot".into(),
            ConditionKind::Moved => {
                let (x, y) = self.picture.as_ref().map_or((0, 0), |p| p.shift);
                match (x, y) {
                    (0, 0) => "the camera shows another scene than it used to; check zones and masks".into(),
                    _ => format!(
                        "the picture has shifted by {} % of its width and {} % of its height; check zones and masks",
                        x.unsigned_abs() as usize * 100 / glance::WIDTH,
                        y.unsigned_abs() as usize * 100 / glance::HEIGHT
                    ),
                }
            }
            ConditionKind::BitrateCollapsed => format!(
                "{:.0} kbit/s arrive, {:.0} are usual; look at the uplink and at the camera's encoder",
                s.kbit_s, self.stream.usual_kbit_s
            ),
            ConditionKind::KeyIntervalLong => format!(
                "no key frame for {:.0} s, and the channel shall be looked at every {:.0} s; shorten the camera's I-frame interval",
                s.key_interval_s, s.floor_s
            ),
            ConditionKind::ClockSkew => {
                let skew_ms = s.clock_skew_ms.unwrap_or(0);
                let side = if skew_ms < 0 { "behind" } else { "ahead of" };
                format!(
                    "the camera's clock is {:.1} s {side} the gateway's; give both the same NTP server",
                    skew_ms.unsigned_abs() as f32 / 1000.0
                )
            }
        }
    }
}

impl Picture {
    fn latches(&mut self) -> [&mut Latch; 7] {
        [
            &mut self.frozen,
            &mut self.dark,
            &mut self.bright,
            &mut self.blurred,
            &mut self.covered,
            &mut self.moved,
            &mut self.elsewhere,
        ]
    }

    fn look(&mut self, glance: &Glance, group: i64, ignore: ConditionSet, now: Now) {
        self.looked = Some(now.mono);
        self.frozen.find(self.still.look(glance, group), STILL_PACE, now);
        self.dark.find(Verdict::below(f32::from(glance.p90), DARK.0, DARK.1), PACE, now);
        self.bright.find(Verdict::above(f32::from(glance.p10), BRIGHT.1, BRIGHT.0), PACE, now);
        if self.dark.is_suspected() || self.bright.is_suspected() {
            return;
        }
        if self.scene.is_ready() {
            self.against_reference(glance, now);
        }
        let suspected = [&self.blurred, &self.covered, &self.moved, &self.elsewhere].iter().any(|l| l.is_suspected());
        if !suspected {
            self.scene.learn(glance, now.mono);
            return;
        }
        // What nobody wants to know (a camera that is steered) must not keep the reference from following.
        let ignored = (self.moved.is_set() || self.elsewhere.is_set()) && ignore.contains(ConditionKind::Moved);
        let age_ms = self.moved.age_ms(now.mono).max(self.elsewhere.age_ms(now.mono));
        if ignored || age_ms >= ADOPT_MS {
            self.scene.forget();
            [&mut self.blurred, &mut self.covered, &mut self.moved, &mut self.elsewhere]
                .into_iter()
                .for_each(Latch::reset);
        }
    }

    fn against_reference(&mut self, glance: &Glance, now: Now) {
        let fit = self.scene.compare(glance, FITS);
        let usual = self.scene.structure;
        let known = usual >= LEAST_STRUCTURE;
        let structure = if known { glance.structure / usual } else { 1.0 };
        let sharpness = glance.sharpness / self.scene.sharpness.max(f32::EPSILON);

        let hidden = fit.here < COVERED_FITS || sharpness < COVERED_SHARP;
        let covered = match Verdict::below(structure, COVERED.0, COVERED.1) {
            Verdict::Yes if !hidden => Verdict::Unsure,
            verdict => verdict,
        };
        self.covered.find(covered, PACE, now);
        if self.covered.is_suspected() {
            return;
        }
        let blurred = match Verdict::below(sharpness, BLURRED.0, BLURRED.1) {
            // Of a wall only the noise is sharp.
            Verdict::Yes if structure > BLURRED_STRUCTURE || !known => Verdict::Unsure,
            verdict => verdict,
        };
        self.blurred.find(blurred, PACE, now);

        let (x, y) = (fit.shift.0 - self.shift.0, fit.shift.1 - self.shift.1);
        let again = self.moved.is_suspected() && x.abs().max(y.abs()) <= 1;
        let far = fit.shift.0.abs().max(fit.shift.1.abs()) >= SHIFT_CELLS;
        let shifted = far && fit.best >= SHIFT_FITS && fit.best - fit.here >= SHIFT_GAIN;
        let moved = match (fit.here >= FITS, shifted) {
            (true, _) => Verdict::No,
            // Elsewhere than the look before found it: the first finding of another shift.
            (false, true) => {
                if !again && !self.moved.is_set() {
                    self.moved.reset();
                }
                Verdict::Yes
            }
            (false, false) => Verdict::Unsure,
        };
        self.moved.find(moved, PACE, now);
        let like = (glance.luma - self.scene.luma).abs() <= ELSEWHERE_LUMA && (0.6..=1.7).contains(&structure);
        let elsewhere = match (fit.here >= FITS, fit.here < ELSEWHERE_HERE && fit.best < ELSEWHERE && like) {
            (true, _) => Verdict::No,
            (false, true) => Verdict::Yes,
            (false, false) => Verdict::Unsure,
        };
        self.elsewhere.find(elsewhere, ELSEWHERE_PACE, now);
        self.shift = if shifted {
            fit.shift
        } else if self.moved.is_set() {
            self.shift
        } else {
            (0, 0)
        };
    }
}

#[cfg(test)]
mod tests;
