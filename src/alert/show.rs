//! An alert becomes a row, stands under another, or waits.
//!
//! A row of its own is the rule. Under another goes what a neighbour shows already, as long as that row rises by it, and
//! in a flood what is of the same kind and place as a row, or unsure; the row rises by what is sure, for as long as it can.
//! What is critical always stands apart.

use super::{
    AlertBook, Told,
    evidence::{self, Steadiness, Verdict, is_sure, score},
    hold::Watched,
    incident::{Asked, Shown, class},
    later,
    priority::History,
    takes_events,
    timer::Timer,
};
use crate::types::{
    AlertId, EventEnd, EventId, IncidentId, Now, Severity,
    alert::Alert,
    handling::{Because, How, Showing},
    payload::{AlertState, EventPayload},
    position::Lead,
};

/// What was lost for no longer than this is the same thing seen on and off; and for so long it must be there again.
pub(super) const GAP_MS: u64 = 10_000;
const GLANCE_MS: u64 = 2_000;

/// One step up, to high at most.
pub(super) fn step_up(priority: Severity) -> Option<Severity> {
    match priority {
        Severity::Low => Some(Severity::Medium),
        Severity::Medium => Some(Severity::High),
        Severity::High | Severity::Critical => None,
    }
}

impl AlertBook {
    /// Does as the evidence says with an alert whose event has just started.
    pub(super) fn settle(&mut self, id: AlertId, event: EventId, verdict: Verdict, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        match verdict {
            Verdict::Row => {
                // A moment cannot last: what comes of it is as good as sure.
                let moment = evidence::nature(&held.alert.kind) == evidence::Nature::Moment;
                let sure = moment || is_sure(score(&held.alert.objects), &self.setup.cfg);
                self.show(id, sure, now, told);
            }
            Verdict::Brief(because) => held.alert.handling.showing = unshown(How::Brief, because),
            Verdict::Hold(ms, because) => {
                self.storms.unsure(&held.alert.channel, &held.alert.area, now.mono);
                held.alert.handling.showing = unshown(How::Held, because);
                // What was lost for some seconds goes on from where it began.
                let started = self.at;
                let on_and_off = held.brief.filter(|(_, ended)| started.since_ms(*ended) <= GAP_MS);
                let began = on_and_off.map_or(started, |(began, _)| began);
                let steady = Steadiness::of(&held.alert.objects);
                held.watched = Some(Watched { event, began, started, ms, steady, because });
                // Its end comes as late as its start, but what has waited for a disk does not wait as long again.
                let late = now.mono.since_ms(started).min(GAP_MS);
                let at = began.plus_ms(ms + late).max(now.mono.plus_ms(ms.min(GLANCE_MS)));
                self.timers.set(at, id, Timer::Lasted);
            }
        }
    }

    /// An update of one of its events: what was unsure may be sure now, and what was low may be high.
    pub(super) fn goes_on(&mut self, id: AlertId, e: &EventPayload, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        if let Some(watched) = held.watched.as_mut().filter(|w| w.event == e.id) {
            watched.steady.update(&e.objects);
        }
        let showing = &held.alert.handling.showing;
        let folded = matches!(showing.because, Some(Because::Incident | Because::Flood));
        if showing.how == How::Row {
            return self.reprice(id, now);
        }
        // What a person has finished is no row afterwards.
        if !takes_events(held.alert.state) {
            return;
        }
        let news = self.is_sure_news(e, now);
        if folded && e.severity != Severity::Critical {
            self.weigh_again(id, news, now, told);
        } else if news {
            self.show(id, true, now, told);
        }
    }

    /// An update that would be a row by itself.
    fn is_sure_news(&self, e: &EventPayload, now: Now) -> bool {
        let best = score(&e.objects);
        let sure = best.is_some() && is_sure(best, self.cfg());
        let known = self.evidence(e, now);
        let news = known.familiar < 2 && evidence::judge(&known, self.cfg()) == Verdict::Row;
        e.severity == Severity::Critical || (sure && news)
    }

    /// It turns out only now what a person has finished while it was no row: that is another alert.
    pub(super) fn comes_true_too_late(&self, id: AlertId, e: &EventPayload, now: Now) -> bool {
        let Some(a) = self.held.get(&id).map(|h| &h.alert) else { return false };
        let unseen = a.handling.showing.how != How::Row && !a.handling.showing.sure;
        !takes_events(a.state) && unseen && self.is_sure_news(e, now)
    }

    /// What is folded comes out, or its row rises, when it is surer or more urgent than it was.
    pub(super) fn weigh_again(&mut self, id: AlertId, sure: bool, now: Now, told: &mut Told) {
        let worth = self.worth(id, now);
        let Some(a) = self.held.get(&id).map(|h| &h.alert) else { return };
        let was_sure = a.handling.showing.sure;
        let more_urgent = a.handling.priority_by.is_none() && worth.is_some_and(|w| w > a.priority());
        if (sure && !was_sure) || more_urgent {
            self.show(id, sure || was_sure, now, told);
        }
    }

