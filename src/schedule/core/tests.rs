use std::collections::HashSet;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::types::{AccessUnit, Codec, Wall};

fn id(n: usize) -> ChannelId {
    ChannelId::new(&format!("c{n}")).unwrap()
}

fn sample(n: usize, at: u64) -> Sample {
    let unit = AccessUnit {
        channel: id(n),
        codec: Codec::H264,
        key: true,
        data: Bytes::new(),
        timeline_90k: at as i64,
        ingested: Mono(at),
        ingested_wall: Wall(0),
        seen: Wall(0),
        camera_clock: false,
        session: 1,
    };
    Sample { unit, offered: Mono(at), tier: Tier::Patrol, active: false }
}

fn of(tier: Tier, n: usize, at: u64) -> Sample {
    Sample { tier, ..sample(n, at) }
}

fn active(n: usize, at: u64) -> Sample {
    Sample { active: true, ..sample(n, at) }
}

fn number(sample: &Sample) -> usize {
    sample.unit.channel.as_str()[1..].parse().unwrap()
}

fn schedule(weights: &[f32], deadline_ms: u64) -> Schedule {
    let mut s = Schedule::new(Options { deadline_ms, ..Options::default() });
    for (n, w) in weights.iter().enumerate() {
        s.register(&id(n), *w, 0, Mono(0));
    }
    s
}

#[test]
fn the_newest_replaces_the_older() {
    let mut s = schedule(&[1.0], 2000);
    s.offer(sample(0, 10));
    s.offer(sample(0, 20));
    assert_eq!(s.take(Mono(30)).unwrap().offered, Mono(20));
    assert!(s.take(Mono(30)).is_none());
    assert_eq!(s.drops(), Drops { replaced: 1, ..Drops::default() });
}

#[test]
fn one_in_flight_a_channel() {
    let mut s = schedule(&[1.0], 2000);
    s.offer(sample(0, 10));
    assert!(s.take(Mono(10)).is_some());
    s.offer(sample(0, 20));
    assert!(s.take(Mono(20)).is_none());
    s.done(&id(0), 1000, Mono(20));
    assert!(s.take(Mono(20)).is_some());
}

#[test]
fn a_sample_past_its_deadline_is_dropped_and_its_channel_comes_first_next() {
    let mut s = schedule(&[1.0, 1.0], 2000);
    s.offer(sample(0, 0));
    assert!(s.take(Mono(2001)).is_none());
    assert_eq!(s.drops().expired, 1);
    s.offer(sample(1, 2001));
    assert_eq!(s.take(Mono(2001)).unwrap().unit.channel, id(1));
    s.done(&id(1), 1000, Mono(2001));
    s.offer(sample(1, 3000));
    s.offer(sample(0, 3000));
    assert_eq!(s.take(Mono(3000)).unwrap().unit.channel, id(0));
}

/// Two channels, of which the second was looked at a moment ago, offer again, the second first.
fn looked_at_and_back(weights: &[f32], deadline_ms: u64, look_us: u64) -> Schedule {
    let mut s = schedule(weights, deadline_ms);
    for (n, at) in [(0, 100), (1, 9_000)] {
        s.offer(sample(n, at));
        s.take(Mono(at)).unwrap();
        s.done(&id(n), look_us, Mono(at));
    }
    s.offer(sample(1, 9_990));
    s.offer(sample(0, 10_000));
    s
}

#[test]
fn while_all_are_looked_at_in_time_who_comes_first_is_first_and_else_who_is_oldest() {
    let next = |mut s: Schedule, at| number(&s.take(Mono(at)).unwrap());
    assert_eq!(next(looked_at_and_back(&[1.0, 1.0], 300, 20_000), 10_010), 1, "both fit");
    assert_eq!(next(looked_at_and_back(&[1.0, 1.0], 300, 120_000), 10_010), 0, "240 ms of work are too near to 300 ms");
    assert_eq!(next(looked_at_and_back(&[1.0, 1.0], 300, 20_000), 10_200), 0, "slower than they say");
    assert_eq!(next(looked_at_and_back(&[8.0, 1.0], 300, 20_000), 10_010), 0, "what weighs more waits less");
    let mut s = looked_at_and_back(&[1.0, 1.0], 300, 20_000);
    s.offer(sample(1, 10_005));
    assert_eq!(next(s, 10_010), 0, "one was lost");
    let mut s = looked_at_and_back(&[1.0, 1.0, 1.0], 300, 20_000);
    s.offer(active(2, 10_009));
    assert_eq!(next(s, 10_010), 2, "something moves there");
}

