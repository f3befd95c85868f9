//! What is worth an event, as data: a kind, the channels that it is for, and what the kind asks.
//!
//! A rule is a template as soon as it names a tag or an area: a channel that gets the tag, or is moved under the area, is
//! under the rule. `except` takes channels out, and `[[rule.for]]` gives one channel other values of any key.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{one, yes};
use crate::types::{AreaId, ChannelId, LineId, RuleId, Severity, TimetableId, ZoneId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleKind {
    /// Somebody or something of the labels stands in the zone.
    Presence,
    /// Something that moves comes into the zone; what has stood there all the time does not count.
    Intrusion,
    /// A line is crossed.
    Line,
    /// Somebody stays in the zone for longer than `dwell_s`.
    Loitering,
    /// `min_count` or more are in the zone, or cover `min_density` of it.
    Crowd,
    /// Something goes against the way: along `heading_deg`, or over a line in `direction`.
    WrongWay,
    /// A vehicle stands still in the zone for longer than `dwell_s`.
    Stopped,
    /// A thing lies still for longer than `dwell_s` with nobody near.
    LeftObject,
    /// A thing that lay still is gone for longer than `dwell_s`.
    RemovedObject,
    /// Fewer than `min_count` are in the zone for longer than `dwell_s`: a post without its guard.
    Absence,
    /// A running total of what crosses lines and visits zones.
    Count,
}

impl RuleKind {
    pub const ALL: [RuleKind; 11] = [
        RuleKind::Presence,
        RuleKind::Intrusion,
        RuleKind::Line,
        RuleKind::Loitering,
        RuleKind::Crowd,
        RuleKind::WrongWay,
        RuleKind::Stopped,
        RuleKind::LeftObject,
        RuleKind::RemovedObject,
        RuleKind::Absence,
        RuleKind::Count,
    ];

    /// As it stands in the configuration, in the payload's `type` and as the topic's last level.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Presence => "presence",
            RuleKind::Intrusion => "intrusion",
            RuleKind::Line => "line",
            RuleKind::Loitering => "loitering",
            RuleKind::Crowd => "crowd",
            RuleKind::WrongWay => "wrong-way",
            RuleKind::Stopped => "stopped",
            RuleKind::LeftObject => "left-object",
            RuleKind::RemovedObject => "removed-object",
            RuleKind::Absence => "absence",
            RuleKind::Count => "count",
        }
    }

    /// Whether it watches lines, zones, or either.
    pub fn takes_lines(self) -> bool {
        matches!(self, RuleKind::Line | RuleKind::Count | RuleKind::WrongWay)
    }

    pub fn takes_zones(self) -> bool {
        self != RuleKind::Line
    }

    /// Seconds of `dwell_s` where the rule names none.
    fn dwell_s(self) -> u32 {
        match self {
            RuleKind::Loitering | RuleKind::Absence => 60,
            RuleKind::Stopped | RuleKind::LeftObject => 30,
            RuleKind::RemovedObject => 10,
            _ => 0,
        }
    }

    fn min_count(self) -> u32 {
        if self == RuleKind::Crowd { 5 } else { 1 }
    }

    /// Looks at one object that the kind needs to be right. What only asks whether something is there needs one; what
    /// asks how something moves needs to see it move.
    fn looks_needed(self) -> u32 {
        match self {
            RuleKind::Presence | RuleKind::Crowd | RuleKind::Absence => 1,
            RuleKind::LeftObject | RuleKind::RemovedObject | RuleKind::Stopped => 3,
            RuleKind::Intrusion | RuleKind::Loitering => 4,
            RuleKind::Line | RuleKind::WrongWay | RuleKind::Count => 10,
        }
    }
}

/// Over a line: from the left hand to the right of who walks along it, or the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    #[default]
    Any,
    Forward,
    Backward,
}

