//! Full outboxes, failing disks, damaged files, old records.

use std::time::Duration;

use skyeye::{
    alert::AlertBook,
    config,
    outbox::{Changes, Fold, Ledger, LedgerError, LedgerOptions},
    store::{DATABASE, alerts::joinable, check::check},
    types::{
        Clock, EventId, Phase, Severity, Wall,
        handling::How,
        payload::{AlertAction, AlertState, EventPayload},
    },
};

use super::support::*;

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
async fn a_full_outbox_gives_up_copies_before_any_original() {
    let dir = tempfile::tempdir().unwrap();
    let feeds = vec![config::Feed { id: "town".parse().unwrap(), areas: vec!["town".parse().unwrap()] }];
    let outbox = config::Outbox { max_bytes: 120_000, ..Default::default() };
    let ledger = Ledger::open(LedgerOptions { outbox, feeds, ..options(dir.path()) }).await.unwrap();
    let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let mut before = 0;
    for n in 0..100 {
        ledger.event(fact(new_id(), Phase::Start, "gate", severities[n % 4])).await.unwrap();
        let left = ledger.pending(0, 1000).await.unwrap();
        let copies = left.iter().filter(|r| r.topic.contains("/feed/")).count();
        let originals = left.len() - copies;
        assert!(originals == before + 2 || copies == 0, "an original went and {copies} copies are left");
        before = originals;
    }
    assert!(before < 200, "it was full");
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
async fn what_a_start_writes_is_counted_once_among_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(|| LedgerOptions { hold_acked_ms: 0, ..options(dir.path()) }).await;
    for n in 0..50 {
        ledger.event(fact(new_id(), Phase::Start, &format!("c-{n}"), Severity::Low)).await.unwrap();
    }
    let bytes = ledger.stats().outbox_bytes;
    let rows = ledger.pending(0, 1000).await.unwrap();
    ledger.acked(rows.iter().map(|r| r.cursor).collect()).await.unwrap();
    while ledger.stats().outbox_rows > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ledger.close().await;
    // The ends of the open events are as much again. Both are below twice the bound, and with the ends twice above it.
    let outbox = config::Outbox { max_bytes: bytes.unsigned_abs() * 5 / 4, ..Default::default() };
    let ledger = open(|| LedgerOptions { outbox: outbox.clone(), ..options(dir.path()) }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(matches!(ledger.changes(0, 10).await.unwrap(), Changes::Here { .. }), "nothing was too much");
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

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_brought_into_the_file_while_facts_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let bytes = || std::fs::metadata(dir.path().join(DATABASE)).unwrap().len();
    let before = bytes();
    for n in 0..100 {
        ledger.event(fact(new_id(), Phase::Start, &format!("c-{n}"), Severity::Low)).await.unwrap();
    }
    for _ in 0..250 {
        if bytes() > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the file has {before} bytes still");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_a_batch_that_got_to_disk_although_its_commit_failed_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::open(LedgerOptions { retry_for: Duration::from_millis(200), ..options(dir.path()) }).await.unwrap();
    let id = new_id();
    ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    let path = dir.path().join(DATABASE);
    let mut other =
        sqlx::ConnectOptions::connect(&sqlx::sqlite::SqliteConnectOptions::new().filename(&path)).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let lost = ledger.event(fact(id, Phase::Update, "gate", Severity::Low)).await;
    assert!(matches!(lost, Err(LedgerError::Lost { .. })), "{lost:?}");
    // As if that had been written after all: an event and its alert.
    sqlx::raw_sql(
        "INSERT INTO message (cursor, at_ms, topic, retain, payload) VALUES (3, 0, 'e', 0, x''), (4, 0, 'a', 0, x'');
         INSERT INTO outbox (cursor, rank, severity, bytes) VALUES (3, 0, 0, 65), (4, 0, 0, 65); COMMIT",
    )
    .execute(&mut other)
    .await
    .unwrap();
    let next = ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    assert_eq!(next.cursor, 5);
    let end = ledger.event_by_id(id).await.unwrap().unwrap();
    assert_eq!((end.phase, end.order.seq, end.channel_seq), (Phase::End, 5, 3));
    // The copy in memory has a gap where they are.
    let rows = ledger.pending(2, 10).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.cursor).collect::<Vec<_>>(), [3, 4, 5, 6]);
    let stats = ledger.stats();
    let waiting: (i64, i64) =
        sqlx::query_as("SELECT count(*), sum(bytes) FROM outbox").fetch_one(ledger.store().reader()).await.unwrap();
    assert_eq!((stats.outbox_rows, stats.outbox_bytes), waiting);
    assert_eq!(waiting.0, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_reads_of_what_is_over_only_what_can_be_joined_and_a_bounded_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let mut opened = Vec::new();
    for n in 0..4 {
        let (id, channel) = (new_id(), format!("c-{n}"));
        opened.push(ledger.event(fact(id, Phase::Start, &channel, Severity::Low)).await.unwrap().alert);
        ledger.event(fact(id, Phase::End, &channel, Severity::Low)).await.unwrap();
    }
    let book = |cfg| Fold::remembers_ms(&AlertBook::new(cfg));
    assert_eq!(book(config::Alert::default()), 3_600_000, "not a day");
    assert_eq!(book(config::Alert { join_s: 7200, ..Default::default() }), 7_200_000);
    let mut conn = ledger.store().reader().acquire().await.unwrap();
    let found = joinable(&mut conn, Wall(0), 3).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|a| a.unwrap().id).collect();
    opened.reverse();
    assert_eq!(found, opened[..3], "the newest");
    let later = Clock::start().wall().0 + 1000;
    assert!(joinable(&mut conn, Wall(later), 3).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_for_a_while_makes_no_source_chatter() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerOptions { retry_for: Duration::ZERO, ..options(dir.path()) }).await.unwrap();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    sqlx::query(broken).execute(ledger.store().writer()).await.unwrap();
    let intruder = person("gate", Severity::Medium);
    for _ in 0..8 {
        let lost = ledger.event(intruder.clone()).await;
        assert!(matches!(lost, Err(LedgerError::Lost { .. })), "{lost:?}");
    }
    sqlx::query("DROP TRIGGER broken").execute(ledger.store().writer()).await.unwrap();
    let written = ledger.event(intruder).await.unwrap();
    let handling = ledger.alert(written.alert).await.unwrap().unwrap().alert.handling;
    assert_eq!((handling.showing.how, handling.chattering), (How::Row, false), "one event is no chatter");
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offline_check_finds_each_broken_promise() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE);
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    for n in 0..3 {
        let id = new_id();
        let opened = ledger.event(fact(id, Phase::Start, &format!("c-{n}"), Severity::Low)).await.unwrap();
        if n > 0 {
            ledger.event(fact(id, Phase::End, &format!("c-{n}"), Severity::Low)).await.unwrap();
        }
        ledger.act(command(&opened, AlertAction::Acknowledge, "li", None)).await.unwrap();
    }
    // Beside the running gateway.
    let report = check(&file).await.unwrap();
    assert!(report.good(), "{:?}", report.problems);
    assert_eq!((report.events, report.open_events, report.alerts, report.messages), (3, 1, 3, 13));
    ledger.close().await;

    for (sql, says) in [
        ("UPDATE alert SET active = 1 - active, rev = rev + 1", "active, yet"),
        ("UPDATE alert SET rev = rev + 1", "tells of rev"),
        ("DELETE FROM alert_change", "its history ends at None"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM message WHERE cursor = 1", "message 1, which is not there"),
        ("UPDATE event SET payload = x'7b7d' WHERE ended_cursor IS NULL", "cannot be read"),
        ("UPDATE event SET ended = 'lost', ended_cursor = 99 WHERE ended_cursor IS NULL", "payload says otherwise"),
        (
            "INSERT INTO message SELECT 1000, at_ms, topic, retain, channel, area, user, payload FROM message
             WHERE CAST(payload AS TEXT) ->> '$.phase' = 'end' LIMIT 1",
            "to end 2 times",
        ),
    ] {
        let copy = dir.path().join("copy.db");
        std::fs::copy(&file, &copy).unwrap();
        let mut conn =
            sqlx::ConnectOptions::connect(&sqlx::sqlite::SqliteConnectOptions::new().filename(&copy)).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();
        let report = check(&copy).await.unwrap();
        assert!(report.problems.iter().any(|p| p.contains(says)), "{sql}: {:?}", report.problems);
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(dir.path().join(format!("copy.db{suffix}"))));
        }
    }
    // Damage in the middle of the file is told, not a panic.
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let told = check(&file).await;
    assert!(told.as_ref().map_or(true, |r| !r.good()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_moved_aside_and_facts_flow_on() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let id = new_id();
    let before = ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    ledger.close().await;
    let file = dir.path().join(DATABASE);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    assert!(ledger.degraded()[0].contains("damaged"), "{:?}", ledger.degraded());
    let after = ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    assert!(after.cursor > before.cursor + 1000 && after.cursor < 1 << 53, "{after:?}");
    assert!(matches!(ledger.changes(before.cursor, 10).await.unwrap(), Changes::Gone));
    assert_eq!(ledger.pending(before.cursor, 10).await.unwrap().len(), 2);
    ledger.close().await;
    // Cursors go on from there although this file is not a fresh one any more.
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    assert!(ledger.degraded().is_empty());
    assert!(ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap().cursor > after.cursor);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_nobody_took_for_a_week_is_closed_by_the_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    let mut alerts = Vec::new();
    for channel in ["old", "old-taken", "young"] {
        let id = new_id();
        alerts.push(ledger.event(fact(id, Phase::Start, channel, Severity::Low)).await.unwrap());
        ledger.event(fact(id, Phase::End, channel, Severity::Low)).await.unwrap();
    }
    ledger.act(command(&alerts[1], AlertAction::Acknowledge, "li", None)).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER alert_rev_grows; UPDATE alert SET updated_ms = 0 WHERE channel LIKE 'old%'")
        .execute(ledger.store().writer())
        .await
        .unwrap();
    ledger.close().await;
    let ledger = Ledger::open(options(dir.path())).await.unwrap();
    ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap();
    let state = async |n: usize| ledger.alert(alerts[n].alert).await.unwrap().unwrap();
    for _ in 0..100 {
        if state(0).await.alert.state == AlertState::Closed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let closed = state(0).await;
    assert_eq!(closed.alert.state, AlertState::Closed);
    let last = closed.history.last().unwrap();
    assert!(last.author.is_none() && last.action == "close" && last.note.is_some());
    assert_eq!(state(1).await.alert.state, AlertState::Acknowledged, "somebody works on it");
    assert_eq!(state(2).await.alert.state, AlertState::New);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_far_ahead_deletes_and_closes_nothing() {
    const HOUR_MS: i64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let make = || LedgerOptions { hold_acked_ms: 0, ..options(dir.path()) };
    let ledger = open(make).await;
    let wall = Clock::start().wall().0;
    // As a node left it whose clock now shows two hundred days too many.
    let left = wall - 200 * 24 * HOUR_MS;
    let id = EventId::at(left - HOUR_MS);
    let opened = ledger.event(fact(id, Phase::Start, "gate", Severity::Low)).await.unwrap();
    let ended = ledger.event(fact(id, Phase::End, "gate", Severity::Low)).await.unwrap();
    ledger.acked((1..=ended.cursor + 1).collect()).await.unwrap();
    let set = async |ledger: &Ledger, sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(ledger.store().writer()).await.unwrap();
    };
    let time = |at: i64| format!("INSERT OR REPLACE INTO meta (key, value) VALUES ('time', '{at}')");
    ledger.close().await;
    drop(ledger);
    // Between two processes, so that no piece of the first tells the time behind it.
    let ledger = open(make).await;
    let old = left - HOUR_MS;
    let rows = format!("UPDATE message SET at_ms = {old}; UPDATE alert SET updated_ms = {old}");
    set(&ledger, format!("DROP TRIGGER alert_rev_grows; {rows}")).await;
    set(&ledger, time(left)).await;
    ledger.close().await;
    drop(ledger);

    let ledger = open(make).await;
    ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap();
    assert!(ledger.time_of_ages().0 < left + 24 * HOUR_MS);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(ledger.event_by_id(id).await.unwrap().is_some());
    assert!(matches!(ledger.changes(0, 10).await.unwrap(), Changes::Here { .. }));
    assert_eq!(ledger.alert(opened.alert).await.unwrap().unwrap().alert.state, AlertState::New);
    let told = sqlx::query_scalar::<_, String>("SELECT value FROM meta WHERE key = 'time'");
    let told = told.fetch_one(ledger.store().reader()).await.unwrap();
    assert_eq!(told, left.to_string(), "a start alone moves it by no hour");
    // What a node that ran meanwhile would have written down: then all of it is old.
    set(&ledger, time(wall)).await;
    ledger.close().await;
    drop(ledger);

    // Messages in one round, history and forgotten alerts in the next: each start begins one.
    let ledger = open(make).await;
    ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap();
    for _ in 0..200 {
        if matches!(ledger.changes(0, 10).await.unwrap(), Changes::Gone) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(ledger.changes(0, 10).await.unwrap(), Changes::Gone));
    ledger.close().await;
    drop(ledger);
    let ledger = open(make).await;
    ledger.event(fact(new_id(), Phase::Start, "door", Severity::Low)).await.unwrap();
    for _ in 0..200 {
        if ledger.alert(opened.alert).await.unwrap().unwrap().alert.state == AlertState::Closed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ledger.alert(opened.alert).await.unwrap().unwrap().alert.state, AlertState::Closed);
    assert!(ledger.event_by_id(id).await.unwrap().is_none());
}
