//! A whole node: what a start that is refused leaves behind, a node without a model, reloads, and the time a stop takes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests read clocks and panic

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use skyeye::{config, node::Node};

/// A node that watches one address where no camera is, without a model.
fn text(dir: &Path, broker: &str) -> String {
    format!(
        "[node]\ndata_dir = \"{dir}/data\"\n[web]\nlisten = \"127.0.0.1:0\"\n[publish]\nlisten = \"{broker}\"\n\
         [infer]\nruntime = \"{dir}/none.so\"\nmodels_dir = \"{dir}/models\"\n[ingest]\nallow_loopback = true\n\
         [[channel]]\nid = \"gate\"\nurl = \"rtsp://127.0.0.1:9/\"\n\
         [[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n",
        dir = dir.display()
    )
}

async fn start(dir: &Path, text: &str) -> anyhow::Result<Node> {
    let path: PathBuf = dir.join("skyeye.toml");
    std::fs::write(&path, text).unwrap();
    Node::start(config::load(&path).unwrap(), path, false).await
}

/// Threads of this process whose name begins so.
fn threads(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|t| std::fs::read_to_string(t.unwrap().path().join("comm")).ok());
    names.filter(|n| n.starts_with(prefix)).count()
}

async fn stop(node: Node) {
    let begun = Instant::now();
    node.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "stopped after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_leaves_nothing_and_the_next_one_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = start(dir.path(), &text(dir.path(), &taken.local_addr().unwrap().to_string())).await;
    let why = format!("{:#}", refused.err().expect("the port is taken"));
    assert!(why.contains("publish.listen"), "{why}");
    drop(taken);
    // The same data directory: its lock is free again, and the stop was a clean one.
    let node = start(dir.path(), &text(dir.path(), "127.0.0.1:0")).await.unwrap();
    assert!(node.first_password().is_some(), "the refused start made no login whose password nobody saw");
    assert_eq!(threads("look-"), 0, "no model, no workers");
    let alive = healthz(node.web_addr()).await;
    assert!(alive.contains("200 OK"), "{alive}");
    stop(node).await;
}

/// `GET /healthz` by hand.
async fn healthz(addr: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// `skyeye channels list ARGS --json` on the node's folder: the exit code, the object of the last line, and standard error.
async fn list(dir: &Path, args: &[&str]) -> (i32, serde_json::Value, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_skyeye"));
    command.args(["channels", "list"]).args(args).arg("--json").arg("--config").arg(dir.join("skyeye.toml"));
    let out = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let last = serde_json::from_str(said.lines().last().unwrap_or("null")).unwrap_or_else(|e| panic!("{e}: {said}"));
    (out.status.code().unwrap(), last, String::from_utf8_lossy(&out.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_listed_as_the_running_gateway_says_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let off = "[[channel]]\nid = \"off\"\nurl = \"rtsp://127.0.0.1:9/off\"\nenabled = false\n";
    let text = format!("{}{off}", text(dir.path(), "127.0.0.1:0"));
    let node = start(dir.path(), &text).await.unwrap();
    let begun = Instant::now();
    let gate = loop {
        let (code, listed, _) = list(dir.path(), &["--state", "unreachable"]).await;
        assert_eq!((code, &listed["gateway"], &listed["of"]), (0, &true.into(), &2.into()), "{listed}");
        if let Some(gate) = listed["channels"].get(0) {
            break gate.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{listed}");
    };
    assert_eq!((&gate["id"], &gate["state"]), (&"gate".into(), &"unreachable".into()), "{gate}");
    assert!(
        gate["reason"].as_str().is_some_and(|r| r.contains("connection refused")) && gate["since"].is_string(),
        "{gate}"
    );
    let ids = |listed: &serde_json::Value| {
        let all = listed["channels"].as_array().unwrap().iter();
        all.map(|c| c["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&list(dir.path(), &["--state", "disabled"]).await.1), ["off"]);
    assert_eq!(ids(&list(dir.path(), &["--state", "disabled,unreachable"]).await.1), ["gate", "off"]);
    assert_eq!(ids(&list(dir.path(), &["--state", "running"]).await.1), [] as [&str; 0]);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_skyeye"));
    let out = command.args(["channels", "list", "--state", "up"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(64), "{said}");
    assert!(said.contains("'up' is no state of a channel; the states are connecting, running, "), "{said}");
    stop(node).await;
    assert!(!dir.path().join("data/skyeye.sock").exists(), "a stop leaves no socket");

    // As a gateway that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("data/skyeye.sock")).unwrap());
    let (code, listed, said) = list(dir.path(), &[]).await;
    assert_eq!((code, &listed["gateway"], ids(&listed).len()), (0, &false.into(), 2), "{listed}");
    assert!(listed["channels"][0]["state"].is_null() && said.contains("no gateway runs on"), "{said}");
    let (code, _, said) = list(dir.path(), &["--state", "running"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("--state needs a gateway that runs"), "{said}");
    // And the next one begins on it.
    let node = start(dir.path(), &text).await.unwrap();
    assert_eq!(list(dir.path(), &[]).await.1["gateway"], true);
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_with_edits_good_and_broken_end() {
    let dir = tempfile::tempdir().unwrap();
    let good = text(dir.path(), "127.0.0.1:0");
    let node = start(dir.path(), &good).await.unwrap();
    let path = dir.path().join("skyeye.toml");
    let all = async {
        for round in 0..100 {
            let text = match round % 4 {
                0 => good.replace("\"gate\"", "\"yard\""),
                1 => good.replace("url = ", "enabled = false\nurl = "),
                2 => good.replace("id = \"r\"", "id = "),
                _ => good.replace("\"presence\"", "\"presence\"\nclear_ms = 4000"),
            };
            std::fs::write(&path, text).unwrap();
            node.reload().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("no deadlock");
    // The last one was good; a broken one after it changes nothing.
    std::fs::write(&path, good.replace("rtsp://", "http://")).unwrap();
    node.reload().await;
    let ids: Vec<_> = node.channels().iter().map(|c| c.config.id.to_string()).collect();
    assert_eq!(ids, ["gate"]);
    assert!(healthz(node.web_addr()).await.contains("200 OK"));
    stop(node).await;
}
