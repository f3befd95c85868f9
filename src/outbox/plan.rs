//! From jobs to rows, in memory: what one transaction will write.
//!
//! The payload of a fact is whole only here, where its place in the order is known. A batch is planned once and written
//! as often as it takes; should it be given up, `Ledgered::rewind` takes the numbers back, what is on disk says whether it got
//! there all the same (`settle`), and the alerts are read again.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Committed, Fold, Folded,
    refeed::{self, Refeed},
};
use crate::{
    config::Feed,
    publish::topic::Topics,
    store::{
        alerts::AlertRow,
        commands::Outcome,
        events::EventRow,
        messages::{NewMessage, weight},
    },
    types::{
        AlertId, ChannelId, EventId, Message, Mono, NodeId, Now, Phase, Scope, Severity, SiteId, UserId, Wall,
        alert::{ActRefused, AlertChange, AlertHistory, By, EventRefused, Learnt, Wish},
        payload::{AlertPayload, AlertState, EventPayload, Order, ResultPayload},
        position,
    },
};

/// What the writer knows between batches.
pub(super) struct Ledgered {
    pub site: SiteId,
    pub node: NodeId,
    pub boot: Uuid,
    pub fold: Box<dyn Fold>,
    /// Copies of what belongs to them are written along.
    pub feeds: Vec<Feed>,
    /// Open alerts that other feeds are still to be told of.
    pub refeed: Option<Refeed>,
    /// The newest cursor given out.
    pub cursor: i64,
    pub seq: u64,
    pub channel_seq: HashMap<ChannelId, u64>,
    /// `seq` and those of channels as a batch had them that was given up, until it is known what became of it.
    pub spent: (u64, Vec<(ChannelId, u64)>),
}

impl Ledgered {
    fn order(&mut self) -> Order {
        self.seq += 1;
        self.cursor += 1;
        Order { boot: self.boot, seq: self.seq, cursor: self.cursor }
    }

    /// As if the batch had never been planned, but for the alerts: those are to be read again.
    pub fn rewind(&mut self, batch: &Batch) {
        let now = |(channel, _): &(ChannelId, u64)| Some((channel.clone(), *self.channel_seq.get(channel)?));
        self.spent = (self.seq, batch.from_channel.iter().filter_map(now).collect());
        (self.cursor, self.seq) = batch.from;
        for (channel, seq) in batch.from_channel.iter().rev() {
            self.channel_seq.insert(channel.clone(), *seq);
        }
    }

    /// After `rewind`: up to this cursor the file has messages. Where that is beyond what was known, the batch is in it, and
    /// its numbers are never given out again. True if so.
    pub fn settle(&mut self, highest: i64) -> bool {
        let (seq, channels) = std::mem::take(&mut self.spent);
        if highest <= self.cursor {
            return false;
        }
        self.cursor = highest;
        self.seq = self.seq.max(seq);
        self.channel_seq.extend(channels);
        true
    }
}

/// What one transaction writes.
pub(super) struct Batch {
    pub at: Wall,
    pub messages: Vec<NewMessage>,
    /// Each with its cursor at the first change in this batch: the place in lists of an alert that is new.
    pub alerts: Vec<(AlertRow, i64)>,
    pub history: Vec<(AlertId, AlertHistory)>,
    pub events: Vec<EventRow>,
    pub learnt: Vec<Learnt>,
    pub positions: Vec<position::Kept>,
    pub commands: Vec<(UserId, String, Outcome)>,
    pub acked: Vec<i64>,
    /// Confirmed rows whose time of grace is over.
    pub release: Vec<i64>,
    /// The feeds, as they are written down to be compared at the next start, and those before a change that is not
    /// through.
    pub feeds: Option<(Vec<Feed>, Vec<Vec<Feed>>)>,
    /// The first transaction after opening; true if the last stop was clean.
    pub opening: Option<bool>,
    pub limited: u64,
    alert_at: HashMap<AlertId, usize>,
    event_at: HashMap<EventId, usize>,
    from: (i64, u64),
    from_channel: Vec<(ChannelId, u64)>,
}

/// Ranks of originals; the copies of feeds are as many below them.
const RANKS: i64 = 9;

