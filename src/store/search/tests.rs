//! Two hundred thousand made-up alerts, and a filter in plain Rust that says what is to be found.

use std::collections::BTreeMap;

use sqlx::Connection;

use super::*;
use crate::{
    config,
    store::{Store, alerts, facts::Facts, history},
    types::{
        Clock, Severity,
        alert::{Alert, AlertHistory},
    },
};

const ROWS: usize = 200_000;
const BEGAN: i64 = 1_780_000_000_000;
const KINDS: [&str; 5] = ["presence", "line", "dwell", "crowd", "health"];
const NAMES: [&str; 7] = ["消防通道", "东门路口3号", "Gate 3 东", "通道 消防", "ＧＡＴＥ yard", "学校门口", "路口东门"];
const STATES: [AlertState; 5] =
    [AlertState::New, AlertState::Acknowledged, AlertState::Dispatched, AlertState::Resolved, AlertState::Closed];
const RESULTS: [ResultCode; 4] = [ResultCode::True, ResultCode::False, ResultCode::Nuisance, ResultCode::Test];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

struct Made {
    place: i64,
    opened: i64,
    channel: usize,
    kind: usize,
    priority: usize,
    state: AlertState,
    result: Option<ResultCode>,
    owner: Option<usize>,
    position: usize,
}

impl Made {
    fn name(&self) -> &'static str {
        NAMES[self.channel % NAMES.len()]
    }
    fn rule(&self) -> String {
        format!("{}-{}", KINDS[self.kind], self.channel % 3)
    }
    fn area(&self) -> [String; 3] {
        let c = self.channel;
        ["d".into(), format!("s{}", c % 6), format!("s{}.g{}", c % 6, c % 60)]
    }
    fn is_in(&self, area: &AreaId) -> bool {
        self.area().iter().any(|a| a == area.as_str())
    }
    /// The rule of a search's text in other words than the index's: runs without blanks occur as they stand, all else is a
    /// whole word.
    fn says(&self, text: &str) -> bool {
        let all =
            format!("{} {} {}", self.name(), self.rule(), KINDS[self.kind]).replace("ＧＡＴＥ", "gate").to_lowercase();
        let runs: Vec<&str> = all.split(|c: char| !c.is_alphanumeric()).collect();
        let chinese = |c: char| c > '\u{2fff}';
        text.to_lowercase().split_whitespace().all(|word| {
            if word.chars().all(chinese) {
                return runs.iter().any(|run| run.contains(word));
            }
            // "3号" is two runs: 3 and 号.
            runs.iter().any(|run| run.split(chinese).any(|w| w == word))
        })
    }
    /// All with the same number say the same.
    fn says_number(&self) -> usize {
        (self.channel % NAMES.len() * KINDS.len() + self.kind) * 3 + self.channel % 3
    }
    /// But for what is written.
    fn fits(&self, f: &Find, within: Option<&[AreaId]>) -> bool {
        let time = f.from.is_none_or(|t| self.opened >= t.0) && f.to.is_none_or(|t| self.opened < t.0);
        let place = f.area.as_ref().is_none_or(|a| self.is_in(a))
            && within.is_none_or(|all| all.iter().any(|a| self.is_in(a)))
            && f.channel.as_ref().is_none_or(|c| c.as_str() == format!("ch-{}", self.channel));
        let kind = f.kind.as_ref().is_none_or(|k| k == KINDS[self.kind])
            && f.rule.as_ref().is_none_or(|r| r.as_str() == self.rule())
            && f.priority.is_none_or(|p| p as usize == self.priority);
        let state = match f.state {
            None => true,
            Some(InState::Open) => self.state != AlertState::Closed,
            Some(InState::Is(state)) => self.state == state,
        };
        let handled = f.result.is_none_or(|r| self.result == Some(r))
            && f.owner.as_ref().is_none_or(|o| self.owner.is_some_and(|n| o.as_str() == format!("op{n}")))
            && f.position.as_ref().is_none_or(|p| p.as_str() == format!("desk-{}", self.position));
        time && place && kind && state && handled
    }
}

