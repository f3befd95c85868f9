//! `skyeye bench activity`: how many looks activity saves, and what they cost in visits and in time.
//!
//! A film is encoded as cameras encode it: constant quality, the same capped at 512 kbit/s, and strict constant bit rate
//! of 256 kbit/s with filler. Each encoding is gone through twice with the film's own time as the clock: once with a look
//! at every key frame (full patrol, the floor), once with the looks that `sample` chooses, catch-up looks decoded from
//! their key frame to the present. Decoder, detector, tracker and a presence rule as shipped are the real ones, so that a
//! visit is what becomes an event. Nothing depends on the machine's speed: the same film and the same encoder give the
//! same figures.
//!
//! A visit counts as found if an event is open at the latest one key-frame interval after full patrol's event began.
//! With a ground truth of boxes (MOTChallenge), every track that lasts over two seconds and is met by a detection (IoU
//! 0.5) in some look is found. `value` is the greatest share of looks among the encodings that are not of strict
//! constant bit rate.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{Report, Setting, clip};
use crate::{
    config::{self, DecoderChoice},
    decode::{DecodeLimits, KeyDecoder, StreamDecoder},
    infer::Detector,
    rule::ChannelRules,
    sample::Sampler,
    schedule::{Demand, Tier},
    track::Tracker,
    types::{AccessUnit, BBox, ChannelId, Detection, EventId, Look, Mono, Now, Phase, Wall},
};

#[derive(Debug, Clone, Args)]
pub struct ActivityArgs {
    /// Boxes of the film in MOTChallenge's format, their pixels of --truth-size: tracks found are told, too
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Size of the truth's pictures
    #[arg(long, value_name = "WxH", default_value = "768x576", value_parser = size)]
    truth_size: (f32, f32),
    /// Pictures a second of the truth
    #[arg(long, value_name = "FPS", default_value_t = 10.0)]
    truth_fps: f32,
    /// What shall be seen
    #[arg(long, value_name = "LABEL", default_value = "person")]
    label: String,
}

fn size(text: &str) -> Result<(f32, f32), String> {
    let parts = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parts.filter(|(w, h): &(f32, f32)| *w > 0.0 && *h > 0.0).ok_or_else(|| format!("{text} is no size like 768x576"))
}

/// As cameras encode.
const ENCODINGS: [(&str, u32, &[&str]); 3] = [
    ("constant_quality", 512, &["-crf", "23", "-maxrate", "0", "-bufsize", "0"]),
    ("capped", 512, &["-crf", "18", "-bufsize", "512k"]),
    ("strict_cbr", 256, &["-minrate", "256k", "-bufsize", "256k", "-x264-params", "nal-hrd=cbr"]),
];
/// A track of the truth that is shorter need not be found.
const TRACK_S: f32 = 2.0;
const IOU: f32 = 0.5;

pub fn run(setting: &Setting, args: &ActivityArgs) -> anyhow::Result<Report> {
    let truth = args.truth.as_deref().map(|path| Truth::read(path, args)).transpose()?;
    let mut films: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for (name, kbit_s, more) in ENCODINGS {
        let spec = clip::Spec { kbit_s, more: more.iter().map(|a| (*a).to_owned()).collect(), ..clip::Spec::default() };
        let film = match &setting.common.clip {
            Some(source) => clip::encoded(source, &spec)?,
            None if truth.is_some() => clip::usual(&spec)?,
            None => clip::visits(&spec)?,
        };
        films.insert(name, film);
    }
    let mut eyes = Eyes::new(setting, args)?;
    let mut results = Vec::new();
    for (name, ..) in ENCODINGS {
        let Some(film) = films.get(name) else { continue };
        let result = compare(&mut eyes, setting, film, truth.as_ref())?;
        setting.say(&result.line(name));
        results.push((name, result));
    }
    let worst = results.iter().filter(|(name, _)| *name != "strict_cbr").map(|(_, r)| r.share()).fold(0.0, f64::max);
    let mut report = Report::new("activity", worst, 1.0, "share of full patrol's looks");
    for (name, result) in &results {
        report = result.told(report, name);
    }
    Ok(report.with("model", setting.model()?.name.as_str()))
}

