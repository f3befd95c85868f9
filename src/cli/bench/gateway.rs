//! The gateway that a bench measures, as a process of its own: `skyeye run` on a configuration made for the bench, or
//! the same node fed with access units by the clock (`skyeye bench subject fed`).
//!
//! The fed one is for arrivals that no camera sends: a Poisson process at a given rate. It is a whole node with its own
//! embedded broker; only the place where units enter is ours. What it is told and what it answers goes by lines.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Setting,
    child::{Child, Scratch, Usage, free_port},
    clip,
    measure::{self, Chance},
    subscriber::{PASSWORD, SITE, USER},
};
use crate::{
    ingest::UnitSink,
    node::Node,
    types::{AccessUnit, ChannelId, Clock},
};

/// How long a gateway may take to be up.
const UP: Duration = Duration::from_secs(60);

/// A configuration for a bench: what every one has, and what is special.
pub struct Configuration {
    text: String,
    pub broker: SocketAddr,
    pub web: SocketAddr,
}

impl Configuration {
    /// `sections`: whole sections of the bench, e.g. `[sample]`; channels and rules are added by the others.
    pub fn new(setting: &Setting, dir: &Path, sections: &str) -> anyhow::Result<Self> {
        let (broker, web) = (free_port()?, free_port()?);
        std::fs::write(dir.join("password"), PASSWORD)?;
        std::fs::write(dir.join("metrics-token"), PASSWORD)?;
        let text = format!(
            "[node]\nsite = {SITE:?}\ndata_dir = {data:?}\n\
             [telemetry]\nlog = \"error\"\n\
             [web]\nlisten = \"127.0.0.1:{web}\"\nmetrics_token_file = {token:?}\n\
             [publish]\nlisten = \"127.0.0.1:{broker}\"\nuser = [{{ name = {USER:?}, password_file = {password:?} }}]\n\
             [alert]\nhealth = false\n\
             [schedule]\ndeadline_ms = {deadline}\nfocus_share = {share}\n\
             {infer}{sections}\n",
            deadline = setting.config.schedule.deadline_ms,
            share = setting.config.schedule.focus_share,
            data = dir.join("data"),
            token = dir.join("metrics-token"),
            password = dir.join("password"),
            infer = setting.infer_section()?,
        );
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { text, broker: local(broker), web: local(web) })
    }

    pub fn channel(&mut self, id: &str, url: &str) {
        self.text.push_str(&format!("[[channel]]\nid = {id:?}\nurl = {url:?}\n"));
    }

    /// `more`: further keys of the rule.
    pub fn rule(&mut self, id: &str, channels: &[String], more: &str) {
        self.text.push_str(&format!("[[rule]]\nid = {id:?}\ntype = \"presence\"\nchannels = {channels:?}\n{more}\n"));
    }
}

/// A gateway that runs.
pub struct Gateway {
    pub child: Child,
    pub broker: SocketAddr,
    web: SocketAddr,
    _scratch: Scratch,
}

impl Gateway {
    /// Starts `skyeye run` and waits until it is up.
    pub fn start(setting: &Setting, scratch: Scratch, configuration: Configuration) -> anyhow::Result<Self> {
        Self::launch(setting, scratch, configuration, |file| ["--config".into(), file, "run".into()].to_vec())
    }

    /// Starts a gateway that is fed with the key units in which the detector finds something.
    pub fn start_fed(setting: &Setting, scratch: Scratch, configuration: Configuration) -> anyhow::Result<Self> {
        let clip = setting.clip()?.display().to_string();
        let words = |file| {
            let mut words = vec!["--config".to_owned(), file, "bench".into(), "--clip".into(), clip.clone()];
            words.extend(["subject", "fed"].map(str::to_owned));
            words
        };
        let mut gateway = Self::launch(setting, scratch, configuration, words)?;
        let hello = gateway.child.object(UP)?;
        if hello["units"].as_u64().is_none_or(|n| n == 0) {
            bail!("the detector finds nothing in any key frame of the clip; take another clip or model");
        }
        Ok(gateway)
    }

    fn launch(
        _: &Setting,
        scratch: Scratch,
        configuration: Configuration,
        words: impl FnOnce(String) -> Vec<String>,
    ) -> anyhow::Result<Self> {
        let file = scratch.path().join("skyeye.toml");
        std::fs::write(&file, &configuration.text)?;
        let child = Child::start("the gateway", &words(file.display().to_string()))?;
        let mut this = Self { child, broker: configuration.broker, web: configuration.web, _scratch: scratch };
        let began = Instant::now();
        while this.metrics().is_err() {
            if began.elapsed() > UP {
                bail!("the gateway is not up after {} s", UP.as_secs());
            }
            this.child.alive()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(this)
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> anyhow::Result<Metrics> {
        let mut response = ureq::get(format!("http://{}/metrics", self.web))
            .header("authorization", format!("Bearer {PASSWORD}"))
            .call()?;
        Ok(Metrics(response.body_mut().read_to_string()?))
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        self.child.usage()
    }

    /// Feeds a fed gateway, and waits for its report when the time is over.
    pub fn feed(&mut self, rate_hz: f64, seconds: f64, seed: u64, poisson: bool) -> anyhow::Result<Value> {
        self.child
            .say(&json!({ "rate_hz": rate_hz, "seconds": seconds, "seed": seed, "poisson": poisson }).to_string())?;
        self.child.object(Duration::from_secs_f64(seconds + 30.0))
    }
}

/// Prometheus text.
pub struct Metrics(String);

impl Metrics {
    /// Sum of a counter or gauge over its labels; of those lines that have `part` in them.
    pub fn sum(&self, name: &str, part: &str) -> f64 {
        let lines = self
            .0
            .lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])) && l.contains(part));
        lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// A node that is fed.
