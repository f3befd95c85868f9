//! How sure it is that something happened, and so whether its alert is a row at once, after a while, or not.
//!
//! The practice of alarm management: an on-delay for what is not sure, none for what is. What the detector is sure of is
//! a row at once, unless its source keeps saying the very same thing. What it is not sure of must last, and be the same
//! object while it lasts. Nothing waits for longer than fifty seconds, and what is critical never waits.
//!
//! Pure.

use crate::{
    config,
    types::{Severity, fact::Object, handling::Because},
};

/// Nothing is held for longer; a person must see what is true within a minute.
pub const LONGEST_HOLD_MS: u64 = 50_000;
/// So often must something unsure have come from a place to be familiar, and something sure.
const FAMILIAR: u32 = 2;
const FAMILIAR_MOMENT: u32 = 1;
const FAMILIAR_SURE: u32 = 5;
const FAMILIAR_ORDINARY: u32 = 3;
/// In a storm it takes so much more to be sure.
const STORM_SCORE: f32 = 0.1;
/// What is of high severity and so little less than sure waits no longer than what is sure by chance.
const NEARLY: f32 = 0.05;
/// Longer than a drop or a beam of light, and short enough to act on what is high.
const GLIMPSE_MS: u64 = 4_500;

/// What a type of event has proved by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Something is in view: it can last or not.
    Seen,
    /// The rule has waited already: somebody stayed, a thing was left.
    Earned,
    /// A moment: a line was crossed. It cannot last.
    Moment,
}

pub fn nature(kind: &str) -> Nature {
    match kind {
        "line" | "wrong-way" | "count" => Nature::Moment,
        "loitering" | "crowd" | "stopped" | "left-object" | "removed-object" | "absence" | "health" => Nature::Earned,
        _ => Nature::Seen,
    }
}

/// The best score of an event's objects; none: it has no objects.
pub fn score(objects: &[Object]) -> Option<f32> {
    objects.iter().map(|o| o.score).max_by(f32::total_cmp)
}

/// What is known of an event when it starts.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    pub severity: Severity,
    pub nature: Nature,
    pub score: Option<f32>,
    /// How often its source said the same from the same place.
    pub familiar: u32,
    /// And how often just so: as near, as tall, as sure.
    pub alike: u32,
    pub chattering: bool,
    /// Its source had an event within the hour that came to nothing.
    pub brief_lately: bool,
    /// It is surer than anything was that came from its place.
    pub surer: bool,
    /// How long such events of its source last.
    pub longest_ms: u64,
    /// People needed nothing of what its source says, and nothing of what it is sure of.
    pub useless: bool,
    pub ordinary: bool,
    /// How often it said such a thing thereabouts, lately.
    pub thereabouts: u32,
    /// Many channels of its area are unsure at present: rain, wind, a lamp that fails.
    pub storm: bool,
}

impl Evidence {
    /// How often what somebody put aside was the same: familiar at this hour, and just so.
    pub fn shelved(&self) -> u32 {
        self.alike.min(self.familiar)
    }

    /// Of a source that nothing is known of.
    pub fn new(severity: Severity, nature: Nature, score: Option<f32>) -> Self {
        Self {
            severity,
            nature,
            score,
            familiar: 0,
            alike: 0,
            chattering: false,
            brief_lately: false,
            surer: false,
            longest_ms: 0,
            useless: false,
            ordinary: false,
            thereabouts: 0,
            storm: false,
        }
    }
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Row,
    /// It is a row if it lasts for so long.
    Hold(u64, Because),
    /// It is over already and was never worth a row.
    Brief(Because),
}

pub fn is_sure(score: Option<f32>, cfg: &config::Alert) -> bool {
    score.is_none_or(|s| s >= cfg.sure_score)
}

