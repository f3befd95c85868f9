//! `skyeye bench appear`: from the first frame in which a person can be detected to the MQTT message.
//!
//! First, offline, the very model looks at every frame of the film: a visit begins with the first frame whose best
//! score for the label reaches the rule's threshold after a while without any. Then the running gateway reads the
//! farm's channels, which show the film in a loop at spread phases, and the subscriber notes when each event's start
//! is in its hand. The farm says which moment of the film each channel shows when, so that the delay of each visit is
//! known: message minus the time at which that first frame was shown.
//! A visit during which the event of the one before was still open has no start of its own and counts as joined.
//!
//! The floor is what any loop over key frames can reach at best: from that first frame to the first key frame with a
//! score over the threshold, and one bare decode and run. A visit without a start of an event is counted as missed.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    Report, Setting,
    child::{Cameras, Scratch},
    clip,
    gateway::{Configuration, Gateway},
    measure,
    patrol::Look,
    subscriber::{self, SITE, Subscriber, wall_ms},
};
use crate::{
    config::DecoderChoice,
    decode::{DecodeLimits, StreamDecoder},
    types::{ChannelId, Phase},
};

#[derive(Debug, Clone, Args)]
pub struct AppearArgs {
    /// Channels, at spread phases of the film
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    channels: u32,
    /// What shall be seen
    #[arg(long, value_name = "LABEL", default_value = "person")]
    label: String,
    /// The rule's threshold
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    min_score: f32,
    /// Further keys of the rule, e.g. "focus_hz = 5.0"
    #[arg(long, value_name = "TOML", default_value = "")]
    rule: String,
    /// Control address of the farm that --url names
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
}

/// A visit begins after this long without a detection.
const APART_MS: f64 = 4_000.0;
/// Sessions stand, activity has learnt, after this or as long as is measured.
const SETTLE_S: f64 = 30.0;
/// A start that comes later than this, or this much before the first frame, belongs to no visit.
const LATE_MS: f64 = 15_000.0;
const EARLY_MS: f64 = 1_000.0;

/// A visit of the film, milliseconds since its begin.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Visit {
    first_ms: f64,
    /// The first key frame from there on in which it can be detected.
    key_ms: Option<f64>,
    last_ms: f64,
}

/// One frame: time, whether it is a key frame, best score.
type Scored = (f64, bool, f32);

