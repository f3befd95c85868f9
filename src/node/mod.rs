//! One running gateway: makes every stage, ties them together, and takes them down in order.
//!
//! The order of a start is that nothing runs before what it hands to: ledger, workers, broker, web, and the cameras
//! last. What can be refused (a port that is taken, a folder, a certificate) is asked for before the first worker runs, and
//! a refusal closes the ledger again; a model that cannot be had is no refusal, the cameras are read and the node says
//! what is degraded. A stop goes the other way: no more pictures, no more looks, open events end as `reconfigured`, the
//! ledger takes what is under way, the publisher drains, the broker goes, and the ledger once the broker's store is on disk.
//! Each step of a stop is bounded in time: a disk that does not answer or a worker that hangs must not keep the process
//! from ending.

pub mod ages;
mod announce;
mod blind;
mod breath;
mod discover;
mod configure;
pub mod control;
mod dryrun;
mod encoder;
mod file;
mod condition;
mod focus;
mod handover;
mod hangs;
mod health;
mod intake;
mod line;
mod live;
mod look;
pub mod looks;
mod numbers;
mod pictures;
mod ports;
mod positions;
mod pump;
mod reload;
mod rules;
mod search;
pub mod shifts;
mod shots;
pub mod source;
mod stored;
mod stream;
mod tick;
mod watch;
mod worker;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::{
    ages::Ages,
    file::Stamp,
    hangs::Hangs,
    intake::Intake,
    live::Live,
    look::Lookers,
    pictures::Pictures,
    ports::WebPorts,
    pump::{Item, Pump},
    shifts::Shifts,
    source::LedgerSource,
    stored::Stored,
    stream::Streams,
    watch::{Watch, Watches},
};
use crate::{
    alert::AlertBook,
    channel::{Entry, Registry},
    config::{self, BrokerKind, Config},
    decode::DecodeLimits,
    evidence::Files,
    hook::{Backoff, HookOptions, Hooks},
    ingest::{Ingest, descriptors},
    media::Media,
    outbox::{Ledger, LedgerOptions},
    publish::{
        PublishOptions, Publisher, States,
        broker::{Broker, DiscoverySwitch, EmbeddedBroker},
        topic::Topics,
    },
    sample::Sampler,
    schedule::{self, Queue},
    store::users::Users,
    telemetry,
    track::LookBook,
    types::{
        Clock, Message, NodeId, Secret, SiteId, UserId,
        payload::{HealthPayload, NodePayload, NodeStatus},
    },
    web::{self, AppState, Ports},
};

/// A step of the stop that waits for others takes at most this long; all together end within 10 s.
const STEP: Duration = Duration::from_secs(2);

/// What every part of the node may read.
pub struct Inner {
    pub site: SiteId,
    pub id: NodeId,
    pub topics: Topics,
    pub clock: Clock,
    /// What runs: the file and the inventory, merged.
    pub config: ArcSwap<Config>,
    pub stored: Stored,
    pub registry: Arc<Registry>,
    pub media: Arc<Media>,
    pub queue: Arc<Queue>,
    pub watches: Arc<Watches>,
    /// The looks of the last hours.
    pub book: Arc<LookBook>,
    pub sampler: Arc<Sampler>,
    /// Decoders kept for catch-up and focus.
    pub streams: Arc<Streams>,
    /// Channels that made a worker hang.
    pub hangs: Arc<Hangs>,
    pub pump: Pump,
    pub ledger: Ledger,
    /// Receivers over HTTP.
    pub hooks: Hooks<Ledger>,
    pub files: Arc<Files>,
    pub pictures: Pictures,
    /// What is kept between questions about rules.
    asked: rules::Asked,
    pub states: Arc<States>,
    /// Of the embedded broker.
    discovery: Option<DiscoverySwitch>,
    pub metrics: telemetry::Metrics,
    /// The overview for the console, made once a second.
    pub breath: ArcSwap<web::boxview::BoxView>,
    /// True between the end of the start and the begin of the stop.
    pub up: AtomicBool,
    /// What does not work, by what it is about.
    degraded: Mutex<std::collections::BTreeMap<&'static str, String>>,
}