/// What fits, newest first.
fn fitting<'a>(all: &'a [Made], find: &Find, within: Option<&[AreaId]>) -> Vec<&'a Made> {
    let mut says: BTreeMap<usize, bool> = BTreeMap::new();
    let mut said = |m: &Made| *says.entry(m.says_number()).or_insert_with(|| m.says(&find.text));
    all.iter().rev().filter(|m| m.fits(find, within) && said(m)).collect()
}

/// Alerts of some weeks: the older are closed, most with a result, and few of the young are critical.
fn made() -> Vec<Made> {
    let mut dice = Dice(7);
    (0..ROWS)
        .map(|n| {
            let old = n < ROWS - 3000;
            let state = if old { AlertState::Closed } else { STATES[dice.below(5)] };
            let over = matches!(state, AlertState::Closed | AlertState::Resolved) && dice.below(10) < 6;
            let result = over.then(|| if dice.below(500) == 0 { RESULTS[3] } else { RESULTS[dice.below(3)] });
            Made {
                place: n as i64 * 3 + 5,
                // Seen before it is committed, and not always in the same order.
                opened: BEGAN + n as i64 * 17_000 - dice.below(90_000) as i64,
                channel: dice.below(600),
                kind: dice.below(5),
                priority: if dice.below(1000) == 0 { 3 } else { dice.below(3) },
                state,
                owner: result.map(|_| dice.below(200)),
                result,
                position: dice.below(9),
            }
        })
        .collect()
}

fn payload() -> AlertPayload {
    let id = AlertId::at(BEGAN).to_string();
    serde_json::from_value(serde_json::json!({
        "schema": "skyeye.alert", "version": 1, "id": id, "boot": id, "seq": 1, "cursor": 1, "rev": 1, "node": "n",
        "site": "s", "channel": "gate", "channel_name": "消防通道", "area": ["d", "s1"], "type": "presence", "state": "new",
        "active": false, "severity": "high", "rule": { "id": "night", "revision": "0" }, "zone": null,
        "dedupe_key": "k", "incident": null, "first_event": id, "last_event": id, "events": 1,
        "opened": Wall(BEGAN), "updated": Wall(BEGAN), "owner": null, "objects": [], "media": [], "committed": Wall(BEGAN),
    }))
    .unwrap()
}

async fn open(dir: &std::path::Path) -> Store {
    Store::open(dir, &config::Store { read_timeout_s: 600, ..Default::default() }, Clock::start()).await.unwrap()
}

