//! The whole gateway as it is shipped: the program itself as a process, with a configuration, ports and a data folder of
//! its own; stopped, killed and told to reload like any other. And what its users see of it: the API, and the messages.
#![allow(dead_code)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests start processes and panic
#![allow(clippy::print_stdout)] // and say what they skip

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::mqtt::Got;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_skyeye");
/// The site and the node in every topic.
pub const SITE: &str = "test";
pub const NODE: &str = "n1";
/// Who reads at the embedded broker.
pub const DESK: &str = "desk";
pub const DESK_PASSWORD: &str = "desk-password";
const ADMIN_PASSWORD: &str = "an administrator's own";

/// A port that is free now. Below those that the kernel gives to outgoing connections, so that it stays free while the
/// gateway is down.
pub fn port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The lines of `[infer]`: a detector that is here; YOLOX-Nano, which is quick, before the one that set-up fetches.
/// `None`, and a line that says so, where there is none.
pub fn detector() -> Option<String> {
    let runtime = super::support::onnxruntime()?;
    let shared =
        std::env::var_os("SKYEYE_SHARED").map_or_else(|| super::support::root().join("../shared"), PathBuf::from);
    let candidates = [
        (shared.join("models"), "yolox_nano.onnx", "yolox-nano"),
        (super::support::root().join(".cache/models"), "efficientdet-lite0.onnx", "efficientdet-lite0"),
    ];
    let Some((dir, _, model)) = candidates.into_iter().find(|(dir, weights, _)| dir.join(weights).exists()) else {
        println!("skipped: no detector is there");
        return None;
    };
    Some(format!(
        "[infer]\nruntime = {:?}\nmodels_dir = {:?}\nmodel = {model:?}\n",
        runtime.canonicalize().unwrap(),
        dir.canonicalize().unwrap()
    ))
}

/// Four seconds of pedestrians and four of nothing, over and over; and twenty seconds in which somebody is always there.
pub struct Footage {
    dir: tempfile::TempDir,
}

/// Length of the film in which people come and go.
pub const FLASH_MS: i64 = 8000;

impl Footage {
    /// `None`, and a line that says so, where the film is not there.
    pub fn make(names: &[&str]) -> Option<Self> {
        let source = super::support::vtest_avi()?;
        let source = source.to_str().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let h264 = "-c:v libx264 -preset veryfast -tune zerolatency -crf 28 -g 10 -bf 0 -pix_fmt yuv420p";
        let h265 = "-c:v libx265 -preset ultrafast -x265-params keyint=10:min-keyint=10:bframes=0:log-level=error";
        let mjpeg = "-c:v mjpeg -huffman default -pix_fmt yuvj420p -q:v 10";
        for name in names {
            let (flash, codec) = match *name {
                "flash" => (true, h264),
                "flash-h265" => (true, h265),
                "flash-mjpeg" => (true, mjpeg),
                "crowd" => (false, h264),
                other => panic!("no such film: {other}"),
            };
            let out = dir.path().join(format!("{name}.mkv"));
            let mut args = vec!["-t", if flash { "4" } else { "20" }, "-i", source];
            if flash {
                args.extend(["-f", "lavfi", "-t", "4", "-i", "color=gray:size=768x576:rate=10"]);
                args.extend([
                    "-filter_complex",
                    "[0:v]setsar=1[a];[1:v]setsar=1[b];[a][b]concat=n=2:v=1[v]",
                    "-map",
                    "[v]",
                ]);
            }
            args.push("-an");
            args.extend(codec.split(' '));
            args.push(out.to_str().unwrap());
            super::support::ffmpeg(&args);
        }
        Some(Self { dir })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.mkv"))
    }

    /// For a farm, under `/name`.
    pub fn clip(&self, name: &str) -> skyeye::simulate::ClipArg {
        skyeye::simulate::ClipArg { name: Some(name.to_owned()), path: self.path(name) }
    }
}

/// A `[[channel]]`, with `more` lines of its table.
pub fn channel(id: &str, url: &str, more: &str) -> String {
    format!("[[channel]]\nid = \"{id}\"\nurl = \"{url}\"\n{more}\n")
}

/// Presence of people on these channels (a list in TOML), cleared after a second and a half.
pub fn rule(id: &str, channels: &str, more: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ntype = \"presence\"\nchannels = {channels}\nlabels = [\"person\"]\n\
         clear_ms = 1500\nupdate_s = 5\n{more}\n"
    )
}

/// The gateway, or where it was.
pub struct Gateway {
    dir: tempfile::TempDir,
    child: Option<Child>,
    web: u16,
    broker: u16,
    infer: String,
    publish: String,
    cookie: Option<String>,
    password: Option<String>,
}

