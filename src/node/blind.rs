//! Why a look saw nothing, for the counter: what the workers' time went into without a picture that was judged.

use crate::schedule::Tier;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blind {
    /// The channel is no more under watch.
    Gone,
    /// A worker hung at the channel before, and it rests.
    Rests,
    /// Catch-up and focus: nothing new came, or the way to the present is not done yet.
    NotYet,
    /// Catch-up and focus: there is no way to the present, and no new key frame.
    NoWay,
    /// The decoder gave no picture.
    Decode,
    /// The model gave no answer.
    Infer,
    /// The look panicked.
    Panicked,
    /// The worker hung and was given up.
    Hung,
}

impl Blind {
    fn as_str(self) -> &'static str {
        match self {
            Blind::Gone => "gone",
            Blind::Rests => "rests",
            Blind::NotYet => "not_yet",
            Blind::NoWay => "no_way",
            Blind::Decode => "decode",
            Blind::Infer => "infer",
            Blind::Panicked => "panicked",
            Blind::Hung => "hung",
        }
    }

    pub fn count(self, tier: Tier) {
        metrics::counter!("skyeye_node_blind_looks_total", "tier" => tier.as_str(), "reason" => self.as_str())
            .increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::names;

    #[test]
    fn every_reason_has_its_series_from_the_start() {
        use Blind::{Decode, Gone, Hung, Infer, NoWay, NotYet, Panicked, Rests};
        let reasons = [Gone, Rests, NotYet, NoWay, Decode, Infer, Panicked, Hung].map(Blind::as_str);
        let labels = names::find("skyeye_node_blind_looks_total").unwrap().labels;
        assert_eq!(labels.iter().find(|(name, _)| *name == "reason").unwrap().1, reasons);
        assert_eq!(labels.iter().find(|(name, _)| *name == "tier").unwrap().1, Tier::ALL.map(Tier::as_str));
    }
}
