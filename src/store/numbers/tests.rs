//! What SQL counts is what a loop over the same alerts counts, whatever they are, for whom, and when.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    config,
    store::{Store, alerts, facts::Facts},
    types::{
        Clock, EventId, RuleRef,
        alert::{Alert, AlertHistory},
        handling::{Because, Handling, How, ResultCode, Shelf, Showing},
    },
};

const MINUTE: i64 = 60_000;
const FROM: i64 = 1_795_000_000_000;
const TO: i64 = FROM + 5 * 60 * MINUTE + 123;

/// xorshift64*: the same alerts at every run of a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
    fn time(&mut self) -> i64 {
        FROM - 40 * MINUTE + self.below(6 * 60) as i64 * MINUTE + self.below(60_000) as i64
    }
}

struct Sample {
    alert: Alert,
    history: Vec<AlertHistory>,
}

impl Sample {
    fn row(&self) -> Option<i64> {
        let showing = &self.alert.handling.showing;
        (showing.how == How::Row).then(|| showing.since.unwrap().0)
    }
    fn source(&self) -> (String, String) {
        (self.alert.channel.to_string(), self.alert.rule.id.to_string())
    }
    /// When a person first brought the row into one of these states; `None` also where it became one in such a state.
    fn reached(&self, states: &[AlertState]) -> Option<i64> {
        let row = self.row()?;
        let (before, since): (Vec<_>, Vec<_>) = self.history.iter().partition(|h| h.at.0 < row);
        if before.last().is_some_and(|h| states.contains(&h.to)) {
            return None;
        }
        since.iter().find(|h| h.author.is_some() && states.contains(&h.to)).map(|h| h.at.0)
    }
    /// Nobody had it when it became a row.
    fn began_new(&self) -> bool {
        let before = self.history.iter().rfind(|h| h.at.0 < self.row().unwrap());
        before.is_none_or(|h| h.to == AlertState::New)
    }
}

const AREAS: [&[&str]; 4] = [&["city", "north"], &["city", "north", "grid"], &["city", "northern"], &[]];

fn sample(dice: &mut Dice, i: u64) -> Sample {
    use AlertState as S;
    let opened = dice.time();
    let how = dice.one(&[How::Row, How::Row, How::Row, How::Held, How::Under, How::Brief]);
    let because = (how != How::Row).then(|| dice.one(&[Because::Weak, Because::Chattering, Because::Flood]));
    let since = opened + dice.below(90_000) as i64;
    let severity = |n| [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][n as usize];
    let state = dice.one(&[S::New, S::Acknowledged, S::Dispatched, S::Resolved, S::Closed]);
    let result = dice.one(&[None, None, Some(ResultCode::True), Some(ResultCode::False), Some(ResultCode::Nuisance)]);
    let area = dice.one(&AREAS);
    let channel = format!("c{}", dice.below(14));
    let mut history = Vec::new();
    // Some are taken, given back or done before they become a row.
    let mut at = since - dice.one(&[5_000, 90 * MINUTE]);
    for rev in 1..=dice.below(6) + 1 {
        at += dice.below(40 * 60_000) as i64;
        let author = dice.one(&[None, Some("ann"), Some("bob")]).map(|a| UserId::new(a).unwrap());
        history.push(AlertHistory {
            rev,
            at: Wall(at),
            note: author.as_ref().filter(|_| rev % 2 == 0).map(|a| format!("{a} says \"{i}\"")),
            author,
            action: "event".into(),
            from: None,
            to: dice.one(&[S::New, S::New, S::Acknowledged, S::Dispatched, S::Resolved, S::Closed]),
        });
    }
    let alert = Alert {
        id: AlertId(uuid::Uuid::from_u128(u128::from(i) + 1)),
        rev: history.len() as u64,
        channel_name: channel.clone(),
        channel: ChannelId::new(&channel).unwrap(),
        area: area.iter().map(|a| AreaId::new(a).unwrap()).collect(),
        kind: "presence".into(),
        state,
        severity: severity(dice.below(4)),
        rule: RuleRef { id: dice.one(&["people", "line"]).parse().unwrap(), revision: String::new() },
        zone: None,
        dedupe_key: String::new(),
        incident: None,
        first_event: EventId::at(opened),
        last_event: EventId::at(opened),
        events: 1,
        opened: Wall(opened),
        updated: Wall(opened),
        owner: None,
        objects: vec![],
        media: vec![],
        health: None,
        subjects: None,
        details: None,
        open_events: 0,
        last_end: None,
        limited: 0,
        handling: Handling {
            priority: Some(severity(dice.one(&[0, 0, 0, 1, 2, 3]))),
            position: Some(PositionId::new(dice.one(&["one", "two"])).unwrap()),
            showing: Showing { how, because, since: (how == How::Row).then_some(Wall(since)), ..Showing::default() },
            result,
            chattering: dice.below(5) == 0,
            held_back: dice.below(4),
            shelved: (dice.below(3) == 0).then(|| Shelf {
                by: UserId::new("ann").unwrap(),
                reason: "works".into(),
                at: Wall(opened),
                until: Wall(TO),
            }),
            ..Handling::default()
        },
    };
    Sample { alert, history }
}

