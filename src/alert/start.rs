//! An event starts: which alert it belongs to, and what it is worth.

use super::{
    AlertBook, Held, MINUTE_MS, Open, Told,
    evidence::{self, Nature, Verdict, is_sure, score},
    line,
    show::GAP_MS,
    source::{NEAR, SMALLER, TALLER, USUAL, centre},
    takes_events,
    timer::Timer,
    touch,
};
use crate::types::{
    AlertId, Now, Past, Severity,
    alert::{Alert, AlertHistory},
    fact::Object,
    handling::{Because, Handling, How},
    payload::{AlertState, EventPayload},
};

/// Boxes further apart than this, in shares of the picture, are not the same visitor coming and going.
pub(super) const APART: f32 = 0.25;
/// An alert that comes within this time after a finished one of its source is said to recur.
const RECURS_MS: i64 = 24 * 3_600_000;
/// Seen from the same place so often, an event stays with what was shelved.
const SHELVED_TOO: u32 = 2;

/// What an event that joins an alert comes to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// What the evidence says.
    Judged(Verdict),
    /// A health alert explains it.
    Explained(AlertId),
    /// It is put aside with its alert.
    Aside,
}

impl AlertBook {
    /// The alert of a starting event, its line, and whether it joined only because of the channel's rate.
    pub(super) fn start(
        &mut self,
        e: &EventPayload,
        channel_name: &str,
        now: Now,
        told: &mut Told,
    ) -> (AlertId, Option<AlertHistory>, bool) {
        let (verdict, known) = self.judge(e, now);
        let desk = self.desks.of(&e.area);
        let explained = match e.severity {
            Severity::Critical => None,
            _ => self.outages.explains(e, desk, &self.setup.cfg, now.mono),
        };

        if let Some(id) = self.stays_shelved(e, known.shelved()) {
            return self.join(id, e, Comes::Aside, false, now, told);
        }
        let comes = explained.map_or(Comes::Judged(verdict), Comes::Explained);
        if let Some(id) = self.goes_on_from_before(e, now) {
            let shelved = self.held.get(&id).is_some_and(|h| h.alert.handling.shelved.is_some());
            return self.join(id, e, if shelved { Comes::Aside } else { comes }, false, now, told);
        }
        let same = self
            .on_and_off(e)
            .or_else(|| self.by_key.get(&e.dedupe_key).copied())
            .filter(|id| self.joins(*id, now) && !self.is_apart(*id, e, verdict, known.familiar));
        let limited = if same.is_none() { self.over_the_limit(e, now) } else { None };
        match (same, limited) {
            (Some(id), _) => self.join(id, e, comes, false, now, told),
            (None, Some(id)) => self.join(id, e, comes, true, now, told),
            (None, None) => {
                let id = self.open_alert(e, channel_name, now);
                match explained {
                    Some(by) => {
                        self.explained_by(id, by);
                        self.counts_under(by, now);
                    }
                    None => self.settle(id, e.id, verdict, now, told),
                }
                let history = self.held.get(&id).map(|h| line(&h.alert, now, None, "opened", None, None));
                (id, history, false)
            }
        }
    }

    /// What an alert was shelved for stays with it; news of the same source does not.
    pub(super) fn stays_shelved(&self, e: &EventPayload, known: u32) -> Option<AlertId> {
        let mut shelved = self.shelves.of(&e.dedupe_key).rev().peekable();
        shelved.peek()?;
        // News that is seen on and off makes its own place familiar.
        let goes_on = self.on_and_off(e).is_some();
        shelved.find(|id| {
            self.held.get(id).map(|h| &h.alert).is_some_and(|a| {
                // Who put it aside has seen where it was and how tall, if nobody else has.
                let there = is_there(&e.objects, &a.objects) && !self.is_surer(e, a);
                let news =
                    goes_on || e.severity > a.severity || (!e.objects.is_empty() && known < SHELVED_TOO && !there);
                takes_events(a.state) && !news
            })
        })
    }

    /// Beside what is on a shelf: the alert of news that is seen on and off, whatever else of its source came meanwhile.
    fn on_and_off(&self, e: &EventPayload) -> Option<AlertId> {
        self.shelves.of(&e.dedupe_key).next()?;
        let of = self.briefs.of(&e.dedupe_key).filter_map(|id| self.held.get(&id)).filter(|h| {
            h.brief.is_some_and(|(_, ended)| self.at.since_ms(ended) <= GAP_MS)
                && h.alert.handling.shelved.is_none()
                && is_near(&e.objects, &h.alert.objects, APART)
        });
        of.max_by_key(|h| (h.brief, h.alert.id)).map(|h| h.alert.id)
    }

    /// Sure where all was unsure.
    pub(super) fn is_surer(&self, e: &EventPayload, a: &Alert) -> bool {
        is_sure(score(&e.objects), self.cfg()) && !is_sure(score(&a.objects), self.cfg())
    }