#[test]
fn a_removed_channel_leaves_nothing() {
    let mut s = schedule(&[1.0, 1.0], 2000);
    s.offer(sample(0, 0));
    s.remove(&id(0));
    s.check();
    assert!(s.take(Mono(1)).is_none());
    assert!(!s.offer(sample(0, 1)));
    assert_eq!(s.drops().unknown, 2);
}

#[test]
fn a_pending_sample_that_is_dropped_leaves_the_look_in_flight_the_only_one() {
    let mut s = schedule(&[1.0, 1.0], 2000);
    s.offer(sample(0, 0));
    assert!(s.take(Mono(1)).is_some());
    s.offer(of(Tier::Focus, 0, 2));
    s.drop_pending(&id(0));
    s.check();
    assert_eq!((s.pending(), s.drops()), (0, Drops { unknown: 1, ..Drops::default() }));
    assert!(s.offer(sample(0, 3)), "it is known");
    assert!(s.take(Mono(3)).is_none(), "one in flight");
    s.done(&id(0), 1000, Mono(4));
    assert_eq!(s.take(Mono(4)).unwrap().offered, Mono(3));
    s.drop_pending(&id(1));
    assert_eq!(s.drops().unknown, 1, "nothing waited");
}

#[test]
fn the_rate_is_that_of_the_last_minute() {
    let mut s = schedule(&[1.0], 2000);
    for at in (0..120_000).step_by(500) {
        s.offer(sample(0, at));
        s.take(Mono(at)).unwrap();
        s.done(&id(0), 1000, Mono(at));
    }
    let rate = s.rate_hz(&id(0), Mono(120_000));
    assert!((rate - 2.0).abs() < 0.1, "{rate}");
    assert_eq!(s.rate_hz(&id(0), Mono(200_000)), 0.0);
}

/// Offers every `offer_ms` on every channel and takes one sample every `take_ms`; gives the looks of each channel.
fn overload(weights: &[f32], offer_ms: u64, take_ms: u64, until_ms: u64) -> (Vec<u64>, u64) {
    let mut s = schedule(weights, 2000);
    let mut looks = vec![0; weights.len()];
    let mut last = vec![0u64; weights.len()];
    let mut worst_gap = 0;
    for at in 0..until_ms {
        if at % offer_ms == 0 {
            (0..weights.len()).for_each(|n| assert!(s.offer(sample(n, at))));
        }
        if at % take_ms == 0
            && let Some(taken) = s.take(Mono(at))
        {
            assert!(at - taken.offered.0 <= 2000, "latency stays under overload");
            let n: usize = taken.unit.channel.as_str()[1..].parse().unwrap();
            looks[n] += 1;
            worst_gap = worst_gap.max(at - last[n]);
            last[n] = at;
            s.done(&id(n), 1000, Mono(at));
        }
    }
    (looks, worst_gap)
}

#[test]
fn under_overload_shares_follow_the_weights() {
    let (looks, _) = overload(&[1.0, 1.0, 2.0, 4.0], 100, 50, 100_000);
    let unit = looks.iter().sum::<u64>() as f64 / 8.0;
    for (n, share) in [1.0, 1.0, 2.0, 4.0].into_iter().enumerate() {
        let got = looks[n] as f64 / unit;
        assert!((got / share - 1.0).abs() < 0.1, "channel {n}: {got} of {share}");
    }
}

#[test]
fn nobody_starves_beside_a_hundred_times_the_weight() {
    // 20 channels of weight 100 and one of 1, a look each 10 ms: the light one's bound is the sum of weights
    // over its own times the length of a look.
    let mut weights = vec![100.0; 20];
    weights.push(1.0);
    let (looks, worst) = overload(&weights, 20, 10, 200_000);
    assert!(looks[20] >= 8, "{looks:?}");
    assert!(worst <= 2001 * 10 * 11 / 10, "{worst}");
}

