//! `skyeye eval detections`, and the file that it writes: what a detector found in each picture of a film.
//!
//! Text, so that it can be read and kept: a first line that says what was looked at and by what, then one detection a line,
//! `picture,score,x,y,w,h,label`, with the box in 0..1 of the picture. Numbers are written so that they read back the same.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::footage::{self, FootageArgs, Watched};
use crate::{
    cli::Exit,
    config::Config,
    types::{BBox, Detection, ModelName, ModelRef},
};

#[derive(Debug, Clone, Args)]
pub struct DetectionsArgs {
    #[command(flatten)]
    footage: FootageArgs,
    /// Where they are written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Detections below are left out; without it `infer.min_score`, which whoever reads them again may set higher
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f32>,
}

/// Detections by picture, from 1.
#[derive(Debug, Clone)]
pub struct Found {
    pub watched: Watched,
    pub looks: HashMap<u32, Vec<Detection>>,
}

pub fn run(config: &Config, args: &DetectionsArgs, json: bool) -> anyhow::Result<Exit> {
    let mut config = config.clone();
    config.infer.min_score = args.min_score.unwrap_or(config.infer.min_score).clamp(0.01, 1.0);
    let mut looks = HashMap::new();
    let mut count = 0usize;
    let watched = footage::watch(&config, &args.footage, |look, _| {
        count += look.detections.len();
        looks.insert(look.number, look.detections.to_vec());
        Ok(())
    })?;
    let (pictures, seen) = (watched.pictures, watched.looks);
    let text = Found { watched, looks }.text();
    std::fs::write(&args.out, text).with_context(|| format!("{} cannot be written", args.out.display()))?;
    if json {
        println!("{}", json!({ "eval": "detections", "pictures": pictures, "looks": seen, "detections": count }));
    } else {
        println!("{count} detections in {seen} of {pictures} pictures: {}", args.out.display());
    }
    Ok(Exit::Good)
}

/// How the first line begins.
const HEAD: &str = "# skyeye detections";
/// More than a film of a day has; a wrong file must not eat the machine.
const MAX_LINES: usize = 50_000_000;

impl Found {
    fn text(&self) -> String {
        let Watched { width, height, film_fps, pictures, every, model, min_score, .. } = &self.watched;
        let mut text = format!(
            "{HEAD} width={width} height={height} fps={film_fps} pictures={pictures} every={every} min_score={min_score} \
             model={} sha256={}\n",
            model.name, model.sha256
        );
        for number in 1..=*pictures {
            for Detection { label, score, bbox: BBox { x, y, w, h } } in self.looks.get(&number).into_iter().flatten() {
                text += &format!("{number},{score},{x},{y},{w},{h},{label}\n");
            }
        }
        text
    }

    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::read(&text).with_context(|| path.display().to_string())
    }

    fn read(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines().take(MAX_LINES);
        let head = lines.next().and_then(|l| l.strip_prefix(HEAD));
        let head = head.context("no file of `skyeye eval detections`: its first line says what was looked at")?;
        let said: HashMap<&str, &str> = head.split_whitespace().filter_map(|w| w.split_once('=')).collect();
        let word = |key: &str| said.get(key).copied().with_context(|| format!("line 1: says no {key}"));
        let number = |key: &str| -> anyhow::Result<f64> {
            let value = word(key)?.parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
            value.with_context(|| format!("line 1: {key} is a number above 0"))
        };
        let watched = Watched {
            width: number("width")? as u32,
            height: number("height")? as u32,
            film_fps: number("fps")?,
            pictures: number("pictures")? as u32,
            every: (number("every")? as u32).max(1),
            looks: 0,
            model: ModelRef {
                name: ModelName::new(word("model")?).context("line 1: model")?,
                sha256: Arc::from(word("sha256")?),
            },
            min_score: number("min_score")? as f32,
        };
        let mut looks: HashMap<u32, Vec<Detection>> = HashMap::new();
        let mut labels: Vec<Arc<str>> = Vec::new();
        for (at, line) in lines.enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let wrong = || format!("line {}: wanted are picture, score, x, y, w, h, label", at + 2);
            let (picture, rest) = line.split_once(',').with_context(wrong)?;
            let picture: u32 = picture.trim().parse().with_context(wrong)?;
            if picture == 0 || picture > watched.pictures {
                bail!("line {}: the film has pictures 1 to {}", at + 2, watched.pictures);
            }
            let parts: Vec<&str> = rest.splitn(6, ',').map(str::trim).collect();
            let &[ref numbers @ .., label] = parts.as_slice() else { bail!(wrong()) };
            let numbers: Vec<f32> = numbers.iter().map(|n| n.parse()).collect::<Result<_, _>>().with_context(wrong)?;
            let &[score, x, y, w, h] = numbers.as_slice() else { bail!(wrong()) };
            let label = match labels.iter().find(|known| &***known == label) {
                Some(known) => known.clone(),
                None => {
                    labels.push(Arc::from(label));
                    Arc::from(label)
                }
            };
            looks.entry(picture).or_default().push(Detection { label, score, bbox: BBox { x, y, w, h } });
        }
        Ok(Self { watched, looks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let model = ModelRef { name: ModelName::new("m").unwrap(), sha256: Arc::from("00ff") };
        let watched = Watched {
            width: 768,
            height: 576,
            film_fps: 29.97,
            pictures: 3,
            every: 1,
            looks: 3,
            model,
            min_score: 0.1,
        };
        let bbox = BBox { x: 1.0 / 3.0, y: 0.1, w: 0.05, h: 1e-4 };
        let looks = HashMap::from([(2, vec![Detection { label: Arc::from("traffic light"), score: 0.7, bbox }])]);
        let found = Found { watched, looks };
        let read = Found::read(&found.text()).unwrap();
        assert_eq!(read.text(), found.text());
        assert_eq!(read.looks, found.looks);
    }

    #[test]
    fn a_mistake_is_named_by_its_line() {
        let head = "# skyeye detections width=1 height=1 fps=10 pictures=9 every=1 min_score=0.1 model=m sha256=00\n";
        for (text, said) in [
            ("1,2,3", "first line"),
            (&head.replace("fps=10", "fps=0"), "fps is a number"),
            (&head.replace("model=m", ""), "says no model"),
            (&format!("{head}1,0.5,0,0,1,1,person\n2,0.5,0,0,1\n"), "line 3: wanted"),
            (&format!("{head}10,0.5,0,0,1,1,person\n"), "pictures 1 to 9"),
        ] {
            let error = format!("{:#}", Found::read(text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
