//! Feeds: a copy of what happens in an area, retained where the original is and cleared with it.

use std::{path::Path, sync::Arc, time::Duration};

use skyeye::{
    config::{self, Feed},
    node::{ages::Ages, source::LedgerSource},
    outbox::{Changes, FactIn, Ledger, LedgerOptions},
    publish::{
        PublishOptions, Publisher, States,
        broker::{Broker, EmbeddedBroker},
    },
    store::{DATABASE, check::check},
    types::{AlertId, AreaId, Clock, Message, NodeId, Phase, Severity, SiteId, UserId, payload::AlertAction},
};
use tokio::sync::mpsc;

use crate::{
    ledger::{all, command, fact, new_id, open, options},
    mqtt::{Got, Login, Subscriber, until},
    receiver::LONG,
};

fn feed(id: &str, area: &str) -> Feed {
    Feed { id: id.parse().unwrap(), areas: vec![area.parse().unwrap()] }
}

fn elsewhere(phase: Phase, channel: &str) -> FactIn {
    FactIn { area: vec![AreaId::new("town").unwrap()], ..fact(new_id(), phase, channel, Severity::Low) }
}

/// The embedded broker, which outlives the ledgers of a test, as an external one does.
struct Bench {
    dir: tempfile::TempDir,
    broker: EmbeddedBroker,
    publish: config::Publish,
}

impl Bench {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("desk.password");
        std::fs::write(&file, "pw\n").unwrap();
        let user = config::BrokerUser { name: UserId::new("desk").unwrap(), password_file: file, feeds: Vec::new() };
        let limited = config::BrokerUser {
            name: UserId::new("north-desk").unwrap(),
            feeds: vec!["north".parse().unwrap()],
            ..user.clone()
        };
        let publish = config::Publish { listen: "127.0.0.1:0".into(), user: vec![user, limited], ..Default::default() };
        let broker = EmbeddedBroker::start(&publish, &Self::node(dir.path()), Clock::start()).await.unwrap();
        Self { dir, broker, publish }
    }
    fn node(dir: &Path) -> config::Node {
        config::Node {
            site: SiteId::new("site").unwrap(),
            id: NodeId::new("node-1").unwrap(),
            data_dir: dir.to_owned(),
            ..Default::default()
        }
    }
    async fn ledger(&self, feeds: Vec<Feed>) -> Ledger {
        open(|| LedgerOptions { feeds: feeds.clone(), ..options(self.dir.path()) }).await
    }
    fn publisher(&self, ledger: &Ledger) -> Publisher {
        let clock = Clock::start();
        let node = Self::node(self.dir.path());
        let options =
            PublishOptions::from_config(&self.publish, &node, ledger.boot(), "0", clock, Some(&self.broker)).unwrap();
        let source = LedgerSource { ledger: ledger.clone(), ages: Arc::new(Ages::new(clock)) };
        Publisher::start(options, Arc::new(source), States::new(clock), mpsc::channel(16).0)
    }
    async fn subscriber(&self, id: &str, filter: &str) -> Subscriber {
        let login = Login { id, user: "desk", password: "pw", keep: false };
        Subscriber::start(self.broker.addr(), login, &[filter]).await
    }
}