/// What one encoding gave.
struct Compared {
    key_frames: usize,
    full: Watched,
    ours: Watched,
    /// Visits of full patrol, and how much later than it ours found each; `None`: not, or too late.
    delays: Vec<Option<f64>>,
    /// Tracks of the truth, found by full patrol, found by ours.
    tracks: Option<(usize, usize, usize)>,
    state: &'static str,
}

impl Compared {
    fn share(&self) -> f64 {
        self.ours.looks as f64 / (self.full.looks as f64).max(1.0)
    }

    fn found(&self) -> impl Iterator<Item = f64> + '_ {
        self.delays.iter().flatten().copied()
    }

    fn mean_delay(&self) -> f64 {
        self.found().sum::<f64>() / (self.found().count() as f64).max(1.0)
    }

    fn worst_delay(&self) -> f64 {
        self.found().fold(f64::NEG_INFINITY, f64::max)
    }

    fn line(&self, name: &str) -> String {
        let tracks = self
            .tracks
            .map_or(String::new(), |(all, full, ours)| format!("; tracks {ours} of {all}, full patrol {full}"));
        format!(
            "{name}: {} looks at {} key frames ({:.2} of full patrol, {} of them catch-up); visits {} of {}, {:+.2} s on \
             average and {:+.2} s at worst against full patrol; events {} against {}{tracks}; at the end {}",
            self.ours.looks,
            self.key_frames,
            self.share(),
            self.ours.catch_up,
            self.found().count(),
            self.delays.len(),
            self.mean_delay(),
            if self.delays.is_empty() { 0.0 } else { self.worst_delay() },
            self.ours.events.len(),
            self.full.events.len(),
            self.state,
        )
    }

    fn told(&self, report: Report, name: &str) -> Report {
        let key = |what: &str| format!("{name}_{what}");
        let report = report
            .with(&key("key_frames"), self.key_frames as u64)
            .with(&key("looks"), self.ours.looks as u64)
            .with(&key("looks_share"), self.share())
            .with(&key("catch_up_looks"), self.ours.catch_up as u64)
            .with(&key("visits"), self.delays.len() as u64)
            .with(&key("visits_found"), self.found().count() as u64)
            .with(&key("events"), self.ours.events.len() as u64)
            .with(&key("delay_mean_s"), self.mean_delay())
            .with(&key("delay_max_s"), if self.delays.is_empty() { 0.0 } else { self.worst_delay() })
            .with(&key("state"), self.state);
        match self.tracks {
            None => report,
            Some((all, full, ours)) => report
                .with(&key("tracks"), all as u64)
                .with(&key("tracks_full_patrol"), full as u64)
                .with(&key("tracks_found"), ours as u64),
        }
    }
}

/// Decoder and detector, and what they saw: a picture that both ways look at is looked at once.
struct Eyes {
    detector: Detector,
    keys: KeyDecoder,
    seen: HashMap<usize, (Vec<Detection>, u32, u32)>,
    rules: config::Config,
    label: String,
}

impl Eyes {
    fn new(setting: &Setting, args: &ActivityArgs) -> anyhow::Result<Self> {
        let text = format!(
            "[[channel]]\nid = \"film\"\nurl = \"rtsp://10.0.0.1/\"\n[[rule]]\nid = \"seen\"\ntype = \"presence\"\n\
             channels = [\"film\"]\nlabels = [{:?}]\n",
            args.label
        );
        let rules = config::parse("the bench's rule", &text).map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok(Self {
            detector: setting.detector()?,
            keys: KeyDecoder::new(DecodeLimits::default()),
            seen: HashMap::new(),
            rules,
            label: args.label.clone(),
        })
    }

    /// Looks at the picture of unit `index`: a key unit alone, any other from its key unit on.
    fn look(&mut self, units: &[AccessUnit], index: usize) -> anyhow::Result<(Vec<Detection>, u32, u32)> {
        if let Some(seen) = self.seen.get(&index) {
            return Ok(seen.clone());
        }
        let unit = units.get(index).context("no such unit")?;
        let frame = if unit.key {
            self.keys.decode(unit)?
        } else {
            let until = units.get(..=index).unwrap_or_default();
            let from = until.iter().rposition(|u| u.key).context("no key unit before it")?;
            let mut stream = StreamDecoder::new(DecodeLimits::default(), DecoderChoice::Software);
            stream.run_to_present(until.get(from..).unwrap_or_default())?.context("a run of units gave no picture")?
        };
        let seen = (self.detector.detect(&frame)?, frame.width, frame.height);
        self.seen.insert(index, seen.clone());
        Ok(seen)
    }
}

