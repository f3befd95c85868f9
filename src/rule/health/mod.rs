//! Health to events: which states and conditions of channels are worth a fact, and which of them are one happening.
//!
//! In go, once a second, the state and the conditions of every channel; out come events of the type `health`, one for
//! each matter (a channel that is down, a condition that it is in) that lasts. Where several channels of one group fall
//! within the same ten seconds, at least half of those that were well, they are one event with the channels under it: a
//! recorder (all channels of one host), or, for cameras with hosts of their own, what hangs on one area and so behind one
//! switch. A channel belongs to one group only; those that join later are told by updates, and the event ends when nearly
//! all are back.
//!
//! Pure: no I/O, no clock, no lock; the order of the channels decides where order matters, so that the same history gives
//! the same events. Every start that leaves here has exactly one end, as long as the owner calls `finish` in the end.

mod group;

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::{
    config,
    types::{
        AreaId, ChannelId, ChannelState, ConditionKind, ConditionSet, Event, EventEnd, EventId, HealthFact, Mono, Now,
        Phase, RuleId, RuleRef, Severity, fact::HealthScope,
    },
};
use group::{GroupCase, GroupKey, Groups};

/// The events' type, and how their dedupe keys begin.
const RULE: &str = "health";
/// What falls within this time falls together. As long as the shortest hold, so that all have fallen before the first
/// is told.
const TOGETHER_MS: u64 = 10_000;
/// A channel that was never up is given this long to come up: the governor lets thousands connect one by one.
const GRACE_MS: u64 = 60_000;
/// A channel is back when it has run for so long; a camera that comes and goes is one event.
const BACK_MS: u64 = 10_000;
/// Updates of one event are at least so far apart.
const UPDATE_MS: u64 = 10_000;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matter {
    Down,
    Condition(ConditionKind),
}

impl Matter {
    pub fn as_str(self) -> &'static str {
        match self {
            Matter::Down => "down",
            Matter::Condition(kind) => kind.as_str(),
        }
    }

    fn back_ms(self) -> u64 {
        match self {
            Matter::Down => BACK_MS,
            // It has its own hysteresis.
            Matter::Condition(_) => 0,
        }
    }

    /// What blinds a channel has the configured severity, the rest is low.
    fn severity(self, configured: Severity) -> Severity {
        use ConditionKind as C;
        match self {
            Matter::Down => configured,
            Matter::Condition(C::Frozen | C::Dark | C::Covered | C::Moved) => configured,
            Matter::Condition(C::Bright | C::Blurred | C::BitrateCollapsed | C::KeyIntervalLong | C::ClockSkew) => {
                Severity::Low
            }
        }
    }
}

/// A channel that is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: ChannelId,
    /// Of its URL, without the port.
    pub host: String,
    /// Ids from the root of the area tree.
    pub area: Vec<AreaId>,
}

/// What is seen of a channel at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    pub state: ChannelState,
    pub conditions: ConditionSet,
}

/// One second as it is handed down.
struct Seen<'a> {
    sights: &'a [Sight],
    now: Now,
    reason: &'a dyn Fn(usize, Matter) -> String,
}

/// An event on its way out, and the area that it is about: its channel's own, or what all its channels have in common.
#[derive(Debug, Clone)]
pub struct Fact {
    pub event: Event,
    pub area: Vec<AreaId>,
}

/// All that is wrong at present.
#[derive(Debug)]
pub struct Health {
    hold_ms: u64,
    severity: Severity,
    rule: RuleRef,
    channels: Vec<Channel>,
    groups: Groups,
    open_groups: BTreeMap<(GroupKey, Matter), GroupCase>,
}

#[derive(Debug)]
struct Channel {
    member: Member,
    group: usize,
    added: Mono,
    /// It has been up.
    ran: bool,
    cases: Vec<Case>,
}

/// One matter of one channel, from the first sign to when it is over.
#[derive(Debug)]
struct Case {
    matter: Matter,
    since: Mono,
    /// Since when it looks well again.
    well: Option<Mono>,
    told: Told,
}

#[derive(Debug)]
enum Told {
    /// Too short so far.
    Nothing,
    /// By an event of its own, begun and last told at.
    Alone { event: Box<Event>, begun: Mono, at: Mono },
    /// Under the event of its group.
    Group,
}

impl Health {
    pub fn new(config: &config::Alert) -> Self {
        let text = format!("{} {} {}", config.health, config.health_hold_s, config.health_severity.as_str());
        let mut revision = hex::encode(Sha256::digest(text));
        revision.truncate(12);
        Self {
            hold_ms: (u64::from(config.health_hold_s) * 1000).max(TOGETHER_MS),
            severity: config.health_severity,
            rule: RuleRef { id: RuleId::health(), revision },
            channels: Vec::new(),
            groups: Groups::default(),
            open_groups: BTreeMap::new(),
        }
    }

