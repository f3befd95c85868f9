//! What is to be done about an alert, step by step: the written plan that an operator follows and ticks off.
//!
//! A procedure is for types of alerts, for subtrees, or for both; an alert may have several, the one of the nearest area
//! first. It is text for people and changes nothing by itself.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Problem, RuleKind};
use crate::types::{AreaId, ProcedureId};

/// The type of the gateway's own alerts, beside those of rules.
const HEALTH: &str = "health";
const MAX_PROCEDURES: usize = 500;
const MAX_STEPS: usize = 30;
const MAX_TITLE: usize = 200;
/// A step that is ticked is a note of its alert, and that has room for a thousand characters.
const MAX_STEP: usize = 400;

/// What is to be done, in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    pub id: ProcedureId,
    /// Shown to people.
    pub title: String,
    /// Types of alerts; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Subtrees; empty: everywhere.
    #[serde(default)]
    pub areas: Vec<AreaId>,
    /// In the order in which they are to be done.
    pub steps: Vec<String>,
}

impl Procedure {
    /// How near it is to an alert of this type on this path: the level of the area that it names, 0 where it is for
    /// everywhere, and whether it names the type. `None`: it is not for it.
    fn fit(&self, kind: &str, path: &[AreaId]) -> Option<(usize, bool)> {
        if !self.types.is_empty() && !self.types.iter().any(|t| t == kind) {
            return None;
        }
        let level = match self.areas.is_empty() {
            true => 0,
            false => path.iter().rposition(|a| self.areas.contains(a))? + 1,
        };
        Some((level, !self.types.is_empty()))
    }
}

/// The procedures for an alert of this type on this path (ids from the root): of the nearest area first, then those that
/// name the type, then as configured.
pub fn of_alert<'a>(all: &'a [Procedure], kind: &str, path: &[AreaId]) -> Vec<&'a Procedure> {
    let mut found: Vec<_> = all.iter().filter_map(|p| Some((p.fit(kind, path)?, p))).collect();
    found.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
    found.into_iter().map(|(_, p)| p).collect()
}

/// What is wrong with the procedures.
pub fn problems(c: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let areas: HashSet<&AreaId> = c.area.iter().map(|a| &a.id).collect();
    if c.procedure.len() > MAX_PROCEDURES {
        let message = format!("there are {}; at most {MAX_PROCEDURES} are kept", c.procedure.len());
        found.push(Problem::new("procedure", message));
    }
    let mut ids = HashSet::new();
    for (i, p) in c.procedure.iter().enumerate() {
        let mut add = |key: &str, message: String| found.push(Problem::new(format!("procedure[{i}].{key}"), message));
        if !ids.insert(&p.id) {
            add("id", format!("'{}' is there already; ids are unique", p.id));
        }
        if let Some(why) = unfit(&p.title, MAX_TITLE) {
            add("title", why);
        }
        for kind in &p.types {
            if kind != HEALTH && !RuleKind::ALL.iter().any(|k| k.as_str() == kind) {
                let known: Vec<&str> = RuleKind::ALL.iter().map(|k| k.as_str()).chain([HEALTH]).collect();
                add("types", format!("'{kind}' is no type of alert; it is one of {}", known.join(", ")));
            }
        }
        if p.steps.is_empty() || p.steps.len() > MAX_STEPS {
            add("steps", format!("are {}; 1 to {MAX_STEPS} are possible", p.steps.len()));
        }
        for (n, step) in p.steps.iter().enumerate() {
            if let Some(why) = unfit(step, MAX_STEP) {
                add("steps", format!("step {} {why}", n + 1));
            }
        }
        for area in p.areas.iter().filter(|a| !areas.contains(a)) {
            let message = format!("no area has the id '{area}'; add it or correct the name");
            found.push(Problem { elsewhere: true, ..Problem::new(format!("procedure[{i}].areas"), message) });
        }
    }
    found
}

fn unfit(text: &str, most: usize) -> Option<String> {
    if text.trim().is_empty() {
        return Some("is empty; say what is to be done".into());
    }
    let bad = text.chars().count() > most || text.chars().any(char::is_control);
    bad.then(|| format!("is over {most} characters or holds control characters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const AREAS: &str = "[[area]]\nid = \"city\"\nname = \"C\"\nkind = \"district\"\n\
        [[area]]\nid = \"school\"\nname = \"S\"\nkind = \"grid\"\nparent = \"city\"\n";

    fn one(id: &str, rest: &str) -> String {
        format!("[[procedure]]\nid = \"{id}\"\ntitle = \"T\"\nsteps = [\"Look\"]\n{rest}\n")
    }

    #[test]
    fn the_nearest_comes_first_and_what_does_not_fit_not_at_all() {
        let text = [
            AREAS,
            &one("usual", ""),
            &one("lines", "types = [\"line\"]"),
            &one("city-wide", "areas = [\"city\"]"),
            &one("school-line", "areas = [\"school\"]\ntypes = [\"line\"]"),
            &one("school-health", "areas = [\"school\"]\ntypes = [\"health\"]"),
        ]
        .concat();
        let config = parse("t", &text).unwrap();
        let path: Vec<AreaId> = ["city", "school", "yard"].iter().map(|a| AreaId::new(a).unwrap()).collect();
        let ids = |kind: &str, path: &[AreaId]| -> Vec<String> {
            of_alert(&config.procedure, kind, path).iter().map(|p| p.id.to_string()).collect()
        };
        assert_eq!(ids("line", &path), ["school-line", "city-wide", "lines", "usual"]);
        assert_eq!(ids("crowd", &path), ["city-wide", "usual"]);
        assert_eq!(ids("crowd", &[]), ["usual"]);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let long = format!("[[procedure]]\nid = \"p\"\ntitle = \"T\"\nsteps = [\"{}\"]", "x".repeat(401));
        for (text, says) in [
            (one("p", "areas = [\"x\"]"), "no area has the id 'x'"),
            (one("p", "types = [\"fire\"]"), "'fire' is no type of alert; it is one of presence"),
            (one("p", "") + &one("p", ""), "'p' is there already"),
            ("[[procedure]]\nid = \"p\"\ntitle = \" \"\nsteps = [\"a\"]".into(), "title: is empty"),
            ("[[procedure]]\nid = \"p\"\ntitle = \"T\"\nsteps = []".into(), "steps: are 0; 1 to 30"),
            (long, "step 1 is over 400"),
        ] {
            let error = parse("t", &format!("{AREAS}{text}\n")).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