fn of<'a>(messages: &'a [Message], part: &str) -> Vec<&'a Message> {
    messages.iter().filter(|m| m.topic.contains(part)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_has_its_area_only_with_the_same_payloads_and_is_cleared_with_the_original() {
    let bench = Bench::start().await;
    let whole = bench.subscriber("whole", "skyeye/v1/site/#").await;
    let limited = |id| Login { id, user: "north-desk", password: "pw", keep: false };
    let north = Subscriber::start(bench.broker.addr(), limited("north"), &["skyeye/v1/site/feed/north/#"]).await;
    let nosy = ["skyeye/v1/site/#", "skyeye/v1/site/feed/town/#", "skyeye/v1/site/feed/+/alert/+"];
    let nosy = Subscriber::start(bench.broker.addr(), limited("nosy"), &nosy).await;
    assert_eq!((north.granted(), nosy.granted(), nosy.refused()), (1, 0, 3));
    let ledger = bench.ledger(vec![feed("north", "north"), feed("town", "town")]).await;
    let publisher = bench.publisher(&ledger);
    let id = new_id();
    let opened = ledger.event(fact(id, Phase::Start, "gate", Severity::High)).await.unwrap();
    ledger.event(elsewhere(Phase::Start, "square")).await.unwrap();
    ledger.event(fact(id, Phase::End, "gate", Severity::High)).await.unwrap();
    for action in [AlertAction::Acknowledge, AlertAction::Resolve, AlertAction::Close] {
        ledger.act(command(&opened, action, "li", None)).await.unwrap();
    }
    let last = format!("skyeye/v1/site/feed/north/alert/{}", opened.alert);
    let cleared = |s: &Subscriber| s.got().last().is_some_and(|g| g.topic == last && g.payload.is_empty());
    until("the copy is cleared", LONG, || cleared(&north)).await;
    until("everything has come", LONG, || whole.got().iter().any(|g| g.topic == last && g.payload.is_empty())).await;
    let originals: Vec<Got> = whole.got().into_iter().filter(|g| !g.topic.contains("/feed/")).collect();
    let wanted: Vec<(String, String)> = originals
        .iter()
        .filter(|g| g.topic.contains("/gate/event/") || g.topic.contains(&opened.alert.to_string()))
        .map(|g| (g.topic.replace("site/", "site/feed/north/"), g.payload.clone()))
        .collect();
    let copies: Vec<_> = north.got().into_iter().map(|g| (g.topic, g.payload)).collect();
    assert!(copies.len() >= 6, "{copies:?}");
    assert_eq!(copies, wanted, "the same, in the same order, and nothing of the square");
    assert_eq!(whole.payloads("/feed/town/channel/square/").len(), 1, "a feed of the whole town has it");
    // Who comes later finds nothing retained of what is closed.
    let late = bench.subscriber("late", "skyeye/v1/site/feed/#").await;
    until("the square's alert is retained", LONG, || !late.payloads("/feed/town/alert/").is_empty()).await;
    assert!(late.payloads("/feed/north/").is_empty());
    publisher.shutdown(LONG).await;
    ledger.close().await;
    let report = check(&bench.dir.path().join(DATABASE)).await.unwrap();
    assert!(report.good(), "{:?}", report.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_the_brokers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let feeds = vec![feed("north", "north")];
    let ledger = open(|| LedgerOptions { feeds: feeds.clone(), ..options(dir.path()) }).await;
    let mut feed = ledger.committed();
    ledger.event(fact(new_id(), Phase::Start, "gate", Severity::Low)).await.unwrap();
    let pending = ledger.pending(0, 100).await.unwrap();
    assert_eq!(pending.iter().filter(|r| r.topic.contains("/feed/north/")).count(), 2, "{pending:?}");
    assert!(pending.windows(2).all(|w| w[0].cursor < w[1].cursor));
    let changes = all(&ledger).await;
    assert_eq!(changes.len(), 2);
    assert!(of(&changes, "/feed/").is_empty());
    let told: Vec<_> = std::iter::from_fn(|| feed.try_recv().ok()).collect();
    assert!(told.len() == 2 && told.iter().all(|m| !m.topic.contains("/feed/")));
    // Behind the last copy there is nothing, and no gap either.
    let newest = pending.last().unwrap().cursor;
    match ledger.changes(newest, 10).await.unwrap() {
        Changes::Here { messages, more, .. } => assert!(messages.is_empty() && !more),
        Changes::Gone => panic!("nothing was deleted"),
    }
    // Its open alerts are told again with their copies.
    let (again, next) = ledger.open_alerts(i64::MIN, 10).await.unwrap();
    assert_eq!(next, None);
    assert_eq!((again.len(), again[0].payload.clone()), (2, again[1].payload.clone()));
    ledger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_alerts_go_to_other_feeds_in_pieces_and_what_ends_meanwhile_is_cleared_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let make = |feeds: Vec<Feed>| LedgerOptions { feeds, ..options(dir.path()) };
    let ledger = open(|| make(vec![feed("one", "town")])).await;
    let mut opened = Vec::new();
    for n in 0..150 {
        let (id, channel) = (new_id(), format!("c-{n}"));
        opened.push(ledger.event(fact(id, Phase::Start, &channel, Severity::Low)).await.unwrap());
        ledger.event(fact(id, Phase::End, &channel, Severity::Low)).await.unwrap();
    }
    ledger.set_feeds(vec![feed("two", "town")]).await.unwrap();
    let last = opened.last().unwrap();
    for action in [AlertAction::Acknowledge, AlertAction::Resolve, AlertAction::Close] {
        ledger.act(command(last, action, "li", None)).await.unwrap();
    }
    let latest = async |feed: &str, alert: AlertId| {
        let topic = format!("/feed/{feed}/alert/{alert}");
        let rows = pending(&ledger).await;
        rows.into_iter().rfind(|(t, _)| t.ends_with(&topic)).map(|(_, cleared)| cleared)
    };
    assert_eq!(latest("one", last.alert).await, Some(true), "it had it, and its turn never comes");
    assert_eq!(latest("two", last.alert).await, Some(true));
    // A stop in the middle: the next start begins anew, for the feeds of then.
    ledger.close().await;
    let ledger = open(|| make(vec![feed("two", "town")])).await;
    let count = async |feed: &str, cleared: bool| {
        let topic = format!("/feed/{feed}/alert/");
        let rows = pending(&ledger).await;
        let of_feed = rows.into_iter().filter(|(t, c)| t.contains(&topic) && *c == cleared);
        of_feed.map(|(t, _)| t).collect::<std::collections::BTreeSet<_>>().len()
    };
    for _ in 0..250 {
        if (count("two", false).await, count("one", true).await) == (150, 150) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((count("two", false).await, count("one", true).await), (150, 150));
    assert!(ledger.stats().transactions >= 4, "the opening, and pieces: {:?}", ledger.stats());
    ledger.close().await;
}

/// Topics that wait for the broker, in their order, and whether they are cleared.
async fn pending(ledger: &Ledger) -> Vec<(String, bool)> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let rows = ledger.pending(after, 1000).await.unwrap();
        let Some(last) = rows.last() else { return found };
        after = last.cursor;
        found.extend(rows.into_iter().map(|r| (r.topic, r.payload.is_empty())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_feeds_take_over_what_is_open_live_and_over_a_restart() {
    let bench = Bench::start().await;
    let ledger = bench.ledger(vec![feed("one", "north")]).await;
    let publisher = bench.publisher(&ledger);
    let opened = ledger.event(fact(new_id(), Phase::Start, "gate", Severity::High)).await.unwrap();
    let sub = bench.subscriber("s", "skyeye/v1/site/feed/#").await;
    let latest = |feed: &str| sub.payloads(&format!("/feed/{feed}/alert/{}", opened.alert)).last().cloned();
    until("the first has it", LONG, || latest("one").is_some_and(|p| !p.is_empty())).await;
    ledger.set_feeds(vec![feed("two", "town")]).await.unwrap();
    until("the second has it", LONG, || latest("two").is_some_and(|p| !p.is_empty())).await;
    until("the first is cleared", LONG, || latest("one").is_some_and(|p| p.is_empty())).await;
    publisher.shutdown(LONG).await;
    ledger.close().await;

    // Another configuration while it was away: the event ends as interrupted, its alert stays open.
    let ledger = bench.ledger(vec![feed("three", "north")]).await;
    let publisher = bench.publisher(&ledger);
    until("the third has it", LONG, || latest("three").is_some_and(|p| !p.is_empty())).await;
    until("the second is cleared", LONG, || latest("two").is_some_and(|p| p.is_empty())).await;
    publisher.shutdown(LONG).await;
    ledger.close().await;
}