impl Inner {
    /// The node's status as it is published and shown.
    pub fn node_payload(&self) -> NodePayload {
        let mut degraded: Vec<String> = self.degraded.lock().values().cloned().collect();
        degraded.extend(self.ledger.degraded());
        degraded.extend(self.hooks.degraded());
        NodePayload {
            schema: "skyeye.node".into(),
            version: 1,
            node: self.id.clone(),
            site: self.site.clone(),
            status: NodeStatus::Online,
            boot: self.ledger.boot(),
            program: env!("CARGO_PKG_VERSION").into(),
            degraded,
            open_alerts: None,
        }
    }

    /// Says what does not work, or with `None` that it works (again).
    pub fn set_degraded(&self, what: &'static str, sentence: Option<String>) {
        let mut degraded = self.degraded.lock();
        match sentence {
            Some(sentence) => {
                if degraded.get(what) != Some(&sentence) {
                    tracing::warn!("degraded: {sentence}");
                }
                degraded.insert(what, sentence);
            }
            None => {
                degraded.remove(what);
            }
        }
    }

    /// True if this is said not to work.
    pub fn is_degraded(&self, what: &'static str) -> bool {
        self.degraded.lock().contains_key(what)
    }

    /// Positions and their shifts.
    fn shifts(self: &Arc<Self>) -> Arc<Shifts> {
        let inner = self.clone();
        Arc::new(Shifts::new(self.ledger.store().clone(), self.clock, Box::new(move || inner.config.load_full())))
    }

    /// The health of a channel as it is published and shown.
    pub fn health(&self, entry: &Entry) -> HealthPayload {
        // Read first: what is told may be newer than this says, never older.
        let now = self.clock.now();
        HealthPayload {
            schema: "skyeye.health".into(),
            version: 1,
            node: self.id.clone(),
            site: self.site.clone(),
            channel: entry.config.id.clone(),
            area: entry.area.clone(),
            at: now.wall,
            boot: self.ledger.boot(),
            uptime_ms: now.mono.0,
            health: entry.health(),
        }
    }
}

/// A running gateway.
pub struct Node {
    inner: Arc<Inner>,
    live: Arc<Live>,
    first_password: Option<Secret>,
    web_addr: std::net::SocketAddr,
    publisher: Arc<Publisher>,
    broker: Option<EmbeddedBroker>,
    /// Tells what is wrong with channels; ends its events when the ticks are stopped.
    health: JoinHandle<()>,
    /// Ends the tasks that go by the clock.
    stop_ticks: CancellationToken,
    ticks: Vec<JoinHandle<()>>,
    stop_web: CancellationToken,
    web: JoinHandle<()>,
    lanes: Vec<JoinHandle<()>>,
}

impl Node {
    /// Starts everything. `config` is what the file at `config_path` holds, which is read again when it changes and on
    /// `reload`; the inventory comes to it. With `demo` the first login gets a new one-time password at every start.
    pub async fn start(config: Config, config_path: PathBuf, demo: bool) -> anyhow::Result<Node> {
        let read = Stamp::of(&config_path);
        crate::publish::tls::install();
        let metrics = telemetry::init_metrics();
        let clock = Clock::start();
        let bound = web::bind(&config.web)?;
        private_dir(&config.node.data_dir)?;
        let book = AlertBook::of(&config);
        let ledger = Ledger::open(LedgerOptions::new(&config, Box::new(book), clock)).await?;
        let started = Self::over(ledger.clone(), bound, metrics, clock, config, (config_path, read), demo).await;
        if started.is_err() {
            ledger.close().await;
        }
        started
    }

