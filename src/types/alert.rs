//! The alert between the stages: what folds events into alerts gives it, what writes them down takes it.
//!
//! `Alert` is an alert without what only the commit adds (its place in the order, when it was written); `AlertChange`
//! is the alert after an event or action; `ActRefused` and `EventRefused` are the sentences of a refusal.

use serde::Serialize;

use super::{
    AlertId, AreaId, ChannelId, Details, EventId, HealthFact, IncidentId, NodeId, RuleRef, Severity, SiteId, Subjects,
    UserId, Wall, ZoneId,
    fact::Object,
    handling::{Handling, How, ResultCode},
    payload::{AlertAction, AlertPayload, AlertState, Media, Order},
};

/// Characters of a note.
pub const MAX_NOTE: usize = 2000;

impl AlertState {
    /// The reverse of `as_str`.
    pub fn parse(text: &str) -> Option<AlertState> {
        use AlertState as S;
        [S::New, S::Acknowledged, S::Dispatched, S::Resolved, S::Closed].into_iter().find(|s| s.as_str() == text)
    }
}

impl AlertAction {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertAction::Acknowledge => "acknowledge",
            AlertAction::Release => "release",
            AlertAction::Dispatch => "dispatch",
            AlertAction::Return => "return",
            AlertAction::Resolve => "resolve",
            AlertAction::Reopen => "reopen",
            AlertAction::Close => "close",
            AlertAction::Shelve => "shelve",
            AlertAction::Unshelve => "unshelve",
            AlertAction::Note => "note",
            AlertAction::Feedback => "feedback",
            AlertAction::Priority => "priority",
        }
    }
}

impl AlertAction {
    pub const ALL: [AlertAction; 12] = {
        use AlertAction as A;
        [
            A::Acknowledge,
            A::Release,
            A::Dispatch,
            A::Return,
            A::Resolve,
            A::Reopen,
            A::Close,
            A::Shelve,
            A::Unshelve,
            A::Note,
            A::Feedback,
            A::Priority,
        ]
    };
}

/// What somebody wants done with an alert, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub action: AlertAction,
    pub note: Option<String>,
    /// With `resolve`.
    pub result: Option<ResultCode>,
    /// With `priority`.
    pub priority: Option<Severity>,
    /// With `shelve`.
    pub minutes: Option<u32>,
    /// With `dispatch`.
    pub to: Option<String>,
}

impl From<AlertAction> for Wish {
    fn from(action: AlertAction) -> Self {
        Wish { action, note: None, result: None, priority: None, minutes: None, to: None }
    }
}

/// An alert without what only the commit adds (order, times of writing).
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub id: AlertId,
    pub rev: u64,
    pub channel: ChannelId,
    pub channel_name: String,
    pub area: Vec<AreaId>,
    pub kind: String,
    pub state: AlertState,
    pub severity: Severity,
    pub rule: RuleRef,
    pub zone: Option<ZoneId>,
    pub dedupe_key: String,
    pub incident: Option<IncidentId>,
    pub first_event: EventId,
    pub last_event: EventId,
    pub events: u64,
    pub opened: Wall,
    pub updated: Wall,
    pub owner: Option<UserId>,
    pub objects: Vec<Object>,
    pub media: Vec<Media>,
    pub health: Option<HealthFact>,
    pub subjects: Option<Subjects>,
    pub details: Option<Details>,
    /// Events of the alert that have started and not ended.
    pub open_events: u32,
    /// When its latest event ended.
    pub last_end: Option<Wall>,
    /// Events that joined only because the channel opened too many alerts.
    pub limited: u64,
    pub handling: Handling,
}

impl Alert {
    pub fn active(&self) -> bool {
        self.open_events > 0
    }

    /// How urgent it is.
    pub fn priority(&self) -> Severity {
        self.handling.priority.unwrap_or(self.severity)
    }

    /// The next time, if there is one, at or after which something happens to it by itself: its shelf ends, somebody else
    /// hears of it, or, where it is over and was never a row, it closes.
    pub fn timer(&self) -> Option<Wall> {
        let shelf = self.handling.shelved.as_ref().map(|s| s.until);
        let unshown = self.state == AlertState::New && !self.active() && self.handling.showing.how != How::Row;
        let over = self.last_end.filter(|_| unshown);
        shelf.into_iter().chain(self.escalates()).chain(over).min()
    }

    /// When the next one is to hear that nobody took it.
    pub fn escalates(&self) -> Option<Wall> {
        let h = &self.handling;
        let due = h.due?;
        if self.state != AlertState::New || h.shelved.is_some() || h.showing.how != How::Row {
            return None;
        }
        match &h.escalated {
            None => Some(due),
            // Once more after as long again; it was not said when in payloads from before.
            Some(e) if e.level < 2 => {
                let since = h.showing.since.unwrap_or(self.opened);
                let again = || Wall(e.at.0.saturating_add(due.0.saturating_sub(since.0)));
                Some(e.next.unwrap_or_else(again))
            }
            Some(_) => None,
        }
    }

