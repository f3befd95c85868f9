//! What a channel is wanted for, the one thing that goes against the way of the data: a latest-value cell a channel.
//!
//! Written by whoever looks (what the last look found, and when) and by the focus budget (the granted rate); read by
//! `sample` for every access unit, so it is a handful of atomics and never waits. Values of different fields belong to
//! different moments: each says only the newest it knows.

use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::types::Mono;

/// One channel's demand; shared in an `Arc`.
#[derive(Debug, Default)]
pub struct Demand {
    /// Bits of an `f32`.
    focus_hz: AtomicU32,
    in_view: AtomicBool,
    event_open: AtomicBool,
    last_look: AtomicU64,
}

impl Demand {
    /// Looks a second that the focus budget granted; 0: not in focus.
    pub fn focus_hz(&self) -> f32 {
        f32::from_bits(self.focus_hz.load(Relaxed))
    }

    /// What is no rate counts as 0.
    pub fn set_focus_hz(&self, hz: f32) {
        let hz = if hz.is_finite() { hz.max(0.0) } else { 0.0 };
        self.focus_hz.store(hz.to_bits(), Relaxed);
    }

    /// True if the last look found an object of one of the channel's rules.
    pub fn in_view(&self) -> bool {
        self.in_view.load(Relaxed)
    }

    pub fn set_in_view(&self, in_view: bool) {
        self.in_view.store(in_view, Relaxed);
    }

    /// True while an event of the channel is open: looks that find nothing decide about its end.
    pub fn event_open(&self) -> bool {
        self.event_open.load(Relaxed)
    }

    pub fn set_event_open(&self, open: bool) {
        self.event_open.store(open, Relaxed);
    }

    /// When the channel was last looked at; `Mono(0)` before the first look.
    pub fn last_look(&self) -> Mono {
        Mono(self.last_look.load(Acquire))
    }

    /// Tell it after what the look found. A look that ends late does not take the time back.
    pub fn looked(&self, at: Mono) {
        self.last_look.fetch_max(at.0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_stands_and_a_rate_is_a_number() {
        let demand = Demand::default();
        assert_eq!((demand.focus_hz(), demand.in_view(), demand.last_look()), (0.0, false, Mono(0)));
        demand.set_focus_hz(5.0);
        demand.looked(Mono(20));
        demand.looked(Mono(10));
        demand.set_in_view(true);
        assert_eq!((demand.focus_hz(), demand.in_view(), demand.last_look()), (5.0, true, Mono(20)));
        for no_rate in [f32::NAN, f32::INFINITY, -1.0] {
            demand.set_focus_hz(no_rate);
            assert_eq!(demand.focus_hz(), 0.0);
        }
    }
}
