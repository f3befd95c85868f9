//! The event of one rule at one place: from its start over its updates to its one end.
//!
//! Two ways to drive it. What **lasts** (somebody is in a zone) starts when it has held for `start_looks` looks in a row
//! and ends when it has not held for `clear_ms`, in two looks or more, so that neither one missed detection nor a channel
//! which is simply not looked at ends anything. What is of a **moment** (a line is crossed) starts and ends with the same
//! look. In both cases `cooldown_s` keeps the event open for longer: what happens again meanwhile is counted in it
//! (`happenings`), so that a cooldown never hides anything.
//!
//! Ids are made from the time and from what the event is about, so that the same looks give the same bytes.

use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::{
    config::Rule,
    types::{ChannelId, Details, Event, EventEnd, EventId, Look, Mono, Now, Phase, RuleRef, ZoneId, fact::Object},
};

/// Empty looks in a row that an end needs, however long `clear_ms` has passed: at one look in ten seconds a single
/// missed detection must not end an event.
const EMPTY_LOOKS: u32 = 2;

/// Whose events these are.
#[derive(Debug, Clone)]
pub struct Who {
    pub channel: ChannelId,
    pub rule: RuleRef,
    pub zone: Option<ZoneId>,
    pub dedupe_key: String,
    /// Makes ids of different runs differ.
    pub salt: u64,
}

#[derive(Debug)]
struct Open {
    /// The latest event of the happening; its end repeats channel, rule and model.
    last: Event,
    /// When it last held.
    held: Mono,
    /// Looks since then in which it did not.
    empty: u32,
    /// It has been over for `clear_ms`, and what comes now is a new happening.
    over: bool,
    updated: Mono,
    happenings: u32,
}

/// What a look found of what the event is about.
#[derive(Debug, Default)]
pub struct Finding {
    pub holds: bool,
    pub objects: Vec<Object>,
    pub details: Details,
    /// Happenings that are new with this look while the event goes on: a further intruder.
    pub more: u32,
}

/// One happening of a moment.
#[derive(Debug)]
pub struct Pulse {
    pub objects: Vec<Object>,
    pub details: Details,
}

#[derive(Debug, Default)]
pub struct Episode {
    /// Looks in a row in which it held.
    streak: u32,
    open: Option<Open>,
    /// Events so far.
    count: u64,
}

impl Episode {
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// True if the latest look found what the open event is about, or what starts one if more looks find it too.
    pub fn found(&self) -> bool {
        self.open.as_ref().map_or(self.streak > 0, |open| open.empty == 0)
    }

    /// Drives what lasts.
    pub fn lasting(
        &mut self,
        who: &Who,
        rule: &Rule,
        start_looks: u32,
        finding: Finding,
        look: &Look,
        now: Now,
    ) -> Option<Event> {
        let (cooldown_ms, clear_ms) = (u64::from(rule.cooldown_s) * 1000, u64::from(rule.clear_ms));
        match (&mut self.open, finding.holds) {
            (None, false) => {
                self.streak = 0;
                None
            }
            (None, true) => {
                self.streak = self.streak.saturating_add(1);
                (self.streak >= start_looks).then(|| self.start(who, rule, finding, look, now))
            }
            (Some(open), true) => {
                open.empty = 0;
                let more = finding.more.saturating_add(u32::from(std::mem::take(&mut open.over)));
                open.goes_on(Finding { more, ..finding }, look);
                open.update(rule, look, more > 0)
            }
            (Some(open), false) => {
                open.empty = open.empty.saturating_add(1);
                let since_ms = look.at.since_ms(open.held);
                open.over |= since_ms >= clear_ms && open.empty >= EMPTY_LOOKS;
                if !open.over || since_ms < clear_ms.saturating_add(cooldown_ms) {
                    return None;
                }
                stamp(&mut open.last, look);
                self.end(EventEnd::Cleared, Now { mono: look.at, wall: look.ingested })
            }
        }
    }

    /// Drives what is of a moment: every pulse is counted in exactly one event.
    pub fn momentary(
        &mut self,
        who: &Who,
        rule: &Rule,
        pulses: Vec<Pulse>,
        look: &Look,
        now: Now,
        events: &mut Vec<Event>,
    ) {
        let cooldown_ms = u64::from(rule.cooldown_s) * 1000;
        let over = |open: &Open| look.at.since_ms(open.held) >= cooldown_ms;
        if self.open.as_ref().is_some_and(over) {
            self.close(look, events);
        }
        for Pulse { objects, details } in pulses {
            match &mut self.open {
                Some(open) => {
                    open.goes_on(Finding { holds: true, objects, details, more: 1 }, look);
                    events.extend(open.update(rule, look, true));
                }
                None => {
                    let finding = Finding { holds: true, objects, details, more: 0 };
                    events.push(self.start(who, rule, finding, look, now));
                }
            }
            if cooldown_ms == 0 {
                self.close(look, events);
            }
        }
    }