    pub fn payload(&self, order: Order, node: &NodeId, site: &SiteId, committed: Wall) -> AlertPayload {
        let a = self.clone();
        AlertPayload {
            schema: "skyeye.alert".into(),
            version: 1,
            id: a.id,
            order,
            rev: a.rev,
            node: node.clone(),
            site: site.clone(),
            channel: a.channel,
            channel_name: a.channel_name,
            area: a.area,
            kind: a.kind,
            state: a.state,
            active: a.open_events > 0,
            severity: a.severity,
            rule: a.rule,
            zone: a.zone,
            dedupe_key: a.dedupe_key,
            incident: a.incident,
            first_event: a.first_event,
            last_event: a.last_event,
            events: a.events,
            opened: a.opened,
            updated: a.updated,
            owner: a.owner,
            objects: a.objects,
            media: a.media,
            health: a.health,
            subjects: a.subjects,
            handling: a.handling,
            details: a.details,
            committed,
        }
    }

    /// The reverse of `payload`; what a payload does not tell comes from the store.
    pub fn from_payload(p: AlertPayload, open_events: u32, last_end: Option<Wall>, limited: u64) -> Self {
        Alert {
            id: p.id,
            rev: p.rev,
            channel: p.channel,
            channel_name: p.channel_name,
            area: p.area,
            kind: p.kind,
            state: p.state,
            severity: p.severity,
            rule: p.rule,
            zone: p.zone,
            dedupe_key: p.dedupe_key,
            incident: p.incident,
            first_event: p.first_event,
            last_event: p.last_event,
            events: p.events,
            opened: p.opened,
            updated: p.updated,
            owner: p.owner,
            objects: p.objects,
            media: p.media,
            health: p.health,
            subjects: p.subjects,
            details: p.details,
            open_events,
            last_end,
            limited,
            handling: p.handling,
        }
    }
}

/// What came of an event or an action: the alert after it.
#[derive(Debug, Clone)]
pub struct AlertChange {
    pub alert: Alert,
    /// `None` for a mere update of an open event.
    pub history: Option<AlertHistory>,
    /// The event joined because of the channel's rate, not by its dedupe key.
    pub limited: bool,
    pub learnt: Option<Learnt>,
}

/// What a change taught of its source and what outlives the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// The dedupe key.
    pub key: String,
    /// JSON of the fold's own.
    pub kept: String,
}

/// Why an event is refused. Each of these is a flaw of the caller or a repetition, and is counted by the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventRefused {
    #[error("the event has started already; every event starts once")]
    AlreadyStarted,
    #[error("the event is not open; it never started, or it has ended already")]
    NotOpen,
}

/// Why an action is refused; the sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActRefused {
    #[error("{owner} has taken this alert already")]
    Taken { owner: UserId },
    #[error("{by} has put this alert aside or set its priority; look at it again and send its rev, {rev}")]
    Theirs { by: UserId, rev: u64 },
    /// What another holds or put aside is for those who stand over him.
    #[error("{holder} holds this alert or put it aside; only a supervisor or administrator may do '{}' to it", action.as_str())]
    Others { holder: UserId, action: AlertAction },
    #[error("the alert has changed since (it is at rev {now}, not {seen}); look at it again")]
    Rev { seen: u64, now: u64 },
    #[error("an alert that is {} cannot be the object of '{}'; possible: {possible}", state.as_str(), action.as_str())]
    State { state: AlertState, action: AlertAction, possible: String },
    #[error("the note has {0} characters; at most {MAX_NOTE} are kept")]
    Note(usize),
    #[error("{0}")]
    Unfit(&'static str),
    #[error("a critical alert cannot be shelved; acknowledge it, or lower its priority first")]
    Critical,
    #[error("the alert is not in the book")]
    Absent,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// A person, with what is nobody's or his own.
    User(&'a UserId),
    /// A person who may also act on what others hold or put aside.
    Supervisor(&'a UserId),
    /// The gateway: an alert that nobody took for long.
    Gateway,
}

impl<'a> By<'a> {
    pub fn person(author: &'a UserId, over_others: bool) -> Self {
        if over_others { By::Supervisor(author) } else { By::User(author) }
    }
    pub fn author(self) -> Option<&'a UserId> {
        match self {
            By::User(user) | By::Supervisor(user) => Some(user),
            By::Gateway => None,
        }
    }
    pub fn user(self) -> Option<UserId> {
        self.author().cloned()
    }
}

/// One line of an alert's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertHistory {
    pub rev: u64,
    pub at: Wall,
    /// `None`: the gateway itself.
    pub author: Option<UserId>,
    /// `opened`, `event`, the name of an action, or what the gateway did by itself: `shown`, `raised`, `under`, `brief`,
    /// `closed`, `escalated`, `returned`, `digest`.
    pub action: String,
    pub from: Option<AlertState>,
    pub to: AlertState,
    pub note: Option<String>,
}
