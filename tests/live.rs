//! Changing what a running gateway is configured to do: by the API, by the file, by a list, by a command beside it. Only what
//! changed is touched, and everything can be taken back.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic
#![allow(clippy::print_stdout)] // and say what they saw

mod support;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/mqtt.rs"]
mod mqtt;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/one_change.rs"]
mod one_change;

use std::time::Duration;

use gateway::{Gateway, last_object, program};
use one_change::{all_running, ask, channels, farm, import, list, sessions, start};
use scenario::wait_for;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_channel_changes_and_the_others_lose_no_access_unit() {
    one_change::one_change(24, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_hundred_come_by_a_list_go_by_taking_it_back_and_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, 210, 0).await;
    let first = gateway::channel("first", &farm.url(1), "");
    let mut g = start(&first);
    all_running(&mut g, 1).await;
    let (status, plan) =
        ask(&mut g, "POST", "/api/v1/inventory/import?kind=channels&filename=l.csv", list(&farm, 2..=201));
    assert_eq!((status, plan["added"].as_array().unwrap().len(), &plan["applied"]), (200, 200, &json!(false)));
    assert_eq!(channels(&mut g).len(), 1, "a plan changes nothing");
    let rev = import(&mut g, &list(&farm, 2..=201))["rev"].as_u64().unwrap();
    assert_eq!(channels(&mut g).len(), 201, "in force when the answer comes");
    all_running(&mut g, 201).await;

    // A changed row, a row that stays, and none for the rest: one changed, nothing removed.
    let changed = list(&farm, 2..=3).replace("Camera 2,", "Door,");
    let plan = import(&mut g, &changed);
    assert_eq!((plan["changed"].as_array().unwrap().len(), &plan["unchanged"]), (1, &json!(1)), "{plan}");
    let (status, conflict) = ask(&mut g, "POST", &format!("/api/v1/inventory/revisions/{rev}/undo"), "");
    assert_eq!(status, 409, "{conflict}");
    assert!(conflict["error"]["message"].as_str().unwrap().contains("cam-0002"), "{conflict}");
    let (status, _) = ask(&mut g, "POST", &format!("/api/v1/inventory/revisions/{}/undo", rev + 1), "");
    assert_eq!(status, 200);
    let (status, undone) = ask(&mut g, "POST", &format!("/api/v1/inventory/revisions/{rev}/undo"), "");
    assert_eq!(status, 200, "{undone}");
    assert_eq!(channels(&mut g).len(), 1, "taken back");
    wait_for("their sessions end at the farm", 20, || (farm.stats().sessions_now == 1).then_some(())).await;
    let (status, _) = ask(&mut g, "POST", &format!("/api/v1/inventory/revisions/{}/undo", undone["rev"]), "");
    assert_eq!(status, 200);
    all_running(&mut g, 201).await;
    let first = sessions(&mut g).into_iter().find(|(id, ..)| id == "first").unwrap();
    assert_eq!((first.1, first.2), (1, 0), "the one that was there all along was not touched");

    // The timeline of one that came.
    let states = tokio::task::block_in_place(|| g.get("/api/v1/channels/cam-0002/states"));
    let states: Vec<_> = states["states"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, [json!("running"), json!("connecting")]);

    // All of it is there after kill -9, and a removed channel is not.
    let (status, _) = ask(&mut g, "DELETE", "/api/v1/channels/cam-0002", "");
    assert_eq!(status, 204);
    tokio::task::block_in_place(|| {
        g.kill();
        g.up();
    });
    all_running(&mut g, 200).await;
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_file_is_watched_and_a_broken_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, 3, 0).await;
    let text = |name: &str| {
        (1..=3)
            .map(|i| gateway::channel(&format!("c{i}"), &farm.url(i), &format!("name = \"{name} {i}\"")))
            .collect::<String>()
    };
    let mut g = start(&text("Camera"));
    all_running(&mut g, 3).await;
    let name = |g: &mut Gateway| channels(g)[0]["name"].as_str().unwrap().to_owned();
    let degraded = |g: &mut Gateway| tokio::task::block_in_place(|| g.get("/api/v1/node"))["degraded"].to_string();

    // No SIGHUP: the file is found to be another.
    g.configure(&text("Gate"));
    wait_for("the new names are in force", 20, || (name(&mut g) == "Gate 1").then_some(())).await;

    // What it came to stands in the log and on the record of who did what.
    let log = g.log();
    let line =
        |what: &str| log.lines().find(|l| l.contains(what)).unwrap_or_else(|| panic!("{what} is not in the log"));
    let summary = "3 channels changed (name): c1, c2, c3";
    assert!(line("configuration applied").contains(summary) && line("configuration_changed").contains(summary));
    assert!(line("configuration_changed").contains("(file)"));

    // Half a file, then a broken one: said once, and nothing changes.
    let refused = g.metric("skyeye_config_reloads_total", "refused");
    std::fs::write(g.config_file(), "[node]\nsite = \"te").unwrap();
    let told =
        wait_for("the status says broken", 20, || Some(degraded(&mut g)).filter(|d| d.contains("skyeye.toml"))).await;
    assert!(told.contains("the last good one is in use"), "{told}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(g.metric("skyeye_config_reloads_total", "refused") - refused, 1.0, "once, not at every look");
    assert_eq!(g.metric("skyeye_config_refused", ""), 1.0, "as long as it is broken");
    assert_eq!(name(&mut g), "Gate 1");
    // The inventory goes on meanwhile.
    let body = json!({ "id": "stored", "url": farm.url(1) }).to_string();
    assert_eq!(ask(&mut g, "POST", "/api/v1/channels", body).0, 201);
    assert_eq!(channels(&mut g).len(), 4);

    g.configure(&text("Door"));
    wait_for("the mended file is in force", 20, || (name(&mut g) == "Door 1").then_some(())).await;
    assert!(!degraded(&mut g).contains("skyeye.toml"));

    // An id that stands in both: the file counts, and the status says so.
    g.configure(&(text("Door") + &gateway::channel("stored", &farm.url(2), "name = \"Of the file\"")));
    wait_for("the status names the id", 20, || degraded(&mut g).contains("channel stored").then_some(())).await;
    let stored = channels(&mut g).into_iter().find(|c| c["id"] == "stored").unwrap();
    assert_eq!((&stored["name"], &stored["origin"]), (&json!("Of the file"), &json!("file")));
    for (id, sessions, lost) in sessions(&mut g).into_iter().filter(|(id, ..)| id != "stored") {
        assert_eq!((sessions, lost), (1, 0), "{id}: names are no reason for another session");
    }
    farm.shutdown().await;
}

