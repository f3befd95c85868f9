//! The history of alerts with ten million of them on disk: how long a page takes while events are written.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skyeye::alert::AlertBook;
use skyeye::config;
use skyeye::outbox::{FactIn, Ledger, LedgerOptions};
use skyeye::store::{Store, search::words};
use skyeye::types::find::{Find, InState};
use skyeye::types::handling::ResultCode;
use skyeye::types::payload::AlertState;
use skyeye::types::{
    AlertId, AreaId, ChannelId, Clock, Event, EventEnd, EventId, NodeId, Phase, RuleId, RuleRef, Severity, SiteId, Wall,
};
use sqlx::Connection as _;

const CHANNELS: usize = 6314;
const KINDS: [&str; 5] = ["presence", "line", "loitering", "crowd", "health"];
const SIGNS: &str = "消防通道东西南北门口路街小区学校楼梯电车库广场公园商医院银行河边桥头站台";
/// Half a year of alerts begins here.
const BEGAN: i64 = 1_780_000_000_000;
const SPREAD_MS: i64 = 180 * 86_400_000;
/// Pages of a hundred.
const PAGE: usize = 100;
const DEEP: usize = 100;
const EVENTS_S: u64 = 200;
const MUST: Duration = Duration::from_millis(200);

/// The same numbers in every run.
pub struct Dice(pub u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

pub struct Place {
    id: String,
    name: String,
    area: [String; 5],
}

pub fn places(dice: &mut Dice) -> Vec<Place> {
    let signs: Vec<char> = SIGNS.chars().collect();
    let place = |n: usize, dice: &mut Dice| Place {
        id: format!("ch-{n}"),
        name: (0..6).map(|_| signs[dice.below(signs.len())]).chain(format!("{n}号").chars()).collect(),
        area: [
            "district".into(),
            format!("street-{}", n % 12),
            format!("community-{}", n % 104),
            format!("grid-{}", n % 624),
            format!("micro-{}", n % 1758),
        ],
    };
    (0..CHANNELS).map(|n| place(n, dice)).collect()
}

/// Fills a fresh database: all alerts are closed but the last of them, the busiest channels have most.
async fn fill(dir: &Path, rows: usize, places: &[Place]) {
    let store = Store::open(dir, &config::Store::default(), Clock::start()).await.unwrap();
    let mut conn = store.writer().acquire().await.unwrap();
    // Nothing of this has to survive.
    sqlx::raw_sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000").execute(&mut *conn).await.unwrap();
    let mut dice = Dice(11);
    let began = Instant::now();
    let states = [AlertState::New, AlertState::Acknowledged, AlertState::Dispatched, AlertState::Resolved];
    let results = ["true", "false", "nuisance"];
    let filler = "x".repeat(500);
    let mut n = 0;
    while n < rows {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for _ in 0..4 {
            let mut piece = Vec::with_capacity(5000);
            for _ in 0..5000 {
                n += 1;
                let square = dice.below(1000) * dice.below(1000);
                let p = &places[square * CHANNELS / 1_000_000];
                let kind = KINDS[dice.below(5)];
                let rule = format!("{kind}-{}", dice.below(7));
                let opened = BEGAN + (n as i64 * (SPREAD_MS / rows as i64)) - dice.below(3000) as i64;
                let old = n + 30_000 < rows;
                let state = if old || dice.below(3) == 0 { AlertState::Closed } else { states[dice.below(4)] };
                let over = matches!(state, AlertState::Closed | AlertState::Resolved) && dice.below(10) < 6;
                let result = over.then(|| if dice.below(1000) == 0 { "test" } else { results[dice.below(3)] });
                let priority = if dice.below(500) == 0 { 3 } else { dice.below(3) };
                let areas = p.area.iter().map(|a| words::facet('a', a));
                let own = [words::facet('c', &p.id), words::facet('r', &rule), words::facet('t', kind)];
                let id = AlertId::at(opened).0;
                let body = words::body(own.into_iter().chain(areas), [p.name.as_str(), &rule, kind]);
                piece.push(serde_json::json!([
                    n * 3,
                    opened,
                    p.id,
                    kind,
                    rule,
                    p.area.join("/"),
                    state.as_str(),
                    result,
                    priority,
                    result.map(|_| format!("op{}", dice.below(40))),
                    format!("desk-{}", dice.below(9)),
                    body,
                    p.name,
                    id.to_string(),
                    id.simple().to_string(),
                ]));
            }
            let piece = serde_json::to_string(&piece).unwrap();
            sqlx::query(
                "INSERT INTO alert (id, opened_cursor, cursor, rev, state, active, severity, channel, updated_ms, position,
                                    priority, opened_ms, kind, rule, area, owner, result, payload)
                 SELECT unhex(value ->> 14), value ->> 0, value ->> 0, 3, value ->> 6, 0, value ->> 8, value ->> 2, value ->> 1,
                        value ->> 10, value ->> 8, value ->> 1, value ->> 3, value ->> 4, value ->> 5, value ->> 9, value ->> 7,
                        CAST(json_object('schema', 'skyeye.alert', 'version', 1, 'id', value ->> 13,
                            'boot', '01990000-0000-7000-8000-000000000001', 'seq', 1, 'cursor', value ->> 0, 'rev', 3,
                            'node', 'n', 'site', 's', 'channel', value ->> 2, 'channel_name', value ->> 12,
                            'area', json('[]'), 'type', value ->> 3, 'state', value ->> 6, 'active', json('false'),
                            'severity', 'high', 'rule', json_object('id', value ->> 4, 'revision', '0'), 'zone', null,
                            'dedupe_key', ?2, 'incident', null, 'first_event', '01990000-0000-7000-8000-000000000002',
                            'last_event', '01990000-0000-7000-8000-000000000002', 'events', 1,
                            'opened', '2026-11-27T00:00:00Z', 'updated', '2026-11-27T00:00:00Z', 'owner', null,
                            'objects', json('[]'), 'media', json('[]'), 'committed', '2026-11-27T00:00:00Z') AS BLOB)
                 FROM json_each(?1)",
            )
            .bind(&piece)
            .bind(&filler)
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::query("INSERT INTO alert_text (rowid, body) SELECT value ->> 0, value ->> 11 FROM json_each(?)")
                .bind(&piece)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        if n % 1_000_000 == 0 {
            println!("{n} alerts after {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    sqlx::raw_sql(
        "INSERT INTO alert_hour SELECT opened_ms / 3600000, min(opened_cursor), max(opened_cursor) FROM alert GROUP BY 1;
         INSERT INTO sqlite_sequence (name, seq) SELECT 'message', max(opened_cursor) FROM alert",
    )
    .execute(&mut *conn)
    .await
    .unwrap();
    drop(conn);
    store.close().await;
}

pub fn event(place: &Place, number: u64, clock: Clock) -> FactIn {
    let channel = ChannelId::new(&place.id).unwrap();
    let event = Event {
        id: EventId::at(clock.wall().0),
        phase: Phase::Start,
        end: None,
        kind: "presence",
        rule: RuleRef { id: RuleId::new("presence-1").unwrap(), revision: "0123456789ab".into() },
        severity: Severity::Medium,
        zone: None,
        objects: vec![],
        // Each is an alert of its own.
        dedupe_key: format!("{channel}/people/{number}"),
        at: clock.mono(),
        seen: clock.wall(),
        ingested: clock.wall(),
        camera_clock: false,
        model: None,
        rate_hz: 1.0,
        health: None,
        subjects: None,
        details: None,
        channel,
    };
    let area = place.area.iter().map(|a| AreaId::new(a).unwrap()).collect();
    FactIn { event, channel_name: place.name.clone(), area, skew_ms: None, media: vec![], recorder: None }
}

/// Starts and ends, evenly, through the real writer; gives how many were committed.
async fn write(ledger: Ledger, places: Arc<Vec<Place>>, over: Arc<AtomicBool>, written: Arc<AtomicU64>) {
    let clock = Clock::start();
    let mut dice = Dice(5);
    let mut tick = tokio::time::interval(Duration::from_secs(2) / EVENTS_S as u32);
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        let number = written.load(Ordering::Relaxed);
        let mut fact = event(&places[dice.below(CHANNELS)], number, clock);
        let (ledger, written) = (ledger.clone(), written.clone());
        tokio::spawn(async move {
            ledger.event(fact.clone()).await.unwrap();
            fact.event.phase = Phase::End;
            fact.event.end = Some(EventEnd::Cleared);
            ledger.event(fact).await.unwrap();
            written.fetch_add(2, Ordering::Relaxed);
        });
    }
}

/// One kind of search: what is asked, and how long its first and its deep pages took.
struct Series {
    name: &'static str,
    first: Vec<Duration>,
    deep: Vec<Duration>,
    depth: Vec<usize>,
}

impl Series {
    fn told(&mut self) -> [Duration; 4] {
        let of = |all: &mut Vec<Duration>, share: usize| {
            all.sort_unstable();
            all[(all.len() * share / 100).min(all.len() - 1)]
        };
        [of(&mut self.first, 50), of(&mut self.first, 95), of(&mut self.deep, 50), of(&mut self.deep, 95)]
    }
}

pub async fn run(rows: usize, asked: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(3);
    let places = Arc::new(places(&mut dice));
    fill(dir.path(), rows, &places).await;
    let bytes = std::fs::metadata(dir.path().join("skyeye.db")).unwrap().len();
    println!("{rows} alerts in {:.1} GiB", bytes as f64 / (1u64 << 30) as f64);
    let opened = Instant::now();
    let ledger = Ledger::open(LedgerOptions {
        data_dir: dir.path().to_owned(),
        site: SiteId::new("site").unwrap(),
        node: NodeId::new("node-1").unwrap(),
        outbox: config::Outbox::default(),
        store: config::Store::default(),
        feeds: Vec::new(),
        hold_acked_ms: 5000,
        retry_for: Duration::from_secs(30),
        clock: Clock::start(),
        fold: Box::new(AlertBook::new(config::Alert::default())),
    })
    .await
    .unwrap();
    println!("opened after {:.1} s", opened.elapsed().as_secs_f64());
    let (over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writing = tokio::spawn(write(ledger.clone(), places.clone(), over.clone(), written.clone()));
    tokio::time::sleep(Duration::from_secs(2)).await;

    let began = Instant::now();
    let mut all: Vec<Series> =
        ["time and area", "channel", "state and result", "two characters", "area of a login, any time"]
            .map(|name| Series { name, first: vec![], deep: vec![], depth: vec![] })
            .into();
    for round in 0..asked {
        for series in &mut all {
            let mut find = Find::default();
            let mut within = None;
            match series.name {
                "time and area" => {
                    let days = [1, 7, 30, 90][round % 4];
                    let from = BEGAN + dice.below(180 - days) as i64 * 86_400_000;
                    (find.from, find.to) = (Some(Wall(from)), Some(Wall(from + days as i64 * 86_400_000)));
                    let area = &places[dice.below(CHANNELS)].area[1 + round % 4];
                    find.area = Some(AreaId::new(area).unwrap());
                }
                "channel" => find.channel = Some(ChannelId::new(&places[dice.below(CHANNELS)].id).unwrap()),
                "state and result" => {
                    find.state = Some(InState::Is([AlertState::Closed, AlertState::Resolved][round % 2]));
                    let results = [ResultCode::True, ResultCode::False, ResultCode::Nuisance, ResultCode::Test];
                    find.result = Some(results[dice.below(4)]);
                }
                "two characters" => {
                    let at = dice.below(5);
                    find.text = places[dice.below(CHANNELS)].name.chars().skip(at).take(2).collect();
                }
                _ => {
                    let roots = [dice.below(CHANNELS), dice.below(CHANNELS)];
                    let root = |n: usize| AreaId::new(&places[n].area[2 + round % 3]).unwrap();
                    within = Some(roots.map(root).to_vec());
                }
            }
            let mut before = None;
            for page in 1..=DEEP {
                let began = Instant::now();
                let found = ledger.find(&find, within.as_deref(), before, PAGE).await.unwrap();
                let took = began.elapsed();
                if page == 1 {
                    series.first.push(took);
                }
                before = found.alerts.last().map(|(place, _)| *place);
                if page == DEEP || found.alerts.len() < PAGE {
                    series.deep.push(took);
                    series.depth.push(page);
                    break;
                }
            }
        }
    }
    let rate = written.load(Ordering::Relaxed) as f64 / (began.elapsed().as_secs_f64() + 2.0);
    over.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    // The last of them are still on their way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{rate:.0} events/s written meanwhile");
    let mut late = Vec::new();
    for series in &mut all {
        let [first, first95, deep, deep95] = series.told();
        series.depth.sort_unstable();
        println!(
            "{:26} first page p50 {:6.1} ms, p95 {:6.1} ms; page {} (median of the last) p50 {:6.1} ms, p95 {:6.1} ms",
            series.name,
            first.as_secs_f64() * 1000.0,
            first95.as_secs_f64() * 1000.0,
            series.depth[series.depth.len() / 2],
            deep.as_secs_f64() * 1000.0,
            deep95.as_secs_f64() * 1000.0,
        );
        if first95 > MUST || deep95 > MUST {
            late.push(series.name);
        }
    }
    ledger.close().await;
    assert!(rate > EVENTS_S as f64 * 0.9, "{rate:.0} of {EVENTS_S} events a second were written");
    assert!(late.is_empty(), "over {} ms: {late:?}", MUST.as_millis());
}