#[test]
fn equal_weights_are_round_robin() {
    let mut s = schedule(&[1.0; 50], 60_000);
    for round in 0..4 {
        (0..50).for_each(|n| assert!(s.offer(sample(n, round * 100))));
        let order: HashSet<_> = (0..50)
            .map(|i| {
                let taken = s.take(Mono(round * 100 + i)).unwrap().unit.channel;
                s.done(&taken, 1000, Mono(round * 100 + i));
                taken
            })
            .collect();
        assert_eq!(order.len(), 50);
    }
}

/// Not a benchmark, a guard: ten thousand channels must not make a decision slow. Target in release: under 2 us.
#[test]
#[allow(clippy::print_stdout)]
fn ten_thousand_channels_are_no_slower() {
    let clock = crate::types::Clock::start();
    let weights: Vec<f32> = (0..10_000).map(|n| 0.01 + (n % 997) as f32 / 10.0).collect();
    let mut s = schedule(&weights, 60_000);
    let samples: Vec<_> = (0..10_000).map(|n| sample(n, 0)).collect();
    let begin = clock.mono();
    for round in 1..6 {
        for sample in &samples {
            s.offer(sample.clone());
        }
        for i in 0..10_000 {
            let taken = s.take(Mono(round * 10_000 + i)).unwrap().unit.channel;
            s.done(&taken, 1000, Mono(round * 10_000 + i));
        }
    }
    let us = clock.mono().since_ms(begin) as f64 * 1000.0 / 50_000.0;
    assert!(us < 200.0, "{us:.2} us a decision (offer, take, done)");
}

#[test]
fn what_moves_goes_before_what_rests_as_if_eight_times_as_heavy() {
    let mut s = schedule(&[1.0, 1.0, 1.0], 2000);
    // Three looks of a second each do not fit: age decides. The last look at 0 and 1 began at 8 and 9 s ago, at 2 just over one eighth of 8 s ago.
    for (n, at) in [(0, 2000), (1, 1000), (2, 8990)] {
        s.offer(sample(n, at));
        s.take(Mono(at)).unwrap();
        s.done(&id(n), 1_000_000, Mono(at));
    }
    s.offer(sample(0, 10_000));
    s.offer(sample(1, 10_000));
    s.offer(active(2, 10_000));
    let mut next = || number(&s.take(Mono(10_000)).unwrap());
    assert_eq!([next(), next(), next()], [1, 2, 0]);
}

#[test]
fn a_floor_in_danger_goes_before_what_moves() {
    let mut s = Schedule::new(Options::default());
    s.register(&id(0), 1.0, 120_000, Mono(0));
    s.register(&id(1), 100.0, 120_000, Mono(0));
    s.offer(active(1, 80_000));
    s.take(Mono(80_000)).unwrap();
    s.done(&id(1), 1000, Mono(80_000));
    for (at, first) in [(89_000, 1), (90_000, 0)] {
        s.offer(sample(0, at));
        s.offer(active(1, at));
        let taken = number(&s.take(Mono(at)).unwrap());
        assert_eq!(taken, first, "at {at}");
        s.done(&id(taken), 1000, Mono(at));
    }
}

#[test]
fn a_look_without_a_picture_keeps_no_floor() {
    let mut s = schedule(&[], 2000);
    s.register(&id(0), 1.0, 10_000, Mono(0));
    let mut look = |at: u64, saw: bool| {
        assert!(s.offer(sample(0, at)));
        s.take(Mono(at)).unwrap();
        if saw {
            s.done(&id(0), 1000, Mono(at))
        } else {
            s.failed(&id(0), 1000, Mono(at))
        }
        s.check();
        s.floor(&id(0), Mono(at)).unwrap()
    };
    assert_eq!(look(1000, true).age_ms, 0);
    for at in [4000, 8000, 10_000] {
        assert!(!look(at, false).is_late());
    }
    let told = look(12_000, false);
    assert!(told.is_late() && told.age_ms == 11_000, "{told:?}");
    assert!(!look(13_000, true).is_late());
}

