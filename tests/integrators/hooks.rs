//! Deliveries: whole, signed, in order, through restarts and changes.

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use skyeye::{
    outbox::{FactIn, Ledger},
    types::{AreaId, Phase, Severity, payload::AlertAction},
};

use crate::{
    ledger::{all, command, fact, new_id, open, options},
    receiver::{Answer, LONG, Receiver, assert_in_order, begun, hooks, until, view},
};

/// Cursors of events, each a start of its own on its own channel.
async fn starts(ledger: &Ledger, count: usize) -> Vec<i64> {
    let mut cursors = Vec::new();
    for n in 0..count {
        let fact = fact(new_id(), Phase::Start, &format!("gate-{n}"), Severity::Low);
        cursors.push(ledger.event(fact).await.unwrap().cursor);
    }
    cursors
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_is_delivered_byte_for_byte_signed_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let before = starts(&ledger, 1).await;
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Status(200), Answer::Flood]);
    let hooks = hooks(&ledger);
    hooks.apply(&[receiver.hook(dir.path(), "desk", "events = [\"event\"]")]).await;
    begun(&ledger, &["desk"]).await;
    let cursors = starts(&ledger, 100).await;
    receiver.has_taken(100).await;
    let got = receiver.got();
    assert_eq!(
        got.iter().map(|g| g.cursor()).collect::<Vec<_>>(),
        cursors,
        "once each, and nothing from before {before:?}"
    );
    let published = all(&ledger).await;
    for got in &got {
        let message = published.iter().find(|m| m.cursor == Some(got.cursor())).unwrap();
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        assert!(String::from_utf8_lossy(&got.raw).ends_with(&format!(",\"payload\":{payload}}}")));
        assert_eq!(got.body["topic"], message.topic);
        assert_eq!((&got.body["schema"], &got.body["kind"]), (&"skyeye.delivery".into(), &"event".into()));
        assert_eq!((got.hook.as_str(), got.attempt()), ("desk", 1));
        assert_eq!(got.body["id"], got.delivery);
        assert_eq!(got.body["at"], got.body["payload"]["times"]["committed"]);
    }
    until("all are counted", LONG, || view(&hooks, "desk").delivered == 100).await;
    let view = view(&hooks, "desk");
    assert_eq!((view.delivered, view.failed, view.given_up, view.missed), (100, 0, 0, 0));
    assert!(!format!("{view:?}").contains("canary"), "the address's query is nobody's business");
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_is_told_of_its_own_areas_and_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let (north, alerts) = (Receiver::start().await, Receiver::start().await);
    let hooks = hooks(&ledger);
    hooks
        .apply(&[
            north.hook(dir.path(), "north", "events = [\"event\"]\nareas = [\"north\"]"),
            alerts.hook(dir.path(), "alerts", "min_priority = \"high\"\nstates = [\"new\"]"),
        ])
        .await;
    begun(&ledger, &["north", "alerts"]).await;
    let elsewhere = |severity| FactIn {
        area: vec![AreaId::new("town").unwrap()],
        ..fact(new_id(), Phase::Start, "square", severity)
    };
    ledger.event(elsewhere(Severity::Critical)).await.unwrap();
    let here = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    north.has_taken(1).await;
    alerts.has_taken(1).await;
    assert_eq!(north.got().iter().map(|g| g.cursor()).collect::<Vec<_>>(), [here.cursor]);
    let told = &alerts.got()[0].body;
    assert_eq!((&told["kind"], &told["payload"]["channel"]), (&"alert".into(), &"square".into()));
    hooks.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_says_who_was_sent_where_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let receiver = Receiver::start().await;
    let hooks = hooks(&ledger);
    hooks.apply(&[receiver.hook(dir.path(), "out", "events = [\"dispatch\"]")]).await;
    begun(&ledger, &["out"]).await;
    let opened = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::High)).await.unwrap();
    ledger.act(command(&opened, AlertAction::Acknowledge, "li", None)).await.unwrap();
    let mut dispatch = command(&opened, AlertAction::Dispatch, "li", None);
    dispatch.wish.to = Some("patrol 2".into());
    let sent = ledger.act(dispatch).await.unwrap();
    let mut feedback = command(&opened, AlertAction::Feedback, "li", None);
    feedback.wish.note = Some("on our way".into());
    ledger.act(feedback).await.unwrap();
    ledger.act(command(&opened, AlertAction::Acknowledge, "li", None)).await.unwrap();
    let mut again = command(&opened, AlertAction::Dispatch, "li", None);
    again.wish.to = Some("patrol 3".into());
    ledger.act(again).await.unwrap();
    receiver.has_taken(2).await;
    let got = receiver.got();
    let to: Vec<_> = got.iter().map(|g| g.body["dispatch"]["to"].clone()).collect();
    assert_eq!(to, ["patrol 2", "patrol 3"], "once for each time that somebody is sent, never for a note");
    let first = &got[0].body;
    assert_eq!((&first["kind"], &first["payload"]["rev"]), (&"dispatch".into(), &sent.rev.into()));
    assert_eq!(first["dispatch"]["feedback"], format!("/api/v1/alerts/{}/feedback", opened.alert));
    assert_eq!(first["dispatch"]["alert"], opened.alert.to_string());
    assert_eq!(first["dispatch"]["priority"], first["payload"]["priority"]);
    assert_eq!(first["dispatch"]["due"], first["payload"]["due"]);
    hooks.close().await;
}

