//! One writer: group commit, order, each event once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use skyeye::{
    outbox::{Committed, Ledger, LedgerError},
    types::{
        EventEnd, Message, Phase, Scope, Severity,
        alert::EventRefused,
        payload::{AlertAction, EventPayload},
    },
};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn many_facts_at_a_time_are_few_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let before = ledger.stats().transactions;
    let tasks: Vec<_> = (0..1000)
        .map(|n| {
            let ledger = ledger.clone();
            let fact = fact(new_id(), Phase::Start, &format!("c-{}", n % 50), Severity::Low);
            tokio::spawn(async move { ledger.event(fact).await.unwrap() })
        })
        .collect();
    let mut cursors = HashSet::new();
    for task in tasks {
        assert!(cursors.insert(task.await.unwrap().cursor));
    }
    let transactions = ledger.stats().transactions - before;
    println!("1000 concurrent events took {transactions} transactions");
    assert!(transactions <= 20, "{transactions} transactions for 1000 concurrent events");
    // An event and its alert each; and a flooded desk's row that rises is told of too, at most once for each channel.
    let messages = ledger.stats().messages;
    assert!((2000..2050).contains(&messages), "{messages}");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_hear_of_a_fact_only_after_its_commit_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let (mut feed, wake) = (ledger.committed(), ledger.wake());
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let id = new_id();
                    for phase in [Phase::Start, Phase::Update, Phase::End] {
                        ledger.event(fact(id, phase, &format!("c-{n}"), Severity::Low)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut last = 0;
    for _ in 0..8 * 20 * 3 * 2 {
        let message: Arc<Message> = feed.recv().await.unwrap();
        let cursor = message.cursor.unwrap();
        assert!(cursor > last);
        last = cursor;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM message WHERE cursor = ?")
            .bind(cursor)
            .fetch_one(ledger.store().reader())
            .await
            .unwrap();
        assert_eq!(known, 1, "heard of, so on disk");
        let Scope::Channel { area, .. } = &message.scope else { panic!("a fact of a channel") };
        assert_eq!(area.len(), 2);
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*wake.borrow(), last);
    // The outbox gives them in the same order, in pages.
    let (mut after, mut seen, mut channels) = (0, 0, HashMap::<String, u64>::new());
    loop {
        let rows = ledger.pending(after, 37).await.unwrap();
        let Some(newest) = rows.last().map(|r| r.cursor) else { break };
        for row in rows {
            assert!(row.cursor > after);
            after = row.cursor;
            seen += 1;
            if row.topic.contains("/event/") {
                let p: EventPayload = serde_json::from_slice(&row.payload).unwrap();
                let seq = channels.entry(p.channel.to_string()).or_default();
                *seq += 1;
                assert_eq!(p.channel_seq, *seq, "in order for its channel");
            }
        }
        assert_eq!(after, newest);
    }
    assert_eq!(seen, 960);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_what_waits_is_full_whatever_was_confirmed_a_moment_ago() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    for n in 0..20 {
        ledger.event(fact(new_id(), Phase::Start, &format!("c-{n}"), Severity::Low)).await.unwrap();
    }
    ledger.close().await;
    drop(ledger);
    // Of what waited before only the file knows; what a start adds is in memory, too.
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let first: Vec<i64> = ledger.pending(0, 10).await.unwrap().iter().map(|r| r.cursor).collect();
    // Noted at once, and written only after a while.
    ledger.acked(first.clone()).await.unwrap();
    for limit in [5, 10, 15] {
        let rows = ledger.pending(0, limit).await.unwrap();
        assert!(rows.iter().all(|r| !first.contains(&r.cursor)));
        assert_eq!(rows.len(), limit, "a short page says that there are no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_once_and_ends_once_over_restarts_too() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let id = new_id();
    let send = |ledger: Ledger, phase| async move { ledger.event(fact(id, phase, "gate", Severity::Low)).await };
    let refused = |r: Result<Committed, LedgerError>| match r {
        Err(LedgerError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(send(ledger.clone(), Phase::End).await), EventRefused::NotOpen);
    send(ledger.clone(), Phase::Start).await.unwrap();
    assert_eq!(refused(send(ledger.clone(), Phase::Start).await), EventRefused::AlreadyStarted);
    send(ledger.clone(), Phase::End).await.unwrap();
    assert_eq!(refused(send(ledger.clone(), Phase::End).await), EventRefused::NotOpen);
    assert_eq!(refused(send(ledger.clone(), Phase::Start).await), EventRefused::AlreadyStarted);
    assert_eq!(ledger.stats().refused, 4);
    ledger.close().await;
    drop(ledger);
    let ledger = open(|| options(dir.path())).await;
    assert_eq!(refused(send(ledger.clone(), Phase::Start).await), EventRefused::AlreadyStarted);
    assert_eq!(all(&ledger).await.len(), 4);
    // Past the ledger, the file itself refuses.
    for sql in [
        "UPDATE event SET ended_cursor = 9, ended = 'cleared'",
        "INSERT INTO event SELECT * FROM event",
        "UPDATE alert SET rev = 1",
    ] {
        assert!(sqlx::query(sql).execute(ledger.store().writer()).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_still_in_view_after_a_crash_joins_the_same_alert() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let first = new_id();
    let before = ledger.event(fact(first, Phase::Start, "gate", Severity::High)).await.unwrap();
    let boot = ledger.boot();
    drop(ledger);
    let ledger = open(|| options(dir.path())).await;
    assert_ne!(ledger.boot(), boot);
    let ended = ledger.event_by_id(first).await.unwrap().unwrap();
    assert_eq!((ended.phase, ended.end), (Phase::End, Some(EventEnd::Interrupted)));
    assert_eq!((ended.order.boot, ended.order.seq, ended.channel_seq), (ledger.boot(), 1, 1));
    let detail = ledger.alert(before.alert).await.unwrap().unwrap();
    assert!(!detail.alert.active);
    let after = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    assert_eq!((after.alert, after.rev), (before.alert, 3));
    let detail = ledger.alert(before.alert).await.unwrap().unwrap();
    assert!(detail.alert.active && detail.alert.events == 2 && detail.alert.severity == Severity::High);
    assert_eq!(detail.events.len(), 2);
    let actions: Vec<_> = detail.history.iter().map(|h| h.action.as_str()).collect();
    assert_eq!(actions, ["opened", "event", "event"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shelved_rings_after_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(options(dir.path())).await.unwrap();
    let seen = |score, x| {
        let mut fact = person("gate", Severity::Medium);
        (fact.event.objects[0].score, fact.event.objects[0].bbox.x) = (score, x);
        fact
    };
    let first = ledger.event(seen(0.7, 0.1)).await.unwrap();
    let mut shelve = command(&first, AlertAction::Shelve, "li", None);
    (shelve.wish.minutes, shelve.wish.note) = (Some(15), Some("the guard".into()));
    ledger.act(shelve).await.unwrap();
    // Surer and elsewhere each time; the second crash finds nothing open.
    for (n, x) in [(2, 0.7), (3, 0.4)] {
        for _ in 0..n - 1 {
            drop(ledger);
            ledger = open(|| options(dir.path())).await;
        }
        let next = ledger.event(seen(0.9, x)).await.unwrap();
        let alert = ledger.alert(first.alert).await.unwrap().unwrap().alert;
        assert_eq!((next.alert, alert.events), (first.alert, n), "{n}");
        assert!(alert.handling.shelved.is_some() && alert.active);
    }
}