impl Gateway {
    /// With the embedded broker; `rest` of the configuration is channels, rules, and whatever else is wanted.
    pub fn start(infer: &str, rest: &str) -> Self {
        let broker = port();
        let mut gateway = Self::new(infer, broker);
        gateway.publish = format!(
            "[publish]\nlisten = \"127.0.0.1:{broker}\"\n[[publish.user]]\nname = \"{DESK}\"\npassword_file = {:?}\n",
            gateway.path("desk")
        );
        std::fs::write(gateway.path("desk"), DESK_PASSWORD).unwrap();
        gateway.configure(rest);
        gateway.up();
        gateway
    }

    /// With a broker that is not ours.
    pub fn start_with_broker(infer: &str, broker: SocketAddr, rest: &str) -> Self {
        let mut gateway = Self::new(infer, broker.port());
        gateway.publish = format!("[publish]\nbroker = \"external\"\nurl = \"mqtt://{broker}\"\nkeepalive_s = 5\n");
        gateway.configure(rest);
        gateway.up();
        gateway
    }

    fn new(infer: &str, broker: u16) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            child: None,
            web: port(),
            broker,
            infer: infer.to_owned(),
            publish: String::new(),
            cookie: None,
            password: None,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config_file(&self) -> PathBuf {
        self.path("skyeye.toml")
    }

