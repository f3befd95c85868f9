//! Actions on alerts, commands, lists.

use skyeye::{
    alert::AlertBook,
    config,
    outbox::{ActionError, AlertCommand, AlertFilter, AlertQuery, Changes, Ledger, LedgerError, LedgerOptions},
    types::{
        ChannelId, Message, Phase, Scope, Severity,
        alert::ActRefused,
        payload::{AlertAction, AlertPayload, AlertState, ResultPayload},
    },
};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_its_way_and_its_retained_message_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let id = new_id();
    let opened = ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    let taken = ledger.act(command(&opened, AlertAction::Acknowledge, "li", Some(1))).await.unwrap();
    assert_eq!((taken.state, taken.rev, taken.owner), (AlertState::Acknowledged, 2, Some(user("li"))));
    match ledger.act(command(&opened, AlertAction::Acknowledge, "wang", Some(1))).await {
        Err(ActionError::Conflict { why, alert }) => {
            assert_eq!(why, ActRefused::Taken { owner: user("li") });
            assert_eq!((alert.rev, alert.owner), (2, Some(user("li"))));
        }
        other => panic!("{other:?}"),
    }
    // The same once more is no conflict and no change.
    assert_eq!(ledger.act(command(&opened, AlertAction::Acknowledge, "li", None)).await.unwrap().rev, 2);
    match ledger.act(command(&opened, AlertAction::Dispatch, "li", Some(1))).await {
        Err(ActionError::Conflict { why: ActRefused::Rev { seen: 1, now: 2 }, .. }) => {}
        other => panic!("{other:?}"),
    }
    let nobody =
        AlertCommand { alert: skyeye::types::AlertId(id.0), ..command(&opened, AlertAction::Resolve, "li", None) };
    assert!(matches!(ledger.act(nobody).await, Err(ActionError::NotFound(_))));
    let mut long = command(&opened, AlertAction::Resolve, "li", None);
    long.wish.note = Some("x".repeat(5000));
    assert!(matches!(ledger.act(long).await, Err(ActionError::Invalid(_))));
    assert_eq!(ledger.open_alerts().await.unwrap().len(), 1);

    for (action, state) in [
        (AlertAction::Dispatch, AlertState::Dispatched),
        (AlertAction::Resolve, AlertState::Resolved),
        (AlertAction::Close, AlertState::Closed),
    ] {
        assert_eq!(ledger.act(command(&opened, action, "li", None)).await.unwrap().state, state);
    }
    let topic = format!("skyeye/v1/site/alert/{}", opened.alert);
    let of_alert = |rows: &[Message]| rows.iter().filter(|m| m.topic == topic).cloned().collect::<Vec<_>>();
    let rows = of_alert(&all(&ledger).await);
    assert_eq!(rows.len(), 6);
    let closed: AlertPayload = serde_json::from_slice(&rows[4].payload).unwrap();
    assert!(closed.state == AlertState::Closed && closed.active);
    assert!(rows.iter().all(|r| r.retain) && rows[5].payload.is_empty(), "then the broker keeps nothing");
    assert!(ledger.open_alerts().await.unwrap().is_empty());
    // The end of its event comes late: told, and cleared again.
    ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    let rows = of_alert(&all(&ledger).await);
    assert!(rows.len() == 8 && rows[7].payload.is_empty());
    let next = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    assert_ne!(next.alert, opened.alert, "a closed alert takes nothing new");

    // An alert that the book has let go is found in the store.
    ledger.act(command(&next, AlertAction::Acknowledge, "li", None)).await.unwrap();
    ledger.close().await;
    drop(ledger);
    let make = || LedgerOptions {
        fold: Box::new(AlertBook::new(config::Alert { join_s: 0, ..Default::default() })),
        ..options(dir.path())
    };
    let ledger = open(make).await;
    let resolved = ledger.act(command(&next, AlertAction::Resolve, "li", None)).await.unwrap();
    // Opened, acknowledged, interrupted, resolved.
    assert_eq!((resolved.state, resolved.rev), (AlertState::Resolved, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_done_once_and_answered_as_often_as_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let opened = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    let li = user("li");
    let c = || Ok(Some(command(&opened, AlertAction::Acknowledge, "li", Some(1))));
    let (first, second) = tokio::join!(ledger.command(&li, "r-1", c()), ledger.command(&li, "r-1", c()));
    let third = ledger.command(&li, "r-1", c()).await.unwrap();
    for answer in [&first.unwrap(), &second.unwrap(), &third] {
        assert!(answer.ok && answer.rev == Some(2) && answer.alert == Some(opened.alert), "{answer:?}");
    }
    assert_eq!(ledger.alert(opened.alert).await.unwrap().unwrap().alert.rev, 2);
    // Another's request with the same name is another request.
    let late = Ok(Some(command(&opened, AlertAction::Acknowledge, "wang", None)));
    let wang = ledger.command(&user("wang"), "r-1", late).await;
    assert_eq!(wang.unwrap().error.as_deref(), Some("li has taken this alert already"));
    let broken = ledger.command(&li, "r-2", Err("the command is not JSON".into())).await.unwrap();
    assert!(!broken.ok && broken.error.as_deref() == Some("the command is not JSON"));
    let elsewhere = ledger.command(&li, "r-3", Ok(None)).await.unwrap();
    assert!(elsewhere.ok && elsewhere.alert.is_none(), "done by somebody else, and told");
    assert!(matches!(ledger.command(&li, "a/b", c()).await, Err(LedgerError::Request(_))));
    let results: Vec<_> = all(&ledger).await.into_iter().filter(|m| m.topic.contains("/result/")).collect();
    assert_eq!(results.len(), 6);
    assert!(results.iter().all(|m| !m.retain && matches!(&m.scope, Scope::User(_))));
    assert_eq!(results[4].topic, "skyeye/v1/site/result/li/r-2");
    let parsed: ResultPayload = serde_json::from_slice(&results[0].payload).unwrap();
    assert_eq!(parsed.request, "r-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_by_keys_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let mut opened = Vec::new();
    for n in 0..25 {
        let severity = if n % 5 == 0 { Severity::Critical } else { Severity::Low };
        opened.push(ledger.event(fact(new_id(), Phase::Start, &format!("c-{n}"), severity)).await.unwrap());
    }
    for c in &opened[..5] {
        ledger.act(command(c, AlertAction::Acknowledge, "li", None)).await.unwrap();
    }
    let page = |filter, before| AlertQuery { filter, before, limit: 10, ..Default::default() };
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let p = ledger.alerts(page(AlertFilter::Open, before)).await.unwrap();
        assert_eq!(p.cursor, ledger.stats().cursor);
        seen.extend(p.alerts.iter().map(|a| a.id));
        before = p.next;
        if before.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = opened.iter().rev().map(|c| c.alert).collect();
    assert_eq!(seen, newest_first);
    let taken = ledger.alerts(page(AlertFilter::State(AlertState::Acknowledged), None)).await.unwrap();
    assert_eq!((taken.alerts.len(), taken.next), (5, None));
    assert_eq!(ledger.alerts(page(AlertFilter::All, None)).await.unwrap().alerts.len(), 10);
    let of = |channel: &str| AlertQuery { channel: Some(ChannelId::new(channel).unwrap()), ..Default::default() };
    assert_eq!(ledger.alerts(of("c-3")).await.unwrap().alerts[0].id, opened[3].alert);
    assert!(ledger.alerts(of("c-99")).await.unwrap().alerts.is_empty());
    let grave = AlertQuery { severity: Some(Severity::Critical), ..Default::default() };
    assert_eq!(ledger.alerts(grave).await.unwrap().alerts.len(), 5);
    assert!(matches!(ledger.changes(ledger.stats().cursor + 1, 10).await.unwrap(), Changes::Gone), "never given out");
}
