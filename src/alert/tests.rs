//! Data-driven: a script of events and actions at given seconds, and what the alerts look like after each.

mod again;
mod carry;
mod limits;
mod reload;
mod rows;

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    outbox::Fold,
    types::{
        EventEnd, NodeId, RuleRef, Severity, SiteId,
        alert::MAX_NOTE,
        payload::{AlertAction, ClockSource, Order, Times},
    },
};

fn cfg(join_s: u32, max: u32) -> config::Alert {
    // Floods have tests of their own.
    config::Alert { join_s, max_per_channel_per_min: max, flood_alerts: 1000, ..config::Alert::default() }
}

fn at(s: u64) -> Now {
    Now { mono: Mono(s * 1000), wall: Wall(1_795_000_000_000 + s as i64 * 1000) }
}

fn event(number: u8, phase: Phase, key: &str, severity: Severity, now: Now) -> EventPayload {
    let channel = key.split('/').next().unwrap();
    EventPayload {
        schema: "skyeye.event".into(),
        version: 1,
        id: EventId(Uuid::from_u128(u128::from(number))),
        order: Order { boot: Uuid::nil(), seq: 0, cursor: 0 },
        channel_seq: 0,
        node: NodeId::new("n").unwrap(),
        site: SiteId::new("s").unwrap(),
        channel: ChannelId::new(channel).unwrap(),
        area: vec![],
        kind: "presence".into(),
        phase,
        end: (phase == Phase::End).then_some(EventEnd::Cleared),
        times: Times {
            seen: now.wall,
            ingested: now.wall,
            committed: now.wall,
            clock: ClockSource::Gateway,
            skew_ms: None,
        },
        rule: RuleRef { id: RuleId::new(key.split('/').nth(1).unwrap()).unwrap(), revision: "1".into() },
        severity,
        model: None,
        rate_hz: 1.0,
        objects: vec![],
        zone: None,
        dedupe_key: key.into(),
        alert: None,
        incident: None,
        media: vec![],
        health: None,
        subjects: None,
        recorder: None,
        details: None,
    }
}

/// Runs a script. Lines: `second start|update|end EVENT KEY [severity]` or `second ACTION ALERT USER [rev]`; alerts are
/// called a, b, c in the order in which they were opened. Gives for each line the alert after it:
/// `name rev state active severity events owner`, or the refusal.
fn run(cfg: config::Alert, script: &str) -> Vec<String> {
    let mut book = AlertBook::new(cfg);
    let mut names: Vec<AlertId> = Vec::new();
    let mut out = Vec::new();
    for text in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let w: Vec<&str> = text.split_whitespace().collect();
        let now = at(w[0].parse().unwrap());
        let phase = match w[1] {
            "start" => Some(Phase::Start),
            "update" => Some(Phase::Update),
            "end" => Some(Phase::End),
            _ => None,
        };
        let change = if let Some(phase) = phase {
            let severity = match w.get(4) {
                Some(&"critical") => Severity::Critical,
                Some(&"high") => Severity::High,
                _ => Severity::Low,
            };
            let event = event(w[2].parse().unwrap(), phase, w[3], severity, now);
            book.on_event(&event, "Gate", now).map(|f| Some(f.own)).map_err(|e| e.to_string())
        } else {
            let action = match w[1] {
                "acknowledge" => AlertAction::Acknowledge,
                "release" => AlertAction::Release,
                "dispatch" => AlertAction::Dispatch,
                "resolve" => AlertAction::Resolve,
                _ => AlertAction::Close,
            };
            let user = UserId::new(w[3]).unwrap();
            let by = if w[3] == "gateway" { By::Gateway } else { By::User(&user) };
            let id = names[usize::from(w[2].as_bytes()[0] - b'a')];
            let rev = w.get(4).map(|r| r.parse().unwrap());
            book.act(id, &action.into(), by, rev, now).map_err(|e| e.to_string())
        };
        out.push(match change {
            Ok(Some(c)) => {
                if !names.contains(&c.alert.id) {
                    names.push(c.alert.id);
                }
                let name = (b'a' + u8::try_from(names.iter().position(|n| *n == c.alert.id).unwrap()).unwrap()) as char;
                let a = c.alert;
                format!(
                    "{name} {} {} {} {} {} {}{}",
                    a.rev,
                    a.state.as_str(),
                    if a.active() { "active" } else { "quiet" },
                    a.severity.as_str(),
                    a.events,
                    a.owner.as_ref().map_or("-", |o| o.as_str()),
                    if c.limited { " limited" } else { "" }
                )
            }
            Ok(None) => "unchanged".into(),
            Err(e) => e,
        });
    }
    out
}

