//! Where an access unit goes: into the pre-roll ring, and, if it is worth a look, to the schedule. Called on the tasks
//! that read sockets, so it never blocks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    ingest::Sink,
    media::Media,
    node::watch::Watches,
    sample::Patrol,
    schedule::{Queue, Sample, Tier},
    types::{AccessUnit, ChannelId},
};

pub struct Intake {
    pub media: Arc<Media>,
    pub patrol: Patrol,
    pub queue: Arc<Queue>,
    pub watches: Arc<Watches>,
    /// False until a detector is loaded: then pictures are kept, and nothing is queued for nobody.
    pub looking: AtomicBool,
}

impl Sink for Intake {
    fn unit(&self, unit: AccessUnit) {
        // First: a channel that a reload took away must leave nothing behind.
        let Some(watch) = self.watches.get(&unit.channel) else { return };
        self.media.push(&unit);
        watch.unit_at(unit.ingested);
        if watch.is_watched() && self.looking.load(Ordering::Relaxed) && self.patrol.consider(&unit) {
            self.queue.offer(Sample { offered: unit.ingested, unit, tier: Tier::Patrol, active: false });
        }
    }

    fn down(&self, channel: &ChannelId) {
        // What was open ends as `lost` only when the stall deadline has passed without a picture (see `tick`): a
        // camera that is back within a second has lost nothing.
        tracing::debug!(%channel, "no pictures for now");
    }
}