async fn write(store: &Store, all: &[Made]) {
    let mut conn = store.writer().acquire().await.unwrap();
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let payload = serde_json::to_vec(&payload()).unwrap();
    for piece in all.chunks(5000) {
        let rows: Vec<_> = piece
            .iter()
            .map(|m| {
                let kind = KINDS[m.kind];
                let facets = [words::facet('c', &format!("ch-{}", m.channel)), words::facet('t', kind)];
                let areas = m.area().map(|a| words::facet('a', &a));
                let facets = facets.into_iter().chain(areas).chain([words::facet('r', &m.rule())]);
                serde_json::json!([
                    m.place,
                    m.opened,
                    format!("ch-{}", m.channel),
                    kind,
                    m.rule(),
                    m.area().join("/"),
                    m.state.as_str(),
                    m.result.map(ResultCode::as_str),
                    m.priority,
                    m.owner.map(|o| format!("op{o}")),
                    format!("desk-{}", m.position),
                    words::body(facets, [m.name(), &m.rule(), kind])
                ])
            })
            .collect();
        let rows = serde_json::to_string(&rows).unwrap();
        sqlx::query(
            "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, position,
                                priority, opened_ms, kind, rule, area, owner, result, payload)
             SELECT randomblob(16), value ->> 0, value ->> 0, 1, value ->> 6, 0, 1, value ->> 2, value ->> 1, value ->> 10,
                    value ->> 8, value ->> 1, value ->> 3, value ->> 4, value ->> 5, value ->> 9, value ->> 7, ?2
             FROM json_each(?1)",
        )
        .bind(&rows)
        .bind(&payload[..])
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("INSERT INTO alert_text (rowid, body) SELECT value ->> 0, value ->> 11 FROM json_each(?)")
            .bind(&rows)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    sqlx::query(
        "INSERT INTO alert_hour SELECT opened_ms / 3600000, min(opened_cursor), max(opened_cursor) FROM alert GROUP BY 1",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

fn area(id: &str) -> AreaId {
    AreaId::new(id).unwrap()
}

/// Some of the filters, by the dice; of each one that finds little and one that finds much.
fn drawn(dice: &mut Dice) -> (Find, Option<Vec<AreaId>>) {
    let mut f = Find::default();
    let mut within = None;
    for _ in 0..=dice.below(3) {
        match dice.below(12) {
            0 => f.from = Some(Wall(BEGAN + dice.below(3_400_000) as i64 * 1000)),
            1 => f.to = Some(Wall(BEGAN + dice.below(3_400_000) as i64 * 1000)),
            2 => f.area = Some(area(["d", "s3", "s4.g10"][dice.below(3)])),
            3 => f.channel = Some(crate::types::ChannelId::new(&format!("ch-{}", dice.below(600))).unwrap()),
            4 => f.kind = Some(KINDS[dice.below(5)].into()),
            5 => f.priority = Some([Severity::Low, Severity::High, Severity::Critical][dice.below(3)]),
            6 => f.state = Some([InState::Open, InState::Is(STATES[dice.below(5)])][dice.below(2)]),
            7 => f.result = Some(RESULTS[dice.below(4)]),
            8 => f.owner = Some(format!("op{}", dice.below(200)).parse().unwrap()),
            9 => f.rule = Some(format!("{}-{}", KINDS[dice.below(5)], dice.below(3)).parse().unwrap()),
            10 => f.position = Some(format!("desk-{}", dice.below(9)).parse().unwrap()),
            _ => f.text = ["消防", "东 gate", "防通", "路口东", "3", "line 门", "口", "nothing"][dice.below(8)].into(),
        }
    }
    if dice.below(3) == 0 {
        within =
            Some([vec![area("s2")], vec![area("s4.g10"), area("s1")], vec![area("elsewhere")]][dice.below(3)].clone());
    }
    (f, within)
}

#[tokio::test]
async fn what_is_found_is_what_fits_page_after_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all = made();
    write(&store, &all).await;
    let mut conn = store.reader().acquire().await.unwrap();
    let mut dice = Dice(1);
    let (mut taken, mut full) = (BTreeMap::new(), 0);
    // What the dice seldom draw comes first.
    let outcome = Find {
        state: Some(InState::Is(AlertState::Closed)),
        result: Some(ResultCode::Test),
        position: Some("desk-1".parse().unwrap()),
        ..Find::default()
    };
    let channel = Find { channel: Some("ch-7".parse().unwrap()), text: "消防".into(), ..Find::default() };
    let mut asks = vec![(outcome, None), (channel, Some(vec![area("d")]))];
    asks.extend((0..70).map(|_| drawn(&mut dice)));
    for (find, within) in asks {
        let ask = Ask { find: &find, within: within.as_deref() };
        let fitting = fitting(&all, &find, ask.within);
        let want: Vec<i64> = fitting.iter().map(|m| m.place).collect();
        let mut got: Vec<i64> = Vec::new();
        let mut before = i64::MAX;
        while got.len() < 1000 {
            if let Some(bound) = bind(&mut conn, ask, before).await.unwrap() {
                *taken.entry(format!("{:?}", bound.way)).or_insert(0) += 1;
            }
            let page = page(&mut conn, ask, before, 500).await.unwrap();
            assert!(!page.filling);
            got.extend(page.alerts.iter().map(|(place, _)| *place));
            before = match page.alerts.last() {
                Some((place, _)) if page.alerts.len() == 500 => *place,
                _ => break,
            };
        }
        assert_eq!(got, want[..got.len().max(want.len().min(1000))], "{find:?} within {within:?}");
        full += usize::from(got.len() >= 500);
        // A page from the middle, as an address holds it.
        if let Some(middle) = want.get(want.len() / 2) {
            let page = page(&mut conn, ask, *middle, 7).await.unwrap();
            let got: Vec<i64> = page.alerts.iter().map(|(place, _)| *place).collect();
            let rest: Vec<i64> = want.iter().copied().filter(|p| p < middle).take(7).collect();
            assert_eq!(got, rest, "{find:?} within {within:?}");
        }
        // What is counted is what is found.
        let counted = count(&mut conn, ask, CountBy::Type).await.unwrap();
        let mut kinds: BTreeMap<&str, i64> = BTreeMap::new();
        for m in fitting {
            *kinds.entry(KINDS[m.kind]).or_default() += 1;
        }
        let counts: BTreeMap<&str, i64> = counted.groups.iter().map(|(what, n)| (what.as_str(), *n)).collect();
        assert_eq!(counts, kinds, "{find:?}");
    }
    assert!(full > 15, "{full} searches had a full page");
    for way in ["All", "Words", "Outcome", "Result", "State", "Open", "Owner", "Channel", "Critical"] {
        assert!(taken.contains_key(way), "no search took the way {way}: {taken:?}");
    }
    drop(conn);
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_the_pages_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all: Vec<Made> = made().into_iter().take(45).collect();
    write(&store, &all).await;
    let newest_first: Vec<i64> = all.iter().rev().map(|m| m.place).collect();
    // One in the midst of a page, the last of it, the whole page after it, and the very last.
    let damaged: Vec<i64> = [3, 9].into_iter().chain(10..20).chain([44]).map(|n| newest_first[n]).collect();
    for place in &damaged {
        sqlx::query("UPDATE alert SET payload = x'00ff', rev = rev + 1 WHERE opened_cursor = ?")
            .bind(place)
            .execute(store.writer())
            .await
            .unwrap();
    }
    let mut conn = store.reader().acquire().await.unwrap();
    let find = Find::default();
    let (mut got, mut named, mut pages, mut before) = (Vec::new(), Vec::new(), 0, Some(i64::MAX));
    while let Some(from) = before {
        let page = page(&mut conn, Ask { find: &find, within: None }, from, 10).await.unwrap();
        got.extend(page.alerts.iter().map(|(place, _)| *place));
        named.extend(page.unreadable);
        (before, pages) = (page.next, pages + 1);
    }
    let readable: Vec<i64> = newest_first.into_iter().filter(|p| !damaged.contains(p)).collect();
    assert_eq!((got, pages), (readable, 5));
    let mut ids = Vec::new();
    for place in &damaged {
        let id: Vec<u8> = sqlx::query_scalar("SELECT id FROM alert WHERE opened_cursor = ?")
            .bind(place)
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        ids.push(AlertId(id_of(&id).unwrap()));
    }
    assert_eq!(named, ids, "by their ids, in their places");
    drop(conn);
    store.close().await;
}

#[tokio::test]
async fn every_way_follows_its_index_and_nothing_is_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut conn = store.reader().acquire().await.unwrap();
    // All filters at once, so that every condition stands in every text.
    let find = Find {
        from: Some(Wall(1)),
        to: Some(Wall(2)),
        channel: Some("c".parse().unwrap()),
        kind: Some("k".into()),
        priority: Some(Severity::Critical),
        state: Some(InState::Is(AlertState::Closed)),
        result: Some(ResultCode::Test),
        owner: Some("o".parse().unwrap()),
        rule: Some("r".parse().unwrap()),
        position: Some("p".parse().unwrap()),
        text: "x".into(),
        area: None,
    };
    let (a, within) = (area("a"), Some("[\"b\"]".to_owned()));
    for way in Way::EVERY {
        let words = words_of(Ask { find: &find, within: None });
        let bound = Bound {
            find: &find,
            before: 9,
            lowest: 0,
            area: Some(&a),
            within: within.clone(),
            words,
            filling: false,
            way,
        };
        for (text, is_page, is_few) in
            [(bound.page(), true, false), (bound.count(CountBy::Area), false, false), (few(way), false, true)]
        {
            let text = format!("EXPLAIN QUERY PLAN {text}");
            let plan: Vec<(i64, i64, i64, String)> = bound.query(text, 1).fetch_all(&mut *conn).await.unwrap();
            let plan = plan.into_iter().map(|(.., line)| line).collect::<Vec<_>>().join("\n");
            let first = match way {
                Way::All if is_page => "SEARCH a USING INDEX alert_found (opened_cursor>? AND opened_cursor<?",
                Way::All => "SEARCH a USING COVERING INDEX alert_found (opened_cursor>? AND opened_cursor<?",
                Way::Words => "SCAN d VIRTUAL TABLE INDEX",
                // Of these the condition that makes the index is looked up in the row once more.
                Way::Open | Way::Critical => "SEARCH d USING INDEX ",
                _ => "SEARCH d USING COVERING INDEX ",
            };
            let first = format!("{first}{}", way.index().map_or("", |(name, _)| name));
            assert!(plan.starts_with(&first) || plan.contains(&format!("\n{first}")), "{way:?}: {plan}");
            if !is_few && way != Way::All {
                assert!(plan.contains("INDEX alert_found (opened_cursor=?"), "{way:?}: {plan}");
            }
            let sorted = !is_page && !is_few;
            assert_eq!(plan.contains("TEMP B-TREE"), sorted, "{way:?}: {plan}");
        }
    }
    drop(conn);
    store.close().await;
}