/// What is worth an event.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: RuleId,
    #[serde(rename = "type")]
    pub kind: RuleKind,
    /// Channel ids; `"*"` for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Channels with one of these tags; with `areas` both must be so.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Channels on one of these areas, or on one below it.
    #[serde(default)]
    pub areas: Vec<AreaId>,
    /// Not these.
    #[serde(default)]
    pub except: Vec<ChannelId>,
    /// Other values for single channels.
    #[serde(default, rename = "for")]
    pub exceptions: Vec<Exception>,
    /// Hours in which it is in force; always where none is named.
    #[serde(default)]
    pub timetable: Option<TimetableId>,
    /// Zone ids; empty: the whole picture. A channel without the zone is not looked at by this rule.
    #[serde(default)]
    pub zones: Vec<ZoneId>,
    /// Line ids.
    #[serde(default)]
    pub lines: Vec<LineId>,
    /// Which way over the lines counts.
    #[serde(default)]
    pub direction: Direction,
    /// Only what goes this way: 0 up on the picture, 90 to its right, 180 down, 270 to its left.
    #[serde(default)]
    pub heading_deg: Option<f32>,
    /// And so far to either side.
    #[serde(default = "default_heading_within_deg")]
    pub heading_within_deg: f32,
    /// Labels of the model; empty: all.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Who keeps a thing from being left, by being near it.
    #[serde(default = "default_owner_labels")]
    pub owner_labels: Vec<String>,
    /// Score that starts an event.
    #[serde(default = "default_min_score")]
    pub min_score: f32,
    /// Score that keeps one going; lower than `min_score` so that it does not flicker.
    #[serde(default = "default_keep_score")]
    pub keep_score: f32,
    /// Height of the box, 0..1 of the picture.
    #[serde(default)]
    pub min_height: f32,
    #[serde(default = "one")]
    pub max_height: f32,
    /// Area of the box, 0..1 of the picture.
    #[serde(default)]
    pub min_area: f32,
    #[serde(default = "one")]
    pub max_area: f32,
    /// Looks in a row with the object in the zone before an event starts.
    #[serde(default = "one_look")]
    pub start_looks: u32,
    /// An event ends when nothing was in the zone for this long, in two looks or more.
    #[serde(default = "default_clear_ms")]
    pub clear_ms: u32,
    /// What happens again so soon after is counted in the same event, which stays open for it.
    #[serde(default)]
    pub cooldown_s: u32,
    /// How long something must last; each kind has its own default.
    #[serde(default)]
    pub dwell_s: Option<u32>,
    /// How many there must be, or for `absence` must not be missing.
    #[serde(default)]
    pub min_count: Option<u32>,
    /// Share of the zone that boxes cover.
    #[serde(default)]
    pub min_density: f32,
    /// So many more than there were `rise_s` ago; 0: that many are there is enough.
    #[serde(default)]
    pub rise: u32,
    #[serde(default = "default_rise_s")]
    pub rise_s: u32,
    /// A count is told and begun anew after this long; the totals go on.
    #[serde(default = "default_period_s")]
    pub period_s: u32,
    /// While an event is open an update is sent at most this often; 0: never.
    #[serde(default = "default_update_s")]
    pub update_s: u32,
    /// Looks at one object that the rule needs while it is in view; each kind has its own default.
    #[serde(default)]
    pub looks_needed: Option<u32>,
    /// How long an object is in view at least.
    #[serde(default = "default_in_view_s")]
    pub in_view_s: f32,
    /// Looks a second that the rule wants in focus; 0: patrol is enough. Where it is not given: as many as
    /// `looks_needed` asks for, and none where patrol gives them.
    #[serde(default)]
    pub focus_hz: Option<f32>,
    /// When it wants them.
    #[serde(default)]
    pub focus_when: FocusWhen,
    #[serde(default = "default_severity")]
    pub severity: Severity,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Other values of a rule for one channel: any key but those that say which channels the rule is for.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Exception {
    pub channel: ChannelId,
    #[serde(flatten)]
    pub keys: Map<String, Value>,
}

/// When a rule wants its channel in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FocusWhen {
    /// While a look found one of its objects, and until the scene is quiet.
    #[default]
    Seen,
    /// All the time.
    Always,
}

