//! Where an access unit goes: into the pre-roll ring, and, if it is worth a look, to the schedule. Called on the tasks
//! that read sockets, so it never blocks.

use std::sync::Arc;

use crate::{
    ingest::Sink,
    media::Media,
    node::watch::Watches,
    sample::Patrol,
    schedule::{Queue, Sample},
    types::{AccessUnit, ChannelId},
};

pub struct Intake {
    pub media: Arc<Media>,
    pub patrol: Patrol,
    pub queue: Arc<Queue>,
    pub watches: Arc<Watches>,
    /// False until a detector is loaded: then pictures are kept, and nothing is queued for nobody.
    pub looking: std::sync::atomic::AtomicBool,
}

impl Sink for Intake {
    fn unit(&self, unit: AccessUnit) {
        self.media.push(&unit);
        let Some(watch) = self.watches.get(&unit.channel) else { return };
        watch.unit_at(unit.ingested);
        if watch.is_watched() && self.looking.load(std::sync::atomic::Ordering::Relaxed) && self.patrol.consider(&unit)
        {
            self.queue.offer(Sample { offered: unit.ingested, unit });
        }
    }

    fn down(&self, channel: &ChannelId) {
        // What was open ends as `lost` only when the stall deadline has passed without a picture (see `tick`): a
        // camera that is back within a second has lost nothing.
        tracing::debug!(%channel, "no pictures for now");
    }
}