/// The order in which a full outbox gives up: events by severity, then command results, then alerts, which an
/// integrator's list of open work hangs on, then what is critical. Before all of them their copies go, in the same order.
fn rank(kind: Kind, severity: Severity) -> i64 {
    match (kind, severity) {
        (Kind::Event, Severity::Low) => 0,
        (Kind::Event, Severity::Medium) => 1,
        (Kind::Event, Severity::High) => 2,
        (Kind::Result, _) => 3,
        (Kind::Alert, Severity::Low) => 4,
        (Kind::Alert, Severity::Medium) => 5,
        (Kind::Alert, Severity::High) => 6,
        (Kind::Event, Severity::Critical) => 7,
        (Kind::Alert, Severity::Critical) => 8,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Event,
    Alert,
    Result,
}

fn json<T: Serialize>(value: &T) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes.into(),
        // Only a map with keys that are no strings fails, and payloads have none.
        Err(e) => {
            tracing::error!("a payload cannot be written as JSON: {e}");
            Bytes::from_static(b"{}")
        }
    }
}

/// Copies of a message for the feeds that it belongs to, each with the next cursor.
fn copies(led: &mut Ledgered, message: &Message) -> Vec<Message> {
    let Scope::Channel { area, .. } = &message.scope else { return Vec::new() };
    if led.feeds.is_empty() && led.refeed.is_none() {
        return Vec::new();
    }
    let topics = Topics::new(&led.site);
    let told = refeed::told(led, area, message.payload.is_empty());
    let held: Vec<String> = told.into_iter().filter_map(|id| topics.copy(id, &message.topic)).collect();
    held.into_iter()
        .map(|topic| {
            led.cursor += 1;
            Message { topic, cursor: Some(led.cursor), ..message.clone() }
        })
        .collect()
}