/// One way of looking, and what came of it.
struct Watch {
    tracker: Tracker,
    rules: ChannelRules,
    watched: Watched,
}

#[derive(Default)]
struct Watched {
    looks: usize,
    catch_up: usize,
    /// Begin and end, seconds.
    events: Vec<(f64, f64)>,
    ids: Vec<EventId>,
    met: Vec<bool>,
}

impl Watch {
    fn new(rules: &config::Config, tracks: usize) -> anyhow::Result<Self> {
        let channel = rules.channel.first().context("no channel")?;
        Ok(Self {
            tracker: Tracker::new(&rules.track),
            rules: ChannelRules::new(rules, channel),
            watched: Watched { met: vec![false; tracks], ..Watched::default() },
        })
    }

    fn look(
        &mut self,
        eyes: &mut Eyes,
        units: &[AccessUnit],
        index: usize,
        truth: Option<&Truth>,
    ) -> anyhow::Result<()> {
        let (detections, width, height) = eyes.look(units, index)?;
        let unit = units.get(index).context("no such unit")?;
        let now = Now { mono: unit.ingested, wall: Wall(unit.ingested.0 as i64) };
        if let Some(truth) = truth {
            let wanted: Vec<Detection> = detections.iter().filter(|d| *d.label == *eyes.label).cloned().collect();
            truth.meet(seconds(now.mono), &wanted, &mut self.watched.met);
        }
        self.tracker.shaped(width, height);
        let tracks = self.tracker.look(&detections, now.mono);
        let look = Look {
            timeline_90k: unit.timeline_90k,
            pace: self.tracker.pace(),
            ..Look::at(unit.channel.clone(), eyes.detector.model_ref(), (width, height), now)
        };
        self.watched.looks += 1;
        for event in self.rules.look(&look, &tracks, now) {
            let at = seconds(event.at);
            match event.phase {
                Phase::Start => {
                    self.watched.events.push((at, f64::INFINITY));
                    self.watched.ids.push(event.id);
                }
                Phase::End => {
                    let which = self.watched.ids.iter().position(|id| *id == event.id);
                    if let Some(open) = which.and_then(|i| self.watched.events.get_mut(i)) {
                        open.1 = at;
                    }
                }
                Phase::Update => {}
            }
        }
        Ok(())
    }
}

/// Film time begins at a second, since 0 means "no look yet".
const BEGIN_MS: u64 = 1000;

fn seconds(at: Mono) -> f64 {
    (at.0.saturating_sub(BEGIN_MS)) as f64 / 1000.0
}

fn compare(eyes: &mut Eyes, setting: &Setting, film: &Path, truth: Option<&Truth>) -> anyhow::Result<Compared> {
    let film = clip::units(film)?;
    let channel = ChannelId::new("film").context("the channel's name")?;
    let mut units = clip::access_units(&film, &channel);
    // In the order in which a camera sends them: with B pictures that is not the order of their times.
    let mut times: Vec<i64> = units.iter().map(|u| u.timeline_90k).collect();
    times.sort_unstable();
    let first = times.first().copied().unwrap_or(0);
    for (unit, time) in units.iter_mut().zip(times) {
        unit.ingested = Mono(BEGIN_MS + ((time - first) / 90) as u64);
    }
    let keys: Vec<usize> = units.iter().enumerate().filter(|(_, u)| u.key).map(|(i, _)| i).collect();
    let at = |index: usize| units.get(index).map_or(0.0, |u| seconds(u.ingested));
    let group_s = keys.windows(2).map(|w| at(w[1]) - at(w[0])).fold(0.0, f64::max);

    eyes.seen.clear();
    let rules = eyes.rules.clone();
    let tracks = truth.map_or(0, |t| t.tracks.len());
    let mut full = Watch::new(&rules, tracks)?;
    for index in &keys {
        full.look(eyes, &units, *index, truth)?;
    }
    let mut ours = Watch::new(&rules, tracks)?;
    let (sampler, demand) = (Sampler::new(&setting.config.sample), Demand::default());
    for index in 0..units.len() {
        let Some(unit) = units.get(index) else { break };
        let Some(chosen) = sampler.consider(unit, &demand) else { continue };
        ours.watched.catch_up += usize::from(chosen.tier == Tier::CatchUp);
        ours.look(eyes, &units, index, truth)?;
        demand.set_in_view(ours.rules.found());
        demand.set_event_open(ours.rules.open() > 0);
        demand.looked(unit.ingested);
    }
    let delays = full.watched.events.iter().map(|visit| delay(*visit, &ours.watched.events, group_s)).collect();
    let state = sampler.activity(&channel).map_or("off", |a| a.state.as_str());
    let tracks = truth.map(|_| {
        let met = |watch: &Watch| watch.watched.met.iter().filter(|m| **m).count();
        (tracks, met(&full), met(&ours))
    });
    Ok(Compared { key_frames: keys.len(), full: full.watched, ours: ours.watched, delays, tracks, state })
}