async fn filled(samples: &[Sample]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &config::Store::default(), Clock::start()).await.unwrap();
    let mut conn = store.writer().acquire().await.unwrap();
    let node = "n1".parse().unwrap();
    let site = "nb".parse().unwrap();
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (i, s) in samples.iter().enumerate() {
        let cursor = i as i64 + 1;
        let order = crate::types::payload::Order { boot: uuid::Uuid::nil(), seq: 1, cursor };
        let payload = s.alert.payload(order, &node, &site, Wall(0));
        let payload = serde_json::to_vec(&payload).unwrap().into();
        rows.push((alerts::AlertRow { alert: s.alert.clone(), cursor, payload }, cursor));
        lines.extend(s.history.iter().map(|h| (s.alert.id, h.clone())));
    }
    Facts { alerts: &rows, history: &lines, ..Facts::default() }.write(&mut conn).await.unwrap();
    drop(conn);
    (dir, store)
}

fn nearest(mut all: Vec<i64>) -> Taken {
    all.sort_unstable();
    let at = |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).map_or(0, |ms| ms.unsigned_abs());
    Taken { count: all.len() as u64, p50_ms: at(50), p90_ms: at(90), max_ms: at(100) }
}

fn came_to<'a>(rows: impl Iterator<Item = &'a &'a Sample>) -> Judged {
    rows.fold(Judged::default(), |sum, s| {
        let result = s.alert.handling.result;
        Judged {
            judged: sum.judged + u64::from(result.is_some()),
            wrong: sum.wrong + u64::from(result == Some(ResultCode::False)),
            nuisance: sum.nuisance + u64::from(result == Some(ResultCode::Nuisance)),
        }
    })
}

