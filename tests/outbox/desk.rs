//! What the desk asks of the ledger: how positions stand, what belongs together, and how an alert began.

use std::time::Duration;

use futures_util::future::join_all;
use skyeye::{
    alert::AlertBook,
    config,
    outbox::{AlertCommand, AlertFilter, AlertQuery, Committed, Kin, Ledger, LedgerOptions},
    types::{
        AlertId, BBox, Phase, PositionId, Severity,
        alert::Wish,
        fact::Object,
        handling::How,
        payload::{AlertAction, AlertState},
    },
};

use super::support::*;

/// Somebody clearly seen at a channel of the yard.
fn person(channel: &str, severity: Severity) -> skyeye::outbox::FactIn {
    let mut fact = fact(new_id(), Phase::Start, channel, severity);
    let bbox = BBox { x: 0.1, y: 0.1, w: 0.2, h: 0.4 };
    fact.event.objects = vec![Object { track: 1, label: "person".into(), score: 0.9, bbox }];
    fact
}

fn flooding(dir: &std::path::Path) -> LedgerOptions {
    let alert = config::Alert { flood_alerts: 2, neighbour_s: 0, ..config::Alert::default() };
    LedgerOptions { fold: Box::new(AlertBook::new(alert)), ..options(dir) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_told_of_its_position_and_its_members_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(flooding(dir.path())).await.unwrap();
    let before = ledger.positions();
    assert_eq!((before.len(), before[0].id.as_str(), &before[0].flood), (1, "desk", &None));
    let mut alerts = Vec::new();
    for n in 0..6 {
        // Within one millisecond they would be one happening seen twice.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        let committed = ledger.event(person(&format!("gate-{n}"), Severity::Medium)).await.unwrap();
        alerts.push(ledger.alert(committed.alert).await.unwrap().unwrap().alert);
    }
    let folded: Vec<_> = alerts.iter().filter(|a| a.handling.showing.how == How::Under).collect();
    assert!(!folded.is_empty(), "nothing was folded");
    let flood = ledger.positions().remove(0).flood.expect("it is flooded");
    assert_eq!(flood.collapsed, folded.len() as u64);

    let lead = folded[0].handling.showing.row.unwrap();
    let under = ledger.members(Kin::Under(lead), None, 100).await.unwrap();
    let want: Vec<_> = folded.iter().filter(|a| a.handling.showing.row == Some(lead)).rev().map(|a| a.id).collect();
    assert_eq!(under.alerts.iter().map(|a| a.id).collect::<Vec<_>>(), want, "newest first");
    let incident = alerts[0].incident.unwrap();
    let of_incident = ledger.members(Kin::Incident(incident), None, 4).await.unwrap();
    assert_eq!(of_incident.alerts.len(), 4);
    let rest = ledger.members(Kin::Incident(incident), of_incident.next, 4).await.unwrap();
    assert!(rest.alerts.iter().all(|a| a.incident == Some(incident)) && !rest.alerts.is_empty());
    let other = ledger.members(Kin::Incident(skyeye::types::IncidentId::at(1)), None, 100).await.unwrap();
    assert!(other.alerts.is_empty());

    let rows = ledger.open_rows().await.unwrap();
    let shown = alerts.iter().filter(|a| a.handling.showing.how == How::Row).count() as u64;
    assert_eq!(rows.iter().map(|r| r.rows).sum::<u64>(), shown);
    assert_eq!(rows.iter().map(|r| r.waiting).sum::<u64>(), shown);
    assert!(rows.iter().all(|r| r.position.as_str() == "desk" && r.area.len() == 2), "{rows:?}");
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_that_an_alert_began_with_is_told_however_many_followed() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let first = new_id();
    let opened = ledger.event(fact(first, Phase::Start, "gate", Severity::High)).await.unwrap();
    ledger.event(fact(first, Phase::End, "gate", Severity::High)).await.unwrap();
    for _ in 0..52 {
        let id = new_id();
        ledger.event(fact(id, Phase::Start, "gate", Severity::High)).await.unwrap();
        ledger.event(fact(id, Phase::End, "gate", Severity::High)).await.unwrap();
    }
    let detail = ledger.alert(opened.alert).await.unwrap().unwrap();
    assert_eq!(detail.alert.events, 53);
    assert_eq!(detail.events.len(), 51);
    assert_eq!(detail.events.last().unwrap().id, first);
    ledger.close().await;
}

fn note(of: &Committed, text: &str) -> AlertCommand {
    let wish = Wish { note: Some(text.into()), ..AlertAction::Note.into() };
    AlertCommand { wish, ..command(of, AlertAction::Note, "li", None) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_did_stays_in_the_history_however_often_something_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let opened = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::High)).await.unwrap();
    ledger.act(command(&opened, AlertAction::Acknowledge, "li", None)).await.unwrap();
    ledger.act(note(&opened, "early")).await.unwrap();
    let visits: Vec<_> = (0..300).map(|_| new_id()).collect();
    for phase in [Phase::Start, Phase::End] {
        let all = visits.iter().map(|id| ledger.event(fact(*id, phase, "gate", Severity::High)));
        for done in join_all(all).await {
            assert_eq!(done.unwrap().alert, opened.alert);
        }
    }
    ledger.act(note(&opened, "late")).await.unwrap();
    let history = ledger.alert(opened.alert).await.unwrap().unwrap().history;
    assert_eq!(history.len(), 500, "bounded");
    assert!(history.windows(2).all(|w| w[0].rev < w[1].rev), "oldest first");
    let told: Vec<_> = history.iter().filter(|h| h.action != "event").collect();
    let told: Vec<_> = told.iter().map(|h| (h.action.as_str(), h.note.as_deref())).collect();
    let want = [("opened", None), ("acknowledge", None), ("note", Some("early")), ("note", Some("late"))];
    assert_eq!(told, want);
    // Of the others the latest.
    assert_eq!(history[498].rev + 1, history[499].rev);
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_stands_before_the_position_above_until_somebody_does() {
    let dir = tempfile::tempdir().unwrap();
    let position = |id: &str, areas: &[&str], to: Option<&str>| config::Position {
        id: PositionId::new(id).unwrap(),
        name: String::new(),
        areas: areas.iter().map(|a| a.parse().unwrap()).collect(),
        escalate_to: to.map(|to| PositionId::new(to).unwrap()),
    };
    let config = config::Config {
        alert: config::Alert { due_critical_s: 1, neighbour_s: 0, ..config::Alert::default() },
        position: vec![position("gates", &["north"], Some("duty")), position("duty", &["station"], None)],
        ..config::Config::default()
    };
    let fold = Box::new(AlertBook::of(&config));
    let ledger = Ledger::open(LedgerOptions { fold, ..options(dir.path()) }).await.unwrap();
    let late = ledger.event(person("gate", Severity::Critical)).await.unwrap();
    let other = ledger.event(person("yard", Severity::High)).await.unwrap();

    let before = async |position: &str, filter: AlertFilter, limit: usize| -> Vec<AlertId> {
        let position = Some(PositionId::new(position).unwrap());
        let page = ledger.alerts(AlertQuery { position, filter, limit, ..AlertQuery::default() }).await.unwrap();
        page.alerts.iter().map(|a| a.id).collect()
    };
    let counted = async |position: &str| -> (u64, u64, u64) {
        let rows = ledger.open_rows().await.unwrap();
        let own = rows.iter().filter(|r| r.position.as_str() == position);
        own.fold((0, 0, 0), |sum, r| (sum.0 + r.rows, sum.1 + r.waiting, sum.2 + r.escalated))
    };
    assert!(before("duty", AlertFilter::Open, 100).await.is_empty(), "nobody was late yet");
    let mut escalated = None;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let alert = ledger.alert(late.alert).await.unwrap().unwrap().alert;
        escalated = alert.handling.escalated;
        if escalated.is_some() {
            break;
        }
    }
    assert_eq!(escalated.unwrap().to.unwrap().as_str(), "duty");

    for filter in [AlertFilter::Open, AlertFilter::State(AlertState::New), AlertFilter::All] {
        assert_eq!(before("duty", filter, 100).await, [late.alert], "{filter:?}");
        assert_eq!(before("gates", filter, 100).await, [other.alert, late.alert], "{filter:?}: it stays whose it is");
        assert_eq!(before("gates", filter, 1).await, [other.alert], "{filter:?}: newest first");
    }
    let on_channel = AlertQuery {
        position: Some(PositionId::new("duty").unwrap()),
        channel: Some("gate".parse().unwrap()),
        ..AlertQuery::default()
    };
    assert_eq!(ledger.alerts(on_channel).await.unwrap().alerts.len(), 1);
    assert_eq!((counted("duty").await, counted("gates").await), ((0, 0, 1), (2, 2, 0)));

    ledger.act(command(&late, AlertAction::Acknowledge, "li", None)).await.unwrap();
    for filter in [AlertFilter::Open, AlertFilter::All] {
        assert!(before("duty", filter, 100).await.is_empty(), "{filter:?}: somebody has it");
    }
    assert_eq!((counted("duty").await, counted("gates").await), ((0, 0, 0), (2, 1, 0)));
    ledger.close().await;
}
