//! Actions on alerts, commands, lists.

use std::time::Duration;

use futures_util::future::join_all;
use skyeye::{
    alert::AlertBook,
    config,
    outbox::{
        ActionError, AlertCommand, AlertFilter, AlertQuery, Changes, Committed, Ledger, LedgerError, LedgerOptions,
    },
    types::{
        AlertId, ChannelId, Message, Phase, PositionId, Scope, Severity,
        alert::{ActRefused, Wish},
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
    assert_eq!(ledger.open_alerts(i64::MIN, 10).await.unwrap().0.len(), 1);

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
    assert!(ledger.open_alerts(i64::MIN, 10).await.unwrap().0.is_empty());
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
    let late = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Critical)).await.unwrap();
    let other = ledger.event(fact(new_id(), Phase::Start, "yard", Severity::Critical)).await.unwrap();
    ledger.act(command(&other, AlertAction::Acknowledge, "wang", None)).await.unwrap();

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
        assert!(before("gates", filter, 100).await.contains(&late.alert), "{filter:?}: it stays whose it is");
    }
    assert_eq!(before("gates", AlertFilter::Open, 100).await, [other.alert, late.alert]);
    assert_eq!(before("gates", AlertFilter::Open, 1).await, [other.alert], "newest first");
    let on_channel = AlertQuery {
        position: Some(PositionId::new("duty").unwrap()),
        channel: Some("gate".parse().unwrap()),
        ..AlertQuery::default()
    };
    assert_eq!(ledger.alerts(on_channel).await.unwrap().alerts.len(), 1);
    assert_eq!((counted("duty").await, counted("gates").await), ((0, 0, 1), (2, 1, 0)));

    ledger.act(command(&late, AlertAction::Acknowledge, "li", None)).await.unwrap();
    for filter in [AlertFilter::Open, AlertFilter::All] {
        assert!(before("duty", filter, 100).await.is_empty(), "{filter:?}: somebody has it");
    }
    assert_eq!((counted("duty").await, counted("gates").await), ((0, 0, 0), (2, 0, 0)));
    ledger.close().await;
}