/// An alert through the writer's own functions.
async fn put(conn: &mut SqliteConnection, alert: &Alert, cursor: i64, lines: &[AlertHistory]) {
    let row =
        alerts::AlertRow { alert: alert.clone(), cursor, payload: serde_json::to_vec(&of(alert)).unwrap().into() };
    let rows = [(row, cursor)];
    let history: Vec<_> = lines.iter().map(|l| (alert.id, l.clone())).collect();
    Facts { alerts: &rows, history: &history, ..Facts::default() }.write(conn).await.unwrap();
    index(conn, &rows, &history).await.unwrap();
}

fn of(alert: &Alert) -> AlertPayload {
    let p = payload();
    alert.payload(p.order, &p.node, &p.site, p.committed)
}

fn line(alert: &Alert, author: Option<&str>, note: &str) -> AlertHistory {
    AlertHistory {
        rev: alert.rev,
        at: Wall(BEGAN),
        author: author.map(|a| a.parse().unwrap()),
        action: "note".into(),
        from: None,
        to: alert.state,
        note: Some(note.into()),
    }
}

async fn found(conn: &mut SqliteConnection, text: &str) -> Vec<i64> {
    let find = Find { text: text.into(), ..Find::default() };
    let found = page(conn, Ask { find: &find, within: None }, i64::MAX, 100).await.unwrap();
    found.alerts.into_iter().map(|(place, _)| place).collect()
}

