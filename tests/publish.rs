//! Publishing, against the embedded broker and against a real Mosquitto: what is committed arrives, in order, through
//! outages, restarts and dead connections; and nobody reads or writes what is not theirs.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests may start processes, read clocks and panic
#![allow(clippy::print_stdout)] // and say what they skip

mod support {
    pub mod mqtt;
}

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rumqttc::{AsyncClient, QoS};
use skyeye::{
    config,
    publish::{
        IncomingCommand, PublishOptions, Publisher, States,
        broker::{Broker, EmbeddedBroker},
    },
    telemetry::Heard,
    types::{ChannelId, Clock, Message, NodeId, Scope, SiteId, UserId},
};
use support::mqtt::{
    Login, Mosquitto, Outbox, Proxy, Subscriber, assert_complete_and_in_order, connect, free_port, until,
};
use tokio::sync::mpsc;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);

fn node(data_dir: &Path) -> config::Node {
    config::Node {
        site: SiteId::new("nb").unwrap(),
        id: NodeId::new("n1").unwrap(),
        data_dir: data_dir.to_owned(),
        ..config::Node::default()
    }
}

fn embedded_config(data_dir: &Path) -> config::Publish {
    let user = |name: &str| {
        let file = data_dir.join(format!("{name}.password"));
        std::fs::write(&file, format!("{name}-pw\n")).unwrap();
        config::BrokerUser { name: UserId::new(name).unwrap(), password_file: file, feeds: Vec::new() }
    };
    config::Publish {
        listen: "127.0.0.1:0".into(),
        user: vec![user("alice"), user("bob")],
        keepalive_s: 5,
        ..config::Publish::default()
    }
}

/// A publisher and all that a test wants to reach.
struct Running {
    publisher: Publisher,
    states: Arc<States>,
    outbox: Arc<Outbox>,
    commands: mpsc::Receiver<IncomingCommand>,
}

impl Running {
    fn start(publish: &config::Publish, node: &config::Node, broker: Option<&dyn Broker>, outbox: Arc<Outbox>) -> Self {
        let clock = Clock::start();
        let states = States::new(clock);
        let boot = uuid::Uuid::new_v4();
        let options = PublishOptions::from_config(publish, node, boot, "0.1.0", clock, broker).unwrap();
        let (tx, commands) = mpsc::channel(16);
        let publisher = Publisher::start(options, outbox.clone(), states.clone(), tx);
        Self { publisher, states, outbox, commands }
    }
    fn external(addr: SocketAddr, dir: &Path, outbox: Arc<Outbox>) -> Self {
        let publish = config::Publish {
            broker: config::BrokerKind::External,
            url: format!("mqtt://{addr}"),
            keepalive_s: 5,
            ..config::Publish::default()
        };
        Self::start(&publish, &node(dir), None, outbox)
    }
    async fn connected(&self, wanted: bool, limit: Duration) {
        let link = self.publisher.link();
        until(&format!("connected is {wanted}"), limit, || link.borrow().connected == wanted).await;
    }
    async fn drained(&self) {
        until("the outbox is empty", LONG, || self.outbox.pending_count() == 0).await;
    }
}

fn alice(id: &str) -> Login<'_> {
    Login { id, user: "alice", password: "alice-pw", keep: false }
}
fn bob(id: &str) -> Login<'_> {
    Login { id, user: "bob", password: "bob-pw", keep: false }
}
fn anybody(id: &str) -> Login<'_> {
    Login { id, user: "", password: "", keep: false }
}

struct Embedded {
    dir: tempfile::TempDir,
    broker: EmbeddedBroker,
    publish: config::Publish,
}

impl Embedded {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let publish = embedded_config(dir.path());
        let broker = EmbeddedBroker::start(&publish, &node(dir.path()), Clock::start()).await.unwrap();
        Self { dir, broker, publish }
    }
    fn run(&self) -> Running {
        Running::start(&self.publish, &node(self.dir.path()), Some(&self.broker), Outbox::new())
    }
}

fn open_alert(id: &str, cursor: i64) -> Message {
    let channel = ChannelId::new("c1").unwrap();
    Message {
        topic: format!("skyeye/v1/nb/alert/{id}"),
        payload: format!("open {id}").into(),
        retain: true,
        scope: Scope::Channel { channel, area: Vec::new() },
        cursor: Some(cursor),
    }
}