    /// Events open at present.
    pub fn open(&self) -> usize {
        let alone = |c: &Channel| c.cases.iter().filter(|k| matches!(k.told, Told::Alone { .. })).count();
        self.channels.iter().map(alone).sum::<usize>() + self.open_groups.len()
    }

    /// Takes over another list of channels. What was open of those that are gone ends, and what goes on goes on.
    pub fn enroll(&mut self, members: Vec<Member>, now: Now) -> Vec<Fact> {
        let mut facts = Vec::new();
        let groups = Groups::of(&members);
        let mut old: HashMap<ChannelId, Channel> =
            std::mem::take(&mut self.channels).into_iter().map(|c| (c.member.id.clone(), c)).collect();
        for (at, member) in members.into_iter().enumerate() {
            let group = groups.at(at);
            let channel = match old.remove(&member.id) {
                Some(before) => {
                    let stays = self.groups.key(before.group) == groups.key(group);
                    let mut cases = before.cases;
                    for case in cases.iter_mut().filter(|c| !stays && matches!(c.told, Told::Group)) {
                        case.told = Told::Nothing;
                    }
                    Channel { member, group, cases, ..before }
                }
                None => Channel { member, group, added: now.mono, ran: false, cases: Vec::new() },
            };
            self.channels.push(channel);
        }
        // In the order of ids: a map has none.
        let mut gone: Vec<Channel> = old.into_values().collect();
        gone.sort_by(|a, b| a.member.id.cmp(&b.member.id));
        for mut channel in gone {
            facts.extend(channel.end_all(EventEnd::Reconfigured, now));
        }
        self.groups = groups;
        let lost: Vec<_> = self.open_groups.keys().filter(|(key, _)| !self.carries(key)).cloned().collect();
        for (key, matter) in lost {
            if let Some(case) = self.open_groups.remove(&(key.clone(), matter)) {
                facts.push(case.end(EventEnd::Reconfigured, None, now));
            }
            for channel in &mut self.channels {
                for case in channel.cases.iter_mut().filter(|c| c.matter == matter && matches!(c.told, Told::Group)) {
                    if self.groups.key(channel.group) == Some(&key) {
                        case.told = Told::Nothing;
                    }
                }
            }
        }
        facts
    }

    /// Is the group still there, with the channels that carry its events?
    fn carries(&self, key: &GroupKey) -> bool {
        let of = |matter_case: &GroupCase| {
            let carrier = &matter_case.event.channel;
            self.channels.iter().any(|c| c.member.id == *carrier && self.groups.key(c.group) == Some(key))
        };
        self.open_groups.iter().filter(|((k, _), _)| k == key).all(|(_, case)| of(case))
    }

    /// One second. `sights` are those of the members, in their order; `reason` says why a member is as it is.
    pub fn tick(&mut self, sights: &[Sight], now: Now, reason: &dyn Fn(usize, Matter) -> String) -> Vec<Fact> {
        let seen = Seen { sights, now, reason };
        let mut facts = Vec::new();
        // Groups in which something is not told yet.
        let mut news: BTreeMap<(usize, Matter), Vec<usize>> = BTreeMap::new();
        for (at, (channel, sight)) in self.channels.iter_mut().zip(sights).enumerate() {
            channel.ran |= sight.state == ChannelState::Running;
            channel.see(*sight, now);
            facts.extend(channel.well_again(*sight, now));
            for case in &mut channel.cases {
                if case.well.is_none() && matches!(case.told, Told::Nothing) {
                    news.entry((channel.group, case.matter)).or_default().push(at);
                }
            }
            facts.extend(channel.updates(at, *sight, now, reason));
        }
        for ((group, matter), members) in news {
            self.tell(group, matter, &members, &seen, &mut facts);
        }
        self.tend_groups(sights, now, &mut facts);
        facts
    }