    /// One of its events ended.
    pub(super) fn ends(&mut self, id: AlertId, e: &EventPayload, now: Now, told: &mut Told) {
        let Some(held) = self.held.get_mut(&id) else { return };
        if held.alert.handling.showing.how != How::Held || held.alert.open_events > 0 {
            return;
        }
        if !takes_events(held.alert.state) {
            held.alert.handling.showing.how = How::Brief;
            return;
        }
        // The node stopped, or lost what it knew, before it could be known whether it lasts: better once too often.
        let known = held.watched.take_if(|_| e.end != Some(EventEnd::Interrupted)).filter(|w| w.began <= self.at);
        let Some(watched) = known else { return self.show(id, false, now, told) };
        let (lasted_ms, there_ms) = (self.at.since_ms(watched.began), self.at.since_ms(watched.started));
        if lasted_ms >= watched.ms
            && there_ms >= watched.ms.min(GLANCE_MS)
            && self.has_lasted(id, &watched, lasted_ms, now)
        {
            // It had lasted before its end was told; only nobody has looked meanwhile.
            return self.proves(id, &watched.steady, now, told);
        }
        let Some(held) = self.held.get_mut(&id) else { return };
        held.alert.handling.showing.how = How::Brief;
        held.brief = Some((watched.began, self.at));
        self.briefs.put(&held.alert.dedupe_key, id);
        self.timers.clear(id, Timer::Lasted);
        self.sources.at(&e.dedupe_key, now.mono).was_brief(there_ms, now.mono);
    }

    /// Puts it before its position. The caller tells of the alert itself; `told` takes the others.
    pub(super) fn show(&mut self, id: AlertId, sure: bool, now: Now, told: &mut Told) {
        self.timers.clear(id, Timer::Lasted);
        self.price(id, now);
        let Some(held) = self.held.get_mut(&id) else { return };
        held.watched = None;
        let (desk, priority) = (held.desk, held.alert.priority());
        let a = held.alert.clone();
        let asked = Asked {
            channel: &a.channel,
            area: &a.area,
            recorder: a.handling.recorder.as_deref(),
            kind: &a.kind,
            class: class(&a.objects),
        };
        let incident_ms = u64::from(self.cfg().incident_s) * 1000;
        let incident = self.incidents.of(&asked, incident_ms, now.mono);
        if priority != Severity::Critical
            && let Some((lead, because)) = self.folds(&asked, desk, priority, sure, now, told)
        {
            if let Some(held) = self.held.get_mut(&id) {
                held.alert.incident = incident;
                held.left = false;
                held.alert.handling.showing = Showing { row: Some(lead), sure, ..unshown(How::Under, because) };
            }
            return self.close_when_over(id);
        }
        let incident = incident.unwrap_or_else(|| IncidentId::at(now.wall.0));
        let due = later(now.wall, self.priorities.due_ms(priority));
        if let Some(held) = self.held.get_mut(&id) {
            held.alert.incident = Some(incident);
            held.alert.handling.due = Some(due);
            held.alert.handling.showing = Showing { how: How::Row, since: Some(now.wall), ..Showing::default() };
        }
        self.incidents.show(Shown::of(&a, incident, now.mono.into()), now.mono);
        self.desks.shown(desk, Some(&a.kind), now);
        self.flood_timer(now.mono);
        self.set_timers(id, now);
    }

    /// The row that takes it, risen where it rises.
    fn folds(
        &mut self,
        asked: &Asked<'_>,
        desk: usize,
        priority: Severity,
        sure: bool,
        now: Now,
        told: &mut Told,
    ) -> Option<(AlertId, Because)> {
        let neighbour_ms = u64::from(self.cfg().neighbour_s) * 1000;
        if let Some(lead) = self.incidents.neighbour(asked, neighbour_ms, now.mono).filter(|l| self.leads(*l, desk)) {
            let of_lead = self.held.get(&lead)?.alert.priority();
            // Seen twice is worth more; where the row cannot rise any more the alert is a row of its own.
            let to = if priority > of_lead { Some(priority) } else { step_up(of_lead) };
            if let Some(to) = to {
                self.raise(lead, to, now, told);
                return Some((lead, Because::Incident));
            }
        }
        // A flood takes many under one row; what is high and sure is not one of many.
        if !self.desks.is_flooded(desk) || (priority == Severity::High && sure) {
            return None;
        }
        let (lead, same_kind) =
            self.incidents.collapses(asked, now.mono).filter(|(lead, _)| self.leads(*lead, desk))?;
        let of_lead = self.held.get(&lead)?.alert.priority();
        // What is sure is never folded unseen: the row rises by it, or it is a row of its own, as another kind is.
        let to = if priority > of_lead { Some(priority) } else { step_up(of_lead).filter(|_| sure && same_kind) };
        match to {
            Some(to) => self.raise(lead, to, now, told),
            None if !sure => self.counts_under(lead, now),
            None => return None,
        }
        if let Some(held) = self.held.get(&lead) {
            self.desks.collapsed(desk, of_row(&held.alert), asked.kind);
        }
        Some((lead, Because::Flood))
    }

