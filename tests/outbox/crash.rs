//! Kill -9, clean stops and restarts.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    time::Duration,
};

use skyeye::{
    outbox::{Ledger, LedgerError, LedgerOptions},
    store::{DATABASE, check::check},
    types::{
        ChannelId, Clock, EventEnd, Phase, Severity,
        payload::{AlertPayload, EventPayload},
    },
};

use super::support::*;

const CHILD: &str = "SKYEYE_TEST_LEDGER_CHILD";

fn child(dir: &Path, mode: &str) -> std::process::Child {
    #[allow(clippy::disallowed_methods)] // the test kills a process, so it needs one
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["crash::the_process_that_is_killed", "--exact", "--nocapture"])
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
        if mode == "flood" {
            let ledger = Ledger::open(flooding(Path::new(dir), 600)).await.unwrap();
            happen(&ledger, 0..9).await;
            let state = ledger.positions().remove(0);
            say(serde_json::to_string(&state.flood).unwrap());
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
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

/// Somebody comes into the picture of each of these channels, one after another.
async fn happen(ledger: &Ledger, channels: std::ops::Range<u32>) {
    for n in channels {
        // Within one millisecond they would be one happening seen twice.
        tokio::time::sleep(Duration::from_millis(3)).await;
        ledger.event(person(&format!("gate-{n}"), Severity::Medium)).await.unwrap();
    }
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
            let interrupted = check_whole(&ledger, &started, &ended).await;
            assert!(interrupted || round < rounds - 1, "the kills left events open");
            ledger.close().await;
            let report = check(&dir.path().join(DATABASE)).await.unwrap();
            assert!(report.good(), "{:?}", report.problems);
            assert!(report.open_events == 0 && report.events >= started.len() as u64, "{report:?}");
        }
    }
    println!("{} starts and {} ends were reported over {rounds} kills", started.len(), ended.len());
}

/// Everything that was said is there, once; every start has one end; the orders have no gap and never go back. Gives
/// whether a start ended an event that a kill had left open.
async fn check_whole(ledger: &Ledger, started: &HashMap<String, String>, ended: &HashSet<String>) -> bool {
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
    assert_eq!(ledger.stats().open_events, 0);
    let waiting = ledger.stats().outbox_rows;
    assert_eq!(usize::try_from(waiting).unwrap(), messages.len(), "nothing was confirmed, so everything waits");
    events.values().any(|e| e.1 == [EventEnd::Interrupted])
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
async fn confirmed_rows_go_out_again_after_a_stop_in_which_the_broker_synced_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(|| options(dir.path())).await;
    let id = new_id();
    ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    let confirmed: Vec<i64> = ledger.pending(0, 10).await.unwrap().iter().map(|r| r.cursor).collect();
    assert_eq!(confirmed.len(), 4);
    ledger.acked(confirmed.clone()).await.unwrap();
    ledger.close_unsynced().await;
    let ledger = open(|| options(dir.path())).await;
    let again: Vec<i64> = ledger.pending(0, 10).await.unwrap().iter().map(|r| r.cursor).collect();
    assert_eq!(again, confirmed);
    ledger.close().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_goes_on_after_kill_9_and_its_digest_counts_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let said =
        tokio::task::spawn_blocking(move || killed(&path, "flood", Duration::ZERO, |said| said.len() == 1)).await;
    let before: serde_json::Value = serde_json::from_str(&said.unwrap()[0]).unwrap();
    assert_eq!(before["rows"].as_u64().unwrap() + before["collapsed"].as_u64().unwrap(), 7, "{before}: nine less two");

    let ledger = open(|| flooding(dir.path(), 600)).await;
    let flood = ledger.positions().remove(0).flood.expect("it is flooded still");
    assert_eq!(serde_json::to_value(&flood).unwrap(), before);
    happen(&ledger, 9..10).await;
    let next = ledger.positions().remove(0).flood.unwrap();
    assert_eq!(next.collapsed, flood.collapsed + 1, "it goes under a row from before the kill");
    happen(&ledger, 10..11).await;
    let after = ledger.positions().remove(0).flood.unwrap();
    assert_eq!((after.since, after.rows + after.collapsed), (flood.since, 9));
    // Without `close`, as a kill leaves it.
    drop(ledger);
    let gone = Clock::start().wall();

    // Then the last row is older than a window of one second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ledger = open(|| flooding(dir.path(), 1)).await;
    let mut state = ledger.positions().remove(0);
    for _ in 0..100 {
        if state.flood.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        state = ledger.positions().remove(0);
    }
    assert_eq!(state.flood, None);
    let digest = state.digest.expect("what it came to");
    assert_eq!((digest.since, digest.rows, digest.collapsed), (after.since, after.rows, after.collapsed));
    assert_eq!(digest.came.iter().map(|c| c.count).sum::<u64>(), 9);
    assert_eq!(digest.leads.iter().map(|l| l.under).sum::<u64>(), after.collapsed);
    assert!(digest.until.0 <= gone.0 + 1000, "it ended while nothing ran: {digest:?}");
    for lead in &digest.leads {
        let history = ledger.alert(lead.alert).await.unwrap().unwrap().history;
        assert_eq!(history.iter().filter(|h| h.action == "digest").count(), 1, "{history:?}");
    }
    ledger.close().await;
    let ledger = open(|| flooding(dir.path(), 600)).await;
    assert_eq!(ledger.positions().remove(0).digest, Some(digest), "it stands until there is another flood");
    ledger.close().await;
}