    /// Goes on with an open event whatever `clear_ms` says, or starts one: for what has its own end.
    pub fn hold(&mut self, who: &Who, rule: &Rule, finding: Finding, look: &Look, now: Now) -> Option<Event> {
        let Some(open) = &mut self.open else { return Some(self.start(who, rule, finding, look, now)) };
        open.goes_on(finding, look);
        open.update(rule, look, false)
    }

    /// Ends with the look's times, as cleared.
    pub fn close(&mut self, look: &Look, events: &mut Vec<Event>) {
        if let Some(open) = &mut self.open {
            stamp(&mut open.last, look);
        }
        events.extend(self.end(EventEnd::Cleared, Now { mono: look.at, wall: look.ingested }));
    }

    /// Ends the event if one is open. For `Cleared` the times are those of the look that found it over.
    pub fn end(&mut self, end: EventEnd, now: Now) -> Option<Event> {
        self.streak = 0;
        let open = self.open.take()?;
        let mut event = Event { phase: Phase::End, end: Some(end), objects: Vec::new(), ..open.last };
        if end != EventEnd::Cleared {
            (event.at, event.seen, event.ingested, event.camera_clock) = (now.mono, now.wall, now.wall, false);
        }
        Some(event)
    }

    fn start(&mut self, who: &Who, rule: &Rule, finding: Finding, look: &Look, now: Now) -> Event {
        self.count += 1;
        let happenings = finding.more.max(1);
        let event = Event {
            id: id(who, self.count, now),
            phase: Phase::Start,
            end: None,
            channel: who.channel.clone(),
            kind: rule.kind.as_str(),
            rule: who.rule.clone(),
            severity: rule.severity,
            zone: who.zone.clone(),
            objects: finding.objects,
            dedupe_key: who.dedupe_key.clone(),
            at: look.at,
            seen: look.seen,
            ingested: look.ingested,
            camera_clock: look.camera_clock,
            model: Some(look.model.clone()),
            rate_hz: look.rate_hz,
            health: None,
            subjects: None,
            details: None,
        };
        let mut open = Open { last: event, held: look.at, empty: 0, over: false, updated: look.at, happenings };
        open.tell(finding.details);
        let event = open.last.clone();
        self.open = Some(open);
        event
    }
}

impl Open {
    fn tell(&mut self, details: Details) {
        self.last.details = Some(Box::new(Details { happenings: Some(self.happenings), ..details }));
    }

    /// Takes what a look found of it.
    fn goes_on(&mut self, finding: Finding, look: &Look) {
        self.held = look.at;
        self.happenings = self.happenings.saturating_add(finding.more);
        self.last.objects = finding.objects;
        self.tell(finding.details);
        stamp(&mut self.last, look);
    }

    /// Every `update_s`, and at once where something further has happened: a cooldown saves alerts, it hides nothing.
    fn update(&mut self, rule: &Rule, look: &Look, news: bool) -> Option<Event> {
        let due_ms = u64::from(rule.update_s) * 1000;
        (news || due_ms > 0 && look.at.since_ms(self.updated) >= due_ms).then(|| {
            self.updated = look.at;
            Event { phase: Phase::Update, ..self.last.clone() }
        })
    }
}

fn stamp(event: &mut Event, look: &Look) {
    event.at = look.at;
    event.seen = look.seen;
    event.ingested = look.ingested;
    event.camera_clock = look.camera_clock;
    event.rate_hz = look.rate_hz;
}

/// A UUIDv7 whose random part is drawn from what the event is about.
fn id(who: &Who, count: u64, now: Now) -> EventId {
    let mut sum = Sha256::new();
    sum.update(who.salt.to_be_bytes());
    sum.update(count.to_be_bytes());
    sum.update(now.mono.0.to_be_bytes());
    sum.update(who.rule.revision.as_bytes());
    sum.update(who.dedupe_key.as_bytes());
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(sum.finalize()) {
        *to = from;
    }
    let ms = u64::try_from(now.wall.0).unwrap_or(0);
    EventId(Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
}
