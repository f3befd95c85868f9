//! What people, and the gateway by itself, do with an alert. A refusal changes nothing and says why.

use super::{
    AlertBook,
    evidence::{is_sure, score},
    later, line, possible, state,
    timer::Timer,
};
use crate::types::{
    AlertId, Now, Severity, UserId,
    alert::{ActRefused, Alert, AlertChange, By, MAX_NOTE, Wish},
    handling::{How, ResultCode, Shelf},
    payload::{AlertAction, AlertState},
};

/// The longest time on the shelf.
const MAX_SHELF_MIN: u32 = 7 * 24 * 60;
/// Characters of whom it is dispatched to.
const MAX_TO: usize = 200;

impl AlertBook {
    /// A person's action, or the gateway's own. `Ok(None)`: it is so already, by the same author.
    pub fn act(
        &mut self,
        id: AlertId,
        wish: &Wish,
        by: By<'_>,
        rev: Option<u64>,
        now: Now,
    ) -> Result<Option<AlertChange>, ActRefused> {
        let alert = &self.held.get(&id).ok_or(ActRefused::Absent)?.alert;
        let fits = fits(alert, wish);
        fits?;
        if is_so_already(alert, wish.action, by)? {
            return Ok(None);
        }
        is_for_him(alert, wish.action, by)?;
        if rev.is_none() {
            is_nobody_elses(alert, wish.action, by)?;
        }
        if let Some(seen) = rev
            && seen != alert.rev
        {
            return Err(ActRefused::Rev { seen, now: alert.rev });
        }
        let (from, was) = (alert.state, alert.priority());
        let to = self.allowed(alert, wish.action, by)?;
        let Some(held) = self.held.get_mut(&id) else { return Err(ActRefused::Absent) };
        let alert = &mut held.alert;
        alert.rev += 1;
        alert.state = to;
        match wish.action {
            AlertAction::Acknowledge | AlertAction::Reopen => alert.owner = by.user().or(alert.owner.take()),
            AlertAction::Release => alert.owner = None,
            AlertAction::Dispatch => alert.handling.dispatched_to.clone_from(&wish.to),
            AlertAction::Resolve => alert.handling.result = wish.result.or(alert.handling.result),
            AlertAction::Return
            | AlertAction::Close
            | AlertAction::Shelve
            | AlertAction::Unshelve
            | AlertAction::Note
            | AlertAction::Feedback
            | AlertAction::Priority => {}
        }
        self.follow(id, wish, by, now);
        let Some(held) = self.held.get(&id) else { return Err(ActRefused::Absent) };
        let history = Some(line(&held.alert, now, by.user(), wish.action.as_str(), Some(from), said(wish, was)));
        let alert = held.alert.clone();
        self.leaves_later(id, now.mono);
        Ok(Some(AlertChange { alert, history, limited: false, learnt: self.learnt.take() }))
    }

    /// Where the action leads.
    fn allowed(&self, alert: &Alert, action: AlertAction, by: By<'_>) -> Result<AlertState, ActRefused> {
        let critical = alert.priority() == Severity::Critical;
        match state::next(alert.state, action, by) {
            Some(_) if action == AlertAction::Shelve && critical => Err(ActRefused::Critical),
            // By rule nothing critical is ever closed before a person took it.
            Some(AlertState::Closed) if alert.state == AlertState::New && critical => Err(self.refused(alert, action)),
            Some(to) => Ok(to),
            None => Err(self.refused(alert, action)),
        }
    }

    fn refused(&self, alert: &Alert, action: AlertAction) -> ActRefused {
        let names: Vec<_> = possible(alert.state).iter().map(|a| a.as_str()).collect();
        let possible = if names.is_empty() { "nothing, it is final".into() } else { names.join(", ") };
        ActRefused::State { state: alert.state, action, possible }
    }

