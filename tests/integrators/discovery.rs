//! Home Assistant's discovery and the copies of health, by a whole node with its embedded broker.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use skyeye::{config, node::Node};

use crate::{
    mqtt::{Login, Subscriber, until},
    receiver::LONG,
};

/// A node without a model that watches addresses where no camera is.
fn text(dir: &Path, more: &str, channels: &[&str]) -> String {
    let area =
        |id: &str, parent: &str| format!("[[area]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"grid\"\n{parent}\n");
    let channel = |id: &&str| {
        format!("[[channel]]\nid = \"{id}\"\nname = \"The {id}\"\nurl = \"rtsp://127.0.0.1:9/\"\narea = \"north\"\n")
    };
    format!(
        "[node]\nsite = \"nb\"\nid = \"n1\"\ndata_dir = \"{dir}/data\"\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [publish]\nlisten = \"127.0.0.1:0\"\n[[publish.user]]\nname = \"hass\"\npassword_file = \"{dir}/hass\"\n\
         [infer]\nruntime = \"{dir}/none.so\"\nmodels_dir = \"{dir}/models\"\n[ingest]\nallow_loopback = true\n\
         {}{}{}{more}\n",
        area("town", ""),
        area("north", "parent = \"town\""),
        channels.iter().map(channel).collect::<String>(),
        dir = dir.display()
    )
}

async fn start(dir: &Path, text: &str) -> Node {
    let path = dir.join("skyeye.toml");
    std::fs::write(&path, text).unwrap();
    Node::start(config::load(&path).unwrap(), path, false).await.unwrap()
}

async fn reload(node: &Node, dir: &Path, text: &str) {
    std::fs::write(dir.join("skyeye.toml"), text).unwrap();
    node.reload().await;
}

async fn listen(node: &Node, id: &str, filters: &[&str]) -> Subscriber {
    let login = Login { id, user: "hass", password: "pw", keep: false };
    Subscriber::start(node.broker_addr().unwrap(), login, filters).await
}

/// What stands on each topic by now; an empty message takes it away.
fn retained(subscriber: &Subscriber) -> BTreeMap<String, Value> {
    let mut latest = BTreeMap::new();
    for got in subscriber.got() {
        match got.payload.is_empty() {
            true => drop(latest.remove(&got.topic)),
            false => drop(latest.insert(got.topic, serde_json::from_str(&got.payload).unwrap())),
        }
    }
    latest
}

const ON: &str = "[homeassistant]\nenabled = true\n";
const FEED: &str = "[[feed]]\nid = \"north\"\nareas = [\"town\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn home_assistant_finds_channels_and_loses_those_that_go() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hass"), "pw").unwrap();
    let node = start(dir.path(), &text(dir.path(), ON, &["gate.1", "yard"])).await;
    let mut tries = 0;
    let hass = loop {
        // Refused until the node has told the broker that it may be read.
        tries += 1;
        let hass = listen(&node, &format!("hass-{tries}"), &["homeassistant/#", "skyeye/v1/nb/#"]).await;
        if hass.granted() == 2 {
            break hass;
        }
        hass.vanish().await;
    };
    let configs = |s: &Subscriber| {
        retained(s).into_iter().filter(|(t, _)| t.starts_with("homeassistant/")).collect::<BTreeMap<_, _>>()
    };
    until("all are announced", LONG, || configs(&hass).len() == 4).await;
    let gate = &configs(&hass)["homeassistant/binary_sensor/skyeye_nb_channel_gateDOT1/problem/config"];
    assert_eq!((&gate["device"]["name"], &gate["device"]["suggested_area"]), (&"The gate.1".into(), &"north".into()));
    // What the sensors read is there.
    for config in configs(&hass).values() {
        for topic in ["state_topic", "availability_topic"] {
            let topic = config[topic].as_str().unwrap().to_owned();
            until(&topic, LONG, || retained(&hass).contains_key(&topic)).await;
        }
    }
    let status = "skyeye/v1/nb/node/n1/status";
    until("open alerts are counted", LONG, || retained(&hass).get(status).is_some_and(|s| s["open_alerts"] == 0)).await;
    assert_eq!(retained(&hass)["skyeye/v1/nb/channel/yard/health"]["channel"], "yard");

    reload(&node, dir.path(), &text(dir.path(), ON, &["yard"])).await;
    until("the gate is gone", LONG, || configs(&hass).len() == 3).await;
    reload(&node, dir.path(), &text(dir.path(), "", &["yard"])).await;
    until("all are gone", LONG, || configs(&hass).is_empty()).await;
    let late = listen(&node, "late", &["homeassistant/#"]).await;
    assert_eq!(late.granted(), 0, "and nobody may read there any more");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_copied_for_a_feed_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hass"), "pw").unwrap();
    let node = start(dir.path(), &text(dir.path(), "", &["gate"])).await;
    let sub = listen(&node, "s", &["skyeye/v1/nb/#"]).await;
    let (original, copy) = ("skyeye/v1/nb/channel/gate/health", "skyeye/v1/nb/feed/north/channel/gate/health");
    until("its health is told", LONG, || retained(&sub).contains_key(original)).await;
    assert!(!retained(&sub).contains_key(copy));
    reload(&node, dir.path(), &text(dir.path(), FEED, &["gate"])).await;
    until("and copied", LONG, || {
        let now = retained(&sub);
        now.contains_key(copy) && now.get(copy) == now.get(original)
    })
    .await;
    assert_eq!(announced(dir.path()).await, [copy]);
    node.stop().await;
    // Taken out while the node was away: cleared at the broker, and only then forgotten.
    let node = start(dir.path(), &text(dir.path(), "", &["gate"])).await;
    while !announced(dir.path()).await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    node.stop().await;
}

/// Retained topics that the database knows of.
async fn announced(dir: &Path) -> Vec<String> {
    let file = dir.join("data").join(skyeye::store::DATABASE);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
    let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query_scalar("SELECT topic FROM announced").fetch_all(&mut conn).await.unwrap()
}
