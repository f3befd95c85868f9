//! The focus budget: which of the channels that want continuous looks have them now.
//!
//! In go wishes (a rate, a weight, whether always or while something is seen, whether something is in view) and the
//! worker time that is there for focus; out come the granted rates. While all wishes fit everybody has what it wants.
//! Where they do not, time is cut into rounds of ten seconds: at the beginning of each, the channels that have had the
//! least worker time for their priority go first, as many as fit. What becomes free within a round is given to the
//! next in the same order, if at least five seconds are left, since less is not enough to follow anything. Who has
//! focus keeps it to the end of the round, unless it no longer wants it or the budget shrinks.
//!
//! Priority is the weight, twice for what is wanted always, four times with something in view. It changes shares, not
//! the order for ever: whoever waits is the one with the least time in the end, so nobody waits without bound.
//!
//! Pure: time is an argument. A grant is told to `sample` by the channel's `Demand`; this module knows none.

use std::collections::BTreeMap;

use metrics::gauge;

use crate::types::{ChannelId, Mono};

/// The length of a round.
pub const ROUND_MS: u64 = 10_000;
/// Focus is granted for at least this long.
pub const HOLD_MS: u64 = 5_000;
const ALWAYS: f64 = 2.0;
const IN_VIEW: f64 = 4.0;
/// What a look in focus costs until one was measured.
const GUESS_US: f64 = 15_000.0;
/// How many refused channels are named.
const NAMED: usize = 100;

/// What a channel wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Want {
    /// Looks a second.
    pub hz: f32,
    pub weight: f32,
    /// Wanted all the time, not only while something is seen.
    pub always: bool,
    /// The last look found an object of one of its rules.
    pub in_view: bool,
}

impl Want {
    fn priority(&self) -> f64 {
        let weight = f64::from(super::order::weight_within(self.weight));
        weight * if self.always { ALWAYS } else { 1.0 } * if self.in_view { IN_VIEW } else { 1.0 }
    }
}

/// A channel whose granted rate is another one now; 0: no focus.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub channel: ChannelId,
    pub hz: f32,
}

/// How the budget is used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Channels that want focus, and those that have it.
    pub wanting: usize,
    pub granted: usize,
    /// Channels that want it and do not have it now, at most a hundred of them.
    pub refused: Vec<ChannelId>,
    /// Worker time in microseconds a second: what there is, and what the grants need.
    pub budget_us: f64,
    pub used_us: f64,
    /// How many channels this box can carry in focus at the mean rate that is wanted; 0 if nobody wants any.
    pub carries: f32,
}

impl Report {
    /// Sets the gauges.
    pub fn record(&self) {
        gauge!("skyeye_schedule_focus_channels").set(self.granted as f64);
        gauge!("skyeye_schedule_focus_wanted_channels").set(self.wanting as f64);
        gauge!("skyeye_schedule_focus_budget_channels").set(f64::from(self.carries));
    }
}

#[derive(Debug)]
struct Seat {
    want: Want,
    /// 0: waits.
    hz: f32,
    /// Worker time had so far, over the priority at that time: the least is next, and of equals who came first. So one
    /// that leaves and comes back again and again cannot go before one that waits.
    had: f64,
    came: u64,
}

/// Who wants focus, and who has it.
#[derive(Debug, Default)]
pub struct Budget {
    seats: BTreeMap<ChannelId, Seat>,
    /// Grants to be taken back of those that left.
    left: Vec<ChannelId>,
    comers: u64,
    at: Option<Mono>,
    look_us: f64,
    budget_us: f64,
}

