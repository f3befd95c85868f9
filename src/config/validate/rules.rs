//! What a rule's type cannot say: places and channels that it names, ranges, keys that its kind does not know, and
//! whether it gets the looks that it needs.

use std::collections::{HashMap, HashSet};

use super::{Found, Problem};
use crate::{
    config::{
        Channel, Config, Direction, Rule, RuleKind, Sample,
        guard::{Looks, MAX_FOCUS_HZ},
    },
    types::{AreaId, RuleId, TimetableId},
};

/// Channels that a rule may name or leave out one by one, and exceptions that it may have.
const MOST: usize = 20_000;

/// What a rule may name, read once for any number of rules.
pub struct RuleRefs<'a> {
    channels: HashMap<&'a str, &'a Channel>,
    areas: HashSet<&'a AreaId>,
    timetables: HashSet<&'a TimetableId>,
    infer_min_score: f32,
    sample: &'a Sample,
}

impl Config {
    /// What this configuration's rules may name.
    pub fn rule_refs(&self) -> RuleRefs<'_> {
        RuleRefs {
            channels: self.channel.iter().map(|c| (c.id.as_str(), c)).collect(),
            areas: self.area.iter().map(|a| &a.id).collect(),
            timetables: self.timetable.iter().map(|t| &t.id).collect(),
            infer_min_score: self.infer.min_score,
            sample: &self.sample,
        }
    }
}

/// What is wrong with a rule; keys are those of the rule.
pub fn rule(rule: &Rule, refs: &RuleRefs<'_>) -> Vec<Problem> {
    let mut f = Found(Vec::new());
    if rule.id == RuleId::health() {
        f.add("id", "'health' is the gateway's own rule; choose another id");
    }
    selectors(rule, refs, &mut f);
    values(rule, refs, &mut f);
    for (i, exception) in rule.exceptions.iter().take(MOST).enumerate() {
        let at = |key: &str| format!("for[{i}].{key}");
        if !refs.channels.contains_key(exception.channel.as_str()) {
            f.missing(at("channel"), format!("no [[channel]] has the id '{}'", exception.channel));
        }
        match rule.with_exception(exception) {
            Err((key, why)) => f.add(at(&key), why),
            Ok(one) => {
                let mut of = Found(Vec::new());
                values(&one, refs, &mut of);
                f.0.extend(of.0.into_iter().map(|p| Problem { key: at(&p.key), ..p }));
            }
        }
    }
    f.0
}

fn selectors(rule: &Rule, refs: &RuleRefs<'_>, f: &mut Found) {
    if rule.channels.is_empty() && rule.tags.is_empty() && rule.areas.is_empty() {
        f.add("channels", "is empty, and so are tags and areas; name channel ids, or \"*\" for all");
    }
    for (key, n) in [("channels", rule.channels.len()), ("except", rule.except.len()), ("for", rule.exceptions.len())] {
        if n > MOST {
            f.add(key, format!("has {n} entries; at most {MOST}: name a tag or an area instead"));
        }
    }
    for name in rule.channels.iter().filter(|n| *n != "*" && !refs.channels.contains_key(n.as_str())) {
        f.missing("channels", format!("no [[channel]] has the id '{name}'"));
    }
    for id in rule.except.iter().filter(|id| !refs.channels.contains_key(id.as_str())) {
        f.missing("except", format!("no [[channel]] has the id '{id}'"));
    }
    for id in rule.areas.iter().filter(|id| !refs.areas.contains(id)) {
        f.missing("areas", format!("no [[area]] has the id '{id}'"));
    }
}

