//! What the book holds: an alert with what is known of it beside, how the store's are taken up, and when they go again.

use std::collections::hash_map::Entry as Slot;

use super::{
    AlertBook, MINUTE_MS, Open,
    evidence::{LONGEST_HOLD_MS, Steadiness},
    explain::AFTER_MS,
    incident::Shown,
    takes_events,
    timer::Timer,
};
use crate::types::{
    AlertId, EventId, Mono, Now, Past, Wall,
    alert::Alert,
    handling::{Because, How},
    payload::AlertState,
};

/// Alerts that got another position are told of so many at once, so that a start is no storm of messages.
const MOVED_AT_ONCE: usize = 50;
const MOVED_EVERY_MS: u64 = 100;

/// An event whose alert waits to see whether it lasts.
#[derive(Debug)]
pub(super) struct Watched {
    pub event: EventId,
    /// From when on it counts: what is seen on and off goes on from the first sight.
    pub began: Mono,
    /// When this event of it started.
    pub started: Mono,
    /// How long it must last.
    pub ms: u64,
    pub steady: Steadiness,
    pub because: Because,
}

#[derive(Debug)]
pub(super) struct Held {
    pub alert: Alert,
    /// A new event of the dedupe key joins until then, though none is open.
    pub join_until: Mono,
    /// Until then a new event of the dedupe key goes on in it wherever it is: the process that saw the last one has ended.
    pub carried_until: Mono,
    /// When it is looked at whether it can leave; the latest entry of the queue counts.
    pub leave: Mono,
    pub desk: usize,
    /// While it is held.
    pub watched: Option<Watched>,
    /// When what was brief began and ended last.
    pub brief: Option<(Mono, Mono)>,
    /// A person has finished the row that it is folded under.
    pub left: bool,
    /// It has lasted: that the detector is not sure of it counts no more.
    pub lasted: bool,
    /// When its shelf ends and it is due, by the wall clock, as its timers are set for.
    pub armed: [Option<Wall>; 2],
    /// Changed since it was last told, in a number only.
    pub untold: bool,
}

impl Held {
    pub fn new(alert: Alert, desk: usize) -> Self {
        let never = Mono::default();
        Held {
            alert,
            join_until: never,
            carried_until: never,
            leave: never,
            desk,
            watched: None,
            brief: None,
            left: false,
            lasted: false,
            armed: [None; 2],
            untold: false,
        }
    }
}

/// Whether it is known that one of its events is of the alert's own source: where none joined by its channel's rate all are,
/// else only the one that opened it.
fn is_own(alert: &Alert, event: EventId) -> bool {
    alert.limited == 0 || event == alert.first_event
}

impl AlertBook {
    /// Takes up an alert that the store holds. `open`: its events that have not ended.
    ///
    /// One whose position is not known (it is from before there were positions, or its position has another name now), or
    /// whose area is its position's no more, is its area's, and is told of again.
    pub fn admit(&mut self, mut alert: Alert, open: &[EventId], now: Now) {
        alert.open_events = u32::try_from(open.len()).unwrap_or(u32::MAX);
        // How long ago the last event ended is known by the wall clock only; a clock that was set back counts as now.
        let gone = alert.last_end.map(|end| Past::by_wall(end, now).ms(now.mono));
        let left = |of: u64| gone.and_then(|gone| of.checked_sub(gone)).map(|left| now.mono.plus_ms(left));
        let join_until = left(self.takes_for_ms(&alert));
        // Also of what is put aside: where it was is known, and what a shelf was for hours ago says nothing of what is seen now.
        let aside = alert.handling.shelved.is_some();
        let carried_until = left(self.join_ms());
        for event in open {
            // What only joined a row has left its details alone.
            let latest = alert.details.as_ref().filter(|_| *event == alert.last_event && is_own(&alert, *event));
            let happenings = latest.and_then(|d| d.happenings);
            self.open.insert(*event, Open { alert: alert.id, happenings, since: now.mono });
        }
        if !open.is_empty() || join_until.is_some() {
            // In whatever order they come, one that takes events before one that is finished and one that goes on before one
            // that does not: an id tells which is newer only as long as no clock is set back.
            let order = |a: &Alert| (takes_events(a.state), a.active(), a.id);
            let there = self.by_key.get(&alert.dedupe_key).and_then(|id| self.held.get(id));
            if there.is_none_or(|h| order(&h.alert) < order(&alert)) {
                self.by_key.insert(alert.dedupe_key.clone(), alert.id);
            }
        }
        let id = alert.id;
        let named = alert.handling.position.as_ref().and_then(|p| self.desks.index(p));
        let open_yet = alert.state != AlertState::Closed;
        let there = named.filter(|desk| !open_yet || self.desks.covers(*desk, &alert.area));
        let desk = there.unwrap_or_else(|| self.desks.of(&alert.area));
        let moves = open_yet && named != Some(desk);
        if moves {
            alert.handling.position = Some(self.desks.get(desk).id.clone());
        }
        if aside {
            self.shelves.put(&alert.dedupe_key, id);
        }
        let unjudged = alert.handling.showing.how == How::Held;
        let waits = unjudged && takes_events(alert.state);
        let ms = (u64::from(self.cfg().hold_s) * 1000).min(LONGEST_HOLD_MS);
        let watched = unjudged.then(|| Watched {
            event: open.last().copied().unwrap_or(alert.last_event),
            began: now.mono,
            started: now.mono,
            ms,
            steady: Steadiness::of(&alert.objects),
            because: alert.handling.showing.because.unwrap_or(Because::Weak),
        });
        self.shown_before(&alert, now);
        open.iter()
            .filter(|event| is_own(&alert, **event))
            .for_each(|event| self.outages.restore(&alert, *event, desk));
        let under = takes_events(alert.state) && alert.handling.showing.how == How::Under && !open.is_empty();
        let again = under.then(|| match alert.handling.showing.because {
            Some(Because::Explained) => now.mono.plus_ms(AFTER_MS + 1),
            // As soon as the row is there that it is under, if that is to come.
            _ => now.mono,
        });
        let mut held = Held::new(alert, desk);
        (held.join_until, held.watched) = (join_until.unwrap_or_default(), watched);
        self.held.insert(id, held);
        if let Some(until) = carried_until {
            self.carries(id, until, now.mono);
        }
        if waits {
            // How long it waited before is not known: once more. What is over without having been judged is judged now.
            let ms = if open.is_empty() { 0 } else { ms };
            self.timers.set(now.mono.plus_ms(ms), id, Timer::Lasted);
        }
        if let Some(at) = again {
            // Whether the row says something of it still is not known.
            self.timers.set(at, id, Timer::Again);
        }
        if moves {
            self.moved += 1;
            let turn = (self.moved / MOVED_AT_ONCE) as u64;
            self.tells_at(id, now.mono.plus_ms(turn * MOVED_EVERY_MS));
        }
        self.set_timers(id, now);
        self.leaves_later(id, now.mono);
    }