#[derive(Debug, Clone, Args)]
pub struct FedArgs {
    /// Only channels whose id begins with this are fed
    #[arg(long, default_value = "fed-")]
    prefix: String,
}

#[derive(Debug, serde::Deserialize)]
struct Order {
    rate_hz: f64,
    seconds: f64,
    seed: u64,
    /// False: evenly.
    poisson: bool,
}

/// The configuration is the one that `--config` names.
pub fn subject(setting: &Setting, args: &FedArgs, path: &Path) -> anyhow::Result<()> {
    let channels: Vec<ChannelId> = setting
        .config
        .channel
        .iter()
        .map(|c| c.id.clone())
        .filter(|id| id.as_str().starts_with(&args.prefix))
        .collect();
    if channels.is_empty() {
        bail!("no channel begins with '{}'", args.prefix);
    }
    crate::telemetry::init_logs(&setting.config.telemetry);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let node = runtime.block_on(Node::start(setting.config.clone(), PathBuf::from(path), false))?;
    let units = telling(setting)?;
    let feed_units = units.len();
    println!("{}", json!({ "units": feed_units }));
    let (sink, clock) = node.entrance();
    let mut feed = Feed {
        sessions: channels.iter().map(|id| (id.clone(), sink.clone().session(id))).collect(),
        units,
        clock,
        next: 0,
    };
    for line in std::io::stdin().lines() {
        let order: Order = serde_json::from_str(&line?).context("what the bench asked for")?;
        let late_ms = feed.run(&order)?;
        println!(
            "{}",
            json!({ "offered": late_ms.len(), "late_p99_ms": measure::quantile(&mut late_ms.clone(), 0.99) })
        );
    }
    runtime.block_on(node.stop());
    Ok(())
}

/// The clip's key units in which the detector is sure of something: each look at one of them is an event's message.
fn telling(setting: &Setting) -> anyhow::Result<Vec<AccessUnit>> {
    /// Well above what keeps the bench's rule going.
    const SURE: f32 = 0.4;
    let film = clip::units(&setting.clip()?)?;
    let units = clip::key_units(&film, &ChannelId::new("bench")?);
    let mut detector = setting.detector()?;
    let mut decoder = crate::decode::KeyDecoder::new(crate::decode::DecodeLimits::default());
    let mut telling = Vec::new();
    for unit in units {
        let frame = decoder.decode(&unit)?;
        if detector.detect(&frame)?.iter().any(|d| d.score >= SURE) {
            telling.push(unit);
        }
    }
    Ok(telling)
}

/// Offers units to the node, channel by channel in turn.
struct Feed {
    sessions: Vec<(ChannelId, Box<dyn UnitSink>)>,
    units: Vec<AccessUnit>,
    clock: Clock,
    next: usize,
}

impl Feed {
    /// Gives by how many milliseconds each was late against its plan.
    fn run(&mut self, order: &Order) -> anyhow::Result<Vec<f64>> {
        let mut chance = Chance::new(order.seed);
        let (began, mut at_s, mut late_ms) = (Instant::now(), 0.0, Vec::new());
        loop {
            at_s += if order.poisson { chance.wait_s(order.rate_hz) } else { 1.0 / order.rate_hz };
            if at_s >= order.seconds {
                return Ok(late_ms);
            }
            let due = began + Duration::from_secs_f64(at_s);
            measure::sleep_until(due);
            // Each channel goes through the film by itself.
            let (at, turn) = (self.next % self.sessions.len(), self.next / self.sessions.len());
            let unit = self.units.get((turn + at) % self.units.len()).context("nothing to feed")?.clone();
            let (channel, session) = self.sessions.get_mut(at).context("no channel")?;
            let now = self.clock.now();
            late_ms.push(due.elapsed().as_secs_f64() * 1000.0);
            session.unit(AccessUnit {
                channel: channel.clone(),
                timeline_90k: i64::try_from(now.mono.0).unwrap_or(0) * 90,
                ingested: now.mono,
                ingested_wall: now.wall,
                seen: now.wall,
                ..unit
            });
            self.next += 1;
        }
    }
}