pub fn judge(e: &Evidence, cfg: &config::Alert) -> Verdict {
    if e.severity == Severity::Critical {
        return Verdict::Row;
    }
    let hold_ms = u64::from(cfg.hold_s) * 1000;
    let glimpse_ms = GLIMPSE_MS.min(u64::from(cfg.hold_high_s) * 1000);
    // Longer than what comes to nothing usually lasts there.
    let long = (e.longest_ms + e.longest_ms / 2).max(hold_ms + hold_ms * 3 / 4).min(LONGEST_HOLD_MS);
    // What people needed nobody for again and again is ordinary there; what is of high severity they see all the same.
    let ordinary = e.ordinary && e.thereabouts >= FAMILIAR_ORDINARY && e.severity != Severity::High;
    if is_sure(e.score, cfg) {
        // The very same thing from the very same place, which people needed nobody for: a poster, a statue.
        let same_again = ordinary || ((e.chattering || e.ordinary) && e.familiar >= FAMILIAR_SURE);
        // Among so many that are wrong one is as high as this by chance.
        let hardly = e.nature == Nature::Seen && !same_again && !is_sure(e.score.map(|s| s - STORM_SCORE), cfg);
        if hardly && e.severity != Severity::High && e.storm {
            return Verdict::Hold(hold_ms, Because::Weak);
        }
        // Where what comes is mostly nothing, a glimpse is not enough; of what is high it is if there is no doubt.
        let lately = e.nature == Nature::Seen && !same_again && (e.storm || e.brief_lately);
        if lately && e.score.is_some() && (hardly || e.severity != Severity::High) {
            // Longer than that is what comes to nothing there: who is hardly sure must last as long, and no longer than what
            // is unsure.
            let most = if e.severity == Severity::High { u64::from(cfg.hold_high_s) * 1000 } else { hold_ms };
            let as_long = if e.brief_lately && hardly { e.longest_ms.min(most) } else { 0 };
            return Verdict::Hold(glimpse_ms.max(as_long), Because::Weak);
        }
        return match e.nature {
            _ if !same_again => Verdict::Row,
            Nature::Moment => moment(e, true),
            // Who people needed nobody for is given all the time that there is to pass.
            Nature::Seen | Nature::Earned if ordinary => Verdict::Hold(LONGEST_HOLD_MS, Because::Chattering),
            Nature::Seen | Nature::Earned => {
                Verdict::Hold(LONGEST_HOLD_MS.min(long.max(hold_ms * 2)), Because::Chattering)
            }
        };
    }
    // What is high is known only where people said so of all that it was, sure or not.
    let known = if e.severity == Severity::High { e.ordinary && e.useless } else { e.ordinary || e.useless };
    let familiar = e.familiar >= FAMILIAR || (known && e.thereabouts >= FAMILIAR_ORDINARY);
    let nearly = e.severity == Severity::High && is_sure(e.score.map(|s| s + NEARLY), cfg);
    match e.nature {
        Nature::Seen if nearly && e.surer && !e.useless && !e.ordinary => Verdict::Hold(glimpse_ms, Because::Weak),
        // No surer than what came to nothing there, but longer.
        Nature::Seen if nearly && e.brief_lately && familiar && !e.useless && !e.ordinary => {
            let longer = e.longest_ms + e.longest_ms / 2;
            Verdict::Hold(longer.max(glimpse_ms).min(LONGEST_HOLD_MS), Because::Chattering)
        }
        Nature::Seen if ordinary => Verdict::Hold(LONGEST_HOLD_MS, Because::Chattering),
        Nature::Moment if e.familiar >= FAMILIAR_MOMENT => moment(e, false),
        Nature::Earned if familiar => Verdict::Hold(long, Because::Chattering),
        Nature::Moment => Verdict::Row,
        Nature::Seen if familiar => Verdict::Hold(long, Because::Chattering),
        _ if e.severity == Severity::High && !e.brief_lately && !e.storm => {
            Verdict::Hold(u64::from(cfg.hold_high_s) * 1000, Because::Weak)
        }
        Nature::Seen | Nature::Earned => Verdict::Hold(hold_ms, Because::Weak),
    }
}

