//! The whole gateway, as the program that is shipped, on cameras of the farm and of a server not of our making: what its
//! users see over MQTT and the API while cameras fail, brokers go, the process is killed, stopped and reloaded.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/mqtt.rs"]
mod mqtt;
#[path = "support/scenario.rs"]
mod scenario;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use gateway::{
    DESK, DESK_PASSWORD, FLASH_MS, Footage, Gateway, NODE, SITE, Schemas, Story, assert_same, assert_whole, channel,
    detector, facts, read, rule, stories_of, stories_of_changes,
};
use mqtt::Subscriber;
use scenario::{desk, everything, farm, until, wait_for};
use serde_json::Value;
use skyeye::simulate::AuthScheme;
use skyeye::telemetry::names::{Kind, TABLE};
use skyeye::types::Secret;
use support::gst_server::{Clips, GstServer};

const INGEST: &str = "[ingest]\nallow_loopback = true\nstall_deadline_s = 3\nbackoff_max_s = 5\n";

fn start(infer: &str, rest: &[String]) -> Gateway {
    tokio::task::block_in_place(|| Gateway::start(infer, &rest.concat()))
}

fn credential(id: &str, password: &str) -> String {
    format!("[[credential]]\nid = \"{id}\"\nusername = \"operator\"\npassword = \"{password}\"\n")
}

/// The latest payload of a topic that has a payload.
fn latest(subscriber: &Subscriber, part: &str) -> Option<Value> {
    read(&subscriber.got()).into_iter().rev().find(|(topic, _)| topic.contains(part)).map(|(_, p)| p)
}

fn health(subscriber: &Subscriber, channel: &str) -> Option<Value> {
    latest(subscriber, &format!("/channel/{channel}/health"))
}

