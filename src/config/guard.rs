//! The rate guard: how many looks a rule needs while an object is in view, against what a channel gets.
//!
//! A rule that asks how something moves is worth nothing at one look in eight seconds, and would be silent about it. So
//! each kind says how many looks at one object it needs (`looks_needed`), the rule says how long an object is in view at
//! least (`in_view_s`), and patrol gives at most one look a key frame. Where that is too little the rule wants focus, at
//! the rate that makes up for it; where somebody took focus away, or set it too low, the rule is refused or warned
//! about, with the numbers. What all rules together may take of the box is another question, for `skyeye check` and for
//! the focus budget, which is never exceeded.
//!
//! Pure.

use super::{Rule, Sample};

/// Between two key frames of a camera as they are usually set: a rule is written before its cameras are known. What a
/// camera really sends is told with the rule once it is measured ([`Looks::measured`]).
pub const KEY_INTERVAL_MS: u32 = 2000;
/// The most that focus gives.
pub const MAX_FOCUS_HZ: f32 = 30.0;
/// Focus rates are multiples of this.
const STEP_HZ: f32 = 0.5;

/// Looks at one object: what a rule needs and what it gets.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Looks {
    pub needed: u32,
    /// For how long an object is in view.
    pub in_view_s: f32,
    /// Of patrol alone.
    pub patrol: f32,
    /// With what the rule wants in focus.
    pub got: f32,
    /// Looks a second that the rule wants in focus; 0: patrol is enough.
    pub focus_hz: f32,
}

impl Looks {
    pub fn of(rule: &Rule, sample: &Sample) -> Self {
        // Who is there for `dwell_s` at least, as the rule wants it, is in view for so long.
        let in_view_s = rule.in_view_s.max(rule.dwell_ms() as f32 / 1000.0);
        let needed = rule.looks_needed();
        let patrol = of_patrol(in_view_s, sample, KEY_INTERVAL_MS);
        let focus_hz = rule.focus_hz.unwrap_or_else(|| match needed as f32 <= patrol {
            true => 0.0,
            false => ((needed as f32 / in_view_s / STEP_HZ).ceil() * STEP_HZ).min(MAX_FOCUS_HZ),
        });
        let got = patrol.max(in_view_s * focus_hz);
        Self { needed, in_view_s, patrol, got, focus_hz }
    }

    /// Too few to be right by luck: less than half of what the rule needs.
    pub fn refused(&self) -> Option<String> {
        (self.got * 2.0 < self.needed as f32).then(|| self.sentence("is refused"))
    }

    /// Fewer than the rule needs.
    pub fn warned(&self) -> Option<String> {
        (self.refused().is_none() && self.got + 1e-3 < self.needed as f32).then(|| self.sentence("will miss some"))
    }

    /// Fewer than the rule needs on a camera whose key frames are so far apart, though it gets enough with those of a usual one.
    pub fn measured(&self, sample: &Sample, key_interval_s: f32) -> Option<String> {
        // The cast saturates.
        let key_interval_ms = (key_interval_s * 1000.0) as u32;
        if key_interval_ms <= KEY_INTERVAL_MS || self.got + 1e-3 < self.needed as f32 {
            return None;
        }
        let patrol = of_patrol(self.in_view_s, sample, key_interval_ms);
        let got = patrol.max(self.in_view_s * self.focus_hz);
        (got + 1e-3 < self.needed as f32).then(|| {
            let right = (self.needed as f32 / self.in_view_s / STEP_HZ).ceil() * STEP_HZ;
            format!(
                "the camera sends a key frame in {key_interval_s:.1} s, so the rule gets about {got:.1} of the {} looks that it \
                 needs at an object in view for {} s: set the camera to a key frame in {} s, or focus_hz to {:.1} for it",
                self.needed,
                self.in_view_s,
                KEY_INTERVAL_MS / 1000,
                right.min(MAX_FOCUS_HZ)
            )
        })
    }