#[track_caller]
fn check(cfg: config::Alert, script: &str, want: &[&str]) {
    assert_eq!(run(cfg, script), want);
}

#[test]
fn a_flicker_is_one_alert_and_a_later_visit_another() {
    check(
        cfg(60, 30),
        "0 start 1 gate/r
         5 update 1 gate/r
         9 end 1 gate/r
         69 start 2 gate/r
         70 end 2 gate/r
         131 start 3 gate/r
         132 start 4 door/r",
        &[
            "a 1 new active low 1 -",
            "a 2 new active low 1 -",
            "a 3 new quiet low 1 -",
            "a 4 new active low 2 -",
            "a 5 new quiet low 2 -",
            "b 1 new active low 1 -",
            "c 1 new active low 1 -",
        ],
    );
}

#[test]
fn an_active_alert_takes_events_for_as_long_as_it_is_active() {
    check(
        cfg(0, 30),
        "0 start 1 gate/r
         9000 start 2 gate/r high
         9001 end 1 gate/r
         9002 start 3 gate/r
         9003 end 2 gate/r
         9004 end 3 gate/r
         9005 start 4 gate/r",
        &[
            "a 1 new active low 1 -",
            "a 2 new active high 2 -",
            "a 3 new active high 2 -",
            "a 4 new active high 3 -",
            "a 5 new active high 3 -",
            "a 6 new quiet high 3 -",
            "b 1 new active low 1 -",
        ],
    );
}

#[test]
fn an_event_starts_once_and_ends_once() {
    check(
        cfg(60, 30),
        "0 start 1 gate/r
         1 start 1 gate/r
         2 end 1 gate/r
         3 end 1 gate/r
         3 update 1 gate/r
         3 end 2 gate/r",
        &[
            "a 1 new active low 1 -",
            "the event has started already; every event starts once",
            "a 2 new quiet low 1 -",
            "the event is not open; it never started, or it has ended already",
            "the event is not open; it never started, or it has ended already",
            "the event is not open; it never started, or it has ended already",
        ],
    );
}

#[test]
fn a_resolved_alert_takes_no_new_event_but_its_own_end() {
    check(
        cfg(60, 30),
        "0 start 1 gate/r
         1 acknowledge a li 1
         2 resolve a li 2
         3 start 2 gate/r critical
         4 end 1 gate/r
         5 close a li
         6 end 2 gate/r
         7 start 3 gate/r",
        &[
            "a 1 new active low 1 -",
            "a 2 acknowledged active low 1 li",
            "a 3 resolved active low 1 li",
            "b 1 new active critical 1 -",
            "a 4 resolved quiet low 1 li",
            "a 5 closed quiet low 1 li",
            "b 2 new quiet critical 1 -",
            "b 3 new active critical 2 -",
        ],
    );
}

#[test]
fn conflicts_say_who_and_what() {
    check(
        cfg(60, 30),
        "0 start 1 gate/r
         1 acknowledge a li 1
         1 acknowledge a wang 1
         1 acknowledge a li 1
         2 dispatch a wang 1
         2 dispatch a wang 2
         2 acknowledge a wang 3
         2 acknowledge a li 3
         3 release a li
         4 acknowledge a wang
         5 close a wang
         6 resolve a wang
         7 acknowledge a li
         7 acknowledge a li 7
         8 resolve a li
         9 close a li
         10 acknowledge a li",
        &[
            "a 1 new active low 1 -",
            "a 2 acknowledged active low 1 li",
            "li has taken this alert already",
            "unchanged",
            "the alert has changed since (it is at rev 2, not 1); look at it again",
            "a 3 dispatched active low 1 li",
            "li has taken this alert already",
            "a 4 acknowledged active low 1 li",
            "a 5 new active low 1 -",
            "a 6 acknowledged active low 1 wang",
            "an alert that is acknowledged cannot be the object of 'close'; possible: dispatch, resolve, release",
            "a 7 resolved active low 1 wang",
            "wang has taken this alert already",
            "a 8 acknowledged active low 1 li",
            "a 9 resolved active low 1 li",
            "a 10 closed active low 1 li",
            "an alert that is closed cannot be the object of 'acknowledge'; possible: nothing, it is final",
        ],
    );
}

