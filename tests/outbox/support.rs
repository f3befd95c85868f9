//! Opening ledgers and making facts.

use std::{path::Path, time::Duration};

use skyeye::{
    alert::AlertBook,
    config,
    outbox::{AlertCommand, Changes, Committed, FactIn, Ledger, LedgerOptions},
    types::{
        AreaId, BBox, ChannelId, Clock, Event, EventEnd, EventId, Message, NodeId, Phase, RuleId, RuleRef, Severity,
        SiteId, UserId, fact::Object, payload::AlertAction,
    },
};

pub fn options(dir: &Path) -> LedgerOptions {
    let alert = config::Alert::default();
    LedgerOptions {
        data_dir: dir.to_owned(),
        site: SiteId::new("site").unwrap(),
        node: NodeId::new("node-1").unwrap(),
        outbox: config::Outbox::default(),
        store: config::Store::default(),
        feeds: Vec::new(),
        hold_acked_ms: 5000,
        retry_for: Duration::from_secs(30),
        clock: Clock::start(),
        fold: Box::new(AlertBook::new(alert)),
    }
}

/// A desk that is flooded by its third row within so many seconds.
pub fn flooding(dir: &Path, flood_window_s: u32) -> LedgerOptions {
    let alert = config::Alert { flood_alerts: 2, flood_window_s, neighbour_s: 0, ..config::Alert::default() };
    LedgerOptions { fold: Box::new(AlertBook::new(alert)), ..options(dir) }
}

/// Opens; waits for the writer of a handle that was dropped without `close` to let go of the directory.
pub async fn open(mut make: impl FnMut() -> LedgerOptions) -> Ledger {
    for _ in 0..200 {
        match Ledger::open(make()).await {
            Ok(ledger) => return ledger,
            Err(e) if e.to_string().contains("in use by another") => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(e) => panic!("{e}"),
        }
    }
    panic!("the data directory stays locked");
}

pub fn fact(id: EventId, phase: Phase, channel: &str, severity: Severity) -> FactIn {
    let clock = Clock::start();
    let channel = ChannelId::new(channel).unwrap();
    FactIn {
        event: Event {
            id,
            phase,
            end: (phase == Phase::End).then_some(EventEnd::Cleared),
            kind: "presence",
            rule: RuleRef { id: RuleId::new("people").unwrap(), revision: "0123456789ab".into() },
            severity,
            zone: None,
            objects: vec![],
            dedupe_key: format!("{channel}/people/"),
            at: clock.mono(),
            seen: clock.wall(),
            ingested: clock.wall(),
            camera_clock: false,
            model: None,
            rate_hz: 1.0,
            health: None,
            subjects: None,
            details: None,
            channel: channel.clone(),
        },
        channel_name: "Gate".into(),
        area: vec![AreaId::new("town").unwrap(), AreaId::new("north").unwrap()],
        skew_ms: None,
        media: vec![],
        recorder: None,
    }
}

/// Somebody clearly seen at a channel of the yard.
pub fn person(channel: &str, severity: Severity) -> FactIn {
    let mut fact = fact(new_id(), Phase::Start, channel, severity);
    let bbox = BBox { x: 0.1, y: 0.1, w: 0.2, h: 0.4 };
    fact.event.objects = vec![Object { track: 1, label: "person".into(), score: 0.9, bbox }];
    fact
}

pub fn new_id() -> EventId {
    EventId::at(Clock::start().wall().0)
}

pub async fn all(ledger: &Ledger) -> Vec<Message> {
    let (mut after, mut out) = (0, Vec::new());
    loop {
        match ledger.changes(after, 1000).await.unwrap() {
            Changes::Here { messages, cursor, more } => {
                out.extend(messages);
                after = cursor;
                if !more {
                    return out;
                }
            }
            Changes::Gone => panic!("nothing was deleted, yet the changes are gone"),
        }
    }
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn command(of: &Committed, action: AlertAction, author: &str, rev: Option<u64>) -> AlertCommand {
    AlertCommand { alert: of.alert, wish: action.into(), author: user(author), rev, over_others: false }
}
