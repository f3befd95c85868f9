//! What is judged once more: a further happening within an open event, and what was counted under a row that is there no
//! more.

use super::{
    AlertBook, Told,
    evidence::{self, Evidence, Nature, Verdict, is_sure, score},
    explain::{AFTER_MS, Blind},
    line,
    show::unshown,
    source::Source,
    takes_events,
    timer::Timer,
    touch,
};
use crate::types::{
    AlertId, Mono, Now, Severity,
    alert::AlertHistory,
    handling::{Because, How, Showing},
    payload::EventPayload,
};

impl AlertBook {
    /// An open event tells of a further happening. It is to its alert what a start is: the cooldown of a rule keeps one
    /// event open for long, and what comes within it is not known to be the same.
    ///
    /// News makes the row rise; where the row is handled already, or cannot rise, the event goes on in an alert of its own, and
    /// so it does where the row is shelved, by the same measure as a start.
    pub(super) fn happens_again(
        &mut self,
        id: AlertId,
        e: &EventPayload,
        channel_name: &str,
        now: Now,
        told: &mut Told,
    ) -> (AlertId, Option<AlertHistory>, bool) {
        let (verdict, known) = self.judge(e, now);
        let aside = self.stays_shelved(e, known.shelved()).is_some();
        let Some(held) = self.held.get(&id) else { return (id, None, false) };
        let (how, state) = (held.alert.handling.showing.how, held.alert.state);
        // What the shelf of its source is for is no news, wherever the event is counted.
        let news = verdict == Verdict::Row && !aside;
        let rises = super::show::step_up(held.alert.priority()).filter(|_| held.alert.handling.priority_by.is_none());
        let shelved = held.alert.handling.shelved.is_some();
        let own = if shelved {
            // What is unsure and in view comes out when it has lasted.
            news || (!aside && is_sure(score(&e.objects), self.cfg()) && !matches!(verdict, Verdict::Brief(_)))
        } else {
            !takes_events(state) || (news && how == How::Row && rises.is_none())
        };
        // A row that cannot rise any more is before a person already; one that is shelved is not, nor is a finished one.
        let limited = own && !shelved && takes_events(state) && self.opened_too_many(e, now);
        if own && !limited {
            return self.goes_its_own_way(id, e, channel_name, verdict, now, told);
        }
        let Some(held) = self.held.get_mut(&id) else { return (id, None, false) };
        held.alert.rev += 1;
        held.alert.limited += u64::from(limited);
        touch(&mut held.alert, e);
        let before = (held.alert.handling.showing.since, held.alert.handling.showing.raised);
        match (how, rises) {
            _ if shelved => {}
            (How::Row, Some(to)) if news => self.rise(id, to, now),
            (How::Row, _) => self.reprice(id, now),
            (How::Brief, _) => self.settle(id, e.id, verdict, now, told),
            (How::Held | How::Under, _) => self.goes_on(id, e, now, told),
        }
        let Some(held) = self.held.get_mut(&id) else { return (id, None, false) };
        let showing = &held.alert.handling.showing;
        let shown = (showing.since, showing.raised) != before;
        held.alert.handling.held_back += u64::from(!shown);
        let action = if shown && how == How::Row { "raised" } else { "event" };
        let history = line(&held.alert, now, None, action, Some(held.alert.state), None);
        (id, Some(history), limited)
    }

    /// The event leaves its alert for a new one.
    pub(super) fn goes_its_own_way(
        &mut self,
        old: AlertId,
        e: &EventPayload,
        channel_name: &str,
        verdict: Verdict,
        now: Now,
        told: &mut Told,
    ) -> (AlertId, Option<AlertHistory>, bool) {
        self.lets_go(old, now);
        if let Some(held) = self.held.get_mut(&old) {
            // It is counted by the alert that it is in.
            held.alert.events -= u64::from(held.alert.first_event != e.id && held.alert.events > 1);
        }
        self.tell(old, "event", Some("it happens again, in an alert of its own".into()), now, told);
        let happenings = e.details.as_ref().and_then(|d| d.happenings);
        let id = self.open_alert(e, channel_name, now);
        if let Some(open) = self.open.get_mut(&e.id) {
            open.happenings = happenings;
        }
        if let Some(held) = self.held.get_mut(&id) {
            held.alert.handling.recurs.get_or_insert(old);
        }
        self.settle(id, e.id, verdict, now, told);
        (id, self.held.get(&id).map(|h| line(&h.alert, now, None, "opened", None, None)), false)
    }

    /// Counts it with its source, and says what it is worth and by what.
    pub(super) fn judge(&mut self, e: &EventPayload, now: Now) -> (Verdict, Evidence) {
        let chatter = self.setup.cfg.chatter_per_10_min;
        // What it is worth by what was known before it.
        let before = self.evidence(e, now);
        let source = self.sources.at(&e.dedupe_key, now.mono);
        let named = source.start(&e.objects, chatter, now);
        let evidence = Evidence { chattering: source.chattering, ..before };
        if named {
            self.learns(&e.dedupe_key, now);
        }
        (evidence::judge(&evidence, &self.setup.cfg), evidence)
    }

