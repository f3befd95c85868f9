//! Configuration: one TOML file whose sections are named after the modules.
//!
//! `load` reads a file whole before any socket opens and gives either a `Config` that every module can rely on, or all
//! the problems found, each with file, line, key and what would be right. Unknown keys are problems: a misspelt key
//! that is silently ignored is a camera that is silently not watched. Every key stands in `config/skyeye.toml` and
//! `config/README.md`; a test fails when they differ.

mod alert;
pub mod announced;
pub mod diff;
pub mod feed;
pub mod guard;
pub mod hook;
mod load;
mod lookup;
pub mod map;
mod picture;
pub mod procedure;
mod refs;
mod rule;
pub mod secret_file;
pub mod timetable;
mod tls;
pub mod validate;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alert::{Alert, Position, Raise, minute_of_day};
pub use diff::Diff;
pub use feed::{Feed, HomeAssistant};
pub use hook::{HookEvent, Webhook};
pub use load::{ConfigError, INVENTORY, Problem, load, parse};
pub use lookup::{AreaPaths, RuleIndex};
pub use map::{Degrees, Map, Plan};
pub use picture::{Line, Mask, MaskKind, Zone};
pub use procedure::Procedure;
pub use refs::Refs;
pub use rule::{Direction, Exception, FocusWhen, Rule, RuleKind};
pub use timetable::Timetable;
pub use tls::Tls;

use crate::types::{AreaId, ChannelId, ConditionKind, CredentialId, FeedId, ModelName, NodeId, Secret, SiteId, UserId};

/// The whole file. Relative paths are relative to the working directory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub node: Node,
    pub ingest: Ingest,
    pub media: Media,
    pub sample: Sample,
    pub schedule: Schedule,
    pub decode: Decode,
    pub infer: Infer,
    pub track: Track,
    pub alert: Alert,
    pub condition: Condition,
    pub evidence: Evidence,
    pub outbox: Outbox,
    pub publish: Publish,
    pub web: Web,
    pub map: Map,
    pub store: Store,
    pub telemetry: Telemetry,
    pub area: Vec<Area>,
    pub position: Vec<Position>,
    pub procedure: Vec<Procedure>,
    pub credential: Vec<Credential>,
    pub channel: Vec<Channel>,
    pub timetable: Vec<Timetable>,
    pub rule: Vec<Rule>,
    pub webhook: Vec<Webhook>,
    pub feed: Vec<Feed>,
    pub homeassistant: HomeAssistant,
}

/// Who this process is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    pub site: SiteId,
    /// Shown to people.
    pub site_name: String,
    pub id: NodeId,
    /// Database, broker store, evidence, generated secrets.
    pub data_dir: PathBuf,
    /// IANA name; the console shows times in it.
    pub time_zone: String,
}

#[allow(clippy::expect_used)] // literals
impl Default for Node {
    fn default() -> Self {
        Self {
            site: SiteId::new("site").expect("literal id"),
            site_name: "skyeye".into(),
            id: NodeId::new("node-1").expect("literal id"),
            data_dir: "data".into(),
            time_zone: "UTC".into(),
        }
    }
}

/// RTSP sessions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// No access unit for this long: the session is given up as stalled.
    pub stall_deadline_s: u32,
    /// A session must be set up within this time.
    pub connect_timeout_s: u32,
    /// First wait after a failure; doubles, jittered, up to `backoff_max_s`.
    pub backoff_min_s: u32,
    pub backoff_max_s: u32,
    /// Sessions being set up at one time at one host.
    pub connects_per_host: u32,
    /// New connections a second to one host.
    pub connects_per_host_per_s: u32,
    /// Accept 127.0.0.0/8 and ::1 as camera addresses; for the demo and tests.
    pub allow_loopback: bool,
    /// A larger access unit is dropped and counted.
    pub max_unit_bytes: u32,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            stall_deadline_s: 10,
            connect_timeout_s: 10,
            backoff_min_s: 1,
            backoff_max_s: 60,
            connects_per_host: 4,
            connects_per_host_per_s: 10,
            allow_loopback: false,
            max_unit_bytes: 4 << 20,
        }
    }
}

/// The pre-roll ring.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Kept a channel, or the present group of pictures where that is longer.
    pub preroll_s: u32,
    /// Bound a channel.
    pub preroll_channel_bytes: u64,
    /// Bound over all channels; 0: a quarter of the memory.
    pub preroll_total_bytes: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self { preroll_s: 3, preroll_channel_bytes: 8 << 20, preroll_total_bytes: 0 }
    }
}

