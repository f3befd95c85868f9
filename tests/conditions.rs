//! What pictures tell of a camera, and what becomes of it: cameras whose pictures are spoiled while they run, and a
//! recorder that falls, before the whole gateway.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/mqtt.rs"]
mod mqtt;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/spoil.rs"]
mod spoil;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway::{Gateway, Schemas, assert_same, assert_whole, channel, detector, read, rule, stories_of_changes};
use mqtt::Subscriber;
use scenario::{desk, everything, until};
use serde_json::Value;
use skyeye::simulate::{self, ClipArg, FarmOptions};
use spoil::{KEY_MS, SPOILED, Spoiled};

/// All health alerts, by their dedupe keys, as they are now.
fn alerts(gateway: &mut Gateway) -> Vec<Value> {
    let list = gateway.get("/api/v1/alerts?state=all&limit=500")["alerts"].as_array().unwrap().clone();
    list.into_iter().filter(|a| a["type"] == "health").collect()
}

fn conditions(gateway: &mut Gateway, channel: &str) -> Vec<(String, String)> {
    let list = gateway.health(channel)["conditions"].as_array().unwrap().clone();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    list.iter().map(|c| (text(&c["kind"]), text(&c["since"]))).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Each of four cameras is spoiled in its own way: found by the third look as that and nothing else, an alert, cleared.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn spoiled_pictures_are_found_within_three_looks_and_cleared() {
    let (Some(infer), Some(spoiled)) = (detector(), Spoiled::make()) else { return };
    let mut clips: Vec<ClipArg> = SPOILED.iter().map(|kind| spoiled.clip(kind)).collect();
    // Each camera has its own clip of the same street, under the name of what will become of it.
    clips.extend(SPOILED.iter().map(|kind| ClipArg { name: Some(format!("cam-{kind}")), ..spoiled.clip("street") }));
    let farm = simulate::start(FarmOptions { clips, ..FarmOptions::default() }).await.unwrap();
    let mut rest = "[ingest]\nallow_loopback = true\n[sample]\nrest_interval_ms = 0\ncatch_up = false\n[schedule]\n\
                    deadline_ms = 1500\n[alert]\nhealth = true\n"
        .to_owned();
    for kind in SPOILED {
        rest += &channel(kind, &farm.named_url(&format!("cam-{kind}")), "");
    }
    rest += &rule("people", "[\"*\"]", "");
    let mut gateway = tokio::task::block_in_place(|| Gateway::start(&infer, &rest));
    let subscriber = Subscriber::start(gateway.broker(), desk("s", false), &[&everything()]).await;
    until("all run", 20, || SPOILED.iter().all(|kind| gateway.health(kind)["state"] == "running")).await;
    // Eight looks make the reference; some more, so that nobody is at the edge of it.
    tokio::time::sleep(Duration::from_millis(12 * KEY_MS)).await;
    for kind in SPOILED {
        assert_eq!(tokio::task::block_in_place(|| conditions(&mut gateway, kind)), [], "{kind}: before");
    }

    let spoiled_at = now_ms();
    for kind in SPOILED {
        assert_eq!(farm.command(&format!("play cam-{kind} {kind}")).await, "ok");
    }
    for kind in SPOILED {
        until(kind, 20, || !conditions(&mut gateway, kind).is_empty()).await;
        let found = tokio::task::block_in_place(|| conditions(&mut gateway, kind));
        assert!(found.len() == 1 && found[0].0 == kind, "{kind}: {found:?}");
        let since: skyeye::types::Wall = serde_json::from_value(found[0].1.clone().into()).unwrap();
        let ms = since.0 - spoiled_at;
        println!("{kind}: set {ms} ms after the farm was told, key frames come every {KEY_MS} ms");
        // Up to one key frame until it begins, then three looks: at it, and at the next two.
        assert!(ms <= 3 * KEY_MS as i64 + 500, "{kind}: {ms} ms");
    }
    assert_eq!(gateway.metric("skyeye_channel_condition", ""), SPOILED.len() as f64);
    until("each is an alert", 20, || {
        alerts(&mut gateway).iter().filter(|a| a["active"] == true).count() == SPOILED.len()
    })
    .await;

    for kind in SPOILED {
        assert_eq!(farm.command(&format!("play cam-{kind} own")).await, "ok");
    }
    for kind in SPOILED {
        until("cleared", 20, || conditions(&mut gateway, kind).is_empty()).await;
    }
    until("no alert is active", 10, || alerts(&mut gateway).iter().all(|a| a["active"] == false)).await;
    let keys: BTreeSet<_> = tokio::task::block_in_place(|| alerts(&mut gateway))
        .iter()
        .map(|a| (a["dedupe_key"].as_str().unwrap().to_owned(), a["severity"].as_str().unwrap().to_owned()))
        .collect();
    let wanted = SPOILED.iter().map(|kind| (format!("health/{kind}/{kind}"), "medium".to_owned())).collect();
    assert_eq!(keys, wanted);
    let changes = tokio::task::block_in_place(|| gateway.changes());
    let stories = stories_of_changes(&changes);
    assert_whole(&stories);
    let health: Vec<_> = stories.values().filter(|s| s.rule == "health").collect();
    assert_eq!(health.len(), SPOILED.len());
    assert!(health.iter().all(|s| s.ends == ["cleared"]), "{health:?}");
    let newest = changes.last().unwrap().cursor;
    until("all of it came", 10, || {
        read(&subscriber.got()).iter().any(|(_, p)| p["cursor"].as_i64().is_some_and(|c| c >= newest))
    })
    .await;
    let came: Vec<_> =
        read(&subscriber.got()).into_iter().filter(|(_, p)| p["cursor"].as_i64().is_none_or(|c| c <= newest)).collect();
    assert_same(&changes, &came);
    Schemas::published().check(&came);
    drop(gateway);
    farm.shutdown().await;
}

/// A recorder with six cameras stops and comes back: one alert with all of them under it. A second time the gateway is
/// killed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_recorder_that_falls_is_one_alert() {
    const CAMERAS: u32 = 6;
    let (Some(infer), Some(spoiled)) = (detector(), Spoiled::make()) else { return };
    let clips = vec![ClipArg { name: None, ..spoiled.clip("street") }];
    let options = FarmOptions { clips, channels: 2 * CAMERAS, hosts: 2, ..FarmOptions::default() };
    let farm = simulate::start(options).await.unwrap();
    let mut rest =
        "[ingest]\nallow_loopback = true\nbackoff_max_s = 2\nconnects_per_host = 8\n[alert]\nhealth = true\n"
            .to_owned();
    for n in 1..=CAMERAS {
        rest += &channel(&format!("c{n}"), &farm.url(n), "");
    }
    rest += &channel("other", &farm.url(CAMERAS + 1), "");
    let mut gateway = tokio::task::block_in_place(|| Gateway::start(&infer, &rest));
    let running = |gateway: &mut Gateway| {
        (1..=CAMERAS).filter(|n| gateway.health(&format!("c{n}"))["state"] == "running").count() == CAMERAS as usize
    };
    until("all run", 20, || running(&mut gateway)).await;
    let host = farm.addr(1).ip();

    assert_eq!(farm.command("stop-host 1").await, "ok");
    until("it is an alert", 30, || !alerts(&mut gateway).is_empty()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let all = tokio::task::block_in_place(|| alerts(&mut gateway));
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["dedupe_key"], format!("health/host/{host}/down"));
    assert_eq!((&all[0]["subjects"]["count"], &all[0]["health"]["scope"]), (&CAMERAS.into(), &"host".into()));
    assert_eq!(all[0]["subjects"]["channels"].as_array().unwrap().len(), CAMERAS as usize);
    assert_eq!(farm.command("start-host 1").await, "ok");
    until("all run again", 20, || running(&mut gateway)).await;
    until("it is cleared", 20, || alerts(&mut gateway).iter().all(|a| a["active"] == false)).await;

    assert_eq!(farm.command("stop-host 1").await, "ok");
    until("it is active again", 30, || alerts(&mut gateway).iter().any(|a| a["active"] == true)).await;
    tokio::task::block_in_place(|| {
        gateway.kill();
        gateway.up();
    });
    assert_eq!(farm.command("start-host 1").await, "ok");
    until("all run after the kill", 20, || running(&mut gateway)).await;
    let all = tokio::task::block_in_place(|| alerts(&mut gateway));
    assert_eq!(all.len(), 1, "the second time joined the first: {all:?}");
    assert_eq!((&all[0]["active"], &all[0]["events"]), (&false.into(), &2.into()));
    let stories = stories_of_changes(&tokio::task::block_in_place(|| gateway.changes()));
    assert_whole(&stories);
    let mut ends: Vec<_> = stories.values().filter(|s| s.rule == "health").map(|s| s.ends.clone()).collect();
    ends.sort();
    assert_eq!(ends, [["cleared"], ["interrupted"]]);
    drop(gateway);
    farm.shutdown().await;
}
