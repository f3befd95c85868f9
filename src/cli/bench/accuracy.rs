//! `skyeye bench accuracy`: precision and recall of two models against a ground truth, and what a run of each costs.
//!
//! Every picture of a film (or each n-th) is looked at by both models in turn, the other one first each time; boxes are
//! matched with the true ones at an overlap of one half, the best score first, each true box once. The value is the
//! processor time of a look of `--model` (letterbox, run and postprocessing, on this thread), the floor that of
//! `--against`. The film is encoded anew with nothing but key frames, so that picture and truth have the same number.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Report, Setting, child::thread_cpu_s, clip, measure};
use crate::{
    decode::{self, DecodeLimits, KeyDecoder},
    infer::{Detector, DetectorOptions, Runtime},
    types::{BBox, ChannelId, Detection},
};

/// Overlap from which a box is right.
const IOU: f32 = 0.5;

#[derive(Debug, Clone, Args)]
pub struct AccuracyArgs {
    /// Ground truth as MOTChallenge has it: frame from 1, id, left, top, width, height in pixels, confidence
    #[arg(long, value_name = "FILE")]
    gt: PathBuf,
    /// The model that is held against, by name or file; without it the one of --model itself
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Only each n-th picture
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    every: u32,
    /// The label that the truth is about
    #[arg(long, default_value = "person")]
    label: String,
    /// Score thresholds
    #[arg(long, value_name = "SCORE", value_delimiter = ',', default_values_t = [0.25, 0.3, 0.5])]
    scores: Vec<f32>,
}

/// True boxes in pixels by frame from 0.
type Truth = HashMap<usize, Vec<[f32; 4]>>;

fn truth(text: &str) -> anyhow::Result<Truth> {
    let mut truth = Truth::new();
    for (at, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let numbers: Result<Vec<f32>, _> = line.split(',').map(|f| f.trim().parse::<f32>()).collect();
        let numbers = numbers.with_context(|| format!("line {}: not numbers with commas", at + 1))?;
        let &[frame, _, x, y, w, h, ref rest @ ..] = numbers.as_slice() else {
            bail!("line {}: wanted are frame, id, left, top, width, height", at + 1);
        };
        if frame < 1.0 {
            bail!("line {}: frames count from 1", at + 1);
        }
        // A confidence of 0 marks what is not to be judged.
        if rest.first().is_none_or(|c| *c > 0.0) {
            truth.entry(frame as usize - 1).or_default().push([x, y, w, h]);
        }
    }
    Ok(truth)
}

/// Hits, boxes found and boxes wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    hits: usize,
    found: usize,
    wanted: usize,
}

impl Tally {
    /// Adds one picture. `found` is sorted, the best first.
    fn add(&mut self, found: &[Detection], score: f32, label: &str, truth: &[BBox]) {
        let mut open = truth.to_vec();
        self.wanted += open.len();
        for d in found.iter().filter(|d| d.score >= score && &*d.label == label) {
            self.found += 1;
            let best = open.iter().enumerate().max_by(|a, b| a.1.iou(&d.bbox).total_cmp(&b.1.iou(&d.bbox)));
            if let Some((at, _)) = best.filter(|(_, t)| t.iou(&d.bbox) >= IOU) {
                open.swap_remove(at);
                self.hits += 1;
            }
        }
    }
    fn precision(&self) -> f64 {
        self.hits as f64 / self.found.max(1) as f64
    }
    fn recall(&self) -> f64 {
        self.hits as f64 / self.wanted.max(1) as f64
    }
}

struct Judged {
    detector: Detector,
    tallies: Vec<Tally>,
    times_s: Vec<f64>,
}

impl Judged {
    fn open(setting: &Setting, name: &str, scores: &[f32]) -> anyhow::Result<Self> {
        let runtime = Runtime::configured(&setting.config.infer)?;
        let min_score = scores.iter().copied().fold(setting.config.infer.min_score, f32::min);
        let options = DetectorOptions { min_score, nms_iou: setting.config.infer.nms_iou, ..Default::default() };
        let detector = Detector::open(&runtime, &setting.named(name)?, &options)?;
        Ok(Self { detector, tallies: vec![Tally::default(); scores.len()], times_s: Vec::new() })
    }

    fn look(&mut self, frame: &crate::types::Frame, truth: &[BBox], args: &AccuracyArgs) -> anyhow::Result<()> {
        let began = thread_cpu_s();
        let found = self.detector.detect(frame)?;
        self.times_s.push(thread_cpu_s() - began);
        for (tally, score) in self.tallies.iter_mut().zip(&args.scores) {
            tally.add(&found, *score, &args.label, truth);
        }
        Ok(())
    }