impl Batch {
    pub fn new(led: &Ledgered, at: Wall) -> Self {
        Self {
            at,
            messages: Vec::new(),
            alerts: Vec::new(),
            history: Vec::new(),
            events: Vec::new(),
            learnt: Vec::new(),
            positions: Vec::new(),
            commands: Vec::new(),
            acked: Vec::new(),
            release: Vec::new(),
            feeds: None,
            opening: None,
            limited: 0,
            alert_at: HashMap::new(),
            event_at: HashMap::new(),
            from: (led.cursor, led.seq),
            from_channel: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.acked.is_empty()
            && self.release.is_empty()
            && self.commands.is_empty()
            && self.positions.is_empty()
            && self.feeds.is_none()
            && self.opening.is_none()
    }

    /// What its messages weigh against the outbox's bound.
    pub fn bytes(&self) -> i64 {
        self.messages.iter().map(|m| weight(&m.message)).sum()
    }

    /// Adds a message, and a copy for each feed that it belongs to: the same payload, a cursor of its own.
    fn say(&mut self, led: &mut Ledgered, kind: Kind, severity: Severity, message: Message) {
        let (rank, at) = (rank(kind, severity), self.at);
        let copies = copies(led, &message);
        let new = |message: Message, rank, copy| NewMessage { message: message.into(), at, severity, rank, copy };
        self.messages.push(new(message, rank, false));
        self.messages.extend(copies.into_iter().map(|m| new(m, rank - RANKS, true)));
    }

    /// Adds copies of open alerts for feeds that are told of them anew.
    pub fn tell_feeds(&mut self, told: Vec<(Message, Severity)>) {
        let at = self.at;
        self.messages.extend(told.into_iter().map(|(message, severity)| {
            let rank = rank(Kind::Alert, severity) - RANKS;
            NewMessage { message: message.into(), at, severity, rank, copy: true }
        }));
    }

    /// A start, update or end, when it was and the time now. `known`: ids of starts that the store has seen before.
    pub fn event(
        &mut self,
        led: &mut Ledgered,
        mut payload: EventPayload,
        channel_name: &str,
        known: &HashSet<EventId>,
        (at, now): (Mono, Now),
    ) -> Result<Committed, EventRefused> {
        let id = payload.id;
        let new = payload.phase == Phase::Start;
        if new && (known.contains(&id) || self.event_at.contains_key(&id)) {
            return Err(EventRefused::AlreadyStarted);
        }
        let Folded { own: change, others } = led.fold.on_event(&payload, channel_name, at, now)?;
        let seq = led.channel_seq.entry(payload.channel.clone()).or_insert(0);
        self.from_channel.push((payload.channel.clone(), *seq));
        *seq += 1;
        payload.channel_seq = *seq;
        payload.order = led.order();
        payload.times.committed = self.at;
        payload.alert = Some(change.alert.id);
        payload.incident = change.alert.incident;
        let cursor = payload.order.cursor;
        let topic = format!("skyeye/v1/{}/channel/{}/event/{}", led.site, payload.channel, payload.kind);
        let bytes = json(&payload);
        let scope = Scope::Channel { channel: payload.channel.clone(), area: payload.area.clone() };
        let message = Message { topic, payload: bytes.clone(), retain: false, scope, cursor: Some(cursor) };
        self.say(led, Kind::Event, payload.severity, message);

        let ended = payload.end.filter(|_| payload.phase == Phase::End).map(|end| (cursor, end));
        match self.event_at.get(&id).and_then(|at| self.events.get_mut(*at)) {
            Some(row) => {
                (row.alert, row.ended, row.cursor, row.payload) = (change.alert.id, ended, cursor, bytes);
            }
            None => {
                self.event_at.insert(id, self.events.len());
                let channel = payload.channel.as_str().to_owned();
                let alert = change.alert.id;
                let row = EventRow { id, new, channel, alert, started_cursor: cursor, ended, cursor, payload: bytes };
                self.events.push(row);
            }
        }
        self.limited += u64::from(change.limited);
        let alert = self.alert(led, change);
        self.changes(led, others);
        Ok(Committed { cursor, alert: alert.id, rev: alert.rev, at: self.at })
    }

    /// A person's action or the gateway's own; the alert is held. `Ok(None)`: it is so already.
    pub fn act(
        &mut self,
        led: &mut Ledgered,
        alert: AlertId,
        wish: &Wish,
        by: By<'_>,
        rev: Option<u64>,
        now: Now,
    ) -> Result<Option<AlertPayload>, ActRefused> {
        let change = led.fold.act(alert, wish, by, rev, now)?;
        Ok(change.map(|c| self.alert(led, c)))
    }

    /// Alerts that changed without an event of their own.
    pub fn changes(&mut self, led: &mut Ledgered, changes: Vec<AlertChange>) {
        for change in changes {
            self.alert(led, change);
        }
    }

    fn alert(&mut self, led: &mut Ledgered, change: AlertChange) -> AlertPayload {
        let order = led.order();
        let cursor = order.cursor;
        let payload = change.alert.payload(order, &led.node, &led.site, self.at);
        let topic = format!("skyeye/v1/{}/alert/{}", led.site, payload.id);
        let scope = Scope::Channel { channel: payload.channel.clone(), area: payload.area.clone() };
        let bytes = json(&payload);
        let message =
            Message { topic, payload: bytes.clone(), retain: true, scope: scope.clone(), cursor: Some(cursor) };
        let topic = message.topic.clone();
        self.say(led, Kind::Alert, payload.severity, message);
        if payload.state == AlertState::Closed {
            // A broker keeps nothing of an alert that is over: an empty retained payload, which has no `seq`.
            led.cursor += 1;
            let clear = Message { topic, payload: Bytes::new(), retain: true, scope, cursor: Some(led.cursor) };
            self.say(led, Kind::Alert, payload.severity, clear);
        }
        self.learnt.extend(change.learnt);
        if let Some(history) = change.history {
            self.history.push((payload.id, history));
        }
        let row = AlertRow { alert: change.alert, cursor, payload: bytes };
        match self.alert_at.get(&payload.id).and_then(|at| self.alerts.get_mut(*at)) {
            Some(held) => held.0 = row,
            None => {
                self.alert_at.insert(payload.id, self.alerts.len());
                self.alerts.push((row, cursor));
            }
        }
        payload
    }

    /// What a command came to, for its author.
    pub fn result(
        &mut self,
        led: &mut Ledgered,
        user: &UserId,
        request: &str,
        outcome: Outcome,
        remember: bool,
    ) -> ResultPayload {
        let payload = ResultPayload {
            schema: "skyeye.result".into(),
            version: 1,
            request: request.to_owned(),
            order: led.order(),
            ok: outcome.error.is_none(),
            error: outcome.error.clone(),
            alert: outcome.alert,
            rev: outcome.rev,
        };
        let message = Message {
            topic: format!("skyeye/v1/{}/result/{user}/{request}", led.site),
            payload: json(&payload),
            retain: false,
            scope: Scope::User(user.clone()),
            cursor: Some(payload.order.cursor),
        };
        self.say(led, Kind::Result, Severity::Medium, message);
        if remember {
            self.commands.push((user.clone(), request.to_owned(), outcome));
        }
        payload
    }
}
