//! The command line: one file a command, and what they share.
//!
//! Results go to standard output, as text or with `--json` as one object on the last line; logs and sentences about
//! errors go to standard error. Exit codes: 0 good, 64 bad usage or configuration, 1 failed.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that speaks to a terminal

/// As the standard one, but a reader that has seen enough (`| head`) ends the command and is no fault of it.
macro_rules! println {
    () => { $crate::cli::line(format_args!("")) };
    ($($what:tt)*) => { $crate::cli::line(format_args!($($what)*)) };
}

pub mod bench;
mod capacity;
mod channels;
mod check;
mod demo;
pub mod discover;
pub mod eval;
pub mod models;
pub mod probe;
mod probe_device;
mod rules;
mod run;
pub mod simulate;
pub mod store;
mod webhooks;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::config::{self, Config};

/// Read unless `--config` names another.
const DEFAULT_CONFIG: &str = "config/skyeye.toml";

/// What a command ended with, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Good,
    Failed,
    Usage,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// A gateway between cameras and an operations desk: RTSP in, detections on this machine, alerts out over MQTT and in
/// a web console.
#[derive(Debug, Parser)]
#[command(name = "skyeye", version, max_term_width = 100, after_help = AFTER)]
struct Args {
    /// Configuration file; `probe` and `simulate` need none
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG, display_order = 900)]
    config: PathBuf,
    /// For scripts: the last line on standard output is one JSON object
    #[arg(long, global = true, display_order = 901)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "First steps:
  1. See it work, with real footage and without a camera:
       make demo
  2. See what your camera sends (the file holds its password):
       skyeye probe rtsp://192.168.1.20/stream1 --user admin --password-file camera.txt
  3. Write the camera into config/skyeye.toml, where every key is explained, and
     ask whether it is good; if not: file, line, key and what would be right:
       skyeye check
     Many cameras come from a spreadsheet:
       skyeye channels import cameras.csv
  4. Start the gateway; it prints the console's address and a one-time password:
       skyeye run

Exit codes: 0 good, 64 bad usage or configuration, 1 failed.";

const RUN_AFTER: &str = "Signals:
  SIGHUP            reads the configuration again; a broken one is refused and the
                    running one stays
  SIGTERM, Ctrl-C   ends in order, within 10 s; a second one ends at once

At the first start it prints a one-time password for the user `admin` of the
console. Logs go to standard error.";

