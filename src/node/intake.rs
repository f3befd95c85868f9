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
        let mut session = Session { intake: self, channel: channel.clone(), version: 0, camera: None, way: None };
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
    /// Whose pictures these are.
    camera: Option<Arc<()>>,
    /// None where a reload took the channel away, or put another camera in this one's place.
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
        let watch = watch.filter(|w| Arc::ptr_eq(self.camera.get_or_insert_with(|| w.camera.clone()), &w.camera));
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
        // First: a channel that a reload took away must leave nothing behind, nor its old camera under the new one's name.
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        channel::Registry,
        config,
        rule::ChannelRules,
        types::{Clock, Codec},
    };

    #[test]
    fn a_session_of_the_former_address_leaves_nothing_under_the_new_one() {
        let clock = Clock::start();
        let config = |url: &str| {
            let text = format!("[[channel]]\nid = \"a\"\nurl = \"{url}\"\n");
            config::parse("test", &text).unwrap()
        };
        let (old, new) = (config("rtsp://10.0.0.1/"), config("rtsp://10.0.0.2/"));
        let registry = Registry::new(&old, clock);
        let a = old.channel[0].id.clone();
        let watches = Arc::new(Watches::default());
        watches.insert(a.clone(), Arc::new(Watch::new(&old, registry.channels()[0].clone(), clock.mono())));
        let intake = Arc::new(Intake {
            media: Arc::new(Media::new(&old.media, 1 << 30)),
            sampler: Arc::new(Sampler::new(&old.sample)),
            queue: Arc::new(Queue::new(crate::schedule::Options::default(), clock)),
            watches: watches.clone(),
            hangs: Arc::default(),
            looking: AtomicBool::new(false),
        });
        let unit = || {
            let now = clock.now();
            AccessUnit {
                channel: a.clone(),
                codec: Codec::H264,
                key: true,
                data: Bytes::from_static(&[0; 100]),
                timeline_90k: now.mono.0 as i64 * 90,
                ingested: now.mono,
                ingested_wall: now.wall,
                seen: now.wall,
                camera_clock: false,
                session: 1,
            }
        };
        let replace = |config: &config::Config| {
            registry.apply(config);
            let (entry, running) = (registry.get(&a).unwrap(), watches.get(&a).unwrap());
            let rules = ChannelRules::new(config, &entry.config);
            let (next, _) = Watch::new(config, entry, clock.mono()).take_over(&running, rules, clock.now());
            watches.insert(a.clone(), Arc::new(next));
        };
        let kept = || intake.media.latest_key(&a).is_some();
        let mut session = intake.clone().session(&a);
        replace(&config("RTSP://10.0.0.1/"));
        session.unit(unit());
        assert!(kept(), "the same camera, spelt otherwise");
        replace(&new);
        intake.media.forget(&a);
        session.unit(unit());
        assert!(!kept(), "another camera");
        intake.clone().session(&a).unit(unit());
        assert!(kept());
    }
}