    /// What follows from an action: shelf, priority, timers, and what the source learns.
    fn follow(&mut self, id: AlertId, wish: &Wish, by: By<'_>, now: Now) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let alert = &mut held.alert;
        let key = alert.dedupe_key.clone();
        match (wish.action, by.user()) {
            (AlertAction::Shelve, Some(user)) => {
                let until = later(now.wall, u64::from(wish.minutes.unwrap_or(0)) * 60_000);
                let reason = wish.note.clone().unwrap_or_default();
                alert.handling.shelved = Some(Shelf { by: user, reason, at: now.wall, until });
                self.shelves.put(&key, id);
                // So that it is known after a restart, too, what stays on it.
                self.learns(&key, now);
            }
            (AlertAction::Unshelve, _) => {
                alert.handling.shelved = None;
                self.unshelved(id, now);
            }
            (AlertAction::Priority, user) => {
                alert.handling.priority = wish.priority.or(alert.handling.priority);
                alert.handling.priority_by = user;
                let due = self.priorities.due_ms(alert.priority());
                alert.handling.due = alert.handling.due.map(|_| later(now.wall, due));
                // Who has waited for it waits from now on.
                if alert.state == AlertState::New {
                    alert.handling.escalated = None;
                }
            }
            (AlertAction::Release, _) => {
                let due = self.priorities.due_ms(alert.priority());
                alert.handling.due = Some(later(now.wall, due));
                // It is new again; who heard of it before stands in its history.
                alert.handling.escalated = None;
            }
            _ => {}
        }
        let Some(held) = self.held.get_mut(&id) else { return };
        let alert = &mut held.alert;
        let (sure, opened) = (is_sure(score(&alert.objects), &self.setup.cfg), alert.opened);
        if !super::takes_events(alert.state) {
            if alert.handling.shelved.take().is_some() {
                self.shelves.take(&key, id);
            }
            self.timers.clear(id, Timer::Lasted);
            self.incidents.forget(id);
            self.leads_no_more(id, now.mono);
            if by != By::Gateway {
                let source = self.sources.at(&key, now.mono);
                source.over = Some((id, now.wall));
                if wish.action == AlertAction::Resolve
                    && let Some(result) = wish.result.filter(|r| *r != ResultCode::Test)
                {
                    let objects = self.held.get(&id).map(|h| h.alert.objects.as_slice()).unwrap_or_default();
                    source.result(result, sure, opened, objects, now.mono);
                }
                self.learns(&key, now);
            }
        } else {
            if let Some(watched) = held.watched.as_ref().filter(|_| held.alert.handling.showing.how == How::Held) {
                // What was finished before it was known whether it lasts waits on.
                self.timers.set_once(watched.began.plus_ms(watched.ms), id, Timer::Lasted);
            }
            if matches!(wish.action, AlertAction::Reopen | AlertAction::Acknowledge) {
                self.leads_again(id);
            }
        }
        self.set_timers(id, now);
    }

    /// It is back from its shelf: before its position again, as if it were new.
    pub(super) fn unshelved(&mut self, id: AlertId, now: Now) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let due = later(now.wall, self.priorities.due_ms(held.alert.priority()));
        let h = &mut held.alert.handling;
        let key = held.alert.dedupe_key.clone();
        if h.showing.how == How::Row && held.alert.state == AlertState::New {
            h.showing.since = Some(now.wall);
            h.due = Some(due);
            h.escalated = None;
            let desk = held.desk;
            let kind = Some(held.alert.kind.as_str());
            self.desks.shown(desk, kind, now);
        }
        self.shelves.take(&key, id);
        self.set_timers(id, now);
    }
}

/// What the history says beside the name of the action: the person's words, before them who was sent or which priority
/// became which. `was`: the priority before.
fn said(wish: &Wish, was: Severity) -> Option<String> {
    let words = |text: &Option<String>| text.clone().filter(|t| !t.trim().is_empty());
    let first = match wish.action {
        AlertAction::Dispatch => words(&wish.to),
        AlertAction::Priority => wish.priority.map(|to| format!("{} -> {}", was.as_str(), to.as_str())),
        _ => return wish.note.clone().or_else(|| wish.result.map(|r| r.as_str().to_owned())),
    };
    match (first, words(&wish.note)) {
        (Some(first), Some(note)) => Some(format!("{first}: {note}")),
        (first, note) => first.or(note),
    }
}