    /// High, and sure of it.
    pub(super) fn is_sure_and_high(&self, e: &EventPayload) -> bool {
        e.severity >= Severity::High && is_sure(score(&e.objects), self.cfg())
    }

    /// What was shelved was brief; what began since then and lasts as what is unsure must last is another thing.
    pub(super) fn outlasts_its_shelf(&self, id: AlertId, e: &EventPayload, lasts_ms: u64, now: Now) -> bool {
        if evidence::nature(&e.kind) != Nature::Seen || lasts_ms < u64::from(self.cfg().hold_s) * 1000 {
            return false;
        }
        let Some(h) = self.held.get(&id).map(|h| &h.alert.handling) else { return false };
        let before = |at| Past::by_wall(at, now).ms(now.mono) >= lasts_ms;
        h.showing.how == How::Brief && h.shelved.as_ref().is_some_and(|s| before(s.at))
    }

    /// What is news elsewhere in the picture, or of something else, or sure where all was unsure, is another happening than
    /// the row that is there, or the one that is folded. Of moments every place counts by itself: nobody comes and goes over a line.
    fn is_apart(&self, id: AlertId, e: &EventPayload, verdict: Verdict, familiar: u32) -> bool {
        let Some(a) = self.held.get(&id).map(|h| &h.alert) else { return false };
        if a.handling.shelved.is_some() {
            return true;
        }
        let news = matches!(verdict, Verdict::Row | Verdict::Hold(_, Because::Weak));
        // What is not shown yet is shown by it; what stands under another row would hide it.
        let shown = matches!(a.handling.showing.how, How::Row | How::Under);
        if !shown || !news || e.objects.is_empty() || a.objects.is_empty() {
            return false;
        }
        // Nobody comes again who has not gone.
        let another = a.active()
            && is_sure(score(&e.objects), self.cfg())
            && !e.objects.iter().all(|o| is_near(std::slice::from_ref(o), &a.objects, NEAR));
        let moment = evidence::nature(&e.kind) == Nature::Moment && (familiar == 0 || self.is_sure_and_high(e));
        self.is_surer(e, a) || another || moment || !is_near(&e.objects, &a.objects, APART)
    }

    fn join(
        &mut self,
        id: AlertId,
        e: &EventPayload,
        comes: Comes,
        limited: bool,
        now: Now,
        told: &mut Told,
    ) -> (AlertId, Option<AlertHistory>, bool) {
        self.opens(e, id);
        let left = self.is_left(id);
        let chattering = self.sources.get(&e.dedupe_key).is_some_and(|s| s.chattering);
        let Some(held) = self.held.get_mut(&id) else { return (id, None, limited) };
        let alert = &mut held.alert;
        alert.rev += 1;
        alert.events += 1;
        alert.open_events += 1;
        alert.limited += u64::from(limited);
        alert.last_event = e.id;
        touch(alert, e);
        alert.handling.chattering |= chattering;
        let before = (alert.handling.showing.since, alert.handling.showing.raised);
        let folded = matches!(alert.handling.showing.because, Some(Because::Incident | Because::Flood));
        // Only what is critical leaves the row of its incident, as long as that is there. What no health alert explains is no
        // more under one.
        let out = !folded || left || e.severity == Severity::Critical;
        match (alert.handling.showing.how, comes) {
            (How::Row, _) => self.reprice(id, now),
            (How::Under, Comes::Judged(verdict)) if out && (verdict == Verdict::Row || !limited) => {
                self.settle(id, e.id, verdict, now, told);
            }
            (How::Under, Comes::Judged(verdict)) if folded => self.weigh_again(id, verdict == Verdict::Row, now, told),
            // The outage may be over already: then it is looked at once more.
            (How::Under, Comes::Explained(by)) if out && !limited => self.explained_by(id, by),
            (How::Held, Comes::Judged(Verdict::Hold(ms, _))) if !self.waits_longer(id, ms, now) => {
                // The first of them is still watched, or its end was not.
            }
            (How::Held, Comes::Judged(Verdict::Brief(_))) => {}
            (How::Brief | How::Held, Comes::Judged(verdict)) => self.settle(id, e.id, verdict, now, told),
            (How::Under | How::Brief | How::Held, _) => {}
        }
        self.timers.clear(id, Timer::Close);
        let Some(held) = self.held.get_mut(&id) else { return (id, None, limited) };
        let showing = &held.alert.handling.showing;
        if (showing.since, showing.raised) == before {
            held.alert.handling.held_back += 1;
        }
        let history = line(&held.alert, now, None, "event", Some(held.alert.state), None);
        (id, Some(history), limited)
    }

