//! What the box can do against what the configuration asks: for `skyeye check`, before anything runs.
//!
//! The model is opened and run on this machine, now; decoding is not part of it, so the truth is somewhat less. A
//! running gateway measures its own capacity and says in its status what is not kept.

use serde::Serialize;

use crate::{
    config::{Config, FocusWhen, guard::Looks},
    infer::{Detector, DetectorOptions, Manifest, Runtime},
    schedule::FOCUS_PART,
    telemetry::Stopwatch,
    types::RuleId,
};

/// Timed for this long at most: `check` should stay quick.
const TIMED_S: f64 = 0.6;
/// And this many looks.
const LOOKS: usize = 20;
/// Of channels that want focus while something is in view, so many are busy at once in a usual hour.
const BUSY_SHARE: f64 = 0.1;

/// Looks a second: what is there and what is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capacity {
    /// One look, milliseconds, without decoding.
    pub look_ms: f64,
    pub workers: usize,
    /// Looks a second of all workers.
    pub looks_hz: f64,
    /// What the floors of all watched channels need.
    pub floors_hz: f64,
    /// What rules want in focus all the time.
    pub focus_hz: f64,
    /// What focus may have.
    pub focus_budget_hz: f64,
    /// What each rule wants of it, in the order of the configuration.
    pub wants: Vec<FocusOf>,
}

/// What one rule wants of focus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FocusOf {
    pub rule: RuleId,
    pub always: bool,
    /// Looks a second, the most of its channels.
    pub hz: f64,
    pub channels: u32,
    /// Beyond what the rules before it want all the time on the same channels.
    pub adds_hz: f64,
}

impl Capacity {
    /// Runs the configured model. `None` where it cannot be run; `check` says that by itself.
    pub fn measure(config: &Config) -> Option<Self> {
        let look_ms = look_ms(config)?;
        let workers = match config.decode.workers {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n as usize,
        };
        Some(Self::of(config, look_ms, workers))
    }

    fn of(config: &Config, look_ms: f64, workers: usize) -> Self {
        let looks_hz = workers as f64 * 1000.0 / look_ms;
        let index = config.rule_index();
        let (mut channels, mut focus_hz) = (0, 0.0);
        let mut wants: Vec<FocusOf> = Vec::new();
        for channel in config.channel.iter().filter(|c| c.enabled) {
            let rules = index.of(channel);
            channels += u32::from(!rules.is_empty());
            // A channel is looked at as often as its most demanding rule wants; what a rule adds to those before it counts.
            let mut always_hz: f64 = 0.0;
            for rule in rules {
                let hz = f64::from(Looks::of(&rule, &config.sample).focus_hz);
                if hz <= 0.0 {
                    continue;
                }
                let always = rule.focus_when == FocusWhen::Always;
                let adds_hz = if always { (hz - always_hz).max(0.0) } else { 0.0 };
                always_hz += adds_hz;
                let known = wants.iter_mut().find(|w| w.rule == rule.id && w.always == always);
                match known {
                    Some(of) => {
                        of.channels += 1;
                        of.hz = of.hz.max(hz);
                        of.adds_hz += adds_hz;
                    }
                    None => wants.push(FocusOf { rule: rule.id.clone(), always, hz, channels: 1, adds_hz }),
                }
            }
            focus_hz += always_hz;
        }
        let place = |w: &FocusOf| config.rule.iter().position(|r| r.id == w.rule);
        wants.sort_by_key(place);
        let floors_hz = f64::from(channels) / f64::from(config.sample.patrol_floor_s);
        let focus_budget_hz = looks_hz * f64::from(config.schedule.focus_share) * FOCUS_PART;
        Self { look_ms, workers, looks_hz, floors_hz, focus_hz, focus_budget_hz, wants }
    }

    /// Rules that want more focus than the box has, each with how many channels it can carry.
    fn beyond(&self) -> Vec<String> {
        let mut left_hz = self.focus_budget_hz;
        let mut told = Vec::new();
        for w in &self.wants {
            let before_hz = left_hz.max(0.0);
            if w.always {
                left_hz -= w.adds_hz;
                if left_hz < 0.0 && w.adds_hz > 0.0 {
                    told.push(format!(
                        "rule '{}': wants {:.1} looks a second in focus all the time on {} channels, and of this box's \
                         focus budget of about {:.1} looks a second {before_hz:.1} are left for it: it can carry {:.0} of \
                         these channels; the others take turns. Fewer channels, focus_when = \"seen\", a lower focus_hz, \
                         or a larger schedule.focus_share",
                        w.rule, w.hz, w.channels, self.focus_budget_hz, (before_hz / w.hz).floor(),
                    ));
                }
            } else {
                let carries = (before_hz / w.hz).floor();
                if carries < f64::from(w.channels) * BUSY_SHARE {
                    told.push(format!(
                        "rule '{}': wants {:.1} looks a second in focus while something is in view on {} channels, and \
                         this box can carry {carries:.0} of them at a time; if more are busy at once, they take turns and \
                         some crossings are missed",
                        w.rule, w.hz, w.channels,
                    ));
                }
            }
        }
        told
    }

