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
};

/// Timed for this long at most: `check` should stay quick.
const TIMED_S: f64 = 0.6;
/// And this many looks.
const LOOKS: usize = 20;

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
        for channel in config.channel.iter().filter(|c| c.enabled) {
            let rules = index.of(channel);
            channels += u32::from(!rules.is_empty());
            let always = rules.iter().filter(|r| r.focus_when == FocusWhen::Always);
            focus_hz += always.map(|r| f64::from(Looks::of(r, &config.sample).focus_hz)).fold(0.0, f64::max);
        }
        let floors_hz = f64::from(channels) / f64::from(config.sample.patrol_floor_s);
        let focus_budget_hz = looks_hz * f64::from(config.schedule.focus_share) * FOCUS_PART;
        Self { look_ms, workers, looks_hz, floors_hz, focus_hz, focus_budget_hz }
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
        if self.focus_hz > self.focus_budget_hz {
            warnings.push(format!(
                "rule.focus_hz: rules want {:.1} looks a second in focus all the time, and schedule.focus_share = {} of \
                 this box, less what catch-up may take, is about {:.1}: channels would take turns; fewer rules with \
                 focus_when = \"always\", a lower focus_hz, or a larger share",
                self.focus_hz, config.schedule.focus_share, self.focus_budget_hz,
            ));
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
        assert!(told.len() == 1 && told[0].contains("100.0 looks") && told[0].contains("about 37.5"), "{told:?}");
        let seen = config(20, 120, "focus_hz = 5");
        assert!(Capacity::of(&seen, 20.0, 2).warnings(&seen).is_empty(), "only while something is seen");
    }
}