/// How much later than full patrol's event one of ours was open: below 0 where it began earlier.
fn delay(visit: (f64, f64), ours: &[(f64, f64)], group_s: f64) -> Option<f64> {
    let latest = visit.0 + group_s + 0.05;
    ours.iter().find(|event| event.0 <= latest && event.1 >= visit.0).map(|event| event.0 - visit.0)
}

/// Boxes of a film.
struct Truth {
    /// Each track's boxes by frame.
    tracks: Vec<HashMap<u32, BBox>>,
    fps: f32,
}

impl Truth {
    fn read(path: &Path, args: &ActivityArgs) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut tracks: BTreeMap<u32, HashMap<u32, BBox>> = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Option<Vec<f32>> = line.split(',').take(6).map(|f| f.trim().parse().ok()).collect();
            let Some([frame, id, left, top, width, height]) = fields.as_deref() else {
                anyhow::bail!("{}:{}: want frame,id,left,top,width,height", path.display(), number + 1);
            };
            let (w, h) = args.truth_size;
            let bbox = BBox { x: left / w, y: top / h, w: width / w, h: height / h };
            tracks.entry(*id as u32).or_default().insert(*frame as u32, bbox);
        }
        let long = |track: &HashMap<u32, BBox>| track.len() as f32 / args.truth_fps > TRACK_S;
        Ok(Self { tracks: tracks.into_values().filter(long).collect(), fps: args.truth_fps })
    }

    /// Marks the tracks that a detection meets.
    fn meet(&self, at_s: f64, detections: &[Detection], met: &mut [bool]) {
        // Frames count from 1.
        let frame = (at_s * f64::from(self.fps)).round() as u32 + 1;
        for (track, met) in self.tracks.iter().zip(met) {
            if let Some(there) = track.get(&frame) {
                *met |= detections.iter().any(|d| there.iou(&d.bbox) >= IOU);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_found_by_an_event_that_is_open_soon_enough() {
        let ours = [(4.5, 9.0), (23.0, 40.0)];
        assert_eq!(delay((6.0, 12.0), &ours, 2.0), Some(-1.5), "earlier");
        assert_eq!(delay((22.0, 30.0), &ours, 2.0), Some(1.0), "later, but within a group");
        assert_eq!(delay((20.0, 30.0), &ours, 2.0), None, "too late");
        assert_eq!(delay((10.0, 12.0), &ours, 2.0), None, "over before it began");
    }

    #[test]
    fn a_track_is_met_by_a_box_that_covers_it() {
        let bbox = |x| BBox { x, y: 0.0, w: 0.1, h: 0.2 };
        let truth =
            Truth { tracks: vec![HashMap::from([(11, bbox(0.0))]), HashMap::from([(11, bbox(0.5))])], fps: 10.0 };
        let detection = Detection { label: "person".into(), score: 0.9, bbox: bbox(0.02) };
        let mut met = [false; 2];
        truth.meet(0.9, std::slice::from_ref(&detection), &mut met);
        assert_eq!(met, [false, false], "another frame");
        truth.meet(1.0, &[detection], &mut met);
        assert_eq!(met, [true, false]);
    }
}
