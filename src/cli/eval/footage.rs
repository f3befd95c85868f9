//! The looks that a film gives at some rate: from the film itself, or from a file of detections that were made of it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::detections::Found;
use crate::{
    cli::models,
    config::Config,
    decode::{DecodeLimits, film::Film},
    infer::{Detector, DetectorOptions, Runtime},
    types::{Detection, Frame, ModelRef, Mono},
};

/// What is looked at, by what, and how often.
#[derive(Debug, Clone, Args)]
pub struct FootageArgs {
    /// Film: any file that GStreamer's decodebin opens
    #[arg(long, value_name = "FILE", required_unless_present = "detections")]
    pub clip: Option<PathBuf>,
    /// What `skyeye eval detections` wrote, in place of looking anew
    #[arg(long, value_name = "FILE", conflicts_with = "clip")]
    pub detections: Option<PathBuf>,
    /// Looks a second: picture 1 and every k-th after it, by the film's own rate; without it every picture
    #[arg(long, value_name = "N", value_parser = rate)]
    pub fps: Option<f64>,
    /// Detector, by its name in the manifest or by its file; without it the one of the configuration
    #[arg(long, value_name = "NAME", conflicts_with = "detections")]
    pub model: Option<String>,
}

pub fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.001..=1000.0).contains(&rate) { Ok(rate) } else { Err("from 0.001 to 1000 looks a second".into()) }
}

/// One picture that was looked at.
pub struct Look<'a> {
    /// Picture of the film, from 1.
    pub number: u32,
    /// Time in the film.
    pub at: Mono,
    pub detections: &'a [Detection],
    /// The picture itself, where a film is looked at.
    pub frame: Option<&'a Frame>,
}

/// What was looked at, when all is done.
#[derive(Debug, Clone)]
pub struct Watched {
    pub width: u32,
    pub height: u32,
    /// Of the film, in pictures a second.
    pub film_fps: f64,
    pub pictures: u32,
    /// Every so many pictures there was a look.
    pub every: u32,
    pub looks: u32,
    pub model: ModelRef,
    /// Detections below were dropped.
    pub min_score: f32,
}

impl Watched {
    /// Whether a picture was one to look at.
    pub fn looked_at(&self, number: u32) -> bool {
        number >= 1 && (number - 1).is_multiple_of(self.every)
    }
}

/// The film's time begins here: 0 means "no look yet" to some.
pub const BEGIN: Mono = Mono(1000);

/// When a picture is shown.
pub fn time(number: u32, film_fps: f64) -> Mono {
    BEGIN.plus_ms((f64::from(number.saturating_sub(1)) * 1000.0 / film_fps).round() as u64)
}

/// Gives every look in turn to `each`, with the size of the picture.
pub fn watch(
    config: &Config,
    args: &FootageArgs,
    mut each: impl FnMut(Look<'_>, (u32, u32)) -> anyhow::Result<()>,
) -> anyhow::Result<Watched> {
    if let Some(path) = &args.detections {
        let Found { watched, mut looks } = Found::load(path)?;
        let every = step(args.fps, watched.film_fps);
        if !every.is_multiple_of(watched.every) {
            bail!(
                "{}: holds every {}th picture, but every {every}th is wanted: write it anew without --fps",
                path.display(),
                watched.every
            );
        }
        let mut seen = 0;
        for number in (1..=watched.pictures).step_by(every as usize) {
            let mut detections = looks.remove(&number).unwrap_or_default();
            // What a gateway with this configuration would not have been given.
            detections.retain(|d| d.score >= config.infer.min_score);
            let at = time(number, watched.film_fps);
            each(Look { number, at, detections: &detections, frame: None }, (watched.width, watched.height))?;
            seen += 1;
        }
        let min_score = watched.min_score.max(config.infer.min_score);
        return Ok(Watched { every, looks: seen, min_score, ..watched });
    }
    let clip = args.clip.as_deref().context("name a film with --clip")?;
    let (mut detector, min_score) = detector(config, args.model.as_deref())?;
    let mut film = Film::open(clip, DecodeLimits::default())?;
    let every = step(args.fps, film.fps());
    let (mut number, mut looks, mut size) = (0u32, 0u32, (0, 0));
    while let Some(frame) = film.picture()? {
        number += 1;
        if !(number - 1).is_multiple_of(every) {
            continue;
        }
        size = (frame.width, frame.height);
        let detections = detector.detect(&frame)?;
        looks += 1;
        let at = time(number, film.fps());
        each(Look { number, at, detections: &detections, frame: Some(&frame) }, size)?;
    }
    Ok(Watched {
        width: size.0,
        height: size.1,
        film_fps: film.fps(),
        pictures: number,
        every,
        looks,
        model: detector.model_ref(),
        min_score,
    })
}

/// Every which picture is looked at.
fn step(wanted: Option<f64>, film_fps: f64) -> u32 {
    wanted.map_or(1, |wanted| ((film_fps / wanted).round().max(1.0)) as u32)
}

/// A detector as the gateway's workers have it, and the score below which it says nothing.
fn detector(config: &Config, model: Option<&str>) -> anyhow::Result<(Detector, f32)> {
    let runtime = Runtime::configured(&config.infer)?;
    let model = models::named(&config.infer.models_dir, model.unwrap_or(config.infer.model.as_str()))?;
    let options = DetectorOptions {
        min_score: config.infer.min_score,
        nms_iou: config.infer.nms_iou,
        ..DetectorOptions::default()
    };
    Ok((Detector::open(&runtime, &model, &options)?, options.min_score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_every_so_many_pictures() {
        let steps: Vec<_> = [10.0, 5.0, 2.5, 4.0, 30.0, 0.5].iter().map(|fps| step(Some(*fps), 10.0)).collect();
        assert_eq!(steps, [1, 2, 4, 3, 1, 20]);
        assert_eq!(step(None, 10.0), 1);
        assert_eq!(time(1, 10.0), BEGIN);
        assert_eq!(time(4, 29.97), Mono(1100));
    }
}