#[test]
fn focus_goes_first_for_its_share_and_has_what_patrol_leaves() {
    let run = |patrol: bool| {
        let weights = vec![1.0; 40];
        let mut s = schedule(&weights, 300);
        let mut looks = [0; 3];
        for at in 0..60_000u64 {
            if at % 100 == 0 {
                (0..20).for_each(|n| assert!(s.offer(of(Tier::Focus, n, at))));
                (20..40).filter(|_| patrol).for_each(|n| assert!(s.offer(sample(n, at))));
            }
            // One worker, ten milliseconds a look.
            if at % 10 == 0
                && let Some(taken) = s.take(Mono(at))
            {
                looks[taken.tier as usize] += 1;
                s.done(&taken.unit.channel, 10_000, Mono(at));
            }
        }
        let used = s.capacity(Mono(60_000));
        assert!(used.utilisation > 0.98 && (used.looks_hz == 0.0) != patrol, "{used:?}");
        s.check();
        looks
    };
    let both = run(true);
    assert!((both[2] as f64 / 6000.0 - 0.5).abs() < 0.03, "half of the time: {both:?}");
    assert!(both[0] + both[2] >= 5990);
    assert!(run(false)[2] >= 5990, "idle time is nobody's");
}

#[test]
fn within_the_lane_focus_has_three_quarters_and_a_burst_of_catch_ups_the_rest() {
    let mut s = schedule(&[1.0; 300], 300);
    let mut looks = [0; 3];
    for at in 0..60_000u64 {
        if at % 200 == 0 {
            (0..100).for_each(|n| assert!(s.offer(of(Tier::Focus, n, at))));
        }
        if at % 700 == 0 {
            (100..300).for_each(|n| assert!(s.offer(of(Tier::CatchUp, n, at))));
        }
        if at % 10 == 0
            && let Some(taken) = s.take(Mono(at))
        {
            looks[taken.tier as usize] += 1;
            let us = if taken.tier == Tier::Focus { 5_000 } else { 10_000 };
            s.done(&taken.unit.channel, us, Mono(at));
        }
    }
    // By time, and only while there are fresh ones of either: catch-ups are for 300 of 700 ms.
    let [_, catch_up, focus] = looks.map(f64::from);
    assert!(catch_up * 10.0 >= (focus * 5.0 + catch_up * 10.0) * 0.1 && focus > 3.0 * catch_up, "{looks:?}");
}

#[test]
fn a_lane_gives_everybody_a_turn_however_often_samples_are_replaced() {
    let mut s = schedule(&[1.0; 50], 300);
    let mut looks = [0u32; 50];
    for at in 0..30_000u64 {
        // The higher the number the later in the moment it offers; newest replaces.
        (0..50).filter(|n| at % 50 == *n as u64).for_each(|n| assert!(s.offer(of(Tier::Focus, n, at))));
        if at % 20 == 0
            && let Some(taken) = s.take(Mono(at))
        {
            looks[number(&taken)] += 1;
            s.done(&taken.unit.channel, 20_000, Mono(at));
        }
    }
    let (least, most) = (looks.iter().min().unwrap(), looks.iter().max().unwrap());
    assert!(*least >= 28 && *most <= 32, "{looks:?}");
}

#[test]
fn a_crowded_lane_starves_nobody_who_only_ever_has_catch_ups() {
    // Focus fills its share and patrol the rest; channel 0 never offers anything but catch-ups.
    let mut s = schedule(&[1.0; 41], 300);
    let (mut last, mut worst) = (0, 0);
    for at in 0..60_000u64 {
        if at % 100 == 0 {
            (1..21).for_each(|n| assert!(s.offer(of(Tier::Focus, n, at))));
            (21..41).for_each(|n| assert!(s.offer(active(n, at))));
            s.offer(of(Tier::CatchUp, 0, at));
        }
        if at % 10 == 0
            && let Some(taken) = s.take(Mono(at))
        {
            if number(&taken) == 0 {
                (worst, last) = (worst.max(at - last), at);
            }
            s.done(&taken.unit.channel, 10_000, Mono(at));
        }
    }
    assert!(last > 58_000 && worst < 2000, "{worst} {last}");
}