/// A gateway's ledger and receivers in a runtime that is dropped as a kill drops a process: no goodbye, nothing written.
fn killed(dir: &Path, receiver: &Receiver, committed: &Arc<Mutex<Vec<i64>>>, count: usize, until_taken: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = open(|| options(dir)).await;
        let hooks = hooks(&ledger);
        hooks.apply(&[receiver.hook(dir, "desk", "events = [\"event\"]\ntimeout_s = 1")]).await;
        // A new receiver begins with what happens from now on.
        begun(&ledger, &["desk"]).await;
        let more = starts(&ledger, count).await;
        committed.lock().extend(more);
        until("some are taken", LONG, || receiver.taken().len() >= until_taken).await;
    });
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_and_keeps_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let committed = Arc::new(Mutex::new(Vec::new()));
    for round in 1..=3 {
        // Takes some, fails some, and is killed while one delivery hangs.
        receiver.forget_script();
        let answers = [Answer::Status(204), Answer::Status(500), Answer::Status(204), Answer::Reset];
        receiver.answer(answers.into_iter().cycle().take(20).chain([Answer::Hang]));
        let (path, to, all) = (dir.path().to_owned(), receiver.clone(), committed.clone());
        let enough = receiver.taken().len() + 8;
        tokio::task::spawn_blocking(move || killed(&path, &to, &all, 30 * round, enough)).await.unwrap();
    }
    receiver.forget_script();
    let ledger = open(|| options(dir.path())).await;
    let hooks = hooks(&ledger);
    hooks.apply(&[receiver.hook(dir.path(), "desk", "events = [\"event\"]\ntimeout_s = 1")]).await;
    let more = starts(&ledger, 5).await;
    committed.lock().extend(more);
    let wanted = committed.lock().clone();
    until("all have arrived", LONG, || {
        let taken: Vec<i64> = receiver.taken().iter().map(|g| g.cursor()).collect();
        wanted.iter().all(|c| taken.contains(c))
    })
    .await;
    let order = assert_in_order(&receiver.taken());
    assert!(wanted.iter().all(|c| order.contains(c)) && wanted.len() == 185);
    hooks.close().await;
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let hook = receiver.hook(dir.path(), "desk", "events = [\"event\"]");
    let mut wanted = Vec::new();
    for _ in 0..3 {
        let ledger = open(|| options(dir.path())).await;
        let hooks = hooks(&ledger);
        hooks.apply(std::slice::from_ref(&hook)).await;
        begun(&ledger, &["desk"]).await;
        wanted.extend(starts(&ledger, 10).await);
        until("all have arrived", LONG, || {
            let taken: Vec<i64> = receiver.taken().iter().map(|g| g.cursor()).collect();
            wanted.iter().all(|c| taken.contains(c))
        })
        .await;
        hooks.close().await;
        ledger.close().await;
    }
    let got: Vec<i64> =
        receiver.got().iter().filter(|g| g.body["payload"]["phase"] == "start").map(|g| g.cursor()).collect();
    assert_eq!(got, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_receiver_begins_anew_alone_and_at_its_own_place() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let (a, b, c) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let hooks = hooks(&ledger);
    let events = "events = [\"event\"]";
    let (of_a, of_b) = (a.hook(dir.path(), "a", events), b.hook(dir.path(), "b", events));
    hooks.apply(&[of_a.clone(), of_b.clone()]).await;
    begun(&ledger, &["a", "b"]).await;
    let first = starts(&ledger, 5).await;
    a.has_taken(5).await;
    b.has_taken(5).await;
    // From here on nobody is at home at b, and its address is corrected.
    b.answer(std::iter::repeat_n(Answer::Status(503), 10_000));
    let second = starts(&ledger, 5).await;
    until("b fails", LONG, || view(&hooks, "b").failed > 2).await;
    a.has_taken(10).await;
    hooks.apply(&[of_a.clone(), c.hook(dir.path(), "b", events)]).await;
    c.has_taken(5).await;
    assert_eq!(c.got().iter().map(|g| g.cursor()).collect::<Vec<_>>(), second, "where b was, and not from {first:?}");
    let counted = || (view(&hooks, "a").delivered, view(&hooks, "b").delivered);
    until("a went on, b began anew", LONG, || counted() == (10, 5)).await;
    assert_eq!(a.got().len(), 10);
    // Another secret is another configuration.
    std::fs::write(dir.path().join("other.secret"), "short").unwrap();
    let bad = skyeye::config::Webhook { secret_file: dir.path().join("other.secret"), ..of_a.clone() };
    hooks.apply(std::slice::from_ref(&bad)).await;
    let degraded = hooks.degraded();
    assert!(degraded.len() == 1 && degraded[0].contains("shorter than 16"), "{degraded:?}");
    assert_eq!(hooks.views().len(), 1, "b is gone");
    // Where secrets lie is nobody's business who reads how the node is.
    let folder = skyeye::config::Webhook { secret_file: dir.path().to_owned(), ..of_a.clone() };
    for unusable in [bad, folder] {
        hooks.apply(std::slice::from_ref(&unusable)).await;
        let told = format!("{:?} {:?}", hooks.degraded(), hooks.views());
        let path = dir.path().to_str().unwrap();
        assert!(told.contains("secret_file") && !told.contains(path) && !told.contains("other.secret"), "{told}");
    }
    hooks.close().await;
}
