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
