//! Channels that fall together: which belong together, and the one event of a group.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Fact, Matter, Member, RULE, UPDATE_MS, stamped};
use crate::types::{
    AreaId, ChannelId, ChannelState, Event, EventEnd, HealthFact, Mono, Now, Phase, Subjects, fact::HealthScope,
};

/// Fewer channels are no group, and fewer that fall together no common happening.
pub const LEAST: usize = 3;
/// Channels named in an event.
const NAMED: usize = 100;
/// When so few of the group's are left it ends, though not at once: they may be about to come.
const LEFT: (usize, usize) = (2, 50);
const LEFT_MS: u64 = 30_000;

/// What channels have in common. Those of a recorder go by their host; a camera with a host of its own by its area.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    Host(String),
    Area(AreaId),
    /// On no area.
    Node,
}

impl GroupKey {
    fn scope(&self) -> HealthScope {
        match self {
            GroupKey::Host(_) => HealthScope::Host,
            GroupKey::Area(_) => HealthScope::Area,
            GroupKey::Node => HealthScope::Node,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            GroupKey::Host(host) => Some(host),
            GroupKey::Area(area) => Some(area.as_str()),
            GroupKey::Node => None,
        }
    }

    fn dedupe_key(&self, matter: Matter) -> String {
        match self {
            GroupKey::Host(host) => format!("{RULE}/host/{host}/{}", matter.as_str()),
            GroupKey::Area(area) => format!("{RULE}/area/{area}/{}", matter.as_str()),
            GroupKey::Node => format!("{RULE}/node/{}", matter.as_str()),
        }
    }

    pub fn words(&self) -> String {
        match self {
            GroupKey::Host(host) => format!("the host {host}"),
            GroupKey::Area(area) => format!("the area {area}"),
            GroupKey::Node => "cameras on no area".into(),
        }
    }
}

/// Who belongs to whom; every channel to exactly one group.
#[derive(Debug, Default)]
pub struct Groups {
    of: Vec<usize>,
    keys: Vec<GroupKey>,
    members: Vec<Vec<usize>>,
    by_key: HashMap<GroupKey, usize>,
}

impl Groups {
    pub fn of(members: &[Member]) -> Self {
        let mut hosts: HashMap<&str, usize> = HashMap::new();
        for member in members {
            *hosts.entry(&member.host).or_insert(0) += 1;
        }
        let mut groups = Self::default();
        for (at, member) in members.iter().enumerate() {
            let key = match (hosts.get(member.host.as_str()), member.area.last()) {
                (Some(count), _) if *count >= LEAST => GroupKey::Host(member.host.clone()),
                (_, Some(area)) => GroupKey::Area(area.clone()),
                (_, None) => GroupKey::Node,
            };
            let group = match groups.by_key.get(&key) {
                Some(group) => *group,
                None => {
                    groups.by_key.insert(key.clone(), groups.keys.len());
                    groups.keys.push(key);
                    groups.members.push(Vec::new());
                    groups.keys.len() - 1
                }
            };
            groups.of.push(group);
            groups.members[group].push(at);
        }
        groups
    }

    /// The group of a member.
    pub fn at(&self, member: usize) -> usize {
        self.of[member]
    }

    pub fn key(&self, group: usize) -> Option<&GroupKey> {
        self.keys.get(group)
    }

    pub fn index(&self, key: &GroupKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// Its members, ascending.
    pub fn members(&self, group: usize) -> &[usize] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }
}

/// An event of a group that is open.
#[derive(Debug)]
pub struct GroupCase {
    pub event: Event,
    area: Vec<AreaId>,
    /// All that were under it.
    under: BTreeSet<ChannelId>,
    /// When it was last told, and with how many under it and left.
    told: Mono,
    told_of: (usize, usize),
    /// Since when only few are left.
    few: Option<Mono>,
}

impl GroupCase {
    /// `of`: who falls, of `size` that there are.
    pub fn begin(
        key: &GroupKey,
        matter: Matter,
        mut event: Event,
        of: &[&Member],
        size: usize,
        states: impl Iterator<Item = ChannelState>,
        now: Now,
    ) -> Self {
        event.dedupe_key = key.dedupe_key(matter);
        event.health = Some(Box::new(HealthFact {
            scope: key.scope(),
            name: key.name().map(str::to_owned),
            what: matter.as_str().into(),
            state: None,
            reason: sentence(matter.as_str(), of.len(), size, states),
        }));
        let mut case = Self {
            event,
            area: common(of),
            under: of.iter().map(|m| m.id.clone()).collect(),
            told: now.mono,
            told_of: (of.len(), of.len()),
            few: None,
        };
        case.name_subjects();
        case
    }

    pub fn add(&mut self, channel: &ChannelId) {
        self.under.insert(channel.clone());
    }

    fn name_subjects(&mut self) {
        let count = u32::try_from(self.under.len()).unwrap_or(u32::MAX);
        let channels = self.under.iter().take(NAMED).cloned().collect();
        self.event.subjects = Some(Box::new(Subjects { count, channels }));
    }

    pub fn fact(&self) -> Fact {
        Fact { event: self.event.clone(), area: self.area.clone() }
    }

    /// Is it over with so many left?
    pub fn is_over(&mut self, left: usize, now: Now) -> bool {
        let (least, part) = LEFT;
        if left > least.max(self.under.len() / part) {
            self.few = None;
            return false;
        }
        left == 0 || now.mono.since_ms(*self.few.get_or_insert(now.mono)) >= LEFT_MS
    }

    /// Tells how far it reaches by now, if that has changed.
    pub fn update(
        &mut self,
        left: usize,
        size: usize,
        states: impl Iterator<Item = ChannelState>,
        now: Now,
    ) -> Option<Fact> {
        let now_of = (self.under.len(), left);
        if now_of == self.told_of || now.mono.since_ms(self.told) < UPDATE_MS {
            return None;
        }
        (self.told, self.told_of) = (now.mono, now_of);
        self.name_subjects();
        let health = self.event.health.as_mut()?;
        health.reason = sentence(&health.what, left, size, states);
        Some(Fact { event: stamped(&self.event, Phase::Update, None, now), area: self.area.clone() })
    }

    /// `left`: how many are not back, of how many.
    pub fn end(mut self, end: EventEnd, left: Option<(usize, usize)>, now: Now) -> Fact {
        self.name_subjects();
        let health = self.event.health.as_mut();
        if let (Some(health), Some((left, size))) = (health, left) {
            health.reason = match left {
                0 => "all channels are back".into(),
                _ => format!("{} of {size} channels are back", size - left),
            };
        }
        Fact { event: stamped(&self.event, Phase::End, Some(end), now), area: self.area }
    }
}

fn sentence(what: &str, left: usize, size: usize, states: impl Iterator<Item = ChannelState>) -> String {
    if what != Matter::Down.as_str() {
        return format!("{left} of {size} channels are {what}; what they have in common is where to look");
    }
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for state in states {
        *counts.entry(state.as_str()).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    format!("{left} of {size} channels are down ({}); look at their recorder, switch or power", counts.join(", "))
}

/// What the areas of all have in common, from the root.
fn common(of: &[&Member]) -> Vec<AreaId> {
    let Some((first, rest)) = of.split_first() else { return Vec::new() };
    let mut path = first.area.clone();
    for member in rest {
        let same = path.iter().zip(&member.area).take_while(|(a, b)| a == b).count();
        path.truncate(same);
    }
    path
}
