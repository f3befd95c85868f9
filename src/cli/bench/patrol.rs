//! `skyeye bench patrol`: how many samples a second one core carries from key frame to detections.
//!
//! Ours is what a worker does: the synchronous decoder, letterbox, session, postprocessing, suppression. The floor is
//! the same decoder and the bare session on a tensor that is there already, on the same inputs. Both run on one thread
//! in turn, and count processor seconds of that thread, so that other work on the machine disturbs neither.
//!
//! As a subject it is the workers without a gateway: as many threads as cores, for the rate at full load.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::time::Instant;

use super::{Report, Setting, child::thread_cpu_s, clip, measure};
use crate::{
    decode::{self, DecodeLimits, KeyDecoder},
    infer::Detector,
    types::{AccessUnit, ChannelId},
};

#[derive(Debug, Clone, Args)]
pub struct PatrolArgs {
    /// Rounds, each of ours and of the floor
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

/// One thread's decoder and detector with the units to look at.
pub struct Look {
    pub units: Vec<AccessUnit>,
    decoder: KeyDecoder,
    detector: Detector,
    next: usize,
}

impl Look {
    pub fn new(setting: &Setting, units: Vec<AccessUnit>) -> anyhow::Result<Self> {
        let detector = setting.detector()?;
        Ok(Self { units, decoder: KeyDecoder::new(DecodeLimits::default()), detector, next: 0 })
    }

    fn unit(&mut self) -> anyhow::Result<AccessUnit> {
        let unit = self.units.get(self.next % self.units.len().max(1)).context("the clip has no key frame")?.clone();
        self.next += 1;
        Ok(unit)
    }

    /// What a worker does with a sample; gives the number of objects.
    pub fn ours(&mut self) -> anyhow::Result<usize> {
        let unit = self.unit()?;
        let frame = self.decoder.decode(&unit)?;
        Ok(self.detector.detect(&frame)?.len())
    }

    /// The same decoder and session, and nothing else: the tensor is the one of the last look.
    pub fn floor(&mut self) -> anyhow::Result<()> {
        let unit = self.unit()?;
        drop(self.decoder.decode(&unit)?);
        Ok(self.detector.run_alone()?)
    }

    /// The session alone.
    pub fn run_alone(&mut self) -> anyhow::Result<()> {
        Ok(self.detector.run_alone()?)
    }

    /// Median milliseconds of one bare decode and run.
    pub fn bare_ms(&mut self, times: usize) -> anyhow::Result<f64> {
        let mut samples = Vec::with_capacity(times);
        for _ in 0..times {
            let began = Instant::now();
            self.floor()?;
            samples.push(measure::since(began) * 1000.0);
        }
        Ok(measure::median(&mut samples))
    }
}

/// Samples a processor second over at least `seconds` of them.
fn rate(look: &mut Look, seconds: f64, one: impl Fn(&mut Look) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let (began, start) = (Instant::now(), thread_cpu_s());
    let mut samples = 0u32;
    loop {
        one(look)?;
        samples += 1;
        let used = thread_cpu_s() - start;
        if used >= seconds || measure::since(began) > seconds * 10.0 + 5.0 {
            return Ok(f64::from(samples) / used.max(1e-9));
        }
    }
}

pub fn run(setting: &Setting, args: &PatrolArgs) -> anyhow::Result<Report> {
    let path = setting.clip()?;
    let film = clip::units(&path)?;
    let units = clip::key_units(&film, &ChannelId::new("bench")?);
    let mut look = Look::new(setting, units)?;
    for _ in 0..look.units.len().min(20) {
        look.ours()?;
        look.floor()?;
    }
    let each = setting.seconds(18) / f64::from(args.rounds) / 2.0;
    setting.say(&format!(
        "patrol: {} key frames of {}, {}x{}; {} rounds of {each:.1} s each",
        look.units.len(),
        path.display(),
        film.width,
        film.height,
        args.rounds
    ));
    let (mut ours, mut floor) = measure::alternate(
        &mut look,
        args.rounds as usize,
        |l| rate(l, each, |l| l.ours().map(drop)),
        |l| rate(l, each, Look::floor),
    )?;
    let ratio = measure::median_ratio(&ours, &floor);
    let (value, floor) = (measure::median(&mut ours), measure::median(&mut floor));
    Ok(Report::new("patrol", value, floor, "samples/s/core")
        .with("ratio_by_round", ratio)
        .with("sample_ms", 1000.0 / value)
        .with("floor_ms", 1000.0 / floor)
        .with("model", setting.model()?.name.as_str())
        .with("rounds", args.rounds)
        .with("key_frames", look.units.len()))
}

/// The workers without a gateway.
#[derive(Debug, Clone, Args)]
pub struct LooksArgs {
    /// 0: one a core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Says `{"samples_s"}` of all threads together over the time wanted.
pub fn subject(setting: &Setting, args: &LooksArgs) -> anyhow::Result<()> {
    let film = clip::units(&setting.clip()?)?;
    let units = clip::key_units(&film, &ChannelId::new("bench")?);
    let threads = if args.threads == 0 { std::thread::available_parallelism()?.get() } else { args.threads };
    let looks = (0..threads).map(|_| Look::new(setting, units.clone())).collect::<anyhow::Result<Vec<_>>>()?;
    let start = Arc::new(std::sync::Barrier::new(threads));
    let seconds = setting.seconds(5);
    let workers: Vec<_> = looks
        .into_iter()
        .map(|mut look| {
            let start = start.clone();
            std::thread::spawn(move || -> anyhow::Result<(f64, f64)> {
                decode::lower_thread_priority();
                look.ours()?;
                start.wait();
                let (began, mut samples) = (Instant::now(), 0u32);
                while measure::since(began) < seconds {
                    look.ours()?;
                    samples += 1;
                }
                let rate = f64::from(samples) / measure::since(began);
                Ok((rate, look.bare_ms(40)?))
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.push(worker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??);
    }
    let samples_s: f64 = all.iter().map(|(rate, _)| rate).sum();
    let mut bare: Vec<f64> = all.iter().map(|(_, ms)| *ms).collect();
    println!("{}", json!({ "samples_s": samples_s, "threads": threads, "bare_ms": measure::median(&mut bare) }));
    Ok(())
}
