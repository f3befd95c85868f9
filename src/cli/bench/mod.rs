//! `skyeye bench`: what the gateway costs and how fast it answers, each figure beside its floor of the same run.
//!
//! In: the name of a bench and the common options; out: a table for a person and, as the last line, one JSON object
//! `{"bench", "value", "floor", "ratio", "unit", ...}` with `ratio = value / floor` and further named figures. What is
//! measured and what it is held against run alternately in one run, and medians are told: a busy machine slows both.
//! Cameras are a process of their own (`skyeye simulate`), and whatever is measured for CPU or memory is a child
//! process of this very program (`skyeye run`, or the hidden `skyeye bench subject`), so that only ours is counted.
//!
//! It asserts nothing: a figure is told, whoever reads it judges. It never writes outside a temporary folder and the
//! cache of encoded clips, and it ends every process that it started.

mod accuracy;
mod activity;
mod appear;
pub mod child;
pub mod clip;
mod connect;
mod day;
mod district;
mod events;
mod gateway;
mod ingest;
mod latency;
pub mod measure;
mod overload;
mod patrol;
mod readers;
pub mod rules;
pub mod subscriber;
mod whole;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Exit;
use crate::{
    config::Config,
    infer::{Detector, DetectorOptions, ModelInfo, Runtime},
};

/// `skyeye bench NAME`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct BenchArgs {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    bench: Bench,
}

const AFTER: &str = "Examples:
  skyeye bench patrol
      samples a second a core, beside decode and inference alone
  skyeye bench latency --load 0.7 --seconds 60 --json
      the last line is one JSON object

benches/README.md says what each floor is, which figures were seen, and what limits
them. Without --clip the footage that `make demo` fetches is encoded as a camera of
704x576 would (H.264, 15 fps, 512 kbit/s, a key frame every 2 s).";

/// What every bench takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Film that the cameras play, as it is; without it the fetched footage, encoded like a camera's
    #[arg(long, global = true, value_name = "FILE")]
    pub clip: Option<PathBuf>,
    /// Encode the film of --clip as the fetched one is: 704x576 H.264, 15 fps, 512 kbit/s, a key frame every 2 s
    #[arg(long, global = true, requires = "clip")]
    pub encode: bool,
    /// Detector, by its name in the manifest or by its file; without it the one of the configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,
    /// Cameras that run already, in place of our own farm; n in braces stands for their number, from 1
    #[arg(long, global = true, value_name = "rtsp://HOST:PORT/PATH/{n}")]
    pub url: Option<String>,
    /// How long is measured; each bench has its own default
    #[arg(long, global = true, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: Option<u64>,
    /// Of everything that is drawn by chance
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// CPU and memory a channel for reading cameras, beside a bare socket reader and retina alone
    Ingest(ingest::IngestArgs),
    /// Samples a second a core from key frame to detections, beside decode and inference alone
    Patrol(patrol::PatrolArgs),
    /// From the last byte of the access unit to the MQTT message in a subscriber's hand, at a share of full load
    Latency(latency::LatencyArgs),
    /// The same when far more comes than the machine can do, and how fairly it is shared
    Overload(overload::OverloadArgs),
    /// Events a second through outbox and broker to a subscriber, durable, none lost
    Events(events::EventsArgs),
    /// CPU and memory of a whole channel, in patrol or in focus
    Whole(whole::WholeArgs),
    /// From the first frame in which a person can be detected to the MQTT message
    Appear(appear::AppearArgs),
    /// Looks, visits found and delay with activity, beside full patrol
    Activity(activity::ActivityArgs),
    /// Precision, recall and time of a model beside another one's, against a ground truth
    Accuracy(accuracy::AccuracyArgs),
    /// Channel-looks a second on one core, tracking and rules together
    Rules(rules::RulesArgs),
    /// Time until a district's channels are all up
    Connect(connect::ConnectArgs),
    /// A district's channels for minutes: gaps, lateness, looks a second left over
    District(district::DistrictArgs),
    /// What of a district's day comes before a person, and whether anything true is missing
    Day(day::DayArgs),
    /// What a bench measures, as a process of its own
    #[command(hide = true, subcommand)]
    Subject(Subject),
}

