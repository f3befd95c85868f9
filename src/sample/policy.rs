//! Which of a channel's units are looked at.
//!
//! In goes each unit of one channel (what it is, when it came, what its slices say) and what the channel is wanted for;
//! out comes whether to look, and in which tier. `activity` says what moves, this says what it is worth:
//!
//! - in focus: as often as was granted;
//! - learning, mute, or switched off: plain patrol, every key unit;
//! - nothing in view: a jump is looked at once (catch-up), again some times while it lasts, and at each key unit; rest
//!   only once in the rest interval;
//! - something in view: once it has come to rest, now and then while it moves, once in the rest interval while it rests;
//! - nothing in view any more: until that is sure.
//!
//! Catch-up looks come out of a bucket that key units fill, so that a tree in the wind costs a fraction of patrol.
//! Pure: time is an argument.

use super::{
    ActivityState, Chosen,
    activity::Activity,
    slice::{Headers, Picture},
};
use crate::schedule::Tier;
use crate::types::{Codec, Mono};

/// Between two catch-up looks of one stir, and how many there are.
const AGAIN_MS: u64 = 600;
const STIR_LOOKS: u8 = 4;
/// Catch-up looks a key unit, and the most that are saved up.
const REFILL: f32 = 0.25;
const BUCKET: f32 = 5.0;
/// From a jump to its first look: at most; longer where the first found nothing yet and a later one did, shorter where
/// the first was in time.
const LEAD_MS: i32 = 400;
const LEAD_UP_MS: i32 = 200;
const LEAD_DOWN_MS: i32 = 60;
/// While something in view moves, a look in at least this time.
const MOVING_MS: u64 = 3900;
const MOVING_S: f32 = 3.9;
/// What was found after its last motion, so shortly before that was sure, need not be looked at again for that.
const SETTLED_MS: u64 = 600;
/// What rests in view is looked at once in so many rest intervals: if it moved, that would be seen.
const RESTS_IN_VIEW: u64 = 2;
/// The second look at what has gone out of view, where no key unit comes sooner.
const CONFIRM_MS: u64 = 1000;
/// What has gone out of view is sure to be gone after so many looks; an event that stays open all the same (a long
/// `clear_ms`) is looked at as what moves.
const SURE_LOOKS: u8 = 2;

/// What the configuration says.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub patrol_ms: u64,
    pub rest_ms: u64,
    pub activity: bool,
    pub catch_up: bool,
}

/// One unit.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    pub codec: Codec,
    pub key: bool,
    pub session: u32,
    pub at: Mono,
    pub data: &'a [u8],
}

/// What the channel is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub focus_hz: f32,
    pub in_view: bool,
    pub event_open: bool,
    pub last_look: Mono,
}

/// One channel's memory.
#[derive(Debug, Default)]
pub struct Policy {
    headers: Headers,
    pub activity: Activity,
    session: u32,
    last_unit: Option<Mono>,
    /// Usual time between units.
    period_s: f32,
    /// When the latest unit was chosen.
    offered: Option<Mono>,
    /// The look that was taken notice of, and what it found.
    looked: Mono,
    in_view: bool,
    event_open: bool,
    /// Looks in a row that found nothing.
    empty: u8,
    /// Catch-up looks in this stir, and the bucket.
    tries: u8,
    /// This stir began with nothing in view.
    hunting: bool,
    bucket: f32,
    /// From a jump to its first look.
    lead_ms: u16,
}

impl Policy {
    pub fn unit(&mut self, unit: Unit, wish: Wish, options: &Options) -> Option<Chosen> {
        self.notice(wish);
        if options.activity
            && let Some(picture) = self.headers.read(unit.codec, unit.data)
        {
            self.picture(&picture, &unit);
        }
        self.choose(&unit, wish, options)
    }

    fn choose(&mut self, unit: &Unit, wish: Wish, options: &Options) -> Option<Chosen> {
        if unit.key {
            self.bucket = (self.bucket + REFILL).min(BUCKET);
        }
        let tier = self.tier(unit, wish, options)?;
        if tier == Tier::CatchUp {
            self.bucket -= 1.0;
            self.tries = self.tries.saturating_add(u8::from(self.hunting));
        }
        self.offered = Some(match self.offered {
            // The rest of an interval counts for the next one: units come in steps, and 5 looks a second of 25 pictures
            // must not become 4.
            Some(at) if tier == Tier::Focus => {
                let interval_ms = (1000.0 / wish.focus_hz) as u64;
                let due = at.plus_ms(interval_ms);
                if unit.at.since_ms(due) < interval_ms { due } else { unit.at }
            }
            _ => unit.at,
        });
        let active = self.activity.state() == ActivityState::Active || self.activity.stirred();
        Some(Chosen { tier, active: tier != Tier::Patrol || active })
    }