    /// What is known of an event and its source.
    pub(super) fn evidence(&self, e: &EventPayload, now: Now) -> Evidence {
        let (nature, new) = (evidence::nature(&e.kind), Source::default());
        let source = self.sources.get(&e.dedupe_key).unwrap_or(&new);
        let sure = self.setup.cfg.sure_score;
        Evidence {
            severity: e.severity,
            nature,
            score: score(&e.objects),
            familiar: source.familiar(&e.objects, sure, nature == Nature::Moment, now),
            alike: source.alike(&e.objects, sure, now.mono),
            chattering: source.chattering,
            brief_lately: source.brief_lately(now.mono),
            surer: source.is_surer(&e.objects, now.mono),
            longest_ms: source.longest_ms(),
            useless: source.is_useless(),
            ordinary: source.is_ordinary(),
            thereabouts: source.thereabouts(&e.objects, sure, now),
            storm: self.storms.at(&e.area, now.mono),
        }
    }

    /// It is counted under a health alert: as long as the outage goes on, and for a while where that is over already.
    pub(super) fn explained_by(&mut self, id: AlertId, by: AlertId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.left = false;
            held.alert.handling.showing = Showing { row: Some(by), ..unshown(How::Under, Because::Explained) };
        }
        if let Some(end) = self.outages.ended(by) {
            self.timers.set(end.plus_ms(AFTER_MS + 1), id, Timer::Again);
        }
    }

    /// What a health alert explained is looked at once more when pictures have had time to settle.
    pub(super) fn explains_no_more(&mut self, outage: AlertId, now: Mono) {
        let at = now.plus_ms(AFTER_MS + 1);
        self.look_again(outage, at, |because| because == Because::Explained);
    }

    /// What is under a row that a person has finished is looked at once more, now or when it comes again.
    pub(super) fn leads_no_more(&mut self, lead: AlertId, now: Mono) {
        self.look_again(lead, now, |because| because != Because::Explained);
        for held in self.held.values_mut().filter(|h| h.alert.handling.showing.row == Some(lead)) {
            held.left = held.alert.handling.showing.because != Some(Because::Explained);
        }
    }

    /// A row that a person had finished is there again.
    pub(super) fn leads_again(&mut self, lead: AlertId) {
        for held in self.held.values_mut().filter(|h| h.alert.handling.showing.row == Some(lead)) {
            held.left = false;
        }
    }

    /// Whether the row that it is folded under says nothing of it any more.
    pub(super) fn is_left(&self, id: AlertId) -> bool {
        let Some(held) = self.held.get(&id) else { return false };
        let row = held.alert.handling.showing.row.filter(|row| self.held.contains_key(row));
        held.left || row.is_some_and(|row| !self.leads(row, held.desk))
    }

    fn look_again(&mut self, row: AlertId, at: Mono, which: impl Fn(Because) -> bool) {
        let goes_on = self.held.iter().filter(|(_, h)| {
            let showing = &h.alert.handling.showing;
            showing.row == Some(row) && h.alert.active() && showing.because.is_some_and(&which)
        });
        let mut ids: Vec<AlertId> = goes_on.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in ids {
            self.timers.set(at, id, Timer::Again);
        }
    }

    /// It still goes on, and the row that it was counted under says nothing of it any more.
    pub(super) fn judged_again(&mut self, id: AlertId, now: Now, told: &mut Told) {
        let Some(held) = self.held.get(&id) else { return };
        let a = &held.alert;
        if a.handling.showing.how != How::Under || !a.active() || !takes_events(a.state) {
            return;
        }
        let (showing, desk) = (&a.handling.showing, held.desk);
        let sure = showing.sure || a.severity == Severity::Critical || is_sure(score(&a.objects), self.cfg());
        let verdict = if showing.because == Some(Because::Explained) {
            let of = Blind { channel: &a.channel, area: &a.area, recorder: a.handling.recorder.as_deref() };
            let still = self.outages.over(of, desk, now.mono);
            if let Some(by) = still.filter(|by| *by != id) {
                return self.explained_by(id, by);
            }
            let known = Evidence::new(a.severity, evidence::nature(&a.kind), score(&a.objects));
            let brief_lately = self.sources.get(&a.dedupe_key).is_some_and(|s| s.brief_lately(now.mono));
            let evidence = Evidence { brief_lately, ..known };
            evidence::judge(&evidence, self.cfg())
        } else if sure && !showing.row.is_some_and(|row| self.leads(row, desk)) {
            Verdict::Row
        } else {
            return;
        };
        let latest = a.last_event;
        self.settle(id, latest, verdict, now, told);
        let shown = self.held.get(&id).is_some_and(|h| h.alert.handling.showing.how == How::Row);
        self.tell(id, if shown { "shown" } else { "event" }, None, now, told);
    }
}
