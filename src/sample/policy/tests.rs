//! The policy on made-up streams: sizes are chosen, everything else is real.

use proptest::prelude::*;

use super::*;
use crate::sample::slice::{Kind, Picture};

/// Fifteen units a second, a key unit every two seconds.
const STEP_MS: u64 = 67;
const GROUP: u64 = 30;
const SHIPPED: Options = Options { patrol_ms: 500, rest_ms: 8000, activity: true, catch_up: true };

/// A channel whose pictures take as many bytes as one says, and whose looks see what one says.
struct Scene {
    policy: Policy,
    options: Options,
    wish: Wish,
    index: u64,
    /// When looks were offered, and in which tier.
    looks: Vec<(u64, Tier)>,
    pending: Option<(u64, bool)>,
    seed: u64,
}

impl Scene {
    fn new(options: Options) -> Self {
        let wish = Wish { focus_hz: 0.0, in_view: false, event_open: false, last_look: Mono(0) };
        Self { policy: Policy::default(), options, wish, index: 0, looks: Vec::new(), pending: None, seed: 1 }
    }

    fn now(&self) -> u64 {
        1000 + self.index * STEP_MS
    }

    /// Noise from 0.75 to 1.25.
    fn noise(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        0.75 + (self.seed >> 40) as f64 / f64::from(1 << 24) / 2.0
    }

    /// So many seconds of pictures of so many bytes; a look that comes back finds `there`.
    fn run(&mut self, seconds: f64, bytes: f64, there: bool) -> Vec<(u64, Tier)> {
        let before = self.looks.len();
        for _ in 0..(seconds * 1000.0 / STEP_MS as f64) as u64 {
            let now = self.now();
            if let Some((at, found)) = self.pending.take() {
                // The event ends as `presence` does, a look after.
                self.wish.event_open = found || (self.wish.event_open && self.wish.in_view);
                (self.wish.in_view, self.wish.last_look) = (found, Mono(at));
            }
            let key = self.index.is_multiple_of(GROUP);
            let bytes = (if key { 20_000.0 } else { bytes } * self.noise()) as u32;
            let kind = Some(if key { Kind::I } else { Kind::P });
            let unit = Unit { codec: Codec::H264, key, session: 1, at: Mono(now), data: &[] };
            self.policy.notice(self.wish);
            let picture = Picture { kind, qp: Some(26.0), bytes };
            self.policy.picture(&picture, &unit);
            if let Some(chosen) = self.policy.choose(&unit, self.wish, &self.options) {
                self.looks.push((now, chosen.tier));
                self.pending = Some((now, there));
            }
            self.index += 1;
        }
        self.looks[before..].to_vec()
    }
}

#[test]
fn an_empty_scene_rests_and_a_jump_is_looked_at_at_once() {
    let mut scene = Scene::new(SHIPPED);
    let learning = scene.run(10.0, 300.0, false);
    assert!(learning.len() <= 5 && learning.iter().all(|l| l.1 == Tier::Patrol), "{learning:?}");
    let rest = scene.run(80.0, 300.0, false);
    assert!((8..=11).contains(&rest.len()), "one in eight seconds: {rest:?}");
    let entered = scene.now();
    let seen = scene.run(4.0, 1500.0, true);
    assert!(seen[0].0 - entered < 400 && seen[0].1 == Tier::CatchUp, "entered at {entered}: {seen:?}");
    assert!(seen.len() <= 2, "once it is in view there is no hurry: {seen:?}");
    let stays = scene.run(30.0, 350.0, true);
    assert!((1..=4).contains(&stays.len()), "it has come to rest, then it rests: {stays:?}");
    scene.run(3.0, 1500.0, true);
    let left = scene.now();
    let gone = scene.run(10.0, 300.0, false);
    assert!(gone.len() >= 2 && gone[1].0 - left < 5000, "gone at {left}, sure of it by two looks: {gone:?}");
}

#[test]
fn a_tree_in_the_wind_costs_a_fraction_of_patrol_and_becomes_rest() {
    let mut scene = Scene::new(SHIPPED);
    scene.run(20.0, 300.0, false);
    let mut looks = Vec::new();
    for _ in 0..60 {
        looks.extend(scene.run(3.0, 1500.0, false));
        looks.extend(scene.run(5.0, 300.0, false));
    }
    let catch_up = looks.iter().filter(|l| l.1 == Tier::CatchUp).count();
    assert!(catch_up <= 60 + 5, "a quarter of 240 key units and what was saved up: {catch_up}");
    let late = looks.iter().filter(|l| l.0 > 241_000).count();
    assert!(late <= 60, "the gusts are known: {late} looks in 240 s");
}

#[test]
fn rain_that_does_not_end_becomes_rest() {
    let mut scene = Scene::new(SHIPPED);
    scene.run(20.0, 300.0, false);
    scene.run(90.0, 2400.0, false);
    assert_eq!(scene.policy.activity.state(), ActivityState::Quiet);
    let looks = scene.run(80.0, 2400.0, false);
    assert!(looks.len() <= 15, "{}", looks.len());
    let entered = scene.now();
    let seen = scene.run(3.0, 9000.0, true);
    assert!(seen.first().is_some_and(|l| l.0 - entered < 1000), "{seen:?}");
}

