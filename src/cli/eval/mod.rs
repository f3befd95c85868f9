//! `skyeye eval`: what the gateway makes of footage, held against what people wrote down about it.
//!
//! The product's own decoding, inference, tracking and rules run over a file at any look rate, as they would on a camera
//! that sends these pictures; nothing is started, stored or published. In: a film (or the detections that were made of one) and a
//! list of what is right. Out: figures, as a table for a person or with `--json` as one object on the last line.

mod detections;
mod events;
pub mod footage;
pub mod measure;
pub mod mot;
mod picture;
mod rules;
mod track;

use std::path::Path;

use clap::{Args, Subcommand};

use super::Exit;
use crate::config::Config;

/// `skyeye eval WHAT`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct EvalArgs {
    #[command(subcommand)]
    what: What,
}

const AFTER: &str = "Examples:
  skyeye eval track --clip vtest.avi --gt PETS09-S2L1.txt --fps 5
      how well persons are followed at five looks a second
  skyeye eval detections --clip vtest.avi --out found.csv
  skyeye eval track --detections found.csv --gt PETS09-S2L1.txt --fps 2.5
      the same without looking again: some milliseconds
  skyeye eval rules --clip vtest.avi --rules gate.toml --fps 5
      what these rules would have made of it
  skyeye eval events --clip visits.mp4 --rules gate.toml --expected visits.csv

The detector and where it lies are those of [infer] in the configuration, unless
--model names another.";

#[derive(Debug, Subcommand)]
enum What {
    /// Follow objects through a film and say how well, by the CLEAR-MOT and identity measures
    Track(track::TrackArgs),
    /// Run rules over a film: what would have fired, how many alerts a day that would mean, and whether counts are right
    Rules(rules::RulesArgs),
    /// Hold the events of a film against a list of what should have been: precision and recall
    Events(events::EventsArgs),
    /// Look at every picture of a film and write down what is found, for `--detections` of the others
    Detections(detections::DetectionsArgs),
}

/// Runs an evaluation. `path` is the configuration file: its `[infer]` and `[track]` count.
pub fn run(path: &Path, args: EvalArgs, json: bool) -> anyhow::Result<Exit> {
    let config = if !path.exists() && path == Path::new(super::DEFAULT_CONFIG) {
        Config::default()
    } else {
        match super::load(path) {
            Ok(config) => config,
            Err(exit) => return Ok(exit),
        }
    };
    match args.what {
        What::Track(args) => track::run(&config, &args, json),
        What::Rules(args) => rules::run(&config, &args, json),
        What::Events(args) => events::run(&config, &args, json),
        What::Detections(args) => detections::run(&config, &args, json),
    }
}
