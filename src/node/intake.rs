//! Where an access unit goes: into the pre-roll ring, and, if it is worth a look, to the schedule. Called on the tasks
//! that read sockets, so it never blocks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    ingest::{Sink, UnitSink},
    media::Media,
    node::watch::{Watch, Watches},
    sample::{Chosen, Sampler},
    schedule::{Queue, Sample},
    types::{AccessUnit, ChannelId},
};

pub struct Intake {
    pub media: Arc<Media>,
    pub sampler: Arc<Sampler>,
    pub queue: Arc<Queue>,
    pub watches: Arc<Watches>,
    /// False until a detector is loaded: then pictures are kept, and nothing is queued for nobody.
    pub looking: AtomicBool,
}

impl Sink for Intake {
    fn session(self: Arc<Self>, channel: &ChannelId) -> Box<dyn UnitSink> {
        let (version, watch) = self.watches.versioned(channel);
        Box::new(Session { intake: self, channel: channel.clone(), version, watch })
    }

    fn down(&self, channel: &ChannelId) {
        // What was open ends as `lost` only when the stall deadline has passed without a picture (see `tick`): a
        // camera that is back within a second has lost nothing.
        tracing::debug!(%channel, "no pictures for now");
    }
}

/// The way of one session's units: what is known of the channel is looked up again only after a reload.
struct Session {
    intake: Arc<Intake>,
    channel: ChannelId,
    version: u64,
    watch: Option<Arc<Watch>>,
}

impl UnitSink for Session {
    fn unit(&mut self, unit: AccessUnit) {
        let intake = &*self.intake;
        if intake.watches.version() != self.version {
            (self.version, self.watch) = intake.watches.versioned(&self.channel);
        }
        // First: a channel that a reload took away must leave nothing behind.
        let Some(watch) = &self.watch else { return };
        intake.media.push(&unit);
        watch.unit_at(unit.ingested);
        if !watch.is_watched() || !intake.looking.load(Ordering::Relaxed) {
            return;
        }
        if let Some(Chosen { tier, active }) = intake.sampler.consider(&unit, &watch.demand) {
            intake.queue.offer(Sample { offered: unit.ingested, unit, tier, active });
        }
    }
}