/// Which access units are looked at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// At most one look at a channel in this time, where key frames come faster (every MJPEG picture is one); 0: every
    /// key frame.
    pub patrol_interval_ms: u32,
    /// A channel that gets fewer looks than one in this time is reported.
    pub patrol_floor_s: u32,
    /// Read from the sizes of undecoded access units whether something moves.
    pub activity: bool,
    /// A channel where nothing moves is looked at once in this time; 0: at every key frame, as if it were busy.
    pub rest_interval_ms: u32,
    /// When activity jumps between two key frames, decode from the key frame to the present at once.
    pub catch_up: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self { patrol_interval_ms: 500, patrol_floor_s: 120, activity: true, rest_interval_ms: 8000, catch_up: true }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// A sample older than this is dropped and counted: the next one is worth more.
    pub deadline_ms: u32,
    /// Share of the workers' time that focus and catch-up may take; the rest is patrol's.
    pub focus_share: f32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { deadline_ms: 300, focus_share: 0.5 }
    }
}

/// The pool that decodes and infers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decode {
    /// Worker threads, each carrying a sample from access unit to detections; 0: one a core.
    pub workers: u32,
    /// A picture with more pixels is refused.
    pub max_pixels: u32,
    /// Which decoder elements of GStreamer are used.
    pub element: DecoderChoice,
}

impl Default for Decode {
    fn default() -> Self {
        Self { workers: 0, max_pixels: 8192 * 4320, element: DecoderChoice::Auto }
    }
}

/// Which decoder elements of GStreamer are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecoderChoice {
    /// The hardware's where one is there and works, else software.
    #[default]
    Auto,
    /// libavcodec on the processor.
    Software,
    /// VA-API (Intel, AMD).
    Va,
    /// NVDEC (NVIDIA).
    Nvdec,
    /// V4L2 (ARM boards).
    V4l2,
}

/// The detector.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Infer {
    /// The ONNX Runtime library.
    pub runtime: PathBuf,
    /// Where fetched and added models lie.
    pub models_dir: PathBuf,
    /// A name from the model manifest.
    pub model: ModelName,
    /// Detections below this score are discarded before tracking.
    pub min_score: f32,
    /// Overlap from which the weaker of two boxes of one label is a duplicate.
    pub nms_iou: f32,
    /// What the model runs on.
    pub provider: Provider,
    /// On an accelerator: pictures of one batch, and how long the first one waits for company.
    pub batch_max: u32,
    pub batch_wait_ms: u32,
}

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    #[default]
    Cpu,
    Openvino,
    Cuda,
    Tensorrt,
}

#[allow(clippy::expect_used)] // literal
impl Default for Infer {
    fn default() -> Self {
        Self {
            runtime: ".cache/onnxruntime/libonnxruntime.so".into(),
            models_dir: ".cache/models".into(),
            model: ModelName::new("efficientdet-lite0-int8").expect("literal id"),
            min_score: 0.25,
            nms_iou: 0.5,
            provider: Provider::Cpu,
            batch_max: 8,
            batch_wait_ms: 5,
        }
    }
}

/// The same object over frames.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Track {
    /// A track not found again for this long is over.
    pub max_gap_ms: u32,
    /// Tracks kept a channel; the weakest goes first.
    pub max_tracks: u32,
    /// Looks of the last hours kept in memory, boxes without pictures, over all channels; 0: none.
    pub keep_looks_bytes: u64,
    pub keep_looks_h: u32,
}

impl Default for Track {
    fn default() -> Self {
        Self { max_gap_ms: 6000, max_tracks: 256, keep_looks_bytes: 64 << 20, keep_looks_h: 24 }
    }
}

/// What pictures and streams tell of a channel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    pub enabled: bool,
    /// Conditions that nobody wants to know, on any channel.
    pub off: Vec<ConditionKind>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { enabled: true, off: Vec::new() }
    }
}

/// Snapshots.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// 1 to 100.
    pub jpeg_quality: u8,
    /// Over this the oldest evidence goes first.
    pub quota_bytes: u64,
    /// Evidence older than this goes.
    pub retention_days: u32,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { jpeg_quality: 85, quota_bytes: 10 << 30, retention_days: 30 }
    }
}

/// The durable queue.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Outbox {
    /// Over this the oldest messages of the lowest severity go first, counted.
    pub max_bytes: u64,
    /// How long published changes can be asked for by `GET /api/v1/changes`.
    pub keep_changes_h: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { max_bytes: 1 << 30, keep_changes_h: 72 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    #[default]
    Embedded,
    External,
}

/// MQTT.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Publish {
    /// `embedded` or `external`.
    pub broker: BrokerKind,
    /// Where the embedded broker listens.
    pub listen: String,
    /// The embedded broker may listen on an address other than loopback without TLS.
    pub allow_plain: bool,
    /// Address of an external broker, `mqtt://host:1883`.
    pub url: String,
    pub username: String,
    /// File with the password for the external broker; read again at every try to connect.
    pub password_file: Option<PathBuf>,
    /// Users of the embedded broker.
    pub user: Vec<BrokerUser>,
    /// MQTT keepalive towards the broker; half-open connections are found within two of it.
    pub keepalive_s: u16,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            broker: BrokerKind::Embedded,
            listen: "127.0.0.1:1883".into(),
            allow_plain: false,
            url: String::new(),
            username: String::new(),
            password_file: None,
            user: Vec::new(),
            keepalive_s: 15,
        }
    }
}