pub fn run(setting: &Setting, args: &AppearArgs) -> anyhow::Result<Report> {
    let path = match &setting.common.clip {
        Some(_) => setting.clip()?,
        None => clip::visits(&clip::Spec::default())?,
    };
    let film = clip::units(&path)?;
    let length_ms = length_ms(&film);
    setting.say(&format!("appear: the model looks at every frame of {}", path.display()));
    let scored = offline(setting, &film, &args.label)?;
    let visits = visits(&scored, args.min_score, length_ms);
    if visits.is_empty() {
        bail!("no {} appears in the film after {} s without one", args.label, APART_MS / 1000.0);
    }
    let mut look = Look::new(setting, clip::key_units(&film, &ChannelId::new("bench")?))?;
    look.ours()?;
    let bare_ms = look.bare_ms(40)?;
    drop(look);
    let mut keys: Vec<f64> = visits.iter().filter_map(|v| Some(v.key_ms? - v.first_ms + bare_ms)).collect();
    let key_never = visits.len() - keys.len();
    let (floor_p50, floor_p90) = (measure::quantile(&mut keys, 0.5), measure::quantile(&mut keys, 0.9));

    let mut farm = Cameras::start(setting.common.url.as_deref(), &path, args.channels, &[])?;
    if args.control.is_some() {
        farm.control = args.control;
    }
    let scratch = Scratch::on_disk("appear")?;
    let ingest = "[ingest]\nallow_loopback = true\nconnects_per_host = 64\nconnects_per_host_per_s = 1000\n";
    let mut configuration = Configuration::new(setting, scratch.path(), ingest)?;
    let names: Vec<String> = (1..=args.channels).map(|n| format!("cam-{n}")).collect();
    for (n, id) in (1..).zip(&names) {
        configuration.channel(id, &farm.url(n));
    }
    let rule = format!("labels = [{:?}]\nmin_score = {}\nupdate_s = 0\n{}", args.label, args.min_score, args.rule);
    configuration.rule("appear", &names, &rule);
    let gateway = Gateway::start(setting, scratch, configuration)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let filter = format!("skyeye/v1/{SITE}/channel/+/event/#");
    let hand = runtime.block_on(Subscriber::start(gateway.broker, &filter))?;
    let seconds = setting.seconds((length_ms / 1000.0).ceil() as u64);
    setting.say(&format!(
        "appear: {} visits of {:.0} s of film on {} channels, {seconds:.0} s",
        visits.len(),
        length_ms / 1000.0,
        args.channels
    ));
    std::thread::sleep(Duration::from_secs_f64(SETTLE_S.min(seconds)));
    let (from_ms, before, metrics) = (wall_ms(), gateway.usage()?, gateway.metrics()?);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (until_ms, after, grown) = (wall_ms(), gateway.usage()?, gateway.metrics()?);
    // A visit that was shown at the end may still be told.
    std::thread::sleep(Duration::from_millis(LATE_MS as u64 / 3));
    let shown = shown(&farm, &names, length_ms)?;
    // Start and end of each event, as they came.
    let mut told: HashMap<String, Vec<(f64, f64)>> = HashMap::new();
    for (event, at_ms) in subscriber::events(&hand.take()?)? {
        let told = told.entry(event.channel.to_string()).or_default();
        match (event.phase, told.last_mut()) {
            (Phase::Start, _) => told.push((at_ms, f64::INFINITY)),
            (Phase::End, Some(last)) => last.1 = at_ms,
            _ => {}
        }
    }
    let (mut delays, mut joined, mut missed, mut due) = (Vec::new(), 0usize, 0usize, 0usize);
    for (id, zero_ms) in &shown {
        for visit in &visits {
            for first_ms in times(*zero_ms + visit.first_ms, length_ms, from_ms, until_ms - LATE_MS / 3.0) {
                due += 1;
                let lasts = (visit.last_ms - visit.first_ms + 3000.0).min(LATE_MS);
                let all = told.get(id).map(Vec::as_slice).unwrap_or_default();
                let start = all.iter().find(|(at, _)| (first_ms - EARLY_MS..first_ms + lasts).contains(at));
                match start {
                    Some((at, _)) => delays.push(at - first_ms),
                    None if all.iter().any(|(start, end)| (*start..*end).contains(&first_ms)) => joined += 1,
                    None => missed += 1,
                }
            }
        }
    }
    let cpu_pct = 100.0 * (after.cpu_s - before.cpu_s) / ((until_ms - from_ms) / 1000.0);
    let looks = grown.sum("skyeye_node_looks_total", "") - metrics.sum("skyeye_node_looks_total", "");
    let p50 = measure::quantile(&mut delays, 0.5);
    Ok(Report::new("appear", p50 / 1000.0, floor_p50 / 1000.0, "s")
        .with("p50_s", p50 / 1000.0)
        .with("p90_s", measure::quantile(&mut delays, 0.9) / 1000.0)
        .with("best_s", measure::quantile(&mut delays, 0.0) / 1000.0)
        .with("worst_s", measure::quantile(&mut delays, 1.0) / 1000.0)
        .with("floor_p90_s", floor_p90 / 1000.0)
        .with("visits_in_film", visits.len())
        .with("visits_no_key_frame_shows", key_never)
        .with("visits_shown", due)
        .with("visits_told", delays.len())
        .with("visits_joined", joined)
        .with("visits_missed", missed)
        .with("channels", args.channels)
        .with("cpu_pct_a_channel", cpu_pct / f64::from(args.channels))
        .with("looks_hz_a_channel", looks / ((until_ms - from_ms) / 1000.0) / f64::from(args.channels))
        .with("model", setting.model()?.name.as_str()))
}

fn length_ms(film: &crate::decode::file::FileUnits) -> f64 {
    let first = film.units.iter().map(|u| u.pts_90k).min().unwrap_or(0);
    let last = film.units.iter().map(|u| u.pts_90k + i64::from(u.duration_90k)).max().unwrap_or(0);
    (last - first) as f64 / 90.0
}