    fn figures(&self, scores: &[f32]) -> Value {
        let at = |(tally, score): (&Tally, &f32)| {
            let round = |v: f64| (v * 10_000.0).round() / 10_000.0;
            (score.to_string(), json!({ "precision": round(tally.precision()), "recall": round(tally.recall()) }))
        };
        Value::Object(self.tallies.iter().zip(scores).map(at).collect::<Map<_, _>>())
    }
}

pub fn run(setting: &Setting, args: &AccuracyArgs) -> anyhow::Result<Report> {
    let Some(source) = &setting.common.clip else { bail!("name the film that the truth is about with --clip") };
    let text = std::fs::read_to_string(&args.gt).with_context(|| format!("{} cannot be read", args.gt.display()))?;
    let truth = truth(&text).with_context(|| args.gt.display().to_string())?;
    let path = clip::key_frames_only(source)?;
    let units = clip::key_units(&clip::units(&path)?, &ChannelId::new("bench")?);
    let model = setting.model()?.name.to_string();
    let model = setting.common.model.clone().unwrap_or(model);
    let against = args.against.clone().unwrap_or_else(|| model.clone());
    decode::init()?;
    let mut both = [Judged::open(setting, &model, &args.scores)?, Judged::open(setting, &against, &args.scores)?];
    let mut decoder = KeyDecoder::new(DecodeLimits::default());
    let mut pictures = 0u32;
    for (number, unit) in units.iter().enumerate().step_by(args.every as usize) {
        let frame = decoder.decode(unit)?;
        let (width, height) = (frame.width as f32, frame.height as f32);
        let boxes = truth.get(&number).map_or(&[][..], Vec::as_slice).iter();
        let boxes = boxes.map(|[x, y, w, h]| BBox { x: x / width, y: y / height, w: w / width, h: h / height });
        // What lies outside of the picture cannot be found.
        let boxes: Vec<BBox> = boxes.filter_map(|b| b.clipped()).collect();
        if pictures % 2 == 1 {
            both.reverse();
        }
        let looked = both.iter_mut().try_for_each(|judged| judged.look(&frame, &boxes, args));
        if pictures % 2 == 1 {
            both.reverse();
        }
        looked?;
        pictures += 1;
    }
    if both[0].tallies.iter().all(|t| t.wanted == 0) {
        bail!("the truth says nothing about the pictures of {}: is it of another film?", source.display());
    }
    let [ours, held] = &mut both;
    let (value, floor) = (measure::median(&mut ours.times_s), measure::median(&mut held.times_s));
    Ok(Report::new("accuracy", value * 1000.0, floor * 1000.0, "ms a look")
        .with("model", model)
        .with("against", against)
        .with("at", ours.figures(&args.scores))
        .with("against_at", held.figures(&args.scores))
        .with("label", args.label.as_str())
        .with("pictures", pictures)
        .with("boxes", held.tallies.first().map_or(0, |t| t.wanted))
        .with("provider", crate::infer::provider::name(setting.config.infer.provider))
        .with("film", file_name(source)))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(x: f32, w: f32) -> BBox {
        BBox { x, y: 0.0, w, h: 0.5 }
    }

    fn person(score: f32, x: f32) -> Detection {
        Detection { label: "person".into(), score, bbox: bbox(x, 0.1) }
    }

    #[test]
    fn each_true_box_is_hit_once_and_scores_below_do_not_count() {
        let found = [person(0.9, 0.0), person(0.8, 0.01), person(0.3, 0.5), person(0.2, 0.8)];
        let mut tally = Tally::default();
        tally.add(&found, 0.3, "person", &[bbox(0.0, 0.1), bbox(0.5, 0.1), bbox(0.8, 0.1)]);
        assert_eq!(tally, Tally { hits: 2, found: 3, wanted: 3 });
        tally.add(&found, 0.3, "car", &[]);
        assert_eq!(tally, Tally { hits: 2, found: 3, wanted: 3 });
    }

    #[test]
    fn the_truth_is_read_and_its_mistakes_are_named() {
        let text = "1,9,499,158,31.03,75.17,1,-4,-7,0\n1,15,2,2,3,3,0,0,0,0\n\n3,1,1,2,3,4\n";
        let read = truth(text).unwrap();
        assert_eq!((read[&0].len(), read[&2].clone()), (1, vec![[1.0, 2.0, 3.0, 4.0]]));
        assert!(truth("1,2,3\n").unwrap_err().to_string().contains("line 1"));
        assert!(truth("1,1,1,2,3,4\n0,1,1,2,3,4\n").unwrap_err().to_string().contains("line 2"));
        assert!(truth("a,1,1,2,3,4\n").unwrap_err().to_string().contains("line 1"));
    }
}
