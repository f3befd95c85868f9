//! What a channel's pictures and stream tell of it while it runs: a condition is none of the states, it adds to one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Wall;

/// In JSON, metrics and configuration in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Pictures arrive, and all are the same.
    Frozen,
    /// Hardly any light.
    Dark,
    /// Nothing but light.
    Bright,
    /// Far less sharp than the channel usually is.
    Blurred,
    /// Nearly all of the usual structure is hidden.
    Covered,
    /// The camera looks elsewhere than it used to.
    Moved,
    /// A fraction of the usual bit rate.
    BitrateCollapsed,
    /// Key frames come more rarely than the channel shall be looked at.
    KeyIntervalLong,
    /// The camera's clock differs from the gateway's by more than two seconds.
    ClockSkew,
}

impl ConditionKind {
    pub const ALL: [ConditionKind; 9] = [
        ConditionKind::Frozen,
        ConditionKind::Dark,
        ConditionKind::Bright,
        ConditionKind::Blurred,
        ConditionKind::Covered,
        ConditionKind::Moved,
        ConditionKind::BitrateCollapsed,
        ConditionKind::KeyIntervalLong,
        ConditionKind::ClockSkew,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ConditionKind::Frozen => "frozen",
            ConditionKind::Dark => "dark",
            ConditionKind::Bright => "bright",
            ConditionKind::Blurred => "blurred",
            ConditionKind::Covered => "covered",
            ConditionKind::Moved => "moved",
            ConditionKind::BitrateCollapsed => "bitrate_collapsed",
            ConditionKind::KeyIntervalLong => "key_interval_long",
            ConditionKind::ClockSkew => "clock_skew",
        }
    }
}

/// One condition that a channel is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    pub kind: ConditionKind,
    pub since: Wall,
    /// One sentence: what was found and what to do.
    pub reason: String,
}

/// A set of conditions in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ConditionSet(u16);

impl ConditionSet {
    pub fn insert(&mut self, kind: ConditionKind) {
        self.0 |= 1 << kind as u16;
    }
    pub fn contains(self, kind: ConditionKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    pub fn iter(self) -> impl Iterator<Item = ConditionKind> {
        ConditionKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<ConditionKind> for ConditionSet {
    fn from_iter<I: IntoIterator<Item = ConditionKind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_names_are_those_of_json() {
        let set: ConditionSet = [ConditionKind::Moved, ConditionKind::Dark].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [ConditionKind::Dark, ConditionKind::Moved]);
        assert!(ConditionSet::default().is_empty() && !set.contains(ConditionKind::Frozen));
        for kind in ConditionKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