/// One who may connect to the embedded broker: reads everything of the site, writes only commands under its own name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokerUser {
    pub name: UserId,
    /// File with the password; made with a random one if it is missing.
    pub password_file: PathBuf,
    /// Reads these feeds and nothing else, and gives no commands; empty: everything of the site.
    #[serde(default)]
    pub feeds: Vec<FeedId>,
}

/// API and console.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    pub listen: String,
    /// Certificate chain and key, PEM; both or none.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Listen on an address other than loopback without TLS (a proxy terminates it).
    pub allow_plain: bool,
    /// Origins that may open the console besides the gateway's own address, e.g. `https://skyeye.example`.
    pub origins: Vec<String>,
    /// File with the token that opens `/metrics` and `/readyz`; made with a random one if it is missing.
    pub metrics_token_file: Option<PathBuf>,
    /// A login ends after this long without a request.
    pub session_idle_h: u32,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            tls_cert: None,
            tls_key: None,
            allow_plain: false,
            origins: Vec::new(),
            metrics_token_file: None,
            session_idle_h: 12,
        }
    }
}

/// The database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// A group commit waits at most this long for company.
    pub group_commit_ms: u32,
    /// A long read is ended after this time.
    pub read_timeout_s: u32,
    /// File with the key under which stored passwords of cameras are sealed; `inventory.key` in `node.data_dir` by
    /// default, made if it is missing.
    pub key_file: Option<PathBuf>,
}

impl Default for Store {
    fn default() -> Self {
        Self { group_commit_ms: 5, read_timeout_s: 10, key_file: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Logs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,skyeye::ingest=debug`.
    pub log: String,
    pub format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AreaKind {
    District,
    Street,
    Community,
    Grid,
    MicroGrid,
}

/// A node of the area tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    pub id: AreaId,
    pub name: String,
    pub kind: AreaKind,
    #[serde(default)]
    pub parent: Option<AreaId>,
    /// Who is responsible for it.
    #[serde(default)]
    pub people: Vec<Person>,
    /// WGS-84 degrees, both or none.
    #[serde(default)]
    pub lat: Option<f64>,
    #[serde(default)]
    pub lon: Option<f64>,
    /// Its border, `[lat, lon]` of each corner going round; empty: not drawn.
    #[serde(default)]
    pub polygon: Vec<Degrees>,
}

/// One who is responsible for an area.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub phone: String,
    #[serde(default)]
    pub email: String,
}

/// A user name and password shared by any number of channels.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    pub id: CredentialId,
    pub username: String,
    /// File that holds the password; the first line counts.
    pub password_file: Option<PathBuf>,
    /// The password itself, for a first try; `password_file` keeps it out of this file.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// Why the password of a stored credential cannot be had; never in a file.
    #[serde(skip)]
    pub unreadable: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    Tcp,
    Udp,
    /// TCP, and UDP where the camera refuses that.
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    Main,
    #[default]
    Sub,
}

/// One camera input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    pub id: ChannelId,
    /// Shown to people; the id where empty.
    #[serde(default)]
    pub name: String,
    /// `rtsp://host[:port]/path` or `rtsps://`, without user and password.
    pub url: String,
    /// The camera's main stream, where `url` is the sub stream; shown to people, never analysed.
    #[serde(default)]
    pub main_url: Option<String>,
    #[serde(default)]
    pub credential: Option<CredentialId>,
    #[serde(default)]
    pub area: Option<AreaId>,
    #[serde(default)]
    pub transport: Transport,
    /// How the certificate of an `rtsps://` address is judged.
    #[serde(default)]
    #[schemars(with = "String")]
    pub tls: Tls,
    /// Which of the camera's streams the address is; shown, and `sub` is what analysis wants.
    #[serde(default)]
    pub stream: StreamKind,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Share in the looks of the box, 1.0 is usual.
    #[serde(default = "one")]
    pub weight: f32,
    /// The device's number elsewhere, e.g. its 20-digit national code; empty: none.
    #[serde(default)]
    pub external_id: String,
    /// Words to find and group channels by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where it stands, WGS-84 degrees, both or none.
    #[serde(default)]
    pub lat: Option<f64>,
    #[serde(default)]
    pub lon: Option<f64>,
    #[serde(default)]
    pub zone: Vec<Zone>,
    #[serde(default)]
    pub line: Vec<Line>,
    /// What is never shown, and what is never looked at.
    #[serde(default)]
    pub mask: Vec<Mask>,
    /// Conditions that are not looked for: `moved` on a camera that is steered.
    #[serde(default)]
    pub ignore_conditions: Vec<ConditionKind>,
}

fn yes() -> bool {
    true
}
fn one() -> f32 {
    1.0
}