/// The measured parts that are not the whole gateway; each speaks lines with the bench that started it.
#[derive(Debug, Subcommand)]
pub enum Subject {
    /// A gateway that is fed with access units by the clock instead of by cameras
    Fed(gateway::FedArgs),
    /// Sessions that are read: bare, by retina, or by the gateway
    Read(readers::ReadArgs),
    /// Workers' looks without a gateway
    Looks(patrol::LooksArgs),
    /// Events into outbox and broker
    Events(events::SubjectArgs),
}

/// What a bench knows of where it runs.
pub struct Setting {
    pub common: Common,
    pub json: bool,
    /// `[infer]` counts, and what a bench says that it takes "as shipped".
    pub config: Config,
    /// Where that was read; the defaults where it is not there.
    path: PathBuf,
}

/// Runs a bench. `path` is the configuration file: its `[infer]` says where runtime and models lie.
pub fn run(path: &Path, args: BenchArgs, json: bool) -> anyhow::Result<Exit> {
    let config = if !path.exists() && path == Path::new(super::DEFAULT_CONFIG) {
        Config::default()
    } else {
        match super::load(path) {
            Ok(config) => config,
            Err(exit) => return Ok(exit),
        }
    };
    let ctx = Setting { common: args.common, json, config, path: path.to_owned() };
    let report = match args.bench {
        Bench::Subject(subject) => {
            child::end_with_parent();
            match subject {
                Subject::Fed(args) => gateway::subject(&ctx, &args, path)?,
                Subject::Read(args) => readers::subject(&ctx, &args)?,
                Subject::Looks(args) => patrol::subject(&ctx, &args)?,
                Subject::Events(args) => events::subject(&ctx, &args)?,
            }
            return Ok(Exit::Good);
        }
        Bench::Ingest(args) => ingest::run(&ctx, &args)?,
        Bench::Patrol(args) => patrol::run(&ctx, &args)?,
        Bench::Latency(args) => latency::run(&ctx, &args)?,
        Bench::Overload(args) => overload::run(&ctx, &args)?,
        Bench::Events(args) => events::run(&ctx, &args)?,
        Bench::Whole(args) => whole::run(&ctx, &args)?,
        Bench::Appear(args) => appear::run(&ctx, &args)?,
        Bench::Activity(args) => activity::run(&ctx, &args)?,
        Bench::Accuracy(args) => accuracy::run(&ctx, &args)?,
        Bench::Rules(args) => rules::run(&ctx, &args)?,
        Bench::Connect(args) => connect::run(&ctx, &args)?,
        Bench::District(args) => district::run(&ctx, &args)?,
        Bench::Day(args) => day::run(&ctx, &args)?,
    };
    report.print(json)?;
    Ok(Exit::Good)
}

impl Setting {
    pub fn seconds(&self, default: u64) -> f64 {
        self.common.seconds.unwrap_or(default) as f64
    }

    /// The film that the cameras play: the one given, as it is, or the fetched one, encoded.
    pub fn clip(&self) -> anyhow::Result<PathBuf> {
        match &self.common.clip {
            Some(path) if self.common.encode => clip::encoded(path, &clip::Spec::default()),
            Some(path) if path.is_file() => Ok(path.clone()),
            Some(path) => anyhow::bail!("the clip {} is not there", path.display()),
            None => clip::usual(&clip::Spec::default()),
        }
    }

    /// The detector's entry in the manifest.
    pub fn model(&self) -> anyhow::Result<ModelInfo> {
        self.named(self.common.model.as_deref().unwrap_or_else(|| self.config.infer.model.as_str()))
    }

    /// The entry of a model by its name in the manifest or by its file.
    pub fn named(&self, named: &str) -> anyhow::Result<ModelInfo> {
        crate::cli::models::named(&self.config.infer.models_dir, named)
    }