    /// Takes notice of a look that ended since the last unit.
    fn notice(&mut self, wish: Wish) {
        if wish.last_look == self.looked {
            return;
        }
        self.activity.looked(self.in_view, wish.in_view);
        if self.in_view != wish.in_view {
            self.bucket += 1.0;
        }
        if wish.in_view && self.hunting && self.tries > 0 {
            // The first look of a stir comes when those who stir here can usually be seen.
            let by = if self.tries > 1 { LEAD_UP_MS } else { -LEAD_DOWN_MS };
            self.lead_ms = (i32::from(self.lead_ms) + by).clamp(0, LEAD_MS) as u16;
        }
        self.looked = wish.last_look;
        (self.in_view, self.event_open) = (wish.in_view, wish.event_open);
        self.hunting &= !wish.in_view;
        self.empty = if wish.in_view { 0 } else { self.empty.saturating_add(1) };
    }

    fn picture(&mut self, picture: &Picture, unit: &Unit) {
        let since = self.last_unit.filter(|_| self.session == unit.session).map(|last| unit.at.since_ms(last));
        (self.last_unit, self.session) = (Some(unit.at), unit.session);
        match since {
            None => self.activity.resumed(),
            // Units may come in bursts; what counts is how far apart they usually are.
            Some(ms) => {
                let s = (ms as f32 / 1000.0).min(2.0);
                self.period_s += (s - self.period_s) * if self.period_s == 0.0 { 1.0 } else { 0.1 };
            }
        }
        if self.activity.unit(picture, unit.key, self.period_s, self.in_view) {
            self.tries = 0;
            self.hunting = !self.in_view;
        }
    }

    fn tier(&mut self, unit: &Unit, wish: Wish, options: &Options) -> Option<Tier> {
        let since_offer = self.offered.map_or(u64::MAX, |at| unit.at.since_ms(at));
        if wish.focus_hz > 0.0 {
            return (since_offer as f32 * wish.focus_hz >= 1000.0).then_some(Tier::Focus);
        }
        let state = if options.activity { self.activity.state() } else { ActivityState::Mute };
        let active = match state {
            ActivityState::Learning | ActivityState::Mute => {
                return (unit.key && since_offer >= options.patrol_ms).then_some(Tier::Patrol);
            }
            ActivityState::Active => true,
            ActivityState::Quiet => false,
        };
        if self.in_view && !active && unit.at.since_ms(self.looked) < SETTLED_MS {
            self.activity.settled();
        }
        if since_offer < options.patrol_ms {
            None
        } else if unit.key {
            self.key_is_due(unit.at, options, active).then_some(Tier::Patrol)
        } else {
            let free = options.catch_up && self.bucket >= 1.0;
            (free && self.now_is_due(since_offer, active)).then_some(Tier::CatchUp)
        }
    }

    fn key_is_due(&self, now: Mono, options: &Options, active: bool) -> bool {
        let since_look = if self.looked == Mono(0) { u64::MAX } else { now.since_ms(self.looked) };
        let (due, rest_ms) = if self.in_view {
            let moving = since_look >= MOVING_MS && self.activity.active_s() >= MOVING_S;
            let due = if active { moving } else { self.activity.stirred() };
            (due, options.rest_ms.saturating_mul(RESTS_IN_VIEW))
        } else {
            let closing = self.event_open && (self.empty < SURE_LOOKS || since_look >= MOVING_MS);
            (active || self.activity.stirred() || closing, options.rest_ms)
        };
        due || since_look >= rest_ms
    }

    /// True if what happens should not wait for the next key unit.
    fn now_is_due(&self, since_offer: u64, active: bool) -> bool {
        if self.in_view {
            // What was in view has come to rest, or is gone.
            return !active && self.activity.stirred();
        }
        if active {
            let lead_s = f32::from(self.lead_ms) / 1000.0;
            let ready = since_offer >= AGAIN_MS && self.activity.active_s() >= lead_s;
            return self.hunting && self.tries < STIR_LOOKS && ready;
        }
        self.event_open && self.empty < SURE_LOOKS && since_offer >= CONFIRM_MS
    }
}

#[cfg(test)]
mod tests;