    /// What will not be kept, in sentences.
    pub fn warnings(&self, config: &Config) -> Vec<String> {
        let mut warnings = Vec::new();
        let focus_hz = self.focus_hz.min(self.focus_budget_hz);
        let left_hz = self.looks_hz - focus_hz;
        if self.floors_hz > left_hz {
            warnings.push(format!(
                "sample.patrol_floor_s: the floors need {:.1} looks a second and this box has about {left_hz:.1} for \
                 patrol, so a look comes in about {:.0} s instead of {} s; a quicker model, more cores, or a longer floor",
                self.floors_hz,
                f64::from(config.sample.patrol_floor_s) * self.floors_hz / left_hz.max(0.001),
                config.sample.patrol_floor_s,
            ));
        }
        warnings.extend(self.beyond());
        for (i, rule) in config.rule.iter().enumerate().filter(|(_, r)| r.enabled) {
            if let Some(why) = Looks::of(rule, &config.sample).warned() {
                warnings.push(format!("rule[{i}].focus_hz: {why}"));
            }
        }
        warnings
    }
}

fn look_ms(config: &Config) -> Option<f64> {
    let manifest = Manifest::load(&config.infer.models_dir, None).ok()?;
    let model = manifest.get(config.infer.model.as_str()).ok()?;
    let runtime = Runtime::load(&config.infer.runtime).ok()?;
    let mut detector = Detector::open(&runtime, model, &DetectorOptions::default()).ok()?;
    let (mut stopwatch, mut spent_s) = (Stopwatch::start(), 0.0);
    let mut times: Vec<f64> = Vec::with_capacity(LOOKS);
    while times.len() < LOOKS && (times.len() < 3 || spent_s < TIMED_S) {
        detector.blank().ok()?;
        let look_s = stopwatch.lap();
        spent_s += look_s;
        times.push(look_s * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().filter(|ms| *ms > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn config(channels: usize, floor_s: u32, rule: &str) -> Config {
        let mut text = format!(
            "[sample]\npatrol_floor_s = {floor_s}\n[[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"*\"]\n{rule}\n"
        );
        for n in 0..channels {
            text += &format!("[[channel]]\nid = \"c{n}\"\nurl = \"rtsp://10.0.0.1/{n}\"\n");
        }
        config::parse("test", &text).unwrap()
    }

    #[test]
    fn floors_that_do_not_fit_are_told_with_the_numbers() {
        let fits = config(6314, 120, "");
        assert!(Capacity::of(&fits, 20.0, 2).warnings(&fits).is_empty(), "53 of 100");
        let short = config(6314, 30, "");
        let told = Capacity::of(&short, 20.0, 2).warnings(&short).join("\n");
        assert!(
            told.contains("210.5 looks") && told.contains("about 100.0") && told.contains("63 s instead of 30 s"),
            "{told}"
        );
    }

    #[test]
    fn focus_beyond_its_share_is_told_and_leaves_the_rest_to_patrol() {
        let much = config(20, 120, "focus_hz = 5\nfocus_when = \"always\"");
        let told = Capacity::of(&much, 20.0, 2).warnings(&much);
        assert!(
            told.len() == 1
                && told[0].contains("wants 5.0 looks")
                && told[0].contains("20 channels")
                && told[0].contains("about 37.5")
                && told[0].contains("carry 7"),
            "{told:?}"
        );
        let crowded = config(200, 120, "focus_hz = 5");
        let told = Capacity::of(&crowded, 20.0, 2).warnings(&crowded);
        assert!(told.len() == 1 && told[0].contains("carry 7 of them at a time"), "{told:?}");
        let seen = config(20, 120, "focus_hz = 5");
        assert!(Capacity::of(&seen, 20.0, 2).warnings(&seen).is_empty(), "only while something is seen");
    }
}