    pub fn broker(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.broker))
    }

    /// Writes the configuration with another rest. Alerts are those of its rules alone, unless it has its own `[alert]`.
    pub fn configure(&self, rest: &str) {
        let alert = if rest.contains("[alert]") { "" } else { "[alert]\nhealth = false\n" };
        let text = format!(
            "[node]\nsite = \"{SITE}\"\nid = \"{NODE}\"\ndata_dir = {:?}\n{}{}{alert}[web]\nlisten = \"127.0.0.1:{}\"\n{rest}",
            self.path("data"),
            self.infer,
            self.publish,
            self.web
        );
        // In one rename, as an editor does it: a reload never reads half a file.
        std::fs::write(self.path("new.toml"), text).unwrap();
        std::fs::rename(self.path("new.toml"), self.config_file()).unwrap();
    }

    /// Starts the program and waits until it answers.
    pub fn up(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(self.config_file())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let began = Instant::now();
        loop {
            if self.get_status("/healthz") == Some(200) {
                return;
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the gateway ended with {status}:\n{}", self.log());
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the gateway does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// kill -9
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.take().unwrap().wait().unwrap();
    }

    /// SIGTERM; how it ended and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal(Signal::TERM);
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            if began.elapsed() > Duration::from_secs(30) {
                child.kill().unwrap();
                panic!("the gateway does not stop:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGHUP
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// What it wrote to its terminal so far, over all starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A number behind `NAME:` in `/proc/PID/status`: kilobytes or a count.
    pub fn proc_status(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).expect("a known name");
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// How many threads there are of each name.
    pub fn threads(&self) -> BTreeMap<String, usize> {
        let mut threads = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap() {
            // One that has just ended is none.
            if let Ok(name) = std::fs::read_to_string(task.unwrap().path().join("comm")) {
                *threads.entry(name.trim().to_owned()).or_default() += 1;
            }
        }
        threads
    }

    /// Seconds of processor time since its start, in all its threads.
    pub fn cpu_s(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Behind the name, which may hold anything: user and system time are the 12th and 13th, a hundredth each.
        let fields = text.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|t| t.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.web)
    }

    fn get_status(&self, path: &str) -> Option<u16> {
        agent().get(self.url(path)).call().ok().map(|r| r.status().as_u16())
    }

    /// Logs in, with the one-time password the first time, and sets another.
    fn login(&mut self) -> String {
        let post = |path: &str, cookie: &str, csrf: &str, body: &Value| {
            let mut response = agent()
                .post(self.url(path))
                .header("cookie", cookie)
                .header("x-csrf-token", csrf)
                .header("content-type", "application/json")
                .send(body.to_string())
                .unwrap();
            let text = response.body_mut().read_to_string().unwrap();
            assert_eq!(response.status(), 200, "{path}: {text}");
            let cookie = response.headers().get("set-cookie").unwrap().to_str().unwrap();
            let cookie = cookie.split(';').next().unwrap().to_owned();
            (cookie, serde_json::from_str::<Value>(&text).unwrap())
        };
        let cookie = if let Some(password) = &self.password {
            post("/api/v1/login", "", "", &json!({ "user": "admin", "password": password })).0
        } else {
            let text = std::fs::read_to_string(self.path("data/first-password")).unwrap();
            let first = text.lines().next().unwrap().to_owned();
            let (cookie, session) = post("/api/v1/login", "", "", &json!({ "user": "admin", "password": first }));
            let csrf = session["csrf"].as_str().unwrap();
            post("/api/v1/password", &cookie, csrf, &json!({ "old": first, "new": ADMIN_PASSWORD })).0
        };
        self.password = Some(ADMIN_PASSWORD.into());
        self.cookie = Some(cookie.clone());
        cookie
    }

    /// A further login of the administrator, beside the one that asks here: its cookie.
    pub fn another_login(&mut self) -> String {
        self.get("/api/v1/session");
        let kept = self.cookie.clone();
        let cookie = self.login();
        self.cookie = kept;
        cookie
    }

    /// A route of the API, as the administrator.
    pub fn get(&mut self, path: &str) -> Value {
        let cookie = match &self.cookie {
            Some(cookie) => cookie.clone(),
            None => self.login(),
        };
        let mut response = agent().get(self.url(path)).header("cookie", &cookie).call().unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        assert_eq!(response.status(), 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Bytes of a route's answer as they travel, and the time until all are there is the caller's to take.
    pub fn size(&mut self, path: &str, encoding: &str) -> usize {
        self.get("/api/v1/session");
        let cookie = self.cookie.clone().unwrap();
        // An encoding that is asked for by hand is not undone.
        let request = agent().get(self.url(path)).header("cookie", &cookie).header("accept-encoding", encoding);
        let mut response = request.call().unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap().len()
    }

    /// A request that changes something, as the administrator: the status and the body's object, null where it has none.
    pub fn ask(&mut self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let csrf = self.get("/api/v1/session")["csrf"].as_str().unwrap().to_owned();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path))
            .header("cookie", self.cookie.as_ref().unwrap())
            .header("x-csrf-token", csrf)
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap();
        let mut response = agent().run(request).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
    }

    /// Everything that was committed, in order.
    pub fn changes(&mut self) -> Vec<Change> {
        let (mut changes, mut after) = (Vec::new(), 0);
        loop {
            let page = self.get(&format!("/api/v1/changes?after={after}&limit=1000"));
            for change in page["changes"].as_array().unwrap() {
                changes.push(Change {
                    cursor: change["cursor"].as_i64().unwrap(),
                    topic: change["topic"].as_str().unwrap().to_owned(),
                    payload: change["payload"].clone(),
                });
            }
            after = page["cursor"].as_i64().unwrap();
            if page["more"] == json!(false) {
                return changes;
            }
        }
    }

    /// The health of a channel as the API has it now.
    pub fn health(&mut self, channel: &str) -> Value {
        self.get(&format!("/api/v1/channels/{channel}"))["health"].clone()
    }

    /// What Prometheus gets.
    pub fn scrape(&self) -> String {
        let token = std::fs::read_to_string(self.path("data/metrics-token")).unwrap();
        let mut response = agent()
            .get(self.url("/metrics"))
            .header("authorization", format!("Bearer {}", token.trim()))
            .call()
            .unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        assert_eq!(response.status(), 200, "{text}");
        text
    }

    /// Sum of a counter or gauge of `/metrics` over its labels; those with `part` in the line.
    pub fn metric(&self, name: &str, part: &str) -> f64 {
        self.scrape()
            .lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with([' ', '{'])) && l.contains(part))
            .map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .fold(0.0, |sum, value| sum + value)
    }

    /// `skyeye store check`, which must find nothing wrong; its object.
    pub fn store_check(&self) -> Value {
        let out = program(&["store", "check", "--json", "--config", self.config_file().to_str().unwrap()]);
        let report = last_object(&out);
        assert!(out.status.success(), "{report} {}", String::from_utf8_lossy(&out.stderr));
        report
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            println!("--- the gateway's log ends with:");
            tail.iter().rev().for_each(|l| println!("{l}"));
        }
    }
}

fn agent() -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20))).build();
    ureq::Agent::new_with_config(config)
}

/// Runs the program to its end, in the repository's root.
pub fn program(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).current_dir(super::support::root()).stdin(Stdio::null()).output().unwrap()
}

/// The last line on standard output, which with `--json` is one object.
pub fn last_object(out: &Output) -> Value {
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| {
        panic!("the last line is no object ({e}): {line:?}; {}", String::from_utf8_lossy(&out.stderr))
    })
}

/// A committed message.
#[derive(Debug, Clone)]
pub struct Change {
    pub cursor: i64,
    pub topic: String,
    pub payload: Value,
}

/// Of one event, as its messages tell it.
#[derive(Debug, Clone, Default)]
pub struct Story {
    pub channel: String,
    pub rule: String,
    pub alert: String,
    pub starts: usize,
    pub ends: Vec<String>,
}