    /// Starts everything over an open ledger and a bound socket. Up to the first worker it may fail, and all that was
    /// made ends with its owner; from there on it may not.
    async fn over(
        ledger: Ledger,
        bound: web::Bound,
        metrics: telemetry::Metrics,
        clock: Clock,
        config: Config,
        (config_path, read): (PathBuf, Stamp),
        demo: bool,
    ) -> anyhow::Result<Node> {
        let files = Files::open(&config.node.data_dir.join("evidence"), clock, config.evidence.clone())
            .context("the evidence folder cannot be used")?;
        let files = Arc::new(files);
        let broker = match config.publish.broker {
            BrokerKind::Embedded => Some(EmbeddedBroker::start(&config.publish, &config.node, clock).await?),
            BrokerKind::External => None,
        };
        let discovery = broker.as_ref().map(EmbeddedBroker::discovery);
        let options = PublishOptions::from_config(
            &config.publish,
            &config.node,
            ledger.boot(),
            env!("CARGO_PKG_VERSION"),
            clock,
            broker.as_ref().map(|b| b as &dyn Broker),
        )?;
        let ages = Arc::new(Ages::new(clock));
        let (pump, lanes) = Pump::start(&ledger, &files, &ages);
        let media = Arc::new(Media::new(&config.media, memory_bytes()));
        let queue = Arc::new(Queue::new(schedule_options(&config), clock));
        let registry = Registry::new(&config, clock);
        let watches = Arc::new(Watches::default());
        let limits = DecodeLimits { max_pixels: u64::from(config.decode.max_pixels) };
        let quality = config.evidence.jpeg_quality;
        let pictures = Pictures::new(media.clone(), watches.clone(), clock, limits, quality);
        let states = States::new(clock);
        let inner = Arc::new(Inner {
            site: config.node.site.clone(),
            id: config.node.id.clone(),
            topics: Topics::new(&config.node.site),
            clock,
            registry: registry.clone(),
            media: media.clone(),
            queue: queue.clone(),
            watches: watches.clone(),
            book: Arc::new(LookBook::new(config.track.keep_looks_bytes, config.track.keep_looks_h)),
            sampler: Arc::new(Sampler::new(&config.sample)),
            streams: Arc::default(),
            hangs: Arc::default(),
            pump,
            hooks: Hooks::new(hook_options(&config, clock), Arc::new(ledger.clone())),
            ledger: ledger.clone(),
            files,
            pictures,
            asked: rules::Asked::default(),
            states: states.clone(),
            discovery,
            metrics,
            breath: ArcSwap::default(),
            up: AtomicBool::new(false),
            degraded: Mutex::default(),
            stored: Stored::new(config.clone(), clock),
            config: ArcSwap::from_pointee(config),
        });
        let config = live::first(&inner).await;
        if let Err(sentence) = descriptors::raise(descriptors::needed(&config)) {
            tracing::warn!("{sentence}");
        }
        registry.apply(&config);
        inner.config.store(Arc::new(config.clone()));
        let web_addr = bound.address();
        let (state, first_password) = web_state(&inner, &config, demo).await?;
        let audit = state.auth().audit().clone();
        let web_of_commands = state.clone();

        for entry in registry.channels().into_iter().filter(|e| e.config.enabled) {
            watch(&inner, &config, entry);
        }
        let intake = Arc::new(Intake {
            media,
            sampler: inner.sampler.clone(),
            queue,
            watches,
            hangs: inner.hangs.clone(),
            looking: AtomicBool::new(false),
        });
        let lookers = Arc::new(Lookers::default());
        lookers.start(&inner, &intake, &config).await;
        let (commands_tx, commands_rx) = mpsc::channel(256);
        let publisher = Arc::new(Publisher::start(
            options,
            Arc::new(LedgerSource { ledger: ledger.clone(), ages }),
            states,
            commands_tx,
        ));
        inner.hooks.apply(&config.webhook).await;
        let stop_web = CancellationToken::new();
        let web = tokio::spawn({
            let cancel = stop_web.clone();
            async move {
                if let Err(e) = bound.serve(state, cancel).await {
                    tracing::error!("the web stage ended: {e}");
                }
            }
        });
        let stop_ticks = CancellationToken::new();
        let mut ticks = vec![
            tokio::spawn(tick::lost(inner.clone(), stop_ticks.clone())),
            tokio::spawn(tick::workers(inner.clone(), lookers.clone(), stop_ticks.clone())),
            tokio::spawn(tick::health(inner.clone(), publisher.clone(), stop_ticks.clone())),
            tokio::spawn(focus::deal(inner.clone(), stop_ticks.clone())),
            tokio::spawn(tick::housekeeping(inner.clone(), stop_ticks.clone())),
            tokio::spawn(announce::keep(inner.clone(), stop_ticks.clone())),
            tokio::spawn(breath::breathe(inner.clone(), stop_ticks.clone())),
            tokio::spawn(source::commands(inner.clone(), web_of_commands, commands_rx)),
            tokio::spawn(control::serve(inner.clone(), stop_ticks.clone())),
        ];

        let health = tokio::spawn(health::tell(inner.clone(), stop_ticks.clone()));

        let ingest = Arc::new(Ingest::new(registry.clone(), config.ingest.clone(), clock, intake.clone()));
        let config = inner.config.load_full();
        reload::pull(&ingest, &config, &registry).await;
        let live = Live::new(inner.clone(), ingest, intake, lookers, config_path, read, audit);
        let live = Arc::new(live);
        ticks.push(tokio::spawn(live.clone().follow(stop_ticks.clone())));
        inner.up.store(true, Ordering::Relaxed);
        tracing::info!(site = %inner.site, node = %inner.id, channels = config.channel.len(), web = %web_addr, "up");
        Ok(Node {
            inner,
            live,
            first_password,
            web_addr,
            publisher,
            broker,
            health,
            stop_ticks,
            ticks,
            stop_web,
            web,
            lanes,
        })
    }

