//! Handles of the metrics that are recorded for every look, made once: a record costs some atomic additions.
//!
//! They bind to the recorder that is installed when the first one is used, so `init_metrics` comes first.

use std::sync::LazyLock;

use metrics::{Counter, Histogram, counter, histogram};

use crate::types::Codec;

/// One of the three ways to look, as `schedule::Tier` numbers them: patrol, catch-up, focus.
pub const TIERS: [&str; 3] = ["patrol", "catch_up", "focus"];

/// One histogram a tier.
pub struct ByTier([Histogram; 3]);

impl ByTier {
    fn new(name: &'static str) -> Self {
        Self(TIERS.map(|tier| histogram!(name, "tier" => tier)))
    }

    /// Seconds of a sample of this tier.
    pub fn record(&self, tier: usize, seconds: f64) {
        if let Some(histogram) = self.0.get(tier) {
            histogram.record(seconds);
        }
    }
}

/// Everything that is recorded for a look.
pub struct Look {
    /// Since the last byte of the access unit was read, after each stage.
    pub decode_age: ByTier,
    pub infer_age: ByTier,
    pub rule_age: Histogram,
    /// The whole look.
    pub look: ByTier,
    looks: [Counter; 3],
    decode: [[Histogram; 3]; 3],
    pub letterbox: Histogram,
    pub run: Histogram,
    pub postprocess: Histogram,
    pub rule: Histogram,
    pub jpeg: Histogram,
    pub outbox_age: Histogram,
    pub publish_age: Histogram,
}

impl Look {
    /// Time to decode a sample.
    pub fn decoded(&self, tier: usize, codec: Codec, seconds: f64) {
        if let Some(histogram) = self.decode.get(tier).and_then(|by| by.get(codec as usize)) {
            histogram.record(seconds);
        }
    }

    /// Counts a finished look.
    pub fn looked(&self, tier: usize) {
        if let Some(counter) = self.looks.get(tier) {
            counter.increment(1);
        }
    }
}

/// The handles.
pub fn look() -> &'static Look {
    static LOOK: LazyLock<Look> = LazyLock::new(|| Look {
        decode_age: ByTier::new("skyeye_decode_age_seconds"),
        infer_age: ByTier::new("skyeye_infer_age_seconds"),
        rule_age: histogram!("skyeye_rule_age_seconds"),
        look: ByTier::new("skyeye_node_look_seconds"),
        looks: TIERS.map(|tier| counter!("skyeye_node_looks_total", "tier" => tier)),
        decode: TIERS.map(|tier| {
            [Codec::H264, Codec::H265, Codec::Mjpeg]
                .map(|codec| histogram!("skyeye_decode_seconds", "tier" => tier, "codec" => codec.as_str()))
        }),
        letterbox: histogram!("skyeye_infer_letterbox_seconds"),
        run: histogram!("skyeye_infer_run_seconds"),
        postprocess: histogram!("skyeye_infer_postprocess_seconds"),
        rule: histogram!("skyeye_rule_seconds"),
        jpeg: histogram!("skyeye_evidence_jpeg_seconds"),
        outbox_age: histogram!("skyeye_outbox_age_seconds"),
        publish_age: histogram!("skyeye_publish_age_seconds"),
    });
    &LOOK
}