#[tokio::test]
async fn what_people_write_is_found_and_goes_with_its_alert() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut conn = store.writer().acquire().await.unwrap();
    let mut alert = Alert::from_payload(payload(), 0, Some(Wall(BEGAN)), 0);
    put(&mut conn, &alert, 10, &[line(&alert, None, "held for 5 s")]).await;
    assert_eq!(found(&mut conn, "消防 night").await, [10]);
    assert_eq!(found(&mut conn, "held").await, Vec::<i64>::new(), "the gateway's own lines are not looked through");

    alert.rev = 2;
    put(&mut conn, &alert, 20, &[line(&alert, Some("wang"), "保安已到场, false alarm")]).await;
    alert.rev = 3;
    alert.handling.dispatched_to = Some("巡逻车 7".into());
    alert.state = AlertState::Closed;
    put(&mut conn, &alert, 30, &[line(&alert, Some("li"), "门已锁")]).await;
    for text in ["保安", "已锁", "巡逻", "false", "消防", "locked 消防"] {
        let want: &[i64] = if text.starts_with("locked") { &[] } else { &[10] };
        assert_eq!(found(&mut conn, text).await, want, "{text}: one alert, at its first place");
    }
    // An event changes nothing of what is written.
    alert.rev = 4;
    put(&mut conn, &alert, 40, &[]).await;
    assert_eq!(found(&mut conn, "保安").await, [10]);
    assert_eq!(notes(&mut conn, &[alert.id]).await.unwrap().len(), 2);

    assert_eq!(history::prune(&mut conn, Wall(BEGAN + 1), 10).await.unwrap(), 1);
    assert_eq!(found(&mut conn, "保安").await, Vec::<i64>::new());
    for table in ["alert_text_docsize", "alert_hour"] {
        let text = format!("SELECT count(*) FROM {table}");
        let left: i64 = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut *conn).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
    drop(conn);
    store.close().await;
}

