use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::types::Wall;

/// A district in simulated seconds.
struct District {
    health: Health,
    members: Vec<Member>,
    sights: Vec<Sight>,
    second: u64,
    facts: Vec<(u64, Fact)>,
}

fn member(id: &str, host: &str, area: &[&str]) -> Member {
    let area = area.iter().map(|a| AreaId::new(a).unwrap()).collect();
    Member { id: ChannelId::new(id).unwrap(), host: host.into(), area }
}

/// Recorders with so many channels each, in a street each.
fn recorders(hosts: usize, channels: usize) -> Vec<Member> {
    let of = |n: usize| {
        let host = n / channels;
        member(&format!("c{n:03}"), &format!("10.0.0.{host}"), &["d", &format!("s{host}"), &format!("g{n}")])
    };
    (0..hosts * channels).map(of).collect()
}

impl District {
    /// All are up, and have been for a while.
    fn new(members: Vec<Member>) -> Self {
        let mut district = Self::starting(members);
        district.all(ChannelState::Running);
        district.pass(30);
        assert!(district.facts.is_empty());
        district
    }

    fn starting(members: Vec<Member>) -> Self {
        let health = Health::new(&config::Alert::default());
        let sight = Sight { state: ChannelState::Connecting, conditions: ConditionSet::default() };
        let mut district =
            Self { sights: vec![sight; members.len()], health, members: Vec::new(), second: 0, facts: Vec::new() };
        district.enroll(members);
        district
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.second * 1000), wall: Wall(1_800_000_000_000 + self.second as i64 * 1000) }
    }

    /// Channels that stay keep what they show.
    fn enroll(&mut self, members: Vec<Member>) {
        let fresh = Sight { state: ChannelState::Connecting, conditions: ConditionSet::default() };
        let shows: BTreeMap<_, _> = self.members.iter().map(|m| m.id.clone()).zip(self.sights.clone()).collect();
        self.sights = members.iter().map(|m| shows.get(&m.id).copied().unwrap_or(fresh)).collect();
        self.members = members.clone();
        let facts = self.health.enroll(members, self.now());
        self.facts.extend(facts.into_iter().map(|f| (self.second, f)));
    }

    fn all(&mut self, state: ChannelState) {
        self.sights.iter_mut().for_each(|s| s.state = state);
    }

    fn set(&mut self, channels: impl IntoIterator<Item = usize>, state: ChannelState) {
        channels.into_iter().for_each(|at| self.sights[at].state = state);
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second += 1;
            let now = self.now();
            let facts = self.health.tick(&self.sights, now, &|at, matter| format!("{} {}", at, matter.as_str()));
            self.facts.extend(facts.into_iter().map(|f| (self.second, f)));
        }
    }

    /// Second, phase, end and key of what came since the last time.
    fn told(&mut self) -> Vec<(u64, Phase, Option<EventEnd>, String)> {
        let told = self.facts.drain(..).map(|(s, f)| (s, f.event.phase, f.event.end, f.event.dedupe_key));
        told.collect()
    }
}