impl Story {
    pub fn is_open(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Events by id, in the order of their starts; each message counted once by its cursor, however often it came.
pub fn stories<'a>(messages: impl IntoIterator<Item = (&'a str, &'a Value)>) -> BTreeMap<String, Story> {
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (topic, p) in messages {
        if !topic.contains("/event/") || !seen.insert(p["cursor"].as_i64().unwrap()) {
            continue;
        }
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let story = stories.entry(text(&p["id"])).or_default();
        (story.channel, story.rule, story.alert) = (text(&p["channel"]), text(&p["rule"]["id"]), text(&p["alert"]));
        match p["phase"].as_str().unwrap() {
            "start" => story.starts += 1,
            "end" => story.ends.push(text(&p["end"])),
            _ => assert!(story.is_open(), "an update after the end: {p}"),
        }
    }
    stories
}

/// Every start once, with one end at most.
pub fn assert_whole(stories: &BTreeMap<String, Story>) {
    for (id, story) in stories {
        assert_eq!(story.starts, 1, "starts of {id}: {story:?}");
        assert!(story.ends.len() <= 1, "ends of {id}: {story:?}");
    }
}

pub fn stories_of_changes(changes: &[Change]) -> BTreeMap<String, Story> {
    stories(changes.iter().map(|c| (c.topic.as_str(), &c.payload)))
}

/// What a subscriber got, read; an empty payload only clears a topic.
pub fn read(got: &[Got]) -> Vec<(String, Value)> {
    let full = got.iter().filter(|g| !g.payload.is_empty());
    full.map(|g| (g.topic.clone(), serde_json::from_str(&g.payload).expect("JSON"))).collect()
}

pub fn stories_of(read: &[(String, Value)]) -> BTreeMap<String, Story> {
    stories(read.iter().map(|(topic, p)| (topic.as_str(), p)))
}

/// Facts that came, by cursor; what came twice came the same.
pub fn facts(read: &[(String, Value)]) -> BTreeMap<i64, (String, Value)> {
    let mut facts: BTreeMap<i64, (String, Value)> = BTreeMap::new();
    for (topic, payload) in read {
        let Some(cursor) = payload["cursor"].as_i64() else { continue };
        let fact = (topic.clone(), payload.clone());
        if let Some(before) = facts.insert(cursor, fact.clone()) {
            assert_eq!(before, fact, "cursor {cursor} came with two contents");
        }
    }
    facts
}

/// What the API says was committed is what came by MQTT: no more, no less, nothing else.
pub fn assert_same(changes: &[Change], read: &[(String, Value)]) {
    let came = facts(read);
    let missing: Vec<_> = changes.iter().filter(|c| !came.contains_key(&c.cursor)).map(|c| c.cursor).collect();
    assert!(missing.is_empty(), "{} of {} never came: {missing:?}", missing.len(), changes.len());
    for change in changes {
        assert_eq!(came[&change.cursor], (change.topic.clone(), change.payload.clone()), "cursor {}", change.cursor);
    }
    let committed: BTreeSet<_> = changes.iter().map(|c| c.cursor).collect();
    let foreign: Vec<_> = came.keys().filter(|c| !committed.contains(c)).collect();
    assert!(foreign.is_empty(), "came, but was never committed: {foreign:?}");
}

/// The schemas that `skyeye check --schemas` writes, to hold messages against.
pub struct Schemas(BTreeMap<String, jsonschema::Validator>);

impl Schemas {
    pub fn published() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let out = program(&["check", "--json", "--schemas", dir.path().to_str().unwrap()]);
        assert!(out.status.success());
        let files = last_object(&out)["files"].as_array().unwrap().clone();
        let schemas = files.iter().map(|file| {
            let file = Path::new(file.as_str().unwrap());
            let name = file.file_name().unwrap().to_str().unwrap().strip_suffix(".schema.json").unwrap();
            let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            (name.to_owned(), jsonschema::validator_for(&schema).unwrap())
        });
        Self(schemas.collect())
    }

    /// Each message is what its topic promises, and fits its schema.
    pub fn check(&self, read: &[(String, Value)]) {
        for (topic, payload) in read {
            let root = format!("skyeye/v1/{SITE}/");
            let levels: Vec<&str> = topic.strip_prefix(&root).expect("a topic of the site").split('/').collect();
            let (schema, ids) = match levels[..] {
                ["node", node, "status"] => ("skyeye.node", vec![("node", node)]),
                ["channel", channel, "health"] => ("skyeye.health", vec![("channel", channel)]),
                ["channel", channel, "event", kind] => ("skyeye.event", vec![("channel", channel), ("type", kind)]),
                ["alert", alert] => ("skyeye.alert", vec![("id", alert)]),
                _ => panic!("no topic of the contract: {topic}"),
            };
            assert_eq!(payload["schema"], schema, "{topic}");
            for (member, id) in ids {
                assert_eq!(payload[member], id, "{topic}: {payload}");
            }
            if let Err(e) = self.0[schema].validate(payload) {
                panic!("{topic} does not fit {schema}: {e}: {payload}");
            }
        }
    }
}
