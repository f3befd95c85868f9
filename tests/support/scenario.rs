//! What is played both in a short form in `make test` and in a long one in `make long`.
#![allow(dead_code)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

use std::time::{Duration, Instant};

use skyeye::simulate::{self, Farm, FarmOptions};

use crate::gateway::{
    DESK, DESK_PASSWORD, Footage, Gateway, SITE, Schemas, assert_same, assert_whole, channel, detector, read, rule,
    stories_of_changes,
};
use crate::mqtt::{Login, Mosquitto, Subscriber};

/// Asks again and again until there is an answer; fails saying what was waited for.
pub async fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = tokio::task::block_in_place(&mut ask) {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub async fn until(what: &str, seconds: u64, mut so: impl FnMut() -> bool) {
    wait_for(what, seconds, || so().then_some(())).await;
}

/// A farm that plays these films, each under its name.
pub async fn farm(footage: &Footage, names: &[&str], change: impl FnOnce(&mut FarmOptions)) -> Farm {
    let clips = names.iter().map(|name| footage.clip(name)).collect();
    let mut options = FarmOptions { clips, ..FarmOptions::default() };
    change(&mut options);
    simulate::start(options).await.unwrap()
}

/// Everything of the site.
pub fn everything() -> String {
    format!("skyeye/v1/{SITE}/#")
}

pub fn desk(id: &str, keep: bool) -> Login<'_> {
    Login { id, user: DESK, password: DESK_PASSWORD, keep }
}

/// A real Mosquitto goes away for a while and comes back: nothing is lost.
pub async fn mosquitto_away(away: Duration) {
    let Some(infer) = detector() else { return };
    let Some(footage) = Footage::make(&["flash"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let port = crate::gateway::port();
    let Some(mosquitto) = Mosquitto::start(port, dir.path(), true).await else { return };
    let farm = farm(&footage, &["flash"], |_| {}).await;
    let rest = [
        "[ingest]\nallow_loopback = true\n".to_owned(),
        channel("a", &farm.named_url("flash"), ""),
        channel("b", &farm.named_url("flash"), "transport = \"udp\""),
        rule("people", "[\"*\"]", ""),
    ];
    let login = Login { id: "oracle", user: "", password: "", keep: true };
    let subscriber = Subscriber::start(mosquitto.addr, login, &[&everything()]).await;
    let mut gateway =
        tokio::task::block_in_place(|| Gateway::start_with_broker(&infer, mosquitto.addr, &rest.concat()));
    until("events arrive", 40, || subscriber.payloads("/event/").len() >= 4).await;

    let before = tokio::task::block_in_place(|| gateway.changes()).len();
    mosquitto.stop().await;
    tokio::time::sleep(away).await;
    let during = tokio::task::block_in_place(|| gateway.changes()).len() - before;
    assert!(during > 0, "nothing was committed in the {away:?} without a broker: the test shows nothing");
    let waiting = tokio::task::block_in_place(|| gateway.store_check())["waiting"].as_u64().unwrap();
    assert!(waiting > 0, "the outbox holds what was committed meanwhile");
    let mosquitto = Mosquitto::start(port, dir.path(), true).await.unwrap();

    // The gateway looks on, so the end is a cut: what was committed until now must come.
    let committed = tokio::task::block_in_place(|| gateway.changes());
    let newest = committed.last().unwrap().cursor;
    let came = || read(&subscriber.got()).iter().any(|(_, p)| p["cursor"].as_i64().is_some_and(|c| c > newest));
    until("a fresh fact came after the outage", 60, came).await;
    let until_newest: Vec<_> =
        read(&subscriber.got()).into_iter().filter(|(_, p)| p["cursor"].as_i64().is_none_or(|c| c <= newest)).collect();
    assert_same(&committed, &until_newest);
    Schemas::published().check(&until_newest);
    let stories = stories_of_changes(&committed);
    assert_whole(&stories);
    println!(
        "away {away:?}: {} facts, {during} of them committed without a broker, {} events",
        committed.len(),
        stories.len()
    );
    drop(gateway);
    mosquitto.kill().await;
    farm.shutdown().await;
}