/// A moment that its source has told of before from the same place. That is where the line is, so that the place alone says
/// nothing: it counts with the row of its source, or is the row where there is none. What people called false again and
/// again is none; what is of high severity always is.
fn moment(e: &Evidence, is_sure: bool) -> Verdict {
    let known = if is_sure { e.ordinary } else { e.useless };
    if known && e.severity != Severity::High { Verdict::Brief(Because::Chattering) } else { Verdict::Row }
}

/// Whether what lasts is one thing: its tracks go on from look to look. Without updates nothing is known.
#[derive(Debug, Clone, Default)]
pub struct Steadiness {
    last: Vec<u64>,
    updates: u32,
    kept: u32,
}

impl Steadiness {
    pub fn of(objects: &[Object]) -> Self {
        Self { last: objects.iter().take(8).map(|o| o.track).collect(), updates: 0, kept: 0 }
    }
    pub fn update(&mut self, objects: &[Object]) {
        if !objects.is_empty() {
            self.updates = self.updates.saturating_add(1);
            self.kept += u32::from(self.last.is_empty() || objects.iter().any(|o| self.last.contains(&o.track)));
            self.last = objects.iter().take(8).map(|o| o.track).collect();
        }
    }
    pub fn is_one_thing(&self) -> bool {
        self.kept * 2 >= self.updates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Evidence = Evidence {
        severity: Severity::Medium,
        nature: Nature::Seen,
        score: Some(0.55),
        familiar: 0,
        alike: 0,
        chattering: false,
        brief_lately: false,
        surer: false,
        longest_ms: 0,
        useless: false,
        ordinary: false,
        thereabouts: 0,
        storm: false,
    };

    #[test]
    fn sure_is_a_row_at_once_and_unsure_must_last() {
        let cfg = config::Alert::default();
        let judge = |e| judge(&e, &cfg);
        let sure = Evidence { score: Some(0.8), ..NEW };
        assert_eq!(judge(sure), Verdict::Row);
        assert_eq!(judge(Evidence { score: None, ..NEW }), Verdict::Row, "no score is no doubt");
        assert_eq!(judge(Evidence { chattering: true, ..sure }), Verdict::Row, "news of a noisy source");
        let glimpse = Verdict::Hold(GLIMPSE_MS, Because::Weak);
        let hardly = Evidence { score: Some(0.7), storm: true, ..sure };
        assert_eq!(judge(hardly), Verdict::Hold(20_000, Because::Weak), "in a storm it may be chance");
        assert_eq!(judge(Evidence { severity: Severity::High, ..hardly }), glimpse, "what is high only for a moment");
        assert_eq!(judge(Evidence { storm: true, ..sure }), glimpse, "longer than a drop");
        assert_eq!(judge(Evidence { brief_lately: true, ..sure }), glimpse, "what came before it was nothing");
        let longer = Evidence { brief_lately: true, longest_ms: 7000, score: Some(0.7), ..sure };
        assert_eq!(judge(longer), Verdict::Hold(7000, Because::Weak), "as long as what was nothing");
        assert_eq!(judge(Evidence { score: sure.score, ..longer }), glimpse, "not where there is no doubt");
        let longest = Evidence { longest_ms: 40_000, ..longer };
        assert_eq!(judge(longest), Verdict::Hold(20_000, Because::Weak), "never longer than what is unsure");
        let high = Evidence { severity: Severity::High, ..longest };
        assert_eq!(judge(high), Verdict::Hold(10_000, Because::Weak));
        assert_eq!(judge(Evidence { storm: true, severity: Severity::High, ..sure }), Verdict::Row, "no doubt");
        assert_eq!(judge(Evidence { storm: true, score: None, ..sure }), Verdict::Row);
        let nearly = Evidence { severity: Severity::High, score: Some(0.62), surer: true, familiar: 9, ..NEW };
        assert_eq!(judge(nearly), glimpse, "surer than a bush ever was, and high");
        for not in [
            Evidence { surer: false, ..nearly },
            Evidence { useless: true, ..nearly },
            Evidence { severity: Severity::Medium, ..nearly },
            Evidence { score: Some(0.55), ..nearly },
        ] {
            assert_eq!(judge(not), Verdict::Hold(35_000, Because::Chattering), "{not:?}");
        }
        let outlasts = Evidence { surer: false, brief_lately: true, longest_ms: 2000, ..nearly };
        let gone = |ms| Verdict::Hold(ms, Because::Chattering);
        assert_eq!(judge(outlasts), gone(4500), "no surer than the bush, but the bush is gone by then");
        assert_eq!(judge(Evidence { longest_ms: 8000, ..outlasts }), gone(12_000));
        let guard = Evidence { severity: Severity::High, ordinary: true, useless: true, thereabouts: 3, ..NEW };
        assert_eq!(judge(guard), Verdict::Hold(35_000, Because::Chattering), "unsure, at his hour, as people said");
        assert_eq!(judge(Evidence { useless: false, ..guard }), Verdict::Hold(10_000, Because::Weak));
        assert_eq!(judge(Evidence { score: Some(0.8), ..guard }), Verdict::Row, "sure");
        let staff = Evidence { ordinary: true, thereabouts: 9, ..sure };
        assert_eq!(judge(staff), Verdict::Hold(LONGEST_HOLD_MS, Because::Chattering));
        assert_eq!(
            judge(Evidence { score: Some(0.55), ..staff }),
            Verdict::Hold(LONGEST_HOLD_MS, Because::Chattering),
            "no less sure of it"
        );
        assert_eq!(judge(Evidence { severity: Severity::High, ..staff }), Verdict::Row);
        assert_eq!(judge(Evidence { thereabouts: 0, ..staff }), Verdict::Row, "not where they walk");
        let poster = Evidence { severity: Severity::High, ordinary: true, familiar: 5, ..sure };
        assert_eq!(judge(poster), Verdict::Hold(40_000, Because::Chattering), "the very same, and people said so");
        assert_eq!(judge(Evidence { familiar: 4, ..poster }), Verdict::Row);
        assert_eq!(judge(NEW), Verdict::Hold(20_000, Because::Weak));
        assert_eq!(judge(Evidence { severity: Severity::High, ..NEW }), Verdict::Hold(10_000, Because::Weak));
        let flutters = Evidence { severity: Severity::High, brief_lately: true, ..NEW };
        assert_eq!(judge(flutters), Verdict::Hold(20_000, Because::Weak));
        assert_eq!(
            judge(Evidence { severity: Severity::High, storm: true, ..NEW }),
            Verdict::Hold(20_000, Because::Weak)
        );
        let noisy = Evidence { familiar: 9, longest_ms: 20_000, ..NEW };
        assert_eq!(judge(noisy), Verdict::Hold(35_000, Because::Chattering));
        assert_eq!(
            judge(Evidence { longest_ms: 900_000, ..noisy }),
            Verdict::Hold(LONGEST_HOLD_MS, Because::Chattering),
            "never longer"
        );
        assert_eq!(judge(Evidence { severity: Severity::Critical, ..noisy }), Verdict::Row);
    }

    #[test]
    fn a_moment_cannot_last() {
        let cfg = config::Alert::default();
        assert_eq!(judge(&Evidence { nature: Nature::Moment, ..NEW }, &cfg), Verdict::Row);
        let left = Evidence { nature: Nature::Earned, ..NEW };
        assert_eq!(judge(&left, &cfg), Verdict::Hold(20_000, Because::Weak), "a shadow is gone by then");
        let line = Evidence { nature: Nature::Moment, familiar: 2, ..NEW };
        assert_eq!(judge(&line, &cfg), Verdict::Row, "the place is the line's");
        let useless = Evidence { useless: true, ..line };
        assert_eq!(judge(&useless, &cfg), Verdict::Brief(Because::Chattering));
        assert_eq!(judge(&Evidence { severity: Severity::High, ..useless }, &cfg), Verdict::Row);
        assert_eq!(nature("line"), Nature::Moment);
        assert_eq!(nature("left-object"), Nature::Earned);
        assert_eq!(nature("presence"), Nature::Seen);
    }
}
