//! Which bodies a rule is about: class, score, size and heading.

use super::scene::Body;
use crate::config::{Rule, RuleKind};

/// Labels where a rule of the kind names none.
const VEHICLES: [&str; 5] = ["car", "truck", "bus", "motorcycle", "bicycle"];
const THINGS: [&str; 5] = ["backpack", "handbag", "suitcase", "umbrella", "sports ball"];

/// A rule's filters, made ready.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Empty: all.
    labels: Vec<String>,
    min_score: f32,
    keep_score: f32,
    height: (f32, f32),
    area: (f32, f32),
    heading: Option<(f32, f32)>,
    /// Only what the tracker takes for an object counts: where something has to have come or gone. Of what stands, be it a
    /// suitcase or a guard on his chair, the rule's own scores decide, for nothing more is known than they say.
    comes: bool,
}

impl Filter {
    pub fn new(rule: &Rule) -> Self {
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let labels = match rule.kind {
            _ if !rule.labels.is_empty() => rule.labels.clone(),
            RuleKind::Stopped => words(&VEHICLES),
            RuleKind::LeftObject | RuleKind::RemovedObject => words(&THINGS),
            _ => Vec::new(),
        };
        Self {
            labels,
            min_score: rule.min_score,
            keep_score: rule.keep_score,
            height: (rule.min_height, rule.max_height),
            area: (rule.min_area, rule.max_area),
            heading: rule.heading_deg.map(|deg| (deg, rule.heading_within_deg)),
            comes: matches!(rule.kind, RuleKind::Intrusion | RuleKind::Line | RuleKind::WrongWay | RuleKind::Count),
        }
    }

    /// Class and size, whatever the score.
    pub fn about(&self, body: &Body) -> bool {
        let b = &body.bbox;
        (body.sure || !self.comes)
            && (self.labels.is_empty() || self.labels.iter().any(|l| **l == *body.label))
            && (self.height.0..=self.height.1).contains(&b.h)
            && (self.area.0..=self.area.1).contains(&(b.w * b.h))
    }

    /// Sure enough to start an event in this look.
    pub fn starts(&self, body: &Body) -> bool {
        body.score >= self.min_score && self.about(body)
    }

    /// Sure enough to go on with in this look.
    pub fn keeps(&self, body: &Body) -> bool {
        body.score >= self.keep_score && self.about(body)
    }

    /// It was sure enough once; for what looks back over more than one look.
    pub fn known(&self, body: &Body) -> bool {
        body.best >= self.min_score && self.about(body)
    }

    /// It goes the way that the rule wants, or the rule wants none.
    pub fn goes(&self, body: &Body, aspect: f32) -> bool {
        let Some((wanted, within)) = self.heading else { return true };
        body.heading_deg(aspect).is_some_and(|deg| {
            let off = (deg - wanted).rem_euclid(360.0);
            off.min(360.0 - off) <= within
        })
    }
}