impl Budget {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a channel wants. A rate that is none, or 0, is `release`.
    pub fn want(&mut self, channel: &ChannelId, want: Want) {
        if !want.hz.is_finite() || want.hz <= 0.0 {
            return self.release(channel);
        }
        if let Some(seat) = self.seats.get_mut(channel) {
            seat.want = want;
            return;
        }
        // Who comes has no claim on the time before.
        let had = self.seats.values().map(|s| s.had).fold(f64::INFINITY, f64::min);
        let had = if had.is_finite() { had } else { 0.0 };
        self.comers += 1;
        self.seats.insert(channel.clone(), Seat { want, hz: 0.0, had, came: self.comers });
    }

    /// The channel wants no focus any more.
    pub fn release(&mut self, channel: &ChannelId) {
        if self.seats.remove(channel).is_some_and(|s| s.hz > 0.0) {
            self.left.push(channel.clone());
        }
    }

    /// Deals out `budget_us` microseconds of worker time a second (see `Schedule::focus_budget_us`) where a look costs
    /// `look_us` (0: not measured yet), and gives what has changed since the last call. Meant for about once a second.
    pub fn deal(&mut self, budget_us: f64, look_us: f64, now: Mono) -> Vec<Grant> {
        let before = self.at.replace(now);
        let passed_ms = before.map_or(0, |at| now.since_ms(at)) as f64;
        for seat in self.seats.values_mut().filter(|s| s.hz > 0.0) {
            seat.had += passed_ms / 1000.0 * f64::from(seat.hz) * self.look_us / seat.want.priority();
        }
        self.look_us = if look_us.is_finite() && look_us > 0.0 { look_us } else { GUESS_US };
        self.budget_us = if budget_us.is_finite() { budget_us.max(0.0) } else { 0.0 };

        let mut changes: Vec<Grant> =
            std::mem::take(&mut self.left).into_iter().map(|channel| Grant { channel, hz: 0.0 }).collect();
        let new_round = before.is_none_or(|at| at.0 / ROUND_MS != now.0 / ROUND_MS);
        let wanted_us: f64 = self.seats.values().map(|s| f64::from(s.want.hz) * self.look_us).sum();
        let all_fit = wanted_us <= self.budget_us;
        let (look_us, mut rest) = (self.look_us, self.budget_us);

        let mut seats: Vec<(&ChannelId, &mut Seat)> = self.seats.iter_mut().collect();
        // Within a round those that have focus come before those that wait.
        let holds = |s: &Seat| !new_round && s.hz > 0.0;
        seats.sort_by(|(_, a), (_, b)| holds(b).cmp(&holds(a)).then(a.had.total_cmp(&b.had)).then(a.came.cmp(&b.came)));
        let enough = new_round || ROUND_MS - now.0 % ROUND_MS >= HOLD_MS;
        for (i, (channel, seat)) in seats.into_iter().enumerate() {
            let need_us = f64::from(seat.want.hz) * look_us;
            let may = all_fit || holds(seat) || enough;
            let hz = match may {
                true if need_us <= rest => seat.want.hz,
                // One alone that is more than all there is: as much as there is.
                true if i == 0 && rest > 0.0 => (rest / look_us) as f32,
                _ => 0.0,
            };
            rest -= f64::from(hz) * look_us;
            if hz != seat.hz {
                seat.hz = hz;
                changes.retain(|c| c.channel != *channel);
                changes.push(Grant { channel: channel.clone(), hz });
            }
        }
        changes
    }

    /// The rate that a channel has now; 0: none.
    pub fn granted_hz(&self, channel: &ChannelId) -> f32 {
        self.seats.get(channel).map_or(0.0, |s| s.hz)
    }