const STORE_CHECK_AFTER: &str = "It only reads, and says each fault that it finds. Exit codes: 0 all is consistent,
1 not consistent or no database there, 64 bad configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
    #[command(after_help = RUN_AFTER)]
    Run,
    /// Play footage as four cameras, run the gateway on them, and say where to look
    ///
    /// Everything runs in this one process, on loopback. `make demo` is the way in: it fetches footage, detector and
    /// runtime first, and builds. Without --config the configuration is config/demo.toml.
    Demo(demo::DemoArgs),
    /// Say whether a configuration is good, or write the JSON Schemas of what is published
    ///
    /// A broken configuration is named by file, line, key and what would be right, and the exit code is 64. What is
    /// allowed but hardly meant is a warning. Nothing is started and no camera is asked.
    Check(check::CheckArgs),
    /// Look at what a camera sends: codec, size, rate, key-frame interval, bit rate, clock skew
    ///
    /// Pulls the stream for some seconds and says what comes, or why there is no picture and what to do. User and
    /// password do not belong into the address: give --user and --password-file.
    Probe(probe::ProbeArgs),
    /// Play video files as any number of cameras, for demos, tests and load
    ///
    /// An RTSP server whose cameras are rtsp://HOST:PORT/cam/1 and up. Each plays its file in a loop, at the file's own
    /// pace and as it is: nothing is decoded or encoded, so that a thousand cameras take a fraction of a core.
    Simulate(Box<crate::simulate::FarmOptions>),
    /// Import, list and change channels, areas and credentials that are not in the configuration file
    ///
    /// They are stored in the inventory, beside the database, with the history of their changes. A running gateway takes
    /// changes over by itself.
    #[command(subcommand)]
    Channels(Box<channels::ChannelsCommand>),
    /// List, set and remove rules and timetables; who changed what, and taking it back
    ///
    /// They are stored in the inventory, beside the channels. A running gateway takes changes over by itself.
    #[command(subcommand)]
    Rules(Box<rules::RulesCommand>),
    /// List the receivers over HTTP, and try one with a signed delivery
    ///
    /// Receivers are the `[[webhook]]` of the configuration file. A running gateway delivers to them by itself.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// List, fetch, check and add detectors (the models that find people and vehicles)
    ///
    /// A detector is an ONNX file and its entry in a manifest: where it comes from, its licence, its sha256, how its
    /// output is read. The built-in manifest describes some, `local.toml` in the models folder those that you add. Key
    /// `model` under `[infer]` in the configuration names the one in use. A model that identifies people is refused.
    Models(models::ModelsArgs),
    /// Measure what the gateway costs and how fast it answers on this machine, beside the floor of the same run
    Bench(Box<bench::BenchArgs>),
    /// Hold what the gateway finds in footage against what people wrote down about it
    Eval(Box<eval::EvalArgs>),
    /// Examine the database, with the gateway running or stopped
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Prove that the database is whole: no event ended twice, no message lost on its way to the broker
    #[command(after_help = STORE_CHECK_AFTER)]
    Check,
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            let usage = e.use_stderr();
            if e.print().is_err() {
                return Exit::Failed.into();
            }
            return if usage { Exit::Usage } else { Exit::Good }.into();
        }
    };
    let exit = match args.command {
        Command::Run => run::run(&args.config),
        Command::Demo(demo) => demo::run(&args.config, &demo),
        Command::Check(check) => Ok(check::run(&args.config, &check, args.json)),
        Command::Probe(probe) => block_on(probe::run(probe, args.json)),
        Command::Store(StoreCommand::Check) => match load(&args.config) {
            Ok(config) => block_on(store::check(&config.node.data_dir, args.json)),
            Err(exit) => Ok(exit),
        },
        Command::Channels(command) => block_on(channels::run(&args.config, *command, args.json)),
        Command::Rules(command) => block_on(rules::run(&args.config, *command, args.json)),
        Command::Webhooks(command) => block_on(webhooks::run(&args.config, command, args.json)),
        Command::Simulate(options) => block_on(simulate::run(*options, args.json)).map(|()| Exit::Good),
        Command::Bench(bench) => bench::run(&args.config, *bench, args.json),
        Command::Eval(eval) => eval::run(&args.config, *eval, args.json),
        Command::Models(models) => {
            model_paths(&args.config).map_or_else(Ok, |paths| Ok(models::run(&models, &paths, args.json)))
        }
    };
    match exit {
        Ok(exit) => exit.into(),
        Err(e) => {
            eprintln!("skyeye: {e:#}");
            Exit::Failed.into()
        }
    }
}

/// Writes a line of a result.
fn line(what: std::fmt::Arguments<'_>) {
    let Err(e) = writeln!(std::io::stdout().lock(), "{what}") else { return };
    if e.kind() != std::io::ErrorKind::BrokenPipe {
        eprintln!("skyeye: the result cannot be written: {e}");
    }
    // What was to be told is lost; a shell takes this for the end by SIGPIPE that it is.
    std::process::exit(if e.kind() == std::io::ErrorKind::BrokenPipe { 141 } else { Exit::Failed.code().into() });
}

/// Loads the configuration or prints what is wrong with it.
fn load(path: &Path) -> Result<Config, Exit> {
    config::load(path).map_err(|e| {
        eprintln!("{e}");
        Exit::Usage
    })
}

/// Where models lie. Without a configuration file the defaults hold: models are set up before anything else.
fn model_paths(path: &Path) -> Result<models::ModelPaths, Exit> {
    let config = if !path.exists() && path == Path::new(DEFAULT_CONFIG) { Config::default() } else { load(path)? };
    let config::Infer { models_dir, runtime, provider, .. } = config.infer;
    Ok(models::ModelPaths { models_dir, manifest: None, runtime, provider })
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(future);
    // Blocking work that hangs (a disk that does not answer) must not keep the process from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}