#[test]
fn a_storm_of_one_channel_joins_and_is_counted() {
    check(
        cfg(10, 2),
        "0 start 1 gate/r/1
         1 start 2 gate/s/1
         2 start 3 gate/r/2
         3 start 4 gate/s/2
         4 start 5 gate/t/1
         5 start 6 door/r/1
         6 end 3 gate/r/2
         61 start 7 gate/r/3",
        &[
            "a 1 new active low 1 -",
            "b 1 new active low 1 -",
            "a 2 new active low 2 - limited",
            "b 2 new active low 2 - limited",
            "b 3 new active low 3 - limited",
            "c 1 new active low 1 -",
            "a 3 new active low 2 -",
            "d 1 new active low 1 -",
        ],
    );
}

#[test]
fn only_the_gateway_closes_what_nobody_took() {
    check(
        cfg(60, 30),
        "0 start 1 gate/r
         1 close a li
         2 close a gateway",
        &[
            "a 1 new active low 1 -",
            "an alert that is new cannot be the object of 'close'; possible: acknowledge",
            "a 2 closed active low 1 -",
        ],
    );
}

#[test]
fn what_the_store_gives_back_goes_on_where_it_was() {
    let mut book = AlertBook::new(cfg(60, 30));
    let start = event(1, Phase::Start, "gate/r", Severity::Low, at(0));
    let alert = book.on_event(&start, "Gate", at(0)).unwrap().own.alert;

    // A crash: the event is still open when the process comes up again.
    let mut book = AlertBook::new(cfg(60, 30));
    book.admit(alert.clone(), &[start.id], at(1000));
    let ended =
        book.on_event(&event(1, Phase::End, "gate/r", Severity::Low, at(1000)), "Gate", at(1000)).unwrap().own.alert;
    assert_eq!((ended.rev, ended.active()), (2, false));
    let joined =
        book.on_event(&event(2, Phase::Start, "gate/r", Severity::Low, at(1050)), "Gate", at(1050)).unwrap().own;
    assert_eq!(joined.alert.id, alert.id, "a person still in view joins the same alert");

    // A clean stop: the event had ended, the window runs from there.
    for (gone, joins) in [(60, true), (61, false)] {
        let mut book = AlertBook::new(cfg(60, 30));
        let now = Now { mono: Mono(0), wall: Wall(at(1000).wall.0 + gone * 1000) };
        book.admit(ended.clone(), &[], now);
        let next = book.on_event(&event(3, Phase::Start, "gate/r", Severity::Low, now), "Gate", now).unwrap().own;
        assert_eq!(next.alert.id == alert.id, joins, "{gone} s after the end");
    }
}

#[test]
fn a_note_has_a_bound() {
    let mut book = AlertBook::new(cfg(60, 30));
    let id =
        book.on_event(&event(1, Phase::Start, "gate/r", Severity::Low, at(0)), "Gate", at(0)).unwrap().own.alert.id;
    let user = UserId::new("li").unwrap();
    let long = Some("门".repeat(MAX_NOTE + 1));
    assert!(matches!(
        book.act(id, &Wish { note: long, ..AlertAction::Acknowledge.into() }, By::User(&user), None, at(1)),
        Err(ActRefused::Note(2001))
    ));
}

#[derive(Debug, Clone)]
enum Op {
    Start { event: u8, key: u8, severity: u8 },
    Update { event: u8 },
    End { event: u8 },
    Act { nth: u8, action: u8, user: bool, stale: bool },
}

fn ops() -> impl Strategy<Value = Vec<(u64, Op)>> {
    let op = prop_oneof![
        4 => (any::<u8>(), 0..6u8, 0..4u8).prop_map(|(event, key, severity)| Op::Start { event, key, severity }),
        1 => any::<u8>().prop_map(|event| Op::Update { event }),
        3 => any::<u8>().prop_map(|event| Op::End { event }),
        2 => (any::<u8>(), 0..5u8, any::<bool>(), any::<bool>())
            .prop_map(|(nth, action, user, stale)| Op::Act { nth, action, user, stale }),
    ];
    prop::collection::vec((0..40u64, op), 1..200)
}