    pub fn report(&self) -> Report {
        let wanting = self.seats.len();
        let wanted_hz: f64 = self.seats.values().map(|s| f64::from(s.want.hz)).sum();
        let waits = self.seats.iter().filter(|(_, s)| s.hz == 0.0);
        let per_channel_us = wanted_hz / wanting.max(1) as f64 * self.look_us;
        Report {
            wanting,
            granted: self.seats.values().filter(|s| s.hz > 0.0).count(),
            refused: waits.map(|(c, _)| c.clone()).take(NAMED).collect(),
            budget_us: self.budget_us,
            used_us: self.seats.values().map(|s| f64::from(s.hz) * self.look_us).sum(),
            carries: if per_channel_us > 0.0 { (self.budget_us / per_channel_us) as f32 } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: usize) -> ChannelId {
        ChannelId::new(&format!("c{n}")).unwrap()
    }

    const PLAIN: Want = Want { hz: 5.0, weight: 1.0, always: false, in_view: true };

    /// A second a call, from 0; gives for each second who has focus.
    fn deal_for(
        budget: &mut Budget,
        us: f64,
        look_us: f64,
        seconds: std::ops::Range<u64>,
        n: usize,
    ) -> Vec<Vec<usize>> {
        seconds
            .map(|s| {
                budget.deal(us, look_us, Mono(s * 1000));
                (0..n).filter(|n| budget.granted_hz(&id(*n)) > 0.0).collect()
            })
            .collect()
    }

    #[test]
    fn all_have_what_they_want_while_it_fits_and_leave_when_they_want() {
        let mut budget = Budget::new();
        (0..4).for_each(|n| budget.want(&id(n), PLAIN));
        let changes = budget.deal(200_000.0, 10_000.0, Mono(7000));
        assert_eq!(changes.len(), 4, "also late in a round");
        assert!(changes.iter().all(|c| c.hz == 5.0));
        assert!(budget.deal(200_000.0, 10_000.0, Mono(8000)).is_empty(), "nothing has changed");
        budget.release(&id(1));
        assert_eq!(budget.deal(200_000.0, 10_000.0, Mono(9000)), [Grant { channel: id(1), hz: 0.0 }]);
        budget.want(&id(2), Want { hz: 0.0, ..PLAIN });
        assert_eq!(budget.deal(200_000.0, 10_000.0, Mono(9100)), [Grant { channel: id(2), hz: 0.0 }]);
        assert_eq!(budget.report().carries, 4.0);
        budget.release(&id(0));
        budget.want(&id(0), PLAIN);
        assert_eq!(budget.deal(200_000.0, 10_000.0, Mono(9200)), [Grant { channel: id(0), hz: 5.0 }], "once, as it is");
    }

    #[test]
    fn more_than_fit_take_turns_of_ten_seconds() {
        let mut budget = Budget::new();
        (0..6).for_each(|n| budget.want(&id(n), PLAIN));
        let seconds = deal_for(&mut budget, 100_000.0, 10_000.0, 0..60, 6);
        let mut had = [0; 6];
        for (s, holders) in seconds.iter().enumerate() {
            assert_eq!(holders.len(), 2, "as many as fit");
            holders.iter().for_each(|n| had[*n] += 1);
            assert!(s % 10 == 0 || seconds[s - 1] == *holders, "kept to the end of the round");
        }
        assert_eq!(had, [20; 6]);
        let report = budget.report();
        assert_eq!((report.wanting, report.granted, report.refused.len()), (6, 2, 4));
        assert_eq!((report.used_us, report.carries), (100_000.0, 2.0));
    }

    #[test]
    fn what_is_in_view_and_always_has_the_larger_share() {
        let mut budget = Budget::new();
        budget.want(&id(0), PLAIN);
        budget.want(&id(1), Want { in_view: false, ..PLAIN });
        budget.want(&id(2), Want { in_view: false, always: true, weight: 2.0, ..PLAIN });
        let seconds = deal_for(&mut budget, 50_000.0, 10_000.0, 0..900, 3);
        let share = |n| seconds.iter().filter(|h| h.contains(&n)).count();
        assert_eq!([share(0), share(1), share(2)], [400, 100, 400]);
    }

    #[test]
    fn one_that_wants_more_than_there_is_has_what_there_is() {
        let mut budget = Budget::new();
        budget.want(&id(0), Want { hz: 30.0, ..PLAIN });
        budget.want(&id(1), PLAIN);
        let seconds = deal_for(&mut budget, 100_000.0, 10_000.0, 0..200, 2);
        assert!(seconds.iter().any(|h| h == &[0]) && seconds.iter().any(|h| h == &[1]));
        assert_eq!(budget.deal(0.0, 10_000.0, Mono(200_500)).iter().filter(|c| c.hz == 0.0).count(), 1);
    }

    #[test]
    fn one_that_leaves_and_comes_back_goes_behind_those_that_wait() {
        let mut budget = Budget::new();
        (0..2).for_each(|n| budget.want(&id(n), PLAIN));
        let mut had = [0; 2];
        for s in 0..100 {
            if s % 10 == 9 {
                budget.release(&id(0));
                budget.want(&id(0), PLAIN);
            }
            budget.deal(50_000.0, 10_000.0, Mono(s * 1000));
            (0..2).for_each(|n| had[n] += usize::from(budget.granted_hz(&id(n)) > 0.0));
        }
        assert!(had[1] >= 50, "{had:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn never_beyond_the_budget_nobody_waits_for_ever_and_always_the_same(
            wants in prop::collection::vec((0.2f32..15.0, 0.5f32..3.0, any::<bool>(), any::<bool>()), 1..16),
            budget_us in 5_000.0f64..2e6,
            look_us in 1_000.0f64..50_000.0,
            leaves in prop::collection::vec(0usize..40, 0..10),
        ) {
            let run = || {
                let mut budget = Budget::new();
                let mut told = BTreeMap::new();
                let wants = wants.iter().map(|w| Want { hz: w.0, weight: w.1, always: w.2, in_view: w.3 });
                let wants: Vec<Want> = wants.collect();
                wants.iter().enumerate().for_each(|(n, w)| budget.want(&id(n), *w));
                let mut had = vec![false; wants.len()];
                let mut digest = Vec::new();
                // Time shares go by priority and cost: the bound of the least of them.
                let cost: f64 = wants.iter().map(Want::priority).sum();
                let least = wants.iter().map(Want::priority).fold(f64::MAX, f64::min);
                let dearest = wants.iter().map(|w| f64::from(w.hz) * look_us).fold(0.0, f64::max);
                let rounds = (cost / least * (dearest / budget_us).max(1.0)).ceil() as u64 + wants.len() as u64 + 2;
                for s in 0..rounds * 10 {
                    // The budget shrinks for a while, and some come and go.
                    let us = if s % 70 > 60 { budget_us / 2.0 } else { budget_us };
                    for leaver in leaves.iter().filter(|l| s % 40 == **l as u64 && **l < wants.len()) {
                        budget.release(&id(*leaver));
                        budget.want(&id(*leaver), wants[*leaver]);
                    }
                    let changes = budget.deal(us, look_us, Mono(s * 1000));
                    for change in &changes {
                        told.insert(change.channel.clone(), change.hz);
                    }
                    digest.push(changes);
                    let used: f64 = (0..wants.len()).map(|n| f64::from(budget.granted_hz(&id(n))) * look_us).sum();
                    prop_assert!(used <= us * (1.0 + 1e-6), "{used} of {us} at {s} s");
                    for (n, had) in had.iter_mut().enumerate() {
                        let hz = budget.granted_hz(&id(n));
                        *had |= hz > 0.0;
                        prop_assert_eq!(told.get(&id(n)).copied().unwrap_or(0.0), hz, "the changes tell all");
                    }
                }
                let leavers: Vec<usize> = leaves.iter().copied().filter(|l| *l < wants.len()).collect();
                let forgotten = had.iter().enumerate().find(|(n, had)| !**had && !leavers.contains(n));
                prop_assert!(forgotten.is_none(), "{forgotten:?} in {rounds} rounds");
                Ok(digest)
            };
            prop_assert_eq!(run()?, run()?);
        }
    }
}