    /// Whether what is held there waits for longer than what comes now.
    fn waits_longer(&self, id: AlertId, ms: u64, now: Now) -> bool {
        self.timers.at(id, Timer::Lasted).is_some_and(|at| at > now.mono.plus_ms(ms))
    }

    fn opens(&mut self, e: &EventPayload, alert: AlertId) {
        let happenings = e.details.as_ref().and_then(|d| d.happenings);
        self.open.insert(e.id, Open { alert, happenings, since: self.at });
    }

    pub(super) fn open_alert(&mut self, e: &EventPayload, channel_name: &str, now: Now) -> AlertId {
        let id = AlertId::at(now.wall.0);
        let desk = self.desks.of(&e.area);
        let source = self.sources.get(&e.dedupe_key);
        let recurs = source.and_then(|s| s.over).filter(|(_, at)| now.wall.0 - at.0 <= RECURS_MS).map(|(id, _)| id);
        let handling = Handling {
            position: Some(self.desks.get(desk).id.clone()),
            chattering: source.is_some_and(|s| s.chattering),
            recurs,
            recorder: e.recorder.clone(),
            ..Handling::default()
        };
        let alert = Alert {
            id,
            rev: 1,
            channel: e.channel.clone(),
            channel_name: channel_name.to_owned(),
            area: e.area.clone(),
            kind: e.kind.clone(),
            state: AlertState::New,
            severity: e.severity,
            rule: e.rule.clone(),
            zone: e.zone.clone(),
            dedupe_key: e.dedupe_key.clone(),
            incident: e.incident,
            first_event: e.id,
            last_event: e.id,
            events: 1,
            opened: e.times.seen,
            updated: e.times.seen,
            owner: None,
            objects: e.objects.clone(),
            media: e.media.clone(),
            health: e.health.clone(),
            subjects: e.subjects.clone(),
            details: e.details.clone(),
            open_events: 1,
            last_end: None,
            limited: 0,
            handling,
        };
        self.opens(e, id);
        self.by_key.insert(e.dedupe_key.clone(), id);
        let channel = self.channels.entry(e.channel.clone()).or_default();
        channel.opened.push_back(now.mono);
        channel.latest = Some(id);
        channel.latest_of_rule.insert(e.rule.id.clone(), id);
        self.held.insert(id, Held::new(alert, desk));
        self.price(id, now);
        id
    }

    /// Whether its channel opened too many alerts in the last minute to open one for it; never for what is critical.
    pub(super) fn opened_too_many(&mut self, e: &EventPayload, now: Now) -> bool {
        let most = self.cfg().max_per_channel_per_min as usize;
        let Some(channel) = self.channels.get_mut(&e.channel) else { return false };
        while channel.opened.front().is_some_and(|t| now.mono.since_ms(*t) >= MINUTE_MS) {
            channel.opened.pop_front();
        }
        channel.opened.len() >= most && e.severity != Severity::Critical
    }

    /// The alert that takes the event because its channel opened too many.
    fn over_the_limit(&mut self, e: &EventPayload, now: Now) -> Option<AlertId> {
        if !self.opened_too_many(e, now) {
            return None;
        }
        let channel = self.channels.get(&e.channel)?;
        let (own, latest) = (channel.latest_of_rule.get(&e.rule.id).copied(), channel.latest);
        // What is high joins only what says the same of it before a person. All of them may be resolved by now: then a new
        // alert is the only way not to lose the event.
        let high = e.severity == Severity::High;
        let takes = |id: &AlertId| {
            self.held.get(id).is_some_and(|h| {
                // What a shelf is for is on it already; what comes here is not.
                takes_events(h.alert.state)
                    && h.alert.handling.shelved.is_none()
                    && (!high || (h.alert.handling.showing.how == How::Row && h.alert.severity >= Severity::High))
            })
        };
        own.into_iter().chain(latest.filter(|_| !high)).find(takes)
    }
}

/// Whether each of these is where one of those was, of its kind, about as tall and no surer.
fn is_there(some: &[Object], others: &[Object]) -> bool {
    let alone = std::slice::from_ref::<Object>;
    !some.is_empty()
        && some.iter().all(|o| {
            let same = |p: &&Object| {
                (p.bbox.h * SMALLER..=p.bbox.h * TALLER).contains(&o.bbox.h) && o.score <= p.score + USUAL
            };
            others.iter().filter(same).any(|p| is_near(alone(o), alone(p), NEAR))
        })
}

/// Whether one of these is no further than that from one of those, and of its kind.
pub(super) fn is_near(some: &[Object], others: &[Object], apart: f32) -> bool {
    let near = |o: &Object, p: &Object| {
        let ((x, y), (u, v)) = (centre(o), centre(p));
        o.label == p.label && (x - u).abs() <= apart && (y - v).abs() <= apart
    };
    some.iter().any(|o| others.iter().any(|p| near(o, p)))
}
