//! What the desk asks of the ledger: how positions stand, what belongs together, and how an alert began.

use skyeye::{
    outbox::{Kin, Ledger},
    types::{Phase, Severity, handling::How},
};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_told_of_its_position_and_its_members_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(flooding(dir.path(), 600)).await.unwrap();
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