async fn compare(store: &Store, samples: &[Sample], position: Option<&str>, roots: Option<&[&str]>) {
    let told = format!("position {position:?}, roots {roots:?}");
    let position = position.map(|p| PositionId::new(p).unwrap());
    let areas: Option<Vec<AreaId>> = roots.map(|r| r.iter().map(|a| AreaId::new(a).unwrap()).collect());
    let span = Span { from: Wall(FROM), to: Wall(TO), position: position.as_ref(), areas: areas.as_deref() };
    let seen = |s: &&Sample| {
        (position.is_none() || s.alert.handling.position == position)
            && areas.as_ref().is_none_or(|r| s.alert.area.iter().any(|a| r.contains(a)))
    };
    let within = |at: i64| (FROM..TO).contains(&at);
    let rows: Vec<&Sample> = samples.iter().filter(seen).filter(|s| s.row().is_some_and(within)).collect();
    let opened: Vec<&Sample> = samples.iter().filter(seen).filter(|s| within(s.alert.opened.0)).collect();
    let mut conn = store.reader().acquire().await.unwrap();

    let mut by_priority = [0; 4];
    rows.iter().for_each(|s| by_priority[s.alert.priority() as usize] += 1);
    let totals = Totals { rows: rows.len() as u64, by_priority, judged: came_to(rows.iter()) };
    assert_eq!(super::totals(&mut conn, span).await.unwrap(), totals, "{told}");

    for window_ms in [600_000, 45_000] {
        let mut slots: BTreeMap<u64, BTreeMap<&PositionId, u64>> = BTreeMap::new();
        for s in &rows {
            let slot = slots.entry((s.row().unwrap() / window_ms - FROM / window_ms) as u64).or_default();
            *slot.entry(s.alert.handling.position.as_ref().unwrap()).or_default() += 1;
        }
        let expected: Vec<Window> = slots
            .into_iter()
            .map(|(index, by)| Window {
                index,
                rows: by.values().sum(),
                largest: *by.values().max().unwrap(),
                flooded: by.values().filter(|n| **n > 4).count() as u64,
            })
            .collect();
        assert_eq!(windows(&mut conn, span, window_ms, 4).await.unwrap(), expected, "{told}, {window_ms} ms");
    }

    let mut by_source: BTreeMap<(String, String), Vec<&Sample>> = BTreeMap::new();
    rows.iter().for_each(|s| by_source.entry(s.source()).or_default().push(s));
    let mut expected: Vec<_> = by_source.into_iter().collect();
    expected.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
    let expected: Vec<Source> = expected
        .into_iter()
        .take(10)
        .map(|((channel, rule), of)| Source {
            channel: ChannelId::new(&channel).unwrap(),
            rule: rule.parse().unwrap(),
            kind: "presence".into(),
            rows: of.len() as u64,
            judged: came_to(of.iter()),
        })
        .collect();
    assert_eq!(sources(&mut conn, span, 10).await.unwrap(), expected, "{told}");

    let mut by_rule: BTreeMap<RuleId, Vec<&Sample>> = BTreeMap::new();
    rows.iter().for_each(|s| by_rule.entry(s.alert.rule.id.clone()).or_default().push(s));
    let mut expected: Vec<(RuleId, u64, Judged)> =
        by_rule.into_iter().map(|(rule, of)| (rule, of.len() as u64, came_to(of.iter()))).collect();
    expected.sort_by_key(|(_, n, j)| std::cmp::Reverse((j.wrong, *n)));
    assert_eq!(rules(&mut conn, span, 20).await.unwrap(), expected, "{told}");

    use AlertState as S;
    let now = Wall(TO - 30 * MINUTE);
    let due_ms = [60 * MINUTE, 30 * MINUTE, 5 * MINUTE, MINUTE];
    let after = |states: &[S]| {
        let found = rows.iter().filter_map(|s| Some(s.reached(states)? - s.row()?));
        nearest(found.collect())
    };
    let taken = [S::Acknowledged, S::Dispatched, S::Resolved, S::Closed];
    let due_of = |s: &Sample| due_ms[s.alert.priority() as usize];
    let expected = Times {
        acknowledged: after(&taken),
        resolved: after(&[S::Resolved, S::Closed]),
        due: (rows.iter().filter(|s| s.began_new()))
            .filter(|s| s.reached(&taken).is_some() || s.row().unwrap() + due_of(s) <= now.0)
            .count() as u64,
        in_time: (rows.iter())
            .filter(|s| s.reached(&taken).is_some_and(|at| at - s.row().unwrap() <= due_of(s)))
            .count() as u64,
    };
    assert_eq!(times(&mut conn, span, due_ms, now).await.unwrap(), expected, "{told}");

    let mut groups: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
    for s in opened.iter().filter(|s| s.row().is_none()) {
        let showing = &s.alert.handling.showing;
        let key = (showing.how.as_str().to_owned(), showing.because.map(|b| b.as_str().to_owned()));
        *groups.entry(key).or_default() += 1;
    }
    let groups = groups.into_iter().map(|((how, because), alerts)| Aside { how, because, alerts }).collect::<Vec<_>>();
    let held_back = opened.iter().map(|s| s.alert.handling.held_back).sum::<u64>();
    assert_eq!(aside(&mut conn, span).await.unwrap(), (groups, held_back), "{told}");

    let chatterers: BTreeSet<_> = opened.iter().filter(|s| s.alert.handling.chattering).map(|s| s.source()).collect();
    let (count, worst) = chattering(&mut conn, span, 3).await.unwrap();
    assert_eq!((count, worst.len()), (chatterers.len() as u64, chatterers.len().min(3)), "{told}");
    let alerts_of = |channel: &ChannelId, rule: &RuleId| {
        let all = opened.iter().filter(|s| s.alert.handling.chattering);
        all.filter(|s| s.alert.channel == *channel && s.alert.rule.id == *rule).count() as u64
    };
    for (channel, rule, n) in &worst {
        assert_eq!(*n, alerts_of(channel, rule), "{told}");
    }
    assert!(worst.windows(2).all(|w| w[0].2 >= w[1].2), "{told}");

    let open = [S::New, S::Acknowledged, S::Dispatched];
    let mut expected: Vec<(i64, AlertId)> =
        rows.iter().filter(|s| open.contains(&s.alert.state)).map(|s| (s.row().unwrap(), s.alert.id)).collect();
    expected.sort_unstable();
    let (count, list) = stale(&mut conn, span, 5).await.unwrap();
    assert_eq!(count, expected.len() as u64, "{told}");
    let listed: Vec<(i64, AlertId)> = list.iter().map(|s| (s.since.0, s.id)).collect();
    assert_eq!(listed, expected[..expected.len().min(5)], "{told}");
}