/// Visits of a channel that are over as they should be.
fn visits(subscriber: &Subscriber, channel: &str) -> usize {
    let stories = stories_of(&read(&subscriber.got()));
    stories.values().filter(|s| s.channel == channel && s.ends == ["cleared"]).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_camera_has_a_state_of_its_own_and_the_good_ones_go_on() {
    let Some(infer) = detector() else { return };
    let Some(footage) = Footage::make(&["flash", "flash-h265", "flash-mjpeg"]) else { return };
    let farm = farm(&footage, &["flash", "flash-h265", "flash-mjpeg"], |o| {
        o.auth = AuthScheme::Digest;
        o.user = "operator".into();
        o.password = Secret::new("korrekt-9");
    })
    .await;
    // Camera 1 is numbered, the named ones come after it.
    assert_eq!(farm.command("stall 1").await, "ok");
    let right = "credential = \"right\"";
    let rest = [
        INGEST.to_owned(),
        "[sample]\npatrol_interval_ms = 500\n".into(),
        credential("right", "korrekt-9"),
        credential("wrong", "falsch-7"),
        channel("tcp", &farm.named_url("flash"), right),
        channel("udp", &farm.named_url("flash"), &format!("{right}\ntransport = \"udp\"")),
        channel("h265", &farm.named_url("flash-h265"), right),
        channel("mjpeg", &farm.named_url("flash-mjpeg"), right),
        channel("password", &farm.named_url("flash"), "credential = \"wrong\""),
        channel("path", &farm.named_url("nowhere"), right),
        channel("port", &format!("rtsp://127.0.0.1:{}/x", gateway::port()), right),
        channel("stall", &farm.url(1), right),
        rule("people", "[\"*\"]", ""),
    ];
    let gateway = start(&infer, &rest);
    let subscriber = Subscriber::start(gateway.broker(), desk("s", false), &[&everything()]).await;
    // The integrator's own tool beside it.
    let mut theirs = Command::new("mosquitto_sub");
    theirs.args(["-h", "127.0.0.1", "-p", &gateway.broker().port().to_string(), "-u", DESK, "-P", DESK_PASSWORD]);
    theirs.args(["-q", "1", "-v", "-C", "3", "-W", "60", "-t", &format!("skyeye/v1/{SITE}/channel/+/event/#")]);
    let theirs = theirs.stdout(std::process::Stdio::piped()).spawn();

    for (id, state, reason) in [
        ("tcp", "running", ""),
        ("udp", "running", ""),
        ("h265", "running", ""),
        ("mjpeg", "running", ""),
        ("password", "auth_failed", "user name or password"),
        ("path", "misconfigured", "correct the path"),
        ("port", "unreachable", "cannot be reached"),
        ("stall", "stalled", "no picture came for 3 s"),
    ] {
        let health =
            wait_for(&format!("{id} is {state}"), 40, || health(&subscriber, id).filter(|h| h["state"] == state)).await;
        assert!(health["reason"].as_str().unwrap().contains(reason), "{health}");
        assert!(health["boot"].is_string() && health["uptime_ms"].as_u64() > Some(0), "{health}");
    }
    for (id, codec) in [("tcp", "h264"), ("udp", "h264"), ("h265", "h265"), ("mjpeg", "mjpeg")] {
        assert_eq!(health(&subscriber, id).unwrap()["codec"], codec, "{id}");
    }

    // Beside those that fail the others go on, visit by visit.
    let good = ["tcp", "udp", "h265", "mjpeg"];
    let (before, loops) = (good.map(|id| visits(&subscriber, id)), farm.position(2).unwrap().0);
    until("two more visits on every good camera", 60, || (0..4).all(|i| visits(&subscriber, good[i]) >= before[i] + 2))
        .await;
    let shown = usize::try_from(farm.position(2).unwrap().0 - loops).unwrap();
    let after = good.map(|id| visits(&subscriber, id));
    for i in 0..4 {
        // Each loop of the film is one visit; the first and the last may lie across the cut.
        let told = after[i] - before[i];
        assert!(told.abs_diff(shown) <= 1, "{}: {told} visits told, {shown} shown in {FLASH_MS} ms each", good[i]);
    }

    let came = read(&subscriber.got());
    Schemas::published().check(&came);
    let stories = stories_of(&came);
    assert_whole(&stories);
    assert!(stories.values().all(|s| good.contains(&s.channel.as_str())), "{stories:?}");
    let status = latest(&subscriber, &format!("/node/{NODE}/status")).unwrap();
    assert_eq!((&status["status"], &status["degraded"]), (&"online".into(), &serde_json::json!([])));
    let log = gateway.log();
    assert!(!log.contains("falsch-7") && !log.contains("korrekt-9"), "no secret is logged");
    println!("{} events on {good:?}: {after:?} visits", stories.len());

    match theirs {
        Ok(theirs) => {
            let out = theirs.wait_with_output().unwrap();
            let lines: Vec<_> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
            assert_eq!(lines.len(), 3, "mosquitto_sub read three events");
            let read = lines.iter().map(|line| {
                let (topic, payload) = line.split_once(' ').unwrap();
                (topic.to_owned(), serde_json::from_str(payload).unwrap())
            });
            Schemas::published().check(&read.collect::<Vec<_>>());
        }
        Err(e) => println!("skipped: mosquitto_sub cannot be started: {e}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn events_flow_from_gstreamers_server() {
    let Some(infer) = detector() else { return };
    let Some(clips) = Clips::make(&["h264"]) else { return };
    let Some(server) = GstServer::start(Some(("digest", "operator", "korrekt-9")), &[clips.media("h264")]) else {
        return;
    };
    let rest = [
        INGEST.to_owned(),
        credential("right", "korrekt-9"),
        credential("wrong", "falsch-7"),
        channel("good", &server.url("h264"), "credential = \"right\""),
        channel("password", &server.url("h264"), "credential = \"wrong\""),
        channel("path", &server.url("nowhere"), "credential = \"right\""),
        rule("people", "[\"*\"]", ""),
    ];
    let gateway = start(&infer, &rest);
    let subscriber = Subscriber::start(gateway.broker(), desk("s", false), &[&everything()]).await;
    for (id, state) in [("good", "running"), ("password", "auth_failed"), ("path", "misconfigured")] {
        until(&format!("{id} is {state}"), 40, || health(&subscriber, id).is_some_and(|h| h["state"] == state)).await;
    }
    // A start, and the updates of people who stay.
    until("an event and its updates", 40, || subscriber.payloads("/channel/good/event/").len() >= 2).await;
    let came = read(&subscriber.got());
    Schemas::published().check(&came);
    let stories = stories_of(&came);
    assert_whole(&stories);
    assert!(stories.values().all(|s| s.channel == "good"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn mosquitto_away_for_ten_seconds_loses_nothing() {
    scenario::mosquitto_away(Duration::from_secs(10)).await;
}

/// Two cameras: people come and go before one, and somebody is always before the other.
async fn two_cameras() -> Option<(String, skyeye::simulate::Farm, Vec<String>)> {
    let infer = detector()?;
    let footage = Footage::make(&["flash", "crowd"])?;
    let farm = farm(&footage, &["flash", "crowd"], |_| {}).await;
    let rest = vec![
        INGEST.to_owned(),
        channel("flash", &farm.named_url("flash"), ""),
        channel("crowd", &farm.named_url("crowd"), ""),
        rule("people", "[\"*\"]", ""),
    ];
    Some((infer, farm, rest))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kill_nine_loses_no_committed_event_and_doubles_none() {
    let Some((infer, farm, rest)) = two_cameras().await else { return };
    let mut gateway = start(&infer, &rest);
    let subscriber = Subscriber::start(gateway.broker(), desk("oracle", true), &[&everything()]).await;
    let is_running = |s: &Story| s.channel == "crowd" && s.is_open();
    let first = wait_for("an event that goes on", 40, || {
        stories_of(&read(&subscriber.got())).into_iter().find(|(_, s)| is_running(s))
    })
    .await;

    // Away, while more is committed; then the kill.
    let before = read(&subscriber.got());
    let live: Vec<_> = subscriber.got().into_iter().filter(|g| !g.retain).collect();
    let from = *facts(&read(&live)).keys().next().expect("a fact that came live");
    subscriber.vanish().await;
    let seen = *facts(&before).keys().last().unwrap();
    until("facts that the subscriber has not seen", 40, || {
        gateway.changes().iter().filter(|c| c.cursor > seen && c.topic.contains("/event/")).count() >= 3
    })
    .await;
    let committed = tokio::task::block_in_place(|| gateway.changes());
    let newest = committed.last().unwrap().cursor;
    gateway.kill();
    tokio::task::block_in_place(|| gateway.up());

    // Who is still in view joins the same alert.
    let again = wait_for("a new event of who is still there", 40, || {
        let stories = stories_of_changes(&gateway.changes());
        stories.into_iter().find(|(id, s)| is_running(s) && *id != first.0)
    })
    .await;
    assert_eq!(again.1.alert, first.1.alert, "the same alert");

    let changes = tokio::task::block_in_place(|| gateway.changes());
    // What was committed before the kill stands as it stood.
    for (was, is) in committed.iter().zip(&changes) {
        assert_eq!((was.cursor, &was.topic, &was.payload), (is.cursor, &is.topic, &is.payload));
    }
    let (then, now) = (stories_of_changes(&committed), stories_of_changes(&changes));
    assert_whole(&now);
    for (id, _) in then.iter().filter(|(_, s)| s.is_open()) {
        // A visit may have ended between the last look at the changes and the kill.
        let fine = now[id].ends == ["interrupted"] || (now[id].channel == "flash" && now[id].ends == ["cleared"]);
        assert!(fine, "open at the kill: {:?}", now[id]);
    }
    assert_eq!(now[&first.0].ends, ["interrupted"]);
    assert!(now.values().filter(|s| !s.is_open()).all(|s| s.ends[0] == "cleared" || s.ends[0] == "interrupted"));

    // The subscriber comes back to its session.
    let last = changes.last().unwrap().cursor;
    let subscriber = Subscriber::start(gateway.broker(), desk("oracle", true), &[&everything()]).await;
    let both = || [before.clone(), read(&subscriber.got())].concat();
    until("everything came", 30, || facts(&both()).contains_key(&last)).await;
    let came: Vec<_> = both().into_iter().filter(|(_, p)| p["cursor"].as_i64().is_none_or(|c| c <= last)).collect();
    // What was committed before it subscribed is not its due; with QoS 1 and a kept session everything after is.
    let due: Vec<_> = changes.iter().filter(|c| c.cursor >= from).cloned().collect();
    let came: Vec<_> = came.into_iter().filter(|(_, p)| p["cursor"].as_i64().is_none_or(|c| c >= from)).collect();
    assert_same(&due, &came);
    Schemas::published().check(&came);
    println!(
        "{} facts, {} of them while the subscriber was away, newest before the kill {newest}, {} events",
        changes.len(),
        changes.len() - facts(&before).len(),
        now.len()
    );
    drop(gateway);
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn sigterm_ends_everything_in_order() {
    let Some((infer, farm, rest)) = two_cameras().await else { return };
    let mut gateway = start(&infer, &rest);
    until("an event that goes on", 40, || {
        stories_of_changes(&gateway.changes()).values().any(|s| s.channel == "crowd" && s.is_open())
    })
    .await;
    let (status, took) = tokio::task::block_in_place(|| gateway.terminate());
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    let report = gateway.store_check();
    assert_eq!(report["open_events"], 0, "{report}");
    assert_eq!(report["waiting"], 0, "what was committed was said too: {report}");

    tokio::task::block_in_place(|| gateway.up());
    let stories = stories_of_changes(&tokio::task::block_in_place(|| gateway.changes()));
    assert_whole(&stories);
    let ends: BTreeSet<_> = stories.values().flat_map(|s| s.ends.clone()).collect();
    assert!(ends.contains("reconfigured") && !ends.contains("interrupted"), "{ends:?}");
    println!("stopped in {took:?}; {} events, ends {ends:?}", stories.len());
    drop(gateway);
    farm.shutdown().await;
}

/// Series of `/metrics` with these words in their line, as (line, value).
fn series<'a>(text: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    text.lines()
        .filter(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with([' ', '{'])))
        .map(|l| (l, l.rsplit(' ').next().unwrap().parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_the_box_tells_of_itself_is_named_and_true() {
    let Some((infer, farm, rest)) = two_cameras().await else { return };
    let mut gateway = start(&infer, &rest);
    let first = tokio::task::block_in_place(|| gateway.scrape());
    let published = || tokio::task::block_in_place(|| gateway.scrape());
    until("an event that the broker has", 60, || {
        series(&published(), "skyeye_publish_age_seconds_count").iter().any(|(_, n)| *n >= 1.0)
    })
    .await;
    let text = published();

    // Everything that can be there is there from the first moment, with kind and help, and nothing without them.
    for (scrape, when) in [(&first, "at the start"), (&text, "after some looks")] {
        for metric in TABLE.iter().filter(|m| m.is_always_there()) {
            let head = format!("# HELP {0} {1}\n# TYPE {0} {2}\n", metric.name, metric.help, metric.kind.as_str());
            assert!(scrape.contains(&head), "{when}: no\n{head}");
            let sample =
                if metric.kind == Kind::Histogram { format!("{}_count", metric.name) } else { metric.name.into() };
            assert!(!series(scrape, &sample).is_empty(), "{when}: {sample} has no series");
        }
    }
    for line in text.lines().filter(|l| l.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(TABLE.iter().any(|m| m.name == name), "{name} is not in the table");
    }

    // Each stage has measured what went by; buckets rise to the count.
    for stage in ["schedule_age", "decode_age", "infer_age", "rule_age", "outbox_age", "publish_age"]
        .into_iter()
        .chain([
            "decode",
            "infer_letterbox",
            "infer_run",
            "infer_postprocess",
            "rule",
            "evidence_jpeg",
            "outbox_commit",
        ])
        .chain(["node_look"])
    {
        let name = format!("skyeye_{stage}_seconds");
        let counted: f64 = series(&text, &format!("{name}_count")).iter().map(|(_, n)| n).sum();
        assert!(counted >= 1.0, "{name} has counted nothing");
        let buckets = series(&text, &format!("{name}_bucket"));
        let top: f64 = buckets.iter().filter(|(l, _)| l.contains("le=\"+Inf\"")).map(|(_, n)| n).sum();
        assert_eq!(top, counted, "{name}");
        for pair in buckets.windows(2).filter(|p| !p[0].0.contains("+Inf")) {
            assert!(pair[0].1 <= pair[1].1, "{} falls to {}", pair[0].0, pair[1].0);
        }
    }
    for (name, least) in [
        ("skyeye_publish_connected", 1.0),
        ("skyeye_node_workers", 1.0),
        ("skyeye_node_memory_bytes", 1e6),
        ("skyeye_node_files", 10.0),
        ("skyeye_media_ring_bytes", 1.0),
        ("skyeye_media_ring_bound_bytes", 1e6),
        ("skyeye_outbox_bound_bytes", 1e6),
    ] {
        let value = series(&text, name)[0].1;
        assert!(value >= least, "{name} is {value}");
    }

    // The console's overview says the same.
    let shown = wait_for("an overview with looks in it", 40, || {
        let shown = tokio::task::block_in_place(|| gateway.get("/api/v1/box"));
        (shown["look_interval_s"].is_number() && shown["history"]["patrol"].as_array().is_some_and(|h| h.len() >= 2))
            .then_some(shown)
    })
    .await;
    assert_eq!(
        (&shown["watched"], &shown["looked_at"], &shown["channels"]["running"]),
        (&2.into(), &2.into(), &2.into())
    );
    let stages: Vec<_> = shown["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["schedule", "decode", "infer", "rule", "outbox", "publish"]);
    for stage in shown["stages"].as_array().unwrap() {
        assert!(stage["age_p50_ms"].as_f64() <= stage["age_p99_ms"].as_f64(), "{stage}");
    }
    assert!(shown["stages"][2]["age_p99_ms"].is_number() && shown["stages"][2]["service_ms"].is_number(), "{shown}");
    assert_eq!(shown["broker"]["connected"], true);
    assert!(shown["engine"]["decoders"]["h264"].is_string(), "{}", shown["engine"]);
    let history = shown["history"].as_object().unwrap();
    let lengths: BTreeSet<_> = history.values().filter_map(|c| c.as_array().map(Vec::len)).collect();
    assert_eq!(lengths.len(), 1, "all curves are of one length: {history:?}");
    println!("{} series, {} lines; {}", TABLE.len(), text.lines().count(), shown["stages"]);
    drop(gateway);
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn sighup_changes_what_changed_and_keeps_the_last_good_one() {
    let Some((infer, farm, rest)) = two_cameras().await else { return };
    let mut gateway = start(&infer, &rest);
    let subscriber = Subscriber::start(gateway.broker(), desk("s", false), &[&everything()]).await;
    let open = || {
        let stories = stories_of(&read(&subscriber.got()));
        stories.into_iter().filter(|(_, s)| s.channel == "crowd" && s.is_open()).map(|(id, _)| id).next_back()
    };
    let first = wait_for("an event that goes on", 40, open).await;
    let ends_of = |id: &str| stories_of(&read(&subscriber.got())).get(id).map(|s| s.ends.clone()).unwrap_or_default();
    let status = || latest(&subscriber, &format!("/node/{NODE}/status")).map_or(Value::Null, |s| s["degraded"].clone());

    // An edited rule ends what it had open; what goes on is a new event.
    let edited = [&rest[..3], &[rule("people", "[\"*\"]", "min_score = 0.45")]].concat().concat();
    gateway.configure(&edited);
    gateway.reload();
    until("the edited rule ends its event", 20, || ends_of(&first) == ["reconfigured"]).await;
    let second = wait_for("a new event under the edited rule", 40, open).await;
    assert_ne!(second, first);

    // A broken file changes nothing but the node's status, and says where it is broken.
    gateway.configure(&edited.replace("[[rule]]", "[[rule]]\nmin_scoer = 1"));
    gateway.reload();
    let degraded = wait_for("the status says degraded", 30, || {
        status().as_array().filter(|d| !d.is_empty()).map(|d| d[0].as_str().unwrap().to_owned())
    })
    .await;
    assert!(degraded.contains("skyeye.toml") && degraded.contains("min_scoer"), "{degraded}");
    assert!(ends_of(&second).is_empty(), "the last good one is in use");

    // A channel that is gone ends what it had open, and its health with it.
    gateway.configure(&[&rest[..2], &[rule("people", "[\"*\"]", "min_score = 0.45")]].concat().concat());
    gateway.reload();
    until("the removed channel's event ends", 20, || ends_of(&second) == ["reconfigured"]).await;
    until("its health is cleared", 30, || {
        let health = format!("skyeye/v1/{SITE}/channel/crowd/health");
        subscriber.got().iter().rfind(|g| g.topic == health).is_some_and(|g| g.payload.is_empty())
    })
    .await;
    until("the status is good again", 30, || status() == serde_json::json!([])).await;

    // Twenty reloads with edits, half of them while the one before is under way; the last one is in force.
    let severities = ["low", "high"].into_iter().cycle().take(19).chain(["critical"]);
    for (i, severity) in severities.enumerate() {
        let edited = rule("people", "[\"*\"]", &format!("severity = \"{severity}\""));
        gateway.configure(&[&rest[..3], &[edited]].concat().concat());
        gateway.reload();
        if i % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    until("a fresh event of the twentieth edit", 40, || {
        let came = read(&subscriber.got());
        came.iter().any(|(_, p)| p["channel"] == "crowd" && p["phase"] == "start" && p["severity"] == "critical")
    })
    .await;
    let refused = gateway.metric("skyeye_config_reloads_total", "refused");
    assert_eq!(refused, 1.0, "only the broken one was refused");
    let stories = stories_of_changes(&tokio::task::block_in_place(|| gateway.changes()));
    assert_whole(&stories);
    let (ended, took) = tokio::task::block_in_place(|| gateway.terminate());
    assert!(ended.success() && took < Duration::from_secs(10), "{ended}, {took:?}");
    println!("{} events over {} reloads", stories.len(), 23);
    farm.shutdown().await;
}