#[test]
fn after_a_power_cut_the_workers_do_not_rest_while_channels_wait() {
    // All key frames in the same instant every 2 s, a quarter of them can be looked at in time.
    let run = |recall| {
        let mut s = Schedule::new(Options { recall, ..Options::default() });
        (0..200).for_each(|n| s.register(&id(n), 1.0, 0, Mono(0)));
        let (mut free_at, mut looks, mut last, mut worst) = (0, 0, [0u64; 200], 0);
        for at in 0..60_000u64 {
            if at % 2000 == 0 {
                (0..200).for_each(|n| assert!(s.offer(sample(n, at))));
            }
            if at >= free_at
                && let Some(taken) = s.take(Mono(at))
            {
                assert!(at - taken.offered.0 <= 300);
                let cost = if taken.tier == Tier::CatchUp { 20 } else { 10 };
                (free_at, looks) = (at + cost, looks + 1);
                worst = worst.max(at - std::mem::replace(&mut last[number(&taken)], at));
                s.done(&taken.unit.channel, cost * 1000, Mono(at));
                s.check();
            }
        }
        let d = s.drops();
        assert_eq!(30 * 200, looks + s.pending() as u64 + d.replaced + d.expired);
        (looks, worst)
    };
    let (without, _) = run(false);
    let (with, worst) = run(true);
    assert_eq!(without, 30 * 31, "an idle worker for 1.7 s of 2");
    assert!(with >= 30 * 110, "{with}");
    assert!(worst <= 4100, "every one of 200 within two periods: {worst}");
}

#[test]
fn capacity_is_what_was_measured_and_floors_are_held_against_it() {
    let mut s = Schedule::new(Options { workers: 2, ..Options::default() });
    (0..100).for_each(|n| s.register(&id(n), if n < 50 { 1.0 } else { 2.0 }, 1000, Mono(0)));
    let told = s.floors(Mono(0));
    assert_eq!((told.available_hz, told.stretch, told.needed_hz), (0.0, 1.0, 100.0), "nothing is measured yet");
    // Two workers with 50 ms a look: 40 looks a second.
    for at in (0..30_000).step_by(25) {
        (0..100).for_each(|n| assert!(s.offer(sample(n, at))));
        let taken = s.take(Mono(at)).unwrap();
        s.done(&taken.unit.channel, 50_000, Mono(at));
    }
    let now = Mono(30_000);
    let capacity = s.capacity(now);
    assert_eq!((capacity.looks_hz, capacity.stalled), (40.0, 0));
    assert!(capacity.utilisation > 0.99 && capacity.focus_utilisation == 0.0, "{capacity:?}");
    assert!((capacity.finished_hz - 40.0).abs() < 1.0, "{capacity:?}");
    let told = s.floors(now);
    assert_eq!((told.needed_hz, told.available_hz), (100.0, 40.0));
    // 50 / k + 50 x 2 / k = 40
    assert!((told.stretch - 3.75).abs() < 0.01 && !told.kept(), "{told:?}");
    assert_eq!((told.late, told.silent), (0, 0), "stretched floors are kept: {told:?}");
    let (light, heavy) = (s.floor(&id(0), now).unwrap(), s.floor(&id(99), now).unwrap());
    assert_eq!((light.stretched_ms / 10, heavy.stretched_ms / 10), (412, 206), "a tenth of leeway");
    // Nobody is looked at any more, and one channel offers nothing.
    (1..100).for_each(|n| assert!(s.offer(sample(n, 60_000))));
    let told = s.floors(Mono(60_000));
    assert_eq!((told.late, told.silent, told.latest.len()), (99, 1, 99));
    assert_eq!((told.channels, told.missed), (100, 100));
    assert!(told.latest.is_sorted_by(|a, b| a.age_ms >= b.age_ms) && told.latest[0].floor_ms == 1000);
}