#[tokio::test]
async fn what_sql_counts_is_what_a_loop_counts() {
    for seed in 1..=4 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let samples: Vec<Sample> = (0..260).map(|i| sample(&mut dice, i)).collect();
        let (_dir, store) = filled(&samples).await;
        for position in [None, Some("one"), Some("none")] {
            for roots in [None, Some(&["north"][..]), Some(&["grid", "northern"]), Some(&[])] {
                compare(&store, &samples, position, roots).await;
            }
        }
        store.close().await;
    }
}

/// What was in somebody's hands before it was a row was neither taken at once nor in time; what came back from the shelf
/// waits anew.
#[tokio::test]
async fn times_begin_with_the_row() {
    use AlertState as S;
    let row = FROM + 60 * MINUTE;
    let line = |rev: u64, minutes: i64, author: Option<&str>, to: S| AlertHistory {
        rev,
        at: Wall(row + minutes * MINUTE),
        author: author.map(|a| UserId::new(a).unwrap()),
        action: "test".into(),
        from: None,
        to,
        note: None,
    };
    let by = Some("ann");
    let (none, once) = (Taken::default(), |minutes: u64| {
        let ms = minutes * 60_000;
        Taken { count: 1, p50_ms: ms, p90_ms: ms, max_ms: ms }
    });
    for (told, history, expected) in [
        (
            "taken and done while it was held back: no time of a row",
            vec![line(1, -9, None, S::New), line(2, -5, by, S::Acknowledged), line(3, -2, by, S::Resolved)],
            (none, none, 0, 0),
        ),
        (
            "taken before, noted and done as a row: the taking is no row's, the end is",
            vec![line(1, -5, by, S::Acknowledged), line(2, 1, by, S::Acknowledged), line(3, 7, by, S::Resolved)],
            (none, once(7), 0, 0),
        ),
        (
            "taken, given back, put aside and fetched back, and nobody took it since",
            vec![line(1, -50, by, S::Acknowledged), line(2, -40, by, S::New), line(3, 0, None, S::New)],
            (none, none, 1, 0),
        ),
        (
            "and somebody did, in time",
            vec![line(1, -50, by, S::Acknowledged), line(2, -40, by, S::New), line(3, 2, by, S::Acknowledged)],
            (once(2), none, 1, 1),
        ),
        (
            "taken in the very millisecond in which it became a row",
            vec![line(1, -1, None, S::New), line(2, 0, by, S::Acknowledged)],
            (once(0), none, 1, 1),
        ),
    ] {
        let mut one = sample(&mut Dice(5), 1);
        let showing = Showing { how: How::Row, because: None, since: Some(Wall(row)), ..Showing::default() };
        one.alert.handling.showing = showing;
        one.alert.handling.priority = Some(Severity::Low);
        one.history = history;
        let (_dir, store) = filled(&[one]).await;
        let mut conn = store.reader().acquire().await.unwrap();
        let span = Span { from: Wall(FROM), to: Wall(TO), position: None, areas: None };
        let found = times(&mut conn, span, [5 * MINUTE; 4], Wall(TO)).await.unwrap();
        let (acknowledged, resolved, due, in_time) = expected;
        assert_eq!(found, Times { acknowledged, resolved, due, in_time }, "{told}");
    }
}