    /// A row goes on taking what belongs to it.
    fn shown_before(&mut self, alert: &Alert, now: Now) {
        let showing = &alert.handling.showing;
        if showing.how == How::Row
            && takes_events(alert.state)
            && let (Some(since), Some(incident)) = (showing.since, alert.incident)
        {
            self.incidents.restore(Shown::of(alert, incident, Past::by_wall(since, now)), now.mono);
        }
    }

    /// Does a new event of its dedupe key belong to this alert?
    pub(super) fn joins(&self, id: AlertId, now: Now) -> bool {
        self.held.get(&id).is_some_and(|h| {
            takes_events(h.alert.state)
                && (h.alert.active() || (h.alert.last_end.is_some() && now.mono <= h.join_until))
        })
    }

    /// How long an alert without an open event stays in the book: for joining, and for the channel's rate.
    fn stay_ms(&self) -> u64 {
        self.join_ms().max(MINUTE_MS) + 1
    }

    /// Looks later whether it can go.
    pub(super) fn leaves_later(&mut self, id: AlertId, now: Mono) {
        let at = now.plus_ms(self.stay_ms());
        if let Some(held) = self.held.get_mut(&id).filter(|h| h.leave != at) {
            held.leave = at;
            self.leave.push_back((at, id));
        }
    }

    /// Lets alerts go that no event and no timer can touch any more.
    pub fn sweep(&mut self, now: Now) {
        while let Some((at, id)) = self.leave.front().copied() {
            if at > now.mono {
                break;
            }
            self.leave.pop_front();
            let Some(held) = self.held.get(&id).filter(|h| h.leave == at) else { continue };
            // The end of its last event puts it into the queue again, and so does a timer that is done.
            if held.alert.active() || self.timers.has(id) {
                continue;
            }
            if held.alert.last_end.is_some() && now.mono <= held.join_until {
                // A source that chatters is waited for longer than the others.
                self.leaves_later(id, now.mono);
                continue;
            }
            self.leaves(id, now.mono);
        }
    }

    fn leaves(&mut self, id: AlertId, now: Mono) {
        let Some(Held { alert, .. }) = self.held.remove(&id) else { return };
        if self.by_key.get(&alert.dedupe_key) == Some(&id) {
            self.by_key.remove(&alert.dedupe_key);
        }
        self.shelves.take(&alert.dedupe_key, id);
        self.briefs.take(&alert.dedupe_key, id);
        self.carried.take(&alert.dedupe_key, id);
        if let Slot::Occupied(mut channel) = self.channels.entry(alert.channel) {
            let c = channel.get_mut();
            c.latest = c.latest.filter(|l| *l != id);
            c.latest_of_rule.retain(|_, l| *l != id);
            c.opened.retain(|t| now.since_ms(*t) < MINUTE_MS);
            if c.opened.is_empty() && c.latest.is_none() && c.latest_of_rule.is_empty() {
                channel.remove();
            }
        }
    }
}