    /// Tells what has lasted long enough: as one event of its group, under one that is open, or each by itself.
    fn tell(&mut self, group: usize, matter: Matter, members: &[usize], seen: &Seen<'_>, facts: &mut Vec<Fact>) {
        let now = seen.now;
        let Some(key) = self.groups.key(group).cloned() else { return };
        if let Some(open) = self.open_groups.get_mut(&(key.clone(), matter)) {
            for at in members {
                self.channels[*at].join(matter);
                open.add(&self.channels[*at].member.id);
            }
            return;
        }
        let lasts = |at: usize| self.channels[at].lasts(matter, self.hold_ms, now);
        if !members.iter().any(|at| lasts(*at)) {
            return;
        }
        // Those of the group that have an event of their own: begun just now it is the same happening, before it is not.
        let (mut fresh, mut long) = (Vec::new(), 0);
        for at in self.groups.members(group) {
            let case = self.channels[*at].cases.iter().find(|c| c.matter == matter);
            match case.map(|c| &c.told) {
                Some(Told::Alone { begun, .. }) if now.mono.since_ms(*begun) <= TOGETHER_MS => fresh.push(*at),
                Some(Told::Alone { .. }) => long += 1,
                _ => {}
            }
        }
        let together = members.len() + fresh.len();
        let well = self.groups.members(group).len() - long;
        if together < group::LEAST || 2 * together < well {
            for at in members.iter().copied().filter(|at| lasts(*at)).collect::<Vec<_>>() {
                let event = self.event(Matter::severity(matter, self.severity), &self.channels[at].member.id, now);
                facts.push(self.channels[at].begin(matter, event, seen.sights[at], (seen.reason)(at, matter), now));
            }
            return;
        }
        let mut all: Vec<usize> = members.iter().chain(&fresh).copied().collect();
        all.sort_unstable();
        for at in fresh {
            facts.extend(self.channels[at].fold(matter, &key, now));
        }
        all.iter().for_each(|at| self.channels[*at].join(matter));
        let of: Vec<&Member> = all.iter().map(|at| &self.channels[*at].member).collect();
        let event = self.event(matter.severity(self.severity), &of[0].id, now);
        let size = self.groups.members(group).len();
        let states = all.iter().map(|at| seen.sights[*at].state);
        let case = GroupCase::begin(&key, matter, event, &of, size, states, now);
        facts.push(case.fact());
        self.open_groups.insert((key, matter), case);
    }

    fn tend_groups(&mut self, sights: &[Sight], now: Now, facts: &mut Vec<Fact>) {
        let open: Vec<_> = self.open_groups.keys().cloned().collect();
        for (key, matter) in open {
            let Some(group) = self.groups.index(&key) else { continue };
            let under = |c: &Channel| c.cases.iter().any(|k| k.matter == matter && matches!(k.told, Told::Group));
            let left: Vec<usize> =
                self.groups.members(group).iter().copied().filter(|at| under(&self.channels[*at])).collect();
            let size = self.groups.members(group).len();
            let Some(case) = self.open_groups.get_mut(&(key.clone(), matter)) else { continue };
            let states = || left.iter().map(|at| sights[*at].state);
            if !case.is_over(left.len(), now) {
                facts.extend(case.update(left.len(), size, states(), now));
                continue;
            }
            if let Some(case) = self.open_groups.remove(&(key, matter)) {
                facts.push(case.end(EventEnd::Cleared, Some((left.len(), size)), now));
            }
            // The few that are not back speak for themselves from now on.
            for at in left {
                for case in self.channels[at].cases.iter_mut().filter(|c| c.matter == matter) {
                    case.told = Told::Nothing;
                }
            }
        }
    }

    /// Ends everything: the node stops in order, or nobody wants to know any more.
    pub fn finish(&mut self, now: Now) -> Vec<Fact> {
        let mut facts: Vec<Fact> =
            self.channels.iter_mut().flat_map(|c| c.end_all(EventEnd::Reconfigured, now)).collect();
        let open = std::mem::take(&mut self.open_groups);
        facts.extend(open.into_values().map(|case| case.end(EventEnd::Reconfigured, None, now)));
        self.channels.clear();
        self.groups = Groups::default();
        facts
    }

    /// The start of an event; what it is about is filled in by whoever begins it.
    fn event(&self, severity: Severity, channel: &ChannelId, now: Now) -> Event {
        Event {
            id: EventId::at(now.wall.0),
            phase: Phase::Start,
            end: None,
            channel: channel.clone(),
            kind: RULE,
            rule: self.rule.clone(),
            severity,
            zone: None,
            objects: Vec::new(),
            dedupe_key: String::new(),
            at: now.mono,
            seen: now.wall,
            ingested: now.wall,
            camera_clock: false,
            model: None,
            rate_hz: 0.0,
            health: None,
            subjects: None,
            details: None,
        }
    }
}

/// What is wrong with a channel in this state.
fn matters(sight: Sight) -> impl Iterator<Item = Matter> {
    let down = is_down(sight.state).then_some(Matter::Down);
    down.into_iter().chain(sight.conditions.iter().map(Matter::Condition))
}

fn is_down(state: ChannelState) -> bool {
    !matches!(state, ChannelState::Running | ChannelState::Connecting | ChannelState::Disabled)
}

/// An event as it stands, at another time and in another phase.
fn stamped(event: &Event, phase: Phase, end: Option<EventEnd>, now: Now) -> Event {
    Event { phase, end, at: now.mono, seen: now.wall, ingested: now.wall, ..event.clone() }
}