#[tokio::test]
async fn unfinished_rows_come_most_urgent_first_with_what_was_said_last() {
    let mut dice = Dice(7);
    let samples: Vec<Sample> = (0..120).map(|i| sample(&mut dice, i)).collect();
    let (_dir, store) = filled(&samples).await;
    let position = PositionId::new("two").unwrap();
    let open = [AlertState::New, AlertState::Acknowledged, AlertState::Dispatched];
    let mut expected: Vec<&Sample> = samples
        .iter()
        .filter(|s| s.alert.handling.position.as_ref() == Some(&position))
        .filter(|s| s.row().is_some() && open.contains(&s.alert.state))
        .collect();
    expected.sort_by_key(|s| (std::cmp::Reverse(s.alert.priority()), s.row(), s.alert.id));
    let mut conn = store.reader().acquire().await.unwrap();
    let found = unfinished(&mut conn, &position, None, 1000).await.unwrap();
    let shelved = expected.iter().filter(|s| s.alert.handling.shelved.is_some()).count() as u64;
    assert_eq!((found.all, found.shelved, found.list.len()), (expected.len() as u64, shelved, expected.len()));
    assert!(expected.len() > 10 && shelved > 3, "the test compares nothing");
    for ((alert, said), s) in found.list.iter().zip(&expected) {
        assert_eq!(alert.id, s.alert.id);
        let last = s.history.iter().rev().find(|h| h.author.is_some() && h.note.is_some());
        let last = last.map(|h| (h.author.clone().unwrap(), h.at.0, h.note.clone().unwrap()));
        assert_eq!(said.clone().map(|s| (s.by, s.at_ms, s.text)), last);
    }
    let few = unfinished(&mut conn, &position, None, 3).await.unwrap();
    let told = (few.all, few.shelved, few.list.len());
    assert_eq!(told, (expected.len() as u64, shelved, 3), "bounded, and says how many there are of all");

    // One that cannot be read is counted, and the others are listed.
    sqlx::query("UPDATE alert SET payload = x'7b', rev = rev + 1 WHERE id = ?")
        .bind(&expected[0].alert.id.0.as_bytes()[..])
        .execute(store.writer())
        .await
        .unwrap();
    let found = unfinished(&mut conn, &position, None, 1000).await.unwrap();
    assert_eq!((found.all, found.list.len()), (expected.len() as u64, expected.len() - 1));
}