    /// A detector as the gateway's workers have it.
    pub fn detector(&self) -> anyhow::Result<Detector> {
        crate::decode::init()?;
        let runtime = Runtime::configured(&self.config.infer)?;
        let options = DetectorOptions {
            min_score: self.config.infer.min_score,
            nms_iou: self.config.infer.nms_iou,
            ..DetectorOptions::default()
        };
        Ok(Detector::open(&runtime, &self.model()?, &options)?)
    }

    /// `[infer]` of a configuration for a child, with absolute paths.
    pub fn infer_section(&self) -> anyhow::Result<String> {
        let model = self.model()?;
        let folder = model.path.parent().context("the model's file lies nowhere")?;
        let provider = format!("{:?}", self.config.infer.provider).to_lowercase();
        Ok(format!(
            "[infer]\nruntime = {:?}\nmodels_dir = {:?}\nmodel = {:?}\nmin_score = {}\nnms_iou = {}\nprovider = {provider:?}\n",
            std::path::absolute(&self.config.infer.runtime)?,
            std::path::absolute(folder)?,
            model.name.as_str(),
            self.config.infer.min_score,
            self.config.infer.nms_iou,
        ))
    }

    /// The first words of a subject: `[--config FILE] bench --clip FILE --model FILE subject`.
    pub fn subject(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let mut words = Vec::new();
        if self.path.exists() {
            words.extend(["--config".to_owned(), self.path.display().to_string()]);
        }
        words.extend(["bench".to_owned(), "--clip".into(), self.clip()?.display().to_string()]);
        words.extend(["--model".to_owned(), self.model()?.path.display().to_string()]);
        words.extend(["subject".to_owned(), name.to_owned()]);
        Ok(words)
    }

    /// One line for a person while it runs; with `--json` on standard error.
    pub fn say(&self, line: &str) {
        if self.json {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }
}

/// What a bench found.
#[derive(Debug, Clone)]
pub struct Report {
    pub bench: &'static str,
    pub value: f64,
    /// What the value is held against; none where only the absolute value counts.
    pub floor: Option<f64>,
    pub unit: &'static str,
    /// Further figures by name.
    pub more: Map<String, Value>,
}

impl Report {
    pub fn new(bench: &'static str, value: f64, floor: impl Into<Option<f64>>, unit: &'static str) -> Self {
        Self { bench, value, floor: floor.into(), unit, more: Map::new() }
    }

    /// Adds a figure; numbers are rounded to four significant digits.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let value = match value.as_f64() {
            Some(number) if value.is_f64() => json!(rounded(number)),
            _ => value,
        };
        self.more.insert(name.to_owned(), value);
        self
    }

    pub fn json(&self) -> Value {
        let ratio = self.floor.filter(|f| *f > 0.0).map(|f| rounded(self.value / f));
        let mut object = Map::new();
        object.insert("bench".into(), json!(self.bench));
        object.insert("value".into(), json!(rounded(self.value)));
        object.insert("floor".into(), json!(self.floor.map(rounded)));
        object.insert("ratio".into(), json!(ratio));
        object.insert("unit".into(), json!(self.unit));
        object.extend(self.more.clone());
        Value::Object(object)
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        let object = self.json();
        if !json && let Some(object) = object.as_object() {
            println!();
            for (name, value) in object {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                println!("  {name:<34} {text}");
            }
            println!();
        }
        println!("{}", serde_json::to_string(&object)?);
        Ok(())
    }
}

/// Four significant digits: more would pretend.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powi(3 - number.abs().log10().floor() as i32);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_its_ratio_and_no_more_digits_than_it_knows() {
        let report =
            Report::new("patrol", 93.456_78, 100.0, "samples/s/core").with("rounds", 5u64).with("x", 1.0 / 3.0);
        let text = report.json().to_string();
        assert_eq!(
            text,
            r#"{"bench":"patrol","floor":100.0,"ratio":0.9346,"rounds":5,"unit":"samples/s/core","value":93.46,"x":0.3333}"#
        );
        assert_eq!(Report::new("whole", 1.0, None, "%").json()["ratio"], Value::Null);
    }
}