#[tokio::test]
async fn facts_arrive_in_order_and_count_on_their_ack_only() {
    let embedded = Embedded::start().await;
    let subscriber = Subscriber::start(embedded.broker.addr(), alice("s1"), &["skyeye/v1/nb/#"]).await;
    let running = embedded.run();
    let expected = running.outbox.commit_events("nb", 1000);
    running.drained().await;
    assert_eq!(running.outbox.acked_in_order(), expected, "acknowledged once each and in order");
    until("all arrived", SHORT, || subscriber.payloads("/event/").len() >= expected.len()).await;
    let events: Vec<_> = subscriber.got().into_iter().filter(|g| g.topic.contains("/event/")).collect();
    assert_eq!(events.len(), expected.len(), "no duplicate without a break");
    assert_complete_and_in_order(&events, &expected);
    // What comes later is not held up by what went before.
    let late = running.outbox.commit("skyeye/v1/nb/channel/c1/event/presence", "late %", false);
    until("the late one", SHORT, || subscriber.payloads("/event/").contains(&format!("late {late}"))).await;
}

#[tokio::test]
async fn a_fact_committed_while_the_outbox_is_being_read_goes_out_at_once() {
    let embedded = Embedded::start().await;
    let running = embedded.run();
    running.connected(true, SHORT).await;
    running.outbox.commit_events("nb", 1);
    running.drained().await;
    running.outbox.commit_late();
    running.outbox.commit_events("nb", 1);
    // Sooner than the outbox is looked at without being asked to.
    until("the second one is acknowledged", SHORT, || running.outbox.acked_in_order() == [1, 2, 3]).await;
    // A stop that comes while it is read takes along what was committed meanwhile.
    running.outbox.commit_late();
    running.outbox.commit_events("nb", 1);
    running.publisher.shutdown(SHORT).await;
    assert_eq!(running.outbox.acked_in_order(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn facts_go_between_the_pages_of_open_alerts_and_nothing_older_behind_them() {
    let embedded = Embedded::start().await;
    let subscriber = Subscriber::start(embedded.broker.addr(), alice("s1"), &["skyeye/v1/nb/#"]).await;
    let outbox = Outbox::new();
    // As many as fill a hundred pages, of which one changes when it has been sent.
    outbox.commit_events("nb", 2000);
    outbox.set_open_alerts((0..1000).map(|n| open_alert(&format!("a{n}"), 0)).collect());
    let running = Running::start(&embedded.publish, &node(embedded.dir.path()), Some(&embedded.broker), outbox.clone());
    until("the first page", LONG, || !subscriber.payloads("/alert/").is_empty()).await;
    let newer = outbox.commit("skyeye/v1/nb/alert/a0", "newer", true);
    until("all are sent again", LONG, || subscriber.payloads("/alert/").len() > 1000).await;
    running.drained().await;
    assert_eq!(outbox.acked_in_order(), (1..=newer).collect::<Vec<_>>());
    let got = subscriber.got();
    let place = |topic: &str| got.iter().position(|g| g.topic.ends_with(topic)).unwrap();
    let first_event = got.iter().position(|g| g.topic.contains("/event/")).unwrap();
    assert!(first_event < place("/alert/a999"), "facts do not wait for the last of them");
    assert_eq!(subscriber.payloads("/alert/a0"), ["open a0", "newer"]);
}

#[tokio::test]
async fn what_the_broker_drops_for_a_client_that_is_away_is_counted() {
    let metrics = skyeye::telemetry::init_metrics();
    // On this thread, on which everything of the test runs.
    let _heard = tracing_subscriber::registry().with(Heard).set_default();
    let embedded = Embedded::start().await;
    let login = Login { keep: true, ..alice("away") };
    let subscriber = Subscriber::start(embedded.broker.addr(), login, &["skyeye/v1/nb/#"]).await;
    subscriber.vanish().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let running = embedded.run();
    // Some more than 64 MiB.
    let body = "x".repeat(900_000);
    for _ in 0..80 {
        running.outbox.commit("skyeye/v1/nb/channel/c1/event/presence", &body, false);
    }
    running.drained().await;
    let dropped = || -> f64 {
        let text = metrics.render();
        let line = text.lines().find_map(|l| l.strip_prefix("skyeye_publish_broker_dropped_total "));
        line.expect("it is there from the start").parse().unwrap()
    };
    until("what is too much is counted", SHORT, || dropped() >= 5.0).await;
    assert!(dropped() < 10.0, "{}", dropped());
}

#[tokio::test]
async fn mosquittos_own_client_reads_the_whole_site() {
    let embedded = Embedded::start().await;
    let running = embedded.run();
    running.connected(true, SHORT).await;
    running.outbox.commit_events("nb", 3);
    running.drained().await;
    running.outbox.commit("skyeye/v1/nb/alert/a1", "alert", true);
    running.drained().await;
    if !Path::new("/usr/bin/mosquitto_sub").exists() {
        println!("skipped: mosquitto_sub is not installed");
        return;
    }
    let addr = embedded.broker.addr();
    let out = tokio::process::Command::new("/usr/bin/mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &addr.port().to_string(), "-u", "alice", "-P", "alice-pw"])
        .args(["-t", "skyeye/v1/nb/#", "-v", "-C", "2", "-W", "5"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("skyeye/v1/nb/alert/a1 alert"), "{text}");
    assert!(text.contains("skyeye/v1/nb/node/n1/status {\"schema\":\"skyeye.node\""), "{text}");
}

#[tokio::test]
async fn states_are_retained_and_the_last_will_says_offline() {
    let embedded = Embedded::start().await;
    let addr = embedded.broker.addr();
    let running = embedded.run();
    running.states.set("skyeye/v1/nb/channel/c1/health", "first", Scope::Node);
    running.states.set("skyeye/v1/nb/channel/c1/health", "second", Scope::Node);
    running.states.set("skyeye/v1/nb/channel/c2/health", "other", Scope::Node);
    running.connected(true, SHORT).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let late = Subscriber::start(addr, alice("late"), &["skyeye/v1/nb/#"]).await;
    until("retained states", SHORT, || late.got().len() >= 3).await;
    assert_eq!(late.payloads("c1/health"), ["first"], "the second waits for its ten seconds");
    assert_eq!(late.payloads("c2/health"), ["other"]);
    assert!(late.payloads("/status")[0].contains(r#""status":"online""#));
    // The process dies: no goodbye.
    drop(running);
    until("the last will", SHORT, || late.payloads("/status").last().unwrap().contains(r#""status":"offline""#)).await;
    // It comes back and leaves in order.
    let running = embedded.run();
    until("online", SHORT, || late.payloads("/status").last().unwrap().contains("online")).await;
    running.publisher.shutdown(SHORT).await;
    until("goodbye", SHORT, || late.payloads("/status").last().unwrap().contains("offline")).await;
}

#[tokio::test]
async fn a_shutdown_publishes_what_is_pending_first() {
    let embedded = Embedded::start().await;
    let subscriber = Subscriber::start(embedded.broker.addr(), alice("s1"), &["skyeye/v1/nb/#"]).await;
    let running = embedded.run();
    running.connected(true, SHORT).await;
    let expected = running.outbox.commit_events("nb", 500);
    running.publisher.shutdown(LONG).await;
    assert_eq!(running.outbox.pending_count(), 0);
    until("all arrived", SHORT, || subscriber.payloads("/event/").len() == expected.len()).await;
    assert!(embedded.broker.shutdown().await, "and the broker ends in order");
    assert!(!embedded.broker.shutdown().await, "which it says once");
}

#[tokio::test]
async fn nobody_gets_in_without_a_password() {
    let embedded = Embedded::start().await;
    let addr = embedded.broker.addr();
    assert!(connect(addr, alice("a")).await.is_ok());
    for (why, login) in [
        ("anonymous", anybody("x")),
        ("wrong password", Login { id: "x", user: "alice", password: "bob-pw", keep: false }),
        ("empty password", Login { id: "x", user: "alice", password: "", keep: false }),
        ("unknown user", Login { id: "x", user: "carol", password: "alice-pw", keep: false }),
        ("the gateway by name", Login { id: "x", user: "skyeye-gateway", password: "alice-pw", keep: false }),
        ("the gateway's client id", alice("skyeye-nb-n1")),
    ] {
        let answer = connect(addr, login).await;
        assert!(matches!(answer, Err(rumqttc::ConnectionError::ConnectionRefused(_))), "{why}: {answer:?}");
    }
    // A session belongs to its user, and its messages with it.
    assert!(connect(addr, Login { keep: true, ..alice("shared") }).await.is_ok());
    assert!(connect(addr, Login { keep: true, ..bob("shared") }).await.is_err());
    assert!(connect(addr, bob("shared")).await.is_err(), "a clean session would wipe it");
    assert!(connect(addr, Login { keep: true, ..alice("shared") }).await.unwrap(), "the session is still there");
}

#[tokio::test]
async fn commands_and_results_concern_their_user_only() {
    let embedded = Embedded::start().await;
    let addr = embedded.broker.addr();
    let mut running = embedded.run();
    running.connected(true, SHORT).await;
    let a = Subscriber::start(addr, alice("a"), &["skyeye/v1/nb/#"]).await;
    let named = Subscriber::start(addr, alice("a2"), &["skyeye/v1/nb/result/alice/+"]).await;
    let b = Subscriber::start(addr, bob("b"), &["skyeye/v1/nb/#", "skyeye/v1/nb/result/+/+"]).await;
    assert_eq!((a.granted(), named.granted(), b.granted()), (1, 1, 2));
    let nosy = ["#", "skyeye/#", "skyeye/v1/+/result/#", "skyeye/v1/nb/result/alice/#", "skyeye/v1/nb/command/alice/+"];
    let refused = Subscriber::start(addr, bob("b2"), &nosy).await;
    assert_eq!((refused.granted(), refused.refused()), (0, nosy.len()));

    let good =
        r#"{"schema":"skyeye.command","version":1,"action":"close","alert":"01936b2e-7d4a-7b6e-8000-000000000001"}"#;
    let send = async |client: &AsyncClient, topic: &str, payload: &str, retain: bool| {
        client.publish(topic, QoS::AtLeastOnce, retain, payload).await.unwrap();
    };
    // Not his to write.
    for topic in ["skyeye/v1/nb/command/alice/forged", "skyeye/v1/nb/alert/forged", "skyeye/v1/nb/result/bob/forged"] {
        send(&b.client, topic, good, false).await;
    }
    send(&b.client, "skyeye/v1/nb/command/bob/broken", "{}", false).await;
    send(&a.client, "skyeye/v1/nb/command/alice/r1", good, true).await;
    let mut commands = Vec::new();
    for _ in 0..2 {
        let command = tokio::time::timeout(SHORT, running.commands.recv()).await.unwrap().unwrap();
        commands.push((command.user.to_string(), command.request, command.command.is_ok()));
    }
    commands.sort();
    assert_eq!(commands, [("alice".into(), "r1".into(), true), ("bob".into(), "broken".into(), false)]);

    running.outbox.commit("skyeye/v1/nb/result/alice/r1", "for alice", false);
    running.outbox.commit("skyeye/v1/nb/result/bob/broken", "for bob", false);
    running.outbox.commit("skyeye/v1/nb/alert/a1", "for both", true);
    for (who, subscriber, result) in [("alice", &a, "for alice"), ("bob", &b, "for bob")] {
        until(who, SHORT, || !subscriber.payloads("/alert/").is_empty() && !subscriber.payloads("/result/").is_empty())
            .await;
        assert_eq!(subscriber.payloads("/result/"), [result], "{who}");
        assert_eq!(subscriber.payloads("/alert/"), ["for both"], "{who}");
    }
    until("by name", SHORT, || named.payloads("/result/") == ["for alice"]).await;
    let foreign = |s: &Subscriber, name: &str| s.got().into_iter().filter(|g| g.topic.contains(name)).count();
    assert_eq!(foreign(&b, "/alice/") + foreign(&a, "/bob/") + foreign(&a, "forged"), 0);
    assert!(refused.got().is_empty());
    assert!(running.commands.try_recv().is_err(), "no forged command arrived");
    // Nothing private was retained.
    let late = Subscriber::start(addr, alice("late"), &["skyeye/v1/nb/#"]).await;
    until("the retained alert", SHORT, || !late.payloads("/alert/").is_empty()).await;
    assert!(late.payloads("/command/").is_empty() && late.payloads("/result/").is_empty());
}

#[tokio::test]
async fn a_mosquitto_that_dies_and_forgets_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let Some(mosquitto) = Mosquitto::start(port, dir.path(), false).await else { return };
    let addr = mosquitto.addr;
    let proxy = Proxy::start(addr).await;
    let outbox = Outbox::new();
    let running = Running::external(proxy.addr, dir.path(), outbox.clone());
    running.connected(true, SHORT).await;
    running.states.set("skyeye/v1/nb/channel/c1/health", "fine", Scope::Node);

    let before = Subscriber::start(addr, anybody("s1"), &["skyeye/v1/nb/channel/+/event/#"]).await;
    let mut expected = outbox.commit_events("nb", 300);
    until("some are on their way", SHORT, || before.got().len() > 50).await;
    mosquitto.kill().await;
    proxy.close(true);
    let acked = outbox.acked_in_order();
    let mut got = before.got();
    before.vanish().await;
    running.connected(false, SHORT).await;
    expected.extend(outbox.commit_events("nb", 300));
    let first_pending = outbox.acked_in_order().len() as i64 + 1;
    // One whose latest change is still in the outbox, one whose is not.
    outbox.set_open_alerts(vec![open_alert("old", first_pending - 1), open_alert("new", first_pending + 1)]);
    tokio::time::sleep(Duration::from_secs(3)).await;

    let _again = Mosquitto::start(port, dir.path(), false).await.unwrap();
    let after = Subscriber::start(addr, anybody("s2"), &["skyeye/v1/nb/#"]).await;
    proxy.close(false);
    running.drained().await;
    running.connected(true, SHORT).await;
    until("the last one", SHORT, || after.payloads("/event/").contains(&"600".to_owned())).await;
    got.extend(after.got().into_iter().filter(|g| g.topic.contains("/event/")));
    // What the dead broker had acknowledged was its promise; everything else must be here.
    let ours: Vec<i64> = expected.iter().copied().filter(|c| !acked.contains(c)).collect();
    assert!(ours.len() >= 300);
    assert_complete_and_in_order(&got, &ours);
    let acked = outbox.acked_in_order();
    assert!(acked.windows(2).all(|w| w[0] < w[1]), "each row was acknowledged once and in order");

    // It had no session: states and open alerts are there again for who comes now.
    let late = Subscriber::start(addr, anybody("s3"), &["skyeye/v1/nb/#"]).await;
    until("retained", SHORT, || late.got().len() >= 3).await;
    assert_eq!(late.payloads("c1/health"), ["fine"]);
    assert_eq!(late.payloads("/alert/"), ["open old"], "the newer one comes from the outbox, in its order");
    assert!(late.payloads("/status")[0].contains("online"));
}

#[tokio::test]
async fn commands_sent_while_the_gateway_was_away_arrive_and_retained_ones_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mosquitto) = Mosquitto::start(free_port(), dir.path(), true).await else { return };
    let running = Running::external(mosquitto.addr, dir.path(), Outbox::new());
    running.connected(true, SHORT).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    running.publisher.shutdown(Duration::ZERO).await;
    let author = Subscriber::start(mosquitto.addr, anybody("author"), &["skyeye/v1/nb/node/#"]).await;
    author.client.publish("skyeye/v1/nb/command/alice/kept", QoS::AtLeastOnce, true, "{}").await.unwrap();
    author.client.publish("skyeye/v1/nb/command/alice/away", QoS::AtLeastOnce, false, "{}").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut running = Running::external(mosquitto.addr, dir.path(), Outbox::new());
    let mut requests = Vec::new();
    while let Ok(Some(command)) = tokio::time::timeout(Duration::from_secs(2), running.commands.recv()).await {
        requests.push(command.request);
    }
    // The retained one came as an ordinary message to the waiting session, once; the copy that the broker keeps and
    // gives to every new subscription is not carried out.
    assert_eq!(requests, ["kept", "away"]);
}

#[tokio::test]
async fn a_half_open_broker_is_found_and_nothing_is_lost() {
    let embedded = Embedded::start().await;
    let proxy = Proxy::start(embedded.broker.addr()).await;
    let dir = tempfile::tempdir().unwrap();
    let (user, password) = embedded.broker.login();
    let file = dir.path().join("gateway.password");
    std::fs::write(&file, password.expose()).unwrap();
    let publish = config::Publish {
        broker: config::BrokerKind::External,
        url: format!("mqtt://{}", proxy.addr),
        username: user,
        password_file: Some(file),
        keepalive_s: 5,
        ..config::Publish::default()
    };
    let outbox = Outbox::new();
    let running = Running::start(&publish, &node(dir.path()), None, outbox.clone());
    running.connected(true, SHORT).await;
    outbox.commit_events("nb", 10);
    running.drained().await;
    proxy.freeze(true);
    let frozen = std::time::Instant::now();
    let expected = outbox.commit_events("nb", 200);
    // Two keepalives are ten seconds; a busy machine may take longer to notice, so the time is printed and not judged.
    running.connected(false, LONG).await;
    println!("found after {:?}", frozen.elapsed());
    proxy.freeze(false);
    let subscriber = Subscriber::start(embedded.broker.addr(), alice("s1"), &["skyeye/v1/nb/#"]).await;
    running.drained().await;
    until("the last", LONG, || subscriber.payloads("/event/").contains(&"210".to_owned())).await;
    let events: Vec<_> = subscriber.got().into_iter().filter(|g| g.topic.contains("/event/")).collect();
    assert_complete_and_in_order(&events, &expected);
    let acked = outbox.acked_in_order();
    assert!(acked.windows(2).all(|w| w[0] < w[1]));
}

#[tokio::test]
async fn a_password_that_was_changed_at_the_broker_is_read_at_the_next_try() {
    let embedded = Embedded::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (user, password) = embedded.broker.login();
    let file = dir.path().join("gateway.password");
    std::fs::write(&file, "the one before\n").unwrap();
    let publish = config::Publish {
        broker: config::BrokerKind::External,
        url: format!("mqtt://{}", embedded.broker.addr()),
        username: user,
        password_file: Some(file.clone()),
        keepalive_s: 5,
        ..config::Publish::default()
    };
    let outbox = Outbox::new();
    let running = Running::start(&publish, &node(dir.path()), None, outbox.clone());
    let link = running.publisher.link();
    until("the login is refused", SHORT, || link.borrow().reason.contains("refuses the login")).await;
    // Whoever writes it anew may have it away for a moment.
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    std::fs::write(&file, password.expose()).unwrap();
    running.connected(true, LONG).await;
    outbox.commit_events("nb", 3);
    running.drained().await;
}

/// Not a test of its own: the gateway process that `kill_minus_nine...` starts and kills.
#[tokio::test]
async fn process_with_broker() {
    let Some(dir) = std::env::var_os("SKYEYE_TEST_BROKER").map(std::path::PathBuf::from) else { return };
    let publish = embedded_config(&dir);
    let broker = EmbeddedBroker::start(&publish, &node(&dir), Clock::start()).await.unwrap();
    let running = Running::start(&publish, &node(&dir), Some(&broker), Outbox::new());
    running.connected(true, SHORT).await;
    std::fs::write(dir.join("addr.tmp"), broker.addr().to_string()).unwrap();
    std::fs::rename(dir.join("addr.tmp"), dir.join("addr")).unwrap();
    until("go", LONG, || dir.join("go").exists()).await;
    running.outbox.commit_events("nb", 200);
    running.outbox.commit("skyeye/v1/nb/result/alice/r1", "for alice", false);
    running.drained().await;
    std::fs::write(dir.join("done"), "").unwrap();
    tokio::time::sleep(LONG).await;
}

async fn process(dir: &Path) -> (tokio::process::Child, SocketAddr) {
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["process_with_broker", "--exact", "--nocapture"])
        .env("SKYEYE_TEST_BROKER", dir)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until("the process listens", LONG, || dir.join("addr").exists()).await;
    let addr = std::fs::read_to_string(dir.join("addr")).unwrap().parse().unwrap();
    std::fs::remove_file(dir.join("addr")).unwrap();
    (child, addr)
}

#[tokio::test]
async fn kill_minus_nine_keeps_the_queue_of_a_client_that_was_away() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, addr) = process(dir.path()).await;
    let login = || Login { keep: true, ..alice("away") };
    let subscriber = Subscriber::start(addr, login(), &["skyeye/v1/nb/#"]).await;
    subscriber.vanish().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    std::fs::write(dir.path().join("go"), "").unwrap();
    until("the process has published", LONG, || dir.path().join("done").exists()).await;
    // The broker may hold a row for 250 ms; the outbox covers that time by sending again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    child.kill().await.unwrap();
    std::fs::remove_file(dir.path().join("go")).unwrap();

    let (_child, addr) = process(dir.path()).await;
    let subscriber = Subscriber::start(addr, login(), &[]).await;
    until("all queued events", LONG, || subscriber.payloads("/event/").len() >= 200).await;
    let events: Vec<_> = subscriber.got().into_iter().filter(|g| g.topic.contains("/event/")).collect();
    assert_complete_and_in_order(&events, &(1..=200).collect::<Vec<_>>());
    assert_eq!(subscriber.payloads("/result/"), ["for alice"]);
}