#[tokio::test]
async fn a_database_from_before_is_searchable() {
    let dir = tempfile::tempdir().unwrap();
    {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(dir.path().join(crate::store::DATABASE))
            .create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let mut old = sqlx::migrate!("src/store/migrations");
        old.migrations.to_mut().retain(|m| m.version <= 4);
        old.run(&pool).await.unwrap();
        for n in 0..25i64 {
            let mut p = payload();
            p.id = AlertId::at(BEGAN + n);
            p.opened = Wall(BEGAN + n * HOUR_MS);
            p.area = vec![area("d"), area(if n % 2 == 0 { "s1" } else { "s2" })];
            sqlx::query(
                "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, payload)
                 VALUES (?1, ?2, ?2, 1, 'new', 0, 1, 'gate', ?3, ?4)",
            )
            .bind(&p.id.0.as_bytes()[..])
            .bind(100 + n)
            .bind(p.opened.0)
            .bind(serde_json::to_vec(&p).unwrap())
            .execute(&pool)
            .await
            .unwrap();
            sqlx::query("INSERT INTO alert_change (alert, rev, at_ms, author, action, to_state, note) VALUES (?, 1, 1, 'li', 'note', 'new', '门已锁')")
                .bind(&p.id.0.as_bytes()[..])
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
    }
    let store = open(dir.path()).await;
    let mut conn = store.writer().acquire().await.unwrap();
    let south = Find {
        area: Some(area("s2")),
        from: Some(Wall(BEGAN + 3 * HOUR_MS)),
        to: Some(Wall(BEGAN + 9 * HOUR_MS)),
        ..Find::default()
    };
    let ask = Ask { find: &south, within: None };
    let places = |found: Found| found.alerts.into_iter().map(|(place, _)| place).collect::<Vec<_>>();
    // Before the first piece: right all the same, for only a text needs the words.
    let early = page(&mut conn, ask, i64::MAX, 100).await.unwrap();
    assert!(!early.filling);
    assert_eq!(places(early), [107, 105, 103]);
    assert!(fill(&mut conn, 10).await.unwrap());
    let text = Find { text: "已锁".into(), ..Find::default() };
    let half = page(&mut conn, Ask { find: &text, within: None }, i64::MAX, 100).await.unwrap();
    assert!(half.filling, "what is not complete says so");
    assert_eq!(places(half), (115..125).rev().collect::<Vec<_>>());
    while fill(&mut conn, 10).await.unwrap() {}
    let whole = page(&mut conn, Ask { find: &text, within: None }, i64::MAX, 100).await.unwrap();
    assert!(!whole.filling);
    assert_eq!(places(whole).len(), 25);
    let late = bind(&mut conn, ask, i64::MAX).await.unwrap().unwrap();
    assert_eq!(late.way, Way::Words);
    assert_eq!(places(page(&mut conn, ask, i64::MAX, 100).await.unwrap()), [107, 105, 103]);
    drop(conn);
    store.close().await;
}