/// Keys that say which channels a rule is for, and what it is; no exception changes them.
pub const SELECTORS: [&str; 7] = ["id", "type", "channels", "tags", "areas", "except", "for"];

impl Rule {
    pub fn dwell_ms(&self) -> u64 {
        u64::from(self.dwell_s.unwrap_or_else(|| self.kind.dwell_s())) * 1000
    }

    pub fn min_count(&self) -> u32 {
        self.min_count.unwrap_or_else(|| self.kind.min_count())
    }

    pub fn looks_needed(&self) -> u32 {
        self.looks_needed.unwrap_or_else(|| self.kind.looks_needed())
    }

    /// The rule as it is for one channel; a sentence where its exception fits no rule, with the key.
    pub fn with_exception(&self, exception: &Exception) -> Result<Rule, (String, String)> {
        let mut plain = Rule { exceptions: Vec::new(), ..self.clone() };
        for (key, value) in &exception.keys {
            if SELECTORS.contains(&key.as_str()) {
                return Err((key.clone(), "cannot be other for one channel; write a rule of its own for it".into()));
            }
            let Ok(Value::Object(mut fields)) = serde_json::to_value(&plain) else { continue };
            if !fields.contains_key(key) {
                return Err((key.clone(), "is no key of a rule".into()));
            }
            fields.insert(key.clone(), value.clone());
            plain = serde_json::from_value(Value::Object(fields)).map_err(|e| (key.clone(), e.to_string()))?;
        }
        Ok(plain)
    }

    /// The rule as it is for one channel. What `validate` refuses counts as no exception.
    pub fn on(&self, channel: &ChannelId) -> Cow<'_, Rule> {
        match self.exceptions.iter().find(|e| e.channel == *channel).map(|e| self.with_exception(e)) {
            Some(Ok(rule)) => Cow::Owned(rule),
            _ => Cow::Borrowed(self),
        }
    }
}

fn one_look() -> u32 {
    1
}
fn default_min_score() -> f32 {
    0.5
}
fn default_keep_score() -> f32 {
    0.3
}
fn default_clear_ms() -> u32 {
    2500
}
fn default_update_s() -> u32 {
    10
}
fn default_rise_s() -> u32 {
    60
}
fn default_period_s() -> u32 {
    3600
}
fn default_in_view_s() -> f32 {
    5.0
}
fn default_heading_within_deg() -> f32 {
    60.0
}
fn default_owner_labels() -> Vec<String> {
    vec!["person".into()]
}
fn default_severity() -> Severity {
    Severity::Medium
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        toml::from_str(&format!("id = \"r\"\ntype = \"line\"\nchannels = [\"*\"]\n{text}")).unwrap()
    }

    #[test]
    fn an_exception_changes_its_keys_for_its_channel_only() {
        let rule =
            rule("min_score = 0.6\n[[for]]\nchannel = \"a\"\nmin_score = 0.7\nfocus_hz = 4\ndirection = \"forward\"");
        let on = |id: &str| rule.on(&ChannelId::new(id).unwrap()).into_owned();
        assert_eq!((on("a").min_score, on("a").focus_hz, on("a").direction), (0.7, Some(4.0), Direction::Forward));
        assert_eq!((on("b").min_score, on("b").focus_hz), (0.6, None));
    }

    #[test]
    fn an_exception_that_fits_no_rule_is_named() {
        for (key, value) in
            [("severety", "\"high\""), ("min_score", "\"much\""), ("channels", "[\"*\"]"), ("id", "\"x\"")]
        {
            let rule = rule(&format!("[[for]]\nchannel = \"a\"\n{key} = {value}"));
            assert_eq!(rule.with_exception(&rule.exceptions[0]).unwrap_err().0, key);
            assert_eq!(rule.on(&rule.exceptions[0].channel).min_score, 0.5);
        }
    }

    #[test]
    fn a_kind_is_written_as_it_is_told() {
        for kind in RuleKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