impl Channel {
    /// Takes up what is wrong, and notes what looks well.
    fn see(&mut self, sight: Sight, now: Now) {
        for matter in matters(sight) {
            match self.cases.iter_mut().find(|c| c.matter == matter) {
                Some(case) => case.well = None,
                None => self.cases.push(Case { matter, since: now.mono, well: None, told: Told::Nothing }),
            }
        }
        for case in &mut self.cases {
            let well = match case.matter {
                // A try says nothing yet.
                Matter::Down => sight.state == ChannelState::Running,
                Matter::Condition(kind) => !sight.conditions.contains(kind),
            };
            if well {
                case.well.get_or_insert(now.mono);
            }
        }
    }

    /// Lets go what has been well for long enough.
    fn well_again(&mut self, sight: Sight, now: Now) -> Vec<Fact> {
        let over = |c: &Case| c.well.is_some_and(|at| now.mono.since_ms(at) >= c.matter.back_ms());
        let mut facts = Vec::new();
        for case in self.cases.extract_if(.., |c| over(c)) {
            let Told::Alone { event, .. } = case.told else { continue };
            // A condition of a channel without pictures is not over but unknown.
            let known = case.matter == Matter::Down || sight.state == ChannelState::Running;
            let end = if known { EventEnd::Cleared } else { EventEnd::Lost };
            let event = stamped(&event, Phase::End, Some(end), now);
            facts.push(Fact { event, area: self.member.area.clone() });
        }
        facts
    }

    /// Has the matter gone on for long enough to be told?
    fn lasts(&self, matter: Matter, hold_ms: u64, now: Now) -> bool {
        let Some(case) = self.cases.iter().find(|c| c.matter == matter) else { return false };
        let coming_up = matter == Matter::Down && !self.ran && now.mono.since_ms(self.added) < GRACE_MS;
        now.mono.since_ms(case.since) >= hold_ms && !coming_up
    }

    fn join(&mut self, matter: Matter) {
        for case in self.cases.iter_mut().filter(|c| c.matter == matter) {
            case.told = Told::Group;
        }
    }

    /// Begins an event of the channel's own.
    fn begin(&mut self, matter: Matter, mut event: Event, sight: Sight, reason: String, now: Now) -> Fact {
        event.dedupe_key = format!("{RULE}/{}/{}", self.member.id, matter.as_str());
        event.health = Some(Box::new(HealthFact {
            scope: HealthScope::Channel,
            name: None,
            what: matter.as_str().into(),
            state: (matter == Matter::Down).then_some(sight.state),
            reason,
        }));
        for case in self.cases.iter_mut().filter(|c| c.matter == matter) {
            case.told = Told::Alone { event: Box::new(event.clone()), begun: now.mono, at: now.mono };
        }
        Fact { event, area: self.member.area.clone() }
    }

    /// Tells that a channel which is down is so for another reason now.
    fn updates(&mut self, at: usize, sight: Sight, now: Now, reason: &dyn Fn(usize, Matter) -> String) -> Option<Fact> {
        let case = self.cases.iter_mut().find(|c| c.matter == Matter::Down)?;
        let Told::Alone { event, at: told, .. } = &mut case.told else { return None };
        let health = event.health.as_mut()?;
        if !is_down(sight.state) || health.state == Some(sight.state) || now.mono.since_ms(*told) < UPDATE_MS {
            return None;
        }
        health.state = Some(sight.state);
        health.reason = reason(at, Matter::Down);
        *told = now.mono;
        let event = stamped(event, Phase::Update, None, now);
        Some(Fact { event, area: self.member.area.clone() })
    }

    /// Ends the channel's own event because its group has one now.
    fn fold(&mut self, matter: Matter, key: &GroupKey, now: Now) -> Option<Fact> {
        let case = self.cases.iter_mut().find(|c| c.matter == matter)?;
        let Told::Alone { event, .. } = std::mem::replace(&mut case.told, Told::Group) else { return None };
        let mut event = stamped(&event, Phase::End, Some(EventEnd::Lost), now);
        if let Some(health) = &mut event.health {
            health.reason = format!("goes on as part of what happens to {}", key.words());
        }
        Some(Fact { event, area: self.member.area.clone() })
    }

    fn end_all(&mut self, end: EventEnd, now: Now) -> Vec<Fact> {
        let alone = self.cases.drain(..).filter_map(|case| match case.told {
            Told::Alone { event, .. } => Some(event),
            _ => None,
        });
        let facts =
            alone.map(|e| Fact { event: stamped(&e, Phase::End, Some(end), now), area: self.member.area.clone() });
        facts.collect()
    }
}

#[cfg(test)]
mod tests;