    /// Reads the configuration file again.
    pub async fn reload(&self) {
        self.live.reload().await;
    }

    /// The one-time password, if the first login still needs one.
    pub fn first_password(&self) -> Option<&Secret> {
        self.first_password.as_ref()
    }

    /// Where the web stage listens.
    pub fn web_addr(&self) -> std::net::SocketAddr {
        self.web_addr
    }

    /// Where the embedded broker listens, if there is one.
    pub fn broker_addr(&self) -> Option<std::net::SocketAddr> {
        self.broker.as_ref().map(Broker::addr)
    }

    /// Where access units enter, and the clock that stamps them: for a source that is no camera.
    pub fn entrance(&self) -> (Arc<dyn crate::ingest::Sink>, Clock) {
        (self.live.intake.clone(), self.inner.clock)
    }

    /// The channels, each with its health.
    pub fn channels(&self) -> Vec<Arc<Entry>> {
        self.inner.registry.channels()
    }

    /// Everything counted so far, as Prometheus reads it.
    pub fn metrics(&self) -> String {
        self.inner.metrics.render()
    }

    /// How long ago each watched channel was last looked at, milliseconds.
    pub fn look_ages_ms(&self) -> Vec<u64> {
        let watched = self.inner.watches.all().into_iter().filter(|w| w.is_watched());
        watched.filter_map(|w| Some(self.inner.queue.floor(&w.entry.config.id)?.age_ms)).collect()
    }

    /// Takes everything down in order.
    pub async fn stop(self) {
        self.inner.up.store(false, Ordering::Relaxed);
        self.stop_ticks.cancel();
        if tokio::time::timeout(STEP, self.live.close()).await.is_err() {
            tracing::error!("a change of the configuration is still under way; it is not waited for");
        }
        self.live.ingest.stop().await;
        self.inner.queue.close();
        self.live.lookers.join(STEP).await;
        let committed = async {
            for watch in self.inner.watches.all() {
                // Held by a worker that waits for room or hangs: its events end as interrupted at the next start.
                let Some(events) = watch.analysis.try_lock().map(|mut a| a.rules.finish(self.inner.clock.now())) else {
                    continue;
                };
                for event in events {
                    self.inner.pump.put(item(&watch, event)).await;
                }
            }
            ended("the task that tells of health", self.health).await;
            self.inner.pump.close();
            for lane in self.lanes {
                ended("a lane of the pump", lane).await;
            }
        };
        if tokio::time::timeout(STEP, committed).await.is_err() {
            tracing::error!("the disk takes no events; those still open end as interrupted at the next start");
        }
        for tick in self.ticks {
            tick.abort();
        }
        self.publisher.shutdown(STEP).await;
        self.inner.hooks.close().await;
        self.stop_web.cancel();
        ended("the web stage", self.web).await;
        self.inner.stored.close().await;
        // The broker's disk first: only then what it confirmed may be forgotten. The library gives up by itself after 5 s
        // and does not say so, so what took longer than ours has not ended in order.
        let synced = match &self.broker {
            Some(broker) => tokio::time::timeout(STEP, broker.shutdown()).await.unwrap_or(false),
            None => true,
        };
        if !synced {
            tracing::error!("the broker did not end in order; what it confirmed last goes out again at the next start");
            self.inner.ledger.close_unsynced().await;
            return;
        }
        self.inner.ledger.close().await;
        tracing::info!("stopped in order");
    }
}

