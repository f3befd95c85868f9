//! The command line: one file a command, and what they share.
//!
//! Results go to standard output, as text or with `--json` as one object on the last line; logs and sentences about
//! errors go to standard error. Exit codes: 0 good, 64 bad usage or configuration, 1 failed.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that speaks to a terminal

mod check;
mod demo;
pub mod models;
pub mod probe;
mod run;
pub mod simulate;
pub mod store;

use std::{
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
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Machine-readable: the last line on standard output is one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "First steps:
  skyeye demo                                  cameras, gateway and console on this machine, with real footage
  skyeye probe rtsp://192.168.1.20/stream1 --user admin --password-file secret
                                               what a camera sends
  skyeye check --config /etc/skyeye/skyeye.toml
                                               is the configuration good; if not: file, line, key, what would be right
  skyeye run --config /etc/skyeye/skyeye.toml  the gateway

Exit codes: 0 good, 64 bad usage or configuration, 1 failed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
    Run,
    /// Run a camera farm and the gateway on this machine, and say how to look at them
    Demo(demo::DemoArgs),
    /// Check a configuration; or write the JSON Schemas of all payloads
    Check(check::CheckArgs),
    /// Look at what a camera sends: codec, size, rate, key-frame interval, bit rate, clock skew
    Probe(probe::ProbeArgs),
    /// Play files as any number of cameras (RTSP server for demos, tests and load)
    Simulate(Box<crate::simulate::FarmOptions>),
    /// List, fetch, check and add detectors
    Models(models::ModelsArgs),
    /// Examine what is on disk, with the gateway running or stopped
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Prove that the database is whole: every start has at most one end, every waiting row its message
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
        Command::Simulate(options) => block_on(simulate::run(*options, args.json)).map(|()| Exit::Good),
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
    Ok(models::ModelPaths { models_dir: config.infer.models_dir, manifest: None, runtime: config.infer.runtime })
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(future);
    // Blocking work that hangs (a disk that does not answer) must not keep the process from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}
