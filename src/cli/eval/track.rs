//! `skyeye eval track`: how well objects are followed through a film at some look rate.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    footage::{self, FootageArgs},
    measure::measure,
    mot::{self, Row},
    picture,
};
use crate::{
    cli::Exit,
    config::Config,
    track::Tracker,
    types::{BBox, Track},
};

#[derive(Debug, Clone, Args)]
pub struct TrackArgs {
    #[command(flatten)]
    footage: FootageArgs,
    /// Ground truth as MOTChallenge has it: frame from 1, id, left, top, width, height in pixels; all of its rows count
    #[arg(long, value_name = "MOT")]
    gt: Option<PathBuf>,
    /// The label that the truth is about
    #[arg(long, default_value = "person")]
    label: String,
    /// Write each picture that was looked at, with the tracks drawn in, into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "detections")]
    draw: Option<PathBuf>,
    /// Write the tracks as MOTChallenge text
    #[arg(long, value_name = "FILE")]
    tracks: Option<PathBuf>,
}

pub fn run(config: &Config, args: &TrackArgs, json: bool) -> anyhow::Result<Exit> {
    let truth = args.gt.as_deref().map(mot::load).transpose()?;
    if let Some(dir) = &args.draw {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    }
    let mut tracker = Tracker::new(&config.track);
    let mut rows = Vec::new();
    let watched = footage::watch(config, &args.footage, |look, (width, height)| {
        tracker.shaped(width, height);
        let mut tracks = tracker.look(look.detections, look.at);
        tracks.retain(|t| t.confirmed && *t.label == *args.label);
        tracks.sort_by_key(|t| t.number);
        rows.extend(tracks.iter().map(|t| row(look.number, t, width, height)));
        if let (Some(dir), Some(frame)) = (&args.draw, look.frame) {
            picture::draw(frame, &tracks, &dir.join(format!("{:06}.jpg", look.number)))?;
        }
        Ok(())
    })?;
    // The figures are those of the text: what is scored elsewhere from the file gives the same.
    let text = mot::text(&rows);
    let found = mot::read(&text)?;
    if let Some(path) = &args.tracks {
        std::fs::write(path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut report = Map::new();
    report.insert("eval".into(), json!("track"));
    report.insert("clip".into(), json!(named(&args.footage)));
    report.insert("model".into(), json!(watched.model.name.as_str()));
    report.insert("fps".into(), json!(watched.film_fps / f64::from(watched.every)));
    report.insert("pictures".into(), json!(watched.pictures));
    report.insert("looks".into(), json!(watched.looks));
    if let Some(mut truth) = truth {
        truth.retain(|r| watched.looked_at(r.frame));
        let late = truth.iter().filter(|r| r.frame > watched.pictures).count();
        if late > 0 {
            eprintln!("{late} boxes of the truth lie behind the film's end and count as missed");
        }
        if let Value::Object(measures) = serde_json::to_value(measure(&truth, &found))? {
            report.extend(measures);
        }
    } else {
        report.insert("boxes".into(), json!(found.len()));
        let numbers: std::collections::BTreeSet<u64> = found.iter().map(|r| r.id).collect();
        report.insert("tracks".into(), json!(numbers.len()));
    }
    if !json {
        for (name, value) in &report {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            println!("  {name:<18} {text}");
        }
        println!();
    }
    println!("{}", Value::Object(report));
    Ok(Exit::Good)
}

fn named(footage: &FootageArgs) -> String {
    let path: Option<&Path> = footage.clip.as_deref().or(footage.detections.as_deref());
    path.map(|p| p.display().to_string()).unwrap_or_default()
}

fn row(frame: u32, track: &Track, width: u32, height: u32) -> Row {
    let (width, height) = (f64::from(width), f64::from(height));
    let BBox { x, y, w, h } = track.bbox;
    let at = [f64::from(x) * width, f64::from(y) * height, f64::from(w) * width, f64::from(h) * height];
    Row { frame, id: track.number, at, confidence: f64::from(track.score) }
}