/// The new camera is offline: what is shown under the channel's name is nothing, not the old camera's last picture.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_channel_with_another_address_shows_nothing_of_the_camera_that_it_had() {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, 2, 0).await;
    let mut g = start("");
    import(&mut g, &list(&farm, 1..=1));
    all_running(&mut g, 1).await;
    let path = "/api/v1/channels/cam-0001/picture";
    let shown = |g: &mut Gateway| tokio::task::block_in_place(|| g.size(path, "identity"));
    assert!(shown(&mut g) > 1000);
    let point_at = |g: &mut Gateway, url: &str| {
        let (status, answer) = ask(g, "PATCH", "/api/v1/channels/cam-0001", json!({ "url": url }).to_string());
        assert_eq!(status, 200, "{answer}");
    };
    point_at(&mut g, &format!("rtsp://127.0.0.1:{}/", gateway::port()));
    // Longer than two key frames of the old camera.
    for _ in 0..10 {
        assert_eq!(ask(&mut g, "GET", path, "").0, 404);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    point_at(&mut g, &farm.url(2));
    all_running(&mut g, 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(shown(&mut g) > 1000, "the new camera's");
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_command_beside_the_running_gateway_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, 4, 0).await;
    let mut g = start("");
    let file = dir.path().join("list.csv");
    std::fs::write(&file, list(&farm, 1..=4)).unwrap();
    let config = g.config_file();
    let run = |args: &[&str]| {
        let all: Vec<&str> = args.iter().copied().chain(["--json", "--config", config.to_str().unwrap()]).collect();
        let out = tokio::task::block_in_place(|| program(&all));
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        last_object(&out)
    };
    run(&["channels", "import", file.to_str().unwrap(), "--dry-run"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(channels(&mut g).len(), 0, "a dry run changes nothing");
    run(&["channels", "import", file.to_str().unwrap(), "--apply"]);
    all_running(&mut g, 4).await;
    run(&["channels", "set", "cam-0002", "name=Door"]);
    wait_for("the name that the command gave", 10, || {
        channels(&mut g).iter().any(|c| c["id"] == "cam-0002" && c["name"] == "Door").then_some(())
    })
    .await;
    run(&["channels", "remove", "cam-0001"]);
    all_running(&mut g, 3).await;
    for (id, sessions, lost) in sessions(&mut g) {
        assert_eq!((sessions, lost), (1, 0), "{id}");
    }
    farm.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_inventory_that_is_broken_leaves_the_file_and_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let farm = farm(&dir, 2, 0).await;
    let mut g = start(&gateway::channel("first", &farm.url(1), ""));
    let body = json!({ "username": "admin", "password": "canary-of-the-farm" }).to_string();
    assert_eq!(ask(&mut g, "PUT", "/api/v1/credentials/rec", body).0, 204);
    let body = json!({ "id": "second", "url": farm.url(2), "credential": "rec" }).to_string();
    assert_eq!(ask(&mut g, "POST", "/api/v1/channels", body).0, 201);
    all_running(&mut g, 2).await;
    let degraded = |g: &mut Gateway| tokio::task::block_in_place(|| g.get("/api/v1/node"))["degraded"].to_string();

    // Without its key a password is not to be had: that channel says so, the other runs.
    let (key, aside) = (g.path("data/inventory.key"), g.path("key"));
    tokio::task::block_in_place(|| g.terminate());
    std::fs::rename(&key, &aside).unwrap();
    tokio::task::block_in_place(|| g.up());
    let state = |g: &mut Gateway, id: &str| {
        let found = channels(g).into_iter().find(|c| c["id"] == id).unwrap();
        (found["health"]["state"].as_str().unwrap().to_owned(), found["health"]["reason"].as_str().unwrap().to_owned())
    };
    let (second, reason) = wait_for("the channel says what is wrong", 20, || {
        Some(state(&mut g, "second")).filter(|(s, _)| s == "misconfigured")
    })
    .await;
    assert!(reason.contains("rec"), "{second}: {reason}");
    assert!(degraded(&mut g).contains("rec"), "{}", degraded(&mut g));
    wait_for("the other runs", 20, || (state(&mut g, "first").0 == "running").then_some(())).await;
    std::fs::rename(&aside, &key).unwrap();
    all_running(&mut g, 2).await;

    // A file that is no database.
    tokio::task::block_in_place(|| g.terminate());
    for name in ["inventory.db", "inventory.db-wal", "inventory.db-shm"] {
        std::fs::remove_file(g.path(&format!("data/{name}"))).ok();
    }
    std::fs::write(g.path("data/inventory.db"), "no database at all, but a text that is long enough").unwrap();
    tokio::task::block_in_place(|| g.up());
    all_running(&mut g, 1).await;
    assert!(degraded(&mut g).contains("inventory"), "{}", degraded(&mut g));
    let body = json!({ "id": "third", "url": farm.url(2) }).to_string();
    assert_eq!(ask(&mut g, "POST", "/api/v1/channels", body).0, 503);
    assert!(!g.log().contains("canary-of-the-farm"));
    farm.shutdown().await;
}

/// How large the list is, and how long it takes. Time is only told: what it is depends on the machine and its other work.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_list_of_ten_thousand_channels_is_bounded() {
    const N: usize = 10_000;
    let mut g = start("");
    let mut csv = String::from("name,url,external_id,enabled,district,street,community,grid\r\n");
    for i in 0..N {
        csv += &format!(
            "Camera {i} at the crossing,rtsp://10.{}.{}.{}/Streaming/Channels/102,4403050000132{i:07},false,East district,\
             Street {},Community {},Grid {}\r\n",
            i / 60_000,
            i / 250 % 250,
            i % 250 + 1,
            i / 800,
            i / 160,
            i / 16
        );
    }
    let began = std::time::Instant::now();
    let plan = import(&mut g, &csv);
    println!("imported and in force after {:?}", began.elapsed());
    assert_eq!(plan["added"].as_array().unwrap().len(), N, "{}", plan["refused"]);
    let began = std::time::Instant::now();
    let got = tokio::task::block_in_place(|| g.get("/api/v1/channels"));
    let took = began.elapsed();
    assert_eq!(got["channels"].as_array().unwrap().len(), N);
    let (plain, packed) =
        tokio::task::block_in_place(|| (g.size("/api/v1/channels", ""), g.size("/api/v1/channels", "gzip")));
    println!("{N} channels: {plain} bytes, {packed} packed; read and parsed in {took:?}");
    assert!(plain < 20_000_000 && packed < 2_000_000, "{plain} bytes, {packed} packed");
    // One edit among ten thousand.
    let id = got["channels"][5000]["id"].as_str().unwrap().to_owned();
    let began = std::time::Instant::now();
    let (status, _) = ask(&mut g, "PATCH", &format!("/api/v1/channels/{id}"), json!({ "name": "Gate" }).to_string());
    println!("one edit in force after {:?}", began.elapsed());
    assert_eq!(status, 200);
    // And one thing of all of them.
    let ids: Vec<_> = got["channels"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect();
    let began = std::time::Instant::now();
    let body = json!({ "ids": ids, "set": { "weight": 2.0 } }).to_string();
    let (status, done) = ask(&mut g, "POST", "/api/v1/inventory/bulk", body);
    println!("ten thousand edits in force after {:?}", began.elapsed());
    assert_eq!((status, &done["changed"]), (200, &json!(N)), "{done}");
}
