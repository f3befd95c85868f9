//! Where an access unit goes: into the pre-roll ring, and, if it is worth a look, to the schedule. Called on the tasks
//! that read sockets, so it never blocks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    ingest::{Sink, UnitSink},
    media::{self, Media},
    node::{
        hangs::Hangs,
        watch::{Watch, Watches},
    },
    sample::{self, Chosen, Sampler},
    schedule::{Queue, Sample},
    types::{AccessUnit, ChannelId},
};

pub struct Intake {
    pub media: Arc<Media>,
    pub sampler: Arc<Sampler>,
    pub queue: Arc<Queue>,
    pub watches: Arc<Watches>,
    pub hangs: Arc<Hangs>,
    /// False until a detector is loaded: then pictures are kept, and nothing is queued for nobody.
    pub looking: AtomicBool,
}

impl Sink for Intake {
    fn session(self: Arc<Self>, channel: &ChannelId) -> Box<dyn UnitSink> {
        let mut session = Session { intake: self, channel: channel.clone(), version: 0, way: None };
        session.look_up();
        Box::new(session)
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
    /// None where a reload took the channel away.
    way: Option<Way>,
}

struct Way {
    watch: Arc<Watch>,
    ring: media::Hold,
    sampler: sample::Hold,
}

impl Session {
    fn look_up(&mut self) {
        let intake = &*self.intake;
        let (version, watch) = intake.watches.versioned(&self.channel);
        self.version = version;
        self.way = watch.map(|watch| Way {
            watch,
            ring: intake.media.hold(&self.channel),
            sampler: intake.sampler.hold(&self.channel),
        });
    }
}

impl UnitSink for Session {
    fn unit(&mut self, unit: AccessUnit) {
        if self.intake.watches.version() != self.version {
            self.look_up();
        }
        let intake = &*self.intake;
        // First: a channel that a reload took away must leave nothing behind.
        let Some(Way { watch, ring, sampler }) = &self.way else { return };
        watch.unit(&unit);
        // Activity is read before there is a detector, too: then it is known when one comes.
        let chosen = match watch.is_watched() {
            true => intake.sampler.consider_held(sampler, &unit, &watch.demand),
            false => None,
        };
        let chosen = chosen.filter(|_| intake.looking.load(Ordering::Relaxed));
        let Some(Chosen { tier, active }) = chosen.filter(|_| !intake.hangs.rests(&unit.channel, unit.ingested)) else {
            return intake.media.push_to(ring, unit);
        };
        // Before it is offered: a worker takes the run of units to the newest one from there.
        intake.media.push_to(ring, unit.clone());
        intake.queue.offer(Sample { offered: unit.ingested, unit, tier, active });
    }
}
