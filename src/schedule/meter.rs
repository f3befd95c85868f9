//! What the workers did: time a look by tier, and how much of their time was used. Fed by the schedule at the end of
//! each look; only sums over seconds are kept.

use super::Tier;
use crate::types::Mono;

/// What is told is that of so many seconds, the present one included.
const WINDOW_S: usize = 10;
/// Weight of the newest look in the running mean.
const NEWEST: f64 = 1.0 / 16.0;
/// With fewer looks in the window the running mean is the better guess.
const ENOUGH: u64 = 32;
/// A look counts in means with at most so many times the usual: a worker that hung says nothing about the next look,
/// while a slower model is known after a dozen looks all the same.
const ODD: f64 = 16.0;
/// What a look costs before any has ended.
const GUESS_US: f64 = 20_000.0;

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    looks: [u64; 3],
    /// Capped at `ODD` times the usual.
    service_us: [f64; 3],
    /// As it was.
    busy_us: f64,
    lane_us: f64,
}

#[derive(Debug, Default)]
pub(super) struct Meter {
    seconds: [Second; WINDOW_S],
    mean_us: [Option<f64>; 3],
    /// The first time that work could have been done.
    since: Option<Mono>,
}

/// Sums over the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    pub length_ms: u64,
    pub looks: u64,
    pub busy_us: f64,
    pub lane_us: f64,
}

impl Meter {
    pub fn start(&mut self, now: Mono) {
        self.since.get_or_insert(now);
    }

    pub fn add(&mut self, tier: Tier, lane: bool, busy_us: u64, now: Mono) {
        let busy = busy_us as f64;
        let i = tier as usize;
        let service = match &mut self.mean_us[i] {
            Some(mean) => {
                let service = busy.min(*mean * ODD);
                *mean += (service - *mean) * NEWEST;
                service
            }
            none => *none.insert(busy),
        };
        let number = now.0 / 1000;
        let second = &mut self.seconds[(number % WINDOW_S as u64) as usize];
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second.looks[i] += 1;
        second.service_us[i] += service;
        second.busy_us += busy;
        second.lane_us += if lane { busy } else { 0.0 };
    }

    /// Worker time of a look of this tier as it was of late; `None` before the first.
    pub fn service_us(&self, tier: Tier, now: Mono) -> Option<f64> {
        let i = tier as usize;
        let (looks, us) = self.recent(now).fold((0, 0.0), |(n, us), s| (n + s.looks[i], us + s.service_us[i]));
        if looks >= ENOUGH { Some(us / looks as f64) } else { self.mean_us[i] }
    }

    /// What the next look of this tier will cost; a guess before the first.
    pub fn expected_us(&self, tier: Tier) -> f64 {
        self.mean_us[tier as usize].or(self.mean_us[Tier::Patrol as usize]).unwrap_or(GUESS_US)
    }

    /// False before the first look in patrol has ended.
    pub fn has_measured(&self) -> bool {
        self.mean_us[Tier::Patrol as usize].is_some()
    }

    pub fn window(&self, now: Mono) -> Window {
        let begin = (now.0 / 1000 + 1).saturating_sub(WINDOW_S as u64) * 1000;
        let begin = begin.max(self.since.unwrap_or(now).0);
        let mut window = Window { length_ms: now.0.saturating_sub(begin), ..Window::default() };
        for s in self.recent(now) {
            window.looks += s.looks.iter().sum::<u64>();
            window.busy_us += s.busy_us;
            window.lane_us += s.lane_us;
        }
        window
    }

    fn recent(&self, now: Mono) -> impl Iterator<Item = &Second> {
        let first = (now.0 / 1000 + 1).saturating_sub(WINDOW_S as u64);
        self.seconds.iter().filter(move |s| s.number >= first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_model_is_known_soon_and_a_hang_is_no_slow_model() {
        let mut meter = Meter::default();
        meter.start(Mono(0));
        (0..1000).for_each(|n| meter.add(Tier::Patrol, false, 10_000, Mono(n * 10)));
        assert_eq!(meter.service_us(Tier::Patrol, Mono(10_000)), Some(10_000.0));
        meter.add(Tier::Patrol, false, 4_000_000, Mono(10_000));
        assert!(meter.service_us(Tier::Patrol, Mono(10_000)).unwrap() < 10_500.0);
        (0..60).for_each(|n| meter.add(Tier::Patrol, false, 1_000_000, Mono(11_000 + n * 1000)));
        let slow = meter.service_us(Tier::Patrol, Mono(70_000)).unwrap();
        assert!(slow > 950_000.0, "{slow}");
    }

    #[test]
    fn the_window_is_of_the_last_ten_seconds() {
        let mut meter = Meter::default();
        meter.start(Mono(0));
        (0..20).for_each(|s| meter.add(Tier::Focus, true, 500_000, Mono(s * 1000 + 999)));
        let window = meter.window(Mono(19_999));
        assert_eq!((window.looks, window.busy_us, window.lane_us), (10, 5e6, 5e6));
        assert_eq!(window.length_ms, 9_999);
        assert_eq!(meter.window(Mono(60_000)).looks, 0);
    }
}
