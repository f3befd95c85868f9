//! The ledger against a real file: what it reported committed is there after kill -9, once, and ends once; the outbox
//! keeps its order, gives up the least important first, and sends again what a crash may have taken from the broker.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use skyeye::{
    alert::AlertBook,
    config,
    outbox::{
        ActionError, AlertCommand, AlertFilter, AlertQuery, Changes, Committed, FactIn, Ledger, LedgerError,
        LedgerOptions,
    },
    types::{
        AreaId, ChannelId, Clock, Event, EventEnd, EventId, Message, NodeId, Phase, RuleId, RuleRef, Scope, Severity,
        SiteId, UserId,
        alert::{ActRefused, EventRefused},
        payload::{AlertAction, AlertPayload, AlertState, EventPayload, ResultPayload},
    },
};

fn options(dir: &Path) -> LedgerOptions {
    let alert = config::Alert::default();
    LedgerOptions {
        data_dir: dir.to_owned(),
        site: SiteId::new("site").unwrap(),
        node: NodeId::new("node-1").unwrap(),
        outbox: config::Outbox::default(),
        store: config::Store::default(),
        hold_acked_ms: 5000,
        retry_for: Duration::from_secs(30),
        clock: Clock::start(),
        fold: Box::new(AlertBook::new(alert)),
    }
}

/// Opens; waits for the writer of a handle that was dropped without `close` to let go of the directory.
async fn open(mut make: impl FnMut() -> LedgerOptions) -> Ledger {
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

fn fact(id: EventId, phase: Phase, channel: &str, severity: Severity) -> FactIn {
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
            channel: channel.clone(),
        },
        channel_name: "Gate".into(),
        area: vec![AreaId::new("town").unwrap(), AreaId::new("north").unwrap()],
        skew_ms: None,
        media: vec![],
    }
}

fn new_id() -> EventId {
    EventId::at(Clock::start().wall().0)
}