/// An event that no look of this moment caused.
fn item(watch: &Watch, event: crate::types::Event) -> Item {
    Item {
        event,
        snapshot: None,
        channel_name: watch.entry.config.display_name().to_owned(),
        area: watch.entry.area.clone(),
        skew_ms: None,
        recorder: watch.entry.config.host(),
    }
}

fn schedule_options(config: &Config) -> schedule::Options {
    let schedule = &config.schedule;
    // The workers are counted when they have started.
    schedule::Options {
        deadline_ms: schedule.deadline_ms.into(),
        focus_share: schedule.focus_share,
        recall: config.sample.catch_up,
        ..schedule::Options::default()
    }
}

/// Who delivers to receivers over HTTP.
pub fn hook_options(config: &Config, clock: Clock) -> HookOptions {
    HookOptions { site: config.node.site.clone(), node: config.node.id.clone(), clock, backoff: Backoff::default() }
}

/// The time within which a channel shall be looked at; 0 where no rule watches it, since nothing of it is decoded then.
fn floor_ms(config: &Config, channel: &config::Channel) -> u64 {
    match config.rules_of(channel).next() {
        Some(_) => u64::from(config.sample.patrol_floor_s) * 1000,
        None => 0,
    }
}

/// Puts a channel under watch.
fn watch(inner: &Inner, config: &Config, entry: Arc<Entry>) {
    let id = entry.config.id.clone();
    inner.queue.register(&id, entry.config.weight, floor_ms(config, &entry.config));
    inner.watches.insert(id, Arc::new(Watch::new(config, entry, inner.clock.mono())));
}

/// The web stage's state over the ports of this node, and the one-time password if there is one.
async fn web_state(inner: &Arc<Inner>, config: &Config, demo: bool) -> anyhow::Result<(AppState, Option<Secret>)> {
    let ports = Arc::new(WebPorts(inner.clone()));
    let discovery = Arc::new(discover::Jobsite::new(inner.clone()));
    let shifts = inner.shifts();
    let (feed, _) = broadcast::channel(4096);
    let topics = inner.topics.clone();
    tokio::spawn(forward(topics.clone(), inner.ledger.committed(), feed.clone()));
    tokio::spawn(forward(topics, inner.states.subscribe(), feed.clone()));
    let ports = Ports {
        alerts: ports.clone(),
        places: ports.clone(),
        pictures: ports.clone(),
        snapshots: ports.clone(),
        channels: ports.clone(),
        node: ports.clone(),
        commands: ports.clone(),
        rules: ports.clone(),
        search: ports.clone(),
        figures: shifts.clone(),
        handovers: shifts,
        configuration: ports,
        discovery,
        feed,
    };
    let users = Users::new(inner.ledger.store());
    let state = AppState::new(config, inner.clock, users, ports).await?;
    let mut password = state.auth().ensure_first().await?;
    if demo && password.is_none() {
        password = Some(state.auth().reset_one_time(&UserId::new("admin")?).await?);
    }
    Ok((state, password))
}

/// Passes messages on to the consoles' feeds. One that is lost here is in `/changes`.
async fn forward(topics: Topics, mut from: broadcast::Receiver<Arc<Message>>, to: broadcast::Sender<Arc<Message>>) {
    loop {
        match from.recv().await {
            Ok(message) if !topics.is_for_all(&message.topic) => {}
            // Nobody listening is no error.
            Ok(message) => drop(to.send(message)),
            Err(broadcast::error::RecvError::Lagged(n)) => {
                metrics::counter!("skyeye_web_feed_lagged_total").increment(n);
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn ended(what: &str, task: JoinHandle<()>) {
    if let Err(e) = task.await {
        tracing::error!("{what} did not end cleanly: {e}");
    }
}

/// Makes the data directory, readable for its owner only.
fn private_dir(dir: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if dir.exists() && !dir.is_dir() {
        bail!("node.data_dir '{}' is not a folder", dir.display());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("node.data_dir '{}' cannot be made", dir.display()))
}

/// Memory of the machine in bytes; 4 GiB where it cannot be told.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or(4 << 30, |k| k * 1024)
}