    fn sentence(&self, what: &str) -> String {
        let from = if self.focus_hz > 0.0 {
            format!("focus_hz = {} gives {:.1}", self.focus_hz, self.in_view_s * self.focus_hz)
        } else {
            format!("patrol gives about {:.1} (a key frame in {} s)", self.patrol, KEY_INTERVAL_MS / 1000)
        };
        let right = self.needed as f32 / self.in_view_s;
        let right = if right <= MAX_FOCUS_HZ {
            format!("leave focus_hz out or set it to {:.1}", (right / STEP_HZ).ceil() * STEP_HZ)
        } else {
            format!("focus gives at most {MAX_FOCUS_HZ} looks a second")
        };
        format!(
            "the rule needs {} looks at an object that is in view for {} s, and {from}: it {what}; {right}, or say in \
             in_view_s how long an object is in view, or in looks_needed how few are enough",
            self.needed, self.in_view_s
        )
    }
}

/// Looks of patrol at an object in view for so long; the first is the one that finds it.
fn of_patrol(in_view_s: f32, sample: &Sample, key_interval_ms: u32) -> f32 {
    (in_view_s * 1000.0 / sample.patrol_interval_ms.max(key_interval_ms) as f32).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(text: &str) -> Looks {
        let rule: Rule = toml::from_str(&format!("id = \"r\"\nchannels = [\"*\"]\n{text}")).unwrap();
        Looks::of(&rule, &Sample::default())
    }

    #[test]
    fn focus_is_turned_on_where_it_helps() {
        for (text, hz) in [
            ("type = \"presence\"", 0.0),
            ("type = \"crowd\"", 0.0),
            ("type = \"loitering\"", 0.0),
            ("type = \"loitering\"\ndwell_s = 5", 1.0),
            ("type = \"intrusion\"", 1.0),
            ("type = \"line\"", 2.0),
            ("type = \"line\"\nin_view_s = 2", 5.0),
            ("type = \"line\"\nin_view_s = 20", 0.0),
            ("type = \"line\"\nfocus_hz = 8", 8.0),
        ] {
            let l = looks(text);
            assert_eq!((l.focus_hz, l.refused(), l.warned()), (hz, None, None), "{text}");
        }
    }

    #[test]
    fn a_rate_that_is_too_low_is_refused_or_warned_about_with_the_numbers() {
        let told = looks("type = \"line\"\nfocus_hz = 0").refused().unwrap();
        assert!(
            told.contains("needs 10 looks") && told.contains("about 2.5") && told.contains("set it to 2.0"),
            "{told}"
        );
        let told = looks("type = \"line\"\nfocus_hz = 1.5").warned().unwrap();
        assert!(told.contains("gives 7.5"), "{told}");
        let told = looks("type = \"line\"\nin_view_s = 0.1").refused().unwrap();
        assert!(told.contains("at most 30"), "{told}");
        assert_eq!(looks("type = \"line\"\nfocus_hz = 0\nlooks_needed = 2").refused(), None);
    }

    #[test]
    fn what_a_camera_really_sends_is_told_with_the_numbers() {
        let told = |text: &str, key_s| looks(text).measured(&Sample::default(), key_s);
        let loiters = "type = \"loitering\"\ndwell_s = 10\nlooks_needed = 5";
        assert_eq!((told(loiters, 2.0), told(loiters, 0.0), told(loiters, f32::NAN)), (None, None, None));
        let why = told(loiters, 8.0).unwrap();
        assert!(
            why.contains("in 8.0 s") && why.contains("about 1.2 of the 5") && why.contains("focus_hz to 0.5"),
            "{why}"
        );
        assert_eq!(told(&format!("{loiters}\nfocus_hz = 0.5"), 8.0), None, "focus makes up for it");
        assert_eq!(told("type = \"line\"\nfocus_hz = 1", 8.0), None, "that is told of the rule itself");
    }
}