#[test]
fn a_scene_that_is_never_empty_is_patrolled() {
    let mut scene = Scene::new(SHIPPED);
    let looks = scene.run(60.0, 1000.0, true);
    assert_eq!(looks.len(), 30, "every key unit");
    assert_eq!(scene.policy.activity.state(), ActivityState::Learning);
}

#[test]
fn what_keeps_coming_without_a_jump_makes_the_channel_mute_and_it_is_patrolled() {
    let mut scene = Scene::new(SHIPPED);
    scene.run(20.0, 300.0, false);
    for _ in 0..4 {
        scene.run(20.0, 300.0, true);
        scene.run(40.0, 300.0, false);
    }
    assert_eq!(scene.policy.activity.state(), ActivityState::Mute);
    assert_eq!(scene.run(60.0, 300.0, false).len(), 30, "every key unit");
}

#[test]
fn without_a_quantiser_or_switched_off_every_key_unit_is_looked_at() {
    for options in [SHIPPED, Options { activity: false, ..SHIPPED }] {
        let mut policy = Policy::default();
        let wish = Wish { focus_hz: 0.0, in_view: false, event_open: false, last_look: Mono(0) };
        let mut looks = 0;
        for index in 0..300 {
            let unit = Unit {
                codec: Codec::Mjpeg,
                key: true,
                session: 1,
                at: Mono(1000 + index * STEP_MS),
                data: &[0xff; 900],
            };
            looks += u64::from(policy.unit(unit, wish, &options).is_some());
        }
        assert_eq!(looks, 300 / 8 + 1, "one in half a second");
    }
}

#[test]
fn a_long_clearing_time_costs_no_look_at_every_key_unit() {
    let mut scene = Scene::new(SHIPPED);
    scene.run(20.0, 300.0, false);
    scene.run(4.0, 1500.0, true);
    scene.run(6.0, 300.0, false);
    scene.wish.event_open = true;
    let looks = (0..30).map(|_| {
        scene.wish.event_open = true;
        scene.run(2.0, 300.0, false).len()
    });
    let looks: usize = looks.sum();
    assert!(looks <= 21, "{looks} in a minute");
}

proptest! {
    /// Whatever comes and whatever looks find: no patrol of what is no key unit, catch-up within its bucket, the rest
    /// interval kept, nothing panics.
    #[test]
    fn bounds_hold_for_any_stream(
        sizes in proptest::collection::vec((0u32..200_000, any::<bool>(), -10f32..51.0, 0u64..400), 50..400),
        views in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..20),
    ) {
        let mut policy = Policy::default();
        let mut wish = Wish { focus_hz: 0.0, in_view: false, event_open: false, last_look: Mono(0) };
        let (mut now, mut keys, mut looks, mut catch_up, mut changes, mut last) = (1000, 0u32, 0, 0u32, 0u32, 1000);
        for (index, (bytes, key, qp, after)) in sizes.into_iter().enumerate() {
            now += after;
            keys += u32::from(key);
            let unit = Unit { codec: Codec::H264, key, session: (index / 150) as u32, at: Mono(now), data: &[] };
            policy.notice(wish);
            let qp = (index % 17 != 0).then_some(qp);
            policy.picture(&Picture { kind: Some(if key { Kind::I } else { Kind::B }), qp, bytes }, &unit);
            let chosen = policy.choose(&unit, wish, &SHIPPED);
            let overdue = now - last >= SHIPPED.rest_ms * RESTS_IN_VIEW;
            prop_assert!(chosen.is_some() || !(key && overdue), "a look is overdue");
            if let Some(chosen) = chosen {
                prop_assert_eq!(chosen.tier == Tier::Patrol, key);
                catch_up += u32::from(chosen.tier == Tier::CatchUp);
                let (in_view, event_open) = views[looks % views.len()];
                changes += u32::from(in_view != wish.in_view);
                wish = Wish { in_view, event_open, last_look: Mono(now), ..wish };
                (looks, last) = (looks + 1, now);
            }
            prop_assert!(policy.activity.level() >= 0.0);
        }
        prop_assert!(catch_up as f32 <= keys as f32 * REFILL + changes as f32 + 1.0, "{} in {} keys", catch_up, keys);
    }
}

#[test]
fn focus_has_its_rate_whatever_the_steps_of_the_camera() {
    for (step_ms, hz) in [(40, 5.0), (67, 5.0), (67, 4.0), (100, 3.0), (33, 10.0)] {
        let mut policy = Policy::default();
        let wish = Wish { focus_hz: hz, in_view: true, event_open: true, last_look: Mono(0) };
        let looks = (0..60_000 / step_ms)
            .filter(|n| {
                let jitter = [0, 9, 3, 14, 6][(n % 5) as usize];
                let at = Mono(1000 + n * step_ms + jitter);
                let unit = Unit { codec: Codec::H264, key: n % 30 == 0, session: 1, at, data: &[] };
                policy.choose(&unit, wish, &SHIPPED).is_some_and(|c| c.tier == Tier::Focus)
            })
            .count();
        let rate = looks as f32 / 60.0;
        assert!((rate / hz - 1.0).abs() < 0.03, "{rate} of {hz} looks a second at a picture in {step_ms} ms");
    }
}