    /// Whether others may be counted under this row.
    pub(super) fn leads(&self, id: AlertId, desk: usize) -> bool {
        self.held.get(&id).is_some_and(|h| {
            let a = &h.alert;
            h.desk == desk
                && matches!(a.state, AlertState::New | AlertState::Acknowledged | AlertState::Dispatched)
                && a.handling.showing.how == How::Row
                && a.handling.shelved.is_none()
        })
    }

    pub(super) fn counts_under(&mut self, lead: AlertId, now: Now) {
        if let Some(held) = self.held.get_mut(&lead) {
            held.alert.handling.under += 1;
            self.tell_later(lead, now.mono);
        }
    }

    /// A row rises because of another alert.
    fn raise(&mut self, lead: AlertId, to: Severity, now: Now, told: &mut Told) {
        if let Some(held) = self.held.get_mut(&lead) {
            held.alert.handling.under += 1;
        }
        self.rise(lead, to, now);
        self.tell(lead, "raised", None, now, told);
    }

    /// A row rises in priority.
    pub(super) fn rise(&mut self, id: AlertId, to: Severity, now: Now) {
        let due_ms = self.priorities.due_ms(to);
        // What is left of its time is known by its timer: the wall clock may have jumped since that was set.
        let left_ms = self.timers.at(id, Timer::Due).map(|at| at.since_ms(now.mono));
        let Some(held) = self.held.get_mut(&id) else { return };
        let (due, next) = (later(now.wall, due_ms), later(now.wall, left_ms.map_or(due_ms, |left| left.min(due_ms))));
        // Also where that is by chance what its timer was set for before the clock jumped.
        held.armed[1] = None;
        let h = &mut held.alert.handling;
        h.due = match (&mut h.escalated, left_ms) {
            (None, Some(_)) => Some(next),
            (first, _) => {
                if let Some(first) = first.as_mut().filter(|e| e.level < 2) {
                    first.next = Some(next);
                }
                Some(h.due.map_or(due, |d| d.min(due)))
            }
        };
        h.priority = Some(to);
        h.showing.raised = Some(now.wall);
        let desk = held.desk;
        self.desks.shown(desk, None, now);
        self.flood_timer(now.mono);
        self.set_timers(id, now);
    }

    /// What its priority would be now.
    fn worth(&self, id: AlertId, now: Now) -> Option<Severity> {
        let held = self.held.get(&id)?;
        let a = &held.alert;
        let source = self.sources.get(&a.dedupe_key);
        let sure = held.lasted || is_sure(score(&a.objects), self.cfg());
        let history = History {
            mostly_false: source.is_some_and(super::source::Source::mostly_false),
            chatter: !sure && source.is_some_and(|s| s.chattering),
            weak: !sure && evidence::nature(&a.kind) == evidence::Nature::Seen,
        };
        Some(self.priorities.of(a.severity, &a.kind, &a.area, now.wall, history))
    }

    /// Sets the priority, unless a person did.
    pub(super) fn price(&mut self, id: AlertId, now: Now) {
        let Some(worth) = self.worth(id, now) else { return };
        if let Some(held) = self.held.get_mut(&id).filter(|h| h.alert.handling.priority_by.is_none()) {
            held.alert.handling.priority = Some(worth);
        }
    }

    /// A row whose events became more severe rises; none falls by itself.
    pub(super) fn reprice(&mut self, id: AlertId, now: Now) {
        let Some(worth) = self.worth(id, now) else { return };
        let rises = self.held.get(&id).is_some_and(|h| {
            h.alert.handling.priority_by.is_none() && worth > h.alert.priority() && takes_events(h.alert.state)
        });
        if rises {
            self.rise(id, worth, now);
        }
    }
}

/// A row as a digest names it.
fn of_row(alert: &Alert) -> Lead {
    Lead {
        alert: alert.id,
        kind: alert.kind.clone(),
        channel: alert.channel.clone(),
        channel_name: alert.channel_name.clone(),
        area: alert.area.clone(),
        under: 0,
    }
}

pub(super) fn unshown(how: How, because: Because) -> Showing {
    Showing { how, because: Some(because), row: None, sure: false, since: None, raised: None }
}