/// The best score of the label in every frame.
fn offline(setting: &Setting, film: &crate::decode::file::FileUnits, label: &str) -> anyhow::Result<Vec<Scored>> {
    let first = film.units.iter().map(|u| u.pts_90k).min().unwrap_or(0);
    let mut detector = setting.detector()?;
    let mut decoder = StreamDecoder::new(DecodeLimits::default(), DecoderChoice::Software);
    let mut scored = Vec::new();
    for unit in clip::access_units(film, &ChannelId::new("bench")?) {
        // With B-frames the picture is an earlier unit's.
        let Some(frame) = decoder.run(std::slice::from_ref(&unit))? else { continue };
        let at = decoder.shown().unwrap_or(unit.timeline_90k);
        let best = detector.detect(&frame)?.iter().filter(|d| &*d.label == label).map(|d| d.score).fold(0.0, f32::max);
        scored.push(((at - first) as f64 / 90.0, unit.key, best));
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(scored)
}

/// Where somebody appears after a while without anybody; the film is a loop.
fn visits(scored: &[Scored], threshold: f32, length_ms: f64) -> Vec<Visit> {
    let seen: Vec<&Scored> = scored.iter().filter(|s| s.2 >= threshold).collect();
    let Some(last) = seen.last() else { return Vec::new() };
    let mut visits: Vec<Visit> = Vec::new();
    let mut before_ms = last.0 - length_ms;
    for (at_ms, key, _) in seen {
        if at_ms - before_ms >= APART_MS {
            visits.push(Visit { first_ms: *at_ms, key_ms: None, last_ms: *at_ms });
        }
        if let Some(visit) = visits.last_mut() {
            visit.last_ms = *at_ms;
            if *key && visit.key_ms.is_none() {
                visit.key_ms = Some(*at_ms);
            }
        }
        before_ms = *at_ms;
    }
    visits
}

/// When, by the wall clock, each channel showed the begin of the film.
fn shown(farm: &Cameras, names: &[String], length_ms: f64) -> anyhow::Result<Vec<(String, f64)>> {
    let mut shown = Vec::new();
    for (n, id) in (1..).zip(names) {
        // The quickest of some answers tells the moment best.
        let mut best: Option<(f64, f64)> = None;
        for _ in 0..5 {
            let asked = wall_ms();
            let answer = farm.ask(&format!("position {n}"))?;
            let took = wall_ms() - asked;
            let at: f64 = answer.rsplit(' ').next().and_then(|w| w.parse().ok()).with_context(|| answer.clone())?;
            if best.is_none_or(|(t, _)| took < t) {
                best = Some((took, asked + took / 2.0 - at));
            }
        }
        let (_, zero) = best.context("the farm does not say where its film is")?;
        shown.push((id.clone(), zero.rem_euclid(length_ms)));
    }
    Ok(shown)
}

/// All times at which a moment of a loop is shown within a span.
fn times(moment_ms: f64, length_ms: f64, from_ms: f64, until_ms: f64) -> Vec<f64> {
    let mut at = from_ms + (moment_ms - from_ms).rem_euclid(length_ms);
    let mut all = Vec::new();
    while at < until_ms {
        all.push(at);
        at += length_ms;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(seen: &[(u32, u32)]) -> Vec<Scored> {
        let score = |s: u32| if seen.iter().any(|(a, b)| (*a..*b).contains(&s)) { 0.7 } else { 0.2 };
        (0..600).map(|n| (f64::from(n) * 100.0, n % 20 == 0, score(n))).collect()
    }

    #[test]
    fn a_visit_is_a_first_frame_after_a_while_without() {
        // 10.1 s to 15 s, a flicker at 17 s that belongs to it, 40 s to 44 s
        let found = visits(&film(&[(101, 150), (170, 171), (400, 440)]), 0.5, 60_000.0);
        let visit = |first_ms, key_ms, last_ms| Visit { first_ms, key_ms: Some(key_ms), last_ms };
        assert_eq!(found, [visit(10_100.0, 12_000.0, 17_000.0), visit(40_000.0, 40_000.0, 43_900.0)]);
    }

    #[test]
    fn what_goes_on_over_the_end_of_the_loop_begins_only_once() {
        let found = visits(&film(&[(0, 30), (580, 600), (300, 310)]), 0.5, 60_000.0);
        assert_eq!(found.iter().map(|v| v.first_ms).collect::<Vec<_>>(), [30_000.0, 58_000.0]);
    }

    #[test]
    fn a_moment_of_a_loop_is_shown_once_a_loop() {
        assert_eq!(times(500.0, 1000.0, 10_000.0, 12_600.0), [10_500.0, 11_500.0, 12_500.0]);
        assert_eq!(times(10_500.0, 60_000.0, 10_000.0, 12_600.0), [10_500.0]);
    }
}