proptest! {
    #[test]
    fn every_start_gets_one_end_and_no_alert_goes_back(script in ops(), join_s in 0..90u32, max in 1..5u32) {
        let mut book = AlertBook::new(cfg(join_s, max));
        let keys = ["gate/r/1", "gate/r/2", "gate/s/1", "door/r/1", "door/r/2", "yard/r/1"];
        let (mut s, mut alerts) = (0, BTreeMap::<AlertId, Alert>::new());
        // What is open by our own count: event -> its key and alert.
        let mut open = BTreeMap::<u8, (usize, AlertId)>::new();
        let mut starts = 0u64;
        for (gap, op) in script {
            s += gap;
            let now = at(s);
            let result = match op {
                Op::Start { event: number, key, severity } => {
                    let severity = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][usize::from(severity)];
                    let key = usize::from(key);
                    let r = book.on_event(&event(number, Phase::Start, keys[key], severity, now), "x", now);
                    prop_assert_eq!(r.is_ok(), !open.contains_key(&number));
                    let Ok(change) = r.map(|f| f.own) else { continue };
                    starts += 1;
                    prop_assert!(change.alert.severity >= severity);
                    prop_assert_eq!(change.alert.channel.as_str(), keys[key].split('/').next().unwrap());
                    prop_assert!(matches!(change.alert.state, AlertState::New | AlertState::Acknowledged | AlertState::Dispatched));
                    open.insert(number, (key, change.alert.id));
                    change
                }
                Op::Update { event: number } | Op::End { event: number } => {
                    let phase = if matches!(op, Op::End { .. }) { Phase::End } else { Phase::Update };
                    let known = open.get(&number).copied();
                    let key = known.map_or(0, |k| k.0);
                    let r = book.on_event(&event(number, phase, keys[key], Severity::Low, now), "x", now);
                    prop_assert_eq!(r.is_ok(), known.is_some());
                    let (Ok(change), Some((_, alert))) = (r.map(|f| f.own), known) else { continue };
                    prop_assert_eq!(change.alert.id, alert, "an event stays with its alert");
                    if phase == Phase::End {
                        open.remove(&number);
                    }
                    change
                }
                Op::Act { nth, action, user, stale } => {
                    let ids: Vec<AlertId> = alerts.keys().copied().collect();
                    let Some(id) = ids.get(usize::from(nth) % ids.len().max(1)).copied() else { continue };
                    if !book.holds(id) {
                        book.admit(alerts[&id].clone(), &[], now);
                    }
                    let action = [AlertAction::Acknowledge, AlertAction::Release, AlertAction::Dispatch, AlertAction::Resolve, AlertAction::Close][usize::from(action)];
                    let user = UserId::new(if user { "li" } else { "wang" }).unwrap();
                    let before = alerts[&id].clone();
                    let rev = stale.then_some(before.rev + 7);
                    let r = book.act(id, &action.into(), By::User(&user), rev, now);
                    match r {
                        Ok(Some(change)) => {
                            prop_assert!(!stale);
                            prop_assert_ne!(before.state, AlertState::Closed);
                            prop_assert_eq!(change.alert.owner.is_some(), change.alert.state != AlertState::New);
                            change
                        }
                        _ => {
                            prop_assert_eq!(book.get(id), Some(&before), "a refusal changes nothing");
                            continue;
                        }
                    }
                }
            };
            let after = result.alert;
            match alerts.get(&after.id) {
                Some(before) => {
                    prop_assert_eq!(after.rev, before.rev + 1);
                    prop_assert!(after.severity >= before.severity && after.events >= before.events);
                    prop_assert_eq!(after.first_event, before.first_event);
                }
                None => prop_assert_eq!(after.rev, 1),
            }
            let own = open.values().filter(|o| o.1 == after.id).count();
            prop_assert_eq!(after.open_events as usize, own);
            prop_assert_eq!(after.active(), own > 0);
            prop_assert_eq!(book.get(after.id), Some(&after));
            alerts.insert(after.id, after);
        }
        prop_assert_eq!(book.open_events(), open.len());
        prop_assert_eq!(alerts.values().map(|a| a.events).sum::<u64>(), starts, "every event is counted by one alert");
        // Long after the last end, when nobody is left to hear of what was not taken, the book holds only what is active.
        for days in 1..=3 {
            book.tick(at(s + days * 86_400));
        }
        book.sweep(at(s + 4 * 86_400));
        let active = alerts.values().filter(|a| a.active()).count();
        prop_assert_eq!(book.len(), active);
    }
}