fn key(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_channel_that_stays_down_is_one_event_and_a_short_loss_is_none() {
    let mut d = District::new(recorders(1, 6));
    d.set([2], ChannelState::Offline);
    d.pass(9);
    d.set([2], ChannelState::Running);
    d.pass(30);
    assert_eq!(d.told(), []);
    d.set([2], ChannelState::Offline);
    d.pass(3);
    d.set([2], ChannelState::Unreachable);
    d.pass(20);
    let began = d.facts[0].1.event.health.clone().unwrap();
    assert_eq!(
        (began.scope, began.state, began.what.as_str()),
        (HealthScope::Channel, Some(ChannelState::Unreachable), "down")
    );
    assert_eq!(d.told(), [(80, Phase::Start, None, key("health/c002/down"))]);
    d.set([2], ChannelState::Running);
    d.pass(20);
    assert_eq!(d.told(), [(103, Phase::End, Some(EventEnd::Cleared), key("health/c002/down"))]);
}

#[test]
fn a_camera_that_comes_and_goes_is_one_event() {
    let mut d = District::new(recorders(1, 6));
    for _ in 0..40 {
        d.set([0], ChannelState::Offline);
        d.pass(4);
        d.set([0], ChannelState::Running);
        d.pass(6);
    }
    d.pass(20);
    let phases: Vec<_> = d.told().into_iter().map(|(_, phase, ..)| phase).collect();
    assert_eq!(phases, [Phase::Start, Phase::End]);
}

#[test]
fn another_reason_is_an_update_of_the_same_event() {
    let mut d = District::new(recorders(1, 6));
    d.set([0], ChannelState::Offline);
    d.pass(12);
    d.set([0], ChannelState::AuthFailed);
    d.pass(30);
    let told: Vec<_> = d.facts.iter().map(|(_, f)| (f.event.phase, f.event.health.as_ref().unwrap().state)).collect();
    assert_eq!(told, [(Phase::Start, Some(ChannelState::Offline)), (Phase::Update, Some(ChannelState::AuthFailed))]);
}

#[test]
fn a_recorder_that_falls_is_one_event_with_all_its_channels() {
    let mut d = District::new(recorders(2, 300));
    d.set(0..300, ChannelState::Offline);
    d.pass(8);
    d.set(0..280, ChannelState::Unreachable);
    d.pass(60);
    let (_, fact) = &d.facts[0];
    let subjects = fact.event.subjects.clone().unwrap();
    assert_eq!((subjects.count, subjects.channels.len(), fact.event.channel.as_str()), (300, 100, "c000"));
    assert_eq!(fact.area, [AreaId::new("d").unwrap(), AreaId::new("s0").unwrap()], "what their areas have in common");
    let health = fact.event.health.clone().unwrap();
    assert_eq!((health.scope, health.name.as_deref()), (HealthScope::Host, Some("10.0.0.0")));
    assert!(
        health.reason.starts_with("300 of 300 channels are down (20 offline, 280 unreachable)"),
        "{}",
        health.reason
    );
    assert_eq!(d.told(), [(41, Phase::Start, None, key("health/host/10.0.0.0/down"))]);
    // They come back one by one, but for four.
    for at in 0..296 {
        d.set([at], ChannelState::Running);
        d.pass(1);
    }
    d.pass(60);
    let told = d.told();
    assert!(told[..told.len() - 5].iter().all(|(_, phase, ..)| *phase == Phase::Update), "{told:?}");
    let (_, phase, end, of) = &told[told.len() - 5];
    assert_eq!((*phase, *end, of.as_str()), (Phase::End, Some(EventEnd::Cleared), "health/host/10.0.0.0/down"));
    let rest: Vec<_> = told[told.len() - 4..].iter().map(|(_, phase, _, key)| (*phase, key.as_str())).collect();
    let alone = ["health/c296/down", "health/c297/down", "health/c298/down", "health/c299/down"];
    assert_eq!(rest, alone.map(|key| (Phase::Start, key)), "the few that stay down speak for themselves");
}

#[test]
fn a_district_without_power_is_an_event_a_recorder_and_all_are_cleared() {
    let mut d = District::new(recorders(40, 20));
    d.all(ChannelState::Stalled);
    d.pass(5);
    d.all(ChannelState::Unreachable);
    d.pass(300);
    d.all(ChannelState::Running);
    d.pass(60);
    let told = d.told();
    let count = |wanted| told.iter().filter(|(_, phase, ..)| *phase == wanted).count();
    assert_eq!((count(Phase::Start), count(Phase::Update), count(Phase::End)), (40, 0, 40));
    assert_eq!(d.health.open(), 0);
}

#[test]
fn cameras_behind_one_switch_are_one_event_of_their_area() {
    let mut members: Vec<_> = (0..5).map(|n| member(&format!("a{n}"), &format!("10.1.0.{n}"), &["d", "g1"])).collect();
    members.extend((0..5).map(|n| member(&format!("b{n}"), &format!("10.2.0.{n}"), &["d", "g2"])));
    members.extend((0..4).map(|n| member(&format!("c{n}"), &format!("10.3.0.{n}"), &[])));
    let mut d = District::new(members);
    d.set((0..5).chain(10..14), ChannelState::Stalled);
    d.pass(20);
    let keys: Vec<_> = d.told().into_iter().map(|(.., key)| key).collect();
    assert_eq!(keys, ["health/area/g1/down", "health/node/down"]);
}

#[test]
fn what_fell_long_ago_is_not_the_same_happening() {
    let mut d = District::new(recorders(1, 6));
    for at in 0..3 {
        d.set([at], ChannelState::Offline);
        d.pass(60);
    }
    let keys: Vec<_> = d.told().into_iter().map(|(.., key)| key).collect();
    assert_eq!(keys, ["health/c000/down", "health/c001/down", "health/c002/down"], "three cameras, not one recorder");
    // The other three fall together: all of those that were well.
    d.set(3..6, ChannelState::Offline);
    d.pass(15);
    let told = d.told();
    assert_eq!((told.len(), told[0].3.as_str()), (1, "health/host/10.0.0.0/down"));
}

#[test]
fn an_event_that_began_just_before_goes_on_in_that_of_its_host() {
    let mut d = District::new(recorders(1, 6));
    d.set([1], ChannelState::Offline);
    d.pass(8);
    d.set([4], ChannelState::Offline);
    d.pass(4);
    assert_eq!(d.told(), [(41, Phase::Start, None, key("health/c001/down"))]);
    d.set([0, 2, 3, 5], ChannelState::Offline);
    d.pass(20);
    let told: Vec<_> = d.told().into_iter().map(|(_, phase, end, key)| (phase, end, key)).collect();
    assert_eq!(
        told,
        [
            (Phase::End, Some(EventEnd::Lost), key("health/c001/down")),
            (Phase::Start, None, key("health/host/10.0.0.0/down"))
        ]
    );
}

#[test]
fn those_that_fall_later_join() {
    let mut d = District::new(recorders(1, 10));
    d.set(0..6, ChannelState::Offline);
    d.pass(30);
    d.set([7], ChannelState::Offline);
    d.pass(30);
    let counts: Vec<_> =
        d.facts.iter().map(|(_, f)| (f.event.phase, f.event.subjects.as_ref().unwrap().count)).collect();
    assert_eq!(counts, [(Phase::Start, 6), (Phase::Update, 7)]);
}

#[test]
fn while_everything_comes_up_nothing_is_told() {
    let mut d = District::starting(recorders(10, 20));
    d.pass(2);
    d.set(0..20, ChannelState::Unreachable);
    d.set([30], ChannelState::Refused);
    for at in (31..200).step_by(2) {
        d.set([at], ChannelState::Running);
    }
    d.pass(56);
    assert_eq!(d.told(), []);
    d.set(20..30, ChannelState::Running);
    d.set((31..200).collect::<Vec<_>>(), ChannelState::Running);
    d.pass(5);
    let keys: Vec<_> = d.told().into_iter().map(|(.., key)| key).collect();
    assert_eq!(keys, ["health/host/10.0.0.0/down", "health/c030/down"]);
}

#[test]
fn a_condition_is_an_event_and_a_recorder_whose_clock_is_wrong_is_one() {
    let mut d = District::new(recorders(2, 6));
    let of = |kinds: &[ConditionKind]| kinds.iter().copied().collect::<ConditionSet>();
    d.sights[0].conditions = of(&[ConditionKind::Frozen, ConditionKind::ClockSkew]);
    for at in 1..6 {
        d.sights[at].conditions = of(&[ConditionKind::ClockSkew]);
    }
    d.pass(15);
    let told: Vec<_> = d.facts.iter().map(|(_, f)| (f.event.dedupe_key.clone(), f.event.severity)).collect();
    assert_eq!(
        told,
        [(key("health/c000/frozen"), Severity::Medium), (key("health/host/10.0.0.0/clock_skew"), Severity::Low)]
    );
    d.facts.clear();
    d.sights.iter_mut().for_each(|s| s.conditions = ConditionSet::default());
    d.pass(2);
    let ends: Vec<_> = d.told().into_iter().map(|(_, _, end, _)| end).collect();
    assert_eq!(ends, [Some(EventEnd::Cleared); 2]);
}

#[test]
fn a_condition_of_a_camera_that_is_gone_is_lost_not_cleared() {
    let mut d = District::new(recorders(1, 2));
    d.sights[0].conditions = [ConditionKind::Covered].into_iter().collect();
    d.pass(15);
    d.sights[0] = Sight { state: ChannelState::Offline, conditions: ConditionSet::default() };
    d.pass(1);
    let told: Vec<_> = d.told().into_iter().map(|(_, phase, end, _)| (phase, end)).collect();
    assert_eq!(told, [(Phase::Start, None), (Phase::End, Some(EventEnd::Lost))]);
}

#[test]
fn a_channel_that_is_taken_away_ends_its_events_and_those_that_it_carries() {
    let mut d = District::new(recorders(2, 6));
    d.set(0..6, ChannelState::Offline);
    d.set([8], ChannelState::Offline);
    d.pass(15);
    d.told();
    let mut members = d.members.clone();
    members.remove(8);
    members.remove(0);
    d.enroll(members);
    let told = d.told();
    assert_eq!(
        told.iter().map(|(_, _, end, key)| (*end, key.as_str())).collect::<Vec<_>>(),
        [
            (Some(EventEnd::Reconfigured), "health/c008/down"),
            (Some(EventEnd::Reconfigured), "health/host/10.0.0.0/down")
        ]
    );
    d.pass(1);
    let told = d.told();
    assert_eq!(
        (told.len(), told[0].1, told[0].3.as_str()),
        (1, Phase::Start, "health/host/10.0.0.0/down"),
        "with another to carry it"
    );
}

/// A step of a random history.
#[derive(Debug, Clone)]
enum Step {
    State(usize, ChannelState),
    Host(usize, ChannelState),
    Condition(usize, ConditionKind, bool),
    Enroll(u32),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let state = prop::sample::select(vec![
        ChannelState::Running,
        ChannelState::Running,
        ChannelState::Connecting,
        ChannelState::Offline,
        ChannelState::Stalled,
        ChannelState::AuthFailed,
    ]);
    let kind = prop::sample::select(vec![ConditionKind::Frozen, ConditionKind::ClockSkew]);
    let step = prop_oneof![
        4 => (0..16usize, state.clone()).prop_map(|(at, s)| Step::State(at, s)),
        2 => (0..4usize, state).prop_map(|(host, s)| Step::Host(host, s)),
        2 => (0..16usize, kind, any::<bool>()).prop_map(|(at, k, on)| Step::Condition(at, k, on)),
        1 => any::<u32>().prop_map(Step::Enroll),
        6 => (1..25u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

/// Three recorders of four channels, and four cameras with hosts of their own, of which the bits of `which` are there.
fn some(which: u32) -> Vec<Member> {
    let mut all = recorders(3, 4);
    all.extend((0..4).map(|n| member(&format!("z{n}"), &format!("10.9.0.{n}"), if n < 3 { &["d"] } else { &[] })));
    all.into_iter().enumerate().filter(|(at, _)| which & (1 << at) != 0).map(|(_, m)| m).collect()
}

fn play(steps: &[Step]) -> District {
    let mut d = District::starting(some(u32::MAX));
    for step in steps {
        let count = d.members.len();
        match step {
            Step::State(at, state) if count > 0 => d.set([at % count], *state),
            Step::Host(host, state) => {
                let host = format!("10.0.0.{host}");
                let of: Vec<_> = (0..count).filter(|at| d.members[*at].host == host).collect();
                d.set(of, *state);
            }
            Step::Condition(at, kind, on) if count > 0 => {
                let sight = &mut d.sights[at % count];
                let others = sight.conditions.iter().filter(|k| k != kind);
                sight.conditions = others.chain(on.then_some(*kind)).collect();
            }
            Step::Enroll(which) => d.enroll(some(*which)),
            Step::Pass(seconds) => d.pass(*seconds),
            _ => {}
        }
    }
    d
}

proptest! {
    #[test]
    fn every_start_has_exactly_one_end(steps in steps()) {
        let mut d = play(&steps);
        let finished = d.health.finish(d.now());
        prop_assert_eq!(d.health.open(), 0);
        let mut open = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for (_, Fact { event, .. }) in d.facts.into_iter().chain(finished.into_iter().map(|f| (0, f))) {
            prop_assert!(event.health.is_some() && !event.dedupe_key.is_empty());
            match event.phase {
                Phase::Start => {
                    prop_assert!(keys.insert(event.dedupe_key.clone()), "two at once: {}", event.dedupe_key);
                    prop_assert!(open.insert(event.id, event.dedupe_key).is_none(), "two starts of one id");
                }
                Phase::Update => prop_assert!(open.contains_key(&event.id)),
                Phase::End => {
                    prop_assert!(event.end.is_some());
                    let key = open.remove(&event.id);
                    prop_assert!(key.is_some_and(|k| keys.remove(&k)), "an end without a start");
                }
            }
        }
        prop_assert!(open.is_empty(), "a start without an end");
    }

    #[test]
    fn when_all_is_well_nothing_is_open(steps in steps()) {
        let mut d = play(&steps);
        d.all(ChannelState::Running);
        d.sights.iter_mut().for_each(|s| s.conditions = ConditionSet::default());
        d.pass(60);
        prop_assert_eq!(d.health.open(), 0);
    }

    #[test]
    fn no_channel_that_falls_is_told_twice(steps in steps()) {
        let mut d = play(&steps);
        // Whoever falls from here on, falls alone or under its group.
        d.all(ChannelState::Running);
        d.pass(60);
        d.facts.clear();
        d.all(ChannelState::Unreachable);
        d.pass(90);
        let (mut alone, mut under) = (BTreeSet::new(), BTreeSet::new());
        for (_, f) in d.facts.iter().filter(|(_, f)| f.event.phase != Phase::End && f.event.dedupe_key.ends_with("/down")) {
            match &f.event.subjects {
                None => { alone.insert(f.event.channel.clone()); }
                Some(subjects) => under.extend(subjects.channels.iter().cloned()),
            }
        }
        prop_assert!(alone.is_disjoint(&under), "{alone:?} {under:?}");
        let all: BTreeSet<_> = d.members.iter().map(|m| m.id.clone()).collect();
        prop_assert_eq!(alone.union(&under).cloned().collect::<BTreeSet<_>>(), all, "everybody is told of");
    }

    #[test]
    fn the_same_history_gives_the_same_events(steps in steps()) {
        let tell = |d: District| -> Vec<_> {
            let of = |(second, f): (u64, Fact)| {
                (second, f.event.phase, f.event.end, f.event.dedupe_key, f.event.subjects, f.event.health, f.area)
            };
            d.facts.into_iter().map(of).collect()
        };
        prop_assert_eq!(tell(play(&steps)), tell(play(&steps)));
    }
}