/// Whether the wish has what it needs.
fn fits(alert: &Alert, wish: &Wish) -> Result<(), ActRefused> {
    if let Some(n) = wish.note.as_ref().map(|n| n.chars().count()).filter(|n| *n > MAX_NOTE) {
        return Err(ActRefused::Note(n));
    }
    let silent = wish.note.as_ref().is_none_or(|n| n.trim().is_empty());
    let unfit = match wish.action {
        AlertAction::Shelve if silent => Some("a shelf needs a note that says why"),
        AlertAction::Shelve if !(1..=MAX_SHELF_MIN).contains(&wish.minutes.unwrap_or(0)) => {
            Some("a shelf needs minutes, 1 to 10080: everything on it comes back")
        }
        AlertAction::Note | AlertAction::Feedback if silent => Some("there is no note; write one"),
        AlertAction::Priority if wish.priority.is_none() => {
            Some("priority is missing; it is low, medium, high or critical")
        }
        AlertAction::Unshelve if alert.handling.shelved.is_none() => Some("the alert is not shelved"),
        _ if wish.to.as_ref().is_some_and(|t| t.chars().count() > MAX_TO || t.chars().any(char::is_control)) => {
            Some("'to' is over 200 characters or holds control characters")
        }
        _ => None,
    };
    unfit.map_or(Ok(()), |sentence| Err(ActRefused::Unfit(sentence)))
}

/// Taking what another has is refused; taking what one has is nothing.
fn is_so_already(alert: &Alert, action: AlertAction, by: By<'_>) -> Result<bool, ActRefused> {
    let taken = matches!(alert.state, AlertState::Acknowledged | AlertState::Dispatched);
    if action == AlertAction::Acknowledge
        && taken
        && let (Some(owner), Some(author)) = (&alert.owner, by.author())
    {
        if owner != author {
            return Err(ActRefused::Taken { owner: owner.clone() });
        }
        return Ok(alert.state == AlertState::Acknowledged);
    }
    Ok(false)
}

/// What another holds is released or returned, and what another put aside is taken or left there, by him or by those who
/// stand over him; that somebody looked is not enough.
fn is_for_him(alert: &Alert, action: AlertAction, by: By<'_>) -> Result<(), ActRefused> {
    let By::User(author) = by else { return Ok(()) };
    let shelf = alert.handling.shelved.as_ref().map(|s| &s.by);
    let holders = match action {
        AlertAction::Release | AlertAction::Return => [alert.owner.as_ref(), None],
        AlertAction::Shelve => [alert.owner.as_ref(), shelf],
        AlertAction::Unshelve => [None, shelf],
        _ => [None, None],
    };
    match holders.into_iter().flatten().find(|holder| *holder != author) {
        Some(holder) => Err(ActRefused::Others { holder: holder.clone(), action }),
        None => Ok(()),
    }
}

/// Whoever does not say what he saw does not overwrite what another did: only with the `rev` is it known that he looked.
/// Feedback is no edit: it comes from whoever was dispatched, who is not the owner.
fn is_nobody_elses(alert: &Alert, action: AlertAction, by: By<'_>) -> Result<(), ActRefused> {
    let Some(author) = by.author() else { return Ok(()) };
    let others = |who: &Option<UserId>| who.clone().filter(|w| w != author);
    if let Some(owner) = others(&alert.owner).filter(|_| action != AlertAction::Feedback) {
        return Err(ActRefused::Taken { owner });
    }
    let before = match action {
        AlertAction::Shelve | AlertAction::Unshelve => alert.handling.shelved.as_ref().map(|s| s.by.clone()),
        AlertAction::Priority => alert.handling.priority_by.clone(),
        _ => None,
    };
    others(&before).map_or(Ok(()), |by| Err(ActRefused::Theirs { by, rev: alert.rev }))
}