/// A tick of a procedure says nothing to the next shift, and neither does the result of what was opened again.
#[tokio::test]
async fn what_was_said_last_is_in_somebodys_words() {
    let line = |rev: u64, action: &str, note: Option<&str>| AlertHistory {
        rev,
        at: Wall(FROM + rev as i64),
        author: Some(UserId::new("ann").unwrap()),
        action: action.into(),
        from: Some(AlertState::Acknowledged),
        to: AlertState::Acknowledged,
        note: note.map(Into::into),
    };
    let tick = Some("procedure gate: step 2 done: 电话");
    let untick = Some("procedure gate-2.b: step 12 not done after all: Call: the guard\nnow");
    for (told, history, expected) in [
        (
            "ticks",
            vec![line(1, "note", Some("the gate sticks")), line(2, "note", tick), line(3, "note", untick)],
            Some("the gate sticks"),
        ),
        ("nothing but ticks", vec![line(1, "note", tick), line(2, "acknowledge", None)], None),
        (
            "a result and no words",
            vec![line(1, "feedback", Some("on our way")), line(2, "resolve", Some("false")), line(3, "reopen", None)],
            Some("on our way"),
        ),
        ("a result with words", vec![line(1, "resolve", Some("a cat, false"))], Some("a cat, false")),
        ("a note that is one word", vec![line(1, "note", Some("test"))], Some("test")),
        (
            "words like those of a tick",
            vec![line(1, "note", Some("procedure gate: step 2 takes long: call earlier"))],
            Some("procedure gate: step 2 takes long: call earlier"),
        ),
        (
            "a priority and nothing more",
            vec![line(1, "feedback", Some("on our way")), line(2, "priority", Some("low -> critical"))],
            Some("on our way"),
        ),
        ("a priority with words", vec![line(1, "priority", Some("low -> high: a fire"))], Some("low -> high: a fire")),
        (
            "who was sent and nothing more",
            vec![line(1, "acknowledge", Some("I look")), line(2, "dispatch", Some("巡逻车 7"))],
            Some("I look"),
        ),
        ("who was sent with words", vec![line(1, "dispatch", Some("巡逻车 7: quick"))], Some("巡逻车 7: quick")),
        ("a tick's words where somebody was sent", vec![line(1, "dispatch", tick)], tick),
    ] {
        let mut one = sample(&mut Dice(5), 1);
        one.alert.state = AlertState::Acknowledged;
        one.alert.handling.dispatched_to = Some("巡逻车 7".into());
        one.alert.handling.showing = Showing { how: How::Row, since: Some(Wall(FROM)), ..Showing::default() };
        one.history = history;
        let (_dir, store) = filled(std::slice::from_ref(&one)).await;
        let mut conn = store.reader().acquire().await.unwrap();
        let position = one.alert.handling.position.clone().unwrap();
        let found = unfinished(&mut conn, &position, None, 10).await.unwrap();
        let said = found.list[0].1.as_ref().map(|s| s.text.as_str());
        assert_eq!(said, expected, "{told}");
    }
}