async fn all(ledger: &Ledger) -> Vec<Message> {
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

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn command(of: &Committed, action: AlertAction, author: &str, rev: Option<u64>) -> AlertCommand {
    AlertCommand { alert: of.alert, action, author: user(author), rev, note: None }
}

// ---- kill -9 ----

const CHILD: &str = "SKYEYE_TEST_LEDGER_CHILD";

fn child(dir: &Path, mode: &str) -> std::process::Child {
    #[allow(clippy::disallowed_methods)] // the test kills a process, so it needs one
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["the_process_that_is_killed", "--exact", "--nocapture"])
        .env(CHILD, format!("{mode}:{}", dir.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Not a test by itself: the process that `killed` starts and kills.
#[test]
fn the_process_that_is_killed() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let (mode, dir) = what.split_once(':').unwrap();
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n>{line}").unwrap();
        out.flush().unwrap();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(options(Path::new(dir))).await.unwrap();
        if mode == "ack" {
            for _ in 0..10 {
                ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
            }
            let rows = ledger.pending(0, 1000).await.unwrap();
            ledger.acked(rows.iter().map(|r| r.cursor).collect()).await.unwrap();
            while ledger.stats().outbox_rows > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            say("acked".into());
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let channel = format!("gate-{n}");
                    for round in 0u32.. {
                        let id = new_id();
                        let done = ledger.event(fact(id, Phase::Start, &channel, Severity::Low)).await.unwrap();
                        say(format!("start {id} {}", done.alert));
                        if round % 3 == 0 {
                            ledger.event(fact(id, Phase::Update, &channel, Severity::High)).await.unwrap();
                        }
                        if round % 4 != 3 {
                            ledger.event(fact(id, Phase::End, &channel, Severity::Low)).await.unwrap();
                            say(format!("end {id} {}", done.alert));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Runs the child for a while, kills it, gives what it said.
fn killed(dir: &Path, mode: &str, after: Duration, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut child = child(dir, mode);
    let out = child.stdout.take().unwrap();
    let (tx, rx) = std::sync::mpsc::sync_channel(100_000);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(said) = line.strip_prefix('>') {
                tx.send(said.to_owned()).unwrap();
            }
        }
    });
    let mut said = Vec::new();
    while !enough(&said) {
        said.push(rx.recv_timeout(Duration::from_secs(20)).expect("the child says nothing"));
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    said.extend(rx.try_iter());
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reported_committed_survives_kill_9_and_ends_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut started = HashMap::new();
    let mut ended = HashSet::new();
    let rounds = 20;
    for round in 0..rounds {
        let wait = Duration::from_millis(rand::random_range(0..250));
        let path = dir.path().to_owned();
        let said = tokio::task::spawn_blocking(move || killed(&path, "write", wait, |said| said.len() > 20));
        for line in said.await.unwrap() {
            let mut words = line.split(' ');
            let (what, id) = (words.next().unwrap(), words.next().unwrap().to_owned());
            match what {
                "start" => drop(started.insert(id, words.next().unwrap().to_owned())),
                _ => drop(ended.insert(id)),
            }
        }
        // Every other time the next child finds the file as the kill left it.
        if round % 2 == 1 || round == rounds - 1 {
            let ledger = Ledger::open(options(dir.path())).await.unwrap();
            check_whole(&ledger, &started, &ended).await;
            ledger.close().await;
        }
    }
    println!("{} starts and {} ends were reported over {rounds} kills", started.len(), ended.len());
}

/// Everything that was said is there, once; every start has one end; the orders have no gap and never go back.
async fn check_whole(ledger: &Ledger, started: &HashMap<String, String>, ended: &HashSet<String>) {
    let messages = all(ledger).await;
    let mut cursor = 0;
    let mut seqs: HashMap<uuid::Uuid, u64> = HashMap::new();
    let mut channel_seqs: HashMap<(uuid::Uuid, ChannelId), u64> = HashMap::new();
    let mut revs: HashMap<String, u64> = HashMap::new();
    let mut events: BTreeMap<String, (u32, Vec<EventEnd>, String)> = BTreeMap::new();
    for m in &messages {
        assert!(m.cursor.unwrap() > cursor, "cursors only grow");
        cursor = m.cursor.unwrap();
        let order = if m.topic.contains("/event/") {
            let p: EventPayload = serde_json::from_slice(&m.payload).unwrap();
            let seq = channel_seqs.entry((p.order.boot, p.channel.clone())).or_default();
            *seq += 1;
            assert_eq!(p.channel_seq, *seq);
            let event = events.entry(p.id.to_string()).or_default();
            match p.phase {
                Phase::Start => event.0 += 1,
                Phase::Update => assert!(event.0 == 1 && event.1.is_empty(), "an update outside of its event"),
                Phase::End => event.1.push(p.end.unwrap()),
            }
            event.2 = p.alert.unwrap().to_string();
            p.order
        } else {
            let p: AlertPayload = serde_json::from_slice(&m.payload).unwrap();
            let rev = revs.entry(p.id.to_string()).or_default();
            *rev += 1;
            assert_eq!(p.rev, *rev, "an alert's rev grows by one");
            p.order
        };
        assert_eq!(order.cursor, cursor);
        let seq = seqs.entry(order.boot).or_default();
        *seq += 1;
        assert_eq!(order.seq, *seq, "seq has no gap since the boot");
    }
    for (id, alert) in started {
        let (starts, ends, of) =
            events.get(id).unwrap_or_else(|| panic!("event {id} was reported committed and is gone"));
        assert_eq!((*starts, ends.len()), (1, 1), "event {id}: starts, ends {ends:?}");
        assert_eq!(of, alert);
        if ended.contains(id) {
            assert_eq!(ends[0], EventEnd::Cleared, "event {id} was reported ended");
        }
        let now = ledger.event_by_id(id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(now.phase, Phase::End);
    }
    for (id, (starts, ends, _)) in &events {
        assert_eq!((*starts, ends.len()), (1, 1), "event {id}: starts, ends {ends:?}");
    }
    assert!(events.values().any(|e| e.1 == [EventEnd::Interrupted]), "the kills left events open");
    assert_eq!(ledger.stats().open_events, 0);
    let waiting = ledger.stats().outbox_rows;
    assert_eq!(usize::try_from(waiting).unwrap(), messages.len(), "nothing was confirmed, so everything waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_just_before_a_kill_goes_out_again_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    tokio::task::spawn_blocking(move || killed(&path, "ack", Duration::ZERO, |said| said.len() == 1)).await.unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let rows = ledger.pending(0, 1000).await.unwrap();
    // 10 starts and the alert's 10 revisions, then 10 interrupted ends with theirs.
    assert_eq!(rows.len(), 40);
    let messages = all(&ledger).await;
    assert!(rows.iter().zip(&messages).all(|(r, m)| r.payload == m.payload && Some(r.cursor) == m.cursor));
    assert_eq!(ledger.stats().outbox_rows, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_rows_are_gone_after_a_clean_stop_or_their_time() {
    let dir = tempfile::tempdir().unwrap();
    for hold_acked_ms in [5000, 0] {
        let make = || LedgerOptions { hold_acked_ms, ..options(dir.path()) };
        let ledger = open(make).await;
        let id = new_id();
        ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
        ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
        let rows = ledger.pending(0, 10).await.unwrap();
        assert_eq!(rows.len(), 4);
        ledger.acked(rows.iter().map(|r| r.cursor).collect()).await.unwrap();
        assert!(ledger.pending(0, 10).await.unwrap().is_empty(), "confirmed rows are not given again");
        ledger.close().await;
        assert!(matches!(ledger.acked(vec![1]).await, Err(LedgerError::Closed)));
        let ledger = open(make).await;
        assert!(ledger.pending(0, 10).await.unwrap().is_empty(), "hold {hold_acked_ms}");
        assert_eq!(ledger.stats().outbox_rows, 0);
        ledger.close().await;
    }
    // The time of grace passes while running; then an unclean stop takes nothing back.
    let make = || LedgerOptions { hold_acked_ms: 100, ..options(dir.path()) };
    let ledger = open(make).await;
    let id = new_id();
    ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    let rows = ledger.pending(0, 10).await.unwrap();
    ledger.acked(rows.iter().map(|r| r.cursor).collect()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(ledger.store().reader()).await.unwrap();
    assert_eq!(left, 0);
    drop(ledger);
    assert!(open(make).await.pending(0, 10).await.unwrap().is_empty());
}

// ---- one writer ----

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
    assert_eq!(ledger.stats().messages, 2000);
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

// ---- people ----

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
    let long = AlertCommand { note: Some("x".repeat(5000)), ..command(&opened, AlertAction::Resolve, "li", None) };
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
    let c = || Ok(command(&opened, AlertAction::Acknowledge, "li", Some(1)));
    let (first, second) = tokio::join!(ledger.command(&li, "r-1", c()), ledger.command(&li, "r-1", c()));
    let third = ledger.command(&li, "r-1", c()).await.unwrap();
    for answer in [&first.unwrap(), &second.unwrap(), &third] {
        assert!(answer.ok && answer.rev == Some(2) && answer.alert == Some(opened.alert), "{answer:?}");
    }
    assert_eq!(ledger.alert(opened.alert).await.unwrap().unwrap().alert.rev, 2);
    // Another's request with the same name is another request.
    let wang = ledger.command(&user("wang"), "r-1", Ok(command(&opened, AlertAction::Acknowledge, "wang", None))).await;
    assert_eq!(wang.unwrap().error.as_deref(), Some("li has taken this alert already"));
    let broken = ledger.command(&li, "r-2", Err("the command is not JSON".into())).await.unwrap();
    assert!(!broken.ok && broken.error.as_deref() == Some("the command is not JSON"));
    assert!(matches!(ledger.command(&li, "a/b", c()).await, Err(LedgerError::Request(_))));
    let results: Vec<_> = all(&ledger).await.into_iter().filter(|m| m.topic.contains("/result/")).collect();
    assert_eq!(results.len(), 5);
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

// ---- bounds and faults ----

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_gives_up_the_least_important_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = config::Outbox { max_bytes: 80_000, ..Default::default() };
    let make = || LedgerOptions { outbox: outbox.clone(), ..options(dir.path()) };
    let ledger = open(make).await;
    let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    // One alert, so that what fills the outbox is mostly events and that alert.
    let mut ids = Vec::new();
    for n in 0..60 {
        let id = new_id();
        ledger.event(fact(id, Phase::Start, "gate", severities[n % 4])).await.unwrap();
        ids.push(id);
    }
    let stats = ledger.stats();
    assert!(stats.outbox_bytes <= 80_000, "{stats:?}");
    assert!(stats.dropped[0] > 0 && stats.dropped[3] == 0, "{stats:?}");
    let left = ledger.pending(0, 1000).await.unwrap();
    assert_eq!(left.len() as i64, stats.outbox_rows);
    let events = |s| left.iter().filter(|r| r.topic.contains("/event/") && r.severity == s).count();
    let alerts = left.iter().filter(|r| r.topic.contains("/alert/")).count();
    println!("left of 15 each: {:?}; of 60 alert rows {alerts}; {stats:?}", severities.map(events));
    assert_eq!(events(Severity::Critical), 15);
    assert!(events(Severity::Low) < events(Severity::Critical));
    for (lower, higher) in severities.iter().zip(&severities[1..]) {
        assert!(events(*lower) == 0 || events(*higher) == 15, "{lower:?} left although {higher:?} was given up");
    }
    assert!(alerts == 60 || events(Severity::High) == 0, "alerts go after events below critical");
    // Given up for the broker, still there for `/changes`, and the count outlives the process.
    assert_eq!(all(&ledger).await.len(), 120);
    ledger.close().await;
    drop(ledger);
    let ledger = open(make).await;
    // The restart ended 60 open events, which gave up some more.
    let after = ledger.stats().dropped;
    assert!(after.iter().zip(stats.dropped).all(|(now, then)| *now >= then), "{after:?} {stats:?}");
    assert!(ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.is_ok(), "facts flow on");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_no_longer_kept_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = config::Outbox { keep_changes_h: 0, ..Default::default() };
    let make = || LedgerOptions { outbox: outbox.clone(), hold_acked_ms: 0, ..options(dir.path()) };
    let ledger = open(make).await;
    let id = new_id();
    let first = ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    ledger.acked(vec![first.cursor, first.cursor + 1, first.cursor + 2]).await.unwrap();
    ledger.close().await;
    drop(ledger);
    let ledger = open(make).await;
    assert!(matches!(ledger.changes(0, 10).await.unwrap(), Changes::Here { .. }), "nothing is deleted yet");
    ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap();
    for _ in 0..100 {
        if matches!(ledger.changes(0, 10).await.unwrap(), Changes::Gone) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(ledger.changes(first.cursor + 1, 10).await.unwrap(), Changes::Gone));
    match ledger.changes(first.cursor + 2, 10).await.unwrap() {
        // The fourth waits for the broker, whatever its age.
        Changes::Here { messages, .. } => assert_eq!(messages.len(), 3),
        Changes::Gone => panic!("behind the deleted ones nothing is missing"),
    }
    assert!(ledger.event_by_id(id).await.unwrap().is_some(), "history stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_tried_again_and_never_reported_as_done() {
    let dir = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::open(LedgerOptions { retry_for: Duration::from_millis(200), ..options(dir.path()) }).await.unwrap();
    let id = new_id();
    ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    // The disk is full, as far as this connection is concerned: the retry opens another.
    sqlx::query("PRAGMA max_page_count = 1").execute(ledger.store().writer()).await.unwrap();
    for _ in 0..50 {
        ledger.event(fact(id, Phase::Update, "gate", Severity::Low)).await.unwrap();
    }
    assert!(ledger.stats().failed_writes > 0, "{:?}", ledger.stats());
    assert!(ledger.degraded().is_empty(), "it recovered by itself");
    let before = ledger.stats();

    // Another process holds the database: a bounded wait, then an error, and nothing of the batch exists.
    let path = dir.path().join("skyeye.db");
    let mut other =
        sqlx::ConnectOptions::connect(&sqlx::sqlite::SqliteConnectOptions::new().filename(&path)).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let waiting = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await }
    });
    let lost = waiting.await.unwrap();
    assert!(matches!(lost, Err(LedgerError::Lost { .. })), "{lost:?}");
    assert!(ledger.degraded()[0].contains("cannot be written"), "{:?}", ledger.degraded());
    assert_eq!(ledger.stats().cursor, before.cursor);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();

    // The same fact again: as if it had never been tried, without a gap in any order.
    ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    assert!(ledger.degraded().is_empty());
    let messages = all(&ledger).await;
    let seqs: Vec<u64> = messages
        .iter()
        .map(|m| serde_json::from_slice::<serde_json::Value>(&m.payload).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let last: EventPayload = serde_json::from_slice(&messages[messages.len() - 2].payload).unwrap();
    assert_eq!((last.phase, last.channel_seq), (Phase::End, 52));
}
