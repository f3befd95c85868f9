//! A district whose recorders all fall at one time and come back: how soon its channels are up, how hard the recorders are
//! asked meanwhile, and what the desk is told.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{Gateway, assert_whole, stories_of_changes};
use crate::one_change::{all_running, farm, import, list, start_with};
use crate::scenario::until;

/// Nothing but the model differs from what ships. There is none: nothing is looked at.
const AS_SHIPPED: &str = "[infer]\nruntime = \"none.so\"\n[ingest]\nallow_loopback = true\n";
/// What ships.
const CONNECTS_PER_HOST: u64 = 4;
const CONNECTS_PER_HOST_PER_S: u64 = 10;
/// The recorders are away for so long.
const AWAY: Duration = Duration::from_secs(90);
/// All are up so soon after they are back.
const UP: Duration = Duration::from_secs(60);

fn health_alerts(g: &mut Gateway) -> Vec<Value> {
    let list = g.get("/api/v1/alerts?state=all&limit=500")["alerts"].as_array().unwrap().clone();
    list.into_iter().filter(|a| a["rule"]["id"] == "health" || !a["health"].is_null()).collect()
}

pub async fn run(cameras: u32, hosts: u32) {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, cameras, hosts).await;
    let mut g = start_with(AS_SHIPPED, "[alert]\nhealth = true\n");
    import(&mut g, &list(&farm, 1..=cameras));
    let began = Instant::now();
    all_running(&mut g, cameras.into()).await;
    println!("{cameras} channels on {hosts} hosts: all up {:.1} s after the import", began.elapsed().as_secs_f32());
    assert!(health_alerts(&mut g).is_empty(), "nothing fell so far");

    let cut = Instant::now();
    for host in 1..=hosts {
        assert_eq!(farm.command(&format!("stop-host {host}")).await, "ok");
    }
    until("each host is an alert", 60, || health_alerts(&mut g).len() >= hosts as usize).await;
    println!("{hosts} alerts {:.1} s after the cut", cut.elapsed().as_secs_f32());
    tokio::time::sleep(AWAY.saturating_sub(cut.elapsed())).await;
    let refused = g.metric("skyeye_ingest_reconnects_total", "reason=\"connect\"");
    assert_eq!(g.metric("skyeye_ingest_breakers_open", ""), f64::from(hosts));
    println!(
        "{refused} tries in {:.0} s of outage, {:.1} a host",
        cut.elapsed().as_secs_f32(),
        refused / f64::from(hosts)
    );
    // Those that find out, and then one in some seconds; each for itself they would be ten times as many.
    assert!(refused <= f64::from(hosts) * 25.0);

    let back = Instant::now();
    for host in 1..=hosts {
        assert_eq!(farm.command(&format!("start-host {host}")).await, "ok");
    }
    all_running(&mut g, cameras.into()).await;
    let up = back.elapsed();
    println!("all up {:.1} s after they are back", up.as_secs_f32());
    assert!(up <= UP, "{up:?}");
    assert_eq!(g.metric("skyeye_ingest_breakers_open", ""), 0.0);
    let active = |g: &mut Gateway| health_alerts(g).iter().filter(|a| a["active"] == true).count();
    until("all alerts are cleared", 60, || active(&mut g) == 0).await;
    println!("all cleared {:.1} s after they are back", back.elapsed().as_secs_f32());

    let stats = farm.stats();
    let most = |of: fn(&skyeye::simulate::HostStats) -> u64| stats.hosts.iter().map(of).max().unwrap();
    let (at_once, a_second) = (most(|h| h.connecting_max.into()), most(|h| h.connects_s_max.into()));
    println!(
        "at the farm: at most {at_once} connections being set up at one host, at most {a_second} new in one second"
    );
    // A session plays at the farm a moment after its client knows: one more may begin in between.
    assert!(at_once <= CONNECTS_PER_HOST + 1, "{stats:?}");
    assert!(a_second <= CONNECTS_PER_HOST_PER_S, "{stats:?}");
    assert_eq!((stats.sessions_now, stats.sessions_total), (cameras, 2 * u64::from(cameras)), "one session more each");

    let alerts = health_alerts(&mut g);
    assert_eq!(alerts.len(), hosts as usize, "one a host: {alerts:?}");
    let (mut keys, mut under) = (BTreeSet::new(), 0);
    for alert in &alerts {
        assert_eq!((&alert["health"]["scope"], &alert["events"]), (&json!("host"), &json!(1)), "{alert}");
        keys.insert(alert["dedupe_key"].as_str().unwrap().to_owned());
        under += alert["subjects"]["count"].as_u64().unwrap();
    }
    let wanted: BTreeSet<_> = (1..=hosts).map(|h| format!("health/host/{}/down", farm.addr(h).ip())).collect();
    assert_eq!((keys, under), (wanted, cameras.into()), "all channels under them");
    let stories = stories_of_changes(&tokio::task::block_in_place(|| g.changes()));
    assert_whole(&stories);
    assert_eq!(stories.len(), hosts as usize, "no other event");
    assert!(stories.values().all(|s| s.ends == ["cleared"]));
    drop(g);
    farm.shutdown().await;
}