/// How each statement comes by its alerts: the very statements that are run, along an index on the time or on what is open.
#[tokio::test]
async fn counting_goes_along_an_index() {
    let (_dir, store) = filled(&[]).await;
    let rows = "SEARCH alert USING INDEX alert_row_ms (row_ms>? AND row_ms<?)";
    let opened = "SEARCH alert USING INDEX alert_opened_ms (opened_ms>? AND opened_ms<?)";
    for (statement, way) in [
        (TOTALS, rows),
        (WINDOWS, rows),
        (SOURCES, rows),
        (RULES, rows),
        (TIMES, rows),
        (ASIDE, opened),
        (CHATTERING, opened),
        // It holds what is open, and nothing else.
        (STALE, "SCAN alert USING INDEX alert_rows"),
        (UNFINISHED, "SEARCH alert USING INDEX alert_position (position=?)"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(store.reader())
                .await
                .unwrap();
        let plan: Vec<String> = plan.into_iter().map(|p| p.3).collect();
        let table =
            |name: &str| -> Vec<&String> { plan.iter().filter(|p| p.split(' ').nth(1) == Some(name)).collect() };
        assert_eq!(table("alert"), [way], "{statement}: {plan:?}");
        assert!(table("c").iter().all(|p| p.contains("PRIMARY KEY (alert=?")), "{statement}: {plan:?}");
    }
}

/// What an alert of an older program says of itself in its payload stands in the new columns, and a payload that is none
/// stops no upgrade.
#[tokio::test]
async fn alerts_of_an_older_program_are_counted_too() {
    use sqlx::Connection;
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let before = [
        include_str!("../migrations/0001_facts.sql"),
        include_str!("../migrations/0004_handling.sql"),
        include_str!("../migrations/0005_columns.sql"),
    ];
    for text in before {
        sqlx::raw_sql(text).execute(&mut conn).await.unwrap();
    }
    let told = r#"{"showing":{"how":"under","because":"flood"},"chattering":true,"held_back":7}"#;
    for (id, payload) in [(1u8, told), (2, "{}"), (3, "no JSON")] {
        sqlx::query(
            "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, payload)
             VALUES (?1, ?2, ?2, 1, 'closed', 0, 1, 'c', 5, ?3)",
        )
        .bind(vec![id; 16])
        .bind(i64::from(id))
        .bind(payload.as_bytes())
        .execute(&mut conn)
        .await
        .unwrap();
    }
    sqlx::raw_sql(include_str!("../migrations/0007_handover.sql")).execute(&mut conn).await.unwrap();
    let columns: Vec<(String, Option<String>, bool, i64)> =
        sqlx::query_as("SELECT how, because, chattering, held_back FROM alert ORDER BY id")
            .fetch_all(&mut conn)
            .await
            .unwrap();
    let row = ("row".to_owned(), None, false, 0);
    assert_eq!(columns, [("under".to_owned(), Some("flood".to_owned()), true, 7), row.clone(), row]);
    let same = sqlx::query("UPDATE alert SET held_back = 8").execute(&mut conn).await.unwrap_err();
    assert!(same.to_string().contains("rev only grows"), "{same}");
}

/// What two have signed does not change any more, whoever writes to the table.
#[tokio::test]
async fn a_signed_handover_does_not_change() {
    let (_dir, store) = filled(&[]).await;
    sqlx::query(
        "INSERT INTO handover (position, state, from_ms, to_ms, outgoing, notes, written_ms, offered_ms, open_rows,
                               shelved_rows, rows, numbers)
         VALUES ('p', 'offered', 1, 2, 'ann', 'n', 2, 2, 0, 0, '[]', '{}')",
    )
    .execute(store.writer())
    .await
    .unwrap();
    let refused = async |text: &'static str| {
        let error = sqlx::query(text).execute(store.writer()).await.expect_err(text);
        error.to_string()
    };
    assert!(refused("UPDATE handover SET from_ms = 0").await.contains("is signed"));
    assert!(refused("UPDATE handover SET rows = '[1]'").await.contains("is signed does not change"));
    assert!(refused("UPDATE handover SET state = 'draft', offered_ms = NULL").await.contains("is signed"));
    let own = "UPDATE handover SET state = 'accepted', incoming = 'ann', ended_ms = 3";
    assert!(refused(own).await.contains("CHECK"), "nobody accepts his own");
    sqlx::query("UPDATE handover SET state = 'accepted', incoming = 'bob', ended_ms = 3")
        .execute(store.writer())
        .await
        .unwrap();
    assert!(refused("UPDATE handover SET remark = 'later'").await.contains("is signed"));
    assert!(refused("UPDATE handover SET state = 'withdrawn', incoming = NULL").await.contains("is signed"));
}