#[test]
fn a_worker_that_stalls_is_no_capacity() {
    let mut s = Schedule::new(Options { workers: 2, ..Options::default() });
    (0..2).for_each(|n| s.register(&id(n), 1.0, 1000, Mono(0)));
    for at in (0..10_000).step_by(10) {
        s.offer(sample(1, at));
        s.take(Mono(at)).unwrap();
        s.done(&id(1), 10_000, Mono(at));
    }
    s.offer(sample(0, 10_000));
    s.take(Mono(10_000)).unwrap();
    assert_eq!(s.capacity(Mono(10_500)).stalled, 0);
    let capacity = s.capacity(Mono(12_000));
    assert_eq!((capacity.stalled, capacity.looks_hz), (1, 100.0));
    s.done(&id(0), 4_000_000, Mono(14_000));
    let capacity = s.capacity(Mono(14_000));
    assert!(capacity.stalled == 0 && capacity.looks_hz > 180.0, "{capacity:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Offer(usize, Tier, bool),
    Take,
    Done(usize),
    Wait(u64),
    Remove(usize),
    DropPending(usize),
    Register(usize, f32, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let tier = prop_oneof![2 => Just(Tier::Patrol), 1 => Just(Tier::CatchUp), 1 => Just(Tier::Focus)];
    prop_oneof![
        6 => (0usize..8, tier, any::<bool>()).prop_map(|(n, t, a)| Step::Offer(n, t, a)),
        4 => Just(Step::Take),
        4 => (0usize..8).prop_map(Step::Done),
        2 => (0u64..1500).prop_map(Step::Wait),
        1 => (0usize..8).prop_map(Step::Remove),
        1 => (0usize..8).prop_map(Step::DropPending),
        1 => (0usize..8, 0.0f32..200.0, 0u64..5000).prop_map(|(n, w, f)| Step::Register(n, w, f)),
    ]
}

proptest! {
    #[test]
    fn one_pending_one_in_flight_and_nothing_late(
        steps in prop::collection::vec(step(), 1..300),
        recall in any::<bool>(),
    ) {
        let mut s = Schedule::new(Options { deadline_ms: 2000, recall, ..Options::default() });
        [1.0, 1.0, 0.5, 2.0].iter().enumerate().for_each(|(n, w)| s.register(&id(n), *w, 3000, Mono(0)));
        let mut known: HashSet<usize> = (0..4).collect();
        let mut flying = HashSet::new();
        let mut newest = std::collections::HashMap::new();
        let (mut offered, mut taken_count) = (0u64, 0u64);
        let mut at = 0;
        for step in steps {
            match step {
                Step::Offer(n, tier, active) => {
                    prop_assert_eq!(s.offer(Sample { active, ..of(tier, n, at) }), known.contains(&n));
                    offered += 1;
                    newest.insert(n, (at, tier));
                }
                Step::Take => {
                    if let Some(taken) = s.take(Mono(at)) {
                        taken_count += 1;
                        let n = number(&taken);
                        prop_assert!(flying.insert(n), "two of one channel in flight");
                        prop_assert!(at - taken.offered.0 <= 2000);
                        let recalled = recall && newest[&n].1 == Tier::Patrol && taken.tier == Tier::CatchUp;
                        prop_assert!(recalled || newest[&n] == (taken.offered.0, taken.tier), "the newest");
                    }
                }
                Step::Done(n) => {
                    flying.remove(&n);
                    s.done(&id(n), 1000 * n as u64, Mono(at));
                }
                Step::Wait(ms) => at += ms,
                Step::Remove(n) => {
                    known.remove(&n);
                    flying.remove(&n);
                    s.remove(&id(n));
                }
                Step::DropPending(n) => s.drop_pending(&id(n)),
                Step::Register(n, w, floor_ms) => {
                    known.insert(n);
                    s.register(&id(n), w, floor_ms, Mono(at));
                }
            }
            s.check();
            let floors = s.floors(Mono(at));
            prop_assert!(floors.late + floors.silent <= known.len() && floors.latest.len() == floors.late.min(100));
            let d = s.drops();
            prop_assert_eq!(offered, taken_count + s.pending() as u64 + d.replaced + d.expired + d.unknown);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))] // a minute of simulated time each

    #[test]
    fn every_channel_is_served_within_its_bound(
        weights in prop::collection::vec(0.1f32..10.0, 2..20),
        take_ms in 5u64..40,
    ) {
        let (looks, worst) = overload(&weights, 20, take_ms, 60_000);
        let sum: f32 = weights.iter().sum();
        let least = weights.iter().copied().fold(f32::MAX, f32::min);
        // Rounded weights, and the moment between a look and the next offer.
        let bound = (sum / least * 1.2 + 2.0) as u64 * take_ms + weights.len() as u64 * take_ms + 40;
        prop_assert!(worst <= bound, "{} > {}", worst, bound);
        prop_assert!(looks.iter().all(|l| *l > 0) || bound > 60_000);
    }

    /// Some channels of patrol move and some rest, and others fill the lane with focus and catch-ups.
    #[test]
    fn nobody_starves_whatever_moves_and_however_full_the_lane_is(
        kinds in prop::collection::vec((0usize..4, 0.5f32..4.0), 4..30),
        take_ms in 5u64..20,
        share in 0.0f32..0.9,
    ) {
        let mut s = Schedule::new(Options { deadline_ms: 300, focus_share: share, ..Options::default() });
        kinds.iter().enumerate().for_each(|(n, k)| s.register(&id(n), k.1, 0, Mono(0)));
        let mut last = vec![0u64; kinds.len()];
        let mut worst = 0;
        for at in 0..40_000u64 {
            if at % 50 == 0 {
                for (n, kind) in kinds.iter().enumerate() {
                    let tier = [Tier::Patrol, Tier::Patrol, Tier::CatchUp, Tier::Focus][kind.0];
                    s.offer(Sample { active: kind.0 > 0, ..of(tier, n, at) });
                }
            }
            if at % take_ms == 0 && let Some(taken) = s.take(Mono(at)) {
                let n = number(&taken);
                worst = worst.max(at - std::mem::replace(&mut last[n], at));
                s.done(&taken.unit.channel, take_ms * 1000, Mono(at));
            }
        }
        worst = last.iter().map(|l| 40_000 - l).fold(worst, u64::max);
        // In patrol's order everybody counts with at most eight times its weight, and has what the share leaves.
        let sum: f32 = kinds.iter().map(|k| k.1 * 8.0).sum();
        let least = kinds.iter().map(|k| k.1).fold(f32::MAX, f32::min);
        let bound = (sum / least * 1.1 + 2.0) * take_ms as f32 / (1.0 - share) + 2000.0;
        prop_assert!(worst as f32 <= bound, "{} > {}", worst, bound);
    }
}

impl Schedule {
    /// What must hold after every call.
    fn check(&self) {
        let (mut waiting, mut patrol, mut stale, mut pending, mut flying) = (0, 0, 0, 0, 0);
        let mut owners = HashSet::new();
        assert!(self.index.values().all(|i| owners.insert(*i) && self.slots[*i].is_some()));
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            assert!(owners.contains(&index));
            flying += usize::from(slot.in_flight);
            assert_eq!(slot.place == Place::None, slot.pending.is_none() || slot.in_flight);
            match slot.place {
                Place::None => {}
                Place::Waits { class, key, came, lane } => {
                    waiting += 1;
                    assert!(self.order.contains(class, &key, came));
                    let tier = slot.pending.as_ref().unwrap().tier;
                    assert_eq!(lane.map(|(t, _)| t), (tier != Tier::Patrol).then_some(tier));
                    match lane {
                        Some((tier, key)) => assert!(self.lanes.contains(tier, &key)),
                        None => patrol += 1,
                    }
                }
                Place::Stale(key) => {
                    stale += 1;
                    assert!(self.stale.contains(&key));
                    assert!(slot.pending.as_ref().unwrap().unit.data.is_empty());
                }
            }
            pending += usize::from(slot.pending.is_some());
        }
        assert_eq!((waiting, waiting - patrol), (self.order.len(), self.lanes.len()));
        assert_eq!((patrol, stale), (self.patrol_ready, self.stale.len()));
        assert_eq!((pending, flying), (self.pending, self.flights.len()));
    }
}