fn values(rule: &Rule, refs: &RuleRefs<'_>, f: &mut Found) {
    places(rule, refs, f);
    kind(rule, f);
    if let Some(id) = rule.timetable.as_ref().filter(|id| !refs.timetables.contains(id)) {
        f.missing("timetable", format!("no [[timetable]] has the id '{id}'"));
    }
    f.range("min_score", rule.min_score, 0.01, 1.0);
    f.range("keep_score", rule.keep_score, 0.01, rule.min_score);
    f.range("focus_hz", rule.focus_hz.unwrap_or(0.0), 0.0, MAX_FOCUS_HZ);
    f.range("min_height", rule.min_height, 0.0, 1.0);
    f.range("max_height", rule.max_height, rule.min_height, 1.0);
    f.range("min_area", rule.min_area, 0.0, 1.0);
    f.range("max_area", rule.max_area, rule.min_area, 1.0);
    f.range("start_looks", rule.start_looks, 1, 100);
    f.range("clear_ms", rule.clear_ms, 100, 3_600_000);
    f.range("cooldown_s", rule.cooldown_s, 0, 86_400);
    f.range("dwell_s", rule.dwell_s.unwrap_or(0), 0, 7 * 86_400);
    f.range("min_count", rule.min_count.unwrap_or(1), 1, 1000);
    f.range("min_density", rule.min_density, 0.0, 10.0);
    f.range("rise", rule.rise, 0, 1000);
    f.range("rise_s", rule.rise_s, 1, 3600);
    f.range("period_s", rule.period_s, 10, 86_400);
    f.range("heading_deg", rule.heading_deg.unwrap_or(0.0), 0.0, 360.0);
    f.range("heading_within_deg", rule.heading_within_deg, 1.0, 180.0);
    f.range("looks_needed", rule.looks_needed.unwrap_or(1), 1, 1000);
    f.range("in_view_s", rule.in_view_s, 0.1, 86_400.0);
    if rule.keep_score < refs.infer_min_score {
        f.add(
            "keep_score",
            format!(
                "is below infer.min_score ({}), so such detections never arrive; lower that or raise this",
                refs.infer_min_score
            ),
        );
    }
    if f.0.is_empty()
        && let Some(why) = Looks::of(rule, refs.sample).refused()
    {
        f.add("focus_hz", why);
    }
}

/// The zones and lines that it names.
fn places(rule: &Rule, refs: &RuleRefs<'_>, f: &mut Found) {
    // Templates follow the channels: a place that no channel has today may be drawn tomorrow. Only of channels that are
    // named one by one is it sure that a place is missing.
    let all = rule.channels.iter().any(|n| n == "*") || !rule.tags.is_empty() || !rule.areas.is_empty();
    let named: Vec<&Channel> = if all {
        refs.channels.values().copied().collect()
    } else {
        rule.channels.iter().filter_map(|n| refs.channels.get(n.as_str()).copied()).collect()
    };
    for zone in &rule.zones {
        if !named.iter().any(|x| x.zone.iter().any(|z| z.id == *zone)) {
            f.missing("zones", format!("none of the rule's channels has a zone '{zone}'"));
        }
    }
    for line in &rule.lines {
        if !named.iter().any(|x| x.line.iter().any(|l| l.id == *line)) {
            f.missing("lines", format!("none of the rule's channels has a line '{line}'"));
        }
    }
}

/// Keys that the kind needs, and keys that it would ignore.
fn kind(rule: &Rule, f: &mut Found) {
    use RuleKind as K;
    let kind = rule.kind;
    if kind == K::Line && rule.lines.is_empty() {
        f.add("lines", "is empty; name the lines whose crossing counts");
    }
    if kind == K::WrongWay {
        match (rule.lines.is_empty(), rule.heading_deg, rule.direction) {
            (true, None, _) => f.add(
                "heading_deg",
                "is missing; say which way is wrong (0 up on the picture, 90 to its right), or name lines and a direction",
            ),
            (false, _, Direction::Any) => {
                f.add("direction", "must be \"forward\" or \"backward\": the wrong way over the lines");
            }
            _ => {}
        }
    }
    let wants = |is: bool, key: &str, kinds: &[K], f: &mut Found| {
        if is && !kinds.contains(&kind) {
            let kinds: Vec<_> = kinds.iter().map(|k| k.as_str()).collect();
            f.add(key, format!("means nothing to type \"{}\"; it is for {}", kind.as_str(), kinds.join(", ")));
        }
    };
    let moving = [K::Presence, K::Intrusion, K::Line, K::Loitering, K::Crowd, K::WrongWay, K::Count];
    let lines = [K::Line, K::WrongWay, K::Count];
    wants(!rule.lines.is_empty(), "lines", &lines, f);
    wants(rule.direction != Direction::Any, "direction", &lines, f);
    wants(rule.heading_deg.is_some(), "heading_deg", &moving, f);
    wants(
        rule.dwell_s.is_some(),
        "dwell_s",
        &[K::Loitering, K::Stopped, K::LeftObject, K::RemovedObject, K::Absence],
        f,
    );
    wants(rule.min_count.is_some(), "min_count", &[K::Crowd, K::Absence], f);
    wants(rule.min_density > 0.0, "min_density", &[K::Crowd], f);
    wants(rule.rise > 0, "rise", &[K::Crowd], f);
    if !rule.zones.is_empty() && !kind.takes_zones() {
        f.add("zones", format!("means nothing to type \"{}\"; name lines", kind.as_str()));
    }
    if rule.direction != Direction::Any && rule.lines.is_empty() && lines.contains(&kind) {
        f.add("direction", "is a way over lines, and the rule names none; name lines, or give heading_deg");
    }
}
